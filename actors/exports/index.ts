/** What a proven run can be exported as: a pure function from its facts to text, one file a format. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../../runtime/errors.js';
import { readJson } from '../at-rest.js';
import type { ExportFormat } from '../front-door/contract-runs.js';
import { compose } from './compose.js';
import { devcontainer } from './devcontainer.js';
import { dockerfile } from './dockerfile.js';
import { factsOf, type Proven } from './facts.js';
import { githubActions } from './github-actions.js';
import { script } from './script.js';

/** The usual path of each, from the repository's root. */
export const exporters: Readonly<Record<ExportFormat, { path: string; make: (facts: Proven) => string }>> = {
  dockerfile: { path: 'Dockerfile', make: dockerfile },
  compose: { path: 'compose.yaml', make: compose },
  devcontainer: { path: '.devcontainer/devcontainer.json', make: devcontainer },
  'github-actions': { path: '.github/workflows/proof.yml', make: githubActions },
  script: { path: 'run.sh', make: script },
  json: { path: 'proven.json', make: (facts) => `${JSON.stringify(facts, null, 2)}\n` },
};

/** @param run null: the newest that was proven. @throws RUN_UNKNOWN, RUN_NOT_PROVEN */
export function exportRun(state: string, run: string | null, format: ExportFormat) {
  const facts = factsOf(state, run ?? newest(state));
  const { path, make } = exporters[format];
  return { run: facts.run, format, path, text: make(facts) };
}
function newest(state: string): string {
  const folder = join(state, 'runs');
  const runs = (existsSync(folder) ? readdirSync(folder) : [])
    .filter((run) => existsSync(join(folder, run, 'recipe.json')))
    .flatMap((run) => {
      const told = readJson(join(folder, run, 'run.json')) as {
        startedAt?: string;
        result?: { outcome?: string } | null;
      } | null;
      return told?.result?.outcome === 'healthy' ? [{ run, at: String(told.startedAt) }] : [];
    })
    .sort((a, b) => (a.at < b.at ? 1 : -1));
  if (!runs[0]) throw fail('RUN_NOT_PROVEN', { met: 'no run of this state folder has brought anything up' });
  return runs[0].run;
}
