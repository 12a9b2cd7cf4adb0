/**
 * The memory of a run in two append-only files: `facts.ndjson`, all facts in commit order, and `audit.log`, its
 * commands, decisions and fixes, each line chained to the one before by `hash = sha256(prev + canonical JSON of the rest)`.
 *
 * Guarantees: lines are appended in the order of the calls; an id already there is dropped, so that a fact owed twice
 * stands once; a last line cut short by a crash is cut off at opening. `sync` resolves when all that was appended is
 * flushed. System actors' audit is `checkpoints/admin_audit.log`.
 */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fdatasync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { fail } from '../runtime/errors.js';
import type { Ledger, Line } from '../runtime/store.js';

const flush = promisify(fdatasync);

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
  sync(): Promise<void>;
  close(): Promise<void>;
  /** Nothing waits to be flushed. */
  isClean(): boolean;
}
/** Runs whose files are kept open; more only while they are written to. */
const KEPT_OPEN = 32;

/** A line that a broken disk left is no reason to take no more of them; brokenAt tells of it. */
const readable = (line: string): AuditLine[] => {
  try {
    return [JSON.parse(line) as AuditLine];
  } catch {
    return [];
  }
};

function openAppender(path: string, chained: boolean): Appender {
  mkdirSync(dirname(path), { recursive: true });
  const data = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  const lines = whole(data.toString('utf8')).flatMap(readable);
  const fd = openSync(path, 'a', 0o600);
  let size = data.lastIndexOf(10) + 1;
  if (size < data.length) ftruncateSync(fd, size);
  const ids = new Set(lines.map(({ id }) => id));
  let seq = lines.at(-1)?.seq ?? 0;
  let prev = lines.at(-1)?.hash ?? FIRST;
  /** Bytes known to be on disk. */
  let flushed = size;
  let closed = false;
  let flushing: Promise<void> | null = null;
  const flushNow = async (): Promise<void> => {
    const upTo = size;
    try {
      await flush(fd);
      flushed = upTo;
    } finally {
      flushing = null;
    }
  };
  /** All of it or nothing: a disk that fills up must not leave half a line in the middle. */
  const write = (text: string): void => {
    const bytes = Buffer.from(text);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    } catch (error) {
      ftruncateSync(fd, size);
      throw fail('STATE_UNWRITABLE', { path, reason: (error as NodeJS.ErrnoException).code ?? error }, error);
    }
    size += bytes.length;
  };
  return {
    isClean: () => flushed === size && flushing === null,
    append(line) {
      if (ids.has(line.id) || closed) return;
      const rest = { seq: seq + 1, ...line };
      const hash = chained ? hashOf(prev, rest) : '';
      write(`${JSON.stringify(chained ? { ...rest, prev, hash } : rest)}\n`);
      ids.add(line.id);
      seq += 1;
      prev = hash;
    },
    async sync() {
      for (const wanted = size; flushed < wanted && !closed; ) {
        flushing ??= flushNow();
        await flushing;
      }
    },
    async close() {
      if (closed) return;
      closed = true;
      await flushing?.catch(() => undefined); // told to those who wait for it
      closeSync(fd);
    },
  };
}

/** @param state the state folder. */
export function openLedger(state: string): Ledger {
  const open = new Map<string, { facts: Appender | null; audit: Appender }>();
  const of = (run: string) => {
    let entry = open.get(run);
    if (entry) {
      open.delete(run); // the least recently used come first
      open.set(run, entry);
    } else {
      for (const [other, { facts, audit }] of open) {
        if (open.size < KEPT_OPEN) break;
        if (other === 'sys' || facts?.isClean() === false || !audit.isClean()) continue;
        open.delete(other);
        void facts?.close();
        void audit.close();
      }
      entry =
        run === 'sys'
          ? { facts: null, audit: openAppender(join(state, 'checkpoints', 'admin_audit.log'), true) }
          : {
              facts: openAppender(join(state, 'runs', run, 'facts.ndjson'), false),
              audit: openAppender(join(state, 'runs', run, 'audit.log'), true),
            };
      open.set(run, entry);
    }
    return entry;
  };
  return {
    append(run, facts, audit) {
      if (facts.length + audit.length === 0) return;
      const entry = of(run);
      for (const line of facts) entry.facts?.append(line);
      for (const line of audit) entry.audit.append(line);
    },
    async sync(run) {
      const entry = open.get(run);
      await Promise.all([entry?.facts?.sync(), entry?.audit.sync()]);
    },
    async close() {
      const all = [...open.values()].flatMap(({ facts, audit }) => (facts ? [facts, audit] : [audit]));
      open.clear();
      await Promise.all(all.map((one) => one.close()));
    },
  };
}
