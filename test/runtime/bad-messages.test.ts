/** Bad messages from a raw client through the real broker: each is refused by its own code, and harms nobody. */
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { expect, onTestFinished, test } from 'vitest';
import { assign, setup } from 'xstate';
import { z } from 'zod';
import {
  type ActorDefinition,
  type Answered,
  type Ask,
  defineActor,
  effect,
  type Message,
} from '../../runtime/actor.js';
import { connectOptions } from '../../runtime/broker/start.js';
import { openBus } from '../../runtime/bus.js';
import { systemClock } from '../../runtime/clock.js';
import { type Answer, MOST_AHEAD_MS, MOST_BYTES, MOST_HOPS } from '../../runtime/message.js';
import { natsWire } from '../../runtime/wire.js';
import { clerk } from './clerk.js';
import { house, realBroker, realBus } from './real.js';

const address = 'r1/clerk/clerk-1';
const subject = 'rr.r1.clerk.clerk-1.in';
async function raw(): Promise<NatsConnection> {
  const nats = await connect(connectOptions(await realBroker()));
  onTestFinished(() => nats.close());
  return nats;
}
async function office() {
  const h = await house({ clerk: clerk() });
  await h.system.start({ run: 'r1', kind: 'clerk', id: 'clerk-1' }, null);
  await h.bus.wire.flush();
  const nats = await raw();
  const say = async (data: string) => (await nats.request(subject, data, { timeout: 3_000 })).json() as Answer;
  return { ...h, nats, say, state: () => h.system.cell(address)!.state() };
}
const envelope = (over: object = {}) => ({
  ...{ v: 1, id: 'x', type: 'note.add', run: 'r1', from: 'raw', causation: null, hop: 1 },
  ...{ deadline: null, traceparent: null, payload: { n: 1 } },
  ...over,
});
const text = (over?: object): string => JSON.stringify(envelope(over));
const without = (field: string): string =>
  JSON.stringify(Object.fromEntries(Object.entries(envelope()).filter(([key]) => key !== field)));
const inside = (open: string, close: string, depth: number): string =>
  text({ payload: { n: 1, deep: 'DEEP' } }).replace('"DEEP"', open.repeat(depth) + close.repeat(depth));

test.each<[string, string, string, RegExp]>([
  ['no JSON', '{"v":1', 'MESSAGE_NOT_JSON', /no JSON/],
  ['nothing at all', '', 'MESSAGE_NOT_JSON', /no JSON/],
  ['bytes that are no text', '\u0000\u0001\ufffd', 'MESSAGE_NOT_JSON', /no JSON/],
  ['a list', '[]', 'MESSAGE_INVALID', /expected object/],
  ['no version', without('v'), 'MESSAGE_INVALID', /at v/],
  ['no id', without('id'), 'MESSAGE_INVALID', /at id/],
  ['a field nobody knows', text({ surprise: 1 }), 'MESSAGE_INVALID', /surprise/],
  ['a payload of another schema', text({ payload: { n: 'many' } }), 'MESSAGE_INVALID', /does not parse/],
  ['a type nobody knows', text({ type: 'note.eat' }), 'MESSAGE_INVALID', /does not parse/],
  ['a type in its payload', text({ payload: { n: 1, type: 'note.close' } }), 'NONE', /./],
  ['another version', text({ v: 2 }), 'MESSAGE_VERSION', /version 2, this program knows 1/],
  ['a version that is a word', text({ v: 'new', id: 7 }), 'MESSAGE_VERSION', /version "new"/],
  ['too many bytes', text({ payload: { n: 'x'.repeat(MOST_BYTES) } }), 'MESSAGE_LARGE', /wanted at most 1000000/],
  ['a list too deep to be written down', inside('[', ']', 9_000), 'MESSAGE_INVALID', /nested deeper/],
  ['an object too deep', inside('{"a":', '}', 9_000).replace(':}', ':1}'), 'MESSAGE_INVALID', /nested deeper/],
  ['a time to come', text({ at: Date.now() + 2 * MOST_AHEAD_MS }), 'MESSAGE_AHEAD', /at most 300 s/],
  ['a deadline that has passed', text({ deadline: Date.now() - 1 }), 'ASK_TIMEOUT', /deadline/],
  ['too many hops', text({ hop: MOST_HOPS + 1 }), 'HOP_LIMIT', /at most 32/],
])(
  '%s is refused with its code, the reason and the next step, and changes nothing',
  async (what, data, code, reason) => {
    const h = await office();
    const answer = await h.say(data);
    if (code === 'NONE') {
      expect(answer, what).toMatchObject({ fact: { type: 'note.added', n: 1 } });
      expect(h.state().state.value).toBe('open'); // it is what its envelope says
      return;
    }
    const error = { code, message: expect.stringMatching(reason), fix: expect.stringMatching(/\w{3}/) };
    expect(answer).toEqual({ error });
    expect(h.state()).toMatchObject({ turn: 0, state: { context: { total: 0 } } });
    expect(await h.say(text({ id: 'good' }))).toMatchObject({ fact: { type: 'note.added', n: 1 } });
    expect(h.system.living()[0]).toMatchObject({ turn: 1, restarts: 0 });
  },
);

test('what is within its bounds is taken: nearly a megabyte, a clock a little ahead, the last hop', async () => {
  const h = await office();
  const long = 'x'.repeat(MOST_BYTES - 1_000);
  expect(await h.say(text({ id: 'a', from: long }))).toMatchObject({ fact: { type: 'note.added' } });
  const at = Date.now() + MOST_AHEAD_MS - 5_000;
  expect(await h.say(text({ id: 'b', at }))).toMatchObject({ fact: { type: 'note.added' } });
  expect(await h.say(text({ id: 'c', hop: MOST_HOPS }))).toMatchObject({ fact: { type: 'note.added' } });
  const brackets = text({ id: 'd', from: `"${'[{'.repeat(9_000)}` });
  expect(await h.say(brackets)).toMatchObject({ fact: { type: 'note.added' } });
});

test.each(['rr.r1.clerk.clerk-2.in', '$JS.API.STREAM.PURGE.RR_FACTS', 'rr.api.local.ops.shutdown', 'anywhere'])(
  'an answer is not sent to %s, and the command that asks for it is not taken',
  async (forged) => {
    const nats = await raw();
    const told: { code: string; message: string }[] = [];
    const wire = natsWire(nats, '_INBOX.forged', (error) => told.push(error.toRecord()));
    const bus = openBus(wire, systemClock);
    const taken: string[] = [];
    bus.listen(address, ({ id }, answer) => {
      taken.push(id);
      answer({ accepted: true });
    });
    const heard: string[] = [];
    nats.subscribe(forged, { callback: (_, message) => void heard.push(message.string()) });
    nats.publish(subject, text({ id: 'bad' }), { reply: forged });
    nats.publish(subject, 'not even JSON', { reply: forged });
    nats.publish(subject, text({ id: 'untold' })); // who wants no answer gets none
    expect((await nats.request(subject, text({ id: 'good' }), { timeout: 3_000 })).json()).toEqual({ accepted: true });
    expect(heard).toEqual([]);
    expect(taken).toEqual(['untold', 'good']);
    expect(told).toMatchObject([{ code: 'REPLY_FORGED' }, { code: 'REPLY_FORGED' }]);
    expect(told[0]!.message).toContain(JSON.stringify(forged));
  },
);

/** Thinks about what it hears, hands it to the other one, and tells how that ended. */
const passer = (kind: string, other: string): ActorDefinition =>
  defineActor({
    kind,
    version: 1,
    accepts: z.strictObject({ type: z.literal('pass.on') }) as unknown as z.ZodType<Message>,
    emits: z.looseObject({ type: z.literal('pass.ended') }) as unknown as z.ZodType<Message>,
    ends: ['pass.ended'],
    machine: setup({
      types: { context: {} as { passed: number }, events: {} as { type: 'pass.on' } | { type: 'thought' } | Answered },
      actions: { think: effect<object>(), ask: effect<Ask>(), emit: effect<Message>() },
    }).createMachine({
      context: { passed: 0 },
      on: {
        'pass.on': {
          actions: [assign({ passed: ({ context }) => context.passed + 1 }), { type: 'think', params: {} }],
        },
        thought: {
          actions: {
            type: 'ask',
            params: { to: `r1/${other}/${other}-1`, command: { type: 'pass.on' }, tag: 't', withinMs: 20_000 },
          },
        },
        answered: {
          actions: {
            type: 'emit',
            params: ({ event: { error, fact } }) =>
              ({ type: 'pass.ended', code: error?.code ?? (fact as { code?: string } | null)?.code }) as Message,
          },
        },
      },
    }),
    effects: { think: async () => ({ type: 'thought' }) },
  });

test.each([false, true])(
  'two actors that hand a command to each other end at the limit, over the wire: %s',
  async (forceWire) => {
    const h = await house({ a: passer('a', 'b'), b: passer('b', 'a') }, { bus: await realBus({ forceWire }) });
    for (const kind of ['a', 'b']) await h.system.start({ run: 'r1', kind, id: `${kind}-1` }, null);
    const nats = await raw();
    await h.bus.wire.flush();
    const ask = async () =>
      (
        await nats.request('rr.r1.a.a-1.in', text({ type: 'pass.on', payload: {} }), { timeout: 10_000 })
      ).json() as Answer;
    let answer = await ask();
    for (const until = Date.now() + 10_000; !('fact' in answer) && Date.now() < until; ) answer = await ask();
    expect(answer).toEqual({ fact: { type: 'pass.ended', code: 'HOP_LIMIT' } });
    const passed = ['a', 'b'].map(
      (kind) => (h.system.cell(`r1/${kind}/${kind}-1`)!.state().state.context as { passed: number }).passed,
    );
    expect(passed).toEqual([MOST_HOPS / 2, MOST_HOPS / 2]);
  },
  20_000,
);
