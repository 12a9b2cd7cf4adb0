/** Parts of a run while they are brought up: each is mended for itself. What becomes of them later: parts-later.test.ts. */
import { expect, test } from 'vitest';
import { type RunContext, unborn, type Walked } from '../../actors/run/state.js';
import { nextWake } from '../../actors/run/wake.js';
import { walk } from '../../actors/run/walk.js';
import { emptyOverlay } from '../../agents/fixer/contract.js';
import type { Answered, Message } from '../../runtime/actor.js';
import { fail } from '../../runtime/errors.js';
import type { Step, Workflow } from '../../runtime/workflow.js';

const ask = (id: string, needs: string[] = []): Step => ({
  ...{ id, to: 'worker', command: 'worker.work', needs, good: ['worker.worked'], heal: true },
  with: { env: '$overlay.env' },
});
const one: Workflow = {
  ...{ name: 'one', version: 1, mends: true, agents: ['fixer'] },
  steps: [ask('build'), ask('start', ['build'])],
  scope: ({ input, overlay, results }) => ({ overlay, service: input.of, cwd: '/w', ...results }),
};
const all: Workflow = {
  ...{ name: 'all', version: 1, uses: { one } },
  steps: [
    { id: 'parts', workflow: 'one', forEach: '$input.of', with: { of: '$item' }, concurrency: 2, keepGoing: 'any' },
  ],
};
const job = { workflow: 'all', source: '', ref: null, service: null, copy: false, user: 'local' };
const begun = walk(all, unborn, {
  ...{ type: 'run.start', run: 'r1', bundle: '/b', at: 1_000 },
  job: { ...job, input: { of: [{ name: 'api' }, { name: 'web' }] } },
});
const tell = (c: RunContext, tag: string, fact: object): RunContext =>
  walk(all, c, {
    type: 'answered',
    tag,
    fact: fact as Message,
    error: null,
    at: c.clockedAt + 10,
  } as Answered as Walked);
const worked = (c: RunContext, tag: string): RunContext => tell(c, tag, { type: 'worker.worked' });
const broke = (c: RunContext, tag: string, met: string): RunContext =>
  tell(c, tag, { type: 'worker.failed', error: fail('COMMAND_FAILED', { command: met }).toRecord() });
const fixed = (c: RunContext, key: string, name: string, from: string): RunContext =>
  tell(c, `heal ${key}`, {
    ...{ type: 'fixer.fixed', rule: 'r', cause: 'c', actions: [], signature: name, from },
    overlay: { ...emptyOverlay, env: { [name]: '1' } },
  });
const tags = (c: RunContext): string[] => c.out.asks.map(({ tag }) => tag);
const command = (c: RunContext, tag: string) =>
  c.out.asks.find((one) => one.tag === tag)!.command as Record<string, unknown>;

test('a fix of one part sends that part back and is laid over no other', () => {
  let c = worked(worked(begun, 'step parts[0].build 1'), 'step parts[1].build 1');
  c = broke(c, 'step parts[0].start 1', 'a');
  expect(tags(c)).toEqual(['heal parts[0].start']);
  expect(command(c, 'heal parts[0].start')).toMatchObject({
    service: { name: 'api' },
    tried: [],
    overlay: { env: {} },
  });
  expect(nextWake(c)).toContainEqual({ for: 'fix', step: 'parts[0].start', until: null });
  c = fixed(c, 'parts[0].start', 'A', 'build');
  expect(tags(c)).toEqual(['step parts[0].build 2']);
  expect(command(c, 'step parts[0].build 2')).toMatchObject({ env: { A: '1' } });
  expect(c.out.facts[0]).toMatchObject({ type: 'run.fix-tried', fix: { of: 'api', step: 'start', helped: null } });
  // Meanwhile the other fails, and is asked about with nothing of the first.
  c = broke(c, 'step parts[1].start 1', 'b');
  expect(command(c, 'heal parts[1].start')).toMatchObject({
    service: { name: 'web' },
    tried: [],
    overlay: { env: {} },
  });
  c = fixed(c, 'parts[1].start', 'B', 'start');
  expect(command(c, 'step parts[1].start 2')).toMatchObject({ env: { B: '1' } });
  c = worked(c, 'step parts[1].start 2');
  expect(c.out.facts).toContainEqual(
    expect.objectContaining({ type: 'run.fix-judged', fix: expect.objectContaining({ of: 'web', helped: true }) }),
  );
  c = worked(worked(c, 'step parts[0].build 2'), 'step parts[0].start 2');
  expect(c.result).toMatchObject({
    outcome: 'healthy',
    fixes: [
      { of: 'api', helped: true },
      { of: 'web', helped: true },
    ],
  });
});

test('what names a step before the part sends it back to its beginning, and what did not help is taken back there alone', () => {
  let c = worked(begun, 'step parts[0].build 1');
  c = fixed(broke(c, 'step parts[0].start 1', 'a'), 'parts[0].start', 'A', 'needs');
  expect(tags(c)).toEqual(['step parts[0].build 2']);
  c = broke(worked(c, 'step parts[0].build 2'), 'step parts[0].start 2', 'a');
  expect(c.out.facts).toContainEqual(
    expect.objectContaining({ type: 'run.fix-judged', fix: expect.objectContaining({ helped: false }) }),
  );
  expect(command(c, 'heal parts[0].start')).toMatchObject({ overlay: { env: {} }, tried: [{ signature: 'A' }] });
  expect(tags(fixed(c, 'parts[0].start', 'B', 'start'))).toEqual(['step parts[0].build 3']);
});

test('each part has its own budget, and one that is given up leaves the others what is theirs', () => {
  let c = worked(worked(begun, 'step parts[0].build 1'), 'step parts[1].build 1');
  for (const n of [1, 2, 3])
    c = fixed(broke(c, `step parts[0].start ${n}`, `a${n}`), 'parts[0].start', `A${n}`, 'start');
  c = broke(c, 'step parts[0].start 4', 'a4');
  expect(tags(c)).toEqual(['judge parts[0].start']);
  c = tell(c, 'judge parts[0].start', { type: 'slots.judged', decision: { option: 'report' } });
  expect([c.steps['parts[0]']!.state, c.mode]).toEqual(['failed', 'walking']);
  c = broke(c, 'step parts[1].start 1', 'b');
  expect(tags(c)).toEqual(['heal parts[1].start']);
  c = worked(fixed(c, 'parts[1].start', 'B', 'start'), 'step parts[1].start 2');
  expect(c.result!.fixes.map(({ of, helped }) => `${of} ${helped}`)).toEqual([
    'api true',
    'api true',
    'api true',
    'web true',
  ]);
  expect(c.result).toMatchObject({ outcome: 'healthy', services: [] });
});
