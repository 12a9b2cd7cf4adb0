import {
  chmodSync,
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { asNobody, expectNothingLeft, textsIn, treeOf } from './left.js';
import { commitAll, finish, resultOf, type Scratch, scratch } from './rr.js';

const quick = { RR_BROKER_IDLE_MS: '700' };
const server =
  "require('node:http').createServer((_, r) => r.setHeader('content-type', 'text/html').end('<h1>It is up</h1>')).listen(process.env.PORT);\n";

/** Writes a repository; with git unless told otherwise. */
function write(s: Scratch, name: string, files: Record<string, string>, { git = true } = {}): string {
  const root = join(s.dir, name);
  mkdirSync(root, { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  if (git) commitAll(root, 'node_modules/\n');
  return root;
}
/** `rr … --json` to its end, with the time it took. */
async function tell(s: Scratch, ...args: string[]) {
  const began = performance.now();
  const { code, objects, out, err } = await finish(s.rr(...args, '--json'));
  return { code, objects, out, err, ms: performance.now() - began };
}
const one = { code: expect.any(String), message: expect.any(String), fix: expect.stringMatching(/\w{3}/) };

test('a path that is missing, is a file, or cannot be read is refused at the door, with one line and its fix', async () => {
  const s = scratch(quick);
  const file = join(s.dir, 'a-file.txt');
  writeFileSync(file, 'x');
  const cases: [string, string, RegExp][] = [
    [join(s.dir, 'nowhere'), 'PATH_MISSING', /nothing at .*nowhere/],
    [file, 'PATH_NOT_DIRECTORY', /a-file\.txt is a file, wanted a folder/],
    [join(file, 'below'), 'PATH_NOT_DIRECTORY', /a-file\.txt/],
  ];
  for (const [path, code, message] of cases)
    for (const command of ['run', 'plan']) {
      const told = await tell(s, command, path);
      expect(told.objects, `${command} ${path}: ${told.out}${told.err}`).toEqual([
        { type: 'error', error: { ...one, code, message: expect.stringMatching(message) } },
      ]);
      expect(told.code).toBe(2);
      expect(told.ms).toBeLessThan(15_000);
    }
  const people = await finish(s.rr('run', join(s.dir, 'nowhere')));
  expect(people.err).toMatch(/^rr: there is nothing at .*\n {4}fix: .*\[PATH_MISSING\]\n$/);
  await expectNothingLeft(s);
}, 60_000);

test('a folder this user may not read is refused with the command that mends it', async () => {
  const s = scratch(quick);
  const root = write(s, 'closed', { 'package.json': '{}' }, { git: false });
  chmodSync(root, 0o000);
  onTestFinished(() => chmodSync(root, 0o700));
  for (const command of ['run', 'plan']) {
    const { code, out } = await asNobody(s, command, root, '--json');
    expect(out).toContain('"PATH_UNREADABLE"');
    expect(JSON.parse(out.trim()).error.fix).toContain('chmod');
    expect(code).toBe(2);
  }
  await expectNothingLeft(s);
}, 60_000);

test('an empty folder and one without any manifest are not runnable, and each says why', async () => {
  const s = scratch(quick);
  mkdirSync(join(s.dir, 'empty'));
  const empty = await tell(s, 'run', join(s.dir, 'empty'), '--once');
  expect(resultOf(empty.objects)).toMatchObject({
    outcome: 'not-runnable',
    error: { code: 'REPOSITORY_EMPTY', message: expect.stringContaining('holds no file') },
  });
  const texts = s.repo('nothing-here');
  const before = treeOf(texts);
  const nothing = await tell(s, 'run', texts, '--once');
  expect(resultOf(nothing.objects)).toMatchObject({ outcome: 'not-runnable', error: { ...one, code: 'NOT_RUNNABLE' } });
  expect([empty.code, nothing.code]).toEqual([1, 1]);
  expect(treeOf(texts)).toEqual(before);
  await expectNothingLeft(s);
}, 60_000);

test('a malformed manifest is named with its file and line, in the plan and in the run', async () => {
  const s = scratch(quick);
  const cases: [string, Record<string, string>, RegExp][] = [
    ['json', { 'package.json': '{\n  "name": "x"\n  "main": "y"\n}' }, /package\.json:3/],
    ['toml', { 'pyproject.toml': '[project]\nname = "x\n' }, /pyproject\.toml:2/],
    ['compose', { 'compose.yaml': 'services:\n  a:\n   - b\n  c: [\n' }, /compose\.yaml:\d/],
    ['cargo', { 'Cargo.toml': '[package]\nname = x\n' }, /Cargo\.toml:2/],
    ['render', { 'render.yaml': 'services:\n  - type: "web\n' }, /render\.yaml:\d/],
  ];
  for (const [name, files, place] of cases) {
    const root = write(s, name, files, { git: false });
    const { code, objects } = await tell(s, 'plan', root);
    expect(
      (objects[0]!.notes as string[]).some((note) => place.test(note)),
      JSON.stringify(objects[0]),
    ).toBe(true);
    expect(code).toBe(0);
  }
  const ran = await tell(s, 'run', join(s.dir, 'json'), '--once');
  const { outcome, error } = resultOf(ran.objects);
  expect(outcome).toBe('not-runnable');
  expect(error.message).toMatch(/package\.json:3/);
  await expectNothingLeft(s);
}, 60_000);

test('loops, links out, odd names and a sparse gigabyte neither stop a run nor leave the repository', async () => {
  const s = scratch(quick);
  const outside = join(s.dir, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'secret.txt'), 'the-outside-secret');
  const root = write(
    s,
    'with space\nand line',
    {
      'package.json': '{"name":"odd","scripts":{"start":"node server.js"}}',
      'server.js': server,
      'dir/new\nline.txt': 'x',
      'it\'s "quoted" $(touch pwned) `touch pwned`;.txt': 'x',
      'dir/ünïcödé.txt': 'x',
    },
    { git: false },
  );
  writeFileSync(Buffer.concat([Buffer.from(`${root}/bad-`), Buffer.from([0xff, 0xfe]), Buffer.from('.txt')]), 'x');
  symlinkSync('.', join(root, 'self'));
  symlinkSync('b', join(root, 'a'));
  symlinkSync('a', join(root, 'b'));
  symlinkSync('../..', join(root, 'dir/up'));
  symlinkSync(join(outside, 'secret.txt'), join(root, 'out.txt'));
  symlinkSync('/', join(root, 'all'));
  const big = openSync(join(root, 'big.bin'), 'w');
  ftruncateSync(big, 2 ** 30);
  closeSync(big);
  for (const git of [false, true]) {
    if (git) {
      writeFileSync(join(root, '.gitignore'), 'big.bin\nnode_modules/\n');
      commitAll(root, '');
    }
    const before = git ? treeOf(root) : null;
    const { code, objects, err, ms } = await tell(s, 'run', root, '--once');
    const result = resultOf(objects);
    expect(result, err).toMatchObject({
      outcome: 'healthy',
      services: [{ proof: { status: 200, excerpt: 'It is up' } }],
    });
    expect(code).toBe(0);
    expect(ms).toBeLessThan(30_000);
    if (before) expect(treeOf(root)).toEqual(before);
    for (const { path, text } of textsIn(result.bundle)) expect(text.includes('the-outside-secret'), path).toBe(false);
  }
  expect([existsSync(join(root, 'pwned')), existsSync(join(s.dir, 'pwned'))]).toEqual([false, false]);
  await expectNothingLeft(s);
}, 90_000);

test('100 000 small files are planned in bounded time (printed)', async () => {
  const s = scratch(quick);
  const memory = existsSync('/dev/shm') ? '/dev/shm' : s.dir;
  const root = mkdtempSync(join(memory, 'rr-many-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  writeFileSync(join(root, 'package.json'), '{"scripts":{"start":"node server.js"}}');
  writeFileSync(join(root, 'server.js'), server);
  for (let folder = 0; folder < 200; folder += 1) {
    const at = join(root, `part-${folder % 20}`, `folder-${folder}`);
    mkdirSync(at, { recursive: true });
    for (let n = 0; n < 500; n += 1) writeFileSync(join(at, `file-${n}.${n % 3 ? 'js' : 'txt'}`), `// ${n}\n`);
  }
  const { code, objects, ms } = await tell(s, 'plan', root);
  console.log(`rr plan on 100 000 files: ${Math.round(ms)} ms`);
  expect(code).toBe(0);
  expect(objects[0]).toMatchObject({ services: [{ kind: 'web-service' }] });
  expect(ms).toBeLessThan(30_000);
}, 120_000);
