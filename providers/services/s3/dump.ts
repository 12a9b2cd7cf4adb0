/**
 * Every object as a file of a tar archive on standard output, `<bucket>/<key>`: `node dump.js <folder>`. Reads only, so the
 * server may be up. What is replaced while it is read is told and left out.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Stored } from './store.js';

const BLOCK = 512;
const padded = (bytes: Buffer): Buffer =>
  Buffer.concat([bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)]);

/** A header as POSIX has it. @param type `0` a file, `x` what is said of the next one. */
function head(name: string, size: number, modified: number, type: '0' | 'x'): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number): void =>
    void block.write(
      Math.floor(value)
        .toString(8)
        .padStart(length - 1, '0'),
      at,
    );
  block.write(name.slice(0, 100), 0, 'latin1');
  octal(0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(Math.min(size, 0o77777777777), 124, 12);
  octal(modified / 1_000, 136, 12);
  block.write('        ', 148);
  block.write(type, 156);
  block.write('ustar\u000000', 257);
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  return block;
}
/** `<length> <name>=<value>\n`, where the length counts itself. */
function record(name: string, value: string): Buffer {
  const rest = ` ${name}=${value}\n`;
  let length = Buffer.byteLength(rest);
  length += String(length + String(length).length).length;
  return Buffer.from(`${length}${rest}`);
}
const write = (bytes: Buffer): Promise<void> =>
  new Promise((resolve, reject) => process.stdout.write(bytes, (error) => (error ? reject(error) : resolve())));

const folder = process.argv[2]!;
for (const bucket of readdirSync(folder).sort()) {
  const at = join(folder, bucket);
  if (!existsSync(join(at, 'bucket.json'))) continue;
  for (const name of readdirSync(join(at, 'objects')).filter((one) => one.endsWith('.json'))) {
    try {
      const { key, blob, modified } = JSON.parse(readFileSync(join(at, 'objects', name), 'utf8')) as Stored;
      const bytes = readFileSync(join(at, 'blobs', blob));
      const about = record('path', `${bucket}/${key}`);
      await write(head('about', about.length, modified, 'x'));
      await write(padded(about));
      await write(head(`${bucket}/${name}`, bytes.length, modified, '0'));
      await write(padded(bytes));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      console.error(`${bucket}: an object was replaced meanwhile, it is left out`);
    }
  }
}
await write(Buffer.alloc(2 * BLOCK));
