/** `rr repl`: a prompt on the runtime of the state folder, or on one of its own where none is up. */
import { revive } from '../../../runtime/bus.js';
import { openRepl } from '../../repl/index.js';
import { reachOrEmbed } from '../embed.js';
import { codeOf, codes, tellError } from '../exit.js';
import type { Globals } from '../globals.js';

/** Commands that hold a process, or start another of these. */
const notHere = ['repl', 'up', 'help'];

/** @param program the CLI's commands, and how to carry one out. */
export async function repl(
  { config, json }: Globals,
  { eval: expression }: { eval?: string },
  program: { commands: { name: string; about: string }[]; run(args: string[]): Promise<void> },
): Promise<number> {
  const { client, runtime } = await reachOrEmbed(config, (line) => void process.stderr.write(`· ${line}\n`));
  try {
    const commands = Object.fromEntries(
      program.commands
        .filter(({ name }) => !notHere.includes(name))
        .map(({ name, about }) => [name, { about, run: (args: string[]) => program.run([name, ...args]) }]),
    );
    const error = await openRepl({ client, json, cache: config.cache, expression: expression ?? null, commands });
    if (!error) return codes.ok;
    tellError(revive(error), json);
    return error.fix === '' ? codes.failed : codeOf(error);
  } finally {
    await client.close();
    await runtime?.close();
  }
}
