/** What a run hears and says, and its result (FORMATS 9). */
import { z } from 'zod';
import { Tests } from '../../agents/tester/contract.js';

const failure = z.strictObject({ code: z.string(), message: z.string(), fix: z.string() });
export const Outcome = z.enum(['healthy', 'failed', 'needs-input', 'not-runnable', 'cancelled']);
export const State = z.enum([
  'queued',
  'running',
  'waiting',
  'up',
  /** It was up, failed, and is being repaired. */
  'healing',
  'done',
  'failed',
  'needs-input',
  'not-runnable',
  'cancelled',
]);

export const RestartPolicy = z.enum(['no', 'on-failure', 'always']);
export const Job = z.strictObject({
  workflow: z.string().default('repo-run'),
  /** An absolute path of a folder or archive on the host, or a git URL; empty where the workflow wants none. */
  source: z.string(),
  ref: z.string().nullable().default(null),
  /** A service's name or path; null: the best one. */
  service: z.string().nullable().default(null),
  /** Work on a copy in any case. */
  copy: z.boolean().default(false),
  /** Databases of the run begin with empty data; absent: with that of the last run. */
  fresh: z.boolean().optional(),
  /** Rules of the fixer that are not asked, by id; absent: all are. */
  without: z.array(z.string()).optional(),
  /** Who asked. */
  user: z.string().default('local'),
  /** What the workflow's steps see as `$input`. */
  input: z.record(z.string(), z.unknown()).optional(),
  /** Whether an application that was up and ends by itself is started again; absent: what the repository says, else no. */
  restart: RestartPolicy.optional(),
});
export const Fix = z.strictObject({
  rule: z.string(),
  phase: z.string(),
  step: z.string(),
  /** The service it was for, where there are several. */
  of: z.string().optional(),
  cause: z.string(),
  actions: z.array(z.record(z.string(), z.unknown())),
  signature: z.string(),
  /** null: not known yet. */
  helped: z.boolean().nullable(),
  ms: z.number(),
  /** A patch of the repository that stands for it, from the run's folder; absent: there is none. */
  patch: z.string().optional(),
  /** The application had been up before. */
  later: z.boolean().optional(),
});
export const Proven = z.strictObject({
  name: z.string(),
  url: z.string().nullable(),
  proof: z.record(z.string(), z.unknown()).nullable(),
});
export const Result = z.strictObject({
  type: z.literal('result'),
  outcome: Outcome,
  kind: z.string().nullable(),
  services: z.array(Proven),
  fixes: z.array(Fix.omit({ signature: true, step: true, later: true })),
  /** Choices below what was asked for, e.g. the nearest version of a runtime. */
  degraded: z.array(z.string()),
  run: z.string(),
  /** Absolute path of the run's folder. */
  bundle: z.string(),
  /** By phase; a workflow may have others beside these. */
  ms: z
    .object({
      detect: z.number(),
      setup: z.number(),
      run: z.number(),
      prove: z.number(),
      heal: z.number(),
      total: z.number(),
    })
    .catchall(z.number()),
  /** Of the repository's own tests; null: asked for, and there are none or they were not come to; absent: not asked for. */
  tests: Tests.nullable().optional(),
  tokens: z.literal(0),
  error: failure.nullable(),
  /** What the workflow gives, where its definition says so. */
  output: z.record(z.string(), z.unknown()).optional(),
});
/** A choice that was made among given options. */
export const Decision = z.strictObject({
  question: z.string(),
  facts: z.record(z.string(), z.unknown()),
  option: z.string(),
  reason: z.string(),
  confidence: z.number(),
  by: z.enum(['rule', 'model', 'person']),
});

/** What a run starts with that goes on from a step of another (see fork.ts). */
export const Seed = z.strictObject({
  /** The other run, and the step that is done again. */
  run: z.string(),
  from: z.string(),
  /** Steps that are not done again. */
  steps: z.record(
    z.string(),
    z.strictObject({ state: z.enum(['done', 'skipped', 'failed']), attempt: z.int(), error: failure.nullable() }),
  ),
  results: z.record(z.string(), z.record(z.string(), z.unknown())),
  overlay: z.record(z.string(), z.unknown()),
});

export const Start = z.strictObject({
  type: z.literal('run.start'),
  run: z.string(),
  job: Job,
  bundle: z.string(),
  at: z.number(),
  seed: Seed.optional(),
});
/** Ends an `up` run, or gives up one that is not proven yet. */
export const Stop = z.strictObject({
  type: z.literal('run.stop'),
  reason: z.enum(['stop', 'cancel']),
  /** Epoch ms at which it was asked for: up to then its time is counted. */
  at: z.number().optional(),
});
export const Watch = z.strictObject({ type: z.literal('run.watch') });
/** Answers a step that asks for approval; `step` null: the only one that does. */
export const Decide = z.strictObject({
  type: z.literal('run.decide'),
  step: z.string().nullable(),
  option: z.string(),
  by: z.string(),
  reason: z.string(),
  at: z.number(),
});
export const Signal = z.strictObject({
  type: z.literal('run.signal'),
  name: z.string(),
  payload: z.unknown(),
  by: z.string(),
  at: z.number(),
});
/** A semaphore that a step waited for is free: it may ask again and will get it. */
export const Permit = z.strictObject({
  type: z.literal('run.permit'),
  name: z.string(),
  step: z.string(),
  attempt: z.int(),
});
/** Ends what is up and starts it again, one after the other where there are several; the run stays up. */
export const Restart = z.strictObject({
  type: z.literal('run.restart'),
  /** One of several, by its name; null: all. */
  service: z.string().nullable().default(null),
  at: z.number(),
});

export const Started = z.strictObject({
  type: z.literal('run.started'),
  source: z.string(),
  /** It goes on from a step of another run, with the results of these. */
  fork: z.strictObject({ run: z.string(), from: z.string(), kept: z.array(z.string()) }).optional(),
});
export const StepBegan = z.strictObject({
  type: z.literal('run.step-began'),
  step: z.string(),
  /** The item it is done for, by its name, where there are several. */
  of: z.string().optional(),
  phase: z.string(),
  attempt: z.int(),
});
export const StepEnded = z.strictObject({
  type: z.literal('run.step-ended'),
  step: z.string(),
  of: z.string().optional(),
  phase: z.string(),
  attempt: z.int(),
  ok: z.boolean(),
  ms: z.number(),
  /** What it found or did, in a few words. */
  note: z.string(),
  error: failure.nullable(),
});
/** A step waits for a time, a signal or a person. */
export const StepWaits = z.strictObject({
  type: z.literal('run.step-waits'),
  step: z.string(),
  for: z.enum(['timer', 'approval', 'signal']),
  until: z.number().optional(),
  question: z.string().optional(),
  options: z.array(z.string()).optional(),
  signal: z.string().optional(),
});
export const Decided = z.strictObject({ type: z.literal('run.decided'), step: z.string(), decision: Decision });
export const Signalled = z.strictObject({
  type: z.literal('run.signalled'),
  name: z.string(),
  /** Null: nobody waits for it yet; it is kept. */
  step: z.string().nullable(),
  by: z.string(),
});
export const Permitted = z.strictObject({ type: z.literal('run.permitted'), step: z.string(), attempt: z.int() });
export const Refused = z.strictObject({ type: z.literal('run.refused'), error: failure });
/** What a step did has been taken back, or could not be. */
export const Compensated = z.strictObject({
  type: z.literal('run.compensated'),
  step: z.string(),
  ok: z.boolean(),
  tries: z.int(),
  error: failure.nullable(),
});
/** The definition is another than at the start; what has begun is the same in it, so the run goes on by it. */
export const Adapted = z.strictObject({
  type: z.literal('run.adapted'),
  workflow: z.string(),
  from: z.int(),
  to: z.int(),
});
/** Nothing would ever have woken it: our fault. */
export const Stranded = z.strictObject({ type: z.literal('run.stranded'), error: failure });
export const FixTried = z.strictObject({ type: z.literal('run.fix-tried'), fix: Fix });
export const FixJudged = z.strictObject({ type: z.literal('run.fix-judged'), fix: Fix });
export const Settled = z.strictObject({ type: z.literal('run.settled'), result: Result });
export const AppExited = z.strictObject({
  type: z.literal('run.app-exited'),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  lines: z.array(z.string()),
  /** Why it is lost: what no repair is known for, or that its keeper died and nobody can watch it any more; null: it has merely ended. */
  error: failure.nullable(),
  /** Which of several it was; absent: the run held one. */
  service: z.string().optional(),
});
/** It ended by itself and is started again, for the `restart`th time within a minute. */
export const AppFell = AppExited.extend({ type: z.literal('run.app-fell'), restart: z.int(), inMs: z.number() });
/** It is up again, and proven. */
export const AppRestarted = z.strictObject({
  type: z.literal('run.app-restarted'),
  /** Which of several it is; absent: the run holds one. */
  service: z.string().optional(),
  /** It fell; else somebody asked for it. */
  byItself: z.boolean(),
  /** Within the last minute. */
  restarts: z.int(),
  pid: z.int().nullable(),
  url: z.string().nullable(),
  /** Since it fell, or since it was asked for. */
  downMs: z.number().optional(),
});
/** It was up and failed beyond what starting it again helps: a repair is sought for it. */
export const AppHealing = z.strictObject({
  type: z.literal('run.app-healing'),
  service: z.string(),
  reason: z.string(),
  /** Epoch ms of the first bad look, or of its end. */
  since: z.number(),
  /** How it ended; both null: it is alive. */
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
});
/** It is up again and proven, after repairs. */
export const AppHealed = z.strictObject({
  type: z.literal('run.app-healed'),
  service: z.string(),
  /** From the first bad look, or from its end, to the proof. */
  downMs: z.number(),
  /** The rules that helped. */
  rules: z.array(z.string()),
  pid: z.int().nullable(),
  url: z.string().nullable(),
});
/** No repair is known for it. It is alive, and left as it is. */
export const AppHelpless = z.strictObject({
  type: z.literal('run.app-helpless'),
  service: z.string(),
  error: failure,
});
/** It is up and does not answer well any more. */
export const AppUnwell = z.strictObject({
  type: z.literal('run.app-unwell'),
  service: z.string(),
  reason: z.string(),
  /** Epoch ms. */
  since: z.number(),
});
export const AppWell = z.strictObject({
  type: z.literal('run.app-well'),
  service: z.string(),
  /** How long it was not. */
  downMs: z.number(),
});
/** A private server of its own ended while the application was up, and is begun again, for the `restart`th time in a minute. */
export const ServerFell = z.strictObject({
  type: z.literal('run.server-fell'),
  /** Its kind, e.g. `postgres`. */
  server: z.string(),
  reason: z.string(),
  restart: z.int(),
  inMs: z.number(),
});
/** It is up again, where it was and with its data. */
export const ServerRestarted = z.strictObject({
  type: z.literal('run.server-restarted'),
  server: z.string(),
  port: z.int(),
  downMs: z.number(),
});
/** It ended too often, and is begun no more. */
export const ServerLost = z.strictObject({
  type: z.literal('run.server-lost'),
  server: z.string(),
  error: failure,
});
export const Restarting = z.strictObject({
  type: z.literal('run.restarting'),
  /** In the order in which they are started. */
  services: z.array(z.string()),
});
export const Stopping = z.strictObject({ type: z.literal('run.stopping') });
export const Ended = z.strictObject({
  type: z.literal('run.ended'),
  state: State,
  /** Processes that could not be ended. */
  left: z.array(z.int()),
  /** Why it is not known what is left. */
  unswept: failure.nullable(),
  /** Steps that could not be taken back; absent: none. */
  notUndone: z.array(z.strictObject({ step: z.string(), error: failure })).optional(),
});
export const Command = z.discriminatedUnion('type', [Start, Stop, Watch, Decide, Signal, Permit, Restart]);
export const Fact = z.union([
  Started,
  StepBegan,
  StepEnded,
  StepWaits,
  Decided,
  Signalled,
  Permitted,
  Refused,
  Compensated,
  Adapted,
  Stranded,
  FixTried,
  FixJudged,
  Settled,
  AppExited,
  AppFell,
  AppRestarted,
  AppHealing,
  AppHealed,
  AppHelpless,
  AppUnwell,
  AppWell,
  ServerFell,
  ServerRestarted,
  ServerLost,
  Restarting,
  Stopping,
  Ended,
]);
export const Ends = [
  'run.stopping',
  'run.decided',
  'run.signalled',
  'run.permitted',
  'run.restarting',
  'run.refused',
] as const;
/** Facts that end every open command of a type, whoever caused them. */
export const EndsAll = { 'run.start': 'run.settled', 'run.watch': 'run.ended' } as const;
export type Outcome = z.infer<typeof Outcome>;
export type State = z.infer<typeof State>;
export type Seed = z.infer<typeof Seed>;
export type Job = z.infer<typeof Job>;
export type Decision = z.infer<typeof Decision>;
export type Fix = z.infer<typeof Fix>;
export type Result = z.infer<typeof Result>;
export type Command = z.infer<typeof Command>;
export type Fact = z.infer<typeof Fact>;
