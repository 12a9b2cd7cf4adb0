/**
 * The store of a host: turns become durable in its journal (journal.ts), and the readable files follow (view.ts).
 *
 * Recovery. `mark.json` says up to where the journal is in the files: `written` by the process, which holds as long as
 * the machine has not been started anew, and `synced` by the machine, which always holds. A new life reads the journal
 * from there on and goes on with the newest checkpoint of every actor in it; the files are brought up to date meanwhile.
 * Journals of other hosts of the same state folder that are not alive are taken up too. Files of the journal are removed
 * when what they hold is on disk for good.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { fail, type RunnerError } from '../runtime/errors.js';
import { bootId } from '../runtime/identity.js';
import { type Lock, takeLock } from '../runtime/lock.js';
import type { Log } from '../runtime/log.js';
import type { Checkpoint, Store, Turn } from '../runtime/store.js';
import { addressOf, placeOf } from '../runtime/subjects.js';
import { blobFolder, checkpointOf, encodeTurn, openWriter, type Parts, partsOf, type Written } from './codec.js';
import { writeWhole } from './durable.js';
import {
  type Damage,
  type Flush,
  type Journal,
  openJournal,
  type Position,
  readSegment,
  segmentsIn,
} from './journal.js';
import { checkpointFile, mendOf, readCheckpoint } from './json.js';
import { folderOf, inFile, isNewer, openView } from './view.js';

const run = promisify(execFile);
/** So much of the journal may wait to be synced, and so many files of earlier lives. */
const SYNC_BYTES = 32 << 20;
const SYNC_FILES = 8;

const Place = z.strictObject({ fence: z.int(), segment: z.int(), offset: z.int() });
const Mark = z.strictObject({ format: z.literal(1), boot: z.string(), written: Place, synced: Place });
type Mark = z.infer<typeof Mark>;
const START: Position = { fence: 0, segment: 0, offset: 0 };
const before = (a: { fence: number; segment: number }, b: Position): boolean =>
  a.fence !== b.fence ? a.fence < b.fence : a.segment < b.segment;

export const journalFolder = (state: string, host: string): string => join(state, 'hosts', host, 'journal');
const markFile = (dir: string): string => join(dir, 'mark.json');

/** Where the files stand; from the start when nobody can say. */
function readMark(dir: string): Mark {
  try {
    return Mark.parse(JSON.parse(readFileSync(markFile(dir), 'utf8')));
  } catch {
    return { format: 1, boot: bootId(), written: START, synced: START };
  }
}

export interface Tail {
  dir: string;
  /** The highest fence met. */
  fence: number;
  records: number;
  bytes: number;
  damage: Damage[];
}
/** Hands on what a journal holds that is not in the files yet. */
export function readTail(dir: string, take: (parts: Parts) => void): Tail {
  const mark = readMark(dir);
  const from = mark.boot === bootId() ? mark.written : mark.synced;
  const tail: Tail = { dir, fence: Math.max(mark.written.fence, mark.synced.fence), records: 0, bytes: 0, damage: [] };
  let newest = new Map<string, Parts>();
  let fence = -1;
  for (const segment of segmentsIn(dir)) {
    tail.fence = Math.max(tail.fence, segment.fence);
    if (before(segment, from)) continue;
    if (segment.fence !== fence) newest = new Map(); // serials count within a life
    fence = segment.fence;
    const offset = segment.fence === from.fence && segment.segment === from.segment ? from.offset : 0;
    const { damage } = readSegment(segment, offset, (bytes, start, end) => {
      const parts = partsOf(bytes, start, end);
      if (!parts) return;
      if (parts.changes !== 0) {
        const onto = newest.get(parts.address);
        if (onto?.serial !== parts.changes) {
          newest.delete(parts.address);
          const reason = `a change of ${parts.address} without what it changes`;
          tail.damage.push({ path: segment.path, offset: start, bytes: end - start, reason });
          return;
        }
        parts.onto = onto;
      }
      newest.set(parts.address, parts);
      tail.records += 1;
      tail.bytes += end - start;
      take(parts);
    });
    if (damage) tail.damage.push(damage);
  }
  return tail;
}

/**
 * The newest checkpoints that journals of dead hosts hold and the files do not say yet; nothing is changed.
 * @param state the state folder, on which nobody lives.
 */
export function tailOf(state: string): Map<string, Checkpoint> {
  const tail = new Map<string, Checkpoint>();
  const hosts = existsSync(join(state, 'hosts')) ? readdirSync(join(state, 'hosts')) : [];
  for (const host of hosts)
    readTail(journalFolder(state, host), (parts) => {
      const { run } = placeOf(parts.address);
      const checkpoint = checkpointOf(parts, blobFolder(folderOf(state, run)));
      const known = tail.get(parts.address) ?? inFile(state, placeOf(parts.address));
      if (!known || isNewer(checkpoint, known)) tail.set(parts.address, checkpoint);
    });
  return tail;
}

export interface OpenStore extends Store {
  /** What an earlier life left in the journal: records that were not in the files yet, and places that could not be read. */
  readonly recovered: { records: number; bytes: number; damage: Damage[] };
}

/**
 * Opens the store of a host, which must hold the host's lock.
 * @param full hears when the disk has become full: turns wait then; null: there is room again.
 * @throws STATE_UNWRITABLE
 */
export function openStore(
  state: string,
  host: string,
  { flush, log, full }: { flush: Flush; log: Log; full?(error: RunnerError | null): void },
): OpenStore {
  const dir = journalFolder(state, host);
  const locks: Lock[] = [];
  const writer = openWriter();
  let journal: Journal | null = null;
  let mark = readMark(dir);
  let syncing = false;

  const view = openView(state, {
    // What is read from there on must need nothing before it, also where a killed process left records under way.
    cut: (then) => journal!.cut(() => writer.fresh(), then),
    written(end: Position) {
      write({ ...mark, boot: bootId(), written: end });
      takenUp();
      void sync();
    },
    failed: (error) => log.warn({ error: String(error) }, 'the readable files lag behind'),
  });
  const write = (next: Mark): void => {
    mark = next;
    try {
      writeWhole(markFile(dir), `${JSON.stringify(mark)}\n`);
    } catch (error) {
      log.warn({ error: String(error) }, 'mark not written'); // an older one only means more to read
    }
  };

  const own = readTail(dir, (parts) => view.inherit(parts, 0));
  const others = existsSync(join(state, 'hosts'))
    ? readdirSync(join(state, 'hosts')).flatMap((id, n) => {
        const theirs = journalFolder(state, id);
        if (id === host || segmentsIn(theirs).length === 0) return [];
        const lock = takeLock(join(state, 'hosts', id, 'lock'));
        if (!lock) return []; // alive
        locks.push(lock);
        return [readTail(theirs, (parts) => view.inherit(parts, n + 1))];
      })
    : [];
  const tails = [own, ...others];
  journal = openJournal(dir, own.fence + 1, flush, full);
  let syncedBytes = 0;

  /** What dead hosts left is in the files: their journals begin anew. */
  let taken = others.length === 0;
  const takenUp = (): void => {
    if (taken) return;
    taken = true;
    for (const { dir: theirs, fence } of others) {
      const end = { fence: fence + 1, segment: 0, offset: 0 };
      writeWhole(markFile(theirs), `${JSON.stringify({ ...readMark(theirs), boot: bootId(), written: end })}\n`);
    }
    for (const lock of locks.splice(0)) lock.release();
  };
  if (own.records === 0 && others.every(({ records }) => records === 0)) takenUp();

  /** Makes the files outlive a loss of power, then drops what the journal holds of them. */
  async function sync(): Promise<void> {
    const old = segmentsIn(dir).filter(({ fence }) => fence < journal!.fence);
    if (syncing || (journal!.bytes() - syncedBytes < SYNC_BYTES && old.length <= SYNC_FILES)) return;
    syncing = true;
    const { written } = mark;
    const bytes = journal!.bytes();
    try {
      await run('sync', ['-f', state]);
      write({ ...mark, synced: written });
      syncedBytes = bytes;
      for (const segment of segmentsIn(dir)) if (before(segment, written)) rmSync(segment.path, { force: true });
    } catch (error) {
      log.warn({ error: String(error) }, 'the files could not be synced; the journal keeps all of it');
    } finally {
      syncing = false;
    }
  }

  const put = (turn: Turn, done: (error: Error | null) => void): void => {
    const { checkpoint, facts, audit, gone } = turn;
    let written: Written;
    try {
      written = writer.put(checkpoint, blobFolder(folderOf(state, checkpoint.run)));
    } catch (error) {
      return done(error as Error);
    }
    journal!.append(encodeTurn(turn, written), (error) => {
      if (!error) view.take(addressOf(checkpoint), checkpoint, facts, audit);
      if (!error && gone) view.leave(checkpoint.run);
      done(error);
    });
  };

  return {
    recovered: {
      records: tails.reduce((sum, { records }) => sum + records, 0),
      bytes: tails.reduce((sum, { bytes }) => sum + bytes, 0),
      damage: tails.flatMap(({ damage }) => damage),
    },
    async load(place) {
      const wanted = addressOf(place);
      const path = join(state, checkpointFile(place));
      const saved: Checkpoint | null = view.newest(wanted) ?? (existsSync(path) ? await readCheckpoint(path) : null);
      const met = saved && `${saved.run}/${saved.kind}/${saved.id}`;
      if (met !== null && met !== wanted)
        throw fail('CHECKPOINT_FOREIGN', { path, met, wanted, fix: await mendOf(path) });
      return saved;
    },
    commit: (turn) => new Promise((resolve, reject) => put(turn, (error) => (error ? reject(error) : resolve()))),
    keep: (turn) => put(turn, (error) => error && log.warn({ error: String(error) }, 'not kept')),
    async caughtUp() {
      await journal!.settled();
      await view.flush();
    },
    hurry: () => journal!.hurry(),
    trouble: () => journal!.trouble()?.toRecord() ?? null,
    async close() {
      await journal!.close();
      try {
        await view.flush();
      } catch (error) {
        log.warn({ error: String(error) }, 'the readable files lag behind'); // the journal has it all
      }
      view.close();
      for (const lock of locks.splice(0)) lock.release();
    },
  };
}
