/**
 * Config agent: fills an application's environment from examples, given values and secrets of its own making.
 *
 * Hears `config.configure` (one a service, also several at once) and says `config.configured` with the names, where each
 * came from and the keys that are missing. Values go to a file of the run only; the repository is only read.
 */
import { setup } from 'xstate';
import { readGiven } from '../../providers/secrets.js';
import { defineActor, type EffectFailed, effect, type Perform } from '../../runtime/actor.js';
import { GENERATE } from '../fixer/contract.js';
import { configure } from './configure.js';
import { Command, type Configure, type Configured, Ends, Fact } from './contract.js';

type Filled = { type: 'filled'; fact: Configured };
type Event = Configure | Filled | EffectFailed<'fill'>;

const machine = setup({
  types: { context: {} as Record<never, never>, events: {} as Event },
  actions: { fill: effect<Configure>(), emit: effect<Fact>() },
}).createMachine({
  id: 'config',
  context: {},
  initial: 'up',
  states: {
    up: {
      on: {
        'config.configure': { actions: { type: 'fill', params: ({ event }) => event } },
        filled: { actions: { type: 'emit', params: ({ event }) => event.fact } },
        fillFailed: {
          actions: { type: 'emit', params: ({ event }): Fact => ({ type: 'config.failed', error: event.error }) },
        },
      },
    },
  },
});

const fill: Perform<Configure> = async ({ type: _, ...wanted }, { bundle }): Promise<Filled> => {
  const user = await readGiven(bundle);
  // What a person gave is never made up.
  const fixed = Object.entries(wanted.given).filter(([name, value]) => value !== GENERATE || !user[name]);
  return {
    type: 'filled',
    fact: await configure({ ...wanted, given: { ...user, ...Object.fromEntries(fixed) }, bundle }),
  };
};

export const config = defineActor({
  kind: 'config',
  version: 1,
  accepts: Command,
  emits: Fact,
  ends: Ends,
  machine,
  effects: { fill },
});
