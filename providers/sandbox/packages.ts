/**
 * The package caches that a sandbox lays over those of the user.
 *
 * One repository's commands never write what another's will read: most package managers do not check again what they have kept, so
 * each repository (a folder, or a URL at a ref) has caches of its own, kept from run to run and removed when nobody has used them for
 * a month. Shared by all is only the content of npm's cache, which is stored by its hash and checked at every reading; its index, which
 * says what hash a package has, is not.
 *
 * Offline the caches are the run's own, and what the user's caches hold is seen in them: a folder for each of theirs, a
 * link for each file, to where the user's are laid read-only.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync } from 'node:fs';
import { appendFile, mkdir, readdir, readFile, readlink, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolders } from './homes.js';

/** Where the caches of the user are seen within. */
const LAID_AT = '/run/rr-packages';
const UNUSED_MS = 30 * 24 * 3_600_000;
/** More files than this of one cache are not looked at: linking them takes seconds. */
const FILES_LIMIT = 100_000;
/** Of `~/.cache`, which holds much that is nobody's business: what package managers and compilers keep. */
const KEPT_IN_CACHE =
  `pip uv pypoetry pdm pipenv pnpm yarn node corepack deno go-build composer coursier node-gyp electron
  Cypress puppeteer ms-playwright prisma`.split(/\s+/);
/** Locks and databases, which are written also by who only reads, and logs. */
const NOT_LINKED = /^(_logs|_update-notifier.*|\.package-cache.*|\.global-cache.*|.*\.(?:lock|lck|sqlite.*))$/;

export const isNpmCache = (to: string): boolean => to === 'npm' || to === 'named-npm_config_cache';
/** What all runs share of npm's cache. */
export const npmContent = (cache: string): string => join(cache, 'packages', 'npm-content');

/** The caches of the repository that a run is of; null: not known, so the run has caches of its own. */
export function packagesOf(bundle: string, cache: string): string | null {
  let job: { source?: unknown; ref?: unknown };
  try {
    ({ job } = JSON.parse(readFileSync(join(bundle, 'run.json'), 'utf8')) as { job: typeof job });
  } catch {
    return null; // a workflow of somebody's own, or one that has only begun
  }
  if (typeof job?.source !== 'string') return null;
  const name = createHash('sha256')
    .update(JSON.stringify([job.source, job.ref ?? null]))
    .digest('hex')
    .slice(0, 20);
  const all = join(cache, 'packages', 'of');
  const folder = join(all, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  utimesSync(folder, new Date(), new Date());
  for (const other of readdirSync(all))
    if (Date.now() - (statSync(join(all, other), { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > UNUSED_MS)
      void rm(join(all, other), { recursive: true, force: true }).catch(() => undefined); // another day
  return folder;
}

/** A folder of the user's, laid read-only at `at`, whose files are linked to from `into` of the run's own caches. */
export interface Lower {
  from: string;
  at: string;
  into: string;
}
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Fills the run's own caches, once, with links to what the user's hold.
 * @param own the run's caches. @param kept those of the repository, from runs before.
 * @returns what must be laid in the sandbox for the links to lead anywhere.
 */
export async function seedPackages(
  own: string,
  kept: { packages: string; content: string } | null,
  home: string,
  env: Environment,
): Promise<Lower[]> {
  const wanted = cacheFolders(home, env).flatMap(({ at, to }) => [
    ...(kept === null ? [] : [{ from: join(kept.packages, to), into: to }]),
    ...(kept !== null && isNpmCache(to)
      ? [
          { from: join(kept.packages, `${to}-index`), into: join(to, '_cacache', 'index-v5') },
          { from: join(kept.content, 'content-v2'), into: join(to, '_cacache', 'content-v2') },
        ]
      : []),
    ...(to === 'cache'
      ? KEPT_IN_CACHE.map((name) => ({ from: join(at, name), into: join(to, name) }))
      : [{ from: at, into: to }]),
  ]);
  const lowers: Lower[] = [];
  for (const { from, into } of wanted)
    if (existsSync(from)) lowers.push({ from: await realpath(from), at: join(LAID_AT, String(lowers.length)), into });
  const mark = join(own, '.seeded');
  if (existsSync(mark)) return lowers;
  for (const { from, at, into } of lowers) await linkAll(from, at, join(own, into));
  await mkdir(own, { recursive: true, mode: 0o700 });
  await writeFile(mark, '');
  return lowers;
}

/** Links each file below a folder, as it is seen at `at`, into another; what is there already stays. */
async function linkAll(from: string, at: string, to: string): Promise<void> {
  let left = FILES_LIMIT;
  for (const open = ['']; open.length > 0 && left > 0; ) {
    const path = open.pop()!;
    const entries = await readdir(join(from, path), { withFileTypes: true }).catch(() => []); // not ours to read, or gone
    await mkdir(join(to, path), { recursive: true, mode: 0o700 });
    for (const entry of entries) {
      if (NOT_LINKED.test(entry.name)) continue;
      const [source, target] = [join(from, path, entry.name), join(to, path, entry.name)];
      left -= 1;
      if (entry.isDirectory()) open.push(join(path, entry.name));
      // A bucket of npm's index is a list of lines: what two caches know goes together, and more is added to it.
      else if (entry.isFile() && target.includes('/_cacache/index-v5/'))
        await appendFile(target, await readFile(source));
      else
        await symlink(entry.isSymbolicLink() ? await readlink(source) : join(at, path, entry.name), target).catch(
          (error: NodeJS.ErrnoException) => {
            if (error.code !== 'EEXIST') throw error; // an earlier one has it
          },
        );
    }
  }
}
