import type { Measure } from './main.js';

/** Median, least and most of some times. */
export function summary(times: number[]): Pick<Measure, 'p50Ms' | 'minMs' | 'maxMs'> {
  const sorted = [...times].sort((a, b) => a - b);
  return { p50Ms: sorted[Math.floor(sorted.length / 2)]!, minMs: sorted[0]!, maxMs: sorted.at(-1)! };
}

export async function timed<T>(work: () => Promise<T> | T): Promise<{ ms: number; value: T }> {
  const began = performance.now();
  const value = await work();
  return { ms: performance.now() - began, value };
}
