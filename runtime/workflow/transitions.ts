/**
 * Which transition of a step is legal: this table, and nothing else. The walk (actors/run) goes through `next` for every
 * change of a step's state; what the table does not name is our own fault and throws.
 */
import { fail } from '../errors.js';

export type StepState =
  | 'pending'
  /** It has asked for its semaphore. */
  | 'queued'
  /** It has been asked for and has not ended; or its instances, or the steps of its workflow, go on. */
  | 'running'
  /** For a time, a signal or a person. */
  | 'waiting'
  /** It failed and is tried again when its pause is over. */
  | 'backoff'
  /** It failed and a fix is sought. */
  | 'healing'
  | 'done'
  | 'failed'
  | 'skipped'
  | 'cancelled';
export type StepEvent =
  | 'begin'
  | 'queue'
  | 'wait'
  | 'skip'
  | 'succeed'
  | 'fail'
  | 'pause'
  | 'mend'
  /** It is to be done again: by a fix, after a pause, or with the workflow it is part of. */
  | 'back'
  | 'cancel';

export const transitions: Readonly<Record<StepState, Readonly<Partial<Record<StepEvent, StepState>>>>> = {
  pending: { begin: 'running', queue: 'queued', wait: 'waiting', skip: 'skipped', fail: 'failed', cancel: 'cancelled' },
  queued: { begin: 'running', wait: 'waiting', fail: 'failed', back: 'pending', cancel: 'cancelled' },
  running: { succeed: 'done', fail: 'failed', back: 'pending', cancel: 'cancelled' },
  waiting: { succeed: 'done', fail: 'failed', back: 'pending', cancel: 'cancelled' },
  backoff: { back: 'pending', cancel: 'cancelled' },
  healing: { fail: 'failed', back: 'pending', cancel: 'cancelled' },
  done: { back: 'pending' },
  failed: { pause: 'backoff', mend: 'healing', back: 'pending' },
  skipped: { back: 'pending' },
  // What was given up while it was at work may end well all the same; it is taken back then.
  cancelled: { succeed: 'done', back: 'pending' },
};
/** Nothing more happens to a step in one of these unless it is sent back. */
export const isOver = (state: StepState): boolean =>
  state === 'done' || state === 'failed' || state === 'skipped' || state === 'cancelled';

/** @throws INTERNAL when the table has no such transition. */
export function next(state: StepState, event: StepEvent, key: string): StepState {
  const to = transitions[state][event];
  if (to === undefined) throw fail('INTERNAL', { reason: `the step ${key} is ${state} and cannot ${event}` });
  return to;
}
