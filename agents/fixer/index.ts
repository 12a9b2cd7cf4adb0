/**
 * Fixer: names the cause of a failed step and the repair, out of a closed vocabulary of reversible actions.
 *
 * Hears one `fixer.heal`, looks into the service's folder (read-only and bounded), asks the rules in their order, says
 * exactly one of `fixer.fixed` or `fixer.helpless`, and is ready for the next. It carries out nothing: whoever asked lays
 * the overlay it answers with over the run, and undoes it by going back to the one before. Once a run is proven it hears
 * `fixer.propose`, and leaves patches in the run's folder that a person may apply to the repository.
 */
import { assign, setup } from 'xstate';
import { defineActor, type EffectFailed, effect, type Perform } from '../../runtime/actor.js';
import { Command, Ends, Fact, type Heal, type Propose, type Proposed } from './contract.js';
import { readLearned } from './learned.js';
import { gather } from './look.js';
import { heal } from './match.js';
import { rulesIn } from './own-rules.js';
import { proposePatches } from './propose.js';
import { rules } from './rules/index.js';

type Diagnosed = { type: 'diagnosed'; fact: Fact };
type Made = { type: 'made'; fact: Proposed };
type Context = { heal: Heal | null };
const nothing: Proposed = { type: 'fixer.proposed', patches: [] };

/** A diagnosis that broke must not hide the failure it was for. */
const undiagnosed = ({ error }: Heal): Fact => ({ type: 'fixer.helpless', error, cause: null });

const machine = setup({
  types: {
    context: {} as Context,
    events: {} as Heal | Propose | Diagnosed | Made | EffectFailed<'diagnose' | 'propose'>,
  },
  actions: {
    diagnose: effect<Heal>(),
    propose: effect<Propose>(),
    emit: effect<Fact>(),
    forget: assign({ heal: null }),
  },
}).createMachine({
  id: 'fixer',
  context: { heal: null },
  initial: 'idle',
  states: {
    idle: {
      on: {
        'fixer.heal': {
          target: 'diagnosing',
          actions: [assign({ heal: ({ event }) => event }), { type: 'diagnose', params: ({ event }) => event }],
        },
        'fixer.propose': { target: 'proposing', actions: { type: 'propose', params: ({ event }) => event } },
      },
    },
    proposing: {
      on: {
        made: { target: 'idle', actions: { type: 'emit', params: ({ event }) => event.fact } },
        // The run is proven with its repairs: without a proposal it is so too.
        proposeFailed: { target: 'idle', actions: { type: 'emit', params: nothing } },
      },
    },
    diagnosing: {
      on: {
        diagnosed: { target: 'idle', actions: [{ type: 'emit', params: ({ event }) => event.fact }, 'forget'] },
        diagnoseFailed: {
          target: 'idle',
          actions: [{ type: 'emit', params: ({ context }) => undiagnosed(context.heal!) }, 'forget'],
        },
      },
    },
  },
});

// It only reads, so doing it again after a crash does no harm.
const diagnose: Perform<Heal> = async (params, { log, config, bundle }): Promise<Diagnosed> => {
  const look = await gather(params, bundle);
  const own = rulesIn(config.state);
  for (const { file, line, what } of own.faults) log.warn({ file, line, what }, 'a rule cannot be used');
  const fact = heal(params, look, [...own.rules, ...rules], readLearned(config.learned));
  log.debug({ files: look.files.length, answer: fact.type }, 'diagnosed');
  return { type: 'diagnosed', fact };
};

// Doing it again after a crash writes the same files.
const propose: Perform<Propose> = async (wanted, { bundle, signal }): Promise<Made> => ({
  type: 'made',
  fact: await proposePatches(wanted, bundle, signal),
});

export const fixer = defineActor({
  kind: 'fixer',
  version: 1,
  accepts: Command,
  emits: Fact,
  ends: Ends,
  machine,
  effects: { diagnose: diagnose as Perform, propose: propose as Perform },
});
