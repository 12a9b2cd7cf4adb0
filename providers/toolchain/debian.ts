/**
 * Tools that Debian has and npm's registry has not: its packages (providers/debian.ts says how), unpacked into
 * `<cache>/toolchains/<tool>/<version>/root`. Beside it `bin` holds a script for each program, which tells it where its own
 * files and libraries lie now.
 *
 * Guarantees as for npm's: a version appears whole (unpacked aside, tried, then renamed) and is never changed; who wants
 * the same at the same time waits and shares it; a package that is not the wanted version is not downloaded.
 */

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { downloadPackages, fetcher, Refusal } from '../../runtime/broker/fetch.js';
import { takeLock } from '../../runtime/lock.js';
import { quote } from '../../runtime/shell.js';
import { closureOf, erlangRoot, type Rewrite, removeLeftovers, rewriteScript, unpackAll } from '../debian.js';
import { type Fetched, FetchFailure, type Fetching, toolHome } from './fetch.js';
import { type Entries, writeEntries } from './links.js';
import { executable } from './places.js';
import { readVersion } from './range.js';
import { type ToolName, tools } from './tools.js';

const TOTAL_MS = 8 * 60_000;

/** There is one, of another version than what is wanted. */
class Other extends Refusal {
  constructor(
    message: string,
    readonly version: string | null,
  ) {
    super(message);
  }
}

interface Recipe {
  packages: readonly string[];
  /** The package whose version is the tool's, as apt lists it: group 1 is the version. */
  version: RegExp;
  /** Where the programs lie in the packages; a `*` stands for part of one name. */
  programs: string;
  /** What the programs want in the environment, given where the packages were unpacked. */
  env?: (root: string) => Record<string, string>;
  /** The same for its own programs alone: the application's environment is not to hold it. */
  within?: (root: string) => Record<string, string>;
  /** Programs of others that its own call. */
  path?: string;
  /** A script that names the place where it would have been installed. */
  rewrite?: Rewrite;
}
/** `*` as in a shell, one folder a star; the first that is there. */
export function under(root: string, pattern: string): string[] {
  return pattern.split('/').reduce<string[]>(
    (folders, part) =>
      folders.flatMap((folder) => {
        if (!part.includes('*')) return existsSync(join(folder, part)) ? [join(folder, part)] : [];
        const like = new RegExp(`^${part.replace(/[.+]/g, '\\$&').replaceAll('*', '.*')}$`);
        return list(folder)
          .filter((name) => like.test(name))
          .map((name) => join(folder, name));
      }),
    [root],
  );
}
const erlang = [
  'erlang-base',
  ...['asn1', 'crypto', 'inets', 'parsetools', 'public-key', 'runtime-tools', 'ssl', 'syntax-tools', 'tools'].map(
    (part) => `erlang-${part}`,
  ),
];
const recipes: Partial<Record<ToolName, Recipe>> = {
  go: {
    packages: ['golang-go'],
    version: /^Inst golang-\d[\d.]*-go \((\S+)/m,
    programs: 'usr/lib/go-*/bin',
    env: (root) => ({ GOROOT: under(root, 'usr/lib/go-*')[0] ?? '', GOTOOLCHAIN: 'local' }),
  },
  rust: { packages: ['cargo', 'rustc'], version: /^Inst rustc \((\S+)/m, programs: 'usr/bin' },
  java: {
    packages: ['default-jdk-headless'],
    version: /^Inst openjdk-\d+-jdk-headless \((\S+)/m,
    programs: 'usr/lib/jvm/java-*-openjdk-*/bin',
    env: (root) => ({ JAVA_HOME: under(root, 'usr/lib/jvm/java-*-openjdk-*')[0] ?? '' }),
  },
  ninja: { packages: ['ninja-build'], version: /^Inst ninja-build \((\S+)/m, programs: 'usr/bin' },
  // Python of the machine runs it; without one it is not to be had this way.
  meson: {
    packages: ['meson'],
    version: /^Inst meson \((\S+)/m,
    programs: 'usr/bin',
    within: (root) => ({ PYTHONPATH: join(root, 'usr/lib/python3/dist-packages') }),
  },
  cobc: {
    packages: ['gnucobol'],
    version: /^Inst gnucobol\d+ \((\S+)/m,
    programs: 'usr/bin',
    env: (root) => ({
      COB_CONFIG_DIR: under(root, 'etc/gnucobol')[0] ?? '',
      COB_COPY_DIR: under(root, 'usr/share/gnucobol/copy')[0] ?? '',
      COB_CFLAGS: `-I${join(root, 'usr/include')} -pipe`,
      COB_LDFLAGS: librariesOf(root)
        .map((folder) => `-L${folder} -Wl,-rpath,${folder}`)
        .join(' '),
    }),
  },
  erlang: {
    packages: erlang,
    version: /^Inst erlang-base \((\S+)/m,
    programs: 'usr/lib/erlang/bin',
    rewrite: erlangRoot,
  },
  elixir: {
    packages: ['elixir', ...erlang],
    version: /^Inst elixir \((\S+)/m,
    programs: 'usr/lib/elixir/bin',
    path: 'usr/lib/erlang/bin',
    rewrite: erlangRoot,
  },
};

export const canUnpack = (tool: ToolName): boolean => recipes[tool] !== undefined;

/** Folders of shared libraries in what was unpacked. */
export const librariesOf = (root: string): string[] =>
  ['usr/lib/*-linux-gnu*', 'lib/*-linux-gnu*', 'usr/lib', 'lib']
    .flatMap((pattern) => under(root, pattern))
    .filter((folder) => list(folder).some((name) => /\.so(?:\.|$)/.test(name)));

/** @throws FetchFailure with the true cause: no apt here, another version there, hosts that are silent. */
export async function unpackTool({ tool, range, cache, signal, say }: Fetching): Promise<Fetched> {
  const recipe = recipes[tool];
  if (recipe === undefined || fetcher() === null)
    throw new FetchFailure('there is no apt-get with dpkg here to fetch it with');
  const home = toolHome(cache, tool);
  mkdirSync(home, { recursive: true });
  const main = tools[tool].programs[0]!;
  const before = new Set(list(home));
  /** What another has fetched meanwhile. */
  const shared = (): Fetched | null => {
    const made = list(home).find((name) => /^\d/.test(name) && !before.has(name) && range.accepts(name));
    const bin = join(home, made ?? '', 'bin');
    return made === undefined || executable(join(bin, main)) === null
      ? null
      : { version: made, bin, env: readOwnEnvironment(dirname(bin)) };
  };
  let lock = takeLock(join(home, '.lock-debian'));
  if (lock === null) say(`waiting for another process that fetches ${tool} from Debian's packages`);
  while (lock === null) {
    await sleep(100 + Math.random() * 200, undefined, { signal });
    lock = takeLock(join(home, '.lock-debian'));
  }
  const already = shared();
  if (already !== null) {
    lock.release();
    return already;
  }
  removeLeftovers(home);
  const work = mkdtempSync(join(home, '.fetch-'));
  try {
    say(`looking up ${tool} among this machine's packages`);
    let version: string | null = null;
    await downloadPackages(
      work,
      recipe.packages,
      async (options) => {
        const found = await closureOf(work, recipe.packages, options);
        if (typeof found === 'string') return found;
        const said = recipe.version.exec(found.said)?.[1];
        if (said === undefined)
          throw new Refusal(`Debian's ${recipe.packages[0]} is installed here and cannot be used as it is`);
        version = readVersion(said.replace(/^\d+:/, ''), tools[tool].scheme);
        if (version === null || !range.accepts(version))
          throw new Other(`Debian's package is ${tool} ${version ?? said}`, version);
        say(`fetching ${tool} ${version} from this machine's package source, ${found.packages.length} packages`);
        return found.packages;
      },
      TOTAL_MS,
    );
    if (version === null) throw new Refusal(`apt brought no ${tool}`);
    const root = await unpackAll(work);
    const aside = join(work, 'whole');
    const place = join(home, version);
    mkdirSync(join(aside, 'bin'), { recursive: true });
    if (recipe.rewrite !== undefined) rewriteScript(root, join(place, 'root'), recipe.rewrite);
    renameSync(root, join(aside, 'root'));
    rmSync(place, { recursive: true, force: true }); // one that was there and did not do
    renameSync(aside, place);
    // The scripts name where everything lies now; without the main one the folder does not count as whole.
    writeScripts(tool, recipe, place);
    return { version, bin: join(place, 'bin'), env: readOwnEnvironment(place) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!(error instanceof Refusal) && code === undefined) throw error;
    const failure = new FetchFailure(message, { cause: error });
    if (error instanceof Other) failure.offered = error.version;
    throw failure;
  } finally {
    rmSync(work, { recursive: true, force: true });
    lock.release();
  }
}

function writeScripts(tool: ToolName, { programs, env, within, path: others }: Recipe, place: string): void {
  const root = join(place, 'root');
  const own = env?.(root) ?? {};
  const libraries = librariesOf(root);
  const path =
    libraries.length === 0
      ? []
      : [`LD_LIBRARY_PATH=${quote(libraries.join(delimiter))}"\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"`];
  if (others !== undefined) path.push(`PATH=${quote(join(root, others))}:"$PATH"`);
  const set = [
    ...Object.entries({ ...own, ...within?.(root) }).map(([key, value]) => `${key}=${quote(value)}`),
    ...path,
  ]
    .map((one) => `export ${one}\n`)
    .join('');
  const entries: Entries = {};
  for (const name of [...tools[tool].beside, tools[tool].programs[0]!])
    for (const folder of under(root, programs)) {
      const real = executable(join(folder, name));
      if (real !== null) entries[name] ??= { script: `#!/bin/sh\n${set}exec ${quote(real)} "$@"\n` };
    }
  writeFileSync(join(place, 'env.json'), JSON.stringify(own));
  writeEntries(join(place, 'bin'), entries);
}

/** What the programs of a version in the cache want in the environment. */
export function readOwnEnvironment(place: string): Record<string, string> {
  try {
    return JSON.parse(readFileSync(join(place, 'env.json'), 'utf8')) as Record<string, string>;
  } catch {
    return {}; // npm's have none
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return []; // not there, or no folder
  }
}
