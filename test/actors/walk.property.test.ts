/** The walk of a run as a function: random workflows, answers, fixes and stops, in any order. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type RunContext, unborn } from '../../actors/run/state.js';
import { walk } from '../../actors/run/walk.js';
import { emptyOverlay } from '../../agents/fixer/contract.js';
import { judge } from '../../managers/orchestrator/index.js';
import type { Answered, Ask, Message } from '../../runtime/actor.js';
import { fail } from '../../runtime/errors.js';
import { downstream, type Phase, type Step, type Workflow } from '../../runtime/workflow.js';

type Env = Record<string, string>;
interface Choice {
  pick: number;
  how: 'good' | 'good' | 'bad' | 'passing' | 'lost' | 'stop';
  from: number;
  word: number;
}
const phases: Phase[] = ['detect', 'setup', 'run', 'prove'];
const shape = fc.array(
  fc.record({
    needs: fc.nat(),
    heal: fc.boolean(),
    optional: fc.nat(9).map((n) => n === 0),
    when: fc.nat(9).map((n) => n === 0),
    phase: fc.nat(3),
  }),
  { minLength: 1, maxLength: 7 },
);
const choice: fc.Arbitrary<Choice> = fc.record({
  pick: fc.nat(9),
  how: fc.oneof(
    { weight: 12, arbitrary: fc.constant('good' as const) },
    { weight: 8, arbitrary: fc.constant('bad' as const) },
    { weight: 2, arbitrary: fc.constant('passing' as const) },
    { weight: 1, arbitrary: fc.constant('lost' as const) },
    { weight: 1, arbitrary: fc.constant('stop' as const) },
  ),
  from: fc.nat(9),
  word: fc.nat(2),
});
const flowOf = (
  rows: { needs: number; heal: boolean; optional: boolean; when: boolean; phase: number }[],
): Workflow => {
  const order = rows.map(({ phase }) => phase).sort();
  const steps = rows.map(
    ({ needs, heal, optional, when }, n): Step => ({
      id: `s${n}`,
      phase: phases[order[n]!]!,
      to: 'worker',
      command: 'worker.work',
      with: { env: '$overlay.env' },
      needs: rows.flatMap((_, m) => (m < n && (needs >> m) & 1 ? [`s${m}`] : [])),
      good: ['worker.worked'],
      timeoutMs: 1000,
      heal,
      optional,
      ...(when ? { when: 'overlay.env.wanted' } : {}),
    }),
  );
  return {
    name: 'any',
    version: 1,
    steps,
    agents: ['runner'],
    scope: ({ overlay, results }) => ({
      service: { name: 'app', proof: { how: 'http' } },
      cwd: '/',
      overlay,
      start: { app: 'app' },
      ...results,
    }),
    judge: () => null,
    evidence: (_, __, given) => given,
    describe: () => '',
    files: () => [],
  };
};

interface Life {
  c: RunContext;
  settled: number;
  ended: number;
  /** What each step was last asked with. */
  env: Record<string, Env>;
  goodLast: Record<string, boolean>;
  turns: number;
}

/** Lives a run to its end; checks at every turn that it can go on and never asks one step twice at once. */
function live(workflow: Workflow, choices: Choice[], stopFirst: boolean): Life {
  let c = unborn;
  let now = 1_000;
  const open = new Map<string, Ask>();
  const life: Life = { c, settled: 0, ended: 0, env: {}, goodLast: {}, turns: 0 };
  let fixes = 0;
  const hear = (event: Parameters<typeof walk>[2]): void => {
    const before = JSON.stringify(c);
    const next = walk(workflow, c, event);
    expect(JSON.stringify(c)).toBe(before);
    c = next;
    life.turns += 1;
    for (const fact of c.out.facts) {
      if (fact.type === 'run.settled') life.settled += 1;
      if (fact.type === 'run.ended') life.ended += 1;
    }
    for (const ask of c.out.asks) {
      const [what, id] = ask.tag.split(' ') as [string, string];
      if (what === 'note') continue;
      const same = [...open.keys()].filter((tag) => tag.startsWith(`${what} ${id}`));
      if (same.length > 0) throw new Error(`${ask.tag} is asked while ${same} is open`);
      open.set(ask.tag, ask);
      if (what === 'step') life.env[id] = (ask.command as unknown as { env: Env }).env;
    }
  };
  const answer = ([tag, ask]: [string, Ask], { how, from, word }: Choice): void => {
    open.delete(tag);
    now += 7;
    const [what, id] = tag.split(' ') as [string, string];
    const code = how === 'passing' ? ('ASK_TIMEOUT' as const) : ('COMMAND_FAILED' as const);
    const error = fail(code, { command: `word ${word}` }).toRecord();
    const bad = how !== 'good';
    const give = (fact: Message | null, lost: Answered['error'] = null): void =>
      hear({ type: 'answered', tag, fact, error: lost, at: now });
    if (how === 'lost' && what !== 'watch') return give(null, fail('NO_ACTOR', { address: 'a/b/c' }).toRecord());
    if (what === 'step') {
      life.goodLast[id] = !bad;
      return give((bad ? { type: 'worker.failed', error } : { type: 'worker.worked' }) as Message);
    }
    if (what === 'heal') {
      if (!bad) return give({ type: 'fixer.helpless', error, cause: null } as Message);
      fixes += 1;
      const { overlay } = ask.command as unknown as { overlay: typeof emptyOverlay };
      const env = { ...overlay.env, [`fix${fixes}`]: 'yes' };
      const rule = { rule: `r${fixes}`, cause: 'c', actions: [], signature: `r${fixes}` };
      const back = workflow.steps[from % workflow.steps.length]!.id;
      return give({ type: 'fixer.fixed', ...rule, overlay: { ...overlay, env }, from: back } as unknown as Message);
    }
    if (what === 'judge') {
      const {
        step,
        attempt,
        error: met,
      } = ask.command as unknown as Parameters<typeof judge> & {
        step: string;
        attempt: number;
        error: { code: string; message: string };
      };
      return give({ type: 'slots.judged', decision: judge(step, attempt, met) } as unknown as Message);
    }
    if (what === 'sweep') return give({ type: 'runner.swept', left: [] } as unknown as Message);
    give({ type: 'runner.exited', exitCode: 1, signal: null, lines: [] } as unknown as Message);
  };
  if (stopFirst) hear({ type: 'run.stop', reason: 'cancel' });
  hear({ type: 'run.start', run: 'r1', job: {} as never, bundle: '/b', at: now });
  const rest: Choice = { pick: 0, how: 'good', from: 0, word: 0 };
  for (let n = 0; c.mode !== 'ended'; n += 1) {
    if (n > 2_000) throw new Error('it goes on without end');
    if (open.size === 0) throw new Error(`stuck in ${c.mode}: ${JSON.stringify(c.steps)}`);
    const now_ = choices[n] ?? rest;
    if (now_.how === 'stop') hear({ type: 'run.stop', reason: 'stop' });
    else answer([...open][now_.pick % open.size]!, now_);
  }
  life.c = c;
  return life;
}

// A step that a fix under trial waits for fails though the fix has nothing to do with it.
const waits = [
  { needs: 0, heal: false, optional: false, when: false, phase: 0 },
  { needs: 948254721, heal: true, optional: false, when: false, phase: 0 },
  { needs: 0, heal: false, optional: true, when: true, phase: 0 },
];
const waiting = (['good', 'bad', 'bad', 'bad', 'bad', 'passing', 'bad'] as const).map((how, n) => ({
  pick: 0,
  how,
  from: n === 4 || n === 6 ? 1 : 0,
  word: 0,
}));

test('whatever its steps answer, a run goes on, asks no step twice at once, and ends with one result', () => {
  fc.assert(
    fc.property(shape, fc.array(choice, { maxLength: 60 }), fc.boolean(), (rows, choices, stopFirst) => {
      const workflow = flowOf(rows);
      const { c, settled, ended, env, goodLast } = live(workflow, choices, stopFirst && rows.length % 2 === 0);
      expect([settled, ended, c.mode]).toEqual([1, 1, 'ended']);
      const { total, ...parts } = c.result!.ms;
      expect(Object.values(parts).reduce((sum, ms) => sum + ms, 0)).toBeLessThanOrEqual(total);
      expect(c.fixes.length).toBeLessThanOrEqual(8);
      for (const phase of phases) expect(c.fixes.filter((fix) => fix.phase === phase).length).toBeLessThanOrEqual(3);
      if (c.result!.outcome !== 'healthy') return;
      for (const { id, optional } of workflow.steps)
        expect(c.steps[id]!.state === 'skipped' || optional || goodLast[id], id).toBe(true);
      // What helped is kept, what did not is undone, also in the steps that had been done with it.
      const kept = c.fixes.flatMap(({ rule, helped }) => (helped ? [rule.replace('r', 'fix')] : []));
      expect(c.fixes.every(({ helped }) => helped !== null)).toBe(true);
      expect(Object.keys(c.overlay.env).sort()).toEqual(kept.sort());
      for (const { rule, helped, from } of c.fixes)
        for (const id of helped ? [] : downstream(workflow.steps, from))
          if (c.steps[id]!.state === 'done') expect(env[id]).not.toHaveProperty(rule.replace('r', 'fix'));
    }),
    { numRuns: 800, examples: [[waits, waiting, false]] },
  );
}, 60_000);

const three = (needs: number[]) =>
  flowOf(needs.map((mask) => ({ needs: mask, heal: true, optional: false, when: false, phase: 1 })));
const start = (workflow: Workflow): RunContext =>
  walk(workflow, unborn, { type: 'run.start', run: 'r1', job: {} as never, bundle: '/b', at: 0 });
const answered = (tag: string, at: number, fact: object | null): Answered => ({
  type: 'answered',
  tag,
  fact: fact as Message | null,
  error: null,
  at,
});
const bad = (command: string) => ({ type: 'worker.failed', error: fail('COMMAND_FAILED', { command }).toRecord() });
const tags = (c: RunContext): string[] => c.out.asks.map(({ tag }) => tag);
const fixed = (from: string, name: string, env: Env = { [name]: 'yes' }) => ({
  type: 'fixer.fixed',
  rule: name,
  cause: 'c',
  actions: [],
  signature: name,
  overlay: { ...emptyOverlay, env },
  from,
});

test('a neighbour that fails by itself while a fix is tried is not held against the fix', () => {
  const workflow = three([0, 0]);
  let c = walk(workflow, start(workflow), answered('step s0 1', 10, bad('a')));
  c = walk(workflow, c, answered('heal s0', 20, fixed('s0', 'one')));
  expect(tags(c)).toEqual(['step s0 2']);
  c = walk(workflow, c, answered('step s1 1', 30, bad('other')));
  expect([c.fixes[0]!.helped, tags(c)]).toEqual([null, []]);
  c = walk(workflow, c, answered('step s0 2', 40, { type: 'worker.worked' }));
  expect([c.fixes[0]!.helped, tags(c)]).toEqual([true, ['step s1 2']]);
  c = walk(workflow, c, answered('step s1 2', 50, bad('other')));
  expect(tags(c)).toEqual(['heal s1']);
});

test('a step sent back while it runs is asked again only when its answer is there, and that answer is dropped', () => {
  const workflow = three([0, 1, 1]); // s1 and s2 both follow s0
  let c = walk(workflow, start(workflow), answered('step s0 1', 10, { type: 'worker.worked' }));
  c = walk(workflow, c, answered('step s1 1', 20, bad('a')));
  c = walk(workflow, c, answered('heal s1', 30, fixed('s0', 'one')));
  c = walk(workflow, c, answered('step s0 2', 40, { type: 'worker.worked' }));
  expect(tags(c)).toEqual(['step s1 2']);
  c = walk(workflow, c, answered('step s2 1', 50, { type: 'worker.worked' }));
  expect([tags(c), c.steps.s2!.state]).toEqual([['step s2 2'], 'running']);
});

test('a fix that did not help is undone in the steps that had been done with it', () => {
  const workflow = three([0, 1]);
  let c = walk(workflow, start(workflow), answered('step s0 1', 10, { type: 'worker.worked' }));
  c = walk(workflow, c, answered('step s1 1', 20, bad('a')));
  c = walk(workflow, c, answered('heal s1', 30, fixed('s0', 'one')));
  c = walk(workflow, c, answered('step s0 2', 40, { type: 'worker.worked' }));
  c = walk(workflow, c, answered('step s1 2', 50, bad('a')));
  expect([c.fixes[0]!.helped, c.overlay.env]).toEqual([false, {}]);
  c = walk(workflow, c, answered('heal s1', 60, fixed('s1', 'two')));
  expect(c.out.asks).toMatchObject([{ tag: 'step s0 3', command: { env: { two: 'yes' } } }]);
});

test('steps that run side by side are counted once: the parts never exceed the whole', () => {
  const workflow = three([0, 0, 0]);
  let c = start(workflow);
  for (const n of [0, 1, 2]) c = walk(workflow, c, answered(`step s${n} 1`, 100 + n, { type: 'worker.worked' }));
  expect(c.result!.ms).toMatchObject({ setup: 102, total: 102 });
});

test('a workflow that throws ends its run with our fault as the error', () => {
  const workflow = { ...three([0]), describe: () => (undefined as unknown as { name: string }).name };
  const c = walk(workflow, start(workflow), answered('step s0 1', 10, { type: 'worker.worked' }));
  expect(c.result).toMatchObject({ outcome: 'failed', error: { code: 'INTERNAL' } });
  expect(tags(c)).toEqual(['sweep']);
});

test('a folder of the run that cannot be written ends the run with the cause', () => {
  const workflow = three([0]);
  const error = fail('STATE_UNWRITABLE', { path: '/b', reason: 'ENOSPC' }).toRecord();
  const c = walk(workflow, start(workflow), { type: 'recordFailed', error });
  expect(c.result).toMatchObject({ outcome: 'failed', error: { code: 'STATE_UNWRITABLE' } });
});

test('a run that is stopped before it is started begins nothing and is cancelled', () => {
  const workflow = three([0]);
  const idle = walk(workflow, unborn, { type: 'run.stop', reason: 'cancel' });
  const c = walk(workflow, idle, { type: 'run.start', run: 'r1', job: {} as never, bundle: '/b', at: 0 });
  expect(c.result!.outcome).toBe('cancelled');
  expect(tags(c)).toEqual(['sweep']);
});

test('what may pass by itself is tried once more, then reported', () => {
  const workflow = three([0]);
  const passing = { type: 'worker.failed', error: fail('HOST_UNREACHABLE', { host: 'h' }).toRecord() };
  const judged = (option: string) => ({ type: 'slots.judged', decision: { option } });
  const helpless = { type: 'fixer.helpless', error: passing.error, cause: null };
  let c = walk(workflow, start(workflow), answered('step s0 1', 10, passing));
  c = walk(workflow, c, answered('heal s0', 20, helpless));
  expect(c.out.asks).toMatchObject([{ tag: 'judge s0', command: { attempt: 1 } }]);
  c = walk(workflow, c, answered('judge s0', 30, judged('again')));
  expect(tags(c)).toEqual(['step s0 2']);
  c = walk(workflow, c, answered('step s0 2', 40, passing));
  c = walk(workflow, c, answered('heal s0', 50, helpless));
  expect(c.out.asks).toMatchObject([{ tag: 'judge s0', command: { attempt: 2 } }]);
  c = walk(workflow, c, answered('judge s0', 60, judged('report')));
  expect(c.result).toMatchObject({ outcome: 'failed', error: passing.error, ms: { total: 60 } });
});

test('a phase gets three fixes and no fourth, though each got a little further', () => {
  const workflow = three([0]);
  let c = start(workflow);
  for (const n of [1, 2, 3]) {
    c = walk(workflow, c, answered(`step s0 ${n}`, n * 20, bad(`word ${n}`)));
    c = walk(workflow, c, answered('heal s0', n * 20 + 10, fixed('s0', `fix${n}`)));
  }
  c = walk(workflow, c, answered('step s0 4', 90, bad('word 4')));
  expect([c.fixes.map(({ helped }) => helped), tags(c)]).toEqual([[true, true, true], ['judge s0']]);
});

test('a neighbour that failed waits until the fix is judged, not only until the next step ends', () => {
  const workflow = three([0, 1, 0]); // s1 follows s0; s2 stands alone
  let c = walk(workflow, start(workflow), answered('step s0 1', 10, { type: 'worker.worked' }));
  c = walk(workflow, c, answered('step s1 1', 20, bad('a')));
  c = walk(workflow, c, answered('heal s1', 30, fixed('s0', 'one')));
  c = walk(workflow, c, answered('step s2 1', 40, bad('b')));
  c = walk(workflow, c, answered('step s0 2', 50, { type: 'worker.worked' }));
  expect(tags(c)).toEqual(['step s1 2']);
  c = walk(workflow, c, answered('step s1 2', 60, { type: 'worker.worked' }));
  expect(tags(c)).toEqual(['step s2 2']);
});

test('a fix that makes its step needless has helped', () => {
  const workflow = three([0, 1]);
  workflow.steps[1]!.when = 's0.wanted';
  let c = walk(workflow, start(workflow), answered('step s0 1', 10, { type: 'worker.worked', wanted: true }));
  c = walk(workflow, c, answered('step s1 1', 20, bad('a')));
  c = walk(workflow, c, answered('heal s1', 30, fixed('s0', 'one')));
  c = walk(workflow, c, answered('step s0 2', 40, { type: 'worker.worked' }));
  expect(c.result).toMatchObject({ outcome: 'healthy', fixes: [{ rule: 'one', helped: true }] });
});
