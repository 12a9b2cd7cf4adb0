/**
 * The files of a private broker, `<state>/broker/`: what the keeper writes and others read. All are 0600 in a 0700
 * folder, replaced whole (written beside, then renamed), and whatever does not parse counts as absent. Node built-ins
 * only: the keeper uses this too.
 *
 * `server.json` is there exactly while a keeper offers its server. `credentials.json` and `port`, the one listened on
 * last, outlive servers. `wanted` is touched by whoever is about to connect. `nats.conf`, `nats-server.log`,
 * `keeper.log`, `lock.<n>`, `jetstream/`.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Identity, isAlive } from '../identity.js';

export interface ServerRecord {
  /** `nats://127.0.0.1:<port>`, without credentials. */
  url: string;
  port: number;
  /** `http://127.0.0.1:<port>`, the server's monitoring. */
  monitor: string;
  pid: number;
  /** Of the server; see Identity. */
  startTime: number;
  keeperPid: number;
  keeperStartTime: number;
  bootId: string;
  version: string;
  /** For people: where the server's program was found, e.g. `PATH`. */
  from: string;
}

export interface Credentials {
  user: string;
  pass: string;
}

/** Names of the files in a broker folder. */
export const names = {
  lock: 'lock',
  server: 'server.json',
  port: 'port',
  credentials: 'credentials.json',
  wanted: 'wanted',
  config: 'nats.conf',
  serverLog: 'nats-server.log',
  keeperLog: 'keeper.log',
  store: 'jetstream',
} as const;

export function readServer(folder: string): ServerRecord | null {
  const raw = readJson(join(folder, names.server));
  const texts = ['url', 'monitor', 'bootId', 'version', 'from'];
  const wholes = ['port', 'pid', 'startTime', 'keeperPid', 'keeperStartTime'];
  return texts.every((key) => typeof raw[key] === 'string') && wholes.every((key) => Number.isSafeInteger(raw[key]))
    ? (raw as unknown as ServerRecord)
    : null;
}

/** The port of the last server; 0: not known. */
export function readPort(folder: string): number {
  try {
    const port = Number(readFileSync(join(folder, names.port), 'utf8'));
    return Number.isSafeInteger(port) && port > 0 && port < 65_536 ? port : 0;
  } catch {
    return 0; // there was none, or what is there is no port
  }
}

export function readCredentials(folder: string): Credentials | null {
  const { user, pass } = readJson(join(folder, names.credentials));
  return typeof user === 'string' && user !== '' && typeof pass === 'string' && pass !== '' ? { user, pass } : null;
}

/** The folder's credentials, made on first use. */
export function ensureCredentials(folder: string): Credentials {
  const known = readCredentials(folder);
  const credentials = known ?? {
    user: `rr-${randomBytes(4).toString('hex')}`,
    pass: randomBytes(24).toString('base64url'),
  };
  if (known === null) writeWhole(join(folder, names.credentials), JSON.stringify(credentials));
  return credentials;
}

export const keeperOf = ({ keeperPid, keeperStartTime, bootId }: ServerRecord): Identity => ({
  pid: keeperPid,
  startTime: keeperStartTime,
  bootId,
});

/** Whether the recorded server runs, with or without its keeper. */
export const serverAlive = ({ pid, startTime, bootId }: ServerRecord): boolean => isAlive({ pid, startTime, bootId });

/**
 * Announces that somebody is about to connect. The order is what counts: touch, then read server.json; the keeper
 * removes server.json, then looks at the touch. So either the reader sees no server, or the keeper stays.
 */
export function touchWanted(folder: string): void {
  const path = join(folder, names.wanted);
  writeFileSync(path, '', { flag: 'a', mode: 0o600 });
  const now = new Date();
  utimesSync(path, now, now);
}

/** When somebody last announced himself; 0 for never. */
export const wantedAt = (folder: string): number =>
  statSync(join(folder, names.wanted), { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** Replaces a file in one step, mode 0600. */
export function writeWhole(path: string, text: string): void {
  const beside = `${path}.${process.pid}.new`;
  try {
    writeFileSync(beside, text, { mode: 0o600 });
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
}

function readJson(path: string): Record<string, unknown> {
  try {
    const raw: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return typeof raw === 'object' && raw !== null ? (raw as Record<string, unknown>) : {};
  } catch {
    return {}; // absent, unreadable or corrupt: the same to every reader, who then goes by the lock
  }
}
