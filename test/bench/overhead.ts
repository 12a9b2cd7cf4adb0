/** `rr run --once` beside the same commands by hand: install, build, start, first 200. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageRoot, program } from '../../runtime/program.js';
import type { Bench } from './main.js';
import { summary, timed } from './times.js';

const ROUNDS = 3;
const fixtures: Record<string, string[]> = {
  'node-plain': [],
  'express-hello': ['npm ci'],
  'node-typescript': ['npm ci', 'npm run build'],
};
const starts: Record<string, string> = {
  'node-plain': 'node server.js',
  'express-hello': 'npm start',
  'node-typescript': 'npm start',
};
/** What the proof itself waits: an application must stay up this long. */
const STAY_MS = 2_000;

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

/** A fresh clone-like copy: a git work tree with nothing installed. */
function fresh(name: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'rr-bench-'));
  cpSync(join(packageRoot(), 'test/repos', name), dir, { recursive: true });
  writeFileSync(join(dir, '.gitignore'), 'node_modules/\ndist/\n');
  const git = (...args: string[]): void =>
    void execFileSync('git', ['-c', 'user.name=b', '-c', 'user.email=b@example.invalid', ...args], {
      cwd: dir,
      stdio: 'ignore',
    });
  git('init', '-q');
  git('add', '-A');
  git('commit', '-qm', 'bench');
  return dir;
}

async function byHand(name: string): Promise<number> {
  const dir = fresh(name);
  const port = await freePort();
  const { ms } = await timed(async () => {
    for (const command of fixtures[name]!) execFileSync('sh', ['-c', command], { cwd: dir, stdio: 'ignore' });
    const app = spawn('sh', ['-c', starts[name]!], {
      cwd: dir,
      stdio: 'ignore',
      detached: true,
      env: { ...process.env, PORT: String(port) },
    });
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => null); // not up yet
      if (answer?.status === 200) break;
      await sleep(10);
    }
    process.kill(-app.pid!, 'SIGKILL');
  });
  rmSync(dir, { recursive: true, force: true });
  return ms;
}

async function byRr(name: string): Promise<number> {
  const dir = fresh(name);
  const state = mkdtempSync(join(tmpdir(), 'rr-bench-state-'));
  const { ms, value } = await timed(() =>
    spawnSync(process.execPath, [program('rr/bin'), 'run', dir, '--once', '--json', '--state', state], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, RR_BROKER_IDLE_MS: '500' },
    }),
  );
  if (value.status !== 0) throw new Error(`rr run ${name} ended with ${value.status}`);
  rmSync(dir, { recursive: true, force: true });
  await sleep(2_500); // the broker of that state folder goes by itself
  rmSync(state, { recursive: true, force: true });
  return ms;
}

export const overhead: Bench = async function* (wanted) {
  for (const name of Object.keys(fixtures)) {
    if (!wanted(`overhead-${name}`)) continue;
    const hand: number[] = [];
    const rr: number[] = [];
    for (let n = 0; n < ROUNDS; n += 1) {
      hand.push(await byHand(name));
      rr.push(await byRr(name));
    }
    const raw = summary(hand);
    const own = summary(rr);
    yield {
      measure: `overhead-${name}-by-hand`,
      ...raw,
      ratio: null,
      settings: { commands: [...fixtures[name]!, starts[name], 'first 200'], rounds: ROUNDS },
    };
    yield {
      measure: `overhead-${name}`,
      ...own,
      ratio: own.p50Ms / raw.p50Ms,
      settings: {
        over: `${Math.round(own.p50Ms - raw.p50Ms - STAY_MS)} ms beside the ${STAY_MS} ms it must stay up`,
        aim: `≤ ${Math.round(raw.p50Ms * 0.05 + 1000)} ms`,
        rounds: ROUNDS,
      },
    };
  }
};
