/** What the broker's tests share: a scratch state folder whose broker is ended with it, and real processes beside us. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, chmodSync, constants, cpSync, mkdirSync, mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { onTestFinished } from 'vitest';
import { stopBroker } from '../../../runtime/broker/start.js';
import { type Config, readConfig } from '../../../runtime/config.js';
import { packageRoot } from '../../../runtime/program.js';
import { removeTree } from '../../remove.js';

export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rr-broker-'));
  chmodSync(folder, 0o755); // some tests go on as another user
  // A server that was told to end may still write its last file.
  onTestFinished(() => removeTree(folder));
  return folder;
}

/** A configuration over scratch folders; its broker is stopped when the test ends. */
export function scratchConfig(flags: Partial<Config> = {}): Config {
  const folder = scratch();
  const { config } = readConfig({ state: join(folder, 'state'), cache: join(folder, 'cache'), ...flags }, {});
  onTestFinished(() => stopBroker(config));
  return config;
}

/** Sets variables of this process for one test. */
export function withEnv(values: Record<string, string>): void {
  for (const [name, value] of Object.entries(values)) {
    const before = process.env[name];
    process.env[name] = value;
    onTestFinished(() => {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    });
  }
}

/** Waits until something is so. */
export async function until(what: string, holds: () => boolean, limitMs = 8_000): Promise<void> {
  for (const end = Date.now() + limitMs; !holds(); await sleep(10))
    if (Date.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`);
}

/** A folder to be the whole PATH: links to those of the given tools that this machine has. */
export function pathWith(...tools: string[]): string {
  const folder = join(scratch(), 'bin');
  mkdirSync(folder);
  for (const tool of tools) {
    const found = (process.env.PATH ?? '')
      .split(delimiter)
      .map((entry) => join(entry, tool))
      .find(runs);
    if (found) symlinkSync(found, join(folder, tool));
  }
  return folder;
}

/** What apt and dpkg themselves call, and the node that tests run in. */
export const aptTools = [
  'sh',
  'apt-get',
  'apt-config',
  'apt-key',
  'dpkg',
  'dpkg-deb',
  'tar',
  'xz',
  'zstd',
  'gzip',
  'rm',
  'gpgv',
] as const;
const shellTools = [
  'cat',
  'mktemp',
  'sed',
  'grep',
  'readlink',
  'chmod',
  'cp',
  'touch',
  'find',
  'cut',
  'id',
  'sort',
] as const;
export const debianPath = (): string => pathWith(...aptTools, ...shellTools, 'node');

export const NOBODY = 65_534;

/**
 * Runs a few lines of JavaScript over the built runtime (whose address is DIST) in a process of its own; gives its last line, parsed.
 * @param uid the user to run as, and group; absent: this one.
 */
export async function runBuilt<T>(code: string, env: NodeJS.ProcessEnv, uid?: number): Promise<T> {
  const dist = join(uid === undefined ? packageRoot() : readableRoot(uid), 'dist');
  const script = `
    const DIST = ${JSON.stringify(pathToFileURL(`${dist}/`))};
    import { openBroker } from ${JSON.stringify(pathToFileURL(join(dist, 'runtime/broker/start.js')))};
    import { readConfig } from ${JSON.stringify(pathToFileURL(join(dist, 'runtime/config.js')))};
    ${code}`;
  const who = uid === undefined ? {} : { uid, gid: uid };
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { env, cwd: '/', ...who });
  let text = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
  child.stderr.setEncoding('utf8').on('data', (part: string) => (errors += part));
  await once(child, 'close');
  if (child.exitCode !== 0) throw new Error(`exit ${child.exitCode ?? child.signalCode}: ${text}${errors}`);
  return JSON.parse(text.trim().split('\n').at(-1)!) as T;
}

/** Our package where that user can read it: a checkout below somebody's home is copied. */
function readableRoot(uid: number): string {
  const root = packageRoot();
  const look = `require('node:fs').accessSync(${JSON.stringify(join(root, 'dist'))})`;
  if (spawnSync(process.execPath, ['-e', look], { uid, gid: uid, cwd: '/' }).status === 0) return root;
  const copy = scratch();
  for (const name of ['package.json', 'dist', 'node_modules'])
    cpSync(join(root, name), join(copy, name), { recursive: true });
  return copy;
}

function runs(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // not in this folder of PATH
  }
}
