/** What a run does when one of its private servers ends: as decisions, without a clock or a bus. */
import { expect, test } from 'vitest';
import { type RunContext, unborn, type Walked } from '../../actors/run/state.js';
import { walk } from '../../actors/run/walk.js';
import type { Message } from '../../runtime/actor.js';
import { fail } from '../../runtime/errors.js';
import type { Workflow } from '../../runtime/workflow.js';

const workflow: Workflow = {
  name: 'mine',
  version: 1,
  steps: [
    { id: 'services', to: 'database', command: 'database.start' },
    { id: 'start', to: 'runner', command: 'runner.start', needs: ['services'] },
    { id: 'prove', to: 'health', command: 'health.check', needs: ['start'] },
  ],
};
const job = { workflow: 'mine', source: '', ref: null, service: null, copy: false, user: 'local', input: {} };
const step = (c: RunContext, event: Walked): RunContext => walk(workflow, { ...c, out: unborn.out }, event);
const go = (c: RunContext, ...events: Walked[]): RunContext => events.reduce(step, c);
const answered = (tag: string, fact: object, at: number): Walked => ({
  type: 'answered',
  tag,
  fact: fact as Message,
  error: null,
  at,
});
const good = (tag: string, more: object = {}): Walked => answered(tag, { type: 'done', ...more }, 2_000);
const up = go(
  unborn,
  { type: 'run.start', run: 'r1', job, bundle: '/b', at: 1_000 },
  good('step services 1'),
  good('step start 1', { app: 'app-1' }),
  good('step prove 1'),
);
const asks = ({ out }: RunContext) => out.asks.map(({ tag, command }) => ({ tag, command }));
const fell = (kind: string, at: number) =>
  answered('server watch', { type: 'database.fell', kind, reason: 'killed' }, at);
const revived = (kind: string, at: number) =>
  answered(`server revive ${kind}`, { type: 'database.revived', kind, port: 5432 }, at);

test('once its application is up a run has its servers watched, and a workflow without any has not', () => {
  expect(asks(up)).toContainEqual({ tag: 'server watch', command: { type: 'database.watch', except: [] } });
  expect(up.mode).toBe('up');
});

test('a server is begun again at most five times a minute, after a growing pause; then the run says so and goes on without', () => {
  let c = up;
  const pauses: number[] = [];
  for (let n = 1; n <= 5; n += 1) {
    c = go(c, fell('postgres', 10_000 * n));
    const { inMs } = c.out.facts[0] as unknown as { inMs: number };
    pauses.push(inMs);
    expect(c.out.facts).toMatchObject([{ type: 'run.server-fell', server: 'postgres', restart: n }]);
    expect(asks(c)).toEqual([
      { tag: 'server revive postgres', command: { type: 'database.revive', kind: 'postgres', inMs } },
    ]);
    c = go(c, revived('postgres', 10_000 * n + 700));
    expect(c.out.facts).toEqual([{ type: 'run.server-restarted', server: 'postgres', port: 5432, downMs: 700 }]);
    expect(asks(c).map(({ tag }) => tag)).toEqual(['server watch']);
  }
  expect(pauses).toEqual([0, 500, 1_000, 2_000, 4_000]);
  const lost = go(c, fell('postgres', 55_000));
  expect(lost.out.facts).toMatchObject([{ type: 'run.server-lost', error: { code: 'SERVICE_LOST' } }]);
  // The others are looked after as before.
  expect(asks(lost)).toEqual([{ tag: 'server watch', command: { type: 'database.watch', except: ['postgres'] } }]);
  expect([lost.mode, lost.state]).toEqual(['up', 'up']);
  // A minute later it would have been begun again.
  expect(go(c, fell('postgres', 100_000)).out.facts).toMatchObject([{ type: 'run.server-fell' }]);
});

test('one that does not come up counts as fallen, and the time it was down is from its first fall', () => {
  const error = fail('SERVICE_NOT_STARTED', { service: 'redis', reason: 'no room' }).toRecord();
  const failed = { type: 'database.failed', error, evidence: null };
  const c = go(up, fell('redis', 10_000), answered('server revive redis', failed, 11_000));
  expect(c.out.facts).toMatchObject([{ type: 'run.server-fell', restart: 2, reason: error.message }]);
  expect(go(c, revived('redis', 13_000)).out.facts).toMatchObject([{ downMs: 3_000 }]);
});

test('what ends with the run has not fallen', () => {
  const ending = go(up, { type: 'run.stop' } as Walked);
  expect(go(ending, fell('postgres', 20_000)).out).toMatchObject({ asks: [], facts: [] });
});
