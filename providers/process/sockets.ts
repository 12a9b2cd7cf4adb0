/** Who listens where: read from the kernel's tables, never guessed from what an application prints. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { promisify } from 'node:util';
import { onLinux } from '../../runtime/identity.js';
import { type Application, processes, treeOf } from './processes.js';

export { type Application, treeOf } from './processes.js';

export interface Listener {
  port: number;
  /** As bound: `127.0.0.1`, `0.0.0.0`, `::1`, `::` … */
  host: string;
  /** 0: a process that this user may not look into. */
  pid: number;
}

/** The TCP sockets on which these processes listen; null: everybody's. One row per port, host and process, by port. */
export async function listeners(pids: readonly number[] | null): Promise<Listener[]> {
  const rows = onLinux ? fromProc(pids) : await fromLsof(pids);
  return rows.sort((a, b) => a.port - b.port || a.host.localeCompare(b.host) || a.pid - b.pid);
}

/** Where an application listens, in whichever of its processes. */
export const listenersOfApp = (application: Application): Promise<Listener[]> => listeners(treeOf(application));

/** Who listens on a port, on any address; null: nobody does. */
export async function holderOf(port: number): Promise<{ pid: number; name: string } | null> {
  const rows = (await listeners(null)).filter((row) => row.port === port);
  const row = rows.find(({ pid }) => pid > 0) ?? rows[0];
  if (row === undefined) return null;
  if (row.pid === 0) return { pid: 0, name: "another user's process" };
  return { pid: row.pid, name: processes().get(row.pid)?.name ?? 'a process that just ended' };
}

const LISTENING = '0A';

function fromProc(pids: readonly number[] | null): Listener[] {
  const open = new Map<string, { port: number; host: string }>();
  for (const table of ['tcp', 'tcp6']) {
    let text: string;
    try {
      text = readFileSync(`/proc/net/${table}`, 'latin1');
    } catch {
      continue; // no IPv6 on this machine
    }
    for (const line of text.split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      const [address, port] = (fields[1] ?? '').split(':');
      if (fields[3] !== LISTENING || address === undefined || port === undefined) continue;
      open.set(fields[9]!, { port: Number.parseInt(port, 16), host: hostOf(address) });
    }
  }
  const rows: Listener[] = [];
  const held = new Set<string>();
  for (const pid of pids ?? processes().keys()) {
    const mine = new Set<string>();
    for (const inode of inodesOf(pid)) {
      const socket = open.get(inode);
      if (socket === undefined || mine.has(`${socket.host} ${socket.port}`)) continue;
      mine.add(`${socket.host} ${socket.port}`);
      held.add(inode);
      rows.push({ ...socket, pid });
    }
  }
  if (pids === null) for (const [inode, socket] of open) if (!held.has(inode)) rows.push({ ...socket, pid: 0 });
  return rows;
}

function inodesOf(pid: number): string[] {
  const inodes: string[] = [];
  try {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      try {
        const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
        if (inode !== undefined) inodes.push(inode);
      } catch {
        // closed since the folder was read
      }
    }
  } catch {
    // gone, or not ours to look into: whoever asked for everybody gets its sockets with pid 0
  }
  return inodes;
}

/** An address of /proc/net/tcp{,6}: 32-bit words in the machine's byte order, which is little-endian wherever Node runs but s390x. */
export function hostOf(hex: string): string {
  const bytes: number[] = [];
  for (let word = 0; word < hex.length; word += 8) {
    for (let at = 6; at >= 0; at -= 2) bytes.push(Number.parseInt(hex.slice(word + at, word + at + 2), 16));
  }
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff)
    return bytes.slice(12).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16));
  // The longest run of zero groups is written `::` (RFC 5952).
  let best = { at: 0, length: 0 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (groups[at + length] === '0') length++;
    if (length > best.length) best = { at, length };
  }
  if (best.length < 2) return groups.join(':');
  return `${groups.slice(0, best.at).join(':')}::${groups.slice(best.at + best.length).join(':')}`;
}

async function fromLsof(pids: readonly number[] | null): Promise<Listener[]> {
  if (pids !== null && pids.length === 0) return [];
  const only = pids === null ? [] : ['-a', '-p', pids.join(',')];
  const { stdout } = await promisify(execFile)('lsof', ['-nP', '-iTCP', '-sTCP:LISTEN', ...only, '-Fpn'], {
    maxBuffer: 1 << 24,
  }).catch(
    // lsof ends with 1 when it finds nothing, and still prints what it found
    (error: { stdout?: string; code?: unknown }) => {
      if (error.code === 1) return { stdout: error.stdout ?? '' };
      throw error;
    },
  );
  const rows = new Map<string, Listener>();
  let pid = 0;
  for (const line of stdout.split('\n')) {
    if (line.startsWith('p')) pid = Number(line.slice(1));
    const colon = line.lastIndexOf(':');
    if (!line.startsWith('n') || colon < 0) continue;
    const host = line.slice(1, colon).replace(/^\[|\]$/g, '');
    const row = { pid, port: Number(line.slice(colon + 1)), host: host === '*' ? '0.0.0.0' : host };
    rows.set(JSON.stringify(row), row);
  }
  return [...rows.values()];
}
