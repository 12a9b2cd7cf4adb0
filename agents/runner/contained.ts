/**
 * A service that a container engine runs: its image is built or fetched, and begun in the foreground under the run's keeper,
 * so that its log, its end and its restart are those of all services.
 *
 * One that speaks to others is in the machine's network, where it finds them, and listens where its image says. Any other
 * has a network of its own, and the port that was leased for it leads in.
 */
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import {
  containerName,
  forgetCommand,
  hasImage,
  isMountable,
  isUp,
  noteEngine,
  pullCommand,
  removeOrphans,
  runWords,
} from '../../providers/engine/containers.js';
import { engineFault } from '../../providers/engine/faults.js';
import { complaint, type Engine, findEngine } from '../../providers/engine/find.js';
import { type Evidence, execute, failureOf, type Order } from '../../providers/process/execute.js';
import { isWithin } from '../../providers/sandbox/mounts.js';
import { fullName } from '../../providers/services/images.js';
import { homeOf } from '../../providers/services/lodging.js';
import type { EffectContext } from '../../runtime/actor.js';
import { type ErrorRecord, fail } from '../../runtime/errors.js';
import { quote } from '../../runtime/shell.js';
import type { Contained } from '../detection/contract.js';
import type { Command } from './contract.js';

type Begin = Extract<Command, { type: 'runner.start' }>;
export interface Held {
  engine: Engine;
  name: string;
  /** As the keeper begins it. */
  order: Pick<Order, 'shell' | 'env' | 'envFile' | 'ours' | 'tools' | 'hosts'>;
  /** The port that leads in; null: it is in the machine's network. */
  published: number | null;
}
export interface Refused {
  error: ErrorRecord;
  evidence: Evidence | null;
}

const PULL_MS = 10 * 60_000;
const IDLE_MS = 2 * 60_000;
/** Commands before the service itself. */
const [BUILD, PULL] = [1, 2];

/** @returns how it is begun, its image being there; or why it is not. */
export async function holdIn(container: Contained, begin: Begin, context: EffectContext): Promise<Held | Refused> {
  const { bundle, run, config } = context;
  const { service, envFile, env, port, root, mounts } = begin;
  const refuse = (error: ReturnType<typeof fail>, evidence: Evidence | null = null): Refused => ({
    error: error.toRecord(),
    evidence,
  });
  const { found: engine, looked, fix } = await findEngine();
  if (engine === null) return refuse(fail('ENGINE_UNAVAILABLE', { reason: looked.join('; '), fix }));
  await removeOrphans(engine, config.state);
  noteEngine(bundle, engine);
  // A link of the repository may lead anywhere.
  const leads = [...(container.build === null ? [] : [join(root, container.build.context)]), ...fromRepository(mounts)];
  const outside = leads.find((path) => !existsSync(path) || !isWithin(realpathSync(path), realpathSync(root)));
  if (outside !== undefined) {
    const met = `${service} wants ${outside}, which is not in the repository`;
    return refuse(fail('NOT_RUNNABLE', { reason: met, fix: 'mend its compose file' }));
  }
  const log = `${service}.log`.replaceAll('/', '-');
  const perform = (n: number, shell: string, wallMs: number) =>
    execute(context, {
      ...{ n, shell, wallMs, log, cwd: root, ours: true, tools: [], env: engine.env, envFile: null },
      install: false,
      idleMs: IDLE_MS,
    });
  const image = container.build === null ? fullName(container.image!) : builtName(root, service);
  if (container.build !== null) {
    const { exit, evidence } = await perform(
      BUILD,
      buildCommand(engine, image, root, container.build),
      config.buildWallMs,
    );
    const engineFailed = engineFault(exit.code, evidence.tail);
    const command = `${engine.name} build --file ${container.build.file}`;
    if (engineFailed !== null) return refuse(fail('ENGINE_FAILED', { command, ...engineFailed }), evidence);
    if (exit.code !== 0)
      return { error: failureOf({ ...evidence, command }, { wallMs: config.buildWallMs, idleMs: IDLE_MS }), evidence };
  } else if (!(await hasImage(engine, image))) {
    const { exit, evidence } = await perform(PULL, pullCommand(engine, image), PULL_MS);
    const reason = exit.limit === null ? complaint(evidence.tail) : `it was given up at its ${exit.limit} limit`;
    const otherwise = `take ${service} out of the compose file`;
    if (exit.code !== 0)
      return refuse(fail('IMAGE_UNAVAILABLE', { image, engine: engine.name, reason, otherwise }), evidence);
  }
  const set = envFile === null ? {} : (JSON.parse(readFileSync(envFile, 'utf8')) as Record<string, string>);
  const variables = { ...set, ...env };
  const speaks = container.speaks || container.needs.length > 0;
  const [to] = container.ports;
  const name = containerName(run, service);
  const kept = begin.fresh ? join(bundle, 'volumes') : join(homeOf(config.state, begin.repository), 'volumes');
  const isOurs = engine.rootless || process.getuid?.() === 0;
  const bound = mounts.flatMap(({ at, from, volume }) => {
    if (volume === null) return [{ from: from!, to: at, writable: true }];
    // What a daemon of root's writes there this user could never remove: that volume is the engine's, and goes with the run.
    if (!isOurs) return [];
    const folder = join(kept, encodeURIComponent(volume));
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o777); // whoever the image runs as
    return [{ from: folder, to: at, writable: true }];
  });
  const words = runWords(engine, {
    name,
    run,
    state: config.state,
    part: 'service',
    image,
    publish: speaks || to === undefined ? [] : [{ host: '127.0.0.1', port, to }],
    network: speaks ? 'host' : 'own',
    mounts: bound.filter((mount) => isMountable(mount.from) && isMountable(mount.to)),
    // What its client reads too has the client's value in its environment, so it is said with its own.
    env: [
      ...Object.entries(variables).map(([key, value]) => (key in engine.env ? `${key}=${value}` : key)),
      'RR_RUN',
      'RR_STEP',
    ],
    cwd: container.workdir,
    user: null,
    hosts: begin.hosts,
    command: container.entrypoint === null ? null : [...container.entrypoint, ...(container.command ?? [])],
  });
  const rest = container.entrypoint === null ? (container.command ?? []) : [];
  const given = Object.fromEntries(Object.entries(variables).filter(([key]) => !(key in engine.env)));
  return {
    engine,
    name,
    published: speaks || to === undefined ? null : port,
    order: {
      // One that a killed runtime has left would hold the name.
      shell: `${forgetCommand(engine, name)}; exec ${[...words, ...rest].map(quote).join(' ')}`,
      env: { ...given, ...engine.env },
      envFile: null,
      ours: true,
      tools: [],
      hosts: {},
    },
  };
}
const fromRepository = (mounts: Begin['mounts']): string[] =>
  mounts.flatMap(({ from, volume }) => (volume === null ? [from!] : []));
export const isRefused = (one: Held | Refused): one is Refused => 'error' in one;

const builtName = (root: string, service: string): string =>
  `localhost/rr-built:${createHash('sha256').update(root).update(service).digest('hex').slice(0, 16)}`;
const buildCommand = (
  { program }: Engine,
  image: string,
  root: string,
  { context, file, target, args }: NonNullable<Contained['build']>,
): string => {
  const more = [
    ...(target === null ? [] : [`--target=${target}`]),
    ...Object.entries(args).map(([name, value]) => `--build-arg=${name}=${value}`),
  ];
  const words = ['build', `--tag=${image}`, `--file=${join(root, file)}`, ...more, join(root, context)];
  return `exec ${[program, ...words].map(quote).join(' ')}`;
};

const OPEN_MS = 300;
/** Whether somebody within takes connections: what leads in takes them in any case, and then closes them. */
export async function takes({ engine, name }: Held, port: number): Promise<boolean> {
  if (!(await isUp(engine, name))) return false;
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const tell = (yes: boolean) => (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(yes);
    };
    const timer = setTimeout(tell(true), OPEN_MS);
    socket.on('data', tell(true)).on('end', tell(false)).on('error', tell(false)).on('close', tell(false));
  });
}
/** A command of a shell that is carried out within. */
export const askedWithin = ({ engine, name }: Held, command: string): string =>
  [engine.program, 'exec', name, 'sh', '-c', command].map(quote).join(' ');
