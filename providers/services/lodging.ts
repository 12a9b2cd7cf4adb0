/**
 * Where a service's data lives: `<state>/services/<repository>/<kind>`, kept from run to run, one holder at a time.
 *
 * Guarantees: two servers never share a data folder. Who holds it is written in `holder.json` (the process that sets it
 * up, then the server); where the system has flock(1) the server itself holds the file `lock` for as long as it lives, so
 * also one whose entry was never written keeps others out. A run that finds the folder held gets an empty one in its own
 * bundle. A run that is taken up again finds its own server by the entry.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Identity, identify, isAlive } from '../../runtime/identity.js';
import { takeLock } from '../../runtime/lock.js';

export interface Holder extends Identity {
  run: string;
  /** The server's name under the keeper; null: it is being set up. */
  app: string | null;
  host: string;
  port: number;
  program: string;
  /** What it was set up for, to know a change by. */
  wish: string;
  /** It was begun with what earlier runs had stored. */
  kept?: boolean;
}
export interface Place {
  folder: string;
  /** Of this very run, up already. */
  running: Holder | null;
  /** Why it is not the place where the repository's data is kept; null: it is. */
  aside: string | null;
}
/** What a server that finds its data held by another ends with. */
export const HELD_EXIT = 75;
const WAIT_MS = 10_000;

/** A name for a repository that stays the same: its folder or URL. */
export function homeOf(state: string, repository: string): string {
  const name = basename(repository.replace(/[/\\]+$/, '').replace(/\.(?:git|zip|tar|tgz|tar\.gz)$/, ''));
  const hash = createHash('sha256').update(repository).digest('hex').slice(0, 10);
  return join(state, 'services', `${name.replace(/[^\w.-]+/g, '-').slice(0, 40) || 'repository'}-${hash}`);
}

/** @param fresh what was kept goes, once a run. */
export async function claim(o: {
  state: string;
  repository: string;
  kind: string;
  run: string;
  bundle: string;
  fresh: boolean;
  signal?: AbortSignal;
}): Promise<Place> {
  const kept = join(homeOf(o.state, o.repository), o.kind);
  const first = await take(kept, o);
  if (first !== null) return first;
  const by = readHolder(kept)?.run ?? 'another run';
  const own = join(o.bundle, 'services', o.kind);
  const place = await take(own, o);
  if (place === null) throw new Error(`${own} is held by another run`);
  return { ...place, aside: `its data is held by ${by}: this run begins with an empty one` };
}
/** A place of the run's own, when the kept one turned out to be held. */
export async function claimAside(o: {
  kind: string;
  run: string;
  bundle: string;
  signal?: AbortSignal;
}): Promise<Place> {
  const place = await take(join(o.bundle, 'services', o.kind), { ...o, fresh: false });
  if (place === null) throw new Error(`the ${o.kind} of ${o.run} is held by another run`);
  return { ...place, aside: 'its data is held by another server: this run begins with an empty one' };
}
/** A place of the run's own where its server has ended. @returns null when another run has it now. */
export const reclaim = (folder: string, run: string, signal: AbortSignal): Promise<Place | null> =>
  take(folder, { run, fresh: false, signal });

async function take(
  folder: string,
  { run, fresh, signal }: { run: string; fresh: boolean; signal?: AbortSignal },
): Promise<Place | null> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const until = performance.now() + WAIT_MS;
  let lock = takeLock(join(folder, '.claim'));
  while (lock === null) {
    if (performance.now() > until) return null;
    await sleep(20 + Math.random() * 50, undefined, { signal });
    lock = takeLock(join(folder, '.claim'));
  }
  try {
    const holder = readHolder(folder);
    const alive = holder !== null && isAlive(holder);
    if (alive && holder.run !== run) return null;
    if (alive && holder.app !== null) return { folder, running: holder, aside: null };
    if (fresh && holder?.run !== run) for (const name of ['data', 'set-up']) removeAll(folder, name);
    writeHolder(folder, {
      ...identify(process.pid)!,
      run,
      app: null,
      host: '',
      port: 0,
      program: '',
      wish: '',
    });
    return { folder, running: null, aside: null };
  } finally {
    lock.release();
  }
}
const removeAll = (folder: string, name: string): void => rmSync(join(folder, name), { recursive: true, force: true });

export function readHolder(folder: string): Holder | null {
  try {
    return JSON.parse(readFileSync(join(folder, 'holder.json'), 'utf8')) as Holder;
  } catch {
    return null; // nobody yet, or it was cut short by a crash: nobody living wrote it
  }
}
export function writeHolder(folder: string, holder: Holder): void {
  const path = join(folder, 'holder.json');
  writeFileSync(`${path}.new`, `${JSON.stringify(holder, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** The server's command, holding `lock` in its folder as long as it lives, where the system can. */
export const holding = (shell: string): string =>
  `if command -v flock >/dev/null 2>&1; then exec 9>>lock; flock -n 9 || exit ${HELD_EXIT}; fi\n${shell}`;
export const isMade = (data: string): boolean => existsSync(data);
