/**
 * A host killed with 1 000 runs in flight, and the next life of it. Each life is a process of its own (reviver.ts); a step
 * writes down outside that it was done, so that what an acknowledged one does twice would be seen.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stopBroker } from '../../runtime/broker/start.js';
import { readConfig } from '../../runtime/config.js';
import { packageRoot } from '../../runtime/program.js';
import type { Bench } from './main.js';

const RUNS = 1_000;
const STEPS = 10;
/** So much is done when the host is killed. */
const SHARE = 0.5;

export const recover: Bench = async function* (wanted) {
  if (!wanted('recover-1000')) return;
  const state = mkdtempSync(join(tmpdir(), 'rr-bench-'));
  const done = join(state, 'done.log');
  const life = (how: string) => fork(join(packageRoot(), 'dist/test/bench/reviver.js'), [state, done, how, `${RUNS}`]);
  const steps = (): string[] => {
    try {
      return readFileSync(done, 'utf8').split('\n').filter(Boolean);
    } catch {
      return []; // nothing yet
    }
  };
  try {
    const first = life('begin');
    const died = once(first, 'exit');
    while (steps().length < RUNS * STEPS * SHARE) await new Promise((go) => setTimeout(go, 5));
    first.kill('SIGKILL');
    await died;
    const before = steps();
    const forked = performance.timeOrigin + performance.now();
    const second = life('go on');
    const [told] = (await once(second, 'message')) as [
      { began: number; firstStep: number; ended: number; acknowledged: string[]; lost: number },
    ];
    second.kill();
    const after = steps().slice(before.length);
    const acknowledged = new Set(told.acknowledged);
    const settings = {
      runs: RUNS,
      steps: STEPS,
      left: RUNS * STEPS - told.acknowledged.length,
      durability: 'fsync',
      firstStepFromProcessMs: Math.round(told.firstStep - forked),
      allDoneMs: Math.round(told.ended - told.began),
      lost: told.lost,
      acknowledgedStepsAgain: after.filter((one) => acknowledged.has(one)).length,
      what: 'from opening the state to the first step',
    };
    const ms = told.firstStep - told.began;
    yield { measure: 'recover-1000', p50Ms: ms, minMs: ms, maxMs: ms, ratio: null, settings };
  } finally {
    await stopBroker(readConfig({ state, host: 'bench' }, process.env).config).catch(() => undefined);
    rmSync(state, { recursive: true, force: true });
  }
};
