/**
 * Orchestrator: takes jobs, gets each a slot and its actors, starts its run, and reports the outcome to the admin.
 *
 * A job is in its checkpoint before it is accepted. Every further step is an ask that its checkpoint owes, so that a
 * restart goes on with each run where it stood.
 */
import { assign, setup } from 'xstate';
import {
  type ActorDefinition,
  type Answered,
  type Ask,
  defineActor,
  effect,
  type Message,
} from '../../runtime/actor.js';
import { type ErrorRecord, fail } from '../../runtime/errors.js';
import { main } from '../../runtime/subjects.js';
import { graphOf } from '../../runtime/workflow/graph.js';
import type { Workflows } from '../../runtime/workflow.js';
import type { Job, Result, Seed, State } from '../run/contract.js';
import { actorKinds } from '../run/state.js';
import { Command, type Command as Commands, Ends, Fact } from './contract.js';

export interface Known {
  job: Job;
  bundle: string;
  slots: number;
  state: State;
  /** Epoch ms of its submission. */
  at: number;
  result: Result | null;
  ended: boolean;
  /** What ended it after its result was known. */
  cause?: ErrorRecord;
  /** It is to end as soon as its actors are there. */
  unwanted?: boolean;
  /** Until it is started. */
  seed?: Seed | undefined;
}
export interface OrchestratorContext {
  runs: Record<string, Known>;
  out: { asks: Ask[]; facts: Fact[] };
}
type Event = Commands | Answered;

/** Ended runs that are remembered; older ones are in their folders. Each turn costs in proportion to them. */
const KEPT = 100;
const MINUTE = 60_000;
const FOREVER_MS = 10 * 365 * 24 * 60 * MINUTE;

/** The kinds of agents that a run of a workflow has. */
export type KindsOf = (workflow: string) => readonly string[];
/** One that is not known any more is ended by its run, which says so. */
const kindsBy =
  (workflows: Workflows): KindsOf =>
  (name) => {
    const workflow = workflows.find(name);
    return workflow ? actorKinds(graphOf(workflow).flow) : ['runner'];
  };
const acquire = (run: string, slots: number): Ask => ({
  to: main('orchestrator-manager'),
  command: { type: 'slots.acquire', run, slots } as Message,
  withinMs: MINUTE,
  tag: `acquire ${run}`,
});

const spawn = (run: string, kinds: readonly string[]): Ask => ({
  to: main('admin'),
  command: {
    type: 'admin.spawn',
    batch: run,
    actors: ['run', ...kinds].map((kind) => ({ run, kind, id: `${kind}-1` })),
  } as Message,
  withinMs: 2 * MINUTE,
  tag: `spawn ${run}`,
});
const release = (run: string): Ask => ({
  to: main('orchestrator-manager'),
  command: { type: 'slots.release', run } as Message,
  withinMs: MINUTE,
  tag: `release ${run}`,
});
const dismiss = (run: string): Ask => ({
  to: main('admin'),
  command: { type: 'admin.dismiss', run } as Message,
  withinMs: MINUTE,
  tag: `dismiss ${run}`,
});
const stopRun = (run: string, reason: 'stop' | 'cancel', at?: number): Ask => ({
  to: `${run}/run/run-1`,
  command: { type: 'run.stop', reason, ...(at === undefined ? {} : { at }) } as Message,
  withinMs: MINUTE,
  tag: `stop ${run}`,
});
const report = (run: string, { outcome, error }: Result): Ask => ({
  to: main('admin'),
  command: { type: 'admin.report', run, outcome, error } as Message,
  withinMs: MINUTE,
  tag: `report ${run}`,
});
/** Nobody was there in time, e.g. the runtime was down: worth asking again. Each such answer takes 20 s or more. */
const missed = ({ error }: Answered): boolean => error?.code === 'ASK_TIMEOUT' || error?.code === 'NO_ACTOR';

/** What an event makes of the runs. Pure. */
export function orchestrate(before: OrchestratorContext, event: Event, kindsOf: KindsOf): OrchestratorContext {
  const c: OrchestratorContext = { runs: { ...before.runs }, out: { asks: [], facts: [] } };
  const { asks, facts } = c.out;
  const change = (run: string, next: Partial<Known>): void => {
    c.runs[run] = { ...c.runs[run]!, ...next };
  };
  if (event.type === 'orchestrator.submit') {
    const { run, job, bundle, slots, at, seed } = event;
    facts.push({ type: 'orchestrator.accepted', run });
    if (c.runs[run]) return c;
    c.runs[run] = { job, bundle, slots, state: 'queued', at, result: null, ended: false, ...(seed ? { seed } : {}) };
    asks.push(acquire(run, slots));
    forget(c);
    return c;
  }
  if (event.type === 'orchestrator.stop') {
    const known = c.runs[event.run];
    if (!known) {
      facts.push({ type: 'orchestrator.unknown', run: event.run });
      return c;
    }
    facts.push({ type: 'orchestrator.stopping', run: event.run, state: known.state });
    if (known.ended) return c;
    if (known.state === 'queued')
      finish(c, event.run, failedResult(event.run, known, 'cancelled', fail('INTERRUPTED').toRecord()), true);
    else {
      change(event.run, { unwanted: true });
      asks.push(stopRun(event.run, event.reason, event.at));
    }
    return c;
  }
  const [what, run] = event.tag.split(' ') as [string, string];
  const known = c.runs[run];
  if (!known) return c;
  const fact = (event.fact ?? { type: '' }) as Message & Record<string, unknown>;
  const askNext = (): void => {
    const next = Object.entries(c.runs).find(([, { state }]) => state === 'queued');
    if (next) asks.push(acquire(next[0], next[1].slots));
  };
  switch (what) {
    case 'acquire':
      if (known.ended) {
        if (!event.error) asks.push(release(run)); // cancelled while it waited
        break;
      }
      if (known.state !== 'queued') break; // asked twice, granted twice
      if (missed(event)) asks.push(acquire(run, known.slots));
      if (fact.type !== 'slots.granted') break; // full: it waits for a release
      change(run, { state: 'running', job: busy(c, run, known) ? { ...known.job, copy: true } : known.job });
      asks.push(spawn(run, kindsOf(known.job.workflow)));
      askNext(); // there may be room for more than one
      break;
    case 'spawn': {
      const failed = event.error ?? (fact.failed as { error: ErrorRecord }[] | undefined)?.[0]?.error;
      if (known.unwanted) finish(c, run, failedResult(run, known, 'cancelled', fail('INTERRUPTED').toRecord()), true);
      else if (missed(event)) asks.push(spawn(run, kindsOf(known.job.workflow)));
      else if (failed) finish(c, run, failedResult(run, known, 'failed', failed), true);
      else {
        const { job, bundle, seed } = known;
        const { at } = event;
        change(run, { seed: undefined });
        asks.push(
          {
            to: `${run}/run/run-1`,
            command: { type: 'run.start', run, job, bundle, at, ...(seed ? { seed } : {}) } as Message,
            withinMs: FOREVER_MS,
            tag: `start ${run}`,
          },
          {
            to: `${run}/run/run-1`,
            command: { type: 'run.watch' } as Message,
            withinMs: FOREVER_MS,
            tag: `watch ${run}`,
          },
        );
      }
      break;
    }
    case 'start':
      finish(
        c,
        run,
        fact.type === 'run.settled'
          ? (fact.result as Result)
          : failedResult(
              run,
              known,
              'failed',
              event.error ?? fail('INTERNAL', { reason: 'the run gave no result' }).toRecord(),
            ),
        known.ended,
      );
      // It broke on its way: what it has begun is still alive and must be ended, or nobody hears of an end.
      if (event.error && !known.ended) asks.push(stopRun(run, 'stop'));
      break;
    case 'watch':
      change(run, {
        ended: true,
        state: known.result?.outcome === 'failed' ? 'failed' : ((fact.state as State | undefined) ?? 'failed'),
        ...(event.error && known.result?.outcome === 'healthy' ? { cause: event.error } : {}),
      });
      facts.push({ type: 'orchestrator.ended', run, state: c.runs[run]!.state });
      asks.push(dismiss(run));
      break;
    case 'release':
      if (missed(event)) asks.push(release(run));
      else askNext();
      break;
    case 'dismiss':
      if (missed(event)) asks.push(dismiss(run));
      break;
    case 'report':
      if (missed(event)) asks.push(report(run, known.result!));
      break;
  }
  return c;
}

/** Another open run works in the same folder. */
const busy = (c: OrchestratorContext, run: string, { job }: Known): boolean =>
  Object.entries(c.runs).some(
    ([id, other]) =>
      job.source !== '' && id !== run && !other.ended && other.state !== 'queued' && other.job.source === job.source,
  );

/** @param ended nothing of it is alive, or will be when its actors are dismissed. */
function finish(c: OrchestratorContext, run: string, result: Result, ended: boolean): void {
  const before = c.runs[run]!;
  const state: State = before.ended ? before.state : result.outcome === 'healthy' ? 'up' : result.outcome;
  c.runs[run] = { ...before, state, result, ended };
  c.out.facts.push({ type: 'orchestrator.finished', run, result });
  if (ended && !before.ended) {
    c.out.facts.push({ type: 'orchestrator.ended', run, state });
    if (before.state !== 'queued') c.out.asks.push(dismiss(run));
  }
  c.out.asks.push(release(run), report(run, result));
}

const failedResult = (run: string, { bundle }: Known, outcome: Result['outcome'], error: ErrorRecord): Result => ({
  type: 'result',
  outcome,
  kind: null,
  services: [],
  fixes: [],
  degraded: [],
  run,
  bundle,
  ms: { detect: 0, setup: 0, run: 0, prove: 0, heal: 0, total: 0 },
  tokens: 0,
  error,
});

function forget(c: OrchestratorContext): void {
  const over = Object.keys(c.runs).filter((run) => c.runs[run]!.ended);
  for (const run of over.slice(0, Math.max(0, over.length - KEPT))) delete c.runs[run];
}

const step = [
  'orchestrate',
  { type: 'emit', params: ({ context }: { context: OrchestratorContext }) => context.out.facts },
  { type: 'ask', params: ({ context }: { context: OrchestratorContext }) => context.out.asks },
  'forget',
] as const;

const machineOf = (kindsOf: KindsOf) =>
  setup({
    types: { context: {} as OrchestratorContext, events: {} as Event },
    actions: {
      orchestrate: assign(({ context, event }) => orchestrate(context, event, kindsOf)),
      forget: assign({ out: { asks: [], facts: [] } }),
      emit: effect<Fact>(),
      ask: effect<Ask>(),
    },
  }).createMachine({
    id: 'orchestrator',
    context: { runs: {}, out: { asks: [], facts: [] } },
    initial: 'up',
    states: {
      up: {
        on: {
          'orchestrator.submit': { actions: step as never },
          'orchestrator.stop': { actions: step as never },
          answered: { actions: step as never },
        },
      },
    },
  });

/** The orchestrator, for the workflows there are. */
export const orchestratorBy = (workflows: Workflows): ActorDefinition =>
  defineActor({
    kind: 'orchestrator',
    awake: true,
    version: 1,
    accepts: Command,
    emits: Fact,
    ends: Ends,
    machine: machineOf(kindsBy(workflows)),
    effects: {},
  });
