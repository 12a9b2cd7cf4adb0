/** What clients may ask about the runtime itself: how it is, and its end. */
import { z } from 'zod';
import { RunId } from './contract-runs.js';

export const opsVerbs = {
  'ops.status': {
    about: 'The runtime that answers: which process it is, and what it has to do.',
    repeatable: true,
    request: z.strictObject({}),
    response: z.strictObject({
      host: z.string(),
      pid: z.int(),
      startTime: z.int().describe('of the process: with pid and bootId it names no other'),
      bootId: z.string(),
      version: z.string(),
      state: z.string().describe('absolute path of its state folder'),
      log: z.string().describe('absolute path of its log'),
      since: z.string().describe('ISO time of its start'),
      stays: z.boolean().describe('false: it lives in an `rr run` and ends with its runs'),
      draining: z.boolean().describe('it takes no new jobs'),
      open: z.array(RunId).describe('runs that have not ended'),
    }),
  },
  'ops.drain': {
    about: 'Takes no new jobs from now on, or takes them again. A start of the runtime takes them again too.',
    repeatable: true,
    request: z.strictObject({ on: z.boolean().default(true) }),
    response: z.strictObject({ draining: z.boolean(), open: z.array(RunId) }),
  },
  'ops.shutdown': {
    about: 'Ends the runtime, after the answer. Takes no new jobs from then on, also where it stays for its open runs.',
    repeatable: true,
    request: z.strictObject({
      host: z.string().describe('of the runtime that is meant'),
      pid: z.int().describe('likewise'),
      open: z
        .enum(['none', 'keep', 'abandon'])
        .default('none')
        .describe(
          'what becomes of open runs: none: it stays while there is one; keep: what they hold stays up under their keepers, and the next runtime goes on with them; abandon: their keepers end all they hold',
        ),
    }),
    response: z.strictObject({ leaving: z.boolean(), open: z.array(RunId) }),
  },
} as const;
