/**
 * Networks that are silent: a registry that takes connections and never answers, one that takes none. It is said within
 * 60 s, with the host and the next step, and nothing is left. One that is slow and works is waited for.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { findTool } from '../../providers/toolchain/index.js';
import type { Finished } from './beside.js';
import { atOnce, expectNothingLeft, treeOf } from './left.js';
import { commitAll, finish, resultOf, type Scratch, scratch } from './rr.js';

// They wait more than they work.
const turn = atOnce(4);
const TAKEN = 'connections are taken and nothing is sent';

/** Takes connections and never sends a byte. */
async function silentHost(finished: Finished): Promise<number> {
  const held = new Set<Socket>();
  const server = createServer((socket) => {
    held.add(socket.on('error', () => {}).on('close', () => held.delete(socket)));
    socket.resume();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  finished(() => {
    for (const socket of held) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** Neither takes connections nor refuses them, as where packets are dropped: stopped, with its backlog full. */
async function deafHost(finished: Finished): Promise<number> {
  const path = fileURLToPath(new URL('../fixtures/process/takes-no-connection.mjs', import.meta.url));
  const host = spawn(process.execPath, [path], { stdio: ['ignore', 'pipe', 'ignore'] });
  finished(() => void host.kill('SIGKILL'));
  const [said] = await once(host.stdout, 'data');
  const port = Number(said);
  for (let n = 0; n < 4; n++) {
    const filler = createConnection(port, '127.0.0.1').on('error', () => {});
    finished(() => void filler.destroy());
  }
  await sleep(200);
  return port;
}

/** A package without dependencies, as npm packs it. */
function packed(dir: string): { tarball: Buffer; integrity: string } {
  mkdirSync(join(dir, 'package'), { recursive: true });
  writeFileSync(join(dir, 'package/package.json'), JSON.stringify({ name: 'late', version: '1.0.0' }));
  writeFileSync(join(dir, 'package/index.js'), "module.exports = 'late';\n");
  execFileSync('tar', ['-C', dir, '-czf', join(dir, 'late.tgz'), 'package']);
  const tarball = readFileSync(join(dir, 'late.tgz'));
  return { tarball, integrity: `sha512-${createHash('sha512').update(tarball).digest('base64')}` };
}

/** A registry that begins to answer after `lateMs`, whatever it is asked, and sends its package byte by byte for `dripMs`. */
async function slowRegistry(dir: string, lateMs: number, dripMs: number, finished: Finished): Promise<number> {
  const { tarball, integrity } = packed(dir);
  const server = createHttpServer(async ({ url }, response) => {
    await sleep(lateMs);
    if (!url!.endsWith('.tgz')) {
      const dist = { tarball: `http://127.0.0.1:${port}/late/-/late-1.0.0.tgz`, integrity };
      const versions = { '1.0.0': { name: 'late', version: '1.0.0', dist } };
      return void response.end(JSON.stringify({ name: 'late', 'dist-tags': { latest: '1.0.0' }, versions }));
    }
    for (const byte of tarball) {
      response.write(Buffer.of(byte));
      await sleep(dripMs / tarball.length);
    }
    response.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  finished(() => {
    server.closeAllConnections();
    server.close();
  });
  return port;
}

const lockOf = (name: string, port: number): object => ({
  name,
  version: '1.0.0',
  lockfileVersion: 3,
  packages: {
    '': { name, version: '1.0.0', dependencies: { late: '1.0.0' } },
    'node_modules/late': {
      version: '1.0.0',
      resolved: `http://127.0.0.1:${port}/late/-/late-1.0.0.tgz`,
      integrity: `sha512-${'A'.repeat(86)}==`,
    },
  },
});

interface Given {
  lock?: true;
  manifest?: object;
}
/** A repository whose one dependency the registry at that port has, and everything empty that could hold it already. */
async function prepare(s: Scratch, port: number, { lock, manifest }: Given): Promise<string> {
  const repo = s.repo('node-plain', { git: false });
  const about = JSON.parse(readFileSync(join(repo, 'package.json'), 'utf8')) as { name: string };
  Object.assign(about, { version: '1.0.0', dependencies: { late: '1.0.0' } }, manifest);
  writeFileSync(join(repo, 'package.json'), JSON.stringify(about, null, 2));
  if (lock) writeFileSync(join(repo, 'package-lock.json'), JSON.stringify(lockOf(about.name, port), null, 2));
  commitAll(repo, 'node_modules/\n');
  const registry = `http://127.0.0.1:${port}/`;
  const cache = join(s.dir, 'npm-cache');
  Object.assign(s.env, { npm_config_registry: registry, npm_config_cache: cache, npm_config_prefer_offline: 'false' });
  return repo;
}

/** Of a package manager that this machine has, or our cache: it is fetched before the network is silent. */
async function managedBy(tool: 'pnpm' | 'yarn', want: string): Promise<Given> {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'repo-runner');
  const { version } = await findTool({ tool, want, from: null, cache, say: () => {} });
  return { manifest: { packageManager: `${tool}@${version}` } };
}
const nothing = async (): Promise<Given> => ({});

// The longest first.
test.concurrent('a registry that begins to answer after 20 s and sends slowly is waited for, and the application is proven', {
  timeout: 240_000,
}, async ({ onTestFinished }) => {
  await turn(async () => {
    const s = scratch({}, onTestFinished);
    const port = await slowRegistry(join(s.dir, 'packed'), 20_000, 30_000, onTestFinished);
    const repo = await prepare(s, port, {});
    const from = performance.now();
    const { code, objects, err } = await finish(s.rr('run', repo, '--once', '--json'));
    expect(resultOf(objects), err).toMatchObject({ outcome: 'healthy', error: null, fixes: [] });
    expect(code).toBe(0);
    expect(performance.now() - from).toBeGreaterThan(70_000);
    await expectNothingLeft(s);
  });
});

test.concurrent.for([
  ['npm without a lock file', silentHost, nothing, TAKEN],
  ['npm with a lock file', silentHost, async () => ({ lock: true }), TAKEN],
  ['npm with a lock file', deafHost, async () => ({ lock: true }), 'no connection is taken'],
  ['pnpm', silentHost, () => managedBy('pnpm', '10'), TAKEN],
  ['yarn', silentHost, () => managedBy('yarn', '1'), TAKEN],
  // The runtime is not to be had there either: the nearest is taken, and the silence is not waited for again.
  ['npm on a Node that is not here', silentHost, async () => ({ manifest: { engines: { node: '>=98' } } }), TAKEN],
] as [string, typeof silentHost, () => Promise<Given>, string][])(
  '%s and a registry that does not answer: said within 60 s, by name, with the next step',
  { timeout: 180_000 },
  async ([, host, given, how], { onTestFinished }) => {
    await turn(async () => {
      const port = await host(onTestFinished);
      const s = scratch({}, onTestFinished);
      const repo = await prepare(s, port, await given());
      const before = treeOf(repo);
      const from = performance.now();
      const { code, objects, err } = await finish(s.rr('run', repo, '--once', '--json'));
      expect(performance.now() - from).toBeLessThan(60_000);
      expect(resultOf(objects), err).toMatchObject({
        outcome: 'failed',
        error: {
          code: 'HOST_UNREACHABLE',
          message: expect.stringMatching(
            `^127\\.0\\.0\\.1:${port} cannot be reached from here \\(${how}, for \\d+ s\\)`,
          ),
          fix: expect.stringContaining('npm config set registry'),
        },
      });
      expect(code).toBe(1);
      expect(objects.find(({ type }) => type === 'run.ended')).toMatchObject({ left: [] });
      expect(treeOf(repo)).toEqual(before);
      await expectNothingLeft(s);
    });
  },
);
