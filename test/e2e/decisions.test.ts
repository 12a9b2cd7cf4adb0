/** Actors of a run that were given up, and a person who does without them: the run ends with the cause, nothing is left. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { expectNothingLeft, processesOf } from './left.js';
import { eventually, factsOf, long, rawClient, type Scratch, scratch } from './rr.js';

/** What is larger than 64 KB in a checkpoint goes to a file of its own. */
const large = 'x'.repeat(70_000);
const started = (s: Scratch, what: RegExp): number[] =>
  processesOf(s.dir)
    .filter((one) => what.test(one.what.trim()))
    .map(({ pid }) => pid);

/** What a run's own actor and its runner cannot keep once a file lies where that would go. */
const signal = { type: 'run.signal', name: 'large', payload: { large }, by: 'test', at: 1 };
const start = {
  ...{ type: 'runner.start', service: 'x', cwd: '/nowhere', command: 'true', until: 'exit', tools: [] },
  ...{ envFile: null, port: 1, env: { large } },
};
/** Tells one of a run's actors, again and again, what it cannot keep, until somebody is asked what becomes of it. */
async function kill(s: Scratch, address: string, command: object, asked: () => boolean): Promise<void> {
  const run = address.split('/')[0]!;
  writeFileSync(join(s.state, 'runs', run, 'blobs'), 'in the way');
  const { ask, nats } = await rawClient(s.state);
  const order = { address, command, withinMs: 15_000 };
  await eventually(async () => {
    await sleep(150);
    if (!asked()) void ask('rr.api.local.admin.send', order).catch(() => undefined);
    return asked();
  }, Boolean);
  await nats.close();
}

/** A run whose `kind` is told, again and again, what it cannot keep: a file lies where that would go. */
async function givenUp(s: Scratch, repo: string, program: RegExp, kind: string, command: object) {
  const up = s.rr('up', '--foreground', '--json');
  await up.object(({ type }) => type === 'up');
  const client = await rawClient(s.state);
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely by tests
  const api = (verb: string, body: object = {}): Promise<any> => client.ask(`rr.api.local.${verb}`, body);
  const { run } = await api('jobs.submit', { source: s.repo(repo) });
  const get = () => api('runs.get', { run });
  await eventually(get, ({ state }) => state === (repo === 'node-plain' ? 'up' : 'running'));
  await eventually(
    () => started(s, program),
    (pids) => pids.length > 0,
  );
  writeFileSync(join(s.state, 'runs', run, 'blobs'), 'in the way');
  const address = `${run}/${kind}/${kind}-1`;
  const before = Date.now();
  const [asked] = await eventually(
    async () => {
      void api('admin.send', { address, command, withinMs: 15_000 }).catch(() => undefined);
      await sleep(200);
      return (await api('admin.decisions')).open;
    },
    (open) => open.length > 0,
  );
  expect(asked).toMatchObject({ address, options: ['restart', 'stop'], facts: { deaths: 2 }, at: expect.any(Number) });
  expect(asked.at).toBeGreaterThan(before);
  expect(asked.at).toBeLessThanOrEqual(Date.now());
  expect(started(s, program)).not.toEqual([]);
  const close = async (): Promise<void> => {
    await client.nats.close();
    up.child.kill('SIGINT');
    expect(await up.exited).toBe(0);
    await expectNothingLeft(s);
  };
  return { run, api, get, address, decision: asked.id as string, close };
}

test('a run that is given up at work and then stopped has failed with what killed it, and nothing of it is left', async () => {
  const s = scratch({ RR_BROKER_IDLE_MS: '700' });
  const program = /^node install\.js/;
  const { api, get, address, decision, close } = await givenUp(s, 'bad-install-endless', program, 'run', signal);
  expect(await api('admin.decide', { decision, option: 'perhaps' })).toMatchObject({ error: { code: 'USAGE' } });
  expect(await api('admin.decide', { decision, option: 'stop', reason: 'seen' })).toMatchObject({
    address,
    decision: { option: 'stop', by: 'person', reason: 'seen' },
  });
  expect(await api('admin.decide', { decision, option: 'stop' })).toMatchObject({ error: { code: 'DECISION_OVER' } });
  expect(await eventually(get, ({ ended }) => ended, 15_000)).toMatchObject({
    state: 'failed',
    outcome: 'failed',
    result: { error: { code: 'ACTOR_STOPPED', message: expect.stringMatching(/died 6 times within 60 s: .*blobs/) } },
  });
  await eventually(
    () => started(s, program),
    (left) => left.length === 0,
    10_000,
  );
  expect((await api('admin.tree')).actors.filter((one: { address: string }) => one.address === address)).toEqual([]);
  await close();
}, 120_000);

test('a runner that is given up and then stopped leaves no application behind, and its run says why it ended', async () => {
  const s = scratch({ RR_BROKER_IDLE_MS: '700' });
  const program = /^node server\.js/;
  const { run, api, get, decision, close } = await givenUp(s, 'node-plain', program, 'runner', start);
  expect(await api('admin.decide', { decision, option: 'stop' })).toMatchObject({ decision: { option: 'stop' } });
  expect(await eventually(get, ({ ended }) => ended, 15_000)).toMatchObject({ state: 'failed' });
  await eventually(
    () => started(s, program),
    (left) => left.length === 0,
    10_000,
  );
  const exited = await eventually(
    () => factsOf(s.state, run).find(({ type }) => type === 'run.app-exited'),
    (fact) => fact !== undefined,
    5_000,
  );
  expect(exited.payload.error).toMatchObject({
    code: 'ACTOR_STOPPED',
    message: expect.stringMatching(/died 6 times within 60 s: .*blobs/),
  });
  await close();
}, 120_000);

long(
  'rr run --once waits for no person: a run that was given up is ended, with what killed it',
  async () => {
    const s = scratch({ RR_BROKER_IDLE_MS: '700' });
    const rr = s.rr('run', s.repo('bad-install-endless'), '--once', '--json');
    const { run } = await rr.object(({ type }) => type === 'run');
    await rr.object(({ type, step }) => type === 'run.step-began' && step === 'deps');
    await kill(s, `${run}/run/run-1`, signal, () => rr.objects().some(({ type }) => type === 'asked'));
    expect(rr.objects().find(({ type }) => type === 'asked')).toMatchObject({
      address: `${run}/run/run-1`,
      options: ['restart', 'stop'],
      error: expect.stringMatching(/died 6 times within 60 s: .*blobs/),
    });
    expect(await rr.object(({ type }) => type === 'result')).toMatchObject({
      outcome: 'failed',
      error: { code: 'ACTOR_STOPPED' },
    });
    expect(await rr.exited).toBe(4);
    await expectNothingLeft(s);
  },
  120_000,
);

long(
  'rr run says what is to be decided about one of its actors, and how its application ended then',
  async () => {
    const s = scratch({ RR_BROKER_IDLE_MS: '700' });
    const rr = s.rr('run', s.repo('node-plain'));
    await eventually(
      async () => rr.out(),
      (text) => text.includes('Ctrl-C stops it'),
    );
    const run = /run (\S+)/.exec(rr.out())![1]!;
    const question = /rr decide (d\d+) restart\|stop/;
    await kill(s, `${run}/runner/runner-1`, start, () => question.test(rr.out()));
    const decide = s.rr('decide', question.exec(rr.out())![1]!, 'stop');
    expect(await decide.exited).toBe(0);
    expect(await rr.exited).toBe(1);
    expect(rr.out()).toMatch(/exited .*died 6 times within 60 s/);
    await expectNothingLeft(s);
  },
  120_000,
);
