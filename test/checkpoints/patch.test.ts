import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Patch, patched, patchOf } from '../../checkpoints/patch.js';

type Json = Record<string, unknown>;
const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
const key = fc.constantFrom('a', 'b', 'c', '', '0', 'toString', '__proto__', 'constructor');
const value = fc.jsonValue({ maxDepth: 3 });
/** An object that shares most of itself with the one before, as a turn leaves it. */
const change = (before: unknown, path: string[], to: unknown): unknown => {
  const [first, ...rest] = path;
  if (first === undefined) return to;
  if (before === null || typeof before !== 'object' || Array.isArray(before)) return to;
  const after = { ...(before as Json) };
  const inner = change((before as Json)[first], rest, to);
  if (inner === undefined) delete after[first];
  else Object.defineProperty(after, first, { value: inner, enumerable: true, configurable: true, writable: true });
  return after;
};
const changes = fc.array(
  fc.record({ path: fc.array(key, { maxLength: 8 }), to: fc.option(value, { nil: undefined }) }),
  { minLength: 1, maxLength: 6 },
);

test('what was before and what has changed make what is now, whatever changed', () => {
  fc.assert(
    fc.property(fc.dictionary(key, value), changes, (before, made) => {
      const after = made.reduce<unknown>((now, { path, to }) => change(now, path, to) ?? {}, before);
      const patch = patchOf(before, after);
      const told = patch === null ? copy(before) : patched(copy(before), copy(patch) as Patch);
      expect(JSON.stringify(sorted(told))).toBe(JSON.stringify(sorted(copy(after))));
    }),
    { numRuns: 2_000 },
  );
});
const sorted = (one: unknown): unknown => {
  if (one === null || typeof one !== 'object') return one;
  if (Array.isArray(one)) return one.map(sorted);
  return Object.entries(one)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, inner]) => [name, sorted(inner)]);
};

test('of a large state only what a turn touched is told', () => {
  const steps = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`s${n}`, { state: 'pending', ms: 0 }]));
  const before = { state: { value: 'up', context: { steps, job: { source: 'x' } } }, turn: 1 };
  const after = {
    state: {
      value: 'up',
      context: { steps: { ...steps, s7: { state: 'done', ms: 3 } }, job: before.state.context.job },
    },
    turn: 2,
  };
  expect(patchOf(before, after)).toEqual({
    s: { turn: 2 },
    p: { state: { p: { context: { p: { steps: { p: { s7: { s: { state: 'done', ms: 3 } } } } } } } } },
  });
});
