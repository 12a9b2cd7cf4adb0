import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { prepareWorkspace } from '../../../agents/file/prepare.js';
import { git, repository, scratch, write } from '../../providers/git/scratch.js';

const prepare = (
  root: string,
  writes: string[],
  more: { bundle?: string; forceCopy?: boolean; state?: string; files?: { path: string; text: string }[] } = {},
) => {
  const { bundle = scratch(), forceCopy = false, state = bundle, files = [] } = more;
  return prepareWorkspace({ root, kind: 'local', writes, forceCopy, files, bundle, state });
};
const plain = (files: Record<string, string>): string => {
  const folder = scratch();
  write(folder, files);
  return folder;
};
/** All names below a folder, as bytes. */
const all = (folder: string): string =>
  execFileSync('find', ['.', '-name', '.git', '-prune', '-o', '-printf', '%p %y %s %l\\0'], {
    cwd: folder,
    encoding: 'latin1',
  })
    .split('\0')
    .filter((line) => !/^\S+ d /.test(line))
    .sort()
    .join('\n');

test('the work is done in place when git ignores all that is written', async () => {
  const root = repository({ 'a.js': 'a', '.gitignore': 'node_modules/\ndist\n' });
  const bundle = scratch();
  expect(await prepare(root, ['node_modules', 'dist'], { bundle })).toMatchObject({ root, kind: 'local' });
  expect(await prepare(root, [], { bundle })).toMatchObject({ root, kind: 'local' });
  expect(readdirSync(bundle)).toEqual([]);
});

test('a path that git does not ignore, a folder without git and a wish lead to a copy, each with its reason', async () => {
  const root = repository({ 'a.js': 'a', '.gitignore': 'node_modules/\n' });
  expect(await prepare(root, ['node_modules', 'dist'])).toMatchObject({
    kind: 'copy',
    reason: expect.stringContaining('dist'),
  });
  expect(await prepare(root, [], { forceCopy: true })).toMatchObject({ kind: 'copy' });
  const plain = scratch();
  write(plain, { 'a.js': 'a' });
  expect(await prepare(plain, [])).toMatchObject({ kind: 'copy', reason: expect.stringContaining('not under git') });
});

test('a clone, an archive and a copy are the run’s own already', async () => {
  const root = scratch();
  for (const kind of ['clone', 'archive', 'copy'] as const)
    expect(
      await prepareWorkspace({
        root,
        kind,
        writes: ['dist'],
        forceCopy: true,
        files: [],
        bundle: scratch(),
        state: root,
      }),
    ).toMatchObject({ root, kind });
});

test('a copy holds what git would, new files and local settings, and leaves the original as it was', async () => {
  const root = repository({
    'a.js': 'a',
    'old.js': 'o',
    '.gitignore': 'node_modules/\n.env*\n*.log\n',
    'sub/b.js': 'b',
  });
  write(root, { 'a.js': 'changed', 'new.js': 'n', '.env': 'A=1', 'x.log': 'l', 'node_modules/m/index.js': 'm' });
  execFileSync('rm', [join(root, 'old.js')]);
  const before = [git(root, 'status', '--porcelain', '-z', '--ignored'), all(root), all(join(root, '.git'))];
  const got = await prepare(root, ['dist']);
  expect(all(got.root)).toBe(
    ['', './.env f 3 ', './.gitignore f 26 ', './a.js f 7 ', './new.js f 1 ', './sub/b.js f 1 '].join('\n'),
  );
  expect(git(got.root, 'status', '--porcelain')).toBe(git(root, 'status', '--porcelain'));
  expect([git(root, 'status', '--porcelain', '-z', '--ignored'), all(root), all(join(root, '.git'))]).toEqual(before);
});

test.each([
  ['under git', repository],
  ['without git', plain],
])('%s: names with spaces, newlines and bytes that are not UTF-8 survive, and so do modes', async (_, make) => {
  const root = make({ 'a b/c d.txt': 'x', 'new\nline.txt': 'x', '-n': 'x', ':(top)x': 'x' });
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xfe, 0x20, 0xe9])]), 'bytes');
  writeFileSync(join(root, 'run.sh'), '#!/bin/sh\n', { mode: 0o755 });
  const got = await prepare(root, [], { forceCopy: true });
  expect(all(got.root)).toBe(all(root));
  expect(statSync(join(got.root, 'run.sh')).mode & 0o777).toBe(0o755);
});

test('files of a fix are laid into a copy, never into the original and never behind a link out of it', async () => {
  const root = repository({ 'a.js': 'a', '.gitignore': 'dist\n' });
  const files = [
    { path: 'a.js', text: 'fixed' },
    { path: 'deep/b.js', text: 'b' },
  ];
  const got = await prepare(root, ['dist'], { files });
  expect(got.kind).toBe('copy');
  expect(readFileSync(join(got.root, 'a.js'), 'utf8')).toBe('fixed');
  expect(readFileSync(join(got.root, 'deep/b.js'), 'utf8')).toBe('b');
  expect(git(root, 'status', '--porcelain')).toBe('');
  const outside = scratch();
  const clone = scratch();
  symlinkSync(outside, join(clone, 'out'));
  for (const path of ['out/new/x', '../x', '/tmp/rr-x', '.git/config'])
    await expect(
      prepareWorkspace({
        root: clone,
        kind: 'clone',
        writes: [],
        forceCopy: false,
        files: [{ path, text: 'x' }],
        bundle: outside,
        state: outside,
      }),
    ).rejects.toMatchObject({ code: 'ARCHIVE_UNSAFE' });
  expect(readdirSync(outside)).toEqual([]);
});

test('links inside are made again, links out of the repository are left out and said so, pipes too', async () => {
  const outside = scratch();
  write(outside, { secret: 's' });
  const root = scratch();
  write(root, { 'lib/a.js': 'a' });
  symlinkSync('lib/a.js', join(root, 'in'));
  symlinkSync(join(root, 'lib'), join(root, 'absolute'));
  symlinkSync('lib/later.js', join(root, 'broken'));
  symlinkSync('loop', join(root, 'loop'));
  symlinkSync('..', join(root, 'lib/up'));
  symlinkSync(join(outside, 'secret'), join(root, 'out'));
  symlinkSync(outside, join(root, 'out-folder'));
  symlinkSync('../../nowhere', join(root, 'out-broken'));
  execFileSync('mkfifo', [join(root, 'pipe')]);
  const { root: copy, notes } = await prepare(root, []);
  expect(readdirSync(copy).sort()).toEqual(['.git', 'absolute', 'broken', 'in', 'lib', 'loop']);
  expect(readlinkSync(join(copy, 'in'))).toBe('lib/a.js');
  expect(readlinkSync(join(copy, 'absolute'))).toBe('lib');
  expect(readlinkSync(join(copy, 'lib/up'))).toBe('..');
  expect(notes.join('\n')).toMatch(/links that leave the repository: .* and 2 more[\s\S]*pipes/);
});

test('without git, what tools fill and our own state folder are not copied', async () => {
  const root = scratch();
  write(root, {
    'src/a.js': 'a',
    'node_modules/m/i.js': 'm',
    'env2/pyvenv.cfg': 'p',
    'env2/lib/x.py': 'x',
    'rust/Cargo.toml': 'c',
    'rust/target/x': 'x',
    'target/kept.txt': 'k',
  });
  const state = join(root, 'my-state');
  const bundle = join(state, 'runs/r1');
  mkdirSync(bundle, { recursive: true });
  const got = await prepare(root, [], { bundle, state });
  expect(all(got.root)).toBe(['', './rust/Cargo.toml f 1 ', './src/a.js f 1 ', './target/kept.txt f 1 '].join('\n'));
});

test('a copy within the user’s repository is a repository of its own: what asks git in it never reaches the user’s', async () => {
  const root = repository({ 'a.js': 'a' });
  git(root, 'tag', 'v3');
  const bundle = join(root, '.repo-runner/runs/r1');
  write(root, { '.repo-runner/.gitignore': '*\n' });
  const got = await prepare(root, ['dist'], { bundle, state: join(root, '.repo-runner') });
  expect(git(got.root, 'rev-parse', '--show-toplevel').trim()).toBe(got.root);
  expect(git(got.root, 'describe', '--tags').trim()).toBe('v3');
  git(got.root, 'config', 'core.hooksPath', '.husky');
  expect(git(root, 'config', '--local', '--list')).not.toContain('husky');
  expect(git(root, 'status', '--porcelain')).toBe('');
});

test('a folder of a work tree is judged by the rules above it and copied alone', async () => {
  const top = repository({ 'packages/a/index.js': 'a', 'packages/b/index.js': 'b', '.gitignore': 'node_modules\n' });
  const root = join(top, 'packages/a');
  expect(await prepare(root, ['node_modules'])).toMatchObject({ root, kind: 'local' });
  const got = await prepare(root, ['dist']);
  expect(readdirSync(got.root).sort()).toEqual(['.git', 'index.js']);
});

test('a repeat finds the copy of the first time, past what a crash left of another attempt', async () => {
  const root = repository({ 'a.js': 'a' });
  const bundle = scratch();
  write(bundle, { 'work.12345678.partial/half.js': 'h' });
  const first = await prepare(root, ['dist'], { bundle });
  write(first.root, { 'dist/made.js': 'm' });
  expect(await prepare(root, ['dist'], { bundle })).toMatchObject({ root: first.root, kind: 'copy' });
  expect(existsSync(join(first.root, 'dist/made.js'))).toBe(true);
  expect(readdirSync(bundle)).toEqual(['work']);
  expect(readFileSync(join(root, 'a.js'), 'utf8')).toBe('a');
});

test('a submodule’s files are copied as files', async () => {
  const inner = repository({ 'lib.js': 'l' });
  const root = repository({ 'a.js': 'a' });
  git(root, 'submodule', 'add', '-q', inner, 'mod');
  git(root, 'commit', '-qm', 'with submodule');
  const got = await prepare(root, ['dist']);
  expect(readdirSync(join(got.root, 'mod'))).toEqual(['lib.js']);
});

test('a line of a fix that asks for a secret gets it as the file is laid', async () => {
  const root = repository({ 'a.js': 'a' });
  const text = 'A=1\nexport SESSION_SECRET=$generate\nB=x$generate\n';
  const [bundle, files] = [scratch(), [{ path: '.env', text }]];
  const laid = async () => readFileSync(join((await prepare(root, [], { files, bundle })).root, '.env'), 'utf8');
  const first = await laid();
  expect(first).toMatch(/^A=1\nexport SESSION_SECRET=[0-9a-f]{64}\nB=x\$generate\n$/);
  expect(await laid()).toBe(first);
});

test('a file of a fix that was undone is as it was when the work goes on; in the user’s own folder nothing is touched', async () => {
  const root = repository({ 'a.js': 'a', 'conf/b.js': 'b', '.gitignore': '.env\n' });
  const bundle = scratch();
  const lay = (forceCopy: boolean, ...paths: string[]) =>
    prepare(root, [], { bundle, forceCopy, files: paths.map((path) => ({ path, text: 'fixed' })) });
  const { root: work } = await lay(true, '.env', 'conf/b.js', 'conf/local.js');
  expect(readFileSync(join(work, 'conf/b.js'), 'utf8')).toBe('fixed');
  writeFileSync(join(root, '.env'), 'the user’s');
  expect(await lay(false)).toMatchObject({ kind: 'local' });
  expect(readFileSync(join(root, '.env'), 'utf8')).toBe('the user’s');
  rmSync(join(root, '.env'));
  await lay(true, 'conf/local.js');
  expect([existsSync(join(work, '.env')), existsSync(join(work, 'conf/local.js'))]).toEqual([false, true]);
  await lay(true);
  expect(readdirSync(join(work, 'conf'))).toEqual(['b.js']);
  expect(readFileSync(join(work, 'conf/b.js'), 'utf8')).toBe('b');
  expect(git(root, 'status', '--porcelain')).toBe('');
});
