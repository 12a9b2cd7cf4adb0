/**
 * The context a turn is making. What was committed is never changed in place: a map is copied the first time a turn
 * writes to it, and what a turn does not touch stays the very same object, so that whoever keeps it sees what is new by
 * identity alone.
 */
import { type ErrorRecord, fail } from '../../runtime/errors.js';
import { type Graph, graphOf, usedBy } from '../../runtime/workflow/graph.js';
import { next, type StepEvent } from '../../runtime/workflow/transitions.js';
import { at, type RunView, type Scope, type Step, type Workflow } from '../../runtime/workflow.js';
import {
  fixesOf,
  type Ledger,
  type Life,
  newPart,
  type Part,
  type RunContext,
  risingOf,
  type StepState,
  untouched,
} from './state.js';

type Maps = 'parts' | 'steps' | 'results' | 'groups' | 'inputs' | 'waits' | 'approvals' | 'listening' | 'spent';
export interface Draft {
  readonly graph: Graph;
  readonly workflow: Workflow;
  readonly c: RunContext;
  readonly now: number;
  /** Maps that are this turn's own already. */
  readonly own: Maps[];
  /** Groups that are just being filled. */
  readonly filling: string[];
}
export const draftOf = (workflow: Workflow, before: RunContext, now: number): Draft => ({
  workflow,
  graph: graphOf(workflow),
  c: { ...before, out: { asks: [], facts: [], writes: [] } },
  now,
  own: [],
  filling: [],
});

/** A map of the context that may be written to. */
export function open<M extends Maps>({ c, own }: Draft, map: M): RunContext[M] {
  if (!own.includes(map)) {
    c[map] = { ...c[map] };
    own.push(map);
  }
  return c[map];
}
export function drop(d: Draft, map: Maps, key: string): void {
  if (key in d.c[map]) delete open(d, map)[key];
}
export const stateOf = ({ c }: Draft, key: string): StepState => c.steps[key] ?? untouched;
/** Changes what is known of a step, but for its state: that goes by `move`. */
export function note(d: Draft, key: string, change: Partial<Omit<StepState, 'state'>>): void {
  open(d, 'steps')[key] = { ...stateOf(d, key), ...change };
}
/** Takes a step from one state to the next. @throws INTERNAL where the table has no such transition. */
export function move(d: Draft, key: string, event: StepEvent, change: Partial<Omit<StepState, 'state'>> = {}): void {
  const before = stateOf(d, key);
  open(d, 'steps')[key] = { ...before, ...change, state: next(before.state, event, key) };
}
export const isAtWork = (c: RunContext): boolean =>
  c.mode === 'walking' || c.mode === 'restarting' || (c.mode === 'up' && risingOf(c).length > 0);

/** The steps of one workflow within a run. */
export interface Frame {
  /** Of its keys: '' for the run's own steps, else `<key>.`. */
  prefix: string;
  /** The step that does it; null: the run. */
  parent: string | null;
  graph: Graph;
}
/** A step, or one of its instances. */
export interface Spot {
  key: string;
  frame: Frame;
  step: Step;
  /** Of the instance; null: the step as a whole. */
  index: number | null;
}
export const rootOf = ({ graph }: Draft): Frame => ({ prefix: '', parent: null, graph });

/** The step that a key names; null when this definition has none such. */
export function locate(d: Draft, key: string): Spot | null {
  const plain = d.graph.byId.get(key);
  if (plain) return { key, frame: rootOf(d), step: plain, index: null };
  let frame = rootOf(d);
  const parts = key.split('.');
  for (const [n, part] of parts.entries()) {
    const [, id = '', index] = /^([^[]+)(?:\[(\d+)\])?$/.exec(part) ?? [];
    const step = frame.graph.byId.get(id);
    if (!step) return null;
    if (n === parts.length - 1) return { key, frame, step, index: index === undefined ? null : Number(index) };
    if (step.workflow === undefined) return null;
    frame = inside(frame, `${frame.prefix}${part}`, step);
  }
  return null;
}
/** The frame of the steps of a part, by the key of the step that does it; null: of the run's own. */
export function frameOf(d: Draft, part: string | null): Frame {
  const spot = part === null ? null : locate(d, part)!;
  return spot ? inside(spot.frame, spot.key, spot.step) : rootOf(d);
}
/** The frame of the workflow that a step does. */
export const inside = (frame: Frame, key: string, step: Step): Frame => ({
  prefix: `${key}.`,
  parent: key,
  graph: graphOf(usedBy(frame.graph.workflow, step)),
});

/** Whether what fails in it is mended in it: the run itself, and parts that keep a ledger of their own. */
export const mends = ({ parent, graph: { workflow } }: Frame): boolean => parent === null || workflow.mends === true;
export const partOf = ({ c }: Pick<Draft, 'c'>, key: string): Part => c.parts[key] ?? newPart;
export function keepPart(d: Draft, key: string, change: Partial<Part>): void {
  open(d, 'parts')[key] = { ...partOf(d, key), ...change };
}
export const ledgerOf = ({ c }: Pick<Draft, 'c'>, { parent }: Pick<Frame, 'parent'>): Ledger =>
  parent === null ? c : partOf({ c }, parent);
export function keepLedger(d: Draft, frame: Pick<Frame, 'parent'>, change: Partial<Ledger>): void {
  if (frame.parent === null) Object.assign(d.c, change);
  else keepPart(d, frame.parent, change);
}
/** What is known of an application that was up: of the run's own (null), or of that of a part. */
export const lifeOf = ({ c }: Pick<Draft, 'c'>, part: string | null): Life => (part === null ? c : partOf({ c }, part));
export function keepLife(d: Draft, part: string | null, change: Partial<Life>): void {
  if (part === null) Object.assign(d.c, change);
  else keepPart(d, part, change);
}
/** Whether it was up and is being started again, or repaired. */
export const isRising = ({ c }: Pick<Draft, 'c'>, part: string | null): boolean =>
  part === null ? c.mode === 'restarting' : c.mode === 'up' && partOf({ c }, part).rising;

/** What the steps of a frame may name. */
export function scopeOf({ c }: Draft, frame: Frame): Scope {
  const {
    prefix,
    parent,
    graph: { workflow },
  } = frame;
  const { run, bundle } = c;
  const job = c.job as unknown as Record<string, unknown>;
  const part = mends(frame) ? parent : null;
  const overlay = ledgerOf({ c }, { parent: part }).overlay as unknown as Record<string, unknown>;
  const input = (parent === null ? c.job?.input : c.inputs[parent]) ?? {};
  let results = c.results;
  if (prefix !== '') {
    results = {};
    for (const { id } of workflow.steps) {
      const result = c.results[prefix + id];
      if (result !== undefined) results[id] = result;
    }
  }
  const fixes = fixesOf(c, part).map((fix) => ({ ...fix, n: c.fixes.indexOf(fix) }));
  const view: RunView = { run, bundle, job, input, results, overlay, fixes };
  return workflow.scope ? workflow.scope(view) : { run, bundle, job, input, overlay, ...results };
}
/** The same for one step: an instance sees its `$item` too. */
export function scopeAt(d: Draft, { key, frame, index }: Spot): Scope {
  const scope = scopeOf(d, frame);
  if (index === null) return scope;
  const group = groupOf(key);
  const { items } = d.c.groups[group]!;
  const { results } = d.c;
  return {
    ...scope,
    item: items[index],
    index,
    /** Worked out only for who names it: there may be very many. */
    get earlier() {
      return items.slice(0, index).flatMap((_, n) => results[`${group}[${n}]`] ?? []);
    },
  };
}
/** The key of the step that an instance is one of. */
export const groupOf = (key: string): string => key.slice(0, key.lastIndexOf('['));

export const invalid = (step: string, reason: string): ErrorRecord => fail('STEP_INVALID', { step, reason }).toRecord();
/** The keys of all that is part of a step: its instances, and the steps of the workflow it does. */
export const partsOf = ({ c }: Draft, key: string): string[] =>
  Object.keys(c.steps).filter((one) => one.startsWith(`${key}[`) || one.startsWith(`${key}.`));

/** What a step is done for: remembered while that goes on, then looked up anew. */
export function itemsOf(d: Draft, group: string): unknown[] | null {
  const known = d.c.groups[group];
  if (known) return known.items;
  const spot = group === '' ? null : locate(d, group);
  const items = spot?.step.forEach === undefined ? null : at(scopeOf(d, spot.frame), spot.step.forEach.slice(1));
  return Array.isArray(items) ? items : null;
}
/** What people call the item that a step is done for: of the nearest instance it is, or is part of. */
export function itemOf(d: Draft, { key, frame, index }: Omit<Spot, 'step'>): { of?: string } {
  const instance = index !== null ? key : frame.parent;
  const [, group = '', n = ''] = /^(.*)\[(\d+)\]$/.exec(instance ?? '') ?? [];
  const item = itemsOf(d, group)?.[Number(n)] as { name?: unknown; service?: { name?: unknown } } | undefined;
  const name = item?.name ?? item?.service?.name ?? item;
  return typeof name === 'string' ? { of: name } : {};
}
