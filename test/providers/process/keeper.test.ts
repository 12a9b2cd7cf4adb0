import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { findKeeper, openKeeper } from '../../../providers/process/client.js';
import { readRecord } from '../../../providers/process/protocol.js';
import { startTimeOf } from '../../../runtime/identity.js';
import { lockHolder } from '../../../runtime/lock.js';
import { command, logOf, marked, scratchRun, until } from './scratch.js';

test('a command given twice is started once, also after it has ended', async () => {
  const run = scratchRun();
  const { keeper } = await openKeeper(run);
  const once = command(run, 'once', 'echo began >> marks; sleep 0.2; exit 3');
  const [first, second] = await Promise.all([keeper.start(once), keeper.start(once)]);
  expect(first).toMatchObject({ alive: true, group: first.pid, startTime: startTimeOf(first.pid) });
  expect(second.pid).toBe(first.pid);
  expect(await keeper.exited(once.id)).toMatchObject({ code: 3, signal: null, limit: null, lost: false });
  expect(await keeper.start(once)).toMatchObject({ pid: first.pid, alive: false, exit: { code: 3 } });
  expect(readFileSync(join(run.bundle, 'marks'), 'utf8')).toBe('began\n');
});

test('an exit that nobody waited for is told to the next client, and by the next keeper', async () => {
  const run = scratchRun();
  const { keeper } = await openKeeper(run);
  const away = command(run, 'away', 'sleep 0.1; exit 4');
  await keeper.start(away);
  keeper.close();
  await sleep(400);
  const second = (await findKeeper(run))!;
  expect(await second.exited(away.id)).toMatchObject({ code: 4 });
  expect(await second.end()).toEqual({ left: [] });
  expect(await findKeeper(run)).toBeNull();
  const third = await openKeeper(run);
  expect(third.adopted).toBe(false);
  expect(await third.keeper.start(away)).toMatchObject({ alive: false, exit: { code: 4, lost: false } });
});

test('the wall limit ends a command that ignores SIGTERM, with all it started', async () => {
  const run = scratchRun();
  const { keeper } = await openKeeper(run);
  const slow = command(run, 'slow', "trap '' TERM; setsid sleep 300 & while :; do echo busy; sleep 0.05; done", {
    wallMs: 300,
  });
  await keeper.start(slow);
  expect(await keeper.exited(slow.id)).toMatchObject({ limit: 'wall', signal: 'SIGKILL' });
  expect(logOf(slow)).toContain('stopped: it took longer than 300 ms');
  await until(() => marked(run).length === 0);
});

test('the idle limit counts from the last output', async () => {
  const run = scratchRun();
  const { keeper } = await openKeeper(run);
  const quiet = command(run, 'quiet', 'for i in 1 2 3 4 5; do echo $i; sleep 0.2; done; sleep 300', { idleMs: 600 });
  await keeper.start(quiet);
  const exit = await keeper.exited(quiet.id);
  expect(exit).toMatchObject({ limit: 'idle' });
  expect(exit.endedAt - exit.startedAt).toBeGreaterThan(1_200);
  expect(logOf(quiet)).toContain('5\n');
});

test('a command that waits in vain is stopped with that as its limit and the reason in its log; an ended one stays', async () => {
  const run = scratchRun();
  const { keeper } = await openKeeper(run);
  const waits = command(run, 'waits', "trap 'exit 3' TERM; sleep 300 & wait");
  const ended = command(run, 'ended', 'exit 4');
  for (const one of [waits, ended]) await keeper.start(one);
  await keeper.exited(ended.id);
  expect(await keeper.stopWaiting(waits.id, 'nobody answers')).toMatchObject({ limit: 'network' });
  expect(logOf(waits)).toContain('[keeper] stopped: nobody answers\n');
  expect(await keeper.stopWaiting(ended.id, 'nobody answers')).toMatchObject({ code: 4, limit: null });
  expect(logOf(ended)).toBe('');
  await until(() => marked(run).length === 0);
});

test('endless output ends at the output limit', async () => {
  const run = scratchRun();
  const { keeper } = await openKeeper(run);
  const loud = command(run, 'loud', 'yes', { outputBytes: 3_000_000 });
  await keeper.start(loud);
  expect(await keeper.exited(loud.id)).toMatchObject({ limit: 'output' });
});

test('endless output without a limit stays bounded on disk and in memory, and the keeper answers meanwhile', async () => {
  const run = scratchRun();
  const { keeper } = await openKeeper(run);
  const loud = command(run, 'loud', 'yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', {
    logBytes: 200_000,
  });
  await keeper.start(loud);
  await sleep(1_500);
  const asked = performance.now();
  expect(await keeper.list()).toHaveLength(1);
  expect(performance.now() - asked).toBeLessThan(1_000);
  const status = readFileSync(`/proc/${keeper.pid}/status`, 'latin1');
  expect(Number(/VmRSS:\s+(\d+)/.exec(status)![1])).toBeLessThan(150_000);
  expect(await keeper.stop(loud.id, 500)).toMatchObject({ limit: null, signal: 'SIGTERM' });
  expect(readdirSync(join(run.bundle, 'logs')).sort()).toEqual(['loud.log', 'loud.log.1']);
  for (const path of [loud.log, `${loud.log}.1`]) expect(statSync(path).size).toBeLessThanOrEqual(200_000);
});

test('output reaches one log in order, also through /dev/stderr, and nothing can be read from stdin', async () => {
  const run = scratchRun();
  const { keeper } = await openKeeper(run);
  const speaks = command(
    run,
    'speaks',
    'for i in 1 2 3; do echo out; echo err >&2; done; echo dev > /dev/stderr; cat; echo $RR_STEP',
  );
  await keeper.start(speaks);
  expect(await keeper.exited(speaks.id)).toMatchObject({ code: 0 });
  expect(logOf(speaks)).toBe(`${'out\nerr\n'.repeat(3)}dev\n${speaks.id}\n`);
});

test('a command that cannot begin ends with 127 and its reason in the log', async () => {
  const run = scratchRun();
  const { keeper } = await openKeeper(run);
  const nowhere = command(run, 'nowhere', 'true', { cwd: join(run.folder, 'absent') });
  await keeper.start(nowhere);
  expect(await keeper.exited(nowhere.id)).toMatchObject({ code: 127, lost: false });
  expect(logOf(nowhere)).toContain(`could not be started in ${nowhere.cwd}`);
});

test('a path with spaces and quotes holds a whole run', async () => {
  const run = scratchRun(`a run "of" 'mine'`);
  const { keeper } = await openKeeper(run);
  const cwd = join(run.bundle, 'my work');
  mkdirSync(cwd);
  const here = command(run, 'where am i', 'pwd', { cwd });
  await keeper.start(here);
  expect(await keeper.exited(here.id)).toMatchObject({ code: 0 });
  expect(logOf(here)).toBe(`${cwd}\n`);
});

test('stop gives a command its time to end by itself, and end leaves neither process nor socket', async () => {
  const run = scratchRun();
  const { keeper } = await openKeeper(run);
  const polite = command(run, 'polite', "trap 'sleep 0.3; exit 7' TERM; while :; do sleep 0.05; done");
  const stays = command(run, 'stays', "trap '' TERM; while :; do sleep 1; done");
  await keeper.start(polite);
  await keeper.start(stays);
  await sleep(100);
  expect(await keeper.stop(polite.id, 5_000)).toMatchObject({ code: 7, signal: null });
  expect(await keeper.stop(stays.id, 100)).toMatchObject({ code: null, signal: 'SIGKILL' });
  await keeper.start(command(run, 'last', 'sleep 300'));
  const { socket } = readRecord(run.bundle)!;
  expect(await keeper.end()).toEqual({ left: [] });
  expect([socket, join(socket, '..'), join(run.bundle, 'keeper.json')].filter(existsSync)).toEqual([]);
  await until(() => startTimeOf(keeper.pid) === null);
  expect(marked(run)).toEqual([]);
  expect(lockHolder(join(run.bundle, 'keeper.lock'))).toBeNull();
});

test('bad messages are answered with an error and harm nobody', async () => {
  const run = scratchRun();
  const { keeper } = await openKeeper(run);
  const stays = await keeper.start(command(run, 'stays', 'sleep 300'));
  const raw = createConnection(readRecord(run.bundle)!.socket);
  raw.on('error', () => {}); // it is thrown out at the end
  let said = '';
  raw.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  const secret = { A: 'hush', 'B=': 'hush' };
  const bad = ['{{{', '[]', 'null', '{"n":1,"op":"fly"}', '{"n":2,"op":"start"}', '{"n":3,"op":"exited","id":"none"}'];
  raw.write(
    `${[...bad, '{"n":4,"op":"hello","protocol":99}', JSON.stringify({ n: 5, op: 'start', command: { ...command(run, 'x', 'true'), env: secret } })].join('\n')}\n`,
  );
  const errors = await until(() => (said.split('\n').length > 8 ? said.trim().split('\n') : null));
  for (const line of errors) expect(JSON.parse(line)).toMatchObject({ error: { message: expect.any(String) } });
  expect(said).toContain('it speaks protocol 2, met 99');
  expect(said).not.toContain('hush');
  raw.write(`{"n":9,"op":"${'x'.repeat(9 * 1024 * 1024)}`);
  await new Promise((resolve) => raw.once('close', resolve));
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGQUIT'] as const) process.kill(keeper.pid, signal);
  await sleep(50);
  expect(await keeper.list()).toMatchObject([{ pid: stays.pid, alive: true }]);
  await expect(keeper.exited('none')).rejects.toMatchObject({ code: 'COMMAND_UNKNOWN' });
  await expect(keeper.exited(stays.id, AbortSignal.timeout(50))).rejects.toMatchObject({ name: 'TimeoutError' });
});

test('a keeper with nothing alive and no client goes by itself and leaves the exits', async () => {
  process.env.RR_KEEPER_IDLE_MS = '300';
  const run = scratchRun();
  const { keeper } = await openKeeper(run).finally(() => delete process.env.RR_KEEPER_IDLE_MS);
  const busy = command(run, 'busy', 'sleep 1; exit 5');
  await keeper.start(busy);
  keeper.close();
  await sleep(700);
  expect(startTimeOf(keeper.pid)).not.toBeNull(); // a command is alive
  await until(() => startTimeOf(keeper.pid) === null);
  expect(existsSync(join(run.bundle, 'keeper.json'))).toBe(false);
  expect((await (await openKeeper(run)).keeper.list())[0]).toMatchObject({ id: busy.id, exit: { code: 5 } });
});

test("a command's environment is on no disk and in no argument list", async () => {
  const run = scratchRun();
  const { keeper } = await openKeeper(run);
  const { pid } = await keeper.start(
    command(run, 'knows', 'sleep 300', { env: { PATH: process.env.PATH!, KEY: 'hush-hush' } }),
  );
  expect(readFileSync(`/proc/${pid}/environ`, 'latin1')).toContain('hush-hush');
  for (const each of [pid, keeper.pid]) expect(readFileSync(`/proc/${each}/cmdline`, 'latin1')).not.toContain('hush');
  expect(readFileSync(`/proc/${keeper.pid}/environ`, 'latin1')).not.toContain('RR_RUN');
  for (const entry of readdirSync(run.bundle, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) expect(readFileSync(join(entry.parentPath, entry.name), 'latin1')).not.toContain('hush');
  }
});
