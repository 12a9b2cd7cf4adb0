/** What looks at an application add up to. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Sample, Status } from '../../agents/monitor/contract.js';
import { countErrors, FALLS_AFTER, latencyOf, signatureOf, turned } from '../../agents/monitor/tell.js';

const sample = (at: number, well: boolean, ms: number | null = 1): Sample => ({
  ...{ at, well, ms, status: well ? 200 : 500 },
  ...{ memoryBytes: 1, cpus: 0, processes: 1 },
});

test('over any looks, it falls exactly at the third bad one in a row, and is well again at the first good one', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 60 }), (looks) => {
      let well = true;
      let samples: Sample[] = [];
      let row = 0;
      looks.forEach((is, at) => {
        samples = [...samples, sample(at, is)];
        row = is ? 0 : row + 1;
        const turn = turned(well, samples);
        const wanted = well ? row >= FALLS_AFTER : is;
        expect(turn !== null).toBe(wanted);
        if (turn === null) return;
        expect(turn.since).toBe(well ? at - FALLS_AFTER + 1 : at);
        well = !well;
        samples = [];
        row = 0;
      });
    }),
  );
});

test('percentiles are those of the answers that were good', () => {
  expect(latencyOf([])).toBe(null);
  expect(latencyOf([sample(1, false, 9_999), sample(2, true, null)])).toBe(null);
  const samples = Array.from({ length: 100 }, (_, n) => sample(n, true, n + 1));
  expect(latencyOf([...samples, sample(100, false, 9_999)])).toEqual({ p50: 51, p95: 96, p99: 100 });
});

test.each([
  ['2026-11-21T09:00:00.123Z ERROR user 42 not found', '<time> ERROR user <n> not found'],
  ['[09:00:01] Error: id 3f2504e0-4f89-41d3-9a0c-0305e82c3301', '[<time>] Error: id <id>'],
  ['panic: at 0x7f3a9c0012ab in 3.5 ms', 'panic: at <id> in <n> ms'],
])('%s is known as %s', (line, wanted) => expect(signatureOf(line)).toBe(wanted));

test('errors are counted by what they say, the most frequent first, and bounded', () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.constantFrom('Error: a 1', 'Error: a 2', 'fatal b', 'fine'))), (rounds) => {
      let known: Status['errors'] = [];
      rounds.forEach((lines, at) => {
        known = countErrors(known, lines, at);
      });
      const all = rounds.flat();
      const count = (line: string): number => known.find((one) => one.line === line)?.count ?? 0;
      expect(count('Error: a <n>')).toBe(all.filter((line) => line.startsWith('Error')).length);
      expect(count('fatal b')).toBe(all.filter((line) => line === 'fatal b').length);
      expect(known.every(({ line }) => line !== 'fine')).toBe(true);
      expect(known.map((one) => one.count)).toEqual(known.map((one) => one.count).sort((a, b) => b - a));
    }),
  );
  const many = Array.from({ length: 500 }, (_, n) => `Error: ${'x'.repeat(n)}`);
  expect(countErrors([], many, 1).length).toBeLessThanOrEqual(20);
});
