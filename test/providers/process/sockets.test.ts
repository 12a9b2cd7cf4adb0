import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import { holderOf, hostOf, listeners } from '../../../providers/process/sockets.js';
import { fixture, until } from './scratch.js';

const listen = (host: string): number => {
  const child = spawn(process.execPath, [fixture('listens.mjs'), host], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child.pid!;
};
const hasIpv6 = Object.values(networkInterfaces())
  .flat()
  .some((each) => each?.address === '::1');

test.each(['127.0.0.1', '0.0.0.0', ...(hasIpv6 ? ['::1', '::'] : [])])(
  'a listener on %s is found, with its holder',
  async (host) => {
    const pid = listen(host);
    const rows = await until(() => listeners([pid]));
    expect(rows).toEqual([{ port: expect.any(Number), host, pid }]);
    expect(await listeners(null)).toContainEqual(rows[0]);
    expect(await holderOf(rows[0]!.port)).toMatchObject({ pid, name: expect.stringMatching(/node|MainThread/) });
  },
);

test('a port on which nobody listens has no holder, and a dead process no listeners', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  expect(await holderOf(port)).toMatchObject({ pid: process.pid });
  await new Promise((resolve) => server.close(resolve));
  expect(await holderOf(port)).toBeNull();
  expect(await listeners([2 ** 22 + 1])).toEqual([]);
});

// The right-hand sides are what `ss -ltn` shows for such sockets.
test.each([
  ['0100007F', '127.0.0.1'],
  ['00000000', '0.0.0.0'],
  ['00000000000000000000000001000000', '::1'],
  ['00000000000000000000000000000000', '::'],
  ['0000000000000000FFFF00000100007F', '127.0.0.1'],
  ['B80D0120000000000000000001000000', '2001:db8::1'],
])('the kernel writes %s for %s', (hex, host) => expect(hostOf(hex)).toBe(host));
