/**
 * A bounded, read-only view of somebody's repository. Nothing outside `root` is ever read: a symbolic link that leaves
 * it counts as absent, loops are not followed, and what is too large or binary is not text.
 *
 * The walk goes breadth first, so that when a bound is met it is the deep that is missing, and never follows a linked
 * folder, so it ends on any loop. Only regular files are listed: reading a pipe or a device would hang. Whatever is
 * left out is counted and said in `notes`.
 */
import {
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fail } from '../runtime/errors.js';

export interface Tree {
  /** Absolute. */
  readonly root: string;
  /** POSIX paths of the files, from the root, sorted. Without .git, node_modules and other folders nobody wrote by hand. */
  readonly files: readonly string[];
  /** What was left out and why, for the plan's notes. */
  readonly notes: readonly string[];
  has(path: string): boolean;
  /** The text of a file of at most `limitBytes` (default 1 MiB), without BOM; null when absent, larger, binary or unreadable. */
  read(path: string, limitBytes?: number): string | null;
}
export interface TreeLimits {
  files?: number;
  depth?: number;
}

const READ_LIMIT_BYTES = 1 << 20;
/** Texts beyond this many characters in all are read again instead of kept. */
const CACHE_LIMIT = 64 << 20;

/** Folders of tools, never of the repository's author; nobody needs a note about them. */
// biome-ignore format: a table
const NEVER = new Set([
  '.git', '.hg', '.svn', '.jj', 'node_modules', 'bower_components', 'jspm_packages', '__pycache__', '.tox', '.nox',
  '.mypy_cache', '.pytest_cache', '.ruff_cache', '.ipynb_checkpoints', '.eggs', '.gradle', '.terraform', '.next',
  '.nuxt', '.output', '.svelte-kit', '.astro', '.angular', '.docusaurus', '.turbo', '.nx', '.parcel-cache',
  '.cache', '.pnpm-store', '.repo-runner', '.bundle', '.direnv', '.nyc_output', '.DS_Store', 'lost+found',
]);

/** Folders that a tool fills when this file stands beside them; left out with a note, as some are committed. */
const FILLED: Record<string, RegExp> = {
  vendor: /^(composer\.json|go\.mod|Gemfile|Cargo\.toml)$/,
  target: /^(Cargo\.toml|pom\.xml|build\.sbt)$/,
  build: /^(build\.gradle(\.kts)?|settings\.gradle(\.kts)?|pubspec\.yaml)$/,
  bin: /\.(cs|fs|vb)proj$/,
  obj: /\.(cs|fs|vb)proj$/,
  deps: /^mix\.exs$/,
  _build: /^(mix\.exs|rebar\.config|dune-project)$/,
};
/** Folders that are output where git ignores them and sources where it does not. */
const OUTPUT = new Set([
  'dist',
  'build',
  'out',
  'output',
  'target',
  'coverage',
  'tmp',
  'temp',
  'venv',
  'env',
  '.venv',
  'virtualenv',
]);

/**
 * Walks a repository's folder, without opening any file but a few .gitignore.
 * @param limits files: 200 000, depth: 12 folders below the root.
 * @throws PATH_MISSING, PATH_NOT_DIRECTORY, PATH_UNREADABLE, REPOSITORY_EMPTY.
 */
export async function openTree(root: string, limits: TreeLimits = {}): Promise<Tree> {
  const { files: most = 200_000, depth: deepest = 12 } = limits;
  const base = resolve(root);
  const real = realRoot(base);
  const notes = new Notes();
  const files: string[] = [];
  const linked = new Set<string>();
  const ignored = new Map<string, ReadonlySet<string>>();
  let level: string[] = [''];
  let seen = 0;

  walk: for (let depth = 0; level.length > 0; depth++) {
    const next: string[] = [];
    for (const folder of level) {
      // A host shares this thread with its other actors: let them speak now and then.
      if (++seen % 256 === 0) await setImmediate();
      let entries: Dirent[];
      try {
        entries = readdirSync(join(base, folder), { withFileTypes: true });
      } catch (error) {
        if (folder === '') throw fail('PATH_UNREADABLE', { path: base, met: codeOf(error) }, error);
        notes.add('folders that cannot be read', folder, codeOf(error));
        continue;
      }
      for (const entry of entries) {
        const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
        if (entry.name.includes('\uFFFD') && !isThere(join(base, path))) {
          notes.add('names that are not UTF-8', path);
        } else if (entry.isFile()) {
          if (files.length >= most) {
            notes.add(`files beyond the first ${most}`, path);
            break walk;
          }
          files.push(path);
        } else if (entry.isDirectory()) {
          if (NEVER.has(entry.name)) continue;
          const why = whyLeftOut(base, folder, entry.name, entries, ignored);
          if (why !== null) notes.add(why, path);
          else if (depth >= deepest) notes.add(`folders deeper than ${deepest} levels`, path);
          else next.push(path);
        } else if (entry.isSymbolicLink()) {
          const target = lookAtLink(join(base, path), real);
          if (target === 'file' && files.length < most) {
            files.push(path);
            linked.add(path);
          } else if (target === 'outside') notes.add('links that leave the repository', path);
          else if (target === 'broken') notes.add('links that lead nowhere', path);
        } else notes.add('pipes, sockets and devices', path);
      }
    }
    level = next;
  }
  if (files.length === 0) throw fail('REPOSITORY_EMPTY', { path: base });
  files.sort();

  const known = new Set(files);
  const texts = new Map<string, string | null>();
  let kept = 0;
  return {
    root: base,
    files,
    notes: notes.list(),
    has: (path) => known.has(path),
    read(path, limitBytes = READ_LIMIT_BYTES) {
      if (!known.has(path)) return null;
      const key = limitBytes === READ_LIMIT_BYTES ? path : `${limitBytes} ${path}`;
      const before = texts.get(key);
      if (before !== undefined) return before;
      // A link was checked when it was listed, and is checked again: it may have been turned since.
      if (linked.has(path) && lookAtLink(join(base, path), real) !== 'file') return null;
      const text = readText(join(base, path), limitBytes, linked.has(path));
      kept += text?.length ?? 0;
      if (kept <= CACHE_LIMIT) texts.set(key, text);
      return text;
    },
  };
}

function realRoot(base: string): string {
  try {
    const real = realpathSync(base);
    const stat = statSync(real);
    if (!stat.isDirectory())
      throw fail('PATH_NOT_DIRECTORY', { path: base, met: stat.isFile() ? 'file' : 'special file' });
    return real;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') throw fail('PATH_MISSING', { path: base }, error);
    if (code === 'ENOTDIR') throw fail('PATH_NOT_DIRECTORY', { path: base, met: 'path through a file' }, error);
    if (code === 'EACCES' || code === 'EPERM' || code === 'ELOOP' || code === 'EIO' || code === 'ENAMETOOLONG') {
      throw fail('PATH_UNREADABLE', { path: base, met: code }, error);
    }
    throw error;
  }
}

function whyLeftOut(
  base: string,
  folder: string,
  name: string,
  beside: readonly Dirent[],
  ignored: Map<string, ReadonlySet<string>>,
): string | null {
  const filled = Object.hasOwn(FILLED, name) ? FILLED[name] : undefined;
  const maker = filled && beside.find((entry) => filled.test(entry.name))?.name;
  if (maker !== undefined) return `folders that a tool fills (${name} beside ${maker})`;
  if (!OUTPUT.has(name)) return null;
  if (/^(\.?venv|env|virtualenv)$/.test(name)) {
    const path = join(base, folder, name);
    if (isThere(join(path, 'pyvenv.cfg')) || isThere(join(path, 'bin', 'activate')))
      return 'virtual environments of Python';
  }
  for (let at = folder; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) {
    if (ignoredNames(base, at, ignored).has(name)) return 'output folders that git ignores';
    if (at === '') return null;
  }
}

/** The plain folder names of one .gitignore (`dist`, `/dist/`, or with stars in front); patterns beyond that are not needed here. */
function ignoredNames(base: string, folder: string, known: Map<string, ReadonlySet<string>>): ReadonlySet<string> {
  let names = known.get(folder);
  if (names === undefined) {
    const text = readText(join(base, folder, '.gitignore'), READ_LIMIT_BYTES, false) ?? '';
    names = new Set(
      text.split(/\r?\n/).map((line) =>
        line
          .trim()
          .replace(/^(\*\*)?\//, '')
          .replace(/\/\**$/, ''),
      ),
    );
    known.set(folder, names);
  }
  return names;
}

function lookAtLink(path: string, realRoot: string): 'file' | 'folder' | 'outside' | 'broken' {
  try {
    const target = realpathSync(path);
    const inside = realRoot === sep ? target : target.slice(realRoot.length);
    if (!target.startsWith(realRoot) || !inside.startsWith(sep) || inside.split(sep).includes('.git')) {
      return target === realRoot ? 'folder' : 'outside';
    }
    const stat = statSync(target);
    return stat.isFile() ? 'file' : stat.isDirectory() ? 'folder' : 'broken';
  } catch {
    // A loop, a missing target, a folder on the way that may not be read: for us all of them lead nowhere.
    return 'broken';
  }
}

/** Opened without blocking and looked at by its handle, so that what was a file at the listing cannot turn into a pipe. */
function readText(path: string, limitBytes: number, followLink: boolean): string | null {
  let handle: number;
  try {
    handle = openSync(
      path,
      constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (followLink ? 0 : (constants.O_NOFOLLOW ?? 0)),
    );
  } catch {
    return null; // The contract of read: absent and unreadable are both null.
  }
  try {
    const stat = fstatSync(handle);
    if (!stat.isFile() || stat.size > limitBytes) return null;
    return decode(readWhole(handle, stat.size));
  } catch {
    return null; // Vanished or failing while being read: unreadable.
  } finally {
    closeSync(handle);
  }
}

function readWhole(handle: number, size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  let filled = 0;
  while (filled < size) {
    const got = readSync(handle, bytes, filled, size - filled, null);
    if (got === 0) break;
    filled += got;
  }
  return bytes.subarray(0, filled);
}

function decode(bytes: Buffer): string | null {
  // Some editors on Windows save manifests as UTF-16.
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return bytes.subarray(2).toString('utf16le');
  if (bytes.subarray(0, 8_192).includes(0)) return null;
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
    ? bytes.subarray(3).toString('utf8')
    : bytes.toString('utf8');
}

function isThere(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false; // Not there, or not for us to see: the same here.
  }
}

const codeOf = (error: unknown): string => String((error as NodeJS.ErrnoException).code ?? error);

/** Notes by reason, with a few examples each: a thousand links make one line. */
class Notes {
  private readonly reasons = new Map<string, { count: number; examples: string[] }>();
  add(reason: string, path: string, detail?: string): void {
    const known = this.reasons.get(reason) ?? { count: 0, examples: [] };
    known.count++;
    // A name may hold newlines or terminal codes.
    const shown = /[\u0000-\u001f\u007f]/.test(path) ? JSON.stringify(path) : path;
    if (known.examples.length < 3) known.examples.push(detail === undefined ? shown : `${shown} (${detail})`);
    this.reasons.set(reason, known);
  }
  list(): string[] {
    return [...this.reasons].map(([reason, { count, examples }]) => {
      const more = count > examples.length ? ` and ${count - examples.length} more` : '';
      return `left out ${reason}: ${examples.join(', ')}${more}`;
    });
  }
}
