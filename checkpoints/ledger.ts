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
  close(): void;
}

function openAppender(path: string, chained: boolean): Appender {
  mkdirSync(dirname(path), { recursive: true });
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const lines = whole(text).map((line) => JSON.parse(line) as AuditLine);
  const fd = openSync(path, 'a', 0o600);
  const end = text.lastIndexOf('\n') + 1;
  if (end < text.length) ftruncateSync(fd, Buffer.byteLength(text.slice(0, end)));
  const ids = new Set(lines.map(({ id }) => id));
  let seq = lines.at(-1)?.seq ?? 0;
  let prev = lines.at(-1)?.hash ?? FIRST;
  let dirty = false;
  let closed = false;
  let flushing: Promise<void> | null = null;
  return {
    append(line) {
      if (ids.has(line.id) || closed) return;
      ids.add(line.id);
      seq += 1;
      const rest = { seq, ...line };
      const hash = chained ? hashOf(prev, rest) : '';
      writeSync(fd, `${JSON.stringify(chained ? { ...rest, prev, hash } : rest)}\n`);
      prev = hash;
      dirty = true;
    },
    async sync() {
      if (flushing) await flushing; // one already under way may have begun before our line
      if (!dirty || closed) return;
      dirty = false;
      flushing = flush(fd).finally(() => {
        flushing = null;
      });
      await flushing;
    },
    close() {
      if (!closed) closeSync(fd);
      closed = true;
    },
  };
}

/** @param state the state folder. */
export function openLedger(state: string): Ledger {
  const open = new Map<string, { facts: Appender | null; audit: Appender }>();
  const of = (run: string) => {
    let entry = open.get(run);
    if (!entry) {
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
      for (const { facts, audit } of open.values()) {
        facts?.close();
        audit.close();
      }
      open.clear();
    },
  };
}
