/**
 * The sweep: ends everything a run left alive.
 *
 * Found are the given roots and groups, what carries RR_RUN=<run>, and, only when asked, what works in a folder or
 * listens on a port; then all their descendants. First all are stopped (SIGSTOP), again and again until nobody new is
 * found, so that they cannot fork away; then killed; then looked for once more, until none is left or the time is up.
 * Never touched: this process, its ancestors, those to be spared, pid 1, the kernel's threads. What gave itself a new
 * session, lost its parent and rewrote its environment is not found.
 */
import { realpathSync } from 'node:fs';
import { sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Process } from './identity.js';
import { carries, close, cwdOf, environOf, isKernel, processes } from './processes.js';
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
}

export async function sweep(o: Sweep): Promise<{ killed: number[]; left: number[] }> {
  const deadline = Date.now() + (o.withinMs ?? 10_000);
  const folder = o.cwd === undefined ? null : realFolder(o.cwd);
  const ports = new Set(o.ports ?? []);
  const holders =
    ports.size === 0
      ? []
      : (await listeners(null)).filter(({ port, pid }) => ports.has(port) && pid > 0).map(({ pid }) => pid);
  /** pid → start time: once found, a process stays found, also when it is given another parent. */
  const found = new Map<number, number>();
  const killed = new Set<number>();

  const look = (): { fresh: number[]; alive: number[] } => {
    const all = processes();
    const spared = ancestors(all, o.spare ?? []);
    const now = new Set<number>();
    for (const pid of [...o.roots, ...holders]) if (all.has(pid)) now.add(pid);
    for (const [pid, startTime] of found) if (all.get(pid)?.startTime === startTime) now.add(pid);
    for (const each of all.values()) {
      if (now.has(each.pid) || spared.has(each.pid) || isKernel(each)) continue;
      if (o.groups.includes(each.group) || carries(environOf(each.pid), o.run, o.id ?? null)) now.add(each.pid);
      else if (folder !== null && lies(cwdOf(each.pid), folder)) now.add(each.pid);
    }
    for (const pid of spared) now.delete(pid);
    close(now, all);
    for (const pid of spared) now.delete(pid);
    const alive = [...now];
    const fresh = alive.filter((pid) => found.get(pid) !== all.get(pid)!.startTime);
    for (const pid of alive) found.set(pid, all.get(pid)!.startTime);
    return { fresh, alive };
  };

  for (;;) {
    let { fresh, alive } = look();
    while (fresh.length > 0 && Date.now() < deadline) {
      for (const pid of fresh) send(pid, 'SIGSTOP');
      ({ fresh, alive } = look());
    }
    if (alive.length === 0) return { killed: [...killed], left: [] };
    for (const pid of alive) if (send(pid, 'SIGKILL')) killed.add(pid);
    await sleep(10);
    if (Date.now() >= deadline) {
      const { alive: left } = look();
      return { killed: [...killed].filter((pid) => !left.includes(pid)), left };
    }
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

function ancestors(all: ReadonlyMap<number, Process>, spare: readonly number[]): Set<number> {
  const spared = new Set<number>([0, 1, ...spare]);
  for (let pid: number | undefined = process.pid; pid !== undefined && !spared.has(pid); pid = all.get(pid)?.parent) {
    spared.add(pid);
  }
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
