/** The front door: what clients in any language may ask on `rr.api.<user>.<service>.<verb>`, and what they hear. */
import { z } from 'zod';
import { Job, Result, State } from '../run/contract.js';

/** Words that are subjects and folders of the system itself are nobody's run. */
const run = z.string().regex(/^(?!(?:sys|api|view|queue)$)[a-z0-9][a-z0-9-]{0,63}$/);
export const RunLine = z.strictObject({
  run,
  state: State,
  source: z.string(),
  outcome: z.string().nullable(),
  url: z.string().nullable(),
  /** ISO time of submission. */
  at: z.string(),
});
const StepLine = z.strictObject({
  step: z.string(),
  state: z.string(),
  attempt: z.int(),
  ms: z.number(),
  error: z.record(z.string(), z.unknown()).nullable(),
});

/** Every verb: its request and its response, checked both ways. */
export const verbs = {
  'jobs.submit': {
    about: 'Takes a job. The answer comes when the job is on disk.',
    request: z.strictObject({
      source: z.string().min(1).describe('absolute path of a folder or archive on the host, or a git URL'),
      ref: Job.shape.ref,
      service: Job.shape.service,
      copy: Job.shape.copy,
      env: z
        .record(z.string(), z.string())
        .default({})
        .describe('variables for the application; kept in the folder of the run, never told'),
      run: run.optional().describe('an id of your own making, so that a repeat is the same job'),
    }),
    response: z.strictObject({ run }),
  },
  'runs.list': {
    about: 'The runs this runtime remembers, newest first.',
    request: z.strictObject({ all: z.boolean().default(false).describe('ended ones too') }),
    response: z.strictObject({ runs: z.array(RunLine) }),
  },
  'runs.get': {
    about: 'One run: its state, its steps, its result when it is known.',
    request: z.strictObject({ run }),
    response: RunLine.extend({
      ended: z.boolean(),
      steps: z.array(StepLine),
      result: Result.nullable(),
      bundle: z.string(),
    }),
  },
  'runs.cancel': {
    about: 'Gives a run up that is not proven yet.',
    request: z.strictObject({ run }),
    response: z.strictObject({ run, state: State }),
  },
  'runs.stop': {
    about: 'Ends what a run holds up.',
    request: z.strictObject({ run }),
    response: z.strictObject({ run, state: State }),
  },
  'runs.logs': {
    about: 'The last lines of the logs of a run.',
    request: z.strictObject({ run, lines: z.int().min(1).max(5_000).default(200) }),
    response: z.strictObject({ logs: z.array(z.strictObject({ name: z.string(), lines: z.array(z.string()) })) }),
  },
  'admin.tree': {
    about: 'Who is alive on this host, and whose child.',
    request: z.strictObject({}),
    response: z.strictObject({
      host: z.string(),
      actors: z.array(
        z.strictObject({
          address: z.string(),
          kind: z.string(),
          version: z.int(),
          turn: z.int(),
          state: z.unknown(),
          owed: z.int(),
          parent: z.string().nullable(),
          restarts: z.int(),
        }),
      ),
    }),
  },
} as const;
export type Verb = keyof typeof verbs;
export type Request<V extends Verb> = z.output<(typeof verbs)[V]['request']>;
export type Response<V extends Verb> = z.output<(typeof verbs)[V]['response']>;
export const serviceName = 'repo-runner';
