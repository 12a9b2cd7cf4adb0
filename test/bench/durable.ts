/** What durability costs: actors made, a long journal read again. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeTurn } from '../../checkpoints/codec.js';
import { openJournal } from '../../checkpoints/journal.js';
import { journalFolder, openStore } from '../../checkpoints/store.js';
import { openLog } from '../../runtime/log.js';
import type { Checkpoint } from '../../runtime/store.js';
import type { Bench } from './main.js';
import { summary, timed } from './times.js';

const RECORDS = 1_000_000;
const ACTORS = 1_000;
const ROUNDS = 3;

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
  if (!wanted('replay-1m')) return;
  const state = mkdtempSync(join(tmpdir(), 'rr-bench-'));
  try {
    const journal = openJournal(journalFolder(state, 'bench'), 1, 'process');
    for (let n = 0; n < RECORDS; n += 1) {
      const turn = { checkpoint: checkpoint(n), facts: [], audit: [] };
      const written = new Promise<void>((done) => {
        journal.append(encodeTurn(turn, JSON.stringify(turn.checkpoint)), () => done());
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
