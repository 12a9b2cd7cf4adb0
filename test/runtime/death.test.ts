/** A host that is killed: real processes, a real broker, real files. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { readLines } from '../../checkpoints/ledger.js';
import type { Message } from '../../runtime/actor.js';
import { mortal, realBus, scratch } from './real.js';

const address = 'r1/mortal/mortal-1';
const gone = async (host: ChildProcess): Promise<void> => {
  if (host.exitCode === null && host.signalCode === null) await once(host, 'exit');
};
/** A client that asks for one thing, again in every life of the host rather than after its 5 s. */
async function client(id: string, command: object) {
  const bus = await realBus();
  const about = () => ({ deadlineAt: Date.now() + 20_000, id });
  return {
    bus,
    ask: () => bus.ask(address, command as Message, about()).catch((error: unknown) => error),
  };
}

const asCommand = { command: { id: 'poison', type: 'mortal.die', from: 'client', payload: {} }, report: null };
const asReport = {
  command: null,
  report: { event: { type: 'brewed' }, causation: 'poison', settles: `${address}/0.1.0` },
};
test.each([
  ['a command', 'mortal.die', asCommand],
  ['what an effect reported', 'mortal.poison', asReport],
])(
  '%s that ends its process is refused after three deaths, kept aside whole, and the actor lives on',
  async (_, type, whole) => {
    const state = scratch();
    const { bus, ask } = await client('poison', { type });
    for (let deaths = 0; deaths < 3; deaths += 1) {
      const host = await mortal(state);
      void ask();
      await gone(host);
      expect(host.signalCode).toBe('SIGKILL');
    }
    const host = await mortal(state);
    expect(await ask()).toMatchObject({ code: 'QUARANTINED' });
    const folder = join(state, 'hosts/mortal-host/quarantine');
    const [name, ...others] = readdirSync(folder);
    expect(others).toEqual([]);
    expect(statSync(join(folder, name!)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(join(folder, name!), 'utf8'))).toMatchObject({
      ...whole,
      address,
      error: { code: 'QUARANTINED' },
    });
    const add = { type: 'mortal.add', n: 2 } as Message;
    expect(await bus.ask(address, add, { deadlineAt: Date.now() + 5_000 })).toMatchObject({ total: 2 });
    expect(host.exitCode).toBe(null);
  },
  90_000,
);

test('an effect cut short by a kill is done again under its id, and a repeat of its command changes nothing', async () => {
  const state = scratch();
  const { ask } = await client('w1', { type: 'mortal.work', ms: 4_000 });
  let host = await mortal(state);
  void ask();
  const log = join(state, 'runs/r1/performed.log');
  while (!existsSync(log)) await sleep(5);
  host.kill('SIGKILL');
  await gone(host);
  host = await mortal(state);
  expect(await ask()).toEqual({ type: 'mortal.added', total: 1 });
  const [first, second, ...more] = readFileSync(log, 'utf8').trim().split('\n');
  expect([second, more]).toEqual([first, []]);

  host.kill('SIGKILL');
  await gone(host);
  await mortal(state);
  expect(await ask()).toEqual({ type: 'mortal.added', total: 1 });
  await expect
    .poll(() => readLines(join(state, 'runs/r1/facts.ndjson')))
    .toMatchObject([{ seq: 1, type: 'mortal.added' }]);
}, 60_000);

test('a due time comes although the host was dead when it came', async () => {
  const state = scratch();
  const { ask } = await client('l1', { type: 'mortal.later', at: Date.now() + 2_000 });
  const host = await mortal(state);
  void ask();
  const file = join(state, 'runs/r1/checkpoints/agent_state_MortalAgent.json');
  while (!existsSync(file) || !readFileSync(file, 'utf8').includes('"l1"')) await sleep(5);
  host.kill('SIGKILL');
  await sleep(2_000);
  await mortal(state);
  expect(await ask()).toEqual({ type: 'mortal.added', total: 100 });
}, 90_000);
