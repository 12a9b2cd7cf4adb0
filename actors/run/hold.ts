/**
 * A run whose steps have all ended well: pure. It is done, or it holds what is up: watches it, and starts it again where
 * the job or the repository says so, at most five times in a minute with a growing pause. One that this does not help, or
 * that nobody wants started again, is repaired where a rule knows how (recover.ts).
 *
 * A run holds its own application (`part` is null), or that of each of its parts (`part` is its key): then each falls,
 * rises and is given up for itself while the others are held, and the run ends when none is left.
 */
import type { Evidence } from '../../agents/dependency/contract.js';
import { engineFault } from '../../providers/engine/faults.js';
import type { Answered, Message } from '../../runtime/actor.js';
import { type ErrorRecord, fail } from '../../runtime/errors.js';
import { main } from '../../runtime/subjects.js';
import type { Proven } from '../../runtime/workflow.js';
import type { Fact } from './contract.js';
import {
  type Draft,
  drop,
  frameOf,
  groupOf,
  isRising,
  keepLife,
  keepPart,
  lifeOf,
  locate,
  move,
  open,
  partOf,
  rootOf,
  scopeOf,
  stateOf,
} from './draft.js';
import { appOf, end, halt, letGo, lose, nameOf, partlyUp, provenBy, settle, shown } from './end.js';
import { isOutdated } from './given.js';
import { endedMeanwhile, goDown, nextInTurn, recover, type Verdict } from './recover.js';
import { guard } from './servers.js';
import { type Fell, FOREVER_MS, isFull, isHealing, MINUTE, risesAt, runFile, STARTS } from './state.js';

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
  if (c.mode === 'restarting') return c.waits.restart === undefined ? upAgain(d, null) : undefined;
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
/** What is proven of a part by its last proof, or of the run's only application. */
const provenAs = (d: Draft, part: string | null): Proven | undefined =>
  part === null ? provenOf(d)[0] : provenOf(d).find(({ name }) => name === nameOf(d, part));
/** The part that an application is of; null: the run's own; undefined: it is of none. */
function partWith({ c }: Draft, app: string): string | null | undefined {
  if (STARTS in c.steps) return null;
  const key = Object.keys(c.results).find((one) => one.endsWith(`.${STARTS}`) && c.results[one]!.app === app);
  return key?.slice(0, -STARTS.length - 1);
}
/** The monitor says that an application is well no more, or again, or has been so for long. */
export function appTurned(d: Draft, app: string, { fact }: Answered): void {
  const { c } = d;
  const one = provenOf(d).find((held) => held.app === app);
  const service = c.held[app];
  const part = partWith(d, app);
  if (c.mode !== 'up' || service === undefined || !one || (part && isRising(d, part))) return;
  const { type, since = d.now, reason = '', downMs = 0 } = (fact ?? {}) as Partial<Turn>;
  if (type === 'monitor.fell') {
    c.unwell = { ...c.unwell, [app]: since };
    c.out.facts.push({ type: 'run.app-unwell', service, reason, since });
    if (part !== undefined) return unwell(d, part, { app, service, reason, since });
  } else if (type === 'monitor.recovered') {
    const { [app]: _, ...others } = c.unwell;
    c.unwell = others;
    if (part !== undefined) keepLife(d, part, { downSince: null });
    c.out.facts.push({ type: 'run.app-well', service, downMs });
  } else if (type === 'monitor.steady') {
    if (part !== undefined) keepLife(d, part, { budgetFrom: c.fixes.length, unwellAgain: 0 });
  } else return; // it has ended, which the runner says
  const well = type !== 'monitor.fell';
  monitor(d, one, { service, app, well, since, steady: type === 'monitor.steady' });
}
type Turn = { type: string; since: number; reason: string; downMs: number };
/** Of an end that nobody saw. */
const unsaid = { exitCode: null, signal: null, lines: [] };
/** It answers badly: it is started again as if it had ended, where its policy says so, then repaired. */
function unwell(
  d: Draft,
  part: string | null,
  what: { app: string; service: string; reason: string; since: number },
): void {
  const { service, reason, since } = what;
  const byPolicy = policyOf(d, part) !== 'no';
  const { unwellAgain, downSince } = lifeOf(d, part);
  if (byPolicy) keepLife(d, part, { fell: { ...unsaid, error: fail('APP_UNWELL', { service, reason }).toRecord() } });
  if (byPolicy && unwellAgain < UNWELL_RESTARTS) {
    keepLife(d, part, { unwellAgain: unwellAgain + 1, downSince: downSince ?? since });
    return again(d, part);
  }
  const otherwise = byPolicy ? 'end' : 'stay';
  const verdict = recover(d, part, { ...what, step: 'prove', exit: null, failure: null, otherwise });
  goOn(d, part, verdict === 'none' ? (byPolicy ? 'again' : 'stay') : verdict);
}
/** What is left to do where no repair was found, or none is needed. */
export function goOn(d: Draft, part: string | null, verdict: Verdict): void {
  if (verdict === 'again') return again(d, part);
  if (verdict !== 'stay' && verdict !== 'well') return;
  const { c } = d;
  const one = provenAs(d, part);
  const app = one?.app ?? null;
  const service = app === null ? undefined : c.held[app];
  const since = app === null ? undefined : c.unwell[app];
  if (!one || app === null || service === undefined || since === undefined) return;
  if (verdict === 'stay') return monitor(d, one, { service, app, well: false, since, steady: false });
  const { [app]: _, ...unwell } = c.unwell;
  c.unwell = unwell;
  keepLife(d, part, { downSince: null, downMs: lifeOf(d, part).downMs + d.now - since });
  c.out.facts.push({ type: 'run.app-well', service, downMs: d.now - since });
  monitor(d, one, { service, app, well: true, since: d.now, steady: false });
}

/** The application ended though nobody asked it to. */
export function appEnded(d: Draft, app: string, { fact, error: unseen }: Answered): void {
  const { c, now } = d;
  const part = partWith(d, app);
  const recovery = part === undefined ? null : lifeOf(d, part).recovery;
  if (!(app in c.held) || (c.mode !== 'up' && !recovery)) return;
  const {
    exitCode = null,
    signal = null,
    lines = [],
    lost = false,
    limit = null,
  } = (fact ?? {}) as Partial<Exit> & { lost?: boolean };
  const exit = { exitCode, signal, limit, lines };
  // In a container: what ended is not the application but what held it.
  const engine = engineFault(exitCode, lines.join('\n'));
  const broke = engine && fail('ENGINE_FAILED', { command: c.held[app], ...engine }).toRecord();
  const error = lost ? fail('KEEPER_LOST', { run: c.run }).toRecord() : (broke ?? unseen);
  const service = c.held[app]!;
  if (part === undefined) return loseApp(d, app, { exitCode, signal, lines, error });
  if (recovery) return endedMeanwhile(d, part, exit);
  const fell: Fell = { exitCode, signal, lines, error };
  const since = lifeOf(d, part).downSince ?? now;
  keepLife(d, part, { fell, downSince: since });
  if (error) return lose(d, part, error);
  if (isStartedAgain(policyOf(d, part), fell) && lately(d, part).length < RESTARTS) return again(d, part);
  // An end that somebody asked for is no failure.
  if (ASKED.includes(exitCode ?? signal)) return lose(d, part, null);
  const reason = signal === null ? `it ended with ${exitCode}` : `it was ended by ${signal}`;
  const fallen = { app, service, since, reason, step: STARTS, exit, failure: null, otherwise: 'end' as const };
  if (recover(d, part, fallen) === 'none') lose(d, part, null);
}
type Exit = { exitCode: number | null; signal: string | null; limit: string | null; lines: string[] };
/** One that is neither the run's own nor of a part: it cannot be started again. */
function loseApp(d: Draft, app: string, how: Fell): void {
  const { c } = d;
  const { [app]: service, ...held } = c.held;
  c.held = held;
  c.out.facts.push({ type: 'run.app-exited', ...how, service: service! });
  if (Object.keys(held).length > 0) return;
  c.state = 'failed';
  end(d);
}
/** What was asked for with the job, else what the repository says of that service. */
const policyOf = (d: Draft, part: string | null): NonNullable<Proven['restart']> =>
  d.c.job?.restart ?? (part === null ? null : provenAs(d, part)?.restart) ?? 'no';
const isStartedAgain = (policy: NonNullable<Proven['restart']>, { error, exitCode }: Fell): boolean =>
  error === null && (policy === 'always' || (policy === 'on-failure' && exitCode !== 0));

/** Its starts within the last minute. */
const lately = (d: Draft, part: string | null): number[] =>
  lifeOf(d, part).restarts.filter((then) => then > d.now - WITHIN_MS);
/** Starts it again after a pause, if it has not been started too often. */
function again(d: Draft, part: string | null): void {
  const { c, now } = d;
  const before = lately(d, part);
  const { exitCode = null, signal = null, lines = [], error = null } = lifeOf(d, part).fell ?? {};
  if (before.length >= RESTARTS) return lose(d, part, error);
  const inMs = PAUSE_MS * 2 ** before.length;
  goDown(d, part);
  letGo(d, part);
  keepLife(d, part, { restarts: [...before, now] });
  open(d, 'waits')[risesAt(part)] = now + inMs;
  const of = part === null ? {} : { service: nameOf(d, part) };
  c.out.facts.push({ type: 'run.app-fell', exitCode, signal, lines, error, ...of, restart: before.length + 1, inMs });
}
/** Somebody asks for it. */
function restart(d: Draft, part: string | null): void {
  keepLife(d, part, { fell: null, downSince: lifeOf(d, part).downSince ?? d.now });
  goDown(d, part);
  letGo(d, part);
  halt(d, part);
}
/** What was left of the old one is to be ended before a new one is started. */
export function restartDue(d: Draft, part: string | null): void {
  drop(d, 'waits', risesAt(part));
  halt(d, part);
}
/**
 * It could not be started, or did not prove itself: a repair is sought at once, for what it failed with is no chance.
 * @param at the step, and what it left behind; null: no step of it is to blame.
 */
export function restartFailed(
  d: Draft,
  part: string | null,
  error: ErrorRecord,
  at: { step: string; evidence: unknown } | null,
): void {
  const byPolicy = policyOf(d, part) !== 'no';
  keepLife(d, part, { fell: { ...unsaid, error }, downSince: lifeOf(d, part).downSince ?? d.now });
  const verdict = at ? recover(d, part, failedStart(d, part, error, at, byPolicy ? 'again' : 'end')) : 'none';
  if (verdict !== 'none') goOn(d, part, verdict);
  else if (byPolicy) again(d, part);
  else lose(d, part, error);
}
function failedStart(
  d: Draft,
  part: string | null,
  error: ErrorRecord,
  { step, evidence }: { step: string; evidence: unknown },
  otherwise: 'again' | 'end',
): Parameters<typeof recover>[2] {
  const frame = frameOf(d, part);
  const { workflow } = frame.graph;
  const scope = scopeOf(d, frame);
  const seen = (workflow.evidence ? workflow.evidence(step, scope, evidence) : evidence) as Evidence | null;
  const service = String((scope.service as { name?: unknown } | undefined)?.name ?? 'application');
  const since = lifeOf(d, part).downSince!;
  const failure = { error, evidence: seen };
  return { app: '', service, since, reason: error.message, step, exit: null, failure, otherwise };
}
/** It is proven again: after a restart, or after repairs. @param output of the part, in place of the former one. */
export function upAgain(d: Draft, part: string | null, output?: Record<string, unknown>): void {
  const { c } = d;
  if (part !== null) {
    const whole = groupOf(part);
    const index = Number(part.slice(whole.length + 1, -1));
    const { items = [], ...more } = (c.results[whole] ?? {}) as { items?: unknown[] };
    open(d, 'results')[whole] = { ...more, items: items.map((item, n) => (n === index ? output : item)) };
  }
  const { recovery, fell, downSince, downMs: before, heals, restarts } = lifeOf(d, part);
  const back = provenAs(d, part)!;
  const { name, url, pid, proof } = back;
  const proven = (was: { name: string; url: string | null; proof: Proven['proof'] }) =>
    part === null || was.name === name ? { ...was, url, proof } : was;
  if (c.result) c.result = { ...c.result, services: c.result.services.map(proven) };
  if (part !== null) nowUp(d, part, name);
  const downMs = d.now - (downSince ?? d.now);
  keepLife(d, part, { fell: null, recovery: null, downSince: null, downMs: before + downMs });
  if (part === null) c.mode = 'up';
  else keepPart(d, part, { rising: false });
  c.state = isHealing(c) ? 'healing' : 'up';
  if (recovery) {
    keepLife(d, part, { heals: heals + 1 });
    if (c.result) c.result = { ...c.result, fixes: shown(c) };
    const mine = (fix: { part: string | null }): boolean => (fix.part ?? null) === part;
    const rules = c.fixes.slice(recovery.from).flatMap((fix) => (fix.helped && mine(fix) ? [fix.rule] : []));
    c.out.facts.push({ type: 'run.app-healed', service: recovery.service, downMs, rules, pid, url });
    forget(d);
  } else {
    const of = part === null ? {} : { service: name };
    const byItself = fell !== null;
    c.out.facts.push({ type: 'run.app-restarted', ...of, byItself, restarts: restarts.length, pid, url, downMs });
  }
  if (back.app !== null) hold(d, back);
  // It may have another address by now, or what it was started with may hold no more.
  if (part !== null)
    startAnew(
      d,
      partsUp(d).filter((one) => isHeld(d, one) && isOutdated(d, one)),
    );
  if (isFull(d.workflow)) c.out.writes.push(runFile(c));
}
const isHeld = (d: Draft, part: string): boolean => appOf(d, part) in d.c.held;
/** One that was not up at first is lacking no more. */
function nowUp(d: Draft, part: string, name: string): void {
  const { c } = d;
  if (stateOf(d, part).state === 'done') return;
  if (stateOf(d, part).state !== 'pending') move(d, part, 'back');
  move(d, part, 'begin');
  move(d, part, 'succeed', { error: null });
  if (!c.result) return;
  const degraded = c.result.degraded.filter((line) => !line.startsWith(`${name} is not up: `));
  c.result = { ...c.result, degraded, error: partlyUp(provenOf(d)) };
}
/** It may be up for years. Repairs of its first days stay: patches name them by their numbers. */
function forget(d: Draft): void {
  const { c } = d;
  const first = c.fixes.filter(({ later }) => !later).length;
  const surplus = c.fixes.length - first - KEPT_FIXES;
  if (surplus <= 0) return;
  const gone = new Set(c.fixes.slice(first, first + surplus).filter(({ helped }) => helped !== null));
  const fixes = c.fixes;
  c.fixes = fixes.filter((fix) => !gone.has(fix));
  const moved = (n: number): number => n - fixes.slice(0, n).filter((fix) => gone.has(fix)).length;
  for (const part of [null, ...Object.keys(c.parts)]) {
    const { budgetFrom, recovery } = lifeOf(d, part);
    keepLife(d, part, {
      budgetFrom: moved(budgetFrom),
      recovery: recovery && { ...recovery, from: moved(recovery.from) },
    });
  }
}

/** What is done one after the other among several that are up: repairs, and what is to be started anew. */
export function takeTurns(d: Draft): void {
  const { c } = d;
  for (let next = turn(d); next; next = turn(d)) goOn(d, next.part, next.verdict);
  while (c.mode === 'up' && c.anew.length > 0 && !partOf(d, c.anew[0]!).rising) {
    c.anew = c.anew.slice(1);
    const [part] = c.anew;
    if (part !== undefined && !partOf(d, part).rising) restart(d, part);
  }
}
const turn = (d: Draft): ReturnType<typeof nextInTurn> =>
  d.c.mode === 'up' || d.c.mode === 'restarting' ? nextInTurn(d, (part) => lately(d, part).length < RESTARTS) : null;
/** Somebody asks for a restart, of one of several or of all. @returns what is said to it. */
export function askedAnew(d: Draft, service: string | null): Fact {
  const { c } = d;
  const isOne = STARTS in c.steps;
  const refused = (why: string): Fact => {
    const what = `restart ${service ?? 'anything'}: ${why}`;
    return { type: 'run.refused', error: fail('RUN_NOT_WAITING', { run: c.run, state: c.state, what }).toRecord() };
  };
  const all = c.mode === 'up' ? provenOf(d) : [];
  if (all.length === 0) return refused(c.recovery ? 'it is being repaired' : 'it holds no application');
  const names = all.map(({ name }) => name);
  if (service !== null && !names.includes(service))
    return refused(`it has no service of that name, it has ${names.join(', ')}`);
  // What is to end by itself is not held.
  const wanted = all.filter(
    ({ name, app, error }) => (service === null || name === service) && (app !== null || error),
  );
  if (isOne && wanted.length > 0) {
    restart(d, null);
    return { type: 'run.restarting', services: names };
  }
  const parts = partsUp(d).filter((part) => wanted.some(({ name }) => name === nameOf(d, part)));
  const free = parts.filter((part) => !isRising(d, part));
  if (free.length === 0) {
    const isMended = parts.some((part) => lifeOf(d, part).recovery);
    return refused(
      parts.length === 0
        ? 'it has ended as it should'
        : isMended
          ? 'it is being repaired'
          : 'it is being started again',
    );
  }
  startAnew(d, free);
  return { type: 'run.restarting', services: free.map((part) => nameOf(d, part)) };
}
/** Parts that start something, in their order. */
const partsUp = (d: Draft): string[] =>
  Object.keys(d.c.steps).filter((key) => {
    const spot = key.endsWith(']') ? locate(d, key) : null;
    return spot?.step.workflow !== undefined && frameOf(d, key).graph.byId.has(STARTS);
  });
/** Starts parts anew, one after the other, behind those that are to be already. */
function startAnew(d: Draft, parts: readonly string[]): void {
  const { c } = d;
  const more = parts.filter((part) => !c.anew.includes(part) && !partOf(d, part).rising);
  const [first] = more;
  const isFirst = c.anew.length === 0;
  c.anew = [...c.anew, ...more];
  // Who looks on finds them by their names while they wait.
  for (const part of more) keepPart(d, part, { service: nameOf(d, part), app: appOf(d, part) });
  if (isFirst && first !== undefined) restart(d, first);
}
