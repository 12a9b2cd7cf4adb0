/**
 * A run whose steps have all ended well: pure. It is done, or it holds the application that is up: watches it, and starts
 * it again where the job says so, at most five times in a minute with a growing pause. A start that fails counts as one.
 */
import type { Answered, Message } from '../../runtime/actor.js';
import { type ErrorRecord, fail } from '../../runtime/errors.js';
import { main } from '../../runtime/subjects.js';
import type { Proven } from '../../runtime/workflow.js';
import { type Draft, drop, groupOf, keepPart, open, partOf, rootOf, scopeOf } from './draft.js';
import { end, halt, provenBy, settle } from './end.js';
import { type Fell, FOREVER_MS, isFull, MINUTE, RISES, type RunContext, risingOf, runFile } from './state.js';

/** Times an application is started again within a minute before it is given up. */
export const RESTARTS = 5;
const WITHIN_MS = 60_000;
const PAUSE_MS = 500;
/** The step that starts the application: from there on all is done again. */
export const STARTS = 'start';

/** Every step has ended well: tells the result, then holds what is up. */
export function prove(d: Draft): void {
  const { c } = d;
  if (c.mode === 'restarting') return upAgain(d);
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
  monitor(d, { service: name, app: app!, pid, url, well: true, since: now });
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

type Watched = Pick<Proven, 'pid' | 'url'> & { service: string; app: string; well: boolean; since: number };
/** Has it looked at until that turns. A run that was begun before there was a monitor goes on without. */
function monitor({ c }: Draft, watched: Watched): void {
  if (!c.flow?.kinds.includes('monitor')) return;
  c.out.asks.push({
    to: `${c.run}/monitor/monitor-1`,
    command: { type: 'monitor.watch', ...watched } as Message,
    withinMs: FOREVER_MS,
    tag: `look ${watched.app}`,
  });
}
/** The monitor says that an application is well no more, or again. */
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
    const error = fail('APP_UNWELL', { service, reason }).toRecord();
    const part = partWith(c, app);
    if (part !== null && policyOf(c, one) !== 'no')
      return rise(d, part, { exitCode: null, signal: null, lines: [], error });
    if (STARTS in c.steps && policyOf(c, one) !== 'no') {
      c.fell = { exitCode: null, signal: null, lines: [], error };
      return again(d);
    }
  } else if (type === 'monitor.recovered') {
    const { [app]: _, ...others } = c.unwell;
    c.unwell = others;
    c.out.facts.push({ type: 'run.app-well', service, downMs });
  } else return; // it has ended, which the runner says
  monitor(d, { service, app, pid: one.pid, url: one.url, well: type === 'monitor.recovered', since });
}
type Turn = { type: string; since: number; reason: string; downMs: number };

/** The application ended though nobody asked it to. */
export function appEnded(d: Draft, app: string, { fact, error: unseen }: Answered): void {
  const { c } = d;
  if (c.mode !== 'up' || !(app in c.held)) return;
  const {
    exitCode = null,
    signal = null,
    lines = [],
    lost = false,
  } = (fact ?? {}) as { exitCode?: number | null; signal?: string | null; lines?: string[]; lost?: boolean };
  const error = lost ? fail('KEEPER_LOST', { run: c.run }).toRecord() : unseen;
  if (!(STARTS in c.steps)) return oneOfManyEnded(d, app, { exitCode, signal, lines, error });
  c.fell = { exitCode, signal, lines, error };
  if (!isStartedAgain(policyOf(c, null), c.fell)) return giveUp(d);
  again(d);
}
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
  lose(d, app, c.held[app]!, how);
}
function lose(d: Draft, app: string, service: string, how: Fell): void {
  const { c } = d;
  const { [app]: _, ...others } = c.held;
  c.held = others;
  c.out.facts.push({ type: 'run.app-exited', ...how, service });
  if (Object.keys(others).length > 0 || risingOf(c).length > 0) return;
  c.state = 'failed';
  end(d);
}
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
  const lately = partOf(d, part).restarts.filter((then) => then > now - WITHIN_MS);
  const rising = lately.length < RESTARTS;
  keepPart(d, part, { rising, fell, service, app });
  if (!rising) {
    halt(d, { app, part });
    return lose(d, app, service, fell);
  }
  const { [app]: _, ...held } = c.held;
  const { [app]: __, ...unwell } = c.unwell;
  Object.assign(c, { held, unwell });
  const inMs = PAUSE_MS * 2 ** lately.length;
  keepPart(d, part, { restarts: [...lately, now] });
  open(d, 'waits')[RISES + part] = now + inMs;
  c.out.facts.push({ type: 'run.app-fell', ...fell, service, restart: lately.length + 1, inMs });
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
  rise(d, part, { exitCode: null, signal: null, lines: [], error });
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
  const lately = c.restarts.filter((then) => then > now - WITHIN_MS);
  if (lately.length >= RESTARTS) return giveUp(d);
  const inMs = PAUSE_MS * 2 ** lately.length;
  c.restarts = [...lately, now];
  c.mode = 'restarting';
  c.held = {};
  c.unwell = {};
  open(d, 'waits').restart = now + inMs;
  const { exitCode = null, signal = null, lines = [], error = null } = c.fell ?? {};
  c.out.facts.push({ type: 'run.app-fell', exitCode, signal, lines, error, restart: lately.length + 1, inMs });
}
/** A person asks for it. */
export function restart(d: Draft): void {
  const { c } = d;
  c.fell = null;
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
/** It could not be started, or did not prove itself. */
export function restartFailed(d: Draft, error: ErrorRecord): void {
  const { c } = d;
  const fell = { exitCode: null, signal: null, lines: [], error };
  const byPolicy = (c.job?.restart ?? 'no') !== 'no';
  c.fell = fell;
  if (byPolicy) again(d);
  else giveUp(d);
}
function upAgain(d: Draft): void {
  const { c } = d;
  const [back] = provenOf(d);
  const { url = null, pid = null, proof = null } = back ?? {};
  if (c.result) c.result = { ...c.result, services: c.result.services.map((one) => ({ ...one, url, proof })) };
  c.mode = 'up';
  const byItself = c.fell !== null;
  c.fell = null;
  c.out.facts.push({ type: 'run.app-restarted', byItself, restarts: c.restarts.length, pid, url });
  hold(d, back!);
  if (isFull(d.workflow)) c.out.writes.push(runFile(c));
}
/** An application that was up has ended and is not started again. */
function giveUp(d: Draft): void {
  const { c } = d;
  const {
    exitCode = null,
    signal = null,
    lines = [],
    error = null,
  } = c.fell ?? ({} as Partial<NonNullable<RunContext['fell']>>);
  c.out.facts.push({ type: 'run.app-exited', exitCode, signal, lines, error });
  c.state = 'failed';
  end(d);
}
