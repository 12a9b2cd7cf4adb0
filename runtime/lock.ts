/**
 * One holder at a time for a path, among processes that may be killed at any instant.
 *
 * The lock is the file `<path>.<n>` with the highest n, and its holder the process described in it. Who finds that
 * holder dead creates `<path>.<n+1>`, which only one can (O_EXCL). The highest file is never removed, only emptied of
 * life, so the numbers never run backwards: a slow taker who created a number long since passed sees a higher one
 * afterwards and withdraws. A file that is still empty belongs to somebody about to write it, for two seconds.
 * Good on one machine; processes of different machines cannot judge each other.
 */
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { type Identity, identify, isAlive } from './identity.js';

const WRITING_MS = 2_000;

export interface Lock {
  /** Whether it is still ours: false once its folder is gone or somebody took it over. */
  holds(): boolean;
  release(): void;
}

/** The living holder; null when nobody holds the path; 'unknown' for one that is just taking it. */
export function lockHolder(path: string): Identity | 'unknown' | null {
  const top = highest(path);
  return top === 0 ? null : holderOf(path, top);
}

/** Takes the lock of a path, from a dead holder too; null when somebody living holds it. */
export function takeLock(path: string): Lock | null {
  const me = identify(process.pid);
  if (me === null) throw new Error(`process ${process.pid} cannot see itself; is /proc mounted?`);
  const mine = JSON.stringify(me);
  for (;;) {
    const top = highest(path);
    if (top > 0 && holderOf(path, top) !== null) return null;
    const file = `${path}.${top + 1}`;
    try {
      writeFileSync(file, mine, { flag: 'wx', mode: 0o600 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw error;
    }
    if (highest(path) !== top + 1) {
      rmSync(file, { force: true });
      continue;
    }
    for (const n of numbers(path)) if (n <= top) rmSync(`${path}.${n}`, { force: true });
    const holds = (): boolean => highest(path) === top + 1 && readOr(file, '') === mine;
    return { holds, release: () => holds() && writeFileSync(file, '{}') };
  }
}

function holderOf(path: string, n: number): Identity | 'unknown' | null {
  const file = `${path}.${n}`;
  const text = readOr(file, '');
  if (text === '') {
    const age = Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0);
    return age >= 0 && age < WRITING_MS ? 'unknown' : null;
  }
  const holder = parse(text);
  return holder !== null && isAlive(holder) ? holder : null;
}

function parse(text: string): Identity | null {
  try {
    const raw = JSON.parse(text) as Partial<Identity> | null;
    return typeof raw?.pid === 'number' && typeof raw.startTime === 'number' && typeof raw.bootId === 'string'
      ? { pid: raw.pid, startTime: raw.startTime, bootId: raw.bootId }
      : null;
  } catch {
    return null; // cut short or scribbled over: nobody living wrote it
  }
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return otherwise;
    throw error;
  }
}

const highest = (path: string): number => Math.max(0, ...numbers(path));

function numbers(path: string): number[] {
  let names: string[];
  try {
    names = readdirSync(dirname(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const start = `${basename(path)}.`;
  return names.flatMap((name) =>
    name.startsWith(start) && /^\d{1,15}$/.test(name.slice(start.length)) ? Number(name.slice(start.length)) : [],
  );
}
