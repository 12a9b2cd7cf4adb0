// biome-ignore-all lint/suspicious/noTemplateCurlyInString: npm's own syntax
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism, tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Environment } from '../../../agents/env-detector/contract.js';
import { lookAround } from '../../../agents/env-detector/look-around.js';
import { countCores, findGpus, measureDisk, measureMemory } from '../../../agents/env-detector/machine.js';
import { findRegistry, isReachable } from '../../../agents/env-detector/registry.js';
import { findSurroundings } from '../../../agents/env-detector/surroundings.js';
import { findTools, versionIn } from '../../../agents/env-detector/tools.js';

const scratch = (files: Record<string, string> = {}): string => {
  const folder = mkdtempSync(join(tmpdir(), 'rr-env-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
    if (text.startsWith('#!')) chmodSync(join(folder, path), 0o755);
  }
  return folder;
};
const namesOf = (env: Record<string, string>, files: Record<string, string> = {}): string[] =>
  findSurroundings(env, scratch(files)).map(({ name }) => name);

test('this machine is described, quickly', async () => {
  const began = performance.now();
  const seen = await lookAround({ state: join(tmpdir(), 'not/yet/there'), run: 'r1', registryMs: 500 });
  expect(performance.now() - began).toBeLessThan(4_000); // 1.3 s when nobody else works
  expect(Environment.parse(seen)).toEqual(seen);
  expect(seen).toMatchObject({ os: process.platform, arch: process.arch, root: process.getuid?.() === 0 });
  expect(seen.tools.git).toMatch(/^\d+\.\d+/);
  expect(seen.diskFreeBytes).toBeGreaterThan(0);
  expect(seen.memoryBytes).toBeGreaterThan(1 << 20);
});

test.each([
  [{ CI: 'true', GITHUB_ACTIONS: 'true' }, {}, ['github-actions', 'ci']],
  [{ GITLAB_CI: 'true' }, {}, ['gitlab-ci', 'ci']],
  [{ CI: 'false', CODESPACES: 'true' }, {}, ['codespaces']],
  [{ COLAB_RELEASE_TAG: 'release' }, {}, ['colab']],
  [{ KAGGLE_KERNEL_RUN_TYPE: 'Interactive' }, {}, ['kaggle']],
  [{ GITPOD_WORKSPACE_ID: 'x' }, {}, ['gitpod']],
  [{}, { '.dockerenv': '' }, ['container']],
  [{}, { 'proc/1/cgroup': '0::/kubepods/besteffort/x' }, ['container']],
  [{}, { 'proc/version': 'Linux version 5.15 (Microsoft@Microsoft.com)' }, ['wsl']],
  [{}, { 'sys/class/dmi/id/sys_vendor': 'Amazon EC2\n' }, ['aws']],
  [
    {},
    { 'sys/class/dmi/id/sys_vendor': 'Microsoft Corporation', 'sys/class/dmi/id/product_name': 'Virtual Machine' },
    ['virtual-machine'],
  ],
  [{}, { 'sys/class/dmi/id/chassis_asset_tag': '7783-7084-3265-9085-8269-3286-77\n' }, ['azure']],
  [{}, {}, []],
])('%j with %j is %j', (env, files, names) =>
  expect(namesOf(env as Record<string, string>, files as Record<string, string>)).toEqual(names),
);

test('each surrounding names what shows it', () => {
  expect(findSurroundings({ CODESPACES: 'true' }, scratch())).toEqual([
    { name: 'codespaces', evidence: 'the variable CODESPACES' },
  ]);
});

test('limits of our control group and of those above it count', () => {
  const two = scratch({
    'proc/self/cgroup': '0::/a/b\n',
    'sys/fs/cgroup/a/cpu.max': '50000 100000\n',
    'sys/fs/cgroup/a/b/cpu.max': 'max 100000\n',
    'sys/fs/cgroup/a/memory.max': '104857600\n',
    'sys/fs/cgroup/a/b/memory.max': 'max\n',
  });
  expect([countCores(two), measureMemory(two)]).toEqual([0.5, 104_857_600]);
  const one = scratch({
    'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '25000',
    'sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000',
    'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712',
  });
  expect([countCores(one), measureMemory(one)]).toEqual([0.25, totalmem()]);
  const none = scratch();
  expect([countCores(none), measureMemory(none)]).toEqual([availableParallelism(), totalmem()]);
});

test('free disk is that of the first folder above that is there', async () => {
  expect(await measureDisk(join(scratch(), 'a/b/c'))).toBeGreaterThan(0);
});

test('graphics processors are named by nvidia-smi, else by the driver', () => {
  expect(findGpus('GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-1)\nGPU 1: Tesla T4\n')).toEqual([
    'NVIDIA A100-SXM4-40GB',
    'Tesla T4',
  ]);
  const driver = scratch({ 'proc/driver/nvidia/gpus/0000:00:04.0/information': 'Model: \t\t Tesla T4\nIRQ: 33\n' });
  expect(findGpus(null, driver)).toEqual(['Tesla T4']);
  expect(findGpus(null, scratch())).toEqual([]);
});

test('a tool says its version on either stream; one that hangs is unknown; a shim with nothing behind it is absent', async () => {
  const path = scratch({
    php: '#!/bin/sh\necho "PHP 8.2.7 (cli)"',
    java: '#!/bin/sh\necho \'openjdk version "17.0.15" 2025\' >&2',
    docker: '#!/bin/sh\n/bin/sleep 30\necho 1.2',
    ruby: '#!/bin/sh\necho "no such command 1.2.3" >&2; exit 127',
    go: '#!/bin/sh\n[ "$1" = version ] && echo "go version go1.22.1 linux/amd64"',
    'lib/pnpm/package.json': '{"name": "pnpm", "version": "9.1.2"}',
    'lib/pnpm/bin/pnpm.cjs': '#!/bin/false',
    make: 'not executable',
  });
  symlinkSync('lib/pnpm/bin/pnpm.cjs', join(path, 'pnpm'));
  const began = performance.now();
  expect(await findTools({ PATH: `${path}:relative:/nowhere` }, 700)).toEqual({
    pnpm: '9.1.2',
    go: '1.22.1',
    php: '8.2.7',
    java: '17.0.15',
    docker: 'unknown',
  });
  expect(performance.now() - began).toBeLessThan(5_000);
});

test('versions are found in what tools print', () => {
  expect(versionIn('git version 2.39.5 (Apple Git-1)')).toBe('2.39.5');
  expect(versionIn('deno 1.40.0-rc.1 (release)')).toBe('1.40.0-rc.1');
  expect(versionIn('Docker version 28.2.2, build e6534b4')).toBe('28.2.2');
  expect(versionIn('none')).toBeNull();
});

test('the registry is the one npm would use', () => {
  const home = scratch({ '.npmrc': '# x\nregistry = https://${MIRROR}/npm/\n' });
  expect(findRegistry({ HOME: home, MIRROR: 'example.org' })).toBe('https://example.org/npm/');
  expect(findRegistry({ HOME: home, NPM_CONFIG_REGISTRY: 'https://other.example.org/' })).toBe(
    'https://other.example.org/',
  );
  expect(findRegistry({ HOME: scratch() })).toBeNull();
});

test('a registry that answers is reached, one that is gone or silent is not, behind a proxy nobody knows', async () => {
  const server = createServer((asked, answer) => {
    if (asked.url !== '/silent') answer.writeHead(asked.url === '/down' ? 503 : 404).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => server.closeAllConnections());
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  expect(await isReachable(`${url}/npm`, {}, 2_000)).toBe(true);
  expect(await isReachable(`${url}/down`, {}, 2_000)).toBe(false);
  expect(await isReachable(`${url}/silent`, {}, 200)).toBe(false);
  expect(await isReachable('http://127.0.0.1:9/', {}, 2_000)).toBe(false);
  expect(await isReachable('http://127.0.0.1:9/', { HTTPS_PROXY: 'http://p:1' }, 2_000)).toBeNull();
  expect(await isReachable('nonsense', {}, 2_000)).toBeNull();
});

test('a tool that has not changed is asked once; one that has is asked again', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'rr-tools-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const asked = join(dir, 'asked');
  const tool = (version: string): void =>
    writeFileSync(join(dir, 'php'), `#!/bin/sh\necho x >> '${asked}'\necho PHP ${version}\n`, { mode: 0o755 });
  const look = () =>
    findTools({ PATH: `${dir}:/usr/bin:/bin` }, 2_000, { memory: join(dir, 'cache', 'versions.json') });
  tool('8.1.0');
  expect((await look()).php).toBe('8.1.0');
  expect((await look()).php).toBe('8.1.0');
  expect(readFileSync(asked, 'utf8')).toBe('x\n');
  tool('8.3.12');
  expect((await look()).php).toBe('8.3.12');
  writeFileSync(join(dir, 'cache', 'versions.json'), '{"cut sho');
  expect((await look()).php).toBe('8.3.12');
});
