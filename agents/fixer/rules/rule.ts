/** The words of a rule: data that names a failure by its text, and small pure functions that answer it. */
import type { ErrorRecord } from '../../../runtime/errors.js';
import type { Action, Heal } from '../contract.js';
import type { Look } from '../look.js';

export type Step = 'toolchain' | 'deps' | 'build' | 'start' | 'prove';
/** A failure that a rule's signature was found in. */
export interface Case {
  match: RegExpExecArray;
  /** The failure's text, without terminal escapes. */
  text: string;
  heal: Heal;
  look: Look;
}
interface Known {
  id: string;
  /** The kind of failure, in one sentence that needs no case of it. */
  about: string;
  /** Rules whose text it also knows: they are asked before it, and it answers when they have nothing new to offer. */
  after?: readonly string[];
  /** The failed steps it may answer. */
  steps: readonly Step[];
  /** Any of them, searched in the failure's text. */
  signature: readonly RegExp[];
  /** Only a failure with this error code. */
  code?: string;
  guard?: (found: Case) => boolean;
  /** Its text may be of much else: what is known beside that tells it, and a text alone tells any other rule rather. */
  vague?: true;
  /** Why it failed, in words for a person. */
  cause: (found: Case) => string;
}
export interface Repair extends Known {
  /** Which repairs it may answer with. */
  does: readonly Action['do'][];
  /** None: nothing to offer for this case. Never one that writes a file the repository tracks outside a copy. */
  actions: (found: Case) => Action[];
  /** What the fix is about, to know a repeat by; absent: the text that matched. */
  key?: (found: Case) => string;
  /** A step earlier than the actions themselves ask for. */
  from?: Step;
  /** What shows that it helped. The proof of the run is the same with a fix and without. */
  proves: string;
}
/** A cause that no action of ours can mend: known at once, so nothing is tried in vain. */
export interface Verdict extends Known {
  error: (found: Case) => ErrorRecord;
}
export type Rule = Repair | Verdict;

export const env = (name: string, value: string): Action => ({ do: 'set-env', name, value });
export const command = (role: 'install' | 'build' | 'start', ...commands: string[]): Action => ({
  do: 'set-command',
  role,
  commands,
});
export const addInstall = (text: string): Action => ({ do: 'add-install', command: text });
export const useCopy: Action = { do: 'use-copy' };
export const runCommand = (text: string): Action => ({ do: 'run-command', command: text });
export const overlayFile = (path: string, text: string): Action => ({ do: 'write-overlay-file', path, text });
export const languageIs =
  (...languages: string[]) =>
  ({ heal }: Case): boolean =>
    languages.includes(heal.service.language);
