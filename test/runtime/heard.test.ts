/** What an actor remembers of the answers it gave to others of its own process. */

import { expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import { z } from 'zod';
import { type Answered, type Ask, defineActor, effect, type Message } from '../../runtime/actor.js';
import { clerk } from './clerk.js';
import { house, realBus } from './real.js';

const clerkAt = (run: string) => `${run}/clerk/clerk-1`;
/** Asks a clerk to add what it is told to, and says what the clerk said. */
const asker = defineActor({
  kind: 'asker',
  version: 1,
  accepts: z.strictObject({ type: z.literal('ask.add'), to: z.string(), n: z.int() }),
  emits: z.strictObject({ type: z.literal('ask.added'), n: z.int() }),
  ends: ['ask.added'],
  effects: {},
  machine: setup({
    types: {
      context: {} as { asked: number },
      events: {} as { type: 'ask.add'; to: string; n: number } | Answered,
    },
    actions: { ask: effect<Ask>(), emit: effect<Message>() },
  }).createMachine({
    id: 'asker',
    context: { asked: 0 },
    initial: 'up',
    states: {
      up: {
        on: {
          'ask.add': {
            actions: [
              assign({ asked: ({ context }) => context.asked + 1 }),
              {
                type: 'ask',
                params: ({ event }): Ask => ({
                  to: event.to,
                  command: { type: 'note.add', n: event.n } as Message,
                  withinMs: 60_000,
                  tag: 'add',
                }),
              },
            ],
          },
          answered: {
            actions: {
              type: 'emit',
              params: ({ event }) => ({ type: 'ask.added', n: (event.fact as unknown as { n: number }).n }) as Message,
            },
          },
        },
      },
    },
  }),
});

async function office(forceWire: boolean) {
  const settings = { forceWire: String(forceWire) as never };
  const h = await house({ clerk: clerk(), asker }, { settings, bus: await realBus({ forceWire }) });
  for (const run of ['sys', 'r1']) await h.system.start({ run, kind: 'clerk', id: 'clerk-1' }, null);
  await h.system.start({ run: 'r1', kind: 'asker', id: 'asker-1' }, null);
  const ask = (run: string, n: number) =>
    h.bus.ask('r1/asker/asker-1', { type: 'ask.add', to: clerkAt(run), n } as Message, {
      deadlineAt: Date.now() + 10_000,
    });
  const stateOf = (run: string) => h.system.cell(clerkAt(run))!.state();
  const remembered = (run: string): number => Object.keys(stateOf(run).answers).length;
  const total = (run: string): number => (stateOf(run).state.context as { total: number }).total;
  return { ask, remembered, total };
}

test('a system actor forgets an answer once it is part of what the asker has durable', async () => {
  const { ask, remembered, total } = await office(false);
  for (let n = 0; n < 20; n += 1) {
    await ask('sys', 1);
    await ask('r1', 1);
  }
  // What is forgotten is gone with the next turn.
  expect(remembered('sys')).toBeLessThanOrEqual(2);
  expect(remembered('r1')).toBe(20); // a run that is restored asks again
  expect([total('sys'), total('r1')]).toEqual([20, 20]);
});

test('what goes by the wire may come late and twice: its answers are kept', async () => {
  const { ask, remembered } = await office(true);
  for (let n = 0; n < 5; n += 1) await ask('sys', 1);
  expect(remembered('sys')).toBe(5);
});
