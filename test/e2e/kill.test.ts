import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { eventually, factsOf, long, rawClient, type Scratch, scratch } from './rr.js';

/** Starts a runtime on what a killed one left, and waits for the run to reach a state. */
async function resume(s: Scratch, run: string, state: string) {
  const up = s.rr('up', '--foreground', '--json');
  await up.object(({ type }) => type === 'up');
  const client = await rawClient(s.state);
  const get = () => client.ask('rr.api.local.runs.get', { run });
  const reached = await eventually(get, (answer) => answer.state === state || answer.error);
  expect(reached).toMatchObject({ state });
  return { up, client, reached, get };
}
async function stopAndCount(s: Scratch, run: string, { client, get, up }: Awaited<ReturnType<typeof resume>>) {
  await client.ask('rr.api.local.runs.stop', { run });
  await eventually(get, ({ ended }) => ended === true);
  up.child.kill('SIGINT');
  expect(await up.exited).toBe(0);
  await client.nats.close();
  await eventually(s.processes, (left) => left.length === 0, 15_000);
}
const ignore = 'node_modules/\ninstalls.log\n';

test('a runtime killed in the middle of the install finishes its run after a restart, and installs once', async () => {
  const s = scratch();
  const repo = s.repo('slow-install', { ignore });
  const first = s.rr('run', repo, '--json');
  const { run } = (await first.object(({ type }) => type === 'run')) as { run: string };
  await eventually(
    () => s.processes(),
    (all) => all.some(({ what }) => what.includes('slowly.js')),
  );
  first.child.kill('SIGKILL');
  await first.exited;

  const resumed = await resume(s, run, 'up');
  expect(resumed.up.err()).toContain(`resuming 1 open run: ${run}`);
  const { url } = resumed.reached;
  expect(await (await fetch(url)).text()).toContain('Hello from process');
  expect(readFileSync(join(repo, 'installs.log'), 'utf8')).toBe('begun\ndone\n');
  // No step that had ended began a second time.
  const facts = factsOf(s.state, run);
  const began = facts.filter(({ type }) => type === 'run.step-began').map(({ payload }) => payload.step);
  // Another program may take the leased port before the start: then the repair does what follows once more.
  const isMended = facts.some(({ type }) => type === 'run.fix-tried');
  const once = isMended ? began.slice(0, began.indexOf('port')) : began;
  expect(new Set(once).size).toBe(once.length);
  await stopAndCount(s, run, resumed);
}, 60_000);

test('a runtime killed while the application is up finds it again, alive and untouched', async () => {
  const s = scratch();
  const first = s.rr('run', s.repo('node-plain'), '--json');
  const { run } = (await first.object(({ type }) => type === 'run')) as { run: string };
  const { services } = (await first.object(({ type }) => type === 'result')) as { services: { url: string }[] };
  const app = () => s.processes().filter(({ what }) => /^node server\.js/.test(what.trim()));
  const before = app().map(({ pid }) => pid);
  expect(before, JSON.stringify([first.objects(), s.processes()], null, 1)).toHaveLength(1);
  first.child.kill('SIGKILL');
  await first.exited;
  expect((await fetch(services[0]!.url)).status).toBe(200);

  const resumed = await resume(s, run, 'up');
  await eventually(
    () => factsOf(s.state, run).filter(({ type }) => type === 'runner.adopted'),
    (adopted) => adopted.length === 1,
  );
  expect(app().map(({ pid }) => pid)).toEqual(before);
  expect((await fetch(services[0]!.url)).status).toBe(200);
  await stopAndCount(s, run, resumed);
}, 60_000);

long(
  'killed at random instants, again and again, the run still comes up and nothing is done twice',
  async () => {
    const s = scratch();
    const repo = s.repo('node-plain');
    const first = s.rr('run', repo, '--json');
    const { run } = (await first.object(({ type }) => type === 'run')) as { run: string };
    await sleep(Math.random() * 1_500);
    first.child.kill('SIGKILL');
    await first.exited;
    for (let round = 0; round < 3; round += 1) {
      const up = s.rr('up', '--foreground', '--json');
      await up.object(({ type }) => type === 'up');
      await sleep(Math.random() * 1_500);
      up.child.kill('SIGKILL');
      await up.exited;
    }
    const resumed = await resume(s, run, 'up');
    expect((await fetch(resumed.reached.url)).status).toBe(200);
    const facts = factsOf(s.state, run);
    expect(new Set(facts.map(({ id }) => id)).size).toBe(facts.length);
    expect(facts.filter(({ type }) => type === 'runner.started')).toHaveLength(1);
    expect(s.processes().filter(({ what }) => /^node server\.js/.test(what.trim()))).toHaveLength(1);
    await stopAndCount(s, run, resumed);
  },
  90_000,
);
