/**
 * Debian's packages, without root: downloaded by apt (which checks their signatures) with what they depend on and this
 * machine lacks, and unpacked over each other into a folder of their own. Nothing is installed, and nothing of theirs runs
 * at unpacking. Where the folder goes then is for the caller: it is made aside, so it can be renamed into place whole.
 */
import {
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { Refusal, run } from '../runtime/broker/fetch.js';

const UNPACK_MS = 2 * 60_000;
const LIST_MS = 30_000;
const LEFTOVER_MS = 60 * 60_000;

export interface Closure {
  /** The packages asked for, and all they need that is not installed here. */
  packages: string[];
  /** What apt would do, a line each. */
  said: string;
}
/** @param options for apt, by which it knows its lists. @returns a text where apt cannot say: why. */
export async function closureOf(
  work: string,
  packages: readonly string[],
  options: readonly string[],
): Promise<Closure | string> {
  const words = [...options, '-o', 'Debug::NoLocking=1', '-s', '--no-install-recommends', 'install', ...packages];
  const { worked, told, said } = await run('apt-get', words, work, LIST_MS);
  if (!worked) return told || `apt knows no package ${packages.join(', ')}`;
  // `Inst name [old] (new …)` is an upgrade of what is installed: what there is will do.
  const lacking = [...said.matchAll(/^Inst (\S+) \(/gm)].map(([, one]) => one!);
  return { packages: [...new Set([...packages, ...lacking])], said };
}

/** Unpacks every package in `work`. @returns `<work>/root`. @throws Refusal */
export async function unpackAll(work: string): Promise<string> {
  const root = join(work, 'root');
  for (const deb of debsIn(work)) {
    const unpacked = await run('dpkg', ['-x', join(work, deb), root], work, UNPACK_MS);
    if (!unpacked.worked) throw new Refusal(`dpkg could not unpack ${deb}: ${unpacked.told}`);
  }
  turnLinks(root, root);
  return root;
}
export const debsIn = (work: string): string[] => listing(work).filter((name) => name.endsWith('.deb'));

/** Packages link to `/etc/…` and `/usr/…` as if they were installed: where the target was unpacked too, to that. */
function turnLinks(root: string, folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const stat = lstatSync(path);
    if (stat.isDirectory()) turnLinks(root, path);
    if (!stat.isSymbolicLink()) continue;
    const to = readlinkSync(path);
    if (!to.startsWith('/') || lstatSync(join(root, to), { throwIfNoEntry: false }) === undefined) continue;
    rmSync(path);
    symlinkSync(relative(dirname(path), join(root, to)), path);
  }
}

/** A script that names the folder where it would have been installed. */
export interface Rewrite {
  file: string;
  prefix: string;
}
/** Erlang's own start, of which everything built on it is begun. */
export const erlangRoot: Rewrite = { file: 'usr/lib/erlang/bin/erl', prefix: '/usr/lib/erlang' };

/** @param place where `root` is to lie in the end. */
export function rewriteScript(root: string, place: string, { file, prefix }: Rewrite): void {
  const path = join(root, file);
  writeFileSync(path, readFileSync(path, 'utf8').replaceAll(prefix, join(place, prefix)));
}

/** What killed processes left aside. */
export function removeLeftovers(home: string): void {
  for (const name of listing(home).filter((one) => one.startsWith('.fetch-'))) {
    const path = join(home, name);
    if (Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > LEFTOVER_MS)
      rmSync(path, { recursive: true, force: true });
  }
}
function listing(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return []; // not there
  }
}
