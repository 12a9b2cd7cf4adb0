/**
 * What the fixer may know of a service's folder: plain data, gathered once for a failure, bounded and read-only. The
 * folder belongs to somebody else, so nothing is followed out of it, nothing is executed and nothing is written.
 */
import { constants, type Dirent, statSync } from 'node:fs';
import { access, open, readdir, realpath } from 'node:fs/promises';
import { freemem, totalmem } from 'node:os';
import { dirname, join, sep } from 'node:path';
import { constrainedMemory, execPath } from 'node:process';
import { holderOf } from '../../providers/process/sockets.js';
import { tail } from '../../providers/process/tail.js';
import { canBeApart } from '../../providers/sandbox/index.js';
import { canGetPackages } from '../../providers/toolchain/index.js';
import type { Heal } from './contract.js';
import { heldPort, UNNAMED } from './rules/held-port.js';

export interface Look {
  /** Files of the service, POSIX paths from its folder; outputs (`dist`) too, installed packages not. */
  files: readonly string[];
  /** Path → text, for manifests, examples of environments and (bounded) sources. */
  texts: Readonly<Record<string, string>>;
  /** Names of the packages in node_modules. */
  installed: readonly string[];
  /** Programs in node_modules/.bin. */
  bins: readonly string[];
  /** The end of the failed command's log: longer than the evidence's tail. */
  log: string;
  memoryMb: number;
  /** Folder of the headers of the node that runs here, for packages that compile; null: it came without. */
  nodeDir: string | null;
  /** Who holds the port that the failure is about. */
  holder: string | null;
  /** Packages of the system can be had here without a change to it. */
  packages: boolean;
  /** The application could be started in a network of its own. */
  ownNetwork: boolean;
  /** Where its code looks for a service of the run that is elsewhere, and who is there; null: nobody. */
  fixed: readonly { kind: string; port: number; from: string; holder: string | null }[];
}

const FILES = 3_000;
const DEEPEST = 5;
const TEXT_BYTES = 128 << 10;
const SOURCES = 80;
const SKIPPED = /^(\.git|node_modules|\.venv|venv|__pycache__|\.cache|\.repo-runner|site-packages|vendor)$/;
const MANIFEST =
  /(^|\/)(package\.json|\.env[\w.-]*|env\.example|requirements[\w-]*\.txt|pyproject\.toml|Pipfile|Procfile|Makefile|Cargo\.toml|go\.mod|Gemfile|composer\.json|\.npmrc|deno\.jsonc?|pnpm-workspace\.yaml|\.gitignore|tsconfig\.json|\.nvmrc)$|\.(example|sample|dist|template)(\.\w+)?$/;
const ENV_EXAMPLE = /^\.?env\.(?:example|sample|template|dist)$/;
const SOURCE = /\.(py|[cm]?[jt]sx?)$/;

/** @param bundle the run's folder; null: nothing will be done. */
export async function gather(heal: Heal, bundle: string | null): Promise<Look> {
  const root = await realpath(heal.cwd).catch(() => null); // A folder that is gone has nothing to show; the rules still read the text.
  const files = root === null ? [] : await walk(root);
  const texts: Record<string, string> = {};
  const sources = files.filter((path) => SOURCE.test(path) && !/(^|\/)(dist|build|out|test|tests)\//.test(path));
  for (const path of [...files.filter((file) => MANIFEST.test(file)).slice(0, 60), ...sources.slice(0, SOURCES)]) {
    const text = await read(join(root!, path));
    if (text !== null) texts[path] = text;
  }
  // The repository above a part of it: only its examples of an environment, by their paths from the part.
  for (const up of above(heal.service.path))
    for (const name of await names(join(heal.cwd, up))) {
      const text = ENV_EXAMPLE.test(name) ? await read(join(heal.cwd, up, name)) : null;
      if (text !== null) texts[`${up}${name}`] = text;
    }
  const log = endOf(heal.evidence?.log ?? '', heal.evidence?.logFrom ?? 0);
  const holder = await holderOfAny(portsOf(heal));
  const fixed = await Promise.all(
    heal.fixed.map(async (one) => ({ ...one, holder: wordsFor(await holderOfAny([one.port])) })),
  );
  return {
    files,
    texts,
    installed: root === null ? [] : await packages(join(root, 'node_modules')),
    bins: root === null ? [] : await names(join(root, 'node_modules', '.bin')),
    log,
    memoryMb: Math.floor(Math.min(constrainedMemory() || totalmem(), totalmem(), freemem() * 4) / 2 ** 20),
    nodeDir: await nodeDir(),
    packages: canGetPackages(),
    holder: wordsFor(holder),
    fixed,
    ownNetwork: (holder !== null || fixed.length > 0) && bundle !== null && (await canBeApart(bundle)),
  };
}

/** Ports that a failure may be about: the one its output names, else those that the command and the plan do. */
function portsOf({ evidence, service, overlay }: Heal): number[] {
  const text = evidence?.tail ?? '';
  const said = heldPort(text);
  if (said !== null) return [said];
  if (!UNNAMED.test(text)) return [];
  const named = /\d{4,5}/.exec(overlay.start ?? service.commands.start ?? '')?.[0];
  return [...(named === undefined ? [] : [Number(named)]), ...service.ports.map(({ number }) => number)];
}
async function holderOfAny(ports: readonly number[]): ReturnType<typeof holderOf> {
  for (const port of ports) {
    const holder = await holderOf(port).catch(() => null); // unknown is a good answer
    if (holder !== null) return holder;
  }
  return null;
}
const wordsFor = (holder: Awaited<ReturnType<typeof holderOf>>): string | null =>
  holder === null ? null : holder.pid > 0 ? `${holder.name} (pid ${holder.pid})` : holder.name;
/** `../`, `../../`, … up to the root of the repository. */
export const above = (path: string): string[] =>
  path === '.' ? [] : path.split('/').map((_, n) => '../'.repeat(n + 1));

async function nodeDir(): Promise<string | null> {
  const place = dirname(dirname(execPath));
  return access(join(place, 'include', 'node', 'node.h')).then(
    () => place,
    () => null,
  );
}

async function walk(root: string): Promise<string[]> {
  const files: string[] = [];
  let level = [''];
  for (let depth = 0; level.length > 0 && depth < DEEPEST; depth++) {
    const next: string[] = [];
    for (const folder of level) {
      const entries = await readdir(join(root, folder), { withFileTypes: true }).catch((): Dirent[] => []); // unreadable: unseen
      for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
        const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
        if (entry.isFile()) files.push(path);
        else if (entry.isDirectory() && !SKIPPED.test(entry.name)) next.push(path);
        if (files.length >= FILES) return files;
      }
    }
    level = next;
  }
  return files;
}

async function read(path: string): Promise<string | null> {
  // Not through a link, and not waiting on what turned into a pipe since the walk.
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => null);
  if (handle === null) return null;
  try {
    const stat = await handle.stat();
    return stat.isFile() && stat.size <= TEXT_BYTES ? await handle.readFile('utf8') : null;
  } catch {
    return null; // Failing while being read: the same as not there.
  } finally {
    await handle.close();
  }
}

/** A log that cannot be read says nothing; the evidence's own tail is still there. */
function endOf(log: string, from: number): string {
  if (!log.startsWith(sep)) return '';
  try {
    // One that was rotated since is of this start alone.
    const { size } = statSync(log);
    return tail(log, 400, Math.min(32 << 10, from < size ? size - from : from === size ? 0 : size)).join('\n');
  } catch {
    return '';
  }
}

const names = (folder: string): Promise<string[]> => readdir(folder).catch(() => []); // absent: nothing is installed

async function packages(folder: string): Promise<string[]> {
  if (
    !(await access(folder).then(
      () => true,
      () => false,
    ))
  )
    return [];
  const found: string[] = [];
  for (const name of await names(folder)) {
    if (name.startsWith('.')) continue;
    if (!name.startsWith('@')) found.push(name);
    else for (const inner of await names(join(folder, name))) found.push(`${name}/${inner}`);
  }
  return found.slice(0, 5_000);
}
