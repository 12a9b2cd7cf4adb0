/**
 * Admin: the root. It keeps the registry of who should be alive (its checkpoint is written whenever an actor is made),
 * has hosts start them, starts them all again when the runtime comes up on its state, hears of every death and of every
 * run's outcome, and decides what to do about an actor that keeps dying.
 */

import { join } from 'node:path';
import { assign, setup } from 'xstate';
import { tryOut } from '../../agents/custom/confine.js';
import { type Kind, takeIn } from '../../agents/custom/manifest.js';
import { type Answered, type Ask, defineActor, type EffectFailed, effect, type Perform } from '../../runtime/actor.js';
import { type ErrorRecord, fail } from '../../runtime/errors.js';
import { addressOf } from '../../runtime/subjects.js';
import { Command, type Command as Commands, type Decision, Ends, Fact, type Open } from './contract.js';

/** The actors that every system has, in the order they start. */
export const founders = [
  { run: 'sys', kind: 'orchestrator-manager', id: 'main' },
  { run: 'sys', kind: 'port-manager', id: 'main' },
  { run: 'sys', kind: 'service-manager', id: 'main' },
  { run: 'sys', kind: 'orchestrator', id: 'main' },
];

type Booted = { type: 'booted'; host: string; at: number };
type Actor = Extract<Commands, { type: 'admin.spawn' }>['actors'][number];
interface Registered extends Actor {
  host: string;
  /** Times it was given up by its host. */
  deaths: number;
}
export interface AdminContext {
  /** The host of this runtime; system actors and runs live there. */
  host: string | null;
  registry: Record<string, Registered>;
  /** Outcomes of runs, newest last. */
  outcomes: { run: string; outcome: string; error: { code: string; message: string; fix: string } | null }[];
  decisions: (Decision & { address: string })[];
  /** What people are asked, by id. */
  open: Record<string, Open>;
  /** Decisions that people were asked for so far. */
  asked: number;
  /** Kinds of agents made at run time. Only what is registered is ever started. */
  kinds: Record<string, Custom>;
}
type Context = AdminContext;
export interface Custom extends Kind {
  state: 'registered' | 'quarantined';
  /** Why it is held back. */
  problems: string[];
  /** Epoch ms. */
  since: number;
}
type TakenIn = { type: 'takenIn'; kind: Kind; at: number };
type TriedOut = { type: 'triedOut'; name: string; sha: string; problems: string[] };
const KEPT = 200;
const DEATHS = 2;

const spawnOn = (host: string, batch: string, actors: Actor[], tag: string): Ask => ({
  to: `sys/host/${host}`,
  command: {
    type: 'host.spawn',
    batch,
    actors: actors.map(({ run, kind, id, input, restart, group }) => ({
      run,
      kind,
      id,
      ...(input === undefined ? {} : { input }),
      ...(restart ? { restart } : {}),
      ...(group ? { group } : {}),
    })),
  } as never,
  withinMs: 2 * 60_000, // as long as whoever ordered them waits: he asks again then
  tag,
});
const stopOn = (host: string, addresses: string[], cause?: ErrorRecord): Ask => ({
  to: `sys/host/${host}`,
  command: { type: 'host.stop', addresses, ...(cause ? { cause } : {}) } as never,
  withinMs: 60_000,
  tag: 'stop',
});
const register = (registry: Record<string, Registered>, host: string, actors: Actor[]): Record<string, Registered> => ({
  ...registry,
  ...Object.fromEntries(actors.map((a) => [addressOf(a), { ...a, host, deaths: registry[addressOf(a)]?.deaths ?? 0 }])),
});
/** It, and those that were given up with it. */
const groupOf = (registry: Record<string, Registered>, known: Registered): Registered[] =>
  known.group
    ? Object.values(registry).filter(({ run, group }) => run === known.run && group?.name === known.group!.name)
    : [known];
const ofRun = (registry: Record<string, Registered>, run: string): string[] =>
  Object.keys(registry).filter((address) => address.startsWith(`${run}/`));

/** What becomes of an actor its host gave up: once more from its checkpoint, then a person is asked. */
export const decideOnDeath = (address: string, deaths: number, error: { code: string; message: string }): Decision => ({
  question: `what becomes of ${address}?`,
  facts: { address, deaths, error: error.message },
  option: deaths < DEATHS ? 'restart' : 'ask-person',
  reason: deaths < DEATHS ? 'its checkpoint is whole; the cause may have passed' : `it was given up ${deaths} times`,
  confidence: deaths < DEATHS ? 0.6 : 0.9,
  by: 'rule',
});

/** What a person may answer: nobody can do without an actor that every system has. */
const optionsFor = (address: string): string[] =>
  founders.some((founder) => addressOf(founder) === address) ? ['restart'] : ['restart', 'stop'];

type Death = { address: string; error: { code: string; message: string; fix: string }; at?: number | undefined };
/** What the deaths of actors make of the registry, and what was decided on each. Pure. */
function mourn(
  { registry, decisions, open, asked }: Context,
  deaths: Death[],
): Pick<Context, 'registry' | 'decisions' | 'open' | 'asked'> {
  const made = deaths.map(({ address, error }) => ({
    ...decideOnDeath(address, registry[address]?.deaths ?? 0, error),
    address,
  }));
  const counted = deaths.flatMap(({ address }) => {
    const known = registry[address];
    return known ? [[address, { ...known, deaths: known.deaths + 1 }] as const] : [];
  });
  const questions = made
    .filter(({ option, address }) => option === 'ask-person' && address in registry)
    .map(({ address, question, facts }, n): Open => {
      const id = `d${asked + n + 1}`;
      const at = deaths.find((death) => death.address === address)?.at;
      return { id, address, question, options: optionsFor(address), facts, ...(at === undefined ? {} : { at }) };
    });
  const others = without(open, ({ address }) => questions.some((one) => one.address === address));
  return {
    registry: { ...registry, ...Object.fromEntries(counted) },
    decisions: [...decisions, ...made].slice(-KEPT),
    open: { ...others, ...Object.fromEntries(questions.map((one) => [one.id, one])) },
    asked: asked + questions.length,
  };
}
const without = (open: Record<string, Open>, is: (one: Open) => boolean): Record<string, Open> =>
  Object.fromEntries(Object.entries(open).filter(([, one]) => !is(one)));

type Answer = Extract<Commands, { type: 'admin.decide' }>;
/** Why an answer cannot be taken; null: it can. */
function wrong({ open }: Context, { decision, option }: Answer): ErrorRecord | null {
  const asked = open[decision];
  if (!asked) return fail('DECISION_OVER', { decision, met: 'nobody asks it now' }).toRecord();
  if (asked.options.includes(option)) return null;
  const fix = `choose one of ${asked.options.join(', ')}`;
  return fail('USAGE', { met: `${option} is no option of ${decision}`, fix }).toRecord();
}
/** What becomes of the registry. */
function settle({ registry, open, decisions }: Context, answer: Answer): Partial<Context> {
  const { address } = open[answer.decision]!;
  const known = registry[address];
  const given = known ? groupOf(registry, known).map(addressOf) : [];
  return {
    registry: Object.fromEntries(
      Object.entries(registry).flatMap(([one, its]) =>
        !given.includes(one) ? [[one, its]] : answer.option === 'stop' ? [] : [[one, { ...its, deaths: 0 }]],
      ),
    ),
    open: without(open, ({ id }) => id === answer.decision),
    decisions: [...decisions, { ...answered(open[answer.decision]!, answer), address }].slice(-KEPT),
  };
}
const answered = ({ question, facts }: Open, { option, by, reason }: Answer): Decision => ({
  question,
  facts: { ...facts, who: by },
  option,
  reason,
  confidence: 1,
  by: 'person',
});
/** What a host is asked to do about it. */
function follow({ registry, open, host }: Context, { decision, option }: Answer): Ask[] {
  const { address, facts } = open[decision]!;
  const known = registry[address];
  if (!known) return [];
  if (option === 'restart') return [spawnOn(known.host, 'restart', groupOf(registry, known), 'restart')];
  const cause = fail('ACTOR_STOPPED', { address, reason: String(facts.error) }).toRecord();
  return [stopOn(host!, groupOf(registry, known).map(addressOf), cause)];
}
/** What nobody has answered when the runtime starts is answered by that: all that are registered are started again. */
const anew = ({ open }: Context): AdminContext['decisions'] =>
  Object.values(open).map(({ address, question, facts }) => ({
    ...{ address, question, facts, option: 'restart', confidence: 1, by: 'rule' },
    reason: 'the runtime was started anew before anybody answered',
  }));
const decided = (context: Context, count: number): Fact[] =>
  count === 0
    ? []
    : context.decisions.slice(-count).map(({ address, ...decision }) => ({ type: 'admin.decided', address, decision }));
const restarts = (context: Context, count: number): Ask[] =>
  (count === 0 ? [] : context.decisions.slice(-count)).flatMap(({ address, option }) => {
    const known = context.registry[address];
    return known && option === 'restart'
      ? [spawnOn(known.host, 'restart', groupOf(context.registry, known), 'restart')]
      : [];
  });
/** Those that a boot or a restart could not bring to life: they died once more. */
const stillborn = (context: Context, { tag, fact, at }: Answered): Death[] =>
  tag.startsWith('spawn ')
    ? [] // a run's first actors: whoever ordered them is told
    : ((fact as { failed?: Death[] } | null)?.failed ?? []).flatMap(({ address, error }) =>
        address in context.registry ? [{ address, error, at }] : [],
      );

const refused = (error: ErrorRecord): Fact => ({ type: 'admin.refused', error });

const machine = setup({
  types: {
    context: {} as Context,
    events: {} as Commands | Booted | Answered | TakenIn | TriedOut | EffectFailed<'takeIn'> | EffectFailed<'tryOut'>,
  },
  actions: {
    emit: effect<Fact>(),
    ask: effect<Ask>(),
    takeIn: effect<{ source: string }>(),
    tryOut: effect<Kind>(),
  },
}).createMachine({
  id: 'admin',
  context: { host: null, registry: {}, outcomes: [], decisions: [], open: {}, asked: 0, kinds: {} },
  initial: 'up',
  states: {
    up: {
      on: {
        booted: {
          actions: [
            {
              type: 'emit',
              params: ({ context }) =>
                anew(context).map(({ address, ...decision }): Fact => ({ type: 'admin.decided', address, decision })),
            },
            assign(({ context, event }) => ({
              host: event.host,
              registry: register(register({}, event.host, founders), event.host, Object.values(context.registry)),
              decisions: [...context.decisions, ...anew(context)].slice(-KEPT),
              open: {},
            })),
            {
              type: 'ask',
              params: ({ context }) => spawnOn(context.host!, 'boot', Object.values(context.registry), 'boot'),
            },
          ],
        },
        'admin.spawn': {
          actions: [
            assign(({ context, event }) => ({ registry: register(context.registry, context.host!, event.actors) })),
            {
              type: 'ask',
              params: ({ context, event }) => spawnOn(context.host!, event.batch, event.actors, `spawn ${event.batch}`),
            },
          ],
        },
        answered: {
          actions: [
            assign(({ context, event }) => mourn(context, stillborn(context, event))),
            { type: 'emit', params: ({ context, event }) => decided(context, stillborn(context, event).length) },
            { type: 'ask', params: ({ context, event }) => restarts(context, stillborn(context, event).length) },
            {
              type: 'emit',
              params: ({ event }) => {
                const [what, batch] = event.tag.split(' ');
                if (what !== 'spawn') return [];
                const fact = event.fact as { addresses?: string[]; failed?: [] } | null;
                const failed = event.error ? [{ address: batch!, error: event.error }] : (fact?.failed ?? []);
                return { type: 'admin.spawned', batch: batch!, addresses: fact?.addresses ?? [], failed } as Fact;
              },
            },
          ],
        },
        'admin.dismiss': {
          actions: [
            { type: 'ask', params: ({ context, event }) => stopOn(context.host!, ofRun(context.registry, event.run)) },
            {
              type: 'emit',
              params: ({ context, event }) =>
                ({ type: 'admin.dismissed', run: event.run, addresses: ofRun(context.registry, event.run) }) as Fact,
            },
            assign(({ context, event }) => ({
              registry: Object.fromEntries(
                Object.entries(context.registry).filter(([address]) => !address.startsWith(`${event.run}/`)),
              ),
              open: without(context.open, ({ address }) => address.startsWith(`${event.run}/`)),
            })),
          ],
        },
        // A manifest is a claim: what it says is held back until its own checks have shown it.
        'admin.enlist': { actions: { type: 'takeIn', params: ({ event }) => ({ source: event.source }) } },
        takenIn: {
          actions: [
            assign(({ context, event: { kind, at } }) => ({
              kinds: {
                ...context.kinds,
                [kind.manifest.name]: {
                  ...kind,
                  state: 'quarantined' as const,
                  problems: ['its checks have not been run yet'],
                  since: at,
                },
              },
            })),
            { type: 'tryOut', params: ({ event }) => event.kind },
          ],
        },
        triedOut: {
          actions: [
            assign(({ context, event: { name, sha, problems } }) => {
              const known = context.kinds[name];
              if (known?.sha !== sha) return {}; // another was taken in meanwhile, or it was unlisted
              const state = problems.length === 0 ? ('registered' as const) : ('quarantined' as const);
              return { kinds: { ...context.kinds, [name]: { ...known, state, problems } } };
            }),
            {
              type: 'emit',
              params: ({ event: { name, problems } }): Fact => ({
                type: 'admin.enlisted',
                kind: name,
                state: problems.length === 0 ? 'registered' : 'quarantined',
                problems,
              }),
            },
          ],
        },
        takeInFailed: { actions: { type: 'emit', params: ({ event }) => refused(event.error) } },
        tryOutFailed: { actions: { type: 'emit', params: ({ event }) => refused(event.error) } },
        'admin.unlist': {
          actions: [
            assign(({ context, event }) => ({
              kinds: Object.fromEntries(Object.entries(context.kinds).filter(([name]) => name !== event.kind)),
            })),
            { type: 'emit', params: ({ event }): Fact => ({ type: 'admin.unlisted', kind: event.kind }) },
          ],
        },
        'admin.remove': {
          actions: [
            { type: 'ask', params: ({ context, event }) => stopOn(context.host!, [event.address]) },
            assign(({ context, event }) => ({
              registry: Object.fromEntries(
                Object.entries(context.registry).filter(([address]) => address !== event.address),
              ),
            })),
            { type: 'emit', params: ({ event }) => ({ type: 'admin.removed', address: event.address }) as Fact },
          ],
        },
        'admin.report': {
          actions: [
            assign(({ context, event: { run, outcome, error } }) => ({
              outcomes: [...context.outcomes, { run, outcome, error }].slice(-KEPT),
            })),
            { type: 'emit', params: ({ event }) => ({ type: 'admin.noted', run: event.run }) as Fact },
          ],
        },
        'admin.decide': [
          {
            guard: ({ context, event }) => wrong(context, event) !== null,
            actions: { type: 'emit', params: ({ context, event }) => refused(wrong(context, event)!) },
          },
          {
            actions: [
              {
                type: 'emit',
                params: ({ context, event }): Fact => {
                  const asked = context.open[event.decision]!;
                  return { type: 'admin.decided', address: asked.address, decision: answered(asked, event) };
                },
              },
              { type: 'ask', params: ({ context, event }) => follow(context, event) },
              assign(({ context, event }) => settle(context, event)),
            ],
          },
        ],
        'admin.died': {
          actions: [
            assign(({ context, event }) => mourn(context, [event])),
            { type: 'emit', params: ({ context }) => decided(context, 1) },
            { type: 'ask', params: ({ context }) => restarts(context, 1) },
          ],
        },
      },
    },
  },
});

const takeInFolder: Perform<{ source: string }> = async ({ source }, { config, clock }): Promise<TakenIn> => ({
  type: 'takenIn',
  kind: takeIn(source, join(config.state, 'kinds')),
  at: clock.now(),
});
const tryOutChecks: Perform<Kind> = async (kind, { signal }): Promise<TriedOut> => ({
  type: 'triedOut',
  name: kind.manifest.name,
  sha: kind.sha,
  problems: await tryOut(kind, signal),
});

export const admin = defineActor({
  kind: 'admin',
  awake: true,
  version: 3,
  migrate: ({ value, context }) => ({
    value,
    context: { kinds: {}, open: {}, asked: 0, ...(context as Partial<Context>) },
  }),
  accepts: Command,
  emits: Fact,
  ends: Ends,
  machine,
  effects: { takeIn: takeInFolder, tryOut: tryOutChecks },
});
