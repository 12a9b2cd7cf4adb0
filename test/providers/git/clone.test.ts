import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { cloneRepository, isGitUrl, withoutPassword } from '../../../providers/git/clone.js';
import { git, repository, scratch, write } from './scratch.js';

const place = (): string => join(scratch(), 'work');

test.each([
  ['https://example.org/a/b.git', true],
  ['ssh://git@example.org/a', true],
  ['git@example.org:a/b.git', true],
  ['file:///tmp/a', true],
  ['/tmp/a', false],
  ['owner/repo', false],
  ['C:\\work', false],
  ['ext::sh -c evil', false],
])('%s is a git URL: %s', (source, yes) => expect(isGitUrl(source)).toBe(yes));

test('a clone holds the newest commit, nothing of the history, and its id', async () => {
  const from = repository({ 'a.txt': 'one' });
  write(from, { 'a.txt': 'two' });
  git(from, 'commit', '-qam', 'second');
  const to = place();
  const { commit } = await cloneRepository({ url: `file://${from}`, ref: null, to });
  expect(commit).toBe(git(from, 'rev-parse', 'HEAD').trim());
  expect(readFileSync(join(to, 'a.txt'), 'utf8')).toBe('two');
  expect(git(to, 'rev-list', '--count', 'HEAD').trim()).toBe('1');
  expect(git(to, 'status', '--porcelain')).toBe('');
});

test('a branch, a tag, a whole and a shortened commit id are found', async () => {
  const from = repository({ 'a.txt': 'one' });
  const first = git(from, 'rev-parse', 'HEAD').trim();
  git(from, 'tag', '-am', 'x', 'v1');
  git(from, 'checkout', '-qb', 'side/branch');
  write(from, { 'a.txt': 'side' });
  git(from, 'commit', '-qam', 'side');
  git(from, 'checkout', '-q', 'main');
  write(from, { 'a.txt': 'main' });
  git(from, 'commit', '-qam', 'main');
  const textAt = async (ref: string): Promise<string> => {
    const to = place();
    await cloneRepository({ url: `file://${from}`, ref, to });
    return readFileSync(join(to, 'a.txt'), 'utf8');
  };
  expect(await textAt('side/branch')).toBe('side');
  expect(await textAt('v1')).toBe('one');
  expect(await textAt(first)).toBe('one');
  expect(await textAt(first.slice(0, 8))).toBe('one');
  await expect(textAt('no-such')).rejects.toMatchObject({
    code: 'GIT_FAILED',
    message: expect.stringContaining('no branch or tag called no-such'),
  });
  await expect(textAt('--upload-pack=evil')).rejects.toMatchObject({ code: 'GIT_FAILED' });
});

test('a repository that is not there says so and leaves nothing', async () => {
  const to = place();
  await expect(cloneRepository({ url: `file://${scratch()}/none`, ref: null, to })).rejects.toMatchObject({
    code: 'GIT_FAILED',
    message: expect.stringContaining('there is no such repository'),
  });
  expect(existsSync(to)).toBe(false);
});

test('a repository without a commit is empty', async () => {
  const from = scratch();
  git(from, 'init', '-q');
  await expect(cloneRepository({ url: `file://${from}`, ref: null, to: place() })).rejects.toMatchObject({
    code: 'REPOSITORY_EMPTY',
  });
});

test('a server that asks for a password is not waited for, and the one in the URL is not repeated', async () => {
  const server = createServer((_, answer) => answer.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end());
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const failed = cloneRepository({ url: `http://me:hunter2@127.0.0.1:${port}/a/b`, ref: null, to: place() });
  const error: Error & { code: string } = await failed.then(
    () => expect.fail('it cloned'),
    (each) => each,
  );
  expect(error.code).toBe('GIT_FAILED');
  expect(error.message).toContain('wants credentials');
  expect(JSON.stringify([error.message, error])).not.toContain('hunter2');
});

test('a port where nobody listens is out of reach', async () => {
  await expect(cloneRepository({ url: 'http://127.0.0.1:9/a', ref: null, to: place() })).rejects.toMatchObject({
    code: 'GIT_FAILED',
    message: expect.stringContaining('out of reach'),
    fix: expect.stringContaining('network'),
  });
});

test('a clone is called off by its signal and by its limit', async () => {
  const server = createServer(() => undefined);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => server.closeAllConnections());
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/a`;
  await expect(cloneRepository({ url, ref: null, to: place(), limitMs: 300 })).rejects.toMatchObject({
    code: 'GIT_FAILED',
  });
  const signal = AbortSignal.timeout(200);
  await expect(cloneRepository({ url, ref: null, to: place(), signal })).rejects.toMatchObject({
    name: 'TimeoutError',
  });
});

test('submodules are not fetched and it says so', async () => {
  const from = repository({ 'a.txt': 'a', '.gitmodules': '[submodule "x"]\npath = x\nurl = ../x\n' });
  const { notes } = await cloneRepository({ url: `file://${from}`, ref: null, to: place() });
  expect(notes[0]).toContain('submodules');
});

test('user and password are taken out of URLs', () => {
  expect(withoutPassword('https://u:p@h/x and https://t@h/y git@h:z')).toBe('https://h/x and https://h/y git@h:z');
});
