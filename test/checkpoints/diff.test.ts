/** Differences that can be applied, and that are small where little changed. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { apply, diff, pathText } from '../../checkpoints/diff.js';

const json = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<unknown>;
/** As it would come from a file: `-0` is 0 there. */
const filed = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
/** A value and one that differs from it here and there. */
const pair = fc.oneof(
  fc.tuple(json, json),
  fc.tuple(fc.dictionary(fc.string(), json), fc.dictionary(fc.string(), json)).map(([a, b]) => [a, { ...a, ...b }]),
  fc
    .tuple(fc.array(json), fc.array(json), fc.nat(), fc.nat())
    .map(([a, b, at, gone]) => [a, a.toSpliced(at % (a.length + 1), gone % 3, ...b)]),
);

test('the changes between two values, made to the first, give the second, and the first stays as it was', () => {
  fc.assert(
    fc.property(pair, (both) => {
      const [a, b] = both.map(filed);
      const before = JSON.stringify(a);
      expect(apply(a, diff(a, b))).toEqual(b);
      expect(JSON.stringify(a)).toBe(before);
    }),
    { numRuns: 2_000 },
  );
});

test('the same value has no changes, in whatever order its fields stand', () => {
  fc.assert(
    fc.property(json, (value) => {
      expect(diff(filed(value), filed(value))).toEqual([]);
    }),
  );
  expect(diff({ a: 1, b: 2 }, { b: 2, a: 1 })).toEqual([]);
});

test('what changed is told where it changed, not around it', () => {
  const before = { steps: { deps: { state: 'running', ms: 0 }, build: { state: 'pending' } }, list: [1, 2, 3] };
  const after = { steps: { deps: { state: 'done', ms: 0 }, build: { state: 'pending' } }, list: [1, 2, 9, 3] };
  expect(diff(before, after)).toEqual([
    { do: 'set', path: ['steps', 'deps', 'state'], was: 'running', now: 'done' },
    { do: 'splice', path: ['list'], index: 2, was: [], now: [9] },
  ]);
  expect(diff([{ a: 1 }, { a: 2 }], [{ a: 1 }, { a: 3 }])).toEqual([{ do: 'set', path: [1, 'a'], was: 2, now: 3 }]);
});

test('a path can be read back: what is no plain name stands in quotes', () => {
  expect(pathText(['steps', 'deps', 0, 'state'])).toBe('steps.deps[0].state');
  expect(pathText(['answers', 'r1/a/b', 'fact'])).toBe('answers["r1/a/b"].fact');
  expect(pathText(['', 'x.y'])).toBe('[""]["x.y"]');
});
