/**
 * What is worked out once of each definition, so that no event has to: who follows whom, who begins, who ends, which
 * steps name anything of the scope, and the prints by which a definition is known again after a restart.
 */
import { createHash } from 'node:crypto';
import { fail } from '../errors.js';
import { type Definition, pathsIn, type Step, type Workflow } from '../workflow.js';

export interface Graph {
  workflow: Workflow;
  byId: ReadonlyMap<string, Step>;
  /** Those that need it, in the order of the definition. */
  after: ReadonlyMap<string, readonly Step[]>;
  /** Steps nobody needs who is done as often: when they are over, all are. */
  last: readonly Step[];
  /** Steps whose `with` or `when` name something of the scope. */
  dynamic: ReadonlySet<string>;
  flow: Flow;
}
/** How a run remembers the definition it is walked by. */
export interface Flow {
  name: string;
  version: number;
  /** Of all that is data in it, and in those it uses. */
  print: string;
  /** Kinds of actors that it asks, and that those it uses ask. */
  kinds: readonly string[];
  /** By step, and `<step>.<step>` for those of a workflow it uses: what a recorded result depends on, in words. */
  steps: Readonly<Record<string, string>>;
}

const graphs = new WeakMap<Workflow, Graph>();

export function graphOf(workflow: Workflow): Graph {
  const known = graphs.get(workflow);
  if (known) return known;
  const { steps } = workflow;
  // One that is done once may be over before what it needs is done again.
  const needed = new Set(steps.flatMap(({ needs = [], once }) => (once ? [] : needs)));
  const graph: Graph = {
    workflow,
    byId: new Map(steps.map((step) => [step.id, step])),
    after: new Map(steps.map(({ id }) => [id, steps.filter(({ needs = [] }) => needs.includes(id))])),
    last: steps.filter(({ id }) => !needed.has(id)),
    dynamic: new Set(steps.flatMap((step) => (namedIn(step).length > 0 || step.when !== undefined ? [step.id] : []))),
    flow: {
      name: workflow.name,
      version: workflow.version,
      print: printOf(workflow),
      kinds: [...new Set(kindsOf(workflow))],
      steps: fitsOf(workflow),
    },
  };
  graphs.set(workflow, graph);
  return graph;
}

/** The workflow that a step names. @throws INTERNAL when it was not registered with it. */
export function usedBy(workflow: Workflow, step: Step): Workflow {
  const used = workflow.uses?.[step.workflow!];
  if (!used) throw fail('INTERNAL', { reason: `${workflow.name} was not registered together with ${step.workflow}` });
  return used;
}

const namedIn = (step: Step): string[] =>
  pathsIn([
    step.with,
    step.approval?.facts,
    step.compensate?.with,
    step.timer,
    step.forEach === undefined ? null : '$',
  ]);
function kindsOf(workflow: Workflow): string[] {
  return [
    ...(workflow.agents ?? []),
    ...workflow.steps.flatMap((step) => [
      ...(step.to === undefined ? [] : [step.to]),
      ...(step.compensate ? [step.compensate.to] : []),
      ...(step.workflow === undefined ? [] : kindsOf(usedBy(workflow, step))),
    ]),
  ];
}

const dataOf = ({ name, version, steps, agents, output, record, facts }: Definition): unknown[] => [
  name,
  version,
  steps,
  agents ?? [],
  output ?? null,
  record ?? 'full',
  facts ?? null,
];
function printOf(workflow: Workflow): string {
  const uses = Object.values(workflow.uses ?? {}).map(printOf);
  const text = JSON.stringify([dataOf(workflow), uses]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** What a step does, as far as a result that is recorded under its key depends on it. */
const fitOf = ({ to, command, approval, timer, signal, workflow, forEach, needs = [] }: Step): string =>
  [
    to === undefined ? '' : `asks ${to} for ${command}`,
    approval ? `asks “${approval.question}”` : '',
    timer ? 'waits for a time' : '',
    signal === undefined ? '' : `waits for the signal ${signal}`,
    workflow === undefined ? '' : `does ${workflow}`,
    forEach === undefined ? '' : `for each of $${forEach.replace(/^\$/, '')}`,
    needs.length === 0 ? 'at once' : `after ${[...needs].sort().join(', ')}`,
  ]
    .filter(Boolean)
    .join(' ');
const fitsOf = (workflow: Workflow): Record<string, string> =>
  Object.fromEntries(
    workflow.steps.flatMap((step) => [
      [step.id, fitOf(step)] as const,
      ...(step.workflow === undefined
        ? []
        : Object.entries(fitsOf(usedBy(workflow, step))).map(([id, fit]) => [`${step.id}.${id}`, fit] as const)),
    ]),
  );

/** `each[3].sub` → `each.sub`: the step that a key is an instance of. */
export const stepKeyOf = (key: string): string => key.replaceAll(/\[\d+\]/g, '');

/**
 * What a definition has differently for steps that have begun. @param keys of those steps.
 * @returns in words; empty when the run can go on by the new one.
 */
export function differences(before: Flow, now: Flow, keys: readonly string[]): string[] {
  const begun = [...new Set(keys.map(stepKeyOf))];
  return begun.flatMap((key) => {
    const [was, is] = [before.steps[key], now.steps[key]];
    if (is === undefined) return [`the step ${key} is gone`];
    return was === is ? [] : [`the step ${key} ${was ?? 'was not there'}; now it ${is}`];
  });
}
