/**
 * A workflow: a plan as data. One machine walks them all (actors/run). What is in `steps` is JSON, so that people can
 * write their own; what is particular to one of ours beside it is in pure functions (workflows/).
 */
import type { ErrorRecord } from './errors.js';

/** Any word; `detect`, `setup`, `run` and `prove` are those that a result counts the time of. */
export type Phase = string;

/** A command for an agent or a manager. */
export interface Order {
  /** Kind of the agent or manager that is asked. */
  to: string;
  /** Type of the command. */
  command: string;
  /**
   * The command's fields. A string that begins with `$` is a path into the scope: `$job.source`, `$input.name`, or a
   * field of an earlier step's result, `$fetch.root`; what is not there is left out.
   */
  with?: Record<string, unknown>;
}
/** When a step that failed is tried again, before anybody else is asked about it. */
export interface Retry {
  /** How often, at most. */
  times: number;
  /** Before the first one; each further one waits `factor` times as long, at most `maxMs`. */
  backoffMs?: number;
  factor?: number;
  maxMs?: number;
  /** 0 to 1: up to this part of a pause is taken off, by run, step and attempt: the same again after a crash. */
  jitter?: number;
  /** Codes of errors; absent: every one. */
  on?: string[];
}
export interface Approval {
  question: string;
  options?: string[];
  /** The options with which the run goes on; the others end the step as refused. Default: the first one. */
  passes?: string[];
  /** What whoever decides should know; filled like `with`. */
  facts?: Record<string, unknown>;
}

/** One of `to`, `approval`, `timer`, `signal` and `workflow` says what it does. */
export interface Step extends Partial<Order> {
  id: string;
  phase?: Phase;
  /** The fact types that are its success. Absent: every end that carries no `error`. */
  good?: string[];
  /** Waits until a person decides. */
  approval?: Approval;
  /** Waits so long, or until then (epoch ms or ISO; a `$path` to either). */
  timer?: { sleepMs: number | string } | { until: number | string };
  /** Waits for a signal of this name; its result is `{payload, by}`. */
  signal?: string;
  /** Does all steps of another workflow, whose `$input` is `with`; its result is that one's output. */
  workflow?: string;
  /** Steps whose end it waits for. */
  needs?: string[];
  /** A path into the scope; absent, false, null or empty there: the step is skipped. */
  when?: string;
  /**
   * A path to a list: the step is done once for each `$item` (`$index`); its result is `{items}`, in order. `$earlier`:
   * the results of the instances before it that are over.
   */
  forEach?: string;
  /** How many of them at once; default: all. */
  concurrency?: number;
  /**
   * All of them are done though one fails; then the step fails with the first error. `any`: only when each of them has
   * failed; in the result one that failed is `{error}`.
   */
  keepGoing?: boolean | 'any';
  retry?: Retry;
  /** Of one attempt. An ask has ten minutes where nothing is said, a wait has no limit. */
  timeoutMs?: number;
  /** At most `limit` steps of all runs of this system hold the name at once; granted in the order of asking. */
  semaphore?: { name: string; limit: number };
  /** What takes back what it did, when the run fails or is cancelled later. */
  compensate?: Order;
  /** Whether the fixer is asked when it fails. */
  heal?: boolean;
  /** The run goes on without it. */
  optional?: boolean;
  /** Not done again when the application it follows is started again. */
  once?: boolean;
}

/** What a workflow sees of its run: the job, results by step id, the overlay. */
export interface RunView {
  run: string;
  /** Absolute folder of the run. */
  bundle: string;
  job: Record<string, unknown>;
  /** The input of the job; within another workflow's step, what that step gives it. */
  input: Record<string, unknown>;
  results: Record<string, Record<string, unknown>>;
  overlay: Record<string, unknown>;
  /** Repairs so far, in order: of the run, or of the part it is for; `n` from 0 among all of the run. */
  fixes?: readonly { n: number; rule: string; actions: readonly Record<string, unknown>[]; helped: boolean | null }[];
}
export type Scope = Record<string, unknown>;

/** The part that is data: what a person can write. */
export interface Definition {
  name: string;
  version: number;
  /** One line for people. */
  about?: string;
  steps: Step[];
  /** Kinds of the run's own agents, beside those that steps name. */
  agents?: string[];
  /** Filled like `with` when all is done: the output. Absent: the results by step. */
  output?: Record<string, unknown>;
  /** `light`: a step leaves no files and says nothing, but for `facts`; its states and results are in the checkpoint. */
  record?: 'full' | 'light';
  facts?: boolean;
}
export interface Workflow extends Definition {
  /** The workflows its steps name, by name; filled in when it is registered. */
  uses?: Readonly<Record<string, Workflow>>;
  /**
   * Within another workflow's step its own steps are mended, with an overlay and a budget of their own; else such a step
   * fails with the first of them.
   */
  mends?: boolean;
  /** Everything that `with` and `when` may name. Pure. */
  scope?(view: RunView): Scope;
  /** Whether what a step gave lets the run go on. Pure. */
  judge?(step: string, scope: Scope): ErrorRecord | null;
  /**
   * What the run goes on without when a step fails, before anybody is asked to mend it: something that was only claimed.
   * Asked once for each `rule`. @returns null: nothing. Pure.
   */
  leave?(step: string, scope: Scope): Leave | null;
  /** What a failed step's own evidence is for the fixer. Pure. */
  evidence?(step: string, scope: Scope, given: unknown): unknown;
  /** What a step did, in a few words for people. Pure. */
  describe?(step: string, scope: Scope): string;
  /** What the run has proven once all is done, and holds. Pure. Absent: what its steps `start` and `prove` gave. */
  services?(scope: Scope): Proven[];
  /** Files of the bundle that a step's end makes, path from the bundle. Pure. */
  files?(step: string, scope: Scope): { path: string; text: string; executable?: boolean }[];
}
/** A service that was started and proven. */
export interface Proven {
  name: string;
  kind: string | null;
  /** Its name under the keeper; null: nothing of it stays. */
  app: string | null;
  pid: number | null;
  sockets: unknown[];
  url: string | null;
  proof: Record<string, unknown> | null;
  /** Whether it is started again where the job does not say. */
  restart?: 'no' | 'on-failure' | 'always';
  /** Why it is not up though others are. */
  error?: ErrorRecord;
}
export interface Leave {
  /** By what name it is told, as a repair. */
  rule: string;
  cause: string;
  actions: Record<string, unknown>[];
  /** The overlay from now on. */
  overlay: Record<string, unknown>;
  /** The step to go on from. */
  from: string;
}
/** The workflows of a system. */
export interface Workflows {
  /** The newest of a name; with `print`, that very one if it is still known (see workflow/graph.ts). */
  find(name: string, print?: string): Workflow | null;
  list(): Workflow[];
}

/** The value at a path like `fetch.root`; undefined when it is not there. */
export function at(scope: unknown, path: string): unknown {
  let value = scope;
  for (const key of path.split('.'))
    value = value !== null && typeof value === 'object' ? (value as Record<string, unknown>)[key] : undefined;
  return value;
}

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
/** The paths that a template names, without their `$`. */
export function pathsIn(template: unknown): string[] {
  if (typeof template === 'string') return template.startsWith('$') ? [template.slice(1)] : [];
  if (template === null || typeof template !== 'object') return [];
  return Object.values(template).flatMap(pathsIn);
}

export const isThere = (value: unknown): boolean =>
  value !== undefined &&
  value !== null &&
  value !== false &&
  value !== '' &&
  !(Array.isArray(value) && value.length === 0);

/** A step and all that follow from it. */
export function downstream(steps: readonly Step[], from: string): Set<string> {
  const reached = new Set([from]);
  for (let size = 0; size !== reached.size; ) {
    size = reached.size;
    for (const { id, needs = [] } of steps) if (needs.some((need) => reached.has(need))) reached.add(id);
  }
  return reached;
}
