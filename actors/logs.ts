/** The logs of a run, read from its folder: for the front door, and for who looks without a runtime. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readEnd, readOn } from '../providers/process/follow.js';
import type { Request, Response } from './front-door/contract.js';

export type LogsWanted = Pick<Request<'runs.logs'>, 'lines' | 'after' | 'follow'>;

/** In one answer over the bus: a broker carries up to a megabyte. */
const BYTES = 256 * 1024;
const LEAST_BYTES = 4 * 1024;

/**
 * The logs of a run's folder, oldest first. A folder without logs has none.
 * @param bytes the most that is read, shared by all.
 */
export function readLogs(
  bundle: string,
  { lines, after, follow }: LogsWanted,
  bytes: number = BYTES,
): Response<'runs.logs'> {
  const folder = join(bundle, 'logs');
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.log')) : [];
  const born = (name: string): number => statSync(join(folder, name), { throwIfNoEntry: false })?.birthtimeMs ?? 0;
  const byTime = names
    .map((name) => ({ name, at: born(name) }))
    .sort((a, b) => a.at - b.at)
    .map(({ name }) => name);
  const share = Math.max(LEAST_BYTES, Math.floor(bytes / Math.max(1, byTime.length)));
  let more = false;
  const logs = byTime.map((file) => {
    const name = file.replace(/\.log$/, '');
    const path = join(folder, file);
    const piece = after ? readOn(path, after[name] ?? null, share, !follow) : readEnd(path, lines, share, !follow);
    more ||= after !== undefined && piece.more;
    return { name, lines: piece.lines, at: piece.at, missed: piece.missed };
  });
  return { logs, more };
}
