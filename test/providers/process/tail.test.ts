import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { plain, tail } from '../../../providers/process/tail.js';

const log = (now: string | null, before: string | null = null): string => {
  const folder = mkdtempSync(join(tmpdir(), 'rr-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'app.log');
  if (now !== null) writeFileSync(path, now);
  if (before !== null) writeFileSync(`${path}.1`, before);
  return path;
};

test('the last lines come from the log, and from its predecessor when the log holds too few', () => {
  expect(tail(log('c\nd\n', 'a\nb\n'), 1, 1_000)).toEqual(['d']);
  expect(tail(log('c\nd\n', 'a\nb\n'), 3, 1_000)).toEqual(['b', 'c', 'd']);
  expect(tail(log('-end\nd', 'a\nhalf'), 9, 1_000)).toEqual(['a', 'half-end', 'd']);
  expect(tail(log(null, 'a\nb\n'), 9, 1_000)).toEqual(['a', 'b']);
  expect(tail(log(null), 9, 1_000)).toEqual([]);
});

test('no more than the bytes asked for are read, whatever a line holds', () => {
  expect(tail(log(`${'x'.repeat(100)}\nlast\n`), 9, 20)).toEqual(['last']);
  expect(tail(log('x'.repeat(1_000_000)), 9, 50)).toEqual(['x'.repeat(50)]);
  expect(tail(log('b\n', `${'x'.repeat(100)}\na\n`), 9, 8)).toEqual(['a', 'b']);
});

test.each([
  ['\x1b[31mred\x1b[0m \x1b[1;4mbold\x1b[m', 'red bold'],
  ['\x1b]0;title\x07text \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\', 'text link'],
  ['\x1b]0;never ended\nnext', '\nnext'],
  ['10%\r50%\r100%\nnext\r\nwindows\r\n', '100%\nnext\nwindows\n'],
  ['waiting\r', 'waiting'],
  ['old\rnew\r\r', 'new'],
  ['\r\n\rab\r\r\n', '\nab\n'],
  ['\x1b[2K\x1b[1Gdone\x1b7\x1b(B', 'done'],
  ['bell\x07 null\0 del\x7f c1\x9b31m \u202eback\u202c', 'bell null del c1 back'],
  ['tab\tstays, ümläute 日本 🙂 too', 'tab\tstays, ümläute 日本 🙂 too'],
])('%j is shown as %j', (raw, shown) => expect(plain(raw)).toBe(shown));

test('the time to make a text plain grows with its length alone, whatever fills its lines', () => {
  const slowest = (count: number): number =>
    Math.max(
      ...['x', '\r', 'x\r', '\r\rx', '\x1b[', '\x1b]', '\x1b ', '10%\r\n'].map((piece) => {
        const text = `${piece.repeat(count)}${'y'.repeat(count)}`;
        const began = performance.now();
        plain(text);
        return performance.now() - began;
      }),
    );
  slowest(20_000);
  // A quadratic one took 400 times as long on the second as on the first: minutes.
  expect(slowest(400_000)).toBeLessThan(2_000);
});

test('a line without end is shown by its beginning and its end', () => {
  const [line] = tail(log(`begin${'x'.repeat(100_000)}end\n`), 1, 200_000);
  expect(line!.length).toBe(2_000);
  expect(line).toMatch(/^beginx+ … x+end$/);
});
