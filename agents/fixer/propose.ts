/**
 * Writes what `lasting` says of a run's repairs as patches into the run's folder: unified diffs that `git apply` takes in
 * the folder that was given. The repository is only read, the patches are applied by nobody but a person.
 *
 * Each patch stands on the clean repository by itself: repairs that touch the same file share one. What git ignores there is
 * in none.
 */

import { readFileSync, realpathSync, statSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { dirname, join, posix, sep } from 'node:path';
import { runGit } from '../../providers/git/git.js';
import { noticedByGit, openRepository } from '../../providers/git/repository.js';
import type { Propose, Proposed } from './contract.js';
import { type Files, lasting } from './lasting.js';

const FOLDER = 'patches';
const LARGEST = 8 << 20;

/** @param bundle the run's folder. */
export async function proposePatches(wanted: Propose, bundle: string, signal: AbortSignal): Promise<Proposed> {
  const { root, kind, mended } = wanted;
  const folder = join(bundle, FOLDER);
  await rm(folder, { recursive: true, force: true });
  const none: Proposed = { type: 'fixer.proposed', patches: [] };
  if (!mended.some(({ rule }) => Object.hasOwn(lasting, rule))) return none;
  const repository = await openRepository(root, signal);
  // Of what was fetched only git knows how it came; a folder of the user's is as it was.
  const isOurs = kind === 'clone' || kind === 'archive';
  if (isOurs && (repository === null || repository.commit === null)) return none;
  const originals = new Map<string, string | null>();
  const original = async (path: string): Promise<string | null> => {
    if (!originals.has(path)) {
      const text = isOurs ? await committed(path) : readWithin(root, path);
      originals.set(path, text);
    }
    return originals.get(path)!;
  };
  const committed = async (path: string): Promise<string | null> => {
    const { code, stdout } = await repository!.ask(['show', `HEAD:./${path}`]);
    return code === 0 && stdout.length <= LARGEST ? stdout.toString('utf8') : null;
  };
  // Who proposes reads at once, and a few paths only: asked of git before.
  for (const { service, actions } of mended) {
    const own = within(service.path);
    if (isOurs) for (const path of COMMON) await original(own(path));
    for (const action of actions) if (action.do === 'write-overlay-file') await original(own(action.path));
  }
  const read = (path: string): string | null => {
    if (!isOurs && !originals.has(path)) originals.set(path, readWithin(root, path));
    return originals.get(path) ?? null;
  };

  const texts = new Map<string, string>();
  const runnable = new Set<string>();
  const groups: { fixes: number[]; files: Set<string> }[] = [];
  for (const { n, rule, actions, service, work } of mended) {
    const own = within(service.path);
    const touched = new Set<string>();
    const files: Files = {
      read: (path) => texts.get(own(path)) ?? read(own(path)),
      original: (path) => read(own(path)),
      now: (path) => readWithin(work, own(path)),
      write: (path, text) => {
        if (text === files.read(path)) return;
        texts.set(own(path), text);
        touched.add(own(path));
      },
      allowRun: (path) => {
        runnable.add(own(path));
        touched.add(own(path));
      },
    };
    for (const change of Object.hasOwn(lasting, rule) ? lasting[rule]! : []) change({ rule, actions }, service, files);
    const noticed = repository === null ? [...touched] : await noticedByGit(repository, [...touched]);
    const kept = noticed.filter(isInside);
    if (kept.length === 0) continue;
    const shared = groups.filter((group) => kept.some((path) => group.files.has(path)));
    const group = {
      fixes: [...shared.flatMap(({ fixes }) => fixes), n],
      files: new Set([...shared.flatMap(({ files: all }) => [...all]), ...kept]),
    };
    for (const one of shared) groups.splice(groups.indexOf(one), 1);
    groups.push(group);
  }

  const patches: Proposed['patches'] = [];
  for (const { fixes, files } of groups) {
    const changes = [...files].sort().map((path) => ({
      path,
      before: read(path),
      after: texts.get(path) ?? read(path) ?? '',
      wasRunnable: isRunnable(join(root, path)),
      mayRun: runnable.has(path) || isRunnable(join(root, path)),
    }));
    const text = await diffOf(changes, bundle, signal);
    if (text === '') continue;
    const number = String(fixes[0]! + 1).padStart(3, '0');
    const path = `${FOLDER}/${number}-${mended.find(({ n }) => n === fixes[0])!.rule}.patch`;
    await mkdir(folder, { recursive: true });
    await writeFile(join(bundle, path), text);
    patches.push({ fixes, path, files: changes.map((one) => one.path) });
  }
  return { type: 'fixer.proposed', patches };
}

/** What a change may begin from, beside the files that repairs have laid. */
const COMMON = `package.json package-lock.json Procfile requirements.txt .npmrc .env.example .env.sample .env.template
  .env.dist env.example pnpm-lock.yaml yarn.lock bun.lock poetry.lock uv.lock pdm.lock Pipfile.lock Cargo.lock go.mod go.sum
  Gemfile.lock composer.lock`.split(/\s+/);

/** Paths of a service's folder, from the repository's root. */
const within =
  (folder: string) =>
  (path: string): string =>
    folder === '.' ? path : `${folder}/${path}`;
const isInside = (path: string): boolean => {
  const clean = posix.normalize(path);
  return clean === path && !posix.isAbsolute(path) && !/^(?:\.\.|\.git)(?:\/|$)/.test(path);
};

/** A plain file of bounded length that really lies in the folder; null: there is none. */
function readWithin(root: string, path: string): string | null {
  if (!isInside(path)) return null;
  try {
    const top = realpathSync(root);
    const real = realpathSync(join(top, path));
    const stat = statSync(real);
    if (!real.startsWith(top + sep) || !stat.isFile() || stat.size > LARGEST) return null;
    return readFileSync(real, 'utf8');
  } catch {
    return null; // it is not there, or not ours to read
  }
}
const isRunnable = (path: string): boolean => ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o100) !== 0;

interface Changed {
  path: string;
  before: string | null;
  after: string;
  wasRunnable: boolean;
  mayRun: boolean;
}
/** As git itself tells it, out of a repository made for that. */
async function diffOf(changes: readonly Changed[], bundle: string, signal: AbortSignal): Promise<string> {
  const cwd = await mkdtemp(join(await realpath(bundle), 'inputs', 'diff-')).catch(async () => {
    await mkdir(join(bundle, 'inputs'), { recursive: true, mode: 0o700 });
    return mkdtemp(join(bundle, 'inputs', 'diff-'));
  });
  const settings = [
    ['core.autocrlf', 'false'],
    ['core.safecrlf', 'false'],
    ['core.fileMode', 'true'],
    ['core.excludesFile', '/dev/null'],
    ['core.attributesFile', '/dev/null'],
  ] as const;
  const git = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runGit(args, { cwd, signal, settings });
    if (code !== 0) throw new Error(`git ${args[0]}: ${stderr.trim()}`);
    return stdout.toString('utf8');
  };
  const lay = async (path: string, text: string, mayRun: boolean): Promise<void> => {
    await mkdir(dirname(join(cwd, path)), { recursive: true });
    await writeFile(join(cwd, path), text);
    await chmod(join(cwd, path), mayRun ? 0o755 : 0o644);
  };
  try {
    await git('init', '-q', '--template=');
    for (const { path, before, wasRunnable } of changes) if (before !== null) await lay(path, before, wasRunnable);
    await git('add', '-A', '-f');
    for (const { path, after, mayRun } of changes) await lay(path, after, mayRun);
    await git('add', '-A', '-f', '-N');
    return await git('diff', '--no-color', '--no-ext-diff', '--no-textconv', '--src-prefix=a/', '--dst-prefix=b/');
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}
