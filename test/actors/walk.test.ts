import { expect, test } from 'vitest';
import { type RunContext, unborn, type Walked } from '../../actors/run/state.js';
import { walk } from '../../actors/run/walk.js';
import type { Answered, Message } from '../../runtime/actor.js';
import { repoRun } from '../../workflows/repo-run.js';

const job = { workflow: 'repo-run' as const, source: '/r', ref: null, service: null, copy: false, user: 'local' };
const began = walk(repoRun, unborn, { type: 'run.start', run: 'r1', job, bundle: '/b', at: 1 });
const go = (from: RunContext, ...events: Walked[]): RunContext =>
  events.reduce((c, event) => walk(repoRun, c, event), from);
const swept = (fact: Message | null): Answered => ({ type: 'answered', tag: 'sweep', fact, error: null, at: 9 });

test('a run stopped before it was proven sweeps, and says what it could not end', () => {
  const stopping = go(began, { type: 'run.stop', reason: 'cancel' });
  expect(stopping.out.facts.map(({ type }) => type)).toEqual(['run.stopping', 'run.settled']);
  expect(stopping.out.asks.map(({ command }) => command.type)).toEqual(['runner.sweep']);
  const over = go(stopping, swept({ type: 'runner.swept', left: [7] } as Message));
  expect(over.out.facts).toEqual([{ type: 'run.ended', state: 'cancelled', left: [7], unswept: null }]);
});

test('a sweep that failed is not told as one that left nothing', () => {
  const error = { code: 'KEEPER_UNREACHABLE', message: 'the keeper does not answer', fix: 'end it' };
  const failed = swept({ type: 'runner.failed', error, evidence: null } as Message);
  const over = go(began, { type: 'run.stop', reason: 'cancel' }, failed);
  expect(over.out.facts).toEqual([{ type: 'run.ended', state: 'cancelled', left: [], unswept: error }]);
});
