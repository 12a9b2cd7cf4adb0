/** What the dependency agent hears and says. It gets the runtimes and the packages a service needs. */
import { z } from 'zod';

const failure = z.strictObject({ code: z.string(), message: z.string(), fix: z.string() });
/** What is known of a command that failed, for whoever must repair it. */
export const Evidence = z.strictObject({
  command: z.string(),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  limit: z.string().nullable(),
  /** The last lines of its output, plain text. */
  tail: z.string(),
  log: z.string(),
  /** Where in the log what this is about begins, in bytes; absent: at its beginning. */
  logFrom: z.int().optional(),
});
export const Tool = z.strictObject({
  tool: z.string(),
  version: z.string(),
  /** Folder to put first on PATH. */
  bin: z.string(),
  env: z.record(z.string(), z.string()),
  origin: z.enum(['machine', 'version-manager', 'cache', 'downloaded']),
  degraded: z.string().nullable(),
});
export const Equip = z.strictObject({
  type: z.literal('dependency.equip'),
  wants: z.array(z.strictObject({ tool: z.string(), want: z.string().nullable(), from: z.string().nullable() })),
  /** Tools for which the nearest version will do, because a fix said so. */
  relaxed: z.array(z.string()).default([]),
  /** Packages of the system that commands need, by their Debian names, because a fix said so. */
  packages: z.array(z.string()).default([]),
});
export const Install = z.strictObject({
  type: z.literal('dependency.install'),
  service: z.string(),
  /** Absolute working directory. */
  cwd: z.string(),
  commands: z.array(z.string()),
  tools: z.array(Tool),
  /** Variables from a fix; `$generate` for a secret that is made up here. What the user gave is added. */
  env: z.record(z.string(), z.string()).default({}),
});
export const Equipped = z.strictObject({ type: z.literal('dependency.equipped'), tools: z.array(Tool) });
export const Installed = z.strictObject({
  type: z.literal('dependency.installed'),
  commands: z.array(z.strictObject({ command: z.string(), ms: z.number() })),
  /** What was decided about the install that a person may want to know. */
  notes: z.array(z.string()).default([]),
});
export const Failed = z.strictObject({
  type: z.literal('dependency.failed'),
  error: failure,
  evidence: Evidence.nullable(),
});
export const Command = z.discriminatedUnion('type', [Equip, Install]);
export const Fact = z.union([Equipped, Installed, Failed]);
export const Ends = ['dependency.equipped', 'dependency.installed', 'dependency.failed'] as const;
export type Tool = z.infer<typeof Tool>;
export type Evidence = z.infer<typeof Evidence>;
export type Command = z.infer<typeof Command>;
export type Fact = z.infer<typeof Fact>;
