/** From a job given over the bus to a runtime that is up, to its first step: the orchestrator, its slots, the admin and the
 * run's actors lie between. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@nats-io/transport-node';
import { startRuntime } from '../../actors/main.js';
import { connectOptions, stopBroker } from '../../runtime/broker/start.js';
import { readConfig } from '../../runtime/config.js';
import { openLog } from '../../runtime/log.js';
import type { Bench } from './main.js';
import { summary } from './times.js';

const WARM = 50;
const JOBS = 300;
const look = { id: 'look', to: 'env-detector', command: 'env-detector.look' };

export const firstStep: Bench = async function* (wanted) {
  if (!wanted('first-step')) return;
  const state = mkdtempSync(join(tmpdir(), 'rr-bench-'));
  mkdirSync(join(state, 'workflows'));
  const flow = { name: 'one', version: 1, record: 'light', facts: true, steps: [look] };
  writeFileSync(join(state, 'workflows', 'one.json'), JSON.stringify(flow));
  const { config } = readConfig({ state, host: 'bench' }, process.env);
  const runtime = await startRuntime({ config, log: openLog('silent', 2), say: () => undefined });
  try {
    const nats = await connect(connectOptions(runtime.broker));
    const heard = new Map<string, (type: string) => void>();
    nats.subscribe('rr.view.local.>', {
      callback: (_, message) => {
        const { type, from } = message.json<{ type: string; from: string }>();
        heard.get(from.slice(0, from.indexOf('/')))?.(type);
      },
    });
    const times: number[] = [];
    for (let n = 0; n < WARM + JOBS; n += 1) {
      const run = `b${n}`;
      const began = performance.now();
      let at = 0;
      const over = new Promise<void>((resolve) => {
        heard.set(run, (type) => {
          if (type === 'run.step-began') at ||= performance.now();
          if (type === 'run.ended') resolve();
        });
      });
      const answer = (await nats.request('rr.api.local.jobs.submit', JSON.stringify({ workflow: 'one', run }))).json();
      if (!(answer as { run?: string }).run) throw new Error(JSON.stringify(answer));
      await over;
      heard.delete(run);
      if (n >= WARM) times.push(at - began);
    }
    await nats.close();
    const settings = { jobs: JOBS, durability: config.durability, to: 'its fact run.step-began at another connection' };
    yield { measure: 'first-step', concurrency: 1, ...summary(times), ratio: null, settings };
  } finally {
    await runtime.close();
    await stopBroker(config).catch(() => undefined); // it ends by itself when nobody is connected
    rmSync(state, { recursive: true, force: true });
  }
};
