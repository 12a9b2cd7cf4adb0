/** Engines that answer, hang, refuse and are absent: the client on PATH is a program that does just that. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { complaint, findEngine } from '../../../providers/engine/find.js';

function path(programs: Record<string, string>): { PATH: string; HOME: string } {
  const folder = mkdtempSync(join(tmpdir(), 'rr-engine-find-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  return { PATH: `${folder}:/usr/bin:/bin`, HOME: folder };
}
const denied =
  'echo "Got permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock" >&2; exit 1';
const podman = 'echo "4.3.1 true"';

test('the engine of docker is taken before podman, and one that does not answer leaves it to podman', async () => {
  const docker = await findEngine(path({ docker: 'echo 28.2.2', podman }));
  expect(docker.found).toMatchObject({ name: 'docker', version: '28.2.2', rootless: false });
  const other = await findEngine(path({ docker: 'echo "Cannot connect" >&2; exit 1', podman }));
  expect(other.found).toMatchObject({ name: 'podman', version: '4.3.1', rootless: true });
});

test('an engine that hangs is known as that after its limit, however many hang', async () => {
  const began = performance.now();
  const { found, looked, fix } = await findEngine(path({ docker: 'sleep 30', podman: 'sleep 30' }), 300);
  expect(found).toBeNull();
  expect(looked).toHaveLength(2);
  for (const line of looked) expect(line).toContain('did not answer within 0.3 s');
  expect(fix).toContain('start the engine');
  expect(performance.now() - began).toBeLessThan(5_000);
});

test('an engine that refuses this user is told with the way in', async () => {
  const { found, looked, fix } = await findEngine(path({ docker: denied }));
  expect(found).toBeNull();
  expect(looked[0]).toContain('permission denied');
  expect(fix).toContain('group `docker`');
});

test('without a client the fix names what to install', async () => {
  const { found, looked, fix } = await findEngine({ PATH: '/nowhere' });
  expect({ found, looked }).toEqual({ found: null, looked: ['no docker and no podman on PATH'] });
  expect(fix).toContain('podman');
});

test('nothing of our environment reaches the client but what is its own', async () => {
  const env = path({
    docker: 'env | grep -q MY_SECRET && exit 1; [ "$DOCKER_HOST" = unix:///x ] || exit 1; echo 28.0.0',
  });
  const { found } = await findEngine({ ...env, MY_SECRET: 'x', DOCKER_HOST: 'unix:///x' });
  expect(found?.env).toMatchObject({ DOCKER_HOST: 'unix:///x' });
  expect(found?.env).not.toHaveProperty('MY_SECRET');
});

test.each([
  [
    'time="2026-01-01T00:00:00Z" level=warning msg="x"\nError: creating container storage: no space left on device\n',
    'creating container storage: no space left on device',
  ],
  [
    "docker: Error response from daemon: Conflict. The name is in use.\nSee 'docker run --help'.\n",
    'Error response from daemon: Conflict. The name is in use.',
  ],
])('of what a client complains the line that says why is told', (text, line) => {
  expect(complaint(text)).toBe(line);
});
