/** Small readings of a failure's text and of the repository's manifests, shared by the rules. Pure. */
import { manifestOf } from './commands.js';
import type { Case } from './rule.js';

/** The body of the script that `npm run NAME` calls; null: the line is no such call. */
export function manifestScript(found: Case, line: string): string | null {
  const name = /^(?:npm|pnpm|yarn|bun)(?: run)? ([\w:.-]+)\s*$/.exec(line.trim())?.[1];
  const { scripts } = manifestOf(found);
  return name !== undefined && Object.hasOwn(scripts, name) ? scripts[name]! : null;
}
/** Whether the text has a word. */
export const existing = ({ text }: Case, word: string): boolean => text.includes(word);
