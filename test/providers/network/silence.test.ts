import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { ask } from '../../../providers/network/answers.js';
import { type Origin, originsAround } from '../../../providers/network/origins.js';
import { findSilence, type Silence, silenceLine } from '../../../providers/network/silence.js';
import { familyOf } from '../../../providers/process/processes.js';
import { fixture } from '../process/scratch.js';

/** A host that does with each connection what `take` does, and counts them. */
async function host(take: (socket: Socket) => void): Promise<{ port: number; taken: () => number }> {
  const held = new Set<Socket>();
  let count = 0;
  const server = createServer((socket) => {
    count++;
    held.add(socket);
    socket.on('error', () => {}).resume();
    take(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of held) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, taken: () => count };
}
const silent = (): ReturnType<typeof host> => host(() => {});
const drips = (): ReturnType<typeof host> =>
  host((socket) => {
    const timer = setInterval(() => socket.write('.'), 100);
    socket.on('close', () => clearInterval(timer));
  });
const answersAfter = (ms: number): ReturnType<typeof host> =>
  host((socket) => void setTimeout(() => socket.end('HTTP/1.1 404 Not Found\r\n\r\n'), ms));

const SILENT_MS = 1_500;
/** What is found of a program that asks at these ports, within the time; null: nothing. */
async function watch(ports: (number | 'compute')[], withinMs = 6_000, tls = false): Promise<Silence | null> {
  const child = spawn(process.execPath, [fixture('fetches.mjs'), ...ports.map(String)], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  const known = ports.filter((port) => port !== 'compute').map((port): Origin => ({ name: 'localhost', port, tls }));
  return findSilence(
    {
      processes: () => familyOf({ pid: child.pid!, group: 0, run: 'none' }),
      origins: () => known,
      silentMs: SILENT_MS,
      everyMs: 200,
    },
    AbortSignal.timeout(withinMs),
  );
}

test('a host that takes connections and sends nothing is found, by the name that is known of it', async () => {
  const { port } = await silent();
  const began = performance.now();
  const found = await watch([port]);
  const took = performance.now() - began;
  expect(found).toEqual({ hosts: [`localhost:${port}`], connects: true, seconds: expect.any(Number) });
  expect(silenceLine(found!)).toMatch(/^localhost:\d+: connections are taken and nothing is sent, for [1-5] s$/);
  // Found once, it is not given the whole time again.
  const again = performance.now();
  expect(await watch([port])).toMatchObject({ connects: true });
  expect(performance.now() - again).toBeLessThan(took - SILENT_MS / 3);
});

test('a host that never answers the greeting of TLS is found too', async () => {
  const { port } = await silent();
  expect(await watch([port], 6_000, true)).toMatchObject({ hosts: [`localhost:${port}`], connects: true });
});

test('a host that takes no connection is found', async () => {
  const child = spawn(process.execPath, [fixture('takes-no-connection.mjs')], { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const port = Number((await once(child.stdout, 'data'))[0]);
  const fill = Array.from({ length: 4 }, () => createConnection(port, '127.0.0.1').on('error', () => {}));
  onTestFinished(() => fill.forEach((socket) => void socket.destroy()));
  await sleep(200);
  expect(await watch([port])).toMatchObject({ hosts: [`localhost:${port}`], connects: false });
});

test.each([
  ['answers late', () => answersAfter(SILENT_MS - 500)],
  ['sends slowly', drips],
])('a host that %s is waited for', async (_, start) => {
  const { port, taken } = await start();
  expect(await watch([port], 4_000)).toBeNull();
  expect(taken()).toBeGreaterThan(1); // it was asked
});

test('while another host answers, or something is computed, nobody is blamed', async () => {
  const [one, other, busy] = [await silent(), await drips(), await silent()];
  const both = [watch([one.port, other.port], 4_000), watch([busy.port, 'compute'], 4_000)];
  expect(await Promise.all(both)).toEqual([null, null]);
  expect(busy.taken()).toBeLessThanOrEqual(3); // by the program; now and then by us where the machine let it compute nothing
});

test('what refuses or closes has answered', async () => {
  const { port } = await host((socket) => socket.destroy());
  for (const tls of [true, false])
    expect(await ask({ host: '127.0.0.1', port }, { name: 'localhost', tls }, 2_000)).toBe('answers');
  expect(await ask({ host: '127.0.0.1', port: 1 }, { name: null, tls: false }, 2_000)).toBe('answers');
  const quiet = await silent();
  // Where nobody knows what to say, a connection that is taken is an answer.
  expect(await ask({ host: '127.0.0.1', port: quiet.port }, null, 300)).toBe('answers');
});

test('registries are read from the environment, settings and lock files, passwords and sponsors left out', () => {
  const dir = mkdtempSync(join(tmpdir(), 'rr-origins-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const repo = join(dir, 'repo');
  mkdirSync(join(repo, 'packages/app'), { recursive: true });
  mkdirSync(join(repo, '.git'));
  mkdirSync(join(dir, 'home'));
  writeFileSync(join(dir, '.npmrc'), 'registry=https://above.example/\n');
  writeFileSync(join(dir, 'home/.npmrc'), 'registry = "https://mirror.example:4873/npm/"\n');
  writeFileSync(
    join(repo, 'package-lock.json'),
    `{"packages": {"node_modules/a": {\n"resolved": "http://[::1]:81/a.tgz",\n"funding": {\n"url": "https://sponsor.example"}}}}\n`,
  );
  const found = originsAround(join(repo, 'packages/app'), {
    HOME: join(dir, 'home'),
    PIP_INDEX_URL: 'https://me:word@index.example/simple',
    HTTPS_PROXY: 'http://proxy.example:3128',
  });
  expect(found.map(({ name, port, tls }) => `${tls ? 'https' : 'http'} ${name} ${port}`).sort()).toEqual([
    'http ::1 81',
    'http proxy.example 3128',
    'https index.example 443',
    'https mirror.example 4873',
  ]);
});
