/** What the config agent hears and says. It fills the application's environment, without touching the repository. */
import { z } from 'zod';

export const Configure = z.strictObject({
  type: z.literal('config.configure'),
  service: z.string(),
  root: z.string(),
  path: z.string(),
  env: z.array(
    z.strictObject({
      name: z.string(),
      required: z.boolean(),
      secret: z.boolean(),
      default: z.string().nullable(),
      from: z.string(),
    }),
  ),
  /** Variables given by the user or by a fix: these win. `$generate`: one to be made up here. */
  given: z.record(z.string(), z.string()).default({}),
});
export const Configured = z.strictObject({
  type: z.literal('config.configured'),
  /** A file (mode 0600) in the run's folder with the variables as one JSON object: values never cross the bus. */
  envFile: z.string(),
  /** Names and where each value came from: `given`, `example`, `generated`, `default`; `repository`: set by its own `.env`, not in `envFile`. */
  set: z.array(z.strictObject({ name: z.string(), origin: z.string(), from: z.string() })),
  /** Keys of third parties that nobody gave: listed, not invented. */
  missing: z.array(z.strictObject({ name: z.string(), from: z.string(), required: z.boolean() })),
});
export const Failed = z.strictObject({
  type: z.literal('config.failed'),
  error: z.strictObject({ code: z.string(), message: z.string(), fix: z.string() }),
});
export const Command = Configure;
export const Fact = z.union([Configured, Failed]);
export const Ends = ['config.configured', 'config.failed'] as const;
export type Configure = z.infer<typeof Configure>;
export type Fact = z.infer<typeof Fact>;
export type Configured = z.infer<typeof Configured>;
