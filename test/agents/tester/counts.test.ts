/**
 * What test runners print, and the counts in it. The files of `corpus` were made by running the runners named on small
 * suites here (paths replaced); the texts below follow the format of runners that were not at hand.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countsOf, formats } from '../../../agents/tester/counts/index.js';
import { readJunit, readReports } from '../../../agents/tester/counts/junit.js';

const folder = join(import.meta.dirname, 'corpus');
const text = (name: string): string => readFileSync(join(folder, name), 'utf8');
const said = (of: string, framework: string | null = null) => {
  const found = countsOf(of, framework);
  if (found === null) return null;
  const { passed, failed, skipped, total } = found.counts;
  expect(total).toBe(passed + failed + skipped);
  return `${found.framework} ${passed} ${failed} ${skipped}`;
};

// passed, failed, skipped
const corpus: Record<string, string> = {
  'ava.txt': 'ava 2 1 2',
  'cargo.txt': 'cargo 2 1 1',
  'ctest.txt': 'ctest 1 1 1',
  'jasmine.txt': 'jasmine 2 1 1',
  'jest.txt': 'jest 2 1 2',
  'mocha.txt': 'mocha 2 1 1',
  'mocha-dot.txt': 'mocha 2 1 1',
  'mocha-tap.txt': 'tap 2 1 1',
  'node-file.txt': 'node:test 2 1 2',
  'node-spec.txt': 'node:test 2 1 2',
  'node-tap.txt': 'node:test 2 1 2',
  'pytest.txt': 'pytest 4 2 2',
  'pytest-none.txt': 'pytest 0 0 0',
  'pytest-q.txt': 'pytest 4 2 2',
  'pytest.xml': 'junit 4 2 2',
  'tap.txt': 'tap 1 1 1',
  'tape.txt': 'tap 2 1 0',
  'unittest.txt': 'unittest 1 2 2',
  'unittest-none.txt': 'unittest 0 0 0',
  'unittest-ok.txt': 'unittest 1 0 0',
  'uvu.txt': 'uvu 1 1 1',
  'vitest.txt': 'vitest 2 1 2',
  'xunit.txt': 'junit 2 1 1',
};
test('every output of the corpus is in the table', () => {
  expect(readdirSync(folder).sort()).toEqual(Object.keys(corpus).sort());
});
test.each(Object.entries(corpus))('%s says %s', (name, counts) => expect(said(text(name))).toBe(counts));

const written: [name: string, output: string, counts: string][] = [
  [
    'bun',
    'a.test.ts:\n(pass) adds\n\n 2 pass\n 1 skip\n 1 fail\n 3 expect() calls\nRan 4 tests across 1 file. [12.00ms]\n',
    'bun 2 1 1',
  ],
  [
    'deno',
    'running 3 tests from ./a_test.ts\nadds ... ok (1ms)\n\nFAILED | 2 passed (1 step) | 1 failed | 1 ignored (5ms)\n',
    'deno 2 1 1',
  ],
  [
    'karma',
    'Chrome Headless 120.0 (Linux): Executed 3 of 4 SUCCESS (0.1 secs / 0.05 secs)\nChrome Headless 120.0 (Linux): Executed 4 of 5 (1 FAILED) (skipped 1) (0.2 secs / 0.1 secs)\n',
    'karma 3 1 1',
  ],
  [
    'playwright',
    'Running 5 tests using 2 workers\n\n  1 failed\n    a.spec.ts:3:1 › fails\n  1 flaky\n    b.spec.ts:3:1 › at last\n  1 skipped\n  2 passed (3.1s)\n',
    'playwright 3 1 1',
  ],
  [
    'go',
    '=== RUN   TestA\n=== RUN   TestA/one\n=== RUN   TestA/two\n--- FAIL: TestA (0.00s)\n    --- PASS: TestA/one (0.00s)\n    --- FAIL: TestA/two (0.00s)\n--- PASS: TestB (0.01s)\n--- SKIP: TestC (0.00s)\nFAIL\nFAIL\texample.com/a\t0.003s\n?   \texample.com/b\t[no test files]\nFAIL\n',
    'go 2 1 1',
  ],
  ['go without tests', '?   \texample.com/b\t[no test files]\n', 'go 0 0 0'],
  [
    'cargo-nextest',
    '------------\n     Summary [   0.105s] 3 tests run: 2 passed, 1 failed, 1 skipped\n',
    'cargo 2 1 1',
  ],
  [
    'surefire',
    '[INFO] Running com.example.ATest\n[ERROR] Tests run: 2, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.05 s <<< FAILURE! -- in com.example.ATest\n[INFO] Tests run: 2, Failures: 0, Errors: 0, Skipped: 1, Time elapsed: 0.01 s -- in com.example.BTest\n[INFO] Results:\n[ERROR] Tests run: 4, Failures: 1, Errors: 0, Skipped: 1\n[INFO] BUILD FAILURE\n',
    'surefire 2 1 1',
  ],
  [
    'surefire of two modules',
    '[INFO] Tests run: 4, Failures: 0, Errors: 0, Skipped: 0\n[WARNING] Tests run: 3, Failures: 0, Errors: 1, Skipped: 1\n',
    'surefire 5 1 1',
  ],
  [
    'the JUnit console',
    '[         4 tests found           ]\n[         1 tests skipped         ]\n[         3 tests started         ]\n[         0 tests aborted         ]\n[         2 tests successful      ]\n[         1 tests failed          ]\n',
    'junit 2 1 1',
  ],
  [
    'gradle',
    'ATest > fails() FAILED\n    org.opentest4j.AssertionFailedError at ATest.java:9\n\n4 tests completed, 1 failed, 1 skipped\n',
    'gradle 2 1 1',
  ],
  [
    'phpunit',
    'PHPUnit 11.0.1 by Sebastian Bergmann and contributors.\n\n.FS.\n\nFAILURES!\nTests: 4, Assertions: 5, Failures: 1, Skipped: 1.\n',
    'phpunit 2 1 1',
  ],
  ['phpunit, all well', 'OK (3 tests, 5 assertions)\n', 'phpunit 3 0 0'],
  [
    'pest',
    '   FAIL  Tests\\Feature\\ATest\n\n  Tests:    1 failed, 1 skipped, 2 passed (3 assertions)\n  Duration: 0.12s\n',
    'pest 2 1 1',
  ],
  [
    'rspec',
    'Finished in 0.00276 seconds (files took 0.1 seconds to load)\n4 examples, 1 failure, 1 pending\n',
    'rspec 2 1 1',
  ],
  ['crystal', 'Finished in 45 microseconds\n4 examples, 1 failures, 1 errors, 1 pending\n', 'rspec 1 2 1'],
  [
    'minitest',
    'Finished in 0.001s, 900 runs/s.\n4 runs, 5 assertions, 1 failures, 0 errors, 1 skips\n',
    'minitest 2 1 1',
  ],
  [
    'test-unit',
    '4 tests, 5 assertions, 1 failures, 0 errors, 1 pendings, 0 omissions, 0 notifications\n50% passed\n',
    'minitest 2 1 1',
  ],
  [
    'ExUnit',
    'Finished in 0.03 seconds (0.00s async, 0.03s sync)\n1 doctest, 3 tests, 1 failure, 1 skipped\n',
    'ex-unit 2 1 1',
  ],
  [
    'dotnet',
    'Failed!  - Failed:     1, Passed:     2, Skipped:     1, Total:     4, Duration: 12 ms - Tests.dll (net8.0)\n',
    'dotnet 2 1 1',
  ],
  [
    'dotnet, the newer console',
    'Test Run Failed.\nTotal tests: 4\n     Passed: 2\n     Failed: 1\n    Skipped: 1\n Total time: 1.0 Seconds\n',
    'dotnet 2 1 1',
  ],
  [
    'meson',
    'Ok:                 2   \nExpected Fail:      0   \nFail:               1   \nUnexpected Pass:    0   \nSkipped:            1   \nTimeout:            0   \n',
    'meson 2 1 1',
  ],
  [
    'swift',
    "Test Suite 'A' failed\n\t Executed 2 tests, with 1 failure (0 unexpected) in 0.1 (0.1) seconds\nTest Suite 'All tests' failed\n\t Executed 4 tests, with 1 test skipped and 1 failure (0 unexpected) in 0.1 (0.2) seconds\n",
    'swift 2 1 1',
  ],
  ['dart', '00:00 +0: loading test/a_test.dart\n00:00 +1: adds\n00:01 +2 ~1 -1: Some tests failed.\n', 'dart 2 1 1'],
  ['scalatest', '[info] Tests: succeeded 2, failed 1, canceled 0, ignored 1, pending 0\n', 'scala 2 1 1'],
  [
    'two packages under Jest',
    'Tests:       2 passed, 2 total\nTime: 1 s\nTests:       1 failed, 3 passed, 4 total\n',
    'jest 5 1 0',
  ],
];
test.each(written)('%s', (_, output, counts) => {
  expect(said(output)).toBe(counts);
  expect(said(output.replaceAll('\n', '\r\n'))).toBe(counts);
});

test.each([
  ['nothing', ''],
  ['a server that counts', 'Listening on 3000\n2 passed\n3 tests\nok 5\n'],
  ['a build', '> tsc\n\nFound 2 errors in 1 file.\n'],
  ['a failure to begin', 'sh: 1: jest: not found\n'],
  ['an end without a beginning', 'OK\nFAILED (failures=1)\n  1 pending\n  2 failing\n'],
])('%s says nothing of tests', (_, output) => expect(said(output)).toBeNull());

test('the runner that the repository names is asked first', () => {
  const both = '1..1\nok 1 - wrapper\n2 passed in 0.01s\n';
  expect(said(both)).toBe('pytest 2 0 0');
  expect(said(both, 'tap')).toBe('tap 1 0 0');
});

test('a report of JUnit is read by its test cases, whatever they printed', () => {
  const report =
    '<?xml version="1.0"?><testsuites><testsuite tests="9" failures="9"><testcase name="a > b"/>' +
    '<testcase name="c"><system-out><![CDATA[<testcase name="no"><failure/></testcase>]]></system-out></testcase>' +
    '<testcase name="d"><failure message="x > y">no</failure></testcase><!-- <testcase/> --><testcase name="e"><skipped/></testcase></testsuite></testsuites>';
  expect(readJunit(report)).toEqual({ passed: 2, failed: 1, skipped: 1, total: 4 });
  expect(readReports([report, '<html/>', report])).toEqual({ passed: 4, failed: 2, skipped: 2, total: 8 });
  expect(readReports([])).toBeNull();
});

// Properties: any text is taken, and no count is made up.
const scraps = fc.constantFrom(
  ...Object.keys(corpus).flatMap((name) => text(name).split('\n')),
  ...written.flatMap(([, output]) => output.split('\n')),
);
const noise = fc.oneof(scraps, scraps, fc.string(), fc.string({ unit: 'binary' }), fc.nat().map(String));
const output = fc.array(noise, { maxLength: 60 }).map((lines) => lines.join('\n'));
/** All that could be counts in it, and a test for each line. */
const mostOf = (of: string): number =>
  [...of.matchAll(/\d{1,7}/g)].reduce((sum, [digits]) => sum + Number(digits), 0) +
  of.split('\n').length +
  of.split('<testcase').length;

test('no text makes it throw, and it never counts more than was printed', () => {
  fc.assert(
    fc.property(output, fc.option(fc.constantFrom(...formats.map(({ name }) => name))), (of, framework) => {
      const found = countsOf(of, framework);
      if (found === null) return;
      const { passed, failed, skipped, total } = found.counts;
      for (const count of [passed, failed, skipped]) expect(Number.isSafeInteger(count) && count >= 0).toBe(true);
      expect(total).toBe(passed + failed + skipped);
      expect(total).toBeLessThanOrEqual(mostOf(of));
    }),
    { numRuns: 2_000 },
  );
});

test('a long log is read in time in proportion to it', () => {
  const line = 'a'.repeat(50) + ' 1 passing 2 tests, '.repeat(200);
  const long = `${`${line}\n`.repeat(2_000)}Tests:       2 passed, 2 total\n`;
  const began = performance.now();
  expect(said(long)).toBe('jest 2 0 0');
  expect(performance.now() - began).toBeLessThan(5_000);
});

const count = fc.nat({ max: 999 });
const one = (n: number, word: string): string => `${n} ${word}${n === 1 ? '' : 's'}`;
/** The same counts as each runner would tell them. */
const tellers: Record<string, (passed: number, failed: number, skipped: number) => string> = {
  jest: (p, f, s) =>
    `Tests:       ${[f && `${f} failed`, s && `${s} skipped`, p && `${p} passed`, `${p + f + s} total`].filter(Boolean).join(', ')}`,
  'node:test': (p, f, s) =>
    `# tests ${p + f + s}\n# suites 0\n# pass ${p}\n# fail ${f}\n# cancelled 0\n# skipped ${s}\n# todo 0`,
  mocha: (p, f, s) => `  ${p} passing (5ms)\n${s ? `  ${s} pending\n` : ''}${f ? `  ${f} failing\n` : ''}`,
  cargo: (p, f, s) =>
    `test result: ok. ${p} passed; ${f} failed; ${s} ignored; 0 measured; 0 filtered out; finished in 0.00s`,
  surefire: (p, f, s) => `[INFO] Tests run: ${p + f + s}, Failures: ${f}, Errors: 0, Skipped: ${s}`,
  rspec: (p, f, s) => `${one(p + f + s, 'example')}, ${one(f, 'failure')}${s ? `, ${s} pending` : ''}`,
  phpunit: (p, f, s) => `Tests: ${p + f + s}, Assertions: 1, Failures: ${f}, Skipped: ${s}.`,
  'ex-unit': (p, f, s) => `${one(p + f + s, 'test')}, ${one(f, 'failure')}${s ? `, ${s} skipped` : ''}`,
  tap: (p, f, s) =>
    [
      'TAP version 14',
      ...Array(p).fill('ok - a'),
      ...Array(f).fill('not ok - b'),
      ...Array(s).fill('ok - c # SKIP'),
    ].join('\n'),
};
test.each(Object.entries(tellers))('%s: what is told is what is counted', (name, tell) => {
  fc.assert(
    fc.property(count, count, count, (passed, failed, skipped) => {
      expect(said(`begins\n${tell(passed, failed, skipped)}\nends\n`)).toBe(`${name} ${passed} ${failed} ${skipped}`);
    }),
  );
});
