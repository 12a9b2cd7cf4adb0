import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Check, diagnose } from '../../actors/doctor.js';
import { openBroker } from '../../runtime/broker/start.js';
import type { Config } from '../../runtime/config.js';
import { pathWith, scratch, scratchConfig, withEnv } from '../runtime/broker/help.js';

const byName = async (config: Config): Promise<Record<string, Check>> =>
  Object.fromEntries((await diagnose(config)).map((check) => [check.name, check]));

function program(folder: string, name: string, script: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, name), 0o755);
}

test('on a healthy machine nothing of ours is missing, and nothing is made by looking', async () => {
  const config = scratchConfig();
  const checks = await byName(config);
  const ours = ['node', 'git', 'nats-server', 'broker', 'state folder', 'cache folder', 'processes'];
  expect(ours.filter((name) => checks[name]?.status === 'missing')).toEqual([]);
  // Here already, or with the word of how the first use gets it.
  const { status, found, fix } = checks['nats-server']!;
  expect(status === 'ok' ? found : fix).toMatch(status === 'ok' ? /\d+\.\d+\.\d+/ : /first use fetches/);
  expect(checks.broker!.found).toContain('none is running');
  expect(checks.npm).toMatchObject({ status: 'ok', found: expect.stringMatching(/^\d+\.\d+/) });
  expect([existsSync(config.state), existsSync(config.cache)]).toEqual([false, false]);
});

test('with a bare PATH it says what is missing and how it comes here', async () => {
  withEnv({ PATH: pathWith('sh') });
  const checks = await byName(scratchConfig());
  expect(checks.git).toMatchObject({ status: 'missing', found: 'not found' });
  expect(checks['nats-server']).toMatchObject({ status: 'missing', fix: expect.stringContaining('NATS_URL') });
  expect(checks['nats-server']!.found).toContain('none on PATH');
  expect(checks.go).toEqual({ name: 'go', status: 'warn', found: 'not found', fix: expect.stringContaining('Go') });
  for (const check of Object.values(checks))
    expect([check.name, check.fix === null]).toEqual([check.name, check.status === 'ok']);
});

test('where apt could fetch a nats-server it says so and fetches none', async () => {
  const path = pathWith('sh');
  for (const name of ['apt-get', 'dpkg']) program(path, name, `touch ${join(path, 'was-run')}`);
  withEnv({ PATH: path });
  const config = scratchConfig();
  const { 'nats-server': found } = await byName(config);
  expect(found).toMatchObject({ status: 'warn', fix: expect.stringContaining('apt-get download') });
  expect([existsSync(join(path, 'was-run')), existsSync(config.cache)]).toEqual([false, false]);
});

test('tools that hang, fail or say nonsense cost less than four seconds and are named', async () => {
  const path = pathWith('sh', 'sleep');
  for (const name of ['go', 'docker', 'python3', 'npm', 'git', 'nats-server']) program(path, name, 'exec sleep 30');
  program(path, 'ruby', 'echo cannot open shared object >&2; exit 127');
  program(path, 'java', 'echo \'openjdk version "17.0.9" 2023-10-17\' >&2');
  withEnv({ PATH: path });
  const began = Date.now();
  const checks = await byName(scratchConfig());
  expect(Date.now() - began).toBeLessThan(4_000);
  expect(checks.go).toMatchObject({ status: 'warn', found: expect.stringContaining('did not answer within') });
  expect(checks.containers).toMatchObject({
    status: 'warn',
    found: expect.stringContaining('did not answer within 2 s'),
  });
  expect(checks['nats-server']!.found).toContain('did not end within');
  expect(checks.ruby).toMatchObject({ status: 'warn', found: expect.stringContaining('cannot open shared object') });
  expect(checks.java).toMatchObject({ status: 'ok', found: '17.0.9' });
});

test('a living private broker is named, and a second look finds it as it was', async () => {
  const config = scratchConfig();
  const { how } = await openBroker(config, () => {});
  withEnv({ PATH: pathWith('sh') });
  expect((await byName(config)).broker).toEqual({ name: 'broker', status: 'ok', found: how, fix: null });
}, 60_000);

test('a NATS_URL is tried: what answers is told without its password, what does not is missing', async () => {
  const { url, user, pass } = await openBroker(scratchConfig(), () => {});
  const host = new URL(url).host;
  withEnv({ PATH: pathWith('sh') });
  const good = await byName(scratchConfig({ natsUrl: `nats://${user}:${pass}@${host}` }));
  expect(good.broker).toMatchObject({ status: 'ok', found: expect.stringContaining(host) });
  expect(JSON.stringify(good)).not.toContain(pass);
  const bad = await byName(scratchConfig({ natsUrl: 'nats://127.0.0.1:1' }));
  expect(bad.broker).toMatchObject({ status: 'missing', fix: expect.stringContaining('NATS_URL') });
});

test('a NATS_SERVER_BIN that is no nats-server is told with what it is', async () => {
  withEnv({ PATH: pathWith('sh') });
  const { 'nats-server': found } = await byName(scratchConfig({ natsServer: '/dev/null' }));
  expect(found).toMatchObject({ status: 'missing', found: expect.stringContaining('/dev/null') });
});

test('a state folder that cannot be made is missing, with the reason', async () => {
  withEnv({ PATH: pathWith('sh') });
  const folder = scratch();
  writeFileSync(join(folder, 'file'), '');
  const { 'state folder': found } = await byName(scratchConfig({ state: join(folder, 'file', 'state') }));
  expect(found).toMatchObject({ status: 'missing', fix: expect.stringContaining('--state') });
});

test.each([
  ['npm error code E404', 'ok'],
  ['npm error code ENOTFOUND', 'warn'],
])('a registry ping that ends with "%s" is %s', async (line, status) => {
  const path = pathWith('sh');
  program(path, 'npm', `echo 'npm notice PING http://me:secret@registry.test/' >&2; echo '${line}' >&2; exit 1`);
  withEnv({ PATH: path });
  const { 'npm registry': found } = await byName(scratchConfig());
  expect(found).toMatchObject({ status, found: expect.stringContaining('http://registry.test/') });
});

test.each([
  ['fsync', 'ok', /fsync: .*loss of power/],
  ['process', 'warn', /process: .*not a loss of power/],
] as const)('it says what durability %s survives', async (durability, status, says) => {
  const { durability: found } = await byName(scratchConfig({ durability }));
  expect(found).toMatchObject({ status, found: expect.stringMatching(says) });
});
