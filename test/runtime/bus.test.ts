/** How long is asked, and whom: the bus on a clock of its own. */
import { expect, test } from 'vitest';
import type { Message } from '../../runtime/actor.js';
import { openBus, persist } from '../../runtime/bus.js';
import type { Clock } from '../../runtime/clock.js';
import { fail } from '../../runtime/errors.js';
import { type Answer, envelop } from '../../runtime/message.js';
import { realBus } from './real.js';

/** A clock that stands until it is moved. */
function standing() {
  let now = 0;
  let timers: { at: number; call: () => void }[] = [];
  const clock: Clock = {
    now: () => now,
    after(ms, call) {
      const timer = { at: now + ms, call };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
  };
  const move = (ms: number): void => {
    for (const end = now + ms; ; ) {
      const next = timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) {
        now = end;
        return;
      }
      timers = timers.filter((other) => other !== next);
      now = next.at;
      next.call();
    }
  };
  return { clock, move, waiting: () => timers.length };
}
const noActor: Answer = { error: fail('NO_ACTOR', { address: 'r1/a/a' }).toRecord() };

/** Asks an actor that answers as `say` tells at each moment. */
function asking(say: (now: number) => Answer | null, deadline: number | null = 1e9) {
  const { clock, move, waiting } = standing();
  const sent: number[] = [];
  const ends: Answer[] = [];
  const send = (_to: string, _envelope: unknown, answer: (answer: Answer) => void) => {
    sent.push(clock.now());
    const given = say(clock.now());
    if (given) answer(given);
    return () => undefined;
  };
  const command = envelop({ type: 'a.b' }, { run: 'r1', from: 'test', deadline });
  persist({ send, clock }, 'r1/a/a', command, (end) => ends.push(end));
  return { move, sent, ends, waiting };
}

test('an actor that restarts long after it was asked is waited for, 20 s from its absence and not from the question', () => {
  const { move, ends } = asking((now) =>
    now < 60_000 ? { accepted: true } : now < 65_000 ? noActor : { fact: { type: 'a.c' } },
  );
  move(59_000);
  expect(ends).toEqual([]);
  move(10_000);
  expect(ends).toEqual([{ fact: { type: 'a.c' } }]);
});

test('an actor that stays away is given up after 20 s', () => {
  const { move, ends, waiting } = asking(() => noActor);
  move(19_500);
  expect(ends).toEqual([]);
  move(1_000);
  expect([ends, waiting()]).toEqual([[noActor], 0]);
});

test('a question without an end is asked again every 5 s until its deadline, and ends once', () => {
  const { move, sent, ends, waiting } = asking(() => ({ accepted: true }), 12_000);
  move(20_000);
  expect(sent).toEqual([0, 5_000, 10_000]);
  expect(ends).toMatchObject([{ error: { code: 'ASK_TIMEOUT' } }]);
  expect(waiting()).toBe(0);
});

test('a busy actor is asked again soon', () => {
  const busy: Answer = { error: fail('BUSY', { address: 'r1/a/a', met: 1 }).toRecord() };
  const { move, sent, ends } = asking((now) => (now < 600 ? busy : { fact: { type: 'a.c' } }));
  move(1_000);
  expect([sent.length, ends.length]).toEqual([4, 1]);
});

test('a deadline that has passed is said at once', async () => {
  const bus = await realBus();
  const late = bus.ask('r1/a/a', { type: 'a.b' }, { deadlineAt: Date.now() - 1 });
  await expect(late).rejects.toMatchObject({ code: 'ASK_TIMEOUT' });
});

test('the wire forced or not, an answer is the same', async () => {
  for (const forceWire of [false, true]) {
    const bus = await realBus({ forceWire });
    const heard: string[] = [];
    bus.listen('r7/a/a', ({ type, payload }, answer) => {
      heard.push(type);
      answer({ accepted: true });
      answer({ fact: { type: 'a.c', ...payload } as Message });
    });
    await bus.wire.flush();
    const fact = await bus.ask('r7/a/a', { type: 'a.b', n: 1 } as Message, { deadlineAt: Date.now() + 3_000 });
    expect([fact, heard]).toEqual([{ type: 'a.c', n: 1 }, ['a.b']]);
  }
});

test('closing calls off what is asked and emitted', async () => {
  const { clock, waiting } = standing();
  const real = await realBus();
  const bus = openBus({ ...real.wire, close: async () => undefined }, clock);
  void bus.ask('r8/a/a', { type: 'a.b' }, { deadlineAt: 1e9 });
  void bus.emit({ id: 'x', at: '', from: '', type: 'a.c', payload: {}, causation: null }, 'r8/a/a');
  expect(waiting()).toBeGreaterThan(0);
  await bus.close();
  expect(waiting()).toBe(0);
});

test.each(['no json', 'null', '7', '{"fact":3}', '{"error":"x"}'])(
  'an answer that is none (%s) is counted and dropped; the right one still comes',
  async (garbage) => {
    const { clock } = standing();
    const real = await realBus();
    let reply = '';
    let take: (message: { subject: string; data: Uint8Array; reply: null; noResponders: boolean }) => void = () =>
      undefined;
    const bus = openBus(
      {
        ...real.wire,
        subscribe(_, given) {
          take = given;
          return () => undefined;
        },
        publish: (_, __, to) => {
          reply = to!;
        },
        close: async () => undefined,
      },
      clock,
    );
    const asked = bus.ask('r9/a/a', { type: 'a.b' }, { deadlineAt: 1e9 });
    const say = (text: string): void =>
      take({ subject: reply, data: new TextEncoder().encode(text), reply: null, noResponders: false });
    say(garbage);
    expect(bus.refused()).toBe(1);
    say('{"fact":{"type":"a.c"}}');
    expect(await asked).toEqual({ type: 'a.c' });
  },
);
