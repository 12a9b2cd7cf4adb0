/** What is seen of an application while it is up: how fast, how heavy, how it fell and came back. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { expectNothingLeft } from './left.js';
import { eventually, factsOf, finish, long, scratch } from './rr.js';

const quick = { RR_WATCH_MS: '200', RR_BROKER_IDLE_MS: '700' };

async function up(...options: string[]) {
  const s = scratch(quick);
  const rr = s.rr('run', s.repo('node-moody'), '--json', ...options);
  const { run, services } = await rr.object(({ type }) => type === 'result', 60_000);
  const { url } = (services as { url: string }[])[0]!;
  const told = (type: string) => factsOf(s.state, String(run)).filter((fact) => fact.type === type);
  const status = async () => {
    const { code, objects } = await finish(s.rr('status', '--json'));
    return { code, one: (objects[0]!.services as Record<string, unknown>[])[0]! };
  };
  const mood = (path: string) => fetch(new URL(path, url), { method: 'POST' });
  return { s, rr, run: String(run), url, told, status, mood };
}

test('an application that is up is looked at: how fast and how heavy it is, when it fell, and how long it was down', async () => {
  const { s, rr, url, told, status, mood } = await up();
  const { code, one } = await eventually(status, ({ one: { latencyMs } }) => latencyMs !== null);
  expect(code).toBe(0);
  expect(one).toMatchObject({ service: 'node-moody', url, well: true, up: true, restarts: 0, downMs: 0, errors: [] });
  const last = one.last as { memoryBytes: number; cpus: number; processes: number };
  expect(last.memoryBytes).toBeGreaterThan(5 << 20);
  expect(last.memoryBytes).toBeLessThan(1 << 30);
  expect(last.processes).toBeGreaterThan(0);
  expect((one.latencyMs as { p50: number }).p50).toBeLessThan(5_000);

  await mood('/bad');
  const [fell] = await eventually(
    () => told('run.app-unwell'),
    ({ length }) => length === 1,
  );
  expect(fell.payload).toMatchObject({ service: 'node-moody', reason: `${url} answers 500` });
  const bad = await status();
  expect([bad.code, bad.one]).toMatchObject([1, { well: false, up: true }]);
  // All of its complaints are one, by their signature.
  const [complaint, ...others] = bad.one.errors as { line: string; count: number }[];
  expect(complaint).toMatchObject({ line: '<time> Error: sulk number <n>' });
  expect(complaint!.count).toBeGreaterThanOrEqual(3);
  expect(others).toEqual([]);
  await sleep(500);
  await mood('/good');
  const [well] = await eventually(
    () => told('run.app-well'),
    ({ length }) => length === 1,
  );
  expect(well.payload.downMs).toBeGreaterThan(500);
  expect((await status()).one).toMatchObject({ well: true, downMs: well.payload.downMs });
  const shown = await finish(s.rr('status'));
  expect(shown.out).toMatch(/node-moody\s+well\s+http/);
  expect(shown.out).toMatch(/p50 \d.* ms.* MB.* was down for/);
  rr.child.kill('SIGINT');
  expect(await rr.exited).toBe(0);
  await expectNothingLeft(s);
}, 120_000);

long(
  'with --restart one that does not answer well any more is started again, and is well',
  async () => {
    const { s, rr, run, url, told, mood } = await up('--restart', 'on-failure');
    await mood('/bad');
    await eventually(
      () => told('run.app-restarted'),
      ({ length }) => length === 1,
    );
    expect(told('run.app-fell')[0].payload.error).toMatchObject({ code: 'APP_UNWELL' });
    expect(await (await fetch(url)).text()).toContain('all is well');
    expect((await finish(s.rr('status', run))).code).toBe(0);
    rr.child.kill('SIGINT');
    expect(await rr.exited).toBe(0);
    await expectNothingLeft(s);
  },
  120_000,
);

test('nothing that is up, and a run that nobody knows, are said with the next step', async () => {
  const s = scratch(quick);
  const rr = s.rr('up', '--foreground', '--json');
  await rr.object(({ type }) => type === 'up');
  expect(await finish(s.rr('status'))).toMatchObject({ code: 2, err: expect.stringContaining('rr ps --all') });
  expect(await finish(s.rr('status', 'nobody'))).toMatchObject({
    code: 2,
    err: expect.stringContaining('RUN_UNKNOWN'),
  });
  rr.child.kill('SIGINT');
  await rr.exited;
}, 60_000);
