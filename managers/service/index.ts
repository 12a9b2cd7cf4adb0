/**
 * Service manager: owns the list of applications that are up, with their addresses and processes, from their proof to
 * their end. It watches nothing itself: the run that holds an application tells.
 */
import { assign, setup } from 'xstate';
import { defineActor, effect } from '../../runtime/actor.js';
import { Command, type Command as Commands, Ends, Fact, type Service } from './contract.js';

interface Context {
  services: Service[];
}
const machine = setup({
  types: { context: {} as Context, events: {} as Commands },
  actions: { emit: effect<Fact>() },
}).createMachine({
  id: 'service-manager',
  context: { services: [] },
  initial: 'up',
  states: {
    up: {
      on: {
        'service.record': {
          actions: [
            assign(({ context, event: { service } }) => ({
              services: [
                ...context.services.filter(({ run, name }) => run !== service.run || name !== service.name),
                service,
              ],
            })),
            { type: 'emit', params: ({ event }) => ({ type: 'service.recorded', service: event.service }) as Fact },
          ],
        },
        'service.forget': {
          actions: [
            {
              type: 'emit',
              params: ({ context, event }) =>
                ({
                  type: 'service.forgotten',
                  run: event.run,
                  names: context.services.filter(({ run }) => run === event.run).map(({ name }) => name),
                }) as Fact,
            },
            assign(({ context, event }) => ({ services: context.services.filter(({ run }) => run !== event.run) })),
          ],
        },
      },
    },
  },
});

export const serviceManager = defineActor({
  kind: 'service-manager',
  awake: true,
  version: 1,
  accepts: Command,
  emits: Fact,
  ends: Ends,
  machine,
  effects: {},
});
