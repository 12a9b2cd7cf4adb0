/**
 * How a run goes on: pure. Every event makes a new state and says what to ask, tell and write; the machine in index.ts
 * only carries it out. Results are kept by the key of their step and no code is replayed: when the definition is another
 * than the one a run was begun by, the run goes on by the new one if all that has begun is the same in it, and is refused
 * with what differs if not.
 */
import type { Answered, Ask, Message } from '../../runtime/actor.js';
import { type ErrorRecord, fail, toRecord } from '../../runtime/errors.js';
import { main } from '../../runtime/subjects.js';
import { differences } from '../../runtime/workflow/graph.js';
import type { StepState } from '../../runtime/workflow/transitions.js';
import { downstream, type Workflow } from '../../runtime/workflow.js';
import type { Command, Fact } from './contract.js';
import {
  type Draft,
  draftOf,
  drop,
  frameOf,
  inside,
  isAtWork,
  isRising,
  ledgerOf,
  lifeOf,
  locate,
  move,
  open,
  rootOf,
  type Spot,
  stateOf,
} from './draft.js';
import { ended, leave, lose, settleFailed, stop, swept, undid, undo } from './end.js';
import { sow } from './fork.js';
import { renew } from './given.js';
import { healed, judged, sendBack } from './heal.js';
import { appEnded, appTurned, askedAnew, goOn, restartDue, restartFailed, takeTurns } from './hold.js';
import { examined, mendIt, sought } from './recover.js';
import { serverTurned } from './servers.js';
import {
  actorKinds,
  decisionOf,
  isFull,
  isMending,
  MINUTE,
  type RunContext,
  risesFor,
  risingOf,
  runFile,
  STARTS,
  untouched,
  type Walked,
} from './state.js';
import { advance, askSemaphore, failed, giveUp, go, stepDue, succeed, undoOf } from './steps.js';
import { isStranded } from './wake.js';

/** Signals that nobody has waited for yet. */
const MOST_SIGNALS = 1_000;
type Of<T extends Command['type']> = Extract<Command, { type: T }>;

/**
 * @param workflow that the run is walked by; null: there is none of that name any more.
 * @returns the next context; `out` holds what the event caused.
 */
export function walk(workflow: Workflow | null, before: RunContext, event: Walked): RunContext {
  const by = workflow ?? gone(before, event);
  const now = ('at' in event ? event.at : undefined) ?? before.clockedAt;
  const d = draftOf(by, before, now);
  try {
    if (!workflow && isAtWork(before)) refuse(d, missing(before));
    else adopt(d);
    take(d, event); // whoever sent it is answered, also by a run that has just been refused
    takeTurns(d);
    if (isStranded(d.c)) strand(d);
    clock(d);
    return d.c;
  } catch (error) {
    // A workflow that throws is our fault, and the run has to end all the same: whoever waits for it is told.
    if (!isAtWork(before) || !['answered', 'due', 'resumed'].includes(event.type)) throw error;
    const broken = draftOf(by, before, now);
    refuse(broken, toRecord(error));
    clock(broken);
    return broken.c;
  }
}

/** In the place of a definition that is gone: enough to end by. */
const gone = ({ flow, job }: RunContext, event: Walked): Workflow => ({
  name: flow?.name ?? (event.type === 'run.start' ? event.job.workflow : (job?.workflow ?? 'unknown')),
  version: flow?.version ?? 0,
  steps: [],
  agents: [...(flow?.kinds ?? ['runner'])],
});
const missing = ({ flow, job }: RunContext): ErrorRecord =>
  fail('WORKFLOW_CHANGED', {
    workflow: flow?.name ?? job?.workflow,
    differs: 'there is no workflow of that name any more',
  }).toRecord();
/** Ends a run that cannot go on. */
function refuse(d: Draft, error: ErrorRecord): void {
  const { mode, recovery } = d.c;
  if (mode !== 'up')
    return mode === 'restarting' && !recovery ? restartFailed(d, null, error, null) : settleFailed(d, error);
  for (const part of risingOf(d.c))
    if (lifeOf(d, part).recovery) lose(d, part, error);
    else restartFailed(d, part, error, null);
}

/** Takes a definition over that is another than before, if it fits; else the run cannot go on. */
function adopt(d: Draft): void {
  const { c, graph } = d;
  if (c.flow?.print === graph.flow.print || !isAtWork(c)) return;
  if (c.flow) {
    const begun = Object.keys(c.steps).filter((key) => !['pending', 'cancelled'].includes(c.steps[key]!.state));
    const differs = differences(c.flow, graph.flow, begun);
    if (differs.length > 0) {
      const { name, version } = c.flow;
      return refuse(
        d,
        fail('WORKFLOW_CHANGED', { workflow: `${name} ${version}`, differs: differs.join('; ') }).toRecord(),
      );
    }
    const [had, wanted] = [actorKinds(c.flow), actorKinds(graph.flow)];
    const more = wanted.filter((kind) => !had.includes(kind));
    if (more.length > 0) c.out.asks.push(spawnMore(c.run, more));
    c.out.facts.push({ type: 'run.adapted', workflow: graph.flow.name, from: c.flow.version, to: graph.flow.version });
  }
  c.flow = graph.flow;
  for (const { id } of d.workflow.steps) if (!(id in c.steps)) open(d, 'steps')[id] = untouched;
  for (const key of Object.keys(c.steps))
    if (!locate(d, key) && ['pending', 'cancelled'].includes(c.steps[key]!.state)) drop(d, 'steps', key);
  // Steps that are new may have nobody before them who will end.
  advance(d, rootOf(d), null);
  for (const key of Object.keys(c.inputs)) {
    const spot = locate(d, key);
    if (spot?.step.workflow !== undefined && stateOf(d, key).state === 'running')
      advance(d, inside(spot.frame, key, spot.step), null);
  }
}

/** Agents that only the new definition asks. */
const spawnMore = (run: string, kinds: string[]): Ask => ({
  to: main('admin'),
  command: {
    type: 'admin.spawn',
    batch: run,
    actors: kinds.map((kind) => ({ run, kind, id: `${kind}-1` })),
  } as Message,
  withinMs: 2 * MINUTE,
  tag: 'note',
});

function take(d: Draft, event: Walked): void {
  const { c } = d;
  switch (event.type) {
    case 'run.start':
      begin(d, event);
      break;
    case 'run.stop':
      c.out.facts.push({ type: 'run.stopping' });
      stop(d);
      break;
    case 'run.watch':
      if (c.mode === 'ended') c.out.facts.push(ended(c));
      break;
    case 'run.decide':
      decide(d, event);
      break;
    case 'run.signal':
      hearSignal(d, event);
      break;
    case 'run.permit':
      permit(d, event);
      break;
    case 'run.restart':
      c.out.facts.push(askedAnew(d, event.service));
      break;
    case 'recordFailed': // a folder that cannot be written: nothing that comes could be kept
      if (isAtWork(c)) refuse(d, event.error);
      break;
    case 'due':
      count(d);
      due(d);
      break;
    case 'answered':
      count(d);
      hear(d, event);
      break;
  }
}
const refused = (error: ErrorRecord): Fact => ({ type: 'run.refused', error });
const notNow = ({ run, state }: RunContext, what: string): Fact =>
  refused(fail('RUN_NOT_WAITING', { run, state, what }).toRecord());

/** The time since the last event is that of the healing, else of the earliest phase at work. */
function count(d: Draft): void {
  const { c, now } = d;
  if (c.mode !== 'walking' || now <= c.clockedAt) return;
  const spend = (phase: string): void => {
    open(d, 'spent')[phase] = (c.spent[phase] ?? 0) + now - c.clockedAt;
    c.clockedAt = now;
  };
  if (isMending(c)) return spend('heal');
  let optional: string | null = null;
  let earliest: { phase: string; rank: number } | null = null;
  for (const { id, phase = 'run', optional: isOptional } of d.workflow.steps) {
    if (c.steps[id]?.state !== 'running') continue;
    const rank = RANK[phase] ?? 9;
    if (isOptional) optional ??= phase;
    else if (!earliest || rank < earliest.rank) earliest = { phase, rank };
  }
  spend(earliest?.phase ?? optional ?? 'detect');
}
const RANK: Record<string, number> = { detect: 0, setup: 1, run: 2, prove: 3 };
/** When it is to be woken, and whether it only waits. */
function clock({ c }: Draft): void {
  let dueAt: number | null = null;
  for (const key in c.waits) if (dueAt === null || c.waits[key]! < dueAt) dueAt = c.waits[key]!;
  c.dueAt = dueAt;
  if (c.mode === 'walking') c.state = isWaiting(c) ? 'waiting' : 'running';
}
/** A step waits, and none is at work. */
function isWaiting(c: RunContext): boolean {
  if (isMending(c)) return false;
  let waits = false;
  for (const key in c.steps) {
    const { state } = c.steps[key]!;
    if (state === 'running' && !(key in c.groups) && !(key in c.inputs)) return false;
    if (state === 'queued' || state === 'backoff') return false;
    waits ||= state === 'waiting';
  }
  return waits;
}

function begin(d: Draft, { run, job, bundle, at: now, seed }: Of<'run.start'>): void {
  const { c, graph, workflow } = d;
  Object.assign(c, { mode: 'walking', state: 'running', run, job, bundle, startedAt: now, clockedAt: now });
  c.flow = graph.flow;
  const steps = open(d, 'steps');
  for (const { id } of workflow.steps) steps[id] = untouched;
  if (seed) sow(d, seed);
  const fork = seed && { run: seed.run, from: seed.from, kept: Object.keys(seed.steps) };
  c.out.facts.push({ type: 'run.started', source: job.source, ...(fork ? { fork } : {}) });
  if (isFull(workflow)) c.out.writes.push(runFile(c));
  if (c.unwanted) return stop(d);
  if (workflow.steps.length === 0)
    return settleFailed(d, fail('WORKFLOW_UNKNOWN', { workflow: job.workflow }).toRecord());
  advance(d, rootOf(d), null);
}

function hear(d: Draft, answer: Answered): void {
  const { c } = d;
  const [what, key = '', n, m] = answer.tag.split(' ') as [string, ...(string | undefined)[]];
  switch (what) {
    case 'watch':
      return appEnded(d, key, answer);
    case 'look':
      return appTurned(d, key, answer);
    case 'server':
      return serverTurned(d, key, n ?? '', answer);
    case 'sweep':
      return swept(d, answer);
    case 'examine':
      return goOn(d, key || null, examined(d, key || null, answer));
    case 'recover':
      return goOn(d, key || null, sought(d, key || null, answer));
    case 'halt':
      return halted(d, key || null);
    case 'undo':
      return undid(d, key, Number(n), Number(m), answer);
    case 'step':
      return stepAnswered(d, key, Number(n), answer);
    case 'permit':
      return permitAnswered(d, key, Number(n), answer);
    case 'leave':
      if (answer.error && c.mode !== 'ended') leaveAgain(d, key, Number(n));
      return;
  }
  const spot = locate(d, key);
  if (!isAtWork(c) || !spot || ledgerOf(d, spot.frame).failing?.step !== spot.step.id) return;
  if (what === 'heal') {
    if (healed(d, spot, answer)) advance(d, spot.frame, null);
  } else if (what === 'judge') {
    const error = judged(d, spot, answer);
    if (error) giveUp(d, spot.frame, error);
    else advance(d, spot.frame, null);
  }
}

type Failure = { error?: ErrorRecord; evidence?: unknown };
function stepAnswered(d: Draft, key: string, attempt: number, { fact, error: lost }: Answered): void {
  const { c } = d;
  const state = stateOf(d, key);
  const spot = locate(d, key);
  if (!spot || state.attempt !== attempt) return;
  const { type, ...result } = (fact ?? { type: '' }) as { type: string } & Record<string, unknown>;
  const { good } = spot.step;
  const isGood = good
    ? good.includes(type)
    : (result as Failure).error === undefined || (result as Failure).error === null;
  const error =
    lost ??
    (isGood
      ? null
      : ((result as Failure).error ?? fail('INTERNAL', { reason: `${key} ended with ${type}` }).toRecord()));
  if (c.mode === 'undoing' && state.state === 'cancelled' && !error) return late(d, spot, result);
  if (!isAtWork(c) || state.state !== 'running') return;
  if (state.stale) {
    leave(d, spot, attempt);
    move(d, key, 'back', { stale: false });
    return advance(d, spot.frame, null);
  }
  if (error) failed(d, spot, error, (result as Failure).evidence ?? null);
  else succeed(d, spot, result);
}
/** What was at work when the run was given up has ended well after all: it is taken back too. */
function late(d: Draft, spot: Spot, result: Record<string, unknown>): void {
  const one = undoOf(d, spot, result);
  if (!one) return;
  move(d, spot.key, 'succeed');
  // Behind the one that is just being asked for.
  d.c.undos = [...d.c.undos.slice(0, -1), one, ...d.c.undos.slice(-1)];
}

/** What kept the run from going on has been stopped: it takes back what was done, or starts what was up again. */
function halted(d: Draft, part: string | null): void {
  if (d.c.mode === 'undoing') return undo(d);
  if (!isRising(d, part)) return;
  const changed = part === null ? [] : renew(d, part);
  const frame = frameOf(d, part);
  if (lifeOf(d, part).recovery) {
    if (mendIt(d, part, changed)) advance(d, frame, null);
    return;
  }
  const { byId, workflow } = frame.graph;
  // One that was never up is begun where it failed.
  const open = workflow.steps.filter(({ id }) => part !== null && !isWell(stateOf(d, frame.prefix + id).state));
  const from = [STARTS, ...changed, ...open.map(({ id }) => id)];
  for (const id of new Set(from.flatMap((one) => [...downstream(workflow.steps, one)]))) {
    const step = byId.get(id)!;
    if (!step.once) sendBack(d, step, frame.prefix + id);
  }
  advance(d, frame, null);
}
const isWell = (state: StepState): boolean => state === 'done' || state === 'skipped';

function due(d: Draft): void {
  const { c, now } = d;
  const ripe = Object.keys(c.waits)
    .filter((key) => c.waits[key]! <= now)
    .sort((a, b) => c.waits[a]! - c.waits[b]!);
  for (const key of ripe) {
    if (!(key in c.waits)) continue; // what came before it ended it
    if (key === 'undo' && c.mode === 'undoing') {
      drop(d, 'waits', key);
      undo(d);
      continue;
    }
    const part = risesFor(key);
    if (part !== undefined && isRising(d, part)) restartDue(d, part);
    else if (isAtWork(c)) stepDue(d, key);
    else drop(d, 'waits', key);
  }
}

function decide(d: Draft, { step, option, by, reason }: Of<'run.decide'>): void {
  const { c } = d;
  const asking = Object.keys(c.approvals);
  const key = step ?? (asking.length === 1 ? asking[0]! : '');
  const asked = c.approvals[key];
  if (!asked) {
    const which = asking.length === 0 ? 'it asks nothing now' : `it asks at ${asking.join(', ')}`;
    return void c.out.facts.push(notNow(c, `take a decision${step ? ` at ${step}` : ''}: ${which}`));
  }
  if (!asked.options.includes(option)) {
    const error = fail('USAGE', {
      met: `${option} is no option of ${key}`,
      fix: `choose one of ${asked.options.join(', ')}`,
    });
    return void c.out.facts.push(refused(error.toRecord()));
  }
  c.out.facts.push({ type: 'run.decided', step: key, decision: decisionOf(key, asked, option, by, reason) });
  const spot = locate(d, key)!;
  if (asked.passes.includes(option)) return succeed(d, spot, { option, by, reason });
  failed(
    d,
    spot,
    fail('APPROVAL_REFUSED', { step: key, by, option, reason: reason || 'no reason given' }).toRecord(),
    null,
  );
}

function hearSignal(d: Draft, { name, payload, by }: Of<'run.signal'>): void {
  const { c } = d;
  if (c.mode !== 'walking' && c.mode !== 'idle') return void c.out.facts.push(notNow(c, 'take a signal'));
  const key = Object.keys(c.listening).find((one) => c.listening[one] === name);
  if (key === undefined && c.signals.length >= MOST_SIGNALS)
    return void c.out.facts.push(notNow(c, `take a signal: ${MOST_SIGNALS} wait already`));
  c.out.facts.push({ type: 'run.signalled', name, step: key ?? null, by });
  if (key === undefined) c.signals = [...c.signals, { name, payload: payload ?? null, by }];
  else succeed(d, locate(d, key)!, { payload: payload ?? null, by });
}

/** The orchestrator manager grants a semaphore that was waited for. */
function permit(d: Draft, { step: key, attempt }: Of<'run.permit'>): void {
  const { c } = d;
  const spot = locate(d, key);
  const state = stateOf(d, key);
  const isWanted = spot !== null && state.attempt + 1 === attempt && state.state === 'queued';
  if (!isWanted && !(state.attempt === attempt && (state.state === 'running' || state.state === 'waiting')))
    return void c.out.facts.push(notNow(c, `use a semaphore for ${key}`));
  c.out.facts.push({ type: 'run.permitted', step: key, attempt });
  if (isWanted) askSemaphore(d, spot); // it is ours now; the answer says so, and when
}
function permitAnswered(d: Draft, key: string, attempt: number, { fact, error }: Answered): void {
  const spot = locate(d, key);
  if (!spot) return;
  const state = stateOf(d, key);
  const isWanted = isAtWork(d.c) && state.state === 'queued' && state.attempt + 1 === attempt;
  if (fact?.type === 'semaphore.granted') {
    if (isWanted) go(d, spot);
    else if (state.attempt !== attempt) leave(d, spot, attempt);
  } else if (error && isWanted) askSemaphore(d, spot);
}
function leaveAgain(d: Draft, key: string, attempt: number): void {
  const spot = locate(d, key);
  if (spot) leave(d, spot, attempt);
}

/** Nothing would ever wake it: a fault of ours, and the run is over. */
function strand(d: Draft): void {
  const { c } = d;
  const open_ = Object.keys(c.steps).filter((key) => c.steps[key]!.state === 'pending');
  const error = fail('RUN_STRANDED', { run: c.run, steps: open_.join(', ') || 'none' }).toRecord();
  c.out.facts.push({ type: 'run.stranded', error });
  settleFailed(d, error);
}
