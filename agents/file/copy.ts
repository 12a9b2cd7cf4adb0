/**
 * Copies a work tree as bytes under their own names, sharing blocks with the original where the file system can.
 *
 * Links are made again, never followed; one that leaves the tree is left out and said so. Pipes, sockets and devices are
 * left out. A file that vanishes while we copy is none of ours. Nothing is written into the source.
 */
import { constants, copyFileSync, lstatSync, mkdirSync, readdirSync, type Stats } from 'node:fs';
import { copyFile, mkdir, readlink, realpath, symlink } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { fail } from '../../runtime/errors.js';

export interface CopyOptions {
  from: string;
  to: string;
  /** Paths from `from`; null: everything but what tools fill (`node_modules`, virtual environments…). */
  names: readonly Buffer[] | null;
  /** Absolute folders that are never copied: our own, when they lie in the tree. */
  except: readonly string[];
  signal?: AbortSignal;
}
export interface Copied {
  files: number;
  /** What was left out and why, for people. */
  notes: string[];
}

/** Folders that tools fill from what is copied; a copy makes its own. */
// biome-ignore format: a table
const FILLED = new Set([
  '.git', '.hg', '.svn', '.jj', 'node_modules', 'bower_components', '__pycache__', '.venv', '.tox', '.nox', '.mypy_cache',
  '.pytest_cache', '.ruff_cache', '.gradle', '.next', '.nuxt', '.output', '.svelte-kit', '.astro', '.angular', '.turbo',
  '.nx', '.parcel-cache', '.cache', '.pnpm-store', '.repo-runner', '.direnv', '.nyc_output',
]);
/** And those that only a file in or beside them tells from sources. */
const FILLED_BESIDE: Record<string, RegExp> = {
  target: /^(Cargo\.toml|pom\.xml|build\.sbt)$/,
  vendor: /^(composer\.json|Gemfile)$/,
};
/** Small files are copied at once, which is ten times as fast; the host's other actors get their turn in between. */
const SMALL_BYTES = 1 << 20;
const SLICE_MS = 15;
const SLASH = Buffer.from('/');

const join = (folder: Buffer, name: Buffer): Buffer =>
  folder.length === 0 ? name : Buffer.concat([folder, SLASH, name]);
const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);

/** @throws STATE_UNWRITABLE when the disk is full. */
export async function copyTree({ from, to, names, except, signal }: CopyOptions): Promise<Copied> {
  const source = Buffer.from(from);
  const root = Buffer.from(await realpath(from));
  const target = Buffer.from(to);
  const kept = new Set(except.map((path) => Buffer.from(path).toString('latin1')));
  const out = new Map<string, { count: number; example: string }>();
  const leaveOut = (why: string, path: Buffer): void => {
    const shown = JSON.stringify(path.toString('utf8'));
    const known = out.get(why) ?? { count: 0, example: shown };
    known.count++;
    if (shown < known.example) known.example = shown; // the same whatever the order of the work
    out.set(why, known);
  };
  let files = 0;
  const made = new Set<string>();
  const makeFolder = (path: Buffer): void => {
    const key = path.toString('latin1');
    if (!made.has(key)) mkdirSync(join(target, path), { recursive: true });
    made.add(key);
  };
  await mkdir(to, { recursive: true });

  const copyOne = async (path: Buffer, stat: Stats): Promise<void> => {
    const slash = path.lastIndexOf(0x2f);
    if (slash > 0) makeFolder(path.subarray(0, slash));
    if (stat.isSymbolicLink()) {
      const link = await linkInside(root, source, path);
      if (link === null) leaveOut('links that leave the repository', path);
      else await symlink(link, join(target, path));
    } else if (stat.isFile()) {
      const [one, two] = [join(source, path), join(target, path)];
      if (stat.size <= SMALL_BYTES) copyFileSync(one, two, constants.COPYFILE_FICLONE);
      else await copyFile(one, two, constants.COPYFILE_FICLONE);
      files++;
    } else leaveOut('pipes, sockets and devices', path);
  };
  /** One path: a file at once, a folder with what is in it (submodules are listed as folders). */
  const copyPath = async (path: Buffer): Promise<Buffer[]> => {
    try {
      if (kept.has(join(source, path).toString('latin1'))) return [];
      const stat = lstatSync(join(source, path));
      if (!stat.isDirectory()) {
        await copyOne(path, stat);
        return [];
      }
      makeFolder(path);
      return entriesOf(source, path);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EROFS')
        throw fail('STATE_UNWRITABLE', { path: to, reason: code }, error);
      if (code === 'EACCES' || code === 'EPERM') leaveOut('files that cannot be read', path);
      // Deleted but not yet committed, or gone since it was listed.
      else if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
      return [];
    }
  };
  const queue = names === null ? entriesOf(source, Buffer.alloc(0)) : [...names];
  let since = performance.now();
  for (let at = 0; at < queue.length; at++) {
    for (const inner of await copyPath(queue[at]!)) queue.push(inner);
    if (performance.now() - since < SLICE_MS) continue;
    await setImmediate();
    signal?.throwIfAborted();
    since = performance.now();
  }
  const notes = [...out]
    .sort()
    .map(([why, { count, example }]) => `left out ${why}: ${example}${count > 1 ? ` and ${count - 1} more` : ''}`);
  return { files, notes };
}

function entriesOf(source: Buffer, folder: Buffer): Buffer[] {
  const names = readdirSync(join(source, folder), { encoding: 'buffer' });
  const known = new Set(names.map((name) => name.toString('latin1')));
  const filled = (name: string): boolean =>
    FILLED.has(name) ||
    (Object.hasOwn(FILLED_BESIDE, name) && [...known].some((each) => FILLED_BESIDE[name]!.test(each)));
  const wanted = names.filter((name) => !filled(name.toString('latin1')));
  // A virtual environment may have any name; its mark is a file in it.
  if (known.has('pyvenv.cfg')) return [];
  return wanted.map((name) => join(folder, name));
}

/** The text of a link for the copy; null when it leads out of the tree. */
async function linkInside(root: Buffer, source: Buffer, path: Buffer): Promise<Buffer | null> {
  const below = Buffer.concat([root, SLASH]);
  const within = (real: Buffer): boolean => real.equals(root) || real.subarray(0, below.length).equals(below);
  const text = await readlink(join(source, path), { encoding: 'buffer' });
  const absolute = text[0] === 0x2f;
  try {
    const real = await realpath(join(source, path), { encoding: 'buffer' });
    if (!within(real)) return null;
    return absolute ? relativeTo(path, real.subarray(root.length + 1)) : text;
  } catch (error) {
    if (codeOf(error) === 'ELOOP') return absolute ? null : text; // leads nowhere, here as there
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR' && codeOf(error) !== 'EACCES') throw error;
  }
  // Broken: it may be meant for a file that a build makes.
  if (absolute) return null;
  let depth = path.toString('latin1').split('/').length - 1;
  for (const part of text.toString('latin1').split('/')) {
    if (part === '..') depth--;
    else if (part !== '' && part !== '.') depth++;
    if (depth < 0) return null;
  }
  return text;
}
const relativeTo = (path: Buffer, inside: Buffer): Buffer => {
  const up = '../'.repeat(path.toString('latin1').split('/').length - 1);
  return Buffer.concat([Buffer.from(up), inside.length === 0 ? Buffer.from('.') : inside]);
};
