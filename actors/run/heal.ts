/**
 * The healing half of a walk: pure. One fix at a time; what helped is kept, what did not is undone by going back to the
 * overlay before it. At most 8 fixes a run and 3 a phase, counted anew when its application has been well for long; when
 * nothing helps, the orchestrator manager says whether the step is worth another try, else the run ends with the one error
 * and its next step.
 *
 * A part of a run, a service among several, is mended in the same way and for itself: its frame has its own ledger and
 * budget, and goes back to its own steps only; what is up beside it is not touched.
 */
import { roleOf } from '../../agents/database/address.js';
import { fetchable, type Started } from '../../agents/database/contract.js';
import type { Fixed, Overlay } from '../../agents/fixer/contract.js';
import type { Answered, Message } from '../../runtime/actor.js';
import type { ErrorRecord } from '../../runtime/errors.js';
import { main } from '../../runtime/subjects.js';
import { isOver } from '../../runtime/workflow/transitions.js';
import { at, downstream, type Scope, type Step } from '../../runtime/workflow.js';
import {
  type Draft,
  drop,
  type Frame,
  itemOf,
  keepLedger,
  ledgerOf,
  lifeOf,
  move,
  note,
  partsOf,
  type Spot,
  scopeOf,
  stateOf,
} from './draft.js';
import { cancel } from './end.js';
import { fixesFile, fixesOf, type OpenFix, type RunContext, told, trying } from './state.js';

/** Of the run, or of each of its parts. */
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
  d: Draft,
  { frame, step: { id } }: Spot,
  failure: Failure | null,
): { step: string; failure: Failure } | null {
  const { c } = d;
  const fix = trying(c, frame.parent);
  if (!fix) return null;
  if (!failure && fix.step !== id) return null; // an earlier step, done again on the way
  // Of one that was up and answered badly it is known no better than that: a proof that fails is the same failure.
  const same =
    failure !== null && (fix.failure.error.code === 'APP_UNWELL' || alike(failure.error) === alike(fix.failure.error));
  const judged: OpenFix = {
    ...fix,
    helped: failure === null || (fix.step === id && !same),
    effect: failure === null ? `${id} passed` : `${id} failed${same ? ' as before' : `: ${failure.error.message}`}`,
  };
  c.fixes = c.fixes.map((one) => (one === fix ? judged : one));
  if (!judged.helped) keepLedger(d, frame, { overlay: fix.before, undone: [...ledgerOf(d, frame).undone, fix.from] });
  c.out.facts.push({ type: 'run.fix-judged', fix: told(judged) });
  c.out.writes.push(fixesFile(c));
  return !judged.helped && fix.step !== id ? { step: fix.step, failure: fix.failure } : null;
}

/** @param id of the step that failed, in its frame. */
export function seekFix(d: Draft, frame: Frame, id: string, { error, evidence }: Failure): void {
  const { c } = d;
  const { workflow, byId } = frame.graph;
  const step = byId.get(id)!;
  const key = frame.prefix + id;
  const { phase = 'run' } = step;
  keepLedger(d, frame, { failing: { step: id, error, evidence, askedAt: d.now } });
  if (stateOf(d, key).state === 'running') note(d, key, { stale: true });
  else {
    // A step that passed, and stands failed again by the undoing of the fix that broke an earlier one.
    if (stateOf(d, key).state !== 'failed') moveToFailed(d, key);
    move(d, key, 'mend');
  }
  const scope = scopeOf(d, frame);
  if (!step.heal || isSpent(c, frame.parent, phase) || !scope.service) return askJudge(d, frame, error);
  const seen = workflow.evidence ? workflow.evidence(id, scope, evidence) : evidence;
  c.out.asks.push({
    to: `${c.run}/fixer/fixer-1`,
    command: healCommand(d, frame, id, { error, evidence: seen }),
    withinMs: 2 * MINUTE,
    tag: `heal ${key}`,
  });
}
/** Whether no more may be tried; what was tried before the application had been well for long does not count. */
export function isSpent(c: RunContext, part: string | null, phase: string): boolean {
  const { fixes } = c;
  const lately = fixesOf({ fixes: fixes.slice(lifeOf({ c }, part).budgetFrom) }, part);
  return lately.length >= FIXES_A_RUN || lately.filter((fix) => fix.phase === phase).length >= FIXES_A_PHASE;
}
/** What the fixer is asked about a step that failed. */
export function healCommand(d: Draft, frame: Frame, id: string, { error, evidence }: Failure): Message {
  const { fixes } = d.c;
  const scope = scopeOf(d, frame);
  const { recovery: later } = lifeOf(d, frame.parent);
  return {
    type: 'fixer.heal',
    step: id,
    phase: frame.graph.byId.get(id)!.phase ?? 'run',
    error,
    evidence,
    service: scope.service,
    overlay: ledgerOf(d, frame).overlay,
    cwd: scope.cwd ?? at(scope, 'fetch.root'),
    port: at(scope, 'port.port') ?? null,
    ...worldly(frame, scope),
    without: d.c.job?.without ?? [],
    theirs: isTheirs(scope, ledgerOf(d, frame).overlay),
    // What helped once may be needed once more when it has been up since.
    tried: fixesOf({ fixes: fixes.slice(later?.from ?? 0) }, frame.parent).map((fix) => ({
      ...{ rule: fix.rule, phase: fix.phase, signature: fix.signature },
    })),
    later: later && { memoryBytes: later.memoryBytes },
  } as Message;
}
/** What this workflow can do beyond the overlay: it has a step that brings services up, one that gets tools, one that starts apart, or not. */
function worldly(
  { graph: { workflow } }: Frame,
  scope: Scope,
): { can: string[]; startable: readonly string[]; running: string[]; fixed: Started['fixed'] } {
  const does = (kind: string): boolean => workflow.steps.some(({ to }) => to === kind);
  const given = (field: string): boolean => workflow.steps.some((step) => field in (step.with ?? {}));
  const others = [
    ...(does('dependency') ? ['install-system-package'] : []),
    ...(given('ownNetwork') ? ['own-network'] : []),
    ...(given('served') ? ['serve-at'] : []),
  ];
  if (!does('database')) return { can: others, startable: [], running: [], fixed: [] };
  const { services = [], fixed = [] } = (at(scope, 'services') ?? {}) as Partial<Started>;
  return {
    can: ['start-service', 'create-database', 'map-host', ...others],
    startable: fetchable,
    running: services.map(({ kind }) => kind),
    fixed,
  };
}
/** The database is one that a person has named with the job; what a fix has set is not. */
function isTheirs(scope: Scope, overlay: Overlay): boolean {
  const set = (at(scope, 'config.set') ?? []) as { name: string; origin: string }[];
  return set.some(({ name, origin }) => {
    const role = roleOf(name);
    const isDatabase = ['sql', 'postgres', 'mysql'].includes(role?.kind ?? '') && ['url', 'host'].includes(role!.part);
    return isDatabase && origin === 'given' && !(name in overlay.env);
  });
}
/** By way of what the table allows. */
function moveToFailed(d: Draft, key: string): void {
  if (stateOf(d, key).state !== 'pending') move(d, key, 'back');
  move(d, key, 'fail');
}

/** Goes on without what was only claimed, where the workflow has such a thing. @returns whether the run can go on. */
export function leaveClaim(d: Draft, frame: Frame, id: string, failure: Failure): boolean {
  const { workflow, byId } = frame.graph;
  const left = workflow.leave?.(id, scopeOf(d, frame)) ?? null;
  if (!left || fixesOf(d.c, frame.parent).some(({ rule }) => rule === left.rule)) return false;
  const overlay = left.overlay as Overlay;
  tryFix(d, frame, overlay, {
    rule: left.rule,
    phase: byId.get(id)!.phase ?? 'run',
    step: id,
    cause: left.cause,
    actions: left.actions,
    signature: left.rule,
    ms: 0,
    at: d.now,
    // It is not taken up again, whatever comes of it.
    before: overlay,
    from: left.from,
    failure,
  });
  return true;
}

/** @returns whether the run can go on. */
export function healed(d: Draft, { frame }: Spot, { fact, error }: Answered): boolean {
  const { step: id, askedAt, ...failure } = ledgerOf(d, frame).failing!;
  if (error || fact?.type !== 'fixer.fixed') {
    askJudge(d, frame, (fact as { error?: ErrorRecord } | null)?.error ?? failure.error);
    return false;
  }
  keepLedger(d, frame, { failing: null });
  layFix(d, frame, id, fact as Fixed, failure, askedAt);
  return true;
}
/** Lays what the fixer answered over what failed, and sends it back to where that begins. */
export function layFix(d: Draft, frame: Frame, id: string, fixed: Fixed, failure: Failure, askedAt: number): void {
  const { rule, cause, actions, signature, overlay, from } = fixed;
  tryFix(d, frame, overlay as Overlay, {
    rule,
    phase: frame.graph.byId.get(id)!.phase ?? 'run',
    step: id,
    cause,
    actions: actions.map((action) => ({ ...action })),
    signature,
    ms: d.now - askedAt,
    at: d.now,
    ...(lifeOf(d, frame.parent).recovery ? { later: true } : {}),
    before: ledgerOf(d, frame).overlay,
    from,
    failure,
  });
}
type Tried = Omit<OpenFix, 'part' | 'of' | 'helped' | 'effect' | 'redo'>;
function tryFix(d: Draft, frame: Frame, overlay: Overlay, tried: Tried): void {
  const { c } = d;
  const { parent, graph } = frame;
  // A part begins behind steps of the run that a fix may name.
  const from = graph.byId.has(tried.from) || parent !== null ? tried.from : tried.step;
  const fix: OpenFix = {
    ...itemOf(d, { key: '', frame, index: null }),
    ...tried,
    part: parent,
    from,
    helped: null,
    effect: null,
    redo: goBack(d, frame, from, tried.step),
  };
  c.fixes = [...c.fixes, fix];
  keepLedger(d, frame, { overlay });
  c.out.facts.push({ type: 'run.fix-tried', fix: told(fix) });
  c.out.writes.push(fixesFile(c));
}

/**
 * Sends the run back to a step; it and all that follows from it are to be done again, and so is what fixes did that
 * have been undone. @returns those steps.
 */
function goBack(d: Draft, frame: Frame, from: string, failed: string): string[] {
  const { byId, workflow } = frame.graph;
  const { steps } = workflow;
  const follow = (id: string): string[] => (byId.has(id) ? [...downstream(steps, id)] : steps.map((step) => step.id));
  const again = new Set([failed, ...[from, ...ledgerOf(d, frame).undone].flatMap(follow)]);
  keepLedger(d, frame, { undone: [] });
  // What is to be done once was done when the application was proven first.
  const isDone = (id: string): boolean => isOver(stateOf(d, frame.prefix + id).state) && byId.get(id)!.once === true;
  const all = [...again].filter((id) => !(lifeOf(d, frame.parent).recovery && isDone(id)));
  for (const id of all) sendBack(d, byId.get(id)!, frame.prefix + id);
  return all;
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

export function askJudge(d: Draft, frame: Frame, error: ErrorRecord): void {
  const { c } = d;
  const failing = { ...ledgerOf(d, frame).failing!, error };
  keepLedger(d, frame, { failing });
  const key = frame.prefix + failing.step;
  c.out.asks.push({
    to: main('orchestrator-manager'),
    command: { type: 'slots.judge', run: c.run, step: key, attempt: stateOf(d, key).again + 1, error } as Message,
    withinMs: MINUTE,
    tag: `judge ${key}`,
  });
}

/** @returns why it is given up; null: it goes on. */
export function judged(d: Draft, { key, frame }: Spot, { fact }: Answered): ErrorRecord | null {
  const { step, error } = ledgerOf(d, frame).failing!;
  if ((fact as { decision?: { option: string } } | null)?.decision?.option !== 'again') return error;
  keepLedger(d, frame, { failing: null });
  note(d, key, { again: stateOf(d, key).again + 1 });
  goBack(d, frame, step, step);
  return null;
}
