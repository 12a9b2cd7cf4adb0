/**
 * A run whose steps have all ended well: pure. It is done, or it holds the application that is up: watches it, and starts
 * it again where the job says so, at most five times in a minute with a growing pause. A start that fails counts as one.
 * One that this does not help, or that nobody wants started again, is repaired where a rule knows how (recover.ts).
 */
import type { Evidence } from '../../agents/dependency/contract.js';
import { engineFault } from '../../providers/engine/faults.js';
import type { Answered, Message } from '../../runtime/actor.js';
import { type ErrorRecord, fail } from '../../runtime/errors.js';
import { main } from '../../runtime/subjects.js';
import type { Proven } from '../../runtime/workflow.js';
import { type Draft, drop, groupOf, keepPart, open, partOf, rootOf, scopeOf } from './draft.js';
import { end, halt, lose, provenBy, settle, shown } from './end.js';
import { endedMeanwhile, recover, type Verdict } from './recover.js';
import { guard } from './servers.js';
import { type Fell, FOREVER_MS, isFull, MINUTE, RISES, type RunContext, risingOf, runFile, STARTS } from './state.js';

/** Times an application is started again within a minute before it is given up. */
export const RESTARTS = 5;
const WITHIN_MS = 60_000;
const PAUSE_MS = 500;
/** Times one is started again for its bad answers before it is repaired, or given up; anew when it was well for long. */
const UNWELL_RESTARTS = 2;
/** Repairs of one that had been up that are remembered, the newest. */
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
  guard(d);
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
    // As if it had ended: its policy says whether it is started again.
    const part = partWith(c, app);
    if (part !== null && policyOf(c, one) !== 'no')
      return rise(d, part, { ...unsaid, error: fail('APP_UNWELL', { service, reason }).toRecord() });
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
/** Of an end that nobody saw. */
const unsaid = { exitCode: null, signal: null, lines: [] };
/** It answers badly: it is started again as if it had ended, where its policy says so, then repaired. */
function unwell(d: Draft, what: { app: string; service: string; reason: string; since: number }): void {
  const { c } = d;
  const { service, reason, since } = what;
  const byPolicy = policyOf(c, null) !== 'no';
  const error = fail('APP_UNWELL', { service, reason }).toRecord();
  if (byPolicy) c.fell = { ...unsaid, error };
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
  // In a container: what ended is not the application but what held it.
  const engine = engineFault(exitCode, lines.join('\n'));
  const broke = engine && fail('ENGINE_FAILED', { command: c.held[app], ...engine }).toRecord();
  const error = lost ? fail('KEEPER_LOST', { run: c.run }).toRecord() : (broke ?? unseen);
  if (!(STARTS in c.steps)) return oneOfManyEnded(d, app, { exitCode, signal, lines, error });
  c.fell = { exitCode, signal, lines, error };
  c.downSince ??= d.now;
  if (error) return lose(d, error);
  if (isStartedAgain(policyOf(c, null), c.fell) && lately(d).length < RESTARTS) return again(d);
  // An end that somebody asked for is no failure.
  if (ASKED.includes(exitCode ?? signal)) return lose(d, null);
  const reason = signal === null ? `it ended with ${exitCode}` : `it was ended by ${signal}`;
  const [service, since] = [c.held[app]!, c.downSince];
  const step = STARTS;
  if (recover(d, { app, service, since, reason, step, exit, failure: null, otherwise: 'end' }) === 'none')
    lose(d, null);
}
type Exit = { exitCode: number | null; signal: string | null; limit: string | null; lines: string[] };
/** What was asked for with the job, else what the repository says of that service. */
const policyOf = ({ job }: RunContext, one: Proven | null): NonNullable<Proven['restart']> =>
  job?.restart ?? one?.restart ?? 'no';
const isStartedAgain = (policy: NonNullable<Proven['restart']>, { error, exitCode }: Fell): boolean =>
  error === null && (policy === 'always' || (policy === 'on-failure' && exitCode !== 0));

/** One of several services: the others stay up, and the run with them until none is left. */
function oneOfManyEnded(d: Draft, app: string, how: Fell): void {
  const { c } = d;
  const part = partWith(c, app);
  const one = provenOf(d).find((held) => held.app === app) ?? null;
  if (part !== null && isStartedAgain(policyOf(c, one), how)) return rise(d, part, how);
  loseOne(d, app, c.held[app]!, how);
}
function loseOne(d: Draft, app: string, service: string, how: Fell): void {
  const { c } = d;
  const { [app]: _, ...others } = c.held;
  c.held = others;
  c.out.facts.push({ type: 'run.app-exited', ...how, service });
  if (Object.keys(others).length > 0 || risingOf(c).length > 0) return;
  c.state = 'failed';
  end(d);
}
/** Its starts within the last minute. */
const lately = ({ c, now }: Draft): number[] => c.restarts.filter((then) => then > now - WITHIN_MS);
/** The part that an application is of; null: the run itself. */
function partWith({ results }: RunContext, app: string): string | null {
  const key = Object.keys(results).find((one) => one.endsWith(`.${STARTS}`) && results[one]!.app === app);
  return key === undefined ? null : key.slice(0, -STARTS.length - 1);
}
/** Starts one of several again after a pause, as `again` does where there is one; the others are held meanwhile. */
function rise(d: Draft, part: string, fell: Fell): void {
  const { c, now } = d;
  const app = appOf(d, part);
  const service = c.held[app] ?? partOf(d, part).service ?? part;
  const before = partOf(d, part).restarts.filter((then) => then > now - WITHIN_MS);
  const rising = before.length < RESTARTS;
  keepPart(d, part, { rising, fell, service, app });
  if (!rising) {
    halt(d, { app, part });
    return loseOne(d, app, service, fell);
  }
  const { [app]: _, ...held } = c.held;
  const { [app]: __, ...unwell } = c.unwell;
  Object.assign(c, { held, unwell });
  const inMs = PAUSE_MS * 2 ** before.length;
  keepPart(d, part, { restarts: [...before, now] });
  open(d, 'waits')[RISES + part] = now + inMs;
  c.out.facts.push({ type: 'run.app-fell', ...fell, service, restart: before.length + 1, inMs });
}
/** The last one that was started of it: a start that is done again has no result yet. */
const appOf = (d: Draft, part: string): string =>
  (d.c.results[`${part}.${STARTS}`]?.app as string | undefined) ?? partOf(d, part).app ?? '';
/** What was left of the old one is to be ended before a new one is started. */
export function riseDue(d: Draft, part: string): void {
  drop(d, 'waits', RISES + part);
  halt(d, { app: appOf(d, part), part });
}
/** It could not be started, or did not prove itself: that counts as one more fall. */
export function notRisen(d: Draft, part: string, error: ErrorRecord): void {
  rise(d, part, { ...unsaid, error });
}
/** @param output of the part, in place of the former one. */
export function risen(d: Draft, part: string, output: Record<string, unknown>): void {
  const { c } = d;
  const whole = groupOf(part);
  const index = Number(part.slice(whole.length + 1, -1));
  const { items = [], ...more } = (c.results[whole] ?? {}) as { items?: unknown[] };
  open(d, 'results')[whole] = { ...more, items: items.map((item, n) => (n === index ? output : item)) };
  keepPart(d, part, { rising: false, fell: null });
  const one = provenOf(d).find(({ app }) => app === output.app)!;
  const { name, url, proof, pid } = one;
  if (c.result) {
    const services = c.result.services.map((was) => (was.name === name ? { name, url, proof } : was));
    c.result = { ...c.result, services };
  }
  const restarts = partOf(d, part).restarts.length;
  c.out.facts.push({ type: 'run.app-restarted', service: name, byItself: true, restarts, pid, url });
  hold(d, one);
  if (isFull(d.workflow)) c.out.writes.push(runFile(c));
}
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
  const byPolicy = policyOf(c, null) !== 'no';
  c.fell = { ...unsaid, error };
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
    if (c.result) c.result = { ...c.result, fixes: shown(c) };
    const rules = c.fixes.slice(recovery.from).flatMap(({ rule, helped }) => (helped ? [rule] : []));
    c.out.facts.push({ type: 'run.app-healed', service: recovery.service, downMs, rules, pid, url });
    // It may be up for years. Those of its first days stay: patches name them by their numbers.
    const first = c.fixes.filter(({ later }) => !later).length;
    const surplus = Math.max(0, c.fixes.length - first - KEPT_FIXES);
    c.fixes = c.fixes.toSpliced(first, surplus);
    c.budgetFrom = Math.max(0, c.budgetFrom - surplus);
  } else c.out.facts.push({ type: 'run.app-restarted', byItself, restarts: c.restarts.length, pid, url, downMs });
  hold(d, back!);
  if (isFull(d.workflow)) c.out.writes.push(runFile(c));
}
