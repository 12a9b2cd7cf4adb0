/** What the orchestrator manager hears and says. It owns the run slots, the semaphores, and what happens after a failure. */
import { z } from 'zod';

export const Acquire = z.strictObject({ type: z.literal('slots.acquire'), run: z.string(), slots: z.int().positive() });
export const Release = z.strictObject({ type: z.literal('slots.release'), run: z.string() });
/** A step failed and nothing healed it: what now? */
export const Failure = z.strictObject({
  type: z.literal('slots.judge'),
  run: z.string(),
  step: z.string(),
  attempt: z.int().positive(),
  error: z.strictObject({ code: z.string(), message: z.string(), fix: z.string() }),
});
export const Granted = z.strictObject({ type: z.literal('slots.granted'), run: z.string() });
export const Full = z.strictObject({ type: z.literal('slots.full'), run: z.string(), held: z.array(z.string()) });
export const Released = z.strictObject({ type: z.literal('slots.released'), run: z.string() });
export const Decision = z.strictObject({
  question: z.string(),
  facts: z.record(z.string(), z.unknown()),
  option: z.enum(['again', 'report']),
  reason: z.string(),
  confidence: z.number(),
  by: z.enum(['rule', 'model']),
});
export const Judged = z.strictObject({ type: z.literal('slots.judged'), run: z.string(), decision: Decision });
const ticket = { name: z.string().min(1), run: z.string(), step: z.string(), attempt: z.int().nonnegative() };
/** A step of a run wants to be one of `limit`. Asked again by the same, it is the same. */
export const Enter = z.strictObject({ type: z.literal('semaphore.acquire'), ...ticket, limit: z.int().positive() });
export const Leave = z.strictObject({ type: z.literal('semaphore.release'), ...ticket });
export const Entered = z.strictObject({ type: z.literal('semaphore.granted'), ...ticket });
/** The run is told with `run.permit` when its turn has come. */
export const Queued = z.strictObject({ type: z.literal('semaphore.queued'), ...ticket, before: z.int() });
export const Left = z.strictObject({ type: z.literal('semaphore.released'), ...ticket });
export const Command = z.discriminatedUnion('type', [Acquire, Release, Failure, Enter, Leave]);
export const Fact = z.union([Granted, Full, Released, Judged, Entered, Queued, Left]);
export const Ends = [
  'slots.granted',
  'slots.full',
  'slots.released',
  'slots.judged',
  'semaphore.granted',
  'semaphore.queued',
  'semaphore.released',
] as const;
export type Command = z.infer<typeof Command>;
export type Fact = z.infer<typeof Fact>;
export type Decision = z.infer<typeof Decision>;
