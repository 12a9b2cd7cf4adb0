/**
 * Orchestrator manager: owns the run slots of the system, so that many jobs do not trample one machine, and decides
 * what happens when a step failed and nothing healed it: once more, or report.
 */
import { assign, setup } from 'xstate';
import { defineActor, effect } from '../../runtime/actor.js';
import { errors } from '../../runtime/errors.js';
import { Command, type Command as Commands, type Decision, Ends, Fact } from './contract.js';

interface Context {
  held: string[];
}
/** Only what may pass by itself is tried again, and only once. */
export const judge = (step: string, attempt: number, error: { code: string; message: string }): Decision => {
  const passing = (errors as Record<string, { retry: string }>)[error.code]?.retry === 'later';
  const again = passing && attempt < 2;
  return {
    question: `${step} failed and nothing healed it: once more, or report?`,
    facts: { step, attempt, code: error.code, message: error.message },
    option: again ? 'again' : 'report',
    reason: again
      ? 'the cause may pass by itself'
      : passing
        ? 'it was tried again already'
        : 'the same call would fail again',
    confidence: again ? 0.6 : 0.95,
    by: 'rule',
  };
};

const machine = setup({
  types: { context: {} as Context, events: {} as Commands },
  actions: { emit: effect<Fact>() },
  guards: {
    free: ({ context, event }) =>
      event.type === 'slots.acquire' && (context.held.includes(event.run) || context.held.length < event.slots),
  },
}).createMachine({
  id: 'orchestrator-manager',
  context: { held: [] },
  initial: 'up',
  states: {
    up: {
      on: {
        'slots.acquire': [
          {
            guard: 'free',
            actions: [
              assign(({ context, event }) => ({
                held: [...context.held.filter((run) => run !== event.run), event.run],
              })),
              { type: 'emit', params: ({ event }) => ({ type: 'slots.granted', run: event.run }) as Fact },
            ],
          },
          {
            actions: {
              type: 'emit',
              params: ({ context, event }) => ({ type: 'slots.full', run: event.run, held: context.held }) as Fact,
            },
          },
        ],
        'slots.release': {
          actions: [
            assign(({ context, event }) => ({ held: context.held.filter((run) => run !== event.run) })),
            { type: 'emit', params: ({ event }) => ({ type: 'slots.released', run: event.run }) as Fact },
          ],
        },
        'slots.judge': {
          actions: {
            type: 'emit',
            params: ({ event: { run, step, attempt, error } }) =>
              ({ type: 'slots.judged', run, decision: judge(step, attempt, error) }) as Fact,
          },
        },
      },
    },
  },
});

export const orchestratorManager = defineActor({
  kind: 'orchestrator-manager',
  version: 1,
  accepts: Command,
  emits: Fact,
  ends: Ends,
  machine,
  effects: {},
});
