/**
 * Health agent: says whether a started application really works, judged by someone other than the one who started it.
 *
 * Hears one `health.check`, asks until the answer is good or the time is up, sees that it stays so for `stayMs`, says
 * exactly one of `health.passed` or `health.failed`, and is ready for the next. It touches nothing but the sockets,
 * the process and the log it was given. Pauses are due times, so a check goes on where it stood after a restart.
 */
import { assign, setup } from 'xstate';
import { type Due, defineActor, type EffectFailed, effect, type Perform } from '../../runtime/actor.js';
import { type Check, Command, Ends, Fact, type Proof, type Reason, type Socket } from './contract.js';
import { evidenceOf, excerptOf, isGood, judgeRound, notProven, type Verdict, wantedOf } from './judge.js';
import { printedRoutes } from './printed.js';
import { isAlive, probe, type Seen, type SocketSeen } from './probe.js';

type Look = { check: Check /** Ask the given path alone. */; only: boolean; limitMs: number };
type Looked = { type: 'looked'; began: number; at: number; alive: boolean | null; round: SocketSeen[] };
type Event = Check | Looked | Due | EffectFailed<'look'>;
/** What was found good, kept until it has stayed so. */
type Found = { at: number; socket: Socket | null; proof: Omit<Proof, 'stayedMs' | 'ms'> };
type Context = { check: Check | null; beganAt: number | null; dueAt: number | null; found: Found | null };

const PAUSE_MS = 500;
/** Somebody who has only said 404 so far may still be loading its routes. */
const SETTLE_MS = 3_000;

// Behaviour: what to do with what was seen.
type Next =
  | { to: 'pass'; proof: Proof }
  | { to: 'stay'; found: Found }
  | { to: 'again' }
  | { to: 'fail'; reason: Reason; what: string; seen: Seen | null };

const proofOf = (seen: Seen | null, notes: string[]): Found['proof'] => ({
  url: seen?.url ?? null,
  status: seen?.answer?.status ?? null,
  contentType: seen?.answer?.contentType ?? null,
  title: seen?.answer?.page.title ?? null,
  excerpt: seen?.answer?.page.excerpt ?? '',
  path: seen?.path ?? null,
  from: seen?.from ?? null,
  notes: [...new Set(notes)],
});

/** A page framework proven by data the repository names (there is no page at all) is confirmed by the same data. */
const expected = (check: Check, found: Found | null): Check => ({
  ...check,
  wantsPage: check.wantsPage && (found === null || /html/i.test(found.proof.contentType ?? 'html')),
});

/** Decides on a look; `found` in the context means it was the second one, after the stay. */
export function decideNext(
  { check, beganAt, found }: Context,
  { began, at, alive, round }: Omit<Looked, 'type'>,
): Next {
  const { how, giveUpMs, pid, exitCode, lines, service } = check!;
  const since = at - (beganAt ?? began);
  const died = (): Next => ({
    to: 'fail',
    reason: 'died',
    what: `${service} (pid ${pid}) has ended${found === null ? '' : ' after it was found well'}`,
    seen: null,
  });
  if (how === 'exit')
    return exitCode === 0
      ? {
          to: 'pass',
          proof: { ...proofOf(null, ['it ended with exit code 0']), excerpt: excerptOf(lines), stayedMs: 0, ms: since },
        }
      : {
          to: 'fail',
          reason: 'exit-code',
          what: exitCode === null ? `${service} has no exit code` : `${service} ended with exit code ${exitCode}`,
          seen: null,
        };
  const stayed = (): Next => ({ to: 'pass', proof: { ...found!.proof, stayedMs: at - found!.at, ms: since } });
  if (how === 'log') {
    if (alive !== true)
      return alive === false
        ? died()
        : { to: 'fail', reason: 'died', what: `${service} has no process to look at`, seen: null };
    return found === null
      ? {
          to: 'stay',
          found: {
            at,
            socket: null,
            proof: { ...proofOf(null, ['it stays alive; nothing was asked']), excerpt: excerptOf(lines) },
          },
        }
      : stayed();
  }
  const verdict: Verdict = judgeRound(expected(check!, found), round);
  if (verdict.good && !(verdict.weak && found === null && since < Math.min(SETTLE_MS, giveUpMs))) {
    if (found !== null) return stayed();
    // A daemon leaves its starter; its sockets are still the application's, and they answer.
    const left = alive === false ? ['the process that was started has ended, what it left running answers'] : [];
    return {
      to: 'stay',
      found: { at, socket: verdict.socket, proof: proofOf(verdict.seen, [...verdict.notes, ...left]) },
    };
  }
  if (!verdict.good && (alive === false || verdict.reason === 'no-socket'))
    return alive === false
      ? died()
      : { to: 'fail', reason: 'no-socket', what: `${service} listens on no socket`, seen: null };
  if (verdict.good || since + PAUSE_MS < giveUpMs) return { to: 'again' };
  return {
    to: 'fail',
    reason: verdict.reason,
    what: found === null ? verdict.what : `${verdict.what} after it was found well`,
    seen: verdict.seen,
  };
}

const failed = (check: Check, reason: Reason, what: string, seen: Seen | null): Fact => ({
  type: 'health.failed',
  service: check.service,
  error: notProven(reason, what, wantedOf(check)),
  evidence: evidenceOf(seen),
  reason,
});
/** The look that confirms: the same path on the same socket. */
const again = ({ check, found }: Context): Look => {
  const { socket, proof } = found!;
  const paths =
    proof.path === null ? [{ path: '/', from: 'guessed' }] : [{ path: proof.path, from: proof.from ?? 'guessed' }];
  return {
    check: { ...expected(check!, found), sockets: socket === null ? [] : [socket], paths },
    only: true,
    limitMs: 10_000,
  };
};
const lookAt = (check: Check, beganAt: number | null, at: number): Look => ({
  check,
  only: false,
  limitMs: check.giveUpMs - (beganAt === null ? 0 : at - beganAt),
});

/** What ends the check, as the fact that says so. */
function verdictFact(context: Context, event: Looked): Fact {
  const check = context.check!;
  const next = decideNext(context, event);
  if (next.to === 'pass') return { type: 'health.passed', service: check.service, proof: next.proof };
  if (next.to === 'fail') return failed(check, next.reason, next.what, next.seen);
  throw new Error(`a check that goes on (${next.to}) has no verdict`);
}
const foundBy = (context: Context, event: Looked): Found | null => {
  const next = decideNext(context, event);
  return next.to === 'stay' ? next.found : null;
};

// Machine: when things happen. It looks and waits, looks and waits; `found` says whether it waits for a better answer
// or for the good one to last.
type Judged = { event: Looked; to: Next['to'] };
const machine = setup({
  types: { context: {} as Context, events: {} as Event },
  actions: {
    look: effect<Look>(),
    emit: effect<Fact>(),
    forget: assign({ check: null, beganAt: null, dueAt: null, found: null }),
  },
  guards: { goes: ({ context }, { event, to }: Judged) => decideNext(context, event).to === to },
}).createMachine({
  id: 'health',
  context: { check: null, beganAt: null, dueAt: null, found: null },
  initial: 'idle',
  states: {
    idle: {
      on: {
        'health.check': {
          target: 'looking',
          actions: [
            assign({ check: ({ event }) => event }),
            { type: 'look', params: ({ event }) => lookAt(event, null, 0) },
          ],
        },
      },
    },
    looking: {
      on: {
        looked: [
          {
            guard: { type: 'goes', params: ({ event }): Judged => ({ event, to: 'stay' }) },
            target: 'waiting',
            actions: assign(({ context, event }) => ({
              beganAt: context.beganAt ?? event.began,
              found: foundBy(context, event),
              dueAt: event.at + context.check!.stayMs,
            })),
          },
          {
            guard: { type: 'goes', params: ({ event }): Judged => ({ event, to: 'again' }) },
            target: 'waiting',
            actions: assign(({ context, event }) => ({
              beganAt: context.beganAt ?? event.began,
              found: null,
              dueAt: event.at + PAUSE_MS,
            })),
          },
          {
            target: 'idle',
            actions: [{ type: 'emit', params: ({ context, event }) => verdictFact(context, event) }, 'forget'],
          },
        ],
        lookFailed: {
          target: 'idle',
          actions: [
            {
              type: 'emit',
              params: ({ context, event }): Fact => ({
                type: 'health.failed',
                service: context.check!.service,
                error: event.error,
                evidence: null,
                reason: 'no-answer',
              }),
            },
            'forget',
          ],
        },
      },
    },
    waiting: {
      on: {
        due: {
          target: 'looking',
          actions: [
            {
              type: 'look',
              params: ({ context, event }) =>
                context.found === null ? lookAt(context.check!, context.beganAt, event.at) : again(context),
            },
            assign({ dueAt: null }),
          ],
        },
      },
    },
  },
});

// Effects: how. Asking twice after a crash does no harm: it only reads.
const look: Perform<Look> = async ({ check, only, limitMs }, { signal, clock }): Promise<Looked> => {
  const began = clock.now();
  const isWell = isGood(check.wantsPage);
  const round = check.how === 'http' ? await probe(check, { isGood: isWell, only, limitMs, signal }) : [];
  // Where nothing known answers well, what it prints of itself may lead to where it does.
  const printed = only || round.some(({ seen }) => seen.some(isWell)) ? [] : printedRoutes(check);
  if (round.length > 0 && printed.length > 0) {
    const left = Math.max(1, limitMs - (clock.now() - began));
    const more = await probe({ ...check, paths: printed }, { isGood: isWell, only: true, limitMs: left, signal });
    for (const { socket, seen } of more)
      round
        .find((one) => one.socket.port === socket.port && one.socket.host === socket.host)
        ?.seen.push(...seen.map((one) => ({ ...one, given: false })));
  }
  return { type: 'looked', began, at: clock.now(), alive: isAlive(check.pid, check.started), round };
};

export const health = defineActor({
  kind: 'health',
  version: 1,
  accepts: Command,
  emits: Fact,
  ends: Ends,
  machine,
  effects: { look },
});
