/** One actor on a real broker and a real store: what becomes of each kind of command. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { connect } from '@nats-io/transport-node';
import { expect, test } from 'vitest';
import { checkpointFile } from '../../checkpoints/json.js';
import { readLines } from '../../checkpoints/ledger.js';
import type { Message } from '../../runtime/actor.js';
import { connectOptions } from '../../runtime/broker/start.js';
import { envelop } from '../../runtime/message.js';
import type { Checkpoint, Line, Turn } from '../../runtime/store.js';
import { clerk } from './clerk.js';
import { type House, house, realBroker, realBus, scratch } from './real.js';

const place = { run: 'r1', kind: 'clerk', id: 'clerk-1' };
const address = 'r1/clerk/clerk-1';
const note = (what: string, n = 1) => ({ type: `note.${what}`, n }) as Message;
async function office(options: Parameters<typeof house>[1] = {}, def = clerk()) {
  const h = await house({ clerk: def }, options);
  await h.system.start(place, null);
  const ask = (what: string, n = 1, about: { id?: string; deadlineAt?: number } = {}) =>
    h.bus.ask(address, note(what, n), { deadlineAt: Date.now() + 5_000, ...about }).catch((error: unknown) => error);
  return { ...h, ask, total: () => (h.system.cell(address)!.state().state.context as { total: number }).total };
}
const facts = async ({ state, caughtUp }: House): Promise<Line[]> => {
  await caughtUp();
  return readLines<Line>(join(state, 'runs/r1/facts.ndjson'));
};

test('a repeated command gets the first answer and no second turn, also over the wire and after a restart', async () => {
  const first = await office();
  expect(await first.ask('add', 3, { id: 'm1' })).toEqual({ type: 'note.added', n: 3 });
  expect(await first.ask('add', 3, { id: 'm1' })).toEqual({ type: 'note.added', n: 3 });
  await first.system.close();
  const second = await office({ state: first.state, bus: await realBus({ forceWire: true }) });
  expect(await second.ask('add', 3, { id: 'm1' })).toEqual({ type: 'note.added', n: 3 });
  expect(second.total()).toBe(3);
  expect((await facts(second)).map(({ id }) => id)).toEqual([`${address}/0.1.0`]);
});

test.each(['throw', 'guard', 'misword', 'misask'])(
  'a %s while it decides is kept aside: the state stays, the sender is told, the actor lives',
  async (what) => {
    const h = await office();
    await h.ask('add', 1);
    expect(await h.ask(what, 10)).toMatchObject({ code: 'DECIDE_THREW' });
    expect([h.total(), h.system.living()[0]!.restarts]).toEqual([1, 0]);
    expect(h.system.quarantine.list().whole).toMatchObject([
      { held: { address, command: { type: `note.${what}`, payload: { n: 10 } }, error: { code: 'DECIDE_THREW' } } },
    ]);
    expect(await h.ask('add', 1)).toEqual({ type: 'note.added', n: 1 });
  },
);

test('an effect that throws is told to a machine that takes it, else ends the command, for repeats too', async () => {
  const h = await office();
  expect(await h.ask('hurt')).toEqual({ type: 'note.pained', n: 0 });
  const fell = { code: 'EFFECT_FAILED', message: expect.stringContaining('it fell') };
  expect(await h.ask('fall', 1, { id: 'f1' })).toMatchObject(fell);
  expect(await h.ask('fall', 1, { id: 'f1' })).toMatchObject(fell);
  expect((await facts(h)).map(({ type }) => type)).toEqual(['note.pained', 'runtime.failed']);
});

test('a command that comes too late is dropped with a fact', async () => {
  const h = await office();
  const late = envelop(note('add'), { run: 'r1', from: 'test', id: 'late', deadline: Date.now() - 1 });
  const answer = await new Promise((resolve) => h.bus.send(address, late, resolve));
  expect(answer).toMatchObject({ error: { code: 'ASK_TIMEOUT' } });
  expect(await facts(h)).toMatchObject([{ type: 'runtime.expired', payload: { command: 'note.add', id: 'late' } }]);
  expect(h.total()).toBe(0);
});

test('a command the present state does not take is refused with the state, and does no harm', async () => {
  const h = await office();
  await h.ask('close');
  expect(await h.ask('add')).toMatchObject({ code: 'NOT_NOW', message: expect.stringContaining('"closed"') });
});

test('what is done at a due time answers the command that set it, in this life or the next', async () => {
  const first = await office();
  expect(await first.ask('later', Date.now() + 50)).toEqual({ type: 'note.added', n: 0 });
  const later = await first.ask('later', Date.now() + 400, { id: 'l1', deadlineAt: Date.now() + 200 });
  expect(later).toMatchObject({ code: 'ASK_TIMEOUT' });
  await first.system.close();
  const second = await office({ state: first.state });
  expect(second.system.cell(address)!.state().dueCausation).toBe('l1');
  await expect
    .poll(async () => (await facts(second)).map(({ causation }) => causation))
    .toEqual([expect.any(String), 'l1']);
});

test('a command, its facts and its checkpoint are durable together', async () => {
  const turns: Turn[] = [];
  const h = await office({
    store: (real) => ({
      ...real,
      commit(turn) {
        turns.push(turn);
        return real.commit(turn);
      },
    }),
  });
  await h.ask('add', 1, { id: 'm1' });
  expect(turns.at(-1)).toMatchObject({
    checkpoint: { turn: 1 },
    facts: [{ type: 'note.added' }],
    audit: [{ id: 'm1', type: 'note.add', from: 'client' }],
  });
  expect(await facts(h)).toMatchObject([{ type: 'note.added' }]);
  expect(readLines(join(h.state, 'runs/r1/audit.log'))).toMatchObject([{ id: 'm1', type: 'note.add', from: 'client' }]);
});

/** The checkpoint of a clerk, as an earlier life left it. */
function leave(state: string, over: Partial<Checkpoint>): void {
  const file = join(state, checkpointFile(place));
  mkdirSync(dirname(file), { recursive: true });
  const frame = { format: 1, ...place, version: 1, epoch: 0, turn: 7, at: '', owed: [], answers: {}, open: {} };
  const rest = { state: { value: 'open', context: { total: 5 }, status: 'active' }, dueCausation: null };
  writeFileSync(file, JSON.stringify({ ...frame, ...rest, ...over }));
}
const remembered = (until: number) =>
  Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`old${n}`, { fact: note('added', n), until }]));

test('with its memory full it is busy and evicts nothing; when answers have had their time it takes more', async () => {
  const full = scratch();
  leave(full, { answers: remembered(Date.now() + 60_000) as never });
  const busy = await office({ state: full });
  const command = envelop(note('add'), { run: 'r1', from: 'test' });
  const refused = await new Promise((resolve) => busy.bus.send(address, command, resolve));
  expect(refused).toMatchObject({ error: { code: 'BUSY' } });
  expect(await busy.ask('add', 9_999, { id: 'old9999' })).toEqual({ type: 'note.added', n: 9_999 });
  expect(await busy.ask('add', 0, { id: 'old0' })).toEqual({ type: 'note.added', n: 0 });

  const past = scratch();
  leave(past, { answers: remembered(Date.now() - 1) as never });
  const free = await office({ state: past });
  expect(await free.ask('add', 2)).toEqual({ type: 'note.added', n: 2 });
  expect(Object.keys(free.system.cell(address)!.state().answers)).toHaveLength(1);
});

test('another version of a checkpoint is migrated by a written migration, or refused, never guessed at', async () => {
  const migrate = ({ value }: { value: unknown }, from: number) => ({ value, context: { total: from * 100 } });
  const older = scratch();
  leave(older, { version: 1 });
  expect((await office({ state: older }, clerk({ version: 2, migrate }))).total()).toBe(100);
  const unknown = { code: 'CHECKPOINT_VERSION', message: expect.stringMatching(/version 1, this program knows 2/) };
  await expect(office({ state: older }, clerk({ version: 2 }))).rejects.toMatchObject(unknown);
  const newer = scratch();
  leave(newer, { version: 3 });
  await expect(office({ state: newer }, clerk({ version: 2, migrate }))).rejects.toMatchObject({
    code: 'CHECKPOINT_VERSION',
  });
});

test('what does not parse is refused with the reason, counted, and never harms the actor', async () => {
  const h = await office();
  const nats = await connect(connectOptions(await realBroker()));
  const subject = 'rr.r1.clerk.clerk-1.in';
  const say = async (text: string) => (await nats.request(subject, text, { timeout: 3_000 })).json();
  expect(await say('{')).toMatchObject({ error: { code: 'MESSAGE_NOT_JSON' } });
  const good = envelop(note('add'), { run: 'r1', from: 'raw' });
  expect(await say(JSON.stringify({ ...good, hop: 33 }))).toMatchObject({ error: { code: 'HOP_LIMIT' } });
  expect(await say(JSON.stringify({ ...good, extra: 1 }))).toMatchObject({ error: { code: 'MESSAGE_INVALID' } });
  expect(h.bus.refused()).toBe(3);
  const wrong = await say(JSON.stringify({ ...good, payload: { n: 'x' } }));
  expect(wrong).toMatchObject({ error: { code: 'MESSAGE_INVALID', message: expect.stringContaining('n') } });
  nats.publish(`${h.bus.wire.inbox}.1`, 'no answer at all');
  nats.publish(`${h.bus.wire.inbox}.2`, '7');
  expect(await say(JSON.stringify(good))).toMatchObject({ fact: { type: 'note.added' } });
  await nats.close();
  expect(existsSync(join(h.state, 'hosts/test-host/quarantine'))).toBe(false);
});

test('facts owed while the broker is away are told when it is back, once each', async () => {
  const h = await office();
  const { pid } = await realBroker();
  process.kill(pid!, 'SIGKILL');
  expect(await h.ask('add', 4)).toEqual({ type: 'note.added', n: 4 });
  expect(await h.ask('work', 5)).toEqual({ type: 'note.added', n: 5 });
  const owed = () => h.system.living()[0]!.owed;
  expect(owed()).toBe(2);
  await expect.poll(owed, { timeout: 15_000, interval: 100 }).toBe(0);
  expect((await facts(h)).map(({ payload }) => payload.n)).toEqual([4, 5]);
  expect(readFileSync(join(h.state, 'runs/r1/audit.log'), 'utf8').trim().split('\n')).toHaveLength(2);
}, 30_000);
