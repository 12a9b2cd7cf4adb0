/**
 * Host: the actor of one process that keeps others alive. It starts and stops what the admin orders and tells the
 * admin when one of them died too often to be restarted. It decides nothing else.
 */
import { assign, setup } from 'xstate';
import {
  type Ask,
  type ChildDied,
  type ChildLeft,
  defineActor,
  effect,
  type Spawned as SpawnEnded,
  type Stop,
  type Stopped,
} from '../../runtime/actor.js';
import type { ErrorRecord } from '../../runtime/errors.js';
import { addressOf, main } from '../../runtime/subjects.js';
import { Command, type Command as Commands, Ends, Fact, type Spawn } from './contract.js';

type Ordered = Spawn & { tag: string };
interface Batch {
  /** Unique among the open ones: two orders may have one name, and one actor. */
  n: number;
  batch: string;
  addresses: string[];
  waiting: string[];
  failed: { address: string; error: { code: string; message: string; fix: string } }[];
}
interface Context {
  batches: Batch[];
  /** Orders taken so far. */
  count: number;
}

const after = (batches: Batch[], { address, error, tag }: SpawnEnded): Batch[] =>
  batches.map((b) =>
    String(b.n) === tag && b.waiting.includes(address)
      ? {
          ...b,
          waiting: b.waiting.filter((other) => other !== address),
          failed: error ? [...b.failed, { address, error }] : b.failed,
        }
      : b,
  );
const whole = (batches: Batch[]): Batch[] => batches.filter(({ waiting }) => waiting.length === 0);
const told = ({ batch, addresses, failed }: Omit<Batch, 'n' | 'waiting'>): Fact => ({
  type: 'host.spawned',
  batch,
  addresses,
  failed,
});

const machine = setup({
  types: { context: {} as Context, events: {} as Commands | SpawnEnded | Stopped | ChildDied | ChildLeft },
  actions: { spawn: effect<Ordered>(), stop: effect<Stop>(), emit: effect<Fact>(), ask: effect<Ask>() },
}).createMachine({
  id: 'host',
  context: { batches: [], count: 0 },
  initial: 'up',
  states: {
    up: {
      on: {
        'host.spawn': [
          {
            guard: ({ event }) => event.actors.length === 0,
            actions: {
              type: 'emit',
              params: ({ event }) => told({ batch: event.batch, addresses: [], failed: [] }),
            },
          },
          {
            actions: [
              assign(({ context, event }) => {
                const addresses = event.actors.map(addressOf);
                const n = context.count + 1;
                const batch = { n, batch: event.batch, addresses, waiting: addresses, failed: [] };
                return { count: n, batches: [...context.batches, batch] };
              }),
              {
                type: 'spawn',
                params: ({ context, event }) => event.actors.map((actor) => ({ ...actor, tag: String(context.count) })),
              },
            ],
          },
        ],
        spawned: {
          actions: [
            { type: 'emit', params: ({ context, event }) => whole(after(context.batches, event)).map(told) },
            assign(({ context, event }) => ({
              batches: after(context.batches, event).filter(({ waiting }) => waiting.length > 0),
            })),
          ],
        },
        'host.stop': {
          actions: [
            {
              type: 'stop',
              params: ({ event: { addresses, cause } }) =>
                addresses.map((address): Stop => (cause ? { address, cause: cause as ErrorRecord } : { address })),
            },
            { type: 'emit', params: ({ event }) => ({ type: 'host.stopping', addresses: event.addresses }) as Fact },
          ],
        },
        childDied: {
          actions: {
            type: 'ask',
            params: ({ event: { address, error, at } }) => ({
              to: main('admin'),
              command: { type: 'admin.died', address, error, at } as never,
              withinMs: 60_000,
              tag: address,
            }),
          },
        },
        childLeft: {
          actions: {
            type: 'ask',
            params: ({ event: { address } }) => ({
              to: main('admin'),
              command: { type: 'admin.remove', address } as never,
              withinMs: 60_000,
              tag: address,
            }),
          },
        },
      },
    },
  },
});

export const host = defineActor({
  kind: 'host',
  awake: true,
  version: 1,
  accepts: Command,
  emits: Fact,
  ends: Ends,
  machine,
  effects: {},
});
