/**
 * How a run goes on: pure. Every event makes a new state and says what to ask, tell and write; the machine in index.ts
 * only carries it out. A step with a result never runs again unless a fix sends the run back to it.
 */
import type { Answered, Message } from '../../runtime/actor.js';
import { type ErrorRecord, fail, toRecord } from '../../runtime/errors.js';
import { main } from '../../runtime/subjects.js';
import { at, bind, downstream, isThere, type Phase, type Step, type Workflow } from '../../runtime/workflow.js';
import { sow } from './fork.js';
import { closeFix, healed, judged, seekFix } from './heal.js';
import {
  ended,
  giveUp,
  json,
  prove,
  type RunContext,
  runFile,
  scopeOf,
  settleFailed,
  stop,
  trying,
  type Walked,
} from './state.js';

/** @returns the next context; `out` holds what the event caused. */
export function walk(workflow: Workflow, before: RunContext, event: Walked): RunContext {
  const copy = (): RunContext => ({ ...structuredClone(before), out: { asks: [], facts: [], writes: [] } });
  const c = copy();
  try {
    take(workflow, c, event);
    return c;
  } catch (error) {
    // A workflow that throws is our fault, and the run has to end all the same: whoever waits for it is told.
    if (before.mode !== 'walking' || event.type !== 'answered') throw error;
    const broken = copy();
    settleFailed(workflow, broken, toRecord(error), event.at);
    return broken;
  }
}

function take(workflow: Workflow, c: RunContext, event: Walked): void {
  switch (event.type) {
    case 'run.start':
      begin(workflow, c, event);
      break;
    case 'run.stop':
      c.out.facts.push({ type: 'run.stopping' });
      stop(workflow, c);
      break;
    case 'run.watch':
      if (c.mode === 'ended') c.out.facts.push(ended(c));
      break;
    case 'recordFailed': // a folder that cannot be written: nothing that comes could be kept
      if (c.mode === 'walking') settleFailed(workflow, c, event.error, c.clockedAt);
      break;
    case 'answered':
      count(workflow, c, event.at);
      hear(workflow, c, event);
      break;
  }
}

/** The time since the last event is that of the healing, else of the earliest phase at work. */
function count(workflow: Workflow, c: RunContext, now: number): void {
  if (c.mode !== 'walking' || now <= c.clockedAt) return;
  const running = workflow.steps.filter(({ id }) => c.steps[id]!.state === 'running');
  const needed = running.filter(({ optional }) => !optional);
  const order: Phase[] = ['detect', 'setup', 'run', 'prove'];
  const phase = order.find((one) => (needed.length > 0 ? needed : running).some((step) => step.phase === one));
  c.spent[c.failing ? 'heal' : (phase ?? 'detect')] += now - c.clockedAt;
  c.clockedAt = now;
}

function begin(
  workflow: Workflow,
  c: RunContext,
  { run, job, bundle, at: now, seed }: Extract<Walked, { type: 'run.start' }>,
): void {
  Object.assign(c, { mode: 'walking', state: 'running', run, job, bundle, startedAt: now, clockedAt: now });
  for (const { id } of workflow.steps)
    c.steps[id] = { state: 'pending', attempt: 0, startedAt: null, ms: 0, error: null, again: 0, stale: false };
  if (seed) sow(c, seed);
  const fork = seed && { run: seed.run, from: seed.from, kept: Object.keys(seed.steps) };
  c.out.facts.push({ type: 'run.started', source: job.source, ...(fork ? { fork } : {}) });
  c.out.writes.push(runFile(c));
  if (c.unwanted) return stop(workflow, c);
  advance(workflow, c, now);
}

/** Begins every step whose turn has come; proves the run when none is left. */
export function advance(workflow: Workflow, c: RunContext, now: number): void {
  if (c.mode !== 'walking' || c.failing) return;
  const over = ({ id, optional }: Step): boolean =>
    ['done', 'skipped', ...(optional ? ['failed'] : [])].includes(c.steps[id]!.state);
  const byId = new Map(workflow.steps.map((step) => [step.id, step]));
  for (let progress = true; progress; ) {
    progress = false;
    for (const step of workflow.steps) {
      const state = c.steps[step.id]!;
      // What failed while another step was being mended is tried once more.
      if (state.state === 'failed' && !step.optional && (!trying(c) || holdsUp(workflow, c, step)))
        state.state = 'pending';
      if (state.state !== 'pending' || !step.needs.every((need) => over(byId.get(need)!))) continue;
      progress = true;
      const scope = scopeOf(workflow, c);
      if (step.when !== undefined && !isThere(at(scope, step.when))) {
        state.state = 'skipped';
        closeFix(c, step, null); // it was made needless
        continue;
      }
      state.attempt += 1;
      state.state = 'running';
      state.startedAt = now;
      const command = { type: step.command, ...(bind(step.with, scope) as object) } as Message;
      const to = step.to.endsWith('-manager') ? main(step.to) : `${c.run}/${step.to}/${step.to}-1`;
      c.out.asks.push({ to, command, withinMs: step.timeoutMs, tag: `step ${step.id} ${state.attempt}` });
      c.out.facts.push({ type: 'run.step-began', step: step.id, phase: step.phase, attempt: state.attempt });
      c.out.writes.push(json(`steps/${step.id}/${state.attempt}/input.json`, command));
    }
  }
  if (workflow.steps.every(over)) prove(workflow, c, now);
}

/** Whether the fix under trial cannot be judged before this step has ended well. */
const holdsUp = ({ steps }: Workflow, c: RunContext, { id }: Step): boolean =>
  downstream(steps, id).has(trying(c)?.step ?? '');

function hear(workflow: Workflow, c: RunContext, answer: Answered): void {
  const [what, id, attempt] = answer.tag.split(' ') as [string, string, string];
  if (what === 'watch') return appEnded(c, answer);
  if (what === 'sweep') return swept(c, answer);
  if (c.mode !== 'walking') return;
  if (what === 'step') {
    const step = workflow.steps.find((s) => s.id === id)!;
    const state = c.steps[id]!;
    if (state.state !== 'running' || state.attempt !== Number(attempt)) return;
    if (!state.stale) return stepEnded(workflow, c, step, answer);
    Object.assign(state, { state: 'pending', stale: false });
    return advance(workflow, c, answer.at);
  }
  if (c.failing?.step !== id) return;
  const goOn = what === 'heal' ? healed(workflow, c, answer) : what === 'judge' ? judged(workflow, c, answer) : false;
  if (goOn) advance(workflow, c, answer.at);
}

type Failure = { error?: ErrorRecord; evidence?: unknown };
function stepEnded(workflow: Workflow, c: RunContext, step: Step, { fact, error: lost, at: now }: Answered): void {
  const state = c.steps[step.id]!;
  const ms = now - state.startedAt!;
  state.ms += ms;
  const { type, ...result } = (fact ?? { type: '' }) as Message & Record<string, unknown>;
  let error =
    lost ??
    (step.good.includes(type)
      ? null
      : ((result as Failure).error ?? fail('INTERNAL', { reason: `${step.id} ended with ${type}` }).toRecord()));
  if (!error) {
    c.results[step.id] = result;
    error = workflow.judge(step.id, scopeOf(workflow, c));
  }
  state.error = error;
  state.state = error ? 'failed' : 'done';
  const folder = `steps/${step.id}/${state.attempt}`;
  const scope = scopeOf(workflow, c);
  const note = error ? error.message : workflow.describe(step.id, scope);
  c.out.facts.push({
    type: 'run.step-ended',
    step: step.id,
    phase: step.phase,
    attempt: state.attempt,
    ok: !error,
    ms,
    note,
    error,
  });
  const evidence = (result as Failure).evidence ?? null;
  c.out.writes.push(error ? json(`${folder}/error.json`, { error, evidence }) : json(`${folder}/output.json`, result));
  if (!error) {
    c.out.writes.push(...workflow.files(step.id, scope));
    closeFix(c, step, null);
    return advance(workflow, c, now);
  }
  if (step.optional) return advance(workflow, c, now);
  if (c.failing) return; // a neighbour failed first: it is asked again when that one is mended
  // So, too, when a fix it has nothing to do with is judged; unless that one waits for this very step.
  if (trying(c)?.redo.includes(step.id) === false && !holdsUp(workflow, c, step)) return;
  const original = closeFix(c, step, { error, evidence });
  seekFix(workflow, c, original?.step ?? step.id, original?.failure ?? { error, evidence }, now);
}

/** The application ended though nobody asked it to. */
function appEnded(c: RunContext, { fact, error: unseen }: Answered): void {
  if (c.mode !== 'up') return;
  const {
    exitCode = null,
    signal = null,
    lines = [],
    lost = false,
  } = (fact ?? {}) as { exitCode?: number | null; signal?: string | null; lines?: string[]; lost?: boolean };
  const error = lost ? fail('KEEPER_LOST', { run: c.run }).toRecord() : unseen;
  c.out.facts.push({ type: 'run.app-exited', exitCode, signal, lines, error });
  giveUp(c);
}

function swept(c: RunContext, { fact, error }: Answered): void {
  const told = fact as { left?: number[]; error?: ErrorRecord } | null;
  c.left = told?.left ?? [];
  c.unswept = told?.left
    ? null
    : (error ?? told?.error ?? fail('INTERNAL', { reason: 'the sweep gave no answer' }).toRecord());
  c.mode = 'ended';
  c.out.asks.push(
    {
      to: main('port-manager'),
      command: { type: 'port.release', run: c.run } as Message,
      withinMs: 60_000,
      tag: 'note',
    },
    {
      to: main('service-manager'),
      command: { type: 'service.forget', run: c.run } as Message,
      withinMs: 60_000,
      tag: 'note',
    },
  );
  c.out.facts.push(ended(c));
  c.out.writes.push(runFile(c));
}
