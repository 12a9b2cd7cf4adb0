/** Finding a nats-server on this machine. Nothing here downloads, starts or writes anything. */
import { execFile } from 'node:child_process';
import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { compare, lt } from 'semver';
import type { Config } from '../config.js';
import { fail } from '../errors.js';

export interface FoundServer {
  /** Absolute. */
  path: string;
  version: string;
  from: 'NATS_SERVER_BIN' | 'PATH' | 'cache';
}

/** The oldest whose JetStream does what the bus needs. */
export const OLDEST = '2.9.0';
/** A busy machine may take seconds for what takes 20 ms. */
const PATIENCE_MS = 10_000;

/** Where fetched servers lie: `<cache>/nats-server/<package>/usr/sbin/nats-server`. */
export const serverCache = (config: Config): string => join(config.cache, 'nats-server');

/** The search path of this machine: not a setting of ours, so it is no part of the configuration. */
export const searchPath = (): string[] =>
  (process.env.PATH ?? '').split(delimiter).filter((entry) => isAbsolute(entry));

/**
 * The nats-server to use: the one configured, else on PATH, else in our cache; null when there is none.
 * @throws CONFIG_INVALID when one is configured and is not a nats-server of at least 2.9.
 */
export const findServer = async (config: Config): Promise<FoundServer | null> => (await lookForServer(config)).found;

/**
 * As findServer, with what was looked at and why it did not do, for the error that follows from null.
 * @param limitMs for each program to say its version.
 */
export async function lookForServer(
  config: Config,
  limitMs = PATIENCE_MS,
): Promise<{ found: FoundServer | null; looked: string[] }> {
  if (config.natsServer !== null) {
    const path = locate(config.natsServer);
    const met = path === null ? 'not an executable file' : await probe(path, limitMs);
    if (path !== null && typeof met !== 'string')
      return { found: { path, ...met, from: 'NATS_SERVER_BIN' }, looked: [] };
    throw fail('CONFIG_INVALID', {
      name: 'natsServer',
      met: `${JSON.stringify(config.natsServer)} (${met as string})`,
      wanted: `the path of a nats-server of at least ${OLDEST}`,
      origin: 'NATS_SERVER_BIN',
    });
  }
  const looked = ['NATS_SERVER_BIN is not set'];

  const unfit: string[] = [];
  for (const path of searchPath().map((folder) => join(folder, 'nats-server'))) {
    if (!isExecutable(path)) continue;
    const met = await probe(path, limitMs);
    if (typeof met !== 'string') return { found: { path, ...met, from: 'PATH' }, looked };
    unfit.push(`${path}: ${met}`);
  }
  looked.push(unfit.length > 0 ? `on PATH ${unfit.join(', ')}` : 'none on PATH');

  const cached: FoundServer[] = [];
  for (const path of cachedPaths(serverCache(config))) {
    const met = await probe(path, limitMs);
    if (typeof met !== 'string') cached.push({ path, ...met, from: 'cache' });
  }
  looked.push(`none in ${serverCache(config)}`);
  return { found: cached.sort((a, b) => compare(b.version, a.version))[0] ?? null, looked };
}

/** Runs `--version`: the version, or a text saying why this one cannot be used. */
export async function probe(path: string, limitMs = PATIENCE_MS): Promise<{ version: string } | string> {
  let text: string;
  try {
    text = (await promisify(execFile)(path, ['--version'], { timeout: limitMs, killSignal: 'SIGKILL' })).stdout;
  } catch (error) {
    const { code, killed } = error as { code?: string | number; killed?: boolean };
    return killed ? `--version did not end within ${limitMs / 1000} s` : `--version failed (${code ?? String(error)})`;
  }
  const version = /nats-server: v(\d+\.\d+\.\d+\S*)/.exec(text)?.[1];
  if (version === undefined) return 'it is not a nats-server';
  return lt(version, OLDEST) ? `version ${version} is older than ${OLDEST}` : { version };
}

const locate = (given: string): string | null => {
  const candidates = given.includes('/') ? [resolve(given)] : searchPath().map((folder) => join(folder, given));
  return candidates.find(isExecutable) ?? null;
};

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // absent or not ours to run: the same to somebody looking for a program
  }
}

function cachedPaths(cache: string): string[] {
  let packages: string[];
  try {
    packages = readdirSync(cache).filter((name) => !name.startsWith('.'));
  } catch {
    return []; // no cache yet, or one we may not read: nothing of use in it
  }
  return packages.map((name) => join(cache, name, 'usr', 'sbin', 'nats-server')).filter(isExecutable);
}
