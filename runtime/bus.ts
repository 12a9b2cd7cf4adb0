/**
 * Commands and answers between actors, clients and hosts.
 *
 * One inbox a process and a counter correlate the answers; one subscription a run and one for the system actors of a
 * host bring the commands, dispatched by a Map. An actor in this process gets the same envelope without the wire,
 * unless `forceWire`. Delivery is at most once per send; whoever wants the end of a command asks again with the same
 * id (see `ask`), and the actor remembers.
 */
import type { Message } from './actor.js';
import { type Clock, coarse } from './clock.js';
import { fail, type RunnerError, toRecord } from './errors.js';
import { type Answer, asAnswer, type Envelope, envelop, readEnvelope, textOf } from './message.js';
import type { Line } from './store.js';
import { addressOfInbox, factOf, inboxesOf, inboxOf, placeOf, USER, viewOf } from './subjects.js';
import type { Wire } from './wire.js';

/**
 * Takes a command; answers once or, after `accepted`, a second time.
 * @param near whoever asks commits its turns to this actor's own store: it may hear an answer before that is durable.
 */
export type Inbox = (envelope: Envelope, answer: (answer: Answer) => void, near: boolean) => void;

export interface Bus {
  readonly wire: Wire;
  /** Receives the commands of an address. @returns a function that ends it. */
  listen(address: string, inbox: Inbox): () => void;
  /** Hears the commands of a run although none of its actors listens. @returns a function that ends it. */
  hold(run: string): () => void;
  /** Says who takes a command for an address that does not listen here; null: nobody. @returns a function that ends it. */
  otherwise(find: (address: string) => Inbox | null): () => void;
  /** Hands a command to whoever listens here now; else it is answered NO_ACTOR. */
  deliver: (to: string, ...command: Parameters<Inbox>) => void;
  /** Sends once. `answer` is called for each answer; the returned function forgets the question. */
  send(to: string, envelope: Envelope, answer: (answer: Answer) => void, near?: boolean): () => void;
  /** Sends a command and waits for nothing. */
  tell(to: string, command: Message, about?: { from?: string }): void;
  /** Sends a command until its end is known. @throws the actor's error, or ASK_TIMEOUT. */
  ask(to: string, command: Message, about: { deadlineAt: number; from?: string; id?: string }): Promise<Message>;
  /** Publishes a fact; resolves when the stream has it. */
  emit(fact: Line, address: string): Promise<void>;
  /** Messages that were refused unread, since the start. */
  refused(): number;
  /** Ends it; whoever still asks or emits hears nothing more. */
  close(): Promise<void>;
}

/** How long until a question without an end is asked again. */
const REPEAT_MS = 5_000;
/** How long a missing actor is waited for: longer than its restart takes. */
const ABSENT_MS = 20_000;
const AGAIN_MS = 250;
const STREAM_MS = 5_000;

/** @param user who may see this runtime's facts under `rr.view.<user>.…`. */
export function openBus(wire: Wire, fine: Clock, { forceWire = false, user = USER } = {}): Bus {
  const clock = coarse(fine);
  const inboxes = new Map<string, Inbox>();
  const served = new Map<string, { count: number; end: () => void }>();
  const pending = new Map<string, (message: { data: Uint8Array; noResponders: boolean }) => void>();
  /** What is still waited for: called off when the bus closes. */
  const waiting = new Set<() => void>();
  let counter = 0;
  let refused = 0;
  let substitute: (address: string) => Inbox | null = () => null;
  const inboxFor = (address: string): Inbox | null => inboxes.get(address) ?? substitute(address);

  const endReplies = wire.subscribe(`${wire.inbox}.*`, ({ subject, data, noResponders }) =>
    pending.get(subject.slice(wire.inbox.length + 1))?.({ data, noResponders }),
  );
  const question = (
    take: (message: { data: Uint8Array; noResponders: boolean }) => void,
  ): { reply: string; forget: () => void } => {
    counter += 1;
    const key = counter.toString(36);
    pending.set(key, take);
    return { reply: `${wire.inbox}.${key}`, forget: () => pending.delete(key) };
  };

  /** One wildcard subscription for all actors of a run on this host. */
  const serve = (run: string): (() => void) => {
    const known = served.get(run) ?? {
      count: 0,
      end: wire.subscribe(inboxesOf(run), ({ subject, data, reply }) => {
        const answer = (given: Answer): void => {
          if (reply) wire.publish(reply, JSON.stringify(given));
        };
        const address = addressOfInbox(subject);
        const inbox = address && inboxFor(address);
        if (!inbox) {
          if (run !== 'sys') answer({ error: fail('NO_ACTOR', { address: address ?? subject }).toRecord() });
          return;
        }
        let envelope: Envelope;
        try {
          envelope = readEnvelope(data, clock.now());
        } catch (error) {
          refused += 1;
          return answer({ error: toRecord(error) });
        }
        inbox(envelope, answer, false);
      }),
    };
    known.count += 1;
    served.set(run, known);
    return () => {
      known.count -= 1;
      if (known.count > 0) return;
      known.end();
      served.delete(run);
    };
  };

  const send: Bus['send'] = (to, envelope, answer, near = false) => {
    const local = forceWire ? null : inboxFor(to);
    if (local) {
      queueMicrotask(() => local(envelope, answer, near));
      return () => undefined;
    }
    const { reply, forget } = question(({ data, noResponders }) => {
      if (noResponders) return answer({ error: fail('NO_ACTOR', { address: to }).toRecord() });
      const given = readAnswer(data);
      if (given) answer(given);
      else refused += 1;
    });
    wire.publish(inboxOf(to), JSON.stringify(envelope), reply);
    return forget;
  };

  return {
    wire,
    send,
    listen(address, inbox) {
      inboxes.set(address, inbox);
      const end = serve(placeOf(address).run);
      return () => {
        if (inboxes.get(address) === inbox) inboxes.delete(address);
        end();
      };
    },
    hold: serve,
    otherwise(find) {
      substitute = find;
      return () => {
        if (substitute === find) substitute = () => null;
      };
    },
    deliver(to, envelope, answer, near) {
      const inbox = inboxes.get(to);
      if (inbox) inbox(envelope, answer, near);
      else answer({ error: fail('NO_ACTOR', { address: to }).toRecord() });
    },
    tell(to, command, { from = 'client' } = {}) {
      send(to, envelop(command, { run: placeOf(to).run, from, at: clock.now() }), () => undefined)();
    },
    ask(to, command, { deadlineAt, from = 'client', id }) {
      let callOff = (): void => undefined;
      const asked = new Promise<Message>((resolve, reject) => {
        const envelope = envelop(command, {
          run: placeOf(to).run,
          from,
          at: clock.now(),
          deadline: deadlineAt,
          ...(id === undefined ? {} : { id }),
        });
        callOff = persist({ send, clock }, to, envelope, (answer) => {
          if ('fact' in answer) resolve(answer.fact);
          else if ('error' in answer) reject(revive(answer.error));
        });
      });
      waiting.add(callOff);
      const ended = (): void => void waiting.delete(callOff);
      asked.then(ended, ended);
      return asked;
    },
    emit: (fact, address) =>
      new Promise((resolve, reject) => {
        const { reply, forget } = question(({ data, noResponders }) => {
          settle();
          const refusal = noResponders ? 'no stream' : refusalIn(data);
          if (refusal === null) resolve();
          else reject(fail('BROKER_FAILED', { reason: refusal, log: 'the log of the broker' }));
        });
        const callOff = clock.after(STREAM_MS, () => {
          settle();
          reject(fail('BROKER_FAILED', { reason: 'the stream gave no acknowledgement', log: 'the log of the broker' }));
        });
        const settle = (): void => {
          callOff();
          forget();
          waiting.delete(settle);
        };
        waiting.add(settle);
        const data = JSON.stringify(fact);
        wire.publishFact(factOf(address, fact.type), data, fact.id, reply);
        wire.publish(viewOf(user, address, fact.type), data);
      }),
    refused: () => refused,
    async close() {
      for (const callOff of waiting) callOff();
      waiting.clear();
      clock.close();
      endReplies();
      for (const { end } of served.values()) end();
      await wire.close();
    },
  };
}

/**
 * Asks until the command's end is known: repeats every 5 s, waits for an actor that is away or busy, gives up at the
 * deadline. Calls `end` exactly once, with a fact or an error. @returns a function that stops asking.
 */
export function persist(
  { send, clock }: { send: Bus['send']; clock: Clock },
  to: string,
  envelope: Envelope,
  end: (answer: Answer) => void,
): () => void {
  let absentSince: number | null = null;
  let over = false;
  let forget = (): void => undefined;
  let callOff = (): void => undefined;
  const finish = (answer: Answer): void => {
    if (over) return;
    over = true;
    callOff();
    forget();
    end(answer);
  };
  const ask = (): void => {
    if (over) return;
    forget();
    callOff();
    const left = envelope.deadline === null ? Number.POSITIVE_INFINITY : envelope.deadline - clock.now();
    if (left <= 0) return finish({ error: fail('ASK_TIMEOUT', { address: to, type: envelope.type }).toRecord() });
    callOff = clock.after(Math.min(REPEAT_MS, left), ask);
    forget = send(to, envelope, (answer) => {
      if (over) return;
      if ('fact' in answer) return finish(answer);
      const code = 'error' in answer ? answer.error.code : null;
      absentSince = code === 'NO_ACTOR' ? (absentSince ?? clock.now()) : null;
      if (!('error' in answer)) return;
      const away = absentSince !== null && clock.now() - absentSince < ABSENT_MS;
      if (!away && code !== 'BUSY' && code !== 'ACTOR_DOWN') return finish(answer);
      callOff();
      callOff = clock.after(Math.min(AGAIN_MS, left), ask);
    });
  };
  ask();
  return () => {
    over = true;
    callOff();
    forget();
  };
}

/** An answer off the wire; null: it is none. */
function readAnswer(data: Uint8Array): Answer | null {
  try {
    return asAnswer(JSON.parse(textOf(data)));
  } catch {
    return null; // no JSON: counted by the caller
  }
}
/** Why the stream did not take a fact; null: it did. */
function refusalIn(data: Uint8Array): string | null {
  try {
    const { error } = JSON.parse(textOf(data)) as { error?: { description?: unknown } };
    return error ? String(error.description) : null;
  } catch (error) {
    return `an acknowledgement that does not parse: ${(error as Error).message}`;
  }
}

/** An error record off the bus as an error again. */
export function revive(record: { code: string; message: string; fix: string }): RunnerError {
  const error = fail('INTERNAL', { reason: record.message });
  return Object.assign(error, { code: record.code, message: record.message, fix: record.fix });
}
