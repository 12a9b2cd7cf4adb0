/**
 * `rr down`: ends the runtime and all it holds; `--drain` lets work end first, `--keep` leaves up what is up.
 *
 * The front door is asked; where it does not answer the process that holds the host's lock is told by signal, which
 * is that very process, not one with its number. No order here can lose a run: each is stopped, or stays open on disk.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Response } from '../../../actors/front-door/contract.js';
import type { Config } from '../../../runtime/config.js';
import { fail } from '../../../runtime/errors.js';
import { bootId, type Identity, isAlive } from '../../../runtime/identity.js';
import { lockHolder } from '../../../runtime/lock.js';
import { type Client, reach } from '../connect.js';
import { embed, runsAtRest } from '../embed.js';
import { codes } from '../exit.js';
import type { Globals } from '../globals.js';

export interface DownOptions {
  drain: boolean;
  keep: boolean;
  /** ms; null: as long as it takes. */
  timeout: number | null;
}
type Runs = Response<'runs.list'>['runs'];

/** A stop takes at most 3 s of grace and a sweep of 10 s; what takes longer is left to its keeper. */
const STOP_MS = 30_000;
const LEAVE_MS = 15_000;
/** One that is just starting, or whose broker is, answers within this time. */
const ANSWERS_MS = 5_000;
const BROKER_MS = 30_000;
const LOOK_MS = 100;
const working = ({ state }: Runs[number]): boolean => state !== 'up';

export async function down({ config, json }: Globals, options: DownOptions): Promise<number> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const print = (object: object, line: string): void =>
    void process.stdout.write(`${json ? JSON.stringify(object) : line}\n`);
  const ended = (run: string, state: string): void => print({ type: 'ended', run, state }, `${run} ${state}`);
  const work = { say, ended };

  const client = await reachAny(config);
  let pid: number | null = null;
  let kept: string[] = [];
  if (client)
    try {
      const status = await client.call('ops.status', {});
      ({ pid } = status);
      const runtime = processOf(client, status);
      do kept = await empty(config, runtime, options, work);
      while (!(await leave(runtime, options.keep ? 'keep' : kept.length > 0 ? 'abandon' : 'none')));
    } finally {
      await client.close();
    }
  pid = (await endHolder(config)) ?? pid;
  if (!options.keep && openAtRest(await runsAtRest(config.state)).length > 0) {
    // What a runtime that died has left, or one that was told to keep it: only a runtime can end it in order.
    const { client: own, runtime } = await embedAny(config, say);
    try {
      kept = await empty(config, { client: own, gone: async () => false }, options, work);
      for (const run of kept) runtime.abandon(run);
      pid ??= process.pid;
    } finally {
      await own.close();
      await runtime.close();
    }
  }
  const left = openAtRest(await runsAtRest(config.state));
  print(
    { type: 'down', host: config.host, pid: pid === process.pid ? null : pid, open: left },
    pid === null
      ? 'nothing is up'
      : `down: host ${config.host}${left.length > 0 ? `; open, for the next rr up: ${left.join(', ')}` : ''}`,
  );
  return codes.ok;
}

const openAtRest = (runs: Runs): string[] => runs.map(({ run }) => run);

/** The runtime's client; also of one that is just starting; null: there is none, or it does not answer. */
async function reachAny(config: Config): Promise<Client | null> {
  for (const until = Date.now() + ANSWERS_MS; ; await sleep(LOOK_MS)) {
    const client = await reach(config).catch((error: Error & { code?: string }) => {
      if (error.code !== 'BROKER_UNREACHABLE' || holderOf(config) === null) throw error;
      return null;
    });
    if (client || holderOf(config) === null || Date.now() > until) return client;
  }
}
/** As embed; a broker that hangs has a keeper that ends it and starts another. */
async function embedAny(config: Config, say: (line: string) => void): ReturnType<typeof embed> {
  for (const until = Date.now() + BROKER_MS; ; await sleep(LOOK_MS))
    try {
      return await embed(config, say);
    } catch (error) {
      const { code } = error as { code?: string };
      if ((code !== 'BROKER_UNREACHABLE' && code !== 'BROKER_FAILED') || Date.now() > until) throw error;
    }
}
const holderOf = ({ state, host }: Config): Identity | 'unknown' | null =>
  lockHolder(join(state, 'hosts', host, 'lock'));

/**
 * Lets no new job in, lets work end where that is wanted, and stops what is open.
 * @returns the runs that are open still: those to be kept, or that did not end in time.
 */
async function empty(
  config: Config,
  { client, gone }: Pick<Process, 'client' | 'gone'>,
  { drain, keep, timeout }: DownOptions,
  { say, ended }: { say: (line: string) => void; ended: (run: string, state: string) => void },
): Promise<string[]> {
  await client.call('ops.drain', {});
  let interrupted = false;
  const interrupt = (): void => {
    interrupted = true;
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const look = async (): Promise<Runs> => {
    if (interrupted) {
      await client.call('ops.drain', { on: false });
      throw fail('INTERRUPTED');
    }
    try {
      return (await client.call('runs.list', {}, ANSWERS_MS)).runs;
    } catch (error) {
      if (await gone()) return []; // a `rr run` ends with its runs
      throw error;
    }
  };
  const stateOf = async (run: string): Promise<string> => {
    const known = (await runsAtRest(config.state, true)).find((one) => one.run === run);
    return known?.state ?? (await client.call('runs.get', { run })).state;
  };
  try {
    let before: string[] = [];
    for (const until = drain ? Date.now() + (timeout ?? Number.POSITIVE_INFINITY) : 0; Date.now() < until; ) {
      const busy = (await look()).filter(working).map(({ run }) => run);
      if (busy.length === 0) break;
      if (busy.join() !== before.join()) say(`waiting for ${busy.join(', ')}`);
      before = busy;
      await sleep(LOOK_MS);
    }
    if (keep) return openAtRest(await look());
    const asked = new Set<string>();
    for (const until = Date.now() + STOP_MS; ; await sleep(LOOK_MS)) {
      const runs = openAtRest(await look());
      for (const run of [...asked].filter((one) => !runs.includes(one))) {
        asked.delete(run);
        ended(run, await stateOf(run));
      }
      if (runs.length === 0) return [];
      if (Date.now() > until) {
        say(`did not end within ${STOP_MS / 1000} s, their keepers end them now: ${runs.join(', ')}`);
        return runs;
      }
      for (const run of runs.filter((one) => !asked.has(one))) {
        asked.add(run);
        client.call('runs.stop', { run }).catch(() => asked.delete(run)); // asked again at the next look
      }
    }
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

/** The process of a runtime, as long as it is there. */
interface Process {
  client: Client;
  status: Response<'ops.status'>;
  gone(): Promise<boolean>;
}
const processOf = (client: Client, status: Response<'ops.status'>): Process => ({
  client,
  status,
  // One on another machine can only be asked.
  gone: async () => (status.bootId === bootId() ? !isAlive(status) : !(await client.answers())),
});

/** Has the runtime leave and waits until it has. @returns whether it does: a run may have been taken meanwhile. */
async function leave(
  { client, status: { host, pid }, gone }: Process,
  open: 'none' | 'keep' | 'abandon',
): Promise<boolean> {
  if (await gone()) return true;
  const { leaving } = await client.call('ops.shutdown', { host, pid, open }, ANSWERS_MS).catch(async (error: Error) => {
    if (await gone()) return { leaving: true }; // its answer was lost
    throw error;
  });
  if (leaving) for (const until = Date.now() + LEAVE_MS; !(await gone()) && Date.now() < until; ) await sleep(20);
  return leaving;
}

/** Ends the process that still holds the host. @returns its pid; null: there was none. */
async function endHolder(config: Config): Promise<number | null> {
  const holder = holderOf(config);
  if (holder === null || holder === 'unknown') return null;
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (isAlive(holder)) process.kill(holder.pid, signal);
    for (const until = Date.now() + LEAVE_MS; isAlive(holder) && Date.now() < until; ) await sleep(20);
  }
  return holder.pid;
}
