/**
 * The containers of a run. Each carries the run and the state folder as labels, so that all of them are found again
 * whoever made them and whatever became of him: at the end of the run, and, where a runtime was killed and never came
 * back, by the next one that uses the engine.
 *
 * Every call has a limit: an engine that hangs or died costs its limit and nothing else.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Identity, isAlive } from '../../runtime/identity.js';
import { quote } from '../../runtime/shell.js';
import { call, type Engine } from './find.js';

const ASK_MS = 10_000;
/** How long what is asked to stop may take, e.g. a database that writes its data. */
const GRACE_S = 5;
const REMOVE_MS = (GRACE_S + 15) * 1_000;

/** One container to run in the foreground, as words for the engine's client. */
export interface Container {
  name: string;
  run: string;
  state: string;
  /** A server that is asked to end, or a command of the repository, which its keeper ends. */
  part: 'service' | 'command';
  image: string;
  /** Host address and port → the port within; empty but with a network of its own. */
  publish: readonly { host: string; port: number; to: number }[];
  /** `of`: that of the container of this name, whose names of hosts are then its own, too. */
  network: 'own' | 'host' | { of: string };
  mounts: readonly { from: string; to: string; writable: boolean }[];
  /** Names of variables, or `NAME=value`; the values of names are taken from the environment of the client, so that no list of processes shows them. */
  env: readonly string[];
  cwd: string | null;
  /** `uid:gid`; null: as the image says. */
  user: string | null;
  hosts: Readonly<Record<string, string>>;
  /** After the image; null: what the image itself begins. */
  command: readonly string[] | null;
  /** The process it is for, where that is no run of the state folder: with it what it left is over. */
  holder?: Identity;
}

/** As engines take it: letters, digits, `_`, `.` and `-`. */
export const containerName = (run: string, what: string): string =>
  `rr-${run}-${what}`.replace(/[^\w.-]+/g, '-').slice(0, 200);

/** @returns the client and its words. Nothing is ever fetched by it: an image that is not there is an error at once. */
export function runWords({ program, name: engine, rootless }: Engine, o: Container): string[] {
  const bind = ({ from, to, writable }: Container['mounts'][number]): string =>
    `type=bind,source=${from},target=${to}${writable ? '' : ',readonly'}`;
  return [
    program,
    'run',
    '--rm',
    '--pull=never',
    `--name=${o.name}`,
    `--label=rr.run=${o.run}`,
    `--label=rr.state=${markOf(o.state)}`,
    `--label=rr.part=${o.part}`,
    `--stop-timeout=${GRACE_S}`,
    // Else folders of ours cannot be read within where SELinux is.
    '--security-opt=label=disable',
    ...(o.holder === undefined ? [] : [holderLabel(o.holder)]),
    ...(o.network === 'own' ? [] : [`--network=${o.network === 'host' ? 'host' : `container:${o.network.of}`}`]),
    ...o.publish.map(({ host, port, to }) => `--publish=${host}:${port}:${to}`),
    ...o.mounts.map((mount) => `--mount=${bind(mount)}`),
    ...o.env.map((variable) => `--env=${variable}`),
    ...(o.cwd === null ? [] : [`--workdir=${o.cwd}`]),
    ...(o.user === null ? [] : [`--user=${o.user}`]),
    // Without it this user would be somebody else within, who may not write what is ours.
    ...(o.user !== null && engine === 'podman' && rootless ? ['--userns=keep-id'] : []),
    ...Object.entries(o.hosts).map(([host, address]) => `--add-host=${host}:${address}`),
    ...(o.command === null ? [] : ['--entrypoint=']),
    o.image,
    ...(o.command ?? []),
  ];
}
/** A path that an engine's `--mount` can name. */
export const isMountable = (path: string): boolean => !/[,\n"]/.test(path);

/** The user that files of ours belong to within; null: root, who becomes whom the image wants. */
export function userWithin(): string | null {
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  return uid === 0 ? null : `${uid}:${gid}`;
}

export async function hasImage(engine: Engine, image: string): Promise<boolean> {
  return (await call(engine, ['image', 'inspect', '--format', '{{.Id}}', image], ASK_MS)).worked;
}
/** The PATH that an image gives to what runs in it. */
export async function pathWithin(engine: Engine, image: string): Promise<string> {
  const { out } = await call(engine, ['image', 'inspect', '--format', '{{json .Config.Env}}', image], ASK_MS);
  return /"PATH=([^"]*)"/.exec(out)?.[1] || '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
}
/** A shell command that fetches an image, with its progress as output. */
export const pullCommand = ({ program }: Engine, image: string): string =>
  `exec ${quote(program)} pull ${quote(image)}`;
/** A shell command that removes a container of that name, if there is one: of a client that was killed. */
export const forgetCommand = ({ program }: Engine, name: string): string =>
  `${quote(program)} rm --force --volumes ${quote(name)} >/dev/null 2>&1; true`;

/** Whether a container is up: also one whose processes cannot be seen from here. */
export async function isUp(engine: Engine, name: string): Promise<boolean> {
  const { out } = await call(engine, ['inspect', '--format', '{{.State.Running}}', name], ASK_MS);
  return out.trim() === 'true';
}

/** The engine a run has containers of, written down before the first is made. */
const notePath = (bundle: string): string => join(bundle, 'sandbox', 'engine.json');
export function noteEngine(bundle: string, engine: Engine): void {
  const path = notePath(bundle);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, `${JSON.stringify(engine, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
export function engineOf(bundle: string): Engine | null {
  try {
    return JSON.parse(readFileSync(notePath(bundle), 'utf8')) as Engine;
  } catch {
    return null; // it has used none
  }
}

/** Removes all containers of a run. @returns how many could not be removed; 0 where the run has used no engine. */
export async function removeContainers(bundle: string, run: string): Promise<number> {
  const engine = engineOf(bundle);
  return engine === null ? 0 : remove(engine, await list(engine, `rr.run=${run}`));
}
/** Asks the servers of a run to end, so that they write what they hold. */
export async function stopServers(bundle: string, run: string): Promise<void> {
  const engine = engineOf(bundle);
  if (engine === null) return;
  const ids = await list(engine, `rr.run=${run}`, 'rr.part=service');
  if (ids.length > 0) await call(engine, ['stop', '--time', String(GRACE_S), ...ids], REMOVE_MS);
}

/** Says of a container or an image which process it is for. */
export const holderLabel = ({ pid, startTime, bootId }: Identity): string =>
  `--label=rr.holder=${pid}/${startTime}/${bootId}`;
const HELD = '{{index .Config.Labels "rr.holder"}}';
const isHeld = (label: string): boolean => {
  const [pid, startTime, bootId = ''] = label.trim().split('/');
  return isAlive({ pid: Number(pid), startTime: Number(startTime), bootId });
};
/** Removes containers and images of processes that have ended without removing them. */
async function removeUnheld(engine: Engine): Promise<void> {
  const over = async (ids: readonly string[], kind: 'container' | 'image'): Promise<string[]> => {
    const held = await Promise.all(
      ids.map(async (id) => isHeld((await call(engine, [kind, 'inspect', '--format', HELD, id], ASK_MS)).out)),
    );
    return ids.filter((_, n) => !held[n]);
  };
  await remove(engine, await over(await list(engine, 'rr.holder'), 'container'));
  await removeImages(engine, await over(await listed(engine, 'images', ['rr.holder']), 'image'));
}
/** Removes images by their name or id; what is used elsewhere stays. */
export async function removeImages(engine: Engine, images: readonly string[]): Promise<void> {
  if (images.length > 0) await call(engine, ['image', 'rm', '--force', ...images], REMOVE_MS);
}

/** Removes what runs of this state folder have left that are over. */
export async function removeOrphans(engine: Engine, state: string): Promise<void> {
  await removeUnheld(engine);
  const ids = await list(engine, `rr.state=${markOf(state)}`);
  const runs = await Promise.all(
    ids.map(async (id) => {
      const { out } = await call(engine, ['inspect', '--format', '{{index .Config.Labels "rr.run"}}', id], ASK_MS);
      return { id, run: out.trim() };
    }),
  );
  const over = runs.flatMap(({ id, run }) => {
    const bundle = join(state, 'runs', run);
    return run !== '' && (!existsSync(bundle) || existsSync(join(bundle, 'closed'))) ? [id] : [];
  });
  await remove(engine, over);
}
/** A state folder as a label. */
export const markOf = (state: string): string => createHash('sha256').update(state).digest('hex').slice(0, 16);

const list = (engine: Engine, ...labels: string[]): Promise<string[]> => listed(engine, 'ps', labels);
async function listed(engine: Engine, what: 'ps' | 'images', labels: readonly string[]): Promise<string[]> {
  const filters = labels.flatMap((label) => ['--filter', `label=${label}`]);
  const { out } = await call(engine, [what, '--all', '--quiet', ...filters], ASK_MS);
  return [...new Set(out.split('\n').filter((line) => line.trim() !== ''))];
}
async function remove(engine: Engine, ids: readonly string[]): Promise<number> {
  if (ids.length === 0) return 0;
  const left = await Promise.all(
    ids.map(async (id) => {
      const { worked, said } = await call(engine, ['rm', '--force', '--volumes', id], REMOVE_MS);
      return worked || /no such container|no container with/i.test(said) ? 0 : 1;
    }),
  );
  return left.reduce<number>((sum, one) => sum + one, 0);
}
