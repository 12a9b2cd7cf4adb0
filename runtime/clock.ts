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
