/**
 * The counts that a test command printed, whatever runner it was. One file a format; the first that knows the output is
 * believed, and the runner that the repository names is asked before all others.
 */
import { ava } from './ava.js';
import { bun } from './bun.js';
import { cargo } from './cargo.js';
import type { Counts, Format } from './counts.js';
import { ctest } from './ctest.js';
import { dart } from './dart.js';
import { deno } from './deno.js';
import { dotnet } from './dotnet.js';
import { exUnit } from './ex-unit.js';
import { go } from './go.js';
import { gradle } from './gradle.js';
import { jasmine } from './jasmine.js';
import { jest } from './jest.js';
import { readJunit } from './junit.js';
import { junitConsole } from './junit-console.js';
import { karma } from './karma.js';
import { meson } from './meson.js';
import { minitest } from './minitest.js';
import { mocha } from './mocha.js';
import { nodeTest } from './node-test.js';
import { pest } from './pest.js';
import { phpunit } from './phpunit.js';
import { playwright } from './playwright.js';
import { pytest } from './pytest.js';
import { rspec } from './rspec.js';
import { scala } from './scala.js';
import { surefire } from './surefire.js';
import { swift } from './swift.js';
import { tap } from './tap.js';
import { unittest } from './unittest.js';
import { uvu } from './uvu.js';
import { vitest } from './vitest.js';

/** Those whose words could be taken for another's come after it. */
export const formats: readonly Format[] = [
  nodeTest,
  jest,
  vitest,
  mocha,
  ava,
  jasmine,
  karma,
  bun,
  deno,
  pytest,
  unittest,
  cargo,
  surefire,
  junitConsole,
  gradle,
  phpunit,
  pest,
  rspec,
  minitest,
  exUnit,
  dotnet,
  ctest,
  meson,
  swift,
  dart,
  scala,
  go,
  tap,
  playwright,
  uvu,
];

const LINE_CHARS = 500;
const WORDS = /\d|^No tests?\b|^NO TESTS RAN$|^OK$|^FAILED$|no tests?\b|^ {2}✔ |^(?:not )?ok\b/;

/**
 * @param text plain, without what a terminal obeys. @param framework the repository's own runner, where it is known.
 * @returns null when no format knows it.
 */
export function countsOf(text: string, framework: string | null = null): { framework: string; counts: Counts } | null {
  const lines = text.split(/\r?\n/).flatMap((line) => {
    const cut = line.slice(0, LINE_CHARS).trimEnd();
    return WORDS.test(cut) ? [cut] : [];
  });
  const ordered = [...formats].sort((a, b) => Number(b.name === framework) - Number(a.name === framework));
  for (const { name, read } of ordered) {
    const counts = read(lines);
    if (counts !== null) return { framework: name, counts };
  }
  const report = readJunit(text);
  return report === null ? null : { framework: 'junit', counts: report };
}
