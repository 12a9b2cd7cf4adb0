/** What the fixer hears and says. It names the cause of a failure and the repair; every repair is data and reversible. */
import { z } from 'zod';
import { Evidence } from '../dependency/contract.js';
import { Service } from '../detection/contract.js';

/**
 * Stands for a secret that is made up for the run: as a variable's whole value in the overlay's env, or after the `=` of
 * a line of an overlay file (`SESSION_SECRET=$generate`). The value is derived where it is used, from the run's seed and the
 * variable's name; it never crosses the bus and is in no fact.
 */
export const GENERATE = '$generate';

/**
 * What lies over the repository in a run, never in it: the sum of all fixes kept so far.
 * Undoing a fix is going back to the overlay before it.
 */
export const Overlay = z.strictObject({
  /** Variables for all commands of the service; `$generate` for a secret of its own. */
  env: z.record(z.string(), z.string()),
  /** Commands in place of the plan's. */
  install: z.array(z.string()).nullable(),
  build: z.array(z.string()).nullable(),
  start: z.string().nullable(),
  /** Commands after the install, e.g. a package that is used and not declared. */
  extraInstall: z.array(z.string()),
  /** Tool → version wanted in place of the plan's. */
  versions: z.record(z.string(), z.string()),
  /** Tools for which the nearest version will do. */
  relaxed: z.array(z.string()),
  /** The work is to be done on a copy: a fix writes where the repository's owner does. */
  copy: z.boolean(),
  /** Ports that were lost to another program between lease and start. */
  notPorts: z.array(z.int()),
  /** Files written into the copy before the install, path from the service's folder. */
  files: z.array(z.strictObject({ path: z.string(), text: z.string() })),
  /** Commands in the service's folder after the build and before the start, with the application's environment. */
  prepare: z.array(z.string()).default([]),
  /** Services that showed to be needed only when the application ran; `database`: one that must be there in it. */
  services: z
    .array(
      z.strictObject({
        service: z.string(),
        host: z.string().nullable(),
        port: z.int().nullable(),
        database: z.string().nullable(),
      }),
    )
    .default([]),
  /** Names that must resolve for the application → address. */
  hosts: z.record(z.string(), z.string()).default({}),
  /** Packages of the system that a command needs, by their Debian names. */
  packages: z.array(z.string()).default([]),
  /** The application is started in a network of its own, where this port, on which it insists, is free. */
  ownNetwork: z.int().nullable().default(null),
  /** The application is started in a network of its own, where these services of the run answer at these ports of loopback. */
  served: z.array(z.strictObject({ service: z.string(), port: z.int() })).default([]),
});
export const emptyOverlay: z.infer<typeof Overlay> = {
  env: {},
  install: null,
  build: null,
  start: null,
  extraInstall: [],
  versions: {},
  relaxed: [],
  copy: false,
  notPorts: [],
  files: [],
  prepare: [],
  services: [],
  hosts: {},
  packages: [],
  ownNetwork: null,
  served: [],
};
/** The closed vocabulary of repairs. Values and texts may hold `$generate`, never a secret. */
export const Action = z.discriminatedUnion('do', [
  z.strictObject({ do: z.literal('set-env'), name: z.string(), value: z.string() }),
  z.strictObject({
    do: z.literal('set-command'),
    role: z.enum(['install', 'build', 'start']),
    commands: z.array(z.string()),
  }),
  z.strictObject({ do: z.literal('add-install'), command: z.string() }),
  z.strictObject({ do: z.literal('choose-version'), tool: z.string(), want: z.string() }),
  z.strictObject({ do: z.literal('relax-version'), tool: z.string() }),
  z.strictObject({ do: z.literal('use-copy') }),
  z.strictObject({ do: z.literal('move-port'), port: z.int() }),
  z.strictObject({ do: z.literal('write-overlay-file'), path: z.string(), text: z.string() }),
  z.strictObject({ do: z.literal('run-command'), command: z.string() }),
  z.strictObject({ do: z.literal('migrate'), command: z.string() }),
  z.strictObject({
    do: z.literal('start-service'),
    service: z.string(),
    host: z.string().nullable(),
    port: z.int().nullable(),
  }),
  z.strictObject({ do: z.literal('create-database'), service: z.string(), database: z.string() }),
  z.strictObject({ do: z.literal('map-host'), host: z.string(), address: z.string() }),
  z.strictObject({ do: z.literal('install-system-package'), packages: z.array(z.string()) }),
  z.strictObject({ do: z.literal('own-network'), port: z.int() }),
  z.strictObject({ do: z.literal('serve-at'), service: z.string(), port: z.int() }),
  z.strictObject({ do: z.literal('do-again'), step: z.enum(['services', 'deps', 'build', 'start']) }),
]);
/** Repairs that need more than the overlay: who asks says which of them the run can carry out. */
export const WORLDLY = [
  'start-service',
  'create-database',
  'map-host',
  'install-system-package',
  'own-network',
  'serve-at',
] as const;
const failure = z.strictObject({ code: z.string(), message: z.string(), fix: z.string() });

export const Heal = z.strictObject({
  type: z.literal('fixer.heal'),
  /** The step that failed and its phase. */
  step: z.string(),
  phase: z.string(),
  error: failure,
  evidence: Evidence.nullable(),
  /** The service as planned; the overlay says what is different now. */
  service: Service,
  overlay: Overlay,
  /** Absolute folder of the service, to look into (never to write). */
  cwd: z.string(),
  /** Port leased to the service, if one was. */
  port: z.int().nullable(),
  /** What was tried in this run: the same fix is never tried twice on the same input. */
  tried: z.array(z.strictObject({ rule: z.string(), phase: z.string(), signature: z.string() })),
  /** Rules that are not asked, by id: who asked for the run does not want them. */
  without: z.array(z.string()).default([]),
  /** Which of the repairs that need more than the overlay this run can carry out. */
  can: z.array(z.enum(WORLDLY)).default([]),
  /** Services it could start, by the names a plan's `needs` may have; and those it has brought up. */
  startable: z.array(z.string()).default([]),
  running: z.array(z.string()).default([]),
  /** Ports of loopback at which the code looks for one of those, whatever its variables say, and which that has not. */
  fixed: z.array(z.strictObject({ kind: z.string(), port: z.int(), from: z.string() })).default([]),
  /** The application had been up and proven when it failed; null: it has not come so far yet. */
  later: z
    .strictObject({
      /** What all its processes had when they were looked at last; null: they were not. */
      memoryBytes: z.int().nullable(),
    })
    .nullable()
    .default(null),
  /** A person has said which database it is to use: nothing is made in that. */
  theirs: z.boolean().default(false),
});
export const Fixed = z.strictObject({
  type: z.literal('fixer.fixed'),
  rule: z.string(),
  cause: z.string(),
  actions: z.array(Action),
  /** rule + what it matched, to know a repeat by. */
  signature: z.string(),
  overlay: Overlay,
  /** The step to go on from: the failed one, or an earlier one that the fix changes. */
  from: z.string(),
});
/** Nothing helps: one clear error with the single next step for a person. */
export const Helpless = z.strictObject({
  type: z.literal('fixer.helpless'),
  error: failure,
  cause: z.string().nullable(),
});
/** Asks for the changes of the repository that would make the repairs of a proven run needless. */
export const Propose = z.strictObject({
  type: z.literal('fixer.propose'),
  /** Absolute: the repository as it was given. */
  root: z.string(),
  kind: z.enum(['local', 'copy', 'clone', 'archive']),
  /** The repairs that helped, `n` from 0 among all of the run. */
  mended: z.array(
    z.strictObject({
      n: z.int(),
      rule: z.string(),
      actions: z.array(Action),
      service: Service,
      /** Absolute: the repository as the run works in it for that service. */
      work: z.string(),
    }),
  ),
});
/** Unified diffs in the run's folder, for a person to apply. Repairs that touch the same file share one. */
export const Proposed = z.strictObject({
  type: z.literal('fixer.proposed'),
  patches: z.array(
    z.strictObject({
      /** The repairs it stands for. */
      fixes: z.array(z.int()),
      /** From the run's folder. */
      path: z.string(),
      /** What it changes, from the repository's root. */
      files: z.array(z.string()),
    }),
  ),
});
/** What is known of a fix from runs before. */
export const Learned = z.strictObject({
  id: z.string(),
  rule: z.string(),
  phase: z.string(),
  cause: z.string(),
  signature: z.string(),
  /** Its repairs, without the values of variables and the texts of files. */
  actions: z.array(z.record(z.string(), z.unknown())),
  successes: z.int(),
  failures: z.int(),
  /** ISO time of the last one. */
  at: z.string(),
  /** The runs it was counted in. */
  runs: z.array(z.string()),
});
export const Command = z.discriminatedUnion('type', [Heal, Propose]);
export const Fact = z.union([Fixed, Helpless, Proposed]);
export const Ends = ['fixer.fixed', 'fixer.helpless', 'fixer.proposed'] as const;
export type Learned = z.infer<typeof Learned>;
export type Overlay = z.infer<typeof Overlay>;
export type Action = z.infer<typeof Action>;
export type Heal = z.infer<typeof Heal>;
export type Fixed = z.infer<typeof Fixed>;
/** What ends a `fixer.heal`. */
export type Answer = Fixed | z.infer<typeof Helpless>;
export type Propose = z.infer<typeof Propose>;
export type Proposed = z.infer<typeof Proposed>;
export type Fact = z.infer<typeof Fact>;
