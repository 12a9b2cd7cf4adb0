import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { atOnce, expectNothingLeft, portsOf, processesOf, treeOf } from './left.js';
import { eventually, finish, rawClient, resultOf, type Scratch, scratch } from './rr.js';

const limits = { RR_BROKER_IDLE_MS: '700', RR_INSTALL_WALL_MS: '4000', RR_IDLE_MS: '60000' };

type Case = [what: string, name: string, extra: Record<string, string>, code: string, message: RegExp];
const turn = atOnce(2);

/** What failed for good is told once: as the result, with its code, its cause and the next step. */
test.concurrent.for<Case>([
  ['never ends', 'endless', {}, 'COMMAND_LIMIT', /`npm ci.*` was stopped at its wall limit \(at most 4 s\)/],
  [
    'never ends and says nothing',
    'silent',
    { RR_INSTALL_WALL_MS: '60000', RR_IDLE_MS: '3000' },
    'COMMAND_LIMIT',
    /`npm ci.*` was stopped at its idle limit \(some output every 3 s\)/,
  ],
  [
    'prints without end',
    'floods',
    { RR_INSTALL_WALL_MS: '20000' },
    'COMMAND_LIMIT',
    /stopped at its (output|wall) limit/,
  ],
  ['starts deaf processes', 'forks', { RR_INSTALL_WALL_MS: '6000' }, 'COMMAND_LIMIT', /wall limit \(at most 6 s\)/],
  ['needs a terminal', 'needs-tty', {}, 'COMMAND_FAILED', /exit code 1: error: this installer needs a terminal/],
  ['waits for an answer', 'reads-stdin', {}, 'COMMAND_FAILED', /exit code 1: .*error: the licence was not accepted/],
])(
  'an install that %s is ended, named, and leaves nothing behind',
  { timeout: 180_000 },
  async (one, { onTestFinished }) => {
    await turn(() => endsWell(one, scratch({ ...limits, ...one[2] }, onTestFinished)));
  },
);

async function endsWell([, name, , code, message]: Case, s: Scratch): Promise<void> {
  const repo = s.repo(`bad-install-${name}`);
  const before = treeOf(repo);
  const began = performance.now();
  const rr = s.rr('run', repo, '--once', '--json');
  let processes = 0;
  const ports = new Set<number>();
  const watching = setInterval(() => {
    const pids = processesOf(s.dir).map(({ pid }) => pid);
    processes = Math.max(processes, pids.length);
    for (const port of portsOf(pids)) ports.add(port);
  }, 500);
  const told = await finish(rr).finally(() => clearInterval(watching));
  const result = resultOf(told.objects);
  expect(result, told.err).toMatchObject({ outcome: 'failed', error: { code, fix: expect.stringMatching(/\w{3}/) } });
  expect(result.error.message).toMatch(message);
  expect(told.code).toBe(1);
  expect(performance.now() - began).toBeLessThan(60_000);
  if (name === 'forks') expect(processes).toBeGreaterThan(30);
  expect(told.objects.find(({ type }) => type === 'run.ended')).toMatchObject({ left: [] });
  // The logs are bounded, whatever was printed.
  const logs = join(result.bundle, 'logs');
  for (const log of readdirSync(logs)) expect(statSync(join(logs, log)).size).toBeLessThan(10 << 20);
  expect(treeOf(repo)).toEqual(before);
  await expectNothingLeft(s, [...ports]);
}

test('Ctrl-C in the middle of an install ends with 130 and nothing left; a second one does not wait', async () => {
  for (const times of [1, 2]) {
    const s = scratch({ ...limits, RR_INSTALL_WALL_MS: '60000' });
    const repo = s.repo('bad-install-endless');
    const before = treeOf(repo);
    const one = s.rr('run', repo, '--json');
    await eventually(
      () => processesOf(s.dir),
      (all) => all.some(({ what }) => what.includes('install.js')),
    );
    const began = performance.now();
    one.child.kill('SIGINT');
    if (times === 2) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      one.child.kill('SIGINT');
    }
    expect(await one.exited).toBe(130);
    expect(performance.now() - began).toBeLessThan(times === 2 ? 2_000 : 10_000);
    if (times === 1) {
      expect(resultOf(one.objects())).toMatchObject({ outcome: 'cancelled', error: { code: 'INTERRUPTED' } });
      expect(treeOf(repo)).toEqual(before);
      await expectNothingLeft(s);
    } else {
      // It left at once; the keeper ends what it holds by itself, and nothing begins again at the next start.
      await expectNothingLeft(s);
      const up = s.rr('up', '--foreground', '--json');
      await up.object(({ type }) => type === 'up');
      const { nats, ask } = await rawClient(s.state);
      const { run } = one.objects().find(({ type }) => type === 'run') as { run: string };
      const last = await eventually(
        () => ask('rr.api.local.runs.get', { run }),
        ({ ended }) => ended,
        15_000,
      );
      expect(last).toMatchObject({ state: 'cancelled' });
      expect(processesOf(s.dir).filter(({ what }) => what.includes('install.js'))).toEqual([]);
      await nats.close();
      up.child.kill('SIGINT');
      expect(await up.exited).toBe(0);
      await expectNothingLeft(s);
    }
  }
}, 90_000);
