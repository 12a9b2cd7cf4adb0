/**
 * Monitor: looks at an application while it is up. Hears `monitor.watch` with how it was last, and answers when that has
 * turned: `monitor.fell` or `monitor.recovered`, or `monitor.ended` when there is nothing left to look at.
 */
import { setup } from 'xstate';
import { defineActor, type EffectFailed, effect, type Message, type Perform } from '../../runtime/actor.js';
import { Command, Ends, Fact, type Watch } from './contract.js';
import { observe } from './observe.js';

type Seen = { type: 'seen'; fact: Fact };
type Observed = EffectFailed<'observe'>;

const machine = setup({
  types: { context: {} as Record<never, never>, events: {} as Watch | Seen | Observed },
  actions: { observe: effect<Watch>(), emit: effect<Fact>() },
}).createMachine({
  id: 'monitor',
  context: {},
  initial: 'ready',
  states: {
    ready: {
      on: {
        'monitor.watch': { actions: { type: 'observe', params: ({ event }) => event } },
        seen: { actions: { type: 'emit', params: ({ event }) => event.fact } },
      },
    },
  },
});

const look: Perform<Watch> = async (watch, context): Promise<Message> =>
  ({ type: 'seen', fact: await observe(watch, context) }) as Seen;

export const monitor = defineActor({
  kind: 'monitor',
  version: 1,
  accepts: Command,
  emits: Fact,
  ends: Ends,
  machine,
  effects: { observe: look },
});
