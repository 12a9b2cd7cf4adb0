/** What clients may ask about jobs and runs. */
import { z } from 'zod';
import { Job, Result, State } from '../run/contract.js';

/** Words that are subjects and folders of the system itself are nobody's run. */
export const RunId = z.string().regex(/^(?!(?:sys|api|view|queue)$)[a-z0-9][a-z0-9-]{0,63}$/);
export const RunLine = z.strictObject({
  run: RunId,
  state: State,
  source: z.string(),
  outcome: z.string().nullable(),
  url: z.string().nullable(),
  /** ISO time of submission. */
  at: z.string(),
});
export type RunLine = z.infer<typeof RunLine>;
const StepLine = z.strictObject({
  step: z.string(),
  state: z.string(),
  attempt: z.int(),
  ms: z.number(),
  error: z.record(z.string(), z.unknown()).nullable(),
});

export const runVerbs = {
  'jobs.submit': {
    about: 'Takes a job. The answer comes when the job is on disk.',
    repeatable: false,
    request: z.strictObject({
      source: z.string().min(1).describe('absolute path of a folder or archive on the host, or a git URL'),
      ref: Job.shape.ref,
      service: Job.shape.service,
      copy: Job.shape.copy,
      env: z
        .record(z.string(), z.string())
        .default({})
        .describe('variables for the application; kept in the folder of the run, never told'),
      run: RunId.optional().describe('an id of your own making, so that a repeat is the same job'),
    }),
    response: z.strictObject({ run: RunId }),
  },
  'runs.list': {
    about: 'The runs this runtime remembers, newest first.',
    repeatable: true,
    request: z.strictObject({ all: z.boolean().default(false).describe('ended ones too') }),
    response: z.strictObject({ runs: z.array(RunLine) }),
  },
  'runs.get': {
    about: 'One run: its state, its steps, its result when it is known.',
    repeatable: true,
    request: z.strictObject({ run: RunId }),
    response: RunLine.extend({
      ended: z.boolean(),
      steps: z.array(StepLine),
      result: Result.nullable(),
      bundle: z.string(),
    }),
  },
  'runs.cancel': {
    about: 'Gives a run up that is not proven yet.',
    repeatable: true,
    request: z.strictObject({ run: RunId }),
    response: z.strictObject({ run: RunId, state: State }),
  },
  'runs.stop': {
    about: 'Ends what a run holds up.',
    repeatable: true,
    request: z.strictObject({ run: RunId }),
    response: z.strictObject({ run: RunId, state: State }),
  },
  'runs.restart': {
    about: 'Starts the application of a run anew that is up.',
    repeatable: false,
    request: z.strictObject({ run: RunId }),
    response: z.strictObject({ run: RunId, state: State }),
  },
  'runs.logs': {
    about: 'The last lines of the logs of a run; or, with `after`, what was printed since they were asked for last.',
    repeatable: true,
    request: z.strictObject({
      run: RunId,
      lines: z.int().min(1).max(5_000).default(200).describe('of each log, where `after` is not given'),
      after: z
        .record(z.string(), z.string())
        .optional()
        .describe('each log by its name with the `at` of the last answer; one not named is told from its beginning'),
      follow: z.boolean().default(false).describe('a last line that is not finished yet is left for later'),
    }),
    response: z.strictObject({
      logs: z.array(
        z.strictObject({
          name: z.string(),
          lines: z.array(z.string()),
          at: z.string().describe('how far it was read, also when the log is rotated meanwhile'),
          missed: z.boolean().describe('what came between is lost: it was printed faster than it was asked for'),
        }),
      ),
      more: z.boolean().describe('there is more to read at once'),
    }),
  },
} as const;
