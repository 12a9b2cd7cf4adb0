/** What clients may ask about repairs: what a failure comes from, and what helped before. */
import { z } from 'zod';
import { Action, Learned } from '../../agents/fixer/contract.js';
import { RunId } from './contract-runs.js';

const Explained = z.strictObject({
  rule: z.string().nullable().describe('null: no rule knows it'),
  about: z.string().nullable().describe('the kind of failure'),
  cause: z.string().nullable().describe('in this case'),
  step: z.string(),
  actions: z.array(Action).describe('the repair that would be tried'),
  proves: z.string().nullable().describe('what would show that it helped'),
  error: z
    .strictObject({ code: z.string(), message: z.string(), fix: z.string() })
    .nullable()
    .describe('where nothing helps but a person: what to do'),
  line: z.string().nullable().describe('the line of the output that says most'),
  sure: z.boolean().describe('false: only the text is known, and what would be done depends on the repository'),
});
export type Explained = z.infer<typeof Explained>;

export const fixVerbs = {
  'fixes.explain': {
    about: 'Names the rule, the cause and the repair of a failure. Runs nothing.',
    repeatable: true,
    request: z.strictObject({
      text: z.string().max(200_000).optional().describe('the end of an output'),
      run: RunId.optional().describe('a run instead: its failures, repaired or not'),
    }),
    response: z.strictObject({ failures: z.array(Explained) }),
  },
  'fixes.list': {
    about: 'What helped on this machine before, and what did not; the one that was tried last comes last.',
    repeatable: true,
    request: z.strictObject({}),
    response: z.strictObject({ fixes: z.array(Learned) }),
  },
  'fixes.forget': {
    about: 'Forgets what was learned.',
    repeatable: true,
    request: z.strictObject({ id: z.string().min(1).describe('of one, the id of a rule, or `all`') }),
    response: z.strictObject({ forgotten: z.int() }),
  },
} as const;
