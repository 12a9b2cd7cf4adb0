/**
 * Run: walks one workflow from its first step to the end of what it started, and answers for the result. All its
 * thoughts are in walk.ts; the machine's states are the modes of that walk.
 */
import { assign, setup } from 'xstate';
import { writeBundle } from '../../checkpoints/bundle.js';
import { type Answered, type Ask, defineActor, type EffectFailed, effect, type Perform } from '../../runtime/actor.js';
import { repoRun } from '../../workflows/repo-run.js';
import { Command, type Command as Commands, Ends, EndsAll, Fact } from './contract.js';
import { type RunContext, unborn, type Walked } from './state.js';
import { walk } from './walk.js';

type Record = { files: { path: string; text: string; executable?: boolean }[] };
type Recorded = { type: 'recorded' };

const step = [
  'walk',
  {
    type: 'record',
    params: ({ context }: { context: RunContext }) =>
      context.out.writes.length > 0 ? { files: context.out.writes } : [],
  },
  { type: 'emit', params: ({ context }: { context: RunContext }) => context.out.facts },
  { type: 'ask', params: ({ context }: { context: RunContext }) => context.out.asks },
  'forget',
] as const;

const machine = setup({
  types: { context: {} as RunContext, events: {} as Commands | Answered | EffectFailed<'record'> },
  actions: {
    walk: assign(({ context, event }) => walk(repoRun, context, event as Walked)),
    forget: assign({ out: { asks: [], facts: [], writes: [] } }),
    record: effect<Record>(),
    emit: effect<Fact>(),
    ask: effect<Ask>(),
  },
  guards: {
    up: ({ context }) => context.mode === 'up',
    ending: ({ context }) => context.mode === 'ending',
    ended: ({ context }) => context.mode === 'ended',
  },
}).createMachine({
  id: 'run',
  context: unborn,
  initial: 'idle',
  states: {
    idle: { on: { 'run.start': { actions: step as never, target: 'walking' } } },
    walking: {
      always: [
        { guard: 'up', target: 'up' },
        { guard: 'ending', target: 'ending' },
      ],
    },
    up: { always: { guard: 'ending', target: 'ending' } },
    ending: { always: { guard: 'ended', target: 'ended' } },
    ended: {},
  },
  on: {
    answered: { actions: step as never },
    'run.stop': { actions: step as never },
    'run.watch': { actions: step as never },
    recordFailed: { actions: step as never },
  },
});

const record: Perform<Record> = async ({ files }, { bundle }) => {
  await writeBundle(bundle, files);
  return { type: 'recorded' } as Recorded;
};

export const run = defineActor({
  kind: 'run',
  version: 1,
  accepts: Command,
  emits: Fact,
  ends: Ends,
  endsAll: EndsAll,
  machine,
  effects: { record },
});
