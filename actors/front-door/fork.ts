/**
 * Makes a run that goes on from a step of another. The other is only read, and may go on: the new one gets a folder of its
 * own with what it inherits, a copy of the work among it, and is then submitted like any job. Its folder is there whole
 * or not at all.
 */
import { randomBytes } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import {
  copyFile,
  cp,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { plantBarrier } from '../../agents/file/fetch.js';
import { bundleOf } from '../../checkpoints/bundle.js';
import { openReader, type Tail } from '../../checkpoints/inspect.js';
import { fail } from '../../runtime/errors.js';
import { parse } from '../../runtime/message.js';
import { downstream } from '../../runtime/workflow.js';
import { repoRun } from '../../workflows/repo-run.js';
import { Job, type Seed } from '../run/contract.js';
import { changedStep, keptSteps, moved, seedOf } from '../run/fork.js';
import type { RunContext } from '../run/state.js';
import { readSource } from './source.js';

export interface ForkWanted {
  /** The other run, and the step to do again. */
  run: string;
  from: string;
  /** Fields of its job to change. */
  job: Record<string, unknown>;
  /** Variables to set. */
  env: Record<string, string>;
  user: string;
  /** The new run's id. */
  as: string;
}
export interface Forked {
  job: Job;
  seed: Seed;
  bundle: string;
  kept: string[];
  again: string[];
}

/**
 * Prepares the folder of the new run.
 * @throws RUN_UNKNOWN, ACTOR_UNKNOWN, CHECKPOINT_BROKEN, MESSAGE_INVALID, USAGE when a step that is kept would have
 * been asked something else, or the run has not begun.
 */
export async function prepareFork(state: string, tail: Tail, wanted: ForkWanted): Promise<Forked> {
  const { run, from, env, user, as } = wanted;
  const there = bundleOf(state, run);
  if (!existsSync(there)) throw fail('RUN_UNKNOWN', { run });
  const raw = (await openReader(state, tail).at(`${run}/run/run-1`)).state.context as RunContext;
  if (raw.job === null)
    throw fail('USAGE', { met: `the run ${run} has not begun`, fix: 'submit its source as a job of its own' });
  // An imported run names the folder it had where it came from.
  const old: RunContext = { ...moved(raw, [[raw.bundle, there]]), run };
  const { source, secret } =
    wanted.job.source === undefined ? { source: old.job!.source, secret: null } : readSource(String(wanted.job.source));
  const job = parse(Job, { ...old.job, ...wanted.job, source, user, copy: true });

  const rereads = Object.keys(env).length > 0 ? repoRun.steps.filter(({ to }) => to === 'config') : [];
  const kept = keptSteps(repoRun, old, from, [...rereads.map(({ id }) => id), ...goneFrom(old)]);
  const changed = changedStep(repoRun, old, kept, job);
  if (changed !== null)
    throw fail('USAGE', {
      met: `with that input the step ${changed} would not give what it gave`,
      fix: `fork from there: --from ${changed}`,
    });

  const bundle = bundleOf(state, as);
  const partial = join(state, 'runs', `.fork-${randomBytes(4).toString('hex')}.partial`);
  const work = join(bundle, 'work');
  const workspace = kept.includes('workspace') ? String(old.results.workspace!.root) : null;
  try {
    await inherit(there, partial, kept);
    await giveInputs(partial, env, wanted.job.source === undefined ? undefined : secret);
    if (workspace !== null) {
      await copyWhole(workspace, join(partial, 'work'), [state]);
      if (!existsSync(join(partial, 'work', '.git'))) await plantBarrier(join(partial, 'work'));
    }
    await rename(partial, bundle);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    const { code = '' } = error as NodeJS.ErrnoException;
    if (/^(ENOSPC|EDQUOT|EROFS)$/.test(code)) throw fail('STATE_UNWRITABLE', { path: state, reason: code }, error);
    throw error;
  }
  const seed = seedOf(old, from, kept, workspace === null ? [] : [[there, bundle]]);
  if (workspace !== null) {
    // From the workspace on everything happened in it; what came before saw the source.
    const after = downstream(repoRun.steps, 'workspace');
    for (const id of Object.keys(seed.results))
      if (after.has(id)) seed.results[id] = moved(seed.results[id]!, [[workspace, work]]);
    seed.results.workspace = { ...seed.results.workspace, root: work, kind: 'copy' };
  } else if (seed.results.fetch) {
    // What was cloned or unpacked is the other's work: it is copied like a folder of the user.
    seed.results.fetch = { ...seed.results.fetch, kind: 'local' };
  }
  return { job, seed, bundle, kept, again: repoRun.steps.map(({ id }) => id).filter((id) => !kept.includes(id)) };
}

/** Steps whose results name files or folders that are there no more. */
function goneFrom({ results, bundle }: RunContext): string[] {
  const isGone = (value: unknown, key = ''): boolean => {
    if (typeof value === 'string') {
      const named = value.startsWith(`${bundle}/`) || (/^(root|bin|envFile)$/.test(key) && value.startsWith('/'));
      return named && !existsSync(value);
    }
    if (value === null || typeof value !== 'object') return false;
    return Object.entries(value).some(([inner, one]) => isGone(one, Array.isArray(value) ? key : inner));
  };
  return Object.keys(results).filter((id) => isGone(results[id]));
}

/** What is recorded of the steps that are kept, and what is secret in the job. */
async function inherit(there: string, partial: string, kept: readonly string[]): Promise<void> {
  await mkdir(join(partial, 'inputs'), { recursive: true });
  const names = [
    'inputs',
    'blobs',
    ...(kept.includes('needs') ? ['plan.json'] : []),
    ...kept.map((id) => join('steps', id)),
  ];
  for (const name of names)
    if (existsSync(join(there, name)))
      await cp(join(there, name), join(partial, name), { recursive: true, preserveTimestamps: true });
}

/** @param source the URL with its password, null for one without; undefined: as it was. */
async function giveInputs(
  bundle: string,
  env: Record<string, string>,
  source: string | null | undefined,
): Promise<void> {
  const file = join(bundle, 'inputs', 'given.json');
  const before = existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as Record<string, string>) : {};
  if (Object.keys({ ...before, ...env }).length > 0)
    await writeFile(file, `${JSON.stringify({ ...before, ...env })}\n`, { mode: 0o600 });
  const address = join(bundle, 'inputs', 'source.json');
  if (source !== undefined) await rm(address, { force: true });
  if (source) await writeFile(address, `${JSON.stringify({ source })}\n`, { mode: 0o600 });
}

/** A folder with all that is in it, packages too; what vanishes meanwhile is left out, and so are pipes and sockets. */
async function copyWhole(from: string, to: string, except: readonly string[]): Promise<void> {
  if (except.includes(from)) return;
  try {
    const stat = await lstat(from);
    if (stat.isSymbolicLink()) await symlink(await readlink(from), to);
    else if (stat.isFile()) await copyFile(from, to, constants.COPYFILE_FICLONE);
    else if (stat.isDirectory()) {
      await mkdir(to, { recursive: true });
      const names = await readdir(from);
      // A work tree's .git that is a file names the folder it belongs to.
      for (const name of names)
        if (name !== '.git' || (await lstat(join(from, name))).isDirectory())
          await copyWhole(join(from, name), join(to, name), except);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
