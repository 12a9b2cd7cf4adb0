/** What the tester hears and says. It runs the repository's own tests and counts them. */
import { z } from 'zod';
import { Evidence, Tool } from '../dependency/contract.js';

export const Test = z.strictObject({
  type: z.literal('tester.test'),
  service: z.string(),
  /** Absolute working directory. */
  cwd: z.string(),
  command: z.string(),
  /** The runner that the repository names; null: not known. */
  framework: z.string().nullable().default(null),
  tools: z.array(Tool),
  envFile: z.string().nullable(),
  env: z.record(z.string(), z.string()).default({}),
  /** As runner.start has them. */
  hosts: z.record(z.string(), z.string()).default({}),
  reach: z.array(z.string()).default([]),
});
const count = z.int().nonnegative().nullable();
/** What came of a test command that ended by itself. The counts are null where its output has none that are known. */
export const Tests = z.strictObject({
  command: z.string(),
  /** Whose words the counts are in, e.g. `jest`; `junit` for XML reports. */
  framework: z.string().nullable(),
  passed: count,
  /** Errors too. */
  failed: count,
  /** Skipped, pending, to do, expected to fail. */
  skipped: count,
  total: count,
  /** null: a signal ended it. */
  exitCode: z.int().nullable(),
  ms: z.number(),
  /** The last lines of its output, plain text. */
  excerpt: z.string(),
});
export const Tested = z.strictObject({ type: z.literal('tester.tested'), tests: Tests });
/** The command did not come to its end. */
export const Failed = z.strictObject({
  type: z.literal('tester.failed'),
  error: z.strictObject({ code: z.string(), message: z.string(), fix: z.string() }),
  evidence: Evidence.nullable(),
});
export const Command = Test;
export const Fact = z.union([Tested, Failed]);
export const Ends = ['tester.tested', 'tester.failed'] as const;
export type Test = z.infer<typeof Test>;
export type Tests = z.infer<typeof Tests>;
export type Fact = z.infer<typeof Fact>;
