/** What the broker's tests share: a scratch state folder whose broker is ended with it, and real processes beside us. */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { stopBroker } from '../../../runtime/broker/start.js';
import { type Config, readConfig } from '../../../runtime/config.js';
import { packageRoot } from '../../../runtime/program.js';

export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rr-broker-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
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

/** Runs a few lines of JavaScript over the built runtime in a process of its own; gives its last line, parsed. */
export async function runBuilt<T>(
  code: string,
  env: NodeJS.ProcessEnv,
  as: string[] = [],
): Promise<{ last: T; lines: string[]; child: ChildProcess }> {
  const script = `
    import { openBroker, findBroker } from ${JSON.stringify(`file://${packageRoot()}/dist/runtime/broker/start.js`)};
    import { readConfig } from ${JSON.stringify(`file://${packageRoot()}/dist/runtime/config.js`)};
    ${code}`;
  const [command = process.execPath, ...args] = [...as, process.execPath, '--input-type=module', '-e', script];
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
  child.stderr.setEncoding('utf8').on('data', (part: string) => (errors += part));
  await new Promise((resolve) => child.once('close', resolve));
  const lines = text.trim().split('\n');
  if (child.exitCode !== 0) throw new Error(`exit ${child.exitCode ?? child.signalCode}: ${text}${errors}`);
  return { last: JSON.parse(lines.at(-1)!) as T, lines, child };
}

function runs(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // not in this folder of PATH
  }
}
