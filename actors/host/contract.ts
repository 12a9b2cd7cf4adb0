/** What a host hears and says. A host keeps actors alive in one process. */
import { z } from 'zod';

export const Spawn = z.strictObject({
  run: z.string(),
  kind: z.string(),
  id: z.string(),
  input: z.unknown().optional(),
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
