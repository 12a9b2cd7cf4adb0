/**
 * Question and answer between two processes: `ask` is ours, with its envelope, its checks and its repeats; `ask-mux` the
 * least that can be done by hand over publish and subscribe; `ask-raw` the client library's own `request()`.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@nats-io/transport-node';
import type { Message } from '../../runtime/actor.js';
import { connectOptions, openBroker, stopBroker } from '../../runtime/broker/start.js';
import { openBus } from '../../runtime/bus.js';
import { systemClock } from '../../runtime/clock.js';
import { readConfig } from '../../runtime/config.js';
import { packageRoot } from '../../runtime/program.js';
import { natsWire } from '../../runtime/wire.js';
import type { Bench, Measure } from './main.js';
import { many } from './times.js';

const WARM = 20_000;
const ALONE = 5_000;
const TOGETHER = 100_000;

export const ask: Bench = async function* (wanted) {
  const names = ['ask-mux', 'ask', 'ask-raw'].filter(wanted);
  if (names.length === 0) return;
  const state = mkdtempSync(join(tmpdir(), 'rr-bench-'));
  const { config } = readConfig({ state }, process.env);
  const broker = await openBroker(config, () => undefined);
  const echo = fork(join(packageRoot(), 'dist/test/bench/echo.js'), [broker.url, broker.user ?? '', broker.pass ?? '']);
  try {
    await once(echo, 'message');
    const nats = await connect(connectOptions(broker));
    const bus = openBus(natsWire(nats, `_INBOX.ask${process.pid}`), systemClock);
    const data = new TextEncoder().encode(JSON.stringify({ type: 'echo.say', n: 1 }));

    let count = 0;
    const pending = new Map<string, (data: Uint8Array) => void>();
    const inbox = `_INBOX.mux${process.pid}.`;
    nats.subscribe(`${inbox}*`, {
      callback: (_, message) => {
        const key = message.subject.slice(inbox.length);
        pending.get(key)?.(message.data);
        pending.delete(key);
      },
    });
    const ways: Record<string, () => Promise<unknown>> = {
      'ask-raw': () => nats.request('bench.raw', data, { timeout: 5_000 }),
      'ask-mux': () =>
        new Promise((resolve) => {
          count += 1;
          const key = count.toString(36);
          pending.set(key, resolve);
          nats.publish('bench.raw', data, { reply: inbox + key });
        }),
      ask: () =>
        bus.ask('bench/echo/echo-1', { type: 'echo.say', n: 1 } as Message, { deadlineAt: Date.now() + 5_000 }),
    };
    const settings = { processes: 2, bytes: data.length, server: broker.how };
    const raw = new Map<number, Measure>();
    for (const name of names) {
      await many(WARM, 100, ways[name]!);
      for (const concurrency of [1, 100]) {
        const one = await many(concurrency === 1 ? ALONE : TOGETHER, concurrency, ways[name]!);
        if (name === 'ask-mux') raw.set(concurrency, { measure: name, ratio: null, settings, ...one });
        const mux = raw.get(concurrency);
        const ratio = mux && name !== 'ask-mux' ? one.p50Ms! / mux.p50Ms! : null;
        yield { measure: name, ...one, ratio, settings: { ...settings, against: mux ? 'ask-mux, p50' : null } };
      }
    }
    await nats.close();
  } finally {
    echo.kill();
    await stopBroker(config).catch(() => undefined); // it ends by itself when nobody is connected
    rmSync(state, { recursive: true, force: true });
  }
};
