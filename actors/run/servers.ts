/**
 * The private servers of a run whose application is up: pure. One that ends is begun again where it was, with its data, at
 * most five times in a minute with a growing pause. Beyond that the run says so, and leaves it: whether the application
 * can do without is for its own monitor to see.
 */
import type { Answered, Message } from '../../runtime/actor.js';
import { type ErrorRecord, fail } from '../../runtime/errors.js';
import type { Draft } from './draft.js';
import { waitForServer } from './recover.js';
import { FOREVER_MS, MINUTE, type ServerFalls } from './state.js';

const AGAIN = 5;
const WITHIN_MS = 60_000;
const PAUSE_MS = 250;
/** Long enough for a server that has to read its log of changes. */
const REVIVE_MS = 10 * MINUTE;

/** Has the servers looked after, once for a run. One that was begun before there was this goes on without. */
export function guard(d: Draft): void {
  if (d.c.flow?.kinds.includes('database')) watch(d);
}
function watch({ c }: Draft): void {
  const except = Object.keys(c.servers ?? {}).filter((kind) => c.servers![kind]!.lost);
  tell(c, { type: 'database.watch', except } as Message, FOREVER_MS, 'server watch');
}
const tell = (c: Draft['c'], command: Message, withinMs: number, tag: string): void =>
  void c.out.asks.push({ to: `${c.run}/database/database-1`, command, withinMs, tag });

interface Told {
  type: string;
  kind?: string;
  reason?: string;
  port?: number;
  error?: ErrorRecord;
}
/** The database agent says that a server has ended, is up again, or does not come up. */
export function serverTurned(d: Draft, asked: string, kind: string, { fact, error }: Answered): void {
  const { c, now } = d;
  // What ends with the run has not fallen.
  if (['idle', 'undoing', 'ending', 'ended'].includes(c.mode)) return;
  const { type, reason = '', port = 0, ...told } = (fact ?? { type: '' }) as unknown as Told;
  if (asked === 'watch')
    return type === 'database.fell' && told.kind !== undefined ? fell(d, told.kind, reason) : undefined;
  if (type !== 'database.revived') return fell(d, kind, (told.error ?? error)?.message ?? 'it does not start');
  const downMs = now - (c.servers?.[kind]?.since ?? now);
  note(d, kind, { since: null });
  c.out.facts.push({ type: 'run.server-restarted', server: kind, port, downMs });
  watch(d);
}

/** Begins it again after a pause, if that was not done too often. */
function fell(d: Draft, kind: string, reason: string): void {
  const { c, now } = d;
  const lately = (c.servers?.[kind]?.again ?? []).filter((then) => then > now - WITHIN_MS);
  if (lately.length >= AGAIN) {
    note(d, kind, { lost: true });
    const error = fail('SERVICE_LOST', { service: kind, times: lately.length, reason }).toRecord();
    c.out.facts.push({ type: 'run.server-lost', server: kind, error });
    return watch(d);
  }
  waitForServer(d);
  const inMs = lately.length === 0 ? 0 : PAUSE_MS * 2 ** lately.length;
  note(d, kind, { again: [...lately, now], since: c.servers?.[kind]?.since ?? now });
  c.out.facts.push({ type: 'run.server-fell', server: kind, reason, restart: lately.length + 1, inMs });
  tell(c, { type: 'database.revive', kind, inMs } as Message, REVIVE_MS, `server revive ${kind}`);
}
function note({ c }: Draft, kind: string, change: Partial<ServerFalls>): void {
  const before = c.servers?.[kind] ?? { again: [], since: null, lost: false };
  c.servers = { ...c.servers, [kind]: { ...before, ...change } };
}
