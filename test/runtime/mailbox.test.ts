/** A flood for an actor that cannot go on, through the real broker: it is refused at once, and the memory is bounded. */
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { connect } from '@nats-io/transport-node';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { connectOptions } from '../../runtime/broker/start.js';
import { MAILBOX_BYTES } from '../../runtime/mailbox.js';
import type { Answer } from '../../runtime/message.js';
import { clerk } from './clerk.js';
import { house, realBroker } from './real.js';

const address = 'r1/clerk/clerk-1';
const MB = 1024 * 1024;
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const heldBytes = (): number => {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

/** An actor whose turns wait, as on a full disk, until `go`. */
async function stuck(mailbox?: number) {
  let go = (): void => undefined;
  let room = Promise.resolve();
  const hold = (): void => {
    room = new Promise<void>((resolve) => {
      go = resolve;
    });
  };
  const accepts = z.looseObject({ type: z.literal('note.add'), n: z.int() });
  const h = await house(
    { clerk: clerk({ accepts }) },
    {
      store: (real) => ({
        ...real,
        commit: async (turn) => {
          await room;
          return real.commit(turn);
        },
      }),
      ...(mailbox === undefined ? {} : { settings: { mailbox } }),
    },
  );
  await h.system.start({ run: 'r1', kind: 'clerk', id: 'clerk-1' }, null);
  await h.bus.wire.flush();
  onTestFinished(() => go()); // before the house is closed
  hold();
  const nats = await connect(connectOptions(await realBroker()));
  onTestFinished(() => nats.close());
  const answers: Answer[] = [];
  nats.subscribe('_INBOX.flood.*', { callback: (_, message) => void answers.push(message.json<Answer>()) });
  const say = (id: number, pad = '', deadline: number | null = null): void =>
    nats.publish(
      'rr.r1.clerk.clerk-1.in',
      JSON.stringify({
        ...{ v: 1, id: `m${id}`, type: 'note.add', run: 'r1', from: 'raw', causation: null, hop: 1 },
        ...{ deadline, traceparent: null, payload: { n: 1, pad } },
      }),
      { reply: `_INBOX.flood.${id}` },
    );
  const busy = () => answers.filter((answer) => 'error' in answer && answer.error.code === 'BUSY');
  const total = (): number => (h.system.cell(address)!.state().state.context as { total: number }).total;
  return { ...h, nats, say, answers, busy, total, hold, go: () => go() };
}

test.runIf(process.env.RR_LONG)(
  'a flood of large messages is refused beyond the bytes of a mailbox, and there is room again when they are gone',
  async () => {
    const h = await stuck();
    const before = heldBytes();
    const pad = 'x'.repeat(900_000);
    // Nobody waits for them in the end: that spares the disk what is not asked here.
    const flood = async (from: number, count: number): Promise<void> => {
      h.say(from);
      for (let id = from + 1; id <= from + count; id += 1) {
        h.say(id, pad, Date.now() + 3_000);
        if (id % 10 === 0) await h.nats.flush();
      }
      for (let seen = -1; seen !== h.answers.length; await sleep(500)) seen = h.answers.length;
    };
    const end = async (answers: number): Promise<void> => {
      await sleep(3_000);
      h.go();
      await expect.poll(() => h.answers.length, { timeout: 10_000 }).toBe(answers);
    };
    await flood(0, 300);
    const refused = h.busy().length;
    const held = heldBytes() - before;
    // Beside what waits: one that is being taken, sixteen that are not weighed, and buffers of two connections.
    expect(held).toBeLessThan(MAILBOX_BYTES + 17 * MB + 80 * MB);
    expect(300 * pad.length).toBeGreaterThan(250 * MB);
    expect((300 - refused) * pad.length).toBeGreaterThan(MAILBOX_BYTES);
    expect(h.busy()[0]).toMatchObject({ error: { message: expect.stringMatching(/of \d+ bytes wait for it/) } });
    await end(301);
    expect(h.total()).toBe(1);

    h.hold();
    h.answers.length = 0;
    await flood(301, 60);
    expect(h.answers).toEqual([]);
    await end(61);
    expect(h.total()).toBe(2);
  },
  180_000,
);

test('a flood of small messages is refused beyond the number a mailbox takes', async () => {
  const h = await stuck(100);
  const before = heldBytes();
  const sent = 20_000;
  for (let id = 0; id < sent; id += 1) {
    h.say(id);
    if (id % 500 === 0) await h.nats.flush();
  }
  await expect.poll(() => h.answers.length, { timeout: 10_000 }).toBe(sent - 101);
  expect(h.busy()).toHaveLength(sent - 101);
  expect(h.busy()[0]).toMatchObject({ error: { message: expect.stringContaining('100 messages wait for it') } });
  h.answers.length = 0;
  expect(heldBytes() - before).toBeLessThan(16 * MB);
  h.go();
  await expect.poll(h.total, { timeout: 10_000 }).toBe(101);
}, 40_000);

test('what does not parse takes no room', async () => {
  const h = await stuck();
  const pad = 'x'.repeat(900_000);
  for (let id = 0; id < 30; id += 1) h.say(id);
  await h.nats.flush();
  for (let id = 0; id < 90; id += 1) {
    const odd = { v: 1, id: `o${id}`, type: 'note.odd', run: 'r1', from: pad, causation: null, hop: 1, deadline: null };
    h.nats.publish('rr.r1.clerk.clerk-1.in', JSON.stringify({ ...odd, traceparent: null, payload: {} }), {
      reply: `_INBOX.flood.odd${id}`,
    });
    await h.nats.flush();
  }
  await expect.poll(() => h.answers.length, { timeout: 10_000 }).toBe(90);
  expect(h.busy()).toEqual([]);
  h.go();
  await expect.poll(h.total).toBe(30);
}, 40_000);
