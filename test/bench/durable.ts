/**
 * What durability costs: workflows of steps that do nothing, each durable before the next begins; actors made; a long
 * journal read again. A run is the real run actor over the real store; a step is an ask to a no-op agent on the same host.
 * The runs are started directly, without the orchestrator's slots.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@nats-io/transport-node';
import { setup } from 'xstate';
import { z } from 'zod';
import { runBy } from '../../actors/run/index.js';
import { encodeTurn } from '../../checkpoints/codec.js';
import { openJournal } from '../../checkpoints/journal.js';
import { journalFolder, openStore } from '../../checkpoints/store.js';
import { defineActor, effect, type Message } from '../../runtime/actor.js';
import { connectOptions, openBroker, stopBroker } from '../../runtime/broker/start.js';
import { openBus } from '../../runtime/bus.js';
import { systemClock } from '../../runtime/clock.js';
import { readConfig } from '../../runtime/config.js';
import { openLog } from '../../runtime/log.js';
import type { Checkpoint } from '../../runtime/store.js';
import { openSystem } from '../../runtime/system.js';
import { ensureStreams, natsWire } from '../../runtime/wire.js';
import type { Step, Workflow } from '../../runtime/workflow.js';
import type { Bench } from './main.js';
import { many, summary, timed } from './times.js';

const RECORDS = 1_000_000;
const ACTORS = 1_000;
const ROUNDS = 3;
const WARM = 500;
const ALONE = 300;
const TOGETHER = 4_000;
const SPAWNED = 10_000;

const noop = defineActor({
  kind: 'noop',
  version: 1,
  accepts: z.strictObject({ type: z.literal('noop.do') }),
  emits: z.strictObject({ type: z.literal('noop.done') }),
  ends: ['noop.done'],
  machine: setup({ actions: { emit: effect<Message>() } }).createMachine({
    id: 'noop',
    context: {},
    initial: 'up',
    states: { up: { on: { 'noop.do': { actions: { type: 'emit', params: { type: 'noop.done' } as Message } } } } },
  }),
  effects: {},
});
const step = (id: string, needs: string[]): Step => ({ id, to: 'noop', command: 'noop.do', needs });
const ten = Array.from({ length: 10 }, (_, n) => `s${n}`);
const flows: Workflow[] = [
  { name: 'seq10', version: 1, record: 'light', steps: ten.map((id, n) => step(id, n === 0 ? [] : [ten[n - 1]!])) },
  {
    name: 'fan10',
    version: 1,
    record: 'light',
    steps: [step('first', []), ...ten.map((id) => step(id, ['first'])), step('last', ten)],
  },
];
const workflows = {
  find: (name: string) => flows.find((one) => one.name === name) ?? null,
  list: () => flows,
};

const checkpoint = (n: number): Checkpoint => ({
  format: 1,
  kind: 'noop',
  id: 'noop-1',
  run: `r${n % ACTORS}`,
  version: 1,
  epoch: 0,
  turn: Math.floor(n / ACTORS),
  state: { value: 'up', context: { n, text: 'as long as a small state' }, status: 'active' },
  owed: [],
  answers: {},
  open: {},
  dueCausation: null,
  at: '2026-01-01T00:00:00.000Z',
});

export const durable: Bench = async function* (wanted) {
  yield* living(wanted);
  yield* replay(wanted);
};

/** Actors on a host of their own, over a real broker. */
const living: Bench = async function* (wanted) {
  if (!['seq10', 'fan10', 'spawn'].some(wanted)) return;
  const state = mkdtempSync(join(tmpdir(), 'rr-bench-'));
  const { config } = readConfig({ state, host: 'bench' }, process.env);
  const log = openLog('silent', 2);
  const broker = await openBroker(config, () => undefined);
  const nats = await connect(connectOptions(broker));
  await ensureStreams(nats, broker.url);
  const bus = openBus(natsWire(nats, `_INBOX.bench${process.pid}`), systemClock);
  const store = openStore(state, 'bench', { flush: config.durability, log });
  const system = openSystem({
    definitions: { noop, run: runBy(workflows) },
    bus,
    store,
    clock: systemClock,
    chance: Math.random,
    log,
    config,
    hostDir: join(state, 'hosts', 'bench'),
    bundleOf: (run) => join(state, 'runs', run),
    fallen: (error) => {
      throw error;
    },
  });
  let count = 0;
  const settings = { durability: config.durability, server: broker.how, steps: 'no-op agent', facts: 'to the stream' };
  try {
    const once = async (workflow: string): Promise<void> => {
      count += 1;
      const run = `b${count}`;
      const [agent, walker] = [`${run}/noop/noop-1`, `${run}/run/run-1`];
      await Promise.all([
        system.start({ run, kind: 'noop', id: 'noop-1' }, null),
        system.start({ run, kind: 'run', id: 'run-1' }, null),
      ]);
      const job = { workflow, source: '' };
      const start = { type: 'run.start', run, job, bundle: join(state, 'runs', run), at: Date.now() } as Message;
      const { result } = (await bus.ask(walker, start, { deadlineAt: Date.now() + 60_000 })) as Message & {
        result: { outcome: string };
      };
      if (result.outcome !== 'healthy') throw new Error(`${workflow} ended ${result.outcome}`);
      await Promise.all([system.stop(agent), system.stop(walker)]);
    };
    for (const { name } of flows) {
      if (!wanted(name)) continue;
      await many(WARM, 64, () => once(name));
      for (const concurrency of [1, 64]) {
        const one = await many(concurrency === 1 ? ALONE : TOGETHER, concurrency, () => once(name));
        yield { measure: name, ...one, ratio: null, settings };
      }
    }
    if (wanted('spawn')) {
      const spawn = (): Promise<void> => {
        count += 1;
        return system.start({ run: `b${count}`, kind: 'noop', id: 'noop-1' }, null);
      };
      const one = await many(SPAWNED, 256, spawn);
      yield { measure: 'spawn', ...one, ratio: null, settings: { ...settings, what: 'an actor, durable' } };
    }
  } finally {
    await system.close();
    await bus.close();
    await store.close();
    await stopBroker(config).catch(() => undefined); // it ends by itself when nobody is connected
    rmSync(state, { recursive: true, force: true });
  }
};

const replay: Bench = async function* (wanted) {
  if (!wanted('replay-1m')) return;
  const state = mkdtempSync(join(tmpdir(), 'rr-bench-'));
  try {
    const journal = openJournal(journalFolder(state, 'bench'), 1, 'process');
    for (let n = 0; n < RECORDS; n += 1) {
      const turn = { checkpoint: checkpoint(n), facts: [], audit: [] };
      const written = new Promise<void>((done) => {
        const text = JSON.stringify(turn.checkpoint);
        journal.append(encodeTurn(turn, { text, serial: n + 1, onto: 0 }), () => done());
      });
      if (n % 2_000 === 1_999) await written;
    }
    await journal.close();
    const times: number[] = [];
    let bytes = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const log = openLog('silent', 2);
      const { ms, value } = await timed(() => openStore(state, 'bench', { flush: 'process', log }));
      if (value.recovered.records !== RECORDS) throw new Error(`${value.recovered.records} records came back`);
      times.push(ms);
      bytes = value.recovered.bytes;
    }
    yield {
      measure: 'replay-1m',
      ...summary(times),
      perSecond: RECORDS / (summary(times).p50Ms / 1000),
      ratio: null,
      settings: { records: RECORDS, actors: ACTORS, bytes, rounds: ROUNDS },
    };
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
};
