/**
 * How steps begin and end: pure. A step begins when those it needs are over, and every end looks only at those that wait
 * for it. A step with a result never begins again unless a fix, a restart or the retry of what it is part of sends it back.
 */
import type { Message } from '../../runtime/actor.js';
import { type ErrorRecord, fail } from '../../runtime/errors.js';
import { main } from '../../runtime/subjects.js';
import { isOver } from '../../runtime/workflow/transitions.js';
import { at, bind, downstream, isThere, type Scope, type Step } from '../../runtime/workflow.js';
import {
  type Draft,
  drop,
  type Frame,
  groupOf,
  inside,
  invalid,
  isAtWork,
  isRising,
  itemOf,
  keepLedger,
  ledgerOf,
  lifeOf,
  locate,
  mends,
  move,
  open,
  partsOf,
  type Spot,
  scopeAt,
  scopeOf,
  stateOf,
} from './draft.js';
import { cancel, halt, leave, lose, settleFailed } from './end.js';
import { closeFix, type Failure, leaveClaim, reset, seekFix } from './heal.js';
import { prove, restartFailed, upAgain } from './hold.js';
import { fixesOf, isFull, json, MINUTE, STARTS, tells, trying, type Undo } from './state.js';

/** Of one ask, where the definition says nothing. */
const ASK_MS = 10 * MINUTE;
/** Instances of one step. */
const MOST_ITEMS = 10_000;

const isPast = (d: Draft, frame: Frame, { id, optional }: Step): boolean => {
  const { state } = stateOf(d, frame.prefix + id);
  return state === 'done' || state === 'skipped' || (state === 'failed' && optional === true);
};

/** Begins every step of a frame whose turn has come; ends the frame when none is left. @param from the step that ended. */
export function advance(d: Draft, frame: Frame, from: string | null): void {
  const { c } = d;
  const isMended = mends(frame);
  const isHeldUp = (): boolean => isMended && ledgerOf(d, frame).failing !== null;
  const { recovery } = lifeOf(d, isMended ? frame.parent : null);
  if (!isAtWork(c) || isHeldUp() || (recovery && recovery.stage !== 'mending')) return;
  const { workflow, byId, after, last } = frame.graph;
  // Once something was mended, what failed meanwhile is looked for too.
  const all = from === null || (isMended && fixesOf(c, frame.parent).length > 0);
  const todo = [...(all ? workflow.steps : after.get(from)!)];
  for (let n = 0; n < todo.length && isAtWork(c); n += 1) {
    const step = todo[n]!;
    const key = frame.prefix + step.id;
    // What failed while another step was being mended is tried once more.
    if (isMended && !step.optional && stateOf(d, key).state === 'failed' && isFreeOf(d, frame, step.id))
      move(d, key, 'back');
    if (stateOf(d, key).state !== 'pending') continue;
    if (step.needs?.some((need) => !isPast(d, frame, byId.get(need)!))) continue;
    begin(d, { key, frame, step, index: null });
    if (stateOf(d, key).state === 'skipped') todo.push(...after.get(step.id)!);
  }
  if (!isAtWork(c) || !last.every((step) => isPast(d, frame, step))) return;
  if (isHeldUp()) return;
  if (frame.parent === null) return prove(d);
  const parent = locate(d, frame.parent)!;
  if (stateOf(d, parent.key).state === 'running') succeed(d, parent, outputOf(d, frame));
  else if (isRising(d, parent.key)) upAgain(d, parent.key, outputOf(d, frame));
}
/** Whether the fix under trial cannot be judged before this step has ended well. */
const holdsUp = ({ c }: Draft, { graph, parent }: Frame, id: string): boolean =>
  downstream(graph.workflow.steps, id).has(trying(c, parent)?.step ?? '');
const isFreeOf = (d: Draft, frame: Frame, id: string): boolean => !trying(d.c, frame.parent) || holdsUp(d, frame, id);
function outputOf(d: Draft, frame: Frame): Record<string, unknown> {
  const { output, steps } = frame.graph.workflow;
  if (output) return bind(output, scopeOf(d, frame)) as Record<string, unknown>;
  return Object.fromEntries(
    steps.flatMap(({ id }) => {
      const result = d.c.results[frame.prefix + id];
      return result === undefined ? [] : [[id, result]];
    }),
  );
}

function begin(d: Draft, spot: Spot): void {
  const { key, frame, step } = spot;
  if (step.when !== undefined && !isThere(at(scopeOf(d, frame), step.when.replace(/^\$/, '')))) {
    move(d, key, 'skip');
    if (mends(frame)) closeFix(d, spot, null); // it was made needless
    return;
  }
  if (step.forEach === undefined) return enter(d, spot);
  const items = at(scopeOf(d, frame), step.forEach.slice(1));
  if (!Array.isArray(items) || items.length > MOST_ITEMS) {
    const met = Array.isArray(items) ? `${items.length} items` : items === undefined ? 'nothing' : typeof items;
    move(d, key, 'begin', { startedAt: d.now });
    return failed(d, spot, invalid(key, `${step.forEach} is ${met}, wanted a list of at most ${MOST_ITEMS}`), null);
  }
  began(d, spot, 'begin');
  open(d, 'groups')[key] = { items, next: 0, active: 0, open: items.length, error: null };
  fill(d, spot);
}

/** Begins as many instances as may be at work at once; gathers their results when all are over. */
function fill(d: Draft, spot: Spot): void {
  const { key, frame, step } = spot;
  if (d.filling.includes(key)) return; // an instance that ended at once
  d.filling.push(key);
  const goesOn = (): boolean => isAtWork(d.c) && stateOf(d, key).state === 'running';
  for (;;) {
    const group = d.c.groups[key];
    if (!group || !goesOn()) break;
    const { items, active, next } = group;
    if (next >= items.length || active >= (step.concurrency ?? items.length)) break;
    open(d, 'groups')[key] = { ...group, next: next + 1, active: active + 1 };
    enter(d, { key: `${key}[${next}]`, frame, step, index: next });
  }
  d.filling.splice(d.filling.indexOf(key), 1);
  const group = d.c.groups[key];
  if (!group || group.open > 0 || !goesOn()) return;
  const items = group.items.map((_, n) => d.c.results[`${key}[${n}]`] ?? null);
  for (let n = 0; n < items.length; n += 1) drop(d, 'results', `${key}[${n}]`);
  drop(d, 'groups', key);
  const allFailed = (): boolean => items.every((_, n) => stateOf(d, `${key}[${n}]`).state === 'failed');
  if (group.error && (step.keepGoing !== 'any' || allFailed())) failed(d, spot, group.error, null);
  else succeed(d, spot, { items });
}
function instanceEnded(d: Draft, spot: Spot, error: ErrorRecord | null): void {
  const key = groupOf(spot.key);
  const group = d.c.groups[key];
  if (!group || stateOf(d, key).state !== 'running') return;
  const whole = { ...spot, key, index: null };
  open(d, 'groups')[key] = {
    ...group,
    active: group.active - 1,
    open: group.open - 1,
    error: group.error ?? error,
  };
  if (error && spot.step.keepGoing === 'any') open(d, 'results')[spot.key] = { error };
  if (error && !spot.step.keepGoing) {
    return failed(d, whole, error, null); // and with it all that are at work
  }
  fill(d, whole);
}

/** Begins a step or an instance, once it has its semaphore. */
function enter(d: Draft, spot: Spot): void {
  const { semaphore } = spot.step;
  if (!semaphore) return go(d, spot);
  move(d, spot.key, 'queue');
  askSemaphore(d, spot);
}
export function askSemaphore(d: Draft, { key, step: { semaphore } }: Spot): void {
  const attempt = stateOf(d, key).attempt + 1;
  d.c.out.asks.push({
    to: main('orchestrator-manager'),
    command: { type: 'semaphore.acquire', ...semaphore!, run: d.c.run, step: key, attempt } as Message,
    withinMs: MINUTE,
    tag: `permit ${key} ${attempt}`,
  });
}

const began = (d: Draft, spot: Spot, how: 'begin' | 'wait'): number => {
  const { key, frame, step } = spot;
  const attempt = stateOf(d, key).attempt + 1;
  move(d, key, how, { attempt, startedAt: d.now, error: null });
  if (tells(frame.graph.workflow) && tells(d.workflow))
    d.c.out.facts.push({ type: 'run.step-began', step: key, ...itemOf(d, spot), phase: step.phase ?? 'run', attempt });
  return attempt;
};
const record = (d: Draft, spot: Spot, name: string, value: unknown): void => {
  if (!isFull(d.workflow) || !isFull(spot.frame.graph.workflow)) return;
  d.c.out.writes.push(json(`steps/${spot.key}/${stateOf(d, spot.key).attempt}/${name}.json`, value));
};

/** Does what a step says. */
export function go(d: Draft, spot: Spot): void {
  const { key, frame, step } = spot;
  const { c } = d;
  const scope: Scope = frame.graph.dynamic.has(step.id) ? scopeAt(d, spot) : {};
  const until = (): void => {
    if (step.timeoutMs !== undefined) open(d, 'waits')[key] = d.now + step.timeoutMs;
  };
  if (step.to !== undefined) {
    const attempt = began(d, spot, 'begin');
    const command = { type: step.command!, ...(bind(step.with ?? {}, scope) as object) } as Message;
    const to = step.to.endsWith('-manager') ? main(step.to) : `${c.run}/${step.to}/${step.to}-1`;
    c.out.asks.push({ to, command, withinMs: step.timeoutMs ?? ASK_MS, tag: `step ${key} ${attempt}` });
    return record(d, spot, 'input', command);
  }
  if (step.workflow !== undefined) {
    began(d, spot, 'begin');
    const input = bind(step.with ?? {}, scope) as Record<string, unknown>;
    open(d, 'inputs')[key] = input;
    record(d, spot, 'input', input);
    until();
    return advance(d, inside(frame, key, step), null);
  }
  began(d, spot, 'wait');
  if (step.timer) {
    const due = dueOf(step.timer, scope, d.now);
    if (due === null) return failed(d, spot, invalid(key, 'its timer names no time'), null);
    open(d, 'waits')[key] = due;
    return waits(d, spot, { for: 'timer', until: due });
  }
  until();
  if (step.approval) {
    const { question, options = ['approve', 'reject'], facts = {} } = step.approval;
    const passes = step.approval.passes ?? options.slice(0, 1);
    open(d, 'approvals')[key] = { question, options, passes, facts: bind(facts, scope) as Record<string, unknown> };
    return waits(d, spot, { for: 'approval', question, options });
  }
  const name = step.signal!;
  const heard = c.signals.findIndex((signal) => signal.name === name);
  if (heard < 0) {
    open(d, 'listening')[key] = name;
    return waits(d, spot, { for: 'signal', signal: name });
  }
  const { payload, by } = c.signals[heard]!;
  c.signals = c.signals.filter((_, n) => n !== heard);
  succeed(d, spot, { payload, by });
}
/** Always told: somebody may have to do something about it. */
function waits(
  d: Draft,
  { key }: Spot,
  what: { for: 'timer' | 'approval' | 'signal' } & Record<string, unknown>,
): void {
  const until = d.c.waits[key];
  d.c.out.facts.push({ type: 'run.step-waits', step: key, ...(until === undefined ? {} : { until }), ...what });
}
function dueOf(timer: NonNullable<Step['timer']>, scope: Scope, now: number): number | null {
  const isSleep = 'sleepMs' in timer;
  const value = bind(isSleep ? timer.sleepMs : timer.until, scope);
  const time = isSleep
    ? now + Number(value ?? Number.NaN)
    : typeof value === 'string'
      ? Date.parse(value)
      : Number(value);
  return Number.isFinite(time) ? time : null;
}

/** A step has given its result. */
export function succeed(d: Draft, spot: Spot, result: Record<string, unknown>): void {
  const { key, frame, step, index } = spot;
  const { c } = d;
  const { workflow } = frame.graph;
  open(d, 'results')[key] = result;
  // An instance is judged and described with the whole it is part of.
  const hooks = index === null;
  const error = hooks && workflow.judge ? workflow.judge(step.id, scopeOf(d, frame)) : null;
  if (error) return failed(d, spot, error, null);
  const { tookMs, ms } = closeStep(d, spot);
  move(d, key, 'succeed', { ms, error: null });
  const undo = undoOf(d, spot, result);
  if (undo) c.undos = [...c.undos, undo];
  const scope = hooks && (workflow.describe || workflow.files) ? scopeOf(d, frame) : {};
  tell(d, spot, tookMs, hooks && workflow.describe ? workflow.describe(step.id, scope) : '', null);
  record(d, spot, 'output', result);
  if (hooks && workflow.files && frame.parent === null) c.out.writes.push(...workflow.files(step.id, scope));
  if (index !== null) return instanceEnded(d, spot, null);
  if (mends(frame)) closeFix(d, spot, null);
  advance(d, frame, step.id);
}
/** What takes it back, as it stands now: a later definition may have none. */
export function undoOf(d: Draft, spot: Spot, result: Record<string, unknown>): Undo | null {
  const { key, frame, step, index } = spot;
  if (!step.compensate || (step.forEach !== undefined && index === null)) return null;
  const { to, command, with: template = {} } = step.compensate;
  const scope = frame.graph.dynamic.has(step.id) ? { ...scopeAt(d, spot), [step.id]: result } : {};
  const { attempt } = stateOf(d, key);
  return {
    step: key,
    attempt,
    to,
    command: { type: command, ...(bind(template, scope) as object) } as Message,
    tries: 0,
  };
}
/** Forgets what it waited for. @returns how long this attempt took, and all of them. */
function closeStep(d: Draft, spot: Spot): { tookMs: number; ms: number } {
  const { ms, startedAt, attempt } = stateOf(d, spot.key);
  for (const map of ['waits', 'approvals', 'listening'] as const) drop(d, map, spot.key);
  leave(d, spot, attempt);
  const tookMs = d.now - (startedAt ?? d.now);
  return { tookMs, ms: ms + tookMs };
}
function tell(d: Draft, spot: Spot, ms: number, text: string, error: ErrorRecord | null): void {
  const { key, frame, step } = spot;
  if (!tells(frame.graph.workflow) || !tells(d.workflow)) return;
  const { attempt } = stateOf(d, key);
  const phase = step.phase ?? 'run';
  const of = itemOf(d, spot);
  d.c.out.facts.push({ type: 'run.step-ended', step: key, ...of, phase, attempt, ok: !error, ms, note: text, error });
}

/** A step has failed: it is tried again, mended or done without, or what it is part of fails with it. */
export function failed(d: Draft, spot: Spot, error: ErrorRecord, evidence: unknown): void {
  const { key, frame, step, index } = spot;
  const { c } = d;
  const isWhole = step.workflow !== undefined || (step.forEach !== undefined && index === null);
  if (isWhole) for (const part of partsOf(d, key)) cancel(d, part);
  const { tookMs, ms } = closeStep(d, spot);
  move(d, key, 'fail', { ms, error });
  tell(d, spot, tookMs, error.message, error);
  record(d, spot, 'error', { error, evidence });
  const pauseMs = step.forEach !== undefined && index === null ? null : pauseOf(d, spot, error);
  if (pauseMs !== null) {
    move(d, key, 'pause', { again: stateOf(d, key).again + 1 });
    open(d, 'waits')[key] = d.now + pauseMs;
    return;
  }
  if (index !== null) return instanceEnded(d, spot, error);
  if (step.optional) return advance(d, frame, step.id);
  if (isRising(d, frame.parent) && !lifeOf(d, frame.parent).recovery) {
    for (const one of frame.parent === null ? Object.keys(c.steps) : partsOf(d, frame.parent)) cancel(d, one);
    return restartFailed(d, frame.parent, error, { step: step.id, evidence });
  }
  if (!mends(frame)) return failed(d, locate(d, frame.parent!)!, error, evidence);
  mend(d, spot, { error, evidence });
}
/** A failed step of the run itself, or of a part that is mended for itself. */
function mend(d: Draft, spot: Spot, failure: Failure): void {
  const { c } = d;
  const { frame, step } = spot;
  // What has its own rule, or is not one ask to one agent, is nobody else's to judge.
  const isJudged = step.to !== undefined && step.forEach === undefined && !step.retry;
  if (!step.heal && !isJudged) {
    closeFix(d, spot, failure);
    return giveUp(d, frame, failure.error);
  }
  if (ledgerOf(d, frame).failing) return; // a neighbour failed first: it is asked again when that one is mended
  // So, too, when a fix it has nothing to do with is judged; unless that one waits for this very step.
  if (trying(c, frame.parent)?.redo.includes(step.id) === false && !holdsUp(d, frame, step.id)) return;
  const original = closeFix(d, spot, failure);
  const [failedAt, why] = [original?.step ?? step.id, original?.failure ?? failure];
  // A claim that held once is not what is wrong now.
  if (!lifeOf(d, frame.parent).recovery && leaveClaim(d, frame, failedAt, why)) return advance(d, frame, null);
  seekFix(d, frame, failedAt, why);
}
/** Nothing helped: the run ends, or what the part is done by fails. */
export function giveUp(d: Draft, frame: Frame, error: ErrorRecord): void {
  if (frame.parent === null) return settleFailed(d, error);
  if (isRising(d, frame.parent)) return lose(d, frame.parent, error);
  keepLedger(d, frame, { failing: null });
  // It runs though it did not prove itself, and would hold its port.
  if (d.c.results[frame.prefix + STARTS]) halt(d, frame.parent, 'note');
  failed(d, locate(d, frame.parent)!, error, null);
}

/** How long until a failed step is tried again; null: not at all. */
function pauseOf({ c }: Draft, { key, step: { retry } }: Spot, { code }: ErrorRecord): number | null {
  const { again, attempt } = c.steps[key]!;
  if (!retry || again >= retry.times || (retry.on && !retry.on.includes(code))) return null;
  const { backoffMs = 1_000, factor = 2, maxMs = MINUTE, jitter = 0.2 } = retry;
  const full = Math.min(maxMs, backoffMs * factor ** again);
  return Math.round(full * (1 - jitter * chanceOf(`${c.run} ${key} ${attempt}`)));
}
/** FNV-1a, as a part of one: chance that is the same when it is asked again. */
export function chanceOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let n = 0; n < text.length; n += 1) hash = Math.imul(hash ^ text.charCodeAt(n), 0x01000193);
  return ((hash ^ (hash >>> 15)) >>> 0) / 2 ** 32;
}

/** The pause of a step is over, or its time. */
export function stepDue(d: Draft, key: string): void {
  drop(d, 'waits', key);
  const spot = locate(d, key);
  if (!spot) return;
  const { state } = stateOf(d, key);
  if (state === 'backoff') {
    move(d, key, 'back');
    reset(d, key);
    return enter(d, spot);
  }
  if (spot.step.timer && state === 'waiting') return succeed(d, spot, { at: d.now });
  if (!isOver(state)) {
    const after = spot.step.timeoutMs ?? 0;
    const error = spot.step.approval
      ? fail('APPROVAL_MISSING', { step: key, after: `${after / 1000} s`, run: d.c.run })
      : fail('STEP_LATE', { step: key, after: `${after / 1000} s` });
    failed(d, spot, error.toRecord(), null);
  }
}
