/**
 * The broker of a state folder: an existing server by its URL, else a private nats-server under a keeper of its own
 * (keep.ts), which whoever comes second joins.
 *
 * Any number of processes may open at once: each starts a keeper where none lives, the folder's lock lets one of those
 * keepers stay, and all openers wait for what that one offers in server.json.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  statfsSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config.js';
import { fail, RunnerError } from '../errors.js';
import { isAlive } from '../identity.js';
import { lockHolder } from '../lock.js';
import { program } from '../program.js';
import { type FoundServer, findServer } from './find.js';
import { keeperOf, names, readCredentials, readServer, type ServerRecord, serverAlive, touchWanted } from './record.js';
import { endOrphans, endProcess } from './server.js';

export interface Broker {
  /** Without credentials; may be a comma-separated list when it comes from NATS_URL. */
  url: string;
  /** A user name; with `pass` null it is a token. */
  user: string | null;
  pass: string | null;
  private: boolean;
  /** Of the nats-server; null when it is not ours. */
  pid: number | null;
  /** One line for people, without secrets. */
  how: string;
  version: string | null;
  /** We started it now. */
  fresh: boolean;
}

const READY_MS = 60_000;

/** `<state>/broker`. */
export const brokerFolder = (config: Config): string => join(config.state, 'broker');

/**
 * The broker to use: NATS_URL if set (not contacted here, see checkBroker), else the private one of the state folder,
 * joined or started. A nats-server that is not on the machine is fetched, which `say` tells in one line.
 * @throws STATE_UNWRITABLE, BROKER_ABSENT, BROKER_FAILED, CONFIG_INVALID (for NATS_SERVER_BIN or NATS_URL).
 */
export async function openBroker(config: Config, say: (line: string) => void): Promise<Broker> {
  if (config.natsUrl !== null) return fromUrl(config.natsUrl);
  const folder = prepare(brokerFolder(config));
  let server: FoundServer | null = null;
  let keeper: Keeper | null = null;
  for (let deadline = Date.now() + READY_MS; ; await sleep(10)) {
    announce(folder);
    const record = readServer(folder);
    if (record && isAlive(keeperOf(record)) && serverAlive(record)) {
      const broker = describe(folder, record, record.keeperPid === keeper?.child.pid);
      if (broker) return broker;
    }
    if (keeper?.failed()) {
      // With a full disk not even the keeper's log can say why.
      if (statfsSync(folder).bavail === 0) throw fail('STATE_UNWRITABLE', { path: folder, reason: 'ENOSPC' });
      throw fail('BROKER_FAILED', { reason: keeper.reason(), log: join(folder, names.keeperLog) });
    }
    if (Date.now() > deadline) {
      const holder = lockHolder(join(folder, names.lock));
      const reason = `its keeper (pid ${holder === null || holder === 'unknown' ? '?' : holder.pid}) offered none within ${READY_MS / 1000} s`;
      throw fail('BROKER_FAILED', { reason, log: join(folder, names.keeperLog) });
    }
    if ((keeper === null || keeper.left()) && lockHolder(join(folder, names.lock)) === null) {
      if (server === null) {
        // Loaded only where it is needed: most machines have a server.
        server = (await findServer(config)) ?? (await (await import('./fetch.js')).fetchServer(config, say));
        deadline = Date.now() + READY_MS;
      }
      keeper = startKeeper(folder, server);
    }
  }
}

/**
 * The broker that is already there: NATS_URL, or the living private one of this state folder, also one whose keeper
 * died. Starts and fetches nothing; null when there is none.
 * @throws CONFIG_INVALID for a NATS_URL that is no URL.
 */
export async function findBroker(config: Config): Promise<Broker | null> {
  if (config.natsUrl !== null) return fromUrl(config.natsUrl);
  const folder = brokerFolder(config);
  if (!existsSync(folder)) return null;
  try {
    touchWanted(folder);
  } catch {
    // A folder we may only read: its keeper cannot be told that we come, which matters in its last moment only.
  }
  const record = readServer(folder);
  return record && serverAlive(record) ? describe(folder, record, false) : null;
}

/** What a NATS client connects with, to spread into its options. */
export const connectOptions = ({ url, user, pass }: Broker) => ({
  servers: url.split(','),
  ...(user !== null && pass !== null ? { user, pass } : {}),
  ...(user !== null && pass === null ? { token: user } : {}),
  ...(url.startsWith('tls://') ? { tls: {} } : {}),
});

/**
 * Connects once and leaves again.
 * @returns the server's version.
 * @throws BROKER_UNREACHABLE with the client's reason, within `timeoutMs`.
 */
export async function checkBroker(broker: Broker, timeoutMs = 2_000): Promise<string> {
  const { connect } = await import('@nats-io/transport-node');
  try {
    const connection = await connect({ ...connectOptions(broker), timeout: timeoutMs, reconnect: false });
    const version = connection.info?.version ?? 'unknown';
    await connection.close();
    return version;
  } catch (error) {
    throw fail('BROKER_UNREACHABLE', { url: broker.url, reason: (error as Error).message }, error);
  }
}

/** Ends the private broker of the state folder, its keeper or what a dead one left. Its store and credentials stay. */
export async function stopBroker(config: Config): Promise<void> {
  const folder = brokerFolder(config);
  if (!existsSync(folder)) return;
  const holder = lockHolder(join(realpathSync(folder), names.lock));
  if (holder !== null && holder !== 'unknown') await endProcess(holder.pid, 10_000);
  await endOrphans(realpathSync(folder));
}

interface Keeper {
  child: ChildProcess;
  /** It ended without fault: another one keeps the folder, or it has done its work. */
  left(): boolean;
  failed(): boolean;
  /** The last thing it said. */
  reason(): string;
}

/** It outlives whoever started it, so it carries neither his secrets nor the mark of a run (RR_RUN) that is swept. */
const passed = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'LD_LIBRARY_PATH', 'RR_BROKER_IDLE_MS'];

function startKeeper(folder: string, server: FoundServer): Keeper {
  const file = program('runtime/broker/keeper');
  const logPath = join(folder, names.keeperLog);
  const log = openSync(logPath, 'a', 0o600);
  const from = fstatSync(log).size;
  const env = Object.fromEntries(
    passed.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
  const args = [file, folder, server.path, server.version, server.from];
  const child = spawn(process.execPath, args, { detached: true, cwd: '/', env, stdio: ['ignore', log, log] });
  closeSync(log);
  child.unref();
  let error: Error | null = null;
  child.once('error', (met) => (error = met));
  const said = (): string => readFileSync(logPath).subarray(from).toString('utf8').trim().split('\n').at(-1) ?? '';
  return {
    child,
    left: () => child.exitCode === 0 || child.signalCode !== null,
    failed: () => error !== null || (child.exitCode !== null && child.exitCode !== 0),
    reason: () => error?.message ?? said().replace(/^\S+Z \d+ /, ''),
  };
}

function describe(folder: string, record: ServerRecord, fresh: boolean): Broker | null {
  const credentials = readCredentials(folder);
  if (credentials === null) return null;
  const { url, port, pid, version, from } = record;
  const orphan = isAlive(keeperOf(record)) ? '' : ', its keeper has died';
  const how = `private nats-server ${version} from ${from} on 127.0.0.1:${port}${orphan}`;
  return { url, ...credentials, private: true, pid, how, version, fresh };
}

function fromUrl(given: string): Broker {
  const urls = given.split(',').map((one) => {
    const text = one.trim().includes('://') ? one.trim() : `nats://${one.trim()}`;
    if (URL.canParse(text) && new URL(text).hostname !== '') return new URL(text);
    const met = JSON.stringify(given.replace(/\/\/[^@/]*@/g, '//***@'));
    throw fail('CONFIG_INVALID', {
      name: 'natsUrl',
      met,
      wanted: 'a URL such as nats://host:4222',
      origin: 'NATS_URL',
    });
  });
  const withUser = urls.find(({ username }) => username !== '');
  const user = withUser ? decodeURIComponent(withUser.username) : null;
  const pass = withUser?.password ? decodeURIComponent(withUser.password) : null;
  const url = urls.map(({ protocol, host }) => `${protocol}//${host}`).join(',');
  return { url, user, pass, private: false, pid: null, how: 'NATS_URL', version: null, fresh: false };
}

/** Makes the folder, private to this user; gives its path without symbolic links. */
function prepare(folder: string): string {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
    return realpathSync(folder);
  } catch (error) {
    throw fail('STATE_UNWRITABLE', { path: folder, reason: (error as Error).message }, error);
  }
}

function announce(folder: string): void {
  try {
    touchWanted(folder);
  } catch (error) {
    if (error instanceof RunnerError) throw error;
    throw fail('STATE_UNWRITABLE', { path: folder, reason: (error as Error).message }, error);
  }
}
