/**
 * An application that was up and failed later: pure. The same rules are asked as in a first run, with what it has printed
 * since it was last seen well; a repair sends the run back to the first step that it changes, and it is proven again in the
 * same way. Before that its restart policy has had its turn (hold.ts). While it is still alive nothing is ended until a
 * repair is known.
 *
 * One of several is repaired in the same way while the others stay up. Two of them that fall together are repaired one
 * after the other: they may share a folder and its packages, and what mends the one often mends the other. So is one that
 * falls while a private server of the run is being begun again.
 */
import type { Fixed } from '../../agents/fixer/contract.js';
import { failureOf } from '../../providers/process/execute.js';
import type { Answered, Message } from '../../runtime/actor.js';
import { type ErrorRecord, fail } from '../../runtime/errors.js';
import { downstream } from '../../runtime/workflow.js';
import {
  type Draft,
  frameOf,
  isRising,
  keepLedger,
  keepLife,
  keepPart,
  ledgerOf,
  lifeOf,
  mends,
  scopeOf,
} from './draft.js';
import { appOf, halt, letGo, lose, nameOf } from './end.js';
import { healCommand, isSpent, layFix } from './heal.js';
import {
  fixesOf,
  isFull,
  isHealing,
  MINUTE,
  type Recovery,
  type RunContext,
  runFile,
  STARTS,
  trying,
} from './state.js';

/** Of what was printed, as much as the fixer reads. */
const TAIL_CHARACTERS = 64 << 10;
type Fallen = Pick<Recovery, 'app' | 'service' | 'since' | 'reason' | 'step' | 'exit' | 'failure' | 'otherwise'>;
type Seen = { lines?: string[]; memoryBytes?: number | null; well?: boolean | null };

/** `again`: it is to be started again by its policy; `stay`: it is up, not well, and looked at; `well`: it is well again. */
export type Verdict = 'taken' | 'again' | 'stay' | 'well';

/** It is up no more, and will be again; of several the others are held meanwhile. */
export function goDown(d: Draft, part: string | null): void {
  if (part === null) d.c.mode = 'restarting';
  else keepPart(d, part, { rising: true, service: nameOf(d, part), app: appOf(d, part) });
}
/** It stands as it did before. */
function standAgain(d: Draft, part: string | null): void {
  const { c } = d;
  keepLife(d, part, { recovery: null });
  if (part === null) c.mode = 'up';
  else keepPart(d, part, { rising: false });
  c.state = isHealing(c) ? 'healing' : 'up';
}

/** @param part its key; null: the run's own. @returns `none`: the workflow has no healing. */
export function recover(d: Draft, part: string | null, fallen: Fallen): Verdict | 'none' {
  const { c, now } = d;
  const frame = frameOf(d, part);
  const step = frame.graph.byId.get(fallen.step);
  if (!c.flow?.kinds.includes('fixer') || !mends(frame) || !step?.heal || !scopeOf(d, frame).service) return 'none';
  const others = recoveries(c).length > 0 || serverDown(c) !== null;
  const recovery: Recovery = {
    ...fallen,
    memoryBytes: null,
    stage: others ? 'queued' : 'looking',
    askedAt: now,
    from: c.fixes.length,
    fixed: null,
  };
  const { downSince, budgetFrom } = lifeOf(d, part);
  keepLife(d, part, { recovery, downSince: downSince ?? fallen.since });
  goDown(d, part);
  if (isSpent(c, part, step.phase ?? 'run')) {
    const times = fixesOf({ fixes: c.fixes.slice(budgetFrom) }, part).length;
    return nothingHelps(d, part, fail('REPAIRS_SPENT', { ...fallen, times }).toRecord());
  }
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
  if (!others) look(d, part, null);
  return 'taken';
}
/** All that are being repaired, the run's own by null. */
const recoveries = (c: RunContext): [part: string | null, recovery: Recovery][] => [
  ...(c.recovery ? [[null, c.recovery] as [null, Recovery]] : []),
  ...Object.entries(c.parts).flatMap(([part, { recovery }]): [string, Recovery][] =>
    recovery ? [[part, recovery]] : [],
  ),
];
/** A private server that is being begun again (servers.ts): a repair would begin it a second time, on the same data. */
const serverDown = ({ servers = {} }: RunContext): string | null =>
  Object.keys(servers).find((kind) => servers[kind]!.since !== null && !servers[kind]!.lost) ?? null;
/** A server has fallen, which may well be why: those for whom nothing has been ended yet wait for it. */
export function waitForServer(d: Draft): void {
  for (const [part, recovery] of recoveries(d.c)) {
    const { stage, app, failure } = recovery;
    if (stage !== 'looking' && stage !== 'seeking') continue;
    // Of one that was started and failed the failure is all that is known; of the others it is found out anew.
    keepLife(d, part, { recovery: { ...recovery, stage: 'queued', failure: app === '' ? failure : null } });
  }
}

/**
 * Gives the turn to the one that has waited longest, when nobody is being repaired any more.
 * @param canStart whether one that has ended may be started again first: what was just repaired may have been its cause too.
 * @returns its part and what becomes of it; null: nobody's turn has come.
 */
export function nextInTurn(
  d: Draft,
  canStart: (part: string | null) => boolean,
): { part: string | null; verdict: Verdict } | null {
  const all = recoveries(d.c);
  if (all.length === 0 || all.some(([, { stage }]) => stage !== 'queued') || serverDown(d.c) !== null) return null;
  const [first] = all.sort(([, a], [, b]) => a.askedAt - b.askedAt);
  const [part, recovery] = first!;
  const { exit, failure, reason, service } = recovery;
  if ((exit || failure) && canStart(part)) {
    keepLife(d, part, { recovery: null });
    const error = failure?.error ?? (exit ? null : fail('APP_UNWELL', { service, reason }).toRecord());
    const { exitCode = null, signal = null, lines = [] } = exit ?? {};
    keepLife(d, part, { fell: { exitCode, signal, lines, error } });
    d.c.state = isHealing(d.c) ? 'healing' : 'up';
    return { part, verdict: 'again' };
  }
  keepLife(d, part, { recovery: { ...recovery, stage: 'looking' } });
  const { url = null, status = null } =
    (scopeOf(d, frameOf(d, part)).prove as { proof?: Proof } | undefined)?.proof ?? {};
  look(d, part, exit ? null : { url, proven: typeof status === 'number' ? status : null });
  return { part, verdict: 'taken' };
}
type Proof = { url?: string | null; status?: unknown };

/** @param at where it is asked whether it is well by now; null: that is known. */
function look(d: Draft, part: string | null, at: { url: string | null; proven: number | null } | null): void {
  const { c } = d;
  const { failure, service } = lifeOf(d, part).recovery!;
  if (failure || !c.flow?.kinds.includes('monitor')) return seek(d, part, null);
  c.out.asks.push({
    to: `${c.run}/monitor/monitor-1`,
    command: { type: 'monitor.examine', service, ...at } as Message,
    withinMs: MINUTE,
    tag: tagOf('examine', part),
  });
}
const tagOf = (what: string, part: string | null): string => (part === null ? what : `${what} ${part}`);

/** The monitor has told what came before; where it could not, the application's last lines do. */
export function examined(d: Draft, part: string | null, { fact }: Answered): Verdict {
  const { recovery } = lifeOf(d, part);
  if (recovery?.stage !== 'looking') return 'taken';
  const seen = (fact ?? null) as Seen | null;
  if (seen?.well && !recovery.exit) {
    standAgain(d, part);
    return 'well';
  }
  seek(d, part, seen);
  return 'taken';
}
function seek(d: Draft, part: string | null, seen: Seen | null): void {
  const { c } = d;
  const recovery = lifeOf(d, part).recovery!;
  const frame = frameOf(d, part);
  const { step, exit, reason, service } = recovery;
  let { failure } = recovery;
  if (!failure) {
    const lines = seen?.lines && seen.lines.length > 0 ? seen.lines : (exit?.lines ?? []);
    const { exitCode = null, signal = null, limit = null } = exit ?? {};
    const command = String(scopeOf(d, frame).startCommand ?? service);
    // Its whole log would tell of older failures too.
    const evidence = { command, exitCode, signal, limit, tail: lines.join('\n').slice(-TAIL_CHARACTERS), log: '' };
    const error = exit
      ? failureOf(evidence, { wallMs: null, idleMs: null })
      : fail('APP_UNWELL', { service, reason }).toRecord();
    failure = { error, evidence };
  }
  keepLife(d, part, {
    recovery: { ...recovery, failure, stage: 'seeking', memoryBytes: seen?.memoryBytes ?? null },
  });
  c.out.asks.push({
    to: `${c.run}/fixer/fixer-1`,
    command: healCommand(d, frame, step, failure),
    withinMs: 2 * MINUTE,
    tag: tagOf('recover', part),
  });
}

/** The fixer has answered. */
export function sought(d: Draft, part: string | null, { fact }: Answered): Verdict {
  const { recovery } = lifeOf(d, part);
  if (recovery?.stage !== 'seeking') return 'taken';
  if (fact?.type !== 'fixer.fixed') {
    const said = (fact as { error?: ErrorRecord } | null)?.error ?? null;
    return nothingHelps(d, part, said);
  }
  keepLife(d, part, { recovery: { ...recovery, fixed: fact as Fixed, stage: 'halting' } });
  halt(d, part);
  return 'taken';
}
/** It has ended by itself while a repair was sought for it: it cannot be left as it is any more. */
export function endedMeanwhile(d: Draft, part: string | null, exit: NonNullable<Recovery['exit']>): void {
  const { recovery } = lifeOf(d, part);
  if (recovery && !recovery.exit) keepLife(d, part, { recovery: { ...recovery, exit, otherwise: 'end' } });
}
function nothingHelps(d: Draft, part: string | null, said: ErrorRecord | null): Verdict {
  const { c } = d;
  const { service, reason, failure, otherwise } = lifeOf(d, part).recovery!;
  const error = said ?? failure?.error ?? fail('APP_UNWELL', { service, reason }).toRecord();
  if (otherwise === 'end') {
    lose(d, part, error);
    return 'taken';
  }
  standAgain(d, part);
  if (otherwise === 'again') return 'again';
  c.out.facts.push({ type: 'run.app-helpless', service, error });
  if (isFull(d.workflow)) c.out.writes.push(runFile(c));
  return 'stay';
}

/**
 * What was left of it has been ended: the repair is laid over the run.
 * @param changed steps that are asked something else by now, and are done again too.
 * @returns whether the run can go on.
 */
export function mendIt(d: Draft, part: string | null, changed: readonly string[] = []): boolean {
  const { recovery } = lifeOf(d, part);
  if (!isRising(d, part) || recovery?.stage !== 'halting') return false;
  const { step, failure, fixed, askedAt } = recovery;
  keepLife(d, part, { recovery: { ...recovery, stage: 'mending' } });
  letGo(d, part);
  const frame = frameOf(d, part);
  // As what fixes that were undone did.
  if (changed.length > 0) keepLedger(d, frame, { undone: [...ledgerOf(d, frame).undone, ...changed] });
  const { byId, workflow } = frame.graph;
  // It has been ended: it is started again in any case. What is named before a part is its beginning.
  const isBefore = byId.has(fixed!.from) ? downstream(workflow.steps, fixed!.from).has(STARTS) : part !== null;
  layFix(d, frame, step, isBefore ? fixed! : { ...fixed!, from: STARTS }, failure!, askedAt);
  return true;
}

export interface Healing extends Pick<Recovery, 'service' | 'reason' | 'since' | 'step'> {
  rule: string | null;
  cause: string | null;
  /** The service or the private server whose repair it waits for. */
  after: string | null;
}
/** What is being done about those that failed, for who looks on; the one that fell first before the others. */
export function healingsOf(c: RunContext): Healing[] {
  const all = recoveries(c).sort(([, a], [, b]) => a.since - b.since);
  const first = all.find(([, { stage }]) => stage !== 'queued')?.[1].service ?? serverDown(c);
  return all.map(([part, { service, reason, since, step, stage, fixed }]) => {
    const fix = trying(c, part) ?? (stage === 'halting' ? fixed : null);
    const within = part === null ? '' : `${part}.`;
    const atWork = Object.keys(c.steps).find((id) => id.startsWith(within) && c.steps[id]!.state === 'running');
    const at = atWork?.slice(within.length) ?? step;
    const after = stage === 'queued' ? first : null;
    return { service, reason, since, step: at, rule: fix?.rule ?? null, cause: fix?.cause ?? null, after };
  });
}
