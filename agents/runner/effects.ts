/** How the runner touches the world: all of it by the run's keeper, so all of it is safe to repeat. */

import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeContainers, stopServers } from '../../providers/engine/containers.js';
import { findKeeper, type Keeper, type Kept, openKeeper } from '../../providers/process/client.js';
import { closeRun, commandOf, evidenceOf, failureOf, keeperFor, letGo } from '../../providers/process/execute.js';
import { familyOf } from '../../providers/process/processes.js';
import { holderOf, type Listener, listenersOfApp, treeOf } from '../../providers/process/sockets.js';
import { sweep } from '../../providers/process/sweep.js';
import { ownWords, tail } from '../../providers/process/tail.js';
import { portsOut } from '../../providers/sandbox/gate.js';
import { clearSandbox } from '../../providers/sandbox/index.js';
import type { Laid } from '../../providers/sandbox/places.js';
import { homeOf } from '../../providers/services/lodging.js';
import type { Message, Perform } from '../../runtime/actor.js';
import { fail } from '../../runtime/errors.js';
import { program } from '../../runtime/program.js';
import { quote } from '../../runtime/shell.js';
import { askedWithin, holdIn, isRefused, takes } from './contained.js';
import type { Command, Fact } from './contract.js';
import { askedHere, awaitReady } from './ready.js';

export type Begin = Extract<Command, { type: 'runner.start' }>;
/** `since`: the process that started or watched the application. */
export type Told = { type: 'told'; fact: Fact; since: string };
/** A watch has begun in process `since` (pid and start of it). */
export type Seen = { type: 'seen'; app: string; pid: number; since: string; adopted: boolean };
export type Watching = { app: string; since: string | null };

/** This process, told from a later one with its pid. */
const me = `${process.pid}.${Math.round(performance.timeOrigin)}`;
const told = (fact: Fact): Message => ({ type: 'told', fact, since: me }) as Told;
const SHOWN_LINES = 20;
const LOOK_MS = 20;
/** Of what is waited for long the looks are further apart: a look reads every process of the machine. */
const lookAgainMs = (waitedMs: number): number => Math.min(LOOK_MS + waitedMs / 50, 5 * LOOK_MS);
/** An application that listens elsewhere than told may still come to the port it was given. */
const SETTLE_MS = 400;
const MOMENT_MS = 1_000;
/** The keeper hears of a new port within a moment; one that it has not by then is somebody else's outside. */
const UNREACHED_MS = 5_000;
/** What has said nothing for so long is no slow starter (npm alone takes seconds on a busy machine) but silent. */
const SILENT_MS = 8_000;
const HALT_GRACE_MS = 2_000;
/** What was taken for a job and has done nothing but listen for so long, at less than this share of a processor, is a server. */
const SERVES_MS = 6_000;
const AT_REST = 0.1;
/** A port from here up was asked for by nobody: sockets between the processes of a job lie there. */
const EPHEMERAL = 32_768;
const LOG_BYTES = 64 * 1024;

/** The port in every way an application may take it. */
export const portEnv = (port: number): Record<string, string> => ({
  ...Object.fromEntries(
    [
      'PORT',
      'HTTP_PORT',
      'SERVER_PORT',
      'APP_PORT',
      'WEB_PORT',
      'LISTEN_PORT',
      'NITRO_PORT',
      'NUXT_PORT',
      'FLASK_RUN_PORT',
      'UVICORN_PORT',
      'GRADIO_SERVER_PORT',
      'STREAMLIT_SERVER_PORT',
      'ROCKET_PORT',
      'MICRONAUT_SERVER_PORT',
      'QUARKUS_HTTP_PORT',
    ].map((name) => [name, String(port)]),
  ),
  HOST: '127.0.0.1',
  ASPNETCORE_URLS: `http://127.0.0.1:${port}`,
  STREAMLIT_SERVER_HEADLESS: 'true',
});

export const start: Perform<Begin> = async (begin, context): Promise<Message> => {
  const { service, cwd, command, until, tools, envFile, env, port, hosts, reach } = begin;
  const { ownNetwork, served, mounts, ready, declared, repository, fresh, container } = begin;
  const held = container === undefined ? null : await holdIn(container, begin, context);
  if (held !== null && isRefused(held)) return told({ type: 'runner.failed', ...held });
  const { startMs, buildWallMs } = context.config;
  const wallMs = until === 'exit' ? buildWallMs : null;
  const bins = /(^|\s)rr-static\s/.test(command) ? [{ bin: staticServer(context.bundle), env: {} }] : [];
  const order = {
    n: 0,
    shell: command,
    hosts,
    reach,
    apart: ownNetwork !== null || served.length > 0,
    served,
    spare: { at: port, of: ownNetwork },
    laid: (held === null ? mounts : []).map(({ at, from, volume }): Laid => {
      if (volume === null) return { at, from: from!, how: 'link' };
      // One that begins empty is the run's own, and goes with it.
      const kept = fresh ? join(context.bundle, 'volumes') : join(homeOf(context.config.state, repository), 'volumes');
      const folder = join(kept, encodeURIComponent(volume));
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      return { at, from: folder, how: 'folder' };
    }),
    cwd,
    tools: [...tools, ...bins],
    env: { ...portEnv(port), ...env },
    envFile,
    install: false,
    wallMs,
    idleMs: null,
    log: `${service}.log`.replaceAll('/', '-'),
    ...held?.order,
  };
  const under = await commandOf(context, order);
  const keeper = await keeperFor(context);
  try {
    // The same service from before a repair, which answered badly: it would hold the port, and answer in place of this one.
    for (const old of await keeper.list())
      if (old.log === under.log && old.id !== under.id && old.alive) await keeper.stop(old.id, HALT_GRACE_MS);
    const logAt = statSync(under.log, { throwIfNoEntry: false })?.size ?? 0;
    const kept = await keeper.start(under);
    const app = { pid: kept.pid, group: kept.group, run: context.run, id: kept.id };
    const lines = (): string[] => tail(under.log, SHOWN_LINES, LOG_BYTES);
    const started = (sockets: Reached[], exitCode: number | null): Message =>
      told({
        type: 'runner.started',
        app: kept.id,
        pid: sockets[0]?.pid ?? kept.pid,
        startTime: sockets[0] && sockets[0].pid !== kept.pid ? 0 : kept.startTime,
        sockets: sockets.map(({ host, port: number }) => ({ host, port: number })),
        inner: sockets[0] === undefined || sockets[0].inner === sockets[0].port ? null : sockets[0].inner,
        tookPort: sockets.length === 0 ? null : sockets.some(({ inner }) => inner === port),
        exitCode,
        lines: lines(),
        logAt,
        command,
      });
    const fell = async (error: ReturnType<typeof fail> | null): Promise<Message> => {
      const exit = error ? await keeper.stop(kept.id, 2_000) : await keeper.exited(kept.id, context.signal);
      if (exit.lost)
        return told({
          type: 'runner.failed',
          error: fail('KEEPER_LOST', { run: context.run }).toRecord(),
          evidence: null,
        });
      const evidence = evidenceOf(command, error ? { code: null, signal: null, limit: null } : exit, under.log);
      if (until === 'http' && !error && exit.code === 0)
        error = fail('COMMAND_FAILED', {
          command,
          met: 'exit code 0',
          last: `it ended before it listened: ${lines().at(-1) ?? 'it printed nothing'}`,
          fix: 'it is no server, or it leaves the foreground: start it in the foreground',
        });
      return told({
        type: 'runner.failed',
        error: error?.toRecord() ?? failureOf(evidence, { wallMs, idleMs: null }),
        evidence,
      });
    };
    const listening = async (): Promise<Listener[]> => {
      const at = held?.published ?? null;
      if (held === null || at === null) return listenersOfApp(app);
      return (await takes(held, at)) ? [{ host: '127.0.0.1', port: at, pid: kept.pid }] : [];
    };
    /** Up, and, where it has a say in that, ready. */
    const isReady = async (sockets: Reached[]): Promise<Message> => {
      const isUp = (): Promise<boolean> => isAlive(keeper, kept, app);
      const command =
        ready &&
        (held === null
          ? askedHere(ready.command, declared, sockets[0]?.inner ?? null)
          : askedWithin(held, ready.command));
      // Beside one in a network of its own no command finds it.
      const fault =
        ready && command && under.gate === null ? await awaitReady({ ...ready, command }, order, isUp, context) : null;
      if (fault !== null) return fell(fault);
      return ready === undefined || (await isUp()) ? started(sockets, null) : fell(null);
    };
    if (until === 'exit') {
      const exit = await keeper.exited(kept.id, context.signal);
      return exit.code === 0 ? started([], 0) : await fell(null);
    }
    const reached = (within: Listener[]): Reached[] =>
      // In a network of its own it listens wherever it likes: only what the keeper brings out is reached, and is its own.
      prefer(under.gate === null ? within.map(plainly) : broughtOut(within, under.gate.folder), port);
    if (until === 'either') {
      const turn = await endOrServe(keeper, app, context);
      if (turn === 'late') {
        await keeper.stop(kept.id, HALT_GRACE_MS);
        const evidence = evidenceOf(command, { code: null, signal: null, limit: 'wall' }, under.log);
        const error = failureOf(evidence, { wallMs: buildWallMs, idleMs: null });
        return told({ type: 'runner.failed', error, evidence });
      }
      const sockets = turn === 'ended' ? [] : reached(turn);
      if (sockets.length > 0) return started(sockets, null);
      const exit = await keeper.exited(kept.id, context.signal);
      return exit.code === 0 ? started([], 0) : await fell(null);
    }
    for (
      let first: number | null = null, unreached: number | null = null, began = context.clock.now();
      ;
      await sleep(lookAgainMs(context.clock.now() - began), undefined, { signal: context.signal })
    ) {
      const now = context.clock.now();
      const within = await listening();
      const sockets = reached(within);
      if (within.length > 0 && sockets.length === 0) {
        unreached ??= now;
        if (now - unreached > UNREACHED_MS) {
          const held = within[0]!.port;
          const holder = (await holderOf(held))?.name ?? 'another program';
          return await fell(fail('PORT_HELD', { port: held, holder }));
        }
      }
      if (sockets.length > 0) {
        first ??= now;
        if (sockets.some((s) => s.port === port) || now - first > SETTLE_MS) return await isReady(sockets);
      }
      const alive = await isAlive(keeper, kept, app);
      if (!alive) return await fell(null);
      if (until === 'log' && now - began > MOMENT_MS && (now - began > SILENT_MS || ownWords(lines()).length > 0))
        return await isReady(sockets);
      if (now - began > startMs)
        return await fell(
          fail('NOT_PROVEN', {
            met: `${command} has been running for ${startMs / 1000} s and listens nowhere`,
            wanted: 'a listening socket',
            fix: 'read its log with rr logs; if it is slow to start, raise RR_START_MS',
          }),
        );
    }
  } finally {
    keeper.close();
  }
};

/** A socket as it is reached from here; `inner`: its port to the application. */
type Reached = Listener & { inner: number };
const plainly = (one: Listener): Reached => ({ ...one, inner: one.port });
const broughtOut = (within: readonly Listener[], gate: string): Reached[] => {
  const ports = portsOut(gate);
  return within.flatMap((one) => {
    const at = ports.get(one.port);
    return at === undefined ? [] : [{ ...one, host: '127.0.0.1', port: at, inner: one.port }];
  });
};

type App = Parameters<typeof familyOf>[0];
/** Waits for the end of what was taken for a job: it has ended, or is found to be a server, or took too long. */
async function endOrServe(
  keeper: Keeper,
  app: App & { id: string },
  { clock, config, signal }: Parameters<Perform<Begin>>[1],
): Promise<Listener[] | 'ended' | 'late'> {
  const began = clock.now();
  const busy = (): number => familyOf(app).reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0) * 1_000;
  let from: { at: number; busy: number } | null = null;
  const ended = keeper.exited(app.id, signal).then(() => 'ended' as const);
  ended.catch(() => undefined); // whoever is left here hears of it by asking again
  for (;;) {
    if ((await Promise.race([ended, sleep(MOMENT_MS)])) === 'ended') return 'ended';
    const now = clock.now();
    if (now - began > config.buildWallMs) return 'late';
    const listening = (await listenersOfApp(app)).filter(({ port }) => port < EPHEMERAL);
    const used = busy();
    if (listening.length === 0) from = null;
    else if (from === null || used - from.busy > AT_REST * SERVES_MS) from = { at: now, busy: used };
    else if (now - from.at > SERVES_MS) return listening;
  }
}

/** The leased port first, then those below the ephemeral range, lowest first. */
const prefer = (found: Reached[], port: number): Reached[] =>
  [...found].sort(
    (a, b) =>
      Number(b.port === port) - Number(a.port === port) ||
      Number(a.inner >= EPHEMERAL) - Number(b.inner >= EPHEMERAL) ||
      a.inner - b.inner,
  );

/** Also alive: what left the foreground and goes on behind it. */
async function isAlive(keeper: Keeper, kept: Kept, app: Parameters<typeof treeOf>[0]): Promise<boolean> {
  const known = (await keeper.list()).find(({ id }) => id === kept.id);
  return known?.alive === true || (known?.exit?.code === 0 && treeOf(app).length > 0);
}

export const watch: Perform<Watching> = async ({ app, since }, context): Promise<Message> => {
  const { keeper } = await openKeeper({ bundle: context.bundle, run: context.run });
  try {
    const kept = (await keeper.list()).find(({ id }) => id === app);
    if (since !== me && kept?.alive)
      return { type: 'seen', app, pid: kept.pid, since: me, adopted: since !== null } as Seen;
    let exit = await keeper.exited(app, context.signal);
    // One that left the foreground lives on in its tree.
    if (kept && exit.code === 0) {
      const of = { pid: kept.pid, group: kept.group, run: context.run, id: app };
      while (treeOf(of).length > 0) await sleep(MOMENT_MS, undefined, { signal: context.signal });
      exit = await keeper.exited(app);
    }
    const lines = kept ? tail(kept.log, SHOWN_LINES, LOG_BYTES) : [];
    const { code: exitCode, signal, lost, limit } = exit;
    return told({ type: 'runner.exited', app, exitCode, signal, lost, limit, lines });
  } catch (error) {
    if ((error as { code?: string }).code !== 'KEEPER_LOST') throw error;
    return told({ type: 'runner.exited', app, exitCode: null, signal: null, lost: true, limit: null, lines: [] });
  } finally {
    // It may have been made for this alone, after the run was ended.
    await letGo(keeper, context.bundle).catch(() => keeper.close());
  }
};

/** What waits for one of these commands hears that it was stopped. */
export const halt: Perform<{ app?: string | undefined }> = async ({ app }, { bundle, run }): Promise<Message> => {
  const keeper = await findKeeper({ bundle, run });
  if (!keeper) return told({ type: 'runner.halted', commands: 0 });
  try {
    // Also those that have ended: what they left behind them may hold a port. The run's services stay: it goes on with them.
    const all = (await keeper.list()).filter(({ id }) =>
      app === undefined ? !id.startsWith(`${run}/database/`) : id === app,
    );
    await Promise.all(all.map(({ id }) => keeper.stop(id, HALT_GRACE_MS)));
    return told({ type: 'runner.halted', commands: all.filter(({ alive }) => alive).length });
  } finally {
    keeper.close();
  }
};

export const end: Perform<{ root: string | null; ports: number[] }> = async (
  { root, ports },
  { bundle, run },
): Promise<Message> => {
  closeRun(bundle);
  // First and by the engine: of a database in a container the keeper holds no more than the client.
  await stopServers(bundle, run);
  const keeper = await findKeeper({ bundle, run });
  const { left: kept } = keeper ? await keeper.end() : { left: [] };
  const ours = root?.startsWith(join(bundle, 'work')) ? { cwd: root } : {};
  const { left } = await sweep({ run, roots: [], groups: [], ports, ...ours });
  await removeContainers(bundle, run);
  await clearSandbox(bundle);
  return told({ type: 'runner.swept', left: [...new Set([...kept, ...left])] });
};

/** A folder with `rr-static`, our own file server, for what is built to plain files. */
function staticServer(bundle: string): string {
  const bin = join(bundle, 'bin');
  mkdirSync(bin, { recursive: true });
  const file = join(bin, 'rr-static');
  writeFileSync(
    file,
    `#!/bin/sh\n
if [ -x ${quote(process.execPath)} ]; then node=${quote(process.execPath)}; else node=node; fi # in a container it is the image's
exec "$node" ${quote(program('clients/static/main'))} "$@"\n`,
  );
  chmodSync(file, 0o755);
  return bin;
}
