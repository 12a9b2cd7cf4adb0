/**
 * A run that goes on from a step of another: which of the other's results it starts with. Pure.
 *
 * Kept is what every step gave that is neither done again nor lives: a port and a process are one run's own, so the steps
 * of the phases `run` and `prove` are always done again. Results name folders of the other run; in the new one they name
 * its own.
 */
import type { Overlay } from '../../agents/fixer/contract.js';
import { type ErrorRecord, fail } from '../../runtime/errors.js';
import { bind, downstream, type Scope, type Step, type Workflow } from '../../runtime/workflow.js';
import type { Job, Seed } from './contract.js';
import { type Draft, draftOf, open, rootOf, scopeOf } from './draft.js';
import type { RunContext } from './state.js';

/** Steps of a run that ended in a way others may build on. */
const isOver = (workflow: Workflow, { steps }: RunContext, id: string): boolean => {
  const { state } = steps[id] ?? { state: 'pending' };
  return state === 'done' || state === 'skipped' || (state === 'failed' && isOptional(workflow, id));
};
const isOptional = ({ steps }: Workflow, id: string): boolean => steps.some((step) => step.id === id && step.optional);

/** @param gone steps whose results are there no more, e.g. a folder that was removed. */
export function keptSteps(workflow: Workflow, old: RunContext, from: string, gone: readonly string[] = []): string[] {
  if (!workflow.steps.some(({ id }) => id === from))
    throw fail('USAGE', {
      met: `${from} is no step of ${workflow.name}`,
      fix: `its steps are ${workflow.steps.map(({ id }) => id).join(', ')}`,
    });
  // So do the ports and servers of its databases; a run that had none has nothing to do again.
  const holds = ({ id, to }: Step): boolean =>
    (to === 'database' || to === 'port-manager') && old.steps[id]?.state === 'done';
  const lives = workflow.steps
    .filter((step) => step.phase === 'run' || step.phase === 'prove' || holds(step))
    .map(({ id }) => id);
  const open = workflow.steps.filter(({ id }) => !isOver(workflow, old, id)).map(({ id }) => id);
  const again = new Set([from, ...lives, ...open, ...gone].flatMap((id) => [...downstream(workflow.steps, id)]));
  return workflow.steps.map(({ id }) => id).filter((id) => !again.has(id));
}

const scopeIn = (workflow: Workflow, context: RunContext): Scope => {
  const d = draftOf(workflow, context, 0);
  return scopeOf(d, rootOf(d));
};
/** A kept step that would be asked something else under the new job must be done again: @returns the first such, or null. */
export function changedStep(workflow: Workflow, old: RunContext, kept: readonly string[], job: Job): string | null {
  // That it works on a copy is of no account to what was found before.
  const command = (id: string, as: Job): string =>
    JSON.stringify(
      bind(
        workflow.steps.find((step) => step.id === id)!.with,
        scopeIn(workflow, { ...old, job: { ...as, copy: true } }),
      ),
    );
  return kept.find((id) => command(id, job) !== command(id, old.job!)) ?? null;
}

/** Names of the folders of one run in place of another's, wherever they begin a text. */
export function moved<T>(value: T, folders: readonly (readonly [from: string, to: string])[]): T {
  const move = (text: string): string => {
    const found = folders.find(([from]) => text === from || text.startsWith(`${from}/`));
    return found ? found[1] + text.slice(found[0].length) : text;
  };
  const walk = (inner: unknown): unknown => {
    if (typeof inner === 'string') return move(inner);
    if (Array.isArray(inner)) return inner.map(walk);
    if (inner === null || typeof inner !== 'object') return inner;
    return Object.fromEntries(Object.entries(inner).map(([key, one]) => [key, walk(one)]));
  };
  return walk(value) as T;
}

/** What the new run starts with. @param folders where the other's folders are the new one's. */
export function seedOf(
  old: RunContext,
  from: string,
  kept: readonly string[],
  folders: readonly (readonly [from: string, to: string])[],
): Seed {
  const results = Object.fromEntries(
    kept.flatMap((id) => (old.results[id] ? [[id, moved(old.results[id], folders)]] : [])),
  );
  const steps = Object.fromEntries(
    kept.map((id) => [
      id,
      { state: old.steps[id]!.state as 'done', attempt: old.steps[id]!.attempt, error: old.steps[id]!.error },
    ]),
  );
  return { run: old.run, from, steps, results, overlay: { ...(old.overlay as Overlay) } };
}

/** Gives a run that has just begun what it starts with. */
export function sow(d: Draft, { steps, results, overlay }: Seed): void {
  const own = open(d, 'steps');
  for (const [id, { state, attempt, error }] of Object.entries(steps))
    own[id] = { ...own[id]!, state, attempt, error: error as ErrorRecord | null };
  Object.assign(open(d, 'results'), results);
  d.c.overlay = overlay as unknown as Overlay;
}
