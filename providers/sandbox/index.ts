/**
 * Whether a run's commands are kept in a sandbox, decided once a run and written down, so that every command of it, also
 * after a restart, is kept in the same way.
 *
 * `auto`: with bubblewrap where it works, else without, with the reason told. `strict`: with it, and with a network of
 * its own, or not at all. `off`: without. Without a sandbox the scrubbed environment and the limits of the keeper stay.
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
import { type Bwrap, lookForBwrap } from './find.js';
import { GATE_AT, GATE_PORT, type Gate } from './gate.js';
import { wrap } from './mounts.js';
import { type Inside, sandboxFolder, sightOf } from './sight.js';

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
}
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
    return JSON.parse(readFileSync(decidedPath(bundle), 'utf8')) as Decided;
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
  if (before !== null && before.workspace === workspace) return before;
  const wanted = wantedBy(bundle);
  const mode = wanted.mode ?? config.sandbox;
  const at = { mode, workspace, inPlace, alsoRead, allow: wanted.allow ?? [] };
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
    return typeof tool === 'string'
      ? without(tool)
      : { ...at, tool, said: `in a sandbox (bubblewrap ${tool.version}${mode === 'strict' ? ', strict' : ''})` };
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

/** How a command of the run is kept in. */
export interface Keeping {
  /** Before the command; none where the run has no sandbox. */
  words: string[];
  /** Set in the command's environment, or, where null, taken out of it. */
  env: Record<string, string | null>;
  gate: Gate | null;
}
/** @param hosts that it may reach beside those the job allows, where it has a network of its own: `host:port`. */
export function keepIn(
  { tool, mode, workspace, inPlace, alsoRead, allow }: Decided,
  inside: Omit<Inside, 'workspace' | 'inPlace' | 'strict' | 'alsoRead' | 'gateFolder'>,
  id: string,
  hosts: readonly string[] = [],
): Keeping {
  if (tool === null) return { words: [], env: {}, gate: null };
  const at = { ...inside, workspace, inPlace, alsoRead };
  if (mode !== 'strict')
    return { words: wrap(tool, sightOf({ ...at, strict: false, gateFolder: null })), env: {}, gate: null };
  const name = createHash('sha256').update(id).digest('hex').slice(0, 16);
  const gateFolder = join(sandboxFolder(inside.bundle), 'gate', name);
  mkdirSync(gateFolder, { recursive: true, mode: 0o755 });
  // Clients of databases and the like know no proxies: for them the name leads to a port within, which leads on.
  const services = allow.filter((entry) => /^[\w.-]+:\d+$/.test(entry) && Number(entry.split(':')[1]) >= 1024);
  const named = services.map((entry) => entry.split(':')[0]!).filter((host) => !isIP(host) && host !== 'localhost');
  const known = { ...Object.fromEntries(named.map((host) => [host, '127.0.0.1'])), ...inside.hosts };
  const begin = [
    'RR_GATE=1',
    ...[process.execPath, program('providers/sandbox/gate-within'), GATE_AT, String(GATE_PORT), ...services].map(quote),
  ];
  const script = `${begin.join(' ')} >/dev/shm/rr-gate 2>&1 & i=0; while [ ! -s /dev/shm/rr-gate ] && [ $i -lt 200 ]; do sleep 0.05; i=$((i+1)); done; exec "$@"`;
  const proxy = `http://127.0.0.1:${GATE_PORT}`;
  const { passed } = inside;
  return {
    words: [...wrap(tool, sightOf({ ...at, hosts: known, strict: true, gateFolder })), '/bin/sh', '-c', script, 'sh'],
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
      allow: [...allow, ...hosts],
      through:
        [passed.HTTPS_PROXY, passed.https_proxy, passed.HTTP_PROXY, passed.http_proxy].find((one) =>
          one?.startsWith('http://'),
        ) ?? null,
    },
  };
}
