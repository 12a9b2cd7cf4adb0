/**
 * The memory of a run in two append-only files: `facts.ndjson`, all facts in commit order, and `audit.log`, its
 * commands, decisions and fixes, each line chained to the one before by `hash = sha256(prev + canonical JSON of the rest)`.
 *
 * Guarantees: lines are appended in the order of the calls; a last line cut short by a crash is cut off at opening, and
 * comes again from the journal, which holds every line until these files are on disk. System actors' audit is
 * `checkpoints/admin_audit.log`.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Line } from '../runtime/store.js';

/** JSON with sorted keys: the same value is always the same text. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );

export interface AuditLine extends Line {
  seq: number;
  prev: string;
  hash: string;
}
const FIRST = '0'.repeat(64);
const hashOf = (prev: string, rest: object): string =>
  createHash('sha256')
    .update(prev + canonical(rest))
    .digest('hex');

/** Checks a chain. @returns the number of the first line that does not follow, or null. */
export function brokenAt(lines: AuditLine[]): number | null {
  let prev = FIRST;
  for (const [n, line] of lines.entries()) {
    const { prev: claimed, hash, ...rest } = line;
    if (claimed !== prev || hashOf(prev, rest) !== hash) return n + 1;
    prev = hash;
  }
  return null;
}

/** The lines of an ndjson file; what a crash cut short at its end is left out. */
export function readLines<T>(path: string): T[] {
  return existsSync(path) ? whole(readFileSync(path, 'utf8')).map((line) => JSON.parse(line) as T) : [];
}
const whole = (text: string): string[] =>
  text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '');

interface Appender {
  append(line: Line): void;
  close(): void;
}
/** Runs whose files are kept open. */
const KEPT_OPEN = 256;
/** Longer than any line but for the odd one, which is looked for further back. */
const TAIL_BYTES = 64 * 1024;

/** A line that a broken disk left is no reason to take no more of them; brokenAt tells of it. */
const readable = (line: string): AuditLine[] => {
  try {
    return [JSON.parse(line) as AuditLine];
  } catch {
    return [];
  }
};
/** The whole lines at the end of a file, at least one if there is one, and where the last of them ends. */
function tailOf(fd: number, length: number): { lines: AuditLine[]; size: number } {
  for (let want = TAIL_BYTES; ; want *= 8) {
    const bytes = Buffer.alloc(Math.min(want, length));
    readSync(fd, bytes, 0, bytes.length, length - bytes.length);
    const size = length - bytes.length + bytes.lastIndexOf(10) + 1;
    const first = bytes.length === length ? 0 : bytes.indexOf(10) + 1;
    const lines = whole(bytes.toString('utf8', first)).flatMap(readable);
    if (lines.length > 0 || bytes.length === length) return { lines, size };
  }
}

/** @param dedupe drops lines whose id is there already: what a journal tells again after a crash. */
function openAppender(path: string, chained: boolean, dedupe: boolean): Appender {
  mkdirSync(dirname(path), { recursive: true });
  const fd = openSync(path, 'a+', 0o600);
  const { size: length } = fstatSync(fd);
  const tail = tailOf(fd, length);
  let { size } = tail;
  if (size < length) ftruncateSync(fd, size);
  const ids = dedupe
    ? new Set(
        whole(readFileSync(path, 'utf8'))
          .flatMap(readable)
          .map(({ id }) => id),
      )
    : null;
  let seq = tail.lines.at(-1)?.seq ?? 0;
  let prev = tail.lines.at(-1)?.hash ?? FIRST;
  /** All of it or nothing: a disk that fills up must not leave half a line in the middle. */
  const write = (text: string): void => {
    const bytes = Buffer.from(text);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    } catch (error) {
      ftruncateSync(fd, size);
      throw error;
    }
    size += bytes.length;
  };
  return {
    append(line) {
      if (ids?.has(line.id)) return;
      const rest = { seq: seq + 1, ...line };
      const hash = chained ? hashOf(prev, rest) : '';
      write(`${JSON.stringify(chained ? { ...rest, prev, hash } : rest)}\n`);
      ids?.add(line.id);
      seq += 1;
      prev = hash;
    },
    close: () => closeSync(fd),
  };
}

export interface Ledger {
  /** Appends in order. @throws what the disk says; the line is not there then. */
  fact(run: string, line: Line): void;
  audit(run: string, line: Line): void;
  close(): void;
}
/**
 * The ledgers of all runs of a state folder.
 * @param dedupe drops lines whose id is there already; it reads each file it opens whole.
 */
export function openLedger(state: string, { dedupe = false } = {}): Ledger {
  const open = new Map<string, Appender>();
  const of = (path: string, chained: boolean): Appender => {
    let one = open.get(path);
    if (!one) {
      if (open.size >= KEPT_OPEN) {
        const [oldest] = open.keys();
        open.get(oldest!)!.close();
        open.delete(oldest!);
      }
      one = openAppender(path, chained, dedupe);
    } else open.delete(path); // the least recently used come first
    open.set(path, one);
    return one;
  };
  return {
    fact(run, line) {
      if (run !== 'sys') of(join(state, 'runs', run, 'facts.ndjson'), false).append(line);
    },
    audit(run, line) {
      const path = run === 'sys' ? join('checkpoints', 'admin_audit.log') : join('runs', run, 'audit.log');
      of(join(state, path), true).append(line);
    },
    close() {
      for (const one of open.values()) one.close();
      open.clear();
    },
  };
}
