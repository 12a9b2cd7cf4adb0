/**
 * Servers out of Debian's packages (providers/debian.ts says how), unpacked into `<cache>/services/<name>/<package>`.
 * Nothing of theirs is started by the system. A folder appears whole (unpacked aside, then renamed) and is never changed.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { downloadPackages, fetcher, Refusal } from '../../runtime/broker/fetch.js';
import { takeLock } from '../../runtime/lock.js';
import { closureOf, debsIn, type Rewrite, removeLeftovers, rewriteScript, unpackAll } from '../debian.js';

/** Large packages on a slow line; one that is silent is given up long before. */
const TOTAL_MS = 8 * 60_000;

export const servicesCache = (cache: string, name: string): string => join(cache, 'services', name);

/** Why nothing was fetched, in words for a person. */
export class ServiceFetchFailure extends Error {}

/**
 * The folder that the packages are unpacked into. Who wants the same at the same time waits and shares it.
 * @param home where they are to lie, e.g. `<cache>/services/redis`.
 * @param packages the first one names the version. @param rewrite what in them names a place.
 * @throws ServiceFetchFailure with the true cause: no apt here, no such package, hosts that are silent.
 */
export async function fetchPackages(
  home: string,
  { packages, rewrite }: { packages: readonly string[]; rewrite?: Rewrite },
  say: (line: string) => void,
  signal?: AbortSignal,
): Promise<string> {
  if (fetcher() === null) throw new ServiceFetchFailure('there is no apt-get with dpkg here to fetch it with');
  mkdirSync(home, { recursive: true });
  const before = new Set(placesIn(home));
  let lock = takeLock(join(home, '.lock'));
  while (lock === null) {
    await sleep(100 + Math.random() * 200, undefined, { signal });
    const made = placesIn(home).find((place) => !before.has(place));
    if (made !== undefined) return join(home, made);
    lock = takeLock(join(home, '.lock'));
  }
  removeLeftovers(home);
  const work = mkdtempSync(join(home, '.fetch-'));
  try {
    say(`fetching ${packages[0]} from this machine's package source into ${home}`);
    const listed = async (options: string[]): Promise<readonly string[] | string> => {
      const found = await closureOf(work, packages, options);
      return typeof found === 'string' ? found : found.packages;
    };
    await downloadPackages(work, packages, listed, TOTAL_MS);
    const main = debsIn(work).find((file) => file.startsWith(`${packages[0]}_`));
    if (main === undefined) throw new Refusal(`apt-get download brought no ${packages[0]}`);
    const root = await unpackAll(work);
    // The name of a package holds `%3a` for the colon of an epoch, and a `%` is a trap in many a path.
    const place = join(home, main.slice(0, -'.deb'.length).replaceAll('%', '-'));
    if (rewrite !== undefined) rewriteScript(root, place, rewrite);
    // One that was there and did not do may be in use: it gives way at once, and its files go after.
    if (existsSync(place)) renameSync(place, join(work, 'before'));
    renameSync(root, place);
    return place;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!(error instanceof Refusal) && code === undefined) throw error;
    throw new ServiceFetchFailure(message, { cause: error });
  } finally {
    rmSync(work, { recursive: true, force: true });
    lock.release();
  }
}

/** What is there, newest name last. */
export const placesIn = (home: string): string[] => {
  try {
    return readdirSync(home)
      .filter((name) => !name.startsWith('.'))
      .sort();
  } catch {
    return []; // no cache yet
  }
};
