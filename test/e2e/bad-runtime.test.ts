import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { expectNothingLeft, processesOf, textsIn, treeOf } from './left.js';
import { eventually, factsOf, finish, long, rawClient, resultOf, type Scratch, scratch } from './rr.js';

const quick = { RR_BROKER_IDLE_MS: '700' };
const keeperOf = (s: Scratch, run: string): number =>
  (JSON.parse(readFileSync(join(s.state, 'runs', run, 'keeper.json'), 'utf8')) as { pid: number }).pid;
const apps = (s: Scratch) => processesOf(s.dir).filter(({ what }) => /^node server\.js/.test(what.trim()));
const installs = (s: Scratch) => processesOf(s.dir).filter(({ what }) => what.includes('slowly.js'));

test('a NATS_URL that leads nowhere is told within ten seconds, and one that is no URL at once', async () => {
  const s = scratch({ ...quick });
  const repo = s.repo('node-plain');
  s.env.NATS_URL = 'nats://127.0.0.1:1';
  const began = performance.now();
  const nowhere = await finish(s.rr('run', repo, '--once', '--json'));
  expect(performance.now() - began).toBeLessThan(10_000);
  expect(nowhere.objects).toEqual([
    {
      type: 'error',
      error: {
        code: 'BROKER_UNREACHABLE',
        message: expect.stringContaining('127.0.0.1:1'),
        fix: expect.stringContaining('NATS_URL'),
      },
    },
  ]);
  expect(nowhere.code).toBe(4);
  s.env.NATS_URL = 'nats://';
  const wrong = await finish(s.rr('run', repo, '--once', '--json'));
  expect(wrong.objects).toMatchObject([{ type: 'error', error: { code: 'CONFIG_INVALID' } }]);
  expect(wrong.code).toBe(2);
  await expectNothingLeft(s);
}, 60_000);

long(
  'a nats-server killed in the middle of a run is replaced, and the run ends healthy',
  async () => {
    const s = scratch(quick);
    const one = s.rr('run', s.repo('slow-install', { ignore: 'node_modules/\ninstalls.log\n' }), '--once', '--json');
    await eventually(
      () => installs(s),
      (all) => all.length > 0,
    );
    const { pid } = JSON.parse(readFileSync(join(s.state, 'broker/server.json'), 'utf8')) as { pid: number };
    process.kill(pid, 'SIGKILL');
    const { code, objects, err } = await finish(one);
    expect(resultOf(objects), err).toMatchObject({ outcome: 'healthy', services: [{ proof: { status: 200 } }] });
    expect(code).toBe(0);
    await expectNothingLeft(s);
  },
  90_000,
);

test('two rr on one state folder share a runtime, and two runs of one folder do not share their work', async () => {
  const s = scratch(quick);
  const repo = s.repo('node-plain');
  const before = treeOf(repo);
  const both = [s.rr('run', repo, '--json'), s.rr('run', repo, '--json')];
  const results = await Promise.all(both.map((one) => one.object(({ type }) => type === 'result')));
  for (const result of results) expect(result).toMatchObject({ outcome: 'healthy' });
  const urls = results.map(({ services }) => (services as { url: string }[])[0]!.url);
  expect(new Set(urls).size).toBe(2);
  const works = both.map(
    (one) => one.objects().find(({ type, step }) => type === 'run.step-ended' && step === 'workspace')!.note,
  );
  expect(
    works.filter((note) => /copy/.test(String(note))),
    String(works),
  ).toHaveLength(1);
  const hosts = processesOf(s.dir).filter(({ what }) => / run /.test(what) && what.includes('bin.js'));
  expect(hosts).toHaveLength(2);
  for (const one of both) one.child.kill('SIGINT');
  expect(await Promise.all(both.map(({ exited }) => exited))).toEqual([0, 0]);
  expect(treeOf(repo)).toEqual(before);
  await expectNothingLeft(s);
}, 90_000);

test('a second runtime of the same host is refused and names the first', async () => {
  const s = scratch(quick);
  const first = s.rr('up', '--foreground', '--json');
  await first.object(({ type }) => type === 'up');
  const second = await finish(s.rr('up', '--foreground', '--json'));
  expect(second.objects).toEqual([
    {
      type: 'error',
      error: {
        code: 'HOST_TAKEN',
        message: expect.stringContaining(`pid ${first.child.pid}`),
        fix: expect.stringContaining('--host'),
      },
    },
  ]);
  expect(second.code).toBe(4);
  first.child.kill('SIGINT');
  expect(await first.exited).toBe(0);
  await expectNothingLeft(s);
}, 60_000);

test('a keeper killed while the application is up ends the run as failed, says so, and sweeps the application', async () => {
  const s = scratch(quick);
  const one = s.rr('run', s.repo('node-plain'), '--json');
  const { run } = (await one.object(({ type }) => type === 'result')) as { run: string };
  expect(apps(s)).toHaveLength(1);
  process.kill(keeperOf(s, run), 'SIGKILL');
  expect(await one.exited).toBe(1);
  expect(one.objects().find(({ type }) => type === 'run.app-exited')).toMatchObject({ error: { code: 'KEEPER_LOST' } });
  expect(one.objects().at(-1)).toEqual({ type: 'ended', state: 'failed' });
  expect(apps(s)).toEqual([]);
  await expectNothingLeft(s);
}, 60_000);

test('a keeper killed in the middle of an install is replaced; the install begins once more and the run ends healthy', async () => {
  const s = scratch(quick);
  const repo = s.repo('slow-install', { ignore: 'node_modules/\ninstalls.log\n' });
  const one = s.rr('run', repo, '--once', '--json');
  const { run } = (await one.object(({ type }) => type === 'run')) as { run: string };
  await eventually(
    () => installs(s),
    (all) => all.length > 0,
  );
  process.kill(keeperOf(s, run), 'SIGKILL');
  const { code, objects, err } = await finish(one);
  expect(resultOf(objects), err).toMatchObject({ outcome: 'healthy' });
  expect(code).toBe(0);
  expect(readFileSync(join(repo, 'installs.log'), 'utf8')).toBe('begun\nbegun\ndone\n');
  await expectNothingLeft(s);
}, 90_000);

test('Ctrl-C after the proof ends all and gives 0', async () => {
  const s = scratch(quick);
  const one = s.rr('run', s.repo('node-plain'), '--json');
  await one.object(({ type }) => type === 'result');
  one.child.kill('SIGINT');
  expect(await one.exited).toBe(0);
  expect(one.objects().at(-1)).toEqual({ type: 'ended', state: 'done' });
  await expectNothingLeft(s);
}, 60_000);

test('no secret of our environment reaches the repository or a file; a given value reaches the application alone', async () => {
  const secrets = {
    AWS_SECRET_ACCESS_KEY: 'aws-secret-5f1c',
    GITHUB_TOKEN: 'ghp-secret-77aa',
    OPENAI_API_KEY: 'sk-secret-9d3e',
    MY_OWN_PASSWORD: 'own-secret-1b2c',
    NPM_TOKEN: 'npm-secret-4e4e',
    SSH_AUTH_SOCK: '/tmp/agent-secret-0a0a',
  };
  const s = scratch({ ...quick, ...secrets });
  const up = s.rr('up', '--foreground', '--json');
  await up.object(({ type }) => type === 'up');
  const { nats } = await rawClient(s.state);
  const heard: string[] = [];
  nats.subscribe('rr.>', {
    callback: (_, { subject, data }) => {
      if (!subject.endsWith('.jobs.submit')) heard.push(`${subject} ${new TextDecoder().decode(data)}`);
    },
  });
  const one = s.rr('run', s.repo('prints-env'), '--json', '--env', 'GREETING=given-value-6c6c');
  const { services, bundle, run } = (await one.object(({ type }) => type === 'result')) as {
    services: { url: string }[];
    bundle: string;
    run: string;
  };
  const seen = await (await fetch(new URL('/env', services[0]!.url))).text();
  expect(JSON.parse(seen).GREETING).toBe('given-value-6c6c');
  const all = Object.entries(secrets)
    .filter(([name]) => name !== 'NPM_TOKEN')
    .map(([, value]) => value);
  for (const value of [...all, secrets.NPM_TOKEN]) expect(seen).not.toContain(value);
  one.child.kill('SIGINT');
  expect(await one.exited).toBe(0);
  const files = [...textsIn(s.state)];
  expect(files.some(({ path }) => path.endsWith('install.log'))).toBe(true);
  for (const { path, text } of files)
    for (const value of all) expect(text.includes(value), `${value} in ${path}`).toBe(false);
  // The value stands in the run's private inputs; what the application itself prints is its own affair.
  const given = files.filter(
    ({ path, text }) => text.includes('given-value-6c6c') && !/\/logs\/|\/runs\/[^/]+\/inputs\//.test(path),
  );
  expect(given.map(({ path }) => path)).toEqual([]);
  expect(heard.length).toBeGreaterThan(20);
  expect(heard.filter((text) => text.includes('given-value-6c6c'))).toEqual([]);
  expect(factsOf(s.state, run).length).toBeGreaterThan(10);
  expect(bundle).toContain(run);
  await nats.close();
  up.child.kill('SIGINT');
  expect(await up.exited).toBe(0);
  await expectNothingLeft(s);
}, 90_000);
