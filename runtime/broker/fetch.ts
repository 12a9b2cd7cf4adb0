/**
 * Getting a nats-server without root: Debian's package, downloaded by apt (which checks its signature) and unpacked
 * into our cache; nothing is installed, no service is started. All happens in a folder of its own that is renamed into
 * place whole, so a killed fetch leaves nothing that looks like a server and two at once do no harm.
 *
 * apt's own package lists are used where they know the package; where they are empty or out of date a private copy is
 * fetched beside the download, which an ordinary user may do. apt waits for each file of each source by itself, which adds up
 * to minutes where nothing answers: so it is ended once nothing at all has come for a while. As long as something comes it
 * may take its time.
 */
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Config } from '../config.js';
import { fail } from '../errors.js';
import { type FoundServer, lookForServer, probe, searchPath, serverCache } from './find.js';

const TOTAL_MS = 150_000;
/** Apt waits so long for one answer; a source that is slow may need most of it. */
const ANSWER_SECONDS = 24;
/** Nothing came from anybody for so long: nothing will. */
const SILENT_MS = 26_000;
const LOOK_MS = 500;
/** What apt knows without asking anybody. */
const LIST_MS = 10_000;
/** How long what is ended may take to end. */
const KILL_MS = 1_000;
const LEFTOVER_MS = 60 * 60_000;
const MAKER = 'nats-server';

/** Why a step of the fetch did not work, for people. */
export class Refusal extends Error {}

/** What would fetch a server here, for people; null when nothing would. */
export function fetcher(): string | null {
  const tools = new Set(
    searchPath().flatMap((folder) => listing(folder).filter((name) => name === 'apt-get' || name === 'dpkg')),
  );
  return tools.size === 2 ? "Debian's package, by apt-get download" : null;
}

/**
 * Fetches a nats-server into the cache and says so in one line.
 * @throws BROKER_ABSENT (see the table's fix for the manual step) with what was looked at and the reason.
 */
export async function fetchServer(config: Config, say: (line: string) => void): Promise<FoundServer> {
  const { found, looked } = await lookForServer(config);
  if (found !== null) return found;
  try {
    if (fetcher() === null)
      throw new Refusal('there is no apt-get with dpkg here, the only way known to fetch it without root');
    return await fetchPackage(serverCache(config), say);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!(error instanceof Refusal) && code === undefined) throw error;
    throw fail('BROKER_ABSENT', { looked: looked.join('; '), reason: message }, error);
  }
}

async function fetchPackage(cache: string, say: (line: string) => void): Promise<FoundServer> {
  mkdirSync(cache, { recursive: true });
  removeLeftovers(cache);
  say(`fetching nats-server from this machine's package source into ${cache}`);
  const work = mkdtempSync(join(cache, '.fetch-'));
  try {
    await downloadPackages(work, [MAKER]);
    const deb = listing(work).find((name) => name.endsWith('.deb'));
    if (deb === undefined) throw new Refusal('apt-get download brought no package');
    const root = join(work, 'root');
    const unpacked = await run('dpkg', ['-x', join(work, deb), root], work, TOTAL_MS);
    if (!unpacked.worked) throw new Refusal(`dpkg could not unpack ${deb}: ${unpacked.told}`);
    const met = await probe(join(root, 'usr', 'sbin', MAKER));
    if (typeof met === 'string') throw new Refusal(`what ${deb} holds cannot be used: ${met}`);
    // apt writes an epoch as `%3a` in the name; the rest of a package's name is safe in a path.
    const place = join(cache, deb.slice(0, -'.deb'.length));
    await moveInto(root, place);
    return { path: join(place, 'usr', 'sbin', MAKER), version: met.version, from: 'cache' };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * Leaves Debian's packages in `work` as `<name>_*.deb`.
 * @param list which ones it takes, by what apt knows with these options; a text where it cannot say: why.
 * @throws Refusal
 */
export async function downloadPackages(
  work: string,
  names: readonly string[],
  list: (options: string[]) => Promise<readonly string[] | string> = async () => names,
  totalMs = TOTAL_MS,
): Promise<void> {
  const deadline = Date.now() + totalMs;
  const left = (): number => Math.max(1_000, deadline - Date.now());
  const get = async (options: string[]): Promise<Ran> => {
    const wanted = await list(options);
    if (typeof wanted !== 'string') return runApt([...options, 'download', ...wanted], work, left());
    return { worked: false, told: wanted, silent: false, some: false };
  };

  const first = await get(common);
  if (first.worked) return;
  if (first.silent || isOffline(first.told)) throw new Refusal(`apt-get could not download it: ${first.told}`);
  const [state, cache] = [join(work, 'apt', 'state'), join(work, 'apt', 'cache')];
  mkdirSync(join(state, 'lists', 'partial'), { recursive: true });
  mkdirSync(join(cache, 'archives', 'partial'), { recursive: true });
  const places = {
    'Dir::State': state,
    'Dir::State::lists': join(state, 'lists'),
    'Dir::State::status': '/var/lib/dpkg/status',
    'Dir::Cache': cache,
    'Dir::Cache::archives': join(cache, 'archives'),
    'Debug::NoLocking': '1',
  };
  const own = [...common, ...Object.entries(places).flatMap(([name, value]) => ['-o', `${name}=${value}`])];
  // Whether the update worked does not count (one source of several may fail), only whether the package is known now.
  let updated = await runApt([...own, 'update'], work, left());
  // What came from the others is there, but counts only at the end of an update: one that is short with those who are silent.
  if (updated.silent && updated.some) updated = await runApt([...own, ...hasty, 'update'], work, HASTY_MS);
  const second = await get(own);
  if (second.worked) return;
  const why = updated.silent || isOffline(updated.told) || !updated.worked ? updated.told : second.told;
  throw new Refusal(`apt-get could not download it: ${why}`);
}

/** Everywhere: no sandbox user (it could not write here), and no long wait for hosts that do not answer. */
const common = [
  '-q',
  '-o',
  'APT::Sandbox::User=',
  '-o',
  'Acquire::Retries=0',
  '-o',
  `Acquire::http::Timeout=${ANSWER_SECONDS}`,
  '-o',
  `Acquire::https::Timeout=${ANSWER_SECONDS}`,
];

const HASTY_MS = 20_000;
const hasty = ['-o', 'Acquire::http::Timeout=2', '-o', 'Acquire::https::Timeout=2'];

const isOffline = (reason: string): boolean =>
  /Could not (connect|resolve)|Temporary failure|timed out|Unable to connect/i.test(reason);

interface Ran {
  worked: boolean;
  /** Its last complaints on one line, warnings too. */
  told: string;
  /** It was ended, for nothing came from anywhere any more. */
  silent: boolean;
  /** Something had come before. */
  some: boolean;
}

/** apt-get, until it ends or nothing comes any more; `work` is where all that comes is written. */
async function runApt(args: string[], work: string, timeoutMs: number): Promise<Ran> {
  const silence = new AbortController();
  let [bytes, sinceMs] = [sizeOf(work), performance.now()];
  const looking = setInterval(() => {
    const now = sizeOf(work);
    if (now !== bytes) [bytes, sinceMs] = [now, performance.now()];
    if (performance.now() - sinceMs > SILENT_MS) silence.abort();
  }, LOOK_MS);
  // What it has already, and what a source says it has not, brings no byte.
  const heard = (text: string): void => {
    if (/^(?:Get|Hit|Ign):/m.test(text)) sinceMs = performance.now();
  };
  const ran = await run('apt-get', args, work, timeoutMs, silence.signal, heard).finally(() => clearInterval(looking));
  if (ran.worked || !silence.signal.aborted) return ran;
  const asked = await run('apt-get', ['--print-uris', ...args], work, LIST_MS);
  const hosts = new Set([...asked.said.matchAll(/^'\w+:\/\/(?:[^/@']*@)?([^/']+)/gm)].map(([, host]) => host!));
  const came = filesIn(work).map(({ name }) => name);
  const silent = [...hosts].filter((host) => !came.some((name) => name.startsWith(`${host}_`)));
  const from = silent.length === 0 ? 'any package source' : silent.join(', ');
  const told = `nothing came from ${from}${proxyWords()} for ${SILENT_MS / 1000} s`;
  return { worked: false, told, silent: true, some: silent.length < hosts.size };
}

/** The proxy that stands between, without its password: then it may be that which does not answer. */
function proxyWords(): string {
  const set = ['http_proxy', 'https_proxy', 'all_proxy'].map((name) => process.env[name]).find(Boolean);
  return set === undefined ? '' : ` by the proxy ${set.replace(/\/\/[^/@]*@/, '//')}`;
}

const sizeOf = (folder: string): number => filesIn(folder).reduce((sum, { bytes }) => sum + bytes, 0);

/** All files below a folder; what vanishes meanwhile is none. */
function filesIn(folder: string): { name: string; bytes: number }[] {
  return listing(folder).flatMap((name) => {
    const path = join(folder, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat?.isDirectory() ? filesIn(path) : [{ name, bytes: stat?.size ?? 0 }];
  });
}

export async function run(
  command: string,
  args: string[],
  cwd: string,
  timeoutMs: number,
  cancelSignal = new AbortController().signal,
  heard: (text: string) => void = () => {},
): Promise<Ran & { said: string }> {
  const env = { LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
  const limits = { timeout: timeoutMs, cancelSignal, forceKillAfterDelay: KILL_MS };
  const child = execa(command, args, { cwd, env, stdin: 'ignore', reject: false, ...limits });
  child.stdout.on('data', (data) => heard(String(data)));
  const done = await child;
  const lines = done.stderr.split('\n').filter((line) => /^(E:|W: Failed|dpkg\S*:)/.test(line));
  const told = done.timedOut
    ? `it took longer than ${Math.round(timeoutMs / 1000)} s`
    : lines.slice(-2).join(' | ') || (done.shortMessage ?? '');
  return { worked: !done.failed, told, silent: false, some: false, said: done.stdout };
}

/** Renames a whole folder into place; somebody else's that works, put there first, stays. */
async function moveInto(root: string, place: string): Promise<void> {
  try {
    renameSync(root, place);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    if (typeof (await probe(join(place, 'usr', 'sbin', MAKER))) !== 'string') return;
    renameSync(place, join(root, '..', 'broken')); // goes with the work folder
    renameSync(root, place);
  }
}

function removeLeftovers(cache: string): void {
  for (const name of listing(cache).filter((one) => one.startsWith('.fetch-'))) {
    const path = join(cache, name);
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > LEFTOVER_MS) rmSync(path, { recursive: true, force: true });
  }
}

function listing(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // PATH and caches may name folders that are not there
  }
}
