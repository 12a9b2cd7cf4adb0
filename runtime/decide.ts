/** The pure half of a turn. */
import { type AnyMachineSnapshot, initialTransition, transition } from 'xstate';
import { type ActorDefinition, builtIn, type Message } from './actor.js';
import { fail } from './errors.js';

export interface Asked {
  type: string;
  params: unknown;
}
export interface Decision {
  snapshot: AnyMachineSnapshot;
  /** Effects asked for, in order; nothing has run. */
  asked: Asked[];
}

/** The state an actor begins in, and what it wants done: turn 0. */
export const begin = (def: ActorDefinition, input: unknown): Decision => {
  const [snapshot, actions] = initialTransition(def.machine, input as never);
  return { snapshot: snapshot as AnyMachineSnapshot, asked: collect(def, snapshot as AnyMachineSnapshot, actions) };
};

/** What a message makes of a state. @throws whatever the machine's own functions throw, or MACHINE_REFUSED. */
export const decide = (def: ActorDefinition, snapshot: AnyMachineSnapshot, event: Message): Decision => {
  const [next, actions] = transition(def.machine, snapshot, event as never);
  return { snapshot: next as AnyMachineSnapshot, asked: collect(def, next as AnyMachineSnapshot, actions) };
};

export const takes = (snapshot: AnyMachineSnapshot, event: Message): boolean => snapshot.can(event as never);

function collect(
  def: ActorDefinition,
  snapshot: AnyMachineSnapshot,
  actions: readonly { type: string; params?: unknown }[],
): Asked[] {
  if (Object.keys(snapshot.children).length > 0)
    throw fail('MACHINE_REFUSED', { kind: def.kind, met: 'a child actor', fix: 'use the spawn effect' });
  if (snapshot.status === 'error') throw snapshot.error;
  return actions.flatMap(({ type, params }) => {
    if (type === 'xstate.raise') return []; // already applied by the transition
    if (type in def.effects || (builtIn as readonly string[]).includes(type))
      return (Array.isArray(params) ? params : [params]).map((one) => ({ type, params: one as unknown }));
    throw fail('MACHINE_REFUSED', {
      kind: def.kind,
      met: `the action ${type}`,
      fix: 'name an effect of the definition',
    });
  });
}
