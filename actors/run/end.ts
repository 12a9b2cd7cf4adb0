/**
 * How a run ends: pure. The result is told first. Then what is at work is stopped, what was done is taken back (newest
 * first, each with its own tries), and all that is left alive is swept.
 */

import type { Tests } from '../../agents/tester/contract.js';
import type { Answered, Message } from '../../runtime/actor.js';
import { type ErrorRecord, fail } from '../../runtime/errors.js';
import { main } from '../../runtime/subjects.js';
import type { Flow } from '../../runtime/workflow/graph.js';
import { isOver } from '../../runtime/workflow/transitions.js';
import { at, bind, type Proven, type Scope, type Workflow } from '../../runtime/workflow.js';
import type { Fact, Outcome, Result, State } from './contract.js';
import {
  type Draft,
  drop,
  frameOf,
  itemOf,
  keepPart,
  lifeOf,
  locate,
  move,
  open,
  partOf,
  partsOf,
  rootOf,
  type Spot,
  scopeOf,
  stateOf,
} from './draft.js';
import {
  fixesFile,
  holdsProcesses,
  isFull,
  isHealing,
  MINUTE,
  outcomeOf,
  patchFor,
  type RunContext,
  risesAt,
  risingOf,
  runFile,
  STARTS,
} from './state.js';

/** How often a compensation is tried, and the pause before it is tried again. */
const UNDO_TRIES = 4;
const UNDO_PAUSE_MS = 1_000;

/** Nothing helped: tells the result and ends what is alive. */
export function settleFailed(d: Draft, error: ErrorRecord): void {
  if (d.c.mode === 'restarting') return lose(d, null, error);
  const outcome = outcomeOf(error);
  settle(d, outcome, error);
  d.c.state = outcome as State;
  end(d);
}

/**
 * An application that was up is lost: the run ends. Where it is one of several the others stay up, and the run with them
 * until none is left.
 * @param error why, where it did not merely end.
 */
export function lose(d: Draft, part: string | null, error: ErrorRecord | null): void {
  const { c } = d;
  const { recovery, fell } = lifeOf(d, part);
  const { exitCode = null, signal = null, lines = [] } = recovery?.exit ?? fell ?? {};
  const exited = { type: 'run.app-exited', exitCode, signal, lines, error } as const;
  if (part === null) c.out.facts.push(exited);
  else {
    const service = nameOf(d, part);
    const app = appOf(d, part);
    letGo(d, part);
    drop(d, 'waits', risesAt(part));
    for (const key of partsOf(d, part)) cancel(d, key);
    keepPart(d, part, { rising: false, recovery: null, failing: null, service, app });
    c.state = isHealing(c) ? 'healing' : 'up';
    c.out.facts.push({ ...exited, service });
    const awaited = c.anew.some((one) => one !== part);
    if (awaited || Object.keys(c.held).length > 0 || risingOf(c).length > 0) return halt(d, part, 'note');
  }
  c.state = 'failed';
  end(d);
}
/** What people call a part. */
export const nameOf = (d: Draft, part: string): string =>
  partOf(d, part).service ?? itemOf(d, { key: '', frame: frameOf(d, part), index: null }).of ?? part;
/** The last application that was started of a part: a start that is done again has no result yet. */
export const appOf = ({ c }: Draft, part: string): string =>
  (c.results[`${part}.${STARTS}`]?.app as string | undefined) ?? partOf({ c }, part).app ?? '';
/** An application is held no more: what comes of it is no news. */
export function letGo(d: Draft, part: string | null): void {
  const { c } = d;
  if (part === null) return void Object.assign(c, { held: {}, unwell: {} });
  const app = appOf(d, part);
  const { [app]: _, ...held } = c.held;
  const { [app]: __, ...unwell } = c.unwell;
  Object.assign(c, { held, unwell });
}

/** A person stops the run: `up` becomes `done`, what is not proven yet is cancelled. */
export function stop(d: Draft): void {
  const { c } = d;
  if (c.mode === 'up' || c.mode === 'restarting') {
    c.state = 'done';
    return end(d);
  }
  if (c.mode === 'idle') c.unwanted = true;
  if (c.mode !== 'walking') return;
  settle(d, 'cancelled', fail('INTERRUPTED').toRecord());
  c.state = 'cancelled';
  end(d);
}

/** What the run was begun by, or has taken over: its actors are of those kinds, whatever the definition has become. */
const flowOf = ({ c, graph }: Draft): Flow => c.flow ?? graph.flow;
/** Whether a step that has begun holds its semaphore, or waits for it. */
const isIn = ({ step, index }: Spot): boolean =>
  step.semaphore !== undefined && (step.forEach === undefined || index !== null);
/** Gives a step's semaphore back. */
export function leave(d: Draft, spot: Spot, attempt: number): void {
  if (!isIn(spot)) return;
  d.c.out.asks.push({
    to: main('orchestrator-manager'),
    command: {
      type: 'semaphore.release',
      name: spot.step.semaphore!.name,
      run: d.c.run,
      step: spot.key,
      attempt,
    } as Message,
    withinMs: MINUTE,
    tag: `leave ${spot.key} ${attempt}`,
  });
}
/** Ends a step that is not over, and forgets what it waits for. */
export function cancel(d: Draft, key: string): void {
  const { state, attempt } = stateOf(d, key);
  for (const map of ['waits', 'approvals', 'listening'] as const) drop(d, map, key);
  if (isOver(state)) return;
  const spot = locate(d, key);
  if (spot && state === 'queued') leave(d, spot, attempt + 1);
  if (spot && (state === 'running' || state === 'waiting')) leave(d, spot, attempt);
  move(d, key, state === 'healing' ? 'fail' : 'cancel');
}

/** Ends all that is alive; what was borrowed is given back when that is done. */
export function end(d: Draft): void {
  const { c } = d;
  c.failing = null;
  c.recovery = null;
  c.anew = [];
  for (const part of Object.keys(c.parts)) keepPart(d, part, { failing: null, recovery: null, rising: false });
  for (const key of Object.keys(c.steps)) cancel(d, key);
  for (const key of Object.keys(c.waits)) drop(d, 'waits', key);
  if (c.undos.length === 0) return sweep(d);
  c.mode = 'undoing';
  if (isFull(d.workflow)) c.out.writes.push(runFile(c));
  if (!holdsProcesses(flowOf(d))) return undo(d);
  halt(d);
}
/** Stops what is at work, so that the run itself, or only that part of it, can go on. */
export function halt(d: Draft, part: string | null = null, tag = part === null ? 'halt' : `halt ${part}`): void {
  d.c.out.asks.push({
    to: `${d.c.run}/runner/runner-1`,
    command: { type: 'runner.halt', ...(part === null ? {} : { app: appOf(d, part) }) } as Message,
    withinMs: MINUTE,
    tag,
  });
}

/** Takes back what was done last; when nothing is left, sweeps. */
export function undo(d: Draft): void {
  const { c } = d;
  const last = c.undos.at(-1);
  if (!last) return sweep(d);
  const tries = last.tries + 1;
  c.undos = [...c.undos.slice(0, -1), { ...last, tries }];
  const to = last.to.endsWith('-manager') ? main(last.to) : `${c.run}/${last.to}/${last.to}-1`;
  c.out.asks.push({
    to,
    command: last.command,
    withinMs: 10 * MINUTE,
    tag: `undo ${last.step} ${last.attempt} ${tries}`,
  });
}
/** A compensation has ended. */
export function undid(d: Draft, key: string, attempt: number, tries: number, { fact, error: lost }: Answered): void {
  const { c } = d;
  const one = c.undos.find((other) => other.step === key && other.attempt === attempt);
  if (c.mode !== 'undoing' || one?.tries !== tries) return;
  const error = lost ?? (fact as { error?: ErrorRecord } | null)?.error ?? null;
  if (error && tries < UNDO_TRIES) {
    open(d, 'waits').undo = d.now + UNDO_PAUSE_MS * 2 ** (tries - 1);
    return;
  }
  c.undos = c.undos.filter((other) => other !== one);
  if (error) c.notUndone = [...c.notUndone, { step: key, error }];
  c.out.facts.push({ type: 'run.compensated', step: key, ok: error === null, tries, error });
  undo(d);
}

function sweep(d: Draft): void {
  const { c } = d;
  if (!holdsProcesses(flowOf(d))) return finish(d);
  c.mode = 'ending';
  const root = (c.results.workspace?.root as string | undefined) ?? null;
  c.out.asks.push({
    to: `${c.run}/runner/runner-1`,
    command: { type: 'runner.sweep', root } as Message,
    withinMs: MINUTE,
    tag: 'sweep',
  });
  if (isFull(d.workflow)) c.out.writes.push(runFile(c));
}
export function swept(d: Draft, { fact, error }: Answered): void {
  const { c } = d;
  if (c.mode !== 'ending') return;
  const said = fact as { left?: number[]; error?: ErrorRecord } | null;
  c.left = said?.left ?? [];
  c.unswept = said?.left
    ? null
    : (error ?? said?.error ?? fail('INTERNAL', { reason: 'the sweep gave no answer' }).toRecord());
  finish(d);
}
function finish(d: Draft): void {
  const { c } = d;
  c.mode = 'ended';
  const back = (manager: string, type: string): void =>
    void c.out.asks.push({
      to: main(manager),
      command: { type, run: c.run } as Message,
      withinMs: MINUTE,
      tag: 'note',
    });
  if (flowOf(d).kinds.includes('port-manager')) back('port-manager', 'port.release');
  if (c.result?.outcome === 'healthy' && holdsProcesses(flowOf(d))) back('service-manager', 'service.forget');
  c.out.facts.push(ended(c));
  if (isFull(d.workflow)) c.out.writes.push(runFile(c));
}
export const ended = ({ state, left, unswept, notUndone }: RunContext): Fact => ({
  type: 'run.ended',
  state,
  left,
  unswept,
  ...(notUndone.length > 0 ? { notUndone } : {}),
});

export function settle(d: Draft, outcome: Outcome, error: ErrorRecord | null): void {
  const { c, workflow, now } = d;
  const scope = safely(d);
  const healthy = outcome === 'healthy';
  const name = at(scope, 'service.name') as string | undefined;
  const proven = healthy ? provenBy(workflow, scope) : [];
  const down = proven.filter((one) => one.error !== undefined);
  const asked = c.job?.workflow === 'tests' || c.job?.input?.test === true;
  const tools = (at(scope, 'toolchain.tools') ?? []) as { degraded: string | null }[];
  c.failing = null;
  if (healthy) c.undos = [];
  c.result = {
    type: 'result',
    outcome,
    kind: (at(scope, 'service.kind') as string | undefined) ?? null,
    services: healthy
      ? proven.map(({ name: one, url, proof }) => ({ name: one, url, proof }))
      : name === undefined
        ? []
        : [{ name, url: null, proof: null }],
    fixes: shown(c),
    degraded: [
      ...down.map((one) => `${one.name} is not up: ${one.error!.message}`),
      ...tools.flatMap(({ degraded }) => (degraded ? [degraded] : [])),
      ...(healthy && at(scope, 'testsMissing') ? [`no tests of ${name} were found`] : []),
      // The nearest version of a tool has just been told by the tool itself.
      ...c.fixes
        .filter(({ helped, actions }) => helped && !actions.some((action) => action.do === 'relax-version'))
        .flatMap(({ cause }) => (cause.endsWith('(degraded)') ? [cause] : [])),
    ],
    ...(asked ? { tests: (at(scope, 'test.tests') as Tests | undefined) ?? null } : {}),
    run: c.run,
    bundle: c.bundle,
    ms: { ...(c.spent as Result['ms']), total: now - c.startedAt },
    tokens: 0,
    error: error ?? partlyUp(proven),
    ...(workflow.output ? { output: bind(workflow.output, scope) as Record<string, unknown> } : {}),
  };
  if (c.result.fixes.some(({ patch }) => patch !== undefined)) c.out.writes.push(fixesFile(c));
  c.out.facts.push({ type: 'run.settled', result: c.result });
}
/** Its repairs as the result of a run tells them. */
export const shown = (c: RunContext): Result['fixes'] =>
  c.fixes.map(({ rule, phase, of, cause, actions, helped, ms }, n) => ({
    ...{ rule, phase, cause, actions, helped, ms },
    ...(of === undefined ? {} : { of }),
    ...patchFor(c, n),
  }));
/** Those that are up are held; but that was not what was asked for. @returns null: all are. */
export function partlyUp(all: readonly Proven[]): ErrorRecord | null {
  const down = all.filter(({ error }) => error !== undefined);
  if (down.length === 0) return null;
  return fail('PARTLY_UP', {
    met: `${all.length - down.length} of ${all.length} services are up`,
    missing: down.map(({ name, error }) => `${name} (${error!.code})`).join(', '),
    fix: `${down[0]!.name}: ${down[0]!.error!.fix}`,
  }).toRecord();
}
/** The services of a run whose steps have all ended well. */
export function provenBy(workflow: Workflow, scope: Scope): Proven[] {
  if (workflow.services) return workflow.services(scope);
  const name = at(scope, 'service.name') as string | undefined;
  const app = at(scope, 'start.app') as string | undefined;
  if (name === undefined && app === undefined) return [];
  const stays = at(scope, 'service.proof.how') !== 'exit' && typeof app === 'string';
  return [
    {
      name: name ?? 'application',
      kind: (at(scope, 'service.kind') as string | undefined) ?? null,
      app: stays ? app : null,
      pid: (at(scope, 'start.pid') as number | undefined) ?? null,
      sockets: (at(scope, 'start.sockets') as unknown[] | undefined) ?? [],
      url: (at(scope, 'prove.proof.url') as string | undefined) ?? null,
      proof: (at(scope, 'prove.proof') as Record<string, unknown> | undefined) ?? null,
    },
  ];
}
/** A scope that throws is what may have failed the run: its result is told all the same. */
function safely(d: Draft): Scope {
  try {
    return scopeOf(d, rootOf(d));
  } catch {
    return {};
  }
}
