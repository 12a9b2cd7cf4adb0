/** The supervisor against a model of it that was written apart: one that walks lists and keeps who is alive. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Backoff,
  type End,
  type Member,
  onEnd,
  type Restart,
  type Strategy,
  type Supervision,
} from '../../runtime/supervise.js';

/** The model: a group of named children, alive or not, and what happened to them. */
class Model {
  alive = new Map<string, boolean>();
  history: number[] = [];
  isGivenUp = false;
  constructor(
    readonly spec: Supervision,
    readonly kinds: Map<string, Restart>,
  ) {
    for (const name of kinds.keys()) this.alive.set(name, true);
  }
  ends(name: string, end: End, now: number): void {
    this.alive.set(name, false);
    const kind = this.kinds.get(name)!;
    const comesBack = kind === 'permanent' || (kind === 'transient' && end === 'died');
    if (!comesBack) return void this.alive.delete(name);
    this.history.push(now);
    let within = 0;
    for (const time of this.history) if (now - time < this.spec.periodMs) within += 1;
    if (within > this.spec.intensity) {
      this.isGivenUp = true;
      this.alive.clear();
      return;
    }
    const order = [...this.alive.keys()];
    const restarted: string[] = [];
    let isBehind = false;
    for (const one of order) {
      if (one === name) {
        restarted.push(one);
        isBehind = true;
      } else if (this.spec.strategy === 'one_for_all' || (this.spec.strategy === 'rest_for_one' && isBehind))
        restarted.push(one);
    }
    for (const one of restarted) {
      if (this.kinds.get(one) === 'temporary') this.alive.delete(one);
      else this.alive.set(one, true);
    }
  }
}

test('whoever dies, whenever: the same live, the same are given up, in order', () => {
  const spec = fc.record({
    strategy: fc.constantFrom<Strategy>('one_for_one', 'one_for_all', 'rest_for_one'),
    intensity: fc.integer({ min: 0, max: 4 }),
    periodMs: fc.integer({ min: 1, max: 1_000 }),
  });
  const kinds = fc.array(fc.constantFrom<Restart>('permanent', 'transient', 'temporary'), {
    minLength: 1,
    maxLength: 6,
  });
  const events = fc.array(
    fc.record({ who: fc.nat(5), end: fc.constantFrom<End>('died', 'finished'), later: fc.nat(600) }),
    { maxLength: 20 },
  );
  fc.assert(
    fc.property(spec, kinds, events, (supervision, restarts, ends) => {
      const named = restarts.map((restart, n): Member => ({ address: `r/k/${n}`, restart }));
      const model = new Model(supervision, new Map(named.map(({ address, restart }) => [address, restart])));
      let members = named;
      let times: number[] = [];
      let now = 1_000;
      for (const { who, end, later } of ends) {
        now += later;
        const one = members[who % Math.max(1, members.length)];
        if (!one || model.isGivenUp) return;
        const { verdict, restarts: remembered } = onEnd(
          supervision,
          members,
          times,
          { address: one.address, end },
          now,
          0.5,
        );
        times = remembered;
        model.ends(one.address, end, now);
        expect(verdict.do === 'escalate').toBe(model.isGivenUp);
        const order = (list: string[]): string[] =>
          [...list].sort((a, b) => named.findIndex((m) => m.address === a) - named.findIndex((m) => m.address === b));
        if (verdict.do === 'leave') members = members.filter((m) => m !== one);
        if (verdict.do === 'restart') {
          expect(verdict.start).toEqual(order(verdict.start));
          expect(verdict.stop).toEqual(order(verdict.stop).reverse());
          expect(verdict.pauseMs).toBeGreaterThan(0);
          members = members.filter(
            (m) => m === one || !verdict.stop.includes(m.address) || verdict.start.includes(m.address),
          );
        }
        if (verdict.do === 'escalate') {
          expect(verdict.stop).toEqual(order(members.filter((m) => m !== one).map((m) => m.address)).reverse());
          members = [];
        }
        expect(members.map(({ address }) => address)).toEqual([...model.alive.keys()]);
      }
    }),
    { numRuns: 5_000 },
  );
});

test('pauses grow with every restart of late up to the longest, and are spread by chance', () => {
  const members: Member[] = [{ address: 'r/k/1', restart: 'permanent' }];
  const pause = (restarts: number[], chance: number, backoff?: Backoff) => {
    const spec: Supervision = { strategy: 'one_for_one', intensity: 1_000, periodMs: 60_000, backoff };
    const { verdict } = onEnd(spec, members, restarts, { address: 'r/k/1', end: 'died' }, 1_000, chance);
    return verdict.do === 'restart' ? verdict.pauseMs : null;
  };
  expect([pause([], 0), pause([], 0.99), pause([900], 0), pause([800, 900], 0)]).toEqual([50, 149, 100, 200]);
  const many = Array(900).fill(900);
  expect([pause(many, 0), pause(many, 0.5), pause([900], 0.5, { firstMs: 30, mostMs: 1_000 })]).toEqual([
    5_000, 10_000, 60,
  ]);
  const backoff = { firstMs: 40, mostMs: 70 };
  expect([pause([], 0.5, backoff), pause([900], 0.5, backoff), pause(many, 0.5, backoff)]).toEqual([40, 70, 70]);
});
