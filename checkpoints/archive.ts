/**
 * A run or an actor in one JSON file, to look at elsewhere, to keep, or to fork in another state folder.
 *
 * Left out is what is secret (`inputs/`), what can be made again (`work/`) and what belongs to living processes. Every part
 * and the list of parts carry a sha256. Importing writes nothing before all of it is checked, nothing outside the places
 * an export has, nothing over what is there; a run comes whole or not at all.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, posix, sep } from 'node:path';
import { z } from 'zod';
import { fail } from '../runtime/errors.js';
import { placeOf } from '../runtime/subjects.js';
import { bundleOf } from './bundle.js';
import { writeDurably } from './durable.js';
import { checkpointFile, historyFolder } from './json.js';
import { canonical } from './ledger.js';

const Part = z.strictObject({
  /** From the state folder, POSIX. */
  path: z.string().max(1_000),
  sha256: z.string(),
  encoding: z.enum(['utf8', 'base64']),
  text: z.string(),
});
const Archive = z.strictObject({
  type: z.literal('repo-runner-export'),
  format: z.literal(1),
  /** A run, or the address of an actor. */
  what: z.string().regex(/^[a-z0-9][a-z0-9-]*(\/[a-z0-9-]+\/[a-z0-9-]+)?$/),
  at: z.string(),
  parts: z.array(Part).min(1),
  /** Of the list of paths and hashes. */
  sha256: z.string(),
});
type Archive = z.infer<typeof Archive>;
type Part = z.infer<typeof Part>;

export interface Told {
  what: string;
  parts: number;
  bytes: number;
  sha256: string;
}
const MOST_BYTES = 256 << 20;
const leftOut = /^(inputs|work|closed|keeper\..*|work\..*|.*\.tmp)$/;
const hashOf = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');
const listHash = (parts: readonly Part[]): string => hashOf(canonical(parts.map(({ path, sha256 }) => [path, sha256])));
const bytesOf = ({ text, encoding }: Part): Buffer => Buffer.from(text, encoding);
const refuse = (file: string, reason: string): Error =>
  fail('EXPORT_REFUSED', { file, reason, fix: 'export it again where it came from, and do not trust this file' });

/** Regular files below a folder; links are not followed. @param top names left out at its top. */
function filesBelow(state: string, folder: string, top: RegExp): string[] {
  return readdirSync(join(state, folder)).flatMap((name) => {
    if (top.test(name)) return [];
    const path = join(folder, name);
    const stat = lstatSync(join(state, path));
    return stat.isDirectory() ? filesBelow(state, path, /\.tmp$/) : stat.isFile() ? [path] : [];
  });
}
const isAddress = (what: string): boolean => what.includes('/');
/** Where the parts of an export lie, all of them. */
const belongs = (what: string, path: string): boolean => {
  if (!isAddress(what)) return path.startsWith(`runs/${what}/`) && !leftOut.test(path.split('/')[2]!);
  const file = checkpointFile(placeOf(what)).split(sep).join('/');
  return (
    path === file ||
    (posix.dirname(path) === posix.join(posix.dirname(file), 'history', posix.basename(file)) &&
      /^\d+\.\d+\.json$/.test(posix.basename(path)))
  );
};

/**
 * @param what a run's id, or an actor's address.
 * @param file absolute; it must not be there yet.
 * @throws RUN_UNKNOWN, ACTOR_UNKNOWN, USAGE, EXPORT_REFUSED, STATE_UNWRITABLE
 */
export async function exportTo(state: string, what: string, file: string): Promise<Told> {
  if (existsSync(file)) throw fail('USAGE', { met: `${file} is there already`, fix: 'name a file that is not' });
  if (!existsSync(dirname(file)))
    throw fail('USAGE', { met: `there is no folder ${dirname(file)}`, fix: 'make it, or name another file' });
  const paths = pathsOf(state, what).filter((path) => belongs(what, path.split(sep).join('/')));
  if (paths.length === 0)
    throw isAddress(what) ? fail('ACTOR_UNKNOWN', { address: what }) : fail('RUN_UNKNOWN', { run: what });
  let bytes = 0;
  const parts = paths.sort().map((path): Part => {
    const content = readFileSync(join(state, path));
    bytes += content.length;
    if (bytes > MOST_BYTES)
      throw fail('EXPORT_REFUSED', {
        file,
        reason: `${what} holds more than ${MOST_BYTES >> 20} MB`,
        fix: `make its logs shorter, or pack ${bundleOf(state, what)} by hand`,
      });
    const text = content.toString('utf8');
    const encoding = Buffer.from(text).equals(content) ? 'utf8' : 'base64';
    return { path: path.split(sep).join('/'), sha256: hashOf(content), encoding, text: content.toString(encoding) };
  });
  const archive: Archive = {
    type: 'repo-runner-export',
    format: 1,
    what,
    at: new Date().toISOString(),
    parts,
    sha256: listHash(parts),
  };
  await writeDurably(file, `${JSON.stringify(archive, null, 1)}\n`);
  return { what, parts: parts.length, bytes, sha256: archive.sha256 };
}
function pathsOf(state: string, what: string): string[] {
  if (!isAddress(what)) {
    const folder = join('runs', what);
    return existsSync(join(state, folder)) ? filesBelow(state, folder, leftOut) : [];
  }
  const path = checkpointFile(placeOf(what));
  const history = historyFolder(path);
  const kept = existsSync(join(state, history)) ? filesBelow(state, history, /\.tmp$/) : [];
  return [...(existsSync(join(state, path)) ? [path] : []), ...kept];
}

/** @throws USAGE when it is there already, EXPORT_REFUSED when the file is not whole or names places it must not. */
export function importFrom(state: string, file: string): Told {
  const { what, parts, sha256 } = readArchive(file);
  const target = isAddress(what) ? join(state, checkpointFile(placeOf(what))) : bundleOf(state, what);
  const isThere = (): boolean => existsSync(target) || (isAddress(what) && existsSync(historyFolder(target)));
  const taken = fail('USAGE', {
    met: `${what} is in ${state} already`,
    fix: 'import it into another state folder: --state DIR',
  });
  if (isThere()) throw taken;
  const partial = join(state, 'runs', `.import-${randomBytes(4).toString('hex')}.partial`);
  let bytes = 0;
  try {
    for (const part of parts) {
      const content = bytesOf(part);
      bytes += content.length;
      const path = join(partial, part.path);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content, { mode: /\.sh$/.test(path) ? 0o700 : 0o600, flush: true });
    }
    if (isAddress(what)) moveFiles(partial, state, parts);
    else {
      mkdirSync(dirname(target), { recursive: true });
      if (isThere()) throw taken;
      renameSync(join(partial, 'runs', what), target);
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOTEMPTY') throw taken;
    if (/^(ENOSPC|EDQUOT|EROFS|EACCES|EPERM)$/.test(code ?? ''))
      throw fail('STATE_UNWRITABLE', { path: state, reason: code }, error);
    throw error;
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return { what, parts: parts.length, bytes, sha256 };
}
/** Versions first, the checkpoint last: what a crash leaves in between is no actor yet. */
function moveFiles(from: string, to: string, parts: readonly Part[]): void {
  const inOrder = [...parts].sort(
    (a, b) => Number(b.path.includes('/history/')) - Number(a.path.includes('/history/')),
  );
  for (const { path } of inOrder) {
    mkdirSync(dirname(join(to, path)), { recursive: true });
    linkSync(join(from, path), join(to, path));
  }
}
function readArchive(file: string): Archive {
  let raw: unknown;
  try {
    raw = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw fail('USAGE', { met: `there is no file ${file}`, fix: 'check the spelling' });
    throw refuse(file, `it does not parse: ${(error as Error).message}`);
  }
  const parsed = Archive.safeParse(raw);
  if (!parsed.success)
    throw refuse(
      file,
      `it is no export of ours: ${z
        .prettifyError(parsed.error)
        .replace(/\s*\n\s*/g, ' ')
        .slice(0, 300)}`,
    );
  const { what, parts, sha256 } = parsed.data;
  for (const part of parts) {
    const { path } = part;
    const isPlain =
      posix.normalize(path) === path && !posix.isAbsolute(path) && !path.includes('\\') && !path.includes('\0');
    if (!isPlain || path.split('/').includes('..') || !belongs(what, path))
      throw refuse(file, `${JSON.stringify(path)} is no part of ${what}`);
    if (hashOf(bytesOf(part)) !== part.sha256) throw refuse(file, `${path} is not what its hash says`);
  }
  if (new Set(parts.map(({ path }) => path)).size < parts.length) throw refuse(file, 'a part stands twice');
  if (listHash(parts) !== sha256) throw refuse(file, 'its list of parts is not what its hash says');
  return parsed.data;
}
