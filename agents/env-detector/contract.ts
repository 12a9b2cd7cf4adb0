/** What the environment detector hears and says: where we are and what is there. */
import { z } from 'zod';

export const Look = z.strictObject({ type: z.literal('env-detector.look') });
export const Environment = z.strictObject({
  os: z.string(),
  arch: z.string(),
  /** `container`, `ci`, `codespaces`, `colab`, `gitpod`, `wsl`, `aws`, `gcp`, `azure`… what applies, with its evidence. */
  surroundings: z.array(z.strictObject({ name: z.string(), evidence: z.string() })),
  cores: z.number(),
  memoryBytes: z.number(),
  diskFreeBytes: z.number().nullable(),
  gpus: z.array(z.string()),
  /** Name → version of what was found. */
  tools: z.record(z.string(), z.string()),
  root: z.boolean(),
  /** Whether the configured npm registry answers; null: not known. */
  registry: z.boolean().nullable(),
});
export const Seen = z.strictObject({ type: z.literal('env-detector.seen'), environment: Environment });
export const Failed = z.strictObject({
  type: z.literal('env-detector.failed'),
  error: z.strictObject({ code: z.string(), message: z.string(), fix: z.string() }),
});
export const Command = Look;
export const Fact = z.union([Seen, Failed]);
export const Ends = ['env-detector.seen', 'env-detector.failed'] as const;
export type Environment = z.infer<typeof Environment>;
export type Look = z.infer<typeof Look>;
export type Fact = z.infer<typeof Fact>;
