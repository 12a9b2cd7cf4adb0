/** What the file agent hears and says. It gets a repository's files and decides where a run may write. */
import { z } from 'zod';

export const failure = z.strictObject({ code: z.string(), message: z.string(), fix: z.string() });
export const Fetch = z.strictObject({
  type: z.literal('file.fetch'),
  /** An absolute path of a folder or archive, or a git URL. */
  source: z.string(),
  /** A branch, tag or commit; null: the default one. */
  ref: z.string().nullable().default(null),
});
export const Prepare = z.strictObject({
  type: z.literal('file.prepare'),
  root: z.string(),
  kind: z.enum(['local', 'copy', 'clone', 'archive']),
  /** Paths from the root that the run is known to write. */
  writes: z.array(z.string()),
  /** Another run works in the folder, or a fix must write a tracked file. */
  forceCopy: z.boolean().default(false),
  /** Files of a fix, laid into a work that is the run's own; path from the root. A line `NAME=$generate` gets its secret there. */
  files: z.array(z.strictObject({ path: z.string(), text: z.string() })).default([]),
  /** Of several parts of a run that lay files of their own: which one it is. */
  part: z.string().optional(),
});
export const Fetched = z.strictObject({
  type: z.literal('file.fetched'),
  /** Absolute. */
  root: z.string(),
  /** local: the user's own folder, untouched so far; clone and archive: ours. */
  kind: z.enum(['local', 'clone', 'archive']),
  commit: z.string().nullable(),
  /** Has changes that are not committed; null: no git. */
  dirty: z.boolean().nullable(),
  /** What people should know: submodules that were not fetched… */
  notes: z.array(z.string()).default([]),
});
export const Prepared = z.strictObject({
  type: z.literal('file.prepared'),
  root: z.string(),
  kind: z.enum(['local', 'copy', 'clone', 'archive']),
  /** Why the work is done there, for people. */
  reason: z.string(),
  /** What the copy left out, with an example each. */
  notes: z.array(z.string()).default([]),
  /** Whether the commands of the run are kept in a sandbox, for people; empty in what an older runtime has told. */
  sandbox: z.string().default(''),
});
export const Failed = z.strictObject({ type: z.literal('file.failed'), error: failure });
export const Command = z.discriminatedUnion('type', [Fetch, Prepare]);
export const Fact = z.union([Fetched, Prepared, Failed]);
export const Ends = ['file.fetched', 'file.prepared', 'file.failed'] as const;
export type Command = z.infer<typeof Command>;
export type Fact = z.infer<typeof Fact>;
export type Fetch = z.infer<typeof Fetch>;
export type Prepare = z.infer<typeof Prepare>;
export type Fetched = z.infer<typeof Fetched>;
export type Prepared = z.infer<typeof Prepared>;
