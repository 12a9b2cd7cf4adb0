/** The process table: who lives, who descends from whom, who carries a run's mark in its environment. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { onLinux, type Process, readPs, readStat, source } from '../../runtime/identity.js';
import { openFilesNow } from './open-files.js';

/**
 * All living processes (those that only wait to be reaped left out), by pid.
 * @param visit sees each as soon as it is read, the youngest pids first: what changes its pid all the time is still there.
 */
export function processes(visit: (each: Process) => void = () => {}, from = source): Map<number, Process> {
  const all = new Map<number, Process>();
  const add = (each: Process): void => {
    all.set(each.pid, each);
    visit(each);
  };
  if (from === 'programs') {
    for (const each of readPs(['-ax'])) add(each);
    return all;
  }
  for (const entry of readdirSync('/proc').reverse()) {
    const first = entry.charCodeAt(0);
    if (first < 48 || first > 57) continue;
    const seen = readStat(Number(entry));
    if (seen !== null) add(seen);
  }
  return all;
}

/** The environment a process was given, as `\0NAME=value\0…`, latin1; null where it cannot be read (gone, another user's, not Linux). */
export function environOf(pid: number, from = source): string | null {
  if (from !== 'proc') return null;
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`;
  } catch {
    return null; // gone, or not ours to read
  }
}

/** Whether an environment carries the mark of a run, and of one of its commands when `step` is given. */
export function carries(environ: string | null, run: string, step: string | null): boolean {
  const has = (name: string, value: string): boolean =>
    environ?.includes(`\0${name}=${Buffer.from(value).toString('latin1')}\0`) ?? false;
  return has('RR_RUN', run) && (step === null || has('RR_STEP', step));
}

/** Tells the working directory of a process as it is now; null where it cannot be read. */
export function cwdReader(from = source): (pid: number) => string | null {
  if (from === 'proc')
    return (pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`);
      } catch {
        return null; // gone, or not ours to read
      }
    };
  let all: Map<number, string> | null = null; // all in one call, and only if somebody asks
  return (pid) => {
    all ??= new Map(openFilesNow(['-d', 'cwd']).map(({ pid: of, name }) => [of, name]));
    return all.get(pid) ?? null;
  };
}

/** Adds to `found` all descendants of its members, and all members of the groups they lead. */
export function close(found: Set<number>, all: ReadonlyMap<number, Process>): void {
  const children = new Map<number, number[]>();
  const members = new Map<number, number[]>();
  const add = (to: Map<number, number[]>, key: number, pid: number): void => {
    const list = to.get(key);
    if (list === undefined) to.set(key, [pid]);
    else list.push(pid);
  };
  for (const { pid, parent, group } of all.values()) {
    add(children, parent, pid);
    add(members, group, pid);
  }
  const open = [...found];
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    for (const next of [...(children.get(pid) ?? []), ...(members.get(pid) ?? [])]) {
      if (found.has(next)) continue;
      found.add(next);
      open.push(next);
    }
  }
}

/** What a process is known by. Without `id` every command of the run counts. */
export interface Application {
  /** 0 or a dead one: found by group and environment alone. */
  pid: number;
  group: number;
  run: string;
  id?: string;
}

/** All living processes of an application: descendants, its group, and what carries its mark (a daemon that left both). */
export function familyOf({ pid, group, run, id }: Application, from = source): Process[] {
  const all = processes(undefined, from);
  const found = new Set<number>();
  if (all.has(pid)) found.add(pid);
  for (const each of all.values()) {
    if (each.pid === process.pid || each.pid <= 1 || isKernel(each)) continue;
    if ((group > 1 && each.group === group) || carries(environOf(each.pid, from), run, id ?? null)) found.add(each.pid);
  }
  close(found, all);
  found.delete(process.pid);
  return [...found].map((each) => all.get(each)!);
}
export const treeOf = (application: Application, from = source): number[] =>
  familyOf(application, from).map(({ pid }) => pid);

/** A thread of the Linux kernel: it has no environment and takes no signals. */
export const isKernel = ({ pid, parent }: Process): boolean => onLinux && (pid === 2 || parent === 2);
