/** What the monitor hears and says. It looks at an application that is up, until it is well no more, or well again. */
import { z } from 'zod';

export const Watch = z.strictObject({
  type: z.literal('monitor.watch'),
  service: z.string(),
  /** Its name under the keeper. */
  app: z.string(),
  pid: z.int().nullable(),
  /** What is asked; null: it answers nobody, so it is only weighed. */
  url: z.string().nullable(),
  /** How it was when it was looked at last. */
  well: z.boolean(),
  /** Epoch ms since when. */
  since: z.number(),
  /** The status it was proven with: one that then is gone (404, 410) is well no more. */
  proven: z.int().nullable().default(null),
  /** It was told already that it has been well for long. */
  steady: z.boolean().default(true),
});
/** What is known of it from before it fell. Safe to ask at any time. */
export const Examine = z.strictObject({
  type: z.literal('monitor.examine'),
  service: z.string(),
  /** What is asked once more, and the status it was proven with; null: it is known to be not well. */
  url: z.string().nullable().default(null),
  proven: z.int().nullable().default(null),
});
/** So many looks one after the other found it not well. */
export const Fell = z.strictObject({
  type: z.literal('monitor.fell'),
  service: z.string(),
  reason: z.string(),
  /** Epoch ms of the first of them. */
  since: z.number(),
});
export const Recovered = z.strictObject({
  type: z.literal('monitor.recovered'),
  service: z.string(),
  downMs: z.number(),
  /** Epoch ms. */
  since: z.number(),
});
/** It has been well without a break for as long as `steadyMs` says. */
export const Steady = z.strictObject({ type: z.literal('monitor.steady'), service: z.string(), since: z.number() });
export const Examined = z.strictObject({
  type: z.literal('monitor.examined'),
  service: z.string(),
  /** What it has printed since it was last seen well, the end of it. */
  lines: z.array(z.string()),
  /** Of all its processes when they were looked at last; null: they were not. */
  memoryBytes: z.int().nullable(),
  /** Whether it answers well by now; null: it was not asked. */
  well: z.boolean().nullable(),
});
/** There is nothing to look at any more: whoever holds it hears of its end from the runner. */
export const Ended = z.strictObject({ type: z.literal('monitor.ended'), service: z.string() });

/** One look. */
export const Sample = z.strictObject({
  at: z.number(),
  well: z.boolean(),
  status: z.int().nullable(),
  /** Until the whole answer was there; null: it did not come. */
  ms: z.number().nullable(),
  /** Of all its processes. */
  memoryBytes: z.int(),
  /** Processors' worth since the look before. */
  cpus: z.number(),
  processes: z.int(),
});
/** What is known of an application that is up; `health/<service>.json` of the bundle. */
export const Status = z.strictObject({
  format: z.literal(1),
  service: z.string(),
  url: z.string().nullable(),
  well: z.boolean(),
  /** Epoch ms since when it is so. */
  since: z.number(),
  /** Of the answers among the samples. */
  latencyMs: z.strictObject({ p50: z.number(), p95: z.number(), p99: z.number() }).nullable(),
  /** Lines of its log that speak of an error, without what differs each time; most frequent first. */
  errors: z.array(z.strictObject({ line: z.string(), count: z.int(), lastAt: z.number() })),
  /** Milliseconds that it was not well. */
  downMs: z.number(),
  /** How far its log was read; null: not at all. */
  logAt: z.string().nullable(),
  /** The same when it was last seen well. */
  wellAt: z.string().nullable().default(null),
  /** Oldest first, bounded. */
  samples: z.array(Sample),
});
export const Command = z.discriminatedUnion('type', [Watch, Examine]);
export const Fact = z.union([Fell, Recovered, Steady, Examined, Ended]);
export const Ends = [
  'monitor.fell',
  'monitor.recovered',
  'monitor.steady',
  'monitor.examined',
  'monitor.ended',
] as const;
export type Watch = z.infer<typeof Watch>;
export type Examine = z.infer<typeof Examine>;
export type Sample = z.infer<typeof Sample>;
export type Status = z.infer<typeof Status>;
export type Fact = z.infer<typeof Fact>;
