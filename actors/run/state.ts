/** What a run remembers, how it ends, and its result. Pure. */
import { emptyOverlay, type Overlay } from '../../agents/fixer/contract.js';
import type { Answered, Ask, Message } from '../../runtime/actor.js';
import { type ErrorCode, type ErrorRecord, fail } from '../../runtime/errors.js';
import { main } from '../../runtime/subjects.js';
import { at, type Phase, type Scope, type Workflow } from '../../runtime/workflow.js';
import type { Fact, Fix, Job, Outcome, Result, Seed, State } from './contract.js';

export interface StepState {
  state: 'pending' | 'running' | 'healing' | 'done' | 'failed' | 'skipped';
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
  before: Overlay;
  /** The step it sent the run back to, and all steps done again for it. */
  from: string;
  redo: string[];
  /** What came of it, in words; null: not known yet. */
  effect: string | null;
  /** What failed when it was tried. */
  failure: { error: ErrorRecord; evidence: unknown };
}
export type Spender = Phase | 'heal';
interface Write {
  /** From the bundle. */
  path: string;
  text: string;
  executable?: boolean;
}
export interface RunContext {
  mode: 'idle' | 'walking' | 'up' | 'ending' | 'ended';
  state: State;
  run: string;
  bundle: string;
  job: Job | null;
  startedAt: number;
  steps: Record<string, StepState>;
  results: Record<string, Record<string, unknown>>;
  overlay: Overlay;
  fixes: OpenFix[];
  /** Steps to which fixes that did not help had sent the run back: what they did there is done again without them. */
  undone: string[];
  /** Milliseconds by phase; `heal` is one. Each moment belongs to one of them alone. */
  spent: Record<Spender, number>;
  /** Until when they are counted. */
  clockedAt: number;
  /** It was stopped before it was started. */
  unwanted: boolean;
  /** The failure a fix is being sought for. */
  failing: { step: string; error: ErrorRecord; evidence: unknown; askedAt: number } | null;
  result: Result | null;
  /** Processes that could not be ended. */
  left: number[];
  /** Why it is not known what is left. */
  unswept: ErrorRecord | null;
  /** What this turn asks, tells and writes. */
  out: { asks: Ask[]; facts: Fact[]; writes: Write[] };
}
export type Walked =
  | { type: 'run.start'; run: string; job: Job; bundle: string; at: number; seed?: Seed | undefined }
  | { type: 'run.stop'; reason: 'stop' | 'cancel' }
  | { type: 'run.watch' }
  | { type: 'recordFailed'; error: ErrorRecord }
  | Answered;

export const unborn: RunContext = {
  mode: 'idle',
  state: 'queued',
  run: '',
  bundle: '',
  job: null,
  startedAt: 0,
  steps: {},
  results: {},
  overlay: emptyOverlay,
  fixes: [],
  undone: [],
  spent: { detect: 0, setup: 0, run: 0, prove: 0, heal: 0 },
  clockedAt: 0,
  unwanted: false,
  failing: null,
  result: null,
  left: [],
  unswept: null,
  out: { asks: [], facts: [], writes: [] },
};

/** As long as anybody will hold an application. */
const FOREVER_MS = 10 * 365 * 24 * 3_600_000;
const MINUTE = 60_000;
const notRunnable: readonly ErrorCode[] = ['NOT_RUNNABLE', 'REPOSITORY_EMPTY'];
const needsInput: readonly ErrorCode[] = ['PORT_HELD', 'TOOL_MISSING', 'SERVICE_MISSING'];

/** What an error means for the outcome. */
export const outcomeOf = ({ code }: { code: string }): Outcome => {
  if ((notRunnable as readonly string[]).includes(code)) return 'not-runnable';
  if ((needsInput as readonly string[]).includes(code)) return 'needs-input';
  return code === 'INTERRUPTED' ? 'cancelled' : 'failed';
};

export const scopeOf = (workflow: Workflow, { run, bundle, job, results, overlay }: RunContext): Scope =>
  workflow.scope({
    run,
    bundle,
    job: job as unknown as Record<string, unknown>,
    results,
    overlay: overlay as unknown as Record<string, unknown>,
  });

/** Every step has ended well: tells the result, then holds what is up. */
export function prove(workflow: Workflow, c: RunContext, now: number): void {
  settle(workflow, c, 'healthy', null, now);
  const scope = scopeOf(workflow, c);
  if (at(scope, 'service.proof.how') === 'exit') {
    c.state = 'done';
    return end(c);
  }
  c.mode = 'up';
  c.state = 'up';
  const app = at(scope, 'start.app') as string;
  const service = {
    run: c.run,
    name: at(scope, 'service.name'),
    url: at(scope, 'prove.proof.url') ?? null,
    pid: at(scope, 'start.pid') ?? null,
    sockets: at(scope, 'start.sockets') ?? [],
    since: now,
  };
  c.out.asks.push(
    {
      to: `${c.run}/runner/runner-1`,
      command: { type: 'runner.watch', app } as Message,
      withinMs: FOREVER_MS,
      tag: `watch ${app}`,
    },
    {
      to: main('service-manager'),
      command: { type: 'service.record', service } as Message,
      withinMs: MINUTE,
      tag: 'note',
    },
  );
}

/** Nothing helped: tells the result and ends what is alive. */
export function settleFailed(workflow: Workflow, c: RunContext, error: ErrorRecord, now: number): void {
  const outcome = outcomeOf(error);
  settle(workflow, c, outcome, error, now);
  c.state = outcome as State;
  end(c);
}

/** A person stops the run: `up` becomes `done`, what is not proven yet is cancelled. */
export function stop(workflow: Workflow, c: RunContext): void {
  if (c.mode === 'up') {
    c.state = 'done';
    return end(c);
  }
  if (c.mode === 'idle') c.unwanted = true;
  if (c.mode !== 'walking') return;
  settle(workflow, c, 'cancelled', fail('INTERRUPTED').toRecord(), c.clockedAt);
  c.state = 'cancelled';
  end(c);
}

/** An application that was up has ended by itself. */
export function giveUp(c: RunContext): void {
  c.state = 'failed';
  end(c);
}

/** Ends all that is alive; what was borrowed is given back when that is done. */
function end(c: RunContext): void {
  c.mode = 'ending';
  const root = (c.results.workspace?.root as string | undefined) ?? null;
  c.out.asks.push({
    to: `${c.run}/runner/runner-1`,
    command: { type: 'runner.sweep', root } as Message,
    withinMs: MINUTE,
    tag: 'sweep',
  });
  c.out.writes.push(runFile(c));
}
export const ended = ({ state, left, unswept }: RunContext): Fact => ({ type: 'run.ended', state, left, unswept });

function settle(workflow: Workflow, c: RunContext, outcome: Outcome, error: ErrorRecord | null, now: number): void {
  const scope = scopeOf(workflow, c);
  const healthy = outcome === 'healthy';
  const proof = at(scope, 'prove.proof') as Record<string, unknown> | undefined;
  const name = at(scope, 'service.name') as string | undefined;
  const tools = (at(scope, 'toolchain.tools') ?? []) as { degraded: string | null }[];
  c.failing = null;
  c.result = {
    type: 'result',
    outcome,
    kind: (at(scope, 'service.kind') as string | undefined) ?? null,
    services:
      name === undefined
        ? []
        : [
            {
              name,
              url: healthy ? ((proof?.url as string | null) ?? null) : null,
              proof: healthy ? (proof ?? null) : null,
            },
          ],
    fixes: c.fixes.map(({ rule, phase, cause, actions, helped, ms }) => ({ rule, phase, cause, actions, helped, ms })),
    degraded: [
      ...tools.flatMap(({ degraded }) => (degraded ? [degraded] : [])),
      // The nearest version of a tool has just been told by the tool itself.
      ...c.fixes
        .filter(({ helped, actions }) => helped && !actions.some((action) => action.do === 'relax-version'))
        .flatMap(({ cause }) => (cause.endsWith('(degraded)') ? [cause] : [])),
    ],
    run: c.run,
    bundle: c.bundle,
    ms: { ...c.spent, total: now - c.startedAt },
    tokens: 0,
    error,
  };
  c.out.facts.push({ type: 'run.settled', result: c.result });
}

export const told = ({ before: _, failure: __, from: ___, redo: ____, effect: _____, ...fix }: OpenFix): Fix => fix;
/** The fix that is being tried. */
export const trying = ({ fixes }: RunContext): OpenFix | null => fixes.find(({ helped }) => helped === null) ?? null;
export const json = (path: string, value: unknown): Write => ({ path, text: `${JSON.stringify(value, null, 2)}\n` });
const SHOWN_LINES = 20;
/** What a command of the repository left behind; `steps/` has the whole of it. */
const shown = (evidence: unknown): unknown => {
  const { tail } = (evidence ?? {}) as { tail?: unknown };
  return typeof tail === 'string'
    ? { ...(evidence as object), tail: tail.split('\n').slice(-SHOWN_LINES).join('\n') }
    : evidence;
};
export const fixesFile = (c: RunContext): Write =>
  json(
    'fixes.json',
    c.fixes.map((fix) => ({
      ...told(fix),
      error: fix.failure.error,
      evidence: shown(fix.failure.evidence),
      effect: fix.effect,
      undone: fix.helped === false,
    })),
  );
export const runFile = ({ run, job, state, startedAt, result, steps }: RunContext): Write =>
  json('run.json', { format: 1, run, job, state, startedAt: new Date(startedAt).toISOString(), steps, result });
