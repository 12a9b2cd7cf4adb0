/**
 * Actors on a host of their own over a real broker and a real store, for what is measured of them. A run is the real run
 * actor; a step is an ask to an agent that does nothing. The runs are started directly, without the orchestrator's slots.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@nats-io/transport-node';
import { setup } from 'xstate';
import { z } from 'zod';
import { runBy } from '../../actors/run/index.js';
import { type OpenStore, openStore } from '../../checkpoints/store.js';
import { type ActorDefinition, defineActor, effect, type Message } from '../../runtime/actor.js';
import { connectOptions, openBroker, stopBroker } from '../../runtime/broker/start.js';
import { type Bus, openBus } from '../../runtime/bus.js';
import { systemClock } from '../../runtime/clock.js';
import { type Config, readConfig } from '../../runtime/config.js';
import { openLog } from '../../runtime/log.js';
import { openSystem, type System } from '../../runtime/system.js';
import { ensureStreams, natsWire } from '../../runtime/wire.js';
import type { Step, Workflow } from '../../runtime/workflow.js';

export const noop: ActorDefinition = defineActor({
  kind: 'noop',
  version: 1,
  accepts: z.strictObject({ type: z.literal('noop.do') }),
  emits: z.strictObject({ type: z.literal('noop.done') }),
  ends: ['noop.done'],
  machine: setup({ actions: { emit: effect<Message>() } }).createMachine({
    id: 'noop',
    context: {},
    initial: 'up',
    states: { up: { on: { 'noop.do': { actions: { type: 'emit', params: { type: 'noop.done' } as Message } } } } },
  }),
  effects: {},
});
const step = (id: string, needs: string[]): Step => ({ id, to: 'noop', command: 'noop.do', needs });
const ten = Array.from({ length: 10 }, (_, n) => `s${n}`);
export const flows: Workflow[] = [
  { name: 'seq10', version: 1, record: 'light', steps: ten.map((id, n) => step(id, n === 0 ? [] : [ten[n - 1]!])) },
  {
    name: 'fan10',
    version: 1,
    record: 'light',
    steps: [step('first', []), ...ten.map((id) => step(id, ['first'])), step('last', ten)],
  },
];
const workflows = {
  find: (name: string) => flows.find((one) => one.name === name) ?? null,
  list: () => flows,
};

export interface World {
  state: string;
  /** May be changed while it runs. */
  config: { -readonly [K in keyof Config]: Config[K] };
  server: string;
  system: System;
  bus: Bus;
  store: OpenStore;
  /** Starts a run and its agent. @returns a promise of its end. */
  begin(run: string, workflow: string): Promise<void>;
  /** Ends what `begin` started. */
  end(run: string): Promise<void>;
  close(): Promise<void>;
}
/**
 * @param state a folder to go on with; else a new one, which goes with it.
 * @param agent takes the place of the agent that does nothing.
 */
export async function openWorld(
  settings: Partial<Config> = {},
  { state: given, agent = noop }: { state?: string; agent?: ActorDefinition } = {},
): Promise<World> {
  const state = given ?? mkdtempSync(join(tmpdir(), 'rr-bench-'));
  mkdirSync(state, { recursive: true });
  const config = { ...readConfig({ ...settings, state, host: 'bench' }, process.env).config };
  const log = openLog('silent', 2);
  const broker = await openBroker(config, () => undefined);
  const nats = await connect(connectOptions(broker));
  await ensureStreams(nats, broker.url);
  const bus = openBus(natsWire(nats, `_INBOX.bench${process.pid}`), systemClock);
  const store = openStore(state, 'bench', { flush: config.durability, log });
  const system = openSystem({
    definitions: { noop: agent, run: runBy(workflows) },
    bus,
    store,
    clock: systemClock,
    chance: Math.random,
    log,
    config,
    hostDir: join(state, 'hosts', 'bench'),
    bundleOf: (run) => join(state, 'runs', run),
    fallen: (error) => {
      throw error;
    },
  });
  const [of, walker] = [(run: string) => `${run}/noop/noop-1`, (run: string) => `${run}/run/run-1`];
  return {
    state,
    config,
    server: broker.how.replace(/ on .*/, ''),
    system,
    bus,
    store,
    async begin(run, workflow) {
      await Promise.all([
        system.start({ run, kind: 'noop', id: 'noop-1' }, null),
        system.start({ run, kind: 'run', id: 'run-1' }, null),
      ]);
      const job = { workflow, source: '' };
      const start = { type: 'run.start', run, job, bundle: join(state, 'runs', run), at: Date.now() } as Message;
      const { result } = (await bus.ask(walker(run), start, { deadlineAt: Date.now() + 60_000 })) as Message & {
        result: { outcome: string };
      };
      if (result.outcome !== 'healthy') throw new Error(`${workflow} ended ${result.outcome}`);
    },
    async end(run) {
      await Promise.all([system.stop(of(run)), system.stop(walker(run))]);
    },
    async close() {
      await system.close();
      await bus.close();
      await store.close();
      if (given) return;
      await stopBroker(config).catch(() => undefined); // it ends by itself when nobody is connected
      rmSync(state, { recursive: true, force: true });
    },
  };
}
