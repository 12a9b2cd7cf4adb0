/** What the requirements agent hears and says: what detection found, made into the plan others work by. */
import { z } from 'zod';
import { Hint, Plan, Service } from '../detection/contract.js';

export const Read = z.strictObject({
  type: z.literal('requirements.read'),
  /** The folder or URL that was given. */
  repository: z.string(),
  services: z.array(Service),
  /** Names of the services to run. */
  chosen: z.array(z.string()),
  hints: z.array(Hint),
  notes: z.array(z.string()),
});
export const Found = z.strictObject({ type: z.literal('requirements.found'), plan: Plan });
export const Failed = z.strictObject({
  type: z.literal('requirements.failed'),
  error: z.strictObject({ code: z.string(), message: z.string(), fix: z.string() }),
});

export const Command = Read;
export const Fact = z.union([Found, Failed]);
/** The facts that end a `requirements.read`. */
export const Ends = ['requirements.found', 'requirements.failed'] as const;
export type Read = z.infer<typeof Read>;
export type Fact = z.infer<typeof Fact>;
