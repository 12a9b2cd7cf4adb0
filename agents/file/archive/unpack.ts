/**
 * Unpacks an archive that nobody vouches for. Every entry is checked before the first byte is written: no absolute name,
 * no `..`, no link that leads out (followed as the system would follow it, through other links), nothing below a link,
 * and not more than the limits in all. Whatever fails later leaves a folder that the caller throws away.
 *
 * Owners, times, setuid bits, pipes and devices are not restored. A single folder at the top is left out.
 */
import { createWriteStream, mkdirSync, writeFileSync } from 'node:fs';
import { copyFile, open, symlink } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fail, RunnerError } from '../../../runtime/errors.js';
import { BrokenArchive, type Entry, type ReadEntries } from './entry.js';
import { readTar } from './tar.js';
import { readZip } from './zip.js';

export interface UnpackLimits {
  /** Default 2 GiB, unpacked. */
  bytes?: number;
  /** Default 200 000. */
  entries?: number;
}

/** A file up to this size is written at once: a stream each would take ten times as long. */
const SMALL_BYTES = 1 << 20;

const suffix = /\.(zip|tar|tar\.gz|tgz)$/i;
/** Whether a file's name says that it is an archive we unpack. */
export const isArchiveName = (path: string): boolean => suffix.test(path);

/**
 * @param to an empty folder.
 * @throws ARCHIVE_UNSAFE, ARCHIVE_LARGE, ARCHIVE_BROKEN, REPOSITORY_EMPTY.
 */
export async function unpack(path: string, to: string, limits: UnpackLimits = {}, signal?: AbortSignal): Promise<void> {
  try {
    const read = await chooseReader(path);
    const { top } = await checkAll(path, read, limits, signal);
    await writeAll(read, Buffer.from(to), top, signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof RunnerError) throw error;
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EROFS')
      throw fail('STATE_UNWRITABLE', { path: to, reason: code }, error);
    if (error instanceof BrokenArchive || code.startsWith('Z_') || /^E(NAMETOOLONG|EXIST|NOTDIR|ISDIR)$/.test(code))
      throw fail('ARCHIVE_BROKEN', { path, reason: message }, error);
    throw error;
  }
}

/** By its first bytes: names lie. */
async function chooseReader(path: string): Promise<ReadEntries> {
  const file = await open(path, 'r');
  const start = Buffer.alloc(4);
  try {
    await file.read(start, 0, 4, 0);
  } finally {
    await file.close();
  }
  if (start.subarray(0, 2).toString('latin1') === 'PK') return () => readZip(path);
  const gzip = start[0] === 0x1f && start[1] === 0x8b;
  return () => readTar(path, gzip);
}

/** The folders and the name of an entry, as bytes in latin1, so that they can be keys; null for the root and for what is no part. */
function partsOf(name: Buffer): string[] {
  return name
    .toString('latin1')
    .split('/')
    .filter((part) => part !== '' && part !== '.');
}
const isNoise = (parts: readonly string[]): boolean => parts[0] === '__MACOSX' || parts.at(-1) === 'pax_global_header';

async function checkAll(
  path: string,
  read: ReadEntries,
  limits: UnpackLimits,
  signal?: AbortSignal,
): Promise<{ top: string | null }> {
  const { bytes: mostBytes = 2 * 1024 ** 3, entries: mostEntries = 200_000 } = limits;
  const unsafe = (entry: Entry): RunnerError =>
    fail('ARCHIVE_UNSAFE', { path, entry: JSON.stringify(entry.name.toString('utf8')) });
  const links = new Map<string, string[]>();
  const kinds = new Map<string, Entry['type']>();
  const checked: { entry: Entry; parts: string[] }[] = [];
  const tops = new Set<string>();
  let bytes = 0;
  let count = 0;
  let flat = false;
  for await (const item of read()) {
    signal?.throwIfAborted();
    if (++count > mostEntries)
      throw fail('ARCHIVE_LARGE', { path, met: `more than ${mostEntries} entries`, wanted: mostEntries });
    bytes += item.size;
    if (bytes > mostBytes)
      throw fail('ARCHIVE_LARGE', { path, met: `more than ${mostBytes} bytes`, wanted: `${mostBytes} bytes` });
    const { name, type, target } = item;
    const entry: Entry = { name, type, size: item.size, executable: item.executable, target };
    const text = name.toString('latin1');
    const parts = partsOf(name);
    if (text.startsWith('/') || /^[A-Za-z]:[\\/]/.test(text) || text.includes('\0') || parts.includes('..'))
      throw unsafe(entry);
    if (isNoise(parts) || parts.length === 0) continue;
    // The same name twice is harmless only for files and folders: the second file wins, as with tar.
    const key = parts.join('/');
    const before = kinds.get(key);
    if (before !== undefined && (before !== type || type === 'link' || type === 'hardlink')) throw unsafe(entry);
    kinds.set(key, type);
    if (type === 'link') links.set(key, target!.toString('latin1').split('/'));
    if (type !== 'folder') checked.push({ entry, parts });
    tops.add(parts[0]!);
    if (parts.length === 1 && type !== 'folder') flat = true;
  }
  if (checked.length === 0) throw fail('REPOSITORY_EMPTY', { path });
  const top = !flat && tops.size === 1 ? [...tops][0]! : null;
  const base = top === null ? 0 : 1;
  for (const { entry, parts } of checked) {
    for (let n = 1; n < parts.length; n++) if (links.has(parts.slice(0, n).join('/'))) throw unsafe(entry);
    if (entry.type === 'link' && !staysInside(parts, links, base)) throw unsafe(entry);
    if (entry.type === 'hardlink' && kinds.get(partsOf(entry.target!).join('/')) !== 'file') throw unsafe(entry);
  }
  return { top };
}

/** Follows a link as the system would, through the archive's other links. `base`: how many folders lie above the root. */
function staysInside(link: readonly string[], links: ReadonlyMap<string, string[]>, base: number): boolean {
  const at = link.slice(0, -1);
  const ahead = [...links.get(link.join('/'))!];
  if (ahead[0] === '') return false; // absolute
  for (let hops = 0; ahead.length > 0; ) {
    const part = ahead.shift()!;
    if (part.includes('\0')) return false;
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (at.length <= base) return false;
      at.pop();
      continue;
    }
    at.push(part);
    const further = links.get(at.join('/'));
    if (further === undefined) continue;
    if (++hops > 40 || further[0] === '') return further[0] !== ''; // a loop leads nowhere
    at.pop();
    ahead.unshift(...further);
  }
  return true;
}

async function writeAll(read: ReadEntries, to: Buffer, top: string | null, signal?: AbortSignal): Promise<void> {
  const placeOf = (name: Buffer): Buffer | null => {
    const parts = partsOf(name);
    if (isNoise(parts)) return null;
    if (top !== null) parts.shift();
    return parts.length === 0 ? null : Buffer.concat([to, Buffer.from(`/${parts.join('/')}`, 'latin1')]);
  };
  const made = new Set<string>();
  const makeFolder = (path: Buffer): void => {
    const key = path.toString('latin1');
    if (made.has(key)) return;
    mkdirSync(path, { recursive: true });
    made.add(key);
  };
  // Links come last: until then nothing that is written can go through one.
  const links: { place: Buffer; target: Buffer }[] = [];
  const copies: { place: Buffer; from: Buffer }[] = [];
  for await (const item of read()) {
    signal?.throwIfAborted();
    const place = placeOf(item.name);
    if (place === null) continue;
    if (item.type === 'folder') {
      makeFolder(place);
      continue;
    }
    makeFolder(place.subarray(0, place.lastIndexOf(0x2f)));
    if (item.type === 'link') links.push({ place, target: item.target! });
    else if (item.type === 'hardlink') {
      const from = placeOf(item.target!);
      if (from !== null) copies.push({ place, from });
    } else {
      const mode = item.executable ? 0o755 : 0o644;
      if (item.size > SMALL_BYTES) {
        await pipeline(Readable.from(item.content()), createWriteStream(place, { mode }));
        continue;
      }
      const parts: Buffer[] = [];
      for await (const part of item.content()) parts.push(part);
      writeFileSync(place, Buffer.concat(parts), { mode });
    }
  }
  for (const { place, from } of copies) await copyFile(from, place);
  for (const { place, target } of links) await symlink(target, place);
}
