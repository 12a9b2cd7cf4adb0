/** Leases of ports, on real sockets, through the real runtime. */

import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import { isFree, portManager } from '../../managers/port/index.js';
import type { Message } from '../../runtime/actor.js';
import { main } from '../../runtime/subjects.js';
import { house, scratch } from '../runtime/real.js';

async function office(state = scratch()) {
  const h = await house({ 'port-manager': portManager }, { state });
  await h.system.start({ run: 'sys', kind: 'port-manager', id: 'main' }, null);
  const ask = (command: object) =>
    h.bus.ask(main('port-manager'), command as Message, { deadlineAt: Date.now() + 10_000 }) as Promise<
      Message & { port: number; ports: number[] }
    >;
  return {
    ...h,
    lease: (run: string, service: string, ...wanted: number[]) => ask({ type: 'port.lease', run, service, wanted }),
    release: (run: string) => ask({ type: 'port.release', run }),
  };
}
async function listen(host: string, port = 0): Promise<{ port: number; server: Server }> {
  const server = createServer();
  server.listen({ port, host, ...(host === '::' ? { ipv6Only: true } : {}) });
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { port: (server.address() as { port: number }).port, server };
}
const hasIpv6 = Object.values(networkInterfaces()).some((all) => all!.some(({ address }) => address === '::1'));
const outside = Object.values(networkInterfaces())
  .flatMap((all) => all!)
  .find(({ family, internal }) => family === 'IPv4' && !internal);

test('leases made at once are all different, and all really free', async () => {
  const { lease } = await office();
  const all = await Promise.all(Array.from({ length: 40 }, (_, n) => lease(`r${n}`, 'web', 23_456)));
  const ports = all.map(({ port }) => port);
  expect(new Set(ports).size).toBe(40);
  expect(ports).toContain(23_456);
  for (const port of ports.slice(0, 5)) expect((await listen('127.0.0.1', port)).port).toBe(port);
});

test('a wanted port held by another program is not given, and a free one is', async () => {
  const { port, server } = await listen('127.0.0.1');
  const { lease, release } = await office();
  expect((await lease('r1', 'web', port)).port).not.toBe(port);
  await release('r1');
  server.close();
  await once(server, 'close');
  expect((await lease('r1', 'web', port)).port).toBe(port);
  expect((await lease('r2', 'web', 80)).port).toBeGreaterThanOrEqual(20_000);
});

test('a port counts as held on any address of this machine, also when its holder does not listen', async () => {
  for (const host of ['127.0.0.1', '0.0.0.0', ...(hasIpv6 ? ['::1', '::'] : []), ...(outside ? [outside.address] : [])])
    expect(await isFree((await listen(host)).port), host).toBe(false);
  const udp = createSocket('udp4').bind(0, '127.0.0.1');
  await once(udp, 'listening');
  onTestFinished(() => void udp.close());
  expect(await isFree(udp.address().port)).toBe(true);
});

const hasPython = spawnSync('python3', ['--version']).status === 0; // Node itself never binds without listening
test.skipIf(!hasPython)('a socket that is bound and does not listen holds its port', async () => {
  const code = `import socket,sys
s=socket.socket(); s.bind(('127.0.0.1',0)); print(s.getsockname()[1],flush=True); sys.stdin.read()`;
  const python = spawn('python3', ['-c', code], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void python.kill('SIGKILL'));
  const [text] = (await once(python.stdout, 'data')) as [Buffer];
  expect(await isFree(Number(text))).toBe(false);
});

test('the same service keeps its port while its run holds it, also asked for twice at once and after a restart', async () => {
  const first = await office();
  const [one, two] = await Promise.all([first.lease('r1', 'web'), first.lease('r1', 'web')]);
  expect(one.port).toBe(two.port);
  const other = await first.lease('r1', 'api');
  expect(other.port).not.toBe(one.port);
  await first.system.close();
  const second = await office(first.state);
  expect((await second.lease('r1', 'web')).port).toBe(one.port);
  expect((await second.lease('r2', 'web', one.port, other.port)).port).not.toBe(one.port);
  expect((await second.release('r1')).ports.sort()).toEqual([one.port, other.port].sort());
  expect((await second.release('r1')).ports).toEqual([]);
  expect((await second.lease('r3', 'web', one.port)).port).toBe(one.port);
});

test('what is found for a run that has given everything back meanwhile is not leased', async () => {
  const h = await office();
  const leased = h.lease('r1', 'web', 23_500);
  const released = h.release('r1');
  expect(await leased).toMatchObject({ type: 'port.refused', error: { code: 'INTERRUPTED' } });
  expect((await released).ports).toEqual([]);
  const { leases } = h.system.cell(main('port-manager'))!.state().state.context as { leases: unknown[] };
  expect(leases).toEqual([]);
});
