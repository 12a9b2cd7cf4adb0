/**
 * Monitor: looks at an application while it is up. Hears `monitor.watch` with how it was last, and answers when that has
 * turned: `monitor.fell` or `monitor.recovered`; `monitor.steady` when it has been well for long, or `monitor.ended` when
 * there is nothing left to look at. Asked by `monitor.examine` it tells what came before a fall.
 */
import { setup } from 'xstate';
import { defineActor, type EffectFailed, effect, type Message, type Perform } from '../../runtime/actor.js';
import { Command, Ends, type Examine, Fact, type Watch } from './contract.js';
import { examine, observe } from './observe.js';

type Seen = { type: 'seen'; fact: Fact };
type Failed = EffectFailed<'observe' | 'examine'>;

const machine = setup({
  types: { context: {} as Record<never, never>, events: {} as Watch | Examine | Seen | Failed },
  actions: { observe: effect<Watch>(), examine: effect<Examine>(), emit: effect<Fact>() },
}).createMachine({
  id: 'monitor',
  context: {},
  initial: 'ready',
  states: {
    ready: {
      on: {
        'monitor.watch': { actions: { type: 'observe', params: ({ event }) => event } },
        'monitor.examine': { actions: { type: 'examine', params: ({ event }) => event } },
        seen: { actions: { type: 'emit', params: ({ event }) => event.fact } },
      },
    },
  },
});

const look: Perform<Watch> = async (watch, context): Promise<Message> =>
  ({ type: 'seen', fact: await observe(watch, context) }) as Seen;
const tell: Perform<Examine> = async (wanted, context): Promise<Message> =>
  ({ type: 'seen', fact: await examine(wanted, context) }) as Seen;

export const monitor = defineActor({
  kind: 'monitor',
  version: 1,
  accepts: Command,
  emits: Fact,
  ends: Ends,
  machine,
  effects: { observe: look, examine: tell as Perform },
});
