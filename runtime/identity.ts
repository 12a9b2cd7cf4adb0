/**
 * Who a process is. A pid alone is no name: it is used again. Pid, start time and boot together are.
 * Node built-ins only: the keepers use this too.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export const onLinux = process.platform === 'linux';
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
export function startTimeOf(pid: number): number | null {
  if (!Number.isInteger(pid) || pid <= 0) return null;
  if (onLinux) return readStat(pid)?.startTime ?? null;
  try {
    const [state, ...began] = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'latin1' })
      .trim()
      .split(/\s+/);
    return state === undefined || state.startsWith('Z') ? null : Math.trunc(Date.parse(began.join(' ')) / 1000) || 0;
  } catch {
    return null; // ps ends with 1 when there is no such process
  }
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
export function commandLine(pid: number): string {
  try {
    return onLinux
      ? readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trimEnd()
      : execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).trim();
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
}

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
  };
}
