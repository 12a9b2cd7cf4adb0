/**
 * What git knows of a folder of the user's, asked without changing a byte of it and without running anything that its
 * configuration names: clean and smudge filters of the repository's own configuration are emptied for every question
 * (`git status` runs them), and submodules, whose configuration is their own, are not entered.
 */
import { realpathSync } from 'node:fs';
import { posix, resolve, sep } from 'node:path';
import { RunnerError } from '../../runtime/errors.js';
import { type GitAnswer, type GitCall, runGit } from './git.js';

export interface Repository {
  /** The folder that was asked about, absolute, without links. */
  folder: string;
  /** Root of its work tree; the folder itself or one above. */
  top: string;
  /** Of the checked-out commit; null before the first one. */
  commit: string | null;
  ask(args: readonly string[], call?: Partial<GitCall>): Promise<GitAnswer>;
}

const QUESTION_MS = 60_000;

/**
 * @param path an existing folder.
 * @returns null when the folder is not part of a git work tree: no git, no repository above, or one above that does not
 * hold this folder (a home under git is not the repository of everything in it).
 */
export async function openRepository(path: string, signal?: AbortSignal): Promise<Repository | null> {
  const folder = realpathSync(resolve(path));
  const about: GitCall = { cwd: folder, limitMs: QUESTION_MS, ...(signal ? { signal } : {}) };
  let found: GitAnswer;
  try {
    found = await runGit(['rev-parse', '--show-toplevel'], about);
  } catch (error) {
    if (error instanceof RunnerError && error.code === 'TOOL_MISSING') return null;
    throw error;
  }
  if (found.code !== 0) return null;
  const top = found.stdout.toString('utf8').replace(/\n$/, '');
  if (folder !== top && !folder.startsWith(top + sep)) return null;

  const settings = await quietFilters(about);
  const ask: Repository['ask'] = (args, call = {}) => runGit(args, { ...about, settings, ...call });
  const held = await ask(['rev-parse', '--quiet', '--verify', 'HEAD:./']);
  if (held.code !== 0 && folder !== top) return null;
  const head = await ask(['rev-parse', '--quiet', '--verify', 'HEAD^{commit}']);
  return { folder, top, commit: head.code === 0 ? head.stdout.toString('latin1').trim() : null, ask };
}

/** Empties the filters that the repository's own configuration defines; the user's own (LFS…) are the user's. */
async function quietFilters(about: GitCall): Promise<(readonly [string, string])[]> {
  const listed = await runGit(['config', '--list', '--show-scope', '--name-only', '-z'], about);
  const parts = listed.stdout.toString('utf8').split('\0');
  const settings: (readonly [string, string])[] = [];
  for (let n = 0; n + 1 < parts.length; n += 2) {
    const name = parts[n + 1]!;
    if (parts[n] !== 'local' && parts[n] !== 'worktree') continue;
    if (/^filter\..*\.(clean|smudge|process)$/s.test(name)) settings.push([name, '']);
    else if (/^filter\..*\.required$/s.test(name)) settings.push([name, 'false']);
  }
  return settings;
}

/** Whether the folder has changes, or new files, that are not committed; null when git did not say in time. */
export async function isDirty({ ask }: Repository): Promise<boolean | null> {
  const { code, stdout } = await ask(
    ['status', '--porcelain', '-z', '--ignore-submodules=dirty', '--untracked-files=normal', '--', '.'],
    { anyOutput: true },
  );
  return stdout.length > 0 ? true : code === 0 ? false : null;
}

/**
 * Those of the paths that git would notice when written: not ignored, with tracked files at or below them, or outside.
 * @param paths POSIX, from the folder; a file or a folder, there or not yet.
 */
export async function noticedByGit({ ask }: Repository, paths: readonly string[]): Promise<string[]> {
  const noticed: string[] = [];
  // One question each: a path behind a link makes git refuse the whole question.
  for (const path of new Set(paths)) {
    const clean = posix.normalize(path).replace(/\/+$/, '');
    const outside = clean === '.' || clean === '..' || clean.startsWith('../') || posix.isAbsolute(clean);
    if (outside || !(await isIgnored(ask, clean)) || (await holdsTracked(ask, clean))) noticed.push(path);
  }
  return noticed;
}
/**
 * A pattern that ends with a slash matches folders only, and only those that are there: so a file in it is asked for, too.
 * (check-ignore takes no literal pathspecs; `./` keeps a name that starts with a colon from being one with magic.)
 */
const isIgnored = async (ask: Repository['ask'], path: string): Promise<boolean> => {
  const input = Buffer.from(`./${path}\0./${path}/.repo-runner-probe\0`);
  const { stdout } = await ask(['check-ignore', '-z', '--stdin'], { input, env: { GIT_LITERAL_PATHSPECS: '0' } });
  return stdout.length > 0;
};
const holdsTracked = async (ask: Repository['ask'], path: string): Promise<boolean> =>
  (await ask(['ls-files', '-z', '--cached', '--', path], { anyOutput: true })).stdout.length > 0;

export interface Listing {
  /** Tracked files, and new ones that git does not ignore; those of submodules as one entry, their folder. */
  files: Buffer[];
  /** Ignored files that lie outside ignored folders: `.env` and the like. */
  ignored: Buffer[];
}

/** Names as bytes: git and file systems know no encoding. @throws when git cannot list them. */
export async function listFiles({ ask }: Repository): Promise<Listing> {
  const list = async (...args: string[]): Promise<Buffer[]> => {
    const { code, stdout, stderr } = await ask(['ls-files', '-z', '--exclude-standard', ...args, '--', '.']);
    if (code !== 0) throw new Error(`git ls-files ended with ${code}: ${stderr.trim()}`);
    return splitNames(stdout);
  };
  const files = await list('--cached', '--others');
  const ignored = await list('--others', '--ignored', '--directory', '--no-empty-directory');
  return { files, ignored: ignored.filter((name) => name.at(-1) !== 0x2f) };
}

function splitNames(bytes: Buffer): Buffer[] {
  const names = new Map<string, Buffer>(); // a file in conflict is listed once a side
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0, at);
    const name = bytes.subarray(at, end < 0 ? bytes.length : end);
    names.set(name.toString('latin1'), name);
    at += name.length + 1;
  }
  return [...names.values()];
}
