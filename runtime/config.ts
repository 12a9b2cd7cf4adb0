/** One schema, parsed once at the door, frozen, passed as an argument. Only this file reads process.env. */
import { homedir, hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { fail } from './errors.js';

const ms = z.coerce.number().int().positive();

export const Config = z
  .strictObject({
    /** The state folder, absolute. */
    state: z.string(),
    /** Downloads, toolchains, clones; shared by all state folders of the user. */
    cache: z.string(),
    /** File of what helped before, and is tried first. */
    learned: z.string(),
    /** An existing NATS server; null: a private one. */
    natsUrl: z.string().nullable(),
    /** A nats-server to use instead of looking for one. */
    natsServer: z.string().nullable(),
    host: z.string().regex(/^[a-z0-9-]+$/),
    logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']),
    /** Deliver every message over the broker, also between actors of one process. */
    forceWire: z.stringbool(),
    /** What an acknowledged turn survives: loss of power, or only of the process. */
    durability: z.enum(['fsync', 'process'], {
      error: ({ input }) =>
        input === 'replicated'
          ? '"fsync" or "process": there is one host only, so nothing to replicate to'
          : '"fsync" or "process"',
    }),
    /** Whether what comes from a repository runs in a sandbox: where one works, never, or not at all without one. */
    sandbox: z.enum(['auto', 'off', 'strict']),
    /** The most a command of a repository may have, with all that comes of it: memory (0: three quarters of the machine's) … */
    memoryMb: z.coerce.number().int().min(0),
    /** … processes and threads … */
    pids: z.coerce.number().int().min(16),
    /** … and processors' worth of time (0: all). */
    cpus: z.coerce.number().min(0),
    /** It is stopped when the disk has less left. */
    diskFreeMb: z.coerce.number().int().min(0),
    /** Ports leased to applications. */
    portFrom: z.coerce.number().int().min(1024).max(65535),
    portTo: z.coerce.number().int().min(1024).max(65535),
    /** An actor that rests for this long sleeps until the next message to it. */
    passivateMs: ms,
    /** How many runs go on at once on a host. */
    slots: z.coerce.number().int().positive(),
    /** How many messages may wait for one actor. */
    mailbox: z.coerce.number().int().positive(),
    installWallMs: ms,
    buildWallMs: ms,
    /** A step's command that prints nothing for this long is stopped. */
    idleMs: ms,
    /** How long an application may take until it listens. */
    startMs: ms,
    /** How often an application that is up is looked at. */
    watchMs: ms,
    /** How long one has to be well before its restarts and repairs are counted anew. */
    steadyMs: ms,
  })
  .refine(({ portFrom, portTo }) => portFrom <= portTo, { path: ['portTo'], error: 'a port not below portFrom' });
export type Config = Readonly<z.infer<typeof Config>>;
export type Origin = 'default' | 'environment' | 'flag';

/** The settings a flag or the environment may give, by their environment name. */
const names: Record<keyof Config, string> = {
  state: 'RR_HOME',
  cache: 'RR_CACHE',
  learned: 'RR_LEARNED',
  natsUrl: 'NATS_URL',
  natsServer: 'NATS_SERVER_BIN',
  host: 'RR_HOST',
  logLevel: 'RR_LOG_LEVEL',
  forceWire: 'RR_FORCE_WIRE',
  durability: 'RR_DURABILITY',
  sandbox: 'RR_SANDBOX',
  memoryMb: 'RR_MEMORY_MB',
  pids: 'RR_PIDS',
  cpus: 'RR_CPUS',
  diskFreeMb: 'RR_DISK_FREE_MB',
  portFrom: 'RR_PORT_FROM',
  portTo: 'RR_PORT_TO',
  passivateMs: 'RR_PASSIVATE_MS',
  slots: 'RR_SLOTS',
  mailbox: 'RR_MAILBOX',
  installWallMs: 'RR_INSTALL_WALL_MS',
  buildWallMs: 'RR_BUILD_WALL_MS',
  idleMs: 'RR_IDLE_MS',
  startMs: 'RR_START_MS',
  watchMs: 'RR_WATCH_MS',
  steadyMs: 'RR_STEADY_MS',
};

/**
 * The environment for a process of ours that outlives this one: with the settings as they are here, whatever its
 * working directory, and without the mark of a run, by which it would be swept with it.
 */
export function environmentFor(config: Config, env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const { RR_RUN: _run, RR_STEP: _step, ...rest } = env;
  const set = Object.entries(names).map(([key, name]) => [name, config[key as keyof Config]] as const);
  return {
    ...rest,
    ...Object.fromEntries(set.flatMap(([name, value]) => (value === null ? [] : [[name, `${value}`]]))),
  };
}

/**
 * Reads the settings: default < environment < flag.
 * @throws CONFIG_INVALID naming the setting, the value met and where it came from.
 */
export function readConfig(
  flags: Partial<Record<keyof Config, unknown>> = {},
  env: NodeJS.ProcessEnv = process.env,
): { config: Config; origins: Record<keyof Config, Origin> } {
  const cache = join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'repo-runner');
  const defaults: Record<keyof Config, unknown> = {
    state: '.repo-runner',
    cache,
    learned: join(String(flags.cache ?? (env.RR_CACHE || cache)), 'learned-fixes.json'),
    natsUrl: null,
    natsServer: null,
    host:
      hostname()
        .toLowerCase()
        .replace(/[^a-z0-9-]/g, '-')
        .replace(/^-+|-+$/g, '') || 'host',
    logLevel: 'info',
    forceWire: 'false',
    durability: 'fsync',
    sandbox: 'auto',
    memoryMb: 0,
    pids: 4_096,
    cpus: 0,
    diskFreeMb: 512,
    portFrom: 20_000,
    portTo: 29_999,
    passivateMs: 60_000,
    slots: 4,
    mailbox: 10_000,
    installWallMs: 15 * 60_000,
    buildWallMs: 15 * 60_000,
    idleMs: 5 * 60_000,
    startMs: 90_000,
    watchMs: 10_000,
    steadyMs: 10 * 60_000,
  };
  const raw: Record<string, unknown> = {};
  const origins = {} as Record<keyof Config, Origin>;
  for (const key of Object.keys(names) as (keyof Config)[]) {
    const fromEnv = env[names[key]];
    origins[key] = flags[key] !== undefined ? 'flag' : fromEnv ? 'environment' : 'default';
    raw[key] = flags[key] ?? (fromEnv || defaults[key]);
  }
  const parsed = Config.safeParse(raw);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const key = issue.path[0] as keyof Config;
    const origin = origins[key] === 'environment' ? `the environment (${names[key]})` : `the ${origins[key]}`;
    throw fail('CONFIG_INVALID', { name: key, met: JSON.stringify(raw[key]), wanted: issue.message, origin });
  }
  return {
    config: Object.freeze({
      ...parsed.data,
      state: resolve(parsed.data.state),
      cache: resolve(parsed.data.cache),
      learned: resolve(parsed.data.learned),
    }),
    origins,
  };
}
