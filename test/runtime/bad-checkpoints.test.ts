/** Checkpoints that parse and that nobody can go on from: each is refused by its own code, and left as it is. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { openStore } from '../../checkpoints/store.js';
import { openLog } from '../../runtime/log.js';
import type { Checkpoint } from '../../runtime/store.js';
import { clerk } from './clerk.js';
import { house, scratch } from './real.js';

const place = { run: 'r1', kind: 'clerk', id: 'clerk-1' };
const file = 'runs/r1/checkpoints/agent_state_ClerkAgent.json';
const whole: Checkpoint = {
  ...{ format: 1, ...place, version: 1, epoch: 0, turn: 4 },
  state: { value: 'open', context: { total: 7, dueAt: null }, status: 'active' },
  ...{ owed: [], answers: {}, open: {}, dueCausation: null, cause: null, at: '2026-01-02T03:04:05.678Z' },
};
const owes = (type: string, params: unknown) => ({
  owed: [{ id: 'r1/clerk/clerk-1/0.4.0', type, params, causation: null }],
});
const state = (over: object) => ({ state: { ...whole.state, ...over } });

test.each<[string, object, string, RegExp]>([
  [
    'of another actor',
    { kind: 'health', id: 'health-1' },
    'CHECKPOINT_FOREIGN',
    /is of r1\/health\/health-1, wanted one of r1\/clerk/,
  ],
  ['of another run', { run: 'r2' }, 'CHECKPOINT_FOREIGN', /is of r2\/clerk\/clerk-1/],
  ['of a later format', { format: 2 }, 'CHECKPOINT_FORMAT', /has the format 2, this program knows 1/],
  ['of a later version', { version: 9 }, 'CHECKPOINT_VERSION', /has version 9, this program knows 1/],
  ['with a turn that is none', { turn: -1 }, 'CHECKPOINT_BROKEN', /turn/],
  ['in a state the machine does not have', state({ value: 'asleep' }), 'CHECKPOINT_ILLEGAL', /asleep/],
  ['in a state within one that has none', state({ value: { open: 'wide' } }), 'CHECKPOINT_ILLEGAL', /wide|open/],
  ['without a context', state({ context: null }), 'CHECKPOINT_ILLEGAL', /context is no object/],
  [
    'with a due time that is none',
    state({ context: { total: 0, dueAt: 'soon' } }),
    'CHECKPOINT_ILLEGAL',
    /dueAt is "soon"/,
  ],
  ['that has stopped', state({ status: 'stopped' }), 'CHECKPOINT_ILLEGAL', /status is "stopped"/],
  ['that owes a fact that is none', owes('emit', null), 'CHECKPOINT_ILLEGAL', /emit .* is no fact/],
  ['that owes an ask of nothing', owes('ask', { to: 'r1/a/a' }), 'CHECKPOINT_ILLEGAL', /ask .* has no command/],
  [
    'that owes an ask to nobody',
    owes('ask', { to: '../x', command: { type: 'a.b' } }),
    'CHECKPOINT_ILLEGAL',
    /"..\/x", which is no address/,
  ],
])(
  'a checkpoint %s is refused with its code, the reason and the next step, and stays',
  async (_, over, code, reason) => {
    const dir = scratch();
    const path = join(dir, file);
    mkdirSync(dirname(path), { recursive: true });
    const text = JSON.stringify({ ...whole, ...over });
    writeFileSync(path, text);
    const h = await house({ clerk: clerk() }, { state: dir });
    const error = await h.system.start(place, null).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code,
      message: expect.stringMatching(reason),
      fix: expect.stringMatching(/rr |remove /),
    });
    // Who asks it hears the same; and it is not given up.
    const asked = h.bus.ask('r1/clerk/clerk-1', { type: 'note.add' }, { deadlineAt: Date.now() + 3_000 });
    await expect(asked).rejects.toMatchObject({ code });
    await h.caughtUp();
    expect(readFileSync(path, 'utf8')).toBe(text);
    writeFileSync(path, JSON.stringify(whole));
    await h.system.start(place, null);
    expect(h.system.cell('r1/clerk/clerk-1')!.state()).toMatchObject({ turn: 4, state: { context: { total: 7 } } });
  },
);

test('a checkpoint that only the journal holds is looked at as well', async () => {
  const dir = scratch();
  const store = openStore(dir, 'test-host', { flush: 'fsync', log: openLog('silent', 2) });
  await store.commit({ checkpoint: { ...whole, ...state({ value: 'asleep' }) } as Checkpoint, facts: [], audit: [] });
  await store.close();
  writeFileSync(join(dir, file), '{"cut');
  writeFileSync(join(dir, 'hosts/test-host/journal/mark.json'), '');
  const h = await house({ clerk: clerk() }, { state: dir });
  await expect(h.system.start(place, null)).rejects.toMatchObject({ code: 'CHECKPOINT_ILLEGAL' });
});
