/**
 * The default store: one pretty JSON file per actor, by lowdb over a durable adapter, with its last 20 versions.
 *
 * Guarantees: `save` resolves after flush and rename; saves of one actor happen in the order they were called; a crash
 * leaves the old checkpoint or the new one. A file that does not parse is reported, never overwritten by a guess.
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Adapter, Low } from 'lowdb';
import { z } from 'zod';
import { fail } from '../runtime/errors.js';
import { type Checkpoint, CheckpointFrame, type CheckpointStore } from '../runtime/store.js';
import type { Place } from '../runtime/subjects.js';
import { writeDurably } from './durable.js';

/** How many versions of an actor's checkpoint are kept. */
export const KEPT_VERSIONS = 20;
/** Checkpoint files whose names of versions are remembered; those of ended runs are forgotten. */
const KEPT_OPEN = 256;

const pascal = (kind: string): string =>
  kind
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');

/** The file an actor's checkpoint rests in (FORMATS 2), from the state folder. */
export function checkpointFile({ run, kind, id }: Place): string {
  const folder = run === 'sys' ? 'checkpoints' : join('runs', run, 'checkpoints');
  if (kind === 'host') return join('hosts', id, 'host_state.json');
  if (kind === 'admin' || kind === 'orchestrator' || kind === 'run') return join(folder, `${kind}_state.json`);
  const name = kind.endsWith('-manager') ? `manager_state_${pascal(kind)}` : `agent_state_${pascal(kind)}Agent`;
  const other = id === 'main' || id === `${kind}-1` ? '' : `.${id}`;
  return join(folder, `${name}${other}.json`);
}

/** Where older versions of a checkpoint file rest. */
export const historyFolder = (file: string): string => join(dirname(file), 'history', basename(file));

/** @throws CHECKPOINT_BROKEN */
export async function readCheckpoint(path: string): Promise<Checkpoint | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw fail('CHECKPOINT_BROKEN', { path, reason: (error as Error).message, history: historyFolder(path) }, error);
  }
  const broken = (reason: string, cause?: unknown): never => {
    throw fail('CHECKPOINT_BROKEN', { path, reason, history: historyFolder(path) }, cause);
  };
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    return broken((error as Error).message, error);
  }
  const parsed = CheckpointFrame.safeParse(raw);
  return parsed.success
    ? (parsed.data as unknown as Checkpoint)
    : broken(z.prettifyError(parsed.error).replace(/\s*\n\s*/g, ' '));
}

class CheckpointFile implements Adapter<Checkpoint> {
  durable = true;
  #versions: string[] | null = null;
  constructor(readonly path: string) {}
  read(): Promise<Checkpoint | null> {
    return readCheckpoint(this.path);
  }
  async write(checkpoint: Checkpoint): Promise<void> {
    const version = `${checkpoint.epoch}.${checkpoint.turn}.json`;
    const history = historyFolder(this.path);
    await writeDurably(this.path, `${JSON.stringify(checkpoint, null, 2)}\n`, {
      durable: this.durable,
      keep: join(history, version),
    });
    this.#versions ??= await versionsIn(history);
    if (this.#versions.at(-1) !== version) this.#versions.push(version);
    for (const old of this.#versions.splice(0, Math.max(0, this.#versions.length - KEPT_VERSIONS)))
      await rm(join(history, old), { force: true });
  }
}

/** Names of the kept versions, oldest first. */
export async function versionsIn(history: string): Promise<string[]> {
  const names = await readdir(history).catch(() => [] as string[]); // no folder: no version yet
  const order = (name: string): number[] => name.split('.').slice(0, 2).map(Number);
  return names
    .filter((name) => /^\d+\.\d+\.json$/.test(name))
    .sort((a, b) => order(a)[0]! - order(b)[0]! || order(a)[1]! - order(b)[1]!);
}

/** @param state the state folder. */
export function jsonStore(state: string): CheckpointStore {
  const open = new Map<
    string,
    { db: Low<Checkpoint | null>; file: CheckpointFile; last: Promise<void>; busy: number }
  >();
  const at = (place: Place) => {
    const path = join(state, checkpointFile(place));
    let entry = open.get(path);
    if (!entry) {
      if (open.size >= KEPT_OPEN) for (const [other, { busy }] of open) if (busy === 0) open.delete(other);
      const file = new CheckpointFile(path);
      entry = {
        file,
        db: new Low<Checkpoint | null>(file as Adapter<Checkpoint | null>, null),
        last: Promise.resolve(),
        busy: 0,
      };
      open.set(path, entry);
    }
    return entry;
  };
  return {
    async load(place) {
      const { db, last } = at(place);
      await last;
      await db.read();
      const { data } = db;
      db.data = null;
      return data;
    },
    save(checkpoint, durable) {
      const entry = at(checkpoint);
      const write = async (): Promise<void> => {
        entry.file.durable = durable;
        entry.db.data = checkpoint;
        try {
          await entry.db.write();
        } finally {
          entry.db.data = null; // the actor has it
          entry.busy -= 1;
        }
      };
      entry.busy += 1;
      const saved = entry.last.then(write);
      entry.last = saved.catch(() => undefined); // a failed save is its caller's to handle; the next one is tried anew
      return saved;
    },
    async remove(place) {
      const { file, last } = at(place);
      await last;
      open.delete(file.path);
      await rm(file.path, { force: true });
    },
  };
}

/** @throws STATE_UNWRITABLE */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw fail(
      'STATE_UNWRITABLE',
      { path, reason: (error as NodeJS.ErrnoException).code ?? (error as Error).message },
      error,
    );
  }
}
