/** What single kinds of steps do, and a definition that has changed since its run began. */
import { expect, test } from 'vitest';
import { definitions } from '../../actors/registry.js';
import { type RunContext, unborn, untouched, type Walked } from '../../actors/run/state.js';
import { nextWake } from '../../actors/run/wake.js';
import { walk } from '../../actors/run/walk.js';
import type { Answered, Message } from '../../runtime/actor.js';
import { decide } from '../../runtime/decide.js';
import { fail } from '../../runtime/errors.js';
import type { Step, Workflow } from '../../runtime/workflow.js';

const ask = (id: string, needs: string[] = [], more: Partial<Step> = {}): Step => ({
  id,
  to: 'worker',
  command: 'worker.work',
  needs,
  ...more,
});
const flow = (steps: Step[], more: Partial<Workflow> = {}): Workflow => ({ name: 'mine', version: 1, steps, ...more });
const start = (input: object = {}): Walked => {
  const job = {
    workflow: 'mine',
    source: '',
    ref: null,
    service: null,
    copy: false,
    user: 'local',
    input: { ...input },
  };
  return { type: 'run.start', run: 'r1', job, bundle: '/b', at: 1_000 };
};
const answered = (tag: string, fact: object | null, at = 2_000): Answered => ({
  type: 'answered',
  tag,
  fact: fact as Message | null,
  error: null,
  at,
});
const good = (tag: string, at?: number, more: object = {}) => answered(tag, { type: 'worker.worked', ...more }, at);
const bad = (tag: string, at?: number) =>
  answered(tag, { type: 'worker.failed', error: fail('COMMAND_FAILED', { command: 'x' }).toRecord() }, at);
const go = (workflow: Workflow, from: RunContext, ...events: Walked[]): RunContext =>
  events.reduce((c, event) => walk(workflow, c, event), from);
const tags = (c: RunContext): string[] => c.out.asks.map(({ tag }) => tag);
const types = (c: RunContext): string[] => c.out.facts.map(({ type }) => type);

test('a pause before another try grows, is the same when asked again, and only errors that are named get one', () => {
  const retry = { times: 3, backoffMs: 1_000, factor: 3, maxMs: 5_000, jitter: 0.5, on: ['COMMAND_FAILED'] };
  const workflow = flow([ask('a', [], { retry })]);
  const pauses: number[] = [];
  let c = go(workflow, unborn, start());
  for (const n of [1, 2, 3]) {
    const at = c.clockedAt + 10;
    c = go(workflow, c, bad(`step a ${n}`, at));
    expect(JSON.stringify(go(workflow, JSON.parse(JSON.stringify(c))))).toBe(JSON.stringify(c));
    pauses.push(c.dueAt! - at);
    expect(nextWake(c)).toEqual([{ for: 'time', step: 'a', until: c.dueAt }]);
    c = go(workflow, c, { type: 'due', at: c.dueAt! });
    expect(tags(c)).toEqual([`step a ${n + 1}`]);
  }
  expect(pauses).not.toEqual([1_000, 3_000, 5_000]);
  for (const [n, full] of [1_000, 3_000, 5_000].entries()) {
    expect(pauses[n]).toBeLessThanOrEqual(full);
    expect(pauses[n]).toBeGreaterThanOrEqual(full / 2);
  }
  expect(go(workflow, c, bad('step a 4')).result).toMatchObject({
    outcome: 'failed',
    error: { code: 'COMMAND_FAILED' },
  });
  const other = { type: 'worker.failed', error: fail('NOT_PROVEN', { met: 'a', wanted: 'b', fix: 'c' }).toRecord() };
  expect(go(workflow, unborn, start(), answered('step a 1', other)).result).toMatchObject({
    error: { code: 'NOT_PROVEN' },
  });
});

test('an approval waits as long as it takes, says so, and is recorded with who decided and on what', () => {
  const approval = {
    question: 'deploy?',
    options: ['yes', 'no', 'later'],
    passes: ['yes'],
    facts: { size: '$a.size' },
  };
  const workflow = flow([ask('a'), { id: 'ok', approval, needs: ['a'] }, ask('b', ['ok'])]);
  const waiting = go(workflow, unborn, start(), good('step a 1', 2_000, { size: 3 }));
  expect(waiting).toMatchObject({ state: 'waiting', dueAt: null });
  expect(nextWake(waiting)).toEqual([
    { for: 'approval', step: 'ok', until: null, what: 'deploy?', options: approval.options },
  ]);
  const decide = (option: string, step: string | null = null): Walked => ({
    type: 'run.decide',
    step,
    option,
    by: 'ann',
    reason: 'friday',
    at: 9_000,
  });
  const yes = go(workflow, waiting, decide('yes'));
  expect(yes.out.facts[0]).toEqual({
    type: 'run.decided',
    step: 'ok',
    decision: {
      question: 'deploy?',
      facts: { size: 3, step: 'ok', who: 'ann' },
      option: 'yes',
      reason: 'friday',
      confidence: 1,
      by: 'person',
    },
  });
  expect([tags(yes), yes.state]).toEqual([['step b 1'], 'running']);
  expect(go(workflow, waiting, decide('no')).result).toMatchObject({
    outcome: 'failed',
    error: { code: 'APPROVAL_REFUSED' },
  });
  const refused = (c: RunContext) => c.out.facts[0] as { type: string; error: { code: string } };
  expect(refused(go(workflow, waiting, decide('maybe')))).toMatchObject({
    type: 'run.refused',
    error: { code: 'USAGE' },
  });
  expect(refused(go(workflow, waiting, decide('yes', 'b')))).toMatchObject({ error: { code: 'RUN_NOT_WAITING' } });
  expect(refused(go(workflow, yes, decide('yes')))).toMatchObject({ error: { code: 'RUN_NOT_WAITING' } });
});

test('an approval that nobody gives in time needs a person', () => {
  const workflow = flow([{ id: 'ok', approval: { question: 'go?' }, timeoutMs: 60_000 }]);
  const c = go(workflow, unborn, start());
  expect(c.dueAt).toBe(61_000);
  const late = go(workflow, c, { type: 'due', at: 61_000 });
  expect(late.result).toMatchObject({ outcome: 'needs-input', error: { code: 'APPROVAL_MISSING' } });
});

test('a signal that comes early is kept, one that nobody waits for harms nothing', () => {
  const workflow = flow([ask('a'), { id: 'heard', signal: 'go', needs: ['a'] }], {
    output: { said: '$heard.payload' },
  });
  const early: Walked = { type: 'run.signal', name: 'go', payload: { n: 1 }, by: 'ann', at: 1_500 };
  const c = go(workflow, unborn, start(), { ...early, name: 'else' }, early);
  expect(c.out.facts).toEqual([{ type: 'run.signalled', name: 'go', step: null, by: 'ann' }]);
  expect(go(workflow, c, good('step a 1')).result).toMatchObject({ outcome: 'healthy', output: { said: { n: 1 } } });
});

test.each([
  ['a time it was given', { until: '$input.time' }, { time: 5_000 }, 5_000],
  ['an ISO time', { until: '1970-01-01T00:00:07.000Z' }, {}, 7_000],
  ['so long', { sleepMs: '$input.ms' }, { ms: 250 }, 1_250],
])('a timer waits until %s', (_, timer, input, due) => {
  const workflow = flow([{ id: 'sleep', timer }]);
  const c = go(workflow, unborn, start(input));
  expect(c.dueAt).toBe(due);
  expect(go(workflow, c, { type: 'due', at: due - 1 }).mode).toBe('walking');
  expect(go(workflow, c, { type: 'due', at: due }).result).toMatchObject({ outcome: 'healthy' });
});
test('a timer that names no time, and a list that is none, end the step with the reason', () => {
  const timer = flow([{ id: 'sleep', timer: { until: '$input.then' } }]);
  expect(go(timer, unborn, start()).result).toMatchObject({ error: { code: 'STEP_INVALID' } });
  const each = flow([ask('each', [], { forEach: '$input.list' })]);
  expect(go(each, unborn, start({ list: 'abc' })).result).toMatchObject({ error: { code: 'STEP_INVALID' } });
});

test('a definition that changed where nothing has begun is walked on by; the fact says so', () => {
  const before = flow([ask('a'), ask('b', ['a'])]);
  const c = go(before, unborn, start());
  const after = flow([ask('a', [], { timeoutMs: 5 }), ask('x', ['a']), ask('b', ['x'])], { version: 2 });
  const resumed = go(after, c, { type: 'resumed', at: 3_000 });
  expect(resumed.out.facts).toEqual([{ type: 'run.adapted', workflow: 'mine', from: 1, to: 2 }]);
  expect(resumed.out.asks).toEqual([]);
  expect(tags(go(after, resumed, good('step a 1')))).toEqual(['step x 1']);
});

test('a step that is new and waits for nothing open begins at once', () => {
  const c = go(flow([ask('a'), ask('b', ['a'])]), unborn, start(), good('step a 1'));
  const after = flow([ask('a'), ask('n', ['a']), ask('b', ['a'])]);
  expect(tags(go(after, c, { type: 'resumed', at: 3_000 }))).toEqual(['step n 1']);
});

test.each<[string, Workflow | null, RegExp]>([
  [
    'is another ask',
    flow([ask('a', [], { command: 'worker.rest' })]),
    /step a asks worker for worker.work at once; now it asks worker for worker.rest/,
  ],
  ['is gone', flow([ask('z')]), /the step a is gone/],
  ['has no workflow any more', null, /there is no workflow of that name any more/],
])('a run whose begun step %s is refused with what differs', (_, after, said) => {
  const compensate = { to: 'worker', command: 'worker.undo' };
  const c = go(flow([ask('a', [], { compensate }), ask('b', ['a'])]), unborn, start(), good('step a 1'));
  const refused = walk(after, c, { type: 'resumed', at: 3_000 });
  expect(refused.result).toMatchObject({ outcome: 'failed', error: { code: 'WORKFLOW_CHANGED' } });
  expect(refused.result!.error!.message).toMatch(said);
  // Whoever told it something is answered all the same.
  const stopped = walk(after, c, { type: 'run.stop', reason: 'cancel' });
  expect([stopped.result!.error!.code, types(stopped)]).toEqual(['WORKFLOW_CHANGED', ['run.settled', 'run.stopping']]);
  // What was done is taken back all the same: how is remembered since it was done.
  expect(refused.out.asks).toMatchObject([{ tag: 'undo a 1 1', command: { type: 'worker.undo' } }]);
});

test('a run that nothing would wake is told as our fault, and ends', () => {
  const workflow = flow([ask('a')]);
  const c = go(workflow, unborn, start());
  const lost: RunContext = { ...c, steps: { a: { ...untouched, state: 'healing' } } };
  expect(nextWake(lost)).toEqual([]);
  const told = walk(workflow, lost, { type: 'resumed', at: 3_000 });
  expect(types(told)).toEqual(['run.stranded', 'run.settled', 'run.ended']);
  expect(told.result).toMatchObject({ outcome: 'failed', error: { code: 'RUN_STRANDED' } });
});

test('compensations run newest first, each until it succeeds or has failed four times, which is reported', () => {
  const compensate = (n: string) => ({ to: 'worker', command: 'worker.undo', with: { of: `$${n}.id` } });
  const workflow = flow([
    ask('a', [], { compensate: compensate('a') }),
    ask('b', ['a'], { compensate: compensate('b') }),
    ask('c', ['b'], { retry: { times: 0 } }),
  ]);
  let c = go(
    workflow,
    unborn,
    start(),
    good('step a 1', 2_000, { id: 7 }),
    good('step b 1', 2_100, { id: 8 }),
    bad('step c 1'),
  );
  expect(c.out.asks).toMatchObject([{ tag: 'undo b 1 1', command: { type: 'worker.undo', of: 8 } }]);
  for (const n of [1, 2, 3]) {
    c = go(workflow, c, bad(`undo b 1 ${n}`, c.clockedAt + 1));
    c = go(workflow, c, { type: 'due', at: c.dueAt! });
    expect(tags(c)).toEqual([`undo b 1 ${n + 1}`]);
  }
  c = go(workflow, c, bad('undo b 1 4'));
  expect(c.out.facts).toMatchObject([{ type: 'run.compensated', step: 'b', ok: false, tries: 4 }]);
  expect(c.out.asks).toMatchObject([{ tag: 'undo a 1 1', command: { of: 7 } }]);
  c = go(workflow, c, good('undo a 1 1'));
  expect(c.out.facts).toMatchObject([
    { type: 'run.compensated', step: 'a', ok: true },
    { type: 'run.ended', state: 'failed', notUndone: [{ step: 'b', error: { code: 'COMMAND_FAILED' } }] },
  ]);
});

test('a light workflow writes no files and tells only its start and its end; with facts it tells its steps', () => {
  const light = (facts: boolean) => flow([ask('a')], { record: 'light', facts });
  const all = (workflow: Workflow) => {
    const begun = go(workflow, unborn, start());
    const over = go(workflow, begun, good('step a 1'));
    expect([...begun.out.writes, ...over.out.writes]).toEqual([]);
    return [...types(begun), ...types(over)];
  };
  expect(all(light(false))).toEqual(['run.started', 'run.settled', 'run.ended']);
  expect(all(light(true))).toEqual(['run.started', 'run.step-began', 'run.step-ended', 'run.settled', 'run.ended']);
});

test('checkpoints of the first version are gone on with: of a run, and of the orchestrator manager', () => {
  const workflow = flow([ask('a'), ask('b', ['a'])]);
  const { flow: _, waits: __, groups: ___, undos: ____, ...old } = go(workflow, unborn, start(), good('step a 1'));
  const { context } = definitions.run!.migrate!({ value: 'walking', context: old }, 1);
  const c = go(workflow, context as RunContext, good('step b 1', 3_000));
  expect(c.result).toMatchObject({ outcome: 'healthy' });
  const manager = definitions['orchestrator-manager']!;
  const { context: slots } = manager.migrate!({ value: 'up', context: { held: ['r1'] } }, 1);
  const snapshot = manager.machine.resolveState({ value: 'up', context: slots }) as never;
  const full = decide(manager, snapshot, { type: 'slots.acquire', run: 'r2', slots: 1 } as Message)!;
  expect(full.asked[0]!.params).toMatchObject({ type: 'slots.full', held: ['r1'] });
});

/** A run that holds an application which its job wants started again. */
const held = (restart: 'no' | 'on-failure' | 'always'): { workflow: Workflow; c: RunContext } => {
  const workflow = flow([
    ask('start', [], { to: 'runner', command: 'runner.start' }),
    ask('prove', ['start'], { to: 'health', command: 'health.check' }),
  ]);
  const begin = start() as Extract<Walked, { type: 'run.start' }>;
  const begun = walk(workflow, unborn, { ...begin, job: { ...begin.job, restart } });
  return { workflow, c: go(workflow, begun, good('step start 1', 2_000, { app: 'app-1' }), good('step prove 1')) };
};
const fell = (app: string, exitCode: number, at: number) =>
  answered(`watch ${app}`, { type: 'runner.exited', app, exitCode, signal: null, lost: false, lines: [] }, at);

test('an application is started again at most five times a minute, after a growing pause, then it is given up', () => {
  let { workflow, c } = held('always');
  const pauses: number[] = [];
  for (let n = 1; n <= 5; n += 1) {
    c = go(workflow, c, fell(`app-${n}`, 0, 10_000 + n * 5_000));
    expect([c.mode, types(c)]).toEqual(['restarting', ['run.app-fell']]);
    pauses.push(c.dueAt! - (10_000 + n * 5_000));
    c = go(workflow, c, { type: 'due', at: c.dueAt! });
    expect(tags(c)).toEqual(['halt']);
    c = go(workflow, c, answered('halt', { type: 'runner.halted' }, c.clockedAt));
    expect(tags(c)).toEqual([`step start ${n + 1}`]);
    c = go(workflow, c, good(`step start ${n + 1}`, c.clockedAt, { app: `app-${n + 1}` }), good(`step prove ${n + 1}`));
    expect([c.mode, types(c).at(-1)]).toEqual(['up', 'run.app-restarted']);
  }
  expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000]);
  // Another one's end is nobody's business any more.
  expect(go(workflow, c, fell('app-1', 0, 50_000)).mode).toBe('up');
  c = go(workflow, c, fell('app-6', 0, 50_000));
  expect([c.mode, c.state, types(c)]).toEqual(['ending', 'failed', ['run.app-exited']]);
});

test.each<['no' | 'on-failure' | 'always', number, boolean]>([
  ['no', 1, false],
  ['on-failure', 0, false],
  ['on-failure', 1, true],
  ['always', 0, true],
])('with the policy %s an application that ended with %i is started again: %s', (policy, exitCode, again) => {
  const { workflow, c } = held(policy);
  expect(go(workflow, c, fell('app-1', exitCode, 5_000)).mode).toBe(again ? 'restarting' : 'ending');
});

test('an application that cannot be started again falls once more; without a policy it is given up', () => {
  const { workflow, c } = held('on-failure');
  const fallen = go(workflow, c, fell('app-1', 1, 5_000));
  const halted = go(workflow, fallen, { type: 'due', at: 5_500 }, answered('halt', { type: 'runner.halted' }, 5_600));
  const again = go(workflow, halted, bad('step start 2', 5_700));
  expect([again.mode, again.dueAt]).toEqual(['restarting', 6_700]);
  const plain = held('no');
  const asked = go(
    plain.workflow,
    plain.c,
    { type: 'run.restart', service: null, at: 5_000 },
    answered('halt', null, 5_600),
  );
  expect(tags(asked)).toEqual(['step start 2']);
  const over = go(plain.workflow, asked, bad('step start 2', 5_700));
  expect(over.out.facts.map(({ type }) => type)).toContain('run.app-exited');
  expect(over.state).toBe('failed');
  expect(go(workflow, over, { type: 'run.restart', service: null, at: 9_000 }).out.facts).toMatchObject([
    { type: 'run.refused' },
  ]);
});

test('a cancelled run with something to take back stops what is at work first', () => {
  const compensate = { to: 'worker', command: 'worker.undo' };
  const workflow = flow([ask('a', [], { compensate }), ask('b', ['a'], { to: 'setup', command: 'setup.build' })]);
  const c = go(workflow, unborn, start(), good('step a 1'), { type: 'run.stop', reason: 'cancel' });
  expect([tags(c), c.mode, c.result!.outcome]).toEqual([['halt'], 'undoing', 'cancelled']);
  const halted = go(workflow, c, answered('halt', { type: 'runner.halted' }));
  expect(tags(halted)).toEqual(['undo a 1 1']);
  expect(tags(go(workflow, halted, good('undo a 1 1')))).toEqual(['sweep']);
});
