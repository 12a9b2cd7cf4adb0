import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { commitAll, eventually, factsOf, finish, long, rawClient, resultOf, type Scratch, scratch } from './rr.js';

const define = (s: Scratch, definition: { name: string; [field: string]: unknown }): void => {
  mkdirSync(join(s.state, 'workflows'), { recursive: true });
  writeFileSync(join(s.state, 'workflows', `${definition.name}.json`), JSON.stringify(definition));
};
async function up(s: Scratch) {
  const one = s.rr('up', '--foreground', '--json');
  await one.object(({ type }) => type === 'up');
  const client = await rawClient(s.state);
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely by tests
  const api = (verb: string, body: object = {}): Promise<any> => client.ask(`rr.api.local.${verb}`, body);
  const get = (run: string) => api('runs.get', { run });
  return { one, client, api, get };
}
const look = { to: 'env-detector', command: 'env-detector.look', with: {} };
const release = {
  name: 'release',
  version: 1,
  steps: [
    { id: 'look', ...look },
    { id: 'pause', timer: { sleepMs: 1_500 }, needs: ['look'] },
    { id: 'ok', approval: { question: 'release it?', facts: { os: '$look.environment.os' } }, needs: ['pause'] },
    { id: 'sent', signal: 'sent', needs: ['ok'] },
    { id: 'each', ...look, forEach: '$input.places', concurrency: 1, needs: ['sent'] },
  ],
  output: { who: '$ok.by', sent: '$sent.payload', places: '$input.places' },
};

test('a workflow of one’s own outlives kills while it sleeps and while it waits, and does no step twice', async () => {
  const s = scratch();
  define(s, release);
  let { one, api, get } = await up(s);
  const { run } = await api('jobs.submit', { workflow: 'release', input: { places: ['a', 'b'] } });
  await eventually(
    () => get(run),
    ({ waitsFor }) => waitsFor[0]?.for === 'time',
  );
  one.child.kill('SIGKILL');
  await one.exited;
  await sleep(1_500); // its time comes while nobody is there
  ({ one, api, get } = await up(s));
  const asking = await eventually(
    () => get(run),
    ({ waitsFor }) => waitsFor[0]?.for === 'approval',
  );
  expect(asking).toMatchObject({ state: 'waiting', workflow: 'release' });
  expect(asking.waitsFor).toEqual([
    { for: 'approval', step: 'ok', until: null, what: 'release it?', options: ['approve', 'reject'] },
  ]);
  expect((await api('runs.approve', { run, option: 'perhaps' })).error.code).toBe('USAGE');
  expect(await api('runs.approve', { run, reason: 'well tested' })).toMatchObject({
    step: 'ok',
    decision: { option: 'approve', by: 'person', facts: { who: 'local', os: 'linux' } },
  });
  one.child.kill('SIGKILL');
  await one.exited;
  ({ one, api, get } = await up(s));
  expect((await api('runs.approve', { run })).error.code).toBe('RUN_NOT_WAITING');
  expect(await api('runs.signal', { run, name: 'sent', payload: { n: 3 }, id: 'x' })).toEqual({ run, step: 'sent' });
  expect(await api('runs.signal', { run, name: 'sent', payload: { n: 3 }, id: 'x' })).toEqual({ run, step: 'sent' });
  const { result } = await eventually(
    () => get(run),
    ({ ended }) => ended,
  );
  expect(result).toMatchObject({
    outcome: 'healthy',
    output: { who: 'local', sent: { n: 3 }, places: ['a', 'b'] },
  });
  const began = await eventually(
    () => factsOf(s.state, run).filter(({ type }) => type === 'run.step-began'),
    ({ length }) => length >= 7,
  );
  expect(began.map(({ payload }) => payload.step)).toEqual([
    'look',
    'pause',
    'ok',
    'sent',
    'each',
    'each[0]',
    'each[1]',
  ]);
}, 90_000);

test('a definition that was changed while its run was away is refused with what differs', async () => {
  const s = scratch();
  define(s, release);
  const first = await up(s);
  const { run } = await first.api('jobs.submit', { workflow: 'release', input: { places: [] } });
  await eventually(
    () => first.get(run),
    ({ state }) => state === 'waiting',
  );
  first.one.child.kill('SIGKILL');
  await first.one.exited;
  define(s, { name: 'release', version: 2, steps: [{ id: 'look', to: 'health', command: 'health.check' }] });
  const second = await up(s);
  const { result } = await eventually(
    () => second.get(run),
    ({ ended }) => ended,
  );
  expect(result).toMatchObject({ outcome: 'failed', error: { code: 'WORKFLOW_CHANGED' } });
  expect(result.error.message).toContain(
    'the step look asks env-detector for env-detector.look at once; now it asks health',
  );
}, 60_000);

test('a semaphore is granted in the order of asking, across runs, and a cancelled run gives it back within a second', async () => {
  const s = scratch();
  const semaphore = { name: 'printer', limit: 1 };
  define(s, { name: 'print', version: 1, steps: [{ id: 'work', signal: 'done', semaphore }] });
  const { api, get } = await up(s);
  const runs: string[] = [];
  for (let n = 0; n < 3; n += 1) {
    const { run } = await api('jobs.submit', { workflow: 'print' });
    runs.push(run);
    await eventually(
      () => get(run),
      ({ waitsFor }) => waitsFor[0]?.for === (n === 0 ? 'signal' : 'semaphore'),
    );
  }
  const [a, b, c] = runs as [string, string, string];
  const began = performance.now();
  await api('runs.cancel', { run: a });
  expect(
    (
      await eventually(
        () => get(a),
        ({ ended }) => ended,
      )
    ).state,
  ).toBe('cancelled');
  expect(performance.now() - began).toBeLessThan(1_000);
  await eventually(
    () => get(b),
    ({ waitsFor }) => waitsFor[0]?.for === 'signal',
  );
  expect((await get(c)).waitsFor[0].for).toBe('semaphore');
  await api('runs.signal', { run: b, name: 'done' });
  await eventually(
    () => get(c),
    ({ waitsFor }) => waitsFor[0]?.for === 'signal',
  );
  await api('runs.signal', { run: c, name: 'done' });
  for (const run of [b, c])
    expect(
      (
        await eventually(
          () => get(run),
          ({ ended }) => ended,
        )
      ).outcome,
    ).toBe('healthy');
}, 60_000);

test('check says what would be run and runs nothing of it', async () => {
  const s = scratch();
  const { code, objects } = await finish(s.rr('run', s.repo('node-plain'), '--workflow', 'check', '--json'));
  expect(code).toBe(0);
  expect(resultOf(objects)).toMatchObject({ outcome: 'healthy', output: { plan: { chosen: ['node-plain'] } } });
  const began = objects.filter(({ type }) => type === 'run.step-began').map(({ step }) => step);
  expect(began.sort()).toEqual(['environment', 'fetch', 'needs', 'stack']);
  await eventually(s.processes, (left) => left.length === 0, 15_000);
}, 60_000);

long(
  'build-all sets every service of a repository up and fails with the one that cannot be',
  async () => {
    const s = scratch();
    const repo = join(s.dir, 'two');
    const service = (name: string, postinstall: string): void => {
      mkdirSync(join(repo, name, 'dep'), { recursive: true });
      writeFileSync(join(repo, name, 'dep', 'package.json'), JSON.stringify({ name: 'dep', version: '1.0.0' }));
      const scripts = { postinstall, start: 'node server.js' };
      const dependencies = { dep: 'file:./dep' };
      writeFileSync(
        join(repo, name, 'package.json'),
        JSON.stringify({ name, version: '1.0.0', scripts, dependencies }),
      );
      writeFileSync(join(repo, name, 'server.js'), 'require("node:http").createServer().listen(process.env.PORT)');
    };
    service('back', 'true');
    service('front', 'exit 3');
    commitAll(repo, 'node_modules/\npackage-lock.json\n');
    const bad = await finish(s.rr('run', repo, '--workflow', 'build-all', '--json'));
    expect([bad.code, resultOf(bad.objects).error?.code]).toEqual([1, 'COMMAND_FAILED']);
    const ends = bad.objects.filter(
      ({ type, step }) => type === 'run.step-ended' && /^services\[\d\]$/.test(String(step)),
    );
    expect(ends.map(({ ok }) => ok).sort()).toEqual([false, true]);
    service('front', 'true');
    const good = await finish(s.rr('run', repo, '--workflow', 'build-all', '--json'));
    expect(good.code, good.out).toBe(0);
    const { services } = resultOf(good.objects).output as { services: { service: string }[] };
    expect(services.map((one) => one.service).sort()).toEqual(['back', 'front']);
  },
  120_000,
);

test('an application that falls is started again where the job says so, and so is one on demand; the run stays up', async () => {
  const s = scratch();
  const { api, get } = await up(s);
  const { run } = await api('jobs.submit', { source: s.repo('node-plain'), restart: 'on-failure' });
  await eventually(
    () => get(run),
    ({ state }) => state === 'up',
  );
  const { url } = await get(run);
  const apps = () => s.processes().filter(({ what }) => /^node server\.js/.test(what.trim()));
  const [first] = apps();
  process.kill(first!.pid, 'SIGKILL');
  const told = (type: string) => factsOf(s.state, run).filter((fact) => fact.type === type);
  await eventually(
    () => told('run.app-restarted').length,
    (count) => count === 1,
  );
  expect(told('run.app-fell')[0].payload).toMatchObject({ restart: 1 });
  // A sandbox passes the signal on; without one the shell makes a code of it.
  const { exitCode, signal } = told('run.app-fell')[0].payload;
  expect(signal ?? exitCode).toBe(exitCode === null ? 'SIGKILL' : 137);
  expect(await (await fetch(url)).text()).toContain('Hello');
  const [second] = apps();
  expect(second!.pid).not.toBe(first!.pid);

  expect(await api('runs.restart', { run })).toEqual({ run, state: 'up', services: ['node-plain'] });
  await eventually(
    () => told('run.app-restarted').length,
    (count) => count === 2,
  );
  expect(told('run.app-restarted')[1].payload).toMatchObject({ byItself: false, url });
  expect(apps()).toHaveLength(1);
  expect(apps()[0]!.pid).not.toBe(second!.pid);
  expect(await get(run)).toMatchObject({ state: 'up', ended: false, waitsFor: [{ for: 'end-of-application' }] });
  await api('runs.stop', { run });
  await eventually(
    () => get(run),
    ({ ended }) => ended,
  );
  expect(apps()).toEqual([]);
}, 90_000);

test('a step that is late is ended, not only done without, and its next try is not met by the last one', async () => {
  const s = scratch();
  const work = join(s.dir, 'work');
  mkdirSync(work);
  const tries = join(work, 'tries');
  define(s, {
    name: 'late',
    version: 1,
    steps: [
      {
        ...{ id: 'build', to: 'setup', command: 'setup.build', good: ['setup.built'], timeoutMs: 1_500 },
        with: { service: 'x', cwd: work, commands: ['echo $$ >> tries; sleep 300'], tools: [], envFile: null, env: {} },
        ...{ retry: { times: 1, backoffMs: 500, jitter: 0 }, optional: true },
      },
      { id: 'rest', needs: ['build'], signal: 'go' },
    ],
  });
  const { one, api, get } = await up(s);
  const { run } = await api('jobs.submit', { workflow: 'late' });
  await eventually(
    () => get(run),
    ({ waitsFor }) => waitsFor[0]?.for === 'signal',
  );
  expect(readFileSync(tries, 'utf8').trim().split('\n')).toHaveLength(2);
  // Its end was ordered at the same moment: it needs a little longer than the word of it.
  const sleeping = () => s.processes().filter(({ what }) => what.includes('sleep 300'));
  await eventually(sleeping, ({ length }) => length === 0, 5_000);
  expect((await get(run)).steps).toMatchObject([{ step: 'build', state: 'failed', attempt: 2 }, { step: 'rest' }]);
  await api('runs.signal', { run, name: 'go', payload: {} });
  const { outcome } = await eventually(
    () => get(run),
    ({ ended }) => ended,
  );
  expect(outcome).toBe('healthy');
  one.child.kill('SIGINT');
  await one.exited;
}, 60_000);

test('rr workflows lists ours and one’s own, draws them, and names every fault of a file', async () => {
  const s = scratch();
  define(s, release);
  define(s, { name: 'broken', version: 1, steps: [{ id: 'a', to: 'nobody', command: 'x.y', needs: ['b'] }] });
  const list = await finish(s.rr('workflows', 'list', '--json'));
  const names = list.objects.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['repo-run', 'check', 'build-all', 'release', 'broken']));
  const broken = list.objects.find(({ name }) => name === 'broken')!;
  expect(broken.faults).toEqual([
    expect.stringMatching(/^a asks nobody, which is no agent/),
    'a needs b, which is no step: it never comes',
  ]);
  const drawn = await finish(s.rr('workflows', 'show', 'release', '--mermaid'));
  expect(drawn.out).toContain('flowchart TD');
  expect(drawn.out).toContain('  pause --> ok\n');
  const check = await finish(s.rr('workflows', 'check', join(s.state, 'workflows', 'broken.json')));
  expect([check.code, check.out]).toEqual([
    2,
    expect.stringContaining('! a needs b, which is no step: it never comes'),
  ]);
  const run = await finish(s.rr('run', '--workflow', 'broken', '--json'));
  expect([run.code, run.objects.at(-1)]).toMatchObject([2, { error: { code: 'WORKFLOW_INVALID' } }]);
  const none = await finish(s.rr('run', '--workflow', 'check', '--json'));
  expect([none.code, none.objects.at(-1)]).toMatchObject([2, { error: { code: 'USAGE' } }]);
}, 60_000);
