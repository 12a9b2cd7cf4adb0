/** Facts and commands as lines of a run's ledger (FORMATS 3). */
import type { Message } from './actor.js';
import type { Line } from './store.js';

let last = { at: Number.NaN, text: '' };
/** A time as ISO text; that of the same millisecond is made once. */
export function isoOf(at: number): string {
  if (last.at !== at) last = { at, text: new Date(at).toISOString() };
  return last.text;
}

/** @param at epoch ms. */
export const lineOf = (
  from: string,
  at: number,
  id: string,
  { type, ...payload }: Message & Record<string, unknown>,
  causation: string | null,
): Line => ({ id, at: isoOf(at), from, type, payload, causation });

/** Decisions, fixes and approvals are audited beside the commands. */
export const isAudited = ({ type, payload }: Line): boolean =>
  'decision' in payload || /^(fixer|approval)\./.test(type);
