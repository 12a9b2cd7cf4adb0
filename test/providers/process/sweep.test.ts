import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { openKeeper } from '../../../providers/process/client.js';
import { listeners, listenersOfApp, treeOf } from '../../../providers/process/sockets.js';
import { sweep } from '../../../providers/process/sweep.js';
import { startTimeOf } from '../../../runtime/identity.js';
import { command, fixture, logOf, marked, scratchRun, until } from './scratch.js';

const node = `'${process.execPath}'`;

test('a program that daemonises and exits is found by its mark, with its port, and swept at the end', async () => {
  const run = scratchRun();
  const { keeper } = await openKeeper(run);
  const app = command(run, 'daemon', `${node} ${fixture('daemonises.mjs')}`);
  const other = await keeper.start(command(run, 'other', 'sleep 300'));
  const { pid, group } = await keeper.start(app);
  expect(await keeper.exited(app.id)).toMatchObject({ code: 0 });
  const application = { pid, group, run: run.run, id: app.id };
  const [found] = await until(() => listenersOfApp(application));
  expect(found).toMatchObject({ host: '127.0.0.1', pid: expect.any(Number) });
  expect(treeOf(application)).toEqual([found!.pid]);
  await keeper.stop(app.id, 1_000);
  expect(treeOf(application)).toEqual([]);
  expect(startTimeOf(other.pid)).not.toBeNull(); // stopping one command leaves the others alone

  const again = command(run, 'again', app.shell);
  await keeper.start(again);
  await keeper.exited(again.id);
  const [left] = await until(() => treeOf({ pid: 0, group: 0, run: run.run, id: again.id }));
  expect(marked(run)).toContain(left);
  expect(await keeper.end()).toEqual({ left: [] });
  expect(marked(run)).toEqual([]);
});

test('200 forked sleepers, many in sessions of their own and without a parent, are all swept', async () => {
  const run = scratchRun();
  const { keeper } = await openKeeper(run);
  const forks = command(run, 'forks', `sh ${fixture('forks-200-sleepers.sh')}`);
  const { pid, group } = await keeper.start(forks);
  await until(() => logOf(forks).includes('forked'));
  await until(() => marked(run).length >= 201);
  const all = marked(run);
  expect(treeOf({ pid, group, run: run.run, id: forks.id }).length).toBeGreaterThanOrEqual(201);
  expect(await keeper.end()).toEqual({ left: [] });
  for (const each of all) expect(startTimeOf(each)).toBeNull();
});

test('what hands on to a new session every 20 ms is caught', async () => {
  const run = scratchRun();
  const { keeper } = await openKeeper(run);
  const hops = command(run, 'hops', `for i in 1 2 3 4 5; do sh ${fixture('hops.sh')} & done; wait`);
  await keeper.start(hops);
  await sleep(300);
  await until(() => marked(run));
  const { left } = await sweep({ run: run.run, roots: [], groups: [] });
  expect(left).toEqual([]);
  await sleep(200);
  expect(marked(run)).toEqual([]);
});

test('a program that doubles itself is ended while it grows', async () => {
  const run = scratchRun();
  const { keeper } = await openKeeper(run);
  const doubles = command(run, 'doubles', `sh ${fixture('doubles.sh')} 7`);
  await keeper.start(doubles);
  await until(() => marked(run).length > 30);
  expect(await keeper.stop(doubles.id, 0)).toMatchObject({ signal: 'SIGKILL' });
  expect(marked(run)).toEqual([]);
});

test('what works in a folder of ours or holds a leased port ends, and what stands beside it stays', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rr-test-'));
  mkdirSync(join(folder, 'work'));
  mkdirSync(join(folder, 'work-of-another'));
  const start = (shell: string, cwd: string): number => {
    const child = spawn('sh', ['-c', shell], { cwd, detached: true, stdio: 'ignore' });
    onTestFinished(() => void child.kill('SIGKILL'));
    return child.pid!;
  };
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const inside = start('exec sleep 300', join(folder, 'work'));
  const beside = start('exec sleep 300', join(folder, 'work-of-another'));
  const holder = start(`exec ${node} ${fixture('listens.mjs')} 127.0.0.1`, folder);
  const port = (await until(() => listeners([holder])))[0]!.port;
  const swept = await sweep({ run: 'none', roots: [], groups: [], cwd: join(folder, 'work'), ports: [port] });
  expect({ ...swept, killed: swept.killed.sort() }).toEqual({ killed: [inside, holder].sort(), left: [] });
  expect(startTimeOf(beside)).not.toBeNull();
});

test('a sweep that is told to end itself, its parent or pid 1 does not', async () => {
  const kept = spawn('sleep', ['300'], { stdio: 'ignore' });
  onTestFinished(() => void kept.kill('SIGKILL'));
  const swept = await sweep({
    run: 'none',
    roots: [process.pid, process.ppid, 1],
    groups: [],
    spare: [kept.pid!],
    withinMs: 500,
  });
  expect(swept.killed).not.toContain(kept.pid);
  expect(startTimeOf(process.ppid)).not.toBeNull();
});
