/**
 * The second half of a turn: carries out what an actor owes, each effect once per life of the process, and reports.
 *
 * An `emit` is settled when the stream has acknowledged it, however often that takes. An `ask`
 * goes on until its end is known. Everything else runs, and what it throws unforeseen becomes `<effect>Failed`.
 */
import type { ActorDefinition, Answered, Ask, EffectContext, Message, Perform, Spawn, Stop } from './actor.js';
import { type Bus, persist } from './bus.js';
import { type ErrorRecord, fail, toRecord } from './errors.js';
import { lineOf } from './line.js';
import { envelop } from './message.js';
import type { Effect } from './store.js';
import { addressOf, type Place, placeOf } from './subjects.js';
import type { Surroundings } from './surroundings.js';

export interface Performer {
  perform(effect: Effect): void;
  /** Ends what waits in this process; what keepers hold goes on. */
  stop(): void;
}

const EMIT_AGAIN_MS = 1_000;
/** So much before its deadline an open command is still remembered for certain. */
const EARLY_MS = 5;

/**
 * @param report takes what an effect saw. @param settle is told of an effect that has nothing to report.
 * @param until the deadline of an open command of this actor; null: it is not open.
 */
export function openPerformer(
  def: ActorDefinition,
  place: Place,
  around: Surroundings,
  {
    report,
    settle,
    until,
  }: {
    report(effect: Effect, event: Message): void;
    settle(effect: Effect): void;
    until(command: string): number | null;
  },
): Performer {
  const { bus, clock } = around;
  /** What an actor asks is owed by a turn in the same store as the answerer's: it may hear early. */
  const send: Bus['send'] = (to, envelope, answer) => bus.send(to, envelope, answer, true);
  const address = addressOf(place);
  /** Made when an effect is given it. */
  let abort: AbortController | null = null;
  let stopped = false;
  /** What waits by effect id, and how to call it off. */
  let waiting: Map<string, () => void> | null = null;
  const waitFor = (id: string, callOff: () => void): void => {
    waiting ??= new Map();
    waiting.set(id, callOff);
  };
  const waitedFor = (id: string): void => {
    waiting?.delete(id);
    if (waiting?.size === 0) waiting = null;
  };

  const signal = (): AbortSignal => {
    abort ??= new AbortController();
    if (stopped) abort.abort();
    return abort.signal;
  };

  const contextOf = (e: Effect, deadlineAt: number | null, late: AbortSignal | null): EffectContext => ({
    id: e.id,
    causation: e.causation,
    signal: late ? AbortSignal.any([signal(), late]) : signal(),
    deadlineAt,
    run: place.run,
    address,
    bundle: around.bundle,
    config: around.config,
    clock,
    log: around.log().child({ effect: e.type }),
  });

  const emit = (e: Effect): void => {
    waitedFor(e.id);
    const line = lineOf(address, clock.now(), e.id, e.params as Message, e.causation);
    bus.emit(line, address).then(
      () => settle(e),
      (error: unknown) => {
        if (stopped) return;
        around.log().warn({ effect: e.id, error: toRecord(error) }, 'fact not acknowledged, once more');
        waitFor(
          e.id,
          clock.after(EMIT_AGAIN_MS, () => emit(e)),
        );
      },
    );
  };

  const ask = (e: Effect): void => {
    const { to, command, deadlineAt, tag } = e.params as Ask;
    const hop = (e.hop ?? 0) + 1;
    const about = { run: placeOf(to).run, from: address, id: e.id, causation: e.causation, hop, at: clock.now() };
    const envelope = envelop(command, { ...about, deadline: deadlineAt ?? null });
    const callOff = persist({ send, clock }, to, envelope, (answer) => {
      waitedFor(e.id);
      const fact = 'fact' in answer ? answer.fact : null;
      const error = 'error' in answer ? answer.error : null;
      report(e, { type: 'answered', tag, fact, error, at: clock.now() } as Answered);
    });
    waitFor(e.id, callOff);
  };

  const spawn = async (e: Effect): Promise<Message> => {
    const order = e.params as Spawn;
    const error = await around.spawn(order, address).then(() => null, toRecord);
    return { type: 'spawned', address: addressOf(order), tag: order.tag ?? null, error, at: clock.now() } as Message;
  };
  const stop = async (e: Effect): Promise<Message> => {
    const { address: other, cause } = e.params as Stop;
    await around.stop(other, cause);
    return { type: 'stopped', address: other, at: clock.now() } as Message;
  };
  const own = async (e: Effect): Promise<Message> => {
    const work = def.effects[e.type] as Perform<unknown>;
    const { causation } = e;
    const deadlineAt = causation === null ? null : until(causation);
    if (deadlineAt === null) return work(e.params, contextOf(e, null, null));
    const late = new AbortController();
    const callOff = clock.after(Math.max(0, deadlineAt - clock.now() - EARLY_MS), () => {
      if (until(causation!) === deadlineAt) late.abort(); // else it has been answered, and this goes on for its own sake
    });
    waitFor(e.id, callOff);
    return work(e.params, contextOf(e, deadlineAt, late.signal)).finally(() => {
      callOff();
      waitedFor(e.id);
    });
  };

  return {
    perform(e) {
      if (e.type === 'emit') return emit(e);
      if (e.type === 'ask') return ask(e);
      const work = e.type === 'spawn' ? spawn(e) : e.type === 'stop' ? stop(e) : own(e);
      work.then(
        (event) => report(e, event),
        (error: unknown) => {
          const record = recordOf(error, e.type, address);
          if (!stopped)
            around.log().warn({ effect: e.id, error: record, stack: (error as Error)?.stack }, 'effect failed');
          report(e, { type: `${e.type}Failed`, error: record } as Message);
        },
      );
    },
    stop() {
      stopped = true;
      abort?.abort();
      for (const callOff of waiting?.values() ?? []) callOff();
      waiting = null;
    },
  };
}

/** What an effect threw: our own errors as they are, anything else as a failure of that effect. */
function recordOf(error: unknown, effect: string, address: string): ErrorRecord {
  if ((error as { fix?: string } | null)?.fix !== undefined) return toRecord(error);
  const reason = (error as Error)?.message ?? error;
  return fail('EFFECT_FAILED', { effect, address, reason, fix: 'the log of the run has the details' }).toRecord();
}
