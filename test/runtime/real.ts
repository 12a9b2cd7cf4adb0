/** A real broker, a real store and a real bus for the runtime's tests, on scratch folders. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@nats-io/transport-node';
import { afterAll, onTestFinished } from 'vitest';
import { bundleOf } from '../../checkpoints/bundle.js';
import { openStore } from '../../checkpoints/store.js';
import type { ActorDefinition } from '../../runtime/actor.js';
import { type Broker, connectOptions, openBroker, stopBroker } from '../../runtime/broker/start.js';
import { type Bus, openBus } from '../../runtime/bus.js';
import { systemClock } from '../../runtime/clock.js';
import { type Config, readConfig } from '../../runtime/config.js';
import { openLog } from '../../runtime/log.js';
import { packageRoot } from '../../runtime/program.js';
import type { Store } from '../../runtime/store.js';
import { openSystem, type System } from '../../runtime/system.js';
import { ensureStreams, natsWire } from '../../runtime/wire.js';
import { removeTree } from '../remove.js';

export function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'rr-runtime-'));
  onTestFinished(() => removeTree(dir));
  return dir;
}

let shared: { dir: string; broker: Promise<Broker> } | null = null;
/** One private nats-server for all tests of a file. */
export function realBroker(): Promise<Broker> {
  if (!shared) {
    const dir = mkdtempSync(join(tmpdir(), 'rr-runtime-'));
    shared = { dir, broker: openBroker(readConfig({ state: dir }, {}).config, () => undefined) };
  }
  return shared.broker;
}
afterAll(async () => {
  if (!shared) return;
  await stopBroker(readConfig({ state: shared.dir }, {}).config);
  await removeTree(shared.dir);
});

let inboxes = 0;
export async function realBus(options: { forceWire?: boolean } = {}): Promise<Bus> {
  const broker = await realBroker();
  const nats = await connect(connectOptions(broker));
  await ensureStreams(nats, broker.url);
  inboxes += 1;
  const bus = openBus(natsWire(nats, `_INBOX.t${process.pid}x${inboxes}`), systemClock, options);
  onTestFinished(() => bus.close());
  return bus;
}

export interface House {
  system: System;
  bus: Bus;
  state: string;
  config: Config;
  store: Store;
  /** The readable files say all that is durable. */
  caughtUp(): Promise<void>;
  fallen: unknown[];
}
/** Actors of the given definitions on a state folder, over a real broker. */
export async function house(
  definitions: Record<string, ActorDefinition>,
  {
    state = scratch(),
    store,
    bus,
    settings = {},
  }: { state?: string; store?: (real: Store) => Store; bus?: Bus; settings?: Partial<Config> } = {},
): Promise<House> {
  const { config } = readConfig({ ...settings, state, host: 'test-host' }, {});
  const used = bus ?? (await realBus());
  const real = openStore(state, 'test-host', { flush: 'fsync', log: openLog('silent', 2) });
  const wrapped = store ? store(real) : real;
  const fallen: unknown[] = [];
  const system = openSystem({
    definitions,
    bus: used,
    store: wrapped,
    clock: systemClock,
    chance: () => 0,
    log: openLog('silent', 2),
    config,
    hostDir: join(state, 'hosts', 'test-host'),
    bundleOf: (run) => (run === 'sys' ? state : bundleOf(state, run)),
    fallen: (error) => fallen.push(error),
  });
  const close = async (): Promise<void> => {
    await system.close();
    await real.close();
  };
  onTestFinished(close);
  return { system: { ...system, close }, caughtUp: real.caughtUp, bus: used, state, config, store: wrapped, fallen };
}

/** The mortal host as a process; resolves when its actor lives. */
export async function mortal(state: string): Promise<ChildProcess> {
  const broker = await realBroker();
  const file = join(packageRoot(), 'test/fixtures/runtime/mortal.mjs');
  const args = [file, join(packageRoot(), 'dist'), state, broker.url, broker.user!, broker.pass!];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await Promise.race([once(child.stdout!, 'data'), once(child, 'exit')]);
  return child;
}
