/** `rr repl`: a prompt on the runtime of the state folder, or on one of its own where none is up. */
import { spawn } from 'node:child_process';
import { revive } from '../../../runtime/bus.js';
import { toRecord } from '../../../runtime/errors.js';
import { program } from '../../../runtime/program.js';
import { openRepl } from '../../repl/index.js';
import type { Ended } from '../../repl/session.js';
import { reachOrEmbed } from '../embed.js';
import { codeOf, codes, tellError } from '../exit.js';
import type { Globals } from '../globals.js';

/** What has no use within a REPL. */
const notHere = ['repl', 'help'];

/** @param cli the CLI's commands, and the options that say which runtime is meant. */
export async function repl(
  { config, json }: Globals,
  { eval: expression }: { eval?: string },
  cli: { commands: { name: string; about: string; below: string[] }[]; options: string[] },
): Promise<number> {
  const say = (line: string): void => void process.stderr.write(`· ${line}\n`);
  const { client, runtime } = await reachOrEmbed(config, say);
  // A process of its own, as at a shell: it may be interrupted, and it exits, without us.
  const carryOut = (args: string[]): Promise<number> =>
    new Promise((resolve, reject) => {
      const given = [program('rr/bin'), ...args, ...cli.options, ...(json ? ['--json'] : [])];
      spawn(process.execPath, given, { stdio: ['ignore', 'inherit', 'inherit'] })
        .once('error', reject)
        .once('exit', (code) => resolve(code ?? codes.interrupted));
    });
  const named = cli.commands
    .filter(({ name }) => !notHere.includes(name))
    .map(
      ({ name, about, below }) => [name, { about, below, run: (args: string[]) => carryOut([name, ...args]) }] as const,
    );
  const rr = { about: 'any command of rr: .rr ps --all', below: [], run: carryOut };
  const over: Promise<Ended> = runtime
    ? Promise.race([
        runtime.asked.then(() => {
          say('rr down ended the runtime, which was this process’s own');
          return null;
        }),
        runtime.fallen.then((error) => ({ error: toRecord(error), byItself: false })),
      ])
    : new Promise(() => undefined);
  try {
    const ended = await openRepl({
      client,
      json,
      cache: config.cache,
      expression: expression ?? null,
      commands: { ...Object.fromEntries(named), rr },
      over,
    });
    if (!ended) return codes.ok;
    if ('code' in ended) return ended.code;
    tellError(revive(ended.error), json);
    return ended.byItself ? codes.failed : codeOf(ended.error);
  } finally {
    await client.close();
    const open = runtime?.openRuns() ?? [];
    await runtime?.close();
    if (open.length > 0) say(`left as they are, for the next runtime: ${open.join(', ')}; rr down ends them`);
  }
}
