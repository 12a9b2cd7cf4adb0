/** One life of the host of `recover`. Arguments: state folder, file for what was done, `begin` or `go on`, how many runs. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { setup } from 'xstate';
import { z } from 'zod';
import { defineActor, effect, type Message } from '../../runtime/actor.js';
import { openWorld } from './world.js';

const [state, file, how, runs] = process.argv.slice(2) as [string, string, string, string];
const log = openSync(file, 'a');
let firstStep = 0;
/** Writes down that it was done, then says so. */
const worker = defineActor({
  kind: 'noop',
  version: 1,
  accepts: z.strictObject({ type: z.literal('noop.do') }),
  emits: z.strictObject({ type: z.literal('noop.done') }),
  ends: ['noop.done'],
  machine: setup({
    types: { events: {} as { type: 'noop.do' } | { type: 'worked' } },
    actions: { work: effect<object>(), emit: effect<Message>() },
  }).createMachine({
    id: 'noop',
    context: {},
    initial: 'up',
    states: {
      up: {
        on: {
          'noop.do': { actions: { type: 'work', params: {} } },
          worked: { actions: { type: 'emit', params: { type: 'noop.done' } as Message } },
        },
      },
    },
  }),
  effects: {
    work: async (_, { causation }) => {
      firstStep ||= Date.now();
      writeSync(log, `${causation}\n`); // the id of the ask: the same when it is asked again
      return { type: 'worked' } as Message;
    },
  },
});

const began = Date.now();
const world = await openWorld({ durability: 'fsync' }, { state, agent: worker });
const names = Array.from({ length: Number(runs) }, (_, n) => `r${n}`);
if (how === 'begin') await Promise.all(names.map((run) => world.begin(run, 'seq10')));
else {
  const acknowledged: string[] = [];
  await Promise.all(
    names.flatMap((run) => [
      world.system.start({ run, kind: 'noop', id: 'noop-1' }, null),
      world.system.start({ run, kind: 'run', id: 'run-1' }, null),
    ]),
  );
  for (const run of names) acknowledged.push(...Object.keys(world.system.cell(`${run}/noop/noop-1`)!.state().answers));
  const isOver = (run: string): boolean => world.system.cell(`${run}/run/run-1`)!.state().state.value === 'ended';
  let open = names;
  for (const until = Date.now() + 60_000; open.length > 0 && Date.now() < until; ) {
    open = open.filter((run) => !isOver(run));
    await new Promise((done) => setTimeout(done, 5));
  }
  process.send?.({ began, firstStep, ended: Date.now(), acknowledged, lost: open.length });
}
closeSync(log);
