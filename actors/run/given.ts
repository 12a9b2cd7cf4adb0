/**
 * What a part was given by those before it, once they have been started again: pure. An address may be another then; what
 * a part does with it is to be done again, be it a variable that is written down, a build or only its start.
 */
import { bind, type Scope } from '../../runtime/workflow.js';
import { type Draft, frameOf, groupOf, itemsOf, locate, open, scopeOf } from './draft.js';

/** The input of a part as it would be now; null: it is no part of several. */
function inputNow(d: Draft, part: string): Record<string, unknown> | null {
  const { frame, step, index } = locate(d, part)!;
  if (index === null) return null;
  const group = groupOf(part);
  const all = itemsOf(d, group);
  if (!all) return null;
  const { items = [] } = (d.c.results[group] ?? {}) as { items?: unknown[] };
  const earlier = items.slice(0, index).filter((item) => item !== null);
  const scope: Scope = { ...scopeOf(d, frame), item: all[index], index, earlier };
  return bind(step.with ?? {}, scope) as Record<string, unknown>;
}
/** What each step of a part is asked, by step. */
function orders(d: Draft, part: string): Map<string, string> {
  const frame = frameOf(d, part);
  const scope = scopeOf(d, frame);
  const { steps } = frame.graph.workflow;
  return new Map(steps.map(({ id, with: template = {} }) => [id, JSON.stringify(bind(template, scope))]));
}
/** Takes over what those before it give by now. @returns the steps that are asked something else by that, in order. */
export function renew(d: Draft, part: string): string[] {
  const input = inputNow(d, part);
  if (input === null) return [];
  const before = orders(d, part);
  open(d, 'inputs')[part] = input;
  const { steps } = frameOf(d, part).graph.workflow;
  const after = orders(d, part);
  return steps.flatMap(({ id }) => (before.get(id) === after.get(id) ? [] : [id]));
}
/** Whether a part that is up was given something that holds no more. Changes nothing. */
export function isOutdated(d: Draft, part: string): boolean {
  const { c } = d;
  const before = c.inputs[part];
  const changed = renew(d, part);
  if (before) open(d, 'inputs')[part] = before;
  return changed.length > 0;
}
