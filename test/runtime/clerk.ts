/** An actor with a way to do everything that can go wrong. */
import { assign, setup } from 'xstate';
import { z } from 'zod';
import {
  type ActorDefinition,
  type Due,
  defineActor,
  type EffectFailed,
  effect,
  type Message,
} from '../../runtime/actor.js';

type Command = { type: `note.${string}`; n: number };
const fact = (type: string) => z.strictObject({ type: z.literal(type), n: z.int() });
const told = ({ event }: { event: { type: string; n?: number } }) =>
  ({ type: 'note.added', n: event.n ?? 0 }) as Message;

const machine = setup({
  types: {
    context: {} as { total: number; dueAt: number | null },
    events: {} as Command | Due | { type: 'worked'; n: number } | EffectFailed<'hurt'>,
  },
  actions: {
    work: effect<{ n: number }>(),
    fall: effect<object>(),
    hurt: effect<object>(),
    emit: effect<Message>(),
    ask: effect<object>(),
    count: assign({ total: ({ context, event }) => context.total + (event as { n: number }).n }),
    break: assign(() => {
      throw new Error('the assign broke');
    }),
  },
}).createMachine({
  id: 'clerk',
  context: { total: 0, dueAt: null },
  initial: 'open',
  states: {
    open: {
      on: {
        'note.add': { actions: ['count', { type: 'emit', params: told }] },
        'note.work': { actions: { type: 'work', params: ({ event }) => ({ n: event.n }) } },
        worked: { actions: ['count', { type: 'emit', params: told }] },
        'note.later': { actions: assign({ dueAt: ({ event }) => event.n }) },
        due: { actions: [assign({ dueAt: null }), { type: 'emit', params: told }] },
        'note.throw': { actions: ['count', 'break'] },
        'note.guard': {
          guard: () => {
            throw new Error('the guard broke');
          },
          actions: 'count',
        },
        'note.misword': {
          actions: ['count', { type: 'emit', params: () => ({ type: 'note.added', n: 'many' }) as never }],
        },
        'note.misask': {
          actions: ['count', { type: 'ask', params: () => ({ to: 'Nobody', command: { type: 'a.b' }, tag: 't' }) }],
        },
        'note.fall': { actions: { type: 'fall', params: {} } },
        'note.hurt': { actions: { type: 'hurt', params: {} } },
        hurtFailed: { actions: { type: 'emit', params: () => ({ type: 'note.pained', n: 0 }) as Message } },
        'note.close': { target: 'closed', actions: { type: 'emit', params: told } },
      },
    },
    closed: {},
  },
});

const types = ['add', 'work', 'later', 'throw', 'guard', 'misword', 'misask', 'fall', 'hurt', 'close'] as const;
export const clerk = (over: Partial<ActorDefinition> = {}): ActorDefinition =>
  defineActor({
    kind: 'clerk',
    version: 1,
    accepts: z.union(types.map((type) => fact(`note.${type}`))) as unknown as z.ZodType<Message>,
    emits: z.union([fact('note.added'), fact('note.pained')]) as unknown as z.ZodType<Message>,
    ends: ['note.added', 'note.pained'],
    machine,
    effects: {
      work: async ({ n }: { n: number }) => ({ type: 'worked', n }) as Message,
      fall: async () => {
        throw new Error('it fell');
      },
      hurt: async () => {
        throw new Error('it hurt');
      },
    },
    ...over,
  });
