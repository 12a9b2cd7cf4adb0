/**
 * `rr logs`: what the commands of a run printed. From the run's folder where it is on this machine, which needs no
 * runtime; else over the bus. With `-f` it goes on as the logs grow, whatever is started anew meanwhile: application,
 * runtime or broker; a place in a log is of its files, so nothing is told twice.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Request, Response } from '../../../actors/front-door/contract.js';
import { RunId } from '../../../actors/front-door/contract-runs.js';
import type { Config } from '../../../runtime/config.js';
import { fail } from '../../../runtime/errors.js';
import { lockHolder } from '../../../runtime/lock.js';
import { type Client, reach } from '../connect.js';
import { restingRun } from '../embed.js';
import { codes } from '../exit.js';
import type { Globals } from '../globals.js';

type Logs = Response<'runs.logs'>;
interface Source {
  read(wanted: Omit<Request<'runs.logs'>, 'run'>): Promise<Logs>;
  hasEnded(): Promise<boolean>;
  close(): Promise<void>;
}
const LOOK_MS = 150;
const AGAIN_MS = 500;
/** A runtime is asked anew after this time: its broker may have gone with the question. */
const ANSWER_MS = 3_000;
/** How often it is looked whether the run has ended, and whether a runtime is there. */
const END_MS = 1_000;

export async function logs(
  { config, json }: Globals,
  run: string,
  service: string | undefined,
  { lines, follow }: { lines: number; follow: boolean },
): Promise<number> {
  if (!RunId.safeParse(run).success) throw fail('RUN_UNKNOWN', { run });
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const source = existsSync(join(config.state, 'runs', run))
    ? await onDisk(config, run, say)
    : await onBus(config, run, say);
  const names = new Set<string>();
  const others = new Set<string>();
  // `web` has `web`, `web.install`, `web.build`.
  const of = service?.replaceAll('/', '-');
  const isWanted = (name: string): boolean => of === undefined || name === of || name.startsWith(`${of}.`);
  const tell = ({ logs: every }: Logs): void => {
    const all = every.filter(({ name }) => isWanted(name));
    for (const { name } of every) if (!isWanted(name)) others.add(name);
    for (const { name, lines: some } of all) if (some.length > 0) names.add(name);
    for (const { name, lines: some, missed } of all) {
      if (missed) say(`${name}: some lines are missing, it printed faster than they could be read`);
      for (const line of some)
        process.stdout.write(
          `${json ? JSON.stringify({ type: 'log', name, line }) : names.size > 1 ? `${name.padEnd(16)} ${line}` : line}\n`,
        );
    }
  };
  try {
    let after: Record<string, string> | undefined;
    let over = !follow;
    for (let lookedAt = 0; ; await sleep(LOOK_MS)) {
      // First whether it has ended, then what it printed: so nothing that came before the end is left out.
      if (!over && Date.now() - lookedAt >= END_MS) {
        over = await source.hasEnded();
        lookedAt = Date.now();
      }
      for (let more = true; more; ) {
        const told = await source.read({ lines, ...(after ? { after } : {}), follow: !over });
        tell(told);
        after = { ...after, ...Object.fromEntries(told.logs.map(({ name, at }) => [name, at])) };
        more = told.more;
      }
      if (!over) continue;
      if (of !== undefined && names.size === 0 && others.size > 0)
        throw fail('USAGE', {
          met: `no command of ${service} has printed anything`,
          fix: `there are logs of ${[...others].sort().join(', ')}`,
        });
      return codes.ok;
    }
  } finally {
    await source.close();
  }
}

async function onDisk(config: Config, run: string, say: (line: string) => void): Promise<Source> {
  const { logs: read, ended } = await restingRun(config.state, run);
  let isUp = true;
  return {
    read: async (wanted) => read(wanted),
    async hasEnded() {
      const over = await ended();
      const was = isUp;
      isUp = over || hostsUp(config.state);
      if (was && !isUp)
        say('no runtime is up: what its keeper holds goes on, and so do its logs; rr up goes on with the run');
      if (!was && isUp) say('a runtime is up again');
      return over;
    },
    close: async () => undefined,
  };
}

/** Whether any host of a state folder is alive. */
function hostsUp(state: string): boolean {
  const hosts = join(state, 'hosts');
  return existsSync(hosts) && readdirSync(hosts).some((host) => lockHolder(join(hosts, host, 'lock')) !== null);
}

/** @throws RUN_UNKNOWN */
async function onBus(config: Config, run: string, say: (line: string) => void): Promise<Source> {
  let client: Client | null = await reach(config);
  if (!client) throw fail('RUN_UNKNOWN', { run });
  let away = false;
  /** Asks until there is an answer. */
  const ask = async <T>(question: (client: Client) => Promise<T>): Promise<T> => {
    for (;;)
      try {
        client ??= await reach(config);
        if (client) {
          const answer = await question(client);
          if (away) say('the runtime answers again');
          away = false;
          return answer;
        }
        throw fail('RUNTIME_UNREACHABLE', { url: config.natsUrl ?? config.state });
      } catch (error) {
        const { code } = error as { code?: string };
        if (code !== 'RUNTIME_UNREACHABLE' && code !== 'BROKER_UNREACHABLE') throw error;
        if (!away) say('no runtime answers: this goes on as soon as one does');
        away = true;
        await client?.close();
        client = null;
        await sleep(AGAIN_MS);
      }
  };
  return {
    read: (wanted) => ask((one) => one.call('runs.logs', { run, ...wanted }, ANSWER_MS)),
    hasEnded: () => ask(async (one) => (await one.call('runs.get', { run }, ANSWER_MS)).ended),
    close: async () => client?.close(),
  };
}
