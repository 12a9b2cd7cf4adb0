/**
 * One turn as bytes of the journal: whose it is, the checkpoint, the lines for the run's ledger. The address stands before
 * the JSON, so that a journal is folded to its newest checkpoints without parsing the rest.
 *
 * What is larger than 64 KB inside a checkpoint (a plan, a result) goes to `blobs/<sha256>` of its run and is named there
 * by its hash: `{"$blob": sha256, "bytes": n}`. It is on disk before the record that names it. An object of an actor that
 * looks like one of ours is wrapped in `{"$literal": …}`.
 */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Checkpoint, Line, Turn } from '../runtime/store.js';
import { addressOf } from '../runtime/subjects.js';
import type { Encode } from './journal.js';
import { type Patch, patched, patchOf } from './patch.js';

/** Values whose JSON is longer go to a file of their own. */
export const BLOB_CHARS = 64 * 1024;
const HEAD = 16;
const [WHOLE, CHANGE] = [1, 2];

/** What a record says of a checkpoint: all of it, or what has changed since the record `onto` of the same actor. */
export interface Written {
  text: string;
  /** Number of this turn among all of its life. */
  serial: number;
  /** 0: all of it. */
  onto: number;
}

/**
 * Payload: address length u16, what it is u16, checkpoint length u32, serial u32, the serial it changes u32; then
 * address, checkpoint or change, lines.
 */
export function encodeTurn({ checkpoint, facts, audit }: Turn, { text, serial, onto }: Written): Encode {
  const address = addressOf(checkpoint);
  const lines = facts.length + audit.length === 0 ? '' : JSON.stringify({ f: facts, a: audit });
  return (into, offset, room) => {
    const most = HEAD + address.length + (text.length + lines.length) * 3;
    if (room < most && room < HEAD + address.length + Buffer.byteLength(text) + Buffer.byteLength(lines)) return -1;
    let at = offset + HEAD;
    at += into.write(address, at, 'latin1');
    const length = into.write(text, at);
    at += length;
    if (lines !== '') at += into.write(lines, at);
    into.writeUInt16LE(address.length, offset);
    into.writeUInt16LE(onto === 0 ? WHOLE : CHANGE, offset + 2);
    into.writeUInt32LE(length, offset + 4);
    into.writeUInt32LE(serial, offset + 8);
    into.writeUInt32LE(onto, offset + 12);
    return at - offset;
  };
}

/** Where the parts of a record lie in the bytes of its file. */
export interface Parts {
  address: string;
  bytes: Buffer;
  serial: number;
  /** The serial it changes; 0: it is whole. */
  changes: number;
  /** The record it changes, once that was found. */
  onto: Parts | null;
  checkpointAt: number;
  linesAt: number;
  end: number;
}
/** @returns null when the record is not one of ours. */
export function partsOf(bytes: Buffer, start: number, end: number): Parts | null {
  if (end - start < 8) return null;
  const addressLength = bytes.readUInt16LE(start);
  const isFirstForm = bytes.readUInt16LE(start + 2) === 0; // of before there were changes
  const addressAt = start + (isFirstForm ? 8 : HEAD);
  const checkpointAt = addressAt + addressLength;
  const linesAt = checkpointAt + bytes.readUInt32LE(start + 4);
  if (linesAt > end) return null;
  const address = bytes.toString('latin1', addressAt, checkpointAt);
  const serial = isFirstForm ? 0 : bytes.readUInt32LE(start + 8);
  const changes = isFirstForm ? 0 : bytes.readUInt32LE(start + 12);
  return { address, bytes, serial, changes, onto: null, checkpointAt, linesAt, end };
}
/** The checkpoint that a record leaves. @throws when a blob is missing or is not what its name says. */
export function checkpointOf({ bytes, onto, checkpointAt, linesAt }: Parts, folder: string): Checkpoint {
  const text = bytes.toString('utf8', checkpointAt, linesAt);
  if (!onto) return parseCheckpoint(text, folder) as Checkpoint;
  return patched(checkpointOf(onto, folder), JSON.parse(text) as Patch) as Checkpoint;
}
export const linesOf = ({ bytes, linesAt, end }: Parts): { f: Line[]; a: Line[] } | null =>
  linesAt === end ? null : (JSON.parse(bytes.toString('utf8', linesAt, end)) as { f: Line[]; a: Line[] });

/** A change longer than this share of the whole is written as the whole. */
const WORTH = 0.75;
/** So many changes may stand on one whole. */
const MOST_CHANGES = 100;
interface Last {
  checkpoint: Checkpoint;
  serial: number;
  /** Characters of the whole that the changes since stand on, and how many they are. */
  whole: number;
  changes: number;
}
/** Puts the turns of a life into words, one after the other: whole, or as what has changed. */
export interface Writer {
  /** @throws what the disk says of a blob. */
  put(checkpoint: Checkpoint, folder: string): Written;
  /** What comes from here on must be readable without what came before. */
  fresh(): void;
}
export function openWriter(): Writer {
  const known = new Map<string, Last>();
  let serial = 0;
  return {
    fresh: () => known.clear(),
    put(checkpoint, folder) {
      const address = addressOf(checkpoint);
      const last = known.get(address);
      serial += 1;
      if (last && last.changes < MOST_CHANGES) {
        const text = JSON.stringify(patchOf(last.checkpoint, checkpoint) ?? {});
        if (text.length < last.whole * WORTH && !isMarked(text)) {
          const onto = last.serial;
          known.set(address, { checkpoint, serial, whole: last.whole, changes: last.changes + 1 });
          return { text, serial, onto };
        }
      }
      const text = stringifyCheckpoint(checkpoint, folder);
      known.set(address, { checkpoint, serial, whole: text.length, changes: 0 });
      return { text, serial, onto: 0 };
    },
  };
}

const isMarked = (text: string): boolean =>
  text.includes('"$') && (text.includes('"$blob"') || text.includes('"$literal"'));
const NAME_CHARS = 100;
const large = new WeakMap<object, { $blob: string; bytes: number }>();

/** The folder of the blobs of a run's folder, or of the state folder. */
export const blobFolder = (bundle: string): string => join(bundle, 'blobs');
/** A checkpoint as JSON, what is large in it written to blobs first. @throws what the disk says. */
export function stringifyCheckpoint(checkpoint: Checkpoint, folder: string): string {
  const text = JSON.stringify(checkpoint);
  return text.length <= BLOB_CHARS && !isMarked(text) ? text : JSON.stringify(shrink(checkpoint, folder));
}
/** The same checkpoint with its large parts named instead of held. */
export function shrunk(checkpoint: Checkpoint, folder: string): Checkpoint {
  const text = JSON.stringify(checkpoint);
  return text.length <= BLOB_CHARS && !isMarked(text) ? checkpoint : shrink(checkpoint, folder);
}
const shrink = (checkpoint: Checkpoint, folder: string): Checkpoint => ({
  ...checkpoint,
  state: { ...checkpoint.state, context: named(checkpoint.state.context, folder).stands },
  owed: checkpoint.owed.map((effect) => ({ ...effect, params: named(effect.params, folder).stands })),
  answers: Object.fromEntries(
    Object.entries(checkpoint.answers).map(([id, { fact, until }]) => [
      id,
      { fact: named(fact, folder).stands as typeof fact, until },
    ]),
  ),
});
/** A record of parts none of which is longer is a table, which an actor changes with every turn: it is no blob. */
const TABLE_PART = BLOB_CHARS / 8;
/** What stands for a value, and how many characters of it count; those of a table do not. */
function named(value: unknown, folder: string): { stands: unknown; chars: number } {
  const known = value !== null && typeof value === 'object' ? large.get(value) : undefined;
  if (known && existsSync(join(folder, known.$blob))) return { stands: known, chars: NAME_CHARS };
  const text = JSON.stringify(value) ?? '';
  const isSmall = text.length <= BLOB_CHARS && !isMarked(text);
  if (isSmall || value === null || typeof value !== 'object') return { stands: value, chars: text.length };
  const parts = Object.entries(value).map(([key, part]) => ({ key, ...named(part, folder) }));
  const chars = parts.reduce((sum, part) => sum + part.key.length + part.chars, 0);
  const isTable = !Array.isArray(value) && parts.every((part) => part.chars <= TABLE_PART);
  if (chars > BLOB_CHARS && !isTable) {
    const reference = { $blob: writeBlob(folder, text), bytes: Buffer.byteLength(text) };
    large.set(value, reference);
    return { stands: reference, chars: NAME_CHARS };
  }
  const smaller = Array.isArray(value)
    ? parts.map(({ stands }) => stands)
    : Object.fromEntries(parts.map(({ key, stands }) => [key, stands]));
  const stands = '$blob' in value || '$literal' in value ? { $literal: smaller } : smaller;
  return { stands, chars: chars > BLOB_CHARS ? 0 : chars };
}
function writeBlob(folder: string, text: string): string {
  const hash = createHash('sha256').update(text).digest('hex');
  const path = join(folder, hash);
  if (existsSync(path)) return hash;
  mkdirSync(folder, { recursive: true });
  const beside = `${path}.${process.pid}.tmp`;
  const fd = openSync(beside, 'w', 0o600);
  try {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(beside, path);
  const dir = openSync(folder, 'r');
  fsyncSync(dir);
  closeSync(dir);
  return hash;
}

/** Puts the blobs back in place. @throws when one is missing or is not what its name says. */
export function parseCheckpoint(text: string, folder: string): unknown {
  const value: unknown = JSON.parse(text);
  return isMarked(text) ? whole(value, folder) : value;
}
function whole(value: unknown, folder: string): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((part) => whole(part, folder));
  const { $blob: hash, $literal: literal } = value as { $blob?: unknown; $literal?: unknown };
  if (typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash)) {
    const text = readFileSync(join(folder, hash), 'utf8');
    if (createHash('sha256').update(text).digest('hex') !== hash) throw new Error(`blobs/${hash} is not what it was`);
    const held: unknown = JSON.parse(text);
    if (held !== null && typeof held === 'object') large.set(held, value as { $blob: string; bytes: number });
    return held;
  }
  const parts = (literal ?? value) as Record<string, unknown>;
  return Object.fromEntries(Object.entries(parts).map(([key, part]) => [key, whole(part, folder)]));
}
