/** Who listens where and who is connected to whom: read from the kernel's tables, never guessed from what an application prints. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type Source, source } from '../../runtime/identity.js';
import { openFiles } from './open-files.js';
import { type Application, environOf, processes, treeOf } from './processes.js';

export { type Application, treeOf } from './processes.js';

export interface Listener {
  port: number;
  /** As bound: `127.0.0.1`, `0.0.0.0`, `::1`, `::` … */
  host: string;
  /** 0: a process that this user may not look into. */
  pid: number;
}
/** A TCP connection that is open, or on the way to be. */
export interface Connection {
  pid: number;
  /** Of this end. */
  localPort: number;
  /** The address of the other end. */
  host: string;
  port: number;
  /** false: the other end has not answered yet. */
  established: boolean;
}

/** The TCP sockets on which these processes listen; null: everybody's. One row per port, host and process, by port. */
export async function listeners(pids: readonly number[] | null, from = source): Promise<Listener[]> {
  const rows = new Map<string, Listener>();
  for (const { pid, state, local } of await sockets(pids, from)) {
    if (state !== 'listening') continue;
    const row = { port: local.port, host: local.host, pid };
    rows.set(`${row.port} ${row.host} ${pid}`, row);
  }
  return [...rows.values()].sort((a, b) => a.port - b.port || a.host.localeCompare(b.host) || a.pid - b.pid);
}

/** The TCP connections of these processes, either way round, by this end's port. */
export async function connections(pids: readonly number[], from = source): Promise<Connection[]> {
  const rows = (await sockets(pids, from)).flatMap(({ pid, state, local, remote }): Connection[] =>
    state === 'listening' || remote === null
      ? []
      : [{ pid, localPort: local.port, ...remote, established: state === 'established' }],
  );
  return rows.sort((a, b) => a.localPort - b.localPort || a.pid - b.pid);
}

/** Where an application listens, in whichever of its processes. */
export const listenersOfApp = (application: Application): Promise<Listener[]> =>
  listeners(treeOf(application).filter((pid) => !(environOf(pid)?.includes(GATE_MARK) ?? false)));

/** The inner side of a strict sandbox's gate listens for its own purposes. */
const GATE_MARK = '\0RR_GATE=1\0';

/** Who listens on a port, on any address; null: nobody does. */
export async function holderOf(port: number, from = source): Promise<{ pid: number; name: string } | null> {
  const rows = (await listeners(null, from)).filter((row) => row.port === port);
  const row = rows.find(({ pid }) => pid > 0) ?? rows[0];
  if (row === undefined) return null;
  if (row.pid === 0) return { pid: 0, name: "another user's process" };
  return { pid: row.pid, name: processes(undefined, from).get(row.pid)?.name ?? 'a process that just ended' };
}

interface End {
  host: string;
  port: number;
}
interface Socket {
  /** 0: a process that this user may not look into. */
  pid: number;
  state: 'listening' | 'established' | 'connecting';
  local: End;
  /** null where it listens. */
  remote: End | null;
}

const sockets = (pids: readonly number[] | null, from: Source): Promise<Socket[]> | Socket[] =>
  pids?.length === 0 ? [] : from === 'proc' ? fromProc(pids) : fromLsof(pids);

/** As /proc/net/tcp writes them. */
const STATES: Readonly<Record<string, Socket['state']>> = {
  '0A': 'listening',
  '01': 'established',
  '02': 'connecting',
};

/** The folders with the tables of every network that these processes are in: a sandbox may have one of its own. */
function networksOf(pids: readonly number[] | null): string[] {
  const networks = new Map<string, string>([[networkOf('self') ?? '', '/proc/net']]);
  for (const pid of pids ?? []) {
    const network = networkOf(pid);
    if (network !== null && !networks.has(network)) networks.set(network, `/proc/${pid}/net`);
  }
  return [...networks.values()];
}
function networkOf(pid: number | 'self'): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return null; // gone, or not ours to look into
  }
}

function fromProc(pids: readonly number[] | null): Socket[] {
  // The kernel walks all of its sockets to write the tables: not for processes that have none.
  const holding = pids === null ? null : inodesOfAll(pids);
  if (holding?.every(([, inodes]) => inodes.size === 0)) return [];
  const open = new Map<string, Omit<Socket, 'pid'>>();
  for (const table of networksOf(pids).flatMap((folder) => [`${folder}/tcp`, `${folder}/tcp6`])) {
    let text: string;
    try {
      text = readFileSync(table, 'latin1');
    } catch {
      continue; // no IPv6 on this machine, or gone
    }
    for (const line of text.split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      const state = STATES[fields[3] ?? ''];
      if (state === undefined) continue;
      const [local, remote] = [endOf(fields[1]!), endOf(fields[2]!)];
      open.set(fields[9]!, { state, local, remote: state === 'listening' ? null : remote });
    }
  }
  const rows: Socket[] = [];
  const held = new Set<string>();
  for (const [pid, inodes] of holding ?? inodesOfAll([...processes().keys()])) {
    for (const inode of inodes) {
      const socket = open.get(inode);
      if (socket === undefined) continue;
      held.add(inode);
      rows.push({ ...socket, pid });
    }
  }
  if (pids === null) for (const [inode, socket] of open) if (!held.has(inode)) rows.push({ ...socket, pid: 0 });
  return rows;
}

function endOf(text: string): End {
  const [address, port] = text.split(':');
  return { host: hostOf(address!), port: Number.parseInt(port!, 16) };
}

const inodesOfAll = (pids: readonly number[]) => pids.map((pid) => [pid, new Set(inodesOf(pid))] as const);
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

const LSOF_STATES: Readonly<Record<string, Socket['state']>> = {
  LISTEN: 'listening',
  ESTABLISHED: 'established',
  SYN_SENT: 'connecting',
};

async function fromLsof(pids: readonly number[] | null): Promise<Socket[]> {
  const files = await openFiles(['-i', 'TCP', ...(pids === null ? [] : ['-a', '-p', pids.join(',')])]);
  return files.flatMap(({ pid, type, state: told, name }) => {
    const state = LSOF_STATES[told];
    const [local, remote] = name.split('->').map((end) => endOfName(end, type));
    return state === undefined || local === undefined ? [] : { pid, state, local, remote: remote ?? null };
  });
}

/** `127.0.0.1:80`, `[::1]:80`; `*:80` is any address of the socket's family. */
function endOfName(name: string, type: string): End {
  const colon = name.lastIndexOf(':');
  const host = name.slice(0, colon).replace(/^\[|\]$/g, '');
  const any = type === 'IPv6' ? '::' : '0.0.0.0';
  return { host: host === '*' ? any : host, port: Number(name.slice(colon + 1)) };
}
