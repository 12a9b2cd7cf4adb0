import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fetchSource } from '../../../agents/file/fetch.js';
import { git, repository, scratch, write } from '../../providers/git/scratch.js';
import { makeTar, makeZip } from './archives.js';

const fetch = (source: string, bundle = scratch(), ref: string | null = null) => fetchSource({ source, ref, bundle });

test('a folder under git is taken as it is, with its commit and whether it has changes', async () => {
  const folder = repository({ 'a.txt': 'a' });
  const commit = git(folder, 'rev-parse', 'HEAD').trim();
  expect(await fetch(folder)).toMatchObject({ root: folder, kind: 'local', commit, dirty: false });
  write(folder, { 'a.txt': 'b' });
  expect(await fetch(folder)).toMatchObject({ commit, dirty: true });
});

test('a folder without git has no commit and is neither clean nor dirty', async () => {
  const folder = scratch();
  write(folder, { 'a.txt': 'a' });
  expect(await fetch(folder)).toMatchObject({ kind: 'local', commit: null, dirty: null });
});

test('what is no repository is said for what it is', async () => {
  const folder = scratch();
  write(folder, { 'notes.txt': 'x', 'fake.zip/readme': 'x' });
  symlinkSync('loop', join(folder, 'loop'));
  mkdirSync(join(folder, 'empty'));
  git(folder, 'init', '-q', 'only-git');
  await expect(fetch(join(folder, 'none'))).rejects.toMatchObject({ code: 'PATH_MISSING' });
  await expect(fetch(join(folder, 'notes.txt'))).rejects.toMatchObject({ code: 'PATH_NOT_DIRECTORY' });
  await expect(fetch(join(folder, 'notes.txt/x'))).rejects.toMatchObject({ code: 'PATH_NOT_DIRECTORY' });
  await expect(fetch(join(folder, 'loop'))).rejects.toMatchObject({ code: 'PATH_UNREADABLE' });
  await expect(fetch(join(folder, 'empty'))).rejects.toMatchObject({ code: 'REPOSITORY_EMPTY' });
  await expect(fetch(join(folder, 'only-git'))).rejects.toMatchObject({ code: 'REPOSITORY_EMPTY' });
  expect(await fetch(join(folder, 'fake.zip'))).toMatchObject({ kind: 'local' });
  if (process.getuid?.() !== 0) {
    chmodSync(join(folder, 'empty'), 0);
    await expect(fetch(join(folder, 'empty'))).rejects.toMatchObject({ code: 'PATH_UNREADABLE' });
  }
});

test('a URL is cloned into the run, and a repeat after a crash finds it, past what the crash left', async () => {
  const from = repository({ 'a.txt': 'a' });
  const bundle = scratch();
  write(bundle, { 'work.0badcafe.partial/half': 'x' });
  const first = await fetch(`file://${from}`, bundle);
  expect(first).toMatchObject({
    root: join(bundle, 'work'),
    kind: 'clone',
    commit: git(from, 'rev-parse', 'HEAD').trim(),
    dirty: false,
  });
  expect(readdirSync(bundle)).toEqual(['work']);
  write(join(bundle, 'work'), { mark: 'm' });
  expect(await fetch(`file://${from}`, bundle)).toEqual(first);
  expect(existsSync(join(bundle, 'work/mark'))).toBe(true);
});

test('a clone that fails leaves nothing in the run', async () => {
  const bundle = scratch();
  await expect(fetch(`file://${bundle}/none`, bundle)).rejects.toMatchObject({ code: 'GIT_FAILED' });
  expect(readdirSync(bundle)).toEqual([]);
});

test.each([
  ['a.zip', makeZip],
  ['a.tar', makeTar],
] as const)('%s is unpacked into the run, with no way for git to the repository above', async (name, make) => {
  const above = repository({ 'a.txt': 'a' });
  const bundle = join(above, '.repo-runner/runs/r1');
  writeFileSync(join(above, name), make([{ name: 'x-main/package.json', text: '{}' }]));
  const got = await fetch(join(above, name), bundle);
  expect(got).toMatchObject({ root: join(bundle, 'work'), kind: 'archive', commit: null, dirty: null });
  expect(readFileSync(join(bundle, 'work/package.json'), 'utf8')).toBe('{}');
  expect(git(join(bundle, 'work'), 'rev-parse', '--show-toplevel').trim()).toBe(join(bundle, 'work'));
  expect(await fetch(join(above, name), bundle)).toEqual(got);
});

test('an evil archive leaves nothing in the run', async () => {
  const folder = scratch();
  const bundle = scratch();
  writeFileSync(
    join(folder, 'a.zip'),
    makeZip([
      { name: 'ok', text: 'x' },
      { name: '../evil', text: 'x' },
    ]),
  );
  await expect(fetch(join(folder, 'a.zip'), bundle)).rejects.toMatchObject({
    code: 'ARCHIVE_UNSAFE',
    message: expect.stringContaining('../evil'),
  });
  expect(readdirSync(bundle)).toEqual([]);
});
