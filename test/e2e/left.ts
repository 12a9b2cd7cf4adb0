/** What a run may not leave behind: processes, listening ports, changes in the tree of the user. Looks, does not trust. */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createConnection } from 'node:net';
import { expect } from 'vitest';
import { bin, eventually, gitStatus, processesOf, type Scratch } from './rr.js';

export { processesOf };

/** Ports on which these processes listen. */
export function portsOf(pids: readonly number[]): number[] {
  const inodes = new Map<string, number>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6'])
    for (const line of readFileSync(table, 'utf8').split('\n').slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state === '0A') inodes.set(inode!, Number.parseInt(local!.split(':')[1]!, 16));
    }
  const ports = new Set<number>();
  for (const pid of pids)
    try {
      for (const fd of readdirSync(`/proc/${pid}/fd`)) {
        const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
        if (inode !== undefined && inodes.has(inode)) ports.add(inodes.get(inode)!);
      }
    } catch {
      // ended while we looked: it listens nowhere
    }
  return [...ports].sort((a, b) => a - b);
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    const told = (yes: boolean) => (): void => {
      socket.destroy();
      resolve(yes);
    };
    socket.on('connect', told(true)).on('error', told(false));
  });

/** The whole scratch folder's processes are gone, the broker's too, and so are the ports they listened on. */
export async function expectNothingLeft(s: Scratch, ports: readonly number[] = [], withinMs = 10_000): Promise<void> {
  await eventually(
    () => processesOf(s.dir),
    (left) => left.length === 0,
    withinMs,
  );
  const open = await Promise.all(ports.map(async (port) => ((await answers(port)) ? [port] : [])));
  expect(open.flat()).toEqual([]);
}

/** Everything git tracks, by content, mode and link, with git's own view of the tree. */
export function treeOf(repo: string): { status: string; hash: string } {
  const hash = createHash('sha256');
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: repo, encoding: 'latin1' }).split('\0').slice(0, -1);
  for (const name of files) {
    const path = Buffer.concat([Buffer.from(`${repo}/`), Buffer.from(name, 'latin1')]);
    const stat = lstatSync(path);
    hash.update(`${name}\0${stat.mode}\0`);
    if (stat.isSymbolicLink()) hash.update(readlinkSync(path));
    else if (stat.isFile() && stat.size < 1 << 26) hash.update(readFileSync(path));
    else hash.update(String(stat.size));
  }
  return { status: gitStatus(repo), hash: hash.digest('hex') };
}

/** Lets so many work at once, the others wait: for tests that go on side by side. */
export function atOnce(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = most;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    else free -= 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}

/** Every text under a folder (files below 64 MB), to look for what must not be there. */
export function* textsIn(folder: Buffer | string): Generator<{ path: string; text: string }> {
  const at = Buffer.from(folder);
  for (const name of readdirSync(at, { encoding: 'buffer' })) {
    const path = Buffer.concat([at, Buffer.from('/'), name]);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (!stat) continue; // renamed while we looked
    if (stat.isDirectory()) yield* textsIn(path);
    else if (stat.isFile() && stat.size < 1 << 26) yield { path: path.toString(), text: readFileSync(path, 'latin1') };
  }
}

/** rr as an ordinary user: by setpriv when the tests are root's. */
export async function asNobody(s: Scratch, ...args: string[]) {
  const root = process.getuid?.() === 0;
  if (root) execFileSync('chown', ['-R', '65534:65534', s.dir]);
  const [program, ...before] = root
    ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', process.execPath]
    : [process.execPath];
  const child = spawn(program!, [...before, bin, ...args], {
    cwd: s.dir,
    env: { ...s.env, HOME: s.dir, XDG_RUNTIME_DIR: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (text) => (out += text));
  child.stderr.on('data', (text) => (err += text));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, out, err };
}
