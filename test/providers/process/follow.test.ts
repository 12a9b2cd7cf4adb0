import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { readEnd, readOn } from '../../../providers/process/follow.js';
import { LogFile } from '../../../providers/process/log-file.js';

function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'rr-follow-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
let count = 0;
const logIn = (dir: string, limit: number): { path: string; log: LogFile } => {
  const path = join(dir, `${count++}.log`);
  return { path, log: new LogFile(path, limit) };
};

test('whatever is written, rotated and read in between, each line is read once and in order, or the gap is told', () => {
  const dir = scratch();
  const step = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        write: fc.string({ unit: fc.constantFrom('a', 'é', '\n'), minLength: 5, maxLength: 40 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ read: fc.integer({ min: 4, max: 200 }) }) },
  );
  let rotated = 0;
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 10, maxLength: 80, size: 'max' }),
      fc.integer({ min: 60, max: 160 }),
      (steps, limit) => {
        const { path, log } = logIn(dir, limit);
        let written = '';
        let unread = 0;
        let at: string | null = null;
        let seen = '';
        let missed = false;
        const read = (bytes: number, rest: boolean): boolean => {
          const piece = readOn(path, at, bytes, rest);
          ({ at } = piece);
          missed ||= piece.missed;
          seen += piece.lines.join('');
          return piece.more;
        };
        for (const one of steps) {
          if ('write' in one) {
            log.write(Buffer.from(one.write));
            written += one.write;
            unread += Buffer.byteLength(one.write);
          } else {
            while (read(one.read, false));
            // A line without its end is left, and nothing else.
            unread = Buffer.byteLength(written.slice(written.lastIndexOf('\n') + 1));
          }
          // A log and its predecessor hold at least so much.
          if (unread > limit) break;
        }
        while (read(50, true));
        log.close();
        if (written.length > limit) rotated += 1;
        if (unread <= limit) {
          expect(missed).toBe(false);
          expect(seen.replaceAll('\ufffd', 'é')).toBe(written.replaceAll('\n', ''));
        } else if (!missed) expect(written.replaceAll('\n', '')).toContain(seen);
      },
    ),
    { numRuns: 500 },
  );
  expect(rotated).toBeGreaterThan(50);
});

test('a place that was rotated away is told, and what is left is read', () => {
  const { path, log } = logIn(scratch(), 20);
  log.write(Buffer.from('first\n'));
  const { at } = readOn(path, null, 1_000, false);
  for (const word of ['second', 'third', 'fourth', 'fifth', 'sixth', 'seventh'])
    log.write(Buffer.from(`${word} line\n`));
  expect(readOn(path, at, 1_000, false)).toMatchObject({ missed: true, lines: ['sixth line', 'seventh line'] });
});

test('a log that is not there yet is read from its beginning when it comes', () => {
  const dir = scratch();
  const path = join(dir, `${count}.log`);
  const none = readOn(path, null, 100, false);
  expect(none).toEqual({ lines: [], at: '', more: false, missed: false });
  logIn(dir, 1_000).log.write(Buffer.from('one\ntwo\nthr'));
  const some = readOn(path, none.at, 100, false);
  expect(some).toMatchObject({ lines: ['one', 'two'], more: false, missed: false });
  expect(readOn(path, some.at, 100, true).lines).toEqual(['thr']);
});

test('the last lines, across a rotation too, and the place after them', () => {
  const { path, log } = logIn(scratch(), 40);
  for (let n = 1; n <= 12; n++) log.write(Buffer.from(`line ${n}\n`));
  log.write(Buffer.from('unfinished'));
  const end = readEnd(path, 4, 1_000, false);
  expect(end.lines).toEqual(['line 9', 'line 10', 'line 11', 'line 12']);
  expect(readOn(path, end.at, 1_000, true).lines).toEqual(['unfinished']);
  expect(readEnd(path, 2, 1_000, true).lines).toEqual(['line 12', 'unfinished']);
  expect(readEnd(path, 100, 25, true).lines).toEqual(['line 12', 'unfinished']); // the cut one is left out
});
