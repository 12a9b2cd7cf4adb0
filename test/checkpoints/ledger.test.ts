/** Facts and audit: order, repeats, torn tails, and the chain. */
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { type AuditLine, brokenAt, canonical, openLedger, readLines } from '../../checkpoints/ledger.js';
import type { Line } from '../../runtime/store.js';

function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'rr-ledger-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
const line = (id: string, payload: Record<string, unknown> = {}): Line => ({
  id,
  at: '2026-01-01T00:00:00.000Z',
  from: 'r1/a/a',
  type: 'a.b',
  payload,
  causation: null,
});
const audit = (state: string, run = 'r1'): AuditLine[] => readLines<AuditLine>(join(state, `runs/${run}/audit.log`));
const json = fc.jsonValue() as fc.Arbitrary<unknown>;
/** The same value, its keys in another order. */
const shuffled = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(shuffled)
    : value !== null && typeof value === 'object'
      ? Object.fromEntries(
          Object.entries(value)
            .reverse()
            .map(([key, inner]) => [key, shuffled(inner)]),
        )
      : value;

test('the canonical text of a value does not depend on the order of its keys, and loses nothing', () => {
  fc.assert(
    fc.property(json, (value) => {
      expect(canonical(shuffled(value))).toBe(canonical(value));
      expect(JSON.parse(canonical(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('a chain holds for any payloads, over reopenings, and shows the first line that was touched', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.dictionary(fc.string(), json), { minLength: 1, maxLength: 8 }),
      fc.nat(),
      async (payloads, pick) => {
        const state = mkdtempSync(join(tmpdir(), 'rr-ledger-'));
        try {
          for (const [n, payload] of payloads.entries()) {
            const ledger = openLedger(state);
            ledger.append('r1', [], [line(`m${n}`, payload)]);
            await ledger.close();
          }
          const lines = audit(state);
          expect(lines.map(({ seq }) => seq)).toEqual(payloads.map((_, n) => n + 1));
          expect(brokenAt(lines)).toBe(null);
          const at = pick % lines.length;
          expect(brokenAt(lines.map((one, n) => (n === at ? { ...one, type: 'a.forged' } : one)))).toBe(at + 1);
          if (at < lines.length - 1) expect(brokenAt(lines.filter((_, n) => n !== at))).toBe(at + 1);
        } finally {
          rmSync(state, { recursive: true, force: true });
        }
      },
    ),
    { numRuns: 40 },
  );
});

test('a line told twice stands once, in this life or the next', async () => {
  const state = scratch();
  const first = openLedger(state);
  first.append('r1', [line('f1'), line('f2'), line('f1')], [line('m1'), line('m1')]);
  await first.close();
  const second = openLedger(state);
  second.append('r1', [line('f2'), line('f3')], [line('m1'), line('m2')]);
  await second.sync('r1');
  expect(readLines<Line>(join(state, 'runs/r1/facts.ndjson')).map(({ id }) => id)).toEqual(['f1', 'f2', 'f3']);
  expect(audit(state).map(({ id }) => id)).toEqual(['m1', 'm2']);
  expect(brokenAt(audit(state))).toBe(null);
  await second.close();
});

test('wherever a crash cut the last line, also within a letter, what was whole stays and the next line follows it', async () => {
  const text = { word: 'naïve – 😀' };
  for (let cut = 1; cut < 60; cut += 1) {
    const state = mkdtempSync(join(tmpdir(), 'rr-ledger-'));
    const path = join(state, 'runs/r1/facts.ndjson');
    const before = openLedger(state);
    before.append('r1', [line('f1', text), line('f2', text)], []);
    await before.close();
    const size = readFileSync(path).length;
    truncateSync(path, size - cut);
    expect(readLines<Line>(path).map(({ id }) => id)).toEqual(['f1']);
    const after = openLedger(state);
    after.append('r1', [line('f2', text)], []);
    await after.close();
    expect(readFileSync(path).length).toBe(size);
    expect(readLines<Line>(path)).toMatchObject([line('f1', text), line('f2', text)]);
    rmSync(state, { recursive: true });
  }
});

test('a line that a broken disk left does not keep new ones out', async () => {
  const state = scratch();
  mkdirSync(join(state, 'runs/r1'), { recursive: true });
  const path = join(state, 'runs/r1/facts.ndjson');
  writeFileSync(path, `${JSON.stringify({ seq: 1, ...line('f1') })}\n\0\0\0\n`);
  appendFileSync(path, Buffer.from([0xff, 0xfe]));
  const ledger = openLedger(state);
  ledger.append('r1', [line('f1'), line('f2')], []);
  await ledger.close();
  expect(readFileSync(path, 'utf8').split('\n').slice(2)).toEqual([JSON.stringify({ seq: 2, ...line('f2') }), '']);
});

test('many runs do not hold their files open, and an old one is taken up where it stood', async () => {
  const state = scratch();
  const ledger = openLedger(state);
  const held = () => readdirSync('/proc/self/fd').length;
  const before = held();
  for (let n = 0; n < 100; n += 1) {
    ledger.append(`r${n}`, [line('f1')], [line('m1')]);
    await ledger.sync(`r${n}`);
  }
  expect(held() - before).toBeLessThan(100);
  ledger.append('r0', [line('f1'), line('f2')], [line('m2')]);
  await ledger.close();
  expect(audit(state, 'r0').map(({ seq }) => seq)).toEqual([1, 2]);
  expect(brokenAt(audit(state, 'r0'))).toBe(null);
  expect(held()).toBeLessThanOrEqual(before);
});

test('whoever waits for his line to be on disk waits for the flush that holds it', async () => {
  const state = scratch();
  const ledger = openLedger(state);
  for (let n = 0; n < 20; n += 1) {
    const order: string[] = [];
    ledger.append('r1', [line(`a${n}`)], []);
    const first = ledger.sync('r1').then(() => order.push('first'));
    ledger.append('r1', [line(`b${n}`)], []);
    // Both of these need a second flush: neither may be done with the first one.
    const second = ledger.sync('r1').then(() => order.push('second'));
    const third = ledger.sync('r1').then(() => order.push('third'));
    await first;
    await Promise.resolve();
    await Promise.resolve();
    expect(order).toEqual(['first']);
    await Promise.all([second, third]);
  }
  await ledger.close();
});
