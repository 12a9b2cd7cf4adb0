/** The kinds made at run time, as the admin's checkpoint has them: that is their registry. */
import { customAgent } from '../agents/custom/index.js';
import type { ActorDefinition } from '../runtime/actor.js';
import { fail } from '../runtime/errors.js';
import type { Custom } from './admin/index.js';

/**
 * @param kinds what the admin knows at present.
 * @returns what finds the definition of a kind; null: nobody made one of that name.
 */
export function customKinds(kinds: () => Record<string, Custom>): (kind: string) => ActorDefinition | null {
  const made = new Map<string, ActorDefinition>();
  return (kind) => {
    const known = kinds()[kind];
    if (!known) return null;
    if (known.state !== 'registered') throw fail('KIND_QUARANTINED', { kind, problems: known.problems.join('; ') });
    let definition = made.get(known.sha);
    if (!definition) {
      definition = customAgent(known);
      made.set(known.sha, definition);
    }
    return definition;
  };
}
