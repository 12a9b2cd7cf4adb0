/**
 * What the broker's keeper does: it owns one private nats-server for as long as anybody uses it.
 *
 * - One keeper a folder, by its lock; one that finds the lock held leaves without having touched anything.
 * - A server left by a keeper that was killed is ended before a new one starts, on the same port with the same
 *   credentials where the port is still free, so that its clients find their way back by themselves.
 * - A server that dies is started again on its port, and so is one that hangs (2.9.10 locks up for good when its disk
 *   fills). Ten starts in a row that fail end the keeper.
 * - It stops when nobody has been connected for `idleMs`, or nobody came within three times that after asking for it.
 *   server.json goes first, then one more look, then the server: see touchWanted.
 * - It stops when its lock is gone (the state folder was removed) and leaves no file behind then.
 * Node built-ins only: it outlives the process, and the version, that started it.
 */
import { existsSync, renameSync, rmSync, statfsSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { boundLog } from '../bound-log.js';
import { type Identity, identify } from '../identity.js';
import { type Lock, takeLock } from '../lock.js';
import {
  type Credentials,
  ensureCredentials,
  names,
  readCredentials,
  readPort,
  readServer,
  type ServerRecord,
  wantedAt,
  writeWhole,
} from './record.js';
import { endOrphans, endServer, type Server, startServer } from './server.js';

export interface Keeping {
  /** Absolute, existing, without symbolic links. */
  folder: string;
  /** The nats-server to start. */
  program: string;
  version: string;
  from: string;
  idleMs: number;
  /** Fires when the keeper is asked to end. */
  signal: AbortSignal;
  say: (line: string) => void;
}

const STARTS = 10;
/** How often JetStream is asked for a sign of life, how long it may take, and how often it may fail to give one. */
const PULSE_EVERY_MS = 5_000;
const PULSE_MS = 5_000;
const PULSES_MISSED = 2;
const LOG_LIMIT_BYTES = 4 * 1024 * 1024;

/**
 * Keeps the folder's broker until nobody needs it.
 * @returns false when another keeper holds the folder.
 * @throws Error when the server cannot be started, or not started again.
 */
export async function keep(keeping: Keeping): Promise<boolean> {
  const { folder, say } = keeping;
  const lock = takeLock(join(folder, names.lock));
  if (lock === null) return false;
  const offer = join(folder, names.server);
  try {
    const before = readServer(folder)?.port ?? readPort(folder);
    rmSync(offer, { recursive: true, force: true });
    for (const pid of await endOrphans(folder)) say(`ended nats-server ${pid}, whose keeper had died`);
    const credentials = ensureCredentials(folder);
    const me = identify(process.pid)!;
    let server = await startFirst(keeping, before, credentials);
    const { port } = server;
    writeWhole(join(folder, names.port), `${port}\n`);
    for (;;) {
      const record = describe(server, keeping, me);
      if (record !== null) {
        writeWhole(offer, JSON.stringify(record));
        say(`nats-server ${server.pid} listens on ${record.url}`);
        const why = await watch(server, record, keeping, lock, credentials);
        if (why !== 'died') {
          say(`stopping: ${why}`);
          await endServer(server, lock.holds() ? 'SIGTERM' : 'SIGKILL');
          return true;
        }
      }
      say(`nats-server ${server.pid} died; starting it again on port ${port}`);
      server = await startAgain(keeping, port, credentials);
    }
  } finally {
    if (lock.holds()) {
      rmSync(offer, { recursive: true, force: true });
      lock.release();
    }
  }
}

/** The first start: on the former port if it is known, then on any, then with the old store put aside. */
async function startFirst({ folder, program, say }: Keeping, port: number, credentials: Credentials): Promise<Server> {
  const tries = [...(port > 0 ? [port] : []), 0];
  let last: unknown;
  for (const at of tries) {
    try {
      return await startServer(folder, program, at, credentials);
    } catch (error) {
      last = error;
      say(`nats-server did not start on ${at ? `port ${at}` : 'a free port'}: ${(error as Error).message}`);
    }
  }
  const store = join(folder, names.store);
  if (!existsSync(store)) throw last;
  const aside = `${store}.broken-${Date.now()}`;
  renameSync(store, aside);
  try {
    const server = await startServer(folder, program, 0, credentials);
    say(`the store did not open and was put aside as ${aside}`);
    return server;
  } catch {
    // The store was not the cause: it goes back, and what is told is the failure with it in place.
    rmSync(store, { recursive: true, force: true });
    renameSync(aside, store);
    throw last;
  }
}

async function startAgain(
  { folder, program, say, signal }: Keeping,
  port: number,
  credentials: Credentials,
): Promise<Server> {
  for (let failed = 1; ; failed++) {
    try {
      return await startServer(folder, program, port, credentials);
    } catch (error) {
      say(`nats-server did not start (${failed} of ${STARTS}): ${(error as Error).message}`);
      if (failed === STARTS || signal.aborted) throw error;
      await sleep(Math.min(50 * 2 ** failed, 2_000));
    }
  }
}

/** Looks after a running server until it died or should stop; says which. */
async function watch(
  server: Server,
  record: ServerRecord,
  keeping: Keeping,
  lock: Lock,
  credentials: Credentials,
): Promise<string> {
  const { folder, idleMs, signal, say } = keeping;
  const offer = join(folder, names.server);
  const now = (): number => performance.now(); // does not jump when the clock is set
  let died = false;
  void server.ended.then(() => (died = true));
  const asked = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

  let missed = 0;
  let pulseAt = now();
  let total = 0;
  let wanted = wantedAt(folder);
  let stopAt = now() + 3 * idleMs;
  const look = async (): Promise<void> => {
    const seen = await connections(record.monitor);
    const touched = wantedAt(folder);
    if (touched !== wanted) {
      wanted = touched;
      stopAt = now() + 3 * idleMs;
    }
    if (seen === null) return;
    if (seen.open > 0 || seen.total !== total) stopAt = now() + idleMs;
    total = seen.total;
  };

  for (;;) {
    await Promise.race([sleep(Math.min(1_000, idleMs / 5)), server.ended, asked]);
    if (died) return 'died';
    if (signal.aborted) return 'asked to';
    if (!lock.holds()) return 'the folder is no longer ours';
    await look();
    if (now() - pulseAt > PULSE_EVERY_MS) {
      const beats = await Promise.race([
        hasPulse(record.monitor),
        server.ended.then(() => true),
        asked.then(() => true),
      ]);
      missed = beats ? 0 : missed + 1;
      pulseAt = now();
      if (missed === PULSES_MISSED) {
        say(`nats-server ${server.pid} hangs: its JetStream gave no answer in ${PULSE_MS / 1000} s, ${missed} times`);
        server.child.kill('SIGKILL');
        await server.ended;
        const { bavail } = statfsSync(folder);
        return bavail > 0 ? 'died' : 'it hung, and its disk is full: a new one could not start';
      }
    }
    for (const log of [names.serverLog, names.keeperLog]) boundLog(join(folder, log), LOG_LIMIT_BYTES);
    if (now() < stopAt) {
      repair(folder, record, credentials);
      continue;
    }
    rmSync(offer, { force: true });
    await look();
    if (now() >= stopAt) return 'nobody is connected';
    writeWhole(offer, JSON.stringify(record));
  }
}

/** Writes again what somebody spoiled or removed: without these files nobody could join. */
function repair(folder: string, record: ServerRecord, credentials: Credentials): void {
  const files = [
    [names.server, record, readServer(folder)],
    [names.credentials, credentials, readCredentials(folder)],
  ] as const;
  for (const [name, meant, met] of files)
    if (JSON.stringify(met) !== JSON.stringify(meant)) writeWhole(join(folder, name), JSON.stringify(meant));
}

function describe(server: Server, { version, from }: Keeping, me: Identity): ServerRecord | null {
  const who = identify(server.pid);
  return (
    who && {
      url: `nats://127.0.0.1:${server.port}`,
      port: server.port,
      monitor: server.monitor,
      pid: server.pid,
      startTime: who.startTime,
      keeperPid: me.pid,
      keeperStartTime: me.startTime,
      bootId: me.bootId,
      version,
      from,
    }
  );
}

/** Clients connected now and ever, by the server's monitoring; null when it does not answer within a second. */
const connections = (monitor: string): Promise<{ open: number; total: number } | null> =>
  new Promise((resolve) => {
    const request = get(`${monitor}/varz`, { agent: false, timeout: 1_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (text += part));
      response.on('error', () => resolve(null));
      response.on('end', () => resolve(parseVarz(text)));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(null)); // it is dying or busy: the next look tells
  });

/** Whether JetStream answers; a server without it counts as well. */
const hasPulse = (monitor: string): Promise<boolean> =>
  new Promise((resolve) => {
    const request = get(`${monitor}/jsz`, { agent: false, timeout: PULSE_MS }, (response) => {
      response.resume();
      resolve(true);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });

function parseVarz(text: string): { open: number; total: number } | null {
  try {
    const { connections: open, total_connections: total } = JSON.parse(text) as Record<string, unknown>;
    return typeof open === 'number' && typeof total === 'number' ? { open, total } : null;
  } catch {
    return null; // cut short: the server died while it answered
  }
}
