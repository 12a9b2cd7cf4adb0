/**
 * One holder at a time for a folder, among processes that may be killed at any instant.
 *
 * The lock is the file `lock.<n>` with the highest n, and its holder the process described in it. Who finds that
 * holder dead creates `lock.<n+1>`, which only one can (O_EXCL). The highest file is never removed, only emptied of
 * life, so the numbers never run backwards: a slow taker who created a number long since passed sees a higher one
 * afterwards and withdraws. A file that is still empty belongs to somebody about to write it, for two seconds.
 * Good on one machine; processes of different machines cannot judge each other.
 */
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Identity, identify, isAlive } from './identity.js';

const WRITING_MS = 2_000;

export interface Lock {
  /** Whether it is still ours: false once the folder is gone or somebody took it over. */
  holds(): boolean;
  release(): void;
}

/** The living holder; null when nobody holds the folder; 'unknown' for one that is just taking it. */
export function lockHolder(folder: string): Identity | 'unknown' | null {
  const top = highest(folder);
  return top === 0 ? null : holderOf(folder, top);
}

/** Takes the folder's lock, from a dead holder too; null when somebody living holds it. */
export function takeLock(folder: string): Lock | null {
  const me = identify(process.pid);
  if (me === null) throw new Error(`process ${process.pid} cannot see itself; is /proc mounted?`);
  const mine = JSON.stringify(me);
  for (;;) {
    const top = highest(folder);
    if (top > 0 && holderOf(folder, top) !== null) return null;
    const path = join(folder, `lock.${top + 1}`);
    try {
      writeFileSync(path, mine, { flag: 'wx', mode: 0o600 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw error;
    }
    if (highest(folder) !== top + 1) {
      rmSync(path, { force: true });
      continue;
    }
    for (const n of numbers(folder)) if (n <= top) rmSync(join(folder, `lock.${n}`), { force: true });
    const holds = (): boolean => highest(folder) === top + 1 && readOr(path, '') === mine;
    return { holds, release: () => holds() && writeFileSync(path, '{}') };
  }
}

function holderOf(folder: string, n: number): Identity | 'unknown' | null {
  const path = join(folder, `lock.${n}`);
  const text = readOr(path, '');
  if (text === '') {
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
    return age >= 0 && age < WRITING_MS ? 'unknown' : null;
  }
  const holder = parse(text);
  return holder !== null && isAlive(holder) ? holder : null;
}

function parse(text: string): Identity | null {
  try {
    const raw = JSON.parse(text) as Partial<Identity> | null;
    return typeof raw?.pid === 'number' && typeof raw.startTime === 'string' && typeof raw.bootId === 'string'
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

const highest = (folder: string): number => Math.max(0, ...numbers(folder));

function numbers(folder: string): number[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names.flatMap((name) => /^lock\.(\d{1,15})$/.exec(name)?.[1] ?? []).map(Number);
}
