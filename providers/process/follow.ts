/**
 * Reading a log on from where one has come to, while it grows and is rotated (log-file.ts): no line twice, none left
 * out unless it was rotated away unread, and then that is told.
 *
 * A place in a log is `<file>:<offset>`, and a file is known by its inode with its time of birth: a rotation renames it,
 * and the number alone is used again at once.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { plain, shorten } from './tail.js';

export interface Piece {
  lines: string[];
  /** For the next call; empty: there is no log yet. */
  at: string;
  /** There is more to read at once. */
  more: boolean;
  /** What followed the place before is gone. */
  missed: boolean;
}
interface Part {
  fd: number;
  id: string;
  size: number;
}

/**
 * What a log holds after a place.
 * @param at of the piece before; null: from the beginning.
 * @param bytes the most that is read.
 * @param rest a last line without its end counts as well: nobody writes any more.
 */
export function readOn(path: string, at: string | null, bytes: number, rest: boolean): Piece {
  return withParts(path, (parts) => {
    if (parts.length === 0) return { lines: [], at: at ?? '', more: false, missed: false };
    const [id, offset] = [at?.split(':')[0] ?? '', Number(at?.split(':')[1])];
    let from = parts.findIndex((part) => part.id === id && offset >= 0 && offset <= part.size);
    const missed = from < 0 && id !== '';
    if (from < 0) from = 0;
    return piece(parts.slice(from), missed || id === '' ? 0 : offset, bytes, rest, missed);
  });
}

/** The last lines of a log and the place after them. */
export function readEnd(path: string, lines: number, bytes: number, rest: boolean): Piece {
  return withParts(path, (parts) => {
    if (parts.length === 0) return { lines: [], at: '', more: false, missed: false };
    let from = parts.length - 1;
    let offset = Math.max(0, parts[from]!.size - bytes);
    if (offset === 0 && from > 0) {
      from -= 1;
      offset = Math.max(0, parts[from]!.size - (bytes - parts[from + 1]!.size));
    }
    const read = piece(parts.slice(from), offset, Number.MAX_SAFE_INTEGER, rest, false);
    // Where it begins in the middle its first line has no beginning.
    const isCut = (from > 0 || offset > 0) && read.lines.length > 1;
    return { ...read, lines: (isCut ? read.lines.slice(1) : read.lines).slice(-lines) };
  });
}

function piece(parts: Part[], offset: number, bytes: number, rest: boolean, missed: boolean): Piece {
  const held: Buffer[] = [];
  let wanted = bytes;
  for (const [n, { fd, size }] of parts.entries()) {
    const start = n === 0 ? offset : 0;
    const data = readAt(fd, start, Math.min(wanted, size - start));
    wanted -= data.length;
    held.push(data);
    if (data.length < size - start) break;
  }
  const data = Buffer.concat(held);
  const isFull = wanted <= 0;
  let end = data.lastIndexOf(10) + 1;
  if (isFull && end === 0)
    end = characterEnd(data); // a line longer than one may read is told in pieces
  else if (rest && !isFull) end = data.length;
  const lines = plain(data.subarray(0, end).toString('utf8')).split('\n');
  if (lines.at(-1) === '') lines.pop();
  let [n, place] = [0, offset + end];
  // At the end of a part that is followed by another the place is in that: the first may be gone by the next time.
  while (n < parts.length - 1 && place >= parts[n]!.size) place -= parts[n++]!.size;
  return { lines: lines.map(shorten), at: `${parts[n]!.id}:${place}`, more: isFull && end > 0, missed };
}

/** Hands over the log and its predecessor, those that are there, oldest first. */
function withParts<T>(path: string, read: (parts: Part[]) => T): T {
  // The log first: a rotation in between then shows it a second time, and leaves no gap.
  const current = openPart(path);
  const before = openPart(`${path}.1`);
  const parts = [before, current].filter((part) => part !== null);
  try {
    return read(before !== null && before.id === current?.id ? [current] : parts);
  } finally {
    for (const { fd } of parts) closeSync(fd);
  }
}

function openPart(path: string): Part | null {
  try {
    const fd = openSync(path, 'r');
    const { ino, birthtimeNs, size } = fstatSync(fd, { bigint: true });
    return { fd, id: `${ino.toString(36)}.${birthtimeNs.toString(36)}`, size: Number(size) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null; // none yet, or it is being rotated
    throw error;
  }
}

function readAt(fd: number, from: number, length: number): Buffer {
  const data = Buffer.alloc(Math.max(0, length));
  let read = 0;
  while (read < data.length) {
    const got = readSync(fd, data, read, data.length - read, from + read);
    if (got === 0) break;
    read += got;
  }
  return data.subarray(0, read);
}

/** Where the last whole character of a text ends. */
function characterEnd(data: Buffer): number {
  for (let end = data.length; end > data.length - 4 && end > 0; end--) {
    const byte = data[end - 1]!;
    if (byte < 0x80) return end;
    if (byte >= 0xc0) return end - 1;
  }
  return data.length; // no UTF-8
}
