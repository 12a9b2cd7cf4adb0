/**
 * Whether a run's commands are kept in a sandbox, decided once a run and written down, so that every command of it, also
 * after a restart, is kept in the same way.
 *
 * `auto`: with bubblewrap where it works, else without, with the reason told. `strict`: with it, and with a network of
 * its own, or not at all. `off`: without. Without a sandbox the scrubbed environment and the limits of the keeper stay.
 *
 * In `auto` one command may be given a network of its own too (`Way.apart`), so that it has a port that is taken on the
 * machine. What is in it then still reaches every host, by the proxy that its variables name and by the servers that they name.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { isIP } from 'node:net';
import { dirname, join } from 'node:path';
import type { Config } from '../../runtime/config.js';
import { fail } from '../../runtime/errors.js';
import { program } from '../../runtime/program.js';
import { quote } from '../../runtime/shell.js';
import type { Contained, Isolation } from '../engine/isolation.js';
import { fetchBwrap } from './fetch.js';
import { type Bwrap, lookForBwrap, ownNetwork } from './find.js';
import { GATE_AT, GATE_PORT, type Gate } from './gate.js';
import { isWithin, wrap } from './mounts.js';
import { type Lower, npmContent, packagesOf, seedPackages } from './packages.js';
import { serverOf } from './servers.js';
import { homeFor, type Inside, sandboxFolder, sightOf } from './sight.js';

export type Mode = Config['sandbox'];
/** What was asked for with the job; it lies in the run's folder. */
export interface Wanted {
  mode?: Mode;
  /** Hosts that a strict sandbox may reach: `host`, `host:port`, `*.host`. */
  allow?: string[];
  isolation?: Isolation;
}
export interface Decided {
  mode: Mode;
  /** null: no sandbox. */
  tool: Bwrap | null;
  /** For people, in a few words: with what, or why without. */
  said: string;
  workspace: string;
  inPlace: boolean;
  /** Hosts that may be reached where it has a network of its own. */
  allow: string[];
  /** What its commands run in, instead of a sandbox; absent or null: this machine. */
  container?: Contained | null;
  /** Folders of the original that a copy reads: known before any command of the repository has run. */
  alsoRead: string[];
  /** Workspaces that were decided for before: parts of the run that are not redone go on in them. */
  others?: Workspace[];
  /** Package caches of the repository; null: the run has its own. */
  packages: string | null;
}
type Workspace = Pick<Decided, 'workspace' | 'inPlace' | 'alsoRead'>;
export interface Place {
  bundle: string;
  workspace: string;
  /** The user's own folder, not a copy. */
  inPlace: boolean;
  alsoRead?: string[];
}

/** A fetch may take so long while somebody waits who would go on without; and while somebody waits who would not. */
const AUTO_FETCH_MS = 20_000;
const STRICT_FETCH_MS = 150_000;
/** A tool that did not work is looked for again after so long. */
const WITHOUT_MS = 60_000;

export const wantedPath = (bundle: string): string => join(bundle, 'inputs', 'sandbox.json');
const decidedPath = (bundle: string): string => join(sandboxFolder(bundle), 'decided.json');

const known = new Map<string, { at: number; tool: Promise<Bwrap | string> }>();
/** The tool of this machine, looked for once a process. @returns why there is none, in words, where there is none. */
export function findTool(cache: string, mode: Mode, say: (line: string) => void): Promise<Bwrap | string> {
  const before = known.get(cache);
  if (before !== undefined && (mode === 'auto' || performance.now() - before.at < 1_000)) return before.tool;
  const patient = mode === 'strict';
  const tool = (async (): Promise<Bwrap | string> => {
    const { found, looked } = await lookForBwrap(cache);
    if (found !== null) return found;
    // One that is there and fails, fails for what the kernel or a container forbids: another would too.
    if (looked.some((line) => line.startsWith('/'))) return looked.join('; ');
    if (process.platform !== 'linux') return looked.join('; ');
    const met = await fetchBwrap(cache, { say, patient, totalMs: patient ? STRICT_FETCH_MS : AUTO_FETCH_MS });
    return typeof met === 'string' ? [...looked, met].join('; ') : met;
  })();
  const entry = { at: performance.now(), tool };
  known.set(cache, entry);
  tool.then(
    (met) => {
      if (typeof met === 'string')
        setTimeout(() => known.get(cache) === entry && known.delete(cache), WITHOUT_MS).unref();
    },
    () => known.delete(cache),
  );
  return tool;
}

export function readDecided(bundle: string): Decided | null {
  try {
    const told = JSON.parse(readFileSync(decidedPath(bundle), 'utf8')) as Decided;
    return { ...told, packages: told.packages ?? null }; // one of an older version has none
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** What the job asks for. */
export function wantedBy(bundle: string): Wanted {
  try {
    return JSON.parse(readFileSync(wantedPath(bundle), 'utf8')) as Wanted;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

/**
 * Decides for a run, and writes it down. A repeat decides anew only where the workspace is another one.
 * @throws SANDBOX_UNAVAILABLE where `strict` is wanted and cannot be had.
 */
export async function decide(
  { bundle, workspace, inPlace, alsoRead = [] }: Place,
  config: Pick<Config, 'sandbox' | 'cache'>,
  say: (line: string) => void,
  container: (Contained & { said: string }) | null = null,
): Promise<Decided> {
  const before = readDecided(bundle);
  const decidedFor = before === null ? [] : [before, ...(before.others ?? [])];
  if (before !== null && decidedFor.some((one) => one.workspace === workspace)) return before;
  const wanted = wantedBy(bundle);
  const mode = wanted.mode ?? config.sandbox;
  const others = decidedFor.map((one) => ({ workspace: one.workspace, inPlace: one.inPlace, alsoRead: one.alsoRead }));
  const packages = mode === 'auto' ? packagesOf(bundle, config.cache) : null;
  const at = { mode, workspace, inPlace, alsoRead, packages, allow: wanted.allow ?? [], others };
  const without = (why: string): Decided => {
    if (mode === 'strict') throw fail('SANDBOX_UNAVAILABLE', { reason: why });
    return { ...at, tool: null, said: `no sandbox: ${why}` };
  };
  const choose = async (): Promise<Decided> => {
    if (container !== null) {
      const { said, ...kept } = container;
      return { ...at, tool: null, said, container: kept };
    }
    if (mode === 'off') return { ...at, tool: null, said: 'no sandbox, as asked' };
    const owner = statSync(workspace).uid;
    const me = process.getuid?.() ?? owner;
    // In a namespace of our own we may not do what root may with files of others.
    if (owner !== me && me === 0)
      return without(`${workspace} belongs to another user (uid ${owner}), and root within a sandbox is none`);
    const tool = await findTool(config.cache, mode, say);
    if (typeof tool === 'string') return without(tool);
    const lacks = mode === 'strict' ? await ownNetwork(tool) : null;
    if (lacks !== null) return without(`${tool.path} can give no network of its own: it ${lacks}`);
    return { ...at, tool, said: `in a sandbox (bubblewrap ${tool.version}${mode === 'strict' ? ', strict' : ''})` };
  };
  const decided = await choose();
  const path = decidedPath(bundle);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, `${JSON.stringify(decided, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return decided;
}

/** Removes what the sandboxes of a run have written to its home and its /tmp; nothing of the run is alive any more. */
export async function clearSandbox(bundle: string): Promise<void> {
  for (const name of ['home', 'tmp', 'packages', 'gate'])
    await rm(join(sandboxFolder(bundle), name), { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined); // it goes with the run
}

/** Whether a command of the run could have a network of its own. */
export async function canBeApart(bundle: string): Promise<boolean> {
  const tool = readDecided(bundle)?.tool ?? null;
  return tool !== null && (await ownNetwork(tool)) === null;
}

/** How a command of the run is kept in. */
export interface Keeping {
  /** Before the command; none where the run has no sandbox. */
  words: string[];
  /** Set in the command's environment, or, where null, taken out of it. */
  env: Record<string, string | null>;
  gate: Gate | null;
}
/** A server of this machine, `to` as `host:port`, and the port at which somebody looks for it. */
export interface Served {
  at: number;
  to: string;
}
/** What one command asks of its sandbox. */
export interface Way {
  /** `host:port` that it may reach beside those the job allows, where its network is strict. */
  hosts?: readonly string[];
  /** A network of its own also where the sandbox is not strict. */
  apart?: boolean;
  /** Where it has one: what a port that is taken here is brought out at. */
  spare?: Gate['spare'];
  /** Where it has one: servers that are found at another port of its loopback than their own. */
  served?: readonly Served[];
  /** Its variables, whose servers are found also by clients that know no proxies, where no host is refused. */
  variables?: Readonly<Record<string, string>>;
  /** What of the user's package caches is seen: the run has its own then (`seedFor`). */
  lowers?: readonly Lower[] | null;
}
export function keepIn(
  { tool, mode, allow, packages: kept, others = [], ...last }: Decided,
  inside: Omit<Inside, 'workspace' | 'inPlace' | 'packages' | 'lowers' | 'ownNetwork' | 'alsoRead' | 'gateFolder'>,
  id: string,
  { hosts = [], apart = false, spare = null, served = [], variables = {}, lowers = null }: Way = {},
): Keeping {
  if (tool === null) return { words: [], env: {}, gate: null };
  // The run's folder, and a copy in it, may lie in the first workspace.
  const within = [last, ...others].filter((one) => isWithin(inside.cwd, one.workspace));
  const { workspace, inPlace, alsoRead } = within.sort((a, b) => b.workspace.length - a.workspace.length)[0] ?? last;
  const strict = mode === 'strict';
  const packages = lowers === null ? kept : null;
  const at = { ...inside, workspace, inPlace, alsoRead, packages, lowers: lowers ?? [] };
  if (!strict && !apart)
    return { words: wrap(tool, sightOf({ ...at, ownNetwork: false, gateFolder: null })), env: {}, gate: null };
  const name = createHash('sha256').update(id).digest('hex').slice(0, 16);
  const gateFolder = join(sandboxFolder(inside.bundle), 'gate', name);
  mkdirSync(gateFolder, { recursive: true, mode: 0o755 });
  // Clients of databases and the like know no proxies: for them the name leads to a port within, which leads on.
  const servers = [...allow, ...(strict ? [] : Object.entries(variables).flatMap(serverOf(variables)))];
  const { handedOn, names } = handOn(servers, served, inside.hosts);
  const begin = [
    'RR_GATE=1',
    ...[process.execPath, program('providers/sandbox/gate-within'), GATE_AT, String(GATE_PORT), ...handedOn].map(quote),
  ];
  const script = `${begin.join(' ')} >/dev/shm/rr-gate 2>&1 & i=0; while [ ! -s /dev/shm/rr-gate ] && [ $i -lt 200 ]; do sleep 0.05; i=$((i+1)); done; exec "$@"`;
  const proxy = `http://127.0.0.1:${GATE_PORT}`;
  const { passed } = inside;
  return {
    words: [
      ...wrap(tool, sightOf({ ...at, hosts: names, ownNetwork: true, gateFolder })),
      ...['/bin/sh', '-c', script, 'sh'],
    ],
    env: {
      ...Object.fromEntries(
        Object.keys(passed)
          .filter((variable) => /_proxy$|^npm_config_(https?-?)?proxy$/i.test(variable))
          .map((variable) => [variable, null]),
      ),
      ...Object.fromEntries(
        ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'].map((variable) => [variable, proxy]),
      ),
      NO_PROXY: 'localhost,127.0.0.1,::1',
      no_proxy: 'localhost,127.0.0.1,::1',
      NODE_USE_ENV_PROXY: '1',
    },
    gate: {
      folder: gateFolder,
      allow: strict ? [...allow, ...hosts] : null,
      spare,
      through:
        [passed.HTTPS_PROXY, passed.https_proxy, passed.HTTP_PROXY, passed.http_proxy].find((one) =>
          one?.startsWith('http://'),
        ) ?? null,
    },
  };
}

/**
 * For a run that may fetch nothing: its package caches with what the user's own hold, and, unless it is strict, what the
 * repository's runs before have fetched.
 */
export function seedFor(
  { tool, packages }: Decided,
  { bundle, cache, passed }: Pick<Inside, 'bundle' | 'cache' | 'passed'>,
): Promise<Lower[]> | null {
  if (tool === null) return null;
  const kept = packages === null ? null : { packages, content: npmContent(cache) };
  return seedPackages(join(sandboxFolder(bundle), 'packages'), kept, homeFor(passed), passed);
}

/**
 * Which servers are found at which loopback address of a network without any: each host that has a name at one of its own, so that two may
 * have the same port. What is named by another address cannot be had there.
 * @returns as gate-within.ts takes them, and the names with their addresses.
 */
function handOn(
  servers: readonly string[],
  served: readonly Served[],
  hosts: Readonly<Record<string, string>>,
): { handedOn: string[]; names: Record<string, string> } {
  const names: Record<string, string> = { ...hosts };
  const handedOn = new Set(
    // A client that looks for `localhost` may begin with either of its addresses.
    served.flatMap(({ at, to }) => ['127.0.0.1', '::1'].map((address) => `${address}:${at}=${to}`)),
  );
  for (const entry of servers) {
    const [, host, number] = /^([\w.-]+):(\d+)$/.exec(entry) ?? [];
    if (host === undefined || Number(number) < 1024) continue;
    const isHere = host === 'localhost' || host === '127.0.0.1';
    if (!isHere && isIP(host)) continue;
    if (!isHere) names[host] ??= `127.1.0.${(Object.keys(names).length % 250) + 1}`;
    handedOn.add(`${isHere ? '127.0.0.1' : names[host]}:${number}=${host}:${number}`);
  }
  return { handedOn: [...handedOn], names };
}
