/** What the setup agent hears and says. It builds. */
import { z } from 'zod';
import { Evidence, Tool } from '../dependency/contract.js';

export const Build = z.strictObject({
  type: z.literal('setup.build'),
  service: z.string(),
  cwd: z.string(),
  commands: z.array(z.string()),
  tools: z.array(Tool),
  envFile: z.string().nullable(),
  env: z.record(z.string(), z.string()).default({}),
});
export const Built = z.strictObject({
  type: z.literal('setup.built'),
  commands: z.array(z.strictObject({ command: z.string(), ms: z.number() })),
});
export const Failed = z.strictObject({
  type: z.literal('setup.failed'),
  error: z.strictObject({ code: z.string(), message: z.string(), fix: z.string() }),
  evidence: Evidence.nullable(),
});
export const Command = Build;
export const Fact = z.union([Built, Failed]);
export const Ends = ['setup.built', 'setup.failed'] as const;
export type Build = z.infer<typeof Build>;
export type Fact = z.infer<typeof Fact>;
