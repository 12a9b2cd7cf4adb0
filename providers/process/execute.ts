/**
 * One command of a repository, under the run's keeper, from start to end.
 *
 * Safe to repeat: the keeper knows a command by its id, so an effect that is performed again after a crash finds its
 * command still at work, or its end on record, and runs nothing twice. Once a run is being ended (`closeRun`) nothing
 * is started in it any more.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { EffectContext } from '../../runtime/actor.js';
import { type ErrorRecord, fail, RunnerError } from '../../runtime/errors.js';
import { isAlive } from '../../runtime/identity.js';
import { engineFault } from '../engine/faults.js';
import { containIn } from '../engine/isolation.js';
import { npmRegistry, originsAround } from '../network/origins.js';
import { findSilence, silenceLine } from '../network/silence.js';
import type { Gate } from '../sandbox/gate.js';
import { type Decided, decide, keepIn, type Place, readDecided, type Served, seedFor } from '../sandbox/index.js';
import { isWithin } from '../sandbox/mounts.js';
import type { Laid } from '../sandbox/places.js';
import { readGiven } from '../secrets.js';
import { isOffline } from '../toolchain/offline.js';
import { type Command, type Exit, type Keeper, type Kept, openKeeper } from './client.js';
import { childEnvironment } from './environment.js';
import { withHosts } from './hosts.js';
import { usualMemoryBytes } from './limits.js';
import { mainLine } from './main-line.js';
import { familyOf } from './processes.js';
import { readRecord } from './protocol.js';
import { send } from './sweep.js';
import { tail } from './tail.js';

type Context = Pick<EffectContext, 'id' | 'run' | 'bundle' | 'signal' | 'deadlineAt' | 'config' | 'log'>;
export interface Order {
  /** Distinguishes several commands of one effect. */
  n: number;
  shell: string;
  cwd: string;
  /** Folders first on PATH and variables, of the tools chosen. */
  tools: { bin: string; env: Record<string, string> }[];
  env: Record<string, string>;
  /** The application's own variables, one JSON object. */
  envFile: string | null;
  install: boolean;
  wallMs: number | null;
  idleMs: number | null;
  /** File name under the run's logs/. */
  log: string;
  /** Names that must resolve for it alone → address. */
  hosts?: Readonly<Record<string, string>>;
  /** `host:port` of servers of the run's own, which it may reach also from a network of its own. */
  reach?: readonly string[];
  /** In a network of its own, where there is a sandbox. */
  apart?: boolean;
  /** Where it has such a network: what a port that is taken here is brought out at. */
  spare?: Gate['spare'];
  /** Where it has such a network: servers that it finds at another port of loopback than their own. */
  served?: readonly Served[];
  /** Places of an image that it sees, where it has a sandbox. */
  laid?: readonly Laid[];
  /** A program of ours or of the machine, on folders of ours: no repository has a say in what it does, so nothing keeps it in. */
  ours?: boolean;
}
export interface Evidence {
  command: string;
  exitCode: number | null;
  signal: string | null;
  limit: string | null;
  tail: string;
  log: string;
}
export interface Executed {
  exit: Exit;
  ms: number;
  evidence: Evidence;
}

const TAIL_LINES = 200;
const TAIL_BYTES = 32 * 1024;
const LOG_BYTES = 8 * 1024 * 1024;
/** More output than this from a step that should end is a step that will not. */
const OUTPUT_BYTES = 512 * 1024 * 1024;
const MB = 2 ** 20;
/** What is ours is kept in nowhere, and may come before anything is decided. */
const NOTHING_DECIDED: Decided = {
  mode: 'off',
  tool: null,
  said: '',
  workspace: '',
  inPlace: false,
  allow: [],
  alsoRead: [],
  packages: null,
};
const closedMark = (bundle: string): string => join(bundle, 'closed');

/** Answers questions nobody is there for, and keeps tools from asking or phoning home. */
const quiet = {
  npm_config_yes: 'true',
  npm_config_fund: 'false',
  npm_config_audit: 'false',
  npm_config_update_notifier: 'false',
  HUSKY: '0',
  BROWSER: 'none',
  NEXT_TELEMETRY_DISABLED: '1',
  ASTRO_TELEMETRY_DISABLED: '1',
  GATSBY_TELEMETRY_DISABLED: '1',
  NUXT_TELEMETRY_DISABLED: '1',
  NG_CLI_ANALYTICS: 'false',
  DISABLE_OPENCOLLECTIVE: 'true',
  PYTHONUNBUFFERED: '1',
  PIP_DISABLE_PIP_VERSION_CHECK: '1',
  COREPACK_ENABLE_DOWNLOAD_PROMPT: '0',
  // Else it writes a packageManager into the package.json of whoever calls it.
  COREPACK_ENABLE_AUTO_PIN: '0',
  // A script of a package may call another manager than the one that the repository names.
  COREPACK_ENABLE_STRICT: '0',
};

/** Nothing is started in this run any more. */
export function closeRun(bundle: string): void {
  mkdirSync(bundle, { recursive: true });
  writeFileSync(closedMark(bundle), '');
}

const isClosed = (bundle: string): boolean => existsSync(closedMark(bundle));
/**
 * The keeper of a run for something new. @throws INTERRUPTED when the run is being ended: also when that began while the
 * keeper was made, which then ends again at once instead of when it has been idle.
 */
export async function keeperFor({ bundle, run }: Pick<Context, 'bundle' | 'run'>): Promise<Keeper> {
  if (isClosed(bundle)) throw fail('INTERRUPTED');
  const { keeper } = await openKeeper({ bundle, run });
  if (!isClosed(bundle)) return keeper;
  await keeper.end();
  throw fail('INTERRUPTED');
}
/** Lets go of a run's keeper; ends it where nothing is started any more and nothing lives. */
export async function letGo(keeper: Keeper, bundle: string): Promise<void> {
  const isOver = isClosed(bundle) && (await keeper.list()).every(({ alive }) => !alive);
  if (isOver) await keeper.end();
  else keeper.close();
}

/** Has a run's keeper end all it holds, without waiting for it; nothing is started in the run any more. */
export function abandonRun(bundle: string): void {
  if (!existsSync(bundle)) return;
  const keeper = readRecord(bundle);
  if (keeper !== null && isAlive(keeper)) send(keeper.pid, 'SIGTERM');
  try {
    closeRun(bundle);
  } catch {
    // The disk is full: what runs is ended all the same, and the next start takes the run up again.
  }
}

/**
 * The command as the keeper takes it, with what keeps it in where the run has a sandbox; one that should end is ended when
 * nobody waits for it any more.
 * @throws INTERRUPTED when the run is being ended, SANDBOX_UNAVAILABLE when there is none and it may not run without.
 */
export async function commandOf({ id, run, bundle, deadlineAt, config, log }: Context, order: Order): Promise<Command> {
  if (isClosed(bundle)) throw fail('INTERRUPTED');
  const wallMs =
    order.wallMs === null || deadlineAt === null
      ? order.wallMs
      : Math.max(1, Math.min(order.wallMs, deadlineAt - Date.now()));
  const set = order.envFile === null ? {} : (JSON.parse(readFileSync(order.envFile, 'utf8')) as Record<string, string>);
  mkdirSync(join(bundle, 'logs'), { recursive: true });
  const overlay = Object.assign({}, quiet, ...order.tools.map(({ env }) => env), set, order.env) as Record<
    string,
    string
  >;
  const bins = order.tools.map(({ bin }) => bin);
  const { install } = order;
  const hosts = order.hosts ?? {};
  const decided =
    readDecided(bundle) ??
    (order.ours ? NOTHING_DECIDED : await decide(placeOf(bundle, order.cwd), config, (line) => log.info(line)));
  const own = order.n === 0 ? id : `${id}/${order.n}`;
  const passed = childEnvironment({ run, overlay: {}, install });
  // What should end may fetch from the registries that the user has set; the repository's own files add none.
  const fetches = decided.mode === 'strict' && decided.tool !== null && order.wallMs !== null;
  const inside = {
    bundle,
    state: config.state,
    cache: config.cache,
    cwd: order.cwd,
    install,
    bins,
    toolEnv: order.tools.flatMap((tool) => Object.entries(tool.env)),
    passed,
    hosts,
    laid: order.laid ?? [],
  };
  const allowed = { ...decided, allow: [...decided.allow, ...(order.reach ?? [])] };
  const { words, env, gate } = order.ours
    ? { words: [], env: {}, gate: null }
    : keepIn(allowed, inside, own, {
        hosts: fetches ? await registriesOf(passed) : [],
        apart: order.apart ?? false,
        spare: order.spare ?? null,
        served: order.served ?? [],
        variables: { ...set, ...order.env },
        lowers: isOffline(await readGiven(bundle)) ? await seedFor(decided, inside) : null,
      });
  const child = childEnvironment({ run, overlay, install, toolPath: bins });
  for (const [name, value] of Object.entries(env))
    if (value === null) delete child[name];
    else child[name] = value;
  const at = { run, bundle, state: config.state, cache: config.cache, cwd: order.cwd, bins, hosts, env: child };
  const container =
    order.ours || !decided.container
      ? null
      : containIn(decided.container, { ...at, workspace: decided.workspace, alsoRead: decided.alsoRead });
  return {
    id: own,
    // A sandbox has a hosts file of its own, and so has a container.
    shell: decided.tool === null && container === null ? withHosts(order.shell, hosts, bundle) : order.shell,
    within: container?.words ?? words,
    gate,
    cwd: order.cwd,
    env: container?.env ?? child,
    log: join(bundle, 'logs', order.log),
    wallMs,
    idleMs: order.idleMs,
    outputBytes: order.wallMs === null ? null : OUTPUT_BYTES,
    logBytes: LOG_BYTES,
    limits: {
      memoryBytes: config.memoryMb > 0 ? config.memoryMb * MB : usualMemoryBytes(),
      pids: config.pids,
      cpus: config.cpus > 0 ? config.cpus : null,
      freeBytes: config.diskFreeMb > 0 ? config.diskFreeMb * MB : null,
    },
  };
}

/** The package registries of the user, as `host:port`. */
async function registriesOf(passed: Record<string, string>): Promise<string[]> {
  const home = passed.HOME ?? homedir();
  const origins = [...originsAround(home, passed), ...[await npmRegistry(home, passed)].flat()];
  return [...new Set(origins.flatMap((origin) => (origin === null ? [] : [`${origin.name}:${origin.port}`])))];
}

/** Where a workflow runs commands without having had a workspace prepared. */
function placeOf(bundle: string, cwd: string): Place {
  const work = join(bundle, 'work');
  if (isWithin(cwd, work)) return { bundle, workspace: work, inPlace: false };
  let root = cwd;
  while (!existsSync(join(root, '.git')) && dirname(root) !== root) root = dirname(root);
  return { bundle, workspace: existsSync(join(root, '.git')) ? root : cwd, inPlace: true };
}

/** Runs a command to its end. @throws INTERRUPTED, KEEPER_LOST, KEEPER_UNREACHABLE. */
export async function execute(context: Context, order: Order): Promise<Executed> {
  const command = await commandOf(context, order);
  const keeper = await keeperFor(context);
  const done = new AbortController();
  try {
    const kept = await keeper.start(command);
    // What should end and fetches on its way is not left waiting for a host that does not answer.
    if (kept.alive && order.wallMs !== null) void watchNetwork(keeper, kept, command, context.run, done.signal);
    const exit = await keeper.exited(command.id, context.signal);
    if (exit.lost) throw fail('KEEPER_LOST', { run: context.run });
    return { exit, ms: exit.endedAt - exit.startedAt, evidence: evidenceOf(order.shell, exit, command.log) };
  } finally {
    done.abort();
    keeper.close();
  }
}

/** Stops a command that waits for hosts that do not answer. Where that cannot be found out its other limits hold. */
async function watchNetwork(
  keeper: Keeper,
  { pid, group }: Kept,
  { id, cwd, env }: Command,
  run: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    const found = await findSilence(
      {
        processes: () => familyOf({ pid, group, run, id }),
        origins: () => originsAround(cwd, env),
        nameless: () => npmRegistry(cwd, env),
      },
      signal,
    );
    if (found !== null && !signal.aborted) await keeper.stopWaiting(id, silenceLine(found));
  } catch {
    // no lsof on a system without /proc, or the keeper is gone, which whoever waits for the exit hears too
  }
}

/** The keeper's notes in a log. */
const REFUSED = /^\[keeper\] refused: (\S+) is no host/gm;
const KEPT = /\[keeper\] (?:stopped|limited): (.+)$/m;
const SILENCE_NOTED = /stopped: (\S+(?:, \S+)*): ([^:\n]+, for \d+ s)$/m;

export const evidenceOf = (command: string, exit: Pick<Exit, 'code' | 'signal' | 'limit'>, log: string): Evidence => ({
  command,
  exitCode: exit.code,
  signal: exit.signal,
  limit: exit.limit,
  tail: tail(log, TAIL_LINES, TAIL_BYTES).join('\n'),
  log,
});

/** What a command that failed is told as. */
export function failureOf(
  { command, exitCode, signal, limit, tail: text }: Evidence,
  limits: { wallMs: number | null; idleMs: number | null },
): ErrorRecord {
  const [, host, reason] = (limit === 'network' && SILENCE_NOTED.exec(text)) || [];
  if (host !== undefined) return fail('HOST_UNREACHABLE', { host, reason }).toRecord();
  if (limit) {
    const wanted = {
      wall: `at most ${(limits.wallMs ?? 0) / 1000} s`,
      idle: `some output every ${(limits.idleMs ?? 0) / 1000} s`,
      output: `at most ${OUTPUT_BYTES / 2 ** 20} MB of output`,
      network: 'an answer from the hosts it waits for',
      // Which the keeper's own line in the log says in numbers.
      memory: KEPT.exec(text)?.[1] ?? 'less memory',
      pids: KEPT.exec(text)?.[1] ?? 'fewer processes',
      disk: KEPT.exec(text)?.[1] ?? 'some space left on the disk',
    }[limit];
    return fail('COMMAND_LIMIT', {
      command,
      limit,
      wanted: wanted ?? limit,
      fix: 'run it by hand to see what it waits for; the limits are settings (rr config)',
    }).toRecord();
  }
  // Those it complains of itself: one that only reports home goes on without.
  const own = text.replace(/^\[keeper\] .*$/gm, '');
  const refused = [...text.matchAll(REFUSED)]
    .map(([, name]) => name!)
    .filter((name) => own.includes(name.split(':')[0]!));
  if (refused.length > 0) return fail('HOST_REFUSED', { command, host: [...new Set(refused)].join(', ') }).toRecord();
  const engine = engineFault(exitCode, text);
  if (engine !== null) return fail('ENGINE_FAILED', { command, ...engine }).toRecord();
  const met = exitCode === null ? `signal ${signal}` : `exit code ${exitCode}`;
  return fail('COMMAND_FAILED', {
    command,
    met,
    last: mainLine(text) ?? (text.trim().split('\n').at(-1)?.slice(0, 300) || 'it printed nothing'),
    fix: 'read its whole output with rr logs, mend the cause, run again',
  }).toRecord();
}

/** An error on its way into a failure fact; what is not ours is thrown on, for the runtime to report. */
export function foreseen(error: unknown): ErrorRecord {
  if (error instanceof RunnerError) return error.toRecord();
  throw error;
}
