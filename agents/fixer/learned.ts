/**
 * What helped on this machine before: for each cause a fix was tried for, how often it helped and how often not. The next
 * failure of the same cause is answered with what helped; what did not help is asked last.
 *
 * A file beside the cache's downloads, shared by all runtimes of a user: written as a whole, beside and renamed, by one holder of its lock
 * at a time. One that is lost or broken costs only what was learned. Values of variables and texts of files are not kept.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { takeLock } from '../../runtime/lock.js';
import { type Action, Learned } from './contract.js';

const KEPT = 500;
const RUNS = 50;
const LOCK_TRIES = 100;
const LOCK_PAUSE_MS = 20;
const File = z.strictObject({ format: z.literal(1), fixes: z.array(Learned) });

/** A fix as a run has judged it. */
export interface Judged {
  rule: string;
  phase: string;
  cause: string;
  signature: string;
  actions: readonly Record<string, unknown>[];
  helped: boolean | null;
}

export const idOf = (signature: string, cause: string): string =>
  createHash('sha256').update(`${signature}\n${cause}`).digest('hex').slice(0, 10);

/** @returns nothing where the file is not there, or cannot be understood. */
export function readLearned(path: string): Learned[] {
  try {
    const file = File.safeParse(JSON.parse(readFileSync(path, 'utf8')));
    return file.success ? file.data.fixes : [];
  } catch {
    return [];
  }
}

/** What is told of a repair: neither values nor texts, which may be of one repository alone. */
const shape = (action: Record<string, unknown>): Record<string, unknown> => {
  const { value: _, text: __, ...rest } = action as Action & { value?: string; text?: string };
  return rest;
};

/** Counts what a run has judged, each fix once however often it is told. */
export async function learn(path: string, run: string, judged: readonly Judged[], at: number): Promise<void> {
  const known = judged.filter(({ helped }) => helped !== null);
  if (known.length === 0) return;
  await change(path, (fixes) => {
    let next = fixes;
    for (const { rule, phase, cause, signature, actions, helped } of known) {
      const id = idOf(signature, cause);
      const old = next.find((one) => one.id === id);
      if (old?.runs.includes(run)) continue;
      const one: Learned = {
        id,
        rule,
        phase,
        cause,
        signature,
        actions: actions.map(shape),
        successes: (old?.successes ?? 0) + (helped ? 1 : 0),
        failures: (old?.failures ?? 0) + (helped ? 0 : 1),
        at: new Date(at).toISOString(),
        runs: [...(old?.runs ?? []), run].slice(-RUNS),
      };
      next = [...next.filter((other) => other.id !== id), one].slice(-KEPT);
    }
    return next;
  });
}

/** @param id of one, the id of a rule, or `all`. @returns how many were forgotten. */
export async function forget(path: string, id: string): Promise<number> {
  let gone = 0;
  await change(path, (fixes) => {
    const left = fixes.filter((one) => id !== 'all' && one.id !== id && one.rule !== id);
    gone = fixes.length - left.length;
    return left;
  });
  return gone;
}

async function change(path: string, edit: (fixes: Learned[]) => Learned[]): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  for (let tries = 0; tries < LOCK_TRIES; tries++) {
    const lock = takeLock(`${path}.lock`);
    if (lock === null) {
      await sleep(LOCK_PAUSE_MS);
      continue;
    }
    try {
      const before = readLearned(path);
      const fixes = edit(before);
      if (fixes === before) return;
      const next = `${path}.${process.pid}.new`;
      writeFileSync(next, `${JSON.stringify({ format: 1, fixes }, null, 2)}\n`, { mode: 0o600 });
      renameSync(next, path);
      return;
    } finally {
      lock.release();
    }
  }
  // Somebody holds it for long: what this one run saw is not worth waiting for.
}
