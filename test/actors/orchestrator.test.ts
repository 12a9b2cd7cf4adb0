/** The orchestrator's thoughts as a function, against a model of those it asks: any order, loss and cancellation. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type OrchestratorContext, orchestrate } from '../../actors/orchestrator/index.js';
import type { Job } from '../../actors/run/contract.js';
import type { Ask, Message } from '../../runtime/actor.js';
import { type ErrorRecord, fail } from '../../runtime/errors.js';

const job = (source: string): Job => ({
  workflow: 'repo-run',
  source,
  ref: null,
  service: null,
  copy: false,
  user: 'local',
});
const submit = (run: string, slots: number, source = `/repo/${run}`) =>
  ({ type: 'orchestrator.submit', run, job: job(source), bundle: `/state/runs/${run}`, slots, at: 1 }) as const;
const result = (run: string, outcome: string) => ({ type: 'result', outcome, run, error: null, services: [] });
const settled = (outcome: string) => ({ type: 'run.settled', result: result('r1', outcome) }) as Message;
const lost = fail('ASK_TIMEOUT', { address: 'x', type: 'y' }).toRecord();

/** The orchestrator with those it asks: a slots manager, an admin and runs, all as data. */
class Town {
  c: OrchestratorContext = { runs: {}, out: { asks: [], facts: [] } };
  open: Ask[] = [];
  /** Answers on their way. */
  coming: { tag: string; fact: Message | null; error: ErrorRecord | null }[] = [];
  held: string[] = [];
  alive = new Set<string>();
  started: Record<string, number> = {};
  finished: Record<string, number> = {};
  ended: Record<string, number> = {};
  most = 0;
  constructor(readonly slots: number) {}

  hear(event: Parameters<typeof orchestrate>[1]): void {
    const before = JSON.stringify(this.c);
    const next = orchestrate(this.c, event, () => ['file', 'runner']);
    expect(JSON.stringify(this.c)).toBe(before);
    this.c = next;
    for (const fact of next.out.facts) {
      if (fact.type === 'orchestrator.finished') this.finished[fact.run] = (this.finished[fact.run] ?? 0) + 1;
      if (fact.type === 'orchestrator.ended') this.ended[fact.run] = (this.ended[fact.run] ?? 0) + 1;
    }
    this.open.push(...next.out.asks);
    this.most = Math.max(this.most, this.open.length);
    next.out = { asks: [], facts: [] };
  }
  /** One of those asked does what it is asked; `how` 0 loses it, 1 lets it fail. */
  work(pick: number, how: number): void {
    if (this.open.length === 0) return;
    const wanted = this.open[pick % this.open.length]!;
    const first = this.open.find(({ to }) => to === wanted.to)!; // one sender's asks arrive in order
    const [what, run] = first.tag.split(' ') as [string, string];
    if (what === 'watch' && this.open.some(({ tag }) => tag === `start ${run}`) && how !== 0) return;
    this.open.splice(this.open.indexOf(first), 1);
    const give = (fact: object | null, error: ErrorRecord | null = null): void =>
      void this.coming.push({ tag: first.tag, fact: fact as Message | null, error });
    if (how === 0) return give(null, lost);
    switch (what) {
      case 'acquire': {
        const free = this.held.includes(run) || this.held.length < this.slots;
        if (free) this.held = [...new Set([...this.held, run])];
        return give({ type: free ? 'slots.granted' : 'slots.full', run });
      }
      case 'release':
        this.held = this.held.filter((one) => one !== run);
        return give({ type: 'slots.released', run });
      case 'spawn':
        this.alive.add(run);
        return give({
          type: 'admin.spawned',
          failed: how === 1 ? [{ address: 'a', error: fail('CHECKPOINT_BROKEN').toRecord() }] : [],
        });
      case 'dismiss':
        this.alive.delete(run);
        return give({ type: 'admin.dismissed', run });
      case 'start':
        this.started[run] = (this.started[run] ?? 0) + 1;
        return give({ type: 'run.settled', result: result(run, how % 2 ? 'healthy' : 'failed') });
      case 'watch':
        return give({ type: 'run.ended', state: 'done', left: [] });
      default:
        return give({ type: 'noted' });
    }
  }
  deliver(pick: number): void {
    if (this.coming.length === 0) return;
    const [one] = this.coming.splice(pick % this.coming.length, 1);
    this.hear({ type: 'answered', at: 2, ...one! });
  }
}

const step = fc.record({
  do: fc.oneof(
    { weight: 4, arbitrary: fc.constant('work' as const) },
    { weight: 4, arbitrary: fc.constant('deliver' as const) },
    { weight: 1, arbitrary: fc.constant('submit' as const) },
    { weight: 1, arbitrary: fc.constant('stop' as const) },
  ),
  pick: fc.nat(9),
  how: fc.oneof(
    { weight: 1, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.constant(1) },
    { weight: 6, arbitrary: fc.integer({ min: 2, max: 5 }) },
  ),
});

test('whatever is lost, cancelled or late, every run starts at most once, ends once, and gives its slot back', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 120 }), (slots, steps) => {
      const town = new Town(slots);
      let n = 0;
      for (const { do: what, pick, how } of steps) {
        if (what === 'work') town.work(pick, how);
        else if (what === 'deliver') town.deliver(pick);
        else if (what === 'submit') {
          n += 1;
          town.hear(submit(`r${n}`, slots));
        } else if (n > 0) town.hear({ type: 'orchestrator.stop', run: `r${1 + (pick % n)}`, reason: 'cancel' });
        expect(town.held.length).toBeLessThanOrEqual(slots);
      }
      for (let quiet = 0; town.open.length + town.coming.length > 0; quiet += 1) {
        if (quiet > 5_000) throw new Error('it asks without end');
        town.work(quiet, 2);
        town.deliver(quiet);
      }
      for (let run = 1; run <= n; run += 1) {
        expect(town.c.runs[`r${run}`], `r${run}`).toMatchObject({ ended: true });
        expect(town.started[`r${run}`] ?? 0).toBeLessThanOrEqual(1);
        expect([town.finished[`r${run}`], town.ended[`r${run}`]]).toEqual([1, 1]);
      }
      expect(town.held).toEqual([]);
      expect([...town.alive]).toEqual([]);
    }),
    { numRuns: 600 },
  );
}, 60_000);

const last = (town: Town): string[] => town.open.map(({ tag }) => tag);

test('a run cancelled while its actors are made is dismissed and never started', () => {
  const town = new Town(1);
  town.hear(submit('r1', 1));
  town.work(0, 2);
  town.deliver(0);
  expect(last(town)).toEqual(['spawn r1']);
  town.hear({ type: 'orchestrator.stop', run: 'r1', reason: 'cancel' });
  town.work(0, 2);
  town.deliver(0);
  expect(last(town)).toEqual(['stop r1', 'dismiss r1', 'release r1', 'report r1']);
  expect(town.c.runs.r1).toMatchObject({ state: 'cancelled', ended: true });
});

test('a run is told when it was asked to stop: its time is counted up to then', () => {
  const town = new Town(1);
  town.hear(submit('r1', 1));
  town.work(0, 2);
  town.deliver(0);
  town.hear({ type: 'orchestrator.stop', run: 'r1', reason: 'cancel', at: 77 });
  const stop = town.open.find(({ tag }) => tag === 'stop r1');
  expect(stop!.command).toEqual({ type: 'run.stop', reason: 'cancel', at: 77 });
});

test('a run one of whose actors cannot be made is dismissed whole', () => {
  const town = new Town(1);
  town.hear(submit('r1', 1));
  town.work(0, 2);
  town.deliver(0);
  town.work(0, 1);
  town.deliver(0);
  expect(last(town)).toContain('dismiss r1');
  expect(town.c.runs.r1).toMatchObject({ state: 'failed', result: { error: { code: 'CHECKPOINT_BROKEN' } } });
});

test('a run whose actor is stopped while it holds what was proven has failed, and its cause is kept beside its result', () => {
  const town = new Town(1);
  town.hear(submit('r1', 1));
  for (const how of [2, 2]) {
    town.work(0, how);
    town.deliver(0);
  }
  const error = fail('ACTOR_STOPPED', { address: 'r1/run/run-1', reason: 'it died' }).toRecord();
  town.hear({ type: 'answered', tag: 'start r1', fact: settled('healthy'), error: null, at: 2 });
  town.hear({ type: 'answered', tag: 'watch r1', fact: null, error, at: 3 });
  expect(town.c.runs.r1).toMatchObject({ state: 'failed', ended: true, result: { outcome: 'healthy' }, cause: error });
});

test('a job submitted again is the same job', () => {
  const town = new Town(1);
  town.hear(submit('r1', 1));
  town.hear(submit('r1', 1));
  expect(last(town)).toEqual(['acquire r1']);
});

test('a second open run of one folder works on a copy', () => {
  const town = new Town(2);
  for (const run of ['r1', 'r2']) town.hear(submit(run, 2, '/repo/same'));
  for (let n = 0; n < 2; n += 1) town.work(0, 2);
  for (let n = 0; n < 2; n += 1) town.deliver(0);
  expect([town.c.runs.r1!.job.copy, town.c.runs.r2!.job.copy]).toEqual([false, true]);
});

test('stopping a run nobody knows is said so', () => {
  const { out } = orchestrate(
    { runs: {}, out: { asks: [], facts: [] } },
    { type: 'orchestrator.stop', run: 'r9', reason: 'stop' },
    () => [],
  );
  expect(out.facts).toEqual([{ type: 'orchestrator.unknown', run: 'r9' }]);
});
