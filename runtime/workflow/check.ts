/** Checks a definition when it is registered: what is wrong is said before anything runs, each fault by its name. */
import { type Definition, pathsIn, type Step, type Workflow } from '../workflow.js';

/** What there is to ask. */
export interface World {
  /** Kind → the commands it hears and the facts it says; absent: not checked. */
  kinds?: Readonly<Record<string, { commands: readonly string[]; facts: readonly string[] }>>;
  find?(name: string): Workflow | null;
}

/** What every scope has; no step may be called so. */
export const SCOPE_WORDS = ['run', 'bundle', 'job', 'input', 'overlay', 'item', 'index', 'earlier'] as const;
const kindsOfStep = ['to', 'approval', 'timer', 'signal', 'workflow'] as const;

/** @returns what is wrong, in words; empty when nothing is. */
export function faults(workflow: Workflow, world: World = {}): string[] {
  const { steps, name } = workflow;
  const found: string[] = [];
  const ids = new Set(steps.map(({ id }) => id));
  if (steps.length === 0) found.push(`${name} has no steps`);
  for (const id of new Set(steps.map((step) => step.id).filter((one, n, all) => all.indexOf(one) !== n)))
    found.push(`two steps are called ${id}`);
  for (const step of steps) found.push(...ofStep(step, workflow, world));
  for (const { id, needs = [] } of steps)
    for (const need of needs) if (!ids.has(need)) found.push(`${id} needs ${need}, which is no step: it never comes`);
  found.push(...never(steps, ids));
  if (!workflow.scope) found.push(...paths(steps, workflow));
  found.push(...circleOfUses(workflow, world));
  return found;
}

function ofStep(step: Step, { name }: Definition, { kinds, find }: World): string[] {
  const { id, to, command, good = [], compensate } = step;
  const found: string[] = [];
  if (!/^[a-z][a-z0-9-]*$/.test(id)) found.push(`${id} is no name for a step: small letters, digits and - only`);
  if ((SCOPE_WORDS as readonly string[]).includes(id))
    found.push(`a step is called ${id}, which is a word of the scope`);
  const said = kindsOfStep.filter((kind) => step[kind] !== undefined);
  if (said.length !== 1)
    found.push(
      `${id} says ${said.length === 0 ? 'not what it does' : said.join(' and ')}; one of ${kindsOfStep.join(', ')} is wanted`,
    );
  if (to !== undefined && command === undefined) found.push(`${id} asks ${to} for nothing: it has no command`);
  const asks = [
    ...(to === undefined || command === undefined ? [] : [{ who: id, to, command, good }]),
    ...(compensate ? [{ who: `the compensation of ${id}`, ...compensate, good: [] as string[] }] : []),
  ];
  for (const ask of kinds ? asks : []) {
    const known = kinds?.[ask.to];
    if (!known) found.push(`${ask.who} asks ${ask.to}, which is no agent; there are ${Object.keys(kinds!).join(', ')}`);
    else if (!known.commands.includes(ask.command))
      found.push(`${ask.who} asks ${ask.to} for ${ask.command}; it hears ${known.commands.join(', ')}`);
    for (const fact of known ? ask.good : [])
      if (!known!.facts.includes(fact)) found.push(`${id} waits for ${fact}, which ${ask.to} never says`);
  }
  const { approval } = step;
  if (approval)
    for (const option of approval.passes ?? [])
      if (!(approval.options ?? ['approve', 'reject']).includes(option))
        found.push(`${id} goes on with ${option}, which is none of its options`);
  if (step.workflow !== undefined && find && step.workflow !== name && !find(step.workflow))
    found.push(`${id} does ${step.workflow}, which is no workflow`);
  if (step.forEach === undefined && (step.concurrency !== undefined || step.keepGoing !== undefined))
    found.push(`${id} says how its instances go, but has no forEach`);
  if (step.heal && (step.to === undefined || step.forEach !== undefined))
    found.push(`${id} cannot be healed: only one ask to one agent can`);
  return found;
}

/** Circles, and what waits for one. */
function never(steps: readonly Step[], ids: ReadonlySet<string>): string[] {
  const reached = new Set<string>();
  for (let size = -1; size !== reached.size; ) {
    size = reached.size;
    for (const { id, needs = [] } of steps) if (needs.every((need) => reached.has(need))) reached.add(id);
  }
  const byId = new Map(steps.map((step) => [step.id, step]));
  const circling = new Set<string>();
  const found: string[] = [];
  const follow = (id: string, path: string[]): void => {
    if (path.includes(id)) {
      const circle = path.slice(path.indexOf(id));
      if (circle.some((one) => circling.has(one))) return;
      for (const one of circle) circling.add(one);
      found.push(
        circle.length === 1 ? `${id} waits for itself` : `${[...circle, id].join(' → ')}: each waits for the next`,
      );
      return;
    }
    for (const need of byId.get(id)?.needs ?? []) if (!reached.has(need) && ids.has(need)) follow(need, [...path, id]);
  };
  for (const { id } of steps) if (!reached.has(id)) follow(id, []);
  for (const { id, needs = [] } of steps) {
    if (reached.has(id) || circling.has(id) || needs.some((need) => !ids.has(need))) continue;
    const blocking = needs.filter((need) => !reached.has(need));
    found.push(`${id} can never begin: it waits for ${blocking.join(', ')}`);
  }
  return found;
}

/** `$paths` to what a step cannot know. */
function paths(steps: readonly Step[], { output }: Definition): string[] {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const before = (id: string, met = new Set<string>()): Set<string> => {
    for (const need of byId.get(id)?.needs ?? [])
      if (!met.has(need)) {
        met.add(need);
        before(need, met);
      }
    return met;
  };
  const found: string[] = [];
  for (const step of steps) {
    const known = before(step.id);
    const check = (path: string, extra: string[]): void => {
      const [word = ''] = path.split('.');
      const own = step.forEach === undefined ? [] : ['item', 'index', 'earlier'];
      const words = ['run', 'bundle', 'job', 'input', 'overlay', ...own, ...extra];
      if (words.includes(word) || known.has(word)) return;
      found.push(
        byId.has(word)
          ? `${step.id} names $${path} and does not need ${word}, so it may not be there yet`
          : `${step.id} names $${path}, which nothing gives`,
      );
    };
    for (const path of pathsIn([step.with, step.approval?.facts, step.timer])) check(path, []);
    for (const path of [step.when, step.forEach]) if (path !== undefined) check(path.replace(/^\$/, ''), []);
    for (const path of pathsIn(step.compensate?.with)) check(path, [step.id]);
  }
  for (const path of pathsIn(output)) {
    const [word = ''] = path.split('.');
    if (!byId.has(word) && !(SCOPE_WORDS as readonly string[]).includes(word))
      found.push(`the output names $${path}, which nothing gives`);
  }
  return found;
}

/** A workflow that would do itself. */
function circleOfUses(workflow: Workflow, { find }: World): string[] {
  const found: string[] = [];
  const follow = (one: Workflow, path: string[]): void => {
    for (const { workflow: used } of one.steps) {
      if (used === undefined || found.length > 0) continue;
      if (used === workflow.name) found.push(`${[...path, used].join(' → ')}: it would do itself without end`);
      else if (!path.includes(used)) {
        const next = find?.(used);
        if (next) follow(next, [...path, used]);
      }
    }
  };
  follow(workflow, [workflow.name]);
  return found;
}
