/**
 * Where there is no /proc, processes and sockets are looked up by ps and lsof. These run here too, so that both ways are
 * held against each other, for the same living processes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { cwdReader, processes, treeOf } from '../../../providers/process/processes.js';
import { connections, holderOf, listeners } from '../../../providers/process/sockets.js';
import { sweep } from '../../../providers/process/sweep.js';
import { commandLine, startTimeOf } from '../../../runtime/identity.js';
import { program } from '../../../runtime/program.js';
import { lackingBin } from '../../e2e/debian.js';
import { fixture, until } from './scratch.js';

beforeAll(async () => {
  const dir = mkdtempSync(join(tmpdir(), 'rr-programs-'));
  const bin = await lackingBin(dir, { ps: 'procps', lsof: 'lsof' });
  const before = process.env.PATH;
  process.env.PATH = [before, bin].join(delimiter);
  return () => {
    process.env.PATH = before;
    rmSync(dir, { recursive: true, force: true });
  };
}, 120_000);

function start(program: string, args: string[], cwd = '/'): ChildProcess {
  const child = spawn(program, args, { cwd, detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => {
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // the test has ended it
    }
  });
  return child;
}
const node = (...args: string[]): ChildProcess => start(process.execPath, args);
async function portOf(child: ChildProcess): Promise<number> {
  const [said] = await once(child.stdout!, 'data');
  return Number(/\d+/.exec(String(said))![0]);
}
const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
const hasIpv6 = addresses.some(({ address }) => address === '::1');

test.each(['127.0.0.1', '0.0.0.0', ...(hasIpv6 ? ['::1', '::'] : [])])(
  'both see the same listener on %s and the same holder of its port',
  async (host) => {
    const child = node(fixture('listens.mjs'), host);
    const port = await portOf(child);
    const rows = await listeners([child.pid!], 'programs');
    expect(rows).toEqual([{ host, port, pid: child.pid }]);
    expect(await listeners([child.pid!], 'proc')).toEqual(rows);
    expect(await listeners(null, 'programs')).toContainEqual(rows[0]);
    expect(await holderOf(port, 'programs')).toEqual(await holderOf(port, 'proc'));
    process.kill(child.pid!, 'SIGKILL');
    await once(child, 'close');
    expect(await holderOf(port, 'programs')).toBeNull();
    expect(await listeners([child.pid!, process.pid], 'programs')).toEqual(await listeners([process.pid], 'proc'));
  },
);

test('both see the same connections, from either end, the addresses of IPv4 written alike', async () => {
  const hosts = ['127.0.0.1', ...(hasIpv6 ? ['::1', '::'] : [])];
  for (const host of hosts) {
    const code = `const server = require('node:net').createServer(() => {}).listen(0, '${host}', () => console.log(server.address().port))`;
    const server = node('-e', code);
    const port = await portOf(server);
    const client = createConnection(port, host === '::' ? '127.0.0.1' : host);
    onTestFinished(() => void client.destroy());
    await once(client, 'connect');
    const seen = await until(() => connections([server.pid!], 'programs'));
    const other = host === '::' ? '127.0.0.1' : host;
    expect(seen).toEqual([
      { pid: server.pid, localPort: port, host: other, port: client.localPort, established: true },
    ]);
    expect(await connections([server.pid!], 'proc')).toEqual(seen);
    const own = (await connections([process.pid], 'programs')).filter((each) => each.port === port);
    expect(own).toEqual([{ pid: process.pid, localPort: client.localPort, host: other, port, established: true }]);
    expect((await connections([process.pid], 'proc')).filter((each) => each.port === port)).toEqual(own);
  }
});

test('both see a connection that gets no answer as not established', async () => {
  const deaf = node(fixture('takes-no-connection.mjs'));
  const port = await portOf(deaf);
  const clients = Array.from({ length: 6 }, () => createConnection(port, '127.0.0.1').on('error', () => {}));
  onTestFinished(() => clients.forEach((client) => void client.destroy()));
  await sleep(300);
  const seen = (await connections([process.pid], 'programs')).filter((each) => each.port === port);
  expect(seen).toHaveLength(6);
  expect(new Set(seen.map(({ established }) => established))).toEqual(new Set([true, false]));
  expect((await connections([process.pid], 'proc')).filter((each) => each.port === port)).toEqual(seen);
});

test('both see the same processes: parent, group and name, and none that only waits to be reaped', async () => {
  // A child that ends at once and is never reaped, one that lives, and one in a group of its own.
  const shell = start('sh', ['-c', 'sleep 0 & setsid sleep 301 & sleep 300 & exec sleep 302']);
  const pid = shell.pid!;
  const living = () => [...processes(undefined, 'proc').values()].filter(({ parent }) => parent === pid);
  await until(() => processes(undefined, 'proc').get(pid)?.name === 'sleep' && living().length === 2);
  const all = processes(undefined, 'programs');
  for (const each of [processes(undefined, 'proc').get(pid)!, ...living()]) {
    expect(all.get(each.pid)).toEqual({ ...each, startTime: startTimeOf(each.pid, 'programs'), cpuSeconds: 0 });
  }
  expect([...all.values()].filter(({ parent }) => parent === pid)).toHaveLength(2);
  expect([...all.values()].filter(({ parent }) => parent === process.pid).map(({ name }) => name)).not.toContain('ps');
  const application = { pid, group: pid, run: 'none' };
  expect(treeOf(application, 'programs').sort()).toEqual(treeOf(application, 'proc').sort());
  expect(treeOf(application, 'programs')).toHaveLength(3);
  for (const one of living()) process.kill(one.pid, 'SIGKILL');
});

test('both see how much a process has computed', async () => {
  const child = node(
    '-e',
    'for (const end = Date.now() + 2_500; Date.now() < end; ); console.log(1); setInterval(() => {}, 1e6)',
  );
  await once(child.stdout!, 'data');
  const { cpuSeconds } = processes(undefined, 'proc').get(child.pid!)!;
  expect(cpuSeconds).toBeGreaterThan(0.3);
  expect(Math.abs(processes(undefined, 'programs').get(child.pid!)!.cpuSeconds - cpuSeconds)).toBeLessThan(1.1);
});

test("when a process began is told in epoch seconds, whatever the user's language and time zone", async () => {
  const before = { TZ: process.env.TZ, LC_ALL: process.env.LC_ALL };
  onTestFinished(() => {
    for (const [name, value] of Object.entries(before))
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  });
  Object.assign(process.env, { TZ: 'Asia/Tokyo', LC_ALL: 'de_DE.UTF-8' });
  const child = start('sleep', ['300']);
  await once(child, 'spawn');
  const began = startTimeOf(child.pid!, 'programs')!;
  expect(Math.abs(began - Date.now() / 1000)).toBeLessThan(5);
  expect(startTimeOf(child.pid!, 'programs')).toBe(began);
  process.kill(child.pid!, 'SIGKILL');
  await once(child, 'exit');
  expect(startTimeOf(child.pid!, 'programs')).toBeNull();
});

test('both tell the whole command line, however long, and the folder a process works in', async () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'rr-programs-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const child = start('sh', ['-c', 'sleep 300; exit', 'x'.repeat(300), 'the end'], folder);
  await until(() => commandLine(child.pid!, 'proc').endsWith('the end'));
  const columns = process.env.COLUMNS;
  onTestFinished(() => {
    if (columns === undefined) delete process.env.COLUMNS;
    else process.env.COLUMNS = columns;
  });
  process.env.COLUMNS = '79';
  expect(commandLine(child.pid!, 'programs')).toBe(commandLine(child.pid!, 'proc'));
  expect(cwdReader('programs')(child.pid!)).toBe(folder);
  expect(cwdReader('proc')(child.pid!)).toBe(folder);
  expect(commandLine(2 ** 22 + 1, 'programs')).toBe('');
  expect(cwdReader('programs')(2 ** 22 + 1)).toBeNull();
});

test('what works in a folder of ours, holds a leased port or descends from a root ends, and nothing beside it', async () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'rr-programs-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['work', 'work-of-another']) mkdirSync(join(folder, name));
  const inside = start('sleep', ['300'], join(folder, 'work')).pid!;
  const beside = start('sleep', ['300'], join(folder, 'work-of-another')).pid!;
  const holder = node(fixture('listens.mjs'), '127.0.0.1');
  const root = start('sh', ['-c', 'sleep 300 & setsid sleep 301 & wait']).pid!;
  const port = await portOf(holder);
  const tree = await until(() => {
    const found = treeOf({ pid: root, group: 0, run: 'none' });
    return found.length === 3 ? found : null;
  });
  const swept = await sweep({
    run: 'none',
    roots: [root, process.ppid],
    groups: [],
    cwd: join(folder, 'work'),
    ports: [port],
    from: 'programs',
  });
  expect(swept.left).toEqual([]);
  expect(swept.killed.sort()).toEqual([inside, holder.pid!, ...tree].sort());
  expect(startTimeOf(beside)).not.toBeNull();
});

test('who sweeps never ends what it came of, its grandparents neither', async () => {
  const code = `import { sweep } from ${JSON.stringify(program('providers/process/sweep'))};
    const roots = [Number(process.argv[1])];
    console.log(JSON.stringify(await sweep({ run: 'none', roots, groups: [], from: 'programs' })));`;
  const top = start('sh', [
    '-c',
    'sh -c \'"$0" --input-type=module -e "$1" "$2"; true\' "$0" "$1" $$; exec sleep 300',
    process.execPath,
    code,
  ]);
  const [said] = await once(top.stdout!, 'data');
  expect(JSON.parse(String(said))).toEqual({ killed: [], left: [] });
  expect(startTimeOf(top.pid!)).not.toBeNull();
});
