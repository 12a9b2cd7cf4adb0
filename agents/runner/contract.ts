/** What the runner hears and says. It starts the application under the keeper, finds where it listens, and stops it. */
import { z } from 'zod';
import { Evidence, Tool } from '../dependency/contract.js';
import { Contained, Ready } from '../detection/contract.js';

const failure = z.strictObject({ code: z.string(), message: z.string(), fix: z.string() });
export const Start = z.strictObject({
  type: z.literal('runner.start'),
  service: z.string(),
  cwd: z.string(),
  command: z.string(),
  /**
   * http: wait until it listens; log: until it has stayed up a moment; exit: until it ends; either: until it ends, or
   * does nothing but listen.
   */
  until: z.enum(['http', 'log', 'exit', 'either']),
  tools: z.array(Tool),
  envFile: z.string().nullable(),
  env: z.record(z.string(), z.string()).default({}),
  /** The port leased to it, handed over in every known way. */
  port: z.int(),
  /** Names that must resolve for it alone → address. */
  hosts: z.record(z.string(), z.string()).default({}),
  /** `host:port` of the run's own services, which it may reach from any sandbox. */
  reach: z.array(z.string()).default([]),
  /** In a network of its own, where this port, which is taken on the machine, is free; it is brought out at the one leased. */
  ownNetwork: z.int().nullable().default(null),
  /** In a network of its own, where each of these servers, `to` as `host:port`, is also found at port `at` of loopback. */
  served: z.array(z.strictObject({ at: z.int(), to: z.string() })).default([]),
  /** Places of an image: `from` an absolute path of the workspace, or the name of a volume that is kept from run to run. */
  mounts: z
    .array(z.strictObject({ at: z.string(), from: z.string().nullable(), volume: z.string().nullable() }))
    .default([]),
  /** A command that ends with 0 once it can be used: it is waited for. */
  ready: Ready.optional(),
  /** Ports that it is said to listen on, as they stand in that command. */
  declared: z.array(z.int()).default([]),
  /** By a container engine, from `root`, where the repository lies; else by `command`. */
  container: Contained.optional(),
  root: z.string().default(''),
  /** What the volumes belong to; and whether they begin empty. */
  repository: z.string().default(''),
  fresh: z.boolean().default(false),
});
/** Waits until an application ends. */
export const Watch = z.strictObject({ type: z.literal('runner.watch'), app: z.string() });
/** Stops all commands of the run, or one application; further ones may be started after. */
export const Halt = z.strictObject({ type: z.literal('runner.halt'), app: z.string().optional() });
/** Ends everything of the run that is alive. */
export const Sweep = z.strictObject({ type: z.literal('runner.sweep'), root: z.string().nullable() });

export const Started = z.strictObject({
  type: z.literal('runner.started'),
  /** Its name under the keeper. */
  app: z.string(),
  pid: z.int(),
  startTime: z.number(),
  sockets: z.array(z.strictObject({ host: z.string(), port: z.int() })),
  /** The port at which it listens in its own network, where that is another than the first socket's; else null. */
  inner: z.int().nullable().default(null),
  /** Whether it listens where it was told to; null: it does not listen. */
  tookPort: z.boolean().nullable(),
  exitCode: z.int().nullable(),
  /** Last lines of its log. */
  lines: z.array(z.string()),
  /** Bytes that its log had before it began: what stands before is of an earlier start. */
  logAt: z.int().default(0),
  command: z.string(),
});
export const Failed = z.strictObject({
  type: z.literal('runner.failed'),
  error: failure,
  evidence: Evidence.nullable(),
});
export const Exited = z.strictObject({
  type: z.literal('runner.exited'),
  app: z.string(),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  lost: z.boolean(),
  /** The limit it was stopped at. */
  limit: z.string().nullable().default(null),
  lines: z.array(z.string()),
});
/** The runtime was away and found the application again, alive and unchanged. */
export const Adopted = z.strictObject({ type: z.literal('runner.adopted'), app: z.string(), pid: z.int() });
export const Swept = z.strictObject({ type: z.literal('runner.swept'), left: z.array(z.int()) });
export const Halted = z.strictObject({ type: z.literal('runner.halted'), commands: z.int() });
export const Command = z.discriminatedUnion('type', [Start, Watch, Halt, Sweep]);
export const Fact = z.union([Started, Failed, Exited, Adopted, Halted, Swept]);
export const Ends = ['runner.started', 'runner.failed', 'runner.exited', 'runner.halted', 'runner.swept'] as const;
export type Started = z.infer<typeof Started>;
export type Command = z.infer<typeof Command>;
export type Fact = z.infer<typeof Fact>;
