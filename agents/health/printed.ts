/** Reads the addresses that an application prints of itself. */
import { statSync } from 'node:fs';
import { tail } from '../../providers/process/tail.js';
import type { Check, Route } from './contract.js';

const LINES = 200;
const BYTES = 32 << 10;
const ROUTES = 5;
const ADDRESS = /https?:\/\/(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\]):(\d{1,5})(\/[\w./~%@+-]*)/gi;

/**
 * Paths on the ports given, the last one first; not the root, which is asked anyhow. What stands behind a `?` is left out:
 * it may be a key.
 */
export function printedPaths(text: string, ports: readonly number[]): string[] {
  const paths = [...text.matchAll(ADDRESS)]
    .filter(([, port]) => ports.includes(Number(port)))
    .map(([, , path]) => path!.replace(/[.]+$/, ''))
    .filter((path) => path !== '/');
  return [...new Set(paths.reverse())].slice(0, ROUTES);
}

/** Those in the log of a check; none where it cannot be read. */
export function printedRoutes({ log, logFrom, sockets }: Pick<Check, 'log' | 'logFrom' | 'sockets'>): Route[] {
  const size = log === null ? undefined : statSync(log, { throwIfNoEntry: false })?.size;
  if (log === null || size === undefined) return [];
  // One that is shorter was rotated since, and is of this start alone.
  const own = size < logFrom ? size : size - logFrom;
  const text = own === 0 ? '' : tail(log, LINES, Math.min(own, BYTES)).join('\n');
  return printedPaths(
    text,
    sockets.map(({ port }) => port),
  ).map((path) => ({ path, from: 'its log' }));
}
