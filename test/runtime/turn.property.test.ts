import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import { z } from 'zod';
import {
  type Answered,
  type Ask,
  type Due,
  defineActor,
  effect,
  type Message,
  type Perform,
} from '../../runtime/actor.js';
import { envelop } from '../../runtime/message.js';
import { World } from './world.js';

/** Books amounts: at once, by an effect, after a pause, or by asking its neighbour. */
const Command = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('book.now'), n: z.int() }),
  z.strictObject({ type: z.literal('book.work'), n: z.int() }),
  z.strictObject({ type: z.literal('book.later'), n: z.int(), inMs: z.int() }),
  z.strictObject({ type: z.literal('book.ask'), n: z.int() }),
]);
const Fact = z.strictObject({ type: z.literal('book.booked'), n: z.int() });
type Command = z.infer<typeof Command>;
type Worked = { type: 'worked'; n: number };
interface Context {
  total: number;
  times: number;
  due: { n: number; at: number }[];
  dueAt: number | null;
}
const booked = (n: number) => ({ type: 'book.booked' as const, n });
const earliest = (due: { at: number }[]): number | null =>
  due.length === 0 ? null : Math.min(...due.map(({ at }) => at));
const add = (n: (event: never) => number) =>
  assign({
    total: ({ context, event }: { context: Context; event: unknown }) => context.total + n(event as never),
    times: ({ context }: { context: Context }) => context.times + 1,
  } as never) as never;

const machine = (kind: string) =>
  setup({
    types: { context: {} as Context, events: {} as Command | Worked | Answered | Due },
    actions: { work: effect<{ n: number }>(), emit: effect<z.infer<typeof Fact>>(), ask: effect<Ask>() },
  }).createMachine({
    id: kind,
    context: { total: 0, times: 0, due: [], dueAt: null },
    initial: 'open',
    states: {
      open: {
        on: {
          'book.now': {
            actions: [add(({ n }: { n: number }) => n), { type: 'emit', params: ({ event }) => booked(event.n) }],
          },
          'book.work': { actions: { type: 'work', params: ({ event }) => ({ n: event.n }) } },
          'book.ask': {
            actions: {
              type: 'ask',
              params: ({ event }) => ({
                to: 'r1/bank/bank-1',
                command: { type: 'book.now', n: event.n } as Message,
                deadlineAt: 1e12,
                tag: String(event.n),
              }),
            },
          },
          'book.later': {
            actions: assign(({ context, event }) => {
              const due = [...context.due, { n: event.n, at: event.inMs }];
              return { due, dueAt: earliest(due) };
            }),
          },
          worked: {
            actions: [add(({ n }: { n: number }) => n), { type: 'emit', params: ({ event }) => booked(event.n) }],
          },
          answered: {
            actions: [
              add(({ tag }: { tag: string }) => Number(tag)),
              { type: 'emit', params: ({ event }) => booked(Number(event.tag)) },
            ],
          },
          due: {
            actions: [
              assign(({ context, event }) => {
                const ripe = context.due.filter(({ at }) => at <= event.at);
                const due = context.due.filter(({ at }) => at > event.at);
                return {
                  due,
                  dueAt: earliest(due),
                  total: context.total + ripe.reduce((sum, { n }) => sum + n, 0),
                  times: context.times + ripe.length,
                };
              }),
            ],
          },
        },
      },
    },
  });
const work: Perform<{ n: number }> = async ({ n }) => ({ type: 'worked', n }) as Message;
const actor = (kind: string) =>
  defineActor({
    kind,
    version: 1,
    accepts: Command,
    emits: Fact,
    ends: ['book.booked'],
    machine: machine(kind),
    effects: { work },
  });
const defs = [actor('book'), actor('bank')];

interface Outcome {
  context: Context;
  bank: Context;
  answered: string[];
  world: World;
}

/** Sends every command until it is answered, through the given steps; -1 and -2 are crashes. */
async function live(commands: Command[], steps: number[]): Promise<Outcome> {
  const world = new World();
  await world.start(defs, { run: 'r1', kind: 'bank', id: 'bank-1' });
  await world.start(defs, { run: 'r1', kind: 'book', id: 'book-1' });
  const answered = new Map<string, number>();
  const send = (index: number): void => {
    const id = `m${index}`;
    world.bus.send(
      'r1/book/book-1',
      envelop(commands[index]!, { run: 'r1', from: 'test', id, deadline: 1e12 }),
      (answer) => {
        if ('fact' in answer) answered.set(id, (answer.fact as unknown as { n: number }).n);
      },
    );
  };
  const sendAll = (wanted: (index: number) => boolean): void => {
    for (const index of commands.keys()) if (wanted(index)) send(index);
  };
  sendAll(() => true);
  for (const step of steps) {
    if (step < 0) {
      await world.crash(defs, step === -1);
      sendAll((index) => index % 2 === 0); // redelivered, some of them twice
      sendAll((index) => commands[index]!.type !== 'book.later' && !answered.has(`m${index}`));
    } else await world.step(step);
  }
  sendAll(() => true);
  const before = world.deaths;
  for (let quiet = 0, n = 0; quiet < 30 && n < 3_000; n += 1) {
    const state = world.cells.get('r1/book/book-1')!.state();
    const done =
      state.owed.length === 0 &&
      world.pending.length === 0 &&
      commands.every((c, i) => c.type === 'book.later' || answered.has(`m${i}`));
    quiet = done ? quiet + 1 : 0;
    await world.step(0);
  }
  expect(world.deaths).toBe(before);
  const contextOf = (address: string) =>
    JSON.parse(JSON.stringify(world.cells.get(address)!.state().state.context)) as Context;
  return {
    context: contextOf('r1/book/book-1'),
    bank: contextOf('r1/bank/bank-1'),
    answered: [...answered.keys()].sort(),
    world,
  };
}

const commands = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant('book.now' as const), n: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ type: fc.constant('book.work' as const), n: fc.integer({ min: 10, max: 99 }) }),
    fc.record({ type: fc.constant('book.ask' as const), n: fc.integer({ min: 100, max: 999 }) }),
    fc.record({
      type: fc.constant('book.later' as const),
      n: fc.integer({ min: 1000, max: 9999 }),
      inMs: fc.integer({ min: 1_000_001, max: 1_000_500 }),
    }),
  ),
  { minLength: 1, maxLength: 6 },
);
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.nat(7) },
    { weight: 1, arbitrary: fc.constant(-1) },
    { weight: 1, arbitrary: fc.constant(-2) },
  ),
  { maxLength: 40 },
);

test('whatever is cut, repeated or redelivered, the state is that of a life without crashes and nothing owed is forgotten', async () => {
  await fc.assert(
    fc.asyncProperty(commands, steps, async (sent, cuts) => {
      const [calm, rough] = [await live(sent, []), await live(sent, cuts)];
      expect(rough.context).toEqual(calm.context);
      expect(rough.bank).toEqual(calm.bank);
      expect(rough.answered).toEqual(calm.answered);
      expect(rough.world.cells.get('r1/book/book-1')!.state().owed).toEqual([]);
      // Every fact stands once in the ledger, and every effect has run.
      expect(new Set(rough.world.facts.map(({ id }) => id)).size).toBe(rough.world.facts.length);
      expect(rough.world.facts.filter(({ from }) => from === 'r1/book/book-1')).toHaveLength(
        sent.filter(({ type }) => type !== 'book.later').length,
      );
    }),
    { numRuns: 150 },
  );
}, 120_000);
