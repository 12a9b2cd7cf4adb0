/** What a host hears and says. A host keeps actors alive in one process. */
import { z } from 'zod';

/** What becomes of actors that die together; see runtime/supervise.ts. */
export const Group = z.strictObject({
  name: z.string().regex(/^[a-z0-9-]+$/),
  strategy: z.enum(['one_for_one', 'one_for_all', 'rest_for_one']),
  intensity: z.int().min(0).default(5).describe('more restarts than this within the period, and it is given up'),
  periodMs: z.int().positive().default(60_000),
  backoff: z
    .strictObject({ firstMs: z.int().positive(), mostMs: z.int().positive() })
    .optional()
    .describe('pauses before a restart: the first, and the longest; each is twice the last; default 100 ms and 10 s'),
});
export const Restart = z.enum(['permanent', 'transient', 'temporary']);
export const Spawn = z.strictObject({
  run: z.string(),
  kind: z.string(),
  id: z.string(),
  input: z.unknown().optional(),
  restart: Restart.optional(),
  group: Group.optional(),
});
export const Start = z.strictObject({
  type: z.literal('host.spawn'),
  /** Names this order among others that are open. */
  batch: z.string(),
  actors: z.array(Spawn),
});
const failure = z.strictObject({ code: z.string(), message: z.string(), fix: z.string() });
/** `cause`: what whoever asks them something hears. */
export const Stop = z.strictObject({
  type: z.literal('host.stop'),
  addresses: z.array(z.string()),
  cause: failure.optional(),
});
export const Spawned = z.strictObject({
  type: z.literal('host.spawned'),
  batch: z.string(),
  addresses: z.array(z.string()),
  failed: z.array(z.strictObject({ address: z.string(), error: failure })),
});
export const Stopping = z.strictObject({ type: z.literal('host.stopping'), addresses: z.array(z.string()) });
export const Command = z.discriminatedUnion('type', [Start, Stop]);
export const Fact = z.union([Spawned, Stopping]);
export const Ends = ['host.spawned', 'host.stopping'] as const;
export type Spawn = z.infer<typeof Spawn>;
export type Command = z.infer<typeof Command>;
export type Fact = z.infer<typeof Fact>;
