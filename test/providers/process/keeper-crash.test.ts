import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openKeeper } from '../../../providers/process/client.js';
import { readExits } from '../../../providers/process/protocol.js';
import { startTimeOf } from '../../../runtime/identity.js';
import { command, marked, scratchRun, startClient, until } from './scratch.js';

test('an application outlives a client that is killed, and the next client adopts it as it is', async () => {
  const run = scratchRun();
  const app = command(run, 'app', 'while :; do echo alive; sleep 0.1; done');
  const client = startClient(run, [app]);
  const pid = Number((await until(() => /started (\d+)/.exec(client.said())))[1]);
  const startTime = startTimeOf(pid);
  client.child.kill('SIGKILL');
  await sleep(300);
  const { keeper, adopted, lost } = await openKeeper(run);
  expect({ adopted, lost }).toEqual({ adopted: true, lost: [] });
  expect(await keeper.list()).toMatchObject([{ id: app.id, pid, startTime, alive: true }]);
  expect(await keeper.start(app)).toMatchObject({ pid, startTime });
  expect(startTimeOf(pid)).toBe(startTime);
});

test('what a killed keeper held is swept and written down as lost, and is not started again', async () => {
  const run = scratchRun();
  const { keeper } = await openKeeper(run);
  const ended = command(run, 'ended', 'exit 2');
  const app = command(run, 'app', 'setsid sleep 300 & (setsid sleep 301 &) ; sleep 302');
  await keeper.start(ended);
  await keeper.exited(ended.id);
  const { pid } = await keeper.start(app);
  const waits = keeper.exited(app.id);
  await until(() => marked(run).length >= 4);
  process.kill(keeper.pid, 'SIGKILL');
  await expect(waits).rejects.toMatchObject({ code: 'KEEPER_LOST' });
  expect(startTimeOf(pid)).not.toBeNull();

  const next = await openKeeper(run);
  expect(next).toMatchObject({ adopted: false, lost: [{ id: app.id, lost: true, code: null, signal: null }] });
  expect(marked(run)).toEqual([]);
  expect(await next.keeper.start(app)).toMatchObject({ pid, alive: false, exit: { lost: true } });
  expect(await next.keeper.exited(ended.id)).toMatchObject({ code: 2, lost: false });
  expect(readExits(run.bundle).map(({ id, lost }) => [id, lost])).toEqual([
    [ended.id, false],
    [app.id, true],
  ]);
});

test('of many that open at once all get the same keeper', async () => {
  const run = scratchRun();
  const clients = [startClient(run, []), startClient(run, []), startClient(run, [])];
  const inside = await Promise.all([openKeeper(run), openKeeper(run)]);
  const pids = await Promise.all(
    clients.map(async ({ said }) => Number((await until(() => /opened (\d+)/.exec(said())))[1])),
  );
  expect(new Set([...pids, ...inside.map(({ keeper }) => keeper.pid)]).size).toBe(1);
  expect(inside.filter(({ adopted }) => !adopted).length).toBeLessThanOrEqual(1);
});

test('openers that race for the place of a killed keeper end with one, and its lost command is written down once', async () => {
  const run = scratchRun();
  const { keeper } = await openKeeper(run);
  await keeper.start(command(run, 'app', 'sleep 300'));
  process.kill(keeper.pid, 'SIGKILL');
  const opened = await Promise.all([1, 2, 3, 4].map(() => openKeeper(run)));
  expect(new Set(opened.map((each) => each.keeper.pid)).size).toBe(1);
  for (const { lost } of opened) expect(lost).toHaveLength(1);
  expect(readExits(run.bundle)).toHaveLength(1);
});

test('an exit cut short in the file by a crash is passed over and the next one stands on its own line', async () => {
  const run = scratchRun();
  appendFileSync(join(run.bundle, 'exits.ndjson'), '{"id":"torn","co');
  const { keeper } = await openKeeper(run);
  const whole = command(run, 'whole', 'exit 6');
  await keeper.start(whole);
  await keeper.exited(whole.id);
  expect(readExits(run.bundle)).toMatchObject([{ id: whole.id, code: 6 }]);
});

const ids = ['a', 'b', 'c', 'd'];
const began = (bundle: string): string[] =>
  existsSync(join(bundle, 'marks')) ? readFileSync(join(bundle, 'marks'), 'utf8').trim().split('\n') : [];

test('clients killed at random instants start nothing twice and lose no exit', async () => {
  for (let round = 0; round < 4; round++) {
    const run = scratchRun();
    const commands = ids.map((id) => command(run, id, `echo ${id} >> marks; sleep 0.05; exit 7`));
    const client = startClient(run, commands);
    await until(() => client.said().includes('opening'));
    await sleep(Math.random() * 350);
    client.child.kill('SIGKILL');
    const { keeper } = await openKeeper(run);
    for (const each of commands) await keeper.start(each);
    for (const { id } of commands) expect(await keeper.exited(id)).toMatchObject({ code: 7, lost: false });
    expect(began(run.bundle).sort()).toEqual(ids);
    expect(
      readExits(run.bundle)
        .map(({ id }) => id)
        .sort(),
    ).toEqual(commands.map(({ id }) => id));
    await keeper.end();
  }
}, 40_000);

test('keepers killed at random instants start nothing twice, and every command that began has one exit', async () => {
  for (let round = 0; round < 4; round++) {
    const run = scratchRun();
    const commands = ids.map((id) => command(run, id, `echo ${id} >> marks; sleep 0.02; exit 7`));
    const { keeper } = await openKeeper(run);
    const starts = commands.map((each) => keeper.start(each).catch((error) => expect(error.code).toBe('KEEPER_LOST')));
    await sleep(Math.random() * 60);
    process.kill(keeper.pid, 'SIGKILL');
    await Promise.all(starts);
    const next = await openKeeper(run);
    for (const each of commands) await next.keeper.start(each);
    for (const { id } of commands) {
      const exit = await next.keeper.exited(id);
      expect(exit.lost ? exit.code : 7).toBe(exit.code);
    }
    expect(began(run.bundle).length).toBe(new Set(began(run.bundle)).size);
    expect(
      readExits(run.bundle)
        .map(({ id }) => id)
        .sort(),
    ).toEqual(commands.map(({ id }) => id));
    await next.keeper.end();
  }
}, 40_000);
