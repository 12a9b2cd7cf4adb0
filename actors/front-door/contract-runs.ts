/** What clients may ask about jobs and runs. */
import { z } from 'zod';
import { Sample, Status } from '../../agents/monitor/contract.js';
import { Job, RestartPolicy, Result, State } from '../run/contract.js';

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

const Failure = z.strictObject({ code: z.string(), message: z.string(), fix: z.string() });
const decision = z.strictObject({
  atMs: z.number(),
  who: z.string(),
  question: z.string(),
  option: z.string(),
  reason: z.string(),
  confidence: z.number(),
  by: z.string(),
});
export const Timeline = z.strictObject({
  run: z.string(),
  source: z.string(),
  /** Of the run as it stands. */
  state: z.string(),
  outcome: z.string().nullable(),
  error: Failure.nullable(),
  /** ISO time; all `atMs` and `fromMs` count from here. */
  startedAt: z.string(),
  /** From the start to the outcome, or to now. */
  totalMs: z.number(),
  fork: z.strictObject({ run: z.string(), from: z.string(), kept: z.array(z.string()) }).nullable(),
  steps: z.array(
    z.strictObject({
      step: z.string(),
      phase: z.string(),
      attempt: z.int(),
      fromMs: z.number(),
      ms: z.number(),
      ok: z.boolean().nullable().describe('null: at work, or its end was never heard of'),
      note: z.string(),
    }),
  ),
  fixes: z.array(
    z.strictObject({
      atMs: z.number(),
      ms: z.number().describe('how long it was looked for'),
      step: z.string(),
      rule: z.string(),
      cause: z.string(),
      helped: z.boolean().nullable(),
      patch: z.string().nullable().describe('of the repository, from the folder of the run'),
    }),
  ),
  falls: z
    .array(
      z.strictObject({
        atMs: z.number(),
        service: z.string(),
        reason: z.string(),
        became: z.enum(['down', 'restarted', 'healed', 'well', 'unwell', 'failed']),
        downMs: z.number().nullable().describe('until it was proven again; null: it was not'),
      }),
    )
    .describe('times its application failed after it had been up'),
  decisions: z.array(decision),
  spent: z
    .record(z.string(), z.number())
    .describe('milliseconds: `waiting` for a slot, the phases, `heal`, `up` while it was held, `ending`'),
});
const Waits = z.strictObject({
  for: z.string(),
  step: z.string().nullable(),
  until: z.number().nullable().describe('epoch ms at which it is over in any case'),
  what: z.string().optional().describe('what is asked, or the name of the signal'),
  options: z.array(z.string()).optional(),
});

const Asked = z.strictObject({
  id: z.string().describe('for admin.decide'),
  address: z.string(),
  question: z.string(),
  options: z.array(z.string()),
  error: z.string().describe('what its actor died of'),
});
export type Asked = z.infer<typeof Asked>;

export const ExportFormat = z.enum(['dockerfile', 'compose', 'devcontainer', 'github-actions', 'script', 'json']);
export type ExportFormat = z.infer<typeof ExportFormat>;

const Healing = z.strictObject({
  service: z.string(),
  reason: z.string(),
  since: z.number().describe('epoch ms at which it fell'),
  step: z.string().describe('that is at work, or that failed'),
  rule: z.string().nullable().describe('that is being tried; null: one is sought'),
  cause: z.string().nullable().describe('as that rule sees it'),
  after: z.string().nullable().describe('the service or the private server that is brought up again before it'),
});
export const runVerbs = {
  'jobs.submit': {
    about: 'Takes a job. The answer comes when the job is on disk.',
    repeatable: false,
    request: z.strictObject({
      source: z
        .string()
        .default('')
        .describe('absolute path of a folder or archive on the host, or a git URL; some workflows want none'),
      workflow: z.string().min(1).default('repo-run').describe('its name; workflows.list has them all'),
      input: z.record(z.string(), z.unknown()).default({}).describe('what its steps see as $input'),
      restart: RestartPolicy.optional().describe(
        'whether an application that was up and ends is started again; default: no, and of several services what the repository says of each',
      ),
      ref: Job.shape.ref,
      service: Job.shape.service,
      copy: Job.shape.copy,
      fresh: z.boolean().optional().describe('its databases begin empty; else with the data of the last run'),
      without: z.array(z.string()).max(200).optional().describe('rules of the fixer that are not asked, by id'),
      sandbox: z
        .enum(['auto', 'off', 'strict'])
        .optional()
        .describe('whether its commands run in a sandbox; default: the setting of the host'),
      isolation: z
        .enum(['none', 'container'])
        .optional()
        .describe('container: setup and application run in a container of docker or podman; default: none'),
      allow: z
        .array(z.string().regex(/^(\*\.)?[\w.-]+(:\d{1,5})?$/))
        .max(100)
        .default([])
        .describe('hosts that a strict sandbox may reach: host, host:port, *.host'),
      env: z
        .record(z.string(), z.string())
        .default({})
        .describe('variables for the application; kept in the folder of the run, never told'),
      run: RunId.optional().describe(
        'an id of your own making, so that a repeat is the same job; of another job it is refused',
      ),
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
      workflow: z.string(),
      steps: z.array(StepLine),
      waitsFor: z.array(Waits).describe('what would wake it next; empty when it has ended'),
      asked: z.array(Asked).describe('what a person must decide before it can go on: one of its actors was given up'),
      result: Result.nullable(),
      cause: Failure.nullable().describe('what ended it after its result was known; null: nothing, or not yet'),
      bundle: z.string(),
    }),
  },
  'runs.status': {
    about: 'How the applications that a run holds up are: what was seen of them since they were proven.',
    repeatable: true,
    request: z.strictObject({ run: RunId }),
    response: z.strictObject({
      run: RunId,
      state: State,
      services: z.array(
        Status.omit({ format: true, samples: true, logAt: true, wellAt: true }).extend({
          up: z.boolean().describe('it is held up at present'),
          rising: z.boolean().describe('it is being started again or repaired, or will be in its turn'),
          restarts: z.int().describe('times it was started again'),
          heals: z.int().describe('times it was repaired after it had been up'),
          healing: Healing.nullable().describe('it was up, failed, and is being repaired; null: it is not'),
          last: Sample.nullable().describe('the last look; null: none yet'),
        }),
      ),
      servers: z
        .array(
          z.strictObject({
            kind: z.string(),
            host: z.string(),
            port: z.int(),
            up: z.boolean(),
            restarts: z.int().describe('times it was begun again within the last minute that it was'),
            lost: z.boolean().describe('it ended too often and is begun no more'),
          }),
        )
        .describe('private databases and other servers of the run'),
      healing: Healing.nullable().describe('of the one that fell first; null: none is being repaired'),
    }),
  },
  'runs.timeline': {
    about: 'What a run did and when: its steps, repairs and decisions, and where the time went.',
    repeatable: true,
    request: z.strictObject({ run: RunId }),
    response: Timeline,
  },
  'runs.export': {
    about: 'What a proven run really used, as a file for others. Nothing secret is in it: names only.',
    repeatable: true,
    request: z.strictObject({
      run: RunId.nullable().default(null).describe('null: the newest that was proven'),
      format: ExportFormat,
    }),
    response: z.strictObject({
      run: RunId,
      format: ExportFormat,
      path: z.string().describe('where such a file usually lies, from the root of the repository'),
      text: z.string(),
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
