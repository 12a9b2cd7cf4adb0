import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Learned } from '../../../agents/fixer/contract.js';
import { forget, type Judged, learn, readLearned } from '../../../agents/fixer/learned.js';
import { heal } from '../../../agents/fixer/match.js';
import { rules } from '../../../agents/fixer/rules/index.js';
import { healOf, lookOf } from './case.js';

function cache(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rr-learned-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'learned-fixes.json');
}
const one = (helped: boolean | null, more: Partial<Judged> = {}): Judged => ({
  rule: 'missing-env',
  phase: 'run',
  cause: 'API_WORD is not set',
  signature: 'missing-env: API_WORD',
  actions: [{ do: 'set-env', name: 'API_WORD', value: 'from the example' }],
  helped,
  ...more,
});

test('each fix of a run is counted once, however often it is told, and its values are not kept', async () => {
  const place = cache();
  await learn(place, 'r1', [one(null)], 0);
  expect(readLearned(place)).toEqual([]);
  await learn(place, 'r1', [one(true)], 0);
  await learn(place, 'r1', [one(true)], 1);
  await learn(place, 'r2', [one(false)], 2);
  expect(readLearned(place)).toMatchObject([
    {
      rule: 'missing-env',
      successes: 1,
      failures: 1,
      runs: ['r1', 'r2'],
      actions: [{ do: 'set-env', name: 'API_WORD' }],
    },
  ]);
  expect(readFileSync(place, 'utf8')).not.toContain('from the example');
});

test('what many learn at once is all kept', async () => {
  const place = cache();
  await Promise.all(Array.from({ length: 20 }, (_, n) => learn(place, `r${n}`, [one(true)], n)));
  expect(readLearned(place)).toMatchObject([{ successes: 20 }]);
});

test('a file that is broken is as one that is not there, and is written anew', async () => {
  const place = cache();
  writeFileSync(place, '{"format":1,"fixes":[{');
  expect(readLearned(place)).toEqual([]);
  await learn(place, 'r1', [one(true)], 0);
  expect(readLearned(place)).toHaveLength(1);
});

test('one, all of a rule, or all are forgotten', async () => {
  const place = cache();
  const second = one(true, { rule: 'heap', cause: 'other', signature: 'heap: heap' });
  await learn(place, 'r1', [one(true), second], 0);
  expect(await forget(place, 'missing-env')).toBe(1);
  expect(await forget(place, 'no-such')).toBe(0);
  expect(await forget(place, readLearned(place)[0]!.id)).toBe(1);
  expect(readLearned(place)).toEqual([]);
});

const tail =
  'npm error code EBADENGINE\nnpm error notsup Not compatible with your version of node/npm: a@1.0.0\nnpm error notsup Required: {"node":">=22 <23"}\n';
const knows = (rule: string, cause: string, signature: string, successes: number, failures: number): Learned => ({
  id: rule,
  rule,
  phase: 'setup',
  cause,
  signature,
  actions: [],
  successes,
  failures,
  at: '',
  runs: [],
});
const engine = (successes: number, failures: number): Learned =>
  knows('node-engine', 'a@1.0.0 wants node >=22 <23', 'node-engine: >=22 <23', successes, failures);
const strict = (successes: number, failures: number, node = '>=22 <23'): Learned =>
  knows(
    'engine-strict',
    `a@1.0.0 wants node ${node}, which is not to be had; its claim is not enforced (degraded)`,
    'engine-strict: engine-strict',
    successes,
    failures,
  );

test.each<[string, Learned[], string]>([
  ['nothing is learned', [], 'node-engine'],
  ['it helped', [engine(1, 0)], 'node-engine'],
  ['the other helped', [strict(1, 0)], 'engine-strict'],
  ['the other helped for another cause', [strict(3, 0, '>=30')], 'node-engine'],
  ['it did not help', [engine(0, 1)], 'engine-strict'],
  ['neither did', [engine(0, 1), strict(0, 1)], 'node-engine'],
  ['it helped less often than not', [engine(1, 2)], 'engine-strict'],
])('where %s, what is tried is as it should be', (_, learned, rule) => {
  expect(heal(healOf({ step: 'deps', tail }), lookOf({}), rules, learned)).toMatchObject({ type: 'fixer.fixed', rule });
});
