/** What a run did, out of what was said of it. */
import { expect, test } from 'vitest';
import { timelineOf } from '../../actors/run/timeline.js';
import type { Line } from '../../runtime/store.js';

const start = Date.parse('2026-11-20T22:01:14.000Z');
const line = (atMs: number, type: string, payload: Record<string, unknown> = {}, from = 'r1/run/run-1'): Line => ({
  id: `${atMs} ${type}`,
  at: new Date(start + atMs).toISOString(),
  from,
  type,
  payload,
  causation: null,
});
const began = (atMs: number, step: string, attempt = 1) =>
  line(atMs, 'run.step-began', { step, phase: 'setup', attempt });
const ended = (atMs: number, step: string, ok: boolean, ms: number, attempt = 1) =>
  line(atMs, 'run.step-ended', { step, phase: 'setup', attempt, ok, ms, note: `${step} ${ok}`, error: null });
const fix = {
  rule: 'set-env',
  phase: 'setup',
  step: 'deps',
  cause: 'X is not set',
  actions: [],
  signature: 's',
  ms: 40,
};
const decision = { question: 'q', facts: {}, option: 'again', reason: 'r', confidence: 1, by: 'rule' };
const system = [
  line(-500, 'orchestrator.submit', { run: 'r1' }, 'front-door'),
  line(-900, 'orchestrator.submit', { run: 'r2' }, 'front-door'),
  line(350, 'slots.judged', { run: 'r1', decision }, 'sys/orchestrator-manager/main'),
  line(360, 'slots.judged', { run: 'r2', decision }, 'sys/orchestrator-manager/main'),
  line(370, 'admin.decided', { address: 'r1/health/health-1', decision }, 'sys/admin/main'),
];
const first = [
  line(0, 'run.started', { source: '/r' }),
  began(0, 'deps'),
  ended(100, 'deps', false, 100),
  line(140, 'run.fix-tried', { fix: { ...fix, helped: null } }),
  began(150, 'deps', 2),
];

test('a run that goes on is told up to now: what is at work has a bar that grows', () => {
  const t = timelineOf('r1', { facts: first, audit: [], system }, start + 1_150)!;
  expect(t).toMatchObject({ source: '/r', state: 'running', outcome: null, totalMs: 1_150, fork: null });
  expect(t.steps).toMatchObject([
    { step: 'deps', attempt: 1, fromMs: 0, ms: 100, ok: false, note: 'deps false' },
    { step: 'deps', attempt: 2, fromMs: 150, ms: 1_000, ok: null },
  ]);
  expect(t.fixes).toEqual([
    { atMs: 140, ms: 40, step: 'deps', rule: 'set-env', cause: 'X is not set', helped: null, patch: null },
  ]);
  expect(t.spent).toEqual({ waiting: 500 });
});

test('an ended run: what helped, who decided what about it, and where its time went, each moment once', () => {
  const ms = { detect: 10, setup: 900, run: 0, prove: 0, heal: 90, total: 1_000 };
  const facts = [
    ...first,
    ended(400, 'deps', true, 250, 2),
    line(401, 'run.fix-judged', { fix: { ...fix, helped: true } }),
    line(1_000, 'run.settled', { result: { outcome: 'healthy', error: null, ms } }),
    line(5_000, 'run.stopping'),
    line(5_200, 'run.ended', { state: 'done', left: [], unswept: null }),
    line(6_000, 'run.step-began', { step: 'of another' }, 'r2/run/run-1'),
  ];
  const t = timelineOf('r1', { facts, audit: [], system }, start + 9_000)!;
  expect(t).toMatchObject({ state: 'done', outcome: 'healthy', totalMs: 1_000 });
  expect(t.steps.map(({ ok, ms: took }) => [ok, took])).toEqual([
    [false, 100],
    [true, 250],
  ]);
  expect(t.fixes.map(({ helped }) => helped)).toEqual([true]);
  expect(t.decisions.map(({ atMs, who, option }) => [atMs, who, option])).toEqual([
    [350, 'sys/orchestrator-manager/main', 'again'],
    [370, 'sys/admin/main', 'again'],
  ]);
  expect(t.spent).toEqual({ waiting: 500, detect: 10, setup: 900, run: 0, prove: 0, heal: 90, up: 4_000, ending: 200 });
});

test('a run that has said nothing has no timeline', () => {
  expect(timelineOf('r1', { facts: [], audit: [], system }, start)).toBe(null);
});
