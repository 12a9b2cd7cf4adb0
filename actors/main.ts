/**
 * Composes a runtime: state folder, broker, bus, stores, the host's actors, the front door. Whatever runs were open on
 * the state folder go on. One host id lives once on a state folder; a second is refused.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { bundleOf } from '../checkpoints/bundle.js';
import { makeFolder } from '../checkpoints/json.js';
import { openStore } from '../checkpoints/store.js';
import { abandonRun } from '../providers/process/execute.js';
import type { Message } from '../runtime/actor.js';
import { mendBroker } from '../runtime/broker/mend.js';
import { type Broker, connectOptions, openBroker } from '../runtime/broker/start.js';
import { openBus, revive } from '../runtime/bus.js';
import { systemClock } from '../runtime/clock.js';
import type { Config } from '../runtime/config.js';
import { type ErrorRecord, fail, toRecord } from '../runtime/errors.js';
import { type Lock, lockHolder, takeLock } from '../runtime/lock.js';
import type { Log } from '../runtime/log.js';
import { packageRoot } from '../runtime/program.js';
import { main, placeOf } from '../runtime/subjects.js';
import { openSystem, type System } from '../runtime/system.js';
import { ensureStreams, natsWire } from '../runtime/wire.js';
import type { Custom } from './admin/index.js';
import { customKinds } from './custom-kinds.js';
import { openFrontDoor } from './front-door/index.js';
import type { OrchestratorContext } from './orchestrator/index.js';
import { definitionsBy } from './registry.js';
import { workflowsOf } from './workflows.js';

export interface Runtime {
  broker: Broker;
  system: System;
  /** Runs of this host that have not ended. */
  openRuns(): string[];
  /** Those of them whose end has begun. */
  endingRuns(): string[];
  /** Resolves when a client asked it to leave. */
  asked: Promise<void>;
  /** Resolves when the runtime cannot go on, with the reason. */
  fallen: Promise<unknown>;
  /**
   * For a process that leaves at once: the run's keeper ends all it holds by itself, and nothing of the run is begun
   * again. Synchronous.
   */
  abandon(run: string): void;
  /** Ends the runtime; what it holds under keepers stays up and is found again at the next start. */
  close(): Promise<void>;
}
export interface Options {
  config: Config;
  log: Log;
  /** One line for people: what is fetched, what is resumed. */
  say(line: string): void;
  /** It goes on when its runs have ended. */
  stays?: boolean;
}

const BOOT_MS = 30_000;

export const version = (): string =>
  (JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }).version;

/** @throws STATE_UNWRITABLE, HOST_TAKEN, BROKER_ABSENT, BROKER_FAILED, BROKER_UNREACHABLE, CHECKPOINT_BROKEN. */
export async function startRuntime({ config, log, say, stays = false }: Options): Promise<Runtime> {
  await makeFolder(config.state);
  const hostDir = join(config.state, 'hosts', config.host);
  await makeFolder(hostDir);
  ignoreInGit(config.state);
  const release = lockHost(config, hostDir);
  const undo: (() => unknown)[] = [release];
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const store = openStore(config.state, config.host, {
      flush: config.durability,
      log,
      full: (error) =>
        say(
          error
            ? `waiting for room: ${error.message}\n    fix: ${error.fix}  [${error.code}]`
            : 'there is room again: work goes on',
        ),
    });
    undo.push(() => store.close());
    for (const damage of store.recovered.damage) {
      const { code, message, fix } = fail('JOURNAL_DAMAGED', { ...damage });
      log.warn({ error: { code, message, fix } }, 'journal');
      say(`${message}\n    fix: ${fix}  [${code}]`);
    }
    const broker = await openBroker(config, say);
    const nats = await connectTo(broker, config, log);
    const wire = natsWire(nats, `_INBOX.${randomBytes(9).toString('hex')}`, (error) =>
      log.warn({ error: error.toRecord() }, 'message refused'),
    );
    const bus = openBus(wire, systemClock, { forceWire: config.forceWire });
    undo.push(() => bus.close());
    let fall: (error: unknown) => void = () => undefined;
    const fallen = new Promise<unknown>((resolve) => {
      fall = resolve;
    });
    void mendBroker(nats, config, broker, (error) => log.error({ error }, 'broker'), fall);
    const unable = new Map<string, ErrorRecord>();
    let isUp = false;
    const abandon = (run: string): void => abandonRun(bundleOf(config.state, run));
    const customs = (): Record<string, Custom> =>
      (system.cell(main('admin'))?.state().state.context as { kinds?: Record<string, Custom> } | undefined)?.kinds ??
      {};
    const custom = customKinds(customs);
    const workflows = workflowsOf(config.state);
    const definitions = definitionsBy(workflows);
    const system: System = openSystem({
      definitions,
      custom,
      bus,
      store,
      clock: systemClock,
      chance: Math.random,
      log,
      config,
      hostDir,
      bundleOf: (run) => (run === 'sys' ? config.state : bundleOf(config.state, run)),
      fallen: fall,
      unable(address, error) {
        unable.set(address, error);
        // A run that is given up while it is at work ends nothing itself any more, nor does one without its runner.
        const { run, kind } = placeOf(address);
        if (isUp && (kind === 'run' || kind === 'runner')) abandon(run);
      },
    });
    undo.push(() => {
      store.hurry();
      return system.close();
    });
    await system.start({ run: 'sys', kind: 'host', id: config.host }, null);
    await system.start({ run: 'sys', kind: 'admin', id: 'main' }, null);
    system.post(main('admin'), { type: 'booted', host: config.host, at: Date.now() } as Message);
    await everyoneIsUp(system, unable, hostDir);
    const openRuns = (): string[] => {
      const context = system.cell(main('orchestrator'))?.state().state.context as OrchestratorContext | undefined;
      return Object.entries(context?.runs ?? {}).flatMap(([run, { ended }]) => (ended ? [] : [run]));
    };
    const endingRuns = (): string[] =>
      openRuns().filter((run) => system.cell(`${run}/run/run-1`)?.state().state.value === 'ending');
    let leave = (): void => undefined;
    const asked = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const life = { startedAt: Date.now(), stays, draining: false, taking: 0, openRuns, abandon, leave };
    const door = openFrontDoor({
      bus,
      system,
      store,
      config,
      workflows,
      clock: systemClock,
      definitions,
      customs,
      version: version(),
      life,
      nats,
      log,
    });
    undo.push(() => door.close());
    await nats.flush();
    const open = openRuns();
    // Each looks whether its workflow is still the same, and whether anything would wake it.
    for (const run of open) system.post(`${run}/run/run-1`, { type: 'resumed', at: Date.now() } as Message);
    if (open.length > 0) say(`resuming ${open.length} open ${open.length === 1 ? 'run' : 'runs'}: ${open.join(', ')}`);
    endBroken(unable, abandon, say);
    isUp = true;
    return { broker, system, openRuns, endingRuns, asked, fallen, abandon, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Waits until all that the admin's registry names lives, or is known not to. @throws what keeps a system actor down. */
async function everyoneIsUp(system: System, unable: Map<string, ErrorRecord>, hostDir: string): Promise<void> {
  for (const until = Date.now() + BOOT_MS; ; await sleep(5)) {
    for (const [address, error] of unable) if (placeOf(address).run === 'sys') throw revive(error);
    const { registry = {} } = (system.cell(main('admin'))?.state().state.context ?? {}) as {
      registry?: Record<string, unknown>;
    };
    const waiting = [main('orchestrator'), ...Object.keys(registry)].filter(
      (address) => !system.cell(address) && !system.sleeps(address) && !unable.has(address),
    );
    if (waiting.length === 0) return;
    if (Date.now() > until)
      throw fail('INTERNAL', {
        reason: `${waiting[0]} did not start within ${BOOT_MS / 1000} s; see ${join(hostDir, 'host.log')}`,
      });
  }
}

/** A run with an actor that cannot be started again is over: what it held is ended, the orchestrator hears the cause. */
function endBroken(unable: Map<string, ErrorRecord>, abandon: Runtime['abandon'], say: Options['say']): void {
  const told = new Set<string>();
  for (const [address, error] of unable) {
    const { run } = placeOf(address);
    if (!told.has(run)) say(`the run ${run} cannot go on: ${error.message}\n    fix: ${error.fix}  [${error.code}]`);
    told.add(run);
    abandon(run);
  }
}

/** @throws BROKER_UNREACHABLE, BROKER_FAILED */
async function connectTo(broker: Broker, config: Config, log: Log): Promise<NatsConnection> {
  const nats = await connect({
    ...connectOptions(broker),
    name: `rr host ${config.host}`,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    timeout: 5_000,
  }).catch((error: Error) => {
    throw fail('BROKER_UNREACHABLE', { url: broker.url, reason: error.message }, error);
  });
  await ensureStreams(nats, broker.url);
  void (async () => {
    for await (const { type } of nats.status()) {
      log.info({ status: type }, 'broker');
      // A broker that lost its store has lost the stream too.
      for (let missing = type === 'reconnect'; missing && !nats.isClosed(); ) {
        missing = await ensureStreams(nats, broker.url).then(
          () => false,
          (error: unknown) => {
            log.error({ error: toRecord(error) }, 'stream');
            return true;
          },
        );
        if (missing) await sleep(1_000);
      }
    }
  })();
  return nats;
}

/** The state folder may lie in a repository: nothing in it is for git. */
function ignoreInGit(state: string): void {
  const file = join(state, '.gitignore');
  if (!existsSync(file)) writeFileSync(file, '*\n');
}

/** @throws HOST_TAKEN naming the process that has it; STATE_UNWRITABLE. */
function lockHost(config: Config, hostDir: string): () => void {
  const path = join(hostDir, 'lock');
  let lock: Lock | null;
  try {
    lock = takeLock(path);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    throw fail('STATE_UNWRITABLE', { path: hostDir, reason }, error);
  }
  if (lock) return () => lock.release();
  const holder = lockHolder(path);
  throw fail('HOST_TAKEN', {
    id: config.host,
    pid: holder === null || holder === 'unknown' ? 'just starting' : holder.pid,
  });
}
