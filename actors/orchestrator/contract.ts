/** What the orchestrator hears and says. It takes jobs and sees each run to its end. */
import { z } from 'zod';
import { Job, Result, Seed, State } from '../run/contract.js';

export const Submit = z.strictObject({
  type: z.literal('orchestrator.submit'),
  /** The run's id, made by whoever took the job. */
  run: z.string(),
  job: Job,
  /** Absolute folder of the run. */
  bundle: z.string(),
  /** Runs that may be at work at once. */
  slots: z.int().positive(),
  at: z.number(),
  /** What the run starts with that goes on from a step of another. */
  seed: Seed.optional(),
});
export const Stop = z.strictObject({
  type: z.literal('orchestrator.stop'),
  run: z.string(),
  reason: z.enum(['stop', 'cancel']),
  /** Epoch ms. */
  at: z.number().optional(),
});
export const Accepted = z.strictObject({ type: z.literal('orchestrator.accepted'), run: z.string() });
export const Stopping = z.strictObject({ type: z.literal('orchestrator.stopping'), run: z.string(), state: State });
export const Unknown = z.strictObject({ type: z.literal('orchestrator.unknown'), run: z.string() });
/** The outcome is known. */
export const Finished = z.strictObject({ type: z.literal('orchestrator.finished'), run: z.string(), result: Result });
/** Nothing of the run is alive any more. */
export const Ended = z.strictObject({ type: z.literal('orchestrator.ended'), run: z.string(), state: State });
export const Command = z.discriminatedUnion('type', [Submit, Stop]);
export const Fact = z.union([Accepted, Stopping, Unknown, Finished, Ended]);
export const Ends = ['orchestrator.accepted', 'orchestrator.stopping', 'orchestrator.unknown'] as const;
export type Command = z.infer<typeof Command>;
export type Fact = z.infer<typeof Fact>;
