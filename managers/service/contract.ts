/** What the service manager hears and says. It owns what is known of long-lived processes. */
import { z } from 'zod';

export const Service = z.strictObject({
  run: z.string(),
  name: z.string(),
  url: z.string().nullable(),
  pid: z.int().nullable(),
  sockets: z.array(z.strictObject({ host: z.string(), port: z.int() })),
  /** Epoch ms. */
  since: z.number(),
});
export const Record = z.strictObject({ type: z.literal('service.record'), service: Service });
export const Forget = z.strictObject({ type: z.literal('service.forget'), run: z.string() });
export const Recorded = z.strictObject({ type: z.literal('service.recorded'), service: Service });
export const Forgotten = z.strictObject({
  type: z.literal('service.forgotten'),
  run: z.string(),
  names: z.array(z.string()),
});
export const Command = z.discriminatedUnion('type', [Record, Forget]);
export const Fact = z.union([Recorded, Forgotten]);
export const Ends = ['service.recorded', 'service.forgotten'] as const;
export type Service = z.infer<typeof Service>;
export type Command = z.infer<typeof Command>;
export type Fact = z.infer<typeof Fact>;
