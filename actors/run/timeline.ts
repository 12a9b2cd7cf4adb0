/** What a run did and when, out of what it and the system's actors have said of it. Pure. */
import type { Line } from '../../runtime/store.js';
import type { Fact, Fix } from './contract.js';

export interface Bar {
  step: string;
  phase: string;
  attempt: number;
  /** All times in ms since the run was started. */
  fromMs: number;
  ms: number;
  /** null: at work, or its end was never heard of. */
  ok: boolean | null;
  note: string;
}
export interface Timeline {
  run: string;
  source: string;
  state: string;
  outcome: string | null;
  error: { code: string; message: string; fix: string } | null;
  /** ISO. */
  startedAt: string;
  /** To the outcome, or to now. */
  totalMs: number;
  fork: { run: string; from: string; kept: string[] } | null;
  steps: Bar[];
  fixes: {
    atMs: number;
    ms: number;
    step: string;
    rule: string;
    cause: string;
    helped: boolean | null;
    patch: string | null;
  }[];
  /** Times the application failed after it had been up. */
  falls: {
    atMs: number;
    service: string;
    reason: string;
    /** `down`: it is not up yet. */
    became: 'down' | 'restarted' | 'healed' | 'well' | 'unwell' | 'failed';
    /** null: not known yet. */
    downMs: number | null;
  }[];
  decisions: {
    atMs: number;
    who: string;
    question: string;
    option: string;
    reason: string;
    confidence: number;
    by: string;
  }[];
  spent: Record<string, number>;
}
type Decision = Omit<Timeline['decisions'][number], 'atMs' | 'who'>;
/** The facts of a run, its audit, and that of the system actors. */
export interface Said {
  facts: readonly Line[];
  audit: readonly Line[];
  system: readonly Line[];
}
const msOf = ({ at }: Line): number => Date.parse(at);

const stepOf = ({ step, of }: Fix): string => (of === undefined ? step : `${of} ${step}`);

/** @param now epoch ms: until when a run that goes on is told. @returns null when it has said nothing yet. */
export function timelineOf(run: string, { facts, audit, system }: Said, now: number): Timeline | null {
  const own = facts.filter(({ from }) => from === `${run}/run/run-1`);
  const first = own.find(({ type }) => type === 'run.started');
  if (!first) return null;
  const start = msOf(first);
  const timeline: Timeline = {
    run,
    source: String(first.payload.source),
    state: 'running',
    outcome: null,
    error: null,
    startedAt: first.at,
    totalMs: Math.max(0, now - start),
    fork: (first.payload.fork as Timeline['fork'] | undefined) ?? null,
    steps: [],
    fixes: [],
    falls: [],
    decisions: [],
    spent: {},
  };
  const submitted = system.find(({ type, payload }) => type === 'orchestrator.submit' && payload.run === run);
  if (submitted) timeline.spent.waiting = Math.max(0, start - msOf(submitted));
  let settledAt: number | null = null;
  let leavingAt: number | null = null;
  for (const line of own) {
    const fact = { type: line.type, ...line.payload } as Fact;
    const at = msOf(line) - start;
    switch (fact.type) {
      case 'run.step-began': {
        const { step, phase, attempt } = fact;
        timeline.steps.push({ step, phase, attempt, fromMs: at, ms: 0, ok: null, note: '' });
        break;
      }
      case 'run.step-ended': {
        const bar = timeline.steps.findLast(({ step, attempt }) => step === fact.step && attempt === fact.attempt);
        if (bar) Object.assign(bar, { ms: fact.ms, ok: fact.ok, note: fact.note });
        break;
      }
      case 'run.fix-tried': {
        const { ms, rule, cause } = fact.fix;
        timeline.fixes.push({ atMs: at, ms, step: stepOf(fact.fix), rule, cause, helped: null, patch: null });
        break;
      }
      case 'run.fix-judged': {
        const same = ({ step, rule, helped }: Timeline['fixes'][number], fix: Fix): boolean =>
          helped === null && step === stepOf(fix) && rule === fix.rule;
        const fix = timeline.fixes.findLast((one) => same(one, fact.fix));
        if (fix) fix.helped = fact.fix.helped;
        break;
      }
      case 'run.app-fell':
      case 'run.app-unwell':
      case 'run.app-healing':
        fell(timeline, at, start, fact);
        break;
      case 'run.app-restarted':
        if (fact.byItself) back(timeline, fact.service, 'restarted', fact.downMs ?? null);
        break;
      case 'run.app-healed':
        back(timeline, fact.service, 'healed', fact.downMs);
        break;
      case 'run.app-well':
        back(timeline, fact.service, 'well', fact.downMs);
        break;
      case 'run.app-helpless':
        back(timeline, fact.service, 'unwell', null);
        break;
      case 'run.settled': {
        const { outcome, error, ms } = fact.result;
        const { total: _, ...phases } = ms;
        for (const [n, { patch = null }] of (fact.result.fixes ?? []).entries())
          if (timeline.fixes[n]) timeline.fixes[n].patch = patch;
        settledAt = msOf(line);
        Object.assign(timeline, { outcome, error, totalMs: settledAt - start });
        Object.assign(timeline.spent, phases);
        timeline.state = outcome === 'healthy' ? 'up' : outcome;
        break;
      }
      case 'run.app-exited':
        back(timeline, fact.service, 'failed', null);
        if (fact.service === undefined) leavingAt ??= msOf(line);
        break;
      case 'run.stopping':
        leavingAt ??= msOf(line);
        break;
      case 'run.ended':
        timeline.state = fact.state;
        if (settledAt !== null) {
          const left = Math.max(settledAt, leavingAt ?? settledAt);
          timeline.spent.up = left - settledAt;
          timeline.spent.ending = msOf(line) - left;
        }
        break;
    }
  }
  for (const bar of timeline.steps) if (bar.ok === null) bar.ms = Math.max(0, timeline.totalMs - bar.fromMs);
  timeline.decisions = [...audit, ...system.filter((line) => isAbout(run, line))]
    .filter(({ payload }) => isDecision(payload.decision))
    .map((line) => {
      const { question, option, reason, confidence, by } = line.payload.decision as Decision;
      return { atMs: msOf(line) - start, who: line.from, question, option, reason, confidence, by };
    })
    .sort((a, b) => a.atMs - b.atMs);
  return timeline;
}
type Fallen = Extract<Fact, { type: 'run.app-fell' | 'run.app-unwell' | 'run.app-healing' }>;
/** One fall, whatever is tried about it. */
function fell({ falls }: Timeline, at: number, start: number, fact: Fallen): void {
  const last = openFall(falls, fact.service);
  if (last) {
    last.became = 'down';
    return;
  }
  const how = fact.type === 'run.app-fell' ? { service: fact.service ?? ONE, reason: wayOf(fact) } : fact;
  const { service, reason } = how;
  falls.push({ atMs: 'since' in fact ? fact.since - start : at, service, reason, became: 'down', downMs: null });
}
/** What the only application of a run is called where a fact does not say. */
const ONE = 'application';
type Fall = Timeline['falls'][number];
/** The last fall of a service, if it is not over. @param service absent: the run has but one. */
function openFall(falls: Fall[], service: string | undefined): Fall | null {
  const last = falls.findLast((one) => service === undefined || one.service === service || one.service === ONE);
  return last && (last.became === 'down' || last.became === 'unwell') ? last : null;
}
const wayOf = ({ error, exitCode, signal }: Extract<Fact, { type: 'run.app-fell' }>): string =>
  error?.message ?? (signal === null ? `it ended with ${exitCode}` : `it was ended by ${signal}`);
function back({ falls }: Timeline, service: string | undefined, became: Fall['became'], downMs: number | null): void {
  const last = openFall(falls, service);
  if (last) Object.assign(last, { became, downMs });
}
const isAbout = (run: string, { payload }: Line): boolean =>
  payload.run === run || String(payload.address ?? '').startsWith(`${run}/`);
const isDecision = (value: unknown): boolean =>
  typeof (value as { option?: unknown } | null | undefined)?.option === 'string';
