/**
 * An application that was up and failed later: pure. The same rules are asked as in a first run, with what it has printed
 * since it was last seen well; a repair sends the run back to the first step that it changes, and it is proven again in the
 * same way. Before that its restart policy has had its turn (hold.ts). While it is still alive nothing is ended until a
 * repair is known.
 */
import type { Fixed } from '../../agents/fixer/contract.js';
import { failureOf } from '../../providers/process/execute.js';
import type { Answered, Message } from '../../runtime/actor.js';
import { type ErrorRecord, fail } from '../../runtime/errors.js';
import { downstream } from '../../runtime/workflow.js';
import { type Draft, rootOf, scopeOf } from './draft.js';
import { halt, lose } from './end.js';
import { healCommand, isSpent, layFix } from './heal.js';
import { isFull, MINUTE, type Recovery, type RunContext, runFile, STARTS, trying } from './state.js';

/** Of what was printed, as much as the fixer reads. */
const TAIL_CHARACTERS = 64 << 10;
type Fallen = Pick<Recovery, 'app' | 'service' | 'since' | 'reason' | 'step' | 'exit' | 'failure' | 'otherwise'>;

/** `again`: it is to be started again by its policy; `stay`: it is up, not well, and looked at. */
export type Verdict = 'taken' | 'again' | 'stay';

/** @returns `none`: the workflow has no healing. */
export function recover(d: Draft, fallen: Fallen): Verdict | 'none' {
  const { c, now } = d;
  const step = d.graph.byId.get(fallen.step);
  if (!c.flow?.kinds.includes('fixer') || !step?.heal || !scopeOf(d, rootOf(d)).service) return 'none';
  c.recovery = {
    ...fallen,
    memoryBytes: null,
    stage: 'looking',
    askedAt: now,
    from: c.fixes.length,
    fixed: null,
  };
  c.downSince ??= fallen.since;
  if (isSpent(c, null, step.phase ?? 'run')) {
    const times = c.fixes.length - c.budgetFrom;
    return nothingHelps(d, fail('REPAIRS_SPENT', { ...fallen, times }).toRecord());
  }
  c.mode = 'restarting';
  c.state = 'healing';
  const { service, reason, since, exit } = fallen;
  c.out.facts.push({
    type: 'run.app-healing',
    service,
    reason,
    since,
    exitCode: exit?.exitCode ?? null,
    signal: exit?.signal ?? null,
  });
  if (isFull(d.workflow)) c.out.writes.push(runFile(c));
  if (fallen.failure || !c.flow.kinds.includes('monitor')) seek(d, null);
  else
    c.out.asks.push({
      to: `${c.run}/monitor/monitor-1`,
      command: { type: 'monitor.examine', service } as Message,
      withinMs: MINUTE,
      tag: 'examine',
    });
  return 'taken';
}

/** The monitor has told what came before; where it could not, the application's last lines do. */
export function examined(d: Draft, { fact }: Answered): void {
  if (d.c.recovery?.stage !== 'looking') return;
  seek(d, (fact ?? null) as { lines?: string[]; memoryBytes?: number | null } | null);
}
function seek(d: Draft, seen: { lines?: string[]; memoryBytes?: number | null } | null): void {
  const { c } = d;
  const recovery = c.recovery!;
  const { step, exit, reason, service } = recovery;
  let { failure } = recovery;
  if (!failure) {
    const lines = seen?.lines && seen.lines.length > 0 ? seen.lines : (exit?.lines ?? []);
    const { exitCode = null, signal = null, limit = null } = exit ?? {};
    const command = String(scopeOf(d, rootOf(d)).startCommand ?? service);
    // Its whole log would tell of older failures too.
    const evidence = { command, exitCode, signal, limit, tail: lines.join('\n').slice(-TAIL_CHARACTERS), log: '' };
    const error = exit
      ? failureOf(evidence, { wallMs: null, idleMs: null })
      : fail('APP_UNWELL', { service, reason }).toRecord();
    failure = { error, evidence };
  }
  c.recovery = { ...recovery, failure, stage: 'seeking', memoryBytes: seen?.memoryBytes ?? null };
  c.out.asks.push({
    to: `${c.run}/fixer/fixer-1`,
    command: healCommand(d, rootOf(d), step, failure),
    withinMs: 2 * MINUTE,
    tag: 'recover',
  });
}

/** The fixer has answered. */
export function sought(d: Draft, { fact }: Answered): Verdict {
  const { c } = d;
  if (c.recovery?.stage !== 'seeking') return 'taken';
  if (fact?.type !== 'fixer.fixed') {
    const said = (fact as { error?: ErrorRecord } | null)?.error ?? null;
    return nothingHelps(d, said);
  }
  c.recovery = { ...c.recovery, fixed: fact as Fixed, stage: 'halting' };
  halt(d);
  return 'taken';
}
/** It has ended by itself while a repair was sought for it: it cannot be left as it is any more. */
export function endedMeanwhile(c: RunContext, exit: NonNullable<Recovery['exit']>): void {
  if (c.recovery && !c.recovery.exit) c.recovery = { ...c.recovery, exit, otherwise: 'end' };
}
function nothingHelps(d: Draft, said: ErrorRecord | null): Verdict {
  const { c } = d;
  const { service, reason, failure, otherwise } = c.recovery!;
  const error = said ?? failure?.error ?? fail('APP_UNWELL', { service, reason }).toRecord();
  if (otherwise === 'end') {
    lose(d, error);
    return 'taken';
  }
  c.recovery = null;
  c.state = 'up';
  if (otherwise === 'again') return 'again';
  c.mode = 'up';
  c.out.facts.push({ type: 'run.app-helpless', service, error });
  if (isFull(d.workflow)) c.out.writes.push(runFile(c));
  return 'stay';
}

/** What was left of it has been ended: the repair is laid over the run. @returns whether the run can go on. */
export function mendIt(d: Draft): boolean {
  const { c } = d;
  if (c.recovery?.stage !== 'halting') return false;
  const { step, failure, fixed, askedAt } = c.recovery;
  c.recovery = { ...c.recovery, stage: 'mending' };
  c.held = {};
  c.unwell = {};
  // It has been ended: it is started again in any case.
  const isBefore = downstream(d.workflow.steps, fixed!.from).has(STARTS);
  layFix(d, rootOf(d), step, isBefore ? fixed! : { ...fixed!, from: STARTS }, failure!, askedAt);
  return true;
}

/** What is being done about it, for who looks on; null: nothing is. */
export function healingOf(
  c: RunContext,
): (Pick<Recovery, 'service' | 'reason' | 'since' | 'step'> & { rule: string | null; cause: string | null }) | null {
  if (!c.recovery) return null;
  const { service, reason, since, step } = c.recovery;
  const fix = trying(c, null) ?? (c.recovery.fixed && c.recovery.stage === 'halting' ? c.recovery.fixed : null);
  const atWork = Object.keys(c.steps).find((id) => c.steps[id]!.state === 'running');
  return { service, reason, since, step: atWork ?? step, rule: fix?.rule ?? null, cause: fix?.cause ?? null };
}
