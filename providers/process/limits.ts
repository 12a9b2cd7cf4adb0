/**
 * Limits of memory, processes and processors on a command and all that comes of it. As root by control groups (version 2
 * or 1), which the kernel keeps and nobody leaves; else processes by the kernel's limit of this user's processes, and
 * memory by looking now and then. The free space of the disk is looked at in any case.
 *
 * Guarantee: what cannot be limited here is said in `lacking`, and nothing fails for it.
 */
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { delimiter, join } from 'node:path';
import { close, processes } from './processes.js';
import { memoryOf as memoryOfAll } from './weigh.js';

export interface Limits {
  /** null: none. */
  memoryBytes: number | null;
  /** Processes and threads. */
  pids: number | null;
  /** Processors' worth of time. */
  cpus: number | null;
  /** The command is stopped when the disk it works on has less left; where it has less from the start, less than half of that. */
  freeBytes: number | null;
}
export const noLimits: Limits = { memoryBytes: null, pids: null, cpus: null, freeBytes: null };

/** What a command went over; told once each. */
export interface Over {
  limit: 'memory' | 'pids' | 'disk';
  said: string;
  /** The kernel has done what is to be done: it refuses, or has ended a process. Else the command must be stopped. */
  kept: boolean;
}
export interface Bounds {
  /** Words before the command, by which it is within the limits from its first instant. */
  words: string[];
  lacking: string[];
  /** Looks once. */
  look(pid: number): Over[];
  /** When all has ended. */
  remove(): void;
}

const MB = 2 ** 20;
/** How often memory is added up where the kernel does not: it takes some milliseconds. */
const WEIGH_MS = 2_000;
const JOIN = 'n=$1; shift; while [ "$n" -gt 0 ]; do echo $$ >"$1" || exit 126; shift; n=$((n-1)); done; exec "$@"';
const ROOT = '/sys/fs/cgroup';
const PARENT = 'repo-runner';

interface Control {
  name: 'memory' | 'pids' | 'cpu';
  /** File → text, in the order they are written. */
  set: [string, string][];
  /** Where the kernel counts what it refused, and how. */
  count: { file: string; field: string } | null;
}

function controls({ memoryBytes, pids, cpus: processors }: Limits, version: 1 | 2): Control[] {
  const wanted: Control[] = [];
  if (memoryBytes !== null)
    wanted.push(
      version === 2
        ? {
            name: 'memory',
            set: [
              ['memory.max', String(memoryBytes)],
              ['memory.swap.max', '0'],
            ],
            count: { file: 'memory.events', field: 'oom_kill' },
          }
        : {
            name: 'memory',
            set: [
              ['memory.limit_in_bytes', String(memoryBytes)],
              ['memory.memsw.limit_in_bytes', String(memoryBytes)],
            ],
            count: { file: 'memory.oom_control', field: 'oom_kill' },
          },
    );
  if (pids !== null)
    wanted.push({ name: 'pids', set: [['pids.max', String(pids)]], count: { file: 'pids.events', field: 'max' } });
  if (processors !== null && processors < cpus().length)
    wanted.push({
      name: 'cpu',
      set:
        version === 2
          ? [['cpu.max', `${Math.round(processors * 100_000)} 100000`]]
          : [['cpu.cfs_quota_us', String(Math.round(processors * 100_000))]],
      count: null,
    });
  return wanted;
}

/** @param name of the group, safe in a path; one a command. @param cwd whose disk is looked at. */
export function bound(name: string, limits: Limits, cwd: string): Bounds {
  const version = existsSync(join(ROOT, 'cgroup.controllers')) ? 2 : 1;
  const made: { control: Control; folder: string; counted: number }[] = [];
  const lacking: string[] = [];
  const said = new Set<string>();
  let weighedMs = performance.now();
  for (const control of process.getuid?.() === 0 ? controls(limits, version) : []) {
    const folder = makeGroup(name, control, version);
    if (folder === null) lacking.push(control.name);
    else made.push({ control, folder, counted: 0 });
  }
  const has = (wanted: Control['name']): boolean => made.some(({ control }) => control.name === wanted);
  const folders = [...new Set(made.map(({ folder }) => folder))];
  const words =
    folders.length === 0
      ? []
      : ['/bin/sh', '-c', JOIN, 'sh', String(folders.length), ...folders.map((folder) => join(folder, 'cgroup.procs'))];
  if (process.getuid?.() !== 0 && limits.pids !== null) {
    const prlimit = onPath('prlimit');
    // The kernel counts all processes of this user, so those there are come on top.
    if (prlimit === null) lacking.push('pids');
    else words.push(prlimit, `--nproc=${limits.pids + ownThreads()}`, '--');
  }
  if (process.getuid?.() !== 0 && controls({ ...noLimits, cpus: limits.cpus }, version).length > 0) lacking.push('cpu');
  const there = freeBytes(cwd);
  const floor = limits.freeBytes === null || there > limits.freeBytes ? limits.freeBytes : there / 2;
  const once = (over: Over): Over[] => {
    if (said.has(over.limit)) return [];
    said.add(over.limit);
    return [over];
  };
  return {
    words,
    lacking,
    look(pid) {
      const found: Over[] = [];
      for (const one of made) {
        if (one.control.count === null) continue;
        const { limit, count } = { limit: one.control.name as 'memory' | 'pids', count: one.control.count };
        if (countIn(join(one.folder, count.file), count.field) === 0) continue;
        found.push(
          ...once({
            limit,
            kept: true,
            said:
              limit === 'memory'
                ? `it needs more than ${Math.round(limits.memoryBytes! / MB)} MB of memory: the kernel ended a process of it`
                : `it wants more than ${limits.pids} processes and threads: the kernel refuses more`,
          }),
        );
      }
      if (limits.memoryBytes !== null && !has('memory') && pid > 0 && performance.now() - weighedMs > WEIGH_MS) {
        weighedMs = performance.now();
        const bytes = memoryOf(pid);
        if (bytes > limits.memoryBytes)
          found.push(
            ...once({
              limit: 'memory',
              kept: false,
              said: `it has ${Math.round(bytes / MB)} MB of memory, at most ${Math.round(limits.memoryBytes / MB)} MB are given`,
            }),
          );
      }
      if (floor !== null && freeBytes(cwd) < floor)
        found.push(
          ...once({ limit: 'disk', kept: false, said: `the disk has less than ${Math.round(floor / MB)} MB left` }),
        );
      return found;
    },
    remove() {
      for (const { folder } of made)
        try {
          rmdirSync(folder);
        } catch {
          // something lives in it still (a daemon of an ended command), or it has gone already
        }
    },
  };
}

/** Removes groups that nobody is in any more: those whose names begin so, and those of keepers that have died. */
export function removeGroups(start: string): void {
  for (const base of ['memory', 'pids', 'cpu'].map((name) => baseOf(name)).concat(join(ROOT, PARENT)))
    for (const name of existsSync(base) ? readdirSync(base) : [])
      if (name.startsWith(start) || isOfTheDead(name))
        try {
          rmdirSync(join(base, name));
        } catch {
          // something lives in it still
        }
}

/** Their names hold the pid of the keeper (`bound`). */
function isOfTheDead(name: string): boolean {
  const pid = /^[0-9a-f]{12}-(\d+)-\d+$/.exec(name)?.[1];
  return pid !== undefined && !existsSync(`/proc/${pid}`);
}

/** Version 1: below the group we are in ourselves, so that the limits on us hold on. */
function baseOf(controller: string): string {
  const own = readFileSync('/proc/self/cgroup', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([, names]) => names?.split(',').includes(controller))?.[2];
  const top = join(ROOT, controller);
  const mine = join(top, own ?? '');
  // Those who are in a group of ours themselves (a test of us within us) go beside it.
  return join(existsSync(mine) ? mine.replace(new RegExp(`/${PARENT}/.*$`), '') : top, PARENT);
}

function makeGroup(name: string, { name: controller, set }: Control, version: 1 | 2): string | null {
  try {
    const base = version === 2 ? join(ROOT, PARENT) : baseOf(controller);
    mkdirSync(base, { recursive: true });
    if (version === 2) {
      for (const above of [ROOT, base]) {
        const file = join(above, 'cgroup.subtree_control');
        if (!readFileSync(file, 'utf8').split(/\s+/).includes(controller)) writeFileSync(file, `+${controller}`);
      }
    }
    const folder = join(base, name);
    mkdirSync(folder, { recursive: true });
    for (const [n, [file, text]] of set.entries())
      try {
        writeFileSync(join(folder, file), text);
      } catch (error) {
        if (n === 0) throw error; // swap is not accounted on every kernel
      }
    return folder;
  } catch {
    return null; // not mounted, or not ours to write: in a container, for example
  }
}

function countIn(file: string, field: string): number {
  try {
    return Number(new RegExp(`^${field} (\\d+)`, 'm').exec(readFileSync(file, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0; // an older kernel does not count, or the group has gone
  }
}

/** The memory of a process and of what came of it. */
function memoryOf(pid: number): number {
  const family = new Set([pid]);
  const all = processes();
  close(family, all);
  return memoryOfAll([...family]);
}

function ownThreads(): number {
  let threads = 0;
  const uid = process.getuid?.();
  for (const name of existsSync('/proc') ? readdirSync('/proc') : [])
    if (/^\d+$/.test(name))
      try {
        const status = readFileSync(`/proc/${name}/status`, 'latin1');
        if (Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]) === uid)
          threads += Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 1);
      } catch {
        // it has ended
      }
  return threads;
}

function onPath(name: string): string | null {
  for (const folder of (process.env.PATH ?? '').split(delimiter))
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // not there
    }
  return null;
}

/** What a disk has left for us, in bytes; endless where nothing is at the path. */
export function freeBytes(path: string): number {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY; // no such folder: the command will say so
  }
}

/** Three quarters of what the machine has. */
export const usualMemoryBytes = (): number => Math.floor(totalmem() * 0.75);
