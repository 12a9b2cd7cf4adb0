/** What the admin hears and says. The admin decides who is alive. */
import { z } from 'zod';
import { Spawn as Actor } from '../host/contract.js';

const failure = z.strictObject({ code: z.string(), message: z.string(), fix: z.string() });
/** Orders actors; `batch` names the order, e.g. the run. */
export const Spawn = z.strictObject({ type: z.literal('admin.spawn'), batch: z.string(), actors: z.array(Actor) });
/** Ends all actors of a run. */
export const Dismiss = z.strictObject({ type: z.literal('admin.dismiss'), run: z.string() });
/** Takes a folder with a manifest in: it is held back until its own checks have passed. */
export const Enlist = z.strictObject({
  type: z.literal('admin.enlist'),
  /** Absolute. */
  source: z.string().startsWith('/'),
});
/** Forgets a kind; what lives of it goes on until it ends. */
export const Unlist = z.strictObject({ type: z.literal('admin.unlist'), kind: z.string() });
/** Ends one actor and forgets it. */
export const Remove = z.strictObject({ type: z.literal('admin.remove'), address: z.string() });
/** How a run went, from the orchestrator. */
export const Report = z.strictObject({
  type: z.literal('admin.report'),
  run: z.string(),
  outcome: z.string(),
  error: failure.nullable(),
});
/** A host gave an actor up. */
export const Died = z.strictObject({
  type: z.literal('admin.died'),
  address: z.string(),
  error: failure,
  /** Epoch ms; absent: from a host of an earlier program. */
  at: z.number().optional(),
});

/** A person's answer to an open decision. */
export const Decide = z.strictObject({
  type: z.literal('admin.decide'),
  decision: z.string(),
  option: z.string(),
  by: z.string(),
  reason: z.string().default(''),
});

export const Spawned = z.strictObject({
  type: z.literal('admin.spawned'),
  batch: z.string(),
  addresses: z.array(z.string()),
  failed: z.array(z.strictObject({ address: z.string(), error: failure })),
});
export const Dismissed = z.strictObject({
  type: z.literal('admin.dismissed'),
  run: z.string(),
  addresses: z.array(z.string()),
});
export const Removed = z.strictObject({ type: z.literal('admin.removed'), address: z.string() });
export const Enlisted = z.strictObject({
  type: z.literal('admin.enlisted'),
  kind: z.string(),
  state: z.enum(['registered', 'quarantined']),
  problems: z.array(z.string()),
});
export const Refused = z.strictObject({ type: z.literal('admin.refused'), error: failure });
export const Unlisted = z.strictObject({ type: z.literal('admin.unlisted'), kind: z.string() });
export const Noted = z.strictObject({ type: z.literal('admin.noted'), run: z.string() });
export const Decision = z.strictObject({
  question: z.string(),
  facts: z.record(z.string(), z.unknown()),
  option: z.string(),
  reason: z.string(),
  confidence: z.number(),
  by: z.enum(['rule', 'model', 'person']),
});
/** What a person is asked: the same question as a decision's, with what may be answered. */
export const Open = z.strictObject({
  id: z.string(),
  address: z.string(),
  question: z.string(),
  options: z.array(z.string()),
  facts: z.record(z.string(), z.unknown()),
  at: z.number().optional().describe('epoch ms since when it is asked; absent: asked by an earlier program'),
});
export const Decided = z.strictObject({ type: z.literal('admin.decided'), address: z.string(), decision: Decision });

export const Command = z.discriminatedUnion('type', [Spawn, Dismiss, Remove, Enlist, Unlist, Report, Died, Decide]);
export const Fact = z.union([Spawned, Dismissed, Removed, Enlisted, Refused, Unlisted, Noted, Decided]);
export const Ends = [
  'admin.spawned',
  'admin.dismissed',
  'admin.removed',
  'admin.enlisted',
  'admin.refused',
  'admin.unlisted',
  'admin.noted',
  'admin.decided',
] as const;
export type Command = z.infer<typeof Command>;
export type Fact = z.infer<typeof Fact>;
export type Decision = z.infer<typeof Decision>;
export type Open = z.infer<typeof Open>;
