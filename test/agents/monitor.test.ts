/** What looks at an application add up to. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import type { Sample, Status, Watch } from '../../agents/monitor/contract.js';
import { examine, observe } from '../../agents/monitor/observe.js';
import { countErrors, FALLS_AFTER, isWell, latencyOf, signatureOf, turned } from '../../agents/monitor/tell.js';
import { removeTree } from '../remove.js';

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

test.each([
  [200, 200, true],
  [404, null, true],
  [404, 404, true],
  [404, 200, false],
  [410, 302, false],
  [403, 200, true],
  [500, 200, false],
  [null, 200, false],
])('an answer of %s from one that was proven with %s is a good one: %s', (status, proven, is) =>
  expect(isWell(status, proven)).toBe(is),
);

test('one that is well for long is told once; what it printed since it was last seen well is told on demand', async () => {
  const bundle = mkdtempSync(join(tmpdir(), 'rr-monitor-'));
  onTestFinished(() => removeTree(bundle));
  mkdirSync(join(bundle, 'logs'));
  const log = join(bundle, 'logs/web.log');
  appendFileSync(log, 'Error: long ago\n');
  const child = spawn('sleep', ['60'], { detached: true });
  onTestFinished(() => void child.kill('SIGKILL'));
  const watch: Watch = {
    ...{ type: 'monitor.watch', service: 'web', app: 'a', pid: child.pid!, url: null, proven: null },
    ...{ well: true, since: Date.now(), steady: false },
  };
  const context = {
    ...{
      run: 'r1',
      bundle,
      clock: { now: Date.now },
      signal: AbortSignal.timeout(20_000),
      log: { warn: console.warn },
    },
    config: { watchMs: 20, steadyMs: 200 },
  } as unknown as Parameters<typeof observe>[1];
  expect(await observe(watch, context)).toEqual({ type: 'monitor.steady', service: 'web', since: watch.since });
  expect(Date.now() - watch.since).toBeGreaterThanOrEqual(200);
  appendFileSync(log, 'Error: now\n');
  const ask = { type: 'monitor.examine', service: 'web', url: null, proven: null } as const;
  expect(await examine(ask, context)).toMatchObject({
    lines: ['Error: now'],
    memoryBytes: expect.any(Number),
    well: null,
  });
  // Where it is asked how it answers now.
  let status = 500;
  const server = createServer((_, response) => response.writeHead(status).end()).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  expect(await examine({ ...ask, url }, context)).toMatchObject({ well: false });
  status = 200;
  expect(await examine({ ...ask, url }, context)).toMatchObject({ well: true });
  child.kill('SIGKILL');
  expect(await observe({ ...watch, steady: true }, context)).toMatchObject({ type: 'monitor.ended' });
}, 30_000);
