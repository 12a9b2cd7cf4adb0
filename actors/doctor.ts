/**
 * What this machine has for us and for the repositories we run: looked at, never changed. Nothing is fetched or started;
 * every look has its own limit and all go on at once, so the whole takes less than four seconds however ill the machine.
 */
import { accessSync, constants, existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { execa } from 'execa';
import { satisfies } from 'semver';
import { findEngine } from '../providers/engine/find.js';
import { lookForBwrap } from '../providers/sandbox/find.js';
import { fetcher } from '../runtime/broker/fetch.js';
import { lookForServer } from '../runtime/broker/find.js';
import { checkBroker, findBroker } from '../runtime/broker/start.js';
import type { Config } from '../runtime/config.js';
import { errors, RunnerError } from '../runtime/errors.js';

export interface Check {
  name: string;
  /** `missing`: we cannot do our work without it. `warn`: some repositories will not run, or not well. */
  status: 'ok' | 'warn' | 'missing';
  /** One line for people: what was met, with versions and paths. */
  found: string;
  /** The next action; null when there is nothing to do. */
  fix: string | null;
}

const LIMIT_MS = 3_000;
const LAST_MS = 3_300;
const NODE = '>=20.19.0';
const ROOMY_BYTES = 2 * 2 ** 30;

/** Never rejects: a look that fails unforeseen is a `warn` with its reason. In the order of the list below. */
export const diagnose = (config: Config): Promise<Check[]> =>
  Promise.all([
    bounded('node', async () => node()),
    bounded('git', () => git()),
    bounded('nats-server', () => natsServer(config)),
    bounded('broker', () => broker(config)),
    bounded('state folder', () => folder('state folder', config.state, '--state DIR')),
    bounded('cache folder', () => folder('cache folder', config.cache, 'RR_CACHE')),
    bounded('durability', async () => durability(config)),
    bounded('processes', async () => processes()),
    bounded('npm registry', () => registry()),
    bounded('sandbox', () => sandbox(config)),
    bounded('python3', () => python()),
    bounded('containers', () => containers()),
    ...tools.map((tool) => bounded(tool.name, () => look(tool))),
  ]);

function node(): Check {
  const found = `${process.version.slice(1)} (${process.execPath})`;
  return satisfies(process.version, NODE)
    ? { name: 'node', status: 'ok', found, fix: null }
    : { name: 'node', status: 'missing', found, fix: `use Node ${NODE}` };
}

function durability({ durability: kept }: Config): Check {
  return kept === 'fsync'
    ? {
        name: 'durability',
        status: 'ok',
        found: 'fsync: what is acknowledged survives a killed process and a loss of power',
        fix: null,
      }
    : {
        name: 'durability',
        status: 'warn',
        found: 'process: what is acknowledged survives a killed process, not a loss of power',
        fix: 'unset RR_DURABILITY, or set it to fsync',
      };
}

async function git(): Promise<Check> {
  const { met, text } = await run('git', ['--version']);
  return met === 'answered'
    ? { name: 'git', status: 'ok', found: versionIn(text), fix: null }
    : { name: 'git', status: 'missing', found: met, fix: 'install it: repositories are fetched and compared with it' };
}

async function natsServer(config: Config): Promise<Check> {
  const name = 'nats-server';
  const { found, looked } = await lookForServer(config, LIMIT_MS);
  if (found) return { name, status: 'ok', found: `${found.version} from ${found.from} (${found.path})`, fix: null };
  const absent = looked.join('; ');
  if (config.natsUrl !== null)
    return { name, status: 'ok', found: `${absent}; not needed, NATS_URL is set`, fix: null };
  const how = fetcher();
  return how === null
    ? { name, status: 'missing', found: absent, fix: errors.BROKER_ABSENT.fix }
    : { name, status: 'warn', found: absent, fix: `none needed: the first use fetches ${how}` };
}

async function broker(config: Config): Promise<Check> {
  const met = await findBroker(config);
  if (met === null)
    return { name: 'broker', status: 'ok', found: 'none is running; the first use starts a private one', fix: null };
  const version = await checkBroker(met, 2_000);
  const where = met.private ? met.how : `${met.how}, nats-server ${version} at ${met.url}`;
  return { name: 'broker', status: 'ok', found: where, fix: null };
}

/** A folder that is there or may be made, judged without making it. */
async function folder(name: string, path: string, setting: string): Promise<Check> {
  let at = path;
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at);
  try {
    accessSync(at, constants.W_OK | constants.X_OK);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    return {
      name,
      status: 'missing',
      found: `${path} cannot be written (${reason} at ${at})`,
      fix: `make it writable, or choose another: ${setting}`,
    };
  }
  const { bavail, bsize } = await statfs(at);
  const found = `${path}${at === path ? '' : ' (not there yet)'}, ${inGiB(bavail * bsize)} free`;
  return bavail * bsize < ROOMY_BYTES
    ? {
        name,
        status: 'warn',
        found,
        fix: `free some space (${inGiB(ROOMY_BYTES)} is little for installs), or choose another: ${setting}`,
      }
    : { name, status: 'ok', found, fix: null };
}

function processes(): Check {
  const name = 'processes';
  if (existsSync('/proc/self/stat')) return { name, status: 'ok', found: '/proc is mounted', fix: null };
  return process.platform === 'linux'
    ? {
        name,
        status: 'missing',
        found: '/proc is not mounted',
        fix: 'mount it: applications and their ports are found there',
      }
    : { name, status: 'ok', found: `no /proc on ${process.platform}: ps and lsof are used`, fix: null };
}

/** By npm's own ping: it alone knows the registry, proxy and certificates that an install will use. */
async function registry(): Promise<Check> {
  const name = 'npm registry';
  const { met, text } = await run('npm', ['ping', '--fetch-retries=0', `--fetch-timeout=${LIMIT_MS - 500}`]);
  const url = /PING (\S+)/.exec(text)?.[1]?.replace(/\/\/[^/@]*@/, '//') ?? 'the registry';
  const code = /npm (?:error|ERR!) code (\S+)/.exec(text)?.[1];
  // A registry may have no ping or want a login for it: it answers all the same.
  if (met === 'answered' || (code !== undefined && /^E4\d\d$/.test(code)))
    return { name, status: 'ok', found: `${url} answers`, fix: null };
  if (met === 'not found') return { name, status: 'warn', found: 'not tried: npm is not found', fix: 'install npm' };
  return {
    name,
    status: 'warn',
    found: `${url} does not answer (${code ?? met})`,
    fix: 'check the network, the proxy and `npm config get registry`',
  };
}

async function sandbox({ cache, sandbox: mode }: Config): Promise<Check> {
  const name = 'sandbox';
  const { found, looked } = await lookForBwrap(cache);
  if (found) {
    const met = `bubblewrap ${found.version} from ${found.from} (${found.path}) works`;
    return { name, status: 'ok', found: mode === 'off' ? `${met}; switched off (RR_SANDBOX)` : met, fix: null };
  }
  const absent = looked.join('; ');
  if (mode === 'off') return { name, status: 'ok', found: `${absent}; not needed, RR_SANDBOX is off`, fix: null };
  const fetched = !looked.some((line) => line.startsWith('/')) && process.platform === 'linux' && fetcher() !== null;
  const fix = fetched ? 'none needed: the first run fetches it, by apt-get download' : errors.SANDBOX_UNAVAILABLE.fix;
  return { name, status: mode === 'strict' && !fetched ? 'missing' : 'warn', found: absent, fix };
}

async function python(): Promise<Check> {
  const name = 'python3';
  const script = `import sys
from importlib.util import find_spec as has
print(sys.version.split()[0], *("has" if has(m) else "no" for m in ("venv", "ensurepip", "pip")))`;
  const { met, text } = await run('python3', ['-I', '-c', script]);
  if (met !== 'answered')
    return {
      name,
      status: 'warn',
      found: met,
      fix: 'needed for Python repositories: install python3 with venv and pip',
    };
  const [version = '?', venv, ensurepip, pip] = text.trim().split(' ');
  const lacking = [venv === 'no' || ensurepip === 'no' ? 'venv' : [], pip === 'no' ? 'pip' : []].flat();
  return lacking.length === 0
    ? { name, status: 'ok', found: `${version} with venv and pip`, fix: null }
    : {
        name,
        status: 'warn',
        found: `${version} without ${lacking.join(' and ')}`,
        fix: `install ${lacking.map((one) => `python3-${one}`).join(' and ')}`,
      };
}

async function containers(): Promise<Check> {
  const name = 'containers';
  const { found, looked, fix } = await findEngine();
  return found === null
    ? {
        name,
        status: 'warn',
        found: looked.join('; '),
        fix: `only for services that are to be had nowhere else, and --isolation container: ${fix}`,
      }
    : {
        name,
        status: 'ok',
        found: `${found.name} ${found.version}${found.rootless ? ' (rootless)' : ''} answers (${found.program})`,
        fix: null,
      };
}

interface Tool {
  name: string;
  args: string[];
  /** What it is for and how it comes here; null: it is fetched when it is needed. */
  fix: string | null;
}
const tool = (name: string, fix: string | null, args = ['--version']): Tool => ({ name, args, fix });
const tools: readonly Tool[] = [
  tool('npm', 'needed for most Node repositories: install npm'),
  tool('pnpm', null),
  tool('yarn', null),
  tool('bun', null),
  tool('deno', null),
  tool('uv', 'needed for repositories with uv.lock: pip install uv'),
  tool('poetry', 'needed for repositories with poetry.lock: pip install poetry'),
  tool('go', 'needed for Go repositories: install go', ['version']),
  tool('php', 'needed for PHP repositories: install php-cli'),
  tool('composer', 'needed for PHP repositories with composer.json: install composer', ['--version', '--no-ansi']),
  tool('ruby', 'needed for Ruby repositories: install ruby'),
  tool('bundle', 'needed for Ruby repositories with a Gemfile: gem install bundler'),
  tool('cargo', 'needed for Rust repositories: install cargo'),
  tool('java', 'needed for Java and Kotlin repositories: install a JDK', ['-version']),
  tool('mvn', 'needed for Maven repositories without ./mvnw: install maven', ['--version', '--batch-mode']),
  tool('gradle', 'needed for Gradle repositories without ./gradlew: install gradle'),
  tool('dotnet', 'needed for .NET repositories: install the .NET SDK'),
];

async function look({ name, args, fix }: Tool): Promise<Check> {
  const { met, text } = await run(name, args);
  if (met === 'answered') return { name, status: 'ok', found: versionIn(text), fix: null };
  if (met === 'not found' && fix === null)
    return { name, status: 'ok', found: 'not here; fetched through npm when a repository needs it', fix: null };
  return {
    name,
    status: 'warn',
    found: met,
    fix: met === 'not found' ? fix : `look why \`${name} ${args.join(' ')}\` fails`,
  };
}

/** Keeps version managers and package managers from fetching, asking or reporting when they are only asked who they are. */
const quiet = {
  LC_ALL: 'C',
  COREPACK_ENABLE_NETWORK: '0',
  RUSTUP_AUTO_INSTALL: '0',
  GOTOOLCHAIN: 'local',
  DENO_NO_UPDATE_CHECK: '1',
  NO_UPDATE_NOTIFIER: '1',
  COMPOSER_ALLOW_SUPERUSER: '1',
  DOTNET_NOLOGO: '1',
  DOTNET_CLI_TELEMETRY_OPTOUT: '1',
  DOTNET_SKIP_FIRST_TIME_EXPERIENCE: '1',
};

/** Runs a command outside any project; `met` is `answered`, or why not, for people. */
async function run(command: string, args: string[]): Promise<{ met: string; text: string }> {
  const done = await execa(command, args, {
    cwd: tmpdir(),
    env: quiet,
    stdin: 'ignore',
    all: true,
    reject: false,
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
    maxBuffer: 64 * 1024,
  });
  const text = typeof done.all === 'string' ? done.all : '';
  if (!done.failed) return { met: 'answered', text };
  if (done.timedOut) return { met: `did not answer within ${LIMIT_MS / 1000} s`, text };
  if (done.code === 'ENOENT') return { met: 'not found', text };
  const said = text.trim().split('\n')[0];
  return {
    met: `fails with ${done.signal ?? done.code ?? `exit code ${done.exitCode}`}${said ? ` (${said.slice(0, 120)})` : ''}`,
    text,
  };
}

/** Runs one look within the limit of all; what it throws becomes its finding. */
async function bounded(name: string, inspect: () => Promise<Check>): Promise<Check> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Check>((resolve) => {
    const found = `did not answer within ${Math.round(LAST_MS / 1000)} s`;
    timer = setTimeout(
      () => resolve({ name, status: 'warn', found, fix: 'try again when the machine is less busy' }),
      LAST_MS,
    );
  });
  try {
    return await Promise.race([inspect(), late]);
  } catch (error) {
    if (error instanceof RunnerError) return { name, status: 'missing', found: error.message, fix: error.fix };
    return { name, status: 'warn', found: String(error), fix: 'this look itself failed: report it' };
  } finally {
    clearTimeout(timer);
  }
}

const versionIn = (text: string): string =>
  /\d+\.\d+[\w.+-]*/.exec(text)?.[0] ?? (text.trim().split('\n')[0] || 'present');
const inGiB = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
