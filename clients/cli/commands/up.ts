/** `rr up`: a runtime that takes jobs, in a process of its own; with `--foreground` in this one, until Ctrl-C. */
import { toRecord } from '../../../runtime/errors.js';
import { bringUp, type Told } from '../detached.js';
import { embed } from '../embed.js';
import { codes } from '../exit.js';
import type { Globals } from '../globals.js';

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const say = (line: string): void => void process.stderr.write(`${line}\n`);

export async function up(globals: Globals, { foreground }: { foreground: boolean }): Promise<number> {
  return foreground ? here(globals) : apart(globals);
}

async function apart({ config, json }: Globals): Promise<number> {
  const { client, status, already } = await bringUp(config, say);
  await client.close();
  const { host, pid, state, log, stays, open } = status;
  if (json) print(JSON.stringify({ type: 'up', host, pid, state, log, already, stays, open }));
  else if (stays) print(`${already ? 'already up' : 'up'}: host ${host}, pid ${pid}; log ${log}; rr down ends it`);
  else
    print(
      `already up: host ${host}, in the \`rr run\` with pid ${pid}, which ends with its runs; log ${log}; rr down ends it`,
    );
  return codes.ok;
}

/** Tells the `rr up` that started us; it may have gone. */
const tellParent = (told: Told): void => {
  if (process.connected) process.send?.(told, () => undefined);
};

async function here({ config, json }: Globals): Promise<number> {
  const sayToBoth = (line: string): void => {
    say(line);
    tellParent({ type: 'say', line });
  };
  const { client, runtime } = await embed(config, sayToBoth, true).catch((error: unknown) => {
    tellParent({ type: 'error', error: toRecord(error) });
    throw error;
  });
  await client.close();
  // Before anybody is told that it is up: what is told to end then ends well.
  const told = new Promise<null>((resolve) =>
    process.once('SIGINT', () => resolve(null)).once('SIGTERM', () => resolve(null)),
  );
  print(
    json
      ? JSON.stringify({
          type: 'up',
          host: config.host,
          pid: process.pid,
          broker: runtime.broker.url,
          state: config.state,
        })
      : `up: ${runtime.broker.how}\n    state ${config.state}; Ctrl-C ends it, what it holds stays up`,
  );
  tellParent({ type: 'up' });
  const fallen = await Promise.race([told, runtime.asked.then(() => null), runtime.fallen]);
  await runtime.close();
  if (fallen !== null) throw fallen;
  return codes.ok;
}
