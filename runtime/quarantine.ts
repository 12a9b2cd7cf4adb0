/**
 * Messages that nobody could take: what killed the process of its actor three times, and what a machine threw on.
 *
 * Each is kept whole in a file of its own, so that a person can look at it, mend it and send it again. A file is replaced
 * as a whole but not flushed: it has to outlive the process, not the machine. The same message of the same actor is one
 * entry however often it comes, and stays the same entry when it is put back and fails again. At most `MOST_HELD` are kept,
 * of `MOST_BYTES` together; the oldest goes first, which is counted and logged. Keeping one never fails its actor.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Message } from './actor.js';
import type { Clock } from './clock.js';
import { type ErrorRecord, fail, toRecord } from './errors.js';
import type { Log } from './log.js';
import { Envelope } from './message.js';
import { Address } from './subjects.js';

/** The most messages that are kept. */
export const MOST_HELD = 200;
/** The most bytes of files that are kept; the newest message is kept however large. */
export const MOST_BYTES = 64 * 1024 * 1024;
const DROPPED = 'dropped.json';

/** What an effect reported, or the runtime itself: no command. */
export interface Reported {
  event: Message;
  causation: string | null;
  settles: string | null;
}
const failure = z.strictObject({ code: z.string(), message: z.string(), fix: z.string() });
/** A file of the quarantine (docs/formats.md). */
const Held = z.strictObject({
  format: z.literal(1),
  id: z.string(),
  address: Address,
  /** ISO time at which it first could not be taken. */
  at: z.string(),
  /** And the last time. */
  lastAt: z.string(),
  times: z.int().positive(),
  error: failure,
  /** One of the two is null. */
  command: Envelope.nullable(),
  report: z
    .strictObject({
      event: z.looseObject({ type: z.string() }),
      causation: z.string().nullable(),
      settles: z.string().nullable(),
    })
    .nullable(),
  /** What takes the place of the command's payload when it is put back. */
  edited: z.strictObject({ at: z.string(), payload: z.record(z.string(), z.unknown()) }).nullable(),
  /** The last time it was put back: the id of the new message, and why it was not taken. */
  putBack: z.strictObject({ id: z.string(), at: z.string(), error: failure.nullable() }).nullable(),
});
export type Held = z.infer<typeof Held>;
type Change = Partial<Pick<Held, 'edited' | 'putBack' | 'error'>>;

export interface Quarantine {
  /** Keeps a message that could not be taken, whole. */
  keep(address: string, message: Envelope | Reported, error: ErrorRecord): void;
  /** Oldest first, and apart from them what somebody spoiled. */
  list(): { whole: { held: Held; bytes: number }[]; broken: { id: string; error: ErrorRecord }[] };
  has(id: string): boolean;
  /** @throws QUARANTINE_UNKNOWN, QUARANTINE_BROKEN */
  get(id: string): Held;
  /** Path of its file. */
  fileOf(id: string): string;
  /** @throws as `get`, or STATE_UNWRITABLE. */
  change(id: string, change: Change): Held;
  /** @throws QUARANTINE_UNKNOWN */
  drop(id: string): void;
  /** How many were dropped for want of room, and when last; null: none. */
  dropped(): { count: number; lastAt: string } | null;
}

/** The id of the message itself; null: an event of the runtime, which has none. */
export const messageId = (message: Envelope | Reported): string | null =>
  'event' in message ? message.settles : message.id;

/** @param folder made with the first message; a file each, `<id>.json`. */
export function openQuarantine(folder: string, clock: Clock, log: Log): Quarantine {
  /** Ids in the order they came, which their names have too. */
  const sizes = new Map<string, number>();
  /** Entry by actor and message. */
  const entries = new Map<string, string>();
  let total = 0;
  let lastTime = 0;
  const fileOf = (id: string): string => join(folder, `${id}.json`);
  const now = (): string => new Date(clock.now()).toISOString();
  const known = (id: string): void => {
    if (!sizes.has(id)) throw fail('QUARANTINE_UNKNOWN', { id });
  };
  const sized = (id: string, bytes: number): void => {
    total += bytes - (sizes.get(id) ?? 0);
    sizes.set(id, bytes);
  };
  const read = (id: string): Held => {
    const path = fileOf(id);
    let reason: string;
    try {
      const parsed = Held.safeParse(JSON.parse(readFileSync(path, 'utf8')));
      if (parsed.success && parsed.data.id === id) return parsed.data;
      reason = parsed.success ? `it is of ${parsed.data.id}` : z.prettifyError(parsed.error).replace(/\s*\n\s*/g, ' ');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw fail('QUARANTINE_UNKNOWN', { id }, error);
      reason = (error as Error).message;
    }
    throw fail('QUARANTINE_BROKEN', { path, reason, id });
  };
  const write = (name: string, value: unknown): number => {
    const text = `${JSON.stringify(value, null, 2)}\n`;
    const path = join(folder, name);
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeFileSync(`${path}.tmp`, text, { mode: 0o600 });
      renameSync(`${path}.tmp`, path);
    } catch (error) {
      rmSync(`${path}.tmp`, { force: true });
      throw fail('STATE_UNWRITABLE', { path: folder, reason: (error as NodeJS.ErrnoException).code ?? error }, error);
    }
    return Buffer.byteLength(text);
  };
  const note = (held: Held): void => {
    for (const message of [messageId(held.command ?? held.report!), held.putBack?.id ?? null])
      if (message !== null) entries.set(entryKey(held.address, message), held.id);
  };
  const put = (held: Held): Held => {
    sized(held.id, write(`${held.id}.json`, held));
    note(held);
    return held;
  };
  const drop = (id: string): void => {
    rmSync(fileOf(id), { force: true });
    total -= sizes.get(id) ?? 0;
    sizes.delete(id);
    for (const [key, entry] of entries) if (entry === id) entries.delete(key);
  };
  const dropped: Quarantine['dropped'] = () => {
    try {
      return Dropped.parse(JSON.parse(readFileSync(join(folder, DROPPED), 'utf8')));
    } catch {
      return null; // none was dropped, or nobody knows how many
    }
  };
  const makeRoom = (): void => {
    for (const id of [...sizes.keys()].slice(0, -1)) {
      if (sizes.size <= MOST_HELD && total <= MOST_BYTES) return;
      drop(id);
      const count = (dropped()?.count ?? 0) + 1;
      log.error({ id, count, most: MOST_HELD, mostBytes: MOST_BYTES }, 'quarantine is full: the oldest was dropped');
      write(DROPPED, { count, lastAt: now() });
    }
  };

  for (const name of namesIn(folder)) {
    const id = /^([a-z0-9]+-[0-9a-f]+)\.json$/.exec(name)?.[1];
    if (id === undefined) continue;
    sized(id, statSync(fileOf(id)).size);
    lastTime = Number.parseInt(id, 36);
    try {
      note(read(id));
    } catch (error) {
      log.warn({ error: toRecord(error) }, 'quarantine');
    }
  }

  return {
    fileOf,
    dropped,
    keep(address, message, error) {
      try {
        const own = messageId(message);
        const entry = own === null ? undefined : entries.get(entryKey(address, own));
        if (entry !== undefined) {
          const held = read(entry);
          const putBack = held.putBack?.id === own ? { ...held.putBack, error } : held.putBack;
          put({ ...held, times: held.times + 1, lastAt: now(), error, putBack });
          return;
        }
        lastTime = Math.max(lastTime + 1, Math.floor(clock.now())); // two of one millisecond stay in their order
        const id = `${lastTime.toString(36).padStart(9, '0')}-${randomBytes(4).toString('hex')}`;
        const [command, report] = 'event' in message ? [null, reportOf(message)] : [message, null];
        const at = now();
        const first = { at, lastAt: at, times: 1, edited: null, putBack: null };
        put({ format: 1, id, address, ...first, error, command, report });
        makeRoom();
      } catch (thrown) {
        log.error({ address, error: toRecord(thrown), refused: error }, 'a refused message could not be kept');
      }
    },
    list() {
      const listed: ReturnType<Quarantine['list']> = { whole: [], broken: [] };
      for (const [id, bytes] of sizes)
        try {
          listed.whole.push({ held: read(id), bytes });
        } catch (error) {
          listed.broken.push({ id, error: toRecord(error) });
        }
      return listed;
    },
    has: (id) => sizes.has(id),
    get(id) {
      known(id);
      return read(id);
    },
    change(id, change) {
      known(id);
      return put({ ...read(id), ...change });
    },
    drop(id) {
      known(id);
      drop(id);
    },
  };
}

const Dropped = z.strictObject({ count: z.int(), lastAt: z.string() });
/** An id is anybody's text, and may be long. */
const entryKey = (address: string, id: string): string =>
  createHash('sha256').update(`${address} ${id}`).digest('base64url');
/** Of what the loop hands over only what the message is. */
const reportOf = ({ event, causation, settles }: Reported): Reported => ({ event, causation, settles });
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return []; // nothing was kept yet
  }
}
