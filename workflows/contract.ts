/** A workflow as a person writes it (docs/workflows.md). `runtime/workflow.ts` says what each field means. */
import { z } from 'zod';

const template = z.record(z.string(), z.unknown());
const word = z.string().min(1).max(200);
const order = z.strictObject({ to: word, command: word, with: template.optional() });
const ms = z
  .int()
  .nonnegative()
  .max(10 * 365 * 24 * 3_600_000);
const path = z.string().regex(/^\$\w/, 'a path begins with $');
export const Step = z.strictObject({
  id: word,
  phase: word.optional(),
  to: word.optional(),
  command: word.optional(),
  with: template.optional(),
  good: z.array(word).optional(),
  approval: z
    .strictObject({
      question: z.string().min(1),
      options: z.array(word).min(1).optional(),
      passes: z.array(word).min(1).optional(),
      facts: template.optional(),
    })
    .optional(),
  timer: z
    .union([
      z.strictObject({ sleepMs: z.union([ms, path]) }),
      z.strictObject({ until: z.union([z.number(), z.string().min(1)]) }),
    ])
    .optional(),
  signal: word.optional(),
  workflow: word.optional(),
  needs: z.array(word).optional(),
  when: word.optional(),
  forEach: path.optional(),
  concurrency: z.int().positive().optional(),
  keepGoing: z.union([z.boolean(), z.literal('any')]).optional(),
  retry: z
    .strictObject({
      times: z.int().positive().max(1_000),
      backoffMs: ms.optional(),
      factor: z.number().min(1).max(100).optional(),
      maxMs: ms.optional(),
      jitter: z.number().min(0).max(1).optional(),
      on: z.array(word).min(1).optional(),
    })
    .optional(),
  timeoutMs: ms.positive().optional(),
  semaphore: z.strictObject({ name: word, limit: z.int().positive() }).optional(),
  compensate: order.optional(),
  heal: z.boolean().optional(),
  optional: z.boolean().optional(),
  once: z.boolean().optional(),
});
export const Definition = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
  version: z.int().positive(),
  about: z.string().optional(),
  steps: z.array(Step).min(1).max(1_000),
  agents: z.array(word).optional(),
  output: template.optional(),
  record: z.enum(['full', 'light']).optional(),
  facts: z.boolean().optional(),
});
export type Definition = z.infer<typeof Definition>;
