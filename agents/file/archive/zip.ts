/**
 * Reads zip archives by their central directory (stored and deflated entries, zip64, unix links). Encrypted entries and
 * other methods are refused. An entry never gives more bytes than its directory claims: a bomb stops at its own lie.
 * Written to PKWARE's APPNOTE 6.3.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { createInflateRaw } from 'node:zlib';
import { BrokenArchive, type Entry, type Item } from './entry.js';

const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const DIRECTORY_LIMIT_BYTES = 256 << 20;
const LINK_LIMIT_BYTES = 4_096;
const MADE_BY_UNIX = [3, 19];

interface Stored extends Entry {
  offset: number;
  packed: number;
  method: number;
}

export async function* readZip(path: string): AsyncGenerator<Item, void, void> {
  const file = await open(path, 'r');
  try {
    for (const stored of await readDirectory(file)) {
      if (stored.type === 'link') {
        const parts: Buffer[] = [];
        for await (const chunk of contentOf(file, stored)) parts.push(chunk);
        stored.target = Buffer.concat(parts);
      }
      yield { ...stored, content: () => contentOf(file, stored) };
    }
  } finally {
    await file.close();
  }
}

async function readDirectory(file: FileHandle): Promise<Stored[]> {
  const { size } = await file.stat();
  const tail = await readAt(file, Math.max(0, size - 65_557), Math.min(size, 65_557));
  let end = tail.length - 22;
  while (end >= 0 && tail.readUInt32LE(end) !== END) end--;
  if (end < 0) throw new BrokenArchive('its directory is missing');
  let count = tail.readUInt16LE(end + 10);
  let bytes = tail.readUInt32LE(end + 12);
  let offset = tail.readUInt32LE(end + 16);
  if (end >= 20 && tail.readUInt32LE(end - 20) === LOCATOR64) {
    const end64 = await readAt(file, Number(tail.readBigUInt64LE(end - 12)), 56);
    if (end64.readUInt32LE(0) !== END64) throw new BrokenArchive('its directory is damaged');
    count = Number(end64.readBigUInt64LE(32));
    bytes = Number(end64.readBigUInt64LE(40));
    offset = Number(end64.readBigUInt64LE(48));
  }
  if (bytes > DIRECTORY_LIMIT_BYTES || offset + bytes > size) throw new BrokenArchive('its directory is damaged');
  const directory = await readAt(file, offset, bytes);
  const entries: Stored[] = [];
  for (let at = 0, n = 0; n < count; n++) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== CENTRAL)
      throw new BrokenArchive('its directory is damaged');
    const name = directory.readUInt16LE(at + 28);
    const extra = directory.readUInt16LE(at + 30);
    const next = at + 46 + name + extra + directory.readUInt16LE(at + 32);
    if (next > directory.length) throw new BrokenArchive('its directory is damaged');
    entries.push(toStored(directory.subarray(at, next), name, extra));
    at = next;
  }
  return entries;
}

function toStored(row: Buffer, nameLength: number, extraLength: number): Stored {
  const madeBy = row[5]!;
  const unix = MADE_BY_UNIX.includes(madeBy) ? row.readUInt32LE(38) >>> 16 : 0;
  let name = Buffer.from(row.subarray(46, 46 + nameLength));
  // Some writers on Windows leave its own separators.
  if (madeBy === 0) name = Buffer.from(name.map((byte) => (byte === 0x5c ? 0x2f : byte)));
  const shown = name.toString('utf8');
  if (row.readUInt16LE(8) & 1) throw new BrokenArchive(`${shown} is encrypted`);
  const method = row.readUInt16LE(10);
  if (method !== 0 && method !== 8)
    throw new BrokenArchive(`${shown} is packed by method ${method}, known are 0 and 8`);
  let packed = row.readUInt32LE(20);
  let size = row.readUInt32LE(24);
  let offset = row.readUInt32LE(42);
  const extra = row.subarray(46 + nameLength, 46 + nameLength + extraLength);
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    let place = at + 4;
    const next = (): number => {
      if (place + 8 > extra.length) throw new BrokenArchive('its directory is damaged');
      place += 8;
      return Number(extra.readBigUInt64LE(place - 8));
    };
    if (size === 0xffffffff) size = next();
    if (packed === 0xffffffff) packed = next();
    if (offset === 0xffffffff) offset = next();
  }
  const link = (unix & 0o170000) === 0o120000;
  const folder = name.at(-1) === 0x2f || (unix & 0o170000) === 0o040000;
  if (link && size > LINK_LIMIT_BYTES) throw new BrokenArchive(`${shown} is a link of ${size} bytes`);
  const type = folder ? 'folder' : link ? 'link' : 'file';
  return {
    name,
    type,
    size: folder ? 0 : size,
    executable: (unix & 0o111) !== 0,
    target: null,
    offset,
    packed,
    method,
  };
}

async function* contentOf(file: FileHandle, { name, size, offset, packed, method }: Stored): AsyncGenerator<Buffer> {
  if (size === 0) return;
  const header = await readAt(file, offset, 30);
  if (header.readUInt32LE(0) !== LOCAL) throw new BrokenArchive(`${name.toString('utf8')} is not where it should be`);
  const start = offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  const raw = Readable.from(readRange(file, start, packed));
  // The loop below meets an error of either stream; the callback keeps it from being unhandled.
  const bytes = method === 0 ? raw : pipeline(raw, createInflateRaw(), () => undefined);
  let given = 0;
  for await (const chunk of bytes as AsyncIterable<Buffer>) {
    given += chunk.length;
    if (given > size) throw new BrokenArchive(`${name.toString('utf8')} holds more than the ${size} bytes it claims`);
    yield chunk;
  }
  if (given < size) throw new BrokenArchive(`${name.toString('utf8')} holds ${given} bytes, not the ${size} it claims`);
}

async function* readRange(file: FileHandle, start: number, length: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < length; ) {
    const chunk = await readAt(file, start + at, Math.min(65_536, length - at));
    at += chunk.length;
    yield chunk;
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, position + filled);
    if (bytesRead === 0) throw new BrokenArchive('it ends too early');
    filled += bytesRead;
  }
  return bytes;
}
