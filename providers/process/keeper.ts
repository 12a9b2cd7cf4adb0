/**
 * The keeper: a small process, one per run, that owns all commands of the run's repository and outlives the runtime.
 *
 *   node keeper.js <bundle> <run> [folder for sockets]
 *
 * It has no terminal, no stdin, no dependencies and no secrets of its own. It holds `keeper.lock` for its whole life, so
 * there is one a run; it sweeps and writes down what a dead predecessor left before it answers anybody. Clients come and
 * go, also by SIGKILL; no message of theirs ends it. It goes by `end`, by SIGTERM, or by itself when nothing of the
 * run is alive and nobody has been connected for RR_KEEPER_IDLE_MS (60 s). Exit codes: 0, also when another one holds
 * the lock; 1 when it cannot begin.
 */
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bootId, isSame, startTimeOf } from '../../runtime/identity.js';
import { type Lock, takeLock } from '../../runtime/lock.js';
import type { Gate } from '../sandbox/gate.js';
import { Commands } from './commands.js';
import { type Limits, removeGroups } from './limits.js';
import { carries, environOf, processes } from './processes.js';
import {
  type Applied,
  appendExit,
  type Command,
  type Exit,
  type Hello,
  hashOf,
  type KeeperRecord,
  lockPath,
  PROTOCOL,
  parseJson,
  readExits,
  readLines,
  readRecord,
  recordPath,
  toExit,
  writeRecord,
} from './protocol.js';
import { sweep } from './sweep.js';

/** How long a command may take to end by itself when the run ends. */
const END_GRACE_MS = 3_000;
const SOCKET_PATH_LIMIT = 100;
const NOTES_LIMIT = 1_000;
/** Of a reason that goes into a log. */
const SAID_LIMIT = 1_000;

class Refused extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

let notes = 0;
const note = (text: string): void => {
  if (notes++ < NOTES_LIMIT) process.stderr.write(`${new Date().toISOString()} ${text}\n`);
};

/** Waits until this process holds the lock; null when another keeper is in service. */
async function waitForLock(bundle: string): Promise<Lock | null> {
  for (;;) {
    const lock = takeLock(lockPath(bundle));
    if (lock !== null) return lock;
    const record = readRecord(bundle);
    if (record !== null && record.pid !== process.pid && isSame(record.pid, record.startTime, record.bootId))
      return null;
    await sleep(10 + Math.random() * 40);
  }
}

/** Kills what a dead keeper left, and writes down as lost what it had not seen end. */
async function takeOver(bundle: string, run: string): Promise<Exit[]> {
  const dead = readRecord(bundle);
  if (dead === null) return [];
  if (dead.bootId === bootId()) {
    const roots = dead.applications.filter(({ pid, startTime }) => pid > 0 && startTimeOf(pid) === startTime);
    // A group whose leader's pid now belongs to a younger process has died out, and its number was used again.
    const groups = dead.applications.filter(
      ({ group, startTime }) => group > 1 && [null, startTime].includes(startTimeOf(group)),
    );
    const { left } = await sweep({ run, roots: roots.map(({ pid }) => pid), groups: groups.map(({ group }) => group) });
    if (left.length > 0) note(`pids ${left.join(', ')} of a dead keeper could not be ended`);
  }
  // Its folder is named after this bundle: nobody else's things lie there.
  if (basename(dirname(dead.socket)).includes(hashOf(bundle)))
    rmSync(dirname(dead.socket), { recursive: true, force: true });
  const known = new Map(readExits(bundle).map((exit) => [exit.id, exit]));
  const lost: Exit[] = [];
  for (const applied of dead.applications) {
    const before = known.get(applied.id);
    if (before !== undefined && !before.lost) continue;
    const { id, startedAt } = applied;
    const exit: Exit = before ?? {
      id,
      code: null,
      signal: null,
      limit: null,
      lost: true,
      startedAt,
      endedAt: Date.now(),
    };
    if (before === undefined) appendExit(bundle, { ...applied, ...exit });
    lost.push(toExit(exit));
  }
  return lost;
}

/** A folder that only this user can enter, with a path short enough for sockets (107 bytes; Node cuts longer ones silently). */
function socketFolder(bundle: string, base: string | undefined): string {
  const name = `rr-${process.getuid?.() ?? 0}-${hashOf(bundle)}`;
  const runtime = base ?? process.env.XDG_RUNTIME_DIR;
  const wanted = [...(runtime ? [join(runtime, `rr-${hashOf(bundle)}`)] : []), join('/tmp', name)];
  for (const folder of wanted) {
    if (Buffer.byteLength(folder) > SOCKET_PATH_LIMIT - 20) continue;
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const { uid, mode } = lstatSync(folder);
      if (!lstatSync(folder).isDirectory() || uid !== (process.getuid?.() ?? uid)) continue;
      if ((mode & 0o077) !== 0) chmodSync(folder, 0o700);
      return folder;
    } catch (error) {
      note(`no socket in ${folder}: ${(error as Error).message}`);
    }
  }
  return mkdtempSync(join('/tmp', `${name}-`)); // somebody else has that name
}

async function main(bundle: string, run: string, base: string | undefined): Promise<void> {
  const lock = await waitForLock(bundle);
  if (lock === null) return;
  const lost = await takeOver(bundle, run);
  removeGroups(`${hashOf(bundle)}-`);
  const folder = socketFolder(bundle, base);
  const socket = join(folder, `${process.pid}.sock`);
  rmSync(socket, { force: true });
  const record: KeeperRecord = {
    protocol: PROTOCOL,
    run,
    pid: process.pid,
    startTime: startTimeOf(process.pid) ?? 0,
    bootId: bootId(),
    socket,
    startedAt: Date.now(),
    applications: [],
  };
  const commands = new Commands({
    bundle,
    run,
    folder,
    exits: readExits(bundle),
    note,
    record: (applications: Applied[]) => writeRecord(bundle, { ...record, applications }),
  });
  const clients = new Set<Socket>();
  let ending: Promise<{ left: number[] }> | null = null;
  let busyAt = performance.now();

  const leave = (): void => {
    rmSync(recordPath(bundle), { force: true });
    rmSync(folder, { recursive: true, force: true });
    removeGroups(`${hashOf(bundle)}-`);
    lock.release(); // last: whoever finds the lock free finds nothing else of ours
  };
  const end = (): Promise<{ left: number[] }> => {
    ending ??= (async () => {
      const living = commands.living();
      await Promise.all(
        living.map(({ id }) => commands.stop(id, END_GRACE_MS).catch((error: Error) => note(`end: ${error.message}`))),
      );
      // Copies of a repository lie there; nobody else works in our folder.
      const { left } = await sweep({ run, roots: [], groups: [], cwd: join(bundle, 'work') });
      leave();
      setTimeout(() => process.exit(0), 1_000); // time for the answer, also when its client is gone
      return { left };
    })();
    return ending;
  };

  const known = (id: unknown): string => {
    if (typeof id === 'string' && commands.has(id)) return id;
    throw new Refused('COMMAND_UNKNOWN', `no command ${String(id)} was given to this keeper`);
  };
  const answer = async (raw: Record<string, unknown>, gone: AbortSignal): Promise<unknown> => {
    switch (raw.op) {
      case 'hello': {
        if (raw.protocol !== PROTOCOL)
          throw new Refused('PROTOCOL', `it speaks protocol ${PROTOCOL}, met ${raw.protocol}`);
        return { protocol: PROTOCOL, pid: process.pid, run, lost } satisfies Hello;
      }
      case 'start': {
        const command = toCommand(raw.command);
        if (ending !== null && !commands.has(command.id)) throw new Refused('ENDING', 'the run is being ended');
        return commands.start(command);
      }
      case 'exited':
        return orGone(commands.ended(known(raw.id)), gone);
      case 'list':
        return commands.list();
      case 'stop': {
        const { name, said } = (raw.limit ?? {}) as Record<string, unknown>;
        if (name === 'network') return commands.stopAtLimit(known(raw.id), name, String(said).slice(0, SAID_LIMIT));
        return commands.stop(known(raw.id), Math.max(0, Number(raw.graceMs) || 0));
      }
      case 'end':
        return end();
      default:
        throw new Refused('MESSAGE', `no operation ${String(raw.op)}`);
    }
  };

  const serve = (client: Socket): void => {
    clients.add(client);
    const waiting = new Map<unknown, AbortController>();
    const say = (reply: unknown): void => {
      if (client.writable) client.write(`${JSON.stringify(reply)}\n`);
    };
    const take = async (line: string): Promise<void> => {
      const raw = (parseJson(line) ?? {}) as Record<string, unknown>;
      const n = typeof raw.n === 'number' ? raw.n : -1;
      if (raw.op === 'cancel') return void waiting.get(raw.of)?.abort();
      const gone = new AbortController();
      waiting.set(n, gone);
      try {
        say({ n, value: await answer(raw, gone.signal) });
        if (raw.op === 'end') client.end(() => process.exit(0));
      } catch (error) {
        const code = error instanceof Refused ? error.code : 'INTERNAL';
        if (!gone.signal.aborted)
          say({ n, error: { code, message: error instanceof Error ? error.message : String(error) } });
      } finally {
        waiting.delete(n);
      }
    };
    client.on('error', () => client.destroy()); // a client that died; its commands go on
    client.on('close', () => {
      clients.delete(client);
      busyAt = performance.now();
      for (const gone of waiting.values()) gone.abort();
      if (ending !== null && clients.size === 0)
        ending.then(
          () => process.exit(0),
          () => process.exit(1),
        );
    });
    readLines(
      client,
      (line) => void (line.trim() === '' || take(line)),
      () => {
        say({ n: -1, error: { code: 'MESSAGE', message: 'the message is too long' } });
        client.destroy();
      },
    );
  };

  const server = createServer(serve);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socket, resolve);
  });
  server.on('error', (error) => note(`server: ${error.message}`));
  chmodSync(socket, 0o600);
  writeRecord(bundle, record); // only now can clients find it, and it answers

  process.on('SIGTERM', () => {
    end().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
  const idleMs = Number(process.env.RR_KEEPER_IDLE_MS) || 60_000;
  setInterval(
    () => {
      const busy = clients.size > 0 || commands.living().length > 0 || ending !== null;
      if (busy) busyAt = performance.now();
      if (performance.now() - busyAt < idleMs) return;
      busyAt = performance.now();
      if ([...processes().keys()].some((pid) => carries(environOf(pid), run, null))) return; // a daemon of an ended command
      leave();
      process.exit(0);
    },
    Math.max(10, Math.min(5_000, idleMs / 4)),
  );
}

/** The promise's value, or a rejection as soon as nobody waits for it any more. */
const orGone = <T>(promise: Promise<T>, gone: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    gone.addEventListener('abort', () => reject(new Refused('CANCELLED', 'nobody waits any more')), { once: true });
    promise.then(resolve, reject);
  });

function toCommand(value: unknown): Command {
  const raw = (value ?? {}) as Record<string, unknown>;
  const wrong = (name: string, wanted: string): never => {
    throw new Refused(
      'MESSAGE',
      `the command's ${name} is ${JSON.stringify(raw[name])?.slice(0, 100)}, wanted ${wanted}`,
    );
  };
  const text = (name: string): string => {
    const met = raw[name];
    return typeof met === 'string' && met !== '' && !met.includes('\0') ? met : wrong(name, 'a text');
  };
  const limit = (name: string): number | null => {
    const met = raw[name] ?? null;
    return met === null || (typeof met === 'number' && met > 0) ? met : wrong(name, 'a positive number or null');
  };
  const words = (name: string): string[] => {
    const met = raw[name];
    const all = Array.isArray(met) && met.every((word) => typeof word === 'string' && !word.includes('\0'));
    return all ? met : wrong(name, 'a list of texts');
  };
  const env = (raw.env ?? {}) as Record<string, unknown>;
  for (const [key, each] of Object.entries(env)) {
    // Its value is not in the message: it may be a secret.
    if (key === '' || /[=\0]/.test(key) || typeof each !== 'string' || each.includes('\0')) {
      throw new Refused('MESSAGE', `the command's env has a bad variable ${JSON.stringify(key)}`);
    }
  }
  return {
    id: text('id'),
    shell: text('shell'),
    within: words('within'),
    cwd: text('cwd'),
    env: env as Record<string, string>,
    log: text('log'),
    wallMs: limit('wallMs'),
    idleMs: limit('idleMs'),
    outputBytes: limit('outputBytes'),
    limits: toLimits(raw.limits),
    gate: toGate(raw.gate),
    logBytes: limit('logBytes') ?? wrong('logBytes', 'a positive number'),
  };
}

function toGate(value: unknown): Gate | null {
  if (value === null || value === undefined) return null;
  const { folder, allow, spare = null, through } = value as Record<string, unknown>;
  const isGate =
    typeof folder === 'string' &&
    (allow === null || (Array.isArray(allow) && allow.every((host) => typeof host === 'string'))) &&
    (spare === null || typeof (spare as { at?: unknown }).at === 'number') &&
    (through === null || typeof through === 'string');
  if (!isGate) throw new Refused('MESSAGE', "the command's gate is no folder with hosts");
  return { folder, allow: allow as string[] | null, spare: spare as Gate['spare'], through };
}

function toLimits(value: unknown): Limits {
  const raw = (value ?? {}) as Record<string, unknown>;
  const one = (name: keyof Limits): number | null => {
    const met = raw[name] ?? null;
    if (met === null || (typeof met === 'number' && met > 0)) return met;
    throw new Refused('MESSAGE', `the limit ${name} is ${JSON.stringify(met)}, wanted a positive number or null`);
  };
  return { memoryBytes: one('memoryBytes'), pids: one('pids'), cpus: one('cpus'), freeBytes: one('freeBytes') };
}

for (const signal of ['SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGPIPE'] as const) process.on(signal, () => {});
process.on('uncaughtException', (error) => note(error.stack ?? error.message));
process.on('unhandledRejection', (error) =>
  note(error instanceof Error ? (error.stack ?? error.message) : String(error)),
);

const [bundle, run, base] = process.argv.slice(2);
if (bundle === undefined || run === undefined) {
  note('wanted: keeper <bundle> <run> [folder for sockets]');
  process.exit(1);
}
main(bundle, run, base).then(
  () => {},
  (error: Error) => {
    note(error.stack ?? error.message);
    process.exit(1);
  },
);
