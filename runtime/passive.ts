/**
 * Actors that sleep: they owe nothing, wait for nothing and were asked nothing for a while. Of each only its name is
 * held; its checkpoint is where it always is. The next message to it wakes it: it is opened from its checkpoint, then
 * hears what was said, in order.
 */
import type { Bus, Inbox } from './bus.js';
import { toRecord } from './errors.js';
import { placeOf } from './subjects.js';

export interface Sleepers {
  /** It sleeps from now on; it must have stopped listening. */
  add(address: string, parent: string | null, turn: number): void;
  has(address: string): boolean;
  /** Forgets a sleeper. @returns whether there was one. */
  delete(address: string): boolean;
  /** Wakes one and resolves when it lives; at once when it does not sleep. @throws why it does not open. */
  wake(address: string): Promise<void>;
  /** Resolves when one that is being woken lives, or does not open. */
  waking(address: string): Promise<void>;
  list(): { address: string; parent: string | null; turn: number }[];
  readonly size: number;
  close(): void;
}

/** @param open starts an actor from its checkpoint. */
export function openSleepers(bus: Bus, open: (address: string, parent: string | null) => Promise<void>): Sleepers {
  /** By parent and turn, since most have the same: `asleep` then costs a name and a reference each. */
  const asleep = new Map<string, Note>();
  const notes = new Map<string, Note>();
  const waking = new Map<string, Promise<void>>();
  /** The commands of a run are heard as long as one of its actors sleeps. */
  const runs = new Map<string, { sleepers: number; end: () => void }>();

  const forget = (address: string): Note | null => {
    const note = asleep.get(address);
    if (!note) return null;
    asleep.delete(address);
    const { run } = placeOf(address);
    const held = runs.get(run)!;
    held.sleepers -= 1;
    if (held.sleepers === 0) {
      held.end();
      runs.delete(run);
    }
    return note;
  };
  const wake = (address: string): Promise<void> => {
    const under = waking.get(address);
    if (under) return under;
    const note = asleep.get(address);
    if (!note) return Promise.resolve();
    // It is forgotten only when it listens: nothing that is said meanwhile falls between.
    const awake = open(address, note.parent).finally(() => {
      waking.delete(address);
      forget(address);
    });
    waking.set(address, awake);
    return awake;
  };
  const hear = (address: string): Inbox | null =>
    asleep.has(address)
      ? (envelope, answer, near) => {
          wake(address).then(
            () => bus.deliver(address, envelope, answer, near),
            (error: unknown) => answer({ error: toRecord(error) }),
          );
        }
      : null;
  const deaf = bus.otherwise(hear);

  return {
    add(address, parent, turn) {
      const key = `${turn} ${parent}`;
      let note = notes.get(key);
      if (!note) {
        if (notes.size > 10_000) notes.clear();
        note = { parent, turn };
        notes.set(key, note);
      }
      asleep.set(address, note);
      const { run } = placeOf(address);
      const held = runs.get(run) ?? { sleepers: 0, end: bus.hold(run) };
      held.sleepers += 1;
      runs.set(run, held);
    },
    has: (address) => asleep.has(address),
    delete: (address) => forget(address) !== null,
    wake,
    waking: async (address) => waking.get(address)?.catch(() => undefined),
    list: () => [...asleep].map(([address, { parent, turn }]) => ({ address, parent, turn })),
    get size() {
      return asleep.size;
    },
    close() {
      deaf();
      for (const { end } of runs.values()) end();
      runs.clear();
      asleep.clear();
    },
  };
}
interface Note {
  parent: string | null;
  turn: number;
}
