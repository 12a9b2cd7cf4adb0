/**
 * Port manager: leases free TCP ports of loopback to runs and remembers who holds which, across restarts.
 *
 * Several may look for one at once; who finds what another has been given meanwhile looks again, so two leases never
 * have the same port. Whether a port
 * is free is tested by binding it (a bound socket that does not listen must count too), on IPv4 and IPv6. A lease is
 * ended by its run; asking again for the same service gives the same port while it is held.
 */
import { createServer } from 'node:net';
import { assign, setup } from 'xstate';
import { defineActor, type EffectFailed, effect, type Perform } from '../../runtime/actor.js';
import { type ErrorRecord, fail } from '../../runtime/errors.js';
import { Command, type Command as Commands, Ends, Fact } from './contract.js';

interface Held {
  run: string;
  service: string;
  port: number;
}
type Find = { run: string; service: string; wanted: number[]; held: number[] };
type Found = { type: 'found'; run: string; service: string; port: number | null; error: ErrorRecord | null };
interface Context {
  leases: Held[];
  /** Whose port is being looked for. */
  seeking: { run: string; service: string }[];
}
const holding = (leases: Held[], run: string, service: string): Held | undefined =>
  leases.find((l) => l.run === run && l.service === service);
const isOf =
  ({ run, service }: { run: string; service: string }) =>
  (other: { run: string; service: string }): boolean =>
    other.run === run && other.service === service;
const leased = ({ run, service, port }: Held): Fact => ({ type: 'port.leased', run, service, port });
const ports = (leases: Held[]): number[] => leases.map(({ port }) => port);

const machine = setup({
  types: { context: {} as Context, events: {} as Commands | Found | EffectFailed<'find'> },
  actions: { find: effect<Find>(), emit: effect<Fact>() },
}).createMachine({
  id: 'port-manager',
  context: { leases: [], seeking: [] },
  initial: 'up',
  states: {
    up: {
      on: {
        'port.lease': [
          {
            guard: ({ context, event: { run, service, not } }) => {
              const held = holding(context.leases, run, service);
              return held !== undefined && !not.includes(held.port);
            },
            actions: {
              type: 'emit',
              params: ({ context, event }) => leased(holding(context.leases, event.run, event.service)!),
            },
          },
          {
            actions: [
              assign(({ context, event: { run, service } }) => ({
                leases: context.leases.filter((held) => !isOf({ run, service })(held)),
                seeking: [...context.seeking, { run, service }],
              })),
              {
                type: 'find',
                params: ({ context, event }) => ({
                  run: event.run,
                  service: event.service,
                  wanted: event.wanted,
                  held: [...ports(context.leases), ...event.not],
                }),
              },
            ],
          },
        ],
        found: [
          // It was asked for twice at once.
          {
            guard: ({ context, event }) => holding(context.leases, event.run, event.service) !== undefined,
            actions: {
              type: 'emit',
              params: ({ context, event }) => leased(holding(context.leases, event.run, event.service)!),
            },
          },
          // Its run gave everything back meanwhile.
          {
            guard: ({ context, event }) => !context.seeking.some(isOf(event)),
            actions: {
              type: 'emit',
              params: ({ event }) =>
                ({ type: 'port.refused', run: event.run, error: fail('INTERRUPTED').toRecord() }) as Fact,
            },
          },
          // Two searches may have found the same port: the second looks again.
          {
            guard: ({ context, event }) => event.port !== null && ports(context.leases).includes(event.port),
            actions: {
              type: 'find',
              params: ({ context, event }) => ({
                run: event.run,
                service: event.service,
                wanted: [],
                held: ports(context.leases),
              }),
            },
          },
          {
            guard: ({ event }) => event.port !== null,
            actions: [
              assign(({ context, event: { run, service, port } }) => ({
                leases: [...context.leases, { run, service, port: port! }],
                seeking: context.seeking.filter((one) => !isOf({ run, service })(one)),
              })),
              { type: 'emit', params: ({ event: { run, service, port } }) => leased({ run, service, port: port! }) },
            ],
          },
          {
            actions: [
              assign(({ context, event }) => ({
                seeking: context.seeking.filter((one) => !isOf(event)(one)),
              })),
              {
                type: 'emit',
                params: ({ event }) => ({ type: 'port.refused', run: event.run, error: event.error! }) as Fact,
              },
            ],
          },
        ],
        'port.release': {
          actions: [
            {
              type: 'emit',
              params: ({ context, event }) =>
                ({
                  type: 'port.released',
                  run: event.run,
                  ports: ports(context.leases.filter(({ run }) => run === event.run)),
                }) as Fact,
            },
            assign(({ context, event }) => ({
              leases: context.leases.filter(({ run }) => run !== event.run),
              seeking: context.seeking.filter(({ run }) => run !== event.run),
            })),
          ],
        },
      },
    },
  },
});

/**
 * Whether nobody holds a port of loopback, tested by binding it.
 * Probes by binding, not by reading /proc/net: a socket that is bound and does not listen must count.
 */
export async function isFree(port: number): Promise<boolean> {
  for (const host of ['127.0.0.1', '::1', '0.0.0.0']) if (!(await binds(port, host))) return false;
  return true;
}
const binds = (port: number, host: string): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    // A machine without IPv6 has nobody there to hold the port.
    server.once('error', ({ code }: NodeJS.ErrnoException) =>
      resolve(code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT'),
    );
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });

const find: Perform<Find> = async ({ run, service, wanted, held }, { config }): Promise<Found> => {
  const taken = new Set(held);
  for (const port of wanted)
    if (port >= 1024 && !taken.has(port) && (await isFree(port)))
      return { type: 'found', run, service, port, error: null };
  const size = config.portTo - config.portFrom + 1;
  const start = Math.floor(Math.random() * size);
  for (let n = 0; n < size; n += 1) {
    const port = config.portFrom + ((start + n) % size);
    if (!taken.has(port) && (await isFree(port))) return { type: 'found', run, service, port, error: null };
  }
  const error = fail('PORT_HELD', { port: `${config.portFrom}–${config.portTo}`, holder: 'other programs' }).toRecord();
  return { type: 'found', run, service, port: null, error };
};

export const portManager = defineActor({
  kind: 'port-manager',
  awake: true,
  version: 1,
  accepts: Command,
  emits: Fact,
  ends: Ends,
  machine,
  effects: { find },
});
