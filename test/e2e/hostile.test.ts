/**
 * Repositories that attack. Each attempt is made for real, by code of the repository, at install and by the application;
 * what came of it is what it says itself, and what stands outside afterwards. The same without a sandbox shows that the
 * attempts are no mere gestures.
 */
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import { findTool } from '../../providers/sandbox/index.js';
import { readConfig } from '../../runtime/config.js';
import { expectNothingLeft } from './left.js';
import { eventually, factsOf, finish, gitStatus, long, resultOf, type Scratch, scratch } from './rr.js';

const { config } = readConfig({});
const tool = await findTool(config.cache, 'auto', () => undefined);
const works = typeof tool !== 'string';
const isRoot = process.getuid?.() === 0;
const hasGroups = isRoot && existsSync('/sys/fs/cgroup/pids') !== existsSync('/sys/fs/cgroup/cgroup.controllers');
if (!works) console.warn(`there is no sandbox here, its tests are left out: ${tool}`);

/** A home with what is worth stealing; the tools that were fetched before are found again. */
function victim(): Scratch {
  const s = scratch({
    XDG_CACHE_HOME: process.env.XDG_CACHE_HOME || join(homedir(), '.cache'),
    HOSTILE_SECRET: 'sk-not-for-you',
    AWS_SECRET_ACCESS_KEY: 'not-for-you-either',
  });
  s.env.HOME = join(s.dir, 'home');
  const plant = (path: string, text: string): void => {
    mkdirSync(dirname(join(s.dir, path)), { recursive: true });
    writeFileSync(join(s.dir, path), text, { mode: 0o600 });
  };
  plant('home/.ssh/id_ed25519', 'PRIVATE KEY');
  plant('home/.aws/credentials', 'aws_secret_access_key = 1');
  plant('home/.netrc', 'machine example.invalid password 1');
  plant('home/.npmrc', 'fund=false\n//registry.example.invalid/:_authToken=tok\n');
  plant('home/documents/diary.txt', 'dear diary');
  plant('state/runs/another/inputs/given.json', '{"KEY":"of another run"}');
  return s;
}

/** Tries everything; what it says came of it, at install and by the application. */
async function attack(s: Scratch, ...flags: string[]) {
  const repo = s.repo('hostile-everything');
  const up = s.rr('up', '--foreground', '--json');
  await up.object(({ type }) => type === 'up');
  const { url } = JSON.parse(readFileSync(join(s.state, 'broker', 'server.json'), 'utf8')) as { url: string };
  const bystander = spawn('sleep', ['600'], { stdio: 'ignore' });
  const daemon = createServer((socket) => socket.end('hello from a daemon'));
  await new Promise<void>((listening) => daemon.listen(join(s.dir, 'daemon.sock'), listening));
  const abstract = createServer((socket) => socket.end('hello without a path'));
  await new Promise<void>((listening) => abstract.listen(`\0${s.dir}`, listening));
  onTestFinished(() => {
    bystander.kill('SIGKILL');
    daemon.close();
    abstract.close();
  });
  const at = (path: string): string => join(s.dir, path);
  // Where the tools lie that all runs of a user share.
  const toolchains = join(s.env.XDG_CACHE_HOME!, 'repo-runner', 'toolchains');
  mkdirSync(toolchains, { recursive: true });
  onTestFinished(() => rmSync(join(toolchains, 'rr-hostile'), { force: true }));
  const targets = {
    read: {
      key: at('home/.ssh/id_ed25519'),
      'cloud credentials': at('home/.aws/credentials'),
      netrc: at('home/.netrc'),
      'the home': at('home/documents/diary.txt'),
      'another run': at('state/runs/another/inputs/given.json'),
      "the broker's credentials": at('state/broker/credentials.json'),
      ...(isRoot ? { 'shadow passwords': '/etc/shadow' } : {}),
      'the setting with a token': at('home/.npmrc'),
    },
    write: {
      'beside the repository': at('beside'),
      'into the home': at('home/.bashrc'),
      'into the state': at('state/runs/another/pwned'),
      'a hook': join(repo, '.git', 'hooks', 'pre-commit'),
      'the system': '/etc/rr-hostile',
      'a tool of other runs': join(toolchains, 'rr-hostile'),
    },
    pid: bystander.pid,
    port: Number(new URL(url).port),
    socket: at('daemon.sock'),
    abstract: s.dir,
  };
  const told = await finish(
    s.rr('run', repo, '--once', '--json', '--env', `ATTACK=${JSON.stringify(targets)}`, ...flags),
  );
  const result = resultOf(told.objects);
  expect(result, told.err).toMatchObject({ outcome: 'healthy', services: [{ proof: { title: 'Harmless' } }] });
  const said = (log: string): Record<string, string> =>
    JSON.parse(/ATTACK (\{.*\})/.exec(readFileSync(join(result.bundle, 'logs', log), 'utf8'))![1]!);
  const [install, start] = [said('hostile-everything.install.log'), said('hostile-everything.log')];
  const workspace = told.objects.find(({ type, step }) => type === 'run.step-ended' && step === 'workspace')!;
  return { repo, install, start, bystander, workspace: String(workspace.note), up };
}

/** Attempt → what contained it. */
const contained = {
  // Their homes, other runs and our state are not there.
  'read key': 'ENOENT',
  'read cloud credentials': 'ENOENT',
  'read netrc': 'ENOENT',
  'read the home': 'ENOENT',
  'read another run': 'ENOENT',
  "read the broker's credentials": 'ENOENT',
  'list the temporary folder': 'EMPTY',
  'follow a link out': 'ENOENT',
  'climb out by ..': 'ENOENT',
  'reach a daemon': 'ENOENT',
  // What is there beside the workspace is read-only, and so is the history of the user's own repository.
  'write into the state': 'ENOENT',
  'write a hook': 'EROFS',
  'write the system': 'EROFS',
  'write a tool of other runs': 'EROFS',
  // It has processes of its own only, and no rights.
  'see the environment of others': 'EMPTY',
  'kill a process': 'ESRCH',
  'write into the memory of a process': 'ENOENT',
  'trace a process': expect.stringMatching(/^status 1|^ENOENT/), // without Python it is not tried
  'signal the keeper': 'EMPTY',
  'be root': 'NOBODY',
  'get capabilities': 'status 1',
  'open /proc/sys/kernel/core_pattern': expect.stringMatching(/EROFS|EACCES/),
  'open /sys/kernel/mm/transparent_hugepage/enabled': expect.stringMatching(/EROFS|EACCES|ENOENT/),
  'leave the limits': expect.stringMatching(/EROFS|EACCES|ENOENT/),
  // The environment is an allow-list, sandbox or not; the broker asks for credentials, and holds its port.
  'steal the environment': 'EMPTY',
  'talk to the broker without credentials': expect.stringMatching(/Authorization Violation/),
  "bind the broker's port": 'EADDRINUSE',
};

test.skipIf(!works)(
  'in the sandbox a repository that tries everything gets nothing, comes up, and leaves nothing behind',
  { timeout: 120_000 },
  async () => {
    const s = victim();
    const { repo, install, start, bystander, workspace, up } = await attack(s);
    expect(workspace).toMatch(/in a sandbox \(bubblewrap \d/);
    expect(install).toMatchObject(contained);
    expect(start).toMatchObject(contained);
    if (isRoot) expect(install['read shadow passwords']).toBe('EACCES');
    // A registry's token reaches the install alone: that needs it.
    expect(install['read the setting with a token']).toMatch(/^done: fund=false.*_authToken/s);
    expect(start['read the setting with a token']).toMatch(/^done: fund=false\s*$/);
    // A home and a /tmp of its own it may write to.
    for (const what of ['write into the home', 'write beside the repository']) expect(install[what]).toMatch(/^done/);
    for (const path of [
      'beside',
      'home/.bashrc',
      'state/runs/another/pwned',
      'hostile-everything/.git/hooks/pre-commit',
    ])
      expect(existsSync(join(s.dir, path)), path).toBe(false);
    // What has no path belongs to the network, which in `auto` is the machine's (docs/sandbox.md): strict has its own.
    expect(start['reach a socket without a path']).toBe('heard: hello without a path');
    expect(bystander.exitCode ?? bystander.signalCode).toBe(null);
    expect(gitStatus(repo)).toBe('');
    up.child.kill('SIGTERM');
    await up.exited;
    await expectNothingLeft(s);
  },
);

long('without a sandbox the same attempts succeed, but for what holds in any case', { timeout: 120_000 }, async () => {
  const s = victim();
  const { install, start, bystander, workspace } = await attack(s, '--sandbox', 'off');
  expect(workspace).toContain('no sandbox, as asked');
  for (const said of [install, start])
    expect(said).toMatchObject({
      'read key': 'done: PRIVATE KEY',
      'read another run': expect.stringMatching(/^done/),
      'follow a link out': 'done: PRIVATE KEY',
      'write a hook': expect.stringMatching(/^done/),
      'reach a daemon': 'heard: hello from a daemon',
      'write a tool of other runs': expect.stringMatching(/^done/),
      'signal the keeper': expect.stringMatching(/^done: \d/),
      'steal the environment': 'EMPTY',
      'talk to the broker without credentials': expect.stringMatching(/Authorization Violation/),
      "bind the broker's port": 'EADDRINUSE',
    });
  expect(bystander.signalCode).toBe('SIGKILL');
});

test.skipIf(!hasGroups)(
  'a fork bomb at install gets no more processes than are given, is named, and leaves nothing',
  { timeout: 90_000 },
  async () => {
    const s = scratch({ RR_PIDS: '60' });
    const told = await finish(s.rr('run', s.repo('hostile-forks'), '--once', '--json'));
    expect(resultOf(told.objects), told.err).toMatchObject({
      outcome: 'failed',
      error: { code: 'COMMAND_LIMIT', message: expect.stringContaining('more than 60 processes and threads') },
    });
    await expectNothingLeft(s);
  },
);

/** A repository that turns on the machine when it is told to; beside it a process of ours that must live. */
async function turns(how: string, env: Record<string, string> = {}) {
  const s = scratch({ XDG_CACHE_HOME: process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), ...env });
  const bystander = spawn('sleep', ['600'], { stdio: 'ignore' });
  onTestFinished(() => void bystander.kill('SIGKILL'));
  const outside = ['--env', `TURN=${how}`, '--env', `OUTSIDE=${readlinkSync('/proc/self/ns/pid')}`];
  const one = s.rr('run', s.repo('hostile-turns'), '--json', ...outside);
  await one.object(({ type }) => type === 'result', 60_000);
  const result = resultOf(one.objects());
  const log = (name: string): string => readFileSync(join(result.bundle, 'logs', name), 'utf8');
  const ends = async (): Promise<void> => {
    one.child.kill('SIGINT');
    await one.exited;
    expect(bystander.exitCode ?? bystander.signalCode).toBe(null);
    await expectNothingLeft(s);
  };
  return { s, result, log, ends };
}

test.runIf(works && process.env.RR_LONG)(
  'an install that kills everybody kills itself, which is told, and nobody else',
  { timeout: 90_000 },
  async () => {
    const { result, log, ends } = await turns('install:kill');
    expect(result).toMatchObject({ outcome: 'failed', error: { code: 'COMMAND_FAILED' } });
    expect(result.error.message).toMatch(/npm ci.*(SIGKILL|137)/);
    expect(log('hostile-turns.install.log')).toContain('killing everybody');
    await ends();
  },
);

test.skipIf(!hasGroups)(
  'an install that takes memory without end is ended by the kernel alone, and the limit is named',
  { timeout: 90_000 },
  async () => {
    const { result, ends } = await turns('install:hog', { RR_MEMORY_MB: '400' });
    expect(result).toMatchObject({
      outcome: 'failed',
      error: { code: 'COMMAND_LIMIT', message: expect.stringMatching(/its memory limit .*more than 400 MB/) },
    });
    await ends();
  },
);

const hog = ['takes memory without end', 'app:hog', /limited: it needs more than 400 MB of memory/] as const;
test
  .skipIf(!works || !hasGroups)
  .each([['kills everybody', 'app:kill', /killing everybody/] as const, ...(process.env.RR_LONG ? [hog] : [])])(
  'an application that %s once it is up ends alone, and that is told',
  { timeout: 90_000 },
  async (_, how, said) => {
    const { s, result, log, ends } = await turns(how, { RR_MEMORY_MB: '400' });
    expect(result).toMatchObject({ outcome: 'healthy', services: [{ proof: { title: 'Harmless' } }] });
    await fetch(result.services[0].url, { method: 'POST' }).catch(() => undefined); // it may go before it has answered
    await eventually(
      () => factsOf(s.state, result.run).find(({ type }) => type === 'runner.exited'),
      (fact) => fact !== undefined,
      30_000,
    );
    expect(log('hostile-turns.log')).toMatch(said);
    await ends();
  },
);

test('an install that fills the disk is stopped while there is space left, and named', {
  timeout: 90_000,
}, async () => {
  const { bavail, bsize } = statfsSync(tmpdir());
  const s = scratch({ RR_DISK_FREE_MB: String(Math.floor((bavail * bsize) / 2 ** 20) - 400) });
  const told = await finish(s.rr('run', s.repo('hostile-fills'), '--once', '--json'));
  expect(resultOf(told.objects), told.err).toMatchObject({
    outcome: 'failed',
    error: {
      code: 'COMMAND_LIMIT',
      message: expect.stringMatching(/its disk limit \(the disk has less than \d+ MB left/),
    },
  });
});

test('what a terminal would obey is in the log file and on no screen', { timeout: 60_000 }, async () => {
  const s = scratch();
  const repo = s.repo('hostile-escapes');
  const told = await finish(s.rr('run', repo, '--once'));
  const run = /run (\S+)/.exec(told.out)![1]!;
  expect(readFileSync(join(s.state, 'runs', run, 'logs', 'hostile-escapes.log'), 'latin1')).toContain('\x1b]0;stolen');
  const logs = await finish(s.rr('logs', run));
  const plan = await finish(s.rr('plan', repo));
  expect(logs.out).toContain('hidden');
  for (const text of [told.out, told.err, logs.out, logs.err, plan.out, plan.err])
    expect(text).not.toMatch(/[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/);
});

test('an archive whose links and names lead out of it is refused, and nothing is written outside', {
  timeout: 60_000,
}, async () => {
  const s = scratch();
  const from = join(s.dir, 'from');
  mkdirSync(from);
  writeFileSync(join(from, 'package.json'), '{"name":"x","scripts":{"start":"node ."}}');
  symlinkSync('/tmp', join(from, 'door'));
  mkdirSync(join(from, 'sub'));
  writeFileSync(join(s.dir, 'evil'), 'pwned');
  const tar = (...words: string[]) => execa('tar', words, { cwd: from });
  await tar('-cPf', join(s.dir, 'climbs.tar'), 'package.json', '../evil');
  await tar('-cPf', join(s.dir, 'link.tar'), 'package.json', 'door');
  for (const name of ['climbs.tar', 'link.tar']) {
    const told = await finish(s.rr('run', join(s.dir, name), '--once', '--json'));
    expect(resultOf(told.objects), name).toMatchObject({ error: { code: 'ARCHIVE_UNSAFE' } });
  }
});
