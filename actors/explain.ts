/** The failures of a run, each with its rule, from what its folder has. Runs nothing, and needs no runtime. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Plan } from '../agents/detection/contract.js';
import { emptyOverlay, Heal } from '../agents/fixer/contract.js';
import { type Explained, explainFailure, explainText } from '../agents/fixer/explain.js';
import { gather } from '../agents/fixer/look.js';
import { bundleOf } from '../checkpoints/bundle.js';
import { fail } from '../runtime/errors.js';
import { evidence as evidenceOf } from '../workflows/repo-run-scope.js';
import { fromDisk, readJson } from './at-rest.js';

export { forget, readLearned } from '../agents/fixer/learned.js';
export { readRules } from '../agents/fixer/own-rules.js';
export { explainText };

interface Failed {
  step: string;
  error: Heal['error'];
  evidence: Heal['evidence'];
}
/** Every attempt of a step that failed, in the order of the steps. */
function failuresIn(bundle: string): Failed[] {
  const steps = join(bundle, 'steps');
  if (!existsSync(steps)) return [];
  return readdirSync(steps).flatMap((step) =>
    readdirSync(join(steps, step))
      .filter((attempt) => /^\d+$/.test(attempt))
      .sort((a, b) => Number(a) - Number(b))
      .flatMap((attempt): Failed[] => {
        const one = readJson(join(steps, step, attempt, 'error.json')) as Omit<Failed, 'step'> | null;
        return one?.error ? [{ step, error: one.error, evidence: one.evidence ?? null }] : [];
      }),
  );
}

const commandOf = (evidence: Heal['evidence']): Heal['evidence'] =>
  evidence !== null && 'tail' in evidence ? evidence : null;
/** A proof saw answers: what the run looked into beside them is the application's log. */
function beside(bundle: string, service: Plan['services'][number], evidence: Heal['evidence']): unknown {
  const starts = join(bundle, 'steps', 'start');
  const [last = 0] = existsSync(starts)
    ? readdirSync(starts)
        .map(Number)
        .sort((a, b) => b - a)
    : [];
  const start = readJson(join(starts, String(last), 'output.json')) as { command?: string } | null;
  return evidenceOf('prove', { bundle, service, start, startCommand: start?.command ?? '' }, evidence);
}

/** @throws RUN_UNKNOWN */
export async function explainRun(state: string, run: string): Promise<Explained[]> {
  if (!fromDisk(state, run)) throw fail('RUN_UNKNOWN', { run });
  const bundle = bundleOf(state, run);
  const plan = readJson(join(bundle, 'plan.json')) as Plan | null;
  const service = plan?.services.find(({ name }) => plan.chosen[0] === name);
  const output = readJson(join(bundle, 'steps', 'workspace', '1', 'output.json')) as { root?: string } | null;
  const explained: Explained[] = [];
  for (const { step, error, evidence } of failuresIn(bundle)) {
    const { code, message, fix } = error;
    const input = Heal.safeParse({
      type: 'fixer.heal',
      step,
      phase: '',
      error: { code, message, fix },
      evidence: step === 'prove' && service ? beside(bundle, service, evidence) : commandOf(evidence),
      service,
      overlay: emptyOverlay,
      cwd: join(output?.root ?? '/nowhere', service?.path ?? '.'),
      port: null,
      tried: [],
    });
    explained.push(
      input.success
        ? explainFailure(input.data, await gather(input.data, null))
        : { ...explainText(`${(evidence as { tail?: string } | null)?.tail ?? ''}\n${message}`), step },
    );
  }
  return explained;
}
