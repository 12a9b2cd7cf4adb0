/** `tests`: the goal is the repository's own test suite. Sets up as `repo-run` does, starts nothing, runs the tests. */
import type { Workflow } from '../runtime/workflow.js';
import { repoRun } from './repo-run.js';
import { evidence, leave, scope } from './repo-run-scope.js';
import { describe, judgeTests } from './repo-run-words.js';

/** A step and all that it needs, whatever `repo-run` comes to need. */
function before(id: string): string[] {
  const { needs = [] } = repoRun.steps.find((step) => step.id === id)!;
  return [...needs.flatMap(before), id];
}
const setsUp = ['environment', ...before('build')];
const { optional: _, once: __, when: ___, ...test } = repoRun.steps.find(({ id }) => id === 'test')!;

export const tests: Workflow = {
  name: 'tests',
  version: 1,
  about: 'set a repository up and run its own tests; proven when the suite ran, with its counts, and none failed',
  steps: [...repoRun.steps.filter(({ id }) => setsUp.includes(id)), { ...test, needs: ['build'] }],
  agents: ['fixer'],
  evidence,
  leave,
  scope: (view) => scope({ ...view, input: { ...view.input, test: true } }),
  judge: judgeTests,
  describe,
  files: (step, scoped) => (step === 'needs' ? repoRun.files!(step, scoped) : []),
};
