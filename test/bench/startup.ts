/** How long `rr --version` takes beside an empty node. */
import { spawnSync } from 'node:child_process';
import { program } from '../../runtime/program.js';
import type { Bench } from './main.js';
import { summary } from './times.js';

const ROUNDS = 15;
const run = (args: string[]): number => {
  const began = performance.now();
  spawnSync(process.execPath, args, { stdio: 'ignore' });
  return performance.now() - began;
};

export const startup: Bench = async function* (wanted) {
  if (!wanted('startup')) return;
  const bare: number[] = [];
  const ours: number[] = [];
  for (let n = 0; n < ROUNDS; n += 1) {
    bare.push(run(['-e', '0']));
    ours.push(run([program('rr/bin'), '--version']));
  }
  const raw = summary(bare);
  yield { measure: 'startup-node', ...raw, ratio: null, settings: { command: 'node -e 0', rounds: ROUNDS } };
  const own = summary(ours);
  yield {
    measure: 'startup',
    ...own,
    ratio: own.p50Ms / raw.p50Ms,
    settings: { command: 'rr --version', against: 'node -e 0', rounds: ROUNDS },
  };
};
