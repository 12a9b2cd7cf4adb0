/**
 * Where tools lie on a machine: on PATH, in the usual folders, and in the folders of version managers. Only looks.
 *
 * What a version manager puts on PATH is a shim that chooses by the current folder, and may download: it is passed
 * over, and the versions it has installed are looked at themselves. Corepack's shims download too: passed over.
 */
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';
import { type ToolName, tools } from './tools.js';

export type Environment = Readonly<Record<string, string | undefined>>;
export interface Place {
  /** The main program, as found. */
  program: string;
  origin: 'machine' | 'version-manager';
  /** The name of the version's folder, where a version manager gave one. */
  label: string | null;
}

/** The real file behind a name, when it can be run. */
export function executable(path: string): string | null {
  try {
    const real = realpathSync(path);
    const info = statSync(real);
    return info.isFile() && (info.mode & 0o111) !== 0 ? real : null;
  } catch {
    return null; // absent, or a link to nowhere
  }
}

const list = (folder: string): string[] => {
  try {
    return readdirSync(folder);
  } catch {
    return []; // no such folder, or not ours to read: nothing is found there
  }
};

/** Absolute folders of PATH. */
export const pathFolders = (env: Environment): string[] =>
  (env.PATH ?? '').split(delimiter).filter((folder) => folder.startsWith('/'));

const isShim = (real: string, folder: string): boolean =>
  /[\\/](?:shims|\.volta[\\/]bin)[\\/]?$/.test(folder) ||
  /[\\/](?:corepack|shims)[\\/]/.test(real) ||
  ['rustup', 'mise', 'volta', 'volta-shim'].includes(basename(real)) ||
  // `cargo` beside `rustup` is a proxy that downloads what a repository names.
  (basename(real) === 'cargo' && existsSync(join(folder, 'rustup')));

/** Programs of a tool on PATH and in the usual folders, in the order a shell would take them. */
export function findOnMachine(tool: ToolName, env: Environment): Place[] {
  const folders = pathFolders(env);
  const home = env.HOME;
  if (home)
    for (const bin of ['.local/bin', '.cargo/bin', '.bun/bin', '.deno/bin', '.dotnet']) folders.push(join(home, bin));
  folders.push('/usr/local/go/bin', '/opt/homebrew/bin');
  if (tool === 'node' || tool === 'npm') folders.push(dirname(process.execPath));
  const places: Place[] = [];
  const seen = new Set<string>();
  for (const name of tools[tool].programs)
    for (const folder of folders)
      for (const file of name.endsWith('*') ? numbered(folder, name.slice(0, -1)) : [name]) {
        const chosen = chosenBehind(folder);
        const program = join(chosen === null ? folder : chosen.bin, file);
        if (chosen !== null) {
          const real = executable(program);
          if (real !== null && !seen.has(real))
            places.push({ program, origin: 'version-manager', label: chosen.label });
          if (real !== null) seen.add(real);
          continue;
        }
        const real = executable(program);
        if (real === null || seen.has(real) || isShim(real, folder)) continue;
        seen.add(real);
        places.push({ program, origin: 'machine', label: null });
      }
  return places;
}

/** The version that the shims of pyenv, rbenv and their like give where no file says otherwise. */
function chosenBehind(folder: string): { bin: string; label: string } | null {
  if (basename(folder) !== 'shims' || !existsSync(join(folder, '..', 'version'))) return null;
  const label = readFileSync(join(folder, '..', 'version'), 'utf8').split(/\s/)[0]!;
  return /^[\w.-]+$/.test(label) ? { bin: join(folder, '..', 'versions', label, 'bin'), label } : null;
}

/** `python3.12` for `python3.`, not `python3.12-config`; the newest first. */
const numbered = (folder: string, start: string): string[] =>
  list(folder)
    .filter((name) => name.startsWith(start) && /^[\d.]+$/.test(name.slice(start.length)))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));

/** What version managers have installed of a tool, in no order. */
export function findInManagers(tool: ToolName, env: Environment): Place[] {
  const places: Place[] = [];
  const seen = new Set<string>();
  const names = tools[tool].programs.filter((program) => !program.endsWith('*'));
  for (const [folder, bin] of managerFolders(tool, env))
    for (const label of list(folder)) {
      const program = names.map((name) => join(folder, label, bin, name)).find((path) => executable(path) !== null);
      const real = program === undefined ? null : executable(program);
      if (program === undefined || real === null || seen.has(real)) continue;
      seen.add(real);
      places.push({ program, origin: 'version-manager', label });
    }
  return places;
}

/** `[folder of version folders, where programs lie in each]`: the documented layouts of each manager. */
function managerFolders(tool: ToolName, env: Environment): [string, string][] {
  const home = env.HOME || '/nonexistent';
  const data = env.XDG_DATA_HOME || `${home}/.local/share`;
  const volta = `${env.VOLTA_HOME || `${home}/.volta`}/tools/image`;
  const sdkman = `${env.SDKMAN_DIR || `${home}/.sdkman`}/candidates`;
  const asdfMise = (plugin: string, name: string = plugin, bin = 'bin'): [string, string][] => [
    [`${env.ASDF_DATA_DIR || `${home}/.asdf`}/installs/${plugin}`, bin],
    [`${env.MISE_DATA_DIR || `${data}/mise`}/installs/${name}`, 'bin'],
  ];
  switch (tool) {
    case 'node':
      return [
        [`${env.NVM_DIR || `${home}/.nvm`}/versions/node`, 'bin'],
        [`${env.FNM_DIR || `${data}/fnm`}/node-versions`, 'installation/bin'],
        [`${home}/.fnm/node-versions`, 'installation/bin'],
        [`${volta}/node`, 'bin'],
        [`${env.N_PREFIX || '/usr/local'}/n/versions/node`, 'bin'],
        [`${home}/.nodenv/versions`, 'bin'],
        ...asdfMise('nodejs', 'node'),
      ];
    case 'npm':
    case 'pnpm':
    case 'yarn':
      return [[`${volta}/${tool}`, 'bin'], ...asdfMise(tool)];
    case 'python':
      return [
        [`${env.PYENV_ROOT || `${home}/.pyenv`}/versions`, 'bin'],
        [`${data}/uv/python`, 'bin'],
        [`${home}/.rye/py`, 'bin'],
        ...asdfMise('python'),
      ];
    case 'ruby':
    case 'bundler':
      return [
        [`${env.RBENV_ROOT || `${home}/.rbenv`}/versions`, 'bin'],
        [`${home}/.rvm/rubies`, 'bin'],
        [`${home}/.rubies`, 'bin'],
        ['/opt/rubies', 'bin'],
        ...asdfMise('ruby'),
      ];
    case 'go':
      return [
        [`${home}/sdk`, 'bin'],
        [`${home}/.gvm/gos`, 'bin'],
        [`${home}/.goenv/versions`, 'bin'],
        [`${env.GOPATH || `${home}/go`}/pkg/mod/golang.org`, 'bin'],
        ...asdfMise('golang', 'go', 'go/bin'),
      ];
    case 'rust':
      return [[`${env.RUSTUP_HOME || `${home}/.rustup`}/toolchains`, 'bin']];
    case 'java':
      return [
        [`${sdkman}/java`, 'bin'],
        [`${home}/.jdks`, 'bin'],
        [`${home}/.jenv/versions`, 'bin'],
        ['/usr/lib/jvm', 'bin'],
        ['/Library/Java/JavaVirtualMachines', 'Contents/Home/bin'],
        ...asdfMise('java'),
      ];
    case 'maven':
    case 'gradle':
      return [[`${sdkman}/${tool}`, 'bin'], ...asdfMise(tool)];
    case 'php':
      return [[`${home}/.phpenv/versions`, 'bin'], ...asdfMise('php')];
    case 'ghc':
      return [[`${home}/.ghcup/ghc`, 'bin'], ...asdfMise('ghc')];
    case 'swift':
      return [
        [`${env.SWIFTLY_TOOLCHAINS_DIR || `${data}/swiftly/toolchains`}`, 'usr/bin'],
        [`${home}/.swiftenv/versions`, 'usr/bin'],
        ...asdfMise('swift'),
      ];
    case 'zig':
      return [[`${home}/.zvm`, '.'], ...asdfMise('zig', 'zig', '.')];
    case 'dart':
      return [[`${home}/.dvm/darts`, 'bin'], ...asdfMise('dart', 'dart', 'dart-sdk/bin')];
    case 'flutter':
      return [[`${home}/fvm/versions`, 'bin'], ...asdfMise('flutter')];
    case 'crystal':
      return [[`${home}/.crenv/versions`, 'bin'], ...asdfMise('crystal')];
    case 'sbt':
      return [[`${sdkman}/sbt`, 'bin'], ...asdfMise('sbt')];
    case 'scala-cli':
      return [[`${sdkman}/scalacli`, 'bin'], ...asdfMise('scala-cli')];
    case 'leiningen':
      return [[`${sdkman}/leiningen`, 'bin'], ...asdfMise('lein')];
    default:
      return asdfMise(tool);
  }
}
