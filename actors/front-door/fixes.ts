/** Repairs at the front door. */
import { forget, readLearned } from '../../agents/fixer/learned.js';
import { rulesIn } from '../../agents/fixer/own-rules.js';
import { rules } from '../../agents/fixer/rules/index.js';
import { fail } from '../../runtime/errors.js';
import { explainRun, explainText } from '../explain.js';
import type { Around, Handlers } from './around.js';
import type { fixVerbs } from './contract-fixes.js';

/** @throws USAGE naming a rule that there is none of, ours or of the state folder. */
export function checkRules(state: string, ids: readonly string[]): void {
  if (ids.length === 0) return;
  const known = new Set([...rules, ...rulesIn(state).rules].map(({ id }) => id));
  const unknown = ids.find((id) => !known.has(id));
  if (unknown !== undefined)
    throw fail('USAGE', {
      met: `there is no rule ${unknown}`,
      fix: 'docs/healing.md names every rule; rr explain names that of an output',
    });
}

export const fixHandlers = ({ config }: Around): Handlers<keyof typeof fixVerbs> => ({
  'fixes.explain': async ({ text, run }) => {
    if ((text === undefined) === (run === undefined))
      throw fail('USAGE', { met: 'neither a text nor a run alone', fix: 'give one of text and run' });
    return { failures: run === undefined ? [explainText(text!)] : await explainRun(config.state, run) };
  },
  'fixes.list': async () => ({ fixes: readLearned(config.learned) }),
  'fixes.forget': async ({ id }) => ({ forgotten: await forget(config.learned, id) }),
});
