/**
 * Requirements agent: weighs what the files of a repository say and makes the one plan of it.
 *
 * Hears one `requirements.read`, says exactly one of `requirements.found` or `requirements.failed` in the same turn. It
 * touches nothing and remembers nothing: the same command always gives the same answer.
 */
import { setup } from 'xstate';
import { defineActor, effect } from '../../runtime/actor.js';
import { fail } from '../../runtime/errors.js';
import { Command, Ends, Fact, type Read } from './contract.js';
import { plan } from './require.js';

export { planSchema } from './schema.js';

// Behaviour: pure.
export function answer({ type: _, ...detected }: Read): Fact {
  const names = new Set(detected.services.map(({ name }) => name));
  const unknown = detected.chosen.find((name) => !names.has(name));
  if (unknown === undefined) return { type: 'requirements.found', plan: plan(detected) };
  const wanted = [...names].join(', ') || 'none';
  return { type: 'requirements.failed', error: fail('SERVICE_UNKNOWN', { met: unknown, wanted }).toRecord() };
}

// Machine: one state, one answer.
const machine = setup({
  types: { context: {} as { dueAt: number | null }, events: {} as Read },
  actions: { emit: effect<Fact>() },
}).createMachine({
  id: 'requirements',
  context: { dueAt: null },
  initial: 'idle',
  states: {
    idle: { on: { 'requirements.read': { actions: { type: 'emit', params: ({ event }) => answer(event) } } } },
  },
});

export const requirements = defineActor({
  kind: 'requirements',
  version: 1,
  accepts: Command,
  emits: Fact,
  ends: Ends,
  machine,
  effects: {},
});
