/** What a run that was forked starts with. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { changedStep, keptSteps, moved, seedOf } from '../../actors/run/fork.js';
import { type RunContext, unborn } from '../../actors/run/state.js';
import { walk } from '../../actors/run/walk.js';
import { repoRun } from '../../workflows/repo-run.js';

const job = { workflow: 'repo-run' as const, source: '/r', ref: null, service: null, copy: false, user: 'local' };
const began = walk(repoRun, unborn, { type: 'run.start', run: 'r1', job, bundle: '/b', at: 1 });
const ids = repoRun.steps.map(({ id }) => id);
/** A run of which these steps have ended well. */
const after = (done: readonly string[]): RunContext => {
  const c = structuredClone(began);
  for (const id of done) {
    c.steps[id] = { ...c.steps[id]!, state: 'done', attempt: 1 };
    c.results[id] = { root: `/b/${id}` };
  }
  return c;
};
const step = fc.constantFrom(...ids);

test('a step is kept only if all it needs is kept, it has ended, and nothing of it lives', () => {
  fc.assert(
    fc.property(fc.subarray(ids), step, fc.subarray(ids), (done, from, gone) => {
      const kept = keptSteps(repoRun, after(done), from, gone);
      for (const { id, needs, phase } of repoRun.steps)
        if (kept.includes(id)) {
          expect((needs ?? []).filter((need) => !kept.includes(need))).toEqual([]);
          expect(done).toContain(id);
          expect([from, ...gone]).not.toContain(id);
          expect(['run', 'prove']).not.toContain(phase);
        }
      if (done.length === ids.length && from === 'start' && gone.length === 0)
        expect(kept).toEqual(ids.filter((id) => !['port', 'start', 'prove'].includes(id)));
    }),
  );
});

test('a run that starts with a seed asks only for what was not kept, and first for what is ready', () => {
  fc.assert(
    fc.property(fc.subarray(ids), step, (done, from) => {
      const old = after(done);
      const kept = keptSteps(repoRun, old, from);
      const seed = seedOf(old, from, kept, [['/b', '/c']]);
      const c = walk(repoRun, unborn, { type: 'run.start', run: 'r2', job, bundle: '/c', at: 5, seed });
      const asked = c.out.asks.map(({ tag }) => tag.split(' ')[1]!);
      expect(asked.filter((id) => kept.includes(id))).toEqual([]);
      expect(asked.length).toBeGreaterThan(0);
      for (const id of kept) expect(c.results[id]).toEqual({ root: `/c/${id}` });
      expect(c.out.facts[0]).toEqual({ type: 'run.started', source: '/r', fork: { run: 'r1', from, kept } });
    }),
  );
});

test('input that would have changed a kept step is found at the first such step; that it works on a copy is none', () => {
  const old = after(ids);
  expect(changedStep(repoRun, old, ['fetch', 'stack'], { ...job, copy: true })).toBe(null);
  expect(changedStep(repoRun, old, ['fetch', 'stack'], { ...job, service: 'web' })).toBe('stack');
  expect(changedStep(repoRun, old, ['fetch', 'stack'], { ...job, ref: 'v2', service: 'web' })).toBe('fetch');
  expect(changedStep(repoRun, old, [], { ...job, source: '/other' })).toBe(null);
});

test('folders are moved where they begin a text, and nowhere else', () => {
  const value = { root: '/b', file: '/b/x', other: '/bc/x', said: 'in /b/x', list: ['/b/y', 1, null] };
  expect(moved(value, [['/b', '/c']])).toEqual({
    root: '/c',
    file: '/c/x',
    other: '/bc/x',
    said: 'in /b/x',
    list: ['/c/y', 1, null],
  });
});

test('a step that no workflow has is refused by name', () => {
  expect(() => keptSteps(repoRun, began, 'cook')).toThrow(/cook is no step/);
});
