/**
 * Run: walks one workflow from its first step to the end of what it started, and answers for the result. All its
 * thoughts are in walk.ts; the machine's states are the modes of that walk.
 */
import { assign, setup } from 'xstate';
import { type Judged, learn } from '../../agents/fixer/learned.js';
import { writeBundle } from '../../checkpoints/bundle.js';
import {
  type ActorDefinition,
  type Answered,
  type Ask,
  type Due,
  defineActor,
  type EffectFailed,
  effect,
  type Perform,
} from '../../runtime/actor.js';
import type { Workflow, Workflows } from '../../runtime/workflow.js';
import { Command, type Command as Commands, Ends, EndsAll, Fact } from './contract.js';
import { isFull, type Resumed, type RunContext, unborn, upgrade, type Walked } from './state.js';
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

/** The definition a run is walked by. */
const workflowOf = (workflows: Workflows, { flow, job }: RunContext, event: Walked): Workflow | null =>
  event.type === 'run.start' && !flow
    ? workflows.find(event.job.workflow)
    : flow
      ? workflows.find(flow.name, flow.print)
      : workflows.find(job?.workflow ?? 'repo-run');

const machineOf = (workflows: Workflows) =>
  setup({
    types: { context: {} as RunContext, events: {} as Commands | Answered | Due | Resumed | EffectFailed<'record'> },
    actions: {
      walk: assign(({ context, event }) => {
        const walked = event as Walked;
        return walk(workflowOf(workflows, context, walked), context, walked);
      }),
      forget: assign({ out: { asks: [], facts: [], writes: [] } }),
      record: effect<Record>(),
      emit: effect<Fact>(),
      ask: effect<Ask>(),
    },
    guards: {
      up: ({ context: { mode } }) => mode === 'up' || mode === 'restarting',
      ending: ({ context: { mode } }) => mode === 'ending' || mode === 'undoing',
      ended: ({ context: { mode } }) => mode === 'ended',
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
          { guard: 'ended', target: 'ended' },
        ],
      },
      up: {
        always: [
          { guard: 'ending', target: 'ending' },
          { guard: 'ended', target: 'ended' },
        ],
      },
      ending: { always: { guard: 'ended', target: 'ended' } },
      ended: {},
    },
    on: {
      answered: { actions: step as never },
      due: { actions: step as never },
      resumed: { actions: step as never },
      'run.stop': { actions: step as never },
      'run.watch': { actions: step as never },
      'run.decide': { actions: step as never },
      'run.signal': { actions: step as never },
      'run.permit': { actions: step as never },
      'run.restart': { actions: step as never },
      recordFailed: { actions: step as never },
    },
  });

const record: Perform<Record> = async ({ files }, { bundle, run, config, clock, log }) => {
  await writeBundle(bundle, files);
  // What helped is known to the next run. It is the run's own account that counts, each fix once however often it is told.
  const fixes = files.findLast(({ path }) => path === 'fixes.json');
  if (fixes)
    await learn(config.learned, run, JSON.parse(fixes.text) as Judged[], clock.now()).catch((error: Error) =>
      log.warn({ error: error.message }, 'what helped could not be kept'),
    );
  return { type: 'recorded' } as Recorded;
};

/** The run, for the workflows there are. */
export const runBy = (workflows: Workflows): ActorDefinition =>
  defineActor({
    kind: 'run',
    awake: true,
    version: 5,
    accepts: Command,
    emits: Fact,
    ends: Ends,
    endsAll: EndsAll,
    machine: machineOf(workflows),
    effects: { record },
    leavesNothing: ({ mode, flow, result }: RunContext) => {
      if (mode !== 'ended' || !flow || result?.outcome !== 'healthy') return false;
      const definition = workflows.find(flow.name, flow.print);
      return definition !== null && !isFull(definition);
    },
    // Version 1 walked repo-run alone, and had no time of its own; version 2 held one application; version 3 repaired
    // none that had been up, and none of its parts for itself; version 4 repaired no part that had been up.
    migrate: ({ value, context }) => ({ value, context: upgrade(context as Partial<RunContext>) }),
  });
