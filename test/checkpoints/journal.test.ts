/** The journal under torn writes, flipped bits, second lives, other hosts, and a machine that was started anew. */
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { encodeTurn } from '../../checkpoints/codec.js';
import { openJournal, readSegment, segmentName, segmentsIn } from '../../checkpoints/journal.js';
import { checkpointFile, historyFolder, readCheckpoint, versionsIn } from '../../checkpoints/json.js';
import { readLines } from '../../checkpoints/ledger.js';
import { journalFolder, openStore } from '../../checkpoints/store.js';
import { openLog } from '../../runtime/log.js';
import type { Checkpoint, Line, Turn } from '../../runtime/store.js';
import { runBuilt } from '../runtime/broker/help.js';

function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'rr-journal-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
const store = (state: string, host = 'h1') => openStore(state, host, { flush: 'fsync', log: openLog('silent', 2) });
const place = { run: 'r1', kind: 'health', id: 'health-1' };
const checkpoint = (turn: number, context: unknown = { turn }, over: Partial<Checkpoint> = {}): Checkpoint => ({
  format: 1,
  ...place,
  version: 1,
  epoch: 0,
  turn,
  state: { value: 'a', context, status: 'active' },
  owed: [],
  answers: {},
  open: {},
  dueCausation: null,
  at: new Date(turn).toISOString(),
  ...over,
});
const fact = (n: number): Line => ({
  id: `f${n}`,
  at: '',
  from: 'r1/health/health-1',
  type: 'a.b',
  payload: { n },
  causation: null,
});
const turnOf = (turn: number): Turn => ({
  checkpoint: checkpoint(turn),
  facts: [fact(turn)],
  audit: [{ ...fact(turn), id: `m${turn}` }],
});
const facts = (state: string): number[] =>
  readLines<Line>(join(state, 'runs/r1/facts.ndjson')).map(({ payload }) => payload.n as number);

/** A folder as a process that was killed after its last flush leaves it: the journal alone. @returns where each record ends. */
async function killed(turns: number): Promise<{ state: string; segment: string; ends: number[] }> {
  const live = scratch();
  const state = scratch();
  const running = store(live);
  for (let n = 1; n <= turns; n += 1) await running.commit(turnOf(n));
  const dir = journalFolder(live, 'h1');
  const [name] = readdirSync(dir).filter((one) => one.endsWith('.seg'));
  cpSync(dir, journalFolder(state, 'h1'), { recursive: true });
  rmSync(join(journalFolder(state, 'h1'), 'mark.json'), { force: true });
  await running.close();
  const segment = join(journalFolder(state, 'h1'), name!);
  const ends: number[] = [];
  readSegment({ fence: 1, segment: 1, path: segment }, 0, (_bytes, _start, end) => ends.push(end));
  return { state, segment, ends };
}

test('a journal cut at any byte of its tail gives all records before the cut, and the next life goes on', async () => {
  const { state, segment, ends } = await killed(4);
  const whole = readFileSync(segment);
  expect(ends).toHaveLength(4);
  for (let cut = ends[1]! - 1; cut <= ends[3]!; cut += 1) {
    for (const how of ['zeros', 'short'] as const) {
      const torn = Buffer.from(whole);
      torn.fill(0, cut);
      writeFileSync(segment, how === 'zeros' ? torn : torn.subarray(0, cut));
      const kept = ends.filter((end) => end <= cut).length;
      const seen: number[] = [];
      const { damage, end } = readSegment({ fence: 1, segment: 1, path: segment }, 0, (_b, _s, at) => seen.push(at));
      expect(seen).toEqual(ends.slice(0, kept));
      expect(end).toBe(ends[kept - 1] ?? 0);
      // What is cut off is told, unless it left no trace at all.
      const left = whole.subarray(end, cut).some((byte) => byte !== 0);
      expect(damage !== null).toBe(left);
    }
  }
  // One of them through the whole store: it goes on where the journal ends.
  const torn = Buffer.from(whole);
  torn.fill(0, ends[3]! - 3);
  writeFileSync(segment, torn);
  const next = store(state);
  expect(next.recovered).toMatchObject({ records: 3, damage: [{ offset: ends[2]!, reason: expect.any(String) }] });
  expect((await next.load(place))!.turn).toBe(3);
  await next.commit(turnOf(4));
  await next.close();
  expect(facts(state)).toEqual([1, 2, 3, 4]);
  expect((await readCheckpoint(join(state, checkpointFile(place))))!.turn).toBe(4);
}, 90_000);

test('whatever bit of whatever byte is flipped, what stands before it is read, what follows is not guessed at', async () => {
  const { segment, ends } = await killed(4);
  const whole = readFileSync(segment);
  fc.assert(
    fc.property(fc.nat(ends[3]! - 1), fc.nat(7), (at, bit) => {
      const flipped = Buffer.from(whole);
      flipped[at] = flipped[at]! ^ (1 << bit);
      writeFileSync(segment, flipped);
      const seen: number[] = [];
      const { damage } = readSegment({ fence: 1, segment: 1, path: segment }, 0, (_b, _s, end) => seen.push(end));
      expect(seen).toEqual(ends.filter((end) => end <= at));
      expect(damage).not.toBe(null);
    }),
    { numRuns: 400 },
  );
}, 90_000);

test('records are on disk in the order of the calls, whatever their sizes, over many files', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(900_000), { minLength: 1, maxLength: 12 }),
      fc.boolean(),
      async (sizes, together) => {
        const dir = mkdtempSync(join(tmpdir(), 'rr-journal-'));
        try {
          const journal = openJournal(dir, 1, 'process');
          const done: number[] = [];
          const put = (size: number, n: number): Promise<void> =>
            new Promise((resolve) =>
              journal.append(
                (into, at, room) => {
                  if (room < size + 4) return -1;
                  into.writeUInt32LE(n, at);
                  into.fill(7, at + 4, at + 4 + size);
                  return size + 4;
                },
                () => {
                  done.push(n);
                  resolve();
                },
              ),
            );
          if (together) await Promise.all(sizes.map(put));
          else for (const [n, size] of sizes.entries()) await put(size, n);
          await journal.close();
          const read: [number, number][] = [];
          for (const one of segmentsIn(dir))
            expect(
              readSegment(one, 0, (bytes, start, end) => read.push([bytes.readUInt32LE(start), end - start - 4]))
                .damage,
            ).toBe(null);
          expect(read).toEqual(sizes.map((size, n) => [n, size]));
          expect(done).toEqual(sizes.map((_, n) => n));
        } finally {
          rmSync(dir, { recursive: true, force: true });
        }
      },
    ),
    { numRuns: 25 },
  );
});

test('all that wants to be durable in one turn of the event loop shares one write', async () => {
  // In a process that writes nothing else.
  const code = `
    import { readFileSync } from 'node:fs';
    const { openJournal } = await import(new URL('checkpoints/journal.js', DIST));
    const journal = openJournal(${JSON.stringify(scratch())}, 1, 'fsync');
    const writes = () => Number(/syscw: (\\d+)/.exec(readFileSync('/proc/self/io', 'latin1'))[1]);
    const before = writes();
    const put = (n) => new Promise((done) => journal.append((into, at) => into.write('record ' + n, at), done));
    const errors = await Promise.all(Array.from({ length: 200 }, (_, n) => put(n)));
    console.log(JSON.stringify({ failed: errors.filter(Boolean).length, writes: writes() - before }));`;
  const { failed, writes } = await runBuilt<{ failed: number; writes: number }>(code, process.env);
  expect(failed).toBe(0);
  expect(writes).toBeLessThan(20);
});

test('a process that was thought dead and writes on harms nothing', async () => {
  const state = scratch();
  const zombie = store(state);
  await zombie.commit(turnOf(1));
  const next = store(state);
  await next.commit(turnOf(2));
  await next.caughtUp();
  await zombie.commit({ ...turnOf(1), checkpoint: checkpoint(1, { turn: 'stale' }) });
  await next.commit(turnOf(3));
  await next.close();
  const third = store(state);
  expect(third.recovered.records).toBe(0);
  expect((await third.load(place))!.turn).toBe(3);
  await third.close();
});

test('after a start of the machine the journal is read from where the files are on disk for good, and nothing stands twice', async () => {
  const state = scratch();
  const first = store(state);
  for (const n of [1, 2, 3]) await first.commit(turnOf(n));
  await first.close();
  const mark = join(journalFolder(state, 'h1'), 'mark.json');
  writeFileSync(mark, JSON.stringify({ ...JSON.parse(readFileSync(mark, 'utf8')), boot: 'another' }));
  // What the power took with it: the checkpoint whole, the ledger in part.
  rmSync(join(state, checkpointFile(place)));
  const ledger = join(state, 'runs/r1/facts.ndjson');
  writeFileSync(ledger, readFileSync(ledger, 'utf8').slice(0, -30));
  const next = store(state);
  expect(next.recovered.records).toBe(3);
  expect((await next.load(place))!.turn).toBe(3);
  await next.caughtUp();
  expect(facts(state)).toEqual([1, 2, 3]);
  expect(readLines(join(state, 'runs/r1/audit.log'))).toHaveLength(3);
  expect((await readCheckpoint(join(state, checkpointFile(place))))!.turn).toBe(3);
  await next.close();
});

test('a checkpoint that was restored after the crash beats the journal of the life before', async () => {
  const { state } = await killed(3);
  const file = join(state, checkpointFile(place));
  const made = store(state);
  await made.close();
  const again = await killed(3);
  copyFileSync(file, file); // it is there, at turn 3
  cpSync(journalFolder(again.state, 'h1'), journalFolder(state, 'h1'), { recursive: true });
  rmSync(join(journalFolder(state, 'h1'), 'mark.json'));
  writeFileSync(file, JSON.stringify(checkpoint(1, { turn: 'restored' }, { epoch: 1 })));
  const next = store(state);
  expect((await next.load(place))!.state.context).toEqual({ turn: 'restored' });
  await next.close();
  expect((await readCheckpoint(file))!.epoch).toBe(1);
});

test('what a dead host left in its journal is taken up by another of the same folder', async () => {
  const { state } = await killed(3);
  const other = store(state, 'h2');
  expect(other.recovered.records).toBe(3);
  expect((await other.load(place))!.turn).toBe(3);
  await other.commit(turnOf(4));
  await other.close();
  const first = store(state);
  expect(first.recovered.records).toBe(0);
  expect((await first.load(place))!.turn).toBe(4);
  await first.close();
  expect(facts(state)).toEqual([1, 2, 3, 4]);
});

test('values over 64 KB are kept by their content, come back as they were, and are missed when they are gone', async () => {
  const state = scratch();
  const one = store(state);
  const context = {
    plan: { text: 'p'.repeat(100_000) },
    small: 1,
    odd: { $blob: 'not one of ours', bytes: 3 },
    wrapped: { $literal: { $blob: 'f'.repeat(64), bytes: 1 } },
  };
  await one.commit({ checkpoint: checkpoint(1, context), facts: [], audit: [] });
  await one.commit({ checkpoint: checkpoint(2, { ...context, small: 2 }), facts: [], audit: [] });
  await one.close();
  const file = join(state, checkpointFile(place));
  expect(readFileSync(file, 'utf8').length).toBeLessThan(2_000);
  const blobs = join(state, 'runs/r1/blobs');
  expect(readdirSync(blobs)).toHaveLength(1);
  const next = store(state);
  expect((await next.load(place))!.state.context).toEqual({ ...context, small: 2 });
  await next.close();
  for (const version of versionsIn(historyFolder(file)))
    expect((await readCheckpoint(join(historyFolder(file), version)))!.state.context).toMatchObject({
      plan: context.plan,
    });
  appendFileSync(join(blobs, readdirSync(blobs)[0]!), 'x');
  await expect(readCheckpoint(file)).rejects.toMatchObject({ code: 'CHECKPOINT_BROKEN' });
});

test('a table of many small parts is no blob, so that one which changes with every turn leaves none behind', async () => {
  const state = scratch();
  const one = store(state);
  const parts = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`r${n}`, { text: 'x'.repeat(400), n }]));
  for (let turn = 0; turn < 5; turn += 1)
    await one.commit({ ...turnOf(turn), checkpoint: checkpoint(turn, { runs: { ...parts, [turn]: turn }, out: [] }) });
  await one.close();
  expect(existsSync(join(state, 'runs/r1/blobs'))).toBe(false);
  expect((await store(state).load(place))?.state.context).toEqual({ runs: { ...parts, 4: 4 }, out: [] });
});

test('any context comes back as it was', async () => {
  const state = scratch();
  const one = store(state);
  let turn = 0;
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), fc.constantFrom('$blob', '$literal', 'a'), async (value, key) => {
      turn += 1;
      const context = { [key]: value, inner: { [key]: 'f'.repeat(64) } };
      await one.commit({ checkpoint: checkpoint(turn, context), facts: [], audit: [] });
      await one.caughtUp();
      const read = await readCheckpoint(join(state, checkpointFile(place)));
      expect(read!.state.context).toEqual(JSON.parse(JSON.stringify(context)));
    }),
    { numRuns: 60 },
  );
  await one.close();
});

test('whatever turns actors take, and wherever the files stand, the next life finds every actor as it was', async () => {
  const of = (n: number, turn: number, context: unknown): Checkpoint => ({
    ...checkpoint(turn, context),
    id: `health-${n}`,
    open: { [`m${turn}`]: { type: 'a.b', until: turn } },
  });
  const at = (n: number) => ({ ...place, id: `health-${n}` });
  // What a turn leaves as it was stays the very same object, as with actors.
  const step = fc.record({
    actor: fc.integer({ min: 0, max: 2 }),
    key: fc.constantFrom('a', 'b', '$blob'),
    value: fc.jsonValue({ maxDepth: 2 }),
    files: fc.constantFrom('later', 'later', 'now'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
      const live = scratch();
      const one = store(live);
      const big = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`k${n}`, { text: `value ${n}` }]));
      const contexts: Record<string, unknown>[] = [0, 1, 2].map(() => ({ big }));
      let turn = 0;
      for (const { actor, key, value, files } of steps) {
        turn += 1;
        contexts[actor] = { ...contexts[actor], [key]: value, big: { ...big, [`k${turn}`]: { text: turn } } };
        await one.commit({ checkpoint: of(actor, turn, contexts[actor]), facts: [fact(turn)], audit: [] });
        if (files === 'now') await one.caughtUp();
      }
      const copy = scratch();
      cpSync(live, copy, { recursive: true });
      await one.close();
      const next = store(copy);
      expect(next.recovered.damage).toEqual([]);
      for (const actor of new Set(steps.map((one) => one.actor))) {
        const loaded = await next.load(at(actor));
        expect(loaded!.state.context).toEqual(JSON.parse(JSON.stringify(contexts[actor])));
      }
      await next.close();
      expect(facts(copy)).toEqual(steps.map((_, n) => n + 1));
    }),
    { numRuns: 25 },
  );
}, 60_000);

test('whatever was told to be durable is read again, also when the files caught up in the midst of many turns', async () => {
  const live = scratch();
  const one = store(live);
  const big = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`k${n}`, { text: `value ${n}` }]));
  const at = (actor: number) => ({ ...place, id: `health-${actor}` });
  const told = new Map<number, number>();
  let goesOn = true;
  // More at once than are flushed on the spot: while some are written, others are put into words already.
  const work = Array.from({ length: 12 }, async (_, actor) => {
    for (let turn = 1; goesOn; turn += 1) {
      const line = { ...fact(turn), id: `f${actor}.${turn}` };
      await one.commit({ checkpoint: checkpoint(turn, { big, turn }, at(actor)), facts: [line], audit: [] });
      told.set(actor, turn);
    }
  });
  const lost: unknown[] = [];
  for (let n = 0; n < 6; n += 1) {
    await sleep(150);
    const copy = scratch();
    const known = new Map(told);
    cpSync(live, copy, { recursive: true });
    const next = store(copy);
    lost.push(...next.recovered.damage);
    for (const [actor, turn] of known) {
      const { turn: met } = (await next.load(at(actor)))!;
      if (met < turn) lost.push({ actor, turn, met });
    }
    await next.close();
    const lines = new Set(readLines<Line>(join(copy, 'runs/r1/facts.ndjson')).map(({ id }) => id));
    for (const [actor, turn] of known)
      for (let each = 1; each <= turn; each += 1) if (!lines.has(`f${actor}.${each}`)) lost.push(`f${actor}.${each}`);
  }
  goesOn = false;
  await Promise.all(work);
  await one.close();
  expect(lost).toEqual([]);
}, 60_000);

test('a change without what it changes is damage, told and left out', async () => {
  const state = scratch();
  const journal = openJournal(journalFolder(state, 'h1'), 1, 'fsync');
  const put = (serial: number, onto: number, what: unknown) =>
    new Promise((done) => {
      const written = { text: JSON.stringify(what), serial, onto };
      journal.append(encodeTurn({ checkpoint: checkpoint(serial), facts: [], audit: [] }, written), done);
    });
  await put(1, 0, checkpoint(1));
  await put(2, 1, { s: { turn: 2 } });
  await put(4, 3, { s: { turn: 4 } });
  await journal.close();
  const next = store(state);
  expect(next.recovered.damage).toMatchObject([{ reason: expect.stringContaining('without what it changes') }]);
  expect((await next.load(place))!.turn).toBe(2);
  await next.close();
});

test('a record of nobody, and one that says it is longer than its file, are damage like any other', () => {
  const dir = scratch();
  const path = join(dir, segmentName(1, 1));
  writeFileSync(path, Buffer.alloc(4_096));
  const fd = openSync(path, 'r+');
  writeSync(fd, Buffer.from([0xff, 0xff, 0xff, 0x7f, 1, 2, 3, 4]), 0, 8, 0);
  const read = readSegment({ fence: 1, segment: 1, path }, 0, () => expect.unreachable());
  expect(read.damage).toMatchObject({ offset: 0, reason: 'a record cut short' });
  expect(existsSync(path)).toBe(true);
});
