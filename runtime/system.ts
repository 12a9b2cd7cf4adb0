/**
 * The actors of one host: started, watched, restarted, stopped.
 *
 * An actor that dies (its checkpoint cannot be saved, a turn hangs) is started again from its checkpoint after a
 * jittered back-off, at most 5 times in 60 s; then its death is told to its parent, for whom it is a message like any
 * other. The admin is the root: its death ends the host, and so does a state folder that stays unwritable.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ActorDefinition, Message, Spawn } from './actor.js';
import type { Bus } from './bus.js';
import type { Chance, Clock } from './clock.js';
import type { Config } from './config.js';
import { type ErrorRecord, fail, toRecord } from './errors.js';
import type { Log } from './log.js';
import { openQuarantine, type Quarantine } from './quarantine.js';
import type { Store } from './store.js';
import { addressOf, placeOf } from './subjects.js';
import { type Cell, openCell } from './turn.js';

export interface System {
  /** Starts or resumes an actor. A second start of a living one does nothing. */
  start(spawn: Spawn, parent: string | null): Promise<void>;
  stop(address: string): Promise<void>;
  /** Ends an actor's loop and opens it again from its checkpoint. @throws NO_ACTOR, or why it does not open. */
  restart(address: string): Promise<void>;
  /** Hands an actor a private event of the runtime, e.g. `booted`. */
  post(address: string, event: Message): void;
  /** What lives here. */
  living(): {
    address: string;
    kind: string;
    version: number;
    turn: number;
    state: unknown;
    owed: number;
    parent: string | null;
    restarts: number;
  }[];
  cell(address: string): Cell | null;
  /** Messages that could not be taken. */
  quarantine: Quarantine;
  /** The deaths on a message are forgotten. */
  pardon(address: string, id: string): void;
  close(): Promise<void>;
}

const RESTARTS = 5;
const WITHIN_MS = 60_000;
const FIRST_PAUSE_MS = 100;
/** A state folder that cannot be written for so long ends the host: nobody could promise anything any more. */
const UNWRITABLE_MS = 8_000;
const CALM_MS = 15_000;
/** A turn that takes longer hangs: its store does not answer. */
const HUNG_MS = 30_000;
const BEAT_MS = 2_000;
const DEATHS = 3;

export interface SystemOptions {
  definitions: Readonly<Record<string, ActorDefinition>>;
  /** Kinds made at run time. @throws why one may not be used. */
  custom?(kind: string): ActorDefinition | null;
  bus: Bus;
  store: Store;
  clock: Clock;
  chance: Chance;
  log: Log;
  config: Config;
  /** `hosts/<id>`: what belongs to this host alone. */
  hostDir: string;
  /** Folder of a run; of the state for `sys`. */
  bundleOf(run: string): string;
  /** The host cannot go on. */
  fallen(error: unknown): void;
  /** An actor could not be started; whoever asks it hears the same. */
  unable?(address: string, error: ErrorRecord): void;
}

interface Kept {
  cell: Cell | null;
  /** The last try to open it. */
  opening: Promise<void>;
  /** Deaths of its children that it was not there to hear of. */
  mourned: Message[];
  spawn: Spawn;
  parent: string | null;
  deaths: number[];
  callOff: () => void;
}

export function openSystem(options: SystemOptions): System {
  const { definitions, bus, store, clock, chance, log, config, hostDir, bundleOf, fallen } = options;
  const kept = new Map<string, Kept>();
  const poison = openPoison(hostDir);
  const quarantine = openQuarantine(join(hostDir, 'quarantine'), clock, log);
  let closed = false;
  const unwritable = { since: 0, last: Number.NEGATIVE_INFINITY };

  /** An actor that cannot be started (its checkpoint is broken…) answers with the cause instead of not at all. */
  const away = new Map<string, () => void>();
  const keepAway = (address: string, error: ErrorRecord): void => {
    if (closed) return;
    away.set(
      address,
      bus.listen(address, (_, answer) => answer({ error })),
    );
    options.unable?.(address, error);
  };
  const comeBack = (address: string): void => {
    away.get(address)?.();
    away.delete(address);
  };

  const open = async (address: string, entry: Kept): Promise<void> => {
    const { spawn } = entry;
    const def = definitions[spawn.kind] ?? options.custom?.(spawn.kind);
    if (!def) throw fail('NO_ACTOR', { address });
    const place = placeOf(address);
    let dead = false;
    const cell = await openCell(
      def,
      place,
      {
        bus,
        store,
        clock,
        config,
        log: log.child({ run: place.run, kind: place.kind, id: place.id }),
        bundle: bundleOf(place.run),
        spawn: start,
        stop,
        taking: (at, id) => poison.taking(at, id),
        taken: (at, id) => poison.taken(at, id),
        deadLetter: quarantine.keep,
        died(error) {
          dead = true;
          restart(address, entry, error);
        },
      },
      spawn.input,
    );
    if (dead) return;
    if (closed || kept.get(address) !== entry) return cell.stop(); // called off while it was opening
    entry.cell = cell;
    for (const event of entry.mourned.splice(0)) cell.post(event);
  };

  const restart = (address: string, entry: Kept, error: unknown): void => {
    entry.cell = null;
    if (closed || kept.get(address) !== entry) return;
    const now = clock.now();
    const { code = '' } = error as { code?: string };
    if (code === 'STATE_UNWRITABLE' || /^(ENOSPC|EDQUOT|EROFS|EIO)$/.test(code)) {
      if (now - unwritable.last > CALM_MS) unwritable.since = now;
      unwritable.last = now;
      if (now - unwritable.since > UNWRITABLE_MS)
        return fallen(
          code === 'STATE_UNWRITABLE' ? error : fail('STATE_UNWRITABLE', { path: config.state, reason: code }, error),
        );
    }
    entry.deaths = [...entry.deaths.filter((at) => at > now - WITHIN_MS), now];
    if (entry.deaths.length > RESTARTS) return escalate(address, entry, error);
    const pauseMs = FIRST_PAUSE_MS * 2 ** (entry.deaths.length - 1) * (0.5 + chance());
    log.warn({ address, pauseMs, error: toRecord(error) }, 'restarting');
    entry.callOff = clock.after(pauseMs, () => {
      entry.opening = open(address, entry).catch((again: unknown) => restart(address, entry, again));
    });
  };
  const escalate = (address: string, entry: Kept, error: unknown): void => {
    kept.delete(address);
    const record = toRecord(error);
    const death = fail('ACTOR_DIED', {
      address,
      met: entry.deaths.length,
      within: `${WITHIN_MS / 1000} s`,
      reason: record.message,
      fix: record.fix,
    });
    log.error({ error: death.toRecord() }, 'given up');
    const parent = entry.parent && kept.get(entry.parent);
    if (!parent) return fallen(death);
    const event = { type: 'childDied', address, error: death.toRecord(), at: clock.now() } as Message;
    if (parent.cell) parent.cell.post(event);
    else parent.mourned.push(event);
  };

  async function start(spawn: Spawn, parent: string | null): Promise<void> {
    const address = addressOf(spawn);
    const known = kept.get(address);
    if (known) return known.opening;
    const callOff = (): void => undefined;
    const entry: Kept = { cell: null, opening: Promise.resolve(), mourned: [], spawn, parent, deaths: [], callOff };
    kept.set(address, entry);
    comeBack(address);
    entry.opening = open(address, entry).catch((error: unknown) => {
      if (kept.get(address) === entry) {
        kept.delete(address);
        keepAway(address, toRecord(error));
      }
      throw error;
    });
    return entry.opening;
  }
  async function stop(address: string): Promise<void> {
    comeBack(address);
    const entry = kept.get(address);
    if (!entry) return;
    kept.delete(address);
    entry.callOff();
    await entry.opening.catch(() => undefined); // told to whoever started it
    await entry.cell?.stop();
  }

  async function restartNow(address: string): Promise<void> {
    const entry = kept.get(address);
    if (!entry) throw fail('NO_ACTOR', { address });
    entry.callOff();
    await entry.opening.catch(() => undefined); // told to whoever started it
    await entry.cell?.stop();
    entry.cell = null;
    entry.opening = open(address, entry);
    await entry.opening;
  }

  /** The host's pulse, and the watch over turns that hang. */
  const callOffBeat = (function beat(): () => void {
    let callOff = (): void => undefined;
    const tick = (): void => {
      const now = clock.now();
      for (const [address, entry] of kept) {
        const since = entry.cell?.busySince() ?? null;
        if (since === null || now - since < HUNG_MS || store.trouble()) continue; // a full disk is waited out
        const hung = entry.cell!;
        void hung.stop();
        restart(
          address,
          entry,
          fail('STATE_UNWRITABLE', { path: config.state, reason: `a turn of ${address} has taken ${now - since} ms` }),
        );
      }
      bus.wire.publish(
        `rr.sys.host.${config.host}.out.beat`,
        JSON.stringify({ host: config.host, at: now, actors: kept.size, pid: process.pid }),
      );
      callOff = clock.after(BEAT_MS, tick);
    };
    callOff = clock.after(BEAT_MS, tick);
    return () => callOff();
  })();

  return {
    start,
    stop,
    restart: restartNow,
    post: (address, event) => kept.get(address)?.cell?.post(event),
    cell: (address) => kept.get(address)?.cell ?? null,
    quarantine,
    pardon: (address, id) => poison.pardon(address, id),
    living: () =>
      [...kept].map(([address, { cell, parent, deaths }]) => {
        const state = cell?.state();
        return {
          address,
          kind: placeOf(address).kind,
          version: state?.version ?? 0,
          turn: state?.turn ?? 0,
          state: state?.state.value ?? 'restarting',
          owed: state?.owed.length ?? 0,
          parent,
          restarts: deaths.length,
        };
      }),
    async close() {
      closed = true;
      for (const address of [...away.keys()]) comeBack(address);
      callOffBeat();
      await Promise.all([...kept.keys()].map(stop));
    },
  };
}

/**
 * Which message was being taken when the process died. Appended before the turn, without fsync: it has to outlive the
 * process, not the machine. After three deaths on one message it is refused.
 */
function openPoison(dir: string): {
  taking(address: string, id: string): boolean;
  taken(address: string, id: string): void;
  pardon(address: string, id: string): void;
} {
  const file = join(dir, 'taking.log');
  mkdirSync(dirname(file), { recursive: true });
  const deaths = new Map<string, number>();
  const dangling = new Set<string>();
  const keyOf = (address: string, id: string): string => `${address} ${JSON.stringify(id)}`; // an id is anybody's text
  let lines = 0;
  for (const line of existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []) {
    const [mark, rest] = [line[0], line.slice(1)];
    if (mark === '+') dangling.add(rest);
    if (mark === '-') {
      dangling.delete(rest);
      deaths.delete(rest);
    }
    if (mark === 'x') {
      const [count, key] = [Number(rest.slice(0, rest.indexOf(' '))), rest.slice(rest.indexOf(' ') + 1)];
      deaths.set(key, count);
    }
  }
  for (const key of dangling) deaths.set(key, (deaths.get(key) ?? 0) + 1);
  const compact = (): void => {
    writeFileSync(file, [...deaths].map(([key, count]) => `x${count} ${key}\n`).join(''));
    lines = 0;
  };
  compact();
  const append = (text: string): void => {
    lines += 1;
    try {
      appendFileSync(file, `${text}\n`);
    } catch {
      // A full disk: a mark that is missing only lets a message be tried once more.
    }
  };
  return {
    taking(address, id) {
      const key = keyOf(address, id);
      const died = deaths.get(key) ?? 0;
      if (died >= DEATHS) return false;
      append(`+${key}`);
      return true;
    },
    pardon(address, id) {
      const key = keyOf(address, id);
      if (deaths.delete(key)) append(`-${key}`);
    },
    taken(address, id) {
      const key = keyOf(address, id);
      append(`-${key}`);
      deaths.delete(key);
      if (lines > 10_000) compact();
    },
  };
}
