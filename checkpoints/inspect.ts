/**
 * Reads what actors have left in a state folder: any of them at any version that is kept, and what a run has said.
 *
 * Reading changes nothing and needs no runtime and no broker. Whoever knows of newer states than the files (a living
 * runtime of its actors, a journal of its last records) hands them over as the `tail`; they stand before the files.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ErrorRecord, fail, toRecord } from '../runtime/errors.js';
import type { Checkpoint, Line } from '../runtime/store.js';
import { addressOf, type Place, placeOf } from '../runtime/subjects.js';
import { bundleOf } from './bundle.js';
import { checkpointFile, historyFolder, placeOfFile, readCheckpoint, versionsIn } from './json.js';
import type { AuditLine } from './ledger.js';

/** Newest checkpoints by address that the files may not say yet. */
export type Tail = ReadonlyMap<string, Checkpoint>;
export type Fact = Line & { seq: number };

/** An actor as it was left. */
export interface Seen {
  address: string;
  kind: string;
  run: string;
  /** `<epoch>.<turn>`; null when its checkpoint is broken. */
  version: string | null;
  state: unknown;
  /** Effects it owes. */
  owed: number;
  /** Commands it has taken and not ended. */
  open: number;
  /** ISO time of its last turn. */
  at: string | null;
  /** From the state folder. */
  file: string;
  error: ErrorRecord | null;
}

export interface Reader {
  readonly state: string;
  /** Every actor there is, of one run or of all; those whose checkpoint is broken too. */
  actors(run?: string): Promise<Seen[]>;
  /** @throws ACTOR_UNKNOWN, VERSION_UNKNOWN, CHECKPOINT_BROKEN */
  at(address: string, version?: string): Promise<Checkpoint>;
  /** Versions that can be read, oldest first; the newest is the present one. @throws ACTOR_UNKNOWN */
  versions(address: string): Promise<string[]>;
  /** What a run, or `sys`, has said; lines that do not parse are left out. */
  lines(run: string): { facts: Fact[]; audit: AuditLine[] };
  /** Ids of the runs that have a folder, oldest first. */
  runs(): string[];
}

export const versionOf = ({ epoch, turn }: Checkpoint): string => `${epoch}.${turn}`;
const [EPOCH, TURN] = [0, 1];
/** Orders versions, oldest first. */
export const byVersion = (a: string, b: string): number => {
  const [one, two] = [a, b].map((text) => text.split('.').map(Number)) as [number[], number[]];
  return one[EPOCH]! - two[EPOCH]! || one[TURN]! - two[TURN]!;
};
const namesIn = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder).sort() : []);

/** Where the audit of a run, or of the system actors, rests. */
export const auditFile = (state: string, run: string): string =>
  run === 'sys' ? join(state, 'checkpoints', 'admin_audit.log') : join(bundleOf(state, run), 'audit.log');
export const factsFile = (state: string, run: string): string => join(bundleOf(state, run), 'facts.ndjson');

/** The whole lines of a file of lines, each parsed or null. */
export function parsedLines<T>(path: string): (T | null)[] {
  if (!existsSync(path)) return [];
  const text = readFileSync(path, 'utf8');
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      try {
        return JSON.parse(line) as T;
      } catch {
        return null; // verify tells of it
      }
    });
}
const isThere = <T>(line: T | null): line is T => line !== null && typeof line === 'object';

/** Every file, from the state folder, that is or should be a checkpoint: `*.json` in the folders for them. */
export function checkpointFiles(state: string, run?: string): string[] {
  const folders =
    run === undefined
      ? ['checkpoints', ...namesIn(join(state, 'runs')).map((id) => join('runs', id, 'checkpoints'))]
      : [run === 'sys' ? 'checkpoints' : join('runs', run, 'checkpoints')];
  const hosts =
    run === undefined || run === 'sys'
      ? namesIn(join(state, 'hosts'))
          .map((id) => join('hosts', id, 'host_state.json'))
          .filter((file) => existsSync(join(state, file)))
      : [];
  const others = folders.flatMap((folder) =>
    namesIn(join(state, folder))
      .filter((name) => name.endsWith('.json'))
      .map((name) => join(folder, name)),
  );
  return [...hosts, ...others];
}

export function openReader(state: string, tail: Tail = new Map()): Reader {
  const fileOf = (place: Place): string => join(state, checkpointFile(place));
  const unknown = (address: string): Error => fail('ACTOR_UNKNOWN', { address });
  const present = async (address: string): Promise<Checkpoint | null> =>
    tail.get(address) ?? (await readCheckpoint(fileOf(placeOf(address))));
  const seen = (address: string, checkpoint: Checkpoint): Seen => ({
    address,
    kind: checkpoint.kind,
    run: checkpoint.run,
    version: versionOf(checkpoint),
    state: checkpoint.state.value,
    owed: checkpoint.owed.length,
    open: Object.keys(checkpoint.open).length,
    at: checkpoint.at,
    file: checkpointFile(placeOf(address)),
    error: null,
  });
  const broken = (place: Place, file: string, error: unknown): Seen => ({
    address: addressOf(place),
    kind: place.kind,
    run: place.run,
    version: null,
    state: null,
    owed: 0,
    open: 0,
    at: null,
    file,
    error: toRecord(error),
  });

  return {
    state,
    async actors(run) {
      const found = new Map<string, Seen>();
      for (const file of checkpointFiles(state, run)) {
        const place = placeOfFile(file);
        if (!place) continue; // no checkpoint's name: verify tells of it
        const address = addressOf(place);
        if (tail.has(address)) continue;
        try {
          const checkpoint = await readCheckpoint(join(state, file));
          if (checkpoint) found.set(address, seen(address, checkpoint));
        } catch (error) {
          found.set(address, broken(place, file, error));
        }
      }
      for (const [address, checkpoint] of tail)
        if (run === undefined || checkpoint.run === run) found.set(address, seen(address, checkpoint));
      return [...found.values()].sort((a, b) => order(a) - order(b) || (a.address < b.address ? -1 : 1));
    },
    async at(address, version) {
      if (version === undefined) {
        const newest = await present(address);
        if (newest) return newest;
        throw unknown(address);
      }
      const newest = await present(address).catch(() => null); // a broken one has older versions that are whole
      if (newest && versionOf(newest) === version) return newest;
      const path = fileOf(placeOf(address));
      const kept = /^\d+\.\d+$/.test(version)
        ? await readCheckpoint(join(historyFolder(path), `${version}.json`))
        : null;
      if (kept) return kept;
      const wanted = (await this.versions(address)).join(', ') || 'none';
      throw fail('VERSION_UNKNOWN', { address, version, wanted });
    },
    async versions(address) {
      const path = fileOf(placeOf(address));
      const kept = (await versionsIn(historyFolder(path))).map((name) => name.replace(/\.json$/, ''));
      const newest = await present(address).catch(() => null); // broken: what is left are its older versions
      if (!newest && kept.length === 0 && !existsSync(path)) throw unknown(address);
      return [...new Set([...kept, ...(newest ? [versionOf(newest)] : [])])].sort(byVersion);
    },
    lines: (run) => ({
      facts: run === 'sys' ? [] : parsedLines<Fact>(factsFile(state, run)).filter(isThere),
      audit: parsedLines<AuditLine>(auditFile(state, run)).filter(isThere),
    }),
    runs: () => namesIn(join(state, 'runs')).filter((name) => !name.startsWith('.')),
  };
}
/** System actors first, then runs by their time. */
const order = ({ run }: Seen): number => (run === 'sys' ? 0 : 1);

/** The message that an actor took in the turn of a checkpoint, as far as it was written down. */
export interface Lead {
  /** Of the command, or of the effect whose report it was; null: the runtime's own, e.g. a time that had come. */
  id: string | null;
  type: string;
  /** The command with that id: what the actor was told, or what it had asked another. */
  command: Line | null;
  /** What the other answered. */
  answer: Line | null;
}
export function leadOf(reader: Reader, { run, cause }: Checkpoint): Lead | null {
  if (!cause) return null;
  const bare = ({ id, at, from, type, payload, causation }: Line): Line => ({ id, at, from, type, payload, causation });
  const told = [reader.lines(run), ...(run === 'sys' ? [] : [reader.lines('sys')])];
  const find = (lines: Line[], fits: (line: Line) => boolean): Line | null => {
    const line = lines.findLast(fits);
    return line ? bare(line) : null;
  };
  const { id, type } = cause;
  if (id === null) return { id, type, command: null, answer: null };
  return {
    id,
    type,
    command: find(
      told.flatMap(({ audit }) => audit),
      (line) => line.id === id,
    ),
    answer: type === 'answered' ? find(told[0]!.facts, (line) => line.causation === id) : null,
  };
}

/** What is compared when two versions are: what an actor knows and owes, not when it was written. */
export const comparable = ({ state, owed, open, answers, ...place }: Checkpoint): Record<string, unknown> => ({
  state: state.value,
  context: state.context,
  // By the turn that asked for them: the rest of an id is the address.
  owed: Object.fromEntries(owed.map(({ id, ...effect }) => [id.replace(`${addressOf(place)}/`, ''), effect])),
  open,
  answers,
});
