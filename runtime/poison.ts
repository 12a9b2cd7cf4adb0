/**
 * Messages that end the process that takes them.
 *
 * A life that follows one without a proper end is careful for a minute: it writes down, without a flush, which message
 * it decides on, and strikes it out when it has. What stands there at the next start has ended that life: with the death
 * before, which nobody watched, that is once more than it may. The mark has to outlive the process, not the machine. A
 * life after a proper end writes nothing; what is delivered again after a death comes early in the next life.
 */
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from './clock.js';

export interface Poison {
  /** Whether a message may be taken; if so, it is being taken from now on. */
  taking(address: string, id: string): boolean;
  /** It was decided on, and the process still lives. */
  taken(address: string, id: string): void;
  /** Its deaths are forgotten. */
  pardon(address: string, id: string): void;
  /** The proper end. */
  close(): void;
}

/** Watched deaths on one message before it is refused: the one before them is not watched. */
const WATCHED_DEATHS = 2;
/** How many deaths that makes in all. */
export const DEATHS = WATCHED_DEATHS + 1;
const CAREFUL_MS = 60_000;
const MOST_LINES = 10_000;

/** @param dir the folder of the host; `taking.log` in it. */
export function openPoison(dir: string, clock: Clock): Poison {
  const file = join(dir, 'taking.log');
  mkdirSync(dir, { recursive: true });
  const { deaths, ended } = read(file);
  let carefulUntil = ended ? 0 : clock.now() + CAREFUL_MS;
  let lines = 0;
  let fd = -1;
  /** Begins the file anew; it says that the life goes on until it says otherwise. */
  const compact = (): void => {
    const marks = [...deaths].map(([key, count]) => `x${count} ${key}\n`).join('');
    if (fd >= 0) closeSync(fd);
    writeFileSync(file, `open\n${marks}`);
    fd = openSync(file, 'a');
    lines = 0;
  };
  const append = (text: string): void => {
    lines += 1;
    try {
      if (lines > MOST_LINES) compact();
      writeSync(fd, `${text}\n`);
    } catch {
      // A full disk: a mark that is missing only lets a message be tried once more.
    }
  };
  const isWatched = (): boolean => {
    if (carefulUntil === 0) return false;
    if (clock.now() <= carefulUntil) return true;
    carefulUntil = 0;
    for (const [key, count] of deaths) if (count < WATCHED_DEATHS) deaths.delete(key); // it never came again
    return false;
  };
  const forget = (key: string): void => {
    if (deaths.delete(key)) append(`-${key}`);
  };
  compact();
  return {
    taking(address, id) {
      if (carefulUntil === 0 && deaths.size === 0) return true;
      const key = keyOf(address, id);
      if ((deaths.get(key) ?? 0) >= WATCHED_DEATHS) return false;
      if (isWatched() || deaths.has(key)) append(`+${key}`);
      return true;
    },
    taken(address, id) {
      if (carefulUntil === 0 && deaths.size === 0) return;
      const key = keyOf(address, id);
      const known = deaths.delete(key);
      if (carefulUntil > 0 || known) append(`-${key}`);
    },
    pardon: (address, id) => forget(keyOf(address, id)),
    close() {
      if (fd < 0) return;
      append('ended');
      closeSync(fd);
      fd = -1;
    },
  };
}

const keyOf = (address: string, id: string): string => `${address} ${JSON.stringify(id)}`; // an id is anybody's text
/** The watched deaths by message, and whether the last life had a proper end. */
function read(file: string): { deaths: Map<string, number>; ended: boolean } {
  const deaths = new Map<string, number>();
  const dangling = new Set<string>();
  let text = 'ended';
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    // the first life
  }
  let last = '';
  for (const line of text.split('\n')) {
    const [mark, rest] = [line[0], line.slice(1)];
    if (line !== '') last = line;
    if (mark === '+') dangling.add(rest);
    if (mark === '-') {
      dangling.delete(rest);
      deaths.delete(rest);
    }
    if (mark === 'x') deaths.set(rest.slice(rest.indexOf(' ') + 1), Number(rest.slice(0, rest.indexOf(' '))));
  }
  for (const key of dangling) deaths.set(key, (deaths.get(key) ?? 0) + 1);
  return { deaths, ended: last === 'ended' };
}
