/** What the port manager hears and says. It owns the ports given to applications. */
import { z } from 'zod';

export const Lease = z.strictObject({
  type: z.literal('port.lease'),
  run: z.string(),
  service: z.string(),
  /** Ports the application would like, best first; empty means any. */
  wanted: z.array(z.int().min(1).max(65535)),
  /** Ports that turned out to be taken; a lease of one of them is given up. */
  not: z.array(z.int()).default([]),
});
export const Release = z.strictObject({ type: z.literal('port.release'), run: z.string() });
export const Leased = z.strictObject({
  type: z.literal('port.leased'),
  run: z.string(),
  service: z.string(),
  port: z.int(),
});
export const Refused = z.strictObject({
  type: z.literal('port.refused'),
  run: z.string(),
  error: z.strictObject({ code: z.string(), message: z.string(), fix: z.string() }),
});
export const Released = z.strictObject({ type: z.literal('port.released'), run: z.string(), ports: z.array(z.int()) });
export const Command = z.discriminatedUnion('type', [Lease, Release]);
export const Fact = z.union([Leased, Refused, Released]);
export const Ends = ['port.leased', 'port.refused', 'port.released'] as const;
export type Command = z.infer<typeof Command>;
export type Fact = z.infer<typeof Fact>;
