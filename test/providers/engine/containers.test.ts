import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Engine } from '../../../providers/engine/find.js';
import { baseImage, containIn } from '../../../providers/engine/isolation.js';
import { fullName, imageFor, inContainer } from '../../../providers/services/images.js';
import { serviceKinds } from '../../../providers/services/index.js';

const engine: Engine = {
  name: 'docker',
  program: '/usr/bin/docker',
  version: '28',
  env: { PATH: '/usr/bin', HOME: '/home/me', DOCKER_HOST: 'unix:///mine' },
  rootless: false,
};

test('a password is a variable of the client and stands in none of its words', () => {
  const wish = { logins: [{ user: 'app', password: 'hunter2', database: 'shop' }] };
  for (const name of ['postgres', 'mongodb', 'rabbitmq', 'minio', 'mysql', 'redis']) {
    const kind = inContainer(serviceKinds[name]!, engine, imageFor(name, null, null)!, { run: 'r1', state: '/state' });
    const lodging = { data: '/state/data', folder: '/state', host: '127.0.0.1', port: 20_001, fresh: true };
    const { shell, env } = kind.serve(kind.own!(), lodging, wish);
    expect(shell, name).not.toContain('hunter2');
    expect(Object.values(env), name).toContain('hunter2');
    expect(shell).toContain(`--publish=127.0.0.1:20001:${serviceKinds[name]!.port}`);
    expect(shell).toContain('--pull=never');
    expect(shell).toContain('--label=rr.run=r1');
  }
});

test.each([
  ['redis:7-alpine', 'docker.io/library/redis:7-alpine'],
  ['bitnami/redis', 'docker.io/bitnami/redis'],
  ['ghcr.io/a/b:1', 'ghcr.io/a/b:1'],
  ['localhost:5000/x', 'localhost:5000/x'],
])('%s is %s to every engine', (image, full) => {
  expect(fullName(image)).toBe(full);
  expect(imageFor('redis', image, null)).toBe(full);
});
test('an image that no engine would take for one is not used, and a version that is asked for is', () => {
  expect(imageFor('mongodb', '--privileged', null)).toBe('docker.io/library/mongo:8');
  expect(imageFor('postgres', null, '13')).toBe('docker.io/library/postgres:13');
  expect(imageFor('mail', null, null)).toBeNull();
});

test.each([
  ['node', { node: { want: '>=20.1 <23' } }, 'docker.io/library/node:20-bookworm'],
  ['python', { python: { want: '3.12.4' } }, 'docker.io/library/python:3.12-bookworm'],
  ['node', {}, 'docker.io/library/node:22-bookworm'],
  ['cobol', {}, 'docker.io/library/debian:bookworm'],
])('%s with %o runs in %s', (language, versions, image) => {
  expect(baseImage({ language, versions })).toBe(image);
});

test('of this machine a command sees its workspace, a home of the run and files that variables name, nothing of its folders', () => {
  const root = mkdtempSync(join(tmpdir(), 'rr-contain-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const [workspace, bundle, secret, ca] = ['ws', 'run', 'secret', 'ca.pem'].map((name) => join(root, name)) as [
    string,
    string,
    string,
    string,
  ];
  for (const folder of [workspace, bundle, secret]) mkdirSync(folder);
  writeFileSync(ca, '');
  const { words, env } = containIn(
    { engine, image: 'i:1', path: '/image/bin' },
    {
      run: 'r1',
      state: root,
      bundle,
      cache: join(root, 'cache'),
      workspace,
      cwd: workspace,
      bins: ['/usr/local/sbin'],
      alsoRead: [],
      hosts: { cache: '127.0.0.1' },
      env: {
        PATH: '/usr/bin',
        HOME: '/home/me',
        TOKEN: 's3cret',
        GOROOT: secret,
        NODE_EXTRA_CA_CERTS: ca,
        DOCKER_HOST: 'x',
      },
    },
  );
  const mounts = words.filter((one) => one.startsWith('--mount=')).map((one) => /source=([^,]+)/.exec(one)?.[1]);
  expect(mounts).toEqual(expect.arrayContaining([workspace, join(bundle, 'sandbox', 'home'), ca]));
  expect(mounts).not.toContain(secret);
  expect(words).toEqual(
    expect.arrayContaining([
      '--env=TOKEN',
      '--env=PATH=/image/bin',
      '--env=RR_RUN',
      '--env=DOCKER_HOST=x',
      '--add-host=cache:127.0.0.1',
    ]),
  );
  expect(words.join(' ')).not.toContain('s3cret');
  expect(words.at(-1)).toBe('i:1');
  // Its client goes on to find its own engine.
  expect(env).toMatchObject({ TOKEN: 's3cret', DOCKER_HOST: 'unix:///mine', HOME: '/home/me' });
});
