/** Time and chance as arguments, so that a seed can drive both. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Calls back once after `ms`; the returned function calls it off. Longer than 2^31 ms is cut into pieces. */
  after(ms: number, call: () => void): () => void;
}
/** A number in [0, 1). */
export type Chance = () => number;

const LONGEST_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, call) {
    let timer: NodeJS.Timeout;
    const arm = (left: number): void => {
      timer = setTimeout(
        () => (left > LONGEST_MS ? arm(left - LONGEST_MS) : call()),
        Math.min(Math.max(0, left), LONGEST_MS),
      );
    };
    arm(ms);
    return () => clearTimeout(timer);
  },
};

/** So coarse are the times of `coarse`: what waits for an answer needs no more. */
const COARSE_MS = 50;

/**
 * The same clock for many short waits that are mostly called off: those that end within the same 50 ms share one timer.
 * None ends early; each ends at most 50 ms late.
 */
export function coarse(clock: Clock): Clock & { close(): void } {
  const waits = new Map<number, Set<() => void>>();
  const timers = new Map<number, () => void>();
  return {
    now: () => clock.now(),
    after(ms, call) {
      const at = Math.ceil((clock.now() + ms) / COARSE_MS) * COARSE_MS;
      let set = waits.get(at);
      if (!set) {
        const calls = new Set<() => void>();
        set = calls;
        waits.set(at, calls);
        const callOff = clock.after(at - clock.now(), () => {
          waits.delete(at);
          timers.delete(at);
          for (const one of calls) one();
        });
        timers.set(at, callOff);
      }
      const calls = set;
      const mine = (): void => call(); // the same function may wait twice
      calls.add(mine);
      return () => void calls.delete(mine);
    },
    close() {
      for (const callOff of timers.values()) callOff();
      timers.clear();
      waits.clear();
    },
  };
}
