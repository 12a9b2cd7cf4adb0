/**
 * A bounded, read-only view of somebody's repository. Nothing outside `root` is ever read: a symbolic link that leaves
 * it counts as absent, loops are not followed, and what is too large or binary is not text.
 */
export interface Tree {
  /** Absolute. */
  readonly root: string;
  /** POSIX paths of the files, from the root, sorted. Without .git, node_modules and other folders nobody wrote by hand. */
  readonly files: readonly string[];
  /** What was left out and why, for the plan's notes. */
  readonly notes: readonly string[];
  has(path: string): boolean;
  /** The text of a file of at most `limitBytes` (default 1 MiB), without BOM; null when absent, larger, binary or unreadable. */
  read(path: string, limitBytes?: number): string | null;
}
