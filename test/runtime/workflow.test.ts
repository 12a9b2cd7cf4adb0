/** Definitions: what is wrong with one is said by name; the table of transitions; prints; drawings. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { definitions } from '../../actors/registry.js';
import { workflowsOf } from '../../actors/workflows.js';
import { packageRoot } from '../../runtime/program.js';
import { faults } from '../../runtime/workflow/check.js';
import { draw } from '../../runtime/workflow/draw.js';
import { differences, graphOf } from '../../runtime/workflow/graph.js';
import { isOver, next, type StepEvent, type StepState, transitions } from '../../runtime/workflow/transitions.js';
import type { Step, Workflow } from '../../runtime/workflow.js';
import { Definition, Step as StepSchema } from '../../workflows/contract.js';
import { ownWorkflows } from '../../workflows/registry.js';

const ask = (id: string, needs: string[] = [], more: Partial<Step> = {}): Step => ({
  id,
  to: 'worker',
  command: 'worker.work',
  needs,
  ...more,
});
const flow = (...steps: Step[]): Workflow => ({ name: 'mine', version: 1, steps });
const kinds = { worker: { commands: ['worker.work'], facts: ['worker.worked'] } };
const find = (name: string): Workflow | null =>
  ({ other: { ...flow(ask('a')), name: 'other' }, back: { ...flow({ id: 'x', workflow: 'mine' }), name: 'back' } })[
    name
  ] ?? null;

test.each<[string, Step[], RegExp]>([
  [
    'a circle, with its members',
    [ask('a', ['c']), ask('b', ['a']), ask('c', ['b'])],
    /^a → c → b → a: each waits for the next$/,
  ],
  ['a step that waits for itself', [ask('a', ['a'])], /^a waits for itself$/],
  [
    'what follows a circle',
    [ask('a', ['b']), ask('b', ['a']), ask('late', ['b'])],
    /^late can never begin: it waits for b$/,
  ],
  ['needs that never come', [ask('a', ['nobody'])], /^a needs nobody, which is no step: it never comes$/],
  ['an unknown agent', [ask('a', [], { to: 'nobody' })], /^a asks nobody, which is no agent; there are worker$/],
  [
    'an unknown command',
    [ask('a', [], { command: 'worker.rest' })],
    /^a asks worker for worker.rest; it hears worker.work$/,
  ],
  [
    'a fact nobody says',
    [ask('a', [], { good: ['worker.rested'] })],
    /^a waits for worker.rested, which worker never says$/,
  ],
  [
    'an unknown compensation',
    [ask('a', [], { compensate: { to: 'worker', command: 'worker.undo' } })],
    /^the compensation of a asks worker for worker.undo/,
  ],
  ['two of one name', [ask('a'), ask('a')], /^two steps are called a$/],
  ['a step that says nothing', [{ id: 'a' }], /^a says not what it does/],
  ['a step that says two things', [ask('a', [], { signal: 'x' })], /^a says to and signal; one of/],
  ['a name no key can hold', [ask('a.b')], /^a.b is no name for a step/],
  ['a name that is a word of the scope', [ask('input')], /which is a word of the scope$/],
  [
    'a path to a step it does not wait for',
    [ask('a'), ask('b', [], { with: { x: '$a.y' } })],
    /^b names \$a.y and does not need a, so it may not be there yet$/,
  ],
  ['a path nothing gives', [ask('a', [], { when: 'nothing' })], /^a names \$nothing, which nothing gives$/],
  ['$item without a list', [ask('a', [], { with: { x: '$item' } })], /^a names \$item, which nothing gives$/],
  ['an unknown workflow', [{ id: 'a', workflow: 'nobody' }], /^a does nobody, which is no workflow$/],
  ['one that would do itself', [{ id: 'a', workflow: 'back' }], /^mine → back → mine: it would do itself without end$/],
  ['what cannot be healed', [{ id: 'a', signal: 'x', heal: true }], /^a cannot be healed/],
  ['instances of nothing', [ask('a', [], { concurrency: 2 })], /^a says how its instances go, but has no forEach$/],
  [
    'an option nobody can choose',
    [{ id: 'a', approval: { question: 'q', passes: ['maybe'] } }],
    /^a goes on with maybe, which is none of its options$/,
  ],
])('%s is named', (_, steps, said) => {
  const found = faults(flow(...steps), { kinds, find });
  expect(
    found.filter((one) => said.test(one)),
    found.join('\n'),
  ).toHaveLength(1);
});

test('a whole definition has no fault, and ours are whole by the agents there are', () => {
  const whole = flow(
    ask('a', [], { forEach: '$input.list', with: { x: '$item', n: '$index' } }),
    { id: 'b', workflow: 'other', needs: ['a'], with: { all: '$a.items' } },
    { id: 'c', timer: { sleepMs: 10 }, needs: ['b'], when: '$b.a' },
  );
  expect(faults(whole, { kinds, find })).toEqual([]);
  const all = workflowsOf('/nowhere/at/all').all();
  expect(all.map(({ name, faults: wrong }) => [name, wrong])).toEqual(
    ownWorkflows.list().map(({ name }) => [name, []]),
  );
  expect(Object.keys(definitions)).toContain('run');
});

test('the example of docs/workflows.md is whole, and every field of a step is told there', () => {
  const page = readFileSync(join(packageRoot(), 'docs/workflows.md'), 'utf8');
  const [, yaml] = /```yaml\n([\s\S]*?)```/.exec(page)!;
  expect(workflowsOf('/nowhere/at/all').checkText(yaml!)).toEqual({ name: 'release', faults: [] });
  const fields = [...Object.keys(StepSchema.shape), ...Object.keys(Definition.shape)];
  for (const field of fields) expect(page, field).toMatch(new RegExp(`\`${field}\``));
  for (const { name } of ownWorkflows.list()) expect(page).toContain(`| \`${name}\` |`);
});

test('only what is over can be sent back without being given up, and nothing but the table is legal', () => {
  const states = Object.keys(transitions) as StepState[];
  const events: StepEvent[] = ['begin', 'queue', 'wait', 'skip', 'succeed', 'fail', 'pause', 'mend', 'back', 'cancel'];
  for (const state of states)
    for (const event of events) {
      const to = transitions[state][event];
      if (to === undefined) expect(() => next(state, event, 'x')).toThrow(`the step x is ${state} and cannot ${event}`);
      else expect(states).toContain(to);
      // What is open can be cancelled, what is over cannot; a result is left only by going back.
      if (event === 'cancel') expect(to !== undefined).toBe(!isOver(state));
      if (state === 'done' && to !== undefined) expect(event).toBe('back');
    }
});

test('a definition is known again by what its results depend on, and what differs is said', () => {
  const before = graphOf(flow(ask('a'), ask('b', ['a']))).flow;
  const same = graphOf(flow(ask('a', [], { timeoutMs: 5 }), ask('b', ['a']), ask('c', ['b']))).flow;
  expect(same.print).not.toBe(before.print);
  expect(differences(before, same, ['a', 'b'])).toEqual([]);
  const other = graphOf(flow(ask('b', [], { command: 'worker.rest' }))).flow;
  expect(differences(before, other, ['a', 'b'])).toEqual([
    'the step a is gone',
    'the step b asks worker for worker.work after a; now it asks worker for worker.rest at once',
  ]);
  expect(differences(before, other, [])).toEqual([]);
});

test('a drawing has a box for each step, an arrow for each need and a frame for each phase', () => {
  const drawn = draw(ownWorkflows.find('repo-run')!);
  const { steps } = ownWorkflows.find('repo-run')!;
  for (const { id, needs = [] } of steps) {
    expect(drawn).toMatch(new RegExp(`^    ${id}\\["${id}<br/>`, 'm'));
    for (const need of needs) expect(drawn).toContain(`  ${need} --> ${id}\n`);
  }
  expect(drawn.match(/-->/g)).toHaveLength(steps.flatMap(({ needs = [] }) => needs).length);
  expect(drawn.match(/subgraph/g)).toHaveLength(new Set(steps.map(({ phase }) => phase)).size);
});
