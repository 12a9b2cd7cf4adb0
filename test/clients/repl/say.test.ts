import { expect, test } from 'vitest';
import { sentence } from '../../../clients/repl/say.js';

const fact = (payload: Record<string, unknown>) => ({
  id: '1',
  from: 'r1/run/run-1',
  type: 'run.step-ended',
  at: '2026-01-02T03:04:05.678Z',
  payload,
});
test('a fact is one line that steers no terminal, and a long one is cut', () => {
  expect(sentence(fact({ note: 'a\nb\u001b[2J\u009b2J' }))).toBe(
    '03:04:05 r1/run/run-1 run.step-ended {"note":"a\\nb\\u001b[2J·2J"}',
  );
  const long = sentence(fact({ note: 'x'.repeat(1_000) }));
  expect([long.length < 220, long.endsWith('x…')]).toEqual([true, true]);
});
