/** What a run remembers, and the small things that are said of it. Pure. */
import type { Evidence } from '../../agents/dependency/contract.js';
import { emptyOverlay, type Fixed, type Overlay } from '../../agents/fixer/contract.js';
import type { Answered, Ask, Due, Message } from '../../runtime/actor.js';
import type { ErrorCode, ErrorRecord } from '../../runtime/errors.js';
import type { Flow } from '../../runtime/workflow/graph.js';
import type { StepState as Status } from '../../runtime/workflow/transitions.js';
import type { Definition } from '../../runtime/workflow.js';
import type { Command, Decision, Fact, Fix, Job, Outcome, Result, State } from './contract.js';

export interface StepState {
  state: Status;
  attempt: number;
  startedAt: number | null;
  /** Over all attempts. */
  ms: number;
  error: ErrorRecord | null;
  /** Times it was tried again without a fix. */
  again: number;
  /** It was sent back while it ran: what comes of that attempt is dropped, then it is asked again. */
  stale: boolean;
}
export interface OpenFix extends Fix {
  /** Key of the step that does the part it was for; null: the run's own. */
  part: string | null;
  before: Overlay;
  /** The step it sent the run back to, and all steps done again for it. */
  from: string;
  redo: string[];
  /** What came of it, in words; null: not known yet. */
  effect: string | null;
  /** Epoch ms at which it was laid over the run; whether its application had been up before. */
  at?: number;
  later?: boolean;
  /** What failed when it was tried. */
  failure: { error: ErrorRecord; evidence: unknown };
}
/** What is known of the mending of a part: it has an overlay of its own, so that no fix touches another part. */
export interface Ledger {
  overlay: Overlay;
  /** Steps to which fixes that did not help had sent it back: what they did there is done again without them. */
  undone: string[];
  /** The failure a fix is being sought for. */
  failing: { step: string; error: ErrorRecord; evidence: unknown; askedAt: number } | null;
}
/** What is known of an application since it was proven: of the run's own, or of that of a part. */
export interface Life {
  /** When it was last started again. */
  restarts: number[];
  /** Times it was started again because it answered badly, since it was well for long. */
  unwellAgain: number;
  /** Since when it has not been up and well; null: it is, or has not been proven yet. */
  downSince: number | null;
  /** Milliseconds that it was down for restarts and repairs, all of them together; and how often it was repaired. */
  downMs: number;
  heals: number;
  /** It failed though it had been up: what is done about it. */
  recovery: Recovery | null;
  /** Repairs of the run before this one count for its limits no more. */
  budgetFrom: number;
  /** Why it is being started again; null: somebody asked for it. */
  fell: Fell | null;
}
/** A part that has a ledger of its own. */
export interface Part extends Ledger, Life {
  /** It was up and is being started again, or repaired; the run holds the others meanwhile. */
  rising: boolean;
  /** What it is called, and its name under the keeper, once it has been down. */
  service: string | null;
  app: string | null;
}
export interface Fell {
  exitCode: number | null;
  signal: string | null;
  lines: string[];
  error: ErrorRecord | null;
}
/** A step that is done once for each item of a list. */
export interface Group {
  items: unknown[];
  /** No instance before it is still to begin. */
  next: number;
  /** Instances that have begun and are not over; instances that are not over. */
  active: number;
  open: number;
  /** The first error, where all are done though one fails. */
  error: ErrorRecord | null;
}
/** What a person is asked. */
export interface Asked {
  question: string;
  options: string[];
  passes: string[];
  facts: Record<string, unknown>;
}
/** What takes a step back when the run does not end well. */
export interface Undo {
  step: string;
  /** One that was done twice is taken back twice. */
  attempt: number;
  to: string;
  command: Message;
  tries: number;
}
/** What is done about an application that was up and failed later. */
export interface Recovery {
  app: string;
  service: string;
  /** Epoch ms at which it was first seen not well, or ended. */
  since: number;
  reason: string;
  /** That it did not pass again: the start of one that has ended, the proof of one that answers badly. */
  step: string;
  /** How it ended; null: it is alive, as far as is known. */
  exit: { exitCode: number | null; signal: string | null; limit: string | null; lines: string[] } | null;
  failure: { error: ErrorRecord; evidence: Evidence | null } | null;
  /** What its processes had when they were looked at last. */
  memoryBytes: number | null;
  /** `queued`: another part is being repaired, and they may share packages; or a server is begun again. One after the other. */
  stage: 'queued' | 'looking' | 'seeking' | 'halting' | 'mending';
  askedAt: number;
  /** Repairs of the run before it. */
  from: number;
  fixed: Fixed | null;
  /** What becomes of it where no repair is known: the run ends, keeps one that is not well, or tries its next start. */
  otherwise: 'end' | 'stay' | 'again';
}
export interface Write {
  /** From the bundle. */
  path: string;
  text: string;
  executable?: boolean;
}
/** What is known of a private server that has ended at least once. */
export interface ServerFalls {
  /** When it was begun again, epoch ms: those of the last minute count. */
  again: number[];
  /** Since when it is down; null: it is up. */
  since: number | null;
  /** Nobody begins it again. */
  lost: boolean;
}
export interface RunContext extends Ledger, Life {
  /** `restarting`: it was up, and its application is being started again, or repaired. `undoing`: compensations are at work. */
  mode: 'idle' | 'walking' | 'up' | 'restarting' | 'undoing' | 'ending' | 'ended';
  state: State;
  run: string;
  bundle: string;
  job: Job | null;
  /** The definition it is walked by; null: it has not begun, or began before definitions were remembered. */
  flow: Flow | null;
  startedAt: number;
  /** By key: `<step>`, `<step>[<n>]` for an instance, `<key>.<step>` for a step of a workflow that a step does. */
  steps: Record<string, StepState>;
  results: Record<string, Record<string, unknown>>;
  groups: Record<string, Group>;
  /** What a step gives the workflow it does, by that step's key. */
  inputs: Record<string, Record<string, unknown>>;
  /** Epoch ms at which something is to happen: to a step by its key, else `undo` or `restart`. */
  waits: Record<string, number>;
  /** The earliest of them. */
  dueAt: number | null;
  approvals: Record<string, Asked>;
  /** Steps that wait for a signal, and its name; signals nobody has waited for yet. */
  listening: Record<string, string>;
  signals: { name: string; payload: unknown; by: string }[];
  /** In the order in which their steps were done. */
  undos: Undo[];
  /** What could not be taken back. */
  notUndone: { step: string; error: ErrorRecord }[];
  fixes: OpenFix[];
  /** Of the parts that are mended for themselves, by the key of the step that does each. */
  parts: Record<string, Part>;
  /** Milliseconds by phase; `heal` is one. Each moment belongs to one of them alone. */
  spent: Record<string, number>;
  /** Until when they are counted. */
  clockedAt: number;
  /** It was stopped before it was started. */
  unwanted: boolean;
  result: Result | null;
  /** The applications that are up, by their names under the keeper, and the service each of them is. */
  held: Record<string, string>;
  /** Those of them that do not answer well at present: since when. */
  unwell: Record<string, number>;
  /** Its private servers that have ended while it was up; absent: none has. */
  servers?: Record<string, ServerFalls>;
  /** Parts that are to be started anew, by their keys, one after the other: the first of them is being started. */
  anew: string[];
  /** Processes that could not be ended. */
  left: number[];
  /** Why it is not known what is left. */
  unswept: ErrorRecord | null;
  /** What this turn asks, tells and writes. */
  out: { asks: Ask[]; facts: Fact[]; writes: Write[] };
}
/** The runtime came up again, and with it this run. */
export type Resumed = { type: 'resumed'; at: number };
export type Walked = Command | { type: 'recordFailed'; error: ErrorRecord } | Answered | Due | Resumed;

const unlived: Life = Object.freeze({
  ...{ restarts: [], unwellAgain: 0, downSince: null, downMs: 0, heals: 0 },
  ...{ recovery: null, budgetFrom: 0, fell: null },
});
/** A part of which nothing is known yet. */
export const newPart: Part = Object.freeze({
  ...{ overlay: emptyOverlay, undone: [], failing: null },
  ...unlived,
  ...{ rising: false, service: null, app: null },
});
export const unborn: RunContext = {
  ...unlived,
  mode: 'idle',
  state: 'queued',
  run: '',
  bundle: '',
  job: null,
  flow: null,
  startedAt: 0,
  steps: {},
  results: {},
  groups: {},
  inputs: {},
  waits: {},
  dueAt: null,
  approvals: {},
  listening: {},
  signals: [],
  undos: [],
  notUndone: [],
  overlay: emptyOverlay,
  fixes: [],
  parts: {},
  undone: [],
  spent: { detect: 0, setup: 0, run: 0, prove: 0, heal: 0 },
  clockedAt: 0,
  unwanted: false,
  failing: null,
  result: null,
  held: {},
  unwell: {},
  anew: [],
  left: [],
  unswept: null,
  out: { asks: [], facts: [], writes: [] },
};
export const untouched: StepState = Object.freeze({
  state: 'pending',
  attempt: 0,
  startedAt: null,
  ms: 0,
  error: null,
  again: 0,
  stale: false,
});

/**
 * Before version 5 no part was mended once it had been up, before 4 none was mended for itself; before 3 a run held one
 * application, which is among the results; the first knew neither definitions nor waits.
 */
export const upgrade = ({ app: _, ...old }: Partial<RunContext> & { app?: unknown }): RunContext => {
  const parts = Object.fromEntries(
    Object.entries(old.parts ?? {}).map(([key, part]) => [key, { ...newPart, ...part }]),
  );
  if (old.held) return { ...unborn, ...old, parts };
  const { start, needs } = old.results ?? {};
  const name = (needs?.plan as { chosen?: string[] } | undefined)?.chosen?.[0] ?? 'application';
  const held = old.held ?? (old.mode === 'up' && typeof start?.app === 'string' ? { [start.app]: name } : {});
  return { ...unborn, ...old, held };
};

/** The step that starts the application: from there on all is done again. */
export const STARTS = 'start';
/** As long as anybody will hold an application. */
export const FOREVER_MS = 10 * 365 * 24 * 3_600_000;
export const MINUTE = 60_000;
const notRunnable: readonly ErrorCode[] = ['NOT_RUNNABLE', 'REPOSITORY_EMPTY'];
const needsInput: readonly ErrorCode[] = ['PORT_HELD', 'TOOL_MISSING', 'SERVICE_MISSING', 'APPROVAL_MISSING'];

/** What an error means for the outcome. */
export const outcomeOf = ({ code }: { code: string }): Outcome => {
  if ((notRunnable as readonly string[]).includes(code)) return 'not-runnable';
  if ((needsInput as readonly string[]).includes(code)) return 'needs-input';
  return code === 'INTERRUPTED' ? 'cancelled' : 'failed';
};

/** Whether its steps leave files and say what they do. */
export const isFull = ({ record = 'full' }: Definition): boolean => record === 'full';
export const tells = (definition: Definition): boolean => definition.facts ?? isFull(definition);
/** Kinds whose commands run under the keeper: where one of them was asked, the runner ends what is left. */
const holders = ['runner', 'dependency', 'setup', 'file', 'detection', 'health', 'config', 'tester'];
export const holdsProcesses = ({ kinds }: Pick<Flow, 'kinds'>): boolean => holders.some((kind) => kinds.includes(kind));
/** The kinds of actors that a run by it has, beside the run itself. */
export const actorKinds = (flow: Pick<Flow, 'kinds'>): string[] => {
  const own = flow.kinds.filter((kind) => !kind.endsWith('-manager'));
  return [...new Set([...own, ...(holdsProcesses(flow) ? ['runner'] : [])])];
};

export const told = ({ rule, phase, step, of, cause, actions, signature, helped, ms, later }: OpenFix): Fix => ({
  ...{ rule, phase, step, cause, actions, signature, helped, ms },
  ...(of === undefined ? {} : { of }),
  ...(later ? { later } : {}),
});
/** The fixes of a part, or of the run itself. */
export const fixesOf = ({ fixes }: Pick<RunContext, 'fixes'>, part: string | null): OpenFix[] =>
  fixes.filter((fix) => (fix.part ?? null) === part);
/** The fix that is being tried. */
export const trying = (c: RunContext, part: string | null): OpenFix | null =>
  fixesOf(c, part).find(({ helped }) => helped === null) ?? null;
/** Before the key of a part, in `waits`: when it is started again. */
const RISES = 'rises ';
/** In `waits`: when the application of the run, or of a part, is started again. */
export const risesAt = (part: string | null): string => (part === null ? 'restart' : RISES + part);
/** @returns the part that such a time is of; undefined: it is of something else. */
export const risesFor = (key: string): string | null | undefined =>
  key === 'restart' ? null : key.startsWith(RISES) ? key.slice(RISES.length) : undefined;
/** Whether an application that was up is being repaired. */
export const isHealing = ({ recovery, parts }: Pick<RunContext, 'recovery' | 'parts'>): boolean =>
  recovery !== null || Object.values(parts).some((part) => part.recovery !== null);
/** Parts that are being started again, or repaired. */
export const risingOf = ({ parts }: RunContext): string[] => Object.keys(parts).filter((part) => parts[part]!.rising);
/** Whether a fix is being sought, for whatever. */
export const isMending = ({ failing, parts }: RunContext): boolean =>
  failing !== null || Object.values(parts).some((part) => part.failing !== null);
export const json = (path: string, value: unknown): Write => ({ path, text: `${JSON.stringify(value, null, 2)}\n` });
const SHOWN_LINES = 20;
/** What a command of the repository left behind; `steps/` has the whole of it. */
const shown = (evidence: unknown): unknown => {
  const { tail } = (evidence ?? {}) as { tail?: unknown };
  return typeof tail === 'string'
    ? { ...(evidence as object), tail: tail.split('\n').slice(-SHOWN_LINES).join('\n') }
    : evidence;
};
/** The patch that was proposed in the place of a repair, if there is one. */
export const patchFor = ({ results }: RunContext, n: number): { patch?: string } => {
  const { patches = [] } = (results.propose ?? {}) as { patches?: { fixes: number[]; path: string }[] };
  const path = patches.find(({ fixes }) => fixes.includes(n))?.path;
  return path === undefined ? {} : { patch: path };
};
export const fixesFile = (c: RunContext): Write =>
  json(
    'fixes.json',
    c.fixes.map((fix, n) => ({
      ...told(fix),
      ...patchFor(c, n),
      error: fix.failure.error,
      evidence: shown(fix.failure.evidence),
      effect: fix.effect,
      undone: fix.helped === false,
      at: fix.at === undefined ? null : new Date(fix.at).toISOString(),
      later: fix.later === true,
    })),
  );
export const runFile = ({ run, job, flow, state, startedAt, result, steps }: RunContext): Write =>
  json('run.json', {
    format: 1,
    run,
    job,
    workflow: flow && { name: flow.name, version: flow.version, print: flow.print },
    state,
    startedAt: new Date(startedAt).toISOString(),
    steps,
    result,
  });
export const decisionOf = (
  key: string,
  { question, facts }: Asked,
  option: string,
  who: string,
  reason: string,
): Decision => ({
  question,
  facts: { ...facts, step: key, who },
  option,
  reason,
  confidence: 1,
  by: 'person',
});
