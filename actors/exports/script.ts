/** The recipe as a shell script, with names in the place of what was given. */
import { scriptOf } from '../../workflows/recipe.js';
import type { Proven } from './facts.js';

export function script(facts: Proven): string {
  const env = Object.fromEntries(
    facts.env.flatMap(({ name, how, value }) => (how === 'give' ? [] : [[name, value] as const])),
  );
  const given = facts.env.filter(({ how }) => how === 'give').map(({ name }) => name);
  return scriptOf({ ...facts, packages: facts.systemPackages, env, given });
}
