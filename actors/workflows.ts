/** The workflows of a state folder, checked against the agents and managers there are. */
import type { ActorDefinition } from '../runtime/actor.js';
import { openWorkflows, type Registry } from '../workflows/registry.js';
import { workers } from './registry.js';

/** The types of a contract's messages: that of one object, or of each in a union. */
function typesOf(schema: unknown): string[] {
  const { options, shape } = schema as { options?: unknown[]; shape?: { type?: { value?: unknown } } };
  if (options) return options.flatMap(typesOf);
  const value = shape?.type?.value;
  return typeof value === 'string' ? [value] : [];
}
const words = ({ accepts, emits }: ActorDefinition) => ({ commands: typesOf(accepts), facts: typesOf(emits) });

/** @param state the state folder, whose `workflows/` may hold more of them. */
export const workflowsOf = (state: string): Registry =>
  openWorkflows(state, Object.fromEntries(workers.map((def) => [def.kind, words(def)])));
