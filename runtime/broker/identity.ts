/**
 * Who a process is, beyond its number: numbers are used again, so a process is known by its number, the moment it
 * started and the boot it lives in. Node built-ins only: the keeper uses this too.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface Identity {
  pid: number;
  /** Opaque, compared only: clock ticks since boot on Linux, a date elsewhere. */
  startTime: string;
  bootId: string;
}

/** The present boot; constant until the machine restarts. */
export const bootId = (): string =>
  process.platform === 'linux'
    ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    : ask('sysctl', ['-n', 'kern.boottime']);

/** The process that has this number now; null when there is none, or only its unburied remains. */
export function identify(pid: number): Identity | null {
  const startTime = process.platform === 'linux' ? startTimeFromProc(pid) : startTimeFromPs(pid);
  return startTime === null ? null : { pid, startTime, bootId: bootId() };
}

/** Whether that very process is alive, not merely one with its number. */
export function isAlive(known: Identity): boolean {
  const now = identify(known.pid);
  return now !== null && now.startTime === known.startTime && now.bootId === known.bootId;
}

/** The arguments of a process joined by blanks; empty when it is gone. */
export function commandLine(pid: number): string {
  if (process.platform !== 'linux') return ask('ps', ['-o', 'command=', '-p', String(pid)]);
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trimEnd();
  } catch {
    return ''; // it ended: a process without a command line is what the caller has to expect
  }
}

function startTimeFromProc(pid: number): string | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null; // no such process
  }
  // The name, in brackets, may hold anything; after it come the state (field 3) and, as field 22, the start time.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null);
}

function startTimeFromPs(pid: number): string | null {
  const [state = '', ...started] = ask('ps', ['-o', 'state=,lstart=', '-p', String(pid)]).split(/\s+/);
  return state === '' || state.startsWith('Z') ? null : started.join(' ');
}

function ask(command: string, args: string[]): string {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return ''; // ps says by its exit code that there is no such process
  }
}
