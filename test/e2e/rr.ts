/** Drives the built `rr` as a process, on scratch folders that vanish with all that ran in them. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@nats-io/transport-node';
import { onTestFinished, test } from 'vitest';
import { packageRoot } from '../../runtime/program.js';
import { removeTree } from '../remove.js';
import { ownPorts } from './ports.js';

export const bin = join(packageRoot(), 'dist/rr/bin.js');
const repos = join(packageRoot(), 'test/repos');

/** What takes long, or what its neighbours tell as well: with RR_LONG=1 alone. */
export const long = test.runIf(process.env.RR_LONG);

type Finished = (end: () => void | Promise<void>) => void;

export interface Scratch {
  dir: string;
  state: string;
  env: Record<string, string>;
  /** A fixture's copy as a git work tree with one commit, everything built ignored. */
  repo(name: string, options?: { git?: boolean; as?: string; ignore?: string }): string;
  rr(...args: string[]): Rr;
  /** The same with a text on standard input. */
  pipe(text: string, ...args: string[]): Rr;
  /** Living processes that belong to this scratch folder. */
  processes(): { pid: number; what: string }[];
}

/** Living processes that name the folder, carry it in their environment, or work in it: some write over their environment. */
export function processesOf(dir: string): { pid: number; what: string }[] {
  const within = (path: string): boolean => path === dir || path.startsWith(`${dir}/`) || path === `${dir} (deleted)`;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      try {
        const what = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        if (what === '') return []; // ended, not yet buried
        const ours = what.includes(dir) || readFileSync(`/proc/${name}/environ`, 'utf8').includes(dir);
        return ours || within(readlinkSync(`/proc/${name}/cwd`)) ? [{ pid: Number(name), what }] : [];
      } catch {
        return []; // ended while we looked
      }
    });
}

/**
 * A scratch folder with a state folder of its own; when the test ends everything in it ends.
 * @param finished the hook of a test that runs beside others; they have their own.
 */
export function scratch(extra: Record<string, string> = {}, finished: Finished = onTestFinished): Scratch {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'rr-e2e-')));
  const state = join(dir, 'state');
  const env = {
    ...(process.env as Record<string, string>),
    RR_HOME: state,
    // What one test has learned is no other's.
    RR_LEARNED: join(dir, 'learned-fixes.json'),
    RR_BROKER_IDLE_MS: '1500',
    RR_LOG_LEVEL: 'debug',
    NO_COLOR: '1',
    ...extra,
  };
  delete (env as Record<string, string | undefined>).NATS_URL;
  const all: Rr[] = [];
  const processes = () => processesOf(dir);
  finished(async () => {
    for (const one of all) one.child.kill('SIGKILL');
    for (let n = 0; n < 20 && processes().length > 0; n += 1) {
      for (const { pid } of processes())
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // it has just ended
        }
      await sleep(20);
    }
    if (!process.env.RR_KEEP_SCRATCH) await removeTree(dir);
  });
  return {
    dir,
    state,
    env,
    processes,
    repo(name, { git = true, as = name, ignore = 'node_modules/\ndist/\nbuild/\n.venv/\n__pycache__/\n' } = {}) {
      const to = join(dir, as);
      mkdirSync(dir, { recursive: true });
      cpSync(join(repos, name), to, { recursive: true, verbatimSymlinks: true });
      ownPorts(to);
      if (git) commitAll(to, ignore);
      return to;
    },
    rr(...args) {
      const up = way === 'up' && args[0] === 'run' ? startUp(dir, env) : null;
      const one = startRr(args, dir, env);
      all.push(one);
      return up === null ? one : { ...one, exited: one.exited.then((code) => endUp(up).then(() => code)) };
    },
    pipe(text, ...args) {
      const one = startRr(args, dir, env, text);
      all.push(one);
      return one;
    },
  };
}

/** How `rr run` finds a runtime in this run of the tests: it embeds one, or one is up before and is sent the job. */
export const way: 'embedded' | 'up' = process.env.RR_WAY === 'up' ? 'up' : 'embedded';
const UP_MS = 20_000;

/** A runtime that is up when this returns, unless it cannot be: then `rr run` meets the same cause. */
function startUp(dir: string, env: Record<string, string>): ChildProcess {
  const told = join(dir, `up-${performance.now()}.log`);
  const out = openSync(told, 'w');
  const child = spawn(process.execPath, [bin, 'up', '--foreground', '--json'], {
    cwd: dir,
    env,
    stdio: ['ignore', out, 'ignore'],
  });
  closeSync(out);
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (const until = performance.now() + UP_MS; performance.now() < until; Atomics.wait(pause, 0, 0, 20))
    if (/"type":"(up|error)"/.test(readFileSync(told, 'utf8'))) break;
  rmSync(told);
  return child;
}
async function endUp(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGINT');
  await gone;
}

export function commitAll(folder: string, ignore: string): void {
  if (!existsSync(join(folder, '.gitignore')))
    execFileSync('sh', ['-c', `printf '%s' "$1" > .gitignore`, 'sh', ignore], { cwd: folder });
  const git = (...args: string[]): void =>
    void execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.invalid', ...args], {
      cwd: folder,
      stdio: 'ignore',
    });
  git('init', '-q');
  git('add', '-A');
  git('commit', '-qm', 'as it was');
}

export const gitStatus = (folder: string): string =>
  execFileSync('git', ['status', '--porcelain'], { cwd: folder, encoding: 'utf8' });

export interface Rr {
  child: ChildProcess;
  out(): string;
  err(): string;
  /** The JSON objects told so far. */
  objects(): Record<string, unknown>[];
  /** Waits for an object that fits. */
  object(fits: (object: Record<string, unknown>) => boolean, withinMs?: number): Promise<Record<string, unknown>>;
  exited: Promise<number | null>;
}

export function startRr(args: string[], cwd: string, env: Record<string, string>, input?: string): Rr {
  const child = spawn(process.execPath, [bin, ...args], {
    cwd,
    env,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  child.stdin?.end(input);
  let out = '';
  let err = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const exited = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
  const objects = (): Record<string, unknown>[] =>
    out
      .split('\n')
      .slice(0, -1)
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return {
    child,
    out: () => out,
    err: () => err,
    objects,
    exited,
    async object(fits, withinMs = 60_000) {
      for (const until = Date.now() + withinMs; Date.now() < until; await sleep(20)) {
        const found = objects().find(fits);
        if (found) return found;
        if (child.exitCode !== null && !objects().some(fits)) break;
      }
      throw new Error(`rr ${args.join(' ')} never told it (exit ${child.exitCode}).\nstdout: ${out}\nstderr: ${err}`);
    },
  };
}

/** Runs rr to its end. */
export async function finish(
  one: Rr,
): Promise<{ code: number | null; objects: Record<string, unknown>[]; out: string; err: string }> {
  const code = await one.exited;
  const isJson = one.out().trimStart().startsWith('{');
  return { code, objects: isJson ? one.objects() : [], out: one.out(), err: one.err() };
}

/** The result object of `rr run … --json`. */
// biome-ignore lint/suspicious/noExplicitAny: a result is looked into freely by tests
export const resultOf = (objects: Record<string, unknown>[]): any => objects.find(({ type }) => type === 'result');

/** Starts a runtime and ends it in order: all that the journal of a killed one held is in the readable files then. */
export async function settle(s: Scratch): Promise<void> {
  const up = s.rr('up', '--foreground', '--json');
  await up.object(({ type }) => type === 'up');
  up.child.kill('SIGTERM');
  await up.exited;
}

/** A raw client that knows nothing of our library: NATS, subjects, JSON. */
export async function rawClient(state: string, finished: Finished = onTestFinished) {
  const server = JSON.parse(readFileSync(join(state, 'broker', 'server.json'), 'utf8')) as { url: string };
  const { user, pass } = JSON.parse(readFileSync(join(state, 'broker', 'credentials.json'), 'utf8')) as {
    user: string;
    pass: string;
  };
  const nats = await connect({ servers: server.url, user, pass });
  finished(() => nats.close());
  return {
    nats,
    // biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely by tests
    async ask(subject: string, body: object = {}): Promise<any> {
      return (await nats.request(subject, JSON.stringify(body), { timeout: 20_000 })).json();
    },
  };
}

export async function eventually<T>(
  look: () => T | Promise<T>,
  fits: (value: T) => boolean,
  withinMs = 60_000,
): Promise<T> {
  let value = await look();
  for (const until = Date.now() + withinMs; !fits(value); value = await look()) {
    if (Date.now() > until) throw new Error(`not within ${withinMs} ms; last seen: ${JSON.stringify(value)}`);
    await sleep(50);
  }
  return value;
}
// biome-ignore lint/suspicious/noExplicitAny: facts are looked into freely by tests
export const factsOf = (state: string, run: string): any[] =>
  readFileSync(join(state, 'runs', run, 'facts.ndjson'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
