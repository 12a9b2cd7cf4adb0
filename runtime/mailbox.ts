/**
 * How much may wait for an actor. A message beyond that is refused as busy at once: its sender has it still, and asks
 * again. What effects report is never refused: it is bounded by what the actor owes.
 */

/** The most bytes of commands that wait for one actor, about. */
export const MAILBOX_BYTES = 64 * 1024 * 1024;
/** As few as this are not weighed: that takes as long as reading them, and hardly ever do more wait. */
const FEW = 16;

/** One an actor: a class, since there may be very many. */
export class Mailbox {
  private held = 0;
  private reason = '';

  /** @param most how many may wait. */
  constructor(private readonly most: number) {}

  /**
   * What a command weighs, in bytes; it waits from now on, until `took` is told of it.
   * @param waiting how many wait already.
   * @returns null when there is no room, and `why` says it.
   */
  weigh(envelope: object, waiting: number): number | null {
    if (waiting >= this.most) {
      this.reason = `${waiting} messages wait for it, the most its mailbox takes`;
      return null;
    }
    if (waiting < FEW) return 0;
    const bytes = sizeOf(envelope);
    if (this.held + bytes > MAILBOX_BYTES) {
      this.reason = `${waiting} messages of ${this.held} bytes wait for it, and its mailbox takes ${MAILBOX_BYTES} bytes`;
      return null;
    }
    this.held += bytes;
    return bytes;
  }
  took(bytes: number): void {
    this.held -= bytes;
  }
  why(): string {
    return this.reason;
  }
}

const WORD = 8;
/** About what a value out of JSON takes in memory. */
function sizeOf(value: unknown): number {
  if (typeof value === 'string') return 2 * WORD + value.length;
  if (value === null || typeof value !== 'object') return WORD;
  let bytes = 4 * WORD;
  for (const key in value) bytes += 2 * WORD + sizeOf((value as Record<string, unknown>)[key]);
  return bytes;
}
