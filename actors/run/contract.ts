/** What a run hears and says, and its result (FORMATS 9). */
import { z } from 'zod';

const failure = z.strictObject({ code: z.string(), message: z.string(), fix: z.string() });
export const Outcome = z.enum(['healthy', 'failed', 'needs-input', 'not-runnable', 'cancelled']);
export const State = z.enum([
  'queued',
  'running',
  'waiting',
  'up',
  'done',
  'failed',
  'needs-input',
  'not-runnable',
  'cancelled',
]);

export const Job = z.strictObject({
  workflow: z.literal('repo-run').default('repo-run'),
  /** An absolute path of a folder or archive on the host, or a git URL. */
  source: z.string().min(1),
  ref: z.string().nullable().default(null),
  /** A service's name or path; null: the best one. */
  service: z.string().nullable().default(null),
  /** Work on a copy in any case. */
  copy: z.boolean().default(false),
  /** Who asked. */
  user: z.string().default('local'),
});
export const Fix = z.strictObject({
  rule: z.string(),
  phase: z.string(),
  step: z.string(),
  cause: z.string(),
  actions: z.array(z.record(z.string(), z.unknown())),
  signature: z.string(),
  /** null: not known yet. */
  helped: z.boolean().nullable(),
  ms: z.number(),
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
  fixes: z.array(Fix.omit({ signature: true, step: true })),
  /** Choices below what was asked for, e.g. the nearest version of a runtime. */
  degraded: z.array(z.string()),
  run: z.string(),
  /** Absolute path of the run's folder. */
  bundle: z.string(),
  ms: z.strictObject({
    detect: z.number(),
    setup: z.number(),
    run: z.number(),
    prove: z.number(),
    heal: z.number(),
    total: z.number(),
  }),
  tokens: z.literal(0),
  error: failure.nullable(),
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
export const Stop = z.strictObject({ type: z.literal('run.stop'), reason: z.enum(['stop', 'cancel']) });
export const Watch = z.strictObject({ type: z.literal('run.watch') });

export const Started = z.strictObject({
  type: z.literal('run.started'),
  source: z.string(),
  /** It goes on from a step of another run, with the results of these. */
  fork: z.strictObject({ run: z.string(), from: z.string(), kept: z.array(z.string()) }).optional(),
});
export const StepBegan = z.strictObject({
  type: z.literal('run.step-began'),
  step: z.string(),
  phase: z.string(),
  attempt: z.int(),
});
export const StepEnded = z.strictObject({
  type: z.literal('run.step-ended'),
  step: z.string(),
  phase: z.string(),
  attempt: z.int(),
  ok: z.boolean(),
  ms: z.number(),
  /** What it found or did, in a few words. */
  note: z.string(),
  error: failure.nullable(),
});
export const FixTried = z.strictObject({ type: z.literal('run.fix-tried'), fix: Fix });
export const FixJudged = z.strictObject({ type: z.literal('run.fix-judged'), fix: Fix });
export const Settled = z.strictObject({ type: z.literal('run.settled'), result: Result });
export const AppExited = z.strictObject({
  type: z.literal('run.app-exited'),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  lines: z.array(z.string()),
  /** Set when the application did not end by itself: its keeper died, or nobody can watch it any more. */
  error: failure.nullable(),
});
export const Stopping = z.strictObject({ type: z.literal('run.stopping') });
export const Ended = z.strictObject({
  type: z.literal('run.ended'),
  state: State,
  /** Processes that could not be ended. */
  left: z.array(z.int()),
  /** Why it is not known what is left. */
  unswept: failure.nullable(),
});
export const Command = z.discriminatedUnion('type', [Start, Stop, Watch]);
export const Fact = z.union([Started, StepBegan, StepEnded, FixTried, FixJudged, Settled, AppExited, Stopping, Ended]);
export const Ends = ['run.stopping'] as const;
/** Facts that end every open command of a type, whoever caused them. */
export const EndsAll = { 'run.start': 'run.settled', 'run.watch': 'run.ended' } as const;
export type Outcome = z.infer<typeof Outcome>;
export type State = z.infer<typeof State>;
export type Seed = z.infer<typeof Seed>;
export type Job = z.infer<typeof Job>;
export type Fix = z.infer<typeof Fix>;
export type Result = z.infer<typeof Result>;
export type Command = z.infer<typeof Command>;
export type Fact = z.infer<typeof Fact>;
