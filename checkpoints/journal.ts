/**
 * The journal: one append-only file of records per life of a host, and the point at which its turns become durable.
 *
 * Guarantees. Records are on disk in the order of the calls, and a crash leaves a prefix of them: whoever sees the effect
 * of a later record sees that of every earlier one. All records of one turn of the event loop share one write and one
 * flush. Each bears its length, a CRC over all the rest, and the number of the life that wrote it (the fence); a life
 * writes only files of its own, so a process that was thought dead and comes back harms nothing. Files are written full
 * of zeros before they are used: a flush then changes no size. A record that is cut short or flipped ends its file: what
 * stands behind it is reported, never guessed at.
 *
 * A full disk is waited out: the records stay in memory in their order and are tried again. Any other fault of the disk
 * ends the journal, since nobody knows what a failed flush has left behind.
 *
 * File `<fence>-<number>.seg`. Record: length u32, crc u32, fence u32, number u32, then the payload; little-endian.
 */
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { fail, type RunnerError } from '../runtime/errors.js';

/** What a confirmed record survives: loss of power, or only loss of the process. */
export type Flush = 'fsync' | 'process';

export interface Position {
  fence: number;
  segment: number;
  offset: number;
}
export interface Journal {
  readonly fence: number;
  /** Appends a record; `done` is called when it is durable, or with the fault that ended the journal. */
  append(record: Encode, done: (error: RunnerError | null) => void): void;
  /**
   * Parts what is before from what comes: `begin` is called when every record appended from then on will stand behind
   * all that waits, `then` with the place between them, once all before it has been told, and nothing behind it. Both
   * at once where nothing waits.
   */
  cut(begin: () => void, then: (at: Position) => void): void;
  /** Bytes in files of this life. */
  bytes(): number;
  /** Why nothing can be written at present; null: it can. */
  trouble(): RunnerError | null;
  /** Resolves when nothing waits. */
  settled(): Promise<void>;
  /** Waits for a full disk no longer: what would have waited fails. */
  hurry(): void;
  /** Writes what waits, and ends it. */
  close(): Promise<void>;
}
/** Writes a record's payload at an offset, where there is room for `room` bytes. @returns bytes written; -1: too little room. */
export type Encode = (into: Buffer, offset: number, room: number) => number;

export const HEADER = 16;
const FIRST_BYTES = 1 << 20;
const MOST_BYTES = 64 << 20;
/** Up to so many records are flushed on the spot: for a lone writer the way through a thread costs more. */
const FEW = 4;
const FULL_AGAIN_MS = 500;
const isFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');

export const segmentName = (fence: number, segment: number): string =>
  `${String(fence).padStart(8, '0')}-${String(segment).padStart(6, '0')}.seg`;

/** The files of a journal, oldest first. */
export const segmentsIn = (dir: string): { fence: number; segment: number; path: string }[] => {
  let names: string[];
  try {
    names = readdirSync(dir);
  } catch {
    return []; // no journal yet
  }
  return names.sort().flatMap((name) => {
    const match = /^(\d{8})-(\d{6})\.seg$/.exec(name);
    return match ? [{ fence: Number(match[1]), segment: Number(match[2]), path: join(dir, name) }] : [];
  });
};

interface Segment {
  fd: number;
  number: number;
  size: number;
}

/**
 * Starts a life's journal.
 * @param log hears when the disk has become full, and null when there is room again.
 * @throws STATE_UNWRITABLE
 */
export function openJournal(
  dir: string,
  fence: number,
  flush: Flush,
  log: (full: RunnerError | null) => void = () => undefined,
): Journal {
  const unwritable = (error: unknown): RunnerError =>
    fail('STATE_UNWRITABLE', { path: dir, reason: (error as NodeJS.ErrnoException).code ?? error }, error);

  /** Room that is there when it is needed, even on a disk that has filled up meanwhile. */
  const make = (number: number, size: number): Segment => {
    const path = join(dir, segmentName(fence, number));
    const fd = openSync(path, 'wx', 0o600);
    try {
      const zeros = Buffer.alloc(Math.min(size, 1 << 20));
      for (let at = 0; at < size; at += zeros.length) writeSync(fd, zeros, 0, Math.min(zeros.length, size - at), at);
      if (flush === 'fsync') {
        fsyncSync(fd);
        const folder = openSync(dir, 'r');
        fsyncSync(folder);
        closeSync(folder);
      }
      return { fd, number, size };
    } catch (error) {
      closeSync(fd);
      unlinkSync(path);
      throw error;
    }
  };

  let current: Segment;
  try {
    mkdirSync(dir, { recursive: true });
    current = make(1, FIRST_BYTES);
  } catch (error) {
    throw unwritable(error);
  }
  let offset = 0;
  let made = current.size;
  let number = 0;
  /** Encoded and not yet handed to the disk. */
  let gathering = {
    bytes: Buffer.allocUnsafe(256 * 1024),
    length: 0,
    waiting: [] as ((e: RunnerError | null) => void)[],
  };
  let spare = { bytes: Buffer.allocUnsafe(256 * 1024), length: 0, waiting: [] as ((e: RunnerError | null) => void)[] };
  let scheduled = false;
  let writing = false;
  let closed = false;
  let hurried = false;
  let dead: RunnerError | null = null;
  let full: RunnerError | null = null;
  const idle: (() => void)[] = [];
  type Cut = { begin: () => void; then: (at: Position) => void };
  let wanted: Cut[] = [];
  /** Behind the batch that is being written. */
  let cutting: Cut[] = [];
  const end = (): Position => ({ fence, segment: current.number, offset });

  const schedule = (): void => {
    if (scheduled || writing) return;
    scheduled = true;
    setImmediate(start);
  };
  const settle = (batch: typeof gathering, error: RunnerError | null): void => {
    const { waiting } = batch;
    batch.waiting = [];
    batch.length = 0;
    writing = false;
    for (const done of waiting) done(error);
    for (const { then } of cutting.splice(0)) then(end());
    if (gathering.waiting.length > 0) return schedule();
    for (const { begin, then } of wanted.splice(0)) {
      begin();
      then(end());
    }
    for (const done of idle.splice(0)) done();
  };
  const die = (batch: typeof gathering, error: unknown): void => {
    dead = unwritable(error);
    const later = gathering.waiting;
    gathering.waiting = [];
    gathering.length = 0;
    settle(batch, dead);
    for (const done of later) done(dead);
    for (const done of idle.splice(0)) done();
  };
  /** The batch fits in one file, whole. */
  const makeRoom = (length: number): void => {
    if (offset + length <= current.size) return;
    const next = make(current.number + 1, Math.max(Math.min(current.size * 4, MOST_BYTES), length + HEADER));
    closeSync(current.fd);
    current = next;
    made += next.size;
    offset = 0;
  };
  const start = (): void => {
    scheduled = false;
    if (dead || gathering.waiting.length === 0) return;
    writing = true;
    const batch = gathering;
    gathering = spare;
    spare = batch;
    cutting = wanted;
    wanted = [];
    for (const { begin } of cutting) begin();
    put(batch);
  };
  const put = (batch: typeof gathering): void => {
    const failed = (error: unknown): void => {
      if (!isFull(error)) return die(batch, error);
      if (hurried) return die(batch, error);
      if (!full) log(unwritable(error));
      full = unwritable(error);
      setTimeout(() => put(batch), FULL_AGAIN_MS);
    };
    try {
      makeRoom(batch.length);
    } catch (error) {
      return failed(error);
    }
    const { fd } = current;
    const { bytes, length, waiting } = batch;
    const done = (): void => {
      offset += length;
      if (full) log(null);
      full = null;
      settle(batch, null);
    };
    if (waiting.length <= FEW) {
      try {
        for (let at = 0; at < length; ) at += writeSync(fd, bytes, at, length - at, offset + at);
        if (flush === 'fsync') fdatasyncSync(fd);
      } catch (error) {
        return failed(error);
      }
      return done();
    }
    const writeFrom = (at: number): void =>
      write(fd, bytes, at, length - at, offset + at, (error, written) => {
        if (error) return failed(error);
        if (at + written < length) return writeFrom(at + written);
        if (flush !== 'fsync') return done();
        fdatasync(fd, (unsynced) => (unsynced ? die(batch, unsynced) : done()));
      });
    writeFrom(0);
  };

  const settled = async (): Promise<void> => {
    if (!dead && (writing || gathering.waiting.length > 0)) await new Promise<void>((done) => idle.push(done));
  };

  return {
    fence,
    append(encode, done) {
      if (dead) return done(dead);
      if (closed) return done(unwritable(new Error('the journal is closed')));
      let written: number;
      for (;;) {
        const room = gathering.bytes.length - gathering.length - HEADER;
        written = room < 0 ? -1 : encode(gathering.bytes, gathering.length + HEADER, room);
        if (written >= 0) break;
        const larger = Buffer.allocUnsafe(gathering.bytes.length * 2);
        gathering.bytes.copy(larger, 0, 0, gathering.length);
        gathering.bytes = larger;
      }
      const { bytes, length } = gathering;
      number = (number + 1) >>> 0;
      bytes.writeUInt32LE(written, length);
      bytes.writeUInt32LE(fence, length + 8);
      bytes.writeUInt32LE(number, length + 12);
      bytes.writeUInt32LE(crc32(bytes.subarray(length + 8, length + HEADER + written)), length + 4);
      gathering.length = length + HEADER + written;
      gathering.waiting.push(done);
      schedule();
    },
    cut(begin, then) {
      if (!dead && (writing || gathering.waiting.length > 0)) return void wanted.push({ begin, then });
      begin();
      then(end());
    },
    bytes: () => made,
    trouble: () => dead ?? full,
    settled,
    hurry() {
      hurried = true;
    },
    async close() {
      if (closed) return;
      closed = true;
      hurried = true;
      await settled();
      closeSync(current.fd);
    },
  };
}

export interface Damage {
  path: string;
  offset: number;
  /** Bytes behind it that are no zeros: what may have been there. */
  bytes: number;
  reason: string;
}
export interface ReadSegment {
  fence: number;
  segment: number;
  path: string;
  /** Offset behind the last whole record. */
  end: number;
  damage: Damage | null;
}

/**
 * Hands every whole record of one file to `take`, in order, from an offset on.
 * @param take gets the file's bytes, and where in them the record's payload lies.
 */
export function readSegment(
  { fence, segment, path }: { fence: number; segment: number; path: string },
  from: number,
  take: (bytes: Buffer, start: number, end: number) => void,
): ReadSegment {
  const bytes = readFileSync(path);
  let at = from;
  let last: number | null = null;
  const damaged = (reason: string): ReadSegment => {
    let rest = bytes.length;
    while (rest > at && bytes[rest - 1] === 0) rest -= 1;
    return { fence, segment, path, end: at, damage: { path, offset: at, bytes: rest - at, reason } };
  };
  for (;;) {
    if (at + HEADER > bytes.length) {
      for (let n = at; n < bytes.length; n += 1) if (bytes[n] !== 0) return damaged('a header cut short');
      return { fence, segment, path, end: at, damage: null };
    }
    const length = bytes.readUInt32LE(at);
    if (length === 0) {
      // The zeros of a file that was never full; anything else behind them is a record whose start was lost.
      if (!isZero(bytes, at)) return damaged('a record without its start');
      return { fence, segment, path, end: at, damage: null };
    }
    const end = at + HEADER + length;
    if (end > bytes.length) return damaged('a record cut short');
    if (crc32(bytes.subarray(at + 8, end)) !== bytes.readUInt32LE(at + 4)) return damaged('a record with a wrong CRC');
    if (bytes.readUInt32LE(at + 8) !== fence) return damaged('a record of another life');
    const number = bytes.readUInt32LE(at + 12);
    if (last !== null && number !== (last + 1) >>> 0) return damaged('a record out of order');
    last = number;
    take(bytes, at + HEADER, end);
    at = end;
  }
}
const ZEROS = Buffer.alloc(1 << 16);
const isZero = (bytes: Buffer, from: number): boolean => {
  for (let at = from; at < bytes.length; at += ZEROS.length) {
    const part = bytes.subarray(at, at + ZEROS.length);
    if (part.compare(ZEROS, 0, part.length) !== 0) return false;
  }
  return true;
};
