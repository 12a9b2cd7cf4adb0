/**
 * A runtime of its own process, in a session of its own, that stays when whoever started it has gone: `rr up`. It is
 * `rr up --foreground` with its output in its log; how it came up, or why it did not, it tells its parent by IPC.
 */
import { spawn } from 'node:child_process';
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Response } from '../../actors/front-door/contract.js';
import { revive } from '../../runtime/bus.js';
import { type Config, environmentFor } from '../../runtime/config.js';
import { type ErrorRecord, fail } from '../../runtime/errors.js';
import { packageRoot } from '../../runtime/program.js';
import { type Client, hostLog, reach } from './connect.js';

export interface Up {
  client: Client;
  status: Response<'ops.status'>;
  /** It was up before. */
  already: boolean;
}
/** What a runtime tells whoever started it. */
export type Told = { type: 'say'; line: string } | { type: 'up' } | { type: 'error'; error: ErrorRecord };

/** A first start may have to fetch a nats-server. */
const COMES_UP_MS = 180_000;
const ENDS_MS = 10_000;
const AGAIN_MS = 200;
const TRIES = 25;
const SHOWN_LINES = 5;

/**
 * The runtime of the state folder: the one that is up (it takes jobs again, if it was draining), or a new one.
 * @param say one line for people: what is fetched, what is resumed, and the end of the log when it does not come up.
 * @throws the error with which it ended, or RUNTIME_FAILED; INTERRUPTED when this process is told to end meanwhile.
 * In each case nothing is left of it.
 */
export async function bringUp(config: Config, say: (line: string) => void): Promise<Up> {
  let already = true;
  for (let attempt = 0; ; attempt += 1) {
    const client = await reach(config);
    if (client) {
      const status = await client.call('ops.status', {});
      if (status.draining) await client.call('ops.drain', { on: false });
      return { client, status: { ...status, draining: false }, already };
    }
    try {
      if (already) await launch(config, say);
      already = false;
    } catch (error) {
      // Another process is just starting one, or one is just leaving.
      if ((error as { code?: string }).code !== 'HOST_TAKEN' || attempt >= TRIES) throw error;
    }
    if (attempt > TRIES) throw fail('RUNTIME_FAILED', { reason: 'it does not answer', log: hostLog(config) });
    if (already) await sleep(AGAIN_MS);
  }
}

async function launch(config: Config, say: (line: string) => void): Promise<void> {
  const path = hostLog(config);
  const { fd, from } = openAtEnd(path);
  const args = [join(packageRoot(), 'dist/rr/bin.js'), 'up', '--foreground', '--json', '--state', config.state];
  const child = spawn(process.execPath, args, {
    detached: true,
    cwd: '/', // where we are may be removed or unmounted
    env: environmentFor(config),
    stdio: ['ignore', fd, fd, 'ipc'],
  });
  closeSync(fd);
  const ending = new AbortController();
  const interrupt = (): void => ending.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const failed = (reason: string): Error => fail('RUNTIME_FAILED', { reason, log: path });
  const ended = new Promise<string>((resolve) => {
    child.once('error', ({ message }) => resolve(message));
    child.once('exit', (code, signal) => resolve(`it ended with ${signal ?? code}`));
  });
  let cause: Error | null = null;
  const isUp = new Promise<void>((resolve) =>
    child.on('message', (raw) => {
      const told = raw as Told;
      if (told.type === 'say') say(told.line);
      else if (told.type === 'up') resolve();
      else cause = revive(told.error);
    }),
  );
  const within = <T>(ms: number, value: T): Promise<T> => sleep(ms, value, { signal: ending.signal, ref: false });
  try {
    const reason = await Promise.race([
      isUp.then(() => null),
      ended,
      within(COMES_UP_MS, `it told nothing within ${COMES_UP_MS / 1000} s`).catch(() => {
        throw fail('INTERRUPTED');
      }),
    ]);
    if (reason === null) return;
    // It may have told the cause before it ended; nobody has to have heard that in this order.
    await sleep(0);
    throw cause ?? failed(reason);
  } catch (error) {
    child.kill('SIGTERM');
    const left = await Promise.race([ended, sleep(ENDS_MS, null, { ref: false })]);
    if (left === null) child.kill('SIGKILL');
    const { code } = error as { code?: string };
    if (code !== 'INTERRUPTED' && code !== 'HOST_TAKEN')
      for (const line of readFileSync(path).subarray(from).toString('utf8').trim().split('\n').slice(-SHOWN_LINES))
        say(line);
    throw error;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    if (child.connected) child.disconnect();
    child.unref();
  }
}

/** @throws STATE_UNWRITABLE */
function openAtEnd(path: string): { fd: number; from: number } {
  try {
    mkdirSync(dirname(path), { recursive: true });
    const fd = openSync(path, 'a', 0o600);
    return { fd, from: fstatSync(fd).size };
  } catch (error) {
    throw fail('STATE_UNWRITABLE', { path, reason: (error as NodeJS.ErrnoException).code ?? error }, error);
  }
}
