/**
 * The readable view of the journal: JSON checkpoints and ledgers, written soon after each turn, never on its way.
 *
 * It takes what is durable, gathers it for a moment and writes it in slices, so that no turn waits for long. When all
 * of a gathering is written, whoever asked is told up to where the journal is needed no more (until the machine loses
 * its power: see store.ts). What cannot be written, e.g. on a full disk, stays and is tried again.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as breathe, setTimeout as sleep } from 'node:timers/promises';
import type { Checkpoint, Line } from '../runtime/store.js';
import { type Place, placeOf } from '../runtime/subjects.js';
import { bundleOf } from './bundle.js';
import { blobFolder, checkpointOf, linesOf, type Parts, parseCheckpoint } from './codec.js';
import { checkpointFile, KEPT_VERSIONS, writeCheckpoints } from './json.js';
import { type Ledger, openLedger } from './ledger.js';

const GATHER_MS = 100;
const AGAIN_MS = 1_000;
/** How long it may hold the process at once. */
const SLICE_MS = 4;
/** With more versions than this in one gathering only the newest of each actor is written. */
const MANY = 60;
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
  /** The last version of each journal that one of an earlier life was read from. */
  tips: Parts[];
}
interface Told {
  book: 'fact' | 'audit';
  line: Line;
}
/** What is new of one run. */
interface News {
  entries: Map<string, Entry>;
  lines: Told[];
  /** So many of the lines are in their files. */
  written: number;
}
type Gathering = Map<string, News>;

export interface View {
  /** Takes a durable turn. */
  take(address: string, checkpoint: Checkpoint, facts: readonly Line[], audit: readonly Line[]): void;
  /** A run is over that leaves no files: what is not written of it yet is forgotten, unless some of it is written. */
  leave(run: string): void;
  /** Takes a record that an earlier life left. @param journal which of them it was read from: 0, 1… */
  inherit(parts: Parts, journal: number): void;
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
 * @param cut says where in the journal all stands that was taken so far, and nothing else: maybe later, at such a place.
 * @param written is told when everything before that place is in its file.
 * @param failed hears why a gathering could not be written; it is tried again.
 */
export function openView(
  state: string,
  about: { cut(then: (mark: unknown) => void): void; written(mark: never): void; failed(error: unknown): void },
): View {
  let gathering: Gathering = new Map();
  /** Closed, and left alone for as long again: a run that is over by then may need no files at all. */
  let ripening: Gathering = new Map();
  let ripe: unknown = null;
  let underway: Gathering = new Map();
  /** Actors and lines in both. */
  let waiting = 0;
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
    isParts(version) ? checkpointOf(version, blobFolder(folderOf(state, run))) : version;
  const newsOf = (run: string): News => {
    let news = gathering.get(run);
    if (!news) {
      news = { entries: new Map(), lines: [], written: 0 };
      gathering.set(run, news);
    }
    return news;
  };
  const entryOf = ({ entries }: News, address: string): Entry => {
    let entry = entries.get(address);
    if (!entry) {
      entry = { versions: [], left: false, tips: [] };
      entries.set(address, entry);
      waiting += 1;
    }
    return entry;
  };
  const push = (entry: Entry, version: Version): void => {
    entry.versions.push(version);
    if (entry.versions.length > KEPT_VERSIONS) entry.versions.shift();
  };

  const tell = ({ lines }: News, facts: readonly Line[], audit: readonly Line[]): void => {
    for (const line of facts) lines.push({ book: 'fact', line });
    for (const line of audit) lines.push({ book: 'audit', line });
    waiting += facts.length + audit.length;
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
      if (utilization > BUSY && waiting < MOST_WAITING && !hurried) await sleep(PAUSE_MS);
      else await breathe();
      began = performance.now();
    };
    const all = [...underway.values()].flatMap(({ entries }) => [...entries.values()]);
    const left = all.some((entry) => entry.left);
    if (left) {
      ledger.close();
      ledger = openLedger(state, { dedupe: true });
    }
    for (const [run, news] of underway) {
      for (; news.written < news.lines.length; news.written += 1) {
        const { book, line } = news.lines[news.written]!;
        ledger[book](run, line);
        await breathing();
      }
      waiting -= news.lines.length;
      news.lines = [];
      news.written = 0;
    }
    if (left) {
      ledger.close();
      ledger = openLedger(state);
    }
    const many = all.reduce((sum, { versions }) => sum + versions.length, 0) > MANY;
    for (const [run, { entries }] of underway) {
      for (const [address, entry] of entries) {
        const place = placeOf(address);
        let versions = (many ? entry.versions.slice(-1) : entry.versions).map((one) => readVersion(one, run));
        if (entry.left) {
          const there = inFile(state, place);
          versions = versions.filter((one) => !there || isNewer(one, there)).sort((a, b) => (isNewer(a, b) ? 1 : -1));
        }
        writeCheckpoints(join(state, checkpointFile(place)), versions);
        entries.delete(address);
        waiting -= 1;
        await breathing();
      }
      underway.delete(run);
    }
  }
  /** Up to where the journal is in the files once what is under way is written. */
  let mark: unknown = null;
  const shift = (at: unknown): void => {
    if (pass || underway.size > 0) return; // another came first
    underway = ripening;
    mark = ripe;
    ripening = gathering;
    ripe = at;
    gathering = new Map();
  };
  const shifted = (): Promise<void> =>
    new Promise((done) =>
      about.cut((at) => {
        shift(at);
        done();
      }),
    );
  /** Writes what is ripe; all there is when somebody waits for it. */
  async function flush(): Promise<void> {
    do {
      // What a failed pass left goes first; its actors' newer versions come behind.
      if (!pass && underway.size === 0) await shifted();
      pass ??= write().finally(() => {
        pass = null;
      });
      await pass;
      if (mark !== null) about.written(mark as never);
      mark = null;
    } while (hurried && gathering.size + ripening.size + underway.size > 0);
    if (gathering.size + ripening.size > 0) soon(GATHER_MS);
  }

  return {
    take(address, checkpoint, facts, audit) {
      const news = newsOf(checkpoint.run);
      push(entryOf(news, address), checkpoint);
      tell(news, facts, audit);
      soon(GATHER_MS);
    },
    leave(run) {
      if (underway.has(run) || existsSync(folderOf(state, run))) return;
      for (const some of [gathering, ripening]) {
        const news = some.get(run);
        if (news) waiting -= news.entries.size + news.lines.length;
        some.delete(run);
      }
    },
    inherit(parts, journal) {
      const news = newsOf(placeOf(parts.address).run);
      const entry = entryOf(news, parts.address);
      entry.left = true;
      entry.tips[journal] = parts;
      push(entry, parts);
      const lines = linesOf(parts);
      if (lines) tell(news, lines.f, lines.a);
      soon(GATHER_MS);
    },
    newest(address) {
      const place = placeOf(address);
      const { run } = place;
      const entry = [gathering, ripening, underway]
        .map((some) => some.get(run)?.entries.get(address))
        .find((one) => one !== undefined);
      if (!entry) return null;
      const last = entry.versions.at(-1)!;
      if (!entry.left || !isParts(last)) return readVersion(last, run);
      const best = entry.tips.map((one) => readVersion(one, run)).reduce((a, b) => (isNewer(b, a) ? b : a));
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
