/**
 * The way to a run's keeper: joins the living one or starts one (keeper.ts says what it promises).
 *
 * Any number of clients in any number of processes may hold one keeper; a client that dies disturbs nothing. When the
 * keeper dies, what is being waited for rejects with KEEPER_LOST; open it again to learn what was lost.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, realpathSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from '../../runtime/errors.js';
import { isSame } from '../../runtime/identity.js';
import { program } from '../../runtime/program.js';
import {
  type Command,
  type Exit,
  type Hello,
  type KeeperRecord,
  type Kept,
  keeperLogPath,
  PROTOCOL,
  parseJson,
  type Reply,
  type Request,
  readLines,
  readRecord,
} from './protocol.js';
import { tail } from './tail.js';

export type { Command, Exit, Kept } from './protocol.js';

export interface Keeper {
  readonly pid: number;
  /** Idempotent by id: a known id, alive or ended, is returned as it is and not started again. */
  start(command: Command): Promise<Kept>;
  /** Waits for the end of a command. @throws COMMAND_UNKNOWN; the signal's reason when it fires. */
  exited(id: string, signal?: AbortSignal): Promise<Exit>;
  list(): Promise<Kept[]>;
  /** SIGTERM, after `graceMs` SIGKILL, to all that came of the command; also to what an ended one left behind. */
  stop(id: string, graceMs: number): Promise<Exit>;
  /** The same for one that waits in vain, with the limit in its exit and the reason in its log; an ended one stays as it ended. */
  stopWaiting(id: string, said: string): Promise<Exit>;
  /** Stops all (3 s of grace), sweeps, removes socket and keeper.json; the keeper is gone then. `left`: pids that could not be ended. */
  end(): Promise<{ left: number[] }>;
  /** Only disconnects. */
  close(): void;
}
export interface KeeperOptions {
  /** `runs/<run>`, made when absent. */
  bundle: string;
  run: string;
  /** Where the socket's folder is made, instead of $XDG_RUNTIME_DIR or /tmp. */
  runtimeDir?: string;
}

const OPEN_LIMIT_MS = 30_000;
const CONNECT_LIMIT_MS = 5_000;

/**
 * Joins the run's keeper, or starts one.
 * @returns `adopted`: it was already there, perhaps with living commands. `lost`: the commands that a dead predecessor of
 * this keeper had not seen end; what was left of them has been killed.
 * @throws KEEPER_UNREACHABLE when it neither answers nor starts within 30 s.
 */
export async function openKeeper(o: KeeperOptions): Promise<{ keeper: Keeper; adopted: boolean; lost: Exit[] }> {
  mkdirSync(o.bundle, { recursive: true });
  const bundle = realpathSync(o.bundle);
  const until = Date.now() + OPEN_LIMIT_MS;
  let started: { child: ChildProcess; ended: number | null; failed: Error | null } | null = null;
  let reason = 'it did not start';
  for (let pause = 10; Date.now() < until; pause = Math.min(100, pause * 1.5)) {
    const record = readRecord(bundle);
    if (record !== null && isSame(record.pid, record.startTime, record.bootId)) {
      const joined = await join(record, o.run).catch((error: Error & { code?: string }) => {
        if (error.code === 'KEEPER_UNREACHABLE') throw error;
        reason = error.message; // it is just leaving, or just died: look again
        return null;
      });
      if (joined !== null) return { ...joined, adopted: joined.keeper.pid !== started?.child.pid };
    } else if (started === null || started.ended === 0) {
      started = startKeeper(bundle, o);
    }
    if (started?.failed || (started?.ended ?? 0) !== 0) {
      reason =
        started?.failed?.message ??
        (tail(keeperLogPath(bundle), 3, 4_096).join(' ') || `it ended with ${started?.ended}`);
      break;
    }
    await sleep(pause);
  }
  throw fail('KEEPER_UNREACHABLE', {
    run: o.run,
    pid: readRecord(bundle)?.pid ?? started?.child.pid ?? 'none',
    reason,
  });
}

/** Joins the run's keeper if one is alive. @throws KEEPER_UNREACHABLE when it lives and does not answer. */
export async function findKeeper(o: KeeperOptions): Promise<Keeper | null> {
  if (!existsSync(o.bundle)) return null;
  const bundle = realpathSync(o.bundle);
  for (let tries = 0; ; tries++) {
    const record = readRecord(bundle);
    if (record === null || !isSame(record.pid, record.startTime, record.bootId)) return null;
    try {
      return (await join(record, o.run)).keeper;
    } catch (error) {
      if ((error as { code?: string }).code === 'KEEPER_UNREACHABLE') throw error;
      if (tries === 20)
        throw fail('KEEPER_UNREACHABLE', { run: o.run, pid: record.pid, reason: (error as Error).message }, error);
      await sleep(50); // it may be leaving
    }
  }
}

function startKeeper(bundle: string, { run, runtimeDir }: KeeperOptions) {
  const file = program('providers/process/keeper');
  const log = openSync(keeperLogPath(bundle), 'a', 0o600);
  // Nothing of our environment but what it needs itself: it holds no secrets, and it must not look like one of its own commands.
  const env: Record<string, string> = {};
  for (const name of ['PATH', 'HOME', 'TMPDIR', 'XDG_RUNTIME_DIR', 'RR_KEEPER_IDLE_MS']) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  const child = spawn(process.execPath, [file, bundle, run, ...(runtimeDir === undefined ? [] : [runtimeDir])], {
    cwd: '/',
    env,
    detached: true,
    stdio: ['ignore', 'ignore', log],
  });
  closeSync(log);
  const started: { child: ChildProcess; ended: number | null; failed: Error | null } = {
    child,
    ended: null,
    failed: null,
  };
  child.on('error', (error) => {
    started.failed = error;
  });
  child.on('exit', (code) => {
    started.ended = code ?? -1;
  });
  child.unref();
  return started;
}

async function join(record: KeeperRecord, run: string): Promise<{ keeper: Keeper; lost: Exit[] }> {
  const unreachable = (reason: string, cause?: unknown) =>
    fail('KEEPER_UNREACHABLE', { run, pid: record.pid, reason }, cause);
  if (record.protocol !== PROTOCOL) throw unreachable(`it speaks protocol ${record.protocol}, wanted ${PROTOCOL}`);
  const socket = createConnection(record.socket);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  const connection = new Connection(socket, record.pid, run);
  const limit = AbortSignal.timeout(CONNECT_LIMIT_MS);
  try {
    const hello = (await connection.ask({ op: 'hello', protocol: PROTOCOL }, limit)) as Hello;
    if (hello.run !== run) throw unreachable(`it keeps the run ${hello.run}`);
    return { keeper: connection, lost: hello.lost };
  } catch (error) {
    connection.close();
    if (limit.aborted) throw unreachable(`no answer within ${CONNECT_LIMIT_MS} ms`, error);
    throw error;
  }
}

type Pending = { resolve: (value: unknown) => void; reject: (error: Error) => void };

class Connection implements Keeper {
  readonly pid: number;
  readonly #run: string;
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  #count = 0;

  constructor(socket: Socket, pid: number, run: string) {
    this.pid = pid;
    this.#run = run;
    this.#socket = socket;
    socket.unref(); // an open keeper alone keeps no process alive; a pending question does
    socket.on('error', () => {}); // 'close' follows and tells all who wait
    socket.on('close', () => this.#lose());
    readLines(
      socket,
      (line) => this.#take(parseJson(line) as Reply | null),
      () => socket.destroy(),
    );
  }

  start = (command: Command): Promise<Kept> => this.ask({ op: 'start', command }) as Promise<Kept>;
  exited = (id: string, signal?: AbortSignal): Promise<Exit> => this.ask({ op: 'exited', id }, signal) as Promise<Exit>;
  list = (): Promise<Kept[]> => this.ask({ op: 'list' }) as Promise<Kept[]>;
  stop = (id: string, graceMs: number): Promise<Exit> => this.ask({ op: 'stop', id, graceMs }) as Promise<Exit>;
  stopWaiting = (id: string, said: string): Promise<Exit> =>
    this.ask({ op: 'stop', id, graceMs: 0, limit: { name: 'network', said } }) as Promise<Exit>;
  close = (): void => void this.#socket.destroy();

  async end(): Promise<{ left: number[] }> {
    const ended = (await this.ask({ op: 'end' })) as { left: number[] };
    if (!this.#socket.destroyed) {
      this.#socket.ref();
      const gone = new Promise((resolve) => this.#socket.once('close', resolve));
      await Promise.race([gone, sleep(1_000, null, { ref: false })]);
    }
    this.close();
    return ended;
  }

  ask(request: Request, signal?: AbortSignal): Promise<unknown> {
    const n = ++this.#count;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      if (this.#socket.destroyed) return reject(fail('KEEPER_LOST', { run: this.#run }));
      const abort = (): void => {
        this.#settle(n)?.reject(signal!.reason);
        if (this.#socket.writable) this.#socket.write(`${JSON.stringify({ n: 0, op: 'cancel', of: n })}\n`);
      };
      const done = (): void => signal?.removeEventListener('abort', abort);
      this.#pending.set(n, {
        resolve: (value) => {
          done();
          resolve(value);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      });
      signal?.addEventListener('abort', abort, { once: true });
      this.#socket.ref();
      this.#socket.write(`${JSON.stringify({ n, ...request })}\n`);
    });
  }

  #take(reply: Reply | null): void {
    const pending = reply === null ? undefined : this.#settle(reply.n);
    if (pending === undefined || reply === null) return; // called off meanwhile
    if ('value' in reply) pending.resolve(reply.value);
    else pending.reject(this.#refusal(reply.error));
  }

  #refusal({ code, message: reason }: { code: string; message: string }): Error {
    if (code === 'COMMAND_UNKNOWN') return fail('COMMAND_UNKNOWN', { run: this.#run, reason });
    if (code === 'PROTOCOL') return fail('KEEPER_UNREACHABLE', { run: this.#run, pid: this.pid, reason });
    return fail('KEEPER_REFUSED', { run: this.#run, reason });
  }

  #settle(n: number): Pending | undefined {
    const pending = this.#pending.get(n);
    this.#pending.delete(n);
    if (this.#pending.size === 0) this.#socket.unref();
    return pending;
  }

  #lose(): void {
    for (const { reject } of this.#pending.values()) reject(fail('KEEPER_LOST', { run: this.#run }));
    this.#pending.clear();
  }
}
