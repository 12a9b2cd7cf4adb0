/** What the detection agent hears and says, and the words of a plan (docs/formats.md). Imports only zod. */
import { z } from 'zod';

/** Where a claim comes from: `file:line` (POSIX path from the repository's root), or `file` where no line says it. */
export const From = z.string();
export const Kind = z.enum([
  'web-service',
  'static-site',
  'worker',
  'cli',
  'library',
  'job',
  'notebook',
  'compose',
  'unknown',
]);
export const Evidence = z.strictObject({ claim: z.string(), file: z.string(), line: z.int().positive().nullable() });

export const Version = z.strictObject({ want: z.string(), from: From });
export const Port = z.strictObject({ number: z.int().min(1).max(65535), from: From });
export const EnvVar = z.strictObject({
  name: z.string(),
  required: z.boolean(),
  /** A value nobody should print. */
  secret: z.boolean(),
  default: z.string().nullable(),
  from: From,
});
export const Commands = z.strictObject({
  /** Shell strings; the working directory is the service's `path`. */
  install: z.array(z.string()),
  build: z.array(z.string()),
  /** null: nothing to start (a library). */
  start: z.string().nullable(),
});
/** How the service is to be proven. */
export const Proof = z.strictObject({
  /** http: it answers; log: it stays up; exit: `command` (or start) ends with 0. */
  how: z.enum(['http', 'log', 'exit']),
  /** For `exit`: what to run, e.g. the tests of a library or a CLI's `--help`. */
  command: z.string().nullable(),
  /** For `http`: paths to try first, best first. */
  paths: z.array(z.strictObject({ path: z.string(), from: From })),
});
/** How the repository's own tests are run. */
export const Tests = z.strictObject({
  /** Shell string; the working directory is the service's `path`. */
  command: z.string(),
  /** The runner, where the command or its script names it, e.g. `jest`, `pytest`, `surefire`. */
  framework: z.string().nullable(),
  /** What only the tests need, after the install. */
  install: z.array(z.string()),
  from: From,
});
/** What somebody says once brought it up (a recipe.json in the repository): not proven. */
export const Claim = z.strictObject({
  install: z.array(z.string()),
  build: z.array(z.string()),
  start: z.string(),
  port: z.int().min(1).max(65535).nullable(),
  from: From,
});
/** A command that says whether it is ready to be used: it ends with 0 then. */
export const Ready = z.strictObject({
  /** Shell string; the working directory is the service's `path`. */
  command: z.string(),
  everyMs: z.int().positive(),
  /** It has failed when it takes longer. */
  timeoutMs: z.int().positive(),
  /** So many failures one after another are the end of waiting. */
  tries: z.int().positive(),
  /** How long failures do not count, and how often it is asked meanwhile. */
  graceMs: z.int().nonnegative(),
  graceEveryMs: z.int().positive(),
  from: From,
});
export type Ready = z.infer<typeof Ready>;
/** How a container engine runs a service of a compose file. */
export const Contained = z.strictObject({
  /** Of somebody else; null: it is built. */
  image: z.string().nullable(),
  /** Paths from the repository's root. */
  build: z
    .strictObject({
      context: z.string(),
      file: z.string(),
      target: z.string().nullable(),
      args: z.record(z.string(), z.string()),
    })
    .nullable(),
  /** In the place of what the image begins; null: as the image has it. */
  entrypoint: z.array(z.string()).nullable(),
  command: z.array(z.string()).nullable(),
  workdir: z.string().nullable(),
  /** That it listens on within. */
  ports: z.array(z.int()),
  /** Servers of kinds that are known, which it speaks to. */
  needs: z.array(z.string()),
  /** It speaks to others of the project. */
  speaks: z.boolean(),
});
export type Contained = z.infer<typeof Contained>;
export const Service = z.strictObject({
  name: z.string(),
  /** POSIX path from the repository's root, `.` for the root. */
  path: z.string(),
  kind: Kind,
  /** What a Procfile or compose file calls it, where several run in its folder. */
  process: z.string().optional(),
  language: z.string(),
  framework: z.string().nullable(),
  packageManager: z.string().nullable(),
  versions: z.record(z.string(), Version),
  commands: Commands,
  ports: z.array(Port),
  env: z.array(EnvVar),
  needs: z.array(z.string()),
  proof: Proof,
  /** Asked once it is up, before it is proven; absent: nobody names such a command. */
  ready: Ready.optional(),
  /** Run by a container engine; absent: by its commands. */
  container: Contained.optional(),
  /** Absent: none are named. */
  tests: Tests.optional(),
  /** Tried before `commands`, and left where it does not hold; absent: nobody claims anything else. */
  claim: Claim.optional(),
  /** Files (from `path`) that are its database (SQLite), by the settings of its ORM; absent: none. */
  fileDatabases: z.array(z.strictObject({ path: z.string(), from: From })).optional(),
  /** Paths (from `path`) that install, build and start are known to write, e.g. `node_modules`, `dist`. */
  writes: z.array(z.string()),
  confidence: z.number().min(0).max(1),
  evidence: z.array(Evidence),
});
export const Plan = z.strictObject({
  /** The folder or URL that was given. */
  repository: z.string(),
  services: z.array(Service),
  /** Names of the services to run. */
  chosen: z.array(z.string()),
  notes: z.array(z.string()),
});

/**
 * One thing a file of the repository says about a service, before anybody weighs it.
 * `path`: the service's folder. `weight` 0–1: how binding that source is (a Dockerfile's CMD 0.8, a README line 0.2).
 */
const said = { path: z.string(), from: From, weight: z.number().min(0).max(1) };
export const Hint = z.discriminatedUnion('about', [
  z.strictObject({
    about: z.literal('command'),
    role: z.enum(['install', 'build', 'start', 'worker', 'release', 'test']),
    command: z.string(),
    /** What the file calls that process. */
    process: z.string().optional(),
    ...said,
  }),
  z.strictObject({ about: z.literal('port'), number: z.int().min(1).max(65535), ...said }),
  z.strictObject({
    about: z.literal('env'),
    name: z.string(),
    required: z.boolean(),
    secret: z.boolean(),
    default: z.string().nullable(),
    ...said,
  }),
  z.strictObject({ about: z.literal('version'), tool: z.string(), want: z.string(), ...said }),
  z.strictObject({ about: z.literal('need'), service: z.string(), ...said }),
  z.strictObject({ about: z.literal('health'), route: z.string(), ...said }),
  z.strictObject({
    about: z.literal('member'),
    /** The service's name in a project of several, which is also its host name there. */
    name: z.string(),
    /** Members that are to be up before it. */
    after: z.array(z.string()),
    /** Variables that name another member: as they are written. */
    links: z.array(z.strictObject({ env: z.string(), value: z.string(), to: z.string() })),
    worker: z.boolean(),
    /** Whether it is started again when it ends by itself; absent: nothing is said. */
    restart: z.enum(['no', 'on-failure', 'always']).optional(),
    /** It is up only where one of these is asked for; absent: in any case. */
    profiles: z.array(z.string()).optional(),
    /** Others wait until it has ended well. */
    once: z.boolean().optional(),
    /** Places of its image: what of the repository (POSIX path from the root) is seen there, or a volume's name. */
    mounts: z
      .array(z.strictObject({ at: z.string(), from: z.string().nullable(), volume: z.string().nullable() }))
      .optional(),
    ready: Ready.optional(),
    /** Where nothing of it can be run as it is; absent: it cannot be run by an engine either. */
    container: Contained.optional(),
    /** Nothing of it is in the repository: it is run by an engine or not at all. */
    alone: z.boolean().optional(),
    /** Variables of its own, where several members run in one folder or it is run in a container. */
    env: z.array(z.strictObject({ name: z.string(), secret: z.boolean(), default: z.string() })).optional(),
    ...said,
  }),
]);

export const Detect = z.strictObject({
  type: z.literal('detection.detect'),
  /** Absolute path of the workspace. */
  root: z.string(),
  /** What the user gave, for the plan. */
  repository: z.string(),
  /** A service's name or path to choose; null: choose yourself. */
  service: z.string().nullable().default(null),
});
export const Detected = z.strictObject({
  type: z.literal('detection.detected'),
  services: z.array(Service),
  chosen: z.array(z.string()),
  hints: z.array(Hint),
  notes: z.array(z.string()),
});
const failure = z.strictObject({ code: z.string(), message: z.string(), fix: z.string() });
export const Failed = z.strictObject({ type: z.literal('detection.failed'), error: failure });

export const Command = Detect;
export const Fact = z.union([Detected, Failed]);
/** The facts that end a `detection.detect`. */
export const Ends = ['detection.detected', 'detection.failed'] as const;
export type Kind = z.infer<typeof Kind>;
export type Evidence = z.infer<typeof Evidence>;
export type Service = z.infer<typeof Service>;
export type Claim = z.infer<typeof Claim>;
export type Tests = z.infer<typeof Tests>;
export type Hint = z.infer<typeof Hint>;
export type Plan = z.infer<typeof Plan>;
export type Detect = z.infer<typeof Detect>;
export type Fact = z.infer<typeof Fact>;
