/** The process table: who lives, who descends from whom, who carries a run's mark in its environment. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { onLinux, type Process, readStat } from '../../runtime/identity.js';

/**
 * All living processes (those that only wait to be reaped left out), by pid.
 * @param visit sees each as soon as it is read, the youngest pids first: what changes its pid all the time is still there.
 */
export function processes(visit: (each: Process) => void = () => {}): Map<number, Process> {
  const all = new Map<number, Process>();
  const add = (each: Process): void => {
    all.set(each.pid, each);
    visit(each);
  };
  if (onLinux) {
    for (const entry of readdirSync('/proc').reverse()) {
      const first = entry.charCodeAt(0);
      if (first < 48 || first > 57) continue;
      const seen = readStat(Number(entry));
      if (seen !== null) add(seen);
    }
    return all;
  }
  const text = execFileSync('ps', ['-axo', 'pid=,ppid=,pgid=,stat=,comm='], { encoding: 'latin1', maxBuffer: 1 << 26 });
  for (const line of text.split('\n')) {
    const [pid, parent, group, state, ...name] = line.trim().split(/\s+/);
    if (pid === undefined || state === undefined || state.startsWith('Z')) continue;
    add({ pid: Number(pid), parent: Number(parent), group: Number(group), startTime: 0, name: name.join(' ') });
  }
  return all;
}

/** The environment a process was given, as `\0NAME=value\0…`, latin1; null where it cannot be read (gone, another user's, not Linux). */
export function environOf(pid: number): string | null {
  if (!onLinux) return null;
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

/** The working directory of a process; null where it cannot be read. */
export function cwdOf(pid: number): string | null {
  if (!onLinux) return null;
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return null; // gone, or not ours to read
  }
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

/** All living pids of an application: descendants, its group, and what carries its mark (a daemon that left both). */
export function treeOf({ pid, group, run, id }: Application): number[] {
  const all = processes();
  const found = new Set<number>();
  if (all.has(pid)) found.add(pid);
  for (const each of all.values()) {
    if (each.pid === process.pid || each.pid <= 1 || isKernel(each)) continue;
    if ((group > 1 && each.group === group) || carries(environOf(each.pid), run, id ?? null)) found.add(each.pid);
  }
  close(found, all);
  found.delete(process.pid);
  return [...found];
}

/** A thread of the Linux kernel: it has no environment and takes no signals. */
export const isKernel = ({ pid, parent }: Process): boolean => onLinux && (pid === 2 || parent === 2);
