/**
 * Whether an actor may go on from a checkpoint that parses: whoever edits one by hand, or restores one of another
 * program, can write what its machine has no state for and what nobody can perform.
 */
import type { AnyMachineSnapshot } from 'xstate';
import type { ActorDefinition, Ask, Message } from './actor.js';
import { fail } from './errors.js';
import type { Checkpoint, Effect } from './store.js';
import { addressOf, placeOf } from './subjects.js';

/** @returns the machine's state in it. @throws CHECKPOINT_ILLEGAL with what is not. */
export function legalState(def: ActorDefinition, checkpoint: Checkpoint): AnyMachineSnapshot {
  const address = addressOf(checkpoint);
  const { state, owed } = checkpoint;
  try {
    const { context } = state as { context: { dueAt?: unknown } | null };
    if (context === null || typeof context !== 'object') throw new Error('its context is no object');
    if (typeof (context.dueAt ?? 0) !== 'number') throw new Error(`its dueAt is ${JSON.stringify(context.dueAt)}`);
    if (!['active', 'done'].includes(state.status)) throw new Error(`its status is ${JSON.stringify(state.status)}`);
    for (const effect of owed) checkOwed(effect);
    return def.machine.resolveState(state as never) as AnyMachineSnapshot;
  } catch (error) {
    throw fail('CHECKPOINT_ILLEGAL', { address, reason: (error as Error).message.replace(/\s+/g, ' ') }, error);
  }
}

/** The runtime's own effects are told at once, and would end the start instead of failing. */
function checkOwed({ id, type, params }: Effect): void {
  const wrong = (what: string): Error => new Error(`the ${type} ${id} that it owes ${what}`);
  const isMessage = (value: unknown): boolean => typeof (value as Message | null | undefined)?.type === 'string';
  if (type === 'emit' && !isMessage(params)) throw wrong('is no fact');
  if (type !== 'ask') return;
  const { to, command } = (params ?? {}) as Partial<Ask>;
  if (!isMessage(command)) throw wrong('has no command');
  try {
    placeOf(String(to));
  } catch {
    throw wrong(`is to ${JSON.stringify(to)}, which is no address`);
  }
}
