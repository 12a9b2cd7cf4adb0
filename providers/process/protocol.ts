/**
 * What keeper and client say to each other, and what the keeper leaves on disk (docs/formats.md, 5).
 *
 * The wire is newline JSON over a unix socket: requests `{n, op, …}`, replies `{n, value}` or `{n, error: {code, message}}`
 * in whatever order they are ready. On disk, in the run's folder: `keeper.json`, replaced as a whole and fsynced before
 * a command begins, and `exits.ndjson`, appended and fsynced before an exit is told. An environment is in neither.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, readSync, renameSync, writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { Gate } from '../sandbox/gate.js';
import type { Limits } from './limits.js';

export const PROTOCOL = 2;
/** A longer message ends its connection. */
export const MESSAGE_LIMIT_BYTES = 8 * 1024 * 1024;

export interface Command {
  /** Never used twice: an effect's id. */
  id: string;
  /** For `sh -c`. */
  shell: string;
  /** Words before the shell, which keep it in a sandbox; none: it runs as it is. */
  within: string[];
  cwd: string;
  /** The whole environment; RR_RUN and RR_STEP=<id> are added. */
  env: Record<string, string>;
  /** Absolute path; its predecessor is kept as `<log>.1`. */
  log: string;
  wallMs: number | null;
  /** Stopped when it prints nothing for so long. */
  idleMs: number | null;
  /** Stopped when it has printed more than this in all. */
  outputBytes: number | null;
  /** The most one log file holds. */
  logBytes: number;
  limits: Limits;
  /** The way out of a sandbox without a network; null: it needs none. */
  gate: Gate | null;
}
export interface Exit {
  id: string;
  code: number | null;
  signal: string | null;
  /** The limit at which it was stopped, or failed (`memory`, `pids`); `network`: who started it found that it waits for hosts that do not answer. */
  limit: 'wall' | 'idle' | 'output' | 'network' | 'memory' | 'pids' | 'disk' | null;
  /** Its keeper died: how it ended is not known, what was left of it has been killed. */
  lost: boolean;
  startedAt: number;
  endedAt: number;
}
export interface Kept {
  id: string;
  pid: number;
  group: number;
  startTime: number;
  alive: boolean;
  exit: Exit | null;
  shell: string;
  log: string;
}

export type Request =
  | { op: 'hello'; protocol: number }
  | { op: 'start'; command: Command }
  | { op: 'exited'; id: string }
  | { op: 'cancel'; of: number }
  | { op: 'list' }
  | { op: 'stop'; id: string; graceMs: number; limit?: { name: 'network'; said: string } }
  | { op: 'end' };
export type Reply = { n: number; value: unknown } | { n: number; error: { code: string; message: string } };
export interface Hello {
  protocol: number;
  pid: number;
  run: string;
  /** What a dead predecessor had left alive or unfinished. */
  lost: Exit[];
}

/** A command as keeper.json and exits.ndjson know it. A pid of 0: about to be started. */
export interface Applied {
  id: string;
  pid: number;
  group: number;
  startTime: number;
  startedAt: number;
  shell: string;
  log: string;
}
export interface KeeperRecord {
  protocol: number;
  run: string;
  pid: number;
  startTime: number;
  bootId: string;
  socket: string;
  startedAt: number;
  applications: Applied[];
}
export type ExitRecord = Applied & Exit;

export const recordPath = (bundle: string): string => join(bundle, 'keeper.json');
export const exitsPath = (bundle: string): string => join(bundle, 'exits.ndjson');
export const lockPath = (bundle: string): string => join(bundle, 'keeper.lock');
export const keeperLogPath = (bundle: string): string => join(bundle, 'keeper.log');

/** Names a run's socket folder; the same for every process that means the same run's folder. */
export const hashOf = (bundle: string): string => createHash('sha256').update(bundle).digest('hex').slice(0, 12);

/** keeper.json; null when there is none, or when it is not one (a machine that lost power while it was written). */
export function readRecord(bundle: string): KeeperRecord | null {
  let text: string;
  try {
    text = readFileSync(recordPath(bundle), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const record = parseJson(text) as KeeperRecord | null;
  return typeof record?.pid === 'number' && Array.isArray(record.applications) ? record : null;
}

export function writeRecord(bundle: string, record: KeeperRecord): void {
  const path = recordPath(bundle);
  const fd = openSync(`${path}.new`, 'w', 0o600);
  try {
    writeSync(fd, `${JSON.stringify(record, null, 2)}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.new`, path);
}

/** All exits written down, oldest first. A last line cut short by a crash was never told to anyone and is passed over. */
export function readExits(bundle: string): ExitRecord[] {
  let text: string;
  try {
    text = readFileSync(exitsPath(bundle), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return text.split('\n').flatMap((line) => {
    const exit = parseJson(line) as ExitRecord | null;
    return typeof exit?.id === 'string' ? [exit] : [];
  });
}

export function appendExit(bundle: string, exit: ExitRecord): void {
  const fd = openSync(exitsPath(bundle), 'a+', 0o600);
  try {
    const { size } = fstatSync(fd);
    const last = Buffer.alloc(1);
    const torn = size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== 10;
    writeSync(fd, `${torn ? '\n' : ''}${JSON.stringify(exit)}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

export const toExit = ({ id, code, signal, limit, lost, startedAt, endedAt }: Exit): Exit => ({
  id,
  code,
  signal,
  limit,
  lost,
  startedAt,
  endedAt,
});

/** Calls back with each line of a connection; `tooLong` once, when a line is over the limit. */
export function readLines(socket: Socket, onLine: (line: string) => void, tooLong: () => void): void {
  let held = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    const parts = (held + chunk).split('\n');
    held = parts.pop()!;
    for (const line of parts) onLine(line);
    if (held.length > MESSAGE_LIMIT_BYTES) {
      held = '';
      tooLong();
    }
  });
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // the callers tell what is no JSON from what is not theirs by its fields
  }
}
