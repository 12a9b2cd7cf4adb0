/**
 * Debian's packages, unpacked without root into a cache of the tests, and programs that run out of there: how a stack
 * comes up on a machine that has not installed it. What is installed already is taken as it is.
 */
import { execFile } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'repo-runner', 'test-debian');
const open = new Map<string, Promise<string>>();

/**
 * The folder that the packages, with all they depend on and the machine lacks, are unpacked into.
 * The first call on a machine downloads; @throws naming what apt said where it cannot.
 */
export function unpacked(name: string, packages: readonly string[]): Promise<string> {
  const place = join(cache, name);
  const one = open.get(name) ?? (existsSync(place) ? Promise.resolve(place) : unpack(place, packages));
  open.set(name, one);
  return one;
}

async function unpack(place: string, packages: readonly string[]): Promise<string> {
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, '.unpack-'));
  const apt = (options: readonly string[], ...words: string[]) =>
    run('apt-get', [...options, '-q', ...words], {
      cwd: work,
      maxBuffer: 16 << 20,
      env: { ...process.env, LC_ALL: 'C' },
    });
  try {
    const get = async (options: readonly string[]): Promise<void> => {
      const { stdout } = await apt(options, 'install', '-s', '--no-install-recommends', ...packages);
      const missing = [...stdout.matchAll(/^Inst (\S+)/gm)].map(([, one]) => one!);
      await apt(options, 'download', ...new Set([...missing, ...packages]));
    };
    // Package lists of the machine may be empty or old: then a private copy, which needs no root either.
    await get([]).catch(async () => {
      for (const folder of ['lists/partial', 'cache/archives/partial'])
        mkdirSync(join(work, folder), { recursive: true });
      const own = ['-o', `Dir::State::lists=${work}/lists`, '-o', `Dir::Cache=${work}/cache`];
      await apt(own, 'update');
      await get(own);
    });
    const root = join(work, 'root');
    for (const deb of readdirSync(work).filter((file) => file.endsWith('.deb')))
      await run('dpkg', ['-x', join(work, deb), root]);
    if (!existsSync(place)) renameSync(root, place);
    return place;
  } catch (error) {
    throw new Error(`${packages.join(', ')}: Debian's packages could not be fetched; install them, then test again`, {
      cause: error,
    });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Folders `*` stands for, e.g. the machine's architecture, that exist. */
const under = (root: string, ...patterns: string[]): string[] =>
  patterns.flatMap((pattern) =>
    pattern.split('/').reduce<string[]>(
      (folders, part) =>
        folders.flatMap((folder) => {
          const names = existsSync(folder) ? readdirSync(folder) : [];
          return names
            .filter((name) =>
              part.includes('*') ? new RegExp(`^${part.replaceAll('*', '.*')}$`).test(name) : name === part,
            )
            .map((name) => join(folder, name));
        }),
      [root],
    ),
  );

/** A program in `bin` that sets its environment and becomes another. */
function wrap(bin: string, name: string, env: Record<string, string>, command: string): void {
  mkdirSync(bin, { recursive: true });
  const set = Object.entries(env).map(([key, value]) => `export ${key}='${value}'\n`);
  writeFileSync(join(bin, name), `#!/bin/sh\n${set.join('')}exec ${command} "$@"\n`);
  chmodSync(join(bin, name), 0o755);
}

const isOnPath = (name: string): boolean =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, name)));

/** A folder for PATH that holds those of the programs that the machine lacks. @param packages the package of each. */
export async function lackingBin(dir: string, packages: Readonly<Record<string, string>>): Promise<string> {
  const bin = join(dir, 'lacking-bin');
  mkdirSync(bin, { recursive: true });
  for (const [name, one] of Object.entries(packages)) {
    if (isOnPath(name)) continue;
    const root = await unpacked(one, [one]);
    const libraries = under(root, 'usr/lib/*-linux-gnu*', 'lib/*-linux-gnu*').join(delimiter);
    wrap(bin, name, { LD_LIBRARY_PATH: libraries }, `'${under(root, `usr/bin/${name}`, `bin/${name}`)[0]}'`);
  }
  return bin;
}

/** PYTHONPATH of Debian's packages for Python. */
export async function pythonPath(...packages: string[]): Promise<string> {
  return join(await unpacked(packages.join('-'), packages), 'usr/lib/python3/dist-packages');
}

/** A folder for PATH that holds `php`. */
export async function phpBin(dir: string): Promise<string> {
  const root = await unpacked('php', ['php-cli']);
  const bin = join(dir, 'php-bin');
  const [program] = under(root, 'usr/bin/php*.*');
  wrap(bin, 'php', { LD_LIBRARY_PATH: under(root, 'usr/lib/*-linux-gnu*').join(delimiter) }, `'${program}'`);
  return bin;
}

/** A folder for PATH that holds `ruby`, `bundle`, `rackup` and `puma`, and the GEM_PATH of Debian's gems. */
export async function rubyBin(dir: string): Promise<{ bin: string; gemPath: string }> {
  const root = await unpacked('ruby', ['ruby', 'ruby-bundler', 'ruby-sinatra', 'ruby-webrick', 'ruby-rack', 'puma']);
  const bin = join(dir, 'ruby-bin');
  const [program] = under(root, 'usr/bin/ruby*.*');
  const lib = 'usr/lib/*-linux-gnu*';
  const env = {
    LD_LIBRARY_PATH: under(root, lib).join(delimiter),
    RUBYLIB: under(
      root,
      'usr/lib/ruby/vendor_ruby',
      'usr/lib/ruby/*.*',
      `${lib}/ruby/vendor_ruby/*.*`,
      `${lib}/ruby/*.*`,
    ).join(delimiter),
  };
  wrap(bin, 'ruby', env, `'${program}'`);
  for (const name of ['bundle', 'bundler', 'rackup', 'puma', 'gem'])
    for (const [script] of [under(root, `usr/bin/${name}`, `usr/bin/${name}*.*`)])
      if (script) wrap(bin, name, {}, `'${bin}/ruby' '${script}'`);
  return {
    bin,
    gemPath: [
      ...under(root, 'usr/share/rubygems-integration/*', 'var/lib/gems/*'),
      '/usr/share/rubygems-integration/all',
    ].join(delimiter),
  };
}

/** A folder of wheels that builds need, for PIP_FIND_LINKS. */
export async function wheelFolder(dir: string): Promise<string> {
  const root = await unpacked('wheels', ['python3-setuptools-whl', 'python3-wheel-whl']);
  const folder = join(dir, 'wheels');
  cpSync(join(root, 'usr/share/python-wheels'), folder, { recursive: true });
  return folder;
}
