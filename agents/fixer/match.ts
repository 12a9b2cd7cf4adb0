/**
 * Finds the cause of a failure and the fix for it: pure, so the same failure always gets the same answer.
 *
 * No fix is given twice for the same text, none that would change nothing, and none that weakens what has to be proven.
 * What no rule knows keeps its own error; only the line that says most is picked out of the output.
 */
import { isDeepStrictEqual } from 'node:util';
import { mainLine } from '../../providers/process/main-line.js';
import { plain } from '../../providers/process/tail.js';
import { apply } from './apply.js';
import { type Action, type Fact, type Fixed, GENERATE, type Heal } from './contract.js';
import type { Look } from './look.js';
import { rules } from './rules/index.js';
import type { Case, Repair, Rule } from './rules/rule.js';

const TEXT_LIMIT = 32 << 10;
const LINE_LIMIT = 400;
/**
 * The end of an output, in lines of bounded length without runs of empty ones: signatures look back and forth within a
 * line, and what a stranger's program prints must not make that slow.
 */
const searchable = (output: string): string =>
  output
    .slice(-2 * TEXT_LIMIT)
    .split('\n')
    .map((line) =>
      plain(line.slice(-4 * LINE_LIMIT))
        .slice(0, LINE_LIMIT)
        .trimEnd(),
    )
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .slice(-TEXT_LIMIT);

export function heal(input: Heal, look: Look, table: readonly Rule[] = rules): Fact {
  // The sandbox's answer, in whatever words a program tells it: only a person may allow what was refused.
  if (input.error.code === 'HOST_REFUSED')
    return { type: 'fixer.helpless', error: input.error, cause: 'the sandbox lets it reach no such host' };
  const tail = searchable(input.evidence?.tail ?? '');
  const log = searchable(look.log);
  // The tail is surely of this failure; a longer piece of the log may hold older ones, so it is asked second.
  const first = `${tail}\n${searchable(input.error.message)}`;
  return (
    search(first, input, look, table) ??
    (log === '' ? null : search(log, input, look, table)) ??
    unknown(input, tail || log)
  );
}

function search(text: string, input: Heal, look: Look, table: readonly Rule[]): Fact | null {
  for (const rule of table) {
    const found = find(rule, text, input, look);
    if (found === null) continue;
    if ('error' in rule) return { type: 'fixer.helpless', error: rule.error(found), cause: rule.cause(found) };
    const fixed = repair(rule, found);
    if (fixed !== null) return fixed;
  }
  return null;
}

/** The case that a rule sees in a text; null when the text, the step or its guard speak against it. */
export function find(rule: Rule, text: string, input: Heal, look: Look): Case | null {
  if (!(rule.steps as readonly string[]).includes(input.step)) return null;
  if (rule.code !== undefined && rule.code !== input.error.code) return null;
  for (const signature of rule.signature) {
    const match = signature.exec(text);
    if (match === null) continue;
    const found: Case = { match, text, heal: input, look };
    if (rule.guard === undefined || rule.guard(found)) return found;
  }
  return null;
}

function repair(rule: Repair, found: Case): Fixed | null {
  const { heal: input } = found;
  const actions = rule.actions(found);
  if (actions.length === 0) return null;
  const overlay = apply(input.overlay, actions);
  if (isDeepStrictEqual(overlay, input.overlay)) return null;
  const key = (rule.key?.(found) ?? found.match[0])
    .replaceAll(input.cwd, '.')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 200);
  const signature = `${rule.id}: ${key}`;
  if (input.tried.some((one) => one.rule === rule.id && one.signature === signature)) return null;
  return {
    type: 'fixer.fixed',
    rule: rule.id,
    cause: rule.cause(found),
    actions,
    signature,
    overlay,
    from: goOnFrom(rule, found, actions),
  };
}

const ORDER = ['needs', 'workspace', 'toolchain', 'config', 'deps', 'build', 'port', 'start'];
/** The step whose input the fix changes: the earliest of them, so that all that follows is done again with it. */
function goOnFrom(rule: Repair, { heal: input }: Case, actions: readonly Action[]): string {
  const failed = input.step === 'prove' ? 'start' : input.step;
  const steps = actions.map((action) => stepChangedBy(action, input.overlay.copy) ?? failed);
  // The environment is not on the way to the packages: who changes both goes back to before they part.
  if (steps.includes('config') && steps.some((step) => step === 'toolchain' || step === 'deps')) return 'needs';
  return [...steps, rule.from ?? failed, failed].sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b))[0]!;
}
/** null: every step from the failed one on. */
function stepChangedBy(action: Action, copied: boolean): string | null {
  switch (action.do) {
    case 'use-copy':
      return copied ? null : 'workspace';
    case 'write-overlay-file':
      return 'workspace';
    case 'move-port':
      return 'port';
    case 'choose-version':
    case 'relax-version':
      return 'toolchain';
    case 'add-install':
      return 'deps';
    case 'set-command':
      return action.role === 'install' ? 'deps' : action.role;
    case 'set-env':
      return action.value === GENERATE ? 'config' : null;
  }
}

const unknown = ({ error }: Heal, text: string): Fact => ({ type: 'fixer.helpless', error, cause: mainLine(text) });
