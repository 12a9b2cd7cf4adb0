/**
 * A run whose steps have all ended well: pure. It is done, or it holds the application that is up: watches it, and starts
 * it again where the job says so, at most five times in a minute with a growing pause. A start that fails counts as one.
 */
import type { Answered, Message } from '../../runtime/actor.js';
import { type ErrorRecord, fail } from '../../runtime/errors.js';
import { main } from '../../runtime/subjects.js';
import { at } from '../../runtime/workflow.js';
import { type Draft, drop, open, rootOf, scopeOf } from './draft.js';
import { end, halt, settle } from './end.js';
import { FOREVER_MS, isFull, MINUTE, type RunContext, runFile } from './state.js';

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
  const scope = d.workflow.scope || c.results[STARTS] ? scopeOf(d, rootOf(d)) : {};
  settle(d, 'healthy', null);
  const app = at(scope, 'start.app');
  if (at(scope, 'service.proof.how') === 'exit' || typeof app !== 'string') {
    c.state = 'done';
    return end(d);
  }
  c.mode = 'up';
  c.state = 'up';
  hold(d, app);
  if (isFull(d.workflow)) c.out.writes.push(runFile(c));
}
function hold(d: Draft, app: string): void {
  const { c, now } = d;
  const scope = scopeOf(d, rootOf(d));
  c.app = app;
  const service = {
    run: c.run,
    name: at(scope, 'service.name'),
    url: at(scope, 'prove.proof.url') ?? null,
    pid: at(scope, 'start.pid') ?? null,
    sockets: at(scope, 'start.sockets') ?? [],
    since: now,
  };
  c.out.asks.push(
    {
      to: `${c.run}/runner/runner-1`,
      command: { type: 'runner.watch', app } as Message,
      withinMs: FOREVER_MS,
      tag: `watch ${app}`,
    },
    {
      to: main('service-manager'),
      command: { type: 'service.record', service } as Message,
      withinMs: MINUTE,
      tag: 'note',
    },
  );
}

/** The application ended though nobody asked it to. */
export function appEnded(d: Draft, app: string, { fact, error: unseen }: Answered): void {
  const { c } = d;
  if (c.mode !== 'up' || (c.app !== null && c.app !== app)) return;
  const {
    exitCode = null,
    signal = null,
    lines = [],
    lost = false,
  } = (fact ?? {}) as { exitCode?: number | null; signal?: string | null; lines?: string[]; lost?: boolean };
  const error = lost ? fail('KEEPER_LOST', { run: c.run }).toRecord() : unseen;
  c.fell = { exitCode, signal, lines, error };
  const wanted = c.job?.restart ?? 'no';
  if (error || wanted === 'no' || (wanted === 'on-failure' && exitCode === 0)) return giveUp(d);
  again(d);
}
/** Starts it again after a pause, if it has not been started too often. */
function again(d: Draft): void {
  const { c, now } = d;
  const lately = c.restarts.filter((then) => then > now - WITHIN_MS);
  if (lately.length >= RESTARTS) return giveUp(d);
  const inMs = PAUSE_MS * 2 ** lately.length;
  c.restarts = [...lately, now];
  c.mode = 'restarting';
  open(d, 'waits').restart = now + inMs;
  const { exitCode = null, signal = null, lines = [], error = null } = c.fell ?? {};
  c.out.facts.push({ type: 'run.app-fell', exitCode, signal, lines, error, restart: lately.length + 1, inMs });
}
/** A person asks for it. */
export function restart(d: Draft): void {
  const { c } = d;
  c.fell = null;
  c.mode = 'restarting';
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
  const scope = scopeOf(d, rootOf(d));
  const proof = at(scope, 'prove.proof') as Record<string, unknown> | undefined;
  const url = (proof?.url as string | undefined) ?? null;
  const pid = (at(scope, 'start.pid') as number | undefined) ?? null;
  if (c.result)
    c.result = { ...c.result, services: c.result.services.map((one) => ({ ...one, url, proof: proof ?? null })) };
  c.mode = 'up';
  const byItself = c.fell !== null;
  c.fell = null;
  c.out.facts.push({ type: 'run.app-restarted', byItself, restarts: c.restarts.length, pid, url });
  hold(d, String(at(scope, 'start.app')));
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
