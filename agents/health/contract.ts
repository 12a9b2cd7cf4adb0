/** What the health agent hears and says. Anyone may import this file; it imports only zod. */
import { z } from 'zod';

export const Socket = z.strictObject({ host: z.string(), port: z.int().min(1).max(65535) });
/** A path worth asking (`/health`; of a whole address its path counts) and where it was found (`file:line`). */
export const Route = z.strictObject({ path: z.string(), from: z.string() });

export const Check = z.strictObject({
  type: z.literal('health.check'),
  service: z.string(),
  /** http: it answers; log: it stays alive; exit: it ended with 0. */
  how: z.enum(['http', 'log', 'exit']),
  /** The listening sockets of the application, most likely one first. */
  sockets: z.array(Socket).default([]),
  /** Paths the repository itself names, best first. */
  paths: z.array(Route).default([]),
  /** A page must come back (static site, page framework): JSON or an empty document will not do. */
  wantsPage: z.boolean().default(false),
  /** A listener that does not speak HTTP is what this service is meant to be. */
  rawTcp: z.boolean().default(false),
  /** How long it must stay up after it was found healthy. */
  stayMs: z.int().nonnegative().default(2_000),
  /** How long an application that listens may take until it answers well. */
  giveUpMs: z.int().positive().default(30_000),
  pid: z.int().positive().nullable().default(null),
  /** Tells the process from a later one with the same pid; as providers/process writes it down, 0: not known. */
  started: z.strictObject({ startTime: z.number().optional() }).default({}),
  /** For `exit`: the code it ended with; null: it has not ended, or a signal ended it. */
  exitCode: z.int().nullable().default(null),
  /** The last lines of its log, for the proof of what has no socket. */
  lines: z.array(z.string()).default([]),
  /** Absolute path of its log, and from which byte on it is of this start: addresses it prints are asked too. */
  log: z.string().nullable().default(null),
  logFrom: z.int().nonnegative().default(0),
});

export const Proof = z.strictObject({
  url: z.string().nullable(),
  status: z.int().nullable(),
  contentType: z.string().nullable(),
  title: z.string().nullable(),
  /** At most 300 characters of plain text: the page's, or the log's. */
  excerpt: z.string(),
  path: z.string().nullable(),
  /** Where the path was found; `guessed` for one that is asked of every application. */
  from: z.string().nullable(),
  /** What a reader should know: guarded by a login, only 404 was seen, a directory listing. */
  notes: z.array(z.string()),
  stayedMs: z.int().nonnegative(),
  /** From the command to the proof. */
  ms: z.int().nonnegative(),
});
export const Evidence = z.strictObject({
  url: z.string(),
  status: z.int().nullable(),
  contentType: z.string().nullable(),
  title: z.string().nullable(),
  excerpt: z.string(),
});
export const Reason = z.enum([
  'no-socket',
  'no-answer',
  'not-http',
  'server-error',
  'error-page',
  'empty-shell',
  'not-a-page',
  'not-found',
  'blocked-host',
  'redirect-loop',
  'died',
  'exit-code',
]);

export const Passed = z.strictObject({ type: z.literal('health.passed'), service: z.string(), proof: Proof });
export const Failed = z.strictObject({
  type: z.literal('health.failed'),
  service: z.string(),
  error: z.strictObject({ code: z.string(), message: z.string(), fix: z.string() }),
  evidence: Evidence.nullable(),
  reason: Reason,
});

export const Command = Check;
export const Fact = z.union([Passed, Failed]);
/** The facts that end a `health.check`. */
export const Ends = ['health.passed', 'health.failed'] as const;
export type Socket = z.infer<typeof Socket>;
export type Route = z.infer<typeof Route>;
export type Check = z.infer<typeof Check>;
export type Proof = z.infer<typeof Proof>;
export type Evidence = z.infer<typeof Evidence>;
export type Reason = z.infer<typeof Reason>;
export type Fact = z.infer<typeof Fact>;
