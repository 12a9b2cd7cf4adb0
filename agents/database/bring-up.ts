/**
 * Brings one service up: finds its server, takes its data folder, sets it up, starts it under the run's keeper and waits
 * until it says that it is ready. Safe to repeat: the keeper knows each command by its id, and a server of this run that is
 * up already is taken as it is.
 */
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { engineFault } from '../../providers/engine/faults.js';
import { commandOf, type Evidence, evidenceOf, execute, keeperFor } from '../../providers/process/execute.js';
import { listenersOfApp } from '../../providers/process/sockets.js';
import { tail } from '../../providers/process/tail.js';
import { findService } from '../../providers/services/find.js';
import type { FoundService, Job, Lodging, ServiceKind, Wish } from '../../providers/services/kind.js';
import {
  claim,
  claimAside,
  HELD_EXIT,
  holding,
  isMade,
  type Place,
  readHolder,
  reclaim,
  writeHolder,
} from '../../providers/services/lodging.js';
import { isReady } from '../../providers/services/ready.js';
import type { EffectContext } from '../../runtime/actor.js';
import { type ErrorRecord, fail } from '../../runtime/errors.js';
import { bootId, onLinux } from '../../runtime/identity.js';
import type { Lacking, Running } from './contract.js';
import { fromImage } from './from-image.js';

const READY_MS = 90_000;
const LOOK_MS = 40;
const STOP_MS = 5_000;
const ASK_MS = 2_000;
/** Commands of one service in one effect: numbers of their own, the same when it is repeated. */
const COMMANDS_EACH = 16;
const LOG_LINES = 6;
const LOG_BYTES = 16 * 1024;

export class NotStarted extends Error {
  readonly record: ErrorRecord;
  readonly evidence: Evidence | null;
  constructor(record: ErrorRecord, evidence: Evidence | null) {
    super(record.message);
    this.record = record;
    this.evidence = evidence;
  }
}
export interface Wanted {
  kind: ServiceKind;
  /** Its place among those of this effect. */
  n: number;
  port: number;
  repository: string;
  fresh: boolean;
  wish: Wish;
  /** What the compose file names. */
  image: string | null;
  version: string | null;
  /** A name in the code leads to it, with its usual port: another address of loopback has that port free. */
  named: boolean;
  /** Where it was before; null: it is new. */
  at: { host: string; port: number } | null;
}
export interface Up {
  /** As it was begun: in a container its clients are others. */
  kind: ServiceKind;
  running: Running;
  found: FoundService;
  lodging: Lodging;
  /** How its server is begun. */
  serve: { shell: string; env: Record<string, string> };
}
const HOST = '127.0.0.1';
const wishPrint = (wish: Wish): string => createHash('sha256').update(JSON.stringify(wish)).digest('hex').slice(0, 16);

/** @throws NotStarted when its server is here and does not start. */
export async function bringUp(wanted: Wanted, context: EffectContext): Promise<Up | Lacking> {
  const { config, signal, log } = context;
  const onMachine = await findService(wanted.kind, { cache: config.cache, say: (line) => log.info(line), signal });
  const lacks = 'lacking' in onMachine || isOther(wanted, onMachine);
  const image = lacks ? await fromImage({ ...wanted, each: COMMANDS_EACH }, context) : null;
  const said = typeof image === 'string' ? image : null;
  if (image !== null && typeof image !== 'string') return lodgeIn({ ...wanted, kind: image }, image.own!(), context);
  if ('lacking' in onMachine) {
    const reason = said === null ? onMachine.lacking : `${onMachine.lacking}; ${said}`;
    return { kind: wanted.kind.name, reason, fix: wanted.kind.manual };
  }
  return lodgeIn(wanted, onMachine, context);
}

/** Another major version than the repository names: that of PostgreSQL changes what its clients may say. */
const isOther = ({ kind, version }: Wanted, found: FoundService): boolean =>
  kind.name === 'postgres' && version !== null && version.split('.')[0] !== found.version.split('.')[0];

async function lodgeIn(wanted: Wanted, found: FoundService, context: EffectContext): Promise<Up> {
  const { kind, repository, fresh } = wanted;
  const { config, run, bundle, signal } = context;
  const owner = { state: config.state, repository, kind: kind.name, run, bundle, fresh, signal };
  const place = kind.ofTheRun ? { ...(await claimAside(owner)), aside: null } : await claim(owner);
  const first = await lodge(wanted, found, place, 0, context);
  if (first !== 'held') return first;
  const second = await lodge(wanted, found, await claimAside(owner), COMMANDS_EACH / 2, context);
  if (second === 'held') throw notStarted(kind.name, `another server holds ${place.folder}`, null);
  return second;
}

/**
 * Begins a server again that has ended by itself: where it was, on its data. What it left behind is ended first, for that
 * may hold both.
 * @param folder as the lodging of it was. @throws NotStarted
 */
export async function beginAgain(
  wanted: Pick<Wanted, 'kind' | 'wish' | 'image'> & { at: { host: string; port: number } },
  folder: string,
  context: EffectContext,
): Promise<Up> {
  const { at } = wanted;
  const { run, signal } = context;
  const { kind, found } = await whereFrom(wanted, context);
  const app = readHolder(folder)?.app ?? null;
  let failure = notStarted(kind.name, `another server holds ${folder}`, null);
  for (let n = 0; n < TRIES; n += 1) {
    const place = await reclaim(folder, run, signal);
    if (place === null) throw notStarted(kind.name, `its data is held by ${readHolder(folder)?.run}`, null);
    if (n === 0 && app !== null && place.running === null) await stop(app, context).catch(() => undefined); // its keeper is new
    try {
      const all = {
        ...wanted,
        kind,
        n,
        port: at.port,
        repository: '',
        version: null,
        fresh: false,
        named: false,
      };
      const up = await lodge(all, found, place, 0, context);
      if (up !== 'held') return up;
    } catch (error) {
      if (!(error instanceof NotStarted)) throw error;
      failure = error;
    }
    // Processes of the old one may be about to end.
    await sleep(TRY_MS, undefined, { signal });
  }
  throw failure;
}
const TRIES = 4;
const TRY_MS = 700;
/** The program of a server, or the image, it came from. @throws NotStarted where that is not to be had any more. */
async function whereFrom(
  { kind, image }: Pick<Wanted, 'kind' | 'image'>,
  context: EffectContext,
): Promise<{ kind: ServiceKind; found: FoundService }> {
  const { config, signal, log } = context;
  if (image !== null) {
    const contained = await fromImage({ kind, n: 0, each: COMMANDS_EACH, image, version: null }, context);
    if (contained === null || typeof contained === 'string')
      throw notStarted(kind.name, contained ?? `there is no image of it`, null);
    return { kind: contained, found: contained.own!() };
  }
  const found = await findService(kind, { cache: config.cache, say: (line) => log.info(line), signal });
  if ('lacking' in found) throw notStarted(kind.name, found.lacking, null);
  return { kind, found };
}

/** The port may have become another's since it was leased: then once more, on one that is free. */
async function lodge(
  wanted: Wanted,
  found: FoundService,
  place: Place,
  offset: number,
  context: EffectContext,
): Promise<Up | 'held'> {
  const kept = isMade(dataOf(wanted.kind, found, place));
  try {
    return await lodgeAt(wanted, found, place, { offset, kept, lost: false }, context);
  } catch (error) {
    if (wanted.at !== null || !(error instanceof NotStarted) || !saysPortLost(error.record.message)) throw error;
    const again = { offset: offset + COMMANDS_EACH / 4, kept, lost: true };
    return lodgeAt({ ...wanted, port: await freePort() }, found, place, again, context);
  }
}
/** As they say it: most by the system's words, Erlang and MinIO by their own. */
const LOST = /address already in use|eaddrinuse|port is already in use|dist_port_already_used/i;
export const saysPortLost = (reason: string): boolean => LOST.test(reason);
/** What other versions of it have stored at the same place, by the names of their folders. */
function dataBeside(data: string): string[] {
  try {
    return readdirSync(dirname(data)).filter((name) => name !== basename(data));
  } catch {
    return []; // the first one
  }
}
const dataOf = (kind: ServiceKind, found: FoundService, { folder }: Place): string =>
  // Files of one major version cannot be read by another.
  join(folder, 'data', kind.dataName?.(found) ?? 'files');

async function lodgeAt(
  { kind, n, port, wish, named, at: before }: Wanted,
  found: FoundService,
  place: Place,
  { offset, kept, lost }: { offset: number; kept: boolean; lost: boolean },
  context: EffectContext,
): Promise<Up | 'held'> {
  const { folder, aside } = place;
  const wanted = wishPrint(wish);
  const running = place.running?.wish === wanted ? place.running : null;
  // Up for something else, e.g. before a fix asked for one more database: it is begun anew.
  if (place.running?.app && running === null) await stop(place.running.app, context);
  const data = dataOf(kind, found, place);
  const isFresh = !isMade(data);
  const at =
    running ?? before ?? (named || lost ? await addressFor(kind.port, port, context.run) : { host: HOST, port });
  const lodging: Lodging = { data, folder, host: at.host, port: at.port, fresh: isFresh };
  const job = kind.serve(found, lodging, wish);
  const serve = { shell: holding(job.shell), env: job.env };
  const left = isFresh ? '' : `; its data is left as it is in ${data}`;
  const beside = isFresh && kind.dataName !== undefined ? dataBeside(data) : [];
  const up = (app: string): Up => ({
    kind,
    found,
    lodging,
    serve,
    running: {
      kind: kind.name,
      program: [found.title ?? kind.title ?? kind.name, kind.own ? '' : found.version].filter(Boolean).join(' '),
      from: found.from,
      host: lodging.host,
      port: lodging.port,
      app,
      data,
      // One that this run has up already is no news of an earlier one.
      kept: running?.kept ?? kept,
      note:
        aside ?? (beside.length === 0 ? null : `begins empty: the data of ${beside.join(' and ')} is left as it is`),
    },
  });
  if (running?.app) {
    await awaitReady(kind, lodging, wish, () => true, context);
    return up(running.app);
  }
  const order = (role: number) => ({
    n: 1 + n * COMMANDS_EACH + offset + role,
    cwd: folder,
    ours: true,
    tools: [],
    envFile: null,
    install: false,
    log: `${kind.name}.log`,
  });
  const perform = async (role: number, job: Job | null | undefined): Promise<void> => {
    if (!job) return;
    lay(job);
    const { initMs } = LIMITS;
    const { exit, evidence } = await execute(context, {
      ...order(role),
      shell: job.shell,
      env: job.env,
      wallMs: initMs,
      idleMs: null,
    });
    if (exit.code !== 0) throw notStarted(kind.name, `${reasonOf(evidence)}${left}`, evidence);
  };
  if (isFresh) {
    const job = kind.initialise?.(found, { ...lodging, data: join(folder, 'set-up') }, wish);
    mkdirSync(dirname(data), { recursive: true, mode: 0o700 });
    if (job) {
      await perform(0, { ...job, shell: `rm -rf set-up && ${job.shell}` });
      // Whole or not at all: a set-up that was killed is begun anew.
      renameSync(join(folder, 'set-up'), data);
    } else mkdirSync(data, { recursive: true, mode: 0o700 });
  }
  await perform(1, kind.prepare?.(found, lodging, wish));
  lay(job);
  const command = await commandOf(context, {
    ...order(2),
    ...serve,
    wallMs: null,
    idleMs: null,
  });
  const keeper = await keeperFor(context);
  try {
    const begun = await keeper.start(command);
    writeHolder(folder, {
      pid: begun.pid,
      startTime: begun.startTime,
      bootId: bootId(),
      run: context.run,
      app: begun.id,
      host: lodging.host,
      port: lodging.port,
      program: found.server,
      wish: wanted,
      kept,
    });
    const app = { pid: begun.pid, group: begun.group, run: context.run, id: begun.id };
    const ended = { now: false };
    void keeper.exited(begun.id, context.signal).then(
      () => {
        ended.now = true;
      },
      () => undefined, // the keeper is gone or nobody waits any more: then nothing is ready either
    );
    const isOurs = async (): Promise<boolean> =>
      kind.listens?.() ?? (await listenersOfApp(app)).some(({ port: bound }) => bound === lodging.port);
    const ready = await awaitReady(kind, lodging, wish, isOurs, context, () => ended.now);
    if (!ready) {
      const exit = ended.now ? await keeper.exited(begun.id) : await keeper.stop(begun.id, ASK_MS);
      if (exit.code === HELD_EXIT) return 'held';
      const evidence = evidenceOf(job.shell, exit, command.log);
      const reason = ended.now ? reasonOf(evidence) : `it was not ready within ${READY_MS / 1_000} s`;
      throw notStarted(kind.name, `${reason}${left}`, evidence);
    }
    await perform(3, kind.provide?.(found, lodging, wish));
    return up(begun.id);
  } finally {
    keeper.close();
  }
}
const LIMITS = { initMs: 5 * 60_000 };

async function stop(app: string, context: EffectContext): Promise<void> {
  const keeper = await keeperFor(context);
  try {
    await keeper.stop(app, STOP_MS);
  } finally {
    keeper.close();
  }
}

/** The usual port, on an address of loopback of the run's own where it is another's on the first. Linux has all of 127/8. */
async function addressFor(usual: number, leased: number, run: string): Promise<{ host: string; port: number }> {
  if (leased === usual || !onLinux) return { host: HOST, port: leased };
  const [a = 0, b = 0, c = 0] = createHash('sha256').update(run).digest();
  const host = `127.${(a % 250) + 2}.${b}.${(c % 250) + 2}`;
  const isFree = await new Promise<boolean>((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port: usual, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
  return isFree ? { host, port: usual } : { host: HOST, port: leased };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, HOST, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function lay({ files = [] }: Job): void {
  for (const { path, text } of files) {
    writeFileSync(path, text, { mode: 0o600 });
    chmodSync(path, 0o600);
  }
}

/** @param isOurs whether it is our server that listens: the port may have become another's. */
async function awaitReady(
  kind: ServiceKind,
  lodging: Lodging,
  wish: Wish,
  isOurs: () => boolean | Promise<boolean>,
  { signal }: Pick<EffectContext, 'signal'>,
  hasEnded: () => boolean = () => false,
): Promise<boolean> {
  for (const until = performance.now() + READY_MS; performance.now() < until && !hasEnded(); ) {
    if ((await isReady(kind, lodging, wish)) && (await isOurs())) return true;
    await sleep(LOOK_MS, undefined, { signal });
  }
  return false;
}
export const notStarted = (service: string, reason: string, evidence: Evidence | null): NotStarted =>
  new NotStarted(fail('SERVICE_NOT_STARTED', { service, reason }).toRecord(), evidence);

/** The end of what it printed; a full disk is said as that. */
export function reasonOf({ log, exitCode, signal }: Evidence): string {
  const lines = tail(log, LOG_LINES, LOG_BYTES).filter((line) => line.trim() !== '');
  const full = lines.find((line) => /no space left on device|disk (?:is )?full|errno: 28|ENOSPC/i.test(line));
  if (full !== undefined) return `the disk is full (${full.trim()})`;
  const engine = engineFault(exitCode, lines.join('\n'));
  if (engine !== null) return `the container engine could not run it: ${engine.reason}; ${engine.fix}`;
  const how = exitCode === null ? `signal ${signal}` : `exit code ${exitCode}`;
  return lines.length === 0 ? `it ended with ${how} and printed nothing` : `${lines.join(' | ')} (${how})`;
}
