/**
 * The sweep: ends everything a run left alive.
 *
 * Found are the given roots and groups, what carries RR_RUN=<run>, and, only when asked, what works in a folder or
 * listens on a port; then all their descendants. First all are stopped (SIGSTOP), again and again until nobody new is
 * found, so that they cannot fork away; then killed; then looked for again, until none is left three times over, or the time is up.
 * Never touched: this process, its ancestors, those to be spared, pid 1, the kernel's threads. What gave itself a new
 * session, lost its parent and rewrote its environment is not found.
 */
import { realpathSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';
import { sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Process, readStat, type Source, source } from '../../runtime/identity.js';
import { carries, close, cwdReader, environOf, isKernel, processes } from './processes.js';
import { listeners } from './sockets.js';

export interface Sweep {
  run: string;
  /** Processes known to be the run's; the caller has checked that their pids were not used again. */
  roots: readonly number[];
  groups: readonly number[];
  /** A folder of ours (a copy of a repository): never a user's own, where their shell and editor may be. */
  cwd?: string;
  /** Ports leased to the run: whoever listens there ends. */
  ports?: readonly number[];
  /** Only what carries this command's mark, instead of every command of the run. */
  id?: string;
  spare?: readonly number[];
  /** Default 10 000. */
  withinMs?: number;
  /** Where processes are looked up; default: as this system allows. */
  from?: Source;
}

export async function sweep(o: Sweep): Promise<{ killed: number[]; left: number[] }> {
  const deadline = Date.now() + (o.withinMs ?? 10_000);
  const from = o.from ?? source;
  const folder = o.cwd === undefined ? null : realFolder(o.cwd);
  const ports = new Set(o.ports ?? []);
  const roots = [...o.roots];
  if (ports.size > 0)
    for (const { port, pid } of await listeners(null, from)) if (ports.has(port) && pid > 0) roots.push(pid);
  /** pid → start time: once found, a process stays found, also when it is given another parent. */
  const found = new Map<number, number>();
  const killed = new Set<number>();

  /** Finds what lives and stops it on the spot. `fresh`: how many were not known before. */
  const look = (): { fresh: number; alive: number[] } => {
    const spared = ancestors(o.spare ?? [], from);
    const cwdOf = cwdReader(from);
    const alive = new Set<number>();
    let fresh = 0;
    const take = ({ pid, startTime }: Process): void => {
      alive.add(pid);
      if (found.get(pid) === startTime) return;
      found.set(pid, startTime);
      fresh++;
      send(pid, 'SIGSTOP');
    };
    const all = processes((each) => {
      const { pid } = each;
      if (spared.has(pid) || isKernel(each)) return;
      const is =
        found.get(pid) === each.startTime ||
        o.groups.includes(each.group) ||
        (killed.size === 0 && roots.includes(pid)) || // later their numbers may be another's
        carries(environOf(pid, from), o.run, o.id ?? null) ||
        (folder !== null && lies(cwdOf(pid), folder));
      if (is) take(each);
    }, from);
    const closed = new Set(alive);
    close(closed, all);
    for (const pid of closed) if (!alive.has(pid) && !spared.has(pid)) take(all.get(pid)!);
    return { fresh, alive: [...alive] };
  };

  for (let empty = 0; ; ) {
    const alive = hastily(() => {
      let seen = look();
      while (seen.fresh > 0 && Date.now() < deadline) seen = look();
      for (const pid of seen.alive) if (send(pid, 'SIGKILL')) killed.add(pid);
      return seen.alive;
    });
    empty = alive.length === 0 ? empty + 1 : 0;
    if (empty === EMPTY_LOOKS) return { killed: [...killed], left: [] };
    if (Date.now() >= deadline && empty === 0) {
      await sleep(20);
      const { alive: left } = look();
      return { killed: [...killed].filter((pid) => !left.includes(pid)), left };
    }
    await sleep(5);
  }
}

/** A process that hands on to a new one can be missed between two; hardly so many times. */
const EMPTY_LOOKS = 3;

/**
 * Runs something at the highest priority where we may (root): against thousands that want to run, looking through the
 * table would take minutes. Synchronous, so that no process is started meanwhile and inherits it.
 */
function hastily<T>(call: () => T): T {
  const before = getPriority();
  try {
    setPriority(constants.priority.PRIORITY_HIGHEST);
  } catch {
    return call(); // an ordinary user: at the priority we have
  }
  try {
    return call();
  } finally {
    setPriority(before);
  }
}

/** Sends a signal; false when there is no such process (a negative number: group) or it is not ours to signal. */
export function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH' || code === 'EPERM') return false;
    throw error;
  }
}

function ancestors(spare: readonly number[], from: Source): Set<number> {
  const spared = new Set<number>([0, 1, ...spare, process.pid]);
  const all = from === 'proc' ? null : processes(undefined, from);
  const parentOf = (pid: number): number => (all === null ? readStat(pid) : all.get(pid))?.parent ?? 0;
  for (let at = process.ppid; at > 1 && !spared.has(at); at = parentOf(at)) spared.add(at);
  return spared;
}

const lies = (path: string | null, folder: string): boolean =>
  path !== null && (path === folder || path.startsWith(folder + sep));

function realFolder(path: string): string | null {
  try {
    const real = realpathSync(path);
    return real === sep ? null : real;
  } catch {
    return null; // no such folder: nobody works in it
  }
}
