/**
 * Finding a bubblewrap that truly works here. Being there is not enough: a kernel or a container may forbid the
 * namespaces it needs, so it is made to run one command and must show that it kept it in.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

export interface Bwrap {
  /** Absolute. */
  path: string;
  version: string;
  from: 'PATH' | 'cache';
  /** Folders of libraries it needs that the system has not. */
  libraries: string[];
  /** It can forbid namespaces within the sandbox, and bound the size of a tmpfs (0.8). */
  full: boolean;
}

/** The uid within, when we are root: nothing in there should believe that it may do what root may. */
export const UID_FOR_ROOT = 1000;
/** However busy the machine: one that has not run a trivial command by then hangs. */
export const PROBE_MS = 2_000;
/** The same for one that is known to work: a busy machine must not be told that it cannot. */
const NETWORK_MS = 10_000;
const WORKS = 'rr-sandbox-works';

/** Where fetched ones lie: `<cache>/bubblewrap/<package>/usr/bin/bwrap`. */
export const bwrapCache = (cache: string): string => join(cache, 'bubblewrap');

/** The first that works: on PATH, then in our cache. `looked`: what was met, in words, when none does. */
export async function lookForBwrap(
  cache: string,
  path = process.env.PATH ?? '',
): Promise<{ found: Bwrap | null; looked: string[] }> {
  if (process.platform !== 'linux') return { found: null, looked: [`there is none for ${process.platform}`] };
  const looked: string[] = [];
  const onPath = path
    .split(delimiter)
    .filter((folder) => isAbsolute(folder))
    .map((folder) => join(folder, 'bwrap'))
    .filter(isExecutable);
  // One that fails for what the kernel forbids fails wherever it lies: the first few are enough.
  for (const program of [...new Set(onPath)].slice(0, 3)) {
    const met = await probe(program, 'PATH');
    if (typeof met !== 'string') return { found: met, looked };
    looked.push(`${program} ${met}`);
  }
  if (onPath.length === 0) looked.push('no bwrap on PATH');
  for (const program of cached(bwrapCache(cache))) {
    const met = await probe(program, 'cache');
    if (typeof met !== 'string') return { found: met, looked };
    looked.push(`${program} ${met}`);
  }
  return { found: null, looked };
}

/** Runs it once: what it is, or why it cannot be used, in words. @param limitMs for all of it. */
export async function probe(path: string, from: Bwrap['from'], limitMs = PROBE_MS): Promise<Bwrap | string> {
  const until = performance.now() + limitMs;
  const left = (): number => Math.max(1, until - performance.now());
  const libraries = from === 'cache' ? librariesOf(path) : [];
  const env = libraries.length === 0 ? {} : { LD_LIBRARY_PATH: libraries.join(':') };
  const told = await run(path, ['--version'], env, left());
  const version = /^bubblewrap (\d+\.\d+\.\d+)/.exec(told.out)?.[1];
  if (version === undefined) return told.why ?? 'is not bubblewrap';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const tool: Bwrap = { path, version, from, libraries, full: major > 0 || minor >= 8 };
  // It must have process ids of its own, have no capability, and not be able to write.
  const script = `grep -q '^CapEff:[[:space:]]*0*$' /proc/self/status && [ $$ -le 2 ] && ! (: >/etc/.rr-sandbox) 2>/dev/null && ! (: >>/proc/sys/kernel/core_pattern) 2>/dev/null && echo ${WORKS}`;
  const tried = await run(
    path,
    [...isolation(tool), ...machine, '--tmpfs', '/tmp'].concat('--chdir', '/', '--', '/bin/sh', '-c', script),
    env,
    left(),
  );
  if (tried.out.trim() === WORKS) return tool;
  return tried.why ?? `ran a command and did not keep it in: ${tried.out.trim().slice(0, 100)}`;
}

/**
 * Whether the tool can give a network of its own: some containers allow every other namespace and not that one.
 * @returns null, or why not, in words.
 */
export async function ownNetwork(tool: Bwrap, limitMs = NETWORK_MS): Promise<string | null> {
  const env = tool.libraries.length === 0 ? {} : { LD_LIBRARY_PATH: tool.libraries.join(':') };
  const script = `[ "$(readlink /proc/self/ns/net)" != "${readlinkSync('/proc/self/ns/net')}" ] && echo ${WORKS}`;
  const words = [...isolation(tool, { network: false }), ...machine, '--chdir', '/', '--', '/bin/sh', '-c', script];
  const { out, why } = await run(tool.path, words, env, limitMs);
  return out.trim() === WORKS ? null : (why ?? 'it leaves a program in the network of the machine');
}

/**
 * The whole machine, to be seen and not written. /proc too: to the kernel we stay the user we are outside, and root may
 * write there what it does with a crashed program, capabilities or not.
 */
export const machine: readonly string[] = [
  '--ro-bind',
  '/',
  '/',
  '--dev',
  '/dev',
  '--proc',
  '/proc',
  '--remount-ro',
  '/proc',
];

/** What every sandbox has: namespaces of its own, no capability, no root. */
export function isolation({ full }: Pick<Bwrap, 'full'>, { network = true }: { network?: boolean } = {}): string[] {
  const root = process.getuid?.() === 0;
  return [
    '--unshare-user',
    ...(full ? ['--disable-userns'] : []),
    ...(root ? ['--uid', String(UID_FOR_ROOT), '--gid', String(UID_FOR_ROOT)] : []),
    '--unshare-pid',
    '--unshare-ipc',
    '--unshare-uts',
    '--unshare-cgroup-try',
    ...(network ? [] : ['--unshare-net']),
    '--cap-drop',
    'ALL',
  ];
}

/** Libraries unpacked beside a program of our cache. */
function librariesOf(path: string): string[] {
  const root = join(path, '..', '..', '..');
  return ['lib', join('usr', 'lib')]
    .flatMap((folder) => listing(join(root, folder)).map((name) => join(root, folder, name)))
    .filter((folder) => listing(folder).some((name) => name.includes('.so')));
}

const cached = (cache: string): string[] =>
  listing(cache)
    .filter((name) => !name.startsWith('.'))
    .map((name) => join(cache, name, 'usr', 'bin', 'bwrap'))
    .filter(isExecutable);

const listing = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // absent or not ours to run: the same to somebody looking for a program
  }
}

/** Runs it in a group of its own, which ends with the limit, whatever it has started. */
function run(
  path: string,
  args: string[],
  env: Record<string, string>,
  limitMs: number,
): Promise<{ out: string; why: string | null }> {
  return new Promise((resolve) => {
    const child = spawn(path, args, { env, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out = (out + text).slice(0, 10_000);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err = (err + text).slice(0, 10_000);
    });
    const settle = (why: string | null): void => {
      clearTimeout(timer);
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ out, why });
    };
    const timer = setTimeout(() => {
      try {
        process.kill(-child.pid!, 'SIGKILL');
      } catch {
        child.kill('SIGKILL'); // its group is gone already, or was never made
      }
      settle(`did not end within ${Math.ceil(limitMs / 1000)} s`);
    }, limitMs);
    child.on('error', ({ message }) => settle(`cannot be run (${message})`));
    child.on('exit', (code, signal) => {
      const said = err.trim().split('\n').at(-1)?.slice(0, 200);
      // What it printed may still be on its way.
      setImmediate(() =>
        settle(code === 0 ? null : `fails with ${signal ?? `exit code ${code}`}${said ? ` (${said})` : ''}`),
      );
    });
  });
}
