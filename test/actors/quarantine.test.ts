/** Messages that could not be taken, through the real front door: kept, shown, mended, sent again. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from '@nats-io/transport-node';
import { expect, onTestFinished, test } from 'vitest';
import { assign, setup } from 'xstate';
import { z } from 'zod';
import { openFrontDoor } from '../../actors/front-door/index.js';
import { workflowsOf } from '../../actors/workflows.js';
import { type ActorDefinition, defineActor, type EffectFailed, effect, type Message } from '../../runtime/actor.js';
import { connectOptions } from '../../runtime/broker/start.js';
import { systemClock } from '../../runtime/clock.js';
import { openLog } from '../../runtime/log.js';
import { MOST_HELD, openQuarantine } from '../../runtime/quarantine.js';
import { house, realBroker, scratch } from '../runtime/real.js';

/** Pays sums, but no negative ones; and counts only once something was paid. */
const machine = setup({
  types: {
    context: {} as { total: number },
    events: {} as
      | { type: 'teller.pay'; n: number }
      | { type: 'teller.count' }
      | { type: 'teller.close' }
      | { type: 'counted'; n: number }
      | EffectFailed<'count'>,
  },
  actions: { count: effect<object>(), emit: effect<Message>() },
}).createMachine({
  id: 'teller',
  context: { total: 0 },
  initial: 'open',
  states: {
    open: {
      on: {
        'teller.pay': {
          actions: [
            assign({
              total: ({ context, event }) => {
                if (event.n < 0) throw new Error(`cannot pay ${event.n}`);
                return context.total + event.n;
              },
            }),
            { type: 'emit', params: ({ context }) => ({ type: 'teller.paid', total: context.total }) as Message },
          ],
        },
        'teller.count': { actions: { type: 'count', params: {} } },
        'teller.close': {
          target: 'closed',
          actions: { type: 'emit', params: ({ context }) => ({ type: 'teller.paid', ...context }) as Message },
        },
        counted: {
          actions: [
            assign({
              total: ({ context, event }) => {
                if (context.total === 0) throw new Error('there is nothing to count');
                return context.total + event.n;
              },
            }),
            { type: 'emit', params: ({ context }) => ({ type: 'teller.paid', total: context.total }) as Message },
          ],
        },
      },
    },
    closed: {},
  },
});
const teller: ActorDefinition = defineActor({
  kind: 'teller',
  version: 1,
  accepts: z.discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('teller.pay'),
      n: z.int(),
      apiToken: z.string().optional(),
      env: z.record(z.string(), z.string()).optional(),
      source: z.string().optional(),
    }),
    z.strictObject({ type: z.literal('teller.count') }),
    z.strictObject({ type: z.literal('teller.close') }),
  ]),
  emits: z.strictObject({ type: z.literal('teller.paid'), total: z.int() }),
  ends: ['teller.paid'],
  machine,
  effects: { count: async () => ({ type: 'counted', n: 1000 }) as Message },
});
const address = 'r1/teller/teller-1';

async function bank(state = scratch()) {
  const h = await house({ teller }, { state });
  await h.system.start({ run: 'r1', kind: 'teller', id: 'teller-1' }, null);
  const nats = await connect(connectOptions(await realBroker()));
  onTestFinished(() => nats.close());
  const life = { startedAt: 0, stays: true, draining: false, taking: 0, openRuns: () => [] };
  const door = openFrontDoor({
    ...h,
    workflows: workflowsOf(state),
    clock: systemClock,
    definitions: { teller },
    customs: () => ({}),
    version: '0.0.0',
    life: { ...life, abandon: () => undefined, leave: () => undefined },
    nats,
    log: openLog('silent', 2),
  });
  await h.bus.wire.flush();
  const close = async (): Promise<void> => {
    door.close();
    await h.system.close();
  };
  onTestFinished(close);
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely by tests
  const ask = async (verb: string, body: object = {}): Promise<any> =>
    (await nats.request(`rr.api.local.quarantine.${verb}`, JSON.stringify(body), { timeout: 10_000 })).json();
  const tell = (command: object, id?: string) =>
    h.bus
      .ask(address, command as Message, { deadlineAt: Date.now() + 5_000, ...(id === undefined ? {} : { id }) })
      .catch((error: unknown) => error);
  const total = (): number => (h.system.cell(address)!.state().state.context as { total: number }).total;
  return { ...h, ask, tell, total, close };
}

test('a message that its actor threw on is listed, mended, put back and taken; what is secret in it is never shown', async () => {
  const b = await bank();
  const payload = {
    n: -5,
    apiToken: 'hush-1',
    env: { COLOUR: 'hush-2' },
    source: 'https://me:hush-3@example.invalid/a.git',
  };
  expect(await b.tell({ type: 'teller.pay', ...payload }, 'p1')).toMatchObject({ code: 'DECIDE_THREW' });
  const { messages, broken, dropped } = await b.ask('list');
  expect([broken, dropped]).toEqual([[], null]);
  expect(messages).toEqual([
    expect.objectContaining({ address, what: 'command', type: 'teller.pay', from: 'client', times: 1, edited: false }),
  ]);
  const [{ id }] = messages;
  const shown = await b.ask('get', { id });
  const hidden = { n: -5, apiToken: '***', env: { COLOUR: '***' }, source: 'https://***@example.invalid/a.git' };
  expect(shown).toMatchObject({ id, command: { id: 'p1', payload: hidden }, edited: null, putBack: null });
  expect(shown.why).toMatchObject({ code: 'DECIDE_THREW', message: expect.stringContaining('cannot pay -5') });
  expect(JSON.parse(readFileSync(shown.file, 'utf8')).command.payload).toEqual(payload);

  expect(await b.ask('edit', { id, payload: { n: 'five' } })).toMatchObject({ error: { code: 'MESSAGE_INVALID' } });
  expect(await b.ask('edit', { id, payload: { n: 5, apiToken: 'x***' } })).toMatchObject({ error: { code: 'USAGE' } });
  expect(await b.ask('edit', { id, payload: { ...hidden, n: 5 } })).toMatchObject({ id });
  const edited = await b.ask('get', { id });
  expect(edited).toMatchObject({ command: { payload: hidden }, edited: { payload: { ...hidden, n: 5 } } });
  const file = JSON.parse(readFileSync(shown.file, 'utf8'));
  expect([file.command.payload, file.edited.payload]).toEqual([payload, { ...payload, n: 5 }]);

  const back = await b.ask('put-back', { id });
  expect(back).toMatchObject({
    id,
    address,
    outcome: 'accepted',
    fact: { type: 'teller.paid', total: 5 },
    refusal: null,
  });
  expect(b.total()).toBe(5);
  expect((await b.ask('list')).messages).toEqual([]);
  expect(await b.ask('get', { id })).toMatchObject({ error: { code: 'QUARANTINE_UNKNOWN' } });
  await b.caughtUp();
  const audit = readFileSync(join(b.state, 'runs/r1/audit.log'), 'utf8').trim().split('\n');
  expect(JSON.parse(audit.at(-1)!)).toMatchObject({ id: back.message, causation: 'p1', from: 'quarantine' });
  expect(back.message).not.toBe('p1');
  expect(JSON.stringify([messages, shown, edited, back])).not.toContain('hush');
});

test('what is refused again stays, as the same entry, with the refusal', async () => {
  const b = await bank();
  await b.tell({ type: 'teller.pay', n: -1 }, 'p1');
  await b.tell({ type: 'teller.pay', n: -1 }, 'p1');
  const [{ id, times }, ...others] = (await b.ask('list')).messages;
  expect([times, others]).toEqual([2, []]);
  expect(await b.ask('put-back', { id })).toMatchObject({
    outcome: 'refused',
    fact: null,
    refusal: { code: 'DECIDE_THREW', message: expect.stringContaining('cannot pay -1') },
  });
  await b.tell({ type: 'teller.close' });
  const refused = await b.ask('put-back', { id });
  expect(refused).toMatchObject({ outcome: 'refused', refusal: { code: 'NOT_NOW' } });
  expect((await b.ask('list')).messages).toMatchObject([
    { id, times: 3, why: { code: 'NOT_NOW' }, putBack: { id: refused.message, error: { code: 'NOT_NOW' } } },
  ]);
  await b.system.stop(address);
  expect(await b.ask('put-back', { id })).toMatchObject({ outcome: 'refused', refusal: { code: 'NO_ACTOR' } });
  expect(await b.ask('drop', { id })).toEqual({ id });
  expect((await b.ask('list')).messages).toEqual([]);
  expect(await b.ask('drop', { id })).toMatchObject({ error: { code: 'QUARANTINE_UNKNOWN' } });
});

test('a message that ended its process is sent again as a new one, and its deaths are forgotten', async () => {
  const state = scratch();
  mkdirSync(join(state, 'hosts/test-host'), { recursive: true });
  writeFileSync(join(state, 'hosts/test-host/taking.log'), `x3 ${address} "p1"\n`);
  const b = await bank(state);
  expect(await b.tell({ type: 'teller.pay', n: 2 }, 'p1')).toMatchObject({ code: 'QUARANTINED' });
  const [{ id, why }] = (await b.ask('list')).messages;
  expect(why).toMatchObject({ code: 'QUARANTINED' });
  expect(await b.ask('put-back', { id })).toMatchObject({ outcome: 'accepted', fact: { total: 2 } });
  expect(await b.tell({ type: 'teller.pay', n: 2 }, 'p1')).toEqual({ type: 'teller.paid', total: 4 });
});

test('what an effect reported is kept and put back too, but not edited; a restart finds it again', async () => {
  const first = await bank();
  expect(await first.tell({ type: 'teller.count' }, 'c1')).toMatchObject({ code: 'DECIDE_THREW' });
  await first.close();
  const b = await bank(first.state);
  const [{ id, what, type }] = (await b.ask('list')).messages;
  expect([what, type]).toEqual(['report', 'counted']);
  expect(await b.ask('get', { id })).toMatchObject({
    command: null,
    report: { event: { type: 'counted', n: 1000 }, causation: 'c1', settles: `${address}/0.1.0` },
  });
  expect(await b.ask('edit', { id, payload: {} })).toMatchObject({ error: { code: 'USAGE' } });
  expect(await b.ask('put-back', { id })).toMatchObject({ outcome: 'refused', refusal: { code: 'DECIDE_THREW' } });
  expect((await b.ask('list')).messages).toMatchObject([{ id, times: 2 }]);
  await b.tell({ type: 'teller.pay', n: 1 });
  expect(await b.ask('put-back', { id })).toMatchObject({ outcome: 'accepted', refusal: null });
  expect([b.total(), (await b.ask('list')).messages]).toEqual([1001, []]);
});

test('one whose end nobody heard is put back as the same message, so that it is not taken twice', async () => {
  const b = await bank();
  await b.tell({ type: 'teller.pay', n: -1 }, 'p1');
  const [{ id }] = (await b.ask('list')).messages;
  await b.ask('edit', { id, payload: { n: 7 } });
  const { file } = await b.ask('get', { id });
  const before = readFileSync(file, 'utf8');
  const { message } = await b.ask('put-back', { id });
  expect(b.total()).toBe(7);
  await b.close();
  // As a process leaves it that is killed between the answer and its next step.
  writeFileSync(
    file,
    JSON.stringify({ ...JSON.parse(before), putBack: { id: message, at: new Date().toISOString(), error: null } }),
  );
  const again = await bank(b.state);
  expect(await again.ask('put-back', { id })).toMatchObject({ message, outcome: 'accepted', fact: { total: 7 } });
  expect(again.total()).toBe(7);
});

test('the oldest goes when there are too many, which is counted; a file that somebody spoiled is named', async () => {
  const state = scratch();
  const folder = join(state, 'hosts/test-host/quarantine');
  const q = openQuarantine(folder, systemClock, openLog('silent', 2));
  const error = { code: 'DECIDE_THREW' as const, message: 'm', fix: 'f' };
  const report = (n: number) => ({ event: { type: 'counted', n } as Message, causation: null, settles: `e${n}` });
  for (let n = 0; n < MOST_HELD + 3; n += 1) q.keep(address, report(n), error);
  expect(readdirSync(folder).filter((name) => name !== 'dropped.json')).toHaveLength(MOST_HELD);
  const b = await bank(state);
  const { messages, dropped, most } = await b.ask('list', { address });
  expect(messages).toHaveLength(MOST_HELD);
  expect([dropped.count, most]).toEqual([3, MOST_HELD]);
  expect((await b.ask('get', { id: messages[0].id })).report.event).toMatchObject({ n: 3 });

  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${messages[0].id}.json`), '{');
  const spoiled = await b.ask('list');
  expect(spoiled.messages).toHaveLength(MOST_HELD - 1);
  expect(spoiled.broken).toMatchObject([{ id: messages[0].id, error: { code: 'QUARANTINE_BROKEN' } }]);
  expect(await b.ask('put-back', { id: messages[0].id })).toMatchObject({ error: { code: 'QUARANTINE_BROKEN' } });
  expect(await b.ask('drop', { id: messages[0].id })).toEqual({ id: messages[0].id });
});

test('messages that are large together leave the newest', () => {
  const q = openQuarantine(join(scratch(), 'q'), systemClock, openLog('silent', 2));
  const error = { code: 'DECIDE_THREW' as const, message: 'm', fix: 'f' };
  const large = 'x'.repeat(30 * 1024 * 1024);
  for (const settles of ['a', 'b', 'c'])
    q.keep(address, { event: { type: 'counted', large } as Message, causation: null, settles }, error);
  expect(q.list().whole.map(({ held }) => held.report!.settles)).toEqual(['b', 'c']);
  expect(q.dropped()).toMatchObject({ count: 1 });
});
