/**
 * Semaphores of the system: pure. Granted in the order of asking; the first of the queue waits for room as its own limit
 * has it, and nobody overtakes it. What a run holds is given back by its steps, and all of it when the run gives its
 * slot back, however it ended.
 */
export interface Ticket {
  name: string;
  run: string;
  step: string;
  attempt: number;
}
export interface Semaphore {
  held: Ticket[];
  queue: (Ticket & { limit: number })[];
}
export type Semaphores = Readonly<Record<string, Semaphore>>;
/** What came of it: whose turn has come while they waited. */
interface Made {
  semaphores: Semaphores;
  called: Ticket[];
}

const isSame = (a: Ticket, b: Ticket): boolean => a.run === b.run && a.step === b.step && a.attempt === b.attempt;
const none: Semaphore = { held: [], queue: [] };
export const holds = (all: Semaphores, ticket: Ticket): boolean =>
  (all[ticket.name] ?? none).held.some((one) => isSame(one, ticket));

/** @returns whether it was granted; else how many are before it. */
export function acquire(
  all: Semaphores,
  { limit, ...ticket }: Ticket & { limit: number },
): { semaphores: Semaphores; granted: boolean; before: number } {
  const { held, queue } = all[ticket.name] ?? none;
  const place = queue.findIndex((one) => isSame(one, ticket));
  if (holds(all, ticket)) return { semaphores: all, granted: true, before: 0 };
  if (place >= 0) return { semaphores: all, granted: false, before: place };
  const granted = queue.length === 0 && held.length < limit;
  const next = granted ? { held: [...held, ticket], queue } : { held, queue: [...queue, { ...ticket, limit }] };
  return { semaphores: { ...all, [ticket.name]: next }, granted, before: queue.length };
}
/** Takes out those that fit, held or waiting, and calls whose turn it is then. */
function without(all: Semaphores, name: string, fits: (ticket: Ticket) => boolean): Made {
  const before = all[name] ?? none;
  const held = before.held.filter((one) => !fits(one));
  const queue = before.queue.filter((one) => !fits(one));
  const called: Ticket[] = [];
  while (queue[0] && held.length < queue[0].limit) {
    const { limit: _, ...ticket } = queue.shift()!;
    held.push(ticket);
    called.push(ticket);
  }
  const { [name]: __, ...others } = all;
  return { semaphores: held.length + queue.length === 0 ? others : { ...all, [name]: { held, queue } }, called };
}
export const release = (all: Semaphores, ticket: Ticket): Made =>
  without(all, ticket.name, (one) => isSame(one, ticket));
/** The run is over. */
export function forget(all: Semaphores, run: string): Made {
  const called: Ticket[] = [];
  let semaphores = all;
  for (const [name, { held, queue }] of Object.entries(all)) {
    if (![...held, ...queue].some((one) => one.run === run)) continue;
    const made = without(semaphores, name, (one) => one.run === run);
    semaphores = made.semaphores;
    called.push(...made.called);
  }
  return { semaphores, called };
}
