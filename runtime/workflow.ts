/** A workflow: a plan as data. One machine walks them all (actors/run); what is particular to one is in workflows/. */
import type { ErrorRecord } from './errors.js';

export type Phase = 'detect' | 'setup' | 'run' | 'prove';

export interface Step {
  id: string;
  phase: Phase;
  /** Kind of the agent or manager that is asked. */
  to: string;
  /** Type of the command. */
  command: string;
  /**
   * The command's fields. A string that begins with `$` is a path into the scope: `$job.source`, or a field of an
   * earlier step's result, `$fetch.root`; what is not there is left out.
   */
  with: Record<string, unknown>;
  /** Steps whose end it waits for. */
  needs: string[];
  /** A path into the scope; absent, false, null or empty there: the step is skipped. */
  when?: string;
  /** The fact types that are its success; any other end is its failure. */
  good: string[];
  timeoutMs: number;
  /** Whether the fixer is asked when it fails. */
  heals: boolean;
  /** The run goes on without it. */
  optional?: boolean;
}

/** What a workflow sees of its run: the job, results by step id, the overlay. */
export interface RunView {
  run: string;
  /** Absolute folder of the run. */
  bundle: string;
  job: Record<string, unknown>;
  results: Record<string, Record<string, unknown>>;
  overlay: Record<string, unknown>;
}
export type Scope = Record<string, unknown>;

export interface Workflow {
  name: string;
  version: number;
  steps: Step[];
  /** Kinds of the run's own agents, beside those that steps name. */
  agents: string[];
  /** Everything that `with` and `when` may name. Pure. */
  scope(view: RunView): Scope;
  /** Whether what a step gave lets the run go on. Pure. */
  judge(step: string, scope: Scope): ErrorRecord | null;
  /** What a failed step's own evidence is for the fixer. Pure. */
  evidence(step: string, scope: Scope, given: unknown): unknown;
  /** What a step did, in a few words for people. Pure. */
  describe(step: string, scope: Scope): string;
  /** Files of the bundle that a step's end makes, path from the bundle. Pure. */
  files(step: string, scope: Scope): { path: string; text: string; executable?: boolean }[];
}

/** The value at a path like `fetch.root`; undefined when it is not there. */
export const at = (scope: unknown, path: string): unknown =>
  path
    .split('.')
    .reduce<unknown>(
      (value, key) =>
        value !== null && typeof value === 'object' ? (value as Record<string, unknown>)[key] : undefined,
      scope,
    );

/** Fills a template's `$paths` from the scope; undefined fields are left out. */
export function bind(template: unknown, scope: Scope): unknown {
  if (typeof template === 'string') return template.startsWith('$') ? at(scope, template.slice(1)) : template;
  if (Array.isArray(template)) return template.map((item) => bind(item, scope));
  if (template === null || typeof template !== 'object') return template;
  return Object.fromEntries(
    Object.entries(template)
      .map(([key, value]) => [key, bind(value, scope)] as const)
      .filter(([, value]) => value !== undefined),
  );
}

export const isThere = (value: unknown): boolean =>
  value !== undefined &&
  value !== null &&
  value !== false &&
  value !== '' &&
  !(Array.isArray(value) && value.length === 0);

/**
 * Checks a workflow when it is registered. @returns what is wrong, in words; empty when nothing is.
 * Finds: two steps of one name, `needs` of nobody, a circle.
 */
export function faults({ steps }: Pick<Workflow, 'steps'>): string[] {
  const ids = steps.map(({ id }) => id);
  const found = ids.filter((id, n) => ids.indexOf(id) !== n).map((id) => `two steps are called ${id}`);
  for (const { id, needs } of steps)
    for (const need of needs) if (!ids.includes(need)) found.push(`${id} needs ${need}, which is no step`);
  const done = new Set<string>();
  for (let progress = true; progress; ) {
    progress = false;
    for (const { id, needs } of steps)
      if (!done.has(id) && needs.every((need) => done.has(need) || !ids.includes(need))) {
        done.add(id);
        progress = true;
      }
  }
  const circle = ids.filter((id) => !done.has(id));
  if (circle.length > 0) found.push(`${circle.join(', ')} wait for each other`);
  return found;
}

/** A step and all that follow from it. */
export function downstream(steps: readonly Step[], from: string): Set<string> {
  const reached = new Set([from]);
  for (let size = 0; size !== reached.size; ) {
    size = reached.size;
    for (const { id, needs } of steps) if (needs.some((need) => reached.has(need))) reached.add(id);
  }
  return reached;
}
