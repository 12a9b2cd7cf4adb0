/** Names the rule, the cause and the repair of an output, from its text or from all that a run knows of it. Runs nothing. */

import { errorLine, mainLine } from '../../providers/process/main-line.js';
import type { Action, Heal } from './contract.js';
import { emptyOverlay } from './contract.js';
import type { Look } from './look.js';
import { find, heal, possible, searchable } from './match.js';
import { rules } from './rules/index.js';
import type { Rule, Step } from './rules/rule.js';
import { commonCommands, surmise } from './surmise.js';

export interface Explained {
  /** null: no rule knows it. */
  rule: string | null;
  about: string | null;
  /** What was found in this case; of a text alone it may only be the kind of failure. */
  cause: string | null;
  /** The step it fails in, as it seems. */
  step: string;
  actions: Action[];
  /** What shows that the repair helped. */
  proves: string | null;
  /** Where nothing of ours helps: what a person must do. */
  error: { code: string; message: string; fix: string } | null;
  /** The line of the text that says most. */
  line: string | null;
  /** Whether the rule would answer this very failure; else only its text is known, and the rest depends on the repository. */
  sure: boolean;
}

const isVague = ({ vague }: Rule): number => Number(vague ?? false);
const STEPS: readonly Step[] = ['deps', 'build', 'start', 'prove', 'toolchain'];
const NOTHING: Look = {
  files: [],
  texts: {},
  installed: [],
  bins: [],
  log: '',
  memoryMb: 4_096,
  nodeDir: null,
  holder: null,
  packages: false,
  ownNetwork: false,
  fixed: [],
};
/** Signatures that any text would meet: only their guards tell. */
const VAGUE =
  'Nothing WENT_WRONG in app.js of Example at 10:00, listening; see https://example.test/README.md\n  is fine';

/** @param text the end of an output. */
export function explainText(text: string): Explained {
  const seen = surmise(text);
  const line = mainLine(searchable(text));
  const base = (step: string): Heal => ({
    type: 'fixer.heal',
    step,
    phase: step === 'start' || step === 'prove' ? 'run' : 'setup',
    error: {
      code: step === 'toolchain' ? 'TOOL_MISSING' : 'COMMAND_FAILED',
      message: step === 'toolchain' ? text.trim() : '',
      fix: '',
    },
    evidence: {
      command: 'the command',
      exitCode: null,
      signal: null,
      limit: /\[keeper\] stopped/.test(text) ? 'idle' : null,
      tail: text,
      log: '',
    },
    service: {
      name: 'app',
      path: '.',
      kind: 'web-service',
      language: seen.language,
      framework: null,
      packageManager: seen.manager,
      versions: {},
      commands: commonCommands(seen),
      ports: [],
      env: [],
      needs: [],
      proof: { how: 'http', command: null, paths: [] },
      writes: ['node_modules', '.venv'],
      confidence: 1,
      evidence: [],
    } as Heal['service'],
    overlay: emptyOverlay,
    cwd: '/the/repository',
    port: null,
    tried: [],
    without: [],
    can: [],
    startable: [],
    running: [],
    fixed: [],
    later: null,
    theirs: false,
  });
  const steps = [seen.step, ...STEPS.filter((step) => step !== seen.step)];
  for (const step of steps) {
    const one = answer(base(step), NOTHING);
    if (one !== null) return { ...one, line };
  }
  const shown = searchable(text);
  // The longest piece of the text that a rule knows says most.
  const known = rules
    .filter((rule) => !rule.signature.some((signature) => signature.test(VAGUE)))
    .map((rule) => ({ rule, length: Math.max(...rule.signature.map((one) => one.exec(shown)?.[0].length ?? 0)) }))
    .filter(({ length }) => length > 0)
    .sort((one, other) => isVague(one.rule) - isVague(other.rule) || other.length - one.length)[0]?.rule;
  return known === undefined
    ? {
        rule: null,
        about: null,
        cause: null,
        step: seen.step,
        actions: [],
        proves: null,
        error: null,
        line,
        sure: false,
      }
    : {
        rule: known.id,
        about: known.about,
        cause: null,
        step: seen.step,
        actions: [],
        proves: 'proves' in known ? known.proves : null,
        error: null,
        line,
        sure: false,
      };
}

/** @param input the failure as the run has it. */
export function explainFailure(input: Heal, look: Look): Explained {
  const inLog = input.step === 'prove' ? errorLine(searchable(look.log)) : null;
  const line = inLog ?? mainLine(searchable(input.evidence?.tail ?? '')) ?? input.error.message;
  const { code, message, fix } = input.error;
  const one = answer(input, look);
  return one === null
    ? {
        rule: null,
        about: null,
        cause: null,
        step: input.step,
        actions: [],
        proves: null,
        error: { code, message, fix },
        line,
        sure: true,
      }
    : { ...one, line };
}

function answer(input: Heal, look: Look): Omit<Explained, 'line'> | null {
  const fact = heal(input, look);
  if (fact.type === 'fixer.fixed') {
    const rule = rules.find(({ id }) => id === fact.rule)!;
    return {
      rule: fact.rule,
      about: rule.about,
      cause: fact.cause,
      step: input.step,
      actions: fact.actions,
      proves: 'proves' in rule ? rule.proves : null,
      error: null,
      sure: true,
    };
  }
  // Which verdict it was: the first rule that knows the case.
  const text = `${searchable(input.evidence?.tail ?? '')}\n${searchable(input.error.message)}`;
  const verdict = rules.find((rule) => knows(rule, text, input, look));
  if (verdict === undefined || !('error' in verdict)) return null;
  const { code, message, fix } = fact.error;
  return {
    rule: verdict.id,
    about: verdict.about,
    cause: fact.cause,
    step: input.step,
    actions: [],
    proves: null,
    error: { code, message, fix },
    sure: true,
  };
}
function knows(rule: Rule, text: string, input: Heal, look: Look): boolean {
  const found = find(rule, text, input, look);
  if (found === null) return false;
  if ('error' in rule) return true;
  const actions = rule.actions(found);
  return actions.length > 0 && actions.every((action) => possible(action, input));
}
