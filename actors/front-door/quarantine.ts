/** Messages that could not be taken, at the front door: looked at, mended, sent again. */
import { randomUUID } from 'node:crypto';
import { customAgent } from '../../agents/custom/index.js';
import type { ActorDefinition, Message } from '../../runtime/actor.js';
import { type ErrorRecord, fail } from '../../runtime/errors.js';
import { type Answer, envelop, parse } from '../../runtime/message.js';
import { type Held, MOST_HELD, messageId } from '../../runtime/quarantine.js';
import { placeOf } from '../../runtime/subjects.js';
import type { Around, Handlers } from './around.js';
import type { quarantineVerbs } from './contract-quarantine.js';
import { hide, unhide } from './hide.js';

/** How long the actor may take until it says whether it takes what was put back. */
const ANSWER_MS = 25_000;
/** A message of a broker takes 1 MB unless it was told otherwise. */
const MOST_ANSWER_BYTES = 1_000_000;
const LONG = 500;

type Outcome = { fact: Message | null; error: ErrorRecord | null };

export function quarantineHandlers({
  bus,
  system,
  clock,
  definitions,
  customs,
}: Around): Handlers<keyof typeof quarantineVerbs> {
  const { quarantine } = system;
  /** What is on its way back at this moment. */
  const going = new Set<string>();
  const definitionOf = (address: string): ActorDefinition => {
    const { kind } = placeOf(address);
    const made = customs()[kind];
    const def = definitions[kind] ?? (made && customAgent(made));
    if (!def) throw fail('NO_ACTOR', { address });
    return def;
  };
  const now = (): string => new Date(clock.now()).toISOString();

  const isAway = (address: string): boolean =>
    placeOf(address).run === 'sys' && !system.living().some((one) => one.address === address);
  const send = ({ address, command, edited }: Held, id: string, withinMs: number): Promise<Outcome> =>
    new Promise((resolve) => {
      // Of a run's actors the run's own host says so; a name of the system that nobody bears would be waited for.
      if (isAway(address)) return resolve({ fact: null, error: fail('NO_ACTOR', { address }).toRecord() });
      const { type, run, payload, traceparent, id: old } = command!;
      const about = {
        run,
        from: 'quarantine',
        id,
        causation: old,
        deadline: clock.now() + withinMs,
        traceparent,
        at: clock.now(),
      };
      const envelope = envelop({ ...(edited?.payload ?? payload), type } as Message, about);
      const forget = bus.send(address, envelope, (answer: Answer) => {
        forget();
        resolve({ fact: 'fact' in answer ? answer.fact : null, error: 'error' in answer ? answer.error : null });
      });
    });
  const retake = async ({ address, report }: Held, id: string): Promise<Outcome> => {
    if (system.sleeps(address)) await system.restart(address);
    const cell = system.cell(address);
    if (!cell) return { fact: null, error: fail('NO_ACTOR', { address }).toRecord() };
    return new Promise((resolve) => cell.retake(report!, id, (error) => resolve({ fact: null, error })));
  };
  const inTime = (outcome: Promise<Outcome>, { address, command, report }: Held): Promise<Outcome> =>
    new Promise((resolve, reject) => {
      const type = command?.type ?? report!.event.type;
      const callOff = clock.after(ANSWER_MS, () => reject(fail('ASK_TIMEOUT', { address, type })));
      outcome.finally(callOff).then(resolve, reject);
    });

  return {
    async 'quarantine.list'({ address }) {
      const { whole, broken } = quarantine.list();
      const messages = whole
        .filter(({ held }) => address === undefined || held.address === address)
        .map(({ held: { id, address: to, at, lastAt, times, error, command, report, edited, putBack }, bytes }) => ({
          ...hide({ id, address: to, at, lastAt, times, why: short(error) }),
          what: command ? ('command' as const) : ('report' as const),
          type: command?.type ?? report!.event.type,
          from: command?.from ?? null,
          edited: edited !== null,
          putBack: hide(putBack && { ...putBack, error: putBack.error && short(putBack.error) }),
          bytes,
        }));
      return { messages, broken, most: MOST_HELD, dropped: quarantine.dropped() };
    },
    async 'quarantine.get'({ id }) {
      const { format: _, error: why, ...held } = quarantine.get(id);
      const file = quarantine.fileOf(id);
      const answer = { ...hide({ ...held, why }), file };
      const met = Buffer.byteLength(JSON.stringify(answer));
      const fix = `look into ${file}`;
      if (met > MOST_ANSWER_BYTES) throw fail('ANSWER_LARGE', { met, wanted: MOST_ANSWER_BYTES, fix });
      return answer;
    },
    async 'quarantine.edit'({ id, payload }) {
      const { address, command, edited } = quarantine.get(id);
      if (!command)
        throw fail('USAGE', {
          met: `${id} is what an effect reported, for which there is no contract`,
          fix: `put it back as it is, or drop it: rr quarantine drop ${id}`,
        });
      if (going.has(id)) throw underWay(id);
      const whole = unhide(payload, edited?.payload ?? command.payload);
      parse(definitionOf(address).accepts, { ...whole, type: command.type });
      const at = now();
      quarantine.change(id, { edited: { at, payload: whole }, putBack: null });
      return { id, at };
    },
    async 'quarantine.put-back'({ id, withinMs }) {
      if (going.has(id)) throw underWay(id);
      going.add(id);
      try {
        const held = quarantine.get(id);
        const { address, command, report, putBack } = held;
        // One whose end is not known is sent as the same message: its actor may have taken it.
        const message = putBack && putBack.error === null ? putBack.id : randomUUID();
        const old = messageId(command ?? report!);
        for (const one of [old, message]) if (one !== null) system.pardon(address, one);
        quarantine.change(id, { putBack: { id: message, at: now(), error: null } });
        const outcome = await inTime(command ? send(held, message, withinMs) : retake(held, message), held);
        const { fact, error } = outcome;
        // Meanwhile it may have been dropped for want of room.
        if (error === null && quarantine.has(id)) quarantine.drop(id);
        else if (quarantine.has(id))
          quarantine.change(id, { error: error!, putBack: { id: message, at: now(), error } });
        return hide({
          id,
          address,
          message,
          outcome: error === null ? ('accepted' as const) : ('refused' as const),
          fact: fact && { ...fact },
          refusal: error,
        });
      } finally {
        going.delete(id);
      }
    },
    async 'quarantine.drop'({ id }) {
      if (going.has(id)) throw underWay(id);
      quarantine.drop(id);
      return { id };
    },
  };
}

const underWay = (id: string): Error =>
  fail('USAGE', { met: `${id} is on its way to its actor`, fix: 'wait until its end is known: rr quarantine list' });
const short = (error: { code: string; message: string; fix: string }): typeof error => ({
  ...error,
  message: error.message.length > LONG ? `${error.message.slice(0, LONG)}…` : error.message,
});
