/**
 * Environment detector: says where a run takes place and what is there.
 *
 * Hears `env-detector.look` and says `env-detector.seen`. It only looks; the one address it asks is the npm registry that
 * is configured.
 */
import { setup } from 'xstate';
import { defineActor, type EffectFailed, effect, type Perform } from '../../runtime/actor.js';
import { Command, Ends, type Environment, Fact, type Look } from './contract.js';
import { lookAround } from './look-around.js';

type Looked = { type: 'looked'; environment: Environment };
type Event = Look | Looked | EffectFailed<'look'>;

const machine = setup({
  types: { context: {} as Record<never, never>, events: {} as Event },
  actions: { look: effect<Look>(), emit: effect<Fact>() },
}).createMachine({
  id: 'env-detector',
  context: {},
  initial: 'up',
  states: {
    up: {
      on: {
        'env-detector.look': { actions: { type: 'look', params: ({ event }) => event } },
        looked: {
          actions: {
            type: 'emit',
            params: ({ event }): Fact => ({ type: 'env-detector.seen', environment: event.environment }),
          },
        },
        lookFailed: {
          actions: { type: 'emit', params: ({ event }): Fact => ({ type: 'env-detector.failed', error: event.error }) },
        },
      },
    },
  },
});

const look: Perform<Look> = async (_, { config, run, signal }): Promise<Looked> => ({
  type: 'looked',
  environment: await lookAround({ state: config.state, cache: config.cache, run, signal }),
});

export const envDetector = defineActor({
  kind: 'env-detector',
  version: 1,
  accepts: Command,
  emits: Fact,
  ends: Ends,
  machine,
  effects: { look },
});
