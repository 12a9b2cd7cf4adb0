/**
 * Random workflows of every kind of step, walked through random orders of answers, failures, decisions, signals, times,
 * cancellations, crashes and repeats, and compared after every event with a model that knows nothing of the walk: it
 * works the whole run out anew from what has happened, as a plain recursion over the definition.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type RunContext, unborn, type Walked } from '../../actors/run/state.js';
import { nextWake } from '../../actors/run/wake.js';
import { walk } from '../../actors/run/walk.js';
import type { Ask, Message } from '../../runtime/actor.js';
import { fail } from '../../runtime/errors.js';
import { faults } from '../../runtime/workflow/check.js';
import type { Step, Workflow } from '../../runtime/workflow.js';

// Definitions.

const row = fc.record({
  kind: fc.oneof(
    { weight: 5, arbitrary: fc.constant('ask' as const) },
    { weight: 1, arbitrary: fc.constantFrom('approval' as const, 'timer' as const, 'signal' as const) },
    { weight: 2, arbitrary: fc.constant('workflow' as const) },
  ),
  needs: fc.nat(),
  each: fc.boolean(),
  items: fc.nat(3),
  concurrency: fc.nat(2),
  keepGoing: fc.constantFrom(false, true, 'any' as const),
  retry: fc.nat(2),
  only: fc.boolean(),
  when: fc.nat(4),
  optional: fc.nat(4),
  compensate: fc.boolean(),
  semaphore: fc.nat(2),
  late: fc.boolean(),
});
type Row = typeof row extends fc.Arbitrary<infer R> ? R : never;
const shape = fc.tuple(fc.array(row, { minLength: 1, maxLength: 5 }), fc.array(row, { minLength: 1, maxLength: 3 }));

function stepsOf(rows: Row[], isInner: boolean): Step[] {
  return rows.map((r, n): Step => {
    const isSub = r.kind === 'workflow' && !isInner;
    const each = r.each && (isSub || r.kind === 'ask');
    const of: Partial<Step> = isSub
      ? { workflow: 'inner', with: { flag: true, list: [1, 2] } }
      : r.kind === 'approval'
        ? { approval: { question: 'well?' }, ...(r.late ? { timeoutMs: 500 } : {}) }
        : r.kind === 'timer'
          ? { timer: { sleepMs: 100 * (n + 1) } }
          : r.kind === 'signal'
            ? { signal: `${isInner ? 'inner' : 'outer'}-${n}`, ...(r.late ? { timeoutMs: 700 } : {}) }
            : { to: 'worker', command: 'worker.work', with: each ? { n: '$item' } : {} };
    return {
      id: `s${n}`,
      ...of,
      needs: rows.flatMap((_, m) => (m < n && (r.needs >> m) & 1 ? [`s${m}`] : [])),
      retry: { times: r.retry, backoffMs: 50, ...(r.only ? { on: ['COMMAND_FAILED'] } : {}) },
      ...(r.when === 0 ? { when: '$input.none' } : {}),
      ...(r.optional === 0 ? { optional: true } : {}),
      ...(each
        ? {
            forEach: `$input.list`,
            keepGoing: r.keepGoing,
            ...(r.concurrency > 0 ? { concurrency: r.concurrency } : {}),
          }
        : {}),
      ...(r.compensate ? { compensate: { to: 'worker', command: 'worker.undo', with: { of: `s${n}` } } } : {}),
      ...(r.semaphore === 0 && r.kind === 'ask' ? { semaphore: { name: 'one', limit: 1 } } : {}),
    };
  });
}
function flowOf([outer, inner]: [Row[], Row[]]): Workflow {
  const innerFlow: Workflow = { name: 'inner', version: 1, steps: stepsOf(inner, true), record: 'light' };
  return { name: 'outer', version: 1, steps: stepsOf(outer, false), record: 'light', uses: { inner: innerFlow } };
}

// The model.

/** What has happened to a leaf, or to a step that does a workflow, since it was last sent back: the end of each attempt. */
type End = 'ok' | 'again' | 'bad';
interface History {
  /** By key; 'again' is a failure after which it may be tried once more. */
  ends: Map<string, End[]>;
  /** Keys whose pause after the last failure is over, as often as it was. */
  resumed: Map<string, number>;
  /** Leaves that hold the semaphore for their present attempt. */
  granted: Set<string>;
}
type Status = 'queued' | 'running' | 'waiting' | 'backoff' | 'done' | 'failed' | 'skipped';
/** Works out every step anew. @returns the frame's own end. */
function evaluate(
  flow: Workflow,
  prefix: string,
  list: unknown[],
  h: History,
  out: Map<string, Status>,
): 'done' | 'failed' | 'open' {
  const status = new Map<string, Status | 'pending'>();
  const past = (id: string): boolean => {
    const step = flow.steps.find((one) => one.id === id)!;
    const is = status.get(id);
    return is === 'done' || is === 'skipped' || (is === 'failed' && step.optional === true);
  };
  let broken = false;
  for (const step of flow.steps) {
    const key = prefix + step.id;
    if (!step.needs!.every(past)) {
      status.set(step.id, 'pending');
      continue;
    }
    const is: Status = step.when
      ? 'skipped'
      : step.forEach
        ? group(flow, step, key, list, h, out)
        : single(flow, step, key, h, out);
    status.set(step.id, is);
    out.set(key, is);
    if (is === 'failed' && !step.optional) broken = true;
  }
  if (broken) return 'failed';
  return flow.steps.every(({ id }) => past(id)) ? 'done' : 'open';
}
function group(flow: Workflow, step: Step, key: string, list: unknown[], h: History, out: Map<string, Status>): Status {
  let active = 0;
  let open = 0;
  let bad = 0;
  const found = new Map<string, Status>();
  for (let n = 0; n < list.length; n += 1) {
    const instance = `${key}[${n}]`;
    const inside = new Map<string, Status>();
    const is = single(flow, step, instance, h, inside);
    const isOver = is === 'done' || is === 'failed';
    if (!isOver && active >= (step.concurrency ?? list.length)) {
      open += 1;
      continue;
    }
    if (is === 'failed') bad += 1;
    if (!isOver) {
      active += 1;
      open += 1;
    }
    found.set(instance, is);
    for (const [one, its] of inside) found.set(one, its);
  }
  if (bad > 0 && !step.keepGoing) return 'failed';
  for (const [one, its] of found) out.set(one, its);
  const enough = step.keepGoing === 'any' && bad < list.length;
  return open > 0 ? 'running' : bad > 0 && !enough ? 'failed' : 'done';
}
function single(flow: Workflow, step: Step, key: string, h: History, out: Map<string, Status>): Status {
  const ends = h.ends.get(key) ?? [];
  if (ends.at(-1) === 'ok') {
    if (step.workflow) evaluate(flow.uses![step.workflow]!, `${key}.`, [1, 2], h, out);
    return 'done';
  }
  if (ends.at(-1) === 'bad') return 'failed';
  if (ends.length > (h.resumed.get(key) ?? 0)) return 'backoff';
  if (step.semaphore && !h.granted.has(key)) return 'queued';
  if (!step.workflow) return step.to ? 'running' : 'waiting';
  evaluate(flow.uses![step.workflow]!, `${key}.`, [1, 2], h, out);
  return 'running';
}
/** The model of a run: what happened, and what follows from it. */
class Model {
  h: History = { ends: new Map(), resumed: new Map(), granted: new Set() };
  /** Steps to be taken back, in the order in which they were done. */
  done: string[] = [];
  signals: string[] = [];
  /** With what each failed last, and in which order. */
  codes = new Map<string, { code: string; nth: number }>();
  outcome: 'open' | 'healthy' | 'failed' | 'cancelled' = 'open';
  status = new Map<string, Status>();
  constructor(
    readonly flow: Workflow,
    readonly list: unknown[],
  ) {
    this.settle();
  }
  stepOf(key: string): Step {
    const ids = key.replaceAll(/\[\d+\]/g, '').split('.');
    let flow = this.flow;
    for (const id of ids.slice(0, -1)) flow = flow.uses![flow.steps.find((one) => one.id === id)!.workflow!]!;
    return flow.steps.find(({ id }) => id === ids.at(-1))!;
  }
  ended(key: string, ok: boolean, code = 'COMMAND_FAILED'): void {
    const ends = this.h.ends.get(key) ?? [];
    const { times, on } = this.stepOf(key).retry!;
    const tried = ends.filter((end) => end === 'again').length;
    const end: End = ok ? 'ok' : tried < times && (!on || on.includes(code)) ? 'again' : 'bad';
    this.h.ends.set(key, [...ends, end]);
    this.h.granted.delete(key);
    if (end === 'bad') this.codes.set(key, { code, nth: ++this.count });
    this.settle();
  }
  count = 0;
  /** What the steps of a workflow failed with first. */
  codeIn(prefix: string, inner: Map<string, Status>): string {
    const direct = [...inner].filter(
      ([key, is]) =>
        is === 'failed' && !this.stepOf(key).forEach && !key.includes('.', prefix.length) && !this.stepOf(key).optional,
    );
    // A step whose instances fail with the first of them is not told apart from them here.
    const all = [
      ...direct.map(([key]) => key),
      ...[...this.codes.keys()].filter(
        (key) =>
          key.startsWith(prefix) &&
          key.endsWith(']') &&
          !this.stepOf(key).optional &&
          inner.get(key.replace(/\[\d+\]$/, '')) === 'failed',
      ),
    ];
    const [first] = all.map((key) => this.codes.get(key)!).sort((a, b) => a.nth - b.nth);
    return first!.code;
  }
  resumed(key: string): void {
    this.h.resumed.set(key, (this.h.resumed.get(key) ?? 0) + 1);
    // All that is part of it begins anew.
    for (const one of [...this.h.granted]) if (one.startsWith(`${key}.`)) this.h.granted.delete(one);
    for (const map of [this.h.ends, this.h.resumed])
      for (const one of [...map.keys()])
        if (one.startsWith(`${key}.`)) {
          map.delete(one);
          this.codes.delete(one);
        }
    this.settle();
  }
  /** Follows what happened to its end: signals that are there already, workflows whose steps are all over. */
  settle(): void {
    if (this.outcome !== 'open') return;
    const all = new Map<string, Status>();
    const end = evaluate(this.flow, '', this.list, this.h, all);
    const before = this.status;
    this.status = all;
    for (const [key, is] of [...all].sort(([a], [b]) => b.split('.').length - a.split('.').length)) {
      if (is === 'done' && before.get(key) !== 'done' && this.stepOf(key).compensate && this.isUnit(key))
        this.done = [...this.done, key];
    }
    if (end === 'failed') this.outcome = 'failed';
    if (end === 'done') this.outcome = 'healthy';
    if (this.outcome !== 'open') return;
    for (const [key, is] of all) {
      const step = this.stepOf(key);
      if (step.signal && is === 'waiting' && this.signals.includes(step.signal)) {
        this.signals.splice(this.signals.indexOf(step.signal), 1);
        return this.ended(key, true);
      }
      if (step.workflow && is === 'running' && this.isUnit(key)) {
        const inside = new Map<string, Status>();
        const inner = evaluate(this.flow.uses![step.workflow]!, `${key}.`, [1, 2], this.h, inside);
        if (inner === 'done') return this.ended(key, true);
        if (inner === 'failed') return this.ended(key, false, this.codeIn(`${key}.`, inside));
      }
    }
  }
  /** A leaf, or one doing of a workflow: not a step that has instances. */
  isUnit(key: string): boolean {
    return this.stepOf(key).forEach === undefined || key.endsWith(']');
  }
}

// The world: whoever is asked.

interface Act {
  pick: number;
  how: 'good' | 'bad' | 'other' | 'lost' | 'signal' | 'stop' | 'crash' | 'repeat' | 'time';
}
const act: fc.Arbitrary<Act> = fc.record({
  pick: fc.nat(30),
  how: fc.oneof(
    { weight: 12, arbitrary: fc.constant('good' as const) },
    { weight: 5, arbitrary: fc.constant('bad' as const) },
    { weight: 2, arbitrary: fc.constant('other' as const) },
    { weight: 2, arbitrary: fc.constant('lost' as const) },
    { weight: 2, arbitrary: fc.constant('signal' as const) },
    { weight: 1, arbitrary: fc.constant('stop' as const) },
    { weight: 2, arbitrary: fc.constant('crash' as const) },
    { weight: 2, arbitrary: fc.constant('repeat' as const) },
    { weight: 5, arbitrary: fc.constant('time' as const) },
  ),
});
const open = ['queued', 'running', 'waiting', 'backoff'];

function live(flow: Workflow, list: unknown[], acts: Act[]): { c: RunContext; model: Model } {
  const model = new Model(flow, list);
  let c = unborn;
  let now = 1_000;
  let last: Walked | null = null;
  const asks = new Map<string, Ask>();
  const undone: string[] = [];
  const queue: string[] = [];
  let holder: string | null = null;
  const told = { settled: 0, ended: 0 };

  /** @returns what was said first. */
  const hear = (event: Walked, then: (said: string) => void = () => undefined): string => {
    const before = JSON.stringify(c);
    const next = walk(flow, c, event);
    expect(JSON.stringify(c), 'what was committed is never changed').toBe(before);
    c = next;
    last = event;
    const said = JSON.stringify(c.out.facts[0] ?? null);
    then(said);
    for (const fact of c.out.facts) {
      expect(fact.type).not.toBe('run.stranded');
      if (fact.type === 'run.settled') told.settled += 1;
      if (fact.type === 'run.ended') told.ended += 1;
    }
    for (const ask of c.out.asks) {
      if (asks.has(ask.tag)) throw new Error(`${ask.tag} is asked twice`);
      asks.set(ask.tag, ask);
    }
    // Semaphores and what is given back are answered at once, in the order of asking.
    for (const [tag, ask] of [...asks]) {
      const [what, key] = tag.split(' ') as [string, string];
      if (what === 'leave') {
        asks.delete(tag);
        const at = queue.indexOf(key);
        if (at >= 0) queue.splice(at, 1);
        if (holder === key) holder = null;
      }
      if (what === 'permit') {
        asks.delete(tag);
        expect(ask.command).toMatchObject({ name: 'one', limit: 1 });
        queue.push(key);
      }
    }
    while (holder === null && queue.length > 0) {
      holder = queue.shift()!;
      const attempt = (c.steps[holder]?.attempt ?? 0) + 1;
      if (model.status.get(holder) === 'queued' && model.outcome === 'open') {
        model.h.granted.add(holder);
        model.settle();
      }
      const ticket = { name: 'one', run: 'r1', step: holder, attempt };
      hear({
        type: 'answered',
        tag: `permit ${holder} ${attempt}`,
        fact: { type: 'semaphore.granted', ...ticket } as Message,
        error: null,
        at: now,
      });
    }
    return said;
  };
  const check = (): void => {
    const real = new Map(Object.entries(c.steps).map(([key, { state }]) => [key, state as string]));
    if (model.outcome === 'open') {
      expect(c.mode).toBe('walking');
      const isOpen = (all: Iterable<[string, string]>) => [...all].filter(([, is]) => open.includes(is)).sort();
      expect(isOpen(real)).toEqual(isOpen(model.status));
      for (const [key, is] of model.status) expect(real.get(key), key).toBe(is);
      const wanted = [...model.status].flatMap(([key, is]) =>
        is === 'running' && model.stepOf(key).to && model.isUnit(key) ? [key] : [],
      );
      const asked = [...asks.keys()].flatMap((tag) => {
        const [, key = '', attempt] = /^step (\S+) (\d+)$/.exec(tag) ?? [];
        return real.get(key) === 'running' && c.steps[key]!.attempt === Number(attempt) ? [key] : [];
      });
      expect(asked.sort()).toEqual(wanted.sort());
    } else {
      expect(c.result!.outcome.replace('needs-input', 'failed')).toBe(model.outcome);
      expect([...real].filter(([, is]) => open.includes(is))).toEqual([]);
    }
    expect(nextWake(c).length > 0).toBe(c.mode !== 'ended');
    const waits = Object.values(c.waits);
    expect(c.dueAt).toBe(waits.length === 0 ? null : Math.min(...waits));
    if (c.result?.error) expect(c.result.error.code).not.toBe('INTERNAL');
  };
  const answer = (tag: string, how: Act['how']): void => {
    const ask = asks.get(tag)!;
    asks.delete(tag);
    now += 7;
    const [what, key, attempt, tries] = tag.split(' ') as [string, string, string, string];
    const ok = how === 'good';
    const code = how === 'other' ? ('HOST_UNREACHABLE' as const) : ('COMMAND_FAILED' as const);
    const lost = how === 'lost' ? fail('NO_ACTOR', { address: 'a/b/c' }).toRecord() : null;
    const error = fail(code, { command: key }).toRecord();
    const fact = lost
      ? null
      : ok
        ? { type: 'worker.worked', given: (ask.command as { n?: number }).n ?? null }
        : { type: 'worker.failed', error };
    if (what === 'step') {
      const isCurrent = model.status.get(key) === 'running' && c.steps[key]!.attempt === Number(attempt);
      if (model.outcome === 'open' && isCurrent) model.ended(key, ok, lost ? 'NO_ACTOR' : code);
      else if (
        c.mode === 'undoing' &&
        ok &&
        model.stepOf(key).compensate &&
        c.steps[key]!.attempt === Number(attempt)
      ) {
        // Ended well though it was given up: behind the one that is being taken back.
        const busy = model.done.pop()!;
        model.done.push(key, busy);
      }
    }
    if (what === 'undo') {
      expect(key, 'newest first').toBe(model.done.at(-1));
      if (ok || Number(tries) === 4) undone.push(model.done.pop()!);
    }
    hear({ type: 'answered', tag, fact: fact as Message | null, error: lost, at: now });
  };
  const decide = (step: string, how: Act['how']): void => {
    const ok = how === 'good';
    model.ended(step, ok, 'APPROVAL_REFUSED');
    now += 3;
    const option = ok ? 'approve' : 'reject';
    const said = hear({ type: 'run.decide', step, option, by: 'somebody', reason: '', at: now });
    expect(JSON.parse(said)).toMatchObject({ type: 'run.decided', step, decision: { option, by: 'person' } });
  };
  const signal = (name: string): void => {
    now += 3;
    hear({ type: 'run.signal', name, payload: 1, by: 'somebody', at: now }, (said) => {
      if (model.outcome !== 'open') return;
      const { step } = JSON.parse(said) as { step: string | null };
      const waiting = [...model.status].flatMap(([key, is]) =>
        is === 'waiting' && model.stepOf(key).signal === name ? [key] : [],
      );
      if (waiting.length === 0) model.signals.push(name);
      else expect(waiting).toContain(step);
      if (step !== null) model.ended(step, true);
    });
  };
  const passTime = (): void => {
    if (c.dueAt === null) return;
    now = Math.max(now, c.dueAt);
    const ripe = Object.keys(c.waits)
      .filter((key) => c.waits[key]! <= now)
      .sort((a, b) => c.waits[a]! - c.waits[b]!);
    for (const key of ripe) {
      const is = model.status.get(key);
      if (model.outcome !== 'open' || is === undefined) continue;
      const step = model.stepOf(key);
      if (is === 'backoff') model.resumed(key);
      else if (is === 'waiting')
        model.ended(key, step.timer !== undefined, step.approval ? 'APPROVAL_MISSING' : 'STEP_LATE');
    }
    hear({ type: 'due', at: now });
  };

  const job = { workflow: 'outer', source: '', input: { list } } as never;
  hear({ type: 'run.start', run: 'r1', job, bundle: '/b', at: now });
  check();
  for (let n = 0; c.mode !== 'ended'; n += 1) {
    if (n > 3_000) throw new Error(`it goes on without end: ${JSON.stringify(c.steps)}`);
    const { pick, how } = acts[n] ?? { pick: n, how: 'good' };
    const asking = [...asks.keys()];
    const approvals = Object.keys(c.approvals);
    const names = [...flow.steps, ...flow.uses!.inner!.steps].flatMap((step) => step.signal ?? []);
    const listening = Object.values(c.listening);
    if (how === 'crash') c = JSON.parse(JSON.stringify(c)) as RunContext;
    else if (how === 'repeat' && last !== null && (last as Walked).type === 'answered') {
      const { out: _, ...before } = c;
      const { out, ...after } = walk(flow, c, last);
      expect(after).toEqual(before);
      expect(out.facts).toEqual([]);
    } else if (how === 'stop') {
      if (model.outcome === 'open') model.outcome = 'cancelled';
      hear({ type: 'run.stop', reason: 'cancel' });
    } else if (how === 'signal' && names.length > 0 && (c.mode === 'walking' || c.mode === 'idle'))
      signal(names[pick % names.length]!);
    else if (how === 'time' || (asking.length === 0 && approvals.length === 0 && listening.length === 0)) passTime();
    else if (approvals.length > 0 && (pick % 2 === 0 || asking.length === 0))
      decide(approvals[pick % approvals.length]!, how === 'good' ? 'good' : 'bad');
    else if (asking.length > 0) answer(asking[pick % asking.length]!, how);
    else if (listening.length > 0) signal(listening[pick % listening.length]!);
    check();
  }
  expect(told).toEqual({ settled: 1, ended: 1 });
  if (model.outcome !== 'healthy') expect(model.done).toEqual([]);
  return { c, model };
}

test('every workflow is walked as the model says, whatever happens in whatever order, and ends once', () => {
  fc.assert(
    fc.property(shape, fc.nat(3), fc.array(act, { maxLength: 80 }), (rows, items, acts) => {
      const flow = flowOf(rows);
      const find = (name: string) => flow.uses![name] ?? null;
      expect(faults(flow, { find })).toEqual([]);
      const list = Array.from({ length: items }, (_, n) => n * 10);
      const { c } = live(flow, list, acts);
      if (c.result!.outcome !== 'healthy') return;
      for (const { id, forEach, to } of flow.steps)
        if (forEach && to && c.steps[id]!.state === 'done')
          expect(c.results[id]!.items).toEqual(
            list.map((given, n) =>
              c.steps[`${id}[${n}]`]!.state === 'failed' ? { error: c.steps[`${id}[${n}]`]!.error } : { given },
            ),
          );
    }),
    { numRuns: 1_500 },
  );
}, 120_000);
