/**
 * The healing half of a walk: pure. One fix at a time; what helped is kept, what did not is undone by going back to the
 * overlay before it. At most 8 fixes a run and 3 a phase; when nothing helps, the orchestrator manager says whether the
 * step is worth another try, else the run ends with the one error and its next step.
 */
import type { Fixed, Overlay } from '../../agents/fixer/contract.js';
import type { Answered, Message } from '../../runtime/actor.js';
import type { ErrorRecord } from '../../runtime/errors.js';
import { main } from '../../runtime/subjects.js';
import { at, downstream, type Step, type Workflow } from '../../runtime/workflow.js';
import { fixesFile, type OpenFix, type RunContext, scopeOf, settleFailed, told, trying } from './state.js';

const FIXES_A_RUN = 8;
const FIXES_A_PHASE = 3;
const MINUTE = 60_000;
export type Failure = OpenFix['failure'];

/** An error without what differs each time: times, process ids, addresses in memory. */
const alike = ({ code, message }: ErrorRecord): string =>
  `${code} ${message}`
    .replace(/\b\d{4}-\d\d-\d\d(?:[T ]|\b)/g, '')
    .replace(/\b\d\d?:\d\d:\d\d(?:[.,]\d+)?Z?/g, '')
    .replace(/\b(pid|process)\W{0,2}\d+/gi, '$1')
    .replace(/\b0x[0-9a-f]+|\b\d+(?:\.\d+)? ?m?s\b/gi, '');

/**
 * Judges the fix that is being tried, when its step has ended. One that changed nothing, or broke an earlier step, is
 * undone. @returns the failure it was for, when that stands again.
 */
export function closeFix(
  c: RunContext,
  step: Step,
  failure: Failure | null,
): { step: string; failure: Failure } | null {
  const fix = trying(c);
  if (!fix) return null;
  if (!failure && fix.step !== step.id) return null; // an earlier step, done again on the way
  const same = failure !== null && alike(failure.error) === alike(fix.failure.error);
  fix.helped = failure === null || (fix.step === step.id && !same);
  fix.effect =
    failure === null ? `${step.id} passed` : `${step.id} failed${same ? ' as before' : `: ${failure.error.message}`}`;
  if (!fix.helped) {
    c.overlay = fix.before;
    c.undone.push(fix.from);
  }
  c.out.facts.push({ type: 'run.fix-judged', fix: told(fix) });
  c.out.writes.push(fixesFile(c));
  return !fix.helped && fix.step !== step.id ? { step: fix.step, failure: fix.failure } : null;
}

export function seekFix(
  workflow: Workflow,
  c: RunContext,
  id: string,
  { error, evidence }: Failure,
  now: number,
): void {
  const step = workflow.steps.find((s) => s.id === id)!;
  c.failing = { step: id, error, evidence, askedAt: now };
  if (c.steps[id]!.state === 'running') c.steps[id]!.stale = true;
  else c.steps[id]!.state = 'healing';
  const scope = scopeOf(workflow, c);
  const spent =
    c.fixes.length >= FIXES_A_RUN || c.fixes.filter(({ phase }) => phase === step.phase).length >= FIXES_A_PHASE;
  if (!step.heals || spent || !scope.service) return askJudge(c, error);
  const command = {
    type: 'fixer.heal',
    step: id,
    phase: step.phase,
    error,
    evidence: workflow.evidence(id, scope, evidence),
    service: scope.service,
    overlay: c.overlay,
    cwd: scope.cwd ?? at(scope, 'fetch.root'),
    port: at(scope, 'port.port') ?? null,
    tried: c.fixes.map(({ rule, phase, signature }) => ({ rule, phase, signature })),
  };
  c.out.asks.push({
    to: `${c.run}/fixer/fixer-1`,
    command: command as Message,
    withinMs: 2 * MINUTE,
    tag: `heal ${id}`,
  });
}

/** @returns whether the run can go on. */
export function healed(workflow: Workflow, c: RunContext, { fact, error, at: now }: Answered): boolean {
  const { step: id, askedAt, ...failure } = c.failing!;
  const step = workflow.steps.find((s) => s.id === id)!;
  if (error || fact?.type !== 'fixer.fixed') {
    askJudge(c, (fact as { error?: ErrorRecord } | null)?.error ?? failure.error);
    return false;
  }
  const { rule, cause, actions, signature, overlay } = fact as Fixed;
  const from = (fact as Fixed).from in c.steps ? (fact as Fixed).from : id;
  const fix: OpenFix = {
    rule,
    phase: step.phase,
    step: id,
    cause,
    actions: actions.map((action) => ({ ...action })),
    signature,
    helped: null,
    effect: null,
    ms: now - askedAt,
    before: c.overlay,
    from,
    redo: goBack(workflow, c, from, id),
    failure,
  };
  c.fixes.push(fix);
  c.overlay = overlay as Overlay;
  c.failing = null;
  c.out.facts.push({ type: 'run.fix-tried', fix: told(fix) });
  c.out.writes.push(fixesFile(c));
  return true;
}

/**
 * Sends the run back to a step; it and all that follows from it are to be done again, and so is what fixes did that
 * have been undone. @returns those steps.
 */
function goBack(workflow: Workflow, c: RunContext, from: string, failed: string): string[] {
  const again = new Set([failed, ...[from, ...c.undone].flatMap((id) => [...downstream(workflow.steps, id)])]);
  c.undone = [];
  for (const id of again) {
    const state = c.steps[id]!;
    if (state.state === 'running') state.stale = true;
    else state.state = 'pending';
    delete c.results[id];
  }
  return [...again];
}

function askJudge(c: RunContext, error: ErrorRecord): void {
  const { step } = c.failing!;
  c.failing = { ...c.failing!, error };
  c.out.asks.push({
    to: main('orchestrator-manager'),
    command: { type: 'slots.judge', run: c.run, step, attempt: c.steps[step]!.again + 1, error } as Message,
    withinMs: MINUTE,
    tag: `judge ${step}`,
  });
}

/** @returns whether the run can go on. */
export function judged(workflow: Workflow, c: RunContext, { fact, at: now }: Answered): boolean {
  const { step, error } = c.failing!;
  if ((fact as { decision?: { option: string } } | null)?.decision?.option !== 'again') {
    settleFailed(workflow, c, error, now);
    return false;
  }
  c.failing = null;
  c.steps[step]!.again += 1;
  goBack(workflow, c, step, step);
  return true;
}
