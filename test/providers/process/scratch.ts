import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { type Command, findKeeper, type KeeperOptions } from '../../../providers/process/client.js';
import { noLimits } from '../../../providers/process/limits.js';
import { carries, environOf, processes } from '../../../providers/process/processes.js';
import { sweep } from '../../../providers/process/sweep.js';
import { packageRoot, program } from '../../../runtime/program.js';

export const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../fixtures/process/${name}`, import.meta.url));
let count = 0;

/** A run in a scratch folder: its keeper and all it started are gone when the test is over. */
export function scratchRun(name = 'bundle'): KeeperOptions & { folder: string } {
  const age = (path: string): number => (existsSync(path) ? statSync(path).mtimeMs : 0);
  const built = program('providers/process/keeper');
  for (const name of ['keeper', 'commands', 'sweep', 'processes', 'protocol', 'client', 'limits']) {
    const source = join(packageRoot(), 'providers/process', `${name}.ts`);
    if (age(built) < age(source)) throw new Error(`${built} is older than ${source}: npm run build`);
  }
  const folder = mkdtempSync(join(tmpdir(), 'rr-test-'));
  const options = { bundle: join(folder, name), run: `test-${process.pid}-${count++}`, runtimeDir: folder };
  mkdirSync(options.bundle);
  onTestFinished(async () => {
    const keeper = await findKeeper(options).catch(() => null); // the test may have broken it on purpose
    await keeper?.end();
    await sweep({ run: options.run, roots: [], groups: [] });
    rmSync(folder, { recursive: true, force: true });
  });
  return { ...options, folder };
}

export const command = (run: KeeperOptions, id: string, shell: string, more: Partial<Command> = {}): Command => ({
  id: `${run.run}/${id}`,
  shell,
  within: [],
  cwd: run.bundle,
  env: { PATH: process.env.PATH! },
  log: join(run.bundle, 'logs', `${id}.log`),
  wallMs: null,
  idleMs: null,
  outputBytes: null,
  logBytes: 1_000_000,
  limits: noLimits,
  gate: null,
  ...more,
});

/** Pids that carry the mark of the run. */
export const marked = (run: KeeperOptions): number[] =>
  [...processes().keys()].filter((pid) => carries(environOf(pid), run.run, null));

/** What the call gives once it is neither null, false nor empty; fails after `limitMs`. */
export async function until<T>(call: () => T | Promise<T>, limitMs = 10_000): Promise<NonNullable<T>> {
  for (const end = Date.now() + limitMs; ; ) {
    const got = await call();
    if (got && !(Array.isArray(got) && got.length === 0)) return got as NonNullable<T>;
    if (Date.now() > end) throw new Error(`not within ${limitMs} ms: ${call}`);
    await sleep(20);
  }
}

/** A client in a process of its own. */
export function startClient(options: KeeperOptions, commands: Command[]): { child: ChildProcess; said: () => string } {
  let said = '';
  const { bundle, run, runtimeDir } = options;
  const child = spawn(
    process.execPath,
    [fixture('starts-commands.mjs'), JSON.stringify({ options: { bundle, run, runtimeDir }, commands })],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  child.stdout!.on('data', (data) => {
    said += data;
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return { child, said: () => said };
}

export const logOf = ({ log }: Command): string => readFileSync(log, 'utf8');
