/** What a run does about an application that was up and failed later, as a function. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { definitions } from '../../actors/registry.js';
import { type RunContext, unborn, type Walked } from '../../actors/run/state.js';
import { isStranded, nextWake } from '../../actors/run/wake.js';
import { walk } from '../../actors/run/walk.js';
import { emptyOverlay } from '../../agents/fixer/contract.js';
import type { Answered, Message } from '../../runtime/actor.js';
import { fail } from '../../runtime/errors.js';
import type { Step, Workflow } from '../../runtime/workflow.js';

type Policy = 'no' | 'on-failure' | 'always';
const step = (id: string, to: string, command: string, needs: string[], more: Partial<Step> = {}): Step => ({
  ...{ id, phase: 'run', to, command, needs, heal: true },
  ...more,
});
const workflow: Workflow = {
  name: 'mine',
  version: 1,
  steps: [
    step('build', 'setup', 'setup.build', [], { phase: 'setup' }),
    step('start', 'runner', 'runner.start', ['build']),
    step('prove', 'health', 'health.check', ['start'], { phase: 'prove' }),
    step('test', 'tester', 'tester.test', ['prove'], { phase: 'test', heal: false, optional: true, once: true }),
  ],
  agents: ['fixer', 'monitor'],
  scope: ({ overlay, results }) => ({
    service: { name: 'web' },
    startCommand: 'node a.js',
    cwd: '/',
    overlay,
    ...results,
  }),
};
const answered = (tag: string, fact: object | null, at: number): Answered => ({
  ...{ type: 'answered', tag, error: null, at },
  fact: fact as Message | null,
});
const tags = (c: RunContext): string[] => c.out.asks.map(({ tag }) => tag);
const types = (c: RunContext): string[] => c.out.facts.map(({ type }) => type);
const asked = (c: RunContext, tag: string) =>
  c.out.asks.find((one) => one.tag === tag)!.command as unknown as Record<string, unknown>;
const failure = { error: fail('COMMAND_FAILED', { command: 'x', met: 'exit code 1' }).toRecord(), evidence: null };

/** A life of the run: each answer comes a second after the one before. */
function live(restart: Policy = 'no') {
  let now = 1_000;
  const job = { workflow: 'mine', source: '', ref: null, service: null, copy: false, user: 'local', restart };
  let c = walk(workflow, unborn, { type: 'run.start', run: 'r1', job, bundle: '/b', at: now });
  const life = {
    c: () => c,
    go(event: Walked) {
      c = walk(workflow, c, event);
      expect(isStranded(c)).toBe(false);
      if (c.mode !== 'ended') expect(nextWake(c)).not.toEqual([]);
      return c;
    },
    hear(tag: string, fact: object | null = { type: 'x.done' }) {
      now += 1_000;
      return life.go(answered(tag, fact, now));
    },
    due() {
      now = c.dueAt!;
      return life.go({ type: 'due', at: now });
    },
    /** Answers the step that is asked. */
    does(id: string, fact: object = { type: 'x.done' }) {
      const tag = tags(c).find((one) => one.startsWith(`step ${id} `));
      expect(tag, `${id} is not asked, but ${tags(c)}`).toBeDefined();
      return life.hear(tag!, fact);
    },
    app: 0,
    comesUp() {
      life.app += 1;
      life.does('start', { type: 'runner.started', app: `app-${life.app}`, pid: life.app });
      return life.does('prove', { type: 'health.passed', proof: { url: 'http://h/', status: 200 } });
    },
    exits: (exitCode = 1, more: object = {}) =>
      life.hear(`watch app-${life.app}`, {
        ...{ type: 'runner.exited', exitCode, signal: null, lost: false, limit: null, lines: ['its end'] },
        ...more,
      }),
    falls: () =>
      life.hear(`look app-${life.app}`, { type: 'monitor.fell', service: 'web', reason: 'answers 500', since: now }),
    examined: (lines: string[] = ['what it said']) =>
      life.hear('examine', { type: 'monitor.examined', service: 'web', lines, memoryBytes: 7 }),
    fixed: (from: string, rule = 'a-rule', tag = 'recover') =>
      life.hear(tag, {
        ...{ type: 'fixer.fixed', rule, cause: 'it is gone', signature: `${rule}: x`, overlay: emptyOverlay, from },
        actions: [{ do: 'do-again', step: from }],
      }),
    helpless: (tag = 'recover') => life.hear(tag, { type: 'fixer.helpless', error: failure.error, cause: null }),
    halted: () => life.hear('halt', { type: 'runner.halted', commands: 1 }),
    steady: () => life.hear(`look app-${life.app}`, { type: 'monitor.steady', service: 'web', since: now }),
    /** Fails, and is repaired by a build. */
    repaired() {
      life.exits();
      life.examined();
      life.fixed('build');
      life.halted();
      life.does('build');
      return life.comesUp();
    },
  };
  life.does('build');
  life.comesUp();
  life.does('test');
  expect([c.mode, c.state]).toEqual(['up', 'up']);
  return life;
}

test('one that ended is repaired from the first step that the repair changes, proven again, and its downtime is told', () => {
  const run = live();
  const fell = run.exits();
  expect([fell.mode, fell.state, types(fell), tags(fell)]).toEqual([
    ...['restarting', 'healing', ['run.app-healing'], ['examine']],
  ]);
  const seeking = run.examined(['Error: gone']);
  expect(asked(seeking, 'recover')).toMatchObject({
    ...{ step: 'start', later: { memoryBytes: 7 }, tried: [] },
    evidence: { tail: 'Error: gone', exitCode: 1, log: '' },
  });
  expect(tags(run.fixed('build'))).toEqual(['halt']);
  const sent = run.halted();
  expect(tags(sent)).toEqual(['step build 2']);
  const { text } = sent.out.writes.find(({ path }) => path === 'fixes.json')!;
  expect(JSON.parse(text)).toMatchObject([{ rule: 'a-rule', later: true, at: expect.stringMatching(/^1970/) }]);
  run.does('build');
  const up = run.comesUp();
  expect(run.c().fixes).toMatchObject([{ rule: 'a-rule', later: true, helped: true, effect: 'start passed' }]);
  // What is done once is not done again.
  expect(tags(up).sort()).toEqual(['look app-2', 'note', 'watch app-2']);
  expect(types(up)).toEqual(['run.step-ended', 'run.app-healed']);
  expect(up.out.facts.at(-1)).toMatchObject({ service: 'web', rules: ['a-rule'], downMs: 6_000, url: 'http://h/' });
  expect(up).toMatchObject({ mode: 'up', state: 'up', recovery: null, heals: 1, downMs: 6_000, downSince: null });
});

test('what was ended for a repair is started again, also where the repair is said to change only what comes after', () => {
  const run = live();
  run.falls();
  run.examined();
  run.fixed('prove');
  expect(tags(run.halted())).toEqual(['step start 2']);
});

test('one that is alive and not well is left as it is where nothing helps, looked at, and may be well again', () => {
  const run = live();
  expect(types(run.falls())).toEqual(['run.app-unwell', 'run.app-healing']);
  run.examined();
  const left = run.helpless();
  expect([left.mode, left.state, types(left), tags(left)]).toEqual([
    ...['up', 'up', ['run.app-helpless'], ['look app-1']],
  ]);
  expect(asked(left, 'look app-1')).toMatchObject({ well: false });
  const well = run.hear('look app-1', { type: 'monitor.recovered', service: 'web', downMs: 5, since: 9 });
  expect([types(well), well.downSince]).toEqual([['run.app-well'], null]);
});

test('one that ends while a repair is sought for it is lost where none is known', () => {
  const run = live();
  run.falls();
  run.exits(3);
  run.examined();
  const over = run.helpless();
  expect(over.out.facts).toMatchObject([{ type: 'run.app-exited', exitCode: 3, error: { code: 'COMMAND_FAILED' } }]);
  expect([over.mode, over.state]).toEqual(['ending', 'failed']);
});

test.each([
  [0, {}],
  [143, {}],
  [null, { signal: 'SIGTERM' }],
])('one that was asked to end (%s) is not repaired', (exitCode, more) => {
  const over = live().exits(exitCode as number, { exitCode, ...more });
  expect([over.mode, types(over)]).toEqual(['ending', ['run.app-exited']]);
});

test('a person who stops the run while it is repaired ends it at once, whatever is at work; late answers change nothing', () => {
  for (const until of [0, 1, 2, 3, 4]) {
    const run = live();
    const todo = [() => run.exits(), () => run.examined(), () => run.fixed('build'), () => run.halted()];
    for (const one of todo.slice(0, until)) one();
    const over = run.go({ type: 'run.stop', reason: 'stop' });
    expect([over.mode, over.state, over.recovery, tags(over)]).toEqual(['ending', 'done', null, ['sweep']]);
    for (const one of todo.slice(until)) expect(tags(one())).toEqual([]);
    expect(run.hear('sweep', { type: 'runner.swept', left: [] }).mode).toBe('ended');
  }
});

test('a folder that cannot be written ends a run that is being repaired, with that cause', () => {
  const run = live();
  run.exits();
  run.examined();
  const error = fail('STATE_UNWRITABLE').toRecord();
  const over = run.go({ type: 'recordFailed', error });
  expect(over.out.facts).toMatchObject([{ type: 'run.app-exited', exitCode: 1, error: { code: 'STATE_UNWRITABLE' } }]);
  expect([over.mode, over.state, over.recovery]).toEqual(['ending', 'failed', null]);
});

test('a repair that does not help is undone and the next is tried; when none is left the run ends with the cause', () => {
  const run = live();
  run.falls();
  run.examined();
  run.fixed('start', 'first');
  run.halted();
  run.does('start', { type: 'runner.started', app: 'app-2', pid: 2 });
  // Another failure of the proof is the same as before: it does not answer well.
  const second = run.does('prove', { type: 'health.failed', ...failure, error: fail('INTERRUPTED').toRecord() });
  expect(second.fixes).toMatchObject([{ rule: 'first', helped: false }]);
  expect(asked(second, 'heal prove')).toMatchObject({ tried: [{ rule: 'first' }], later: {} });
  const retried = run.fixed('build', 'second', 'heal prove');
  expect(tags(retried)).toEqual(['step build 2']);
  run.does('build', { type: 'setup.failed', ...failure });
  // What it was for stands again.
  run.helpless('heal prove');
  const judge = run.c().out.asks.find(({ tag }) => tag.startsWith('judge'))!;
  const over = run.hear(judge.tag, { type: 'slots.judged', decision: { option: 'report' } });
  expect(over.fixes.map(({ helped }) => helped)).toEqual([false, false]);
  expect(over.overlay).toEqual(emptyOverlay);
  expect([over.mode, over.state, types(over)]).toEqual(['ending', 'failed', ['run.app-exited']]);
});

test('it is not repaired for ever: after three repairs of a phase it is lost, unless it has been well for long', () => {
  const run = live();
  for (let n = 0; n < 3; n += 1) run.repaired();
  const over = run.exits();
  expect(over.out.facts).toMatchObject([
    { type: 'run.app-exited', error: { code: 'REPAIRS_SPENT', message: expect.stringContaining('repaired 3 times') } },
  ]);
  const well = live();
  for (let n = 0; n < 3; n += 1) well.repaired();
  // It is watched on, and not told again of the same.
  expect(asked(well.steady(), 'look app-4')).toMatchObject({ well: true, steady: true });
  expect(well.repaired().heals).toBe(4);
});

test('one that ends with a private server is started again when that is up, and only then repaired', () => {
  const run = live();
  run.hear('server watch', { type: 'database.fell', kind: 'postgres', reason: 'it was ended by SIGKILL' });
  const waits = run.exits();
  expect([waits.state, types(waits), tags(waits)]).toEqual(['healing', ['run.app-healing'], []]);
  const back = run.hear('server revive postgres', { type: 'database.revived', kind: 'postgres', port: 5432 });
  expect([back.state, types(back)]).toEqual(['up', ['run.server-restarted', 'run.app-fell']]);
  run.due();
  run.halted();
  const failing = run.does('start', { type: 'runner.failed', ...failure });
  expect([failing.state, tags(failing)]).toEqual(['healing', ['recover']]);

  // Its end may be heard of before that of the server.
  const first = live();
  first.exits();
  first.examined();
  first.hear('server watch', { type: 'database.fell', kind: 'postgres', reason: 'it was ended by SIGKILL' });
  expect(tags(first.fixed('start'))).toEqual([]);
  const late = first.hear('server revive postgres', { type: 'database.revived', kind: 'postgres', port: 5432 });
  expect(types(late)).toEqual(['run.server-restarted', 'run.app-fell']);
});

test('by its policy one is started again first; a start that fails is repaired at once, and the next start tried where nothing helps', () => {
  const run = live('on-failure');
  expect(types(run.exits())).toEqual(['run.app-fell']);
  run.due();
  run.halted();
  const failing = run.does('start', { type: 'runner.failed', ...failure });
  expect([types(failing).at(-1), tags(failing)]).toEqual(['run.app-healing', ['recover']]);
  const again = run.helpless();
  expect([again.mode, again.state, types(again)]).toEqual(['restarting', 'up', ['run.app-fell']]);
  run.due();
  run.halted();
  run.does('start', { type: 'runner.failed', ...failure });
  run.fixed('start');
  run.halted();
  const up = run.comesUp();
  expect(up.out.facts.at(-1)).toMatchObject({ type: 'run.app-healed' });
  expect((up.out.facts.at(-1) as unknown as { downMs: number }).downMs).toBe(up.downMs);
});

test('one that answers badly is started again twice by its policy, then repaired; after long health it is twice again', () => {
  const run = live('always');
  const restarted = () => {
    expect(types(run.falls())).toEqual(['run.app-unwell', 'run.app-fell']);
    run.due();
    run.halted();
    run.comesUp();
  };
  restarted();
  restarted();
  expect(types(run.falls())).toEqual(['run.app-unwell', 'run.app-healing']);
  run.examined();
  run.fixed('start');
  run.halted();
  run.comesUp();
  run.steady();
  restarted();
});

test('a run that was begun before there were repairs of this kind goes on, and is repaired', () => {
  const {
    recovery: _,
    budgetFrom: __,
    downSince: ___,
    downMs: ____,
    heals: _____,
    unwellAgain: ______,
    ...old
  } = live().c();
  const { context } = definitions.run!.migrate!({ value: 'up', context: old }, 3);
  const c = walk(
    workflow,
    context as RunContext,
    answered('watch app-1', { type: 'runner.exited', exitCode: 1 }, 9_000),
  );
  expect([c.state, tags(c)]).toEqual(['healing', ['examine']]);
});

interface Choice {
  pick: number;
  isGood: boolean;
  from: number;
  exitCode: number;
  stops: boolean;
}
const choice: fc.Arbitrary<Choice> = fc.record({
  pick: fc.nat(9),
  isGood: fc.nat(3).map((n) => n > 0),
  from: fc.nat(2),
  exitCode: fc.constantFrom(0, 1, 1, 1, 1, 137),
  stops: fc.nat(200).map((n) => n === 0),
});
const waitsLong = (tag: string): boolean => /^(watch|look) /.test(tag);

/** Lives a run with falls of all kinds in any order, and looks at every turn whether it can go on. */
function fate(policy: Policy, choices: Choice[]): { facts: string[]; spells: number[] } {
  const job = { workflow: 'mine', source: '', ref: null, service: null, copy: false, user: 'local', restart: policy };
  const open = new Map<string, Message>();
  const facts: string[] = [];
  /** Repairs tried between two times of long health. */
  const spells = [0];
  let c = unborn;
  let [now, apps, rules] = [1_000, 0, 0];
  const hear = (event: Walked): void => {
    const before = JSON.stringify(c);
    c = walk(workflow, c, event);
    expect(JSON.stringify(walk(workflow, JSON.parse(before), event))).toBe(JSON.stringify(c));
    expect([c.state === 'healing', c.mode === 'restarting' && c.recovery !== null]).toEqual(
      c.recovery ? [true, true] : [false, false],
    );
    if (c.mode !== 'ended') expect(nextWake(c), JSON.stringify(c.recovery)).not.toEqual([]);
    for (const fact of c.out.facts) {
      facts.push(fact.type);
      if (fact.type === 'run.fix-tried') spells.push(spells.pop()! + 1);
    }
    for (const one of c.out.asks) {
      if (one.tag === 'note' || /^leave/.test(one.tag)) continue;
      expect(open.has(one.tag), `${one.tag} is asked while it is open`).toBe(false);
      open.set(one.tag, one.command as Message);
    }
  };
  const answer = (tag: string, { isGood, from, exitCode }: Choice): void => {
    const command = open.get(tag)! as unknown as { well?: boolean; steady?: boolean };
    open.delete(tag);
    now += 500;
    const [what, id] = tag.split(' ') as [string, string];
    const give = (fact: object): void => hear(answered(tag, fact, now));
    if (what === 'step') {
      if (!isGood) return give({ type: 'x.failed', ...failure });
      if (id === 'start') apps += 1;
      return give({
        type: 'x.done',
        ...(id === 'start' ? { app: `app-${apps}` } : { proof: { status: 200, url: null } }),
      });
    }
    if (what === 'recover' || what === 'heal') {
      if (!isGood) return give({ type: 'fixer.helpless', ...failure, cause: null });
      rules += 1;
      const rule = `r${rules}`;
      const back = ['build', 'start', 'prove'][from]!;
      return give({
        ...{ type: 'fixer.fixed', rule, cause: 'c', actions: [], signature: rule, from: back },
        overlay: { ...emptyOverlay, env: { [rule]: 'yes' } },
      });
    }
    if (what === 'watch') return give({ type: 'runner.exited', exitCode, signal: null, lines: [] });
    if (what === 'look') {
      if (command.well === false) return give({ type: 'monitor.recovered', downMs: 1, since: now });
      if (isGood || command.steady) return give({ type: 'monitor.fell', reason: 'bad', since: now });
      const isHeard = c.mode === 'up' && id in c.held;
      give({ type: 'monitor.steady', since: now });
      if (isHeard) spells.push(0);
      return;
    }
    give({ type: 'x.done', left: [], lines: [], decision: { option: 'report' } });
  };
  hear({ type: 'run.start', run: 'r1', job, bundle: '/b', at: now });
  const rest: Choice = { pick: 0, isGood: true, from: 0, exitCode: 1, stops: false };
  for (let n = 0; c.mode !== 'ended'; n += 1) {
    if (n > 2_000) throw new Error('it goes on without end');
    const how = choices[n] ?? rest;
    const all = [...open.keys()].filter((tag) => n < choices.length || !waitsLong(tag));
    if (how.stops || (all.length === 0 && c.dueAt === null)) hear({ type: 'run.stop', reason: 'stop' });
    else if (c.dueAt !== null && (how.pick % 2 === 0 || all.length === 0)) {
      now = Math.max(now, c.dueAt);
      hear({ type: 'due', at: now });
    } else answer(all[how.pick % all.length]!, how);
  }
  return { facts, spells };
}

test('whatever falls and whatever is answered, a run that is repaired goes on, is bounded, and every repair comes to an end', () => {
  let healed = 0;
  fc.assert(
    fc.property(
      fc.constantFrom<Policy>('no', 'on-failure', 'always'),
      fc.array(choice, { minLength: 40, maxLength: 120 }),
      (policy, choices) => {
        const { facts, spells } = fate(policy, choices);
        expect(facts.filter((type) => type === 'run.settled')).toHaveLength(1);
        expect(facts.at(-1)).toBe('run.ended');
        // Those of its first run count for themselves.
        for (const tried of spells) expect(tried).toBeLessThanOrEqual(8);
        const ends = ['run.app-healed', 'run.app-helpless', 'run.app-exited', 'run.app-fell', 'run.stopping'];
        const story = facts.filter((type) => type === 'run.app-healing' || ends.includes(type));
        story.forEach((type, at) => {
          if (type === 'run.app-healing') expect(ends, story.join(' ')).toContain(story[at + 1]);
          if (type === 'run.app-healed') expect(story[at - 1]).toBe('run.app-healing');
        });
        healed += facts.filter((type) => type === 'run.app-healed').length;
      },
    ),
    { numRuns: 150 },
  );
  expect(healed).toBeGreaterThan(50);
}, 120_000);
