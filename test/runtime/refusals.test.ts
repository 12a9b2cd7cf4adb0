/** What a machine may not use, each by its own name, and that deciding does nothing. */
import { expect, test } from 'vitest';
import {
  assign,
  cancel,
  emit,
  enqueueActions,
  fromPromise,
  log,
  raise,
  sendTo,
  setup,
  spawnChild,
  stopChild,
} from 'xstate';
import { z } from 'zod';
import { type ActorDefinition, defineActor, effect } from '../../runtime/actor.js';
import { begin, decide } from '../../runtime/decide.js';

const define = (machine: unknown, effects: ActorDefinition['effects'] = {}): ActorDefinition =>
  defineActor({
    kind: 'odd',
    version: 1,
    accepts: z.looseObject({ type: z.string() }),
    emits: z.looseObject({ type: z.string() }),
    ends: [],
    machine: machine as never,
    effects,
  });
/** A machine that does something on `go`. */
const doing = (actions: unknown) =>
  setup({}).createMachine({
    id: 'odd',
    context: {},
    initial: 'a',
    states: { a: { on: { go: { actions: actions as never } } } },
  });
const child = setup({}).createMachine({});
const never = fromPromise(async () => 1);

test.each<[string, unknown, RegExp]>([
  [
    'a promise',
    setup({ actors: { never } }).createMachine({ initial: 'a', states: { a: { invoke: { src: 'never' } } } }),
    /invoke in/,
  ],
  ['after', setup({}).createMachine({ initial: 'a', states: { a: { after: { 10: 'b' } }, b: {} } }), /after in/],
  [
    'a history state',
    setup({}).createMachine({
      initial: 'a',
      states: { a: { initial: 'x', states: { x: {}, h: { type: 'history' } } } },
    }),
    /a history state in/,
  ],
  ['a delayed raise', doing(raise({ type: 'go' }, { delay: 10 })), /a delayed raise in/],
  [
    'a raise delayed by a name',
    setup({ delays: { soon: 10 } }).createMachine({ entry: raise({ type: 'go' }, { delay: 'soon' }) }),
    /a delayed raise in/,
  ],
  ['spawnChild', doing(spawnChild(child)), /xstate\.spawnChild in/],
  ['stopChild', doing(stopChild('x')), /xstate\.stopChild in/],
  ['sendTo', doing(sendTo('x', { type: 'go' })), /xstate\.sendTo in/],
  ['emit of XState', doing(emit({ type: 'go' })), /xstate\.emit in/],
  ['cancel', doing(cancel('x')), /xstate\.cancel in/],
  ['log', doing(log('x')), /xstate\.log in/],
  ['enqueueActions', doing(enqueueActions(() => undefined)), /xstate\.enqueueActions in/],
  ['an inline action', doing(() => undefined), /an inline action in/],
  ['an action nobody performs', doing('dance'), /the action dance in .*nobody performs/],
  [
    'a named function of its own',
    setup({ actions: { dance: () => undefined } }).createMachine({ entry: 'dance' }),
    /an inline action in/,
  ],
  [
    'an inline action of a deep exit',
    setup({}).createMachine({
      initial: 'a',
      states: { a: { initial: 'b', states: { b: { exit: () => undefined } } } },
    }),
    /an inline action in \(machine\)\.a\.b/,
  ],
  [
    'an inline action of an always',
    setup({}).createMachine({ always: { guard: () => false, actions: () => undefined } }),
    /an inline action in/,
  ],
  [
    'an inline action of an initial',
    setup({}).createMachine({ initial: { target: 'a', actions: () => undefined } as never, states: { a: {} } }),
    /an inline action in/,
  ],
])('a machine that uses %s is refused by name', (_, machine, met) => {
  expect(() => define(machine)).toThrowError(expect.objectContaining({ code: 'MACHINE_REFUSED' }));
  expect(() => define(machine)).toThrowError(met);
});

test('an effect with the name of a built-in one is refused', () => {
  expect(() => define(doing([]), { ask: async () => ({ type: 'x' }) })).toThrowError(/an effect called ask/);
});

test('assign, an undelayed raise and named effects are taken, and each effect of a list is one', () => {
  const machine = setup({
    types: { context: {} as { n: number }, events: {} as { type: 'go'; n: number } | { type: 'again' } },
    actions: { work: effect<object>() },
  }).createMachine({
    context: { n: 0 },
    entry: { type: 'work', params: { first: true } },
    on: {
      go: {
        actions: [
          assign({ n: ({ event }) => event.n }),
          { type: 'work', params: ({ event }) => Array.from({ length: event.n }, (_, n) => ({ n })) },
          raise({ type: 'again' }),
        ],
      },
      again: { actions: { type: 'work', params: ({ context }) => ({ again: context.n }) } },
    },
  });
  const ran: string[] = [];
  const def = define(machine, { work: async () => ({ type: `${ran.push('work')}` }) });
  const first = begin(def, undefined);
  expect(first.asked).toEqual([{ type: 'work', params: { first: true } }]);
  const frozen = JSON.stringify(first.snapshot);
  const twice = [2, 2].map((n) => decide(def, first.snapshot, { type: 'go', n } as never)!);
  expect(twice[0]!.asked).toEqual([
    { type: 'work', params: { n: 0 } },
    { type: 'work', params: { n: 1 } },
    { type: 'work', params: { again: 2 } },
  ]);
  expect(twice[1]!.asked).toEqual(twice[0]!.asked);
  expect(decide(def, first.snapshot, { type: 'go', n: 0 } as never)!.asked).toHaveLength(1);
  expect(JSON.stringify(first.snapshot)).toBe(frozen);
  expect(ran).toEqual([]);
  expect(decide(def, first.snapshot, { type: 'stay' })).toBe(null);
});

test('an actor made inside an assign is found out when it is decided', () => {
  const machine = setup({ actors: { never } }).createMachine({
    context: {},
    on: { go: { actions: assign(({ spawn }) => ({ it: spawn('never') })) } },
  });
  const def = define(machine);
  expect(() => decide(def, begin(def, undefined).snapshot, { type: 'go' })).toThrowError(/a child actor/);
});
