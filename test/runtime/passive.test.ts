import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { checkpointFile } from '../../checkpoints/json.js';
import type { Message } from '../../runtime/actor.js';
import { addressOf } from '../../runtime/subjects.js';
import { clerk } from './clerk.js';
import { house, realBus } from './real.js';

const place = (n: number) => ({ run: 'r1', kind: 'clerk', id: `clerk-${n}` });
const address = (n: number): string => addressOf(place(n));
const note = (what: string, n = 1) => ({ type: `note.${what}`, n }) as Message;
const soon = () => ({ deadlineAt: Date.now() + 10_000 });

async function office(clerks: number, options: Parameters<typeof house>[1] = {}) {
  const h = await house({ clerk: clerk() }, { settings: { passivateMs: 100 }, ...options });
  for (let n = 0; n < clerks; n += 1) await h.system.start(place(n), null);
  const total = (n: number) => (h.system.cell(address(n))!.state().state.context as { total: number }).total;
  const asleep = (n = 0) => h.system.sleeps(address(n));
  return { ...h, total, asleep };
}
const restAll = (asleep: () => boolean) => expect.poll(asleep, { timeout: 10_000 }).toBe(true);

test.each([
  ['in the same process', false],
  ['over the wire', true],
])('an actor that rests sleeps, and the next message %s finds it as it was', async (_, forceWire) => {
  const h = await office(1, { bus: await realBus({ forceWire }) });
  const first = await h.bus.ask(address(0), note('add', 3), { ...soon(), id: 'm1' });
  expect(h.asleep()).toBe(false);
  await restAll(h.asleep);
  expect(h.system.cell(address(0))).toBe(null);
  expect(h.system.living()).toMatchObject([{ address: address(0), state: 'asleep', turn: 1, owed: 0 }]);
  // A repeat of what it has answered is no new turn, also after its sleep.
  expect(await h.bus.ask(address(0), note('add', 3), { ...soon(), id: 'm1' })).toEqual(first);
  await h.bus.ask(address(0), note('add', 4), soon());
  expect([h.asleep(), h.total(0), h.system.living()[0]!.turn]).toEqual([false, 7, 2]);
  await restAll(h.asleep);
});

test('all that is said to a sleeper while it wakes is heard, in order and once', async () => {
  const h = await office(2);
  await restAll(() => h.asleep(0) && h.asleep(1));
  const told: number[] = [];
  const asks = Array.from({ length: 50 }, async (_, n) => {
    const fact = (await h.bus.ask(address(0), note('add', n), soon())) as Message & { n: number };
    told.push(fact.n);
  });
  await Promise.all(asks);
  expect(told).toEqual(Array.from({ length: 50 }, (_, n) => n));
  expect(h.total(0)).toBe((49 * 50) / 2);
  expect(h.asleep(1)).toBe(true); // its neighbour was not disturbed
});

test('whoever waits for a time, has a command open or owes something stays awake', async () => {
  const h = await office(2);
  const later = h.bus.ask(address(0), note('later', Date.now() + 5_000), soon()); // sets a due time and ends then
  await restAll(() => h.asleep(1));
  await sleep(2_000);
  expect(h.asleep(0)).toBe(false);
  expect(await later).toMatchObject({ type: 'note.added' });
  await restAll(h.asleep);
}, 30_000);

test('a sleeper can be stopped, started and restarted like any other', async () => {
  const h = await office(1);
  await h.bus.ask(address(0), note('add', 2), soon());
  await restAll(h.asleep);
  await h.system.restart(address(0));
  expect([h.asleep(), h.total(0)]).toEqual([false, 2]);
  await restAll(h.asleep);
  await h.system.start(place(0), null);
  expect([h.asleep(), h.total(0)]).toEqual([false, 2]);
  await restAll(h.asleep);
  await h.system.stop(address(0));
  expect([h.asleep(), h.system.living()]).toEqual([false, []]);
});

test('a sleeper whose checkpoint was broken meanwhile says so instead of beginning anew', async () => {
  const h = await office(1);
  await h.bus.ask(address(0), note('add', 2), soon());
  await restAll(h.asleep);
  await h.caughtUp();
  writeFileSync(join(h.state, checkpointFile(place(0))), '{"format":1');
  const error = await h.bus.ask(address(0), note('add', 1), soon()).catch((one: unknown) => one);
  expect(error).toMatchObject({ code: 'CHECKPOINT_BROKEN', fix: expect.stringMatching(/\w/) });
});
