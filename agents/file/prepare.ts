/**
 * Decides where a run may write. The user's own folder only when it is a git work tree and git ignores everything that
 * the run is known to write; else a copy in the run's folder. What was cloned or unpacked is ours already.
 *
 * Guarantee: the user's folder is only read, its git included. A repeat finds the copy of the first time.
 */
import { copyFile, lstat, mkdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { join, posix, sep } from 'node:path';
import { plantRepository } from '../../providers/git/git-folder.js';
import { listFiles, noticedByGit, openRepository, type Repository } from '../../providers/git/repository.js';
import { textWithSecrets } from '../../providers/secrets.js';
import { fail } from '../../runtime/errors.js';
import { GENERATE } from '../fixer/contract.js';
import type { Prepare, Prepared } from './contract.js';
import { copyTree } from './copy.js';
import { plantBarrier } from './fetch.js';
import { fillWork, workOf } from './workspace.js';

export interface PrepareWorkspace extends Omit<Prepare, 'type'> {
  bundle: string;
  /** The state folder, never copied when it lies in the user's. */
  state: string;
  signal?: AbortSignal;
}

/** An ignored file up to this size is taken along: `.env`, a local configuration, a small development database. */
const IGNORED_FILE_BYTES = 1 << 20;
const IGNORED_FILES = 200;
const worthless = /\.(log|pyc|pyo|class|o|tmp|swp|pid|sock)$|(^|\/)(\.DS_Store|Thumbs\.db)$|~$/;

/** @throws STATE_UNWRITABLE, and what reading the folder throws. */
export async function prepareWorkspace(wanted: PrepareWorkspace): Promise<Prepared> {
  const place = await placeOf(wanted);
  if (place.kind === 'local') return place; // the user's own: nothing is laid there, nothing taken away
  for (const { path } of wanted.files) await placeIn(place.root, path); // one that is refused is not noted either
  await takeBack(place, wanted);
  for (const { path, text } of wanted.files)
    await lay(place.root, path, await textWithSecrets(text, GENERATE, wanted.bundle));
  return place;
}

/**
 * Removes what a fix that has been undone had laid (in a copy, the original's file stands there again). The list is written
 * before the files, so one that was cut short is known too.
 */
async function takeBack(
  { root, kind }: Prepared,
  { root: original, bundle, files, part }: PrepareWorkspace,
): Promise<void> {
  const list = join(bundle, 'inputs', part === undefined ? 'laid.json' : `laid.${encodeURIComponent(part)}.json`);
  const text = await readFile(list, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return '[]'; // nothing was laid so far
  });
  const wanted = files.map(({ path }) => path);
  const before = JSON.parse(text) as string[];
  if (before.length + wanted.length === 0) return;
  for (const path of before.filter((one) => !wanted.includes(one))) {
    const file = await placeIn(root, path);
    await rm(file, { force: true });
    if (kind !== 'copy') continue;
    await copyFile(join(original, path), file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error; // it was not in the repository
    });
  }
  await mkdir(join(bundle, 'inputs'), { recursive: true });
  await writeFile(list, `${JSON.stringify(wanted)}\n`);
}

async function lay(root: string, path: string, text: string): Promise<void> {
  const file = await placeIn(root, path);
  await rm(file, { force: true });
  await writeFile(file, text);
}

/** Where a file of a fix goes, its folder made; that must really lie in the work, whatever links the repository has. */
async function placeIn(root: string, path: string): Promise<string> {
  const outside = fail('ARCHIVE_UNSAFE', { path: root, entry: path });
  const parts = posix.normalize(path).split('/');
  if (posix.isAbsolute(path) || parts[0] === '..' || parts[0] === '.git') throw outside;
  const top = await realpath(root);
  let folder = top;
  // One level at a time: a link on the way is seen before anything is made behind it.
  for (const part of parts.slice(0, -1)) {
    const next = join(folder, part);
    await mkdir(next).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error; // there already, as a folder or a link to one
    });
    folder = await realpath(next);
    if (folder !== top && !folder.startsWith(top + sep)) throw outside;
  }
  return join(folder, parts.at(-1)!);
}

async function placeOf(wanted: PrepareWorkspace): Promise<Prepared> {
  const { root, kind, writes, forceCopy, files, bundle, signal } = wanted;
  const prepared = (at: string, as: Prepared['kind'], reason: string, notes: string[] = []): Prepared => ({
    type: 'file.prepared',
    root: at,
    kind: as,
    reason,
    notes,
    sandbox: '', // told by who decides it, once the place is known
  });
  if (kind !== 'local') return prepared(root, kind, `this ${kind} is the run's own`);
  const repository = await openRepository(root, signal);
  const why =
    files.length > 0
      ? 'a fix writes files of its own, so the work is done on a copy'
      : forceCopy
        ? 'a copy was asked for'
        : await whyCopy(repository, writes);
  if (why === null) return prepared(root, 'local', 'git ignores everything that will be written');
  const notes = await fillWork(bundle, (to) => copyWork(wanted, repository, to));
  return prepared(workOf(bundle), 'copy', why, notes ?? []);
}

async function whyCopy(repository: Repository | null, writes: readonly string[]): Promise<string | null> {
  if (repository === null) return 'the folder is not under git, so the work is done on a copy';
  const noticed = await noticedByGit(repository, writes);
  if (noticed.length === 0) return null;
  const shown = noticed.slice(0, 3).join(', ') + (noticed.length > 3 ? ` and ${noticed.length - 3} more` : '');
  return `git does not ignore ${shown}, so the work is done on a copy`;
}

async function copyWork(wanted: PrepareWorkspace, repository: Repository | null, to: string): Promise<string[]> {
  const { root, bundle, state, signal } = wanted;
  const names = repository === null ? null : await namesOf(repository);
  const about = { from: root, to, names, except: [state, bundle] };
  const { notes } = await copyTree(signal ? { ...about, signal } : about);
  if (repository === null) await plantBarrier(to, signal);
  else await plantRepository(to, repository, signal);
  return notes;
}

async function namesOf(repository: Repository): Promise<Buffer[]> {
  const { files, ignored } = await listFiles(repository);
  const small: Buffer[] = [];
  for (const name of ignored) {
    if (small.length >= IGNORED_FILES || worthless.test(name.toString('latin1'))) continue;
    const path = Buffer.concat([Buffer.from(join(repository.folder, '/')), name]);
    const stat = await lstat(path).catch(() => null); // gone since git listed it
    if (stat !== null && (stat.isSymbolicLink() || stat.size <= IGNORED_FILE_BYTES)) small.push(name);
  }
  return [...files, ...small];
}
