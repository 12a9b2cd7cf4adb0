/** A host that is killed: real processes, a real broker, real files. */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { readLines } from '../../checkpoints/ledger.js';
import type { Message } from '../../runtime/actor.js';
import { mortal, realBus, scratch } from './real.js';

const address = 'r1/mortal/mortal-1';
const soon = (ms = 20_000) => Date.now() + ms;

test.each([
  ['a command', 'mortal.die'],
  ['what an effect reported', 'mortal.poison'],
])(
  '%s that ends its process is refused after three deaths, kept aside, and the actor lives on',
  async (_, type) => {
    const state = scratch();
    const bus = await realBus();
    let host = await mortal(state);
    const answer = bus.ask(address, { type }, { deadlineAt: soon(), id: 'poison' }).catch((error: unknown) => error);
    let deaths = 0;
    for (; deaths < 3; deaths += 1) {
      await once(host, 'exit');
      expect(host.signalCode).toBe('SIGKILL');
      host = await mortal(state);
    }
    expect(await answer).toMatchObject({ code: 'QUARANTINED' });
    expect(readFileSync(join(state, 'hosts/mortal-host/dead-letters.ndjson'), 'utf8')).toContain('QUARANTINED');
    expect(await bus.ask(address, { type: 'mortal.add', n: 2 } as Message, { deadlineAt: soon() })).toMatchObject({
      total: 2,
    });
    expect(host.exitCode).toBe(null);
  },
  30_000,
);

test('an effect cut short by a kill is done again under its id, its command answered, and a repeat changes nothing', async () => {
  const state = scratch();
  const bus = await realBus();
  let host = await mortal(state);
  const work = { type: 'mortal.work', ms: 400 } as Message;
  const answer = bus.ask(address, work, { deadlineAt: soon(), id: 'w1' });
  const log = join(state, 'runs/r1/performed.log');
  while (!existsSync(log)) await sleep(5);
  host.kill('SIGKILL');
  await once(host, 'exit');
  host = await mortal(state);
  expect(await answer).toEqual({ type: 'mortal.added', total: 1 });
  const [first, second, ...more] = readFileSync(log, 'utf8').trim().split('\n');
  expect([second, more]).toEqual([first, []]);

  host.kill('SIGKILL');
  await once(host, 'exit');
  await mortal(state);
  expect(await bus.ask(address, work, { deadlineAt: soon(), id: 'w1' })).toEqual({ type: 'mortal.added', total: 1 });
  expect(readLines<{ type: string }>(join(state, 'runs/r1/facts.ndjson')).map(({ type }) => type)).toEqual([
    'mortal.added',
  ]);
}, 30_000);

test('a due time comes although the host was dead when it came', async () => {
  const state = scratch();
  const bus = await realBus();
  const host = await mortal(state);
  const answer = bus.ask(address, { type: 'mortal.later', at: Date.now() + 600 } as Message, { deadlineAt: soon() });
  const file = join(state, 'runs/r1/checkpoints/agent_state_MortalAgent.json');
  while (!readFileSync(file, 'utf8').includes('"open": {\n    "')) await sleep(5);
  host.kill('SIGKILL');
  await sleep(700);
  await mortal(state);
  expect(await answer).toEqual({ type: 'mortal.added', total: 100 });
}, 30_000);
