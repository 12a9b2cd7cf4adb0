/**
 * What an actor costs while nobody speaks to it: awake, and asleep. Bytes of the heap and beside it after a collection,
 * over what the same process held before there were any.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Bench } from './main.js';
import { openWorld } from './world.js';

const COUNTS = [10_000, 100_000];
/** As many as a large run has agents. */
const A_RUN = 10;
const NEVER_MS = 2 ** 31;

export const memory: Bench = async function* (wanted) {
  const names = ['idle-actor', 'passivated-actor'];
  if (!names.some(wanted)) return;
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const held = async (): Promise<number> => {
    for (let n = 0; n < 3; n += 1) {
      collect();
      await new Promise((done) => setTimeout(done, 50));
    }
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  for (const count of COUNTS) {
    const world = await openWorld({ durability: 'process', passivateMs: NEVER_MS });
    const { system, store, config } = world;
    try {
      const before = await held();
      for (let n = 0; n < count; ) {
        const some: Promise<void>[] = [];
        for (let m = 0; m < 500 && n < count; m += 1, n += 1)
          some.push(system.start({ run: `m${Math.floor(n / A_RUN)}`, kind: 'noop', id: `noop-${n % A_RUN}` }, null));
        await Promise.all(some);
      }
      await store.caughtUp();
      const settings = { actors: count, ofARun: A_RUN, state: 'an empty context' };
      const awake = await held();
      if (wanted('idle-actor')) yield { measure: 'idle-actor', bytes: (awake - before) / count, ratio: null, settings };
      config.passivateMs = 1;
      while (system.living().some(({ state }) => state !== 'asleep'))
        await new Promise((done) => setTimeout(done, 500));
      await store.caughtUp();
      const asleep = await held();
      if (wanted('passivated-actor'))
        yield { measure: 'passivated-actor', bytes: (asleep - before) / count, ratio: null, settings };
    } finally {
      await world.close();
    }
  }
};
