import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { expect, onTestFinished, test } from 'vitest';
import { readServer, type ServerRecord } from '../../../runtime/broker/record.js';
import {
  type Broker,
  checkBroker,
  connectOptions,
  findBroker,
  openBroker,
  stopBroker,
} from '../../../runtime/broker/start.js';
import type { Config } from '../../../runtime/config.js';
import { identify } from '../../../runtime/identity.js';
import { takeLock } from '../../../runtime/lock.js';
import { runBuilt, scratch, scratchConfig, until, withEnv } from './help.js';

const silent = (): void => {};
const recordOf = (config: Config): ServerRecord => readServer(join(config.state, 'broker'))!;
const isGone = (pid: number): boolean => identify(pid) === null;

async function client(broker: Broker): Promise<NatsConnection> {
  const connection = await connect({ ...connectOptions(broker), reconnectTimeWait: 50, maxReconnectAttempts: -1 });
  onTestFinished(() => connection.close());
  return connection;
}

/** Resolves when the client has found its server again. */
async function reconnected(connection: NatsConnection): Promise<void> {
  for await (const { type } of connection.status()) if (type === 'reconnect') return;
}

/** The nats-server processes that use this state folder, by what Linux says of every process. */
const serversOf = (config: Config): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && identify(Number(name)) !== null)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`-c\0${config.state}/broker/nats.conf`);
      } catch {
        return false; // it ended while we looked
      }
    })
    .map(Number);

test('a private broker starts on loopback, takes its credentials and refuses others', async () => {
  const config = scratchConfig();
  const broker = await openBroker(config, silent);
  expect(broker).toMatchObject({ private: true, fresh: true, version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
  expect(broker.url).toMatch(/^nats:\/\/127\.0\.0\.1:\d+$/);
  expect(broker.how).toContain(new URL(broker.url).host);
  expect(JSON.stringify(broker.how)).not.toContain(broker.pass!);

  const connection = await client(broker);
  await connection.flush();
  await expect(connect({ servers: broker.url, user: broker.user!, pass: 'wrong' })).rejects.toThrow(/authorization/i);
  await expect(connect({ servers: broker.url })).rejects.toThrow(/authorization/i);
  await expect(checkBroker({ ...broker, pass: 'wrong' })).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE' });
  expect(await checkBroker(broker)).toBe(broker.version);
});

test('its JetStream is on and bounded', async () => {
  const config = scratchConfig();
  const connection = await client(await openBroker(config, silent));
  const account = await (await jetstreamManager(connection)).getAccountInfo();
  expect(account.streams).toBe(0);
  const served = (await (await fetch(`${recordOf(config).monitor}/jsz`)).json()) as { config: unknown };
  expect(served.config).toMatchObject({ max_memory: 64 * 2 ** 20, max_storage: 2 ** 30 });
  const jetstream = await jetstreamManager(connection);
  const tooMuch = jetstream.streams.add({ name: 'LARGE', subjects: ['large'], max_bytes: 2 * 2 ** 30 });
  await expect(tooMuch).rejects.toThrow(/insufficient storage/);
});

test('nobody but the owner may read its files, and no secret stands in a command line', async () => {
  const config = scratchConfig();
  const broker = await openBroker(config, silent);
  const folder = join(config.state, 'broker');
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  for (const name of ['credentials.json', 'nats.conf', 'server.json', 'keeper.log', 'nats-server.log'])
    expect([name, statSync(join(folder, name)).mode & 0o777]).toEqual([name, 0o600]);
  const { pid, keeperPid } = recordOf(config);
  for (const one of [pid, keeperPid]) expect(readFileSync(`/proc/${one}/cmdline`, 'utf8')).not.toContain(broker.pass!);
});

test('a second opener joins the living one, and finding it starts nothing', async () => {
  const config = scratchConfig();
  expect(await findBroker(config)).toBeNull();
  const first = await openBroker(config, silent);
  expect(await openBroker(config, silent)).toEqual({ ...first, fresh: false });
  expect(await findBroker(config)).toEqual({ ...first, fresh: false });
});

test('openers that race end with exactly one server', async () => {
  const config = scratchConfig();
  const code = `const { config } = readConfig({ state: ${JSON.stringify(config.state)} }, {});
    console.log(JSON.stringify(await openBroker(config, () => {})));`;
  const others = [1, 2, 3].map(() => runBuilt<Broker>(code, process.env));
  const brokers = await Promise.all([openBroker(config, silent), openBroker(config, silent), ...others]);
  expect(new Set(brokers.map(({ pid }) => pid)).size).toBe(1);
  expect(brokers.filter(({ fresh }) => fresh)).toHaveLength(1);
  expect(serversOf(config)).toEqual([brokers[0]!.pid]);
});

test('a killed server comes back on its port, and its client with it', async () => {
  const config = scratchConfig();
  const broker = await openBroker(config, silent);
  const connection = await client(broker);
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: 'KEPT', subjects: ['kept'] });
  await manager.jetstream().publish('kept', 'word');
  const back = reconnected(connection);
  process.kill(broker.pid!, 'SIGKILL');
  await back;
  expect(await openBroker(config, silent)).toMatchObject({ url: broker.url, user: broker.user, pass: broker.pass });
  expect((await manager.streams.info('KEPT')).state.messages).toBe(1);
});

test('after its keeper is killed the next opener ends the orphan and keeps port and credentials', async () => {
  const config = scratchConfig();
  const broker = await openBroker(config, silent);
  const back = reconnected(await client(broker));
  process.kill(recordOf(config).keeperPid, 'SIGKILL');
  await until('the keeper to be gone', () => isGone(recordOf(config).keeperPid));
  expect(await findBroker(config)).toMatchObject({
    pid: broker.pid,
    how: expect.stringContaining('its keeper has died'),
  });

  const next = await openBroker(config, silent);
  expect(next).toMatchObject({ url: broker.url, user: broker.user, pass: broker.pass, fresh: true });
  expect(isGone(broker.pid!)).toBe(true);
  expect(serversOf(config)).toEqual([next.pid]);
  await back;
});

test('an orphan that no record names is found by its own port file', async () => {
  const config = scratchConfig();
  const broker = await openBroker(config, silent);
  process.kill(recordOf(config).keeperPid, 'SIGKILL');
  await until('the keeper to be gone', () => isGone(recordOf(config).keeperPid));
  rmSync(join(config.state, 'broker', 'server.json'));
  const next = await openBroker(config, silent);
  expect(isGone(broker.pid!)).toBe(true);
  expect(serversOf(config)).toEqual([next.pid]);
});

test('it stops after its last client and leaves neither process nor offer', async () => {
  withEnv({ RR_BROKER_IDLE_MS: '400' });
  const config = scratchConfig();
  const broker = await openBroker(config, silent);
  const { keeperPid } = recordOf(config);
  const connection = await client(broker);
  await sleep(1_500); // longer than it would wait for anybody to come
  expect(isGone(keeperPid)).toBe(false);
  await connection.close();
  await until('keeper and server to be gone', () => isGone(keeperPid) && isGone(broker.pid!));
  expect(readdirSync(join(config.state, 'broker')).filter((name) => /server\.json|\.ports$/.test(name))).toEqual([]);
  expect(await findBroker(config)).toBeNull();

  const again = await openBroker(config, silent);
  expect(again).toMatchObject({ fresh: true, url: broker.url, user: broker.user, pass: broker.pass });
});

test('it waits longer for a first client than after a last one', async () => {
  withEnv({ RR_BROKER_IDLE_MS: '400' });
  const config = scratchConfig();
  const began = Date.now();
  const { pid } = await openBroker(config, silent);
  await until('the server to be gone', () => isGone(pid!));
  expect(Date.now() - began).toBeGreaterThan(3 * 400 - 50);
});

test('stopping ends both processes at once', async () => {
  const config = scratchConfig();
  const broker = await openBroker(config, silent);
  const { keeperPid } = recordOf(config);
  await stopBroker(config);
  expect([isGone(keeperPid), isGone(broker.pid!)]).toEqual([true, true]);
});

test('when the state folder is removed it ends and does not bring the folder back', async () => {
  const config = scratchConfig();
  const broker = await openBroker(config, silent);
  const { keeperPid } = recordOf(config);
  rmSync(config.state, { recursive: true });
  await until('keeper and server to be gone', () => isGone(keeperPid) && isGone(broker.pid!));
  expect(existsSync(config.state)).toBe(false);
});

test.each([
  ['{"url":', 'cut short'],
  ['null', 'null'],
  [JSON.stringify({ url: 'nats://127.0.0.1:1', port: 1, pid: 1, keeperPid: 1 }), 'of another shape'],
])('a server.json %s left behind is passed over', async (text) => {
  const config = scratchConfig();
  mkdirSync(join(config.state, 'broker'), { recursive: true });
  writeFileSync(join(config.state, 'broker', 'server.json'), text);
  await (await client(await openBroker(config, silent))).flush();
});

test('a server.json spoiled while its keeper lives is put right, not answered by a second server', async () => {
  const config = scratchConfig();
  const broker = await openBroker(config, silent);
  writeFileSync(join(config.state, 'broker', 'server.json'), 'spoiled');
  rmSync(join(config.state, 'broker', 'credentials.json'));
  expect(await openBroker(config, silent)).toEqual({ ...broker, fresh: false });
  expect(serversOf(config)).toEqual([broker.pid]);
});

test('a store that cannot be opened is put aside', async () => {
  const config = scratchConfig();
  const folder = join(config.state, 'broker');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'jetstream'), 'not a folder');
  await (await client(await openBroker(config, silent))).flush();
  expect(readdirSync(folder).filter((name) => name.startsWith('jetstream.broken-'))).toHaveLength(1);
});

test('a former port that somebody else holds now is given up', async () => {
  const config = scratchConfig();
  const broker = await openBroker(config, silent);
  const record = recordOf(config);
  await stopBroker(config);
  const taken = new URL((await openBroker(scratchConfig(), silent)).url).port;
  writeFileSync(join(config.state, 'broker', 'server.json'), JSON.stringify({ ...record, port: Number(taken) }));
  const next = await openBroker(config, silent);
  expect(new URL(next.url).port).not.toBe(taken);
  expect(next.user).toBe(broker.user);
});

test('a server that cannot run is a BROKER_FAILED with its reason', async () => {
  const folder = scratch();
  const natsServer = join(folder, 'nats-server');
  writeFileSync(
    natsServer,
    '#!/bin/sh\ncase $1 in --version) echo "nats-server: v2.10.0";; *) echo "no room on the device" >&2; exit 9;; esac\n',
  );
  chmodSync(natsServer, 0o755);
  await expect(openBroker(scratchConfig({ natsServer }), silent)).rejects.toMatchObject({
    code: 'BROKER_FAILED',
    message: expect.stringMatching(/exit code 9.*no room on the device/),
  });
});

test('a state folder that cannot be written is said, with its path', async () => {
  const folder = scratch();
  writeFileSync(join(folder, 'file'), '');
  const state = join(folder, 'file', 'state');
  await expect(openBroker(scratchConfig({ state }), silent)).rejects.toMatchObject({
    code: 'STATE_UNWRITABLE',
    message: expect.stringContaining(state),
  });
});

test('a long path with blanks and quotes is no hindrance', async () => {
  const state = join(scratch(), 'a "quoted" \\ name', 'x'.repeat(180));
  await (await client(await openBroker(scratchConfig({ state }), silent))).flush();
});

test('the broker outlives the process that opened it, for the next one to join', async () => {
  const config = scratchConfig();
  const code = `const { config } = readConfig({ state: ${JSON.stringify(config.state)} }, {});
    console.log(JSON.stringify({ broker: await openBroker(config, () => {}) }));`;
  const opened = await runBuilt<{ broker: Broker }>(code, { ...process.env, RR_RUN: 'outer', SOME_TOKEN: 'secret' });
  expect(await openBroker(config, silent)).toEqual({ ...opened.broker, fresh: false });
  expect(readFileSync(`/proc/${recordOf(config).keeperPid}/environ`, 'utf8')).not.toMatch(/RR_RUN|SOME_TOKEN/);
});

test('NATS_URL is taken as it is, its credentials apart', async () => {
  const server = await openBroker(scratchConfig(), silent);
  const { host } = new URL(server.url);
  const config = scratchConfig({ natsUrl: `nats://${server.user}:${server.pass}@${host}` });
  const broker = await openBroker(config, silent);
  expect(broker).toEqual({ ...server, private: false, pid: null, how: 'NATS_URL', version: null, fresh: false });
  expect(existsSync(config.state)).toBe(false);
  await (await client(broker)).flush();
  expect(await findBroker(config)).toEqual(broker);
});

test('NATS_URL may be a list, a bare host or carry a token; what is no URL is refused without its secrets', async () => {
  const open = (natsUrl: string) => openBroker(scratchConfig({ natsUrl }), silent);
  expect(await open('nats://a:4222, nats://b:4222')).toMatchObject({ url: 'nats://a:4222,nats://b:4222', user: null });
  expect(await open('localhost:4222')).toMatchObject({ url: 'nats://localhost:4222' });
  expect(connectOptions(await open('nats://t0k%20en@a'))).toMatchObject({ servers: ['nats://a'], token: 't0k en' });
  const refused = await open('nats://me:secret@:::').catch((error: Error) => error);
  expect(refused).toMatchObject({ code: 'CONFIG_INVALID' });
  expect((refused as Error).message).not.toContain('secret');
});

test('a NATS_URL where nobody listens is BROKER_UNREACHABLE within its time', async () => {
  const broker = await openBroker(scratchConfig({ natsUrl: 'nats://127.0.0.1:1' }), silent);
  await expect(checkBroker(broker, 1_000)).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE' });
});

test('one lock has one living holder; a dead one is succeeded, and a withdrawn number never returns', () => {
  const folder = scratch();
  const path = join(folder, 'lock');
  const lock = takeLock(path)!;
  expect(lock.holds()).toBe(true);
  expect(takeLock(path)).toBeNull();
  lock.release();
  writeFileSync(join(folder, 'lock.1'), JSON.stringify({ ...identify(process.pid)!, startTime: 1 }));
  const next = takeLock(path)!;
  expect(readdirSync(folder)).toEqual(['lock.2']);
  writeFileSync(join(folder, 'lock.7'), '{}');
  expect(next.holds()).toBe(false);
});
