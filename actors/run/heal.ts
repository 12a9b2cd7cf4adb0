/**
 * The healing half of a walk: pure. One fix at a time; what helped is kept, what did not is undone by going back to the
 * overlay before it. At most 8 fixes a run and 3 a phase; when nothing helps, the orchestrator manager says whether the
 * step is worth another try, else the run ends with the one error and its next step.
 */
import { roleOf } from '../../agents/database/address.js';
import { fetchable } from '../../agents/database/contract.js';
import type { Fixed, Overlay } from '../../agents/fixer/contract.js';
import type { Answered, Message } from '../../runtime/actor.js';
import type { ErrorRecord } from '../../runtime/errors.js';
import { main } from '../../runtime/subjects.js';
import { at, downstream, type Step } from '../../runtime/workflow.js';
import { type Draft, drop, move, note, partsOf, rootOf, scopeOf, stateOf } from './draft.js';
import { cancel, settleFailed } from './end.js';
import { fixesFile, type OpenFix, told, trying } from './state.js';

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
export function closeFix(d: Draft, id: string, failure: Failure | null): { step: string; failure: Failure } | null {
  const { c } = d;
  const fix = trying(c);
  if (!fix) return null;
  if (!failure && fix.step !== id) return null; // an earlier step, done again on the way
  const same = failure !== null && alike(failure.error) === alike(fix.failure.error);
  const judged: OpenFix = {
    ...fix,
    helped: failure === null || (fix.step === id && !same),
    effect: failure === null ? `${id} passed` : `${id} failed${same ? ' as before' : `: ${failure.error.message}`}`,
  };
  c.fixes = c.fixes.map((one) => (one === fix ? judged : one));
  if (!judged.helped) {
    c.overlay = fix.before;
    c.undone = [...c.undone, fix.from];
  }
  c.out.facts.push({ type: 'run.fix-judged', fix: told(judged) });
  c.out.writes.push(fixesFile(c));
  return !judged.helped && fix.step !== id ? { step: fix.step, failure: fix.failure } : null;
}

export function seekFix(d: Draft, id: string, { error, evidence }: Failure): void {
  const { c, workflow } = d;
  const step = d.graph.byId.get(id)!;
  const { phase = 'run' } = step;
  c.failing = { step: id, error, evidence, askedAt: d.now };
  if (stateOf(d, id).state === 'running') note(d, id, { stale: true });
  else {
    // A step that passed, and stands failed again by the undoing of the fix that broke an earlier one.
    if (stateOf(d, id).state !== 'failed') moveToFailed(d, id);
    move(d, id, 'mend');
  }
  const scope = scopeOf(d, rootOf(d));
  const spent = c.fixes.length >= FIXES_A_RUN || c.fixes.filter((fix) => fix.phase === phase).length >= FIXES_A_PHASE;
  if (!step.heal || spent || !scope.service) return askJudge(d, error);
  const command = {
    type: 'fixer.heal',
    step: id,
    phase,
    error,
    evidence: workflow.evidence ? workflow.evidence(id, scope, evidence) : evidence,
    service: scope.service,
    overlay: c.overlay,
    cwd: scope.cwd ?? at(scope, 'fetch.root'),
    port: at(scope, 'port.port') ?? null,
    ...worldly(d),
    theirs: isTheirs(d),
    tried: c.fixes.map((fix) => ({ rule: fix.rule, phase: fix.phase, signature: fix.signature })),
  };
  c.out.asks.push({
    to: `${c.run}/fixer/fixer-1`,
    command: command as Message,
    withinMs: 2 * MINUTE,
    tag: `heal ${id}`,
  });
}
/** What this workflow can do beyond the overlay: it has a step that brings services up, or not. */
function worldly(d: Draft): { can: string[]; startable: readonly string[]; running: string[] } {
  if (!d.workflow.steps.some(({ to }) => to === 'database')) return { can: [], startable: [], running: [] };
  const up = (at(scopeOf(d, rootOf(d)), 'services.services') ?? []) as { kind: string }[];
  return {
    can: ['start-service', 'create-database', 'map-host'],
    startable: fetchable,
    running: up.map(({ kind }) => kind),
  };
}
/** The database is one that a person has named with the job; what a fix has set is not. */
function isTheirs(d: Draft): boolean {
  const set = (at(scopeOf(d, rootOf(d)), 'config.set') ?? []) as { name: string; origin: string }[];
  return set.some(({ name, origin }) => {
    const role = roleOf(name);
    const isDatabase = ['sql', 'postgres', 'mysql'].includes(role?.kind ?? '') && ['url', 'host'].includes(role!.part);
    return isDatabase && origin === 'given' && !(name in d.c.overlay.env);
  });
}
/** By way of what the table allows. */
function moveToFailed(d: Draft, id: string): void {
  if (stateOf(d, id).state !== 'pending') move(d, id, 'back');
  move(d, id, 'fail');
}

/** Goes on without what was only claimed, where the workflow has such a thing. @returns whether the run can go on. */
export function leaveClaim(d: Draft, id: string, failure: Failure): boolean {
  const { c, workflow } = d;
  const left = workflow.leave?.(id, scopeOf(d, rootOf(d))) ?? null;
  if (!left || c.fixes.some(({ rule }) => rule === left.rule)) return false;
  const overlay = left.overlay as Overlay;
  const fix: OpenFix = {
    rule: left.rule,
    phase: d.graph.byId.get(id)!.phase ?? 'run',
    step: id,
    cause: left.cause,
    actions: left.actions,
    signature: left.rule,
    helped: null,
    effect: null,
    ms: 0,
    // It is not taken up again, whatever comes of it.
    before: overlay,
    from: left.from,
    redo: goBack(d, left.from, id),
    failure,
  };
  c.fixes = [...c.fixes, fix];
  c.overlay = overlay;
  c.out.facts.push({ type: 'run.fix-tried', fix: told(fix) });
  c.out.writes.push(fixesFile(c));
  return true;
}

/** @returns whether the run can go on. */
export function healed(d: Draft, { fact, error }: Answered): boolean {
  const { c } = d;
  const { step: id, askedAt, ...failure } = c.failing!;
  const step = d.graph.byId.get(id)!;
  if (error || fact?.type !== 'fixer.fixed') {
    askJudge(d, (fact as { error?: ErrorRecord } | null)?.error ?? failure.error);
    return false;
  }
  const { rule, cause, actions, signature, overlay } = fact as Fixed;
  const from = d.graph.byId.has((fact as Fixed).from) ? (fact as Fixed).from : id;
  const fix: OpenFix = {
    rule,
    phase: step.phase ?? 'run',
    step: id,
    cause,
    actions: actions.map((action) => ({ ...action })),
    signature,
    helped: null,
    effect: null,
    ms: d.now - askedAt,
    before: c.overlay,
    from,
    redo: goBack(d, from, id),
    failure,
  };
  c.fixes = [...c.fixes, fix];
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
function goBack(d: Draft, from: string, failed: string): string[] {
  const { steps } = d.workflow;
  const again = new Set([failed, ...[from, ...d.c.undone].flatMap((id) => [...downstream(steps, id)])]);
  d.c.undone = [];
  for (const id of again) sendBack(d, d.graph.byId.get(id)!, id);
  return [...again];
}
/** To be done again, with all that is part of it. What is just being asked for is asked again when its answer is there. */
export function sendBack(d: Draft, { to, forEach }: Pick<Step, 'to' | 'forEach'>, key: string): void {
  const { state } = stateOf(d, key);
  const isAsk = to !== undefined && forEach === undefined;
  if (state === 'running' && isAsk) note(d, key, { stale: true });
  else if (state !== 'pending') {
    cancel(d, key);
    move(d, key, 'back');
  }
  drop(d, 'results', key);
  if (!isAsk) reset(d, key);
}
/** All that is part of a step is to be done again. */
export function reset(d: Draft, key: string): void {
  for (const part of partsOf(d, key)) {
    cancel(d, part);
    // Its own tries count anew: it is another doing of the whole.
    if (stateOf(d, part).state !== 'pending') move(d, part, 'back', { again: 0, error: null });
    for (const map of ['results', 'groups', 'inputs'] as const) drop(d, map, part);
  }
  for (const map of ['groups', 'inputs'] as const) drop(d, map, key);
}

export function askJudge(d: Draft, error: ErrorRecord): void {
  const { c } = d;
  const { step } = c.failing!;
  c.failing = { ...c.failing!, error };
  c.out.asks.push({
    to: main('orchestrator-manager'),
    command: { type: 'slots.judge', run: c.run, step, attempt: stateOf(d, step).again + 1, error } as Message,
    withinMs: MINUTE,
    tag: `judge ${step}`,
  });
}

/** @returns whether the run can go on. */
export function judged(d: Draft, { fact }: Answered): boolean {
  const { c } = d;
  const { step, error } = c.failing!;
  if ((fact as { decision?: { option: string } } | null)?.decision?.option !== 'again') {
    settleFailed(d, error);
    return false;
  }
  c.failing = null;
  note(d, step, { again: stateOf(d, step).again + 1 });
  goBack(d, step, step);
  return true;
}
