/**
 * Packages of the system that a repository's commands need (headers, libraries, programs), without root and without a
 * change to the system: Debian's packages, downloaded by apt (which checks their signatures) with what they depend on and
 * this machine lacks, unpacked into `<cache>/toolchains/packages/<system>/<names>`. Compilers, linkers, pkg-config and
 * the loader find them by variables that only the run's own commands have.
 *
 * Guarantees: a set appears whole (unpacked aside, then renamed) and is never changed; who wants the same at the same time
 * waits and shares it; nothing of the packages runs at unpacking.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { downloadPackages, fetcher, Refusal } from '../../runtime/broker/fetch.js';
import { takeLock } from '../../runtime/lock.js';
import { closureOf, debsIn, removeLeftovers, unpackAll } from '../debian.js';
import { librariesOf, under } from './debian.js';
import { FetchFailure } from './fetch.js';

const TOTAL_MS = 8 * 60_000;
const NAME = /^[a-z0-9][a-z0-9+.-]+$/;
const LONGEST = 80;
const SET = 'packages.json';

export interface SystemPackages {
  /** Name → version, of those that were asked for. */
  versions: Record<string, string>;
  /** A folder that holds their programs, to put before PATH. */
  bin: string;
  /** What finds their headers, libraries and descriptions. */
  env: Record<string, string>;
  origin: 'cache' | 'downloaded';
}

/** Whether this machine has what gets them. */
export const canGetPackages = (): boolean => fetcher() !== null;

/**
 * @param packages Debian's names.
 * @param o.offline nothing is fetched: only what the cache holds.
 * @throws FetchFailure with the true cause: no apt here, no such package, hosts that are silent.
 */
export async function getPackages(
  packages: readonly string[],
  o: { cache: string; offline?: boolean; signal?: AbortSignal; say: (line: string) => void },
): Promise<SystemPackages> {
  const wanted = [...new Set(packages)].sort();
  const odd = wanted.find((name) => !NAME.test(name));
  if (odd !== undefined) throw new FetchFailure(`${JSON.stringify(odd)} is no name of a package`);
  const home = join(o.cache, 'toolchains', 'packages', system());
  const place = join(home, nameOf(wanted));
  if (existsSync(join(place, SET))) return given(place, 'cache');
  if (o.offline) throw new FetchFailure('this run is offline, so nothing is fetched');
  if (!canGetPackages()) throw new FetchFailure('there is no apt-get with dpkg here to fetch them with');
  mkdirSync(home, { recursive: true });
  let lock = takeLock(join(home, '.lock'));
  if (lock === null) o.say(`waiting for another process that fetches packages of the system`);
  while (lock === null) {
    await sleep(100 + Math.random() * 200, undefined, { signal: o.signal });
    lock = takeLock(join(home, '.lock'));
  }
  removeLeftovers(home);
  const work = mkdtempSync(join(home, '.fetch-'));
  try {
    if (existsSync(join(place, SET))) return given(place, 'cache');
    o.say(`fetching ${wanted.join(', ')} from this machine's package source into ${place}`);
    await downloadPackages(
      work,
      wanted,
      async (options) => {
        const found = await closureOf(work, wanted, options);
        return typeof found === 'string' ? found : found.packages;
      },
      TOTAL_MS,
    );
    const root = join(work, 'whole', 'root');
    mkdirSync(join(work, 'whole', 'bin'), { recursive: true });
    renameSync(await unpackAll(work), root);
    mendLinks(root, root);
    // Where they will lie is what they are told, so that nothing has to be changed once they lie there.
    tellPlace(root, join(place, 'root'));
    linkPrograms(root, join(work, 'whole', 'bin'));
    const debs = debsIn(work);
    const versions = Object.fromEntries(wanted.map((name) => [name, versionIn(debs, name)]));
    writeFileSync(join(work, 'whole', SET), `${JSON.stringify({ versions }, null, 2)}\n`);
    rmSync(place, { recursive: true, force: true });
    renameSync(join(work, 'whole'), place);
    return given(place, 'downloaded');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!(error instanceof Refusal) && code === undefined) throw error;
    throw new FetchFailure(message, { cause: error });
  } finally {
    rmSync(work, { recursive: true, force: true });
    lock.release();
  }
}

/** Packages of one release of a system are of no use to another, and a cache may be shared. */
function system(): string {
  const text = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const said = (name: string): string => new RegExp(`^${name}="?([\\w.-]+)`, 'm').exec(text)?.[1] ?? 'unknown';
  return `${said('ID')}-${said('VERSION_ID')}-${process.arch}`;
}

const nameOf = (packages: readonly string[]): string => {
  const name = packages.join('_');
  const key = createHash('sha256').update(name).digest('hex').slice(0, 12);
  return name.length > LONGEST ? `${name.slice(0, LONGEST)}-${key}` : name;
};

/** apt writes the colon of an epoch as `%3a`. */
const versionIn = (debs: readonly string[], name: string): string =>
  debs
    .find((deb) => deb.startsWith(`${name}_`))
    ?.split('_')[1]
    ?.replace(/^\d+%3a/, '') ?? 'unknown';

function given(place: string, origin: SystemPackages['origin']): SystemPackages {
  const root = join(place, 'root');
  const { versions } = JSON.parse(readFileSync(join(place, SET), 'utf8')) as Pick<SystemPackages, 'versions'>;
  const triplet = '*-linux-gnu*';
  const libraries = ['usr/lib', `usr/lib/${triplet}`, 'lib', `lib/${triplet}`].flatMap((path) => under(root, path));
  const headers = ['usr/include', `usr/include/${triplet}`, 'usr/include/python3.*'].flatMap((path) =>
    under(root, path),
  );
  const descriptions = ['usr/share/pkgconfig', 'usr/lib/pkgconfig', `usr/lib/${triplet}/pkgconfig`].flatMap((path) =>
    under(root, path),
  );
  const set: Record<string, string[]> = {
    CPATH: headers,
    LIBRARY_PATH: libraries,
    LD_LIBRARY_PATH: librariesOf(root),
    PKG_CONFIG_PATH: descriptions,
    CMAKE_PREFIX_PATH: under(root, 'usr'),
  };
  return {
    versions,
    bin: join(place, 'bin'),
    env: Object.fromEntries(
      Object.entries(set).flatMap(([name, folders]) => (folders.length > 0 ? [[name, folders.join(delimiter)]] : [])),
    ),
    origin,
  };
}

/**
 * `libx.so` of a package of headers leads to a library that this machine has already, and which was therefore not
 * unpacked: to that one, in the version that is here.
 */
function mendLinks(root: string, folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const stat = lstatSync(path);
    if (stat.isDirectory()) mendLinks(root, path);
    if (!stat.isSymbolicLink() || existsSync(path)) continue;
    const to = readlinkSync(path);
    let there = to.startsWith('/') ? to : join('/', resolve(dirname(path), to).slice(root.length));
    while (!existsSync(there) && /\.so\..+\d$/.test(there)) there = there.replace(/\.\d+$/, '');
    if (!existsSync(there)) continue;
    rmSync(path);
    symlinkSync(there, path);
  }
}

/** Descriptions and scripts (`pg_config`) name the folders where they would have been installed. */
function tellPlace(root: string, place: string): void {
  const rewrite = (path: string, change: (text: string) => string): void => {
    if (!lstatSync(path).isFile()) return;
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, change(text));
  };
  const described = ['usr/share/pkgconfig', 'usr/lib/pkgconfig', 'usr/lib/*-linux-gnu*/pkgconfig'];
  for (const folder of described.flatMap((path) => under(root, path)))
    for (const name of readdirSync(folder).filter((one) => one.endsWith('.pc')))
      rewrite(join(folder, name), (text) =>
        text.replace(/(=\s*|-[IL]\s*)\/usr(?=\/|\s|$)/gm, (_, before: string) => `${before}${place}/usr`),
      );
  for (const folder of ['usr/bin', 'usr/sbin'].flatMap((path) => under(root, path)))
    for (const name of readdirSync(folder).filter((one) => /config/.test(one)))
      if (isScript(join(folder, name)))
        rewrite(join(folder, name), (text) =>
          text.replace(/(?<![\w.-])\/usr(?=\/(?:include|lib|share)\b)/g, `${place}/usr`),
        );
}
const isScript = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isFile() === true &&
  readFileSync(path).subarray(0, 2).toString('latin1') === '#!';

function linkPrograms(root: string, bin: string): void {
  for (const folder of ['usr/bin', 'bin', 'usr/sbin', 'sbin', 'usr/games'].flatMap((path) => under(root, path)))
    for (const name of readdirSync(folder))
      if (!existsSync(join(bin, name)))
        symlinkSync(join('..', 'root', folder.slice(root.length + 1), basename(name)), join(bin, name));
}
