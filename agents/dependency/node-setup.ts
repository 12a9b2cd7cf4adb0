/**
 * What an install of Node packages wants before it begins: tokens of private registries, headers for native builds, and
 * the word on install scripts. Reads the repository's settings and never a value: only whether one was given.
 *
 * A token that the repository's .npmrc names is asked for by that name, and taken only from what the user gave to the
 * run: a name in somebody's file must not reach into the shell's environment, least of all when the same file says where
 * it is sent.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join, relative } from 'node:path';
import { childEnvironment } from '../../providers/process/environment.js';
import { type ErrorRecord, fail } from '../../runtime/errors.js';
import type { Tool } from './contract.js';

export interface Setup {
  /** Beside what is given; what the user set himself stands. */
  env: Record<string, string>;
  /** What a person may want to know of it. */
  notes: string[];
  /** Something only the user has. */
  missing: ErrorRecord | null;
}
type Table = Record<string, unknown>;

const NODE_INSTALL = /(?:^|[\s;&|/])(?:npm|npx|pnpm|yarn|yarn-[\w.]+\.cjs|bun)(?=\s|$)/;
/** npm 12 runs no install script that package.json's `allowScripts` does not allow. */
const POLICY_FROM = 12;
const VERSION_MS = 15_000;

/** @param given what the run's own variables are: values of the user, and those of a fix. */
export async function setUpNode(o: {
  cwd: string;
  commands: readonly string[];
  tools: readonly Tool[];
  given: Readonly<Record<string, string>>;
}): Promise<Setup> {
  const setup: Setup = { env: {}, notes: [], missing: null };
  const commands = o.commands.filter((command) => NODE_INSTALL.test(command));
  if (commands.length === 0) return setup;
  const folders = [
    ...new Set([o.cwd, ...commands.map((command) => join(o.cwd, /^cd (\S+) && /.exec(command)?.[1] ?? '.'))]),
  ];
  const env = { ...childEnvironment({ run: '', overlay: {}, install: true }), ...o.given };
  setup.missing = folders.map((folder) => askForToken(folder, o.cwd, env)).find((asked) => asked !== null) ?? null;
  if (setup.missing !== null) return setup;

  const locked = folders.map(
    (folder) => read(join(folder, 'package-lock.json')) ?? read(join(folder, 'npm-shrinkwrap.json')),
  );
  const knowsLock = locked.some((text) => text !== null);
  const scripts = !knowsLock || locked.some((text) => text?.includes('"hasInstallScript": true'));
  const native = folders.some((folder) => existsSync(join(folder, 'binding.gyp')));
  const headers = scripts || native ? headersOf(o.tools) : null;
  if (headers !== null && !isSet(env, 'nodedir')) setup.env.npm_config_nodedir = headers;

  const manifests = folders.map((folder) => readManifest(folder));
  const undecided = manifests.every((manifest) => manifest.allowScripts === undefined);
  const settings = ['allow_scripts', 'strict_allow_scripts', 'dangerously_allow_all_scripts', 'ignore_scripts'];
  const decided =
    !undecided ||
    settings.some((name) => isSet(env, name)) ||
    folders.some((folder) =>
      /^\s*(?:strict-|dangerously-)?(?:allow|ignore)-(?:all-)?scripts\s*=/m.test(read(join(folder, '.npmrc')) ?? ''),
    );
  if (scripts && !decided && commands.some((command) => /(?:^|[\s;&|])npm\s/.test(command))) {
    const major = await npmMajor(o.tools, env);
    if (major !== null && major >= POLICY_FROM) {
      // Written for an npm that ran them; and what they belong to is run a moment later, by the same user, in any case.
      setup.env.npm_config_dangerously_allow_all_scripts = 'true';
      setup.notes.push(
        `npm ${major} runs the install scripts of all packages here, since package.json has no allowScripts`,
      );
    }
  }
  return setup;
}

/** The token that a package of this folder needs and nobody gave. */
function askForToken(folder: string, cwd: string, env: Readonly<Record<string, string>>): ErrorRecord | null {
  const ask = (file: string, line: number, name: string, host: string): ErrorRecord => {
    const from = `${relative(cwd, join(folder, file)) || file}:${line + 1}`;
    const fix = `give it to this run: --env ${name}=TOKEN (it is not taken from your shell by itself, since the repository says where it is sent)`;
    return fail('SERVICE_MISSING', { need: `the registry token ${name} of ${host}`, from, fix }).toRecord();
  };
  const lines = (read(join(folder, '.npmrc')) ?? '').split('\n').map((line) => line.replace(/^\s*[;#].*$/, ''));
  const asked = dependenciesOf(folder);
  const registries = lines.flatMap((line) => {
    const [, scope, address] = /^\s*(?:(@[\w.-]+):)?registry\s*=\s*["']?https?:(\/\/[^\s"']+)/.exec(line) ?? [];
    return address === undefined ? [] : [{ scope: scope ?? null, address: address.replace(/\/*$/, '/') }];
  });
  for (const [index, line] of lines.entries()) {
    const [, address, name] =
      /^\s*(\/\/[^\s=]+?):(?:_authToken|_auth|_password)\s*=\s*["']?\$\{(\w+)\}/.exec(line) ?? [];
    if (address === undefined || name === undefined || env[name]) continue;
    const place = address.replace(/\/*$/, '/');
    const isNeeded = registries.some(
      ({ scope, address: registry }) =>
        registry.startsWith(place) &&
        (scope === null ? asked.length > 0 : asked.some((dependency) => dependency.startsWith(`${scope}/`))),
    );
    if (isNeeded) return ask('.npmrc', index, name, place.split('/')[2]!);
  }
  // Yarn ends where a variable of its settings is not set, whether the package is asked for or not.
  const yarn = (read(join(folder, '.yarnrc.yml')) ?? '').split('\n');
  for (const [index, line] of yarn.entries()) {
    const name = /^\s*npmAuth(?:Token|Ident)\s*:\s*["']?\$\{(\w+)\}/.exec(line)?.[1];
    if (name === undefined || env[name]) continue;
    const server = yarn
      .map((each) => /npmRegistryServer\s*:\s*["']?https?:\/\/([^/"'\s]+)/.exec(each)?.[1])
      .find(Boolean);
    return ask('.yarnrc.yml', index, name, server ?? 'its registry');
  }
  return null;
}

/** The folder that holds `include/node` of just this Node: a native package then needs no download of headers. */
function headersOf(tools: readonly Tool[]): string | null {
  const node = tools.find(({ tool }) => tool === 'node');
  if (node === undefined) return null;
  try {
    const home = join(dirname(realpathSync(join(node.bin, 'node'))), '..');
    const text = readFileSync(join(home, 'include/node/node_version.h'), 'utf8');
    const numbers = ['MAJOR', 'MINOR', 'PATCH'].map(
      (part) => new RegExp(`^#define NODE_${part}_VERSION (\\d+)`, 'm').exec(text)?.[1],
    );
    return numbers.join('.') === node.version ? home : null;
  } catch {
    return null; // a Node without its headers
  }
}

function npmMajor(tools: readonly Tool[], env: Readonly<Record<string, string>>): Promise<number | null> {
  const PATH = [...tools.map(({ bin }) => bin), env.PATH ?? ''].join(delimiter);
  const bin = tools.find((tool) => existsSync(join(tool.bin, 'npm')))?.bin;
  return new Promise((resolve) => {
    execFile(
      bin === undefined ? 'npm' : join(bin, 'npm'),
      ['--version'],
      { env: { ...env, PATH }, cwd: '/', timeout: VERSION_MS },
      (_, stdout) => {
        const major = /^(\d+)\./.exec(stdout)?.[1];
        resolve(major === undefined ? null : Number(major));
      },
    );
  });
}

/** npm hands its whole settings on to what it starts, most of them empty: those say nothing. */
const isSet = (env: Readonly<Record<string, string>>, setting: string): boolean =>
  Object.entries(env).some(([name, value]) => name.toLowerCase() === `npm_config_${setting}` && value !== '');

function dependenciesOf(folder: string): string[] {
  const manifest = readManifest(folder);
  return ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap((key) =>
    Object.keys((manifest[key] ?? {}) as Table),
  );
}

function readManifest(folder: string): Table {
  try {
    const value: unknown = JSON.parse(read(join(folder, 'package.json')) ?? '{}');
    return typeof value === 'object' && value !== null ? (value as Table) : {};
  } catch {
    return {}; // npm itself says what is wrong with it
  }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null; // not there, or not ours to read
  }
}
