/**
 * A run whose steps have all ended well: pure. It is done, or it holds the application that is up: watches it, and starts
 * it again where the job says so, at most five times in a minute with a growing pause. A start that fails counts as one.
 * One that this does not help, or that nobody wants started again, is repaired where a rule knows how (recover.ts).
 */
import type { Evidence } from '../../agents/dependency/contract.js';
import type { Answered, Message } from '../../runtime/actor.js';
import { type ErrorRecord, fail } from '../../runtime/errors.js';
import { main } from '../../runtime/subjects.js';
import type { Proven } from '../../runtime/workflow.js';
import { type Draft, drop, open, rootOf, scopeOf } from './draft.js';
import { end, halt, lose, provenBy, settle, shown } from './end.js';
import { endedMeanwhile, recover, type Verdict } from './recover.js';
import { FOREVER_MS, isFull, MINUTE, type RunContext, runFile, STARTS } from './state.js';

/** Times an application is started again within a minute before it is given up. */
export const RESTARTS = 5;
const WITHIN_MS = 60_000;
const PAUSE_MS = 500;
/** Times one is started again for its bad answers before it is repaired, or given up; anew when it was well for long. */
const UNWELL_RESTARTS = 2;
/** Repairs that are remembered, the newest. */
const KEPT_FIXES = 50;
/** Somebody asked it to end, and it did. */
const ASKED: readonly (string | number | null)[] = [0, 129, 130, 143, 'SIGHUP', 'SIGINT', 'SIGTERM'];

/** Every step has ended well: tells the result, then holds what is up. */
export function prove(d: Draft): void {
  const { c } = d;
  if (c.mode === 'restarting') return c.waits.restart === undefined ? upAgain(d) : undefined;
  settle(d, 'healthy', null);
  const held = provenOf(d).filter(({ app }) => app !== null);
  if (held.length === 0) {
    c.state = 'done';
    return end(d);
  }
  c.mode = 'up';
  c.state = 'up';
  for (const one of held) hold(d, one);
  if (isFull(d.workflow)) c.out.writes.push(runFile(c));
}
/** A workflow that proves nothing is not asked for its scope. */
const provenOf = (d: Draft): Proven[] =>
  d.workflow.scope || d.workflow.services || d.c.results[STARTS] ? provenBy(d.workflow, scopeOf(d, rootOf(d))) : [];
function hold(d: Draft, one: Proven): void {
  const { c, now } = d;
  const { app, name, url, pid, sockets } = one;
  c.held = { ...c.held, [app!]: name };
  monitor(d, one, { service: name, app: app!, well: true, since: now, steady: false });
  c.out.asks.push(
    {
      to: `${c.run}/runner/runner-1`,
      command: { type: 'runner.watch', app } as Message,
      withinMs: FOREVER_MS,
      tag: `watch ${app}`,
    },
    {
      to: main('service-manager'),
      command: { type: 'service.record', service: { run: c.run, name, url, pid, sockets, since: now } } as Message,
      withinMs: MINUTE,
      tag: 'note',
    },
  );
}

type Watched = { service: string; app: string; well: boolean; since: number; steady: boolean };
/** Has it looked at until that turns. A run that was begun before there was a monitor goes on without. */
function monitor({ c }: Draft, { pid, url, proof }: Proven, watched: Watched): void {
  if (!c.flow?.kinds.includes('monitor')) return;
  const { status } = (proof ?? {}) as { status?: unknown };
  const proven = typeof status === 'number' ? status : null;
  c.out.asks.push({
    to: `${c.run}/monitor/monitor-1`,
    command: { type: 'monitor.watch', ...watched, pid, url, proven } as Message,
    withinMs: FOREVER_MS,
    tag: `look ${watched.app}`,
  });
}
/** The monitor says that an application is well no more, or again, or has been so for long. */
export function appTurned(d: Draft, app: string, { fact }: Answered): void {
  const { c } = d;
  const one = provenOf(d).find((held) => held.app === app);
  const service = c.held[app];
  if (c.mode !== 'up' || service === undefined || !one) return;
  const { type, since = d.now, reason = '', downMs = 0 } = (fact ?? {}) as Partial<Turn>;
  if (type === 'monitor.fell') {
    c.unwell = { ...c.unwell, [app]: since };
    c.out.facts.push({ type: 'run.app-unwell', service, reason, since });
    if (STARTS in c.steps) return unwell(d, { app, service, reason, since });
  } else if (type === 'monitor.recovered') {
    const { [app]: _, ...others } = c.unwell;
    c.unwell = others;
    c.downSince = null;
    c.out.facts.push({ type: 'run.app-well', service, downMs });
  } else if (type === 'monitor.steady') {
    c.budgetFrom = c.fixes.length;
    c.unwellAgain = 0;
  } else return; // it has ended, which the runner says
  const well = type !== 'monitor.fell';
  monitor(d, one, { service, app, well, since, steady: type === 'monitor.steady' });
}
type Turn = { type: string; since: number; reason: string; downMs: number };
/** It answers badly: it is started again as if it had ended, where its policy says so, then repaired. */
function unwell(d: Draft, what: { app: string; service: string; reason: string; since: number }): void {
  const { c } = d;
  const { service, reason, since } = what;
  const byPolicy = (c.job?.restart ?? 'no') !== 'no';
  const error = fail('APP_UNWELL', { service, reason }).toRecord();
  if (byPolicy) c.fell = { exitCode: null, signal: null, lines: [], error };
  if (byPolicy && c.unwellAgain < UNWELL_RESTARTS) {
    c.unwellAgain += 1;
    c.downSince ??= since;
    return again(d);
  }
  const otherwise = byPolicy ? 'end' : 'stay';
  const verdict = recover(d, { ...what, step: 'prove', exit: null, failure: null, otherwise });
  goOn(d, verdict === 'none' ? (byPolicy ? 'again' : 'stay') : verdict);
}
/** What is left to do where no repair was found. */
export function goOn(d: Draft, verdict: Verdict): void {
  if (verdict === 'again') return again(d);
  if (verdict !== 'stay') return;
  const { c } = d;
  for (const one of provenOf(d)) {
    const { app } = one;
    const service = app === null ? undefined : c.held[app];
    const since = app === null ? undefined : c.unwell[app];
    if (service !== undefined && since !== undefined)
      monitor(d, one, { service, app: app!, well: false, since, steady: false });
  }
}

/** The application ended though nobody asked it to. */
export function appEnded(d: Draft, app: string, { fact, error: unseen }: Answered): void {
  const { c } = d;
  if (!(app in c.held) || (c.mode !== 'up' && !c.recovery)) return;
  const {
    exitCode = null,
    signal = null,
    lines = [],
    lost = false,
    limit = null,
  } = (fact ?? {}) as Partial<Exit> & { lost?: boolean };
  const exit = { exitCode, signal, limit, lines };
  if (c.recovery) return endedMeanwhile(c, exit);
  const error = lost ? fail('KEEPER_LOST', { run: c.run }).toRecord() : unseen;
  if (!(STARTS in c.steps)) return oneOfManyEnded(d, app, { exitCode, signal, lines, error });
  c.fell = { exitCode, signal, lines, error };
  c.downSince ??= d.now;
  if (error) return lose(d, error);
  const wanted = c.job?.restart ?? 'no';
  const isWanted = wanted === 'always' || (wanted === 'on-failure' && exitCode !== 0);
  if (isWanted && lately(d).length < RESTARTS) return again(d);
  // An end that somebody asked for is no failure.
  if (ASKED.includes(exitCode ?? signal)) return lose(d, null);
  const reason = signal === null ? `it ended with ${exitCode}` : `it was ended by ${signal}`;
  const [service, since] = [c.held[app]!, c.downSince];
  const step = STARTS;
  if (recover(d, { app, service, since, reason, step, exit, failure: null, otherwise: 'end' }) === 'none')
    lose(d, null);
}
type Exit = { exitCode: number | null; signal: string | null; limit: string | null; lines: string[] };
/** One of several services: the others stay up, and the run with them until none is left. */
function oneOfManyEnded(d: Draft, app: string, how: NonNullable<RunContext['fell']>): void {
  const { c } = d;
  const { [app]: service, ...others } = c.held;
  c.held = others;
  c.out.facts.push({ type: 'run.app-exited', ...how, service: service! });
  if (Object.keys(others).length > 0) return;
  c.state = 'failed';
  end(d);
}
/** Its starts within the last minute. */
const lately = ({ c, now }: Draft): number[] => c.restarts.filter((then) => then > now - WITHIN_MS);
/** Starts it again after a pause, if it has not been started too often. */
function again(d: Draft): void {
  const { c, now } = d;
  const before = lately(d);
  if (before.length >= RESTARTS) return lose(d, c.fell?.error ?? null);
  const inMs = PAUSE_MS * 2 ** before.length;
  c.restarts = [...before, now];
  c.mode = 'restarting';
  c.held = {};
  c.unwell = {};
  open(d, 'waits').restart = now + inMs;
  const { exitCode = null, signal = null, lines = [], error = null } = c.fell ?? {};
  c.out.facts.push({ type: 'run.app-fell', exitCode, signal, lines, error, restart: before.length + 1, inMs });
}
/** A person asks for it. */
export function restart(d: Draft): void {
  const { c } = d;
  c.fell = null;
  c.downSince ??= d.now;
  c.mode = 'restarting';
  c.held = {};
  c.unwell = {};
  halt(d);
}
/** What was left of the old one is to be ended before a new one is started. */
export function restartDue(d: Draft): void {
  drop(d, 'waits', 'restart');
  halt(d);
}
/**
 * It could not be started, or did not prove itself: a repair is sought at once, for what it failed with is no chance.
 * @param at the step, and what it left behind; null: no step of it is to blame.
 */
export function restartFailed(d: Draft, error: ErrorRecord, at: { step: string; evidence: unknown } | null): void {
  const { c } = d;
  const byPolicy = (c.job?.restart ?? 'no') !== 'no';
  c.fell = { exitCode: null, signal: null, lines: [], error };
  c.downSince ??= d.now;
  const verdict = at ? recover(d, failedStart(d, error, at, byPolicy ? 'again' : 'end')) : 'none';
  if (verdict !== 'none') goOn(d, verdict);
  else if (byPolicy) again(d);
  else lose(d, error);
}
function failedStart(
  d: Draft,
  error: ErrorRecord,
  { step, evidence }: { step: string; evidence: unknown },
  otherwise: 'again' | 'end',
): Parameters<typeof recover>[1] {
  const scope = scopeOf(d, rootOf(d));
  const seen = (d.workflow.evidence ? d.workflow.evidence(step, scope, evidence) : evidence) as Evidence | null;
  const service = String((scope.service as { name?: unknown } | undefined)?.name ?? 'application');
  const [app, since] = ['', d.c.downSince!];
  return {
    app,
    service,
    since,
    reason: error.message,
    step,
    exit: null,
    failure: { error, evidence: seen },
    otherwise,
  };
}
/** It is proven again: after a restart, or after repairs. */
function upAgain(d: Draft): void {
  const { c } = d;
  const { recovery } = c;
  const [back] = provenOf(d);
  const { url = null, pid = null, proof = null } = back ?? {};
  if (c.result) c.result = { ...c.result, services: c.result.services.map((one) => ({ ...one, url, proof })) };
  const byItself = c.fell !== null;
  const downMs = d.now - (c.downSince ?? d.now);
  Object.assign(c, { mode: 'up', state: 'up', fell: null, recovery: null, downSince: null });
  c.downMs += downMs;
  if (recovery) {
    c.heals += 1;
    if (c.result) c.result = { ...c.result, fixes: c.fixes.map(shown) };
    const surplus = Math.max(0, c.fixes.length - KEPT_FIXES);
    const rules = c.fixes.slice(recovery.from).flatMap(({ rule, helped }) => (helped ? [rule] : []));
    c.out.facts.push({ type: 'run.app-healed', service: recovery.service, downMs, rules, pid, url });
    // It may be up for years.
    c.fixes = c.fixes.slice(surplus);
    c.budgetFrom = Math.max(0, c.budgetFrom - surplus);
  } else c.out.facts.push({ type: 'run.app-restarted', byItself, restarts: c.restarts.length, pid, url, downMs });
  hold(d, back!);
  if (isFull(d.workflow)) c.out.writes.push(runFile(c));
}
