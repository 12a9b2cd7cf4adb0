/** An actor of the system that keeps dying on a real runtime: it is given up, decided on, and another goes on with its work. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { expectNothingLeft, processesOf } from './left.js';
import { eventually, rawClient, type Scratch, scratch } from './rr.js';

/** What is larger than 64 KB in a checkpoint goes to a file of its own. */
const large = 'x'.repeat(70_000);
const looks = {
  name: 'looks',
  version: 1,
  steps: [{ id: 'look', to: 'env-detector', command: 'env-detector.look', with: {} }],
};
/** No such file can be written for the system's own actors: whose turn needs one dies of it, all others live on. */
const block = (s: Scratch): void => {
  mkdirSync(s.state, { recursive: true });
  writeFileSync(join(s.state, 'blobs'), 'in the way');
};
const unblock = (s: Scratch): void => rmSync(join(s.state, 'blobs'));
const decidedOn = (s: Scratch, address: string): { option: string; facts: Record<string, unknown> }[] =>
  readFileSync(join(s.state, 'checkpoints/admin_audit.log'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
    .filter(({ type, payload }) => type === 'admin.decided' && payload.address === address)
    .map(({ payload }) => payload.decision);
const apps = (s: Scratch): number[] =>
  processesOf(s.dir)
    .filter(({ what }) => /^node server\.js/.test(what.trim()))
    .map(({ pid }) => pid);

test('an orchestrator that is given up is replaced by the admin, and the next goes on with its runs', async () => {
  const s = scratch({ RR_BROKER_IDLE_MS: '700' });
  block(s);
  mkdirSync(join(s.state, 'workflows'));
  writeFileSync(join(s.state, 'workflows/looks.json'), JSON.stringify(looks));
  const up = s.rr('up', '--foreground', '--json');
  await up.object(({ type }) => type === 'up');
  const { ask, nats } = await rawClient(s.state);
  const orchestrator = async () =>
    (await ask('rr.api.local.admin.tree')).actors.find(
      ({ address }: { address: string }) => address === 'sys/orchestrator/main',
    );
  const get = (run: string) => ask('rr.api.local.runs.get', { run });
  const { run } = await ask('rr.api.local.jobs.submit', { source: s.repo('node-plain') });
  await eventually(
    () => get(run),
    ({ state }) => state === 'up',
  );
  const before = apps(s);
  expect(before).toHaveLength(1);

  // Every life takes this job, cannot keep it, and dies.
  const job = { workflow: 'looks', run: 'large-1', input: { large } };
  const submits: Promise<unknown>[] = [];
  const decisions = await eventually(
    async () => {
      submits.push(ask('rr.api.local.jobs.submit', job).catch((error: unknown) => ({ error })));
      await sleep(200);
      return decidedOn(s, 'sys/orchestrator/main');
    },
    (all) => all.length > 0,
  );
  unblock(s);
  expect(decisions[0]).toMatchObject({
    option: 'restart',
    facts: { address: 'sys/orchestrator/main', error: expect.stringMatching(/died 6 times within 60 s: .*blobs/) },
  });
  expect(up.child.exitCode).toBe(null);
  await eventually(orchestrator, (found) => found !== undefined && found.state === 'up');
  expect(await submits.at(-1)).toEqual({ run: 'large-1' });
  expect(await get(run)).toMatchObject({ state: 'up', ended: false });
  expect(apps(s)).toEqual(before);
  await ask('rr.api.local.runs.stop', { run });
  expect(
    await eventually(
      () => get(run),
      ({ ended }) => ended,
    ),
  ).toMatchObject({ state: 'done' });
  expect(
    await eventually(
      () => get('large-1'),
      ({ ended }) => ended,
    ),
  ).toMatchObject({ outcome: 'healthy' });
  await nats.close();
  up.child.kill('SIGINT');
  await up.exited;
  await expectNothingLeft(s);
}, 120_000);
