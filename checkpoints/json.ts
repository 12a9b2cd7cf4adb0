/**
 * The default store: one pretty JSON file per actor, by lowdb over a durable adapter, with its last 20 versions.
 *
 * Guarantees: `save` resolves after flush and rename; saves of one actor happen in the order they were called; a crash
 * leaves the old checkpoint or the new one. A file that does not parse is reported, never overwritten by a guess.
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { type Adapter, Low } from 'lowdb';
import { z } from 'zod';
import { fail } from '../runtime/errors.js';
import { type Checkpoint, CheckpointFrame, type CheckpointStore } from '../runtime/store.js';
import { addressOf, type Place, Token } from '../runtime/subjects.js';
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

/**
 * Whose checkpoint a file is, by its name and its folder; null when it can be nobody's.
 * @param path absolute, or from the state folder.
 */
export function placeOfFile(path: string): Place | null {
  const parts = path.split(sep);
  const [name, folder, above, top] = [parts.at(-1) ?? '', parts.at(-2), parts.at(-3), parts.at(-4)];
  const known = (place: Place): Place | null =>
    Object.values(place).every((token) => Token.safeParse(token).success) &&
    resolve(path).endsWith(sep + checkpointFile(place))
      ? place
      : null;
  if (name === 'host_state.json' && above === 'hosts') return known({ run: 'sys', kind: 'host', id: folder! });
  // Kinds tell the system's from a run's: the state folder itself may lie in a folder called runs.
  const of = (kind: string, id: string): Place | null => {
    const isSystem = kind === 'admin' || kind === 'orchestrator' || kind.endsWith('-manager');
    return known({ run: isSystem ? 'sys' : top === 'runs' ? above! : '', kind, id });
  };
  const own = /^(admin|orchestrator|run)_state\.json$/.exec(name)?.[1];
  if (own) return of(own, own === 'run' ? 'run-1' : 'main');
  const [, role, word = '', other] = /^(manager|agent)_state_(\w+?)(?:\.([a-z0-9-]+))?\.json$/.exec(name) ?? [];
  const kind = word
    .replace(/Agent$/, '')
    .replace(/(?<!^)[A-Z]/g, '-$&')
    .toLowerCase();
  return role ? of(kind, other ?? (role === 'manager' ? 'main' : `${kind}-1`)) : null;
}

/** Where older versions of a checkpoint file rest. */
export const historyFolder = (file: string): string => join(dirname(file), 'history', basename(file));

/** @throws CHECKPOINT_BROKEN, whose fix is the command that puts the newest good version back. */
export async function readCheckpoint(path: string): Promise<Checkpoint | null> {
  const broken = async (reason: string, cause?: unknown): Promise<never> => {
    throw fail('CHECKPOINT_BROKEN', { path, reason, fix: await mendOf(path) }, cause);
  };
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    return broken((error as Error).message, error);
  }
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

const shell = (word: string): string => (/^[\w./:@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
/** What a person does about a broken checkpoint. */
async function mendOf(path: string): Promise<string> {
  const history = historyFolder(path);
  const place = placeOfFile(path);
  if (!place) return `remove ${path}`; // a version, or a stranger's file
  const state = path.slice(0, path.length - checkpointFile(place).length - 1);
  for (const name of (await versionsIn(history)).reverse()) {
    const whole = await readCheckpoint(join(history, name)).catch(() => null); // broken too: an older one
    if (whole)
      return `rr checkpoints restore ${addressOf(place)} ${name.replace(/\.json$/, '')} --state ${shell(state)}; older versions are in ${history}`;
  }
  return `no version in ${history} is whole: remove ${path}, and the actor begins anew`;
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
