/**
 * An exclusive claim that outlives nobody: one living process at most holds `path`.
 *
 * Each claimant puts down a file of its own, `<path>.<pid>.<startTime>.<boot>`, and only then looks for others. Whoever
 * sees another living one takes his own away and tries again; so of two that claim at once at least one yields, and a
 * holder never needs to look again. The claims of the dead are removed by whoever meets them: their names are never
 * used again, so nobody can remove a living one by being late, which is what goes wrong with one shared lock file.
 */
import { closeSync, openSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { bootId, isSame, startTimeOf } from './identity.js';

/** @returns what gives the claim back, or null when another living process has it (or wants it at this very instant). */
export function claim(path: string): (() => void) | null {
  const mine = `${basename(path)}.${process.pid}.${startTimeOf(process.pid) ?? 0}.${bootId()}`;
  const release = (): void => rmSync(join(dirname(path), mine), { force: true });
  closeSync(openSync(join(dirname(path), mine), 'w', 0o600));
  if (others(path, mine).length === 0) return release;
  release();
  return null;
}

function others(path: string, mine: string): string[] {
  const start = `${basename(path)}.`;
  return readdirSync(dirname(path)).filter((name) => {
    if (!name.startsWith(start) || name === mine) return false;
    const [pid, startTime, boot] = name.slice(start.length).split('.');
    if (isSame(Number(pid), Number(startTime), boot ?? '')) return true;
    rmSync(join(dirname(path), name), { force: true });
    return false;
  });
}
