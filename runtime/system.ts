/**
 * The actors of one host: started, watched, restarted, stopped.
 *
 * An actor that dies (its checkpoint cannot be saved, a turn hangs) is started again from its checkpoint after a
 * jittered back-off, alone at most 5 times in 60 s, or with its group as that says (supervise.ts); then its death is told
 * to its parent, for whom it is a message like any other. The admin is the root: its death ends the host, and so does a
 * state folder that stays unwritable.
 */
import { join } from 'node:path';
import type { ActorDefinition, Group, Message, Spawn } from './actor.js';
import type { Bus } from './bus.js';
import type { Chance, Clock } from './clock.js';
import type { Config } from './config.js';
import { type ErrorRecord, fail, toRecord } from './errors.js';
import type { Log } from './log.js';
import { openSleepers } from './passive.js';
import { openPoison } from './poison.js';
import { openQuarantine, type Quarantine } from './quarantine.js';
import type { Store } from './store.js';
import { addressOf, placeOf } from './subjects.js';
import { ALONE, type Member, onEnd, type Supervision } from './supervise.js';
import { type Cell, openCell } from './turn.js';

export interface System {
  /** Starts or resumes an actor. A second start of a living one does nothing. */
  start(spawn: Spawn, parent: string | null): Promise<void>;
  /** @param cause what whoever asks it something hears from then on; without one nobody answers there. */
  stop(address: string, cause?: ErrorRecord): Promise<void>;
  /** Ends an actor's loop and opens it again from its checkpoint. @throws NO_ACTOR, or why it does not open. */
  restart(address: string): Promise<void>;
  sleeps(address: string): boolean;
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

const MOST_DEATHS = 100;
/** A state folder that cannot be written for so long ends the host: nobody could promise anything any more. */
const UNWRITABLE_MS = 8_000;
const CALM_MS = 15_000;
/** A turn that takes longer hangs: its store does not answer. */
const HUNG_MS = 30_000;
const BEAT_MS = 2_000;

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
  const poison = openPoison(hostDir, clock);
  const quarantine = openQuarantine(join(hostDir, 'quarantine'), clock, log);
  let closed = false;
  /** When groups were restarted of late. */
  const counts = new Map<string, number[]>();
  const unwritable = { since: 0, last: Number.NEGATIVE_INFINITY };

  const sleepers = openSleepers(bus, (address, parent) => start(placeOf(address), parent));
  /** Sends those to sleep that have rested long enough, now and then. */
  let callOffRest = (): void => undefined;
  const rest = (): void => {
    callOffRest = clock.after(Math.min(BEAT_MS, config.passivateMs), rest);
    const now = clock.now();
    for (const [address, { cell, parent }] of kept) {
      if (!cell || cell.def.awake) continue;
      const since = cell.restingSince();
      if (since === null || now - since < config.passivateMs) continue;
      kept.delete(address);
      void cell.stop();
      sleepers.add(address, parent, cell.state().turn);
    }
  };

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
    let ownLog: Log | null = null;
    const cell = await openCell(
      def,
      place,
      {
        bus,
        store,
        clock,
        config,
        log: () => (ownLog ??= log.child({ run: place.run, kind: place.kind, id: place.id })),
        bundle: bundleOf(place.run),
        spawn: start,
        stop,
        heard(from, command) {
          // What goes by the wire may come twice, and late. A run's own agents keep theirs, for a run that is restored.
          if (!config.forceWire && from.startsWith('sys/')) kept.get(from)?.cell?.heard(command);
        },
        taking: poison.taking,
        taken: poison.taken,
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
    const { group } = entry.spawn;
    const mates = group ? matesOf(address, entry) : [address];
    const members = mates.map(
      (one): Member => ({ address: one, restart: kept.get(one)!.spawn.restart ?? 'permanent' }),
    );
    const count = group ? (counts.get(groupOf(address, group)) ?? []) : entry.deaths;
    const { verdict, restarts } = onEnd(group ?? ALONE, members, count, { address, end: 'died' }, now, chance());
    if (group) counts.set(groupOf(address, group), restarts);
    entry.deaths = group ? [...entry.deaths, now].slice(-MOST_DEATHS) : restarts;
    log.warn({ address, verdict, error: toRecord(error) }, 'died');
    if (verdict.do === 'leave') {
      kept.delete(address);
      return left([address], entry.parent);
    }
    const stopping = Promise.all(verdict.stop.map(halt));
    if (verdict.do === 'escalate') {
      for (const one of verdict.stop) kept.delete(one);
      if (group) counts.delete(groupOf(address, group));
      return escalate(address, entry, error, { met: restarts.length, others: verdict.stop, ...(group ?? ALONE) });
    }
    const over = verdict.stop.filter((one) => !verdict.start.includes(one));
    for (const one of over) kept.delete(one);
    left(over, entry.parent);
    const again = verdict.start.map((one) => [one, kept.get(one)!] as const);
    const callOff = clock.after(verdict.pauseMs, () => {
      void stopping.then(async () => {
        for (const [one, mate] of again) {
          if (closed || kept.get(one) !== mate || mate.cell) continue;
          mate.opening = open(one, mate).catch((failure: unknown) => restart(one, mate, failure));
          await mate.opening;
        }
      });
    });
    for (const [, mate] of again) mate.callOff = callOff;
  };
  /** Those that are not started again are told to their parent, too: nobody may bring them back at the next start. */
  const left = (addresses: string[], of: string | null): void => {
    const parent = of === null ? undefined : kept.get(of);
    for (const address of addresses) tellParent(parent, { type: 'childLeft', address, at: clock.now() } as Message);
  };
  const tellParent = (parent: Kept | undefined, event: Message): void => {
    if (parent?.cell) parent.cell.post(event);
    else parent?.mourned.push(event);
  };
  /** The actors of one group of a run, in the order they were started. */
  const matesOf = (address: string, { spawn }: Kept): string[] =>
    [...kept].flatMap(([one, mate]) =>
      mate.spawn.run === spawn.run && mate.spawn.group?.name === spawn.group?.name && (one === address || mate.cell)
        ? [one]
        : [],
    );
  const groupOf = (address: string, { name }: Group): string => `${placeOf(address).run} ${name}`;
  /** Ends the loop of one that is to be started again. */
  const halt = async (address: string): Promise<void> => {
    const { cell } = kept.get(address)!;
    kept.get(address)!.cell = null;
    await cell?.stop();
  };
  /** Until somebody has decided, whoever asks it something waits. */
  const goDown = (address: string, reason: string): void => {
    const down = fail('ACTOR_DOWN', { address, reason }).toRecord();
    away.set(
      address,
      bus.listen(address, (_, answer) => answer({ error: down })),
    );
  };
  const escalate = (
    address: string,
    entry: Kept,
    error: unknown,
    { met, others, periodMs }: Supervision & { met: number; others: string[] },
  ): void => {
    kept.delete(address);
    const record = toRecord(error);
    const death = fail('ACTOR_DIED', {
      address,
      met,
      within: `${periodMs / 1000} s`,
      reason: record.message,
      fix: record.fix,
    });
    log.error({ error: death.toRecord() }, 'given up');
    const parent = entry.parent && kept.get(entry.parent);
    if (!parent) return fallen(death);
    for (const one of [address, ...others]) goDown(one, death.message);
    tellParent(parent, { type: 'childDied', address, error: death.toRecord(), at: clock.now() } as Message);
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
    const awake = (): void => void sleepers.delete(address);
    entry.opening.then(awake, awake);
    return entry.opening;
  }
  async function stop(address: string, cause?: ErrorRecord): Promise<void> {
    comeBack(address);
    await sleepers.waking(address);
    sleepers.delete(address);
    const entry = kept.get(address);
    if (entry) {
      kept.delete(address);
      entry.callOff();
      await entry.opening.catch(() => undefined); // told to whoever started it
      await entry.cell?.stop();
    }
    if (cause) keepAway(address, cause);
  }

  async function restartNow(address: string): Promise<void> {
    await sleepers.wake(address);
    const entry = kept.get(address);
    if (!entry) throw fail('NO_ACTOR', { address });
    entry.callOff();
    await entry.opening.catch(() => undefined); // told to whoever started it
    await entry.cell?.stop();
    entry.cell = null;
    entry.opening = open(address, entry);
    await entry.opening;
  }

  rest();
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
        JSON.stringify({ host: config.host, at: now, actors: kept.size + sleepers.size, pid: process.pid }),
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
    sleeps: sleepers.has,
    post: (address, event) => kept.get(address)?.cell?.post(event),
    cell: (address) => kept.get(address)?.cell ?? null,
    quarantine,
    pardon: poison.pardon,
    living: () => [
      ...[...kept].map(([address, { cell, parent, deaths }]) => {
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
      ...sleepers.list().map(({ address, parent, turn }) => {
        const { kind } = placeOf(address);
        const version = (definitions[kind] ?? options.custom?.(kind))?.version ?? 0;
        return { address, kind, version, turn, state: 'asleep', owed: 0, parent, restarts: 0 };
      }),
    ],
    async close() {
      closed = true;
      for (const address of [...away.keys()]) comeBack(address);
      callOffBeat();
      callOffRest();
      sleepers.close();
      await Promise.all([...kept.keys()].map((address) => stop(address)));
      poison.close();
    },
  };
}
