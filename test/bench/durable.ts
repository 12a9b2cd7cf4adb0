/**
 * What durability costs: workflows of steps that do nothing, each durable before the next begins; actors made; a long
 * journal read again.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeTurn } from '../../checkpoints/codec.js';
import { openJournal } from '../../checkpoints/journal.js';
import { journalFolder, openStore } from '../../checkpoints/store.js';
import { openLog } from '../../runtime/log.js';
import type { Checkpoint } from '../../runtime/store.js';
import type { Bench } from './main.js';
import { many, summary, timed } from './times.js';
import { flows, openWorld } from './world.js';

const RECORDS = 1_000_000;
const ACTORS = 1_000;
const ROUNDS = 3;
const WARM = 500;
const ALONE = 500;
const TOGETHER = 4_000;
const SPAWNED = 10_000;

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

const living: Bench = async function* (wanted) {
  if (![...flows.map(({ name }) => name), 'spawn'].some(wanted)) return;
  const world = await openWorld();
  const { config, server, system } = world;
  const settings = { durability: config.durability, server, steps: 'no-op agent', facts: 'to the stream' };
  let count = 0;
  try {
    for (const { name } of flows) {
      if (!wanted(name)) continue;
      const once = async (): Promise<void> => {
        count += 1;
        await world.begin(`b${count}`, name);
        await world.end(`b${count}`);
      };
      await many(WARM, 64, once);
      for (const concurrency of [1, 64]) {
        const one = await many(concurrency === 1 ? ALONE : TOGETHER, concurrency, once);
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
    await world.close();
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
