/** Deaths of actors on a real host: real files, a real broker, the real admin and host. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { setup } from 'xstate';
import { z } from 'zod';
import { definitions } from '../../actors/registry.js';
import { readLines } from '../../checkpoints/ledger.js';
import { defineActor, effect, type Message } from '../../runtime/actor.js';
import { fail } from '../../runtime/errors.js';
import type { Line, Store } from '../../runtime/store.js';
import { main } from '../../runtime/subjects.js';
import { clerk } from './clerk.js';
import { house } from './real.js';

const address = 'r1/clerk/clerk-1';
const place = { run: 'r1', kind: 'clerk', id: 'clerk-1' };
/** Does something as soon as it lives, so that a store that fails ends every life of it. */
const restless = defineActor({
  kind: 'clerk',
  version: 1,
  accepts: z.looseObject({ type: z.string() }),
  emits: z.looseObject({ type: z.string() }),
  ends: [],
  machine: setup({ actions: { work: effect<object>() } }).createMachine({
    initial: 'a',
    states: { a: { entry: { type: 'work', params: {} }, on: { worked: 'b' } }, b: {} },
  }),
  effects: { work: async () => ({ type: 'worked' }) },
});
/** A store that refuses the later turns of the clerk while `broken()`. */
const failing =
  (broken: () => boolean, failed: (at: number) => void = () => undefined) =>
  (real: Store): Store => ({
    ...real,
    commit(turn) {
      const { checkpoint } = turn;
      if (checkpoint.kind !== 'clerk' || checkpoint.turn === 0 || !broken()) return real.commit(turn);
      failed(performance.now());
      return Promise.reject(fail('STATE_UNWRITABLE', { path: '/full', reason: 'ENOSPC' }));
    },
  });

test('an actor whose store fails starts again from its checkpoint with growing pauses, and goes on when it can', async () => {
  const failures: number[] = [];
  const h = await house(
    { clerk: restless },
    {
      store: failing(
        () => failures.length < 4,
        (at) => failures.push(at),
      ),
    },
  );
  await h.system.start(place, null);
  await expect.poll(() => h.system.cell(address)?.state().turn, { timeout: 8_000 }).toBe(1);
  const pauses = failures.slice(1).map((at, n) => at - failures[n]!);
  expect(pauses[0]).toBeGreaterThanOrEqual(50);
  expect(pauses[1]).toBeGreaterThanOrEqual(100);
  expect(pauses[2]).toBeGreaterThanOrEqual(200);
  expect([h.system.living()[0]!.restarts, h.fallen]).toEqual([4, []]);
});

test('a command that waits for an actor is answered by its next life', async () => {
  let broken = true;
  const h = await house({ clerk: clerk() }, { store: failing(() => broken) });
  await h.system.start(place, null);
  const asked = h.bus.ask(address, { type: 'note.add', n: 2 } as Message, { deadlineAt: Date.now() + 15_000 });
  await expect.poll(() => h.system.living()[0]!.restarts).toBe(1);
  broken = false;
  expect(await asked).toEqual({ type: 'note.added', n: 2 });
}, 20_000);

test('one that dies six times in a minute is given up: the admin hears, decides, tries again twice, then asks a person', async () => {
  const h = await house({ ...definitions, clerk: restless }, { store: failing(() => true) });
  await h.system.start({ run: 'sys', kind: 'host', id: 'test-host' }, null);
  await h.system.start({ run: 'sys', kind: 'admin', id: 'main' }, null);
  h.system.post(main('admin'), { type: 'booted', host: 'test-host', at: Date.now() } as Message);
  const spawn = { type: 'admin.spawn', batch: 'r1', actors: [place] } as Message;
  expect(await h.bus.ask(main('admin'), spawn, { deadlineAt: Date.now() + 5_000 })).toMatchObject({ failed: [] });
  const decided = (): Line[] =>
    readLines<Line>(join(h.state, 'checkpoints/admin_audit.log')).filter(({ type }) => type === 'admin.decided');
  await expect.poll(() => decided().length, { timeout: 15_000, interval: 100 }).toBe(3);
  expect(decided().map(({ payload }) => (payload.decision as { option: string }).option)).toEqual([
    'restart',
    'restart',
    'ask-person',
  ]);
  expect(decided()[0]!.payload).toMatchObject({ address, decision: { by: 'rule', facts: { address } } });
  expect(h.system.living().some((one) => one.address === address)).toBe(false);
  expect(h.fallen).toEqual([]);
}, 30_000);

const registered = (system: { cell(address: string): { state(): { state: { context: unknown } } } | null }): string[] =>
  Object.keys((system.cell(main('admin'))!.state().state.context as { registry: object }).registry);

/** Three clerks in one group, of whom the second dies of whatever it is told while `broken`. */
async function group(strategy: 'one_for_one' | 'one_for_all' | 'rest_for_one', intensity = 5) {
  let isBroken = true;
  const one = (n: number) => `r1/clerk/clerk-${n}`;
  const h = await house(
    { ...definitions, clerk: clerk() },
    {
      store: (real) => ({
        ...real,
        commit: (turn) =>
          isBroken && turn.checkpoint.id === 'clerk-2' && turn.checkpoint.turn > 0
            ? Promise.reject(new Error('it broke'))
            : real.commit(turn),
      }),
    },
  );
  await h.system.start({ run: 'sys', kind: 'host', id: 'test-host' }, null);
  await h.system.start({ run: 'sys', kind: 'admin', id: 'main' }, null);
  h.system.post(main('admin'), { type: 'booted', host: 'test-host', at: Date.now() } as Message);
  const actors = [1, 2, 3].map((n) => ({
    ...place,
    id: `clerk-${n}`,
    group: { name: 'office', strategy, intensity },
    ...(n === 3 ? { restart: 'temporary' } : {}),
  }));
  const about = { deadlineAt: Date.now() + 10_000 };
  await h.bus.ask(main('admin'), { type: 'admin.spawn', batch: 'r1', actors } as Message, about);
  const cells = () => [1, 2, 3].map((n) => h.system.cell(one(n)));
  const tell = (): void => h.bus.tell(one(2), { type: 'note.add', n: 0 } as Message);
  const mend = (): void => {
    isBroken = false;
  };
  return { ...h, one, cells, tell, mend };
}
test.each([
  ['one_for_one', 'it alone', [true, false, true]],
  ['rest_for_one', 'it and those after it', [true, false, null]],
  ['one_for_all', 'all', [false, false, null]],
] as const)(
  'in a group that is %s the death of one restarts %s; a temporary one stays ended',
  async (strategy, _, same) => {
    const { cells, tell, mend, system } = await group(strategy);
    const before = cells();
    expect(before.every((cell) => cell !== null)).toBe(true);
    tell();
    await expect.poll(() => cells()[1]).not.toBe(before[1]);
    mend();
    // true: untouched; false: started again; null: ended and left so.
    const now = () => cells().map((cell, n) => (cell === null ? null : cell === before[n]));
    await expect.poll(now, { timeout: 5_000 }).toEqual(same);
    // Who stays ended is forgotten: the next start must not bring it back.
    const left = same.flatMap((one, n) => (one === null ? [] : [`r1/clerk/clerk-${n + 1}`]));
    await expect.poll(() => registered(system).filter((one) => one.startsWith('r1/'))).toEqual(left);
  },
);
test('a group whose members die too often is given up whole, and comes back whole when that is decided', async () => {
  const { cells, tell, mend, system, bus } = await group('one_for_all', 1);
  const prods = setInterval(tell, 50);
  // Once more by the admin, twice; then a person is asked.
  const open = () =>
    Object.values(
      (system.cell(main('admin'))!.state().state.context as { open: Record<string, { address: string }> }).open,
    );
  await expect
    .poll(() => open().length, { timeout: 30_000 })
    .toBe(1)
    .finally(() => clearInterval(prods));
  expect([open()[0]!.address, cells()]).toEqual(['r1/clerk/clerk-2', [null, null, null]]);
  mend();
  const answer = { type: 'admin.decide', decision: 'd1', option: 'restart', by: 'ann' } as Message;
  await bus.ask(main('admin'), answer, { deadlineAt: Date.now() + 5_000 });
  // All but the temporary one, which the first restart of the group has left ended.
  await expect.poll(() => cells().map((cell) => cell !== null)).toEqual([true, true, false]);
}, 40_000);

/** An actor that was given up for good, and whoever asks it something meanwhile. */
async function givenUp() {
  let isBroken = true;
  const h = await house({ ...definitions, clerk: clerk() }, { store: failing(() => isBroken) });
  await h.system.start({ run: 'sys', kind: 'host', id: 'test-host' }, null);
  await h.system.start({ run: 'sys', kind: 'admin', id: 'main' }, null);
  const say = (command: object) =>
    h.bus
      .ask(main('admin'), command as Message, { deadlineAt: Date.now() + 10_000 })
      .then((fact) => fact as unknown as Record<string, unknown>);
  h.system.post(main('admin'), { type: 'booted', host: 'test-host', at: Date.now() } as Message);
  await say({ type: 'admin.spawn', batch: 'r1', actors: [place] });
  // Whoever tells it something kills it, again and again.
  const prods = setInterval(() => h.bus.tell(address, { type: 'note.add', n: 0 } as Message), 50);
  const asked = h.bus
    .ask(address, { type: 'note.add', n: 2 } as Message, { deadlineAt: Date.now() + 60_000 })
    .catch((error: unknown) => error);
  const open = () =>
    Object.values(
      (h.system.cell(main('admin'))!.state().state.context as { open: Record<string, { id: string }> }).open,
    );
  await expect
    .poll(() => open().length, { timeout: 60_000, interval: 100 })
    .toBe(1)
    .finally(() => clearInterval(prods));
  const decide = (option: string, decision = open()[0]!.id) =>
    say({ type: 'admin.decide', decision, option, by: 'ann', reason: 'seen' });
  const mend = (): void => {
    isBroken = false;
  };
  return { ...h, asked, open, decide, mend };
}
test('a question that nobody has answered is over when the runtime starts anew, and that is a decision of its own', async () => {
  const { open, mend, system, state } = await givenUp();
  expect(open()).toHaveLength(1);
  mend();
  system.post(main('admin'), { type: 'booted', host: 'test-host', at: Date.now() } as Message);
  await expect.poll(() => system.cell(address)).not.toBe(null);
  expect(open()).toEqual([]);
  const made = readLines<Line>(join(state, 'checkpoints/admin_audit.log')).filter(
    ({ type }) => type === 'admin.decided',
  );
  expect(made.at(-1)?.payload).toMatchObject({ address, decision: { option: 'restart', by: 'rule' } });
}, 70_000);
test('a person who is asked has it started again: who waited for the actor is answered, and the decision is kept', async () => {
  const { asked, open, decide, mend, system } = await givenUp();
  expect(open()).toMatchObject([{ id: 'd1', address, options: ['restart', 'stop'], facts: { deaths: 2 } }]);
  const late = Symbol('it waits');
  expect(await Promise.race([asked, new Promise((done) => setTimeout(done, 1_000, late))])).toBe(late);
  expect(await decide('perhaps')).toMatchObject({ type: 'admin.refused', error: { code: 'USAGE' } });
  mend();
  expect(await decide('restart')).toMatchObject({
    type: 'admin.decided',
    decision: { option: 'restart', by: 'person', reason: 'seen', facts: { who: 'ann', address } },
  });
  expect(await asked).toEqual({ type: 'note.added', n: 2 });
  expect(open()).toEqual([]);
  expect(await decide('restart', 'd1')).toMatchObject({ error: { code: 'DECISION_OVER' } });
  expect(system.living().some((one) => one.address === address)).toBe(true);
}, 90_000);
test('a person who has it stopped: who waited hears why, and it is forgotten', async () => {
  const { asked, open, decide, system } = await givenUp();
  expect(await decide('stop')).toMatchObject({ decision: { option: 'stop' } });
  expect(await asked).toMatchObject({ code: 'ACTOR_STOPPED', message: expect.stringContaining('ENOSPC') });
  expect([open(), system.living().some((one) => one.address === address)]).toEqual([[], false]);
}, 90_000);

test('an actor that cannot be brought back at boot is decided on too, not forgotten', async () => {
  const h = await house({ ...definitions, clerk: restless });
  await h.system.start({ run: 'sys', kind: 'host', id: 'test-host' }, null);
  await h.system.start({ run: 'sys', kind: 'admin', id: 'main' }, null);
  h.system.post(main('admin'), { type: 'booted', host: 'test-host', at: Date.now() } as Message);
  const actors = [{ ...place, kind: 'nobody', id: 'nobody-1' }];
  const spawn = { type: 'admin.spawn', batch: 'r1', actors } as Message;
  await h.bus.ask(main('admin'), spawn, { deadlineAt: Date.now() + 5_000 });
  h.system.post(main('admin'), { type: 'booted', host: 'test-host', at: Date.now() } as Message);
  const options = () =>
    (
      h.system.cell(main('admin'))!.state().state.context as { decisions: { address: string; option: string }[] }
    ).decisions.map(({ address: at, option }) => `${at} ${option}`);
  const about = 'r1/nobody/nobody-1';
  await expect.poll(options).toEqual([`${about} restart`, `${about} restart`, `${about} ask-person`]);
});

test('the death of one without a parent is the fall of the host', async () => {
  const h = await house({ clerk: restless }, { store: failing(() => true) });
  await h.system.start(place, null);
  await expect
    .poll(() => h.fallen, { timeout: 10_000 })
    .toMatchObject([{ code: 'ACTOR_DIED', message: expect.stringContaining('died 6 times within 60 s') }]);
}, 15_000);

test('an actor that is stopped while it opens does not live', async () => {
  const h = await house({ clerk: clerk() });
  const started = h.system.start(place, null);
  await Promise.all([h.system.stop(address), started]);
  const deadlineAt = Date.now() + 300;
  const asked = h.bus.ask(address, { type: 'note.add', n: 1 } as Message, { deadlineAt });
  await expect(asked).rejects.toMatchObject({ code: 'ASK_TIMEOUT' });
  expect(h.system.living()).toEqual([]);
});

test('a second start waits for the first and shares its fate', async () => {
  const h = await house({ clerk: clerk() });
  const both = [h.system.start(place, null), h.system.start(place, null).then(() => h.system.cell(address) !== null)];
  expect(await Promise.all(both)).toEqual([undefined, true]);
  const nobody = { ...place, kind: 'nobody' };
  const lost = await Promise.allSettled([h.system.start(nobody, null), h.system.start(nobody, null)]);
  expect(lost.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});

test('two orders for the same actor are both answered, each by its own name', async () => {
  const h = await house({ ...definitions, clerk: clerk() });
  await h.system.start({ run: 'sys', kind: 'host', id: 'test-host' }, null);
  const order = (batch: string) =>
    h.bus.ask('sys/host/test-host', { type: 'host.spawn', batch, actors: [place] } as Message, {
      deadlineAt: Date.now() + 3_000,
    });
  const answers = await Promise.all(['one', 'two', 'one'].map(order));
  expect(answers.map((fact) => (fact as unknown as { batch: string }).batch)).toEqual(['one', 'two', 'one']);
});

test('a person who has one of a group stopped has all of it stopped: nobody of it is waited for any more', async () => {
  const { one, cells, tell, system, bus } = await group('one_for_all', 1);
  const prods = setInterval(tell, 50);
  const admin = () =>
    system.cell(main('admin'))!.state().state.context as { open: object; registry: Record<string, unknown> };
  await expect
    .poll(() => Object.keys(admin().open), { timeout: 30_000 })
    .toEqual(['d1'])
    .finally(() => clearInterval(prods));
  const answer = { type: 'admin.decide', decision: 'd1', option: 'stop', by: 'ann' } as Message;
  await bus.ask(main('admin'), answer, { deadlineAt: Date.now() + 5_000 });
  const heard = (n: number) =>
    bus
      .ask(one(n), { type: 'note.add', n: 1 } as Message, { deadlineAt: Date.now() + 3_000 })
      .catch(({ code }) => code);
  expect(await Promise.all([1, 2].map(heard))).toEqual(['ACTOR_STOPPED', 'ACTOR_STOPPED']); // the third ended long ago
  expect(cells()).toEqual([null, null, null]);
  expect(Object.keys(admin().registry).filter((address) => address.startsWith('r1/'))).toEqual([]);
}, 40_000);
