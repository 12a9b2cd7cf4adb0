/**
 * Checkpoints as people read them: one pretty JSON file per actor, by lowdb over an adapter that replaces it as a whole,
 * with its last 20 versions beside it. What makes a turn durable is the journal; these files follow it within a second.
 */
import { readdirSync, rmSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { LowSync, type SyncAdapter } from 'lowdb';
import { z } from 'zod';
import { fail } from '../runtime/errors.js';
import { type Checkpoint, CheckpointFrame } from '../runtime/store.js';
import { addressOf, type Place, Token } from '../runtime/subjects.js';
import { blobFolder, parseCheckpoint, shrunk } from './codec.js';
import { writeWhole } from './durable.js';

/** How many versions of an actor's checkpoint are kept. */
export const KEPT_VERSIONS = 20;

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
    const inRun = top === 'runs' && parts.length !== 2;
    return known({ run: isSystem || !inRun ? 'sys' : above!, kind, id });
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

/** Where the large parts of a checkpoint or one of its versions rest. */
const blobsOf = (path: string): string => {
  const folder = dirname(path).replace(/[\\/]history[\\/][^\\/]+$/, '');
  return basename(folder) === 'checkpoints' ? blobFolder(dirname(folder)) : blobFolder(join(folder, '..', '..'));
};

/** @returns null when there is no such file. @throws CHECKPOINT_FORMAT, or CHECKPOINT_BROKEN, whose fix is the command that puts the newest good version back. */
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
  if (text.trim() === '') return broken('it is empty');
  let raw: unknown;
  try {
    raw = parseCheckpoint(text, blobsOf(path));
  } catch (error) {
    return broken((error as Error).message, error);
  }
  const met = (raw as { format?: unknown } | null)?.format;
  if (typeof met === 'number' && met !== 1)
    throw fail('CHECKPOINT_FORMAT', { path, met, wanted: 1, fix: await mendOf(path) });
  const parsed = CheckpointFrame.safeParse(raw);
  return parsed.success
    ? (parsed.data as unknown as Checkpoint)
    : broken(z.prettifyError(parsed.error).replace(/\s*\n\s*/g, ' '));
}

const shell = (word: string): string => (/^[\w./:@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
/** What a person does about a broken checkpoint. */
export async function mendOf(path: string): Promise<string> {
  const history = historyFolder(path);
  const place = placeOfFile(path);
  if (!place) return `remove ${path}`; // a version, or a stranger's file
  const state = path.slice(0, path.length - checkpointFile(place).length - 1);
  for (const name of versionsIn(history).reverse()) {
    const whole = await readCheckpoint(join(history, name)).catch(() => null); // broken too: an older one
    if (whole)
      return `rr checkpoints restore ${addressOf(place)} ${name.replace(/\.json$/, '')} --state ${shell(state)}; older versions are in ${history}`;
  }
  return `no version in ${history} is whole: remove ${path}, and the actor begins anew`;
}

class CheckpointFile implements SyncAdapter<Checkpoint> {
  constructor(
    readonly path: string,
    /** Of the version that is being written. */
    readonly version: string,
  ) {}
  read(): null {
    return null;
  }
  write(checkpoint: Checkpoint): void {
    const keep = join(historyFolder(this.path), `${this.version}.json`);
    writeWhole(this.path, `${JSON.stringify(checkpoint, null, 2)}\n`, keep);
  }
}

/** Writes an actor's versions, oldest first; the last becomes its checkpoint. @throws what the disk says. */
export function writeCheckpoints(path: string, versions: readonly Checkpoint[]): void {
  const blobs = blobsOf(path);
  for (const checkpoint of versions) {
    const file = new CheckpointFile(path, `${checkpoint.epoch}.${checkpoint.turn}`);
    const db = new LowSync<Checkpoint>(file as SyncAdapter<Checkpoint>, shrunk(checkpoint, blobs));
    db.write();
  }
  const kept = versionsIn(historyFolder(path));
  for (const old of kept.slice(0, Math.max(0, kept.length - KEPT_VERSIONS)))
    rmSync(join(historyFolder(path), old), { force: true });
}

/** Names of the kept versions, oldest first. */
export function versionsIn(history: string): string[] {
  let names: string[];
  try {
    names = readdirSync(history);
  } catch {
    return []; // no version yet
  }
  const order = (name: string): number[] => name.split('.').slice(0, 2).map(Number);
  return names
    .filter((name) => /^\d+\.\d+\.json$/.test(name))
    .sort((a, b) => order(a)[0]! - order(b)[0]! || order(a)[1]! - order(b)[1]!);
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
