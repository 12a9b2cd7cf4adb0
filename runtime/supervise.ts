/**
 * What a death makes of the actors it has to do with: pure. The words are those of Erlang's supervisors.
 *
 * An actor without a group stands alone: it is one_for_one with a count of its own, since one host keeps all runs alive.
 * The members of a group share one count and one strategy, and are started in their order and stopped in the reverse of it.
 */
export type Strategy = 'one_for_one' | 'one_for_all' | 'rest_for_one';
/** permanent: always started again; transient: only when it died; temporary: never. */
export type Restart = 'permanent' | 'transient' | 'temporary';
/** How an actor ended: it died, or its machine came to its end. */
export type End = 'died' | 'finished';

export interface Supervision {
  strategy: Strategy;
  /** More restarts than this within `periodMs`, and it is given up. */
  intensity: number;
  periodMs: number;
  /** How long it waits before it starts anybody again; default `BACKOFF`. */
  backoff?: Backoff | undefined;
}
/** The first pause; each further one within the period is twice the last, up to the longest. All are spread by chance. */
export interface Backoff {
  firstMs: number;
  mostMs: number;
}
export interface Member {
  address: string;
  restart: Restart;
}
export type Verdict =
  /** It stays ended. */
  | { do: 'leave' }
  /** Stop the first, in their order; after the pause start the others, in theirs. */
  | { do: 'restart'; stop: string[]; start: string[]; pauseMs: number }
  /** All of the group is given up, in this order; its parent is told. */
  | { do: 'escalate'; stop: string[] };

export const ALONE: Supervision = { strategy: 'one_for_one', intensity: 5, periodMs: 60_000 };
export const BACKOFF: Backoff = { firstMs: 100, mostMs: 10_000 };

/**
 * @param members all of the group that are to be alive, in the order they were started.
 * @param restarts when the group was restarted, epoch ms, oldest first; those of long ago may be left out.
 * @param chance in [0, 1): spreads the pauses of many that die of one cause.
 * @returns what to do, and the restarts to remember.
 */
export function onEnd(
  { strategy, intensity, periodMs, backoff: { firstMs, mostMs } = BACKOFF }: Supervision,
  members: readonly Member[],
  restarts: readonly number[],
  { address, end }: { address: string; end: End },
  now: number,
  chance: number,
): { verdict: Verdict; restarts: number[] } {
  const at = members.findIndex((one) => one.address === address);
  const recent = restarts.filter((time) => time > now - periodMs);
  const { restart } = members[at]!;
  if (restart === 'temporary' || (restart === 'transient' && end === 'finished'))
    return { verdict: { do: 'leave' }, restarts: recent };
  const counted = [...recent, now];
  const others = members.filter((one) => one.address !== address);
  if (counted.length > intensity)
    return { verdict: { do: 'escalate', stop: addresses(others).reverse() }, restarts: counted };
  const from = { one_for_one: members.length, one_for_all: 0, rest_for_one: at + 1 }[strategy];
  const touched = members.filter((one, n) => n >= from && one.address !== address);
  // A temporary one is stopped with the others, and stays so.
  const back = touched.filter((one) => one.restart !== 'temporary');
  const start = members.filter((one) => one.address === address || back.includes(one));
  const pauseMs = Math.min(mostMs, firstMs * 2 ** (counted.length - 1)) * (0.5 + chance);
  return {
    verdict: { do: 'restart', stop: addresses(touched).reverse(), start: addresses(start), pauseMs },
    restarts: counted,
  };
}
const addresses = (members: readonly Member[]): string[] => members.map(({ address }) => address);
