// `npm test`: everything a change must pass, from a fresh clone. Sets up what is missing, then types, lint, floors and
// all tests; ends with `N passed, N failed` (and skipped, if any) alone on a line. `--long` runs those too that take longer.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

if (process.argv.includes('--long')) process.env.RR_LONG = '1';
const wanted = process.argv.slice(2).filter((arg) => arg !== '--long');
const root = fileURLToPath(new URL('..', import.meta.url));
const counts = { passed: 0, failed: 0, skipped: 0 };
const run = (command, args) => {
  console.log(`\n$ ${[command, ...args].join(' ')}`);
  return spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status === 0;
};
const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
const node = (...args) => run(process.execPath, args);
const tool = (file, ...args) => node(join(root, 'node_modules', file), ...args);

if (!existsSync(join(root, 'node_modules', 'vitest')) && !run(npm[0], [...npm.slice(1), 'ci'])) {
  console.log('\n0 passed, 1 failed');
  process.exit(1);
}
const checks = [
  () => tool('typescript/bin/tsc', '-p', 'tsconfig.json'),
  () => tool('@biomejs/biome/bin/biome', 'check', '.'),
  () => node('scripts/floors.mjs'),
  () => tool('typescript/bin/tsc', '-p', 'tsconfig.build.json') && node('scripts/bundle.mjs'),
];
for (const check of checks) counts[check() ? 'passed' : 'failed'] += 1;

const dir = mkdtempSync(join(tmpdir(), 'rr-test-'));
const report = join(dir, 'report.json');
tool('vitest/vitest.mjs', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...wanted);
try {
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    readFileSync(report, 'utf8'),
  );
  counts.passed += numPassedTests;
  // A file that could not even be loaded has failed without a test to show for it.
  counts.failed +=
    numFailedTests +
    testResults.filter(({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0).length;
  counts.skipped += numPendingTests + numTodoTests;
} catch (error) {
  console.error(`the tests left no report: ${error.message}`);
  counts.failed += 1;
}
rmSync(dir, { recursive: true, force: true });
console.log(
  `\n${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`,
);
process.exit(counts.failed === 0 ? 0 : 1);
