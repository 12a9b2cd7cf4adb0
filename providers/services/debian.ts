/**
 * Servers out of Debian's packages, without root: downloaded by apt (which checks their signatures) with what they depend
 * on and this machine lacks, and unpacked into `<cache>/services/<name>/<package>`. Nothing is installed, nothing of theirs
 * is started by the system. A folder appears whole (unpacked aside, then renamed) and is never changed.
 */
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { downloadPackages, fetcher, Refusal, run } from '../../runtime/broker/fetch.js';
import { takeLock } from '../../runtime/lock.js';

/** Large packages on a slow line; one that is silent is given up long before. */
const TOTAL_MS = 8 * 60_000;
const UNPACK_MS = 2 * 60_000;
const LIST_MS = 20_000;
const LEFTOVER_MS = 60 * 60_000;

export const servicesCache = (cache: string, name: string): string => join(cache, 'services', name);

/** Why nothing was fetched, in words for a person. */
export class ServiceFetchFailure extends Error {}

/**
 * The folder that the packages are unpacked into. Who wants the same at the same time waits and shares it.
 * @param home where they are to lie, e.g. `<cache>/services/redis`.
 * @param packages the first one names the version.
 * @throws ServiceFetchFailure with the true cause: no apt here, no such package, hosts that are silent.
 */
export async function fetchPackages(
  home: string,
  packages: readonly string[],
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
    await downloadPackages(work, packages, (options) => closureOf(work, packages, options), TOTAL_MS);
    const debs = readdirSync(work).filter((file) => file.endsWith('.deb'));
    const main = debs.find((file) => file.startsWith(`${packages[0]}_`));
    if (main === undefined) throw new Refusal(`apt-get download brought no ${packages[0]}`);
    const root = join(work, 'root');
    for (const deb of debs) {
      const unpacked = await run('dpkg', ['-x', join(work, deb), root], work, UNPACK_MS);
      if (!unpacked.worked) throw new Refusal(`dpkg could not unpack ${deb}: ${unpacked.told}`);
    }
    // The name of a package holds `%3a` for the colon of an epoch, and a `%` is a trap in many a path.
    const place = join(home, main.slice(0, -'.deb'.length).replaceAll('%', '-'));
    rmSync(place, { recursive: true, force: true }); // one that was there and did not do
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

/** The packages and all they need that is not installed here; a text where apt cannot say: why. */
async function closureOf(
  work: string,
  packages: readonly string[],
  options: string[],
): Promise<readonly string[] | string> {
  const words = [...options, '-o', 'Debug::NoLocking=1', '-s', '--no-install-recommends', 'install', ...packages];
  const listed = await run('apt-get', words, work, LIST_MS);
  if (!listed.worked) return listed.told || `apt knows no package ${packages.join(', ')}`;
  // `Inst name [old] (new …)` is an upgrade of what is installed: what there is will do.
  const lacking = [...listed.said.matchAll(/^Inst (\S+) \(/gm)].map(([, one]) => one!);
  return [...new Set([...packages, ...lacking])];
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

function removeLeftovers(home: string): void {
  for (const name of readdirSync(home).filter((one) => one.startsWith('.fetch-'))) {
    const path = join(home, name);
    if (Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > LEFTOVER_MS)
      rmSync(path, { recursive: true, force: true });
  }
}
