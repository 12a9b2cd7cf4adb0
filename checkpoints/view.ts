/**
 * The readable view of the journal: JSON checkpoints and ledgers, written soon after each turn, never on its way.
 *
 * It takes what is durable, gathers it for a moment and writes it in slices, so that no turn waits for long. When all
 * of a gathering is written, whoever asked is told up to where the journal is needed no more (until the machine loses
 * its power: see store.ts). What cannot be written, e.g. on a full disk, stays and is tried again.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as breathe, setTimeout as sleep } from 'node:timers/promises';
import type { Checkpoint, Line } from '../runtime/store.js';
import { type Place, placeOf } from '../runtime/subjects.js';
import { bundleOf } from './bundle.js';
import { blobFolder, checkpointText, linesOf, type Parts, parseCheckpoint } from './codec.js';
import { checkpointFile, KEPT_VERSIONS, writeCheckpoints } from './json.js';
import { type Ledger, openLedger } from './ledger.js';

const GATHER_MS = 200;
const AGAIN_MS = 1_000;
/** How long it may hold the process at once. */
const SLICE_MS = 4;
/** With more actors than this in one gathering only the newest version of each is written. */
const MANY = 50;
/** What is under way yields to the turns: when the process is busy, so long a pause for each slice… */
const BUSY = 0.7;
const PAUSE_MS = 40;
/** …until so many actors and lines wait. */
const MOST_WAITING = 100_000;

/** A checkpoint, or the record of the last life's journal that holds it. */
type Version = Checkpoint | Parts;
interface Entry {
  /** Oldest first. */
  versions: Version[];
  /** Left by an earlier life: the file may be newer, since somebody restored it. */
  left: boolean;
}
interface Told {
  run: string;
  book: 'fact' | 'audit';
  line: Line;
}
interface Gathering {
  entries: Map<string, Entry>;
  lines: Told[];
  /** So many of the lines are in their files. */
  written: number;
}
const nothing = (): Gathering => ({ entries: new Map(), lines: [], written: 0 });

export interface View {
  /** Takes a durable turn. */
  take(address: string, checkpoint: Checkpoint, facts: readonly Line[], audit: readonly Line[]): void;
  /** Takes a record that an earlier life left. */
  inherit(parts: Parts): void;
  /** The newest checkpoint that is not in its file yet, or was not at the start; null: the file is right. */
  newest(address: string): Checkpoint | null;
  /** Writes all there is. @throws what the disk says. */
  flush(): Promise<void>;
  close(): void;
}

export const folderOf = (state: string, run: string): string => (run === 'sys' ? state : bundleOf(state, run));
const isParts = (version: Version): version is Parts => 'checkpointAt' in version;
/** The checkpoint in a file; null: it is not there, or broken: what the journal holds stands. */
export function inFile(state: string, place: Place): Checkpoint | null {
  try {
    const text = readFileSync(join(state, checkpointFile(place)), 'utf8');
    return parseCheckpoint(text, blobFolder(folderOf(state, place.run))) as Checkpoint;
  } catch {
    return null;
  }
}
export const isNewer = (a: Checkpoint, b: Checkpoint): boolean =>
  a.epoch !== b.epoch ? a.epoch > b.epoch : a.turn !== b.turn ? a.turn > b.turn : a.at > b.at;

/**
 * @param written is told when everything taken before `before` was called is in its file.
 * @param failed hears why a gathering could not be written; it is tried again.
 */
export function openView(
  state: string,
  about: { before(): unknown; written(mark: never): void; failed(error: unknown): void },
): View {
  let gathering = nothing();
  let underway = nothing();
  let ledger: Ledger = openLedger(state);
  let timer: NodeJS.Timeout | null = null;
  let pass: Promise<void> | null = null;
  let closed = false;
  /** Somebody waits for the files. */
  let hurried = false;

  const soon = (ms: number): void => {
    if (timer || closed) return;
    timer = setTimeout(() => {
      timer = null;
      flush().catch((error: unknown) => {
        about.failed(error);
        soon(AGAIN_MS);
      });
    }, ms);
    timer.unref();
  };
  const readVersion = (version: Version, run: string): Checkpoint =>
    isParts(version)
      ? (parseCheckpoint(checkpointText(version), blobFolder(folderOf(state, run))) as Checkpoint)
      : version;
  const entryOf = (address: string): Entry => {
    let entry = gathering.entries.get(address);
    if (!entry) {
      entry = { versions: [], left: false };
      gathering.entries.set(address, entry);
    }
    return entry;
  };
  const push = (entry: Entry, version: Version): void => {
    entry.versions.push(version);
    if (entry.versions.length > KEPT_VERSIONS) entry.versions.shift();
  };

  const tell = (run: string, facts: readonly Line[], audit: readonly Line[]): void => {
    for (const line of facts) gathering.lines.push({ run, book: 'fact', line });
    for (const line of audit) gathering.lines.push({ run, book: 'audit', line });
  };

  /** Writes what is under way; what is done is taken out of it, so that a failure in the middle repeats nothing. */
  async function write(): Promise<void> {
    let began = performance.now();
    let load = performance.eventLoopUtilization();
    const breathing = async (): Promise<void> => {
      if (performance.now() - began < SLICE_MS) return;
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, load);
      load = now;
      const waiting = gathering.entries.size + gathering.lines.length + underway.entries.size + underway.lines.length;
      if (utilization > BUSY && waiting < MOST_WAITING && !hurried) await sleep(PAUSE_MS);
      else await breathe();
      began = performance.now();
    };
    const left = [...underway.entries.values()].some((entry) => entry.left);
    if (left) {
      ledger.close();
      ledger = openLedger(state, { dedupe: true });
    }
    for (; underway.written < underway.lines.length; underway.written += 1) {
      const { run, book, line } = underway.lines[underway.written]!;
      ledger[book](run, line);
      await breathing();
    }
    underway.lines = [];
    underway.written = 0;
    if (left) {
      ledger.close();
      ledger = openLedger(state);
    }
    const many = underway.entries.size > MANY;
    for (const [address, entry] of underway.entries) {
      const place = placeOf(address);
      let versions = (many ? entry.versions.slice(-1) : entry.versions).map((one) => readVersion(one, place.run));
      if (entry.left) {
        const there = inFile(state, place);
        versions = versions.filter((one) => !there || isNewer(one, there)).sort((a, b) => (isNewer(a, b) ? 1 : -1));
      }
      writeCheckpoints(join(state, checkpointFile(place)), versions);
      underway.entries.delete(address);
      await breathing();
    }
  }
  async function flush(): Promise<void> {
    for (;;) {
      if (pass) {
        await pass;
        continue;
      }
      const isOver =
        gathering.entries.size + gathering.lines.length + underway.entries.size + underway.lines.length === 0;
      if (isOver) return;
      // What a failed pass left goes first; its actors' newer versions come behind.
      const mark = underway.entries.size + underway.lines.length === 0 ? about.before() : null;
      if (mark !== null) {
        underway = gathering;
        gathering = nothing();
      }
      pass = write().finally(() => {
        pass = null;
      });
      await pass;
      if (mark !== null) about.written(mark as never);
    }
  }

  return {
    take(address, checkpoint, facts, audit) {
      push(entryOf(address), checkpoint);
      tell(checkpoint.run, facts, audit);
      soon(GATHER_MS);
    },
    inherit(parts) {
      const entry = entryOf(parts.address);
      entry.left = true;
      push(entry, parts);
      const lines = linesOf(parts);
      if (lines) tell(placeOf(parts.address).run, lines.f, lines.a);
      soon(GATHER_MS);
    },
    newest(address) {
      const place = placeOf(address);
      const entry = gathering.entries.get(address) ?? underway.entries.get(address);
      if (!entry) return null;
      if (!entry.left) return readVersion(entry.versions.at(-1)!, place.run);
      const best = entry.versions.map((one) => readVersion(one, place.run)).reduce((a, b) => (isNewer(b, a) ? b : a));
      const there = inFile(state, place);
      return there && isNewer(there, best) ? null : best;
    },
    async flush() {
      hurried = true;
      try {
        await flush();
      } finally {
        hurried = false;
      }
    },
    close() {
      closed = true;
      if (timer) clearTimeout(timer);
      timer = null;
      ledger.close();
    },
  };
}
