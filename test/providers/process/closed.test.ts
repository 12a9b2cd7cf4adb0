/** Nothing is started in a run that is being ended, and no keeper outlives it. */
import { expect, test } from 'vitest';
import { findKeeper, openKeeper } from '../../../providers/process/client.js';
import { closeRun, keeperFor, letGo } from '../../../providers/process/execute.js';
import { readRecord } from '../../../providers/process/protocol.js';
import { command, scratchRun, until } from './scratch.js';

test('a run that is being ended gets no keeper', async () => {
  const run = scratchRun();
  closeRun(run.bundle);
  await expect(keeperFor(run)).rejects.toMatchObject({ code: 'INTERRUPTED' });
  expect(readRecord(run.bundle)).toBe(null);
});

test('a keeper that was made for a run that has ended since goes with whoever lets go of it', async () => {
  const run = scratchRun();
  const keeper = await keeperFor(run);
  closeRun(run.bundle);
  await letGo(keeper, run.bundle);
  await until(async () => (await findKeeper(run)) === null);
});

test('a keeper that still holds something stays', async () => {
  const run = scratchRun();
  const keeper = await keeperFor(run);
  await keeper.start(command(run, 'stays', 'sleep 30'));
  closeRun(run.bundle);
  await letGo(keeper, run.bundle);
  const { keeper: same, adopted } = await openKeeper(run);
  expect([adopted, (await same.list()).map(({ alive }) => alive)]).toEqual([true, [true]]);
  await same.end();
});
