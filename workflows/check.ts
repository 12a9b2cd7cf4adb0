/** `check`: what would be run, of a folder, an archive or a URL, as a durable run: nothing of it is installed or started. */
import type { Workflow } from '../runtime/workflow.js';
import { repoRun } from './repo-run.js';
import { scope } from './repo-run-scope.js';
import { describe, judge } from './repo-run-words.js';

export const check: Workflow = {
  name: 'check',
  version: 1,
  about: 'say what would be run, without installing or starting anything; also of a URL or an archive',
  steps: repoRun.steps.filter(({ phase }) => phase === 'detect'),
  output: { plan: '$needs.plan', environment: '$environment.environment' },
  scope,
  judge,
  describe,
  files: (step, scoped) => (step === 'needs' ? repoRun.files!(step, scoped) : []),
};
