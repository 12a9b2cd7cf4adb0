/** What becomes of a version that is put back. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { restored } from '../../checkpoints/restore.js';
import type { Checkpoint, Effect } from '../../runtime/store.js';

const effect = (type: string, n: number): Effect => ({ id: `r1/a/a-1/0.${n}.0`, type, params: {}, causation: null });
const checkpoint = (epoch: number, turn: number, owed: Effect[] = []): Checkpoint => ({
  format: 1,
  kind: 'a',
  id: 'a-1',
  run: 'r1',
  version: 1,
  epoch,
  turn,
  state: { value: 'up', context: { turn }, status: 'active' },
  owed,
  answers: {},
  open: {},
  dueCausation: null,
  at: '2026-01-01T00:00:00.000Z',
});
const restore = (version: Checkpoint, newest: Checkpoint | null, known: string[] = [], dropOwed = false) =>
  restored({ version, newest, known, dropOwed, by: 'local', now: 0 });

test('no effect of a restored actor can ever bear an id that any version of it has used', () => {
  const version = fc.tuple(fc.nat(5), fc.nat(50));
  fc.assert(
    fc.property(version, fc.array(version), fc.option(version), ([epoch, turn], others, newest) => {
      const known = others.map(([e, t]) => `${e}.${t}`);
      const { checkpoint: now } = restore(checkpoint(epoch, turn), newest && checkpoint(...newest), known);
      for (const [e] of [[epoch], ...others, ...(newest ? [newest] : [])]) expect(now.epoch).toBeGreaterThan(e!);
      expect(now.turn).toBe(turn);
      expect(now.state).toEqual(checkpoint(epoch, turn).state);
    }),
  );
});

test('what it owed it owes again under the same ids; orders about the lives of others only if they stand still', () => {
  const [ask, own, spawn, stop] = [
    effect('ask', 1),
    effect('probe', 2),
    effect('spawn', 3),
    effect('stop', 4),
  ] as const;
  const version = checkpoint(0, 4, [ask, own, spawn, stop]);
  const { checkpoint: now, kept, dropped, line } = restore(version, checkpoint(0, 9, [stop]));
  expect(now.owed).toEqual([ask, own, stop]);
  expect([kept, dropped]).toEqual([[ask, own, stop], [spawn]]);
  expect(line).toMatchObject({
    type: 'checkpoints.restored',
    from: 'local',
    payload: { address: 'r1/a/a-1', from: '0.9', to: '0.4', as: '1.4', by: 'local', dropped: [spawn.id] },
  });
  expect(restore(version, null, [], true).checkpoint.owed).toEqual([]);
});
