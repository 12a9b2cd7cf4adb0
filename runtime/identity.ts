/**
 * Who a process is. A pid alone is no name: it is used again. Pid, start time and boot together are.
 * Node built-ins only: the keepers use this too.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export const onLinux = process.platform === 'linux';
/** Where facts about processes come from: Linux's /proc, or the programs that every Unix has (ps, lsof). */
export type Source = 'proc' | 'programs';
export const source: Source = onLinux ? 'proc' : 'programs';
let boot: string | null = null;

/** Changes with every start of the machine. */
export function bootId(): string {
  boot ??= onLinux
    ? readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    : execFileSync('sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'latin1' }).trim();
  return boot;
}

/**
 * When a process began: clock ticks since boot (field 22 of /proc/<pid>/stat), elsewhere epoch seconds.
 * @returns null when no such process lives; one that only waits to be reaped does not live.
 */
export function startTimeOf(pid: number, from = source): number | null {
  if (!Number.isInteger(pid) || pid <= 0) return null;
  if (from === 'proc') return readStat(pid)?.startTime ?? null;
  return readPs(['-p', String(pid)])[0]?.startTime ?? null;
}

/** Whether the process written down is still that one and alive. A start time of 0 means: not known. */
export function isSame(pid: number, startTime: number, boot: string): boolean {
  if (boot !== bootId()) return false;
  const now = startTimeOf(pid);
  return now !== null && (startTime === 0 || now === startTime);
}

/** A process as it is written down. */
export interface Identity {
  pid: number;
  startTime: number;
  bootId: string;
}

/** The process that has this number now; null when there is none, or only its unburied remains. */
export function identify(pid: number): Identity | null {
  const startTime = startTimeOf(pid);
  return startTime === null ? null : { pid, startTime, bootId: bootId() };
}

/** Whether that very process is alive, not merely one with its number. */
export const isAlive = ({ pid, startTime, bootId: boot }: Identity): boolean => isSame(pid, startTime, boot);

/** The arguments of a process joined by blanks; empty when it is gone. */
export function commandLine(pid: number, from = source): string {
  try {
    return from === 'proc'
      ? readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trimEnd()
      : execFileSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    return ''; // it ended: a process without a command line is what the caller has to expect
  }
}

export interface Process {
  pid: number;
  parent: number;
  group: number;
  startTime: number;
  name: string;
  /** Processor time used so far, in seconds; on Linux with that of the children it has reaped. */
  cpuSeconds: number;
}
/** Clock ticks a second, as /proc counts them on every Linux that Node runs on. */
const TICKS = 100;

/** Linux only. null: gone, or dead and not yet reaped. */
export function readStat(pid: number): Process | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null; // it ended meanwhile
  }
  // The name stands in parentheses and may hold anything, parentheses and spaces too.
  const close = text.lastIndexOf(')');
  const rest = text.slice(close + 2).split(' ');
  // The first thread of a living process may be a zombie while others run (field 20: threads).
  if (rest[0] === 'X' || (rest[0] === 'Z' && Number(rest[17]) <= 1)) return null;
  return {
    pid,
    parent: Number(rest[1]),
    group: Number(rest[2]),
    startTime: Number(rest[19]),
    name: text.slice(text.indexOf('(') + 1, close),
    cpuSeconds: rest.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS,
  };
}

const COLUMNS = 'pid=,ppid=,pgid=,stat=,time=,lstart=,comm=';
/** `1 0 1 Ss 00:00:03 Sat Nov 21 02:40:00 2026 /sbin/init`: the name comes last, since it may hold blanks. */
const ROW = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+([\d:.-]+)\s+(\w{3} +\w{3} +\d+ [\d:]{8} +\d{4})\s+(.*?)\s*$/;

/**
 * The living processes among those that ps selects by `words`; start times in epoch seconds.
 * In English and in UTC whatever the user's settings are, for a date in any other form would not be read; and as wide
 * as it needs (-ww): without a terminal some cut at 79 characters.
 */
export function readPs(words: readonly string[]): Process[] {
  let text: string;
  try {
    text = execFileSync('ps', ['-ww', '-o', COLUMNS, ...words], {
      encoding: 'latin1',
      env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC0' },
      maxBuffer: 1 << 26,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch (error) {
    if ((error as { status?: number | null }).status === 1) return []; // it selects none
    throw error;
  }
  return text.split('\n').flatMap((line) => {
    const [, pid, parent, group, state, used, began, path] = ROW.exec(line) ?? [];
    if (pid === undefined || state!.startsWith('Z')) return [];
    // Linux has a name here, which may hold slashes; others the program's path.
    const name = path!.startsWith('/') ? path!.slice(path!.lastIndexOf('/') + 1) : path!;
    if (Number(parent) === process.pid && name === 'ps') return []; // the one that was asked
    return {
      pid: Number(pid),
      parent: Number(parent),
      group: Number(group),
      startTime: Math.trunc(Date.parse(`${began} UTC`) / 1000) || 0,
      name,
      cpuSeconds: secondsOf(used!),
    };
  });
}

/** `0:01.25`, `00:00:01`, `1-02:03:04`. */
function secondsOf(text: string): number {
  const [time, days] = text.split('-').reverse();
  return time!.split(':').reduce((sum, part) => sum * 60 + Number(part), 0) + Number(days ?? 0) * 86_400;
}
