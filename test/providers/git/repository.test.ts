import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { plantRepository } from '../../../providers/git/git-folder.js';
import { isDirty, listFiles, noticedByGit, openRepository } from '../../../providers/git/repository.js';
import { git, repository, scratch, write } from './scratch.js';

const open = async (folder: string) => (await openRepository(folder))!;

test('a clean work tree is clean; a changed or a new file makes it dirty', async () => {
  const folder = repository({ 'a.txt': 'a', '.gitignore': 'out/\n' });
  expect((await open(folder)).commit).toBe(git(folder, 'rev-parse', 'HEAD').trim());
  write(folder, { 'out/x': 'ignored' });
  expect(await isDirty(await open(folder))).toBe(false);
  write(folder, { 'new.txt': 'n' });
  expect(await isDirty(await open(folder))).toBe(true);
});

test('nothing that the configuration of a repository names is run', async () => {
  const folder = repository({ 'a.txt': 'a', '.gitattributes': '* filter=evil\n' });
  const mark = join(scratch(), 'ran');
  const script = join(scratch(), 'evil');
  write(script, { '../evil.sh': `#!/bin/sh\ntouch ${mark}\ncat\n` });
  const evil = join(script, '../evil.sh');
  chmodSync(evil, 0o755);
  for (const name of ['core.fsmonitor', 'filter.evil.clean', 'filter.a=b.clean', 'core.pager', 'diff.external'])
    git(folder, 'config', name, evil);
  git(folder, 'config', 'filter.evil.required', 'true');
  mkdirSync(join(folder, '.git/hooks'), { recursive: true });
  for (const hook of ['post-index-change', 'fsmonitor-watchman', 'reference-transaction'])
    symlinkSync(evil, join(folder, '.git/hooks', hook));
  write(folder, { 'a.txt': 'b' });

  const found = await open(folder);
  await isDirty(found);
  await noticedByGit(found, ['dist']);
  await listFiles(found);
  const copy = scratch();
  await plantRepository(copy, found);
  expect(existsSync(mark)).toBe(false);
  // The trap is a real one: git without our care walks into it.
  git(folder, 'status');
  expect(existsSync(mark)).toBe(true);
});

test('a folder of another user is looked at', async () => {
  const folder = repository({ 'a.txt': 'a' });
  if (process.getuid?.() === 0) for (const path of ['', '.git']) chownSync(join(folder, path), 12_345, 12_345);
  expect((await open(folder)).commit).toMatch(/^[0-9a-f]{40}$/);
});

test('a folder belongs to the repository above only when that holds it', async () => {
  const top = repository({ 'packages/a/index.js': 'a', '.gitignore': 'state/\n' });
  write(top, { 'state/x/index.js': 'x', 'new/index.js': 'n' });
  expect((await openRepository(join(top, 'packages/a')))?.top).toBe(top);
  expect(await openRepository(join(top, 'state/x'))).toBeNull();
  expect(await openRepository(join(top, 'new'))).toBeNull();
  expect(await openRepository(scratch())).toBeNull();
});

test('a path is noticed by git unless it is ignored, holds nothing tracked and stays inside', async () => {
  const folder = repository({
    '.gitignore': 'node_modules/\n/dist\n*.sqlite3\nbuild/*\n',
    'sub/.gitignore': '.venv/\n',
    'a.js': 'a',
  });
  write(folder, { 'dist/kept.js': 'k' });
  symlinkSync('/tmp', join(folder, 'away'));
  const found = await open(folder);
  const ignored = ['node_modules', 'sub/node_modules/', './dist', 'db.sqlite3', 'build', 'sub/.venv'];
  expect(await noticedByGit(found, ignored)).toEqual([]);
  const noticed = ['a.js', 'out', '.venv', '../node_modules', '/node_modules', '.', 'away/node_modules'];
  expect(await noticedByGit(found, noticed)).toEqual(noticed);
  git(folder, 'add', '-f', 'dist/kept.js');
  expect(await noticedByGit(found, ['dist'])).toEqual(['dist']);
  expect(await noticedByGit(await open(join(folder, 'sub')), ['.venv', 'node_modules', 'dist'])).toEqual(['dist']);
});

test('a planted repository has the commit and the tags of the first, and none of its configuration', async () => {
  const folder = repository({ 'a.txt': 'a' });
  git(folder, 'tag', 'v1.2.3');
  git(folder, 'config', 'core.fsmonitor', '/bin/false');
  const before = readdirSync(join(folder, '.git')).sort();
  const copy = scratch();
  await plantRepository(copy, await open(folder));
  expect(git(copy, 'describe', '--tags').trim()).toBe('v1.2.3');
  expect(git(copy, 'status', '--porcelain').trim()).toBe('D a.txt');
  expect(git(copy, 'config', '--local', '--list')).not.toContain('fsmonitor');
  expect(readdirSync(join(folder, '.git')).sort()).toEqual(before);
});
