/**
 * Starting and ending one nats-server of ours. It listens on loopback only, its credentials stand in a 0600 file and
 * never in its arguments, and its output goes straight to a file: with a pipe it would die when its keeper does.
 * Node built-ins only: the keeper uses this.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandLine, identify, isAlive } from '../identity.js';
import { type Credentials, names, readServer } from './record.js';

/** What the private server may hold: messages in memory and in its store. */
export const limits = { memoryMb: 64, fileMb: 1024 } as const;
const READY_MS = 50_000; // a large store is read before the server listens
const END_MS = 5_000;

export interface Server {
  child: ChildProcess;
  pid: number;
  port: number;
  monitor: string;
  /** Settles when it has ended, by itself or not. */
  ended: Promise<void>;
}

/**
 * Starts the server and waits until it listens.
 * @param port the one to listen on; 0 lets it choose.
 * @throws Error with the end of its log when it ends first, or does not listen in 50 s.
 */
export async function startServer(
  folder: string,
  program: string,
  port: number,
  credentials: Credentials,
): Promise<Server> {
  const config = join(folder, names.config);
  writeFileSync(config, configText(folder, port, credentials), { mode: 0o600 });
  const logPath = join(folder, names.serverLog);
  const log = openSync(logPath, 'a', 0o600);
  const logFrom = fstatSync(log).size;
  const child = spawn(program, ['-c', config], { cwd: folder, stdio: ['ignore', log, log] });
  closeSync(log);
  let state: string | null = null;
  const ended = new Promise<void>((resolve) => {
    const end = (how: string): void => {
      state ??= how;
      resolve();
    };
    child.once('error', (error) => end(error.message));
    child.once('exit', (code, signal) => end(`it ended with ${signal ?? `exit code ${code}`}`));
  });
  const deadline = Date.now() + READY_MS;
  for (;;) {
    const ports = child.pid === undefined ? null : readPorts(folder, child.pid);
    if (ports !== null && state === null) return { child, pid: child.pid!, ...ports, ended };
    if (state !== null) throw new Error(`${state}; ${lastLines(logPath, logFrom)}`);
    if (Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`it did not listen within ${READY_MS / 1000} s; ${lastLines(logPath, logFrom)}`);
    }
    await Promise.race([ended, sleep(5)]);
  }
}

/** Asks the server to end, then makes it. SIGKILL from the first where its folder is gone: it would write it anew. */
export async function endServer({ child, ended }: Server, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
  child.kill(signal);
  const killer = setTimeout(() => child.kill('SIGKILL'), END_MS);
  await ended;
  clearTimeout(killer);
}

/**
 * Ends servers of this folder whose keeper died, so that no two ever share a store. They are found by server.json and
 * by the files they write themselves, and known by their command line, which names our configuration.
 */
export async function endOrphans(folder: string): Promise<number[]> {
  const pids = new Set(portFiles(folder).map(({ pid }) => pid));
  const recorded = readServer(folder);
  if (recorded) pids.add(recorded.pid);
  const config = join(folder, names.config);
  const orphans = [...pids].filter((pid) => commandLine(pid).includes(config));
  await Promise.all(orphans.map((pid) => endProcess(pid)));
  for (const { file } of portFiles(folder)) rmSync(join(folder, file), { force: true });
  return orphans;
}

/** Ends a process that is not our child; returns once it is gone. */
export async function endProcess(pid: number, patienceMs = END_MS): Promise<void> {
  const who = identify(pid);
  if (who === null) return;
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return;
      throw error;
    }
    for (const until = Date.now() + patienceMs; Date.now() < until; ) {
      if (!isAlive(who)) return;
      await sleep(10);
    }
  }
  throw new Error(`process ${pid} cannot be ended`);
}

/** The last lines a log got since `from` bytes, on one line. */
export function lastLines(path: string, from = 0): string {
  const lines = readFileSync(path).subarray(from).toString('utf8').trim().split('\n');
  const telling = lines.filter((line) => /\[(ERR|FTL)\]|^nats-server:/.test(line));
  return (telling.length > 0 ? telling : lines).slice(-3).join(' | ') || 'it wrote nothing';
}

/** The server's own file of the ports it got, `<program>_<pid>.ports`; null until it is there and whole. */
function readPorts(folder: string, pid: number): { port: number; monitor: string } | null {
  const file = portFiles(folder).find((one) => one.pid === pid)?.file;
  if (file === undefined) return null;
  try {
    const raw = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { nats?: string[]; monitoring?: string[] };
    const [nats, monitor] = [raw.nats?.[0], raw.monitoring?.[0]];
    return nats && monitor ? { port: Number(new URL(nats).port), monitor } : null;
  } catch {
    return null; // it is being written: read it again
  }
}

const portFiles = (folder: string): { file: string; pid: number }[] =>
  readdirSync(folder).flatMap((file) => {
    const pid = /_(\d+)\.ports$/.exec(basename(file))?.[1];
    return pid === undefined ? [] : [{ file, pid: Number(pid) }];
  });

const configText = (folder: string, port: number, { user, pass }: Credentials): string =>
  [
    `listen: "127.0.0.1:${port || -1}"`,
    'http: "127.0.0.1:-1"',
    `ports_file_dir: ${quote(folder)}`,
    `jetstream { store_dir: ${quote(join(folder, names.store))}, max_mem: ${limits.memoryMb}MB, max_file: ${limits.fileMb}MB }`,
    `authorization { user: ${quote(user)}, password: ${quote(pass)} }`,
    '',
  ].join('\n');

const escapes: Record<string, string> = { '\\': '\\\\', '"': '\\"', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
const quote = (text: string): string => `"${text.replace(/[\\"\n\r\t]/g, (char) => escapes[char]!)}"`;
