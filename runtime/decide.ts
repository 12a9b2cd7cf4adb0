/** The pure half of a turn. */
import {
  type AnyActorScope,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  initialTransition,
} from 'xstate';
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

/** The state an actor begins in, and what it wants done: turn 0. Without input it is always the same. */
export const begin = (def: ActorDefinition, input: unknown): Decision => {
  const known = input === undefined ? beginnings.get(def) : undefined;
  if (known) return known;
  const [snapshot, actions] = initialTransition(def.machine, input as never);
  const first = {
    snapshot: snapshot as AnyMachineSnapshot,
    asked: collect(def, snapshot as AnyMachineSnapshot, actions),
  };
  if (input === undefined) beginnings.set(def, first);
  return first;
};
const beginnings = new WeakMap<ActorDefinition, Decision>();

/**
 * What a message makes of a state; null: it is not taken in this state.
 * @throws whatever the machine's own functions throw, or MACHINE_REFUSED.
 */
export const decide = (def: ActorDefinition, snapshot: AnyMachineSnapshot, event: Message): Decision | null => {
  const { scope, actions } = scopeOf(def.machine);
  actions.length = 0;
  const next = def.machine.transition(snapshot, event as never, scope) as AnyMachineSnapshot;
  // A transition that does nothing leaves the very same state too.
  if (next === snapshot && actions.length === 0 && !snapshot.can(event as never)) return null;
  return { snapshot: next, asked: collect(def, next, actions) };
};

interface Executable {
  type: string;
  params?: unknown;
}
/**
 * What a transition is given beside the state. XState's own `transition()` makes an actor for it on every call, which costs
 * three times the transition itself; our machines can do nothing with it but name actions, so one is enough.
 */
function scopeOf(machine: AnyStateMachine): { scope: AnyActorScope; actions: Executable[] } {
  let known = scopes.get(machine);
  if (!known) {
    const self = createActor(machine);
    const actions: Executable[] = [];
    const nothing = (): void => undefined;
    const scope = {
      self,
      system: self.system,
      id: '',
      sessionId: '',
      logger: nothing,
      defer: nothing,
      stopChild: nothing,
      emit: nothing,
      actionExecutor: (action: Executable) => void actions.push(action),
    } as unknown as AnyActorScope;
    known = { scope, actions };
    scopes.set(machine, known);
  }
  return known;
}
const scopes = new WeakMap<AnyStateMachine, { scope: AnyActorScope; actions: Executable[] }>();

function collect(def: ActorDefinition, snapshot: AnyMachineSnapshot, actions: readonly Executable[]): Asked[] {
  for (const _ in snapshot.children)
    throw fail('MACHINE_REFUSED', { kind: def.kind, met: 'a child actor', fix: 'use the spawn effect' });
  if (snapshot.status === 'error') throw snapshot.error;
  const asked: Asked[] = [];
  for (const { type, params } of actions) {
    if (type === 'xstate.raise') continue; // already applied by the transition
    if (type in def.effects || (builtIn as readonly string[]).includes(type)) {
      if (Array.isArray(params)) for (const one of params) asked.push({ type, params: one });
      else asked.push({ type, params });
      continue;
    }
    throw fail('MACHINE_REFUSED', {
      kind: def.kind,
      met: `the action ${type}`,
      fix: 'name an effect of the definition',
    });
  }
  return asked;
}
