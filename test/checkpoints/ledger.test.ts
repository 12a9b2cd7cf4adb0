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
            ledger.audit('r1', line(`m${n}`, payload));
            ledger.close();
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

test('what a journal tells again stands once', () => {
  const state = scratch();
  const first = openLedger(state);
  for (const id of ['f1', 'f2']) first.fact('r1', line(id));
  first.audit('r1', line('m1'));
  first.close();
  const second = openLedger(state, { dedupe: true });
  for (const id of ['f2', 'f3', 'f3']) second.fact('r1', line(id));
  for (const id of ['m1', 'm2']) second.audit('r1', line(id));
  second.close();
  expect(readLines<Line>(join(state, 'runs/r1/facts.ndjson')).map(({ id }) => id)).toEqual(['f1', 'f2', 'f3']);
  expect(audit(state).map(({ id }) => id)).toEqual(['m1', 'm2']);
  expect(brokenAt(audit(state))).toBe(null);
});

test('wherever a crash cut the last line, also within a letter, what was whole stays and the next line follows it', async () => {
  const text = { word: 'naïve – 😀' };
  for (let cut = 1; cut < 60; cut += 1) {
    const state = mkdtempSync(join(tmpdir(), 'rr-ledger-'));
    const path = join(state, 'runs/r1/facts.ndjson');
    const before = openLedger(state);
    for (const id of ['f1', 'f2']) before.fact('r1', line(id, text));
    before.close();
    const size = readFileSync(path).length;
    truncateSync(path, size - cut);
    expect(readLines<Line>(path).map(({ id }) => id)).toEqual(['f1']);
    const after = openLedger(state);
    after.fact('r1', line('f2', text));
    after.close();
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
  const ledger = openLedger(state, { dedupe: true });
  for (const id of ['f1', 'f2']) ledger.fact('r1', line(id));
  ledger.close();
  expect(readFileSync(path, 'utf8').split('\n').slice(2)).toEqual([JSON.stringify({ seq: 2, ...line('f2') }), '']);
});

test('many runs do not hold their files open, and an old one is taken up where it stood', async () => {
  const state = scratch();
  const ledger = openLedger(state);
  const held = () => readdirSync('/proc/self/fd').length;
  const before = held();
  for (let n = 0; n < 400; n += 1) {
    ledger.fact(`r${n}`, line('f1'));
    ledger.audit(`r${n}`, line('m1'));
  }
  expect(held() - before).toBeLessThan(300);
  ledger.fact('r0', line('f2'));
  ledger.audit('r0', line('m2'));
  ledger.close();
  expect(audit(state, 'r0').map(({ seq }) => seq)).toEqual([1, 2]);
  expect(brokenAt(audit(state, 'r0'))).toBe(null);
  expect(held()).toBeLessThanOrEqual(before);
});

test('a last line longer than what is read at first is followed in its order', () => {
  const state = scratch();
  const before = openLedger(state);
  before.audit('r1', line('m1', { text: 'x'.repeat(300_000) }));
  before.close();
  const after = openLedger(state);
  after.audit('r1', line('m2'));
  after.close();
  expect(audit(state).map(({ seq }) => seq)).toEqual([1, 2]);
  expect(brokenAt(audit(state))).toBe(null);
});
