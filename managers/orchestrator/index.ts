/**
 * Orchestrator manager: owns the run slots of the system, so that many jobs do not trample one machine, and the
 * semaphores that steps of all runs share; decides what happens when a step failed and nothing healed it: once more, or
 * report.
 */
import { assign, setup } from 'xstate';
import { type Answered, type Ask, defineActor, effect, type Message } from '../../runtime/actor.js';
import { errors } from '../../runtime/errors.js';
import { Command, type Command as Commands, type Decision, Ends, Fact } from './contract.js';
import { acquire, forget, holds, release, type Semaphores, type Ticket } from './semaphores.js';

interface Context {
  held: string[];
  semaphores: Semaphores;
  out: { facts: Fact[]; asks: Ask[] };
}
const nothing: Context['out'] = { facts: [], asks: [] };
/** Only what may pass by itself is tried again, and only once. */
export const judge = (step: string, attempt: number, error: { code: string; message: string }): Decision => {
  const passing = (errors as Record<string, { retry: string }>)[error.code]?.retry === 'later';
  const again = passing && attempt < 2;
  return {
    question: `${step} failed and nothing healed it: once more, or report?`,
    facts: { step, attempt, code: error.code, message: error.message },
    option: again ? 'again' : 'report',
    reason: again
      ? 'the cause may pass by itself'
      : passing
        ? 'it was tried again already'
        : 'the same call would fail again',
    confidence: again ? 0.6 : 0.95,
    by: 'rule',
  };
};

/** Tells a run that its turn has come; again, until it answers or gives its slot back. */
const call = ({ name, run, step, attempt }: Ticket): Ask => ({
  to: `${run}/run/run-1`,
  command: { type: 'run.permit', name, step, attempt } as Message,
  withinMs: 60_000,
  tag: JSON.stringify({ name, run, step, attempt }),
});
const ticketOf = ({ name, run, step, attempt }: Ticket): Ticket => ({ name, run, step, attempt });

/** What an event makes of slots and semaphores. Pure. */
function decide(c: Context, event: Commands | Answered): Context {
  const say = (fact: Fact, change: Partial<Context> = {}, called: Ticket[] = []): Context => ({
    ...c,
    ...change,
    out: { facts: [fact], asks: called.map(call) },
  });
  switch (event.type) {
    case 'slots.acquire': {
      const { run, slots } = event;
      if (!c.held.includes(run) && c.held.length >= slots) return say({ type: 'slots.full', run, held: c.held });
      return say({ type: 'slots.granted', run }, { held: [...c.held.filter((one) => one !== run), run] });
    }
    case 'slots.release': {
      const { run } = event;
      const { semaphores, called } = forget(c.semaphores, run);
      return say({ type: 'slots.released', run }, { held: c.held.filter((one) => one !== run), semaphores }, called);
    }
    case 'slots.judge': {
      const { run, step, attempt, error } = event;
      return say({ type: 'slots.judged', run, decision: judge(step, attempt, error) });
    }
    case 'semaphore.acquire': {
      const { semaphores, granted, before } = acquire(c.semaphores, { ...ticketOf(event), limit: event.limit });
      const ticket = ticketOf(event);
      return granted
        ? say({ type: 'semaphore.granted', ...ticket }, { semaphores })
        : say({ type: 'semaphore.queued', ...ticket, before }, { semaphores });
    }
    case 'semaphore.release': {
      const { semaphores, called } = release(c.semaphores, ticketOf(event));
      return say({ type: 'semaphore.released', ...ticketOf(event) }, { semaphores }, called);
    }
    case 'answered': {
      const ticket = JSON.parse(event.tag) as Ticket;
      if (event.fact?.type === 'run.permitted' || !holds(c.semaphores, ticket)) return { ...c, out: nothing };
      // It is away, and will be told until it is there; or it wants it no more.
      if (event.error) return { ...c, out: { facts: [], asks: [call(ticket)] } };
      const { semaphores, called } = release(c.semaphores, ticket);
      return { ...c, semaphores, out: { facts: [], asks: called.map(call) } };
    }
  }
}

const step = [
  'decide',
  { type: 'emit', params: ({ context }: { context: Context }) => context.out.facts },
  { type: 'ask', params: ({ context }: { context: Context }) => context.out.asks },
  'forget',
] as const;
const machine = setup({
  types: { context: {} as Context, events: {} as Commands | Answered },
  actions: {
    decide: assign(({ context, event }) => decide(context, event)),
    forget: assign({ out: nothing }),
    emit: effect<Fact>(),
    ask: effect<Ask>(),
  },
}).createMachine({
  id: 'orchestrator-manager',
  context: { held: [], semaphores: {}, out: nothing },
  initial: 'up',
  states: {
    up: {
      on: {
        'slots.acquire': { actions: step as never },
        'slots.release': { actions: step as never },
        'slots.judge': { actions: step as never },
        'semaphore.acquire': { actions: step as never },
        'semaphore.release': { actions: step as never },
        answered: { actions: step as never },
      },
    },
  },
});

export const orchestratorManager = defineActor({
  kind: 'orchestrator-manager',
  awake: true,
  version: 2,
  accepts: Command,
  emits: Fact,
  ends: Ends,
  machine,
  effects: {},
  // Version 1 had slots only.
  migrate: ({ value, context }) => ({ value, context: { semaphores: {}, out: nothing, ...(context as object) } }),
});
