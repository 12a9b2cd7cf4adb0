/**
 * Finding a server's programs: on PATH and where distributions put them, else in our cache, else fetched into it.
 * What is on the machine already is taken as it is; nothing is ever installed into the machine.
 */
import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { searchPath } from '../../runtime/broker/find.js';
import { fetchPackages, placesIn, ServiceFetchFailure, servicesCache } from './debian.js';
import type { FoundService, ServiceKind } from './kind.js';
import { fetchNpmPackage } from './npm.js';

const PROBE_MS = 10_000;

export interface Finding {
  cache: string;
  say: (line: string) => void;
  signal?: AbortSignal;
}

/**
 * @returns what was found, or why there is none: what was looked at, in words for a person.
 */
export async function findService(kind: ServiceKind, o: Finding): Promise<FoundService | { lacking: string }> {
  if (kind.own) return kind.own();
  const folders = [...searchPath(), ...kind.folders.flatMap((pattern) => under('/', pattern))];
  const onMachine = await tryIn(kind, folders, {}, 'machine');
  if (onMachine !== null) return onMachine;
  const home = kind.cacheFolder === undefined ? servicesCache(o.cache, kind.name) : join(o.cache, kind.cacheFolder);
  let without: FoundService | null = null;
  for (const place of placesIn(home).reverse()) {
    const found = await inPlace(kind, join(home, place), 'cache');
    if (found === null) continue;
    if ((kind.clients ?? []).every((name) => companion(found, name) !== null)) return found;
    without ??= found;
  }
  const looked = `no ${kind.programs.join(' or ')} on PATH`;
  const failures: string[] = [];
  const attempt = async (fetch: () => Promise<string>): Promise<FoundService | null> => {
    try {
      const place = await fetch();
      const found = await inPlace(kind, place, 'fetched');
      if (found === null) failures.push(`what was fetched into ${place} does not run here`);
      return found;
    } catch (error) {
      if (!(error instanceof ServiceFetchFailure)) throw error;
      failures.push(error.message);
      return null;
    }
  };
  const { say, signal } = o;
  if (kind.packages.length > 0) {
    const found = await attempt(() => fetchPackages(home, kind, say, signal));
    if (found !== null) return found;
  }
  const npm = kind.npm?.() ?? null;
  if (npm !== null) {
    const found = await attempt(() => fetchNpmPackage(home, npm, say, signal));
    if (found !== null) return found;
  }
  if (without !== null) return without;
  if (kind.ours) return kind.ours();
  return {
    lacking: failures.length === 0 ? looked : `${looked}, and it could not be fetched: ${failures.join('; ')}`,
  };
}

/** A companion of a found server, absolute; null when there is none. */
export const companion = ({ path }: FoundService, ...names: string[]): string | null =>
  path.flatMap((folder) => names.map((name) => join(folder, name))).find(isExecutable) ?? null;

const inPlace = (kind: ServiceKind, root: string, from: FoundService['from']): Promise<FoundService | null> => {
  const libraries = ['lib', 'usr/lib/*-linux-gnu*', 'lib/*-linux-gnu*', 'usr/lib/*-linux-gnu*/*'].flatMap((pattern) =>
    under(root, pattern).filter((folder) => readdirSync(folder).some((name) => /\.so(\.|$)/.test(name))),
  );
  const folders = [
    'bin',
    'usr/sbin',
    'usr/bin',
    'usr/libexec',
    ...kind.folders.map((folder) => folder.replace(/^\//, '')),
  ];
  const env = libraries.length === 0 ? {} : { LD_LIBRARY_PATH: libraries.join(delimiter) };
  return tryIn(
    kind,
    folders.flatMap((pattern) => under(root, pattern)),
    env,
    from,
  );
};

async function tryIn(
  { programs, versionOf, versionAs, versionIn, beside }: ServiceKind,
  folders: string[],
  env: Record<string, string>,
  from: FoundService['from'],
): Promise<FoundService | null> {
  for (const folder of folders)
    for (const program of programs) {
      const server = join(folder, program);
      if (!isExecutable(server) || (beside !== undefined && !existsSync(join(folder, beside)))) continue;
      const version = versionIn
        ? (versionIn.exec(realpathSync(server))?.[1] ?? '')
        : await probe(server, env, versionOf, versionAs);
      // Clients may lie in another folder than the server: /usr/bin beside /usr/sbin, or where a link leads.
      const path = [...new Set([dirname(realpathSync(server)), folder, ...folders])];
      if (version !== null) return { server, version, from, env, path };
    }
  return null;
}

async function probe(
  server: string,
  env: Record<string, string>,
  versionOf = ['--version'] as readonly string[],
  versionAs = /\bv?=?(\d+(?:\.\d+)+)/,
): Promise<string | null> {
  try {
    const { stdout, stderr } = await promisify(execFile)(server, [...versionOf], {
      timeout: PROBE_MS,
      killSignal: 'SIGKILL',
      cwd: '/',
      env: { PATH: process.env.PATH, ...env },
    });
    // Some begin with their own path, which may hold numbers.
    return versionAs.exec(`${stdout}\n${stderr}`.replaceAll(server, ''))?.[1] ?? null;
  } catch {
    return null; // absent libraries, another machine's program, or not what its name says
  }
}

/** Folders that exist; `*` stands for a part of a name. The newest version first. */
function under(root: string, pattern: string): string[] {
  return pattern
    .split('/')
    .filter((part) => part !== '')
    .reduce<string[]>(
      (folders, part) =>
        folders.flatMap((folder) => {
          if (!part.includes('*')) return existsSync(join(folder, part)) ? [join(folder, part)] : [];
          const fits = new RegExp(`^${part.replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
          return listing(folder)
            .filter((name) => fits.test(name) && statSync(join(folder, name), { throwIfNoEntry: false })?.isDirectory())
            .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
            .map((name) => join(folder, name));
        }),
      [root],
    );
}
const listing = (folder: string): string[] => {
  try {
    return readdirSync(folder);
  } catch {
    return []; // not ours to read
  }
};

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
/** For words: `redis-server 7.0.15 (PATH)`. */
export const foundWords = ({ server, version, from }: FoundService): string =>
  `${basename(server)} ${version} (${from === 'machine' ? dirname(server) : from})`;
