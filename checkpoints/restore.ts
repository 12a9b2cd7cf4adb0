/**
 * Puts an older version of an actor back as its newest.
 *
 * The epoch rises over every one that is known, so no new effect bears an id that was used before. What the version owed
 * is owed again under the same ids, by which those it goes to know a repeat: a fact stands once in ledger and stream, an
 * ask is answered as it was, the keeper knows a command it has begun. Only orders about the lives of others (`spawn`,
 * `stop`) are dropped unless the newest state owes them too: who is to be alive has been decided anew since. Pure.
 */
import type { Checkpoint, Effect, Line } from '../runtime/store.js';
import { addressOf } from '../runtime/subjects.js';
import { versionOf } from './inspect.js';

export interface Restoring {
  /** The version to put back. */
  version: Checkpoint;
  /** The present one; null: it is broken or gone. */
  newest: Checkpoint | null;
  /** All versions that are kept, `<epoch>.<turn>`. */
  known: readonly string[];
  dropOwed: boolean;
  /** Who wants it, for the audit. */
  by: string;
  /** Epoch ms. */
  now: number;
}
export interface Restored {
  checkpoint: Checkpoint;
  kept: Effect[];
  dropped: Effect[];
  /** For the audit of its run. */
  line: Line;
}

export function restored({ version, newest, known, dropOwed, by, now }: Restoring): Restored {
  const address = addressOf(version);
  const epochs = [version.epoch, newest?.epoch ?? 0, ...known.map((text) => Number(text.split('.')[0]))];
  const epoch = Math.max(...epochs) + 1;
  const owedStill = new Set(newest?.owed.map(({ id }) => id));
  const isSafe = ({ id, type }: Effect): boolean => (type !== 'spawn' && type !== 'stop') || owedStill.has(id);
  const kept = dropOwed ? [] : version.owed.filter(isSafe);
  const dropped = version.owed.filter((effect) => !kept.includes(effect));
  const at = new Date(now).toISOString();
  const id = `restore/${address}/${epoch}.${version.turn}`;
  const type = 'checkpoints.restored';
  const payload = {
    address,
    from: newest && versionOf(newest),
    to: versionOf(version),
    as: `${epoch}.${version.turn}`,
    by,
    dropped: dropped.map((effect) => effect.id),
  };
  return {
    checkpoint: { ...version, epoch, owed: kept, cause: { id, type }, at },
    kept,
    dropped,
    line: { id, at, from: by, type, payload, causation: null },
  };
}
