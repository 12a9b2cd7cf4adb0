/** Runs and differences as lines of a terminal. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { diff } from '../../../checkpoints/diff.js';
import { diffLines } from '../../../clients/cli/diff-words.js';
import { paints } from '../../../clients/cli/paint.js';
import { waterfall } from '../../../clients/cli/waterfall.js';

type Timeline = Parameters<typeof waterfall>[0];
const text = fc.string({ unit: 'grapheme-ascii', maxLength: 200 });
const ms = fc.oneof(fc.nat(5_000), fc.nat(500_000_000));
const timeline: fc.Arbitrary<Timeline> = fc.record({
  run: fc.constant('20261120t220114-k3f9q2'),
  source: text,
  state: fc.constantFrom('running', 'up', 'done', 'failed', 'needs-input'),
  outcome: fc.constantFrom(null, 'healthy', 'failed'),
  error: fc.option(fc.record({ code: fc.constant('USAGE'), message: text, fix: text })),
  startedAt: fc.constant('2026-11-20T22:01:14.000Z'),
  totalMs: ms,
  fork: fc.option(fc.record({ run: text, from: text, kept: fc.array(text) })),
  steps: fc.array(
    fc.record({
      step: fc.constantFrom('fetch', 'environment', 'a-very-long-name-of-a-step'),
      phase: fc.constantFrom('detect', 'setup', 'run', 'prove', 'other'),
      attempt: fc.integer({ min: 1, max: 12 }),
      fromMs: ms,
      ms,
      ok: fc.constantFrom(true, false, null),
      note: text,
    }),
  ),
  fixes: fc.array(
    fc.record({
      atMs: ms,
      ms,
      step: text,
      rule: text,
      cause: text,
      helped: fc.constantFrom(true, false, null),
      patch: fc.constantFrom(null, 'patches/001-wrong-entry.patch'),
    }),
  ),
  falls: fc.array(
    fc.record({
      atMs: ms,
      service: text,
      reason: text,
      became: fc.constantFrom('down', 'restarted', 'healed', 'well', 'unwell', 'failed'),
      downMs: fc.option(ms),
    }),
  ),
  decisions: fc.array(
    fc.record({
      atMs: ms,
      who: text,
      question: text,
      option: text,
      reason: text,
      confidence: fc.constant(1),
      by: text,
    }),
  ),
  spent: fc.dictionary(fc.constantFrom('waiting', 'detect', 'setup', 'run', 'prove', 'heal', 'up', 'ending'), ms),
});

test('whatever a run did, no line is wider than the terminal, and without colours there is no escape in it', () => {
  fc.assert(
    fc.property(timeline, fc.integer({ min: 60, max: 160 }), (t, width) => {
      for (const line of waterfall(t, width, paints(false))) {
        expect(line.length, line).toBeLessThanOrEqual(width);
        expect(line).not.toContain('\x1b');
      }
    }),
  );
});

test('bars stand where their time was, on one scale, and repairs and decisions among them', () => {
  const lines = waterfall(
    {
      run: 'r1',
      source: '/r',
      state: 'up',
      outcome: 'healthy',
      error: null,
      startedAt: '2026-11-20T22:01:14.000Z',
      totalMs: 4_000,
      fork: null,
      steps: [
        { step: 'deps', phase: 'setup', attempt: 1, fromMs: 0, ms: 2_000, ok: true, note: '' },
        { step: 'start', phase: 'run', attempt: 1, fromMs: 2_000, ms: 500, ok: false, note: 'no such variable' },
        { step: 'start', phase: 'run', attempt: 2, fromMs: 3_000, ms: 1_000, ok: true, note: '' },
      ],
      fixes: [
        {
          atMs: 2_900,
          ms: 400,
          step: 'start',
          rule: 'set-env',
          cause: 'SECRET is not set',
          helped: true,
          patch: 'patches/001-set-env.patch',
        },
      ],
      falls: [],
      decisions: [
        {
          atMs: 2_950,
          who: 'sys/orchestrator-manager/main',
          question: 'what now?',
          option: 'again',
          reason: 'why not',
          confidence: 1,
          by: 'rule',
        },
      ],
      spent: { setup: 2_000, run: 1_500, heal: 400, waiting: 100, up: 60_000 },
    },
    80,
    paints(false),
  );
  const bar = (name: string) => /(█+)/.exec(lines.find((line) => line.includes(name))!)!;
  expect(bar('deps')[1]!.length).toBeCloseTo(bar('start ×2')[1]!.length * 2, -1);
  expect(bar('deps').index + bar('deps')[1]!.length).toBe(bar('start  ').index);
  expect(lines.join('\n')).toMatch(
    /✓ deps .*\n✗ start .*\n {4}no such variable\n↻ heal .*\n {4}set-env for start, helped: SECRET is not set\n {4}patch patches\/001-set-env\.patch\n◆ orchestrator-manager decides by rule: again\n {4}what now\? why not\n✓ start ×2/,
  );
  expect(lines.join('\n')).toContain('4.0 s in all · setup 2.0 s (50 %) · run 1.5 s (38 %) · heal 0.4 s (10 %)');
});

test('a difference fits the terminal, shows the place where long texts differ, and loses no change', () => {
  const long = 'x'.repeat(500);
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue()), (a, b) => {
      const changes = diff({ context: a }, { context: b });
      const lines = diffLines(changes, 80, paints(false));
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
      if (changes.length > 0) expect(lines.length).toBeGreaterThan(changes.length);
    }),
  );
  const changes = diff({ context: { log: `${long}one${long}` } }, { context: { log: `${long}two${long}` } });
  const lines = diffLines(changes, 80, paints(false));
  expect(lines).toEqual([
    'context',
    `  - log: …${'x'.repeat(24)}one${'x'.repeat(24)}…`,
    `  + log: …${'x'.repeat(24)}two${'x'.repeat(24)}…`,
  ]);
});
