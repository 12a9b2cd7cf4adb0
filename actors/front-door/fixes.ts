/** Repairs at the front door. */
import { forget, readLearned } from '../../agents/fixer/learned.js';
import { fail } from '../../runtime/errors.js';
import { explainRun, explainText } from '../explain.js';
import type { Around, Handlers } from './around.js';
import type { fixVerbs } from './contract-fixes.js';

export const fixHandlers = ({ config }: Around): Handlers<keyof typeof fixVerbs> => ({
  'fixes.explain': async ({ text, run }) => {
    if ((text === undefined) === (run === undefined))
      throw fail('USAGE', { met: 'neither a text nor a run alone', fix: 'give one of text and run' });
    return { failures: run === undefined ? [explainText(text!)] : await explainRun(config.state, run) };
  },
  'fixes.list': async () => ({ fixes: readLearned(config.learned) }),
  'fixes.forget': async ({ id }) => ({ forgotten: await forget(config.learned, id) }),
});
