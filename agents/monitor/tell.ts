/** What looks at an application add up to: pure. */
import type { Sample, Status } from './contract.js';

/** Looks that are kept. */
export const KEPT = 360;
/** So many bad looks one after the other are no chance. */
export const FALLS_AFTER = 3;
const MOST_ERRORS = 20;
const SHOWN = 300;
const SPEAKS_OF_ERROR = /\b(?:error|exception|fatal|panic|traceback|unhandled|segfault|critical)\b/i;

/** Whether an answer is that of a healthy application: a 4xx is one, but for a page that was there when it was proven. */
export const isWell = (status: number | null, proven: number | null): boolean =>
  status !== null && status < 500 && !((status === 404 || status === 410) && proven !== null && proven < 400);

/** @param sorted ascending. */
const quantile = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!;
export function latencyOf(samples: readonly Sample[]): Status['latencyMs'] {
  const times = samples.flatMap(({ ms, well }) => (ms !== null && well ? [ms] : [])).sort((a, b) => a - b);
  if (times.length === 0) return null;
  return { p50: quantile(times, 0.5), p95: quantile(times, 0.95), p99: quantile(times, 0.99) };
}

/** A line without what differs each time it is printed: times, numbers, addresses, ids. */
export const signatureOf = (line: string): string =>
  line
    .replace(/\b\d{4}-\d\d-\d\d[T ]?\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?/g, '<time>')
    .replace(/\b\d\d:\d\d:\d\d(?:[.,]\d+)?/g, '<time>')
    .replace(/\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/gi, '<id>')
    .replace(/\b(?:0x)?[0-9a-f]{12,}\b/gi, '<id>')
    .replace(/\b\d+(?:\.\d+)*\b/g, '<n>')
    .trim()
    .slice(0, SHOWN);

/** The errors known so far with those among the lines that are new. */
export function countErrors(known: Status['errors'], lines: readonly string[], at: number): Status['errors'] {
  const counts = new Map(known.map((one) => [one.line, one]));
  for (const text of lines) {
    if (!SPEAKS_OF_ERROR.test(text)) continue;
    const line = signatureOf(text);
    counts.set(line, { line, count: (counts.get(line)?.count ?? 0) + 1, lastAt: at });
  }
  return [...counts.values()].sort((a, b) => b.count - a.count || b.lastAt - a.lastAt).slice(0, MOST_ERRORS);
}

/** Whether the last looks say otherwise than what stands; then since when. */
export function turned(well: boolean, samples: readonly Sample[]): { since: number } | null {
  const last = samples.slice(-FALLS_AFTER);
  if (well) return last.length === FALLS_AFTER && last.every((one) => !one.well) ? { since: last[0]!.at } : null;
  return last.at(-1)?.well ? { since: last.at(-1)!.at } : null;
}
