/**
 * Buckets and objects in a folder: `<bucket>/bucket.json`, `<bucket>/objects/<hash of the key>.json` and `<bucket>/blobs/…`.
 *
 * Guarantees: an object is replaced whole or not at all (its bytes are written aside, then its entry is renamed into place),
 * also when the process is killed; bytes that no entry names are removed when the folder is opened. One process per folder.
 */
import { createHash, type Hash, randomBytes } from 'node:crypto';
import {
  appendFileSync,
  constants,
  copyFileSync,
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Refused } from './refusal.js';

/** Bytes that are written and belong to nothing yet. */
export interface Blob {
  file: string;
  size: number;
  md5: string;
  sha256: string;
}
export interface Stored {
  key: string;
  /** Its file among the blobs. */
  blob: string;
  size: number;
  etag: string;
  /** Epoch milliseconds. */
  modified: number;
  /** What it is sent with, e.g. `content-type`, `x-amz-meta-name`. */
  headers: Record<string, string>;
  /** A `Tagging` document. */
  tagging?: string;
}
export interface Bucket {
  name: string;
  created: number;
  /** Documents that are kept as they came, by the name in the query: `policy`, `cors`, … */
  documents: Record<string, string>;
}
export interface Upload {
  id: string;
  bucket: string;
  key: string;
  begun: number;
  headers: Record<string, string>;
}
export interface Part {
  number: number;
  size: number;
  etag: string;
  file: string;
  modified: number;
}
export interface Page {
  objects: Stored[];
  prefixes: string[];
  /** Where the next page begins; null: this is the last one. */
  next: string | null;
}
interface Held {
  about: Bucket;
  objects: Map<string, Stored>;
  /** Keys in the order of their bytes; null: they have changed. */
  order: string[] | null;
}

const UPLOADS = '.uploads';
const NAME = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const COPY_BYTES = 1 << 20;
const fresh = (): string => randomBytes(12).toString('hex');
const nameOf = (key: string): string => `${createHash('sha256').update(key).digest('hex')}.json`;
const json = <T>(path: string): T => JSON.parse(readFileSync(path, 'utf8')) as T;
function keep(path: string, value: unknown): void {
  writeFileSync(`${path}.new`, JSON.stringify(value), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

export class Store {
  private readonly folder: string;
  private readonly held = new Map<string, Held>();
  /** @param folder is made where it is not there. */
  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(join(folder, UPLOADS), { recursive: true, mode: 0o700 });
    for (const name of readdirSync(folder)) {
      const about = join(folder, name, 'bucket.json');
      if (name === UPLOADS) continue;
      // Made or removed halfway.
      if (!existsSync(about)) rmSync(join(folder, name), { recursive: true, force: true });
      else this.held.set(name, this.read(name, json<Bucket>(about)));
    }
  }
  private read(name: string, about: Bucket): Held {
    const at = join(this.folder, name);
    const objects = new Map<string, Stored>();
    for (const file of readdirSync(join(at, 'objects'))) {
      if (!file.endsWith('.json')) continue;
      const one = json<Stored>(join(at, 'objects', file));
      objects.set(one.key, one);
    }
    const named = new Set([...objects.values()].map(({ blob }) => blob));
    for (const file of readdirSync(join(at, 'blobs'))) if (!named.has(file)) rmSync(join(at, 'blobs', file));
    return { about, objects, order: null };
  }
  private of(bucket: string): Held {
    const held = this.held.get(bucket);
    if (held === undefined) throw new Refused('NoSuchBucket', `There is no bucket ${bucket}.`);
    return held;
  }

  buckets(): Bucket[] {
    return [...this.held.values()].map(({ about }) => about).sort((a, b) => (a.name < b.name ? -1 : 1));
  }
  bucket(name: string): Bucket {
    return this.of(name).about;
  }
  /** @returns whether it is new. */
  make(name: string): boolean {
    if (!NAME.test(name) || name.includes('..'))
      throw new Refused('InvalidBucketName', `${name} is no name of a bucket.`);
    if (this.held.has(name)) return false;
    for (const part of ['objects', 'blobs']) mkdirSync(join(this.folder, name, part), { recursive: true, mode: 0o700 });
    const about = { name, created: Date.now(), documents: {} };
    keep(join(this.folder, name, 'bucket.json'), about);
    this.held.set(name, { about, objects: new Map(), order: null });
    return true;
  }
  drop(name: string): void {
    if (this.of(name).objects.size > 0) throw new Refused('BucketNotEmpty', `The bucket ${name} holds objects.`);
    rmSync(join(this.folder, name, 'bucket.json'));
    this.held.delete(name);
    rmSync(join(this.folder, name), { recursive: true, force: true });
  }
  /** @param text null: it is removed. */
  document(bucket: string, name: string, text: string | null): void {
    const { about } = this.of(bucket);
    if (text === null) delete about.documents[name];
    else about.documents[name] = text;
    keep(join(this.folder, bucket, 'bucket.json'), about);
  }

  find(bucket: string, key: string): Stored | null {
    return this.of(bucket).objects.get(key) ?? null;
  }
  /** @throws Refused where it is not there. */
  object(bucket: string, key: string): Stored {
    const one = this.find(bucket, key);
    if (one === null) throw new Refused('NoSuchKey', 'The key you asked for is not there.');
    return one;
  }
  /** @param range the first and the last byte. */
  open(bucket: string, { blob }: Stored, range?: { start: number; end: number }): Readable {
    return createReadStream(join(this.folder, bucket, 'blobs', blob), range ?? {});
  }
  /** Writes bytes aside. What does not come whole is removed again. */
  async take(bucket: string, from: Readable): Promise<Blob> {
    this.of(bucket);
    return write(join(this.folder, bucket, 'blobs', fresh()), from);
  }
  discard({ file }: Pick<Blob, 'file'>): void {
    rmSync(file, { force: true });
  }
  /** Makes an object of bytes that were taken; the one of before goes. */
  put(
    bucket: string,
    key: string,
    blob: Blob,
    more: Pick<Stored, 'headers'> & { etag?: string; tagging?: string },
  ): Stored {
    const held = this.of(bucket);
    const before = held.objects.get(key);
    const one: Stored = {
      key,
      blob: basename(blob.file),
      size: blob.size,
      etag: more.etag ?? blob.md5,
      modified: Date.now(),
      headers: more.headers,
      ...(more.tagging === undefined ? {} : { tagging: more.tagging }),
    };
    this.enter(bucket, one);
    if (before === undefined) held.order = null;
    else rmSync(join(this.folder, bucket, 'blobs', before.blob), { force: true });
    return one;
  }
  /** Writes what is known of an object; its bytes stay. */
  enter(bucket: string, one: Stored): void {
    keep(join(this.folder, bucket, 'objects', nameOf(one.key)), one);
    this.of(bucket).objects.set(one.key, one);
  }
  /** @returns bytes of its own for another object. */
  copy(from: string, { blob, size, etag }: Stored, to: string): Blob {
    const file = join(this.folder, to, 'blobs', fresh());
    copyFileSync(join(this.folder, from, 'blobs', blob), file, constants.COPYFILE_FICLONE);
    return { file, size, md5: etag, sha256: '' };
  }
  remove(bucket: string, key: string): void {
    const held = this.of(bucket);
    const one = held.objects.get(key);
    if (one === undefined) return;
    rmSync(join(this.folder, bucket, 'objects', nameOf(key)), { force: true });
    held.objects.delete(key);
    held.order = null;
    rmSync(join(this.folder, bucket, 'blobs', one.blob), { force: true });
  }
  /** @param after keys up to this one, or all that begin with it where it is a common prefix, were told before. */
  page(
    bucket: string,
    { prefix, delimiter, after, most }: { prefix: string; delimiter: string; after: string; most: number },
  ): Page {
    const held = this.of(bucket);
    held.order ??= [...held.objects.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const page: Page = { objects: [], prefixes: [], next: null };
    const last = Buffer.from(after);
    let told = '';
    for (const key of held.order) {
      if (!key.startsWith(prefix) || Buffer.compare(Buffer.from(key), last) <= 0) continue;
      const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
      const common = end < 0 ? null : key.slice(0, end + delimiter.length);
      if (common !== null && (common === after || page.prefixes.at(-1) === common)) continue;
      if (page.objects.length + page.prefixes.length >= most) {
        page.next = told;
        break;
      }
      if (common === null) page.objects.push(held.objects.get(key)!);
      else page.prefixes.push(common);
      told = common ?? key;
    }
    return page;
  }

  private at(id: string): string {
    return join(this.folder, UPLOADS, id);
  }
  begin(bucket: string, key: string, headers: Record<string, string>): Upload {
    this.of(bucket);
    const upload = { id: fresh(), bucket, key, begun: Date.now(), headers };
    mkdirSync(this.at(upload.id), { mode: 0o700 });
    keep(join(this.at(upload.id), 'upload.json'), upload);
    return upload;
  }
  uploads(bucket: string): Upload[] {
    return readdirSync(join(this.folder, UPLOADS))
      .map((id) => join(this.at(id), 'upload.json'))
      .filter((path) => existsSync(path))
      .map((path) => json<Upload>(path))
      .filter((one) => one.bucket === bucket)
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }
  /** @throws Refused where there is none of that id for this key. */
  upload(bucket: string, key: string, id: string): Upload {
    const path = join(this.at(id), 'upload.json');
    const upload = /^[0-9a-f]{24}$/.test(id) && existsSync(path) ? json<Upload>(path) : null;
    if (upload === null || upload.bucket !== bucket || upload.key !== key)
      throw new Refused('NoSuchUpload', 'There is no such upload; it may have been completed or given up.');
    return upload;
  }
  takePart({ id }: Upload, from: Readable): Promise<Blob> {
    return write(join(this.at(id), fresh()), from);
  }
  putPart({ id }: Upload, number: number, { file, size, md5 }: Blob): Part {
    const part = { number, size, etag: md5, file, modified: Date.now() };
    keep(join(this.at(id), `part-${number}.json`), part);
    return part;
  }
  parts({ id }: Upload): Part[] {
    return readdirSync(this.at(id))
      .filter((name) => /^part-\d+\.json$/.test(name))
      .map((name) => json<Part>(join(this.at(id), name)))
      .sort((a, b) => a.number - b.number);
  }
  /** Makes an object of its parts, in this order. */
  async complete(upload: Upload, parts: readonly Part[]): Promise<Stored> {
    const { bucket, key, headers, id } = upload;
    const blob: Blob = { file: join(this.folder, bucket, 'blobs', fresh()), size: 0, md5: '', sha256: '' };
    writeFileSync(blob.file, '', { mode: 0o600 });
    try {
      for (const part of parts)
        for await (const some of createReadStream(part.file, { highWaterMark: COPY_BYTES })) {
          appendFileSync(blob.file, some as Buffer);
          blob.size += (some as Buffer).length;
        }
    } catch (error) {
      this.discard(blob);
      throw error;
    }
    const all = createHash('md5');
    for (const { etag } of parts) all.update(Buffer.from(etag, 'hex'));
    const one = this.put(bucket, key, blob, { headers, etag: `${all.digest('hex')}-${parts.length}` });
    this.abort(id);
    return one;
  }
  abort(id: string): void {
    rmSync(this.at(id), { recursive: true, force: true });
  }
}

async function write(file: string, from: Readable): Promise<Blob> {
  const [md5, sha256] = [createHash('md5'), createHash('sha256')];
  let size = 0;
  const count = async function* (parts: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const part of parts) {
      size += part.length;
      for (const hash of [md5, sha256] as Hash[]) hash.update(part);
      yield part;
    }
  };
  try {
    // Opened now: a file that is opened after it was given up would stay.
    await pipeline(from, count, createWriteStream(file, { fd: openSync(file, 'wx', 0o600) }));
  } catch (error) {
    rmSync(file, { force: true });
    throw error;
  }
  return { file, size, md5: md5.digest('hex'), sha256: sha256.digest('hex') };
}
