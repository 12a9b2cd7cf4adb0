/** The repository's own tests, run by the built `rr`: beside an application that is up, and as the goal itself. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { commitAll, eventually, finish, gitStatus, long, rawClient, resultOf, type Scratch, scratch } from './rr.js';

const limits = { timeout: 90_000 };
function repo(s: Scratch, files: Record<string, string>): string {
  const folder = join(s.dir, 'app');
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  commitAll(folder, 'node_modules/\n');
  return folder;
}
const manifest = (scripts: Record<string, string>): string =>
  JSON.stringify({ name: 'app', version: '1.0.0', scripts });
const server = `const http = require('node:http');
http.createServer((_, res) => res.end('<title>Tested</title>hello')).listen(process.env.PORT || 3000, '127.0.0.1');
`;
const suite = (...tests: string[]): string => `const { test } = require('node:test');\n${tests.join('\n')}\n`;
const passes = (name: string): string => `test('${name}', () => {});`;
const failing = `test('fails', () => { throw new Error('no'); });`;
const skipped = `test('later', { skip: true }, () => {});`;
async function run(s: Scratch, folder: string, ...args: string[]) {
  const { code, objects, err } = await finish(s.rr('run', folder, '--once', '--json', ...args));
  const result = resultOf(objects);
  if (!result) throw new Error(`no result (exit ${code}): ${err}`);
  return { code, result, steps: objects.filter(({ type }) => type === 'run.step-ended') };
}

test('--test runs the suite once the application is up, on a copy, and the result has the counts', limits, async () => {
  const s = scratch();
  const folder = repo(s, {
    'package.json': manifest({ start: 'node server.js', test: 'node --test test/' }),
    'server.js': server,
    'test/a.test.js': suite(
      passes('one'),
      skipped,
      `test('asks nobody', () => { if (process.env.CI !== 'true') throw new Error('no CI'); });`,
      `require('node:fs').writeFileSync('report.txt', 'what tests leave');`,
    ),
  });
  const { code, result, steps } = await run(s, folder, '--test');
  expect(result, JSON.stringify(result.error)).toMatchObject({ outcome: 'healthy', kind: 'web-service', error: null });
  expect(result.tests).toMatchObject({
    command: 'npm test',
    framework: 'node:test',
    passed: 2,
    failed: 0,
    skipped: 1,
    total: 3,
    exitCode: 0,
  });
  expect(result.tests.ms).toBeGreaterThan(0);
  expect(result.tests.excerpt).toContain('pass 2');
  expect(steps.at(-1)).toMatchObject({
    step: 'test',
    phase: 'test',
    ok: true,
    note: '2 passed, 1 skipped (node:test)',
  });
  expect(steps.findIndex(({ step }) => step === 'prove')).toBeLessThan(steps.length - 1);
  expect(result.ms.test).toBeGreaterThan(0);
  expect(code).toBe(0);
  expect(gitStatus(folder)).toBe('');
  expect(existsSync(join(folder, 'report.txt'))).toBe(false);
});

test('tests that fail do not make an application less healthy; without --test none are run', limits, async () => {
  const s = scratch();
  const folder = repo(s, {
    'package.json': manifest({ start: 'node server.js', test: 'node --test test/' }),
    'server.js': server,
    'test/a.test.js': suite(passes('one'), failing),
  });
  const tested = await run(s, folder, '--test');
  expect(tested.code).toBe(0);
  expect(tested.result).toMatchObject({ outcome: 'healthy', tests: { passed: 1, failed: 1, total: 2, exitCode: 1 } });
  expect(tested.steps.at(-1)).toMatchObject({ step: 'test', ok: false, error: { code: 'TESTS_FAILED' } });

  const plain = await run(s, folder);
  expect(plain.result).toMatchObject({ outcome: 'healthy' });
  expect('tests' in plain.result).toBe(false);
  expect(plain.steps.some(({ step }) => step === 'test')).toBe(false);
});

long('--test where there are none says so', limits, async () => {
  const s = scratch();
  const { code, result } = await run(s, s.repo('node-plain'), '--test');
  expect(code).toBe(0);
  expect(result).toMatchObject({ outcome: 'healthy', tests: null, degraded: ['no tests of node-plain were found'] });
});

test('--goal tests starts nothing and is proven by a suite that ran', limits, async () => {
  const s = scratch();
  const folder = repo(s, {
    'package.json': manifest({ start: 'node server.js', test: 'node --test test/' }),
    'server.js': `require('node:fs').writeFileSync('started', '');\n${server}`,
    'test/a.test.js': suite(passes('one'), passes('two')),
  });
  const { code, result, steps } = await run(s, folder, '--goal', 'tests');
  expect(result, JSON.stringify(result.error)).toMatchObject({
    outcome: 'healthy',
    kind: 'web-service',
    services: [{ name: 'app', url: null }],
    tests: { passed: 2, failed: 0, total: 2 },
  });
  expect(code).toBe(0);
  const done = steps.map(({ step }) => step);
  for (const step of ['port', 'start', 'prove']) expect(done).not.toContain(step);
  expect(existsSync(join(result.bundle, 'work/started'))).toBe(false);
  expect(JSON.parse(readFileSync(join(result.bundle, 'run.json'), 'utf8'))).toMatchObject({
    state: 'done',
    workflow: { name: 'tests' },
  });
});

test('--goal tests of a library', limits, async () => {
  const s = scratch();
  const { code, result } = await run(s, s.repo('node-library'), '--goal', 'tests');
  expect(result).toMatchObject({ outcome: 'healthy', kind: 'library', tests: { framework: 'node:test', failed: 0 } });
  expect(result.tests.passed).toBeGreaterThan(0);
  expect(code).toBe(0);
});

test('--goal tests of Python without anything to install', limits, async () => {
  const s = scratch();
  const folder = repo(s, {
    'app.py': 'def add(a, b):\n    return a + b\n\n\nif __name__ == "__main__":\n    print(add(1, 2))\n',
    'tests/test_app.py':
      'import sys\nimport unittest\n\nsys.path.insert(0, ".")\nfrom app import add\n\n\nclass Adds(unittest.TestCase):\n' +
      '    def test_adds(self):\n        self.assertEqual(add(1, 2), 3)\n\n    @unittest.skip("later")\n    def test_later(self):\n        pass\n',
  });
  const { code, result } = await run(s, folder, '--goal', 'tests');
  expect(result, JSON.stringify(result.error)).toMatchObject({
    outcome: 'healthy',
    tests: { framework: 'unittest', passed: 1, skipped: 1, total: 2 },
  });
  expect(code).toBe(0);
});

const bad: [what: string, files: Record<string, string>, code: string, counts: object][] = [
  [
    'one that fails',
    { 'test/a.test.js': suite(passes('one'), failing) },
    'TESTS_FAILED',
    { passed: 1, failed: 1, total: 2 },
  ],
  ['only skipped ones', { 'test/a.test.js': suite(skipped) }, 'TESTS_NONE', { passed: 0, skipped: 1, total: 1 }],
];
test.each(process.env.RR_LONG ? bad : bad.slice(0, 1))(
  '--goal tests: %s is no success, and the counts are told',
  limits,
  async (_, files, error, counts) => {
    const s = scratch();
    const folder = repo(s, { 'package.json': manifest({ test: 'node --test test/' }), 'index.js': '', ...files });
    const { code, result } = await run(s, folder, '--goal', 'tests');
    expect(result).toMatchObject({ outcome: 'failed', error: { code: error }, tests: counts });
    expect(code).toBe(1);
  },
);

const commands: [what: string, command: string, code: string, outcome: string][] = [
  ['prints no counts', 'echo all is well', 'TESTS_UNREAD', 'failed'],
  ['runs no test at all', 'echo 1..0', 'TESTS_NONE', 'failed'],
  ['passes and ends badly', 'printf "1..1\\nok 1\\n"; exit 3', 'TESTS_FAILED', 'failed'],
  ['is none', 'echo "Error: no test specified" && exit 1', 'NOT_RUNNABLE', 'not-runnable'],
];
test.each(process.env.RR_LONG ? commands : commands.slice(0, 1))(
  '--goal tests: a command that %s',
  limits,
  async (_, command, error, outcome) => {
    const s = scratch();
    const folder = repo(s, { 'package.json': manifest({ test: command }), 'index.js': '' });
    const { code, result } = await run(s, folder, '--goal', 'tests');
    expect(result).toMatchObject({ outcome, error: { code: error } });
    expect(result.error.fix).toBeTruthy();
    expect(code).toBe(1);
  },
);

long('counts that are only in a report are read from it, and none of an earlier run', limits, async () => {
  const s = scratch();
  const report = '<testsuite><testcase name="a"/><testcase name="b"><failure/></testcase></testsuite>';
  const folder = repo(s, {
    'package.json': manifest({ test: 'node write.js' }),
    'index.js': '',
    'write.js': `const fs = require('node:fs');
fs.mkdirSync('build/test-results/test', { recursive: true });
fs.writeFileSync('build/test-results/test/TEST-A.xml', ${JSON.stringify(report)});
fs.writeFileSync('build/test-results/test/TEST-old.xml', ${JSON.stringify(report)});
fs.utimesSync('build/test-results/test/TEST-old.xml', 1, 1);\n`,
  });
  const { result } = await run(s, folder, '--goal', 'tests');
  expect(result.tests).toMatchObject({ framework: 'junit', passed: 1, failed: 1, total: 2 });
});

long('an application that is started again does not have its tests run again', limits, async () => {
  const s = scratch();
  const folder = repo(s, {
    'package.json': manifest({ start: 'node server.js', test: 'node --test test/' }),
    'server.js': server,
    'test/a.test.js': suite(passes('one'), `require('node:fs').appendFileSync('times', 'x');`),
  });
  const one = s.rr('run', folder, '--test', '--json');
  const result = await one.object(({ type }) => type === 'result');
  const client = await rawClient(s.state);
  const { run: id } = result as { run: string };
  await client.ask('rr.api.local.runs.restart', { run: id });
  const again = await one.object(({ type }) => type === 'run.app-restarted');
  expect(again).toMatchObject({ byItself: false, url: expect.stringContaining('http://') });
  expect(readFileSync(join(s.state, 'runs', id, 'work/times'), 'utf8')).toBe('x');
  one.child.kill('SIGINT');
  expect(await one.exited).toBe(0);
});

test(
  'a suite that is under way when its runtime is killed runs once, and is counted by the next one',
  limits,
  async () => {
    const s = scratch();
    const folder = repo(s, {
      'package.json': manifest({ test: 'node slow.js' }),
      'index.js': '',
      'slow.js': `require('node:fs').appendFileSync('times', 'x');
setTimeout(() => console.log('1..2\\nok 1 - one\\nok 2 - two'), 4000);\n`,
    });
    const first = s.rr('run', folder, '--goal', 'tests', '--json');
    const { run: id } = (await first.object(({ type }) => type === 'run')) as { run: string };
    const times = join(s.state, 'runs', id, 'work/times');
    await eventually(
      () => existsSync(times),
      (there) => there,
    );
    first.child.kill('SIGKILL');
    await first.exited;

    const up = s.rr('up', '--foreground', '--json');
    await up.object(({ type }) => type === 'up');
    const { ask } = await rawClient(s.state);
    const { result } = await eventually(
      () => ask('rr.api.local.runs.get', { run: id }),
      (one) => one.result !== null && one.result !== undefined,
    );
    expect(result).toMatchObject({ outcome: 'healthy', tests: { framework: 'tap', passed: 2, total: 2 } });
    expect(readFileSync(times, 'utf8')).toBe('x');
    up.child.kill('SIGINT');
    expect(await up.exited).toBe(0);
  },
);

test('--goal and --workflow that contradict each other are wrong use', limits, async () => {
  const s = scratch();
  const { code, err } = await finish(s.rr('run', s.repo('node-library'), '--goal', 'tests', '--workflow', 'check'));
  expect(code).toBe(2);
  expect(err).toContain('USAGE');
});
