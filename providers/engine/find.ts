/**
 * Finding a container engine that truly answers: docker, then podman. A client whose engine hangs, refuses this user or
 * is not there is the same as none, with what was met in words. All candidates are asked at once, so the whole takes no
 * longer than one: an engine that needs more to say its version is not used.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';

export interface Engine {
  name: 'docker' | 'podman';
  /** Its client, absolute. */
  program: string;
  version: string;
  /** What its client needs to find it again: the user's own settings, e.g. DOCKER_HOST. */
  env: Record<string, string>;
  /** Root within a container is this user outside. */
  rootless: boolean;
}

export const ANSWER_MS = 2_000;
/** Read by the clients of both; nothing else of our environment is theirs. */
const READ =
  /^(?:PATH|HOME|USER|LOGNAME|LANG|XDG_RUNTIME_DIR|XDG_CONFIG_HOME|XDG_DATA_HOME|DBUS_SESSION_BUS_ADDRESS|TMPDIR|SSH_AUTH_SOCK|DOCKER_\w+|CONTAINER_HOST|CONTAINER_CONNECTION|CONTAINER_SSHKEY|CONTAINERS_\w+|REGISTRY_AUTH_FILE|(?:https?|no|all)_proxy)$/i;
const DENIED = /permission denied|access denied|operation not permitted/i;

/** @returns the first that answers; `looked`: what was met, in words, where none does. */
export async function findEngine(
  env: NodeJS.ProcessEnv = process.env,
  limitMs = ANSWER_MS,
): Promise<{ found: Engine | null; looked: string[]; fix: string }> {
  const own = clientEnv(env);
  const docker = onPath('docker', env);
  const podman = onPath('podman', env);
  const sockets = own.DOCKER_HOST || own.DOCKER_CONTEXT || docker === null ? [] : rootlessSockets(env);
  const tries = [
    ...(docker === null
      ? []
      : [own, ...sockets.map((path) => ({ ...own, DOCKER_HOST: `unix://${path}` }))].map((one) =>
          askDocker(docker, one, limitMs),
        )),
    ...(podman === null ? [] : [askPodman(podman, own, limitMs)]),
  ];
  const met = await Promise.all(tries);
  const found = met.find((one) => typeof one !== 'string') ?? null;
  const looked =
    tries.length === 0 ? ['no docker and no podman on PATH'] : met.filter((one) => typeof one === 'string');
  return { found, looked, fix: fixFor(looked) };
}

/** What a person does so that an engine answers. */
function fixFor(looked: readonly string[]): string {
  if (looked.some((line) => DENIED.test(line)))
    return 'let this user reach the engine: add it to the group `docker` and log in again, or use a rootless engine (podman)';
  if (looked.some((line) => line.startsWith('/')))
    return 'start the engine (systemctl start docker; podman needs none)';
  return 'install podman or docker (Debian: apt-get install podman)';
}

export const clientEnv = (env: NodeJS.ProcessEnv): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value !== undefined && READ.test(name) ? [[name, value]] : [])),
  );

function rootlessSockets(env: NodeJS.ProcessEnv): string[] {
  const home = env.HOME ?? homedir();
  return [env.XDG_RUNTIME_DIR && join(env.XDG_RUNTIME_DIR, 'docker.sock'), join(home, '.docker', 'run', 'docker.sock')]
    .filter((path): path is string => Boolean(path))
    .filter((path) => existsSync(path));
}

async function askDocker(program: string, env: Record<string, string>, limitMs: number): Promise<Engine | string> {
  const at = env.DOCKER_HOST ? ` (${env.DOCKER_HOST})` : '';
  const met = await call({ program, env }, ['version', '--format', '{{.Server.Version}}'], limitMs);
  const version = /^v?(\d[\w.+-]*)/.exec(met.out.trim())?.[1];
  if (!met.worked || version === undefined) return `${program}${at} ${met.said || 'tells no version of its engine'}`;
  // Its security options name it; one that does not tell them in time is taken for one that root runs.
  const info = await call({ program, env }, ['info', '--format', '{{json .SecurityOptions}}'], limitMs);
  return { name: 'docker', program, version, env, rootless: /name=rootless/.test(info.out) };
}

/** Its `version` asks nobody; `info` opens the storage, so it fails where containers would. */
async function askPodman(program: string, env: Record<string, string>, limitMs: number): Promise<Engine | string> {
  const format = '{{.Version.Version}} {{.Host.Security.Rootless}}';
  const met = await call({ program, env }, ['info', '--format', format], limitMs);
  const [, version, rootless] = /^(\d[\w.+-]*) (true|false)/m.exec(met.out) ?? [];
  if (!met.worked || version === undefined) return `${program} ${met.said || 'tells no version'}`;
  return { name: 'podman', program, version, env, rootless: rootless === 'true' };
}

/** What a client was asked and said. `said`: why it did not work, for people; empty where it did. */
export interface Called {
  worked: boolean;
  out: string;
  said: string;
}
/** One short question to an engine; it never takes longer than `limitMs`, whatever the engine does. */
export async function call(
  { program, env }: Pick<Engine, 'program' | 'env'>,
  args: readonly string[],
  limitMs: number,
): Promise<Called> {
  const done = await ended(program, args, env, limitMs);
  if (done.failed !== null) return { worked: false, out: '', said: done.failed };
  if (done.code === 0) return { worked: true, out: done.out, said: '' };
  return { worked: false, out: done.out, said: complaint(done.err) || `fails with exit code ${done.code}` };
}

const OUTPUT_CHARS = 1024 * 1024;
/** In a group of its own, which ends with the limit: a client may be a script, whose children hold its output open. */
function ended(
  program: string,
  args: readonly string[],
  env: Record<string, string>,
  limitMs: number,
): Promise<{ code: number | null; out: string; err: string; failed: string | null }> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: '/', env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out = (out + text).slice(0, OUTPUT_CHARS);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err = (err + text).slice(-OUTPUT_CHARS);
    });
    const settle = (code: number | null, failed: string | null): void => {
      clearTimeout(timer);
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ code, out, err, failed });
    };
    const timer = setTimeout(() => {
      try {
        process.kill(-child.pid!, 'SIGKILL');
      } catch {
        child.kill('SIGKILL'); // its group is gone already, or was never made
      }
      settle(null, `did not answer within ${limitMs / 1_000} s`);
    }, limitMs);
    child.on('error', ({ message }) => settle(null, `cannot be run (${message})`));
    // What it printed may still be on its way when it ends.
    child.on('close', (code) => settle(code, null));
  });
}
/** The line of a client's complaint that says why. */
export function complaint(text: string): string {
  const lines = text
    .split('\n')
    .map((line) => line.replace(/^time="[^"]*" level=\w+ msg=/, '').trim())
    .filter((line) => line !== '' && !/^(?:See '|Run '|For more help|usage:)/i.test(line));
  const line =
    lines.findLast((one) => /^(?:error|docker:|cannot|permission|got permission)/i.test(one)) ?? lines.at(-1);
  return (line ?? '').replace(/^(?:Error|docker): /i, '').slice(0, 300);
}

function onPath(name: string, env: NodeJS.ProcessEnv): string | null {
  const path = (env.PATH ?? '').split(delimiter).filter((folder) => isAbsolute(folder));
  return path.map((folder) => join(folder, name)).find(isExecutable) ?? null;
}
function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // absent, or not ours to run
  }
}
