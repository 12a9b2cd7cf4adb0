/** What every way into the REPL is given, and how it ends. */
import type { ErrorRecord } from '../../runtime/errors.js';
import type { Client } from '../cli/connect.js';

export interface Session {
  client: Client;
  /** One JSON value a line on stdout instead of what people read. */
  json: boolean;
  /** Folder of the history file. */
  cache: string;
  /** Evaluates this and ends. */
  expression: string | null;
  /** The CLI's commands by name, for `.ps`, `.run PATH` and so on; they give their exit code. */
  commands: Record<string, { about: string; below: string[]; run(args: string[]): Promise<number> }>;
  /** Resolves when the runtime that lives in this process ends. */
  over: Promise<Ended>;
}
/**
 * How it ended. null: well. Else the error, and whether the code itself threw it; or the exit code of a command, which has
 * told its error.
 */
export type Ended = { error: ErrorRecord; byItself: boolean } | { code: number } | null;
