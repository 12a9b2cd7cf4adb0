/** Gets a repository's files: the user's own folder as it is, or a clone or an unpacked archive in the run's folder. */
import { mkdir, readdir, realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { cloneRepository, isGitUrl } from '../../providers/git/clone.js';
import { plantRepository } from '../../providers/git/git-folder.js';
import { isDirty, openRepository } from '../../providers/git/repository.js';
import { fail, RunnerError } from '../../runtime/errors.js';
import { type UnpackLimits, unpack } from './archive/unpack.js';
import type { Fetched } from './contract.js';
import { lookAtPath } from './source.js';
import { fillWork, workOf } from './workspace.js';

export interface FetchSource {
  /** An absolute path of a folder or archive, or a git URL. */
  source: string;
  ref: string | null;
  /** The run's folder. */
  bundle: string;
  signal?: AbortSignal;
  limits?: UnpackLimits;
}

/**
 * @throws PATH_MISSING, PATH_NOT_DIRECTORY, PATH_UNREADABLE, REPOSITORY_EMPTY, GIT_FAILED, TOOL_MISSING (no git for a
 * URL), ARCHIVE_UNSAFE, ARCHIVE_LARGE, ARCHIVE_BROKEN, STATE_UNWRITABLE.
 */
export async function fetchSource({ source, ref, bundle, signal, limits }: FetchSource): Promise<Fetched> {
  if (isGitUrl(source)) return fetchClone(source, ref, bundle, signal);
  const path = resolve(source);
  if (lookAtPath(path) === 'folder') return lookAtFolder(path, signal);
  await fillWork(bundle, async (to) => {
    await mkdir(to);
    await readable(path, () => unpack(path, to, limits, signal));
    await plantBarrier(to, signal);
  });
  return { type: 'file.fetched', root: workOf(bundle), kind: 'archive', commit: null, dirty: null, notes: [] };
}

async function fetchClone(url: string, ref: string | null, bundle: string, signal?: AbortSignal): Promise<Fetched> {
  const root = workOf(bundle);
  const cloned = await fillWork(bundle, (to) => cloneRepository({ url, ref, to, ...(signal ? { signal } : {}) }));
  // Without a result the clone was there already: an earlier attempt was cut short after it.
  const commit = cloned?.commit ?? (await openRepository(root, signal))?.commit ?? null;
  return { type: 'file.fetched', root, kind: 'clone', commit, dirty: false, notes: cloned?.notes ?? [] };
}

async function lookAtFolder(path: string, signal?: AbortSignal): Promise<Fetched> {
  const names = await readable(path, () => readdir(path));
  if (names.every((name) => name === '.git')) throw fail('REPOSITORY_EMPTY', { path });
  const repository = await openRepository(path, signal);
  return {
    type: 'file.fetched',
    root: await realpath(path),
    kind: 'local',
    commit: repository?.commit ?? null,
    dirty: repository === null ? null : await isDirty(repository),
    notes: [],
  };
}

async function readable<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!(error instanceof RunnerError) && /^(EACCES|EPERM|EIO)$/.test(code))
      throw fail('PATH_UNREADABLE', { path, met: code }, error);
    throw error;
  }
}

/** See plantRepository; without git there is nobody to be kept from the repository above. */
export async function plantBarrier(to: string, signal?: AbortSignal): Promise<void> {
  try {
    await plantRepository(to, null, signal);
  } catch (error) {
    if (!(error instanceof RunnerError) || error.code !== 'TOOL_MISSING') throw error;
  }
}
