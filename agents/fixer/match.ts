/**
 * Finds the cause of a failure and the fix for it: pure, so the same failure always gets the same answer.
 *
 * No fix is given twice for the same text, none that would change nothing, and none that weakens what has to be proven.
 * What no rule knows keeps its own error; only the line that says most is picked out of the output.
 */
import { isDeepStrictEqual } from 'node:util';
import { errorLine, mainLine } from '../../providers/process/main-line.js';
import { plain } from '../../providers/process/tail.js';
import { apply } from './apply.js';
import { type Action, type Answer, type Fixed, GENERATE, type Heal, type Learned, WORLDLY } from './contract.js';
import type { Look } from './look.js';
import { rules } from './rules/index.js';
import type { Case, Repair, Rule } from './rules/rule.js';

const TEXT_LIMIT = 32 << 10;
const LINE_LIMIT = 400;
/**
 * The end of an output, in lines of bounded length without runs of empty ones: signatures look back and forth within a
 * line, and what a stranger's program prints must not make that slow.
 */
export const searchable = (output: string): string =>
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

/** @param learned what helped before, which is tried first, and what did not, which is tried last. */
export function heal(
  input: Heal,
  look: Look,
  table: readonly Rule[] = rules,
  learned: readonly Learned[] = [],
): Answer {
  // The sandbox's answer, in whatever words a program tells it: only a person may allow what was refused.
  if (input.error.code === 'HOST_REFUSED')
    return { type: 'fixer.helpless', error: input.error, cause: 'the sandbox lets it reach no such host' };
  // Not what ran in it has failed, so no rule knows it.
  if (input.error.code === 'ENGINE_FAILED')
    return { type: 'fixer.helpless', error: input.error, cause: 'the container engine failed' };
  const asked = table.filter(({ id }) => !input.without.includes(id));
  const tail = searchable(input.evidence?.tail ?? '');
  const log = searchable(look.log);
  // The tail is surely of this failure; a longer piece of the log may hold older ones, so it is asked second.
  const first = `${tail}\n${searchable(input.error.message)}`;
  return (
    search(first, input, look, asked, learned) ??
    (log === '' ? null : search(log, input, look, asked, learned)) ??
    unknown(input, tail, log)
  );
}

function search(
  text: string,
  input: Heal,
  look: Look,
  table: readonly Rule[],
  learned: readonly Learned[],
): Answer | null {
  const before = new Map(learned.map((one) => [`${one.signature}\n${one.cause}`, one.successes - one.failures]));
  const record = ({ signature, cause }: Fixed): number => before.get(`${signature}\n${cause}`) ?? 0;
  const helped = [...learned].filter((one) => one.successes > one.failures);
  for (const { rule: id } of helped.sort((a, b) => b.successes - b.failures - (a.successes - a.failures))) {
    const rule = table.find((one) => one.id === id);
    if (rule === undefined || 'error' in rule) continue;
    const found = find(rule, text, input, look);
    const fixed = found === null ? null : repair(rule, found);
    if (fixed !== null && record(fixed) > 0) return fixed;
  }
  let last: Fixed | null = null;
  for (const rule of table) {
    const found = find(rule, text, input, look);
    if (found === null) continue;
    if ('error' in rule) return last ?? { type: 'fixer.helpless', error: rule.error(found), cause: rule.cause(found) };
    const fixed = repair(rule, found);
    if (fixed === null) continue;
    if (record(fixed) >= 0) return fixed;
    // It did not help before: only when nothing else is left.
    last ??= fixed;
  }
  return last;
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
  if (actions.length === 0 || !actions.every((action) => possible(action, input))) return null;
  const overlay = apply(input.overlay, actions);
  const isAgain = actions.some((action) => action.do === 'do-again');
  if (!isAgain && isDeepStrictEqual(overlay, input.overlay)) return null;
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

/** Whether the run can carry it out. */
export const possible = ({ do: what }: Action, { can }: Heal): boolean =>
  !(WORLDLY as readonly string[]).includes(what) || (can as readonly string[]).includes(what);

const ORDER = [
  ...['needs', 'workspace', 'toolchain', 'config', 'deps', 'ports', 'services', 'migrate'],
  ...['build', 'port', 'start'],
];
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
    case 'install-system-package':
      return 'toolchain';
    case 'add-install':
      return 'deps';
    case 'set-command':
      return action.role === 'install' ? 'deps' : action.role;
    case 'run-command':
    case 'migrate':
      return 'build';
    case 'start-service':
    case 'create-database':
    case 'map-host':
      return 'ports';
    case 'own-network':
    case 'serve-at':
      return 'start';
    case 'set-env':
      return action.value === GENERATE ? 'config' : null;
    case 'do-again':
      return action.step === 'services' ? 'ports' : action.step;
  }
}

function unknown({ step, error }: Heal, tail: string, log: string): Answer {
  // What was seen from outside is that it answers badly; why stands in its log.
  const line = step === 'prove' ? errorLine(log) : null;
  if (line === null || error.message.includes(line))
    return { type: 'fixer.helpless', error, cause: mainLine(tail || log) };
  return {
    type: 'fixer.helpless',
    error: { ...error, message: `${error.message}; its log says: ${line}` },
    cause: line,
  };
}
