import type { Measure } from './main.js';

/** Median, 99th percentile, least and most of some times. */
export function summary(times: number[]) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)]!;
  return { p50Ms: at(0.5), p99Ms: at(0.99), minMs: sorted[0]!, maxMs: sorted.at(-1)! };
}

/** Does something so often, so many at once. @returns how often a second, and how long each took. */
export async function many(
  times: number,
  concurrency: number,
  work: () => Promise<unknown>,
): Promise<Pick<Measure, 'concurrency' | 'perSecond' | 'p50Ms' | 'p99Ms' | 'minMs' | 'maxMs'>> {
  let left = times;
  const took: number[] = [];
  const began = performance.now();
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (left > 0) {
        left -= 1;
        const at = performance.now();
        await work();
        took.push(performance.now() - at);
      }
    }),
  );
  return { concurrency, perSecond: (times / (performance.now() - began)) * 1000, ...summary(took) };
}

export async function timed<T>(work: () => Promise<T> | T): Promise<{ ms: number; value: T }> {
  const began = performance.now();
  const value = await work();
  return { ms: performance.now() - began, value };
}
