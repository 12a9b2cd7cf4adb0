/**
 * Reads tar archives, plain or gzipped: ustar, GNU long names and links, pax paths and sizes. Sparse files are refused.
 * Streams: nothing but one chunk is held in memory. Written to POSIX.1-2017 (pax) and the GNU tar manual's format page.
 */
import { createReadStream } from 'node:fs';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { BrokenArchive, type Entry, type Item } from './entry.js';

const BLOCK = 512;
/** A long name or pax header beyond this is an attack or an accident. */
const HEADER_LIMIT = 1 << 20;

export async function* readTar(path: string, gzip: boolean): AsyncGenerator<Item, void, void> {
  const input = new ByteReader(openBytes(path, gzip));
  try {
    let extra: Extra = {};
    for (;;) {
      const header = await input.take(BLOCK, true);
      if (header === null || header.every((byte) => byte === 0)) return;
      if (!checksumHolds(header)) throw new BrokenArchive('a header is damaged');
      const type = String.fromCharCode(header[156]!);
      const size = extra.size ?? readNumber(header.subarray(124, 136));
      if (!Number.isSafeInteger(size) || size < 0) throw new BrokenArchive('a header names an impossible size');
      if ('LKxgX'.includes(type)) {
        if (size > HEADER_LIMIT) throw new BrokenArchive(`a header of ${size} bytes`);
        const body = (await input.take(size, false))!;
        await input.skip(padding(size));
        if (type === 'L') extra.path = upToZero(body);
        else if (type === 'K') extra.target = upToZero(body);
        else if (type !== 'g') extra = { ...extra, ...readPax(body) };
        continue;
      }
      const entry = toEntry(header, type, size, extra);
      extra = {};
      // Links and folders carry no bytes, whatever the header says, but for old writers' folders.
      const bytes = entry === null || entry.type === 'file' ? size : 0;
      let left = bytes;
      if (entry !== null) {
        yield {
          ...entry,
          async *content() {
            while (left > 0) {
              const chunk = await input.some(left);
              left -= chunk.length;
              yield chunk;
            }
          },
        };
      }
      await input.skip(left + padding(bytes));
    }
  } finally {
    input.close();
  }
}

function openBytes(path: string, gzip: boolean): Readable {
  const file = createReadStream(path);
  if (!gzip) return file;
  // The reader meets the error on the stream it reads; the callback keeps it from being unhandled.
  return pipeline(file, createGunzip(), () => undefined);
}

type Extra = { path?: Buffer; target?: Buffer; size?: number };

function toEntry(header: Buffer, type: string, size: number, extra: Extra): Entry | null {
  const executable = (readNumber(header.subarray(100, 108)) & 0o111) !== 0;
  const target = extra.target ?? upToZero(header.subarray(157, 257));
  let name = extra.path ?? upToZero(header.subarray(0, 100));
  const prefix = upToZero(header.subarray(345, 500));
  const posix = header.subarray(257, 263).equals(Buffer.from('ustar\0'));
  if (extra.path === undefined && posix && prefix.length > 0) name = Buffer.concat([prefix, Buffer.from('/'), name]);
  const slashed = name.at(-1) === 0x2f;
  if (type === '5' || (slashed && '0\0'.includes(type)))
    return { name, type: 'folder', size: 0, executable: false, target: null };
  if (type === '0' || type === '\0' || type === '7') return { name, type: 'file', size, executable, target: null };
  if (type === '2') return { name, type: 'link', size: 0, executable: false, target };
  if (type === '1') return { name, type: 'hardlink', size: 0, executable, target };
  if (type === 'S') throw new BrokenArchive(`${name.toString('utf8')} is a sparse file`);
  return null; // pipes, devices, volume labels: nothing a repository is made of
}

function readPax(body: Buffer): Extra {
  const extra: Extra = {};
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at);
    const length = space < 0 ? Number.NaN : Number(body.subarray(at, space).toString('latin1'));
    if (!Number.isInteger(length) || length <= space - at || at + length > body.length)
      throw new BrokenArchive('a pax header is damaged');
    const line = body.subarray(space + 1, at + length - 1);
    const equals = line.indexOf(0x3d);
    const key = line.subarray(0, equals).toString('latin1');
    const value = line.subarray(equals + 1);
    if (key === 'path') extra.path = Buffer.from(value);
    else if (key === 'linkpath') extra.target = Buffer.from(value);
    else if (key === 'size') extra.size = Number(value.toString('latin1'));
    else if (key.startsWith('GNU.sparse')) throw new BrokenArchive('it holds a sparse file');
    at += length;
  }
  return extra;
}

const padding = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;
const upToZero = (bytes: Buffer): Buffer => {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end));
};
/** Octal text, or base 256 when the first bit is set. */
function readNumber(field: Buffer): number {
  if (field[0]! & 0x80) return field.subarray(1).reduce((sum, byte) => sum * 256 + byte, field[0]! & 0x7f);
  const text = upToZero(field).toString('latin1').trim();
  if (!/^[0-7]*$/.test(text)) throw new BrokenArchive('a header is damaged');
  return text === '' ? 0 : Number.parseInt(text, 8);
}
function checksumHolds(header: Buffer): boolean {
  const wanted = readNumber(header.subarray(148, 156));
  let sum = 0;
  for (let at = 0; at < BLOCK; at++) sum += at >= 148 && at < 156 ? 0x20 : header[at]!;
  return sum === wanted;
}

/** Takes exact numbers of bytes from a stream. */
class ByteReader {
  readonly #stream: Readable;
  readonly #chunks: AsyncIterator<Buffer>;
  #kept: Buffer = Buffer.alloc(0);
  constructor(stream: Readable) {
    this.#stream = stream;
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }
  /** At least one byte and at most `most`. */
  async some(most: number): Promise<Buffer> {
    if (this.#kept.length === 0 && !(await this.#more())) throw new BrokenArchive('it ends in the middle of a file');
    const chunk = this.#kept.subarray(0, most);
    this.#kept = this.#kept.subarray(chunk.length);
    return chunk;
  }
  /** @returns null at the end, where `mayEnd`. */
  async take(size: number, mayEnd: boolean): Promise<Buffer | null> {
    while (this.#kept.length < size) {
      if (await this.#more()) continue;
      if (mayEnd && this.#kept.length === 0) return null;
      throw new BrokenArchive('it ends too early');
    }
    const taken = this.#kept.subarray(0, size);
    this.#kept = this.#kept.subarray(size);
    return taken;
  }
  async skip(size: number): Promise<void> {
    for (let left = size; left > 0; ) left -= (await this.some(left)).length;
  }
  async #more(): Promise<boolean> {
    const { value, done } = await this.#chunks.next();
    if (done) return false;
    this.#kept = this.#kept.length === 0 ? value : Buffer.concat([this.#kept, value]);
    return true;
  }
  close(): void {
    this.#stream.destroy();
  }
}
