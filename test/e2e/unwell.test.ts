/**
 * What fails after it had been up is repaired like a first run: it goes back to what the repair changes, is proven in the
 * same way, and is up again with its downtime told. One that nothing helps ends, or is left as it is; none is repaired for
 * ever. Three here, all with `npm run test:long`.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { holderOf } from '../../providers/process/sockets.js';
import { expectNothingLeft } from './left.js';
import { eventually, factsOf, finish, long, type Scratch, scratch } from './rr.js';

const quick = { RR_WATCH_MS: '200', RR_BROKER_IDLE_MS: '700' };

interface Up {
  s: Scratch;
  repo: string;
  rr: ReturnType<Scratch['rr']>;
  run: string;
  url: () => Promise<string>;
  // biome-ignore lint/suspicious/noExplicitAny: facts are looked into freely
  told: (type: string) => any[];
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely
  status: () => Promise<any>;
  post: (path: string) => Promise<Response>;
  /** Waits until it was repaired for the nth time. */
  healed: (n: number) => Promise<Record<string, unknown>>;
  bye: (code?: number) => Promise<void>;
}
async function up(name: string, env: Record<string, string> = {}, ...options: string[]): Promise<Up> {
  const s = scratch({ ...quick, ...env });
  const repo = s.repo(name);
  const rr = s.rr('run', repo, '--json', ...options);
  const { run, outcome, error } = await rr.object(({ type }) => type === 'result', 120_000);
  expect([outcome, error]).toEqual(['healthy', null]);
  const told = (type: string) => factsOf(s.state, String(run)).filter((fact) => fact.type === type);
  const status = async () => {
    const { objects, err } = await finish(s.rr('status', String(run), '--json'));
    if (objects.length === 0) throw new Error(err);
    return objects[0]!;
  };
  const url = async () => ((await status()).services as { url: string }[])[0]!.url;
  return {
    ...{ s, repo, rr, run: String(run), url, told, status },
    post: async (path) => fetch(new URL(path, await url()), { method: 'POST' }),
    healed: async (n) => {
      const all = await eventually(
        () => told('run.app-healed'),
        ({ length }) => length >= n || told('run.app-exited').length > 0,
      );
      expect(told('run.app-exited')).toEqual([]);
      return all[n - 1].payload;
    },
    bye: async (code = 0) => {
      rr.child.kill('SIGINT');
      expect(await rr.exited).toBe(code);
      await expectNothingLeft(s);
    },
  };
}
const text = async (url: string) => (await fetch(url)).text();

test('what it needs is removed while it is up: it is built and installed again, proven, and its downtime is told', async () => {
  const { s, repo, run, url, told, status, healed, bye } = await up('node-frail');
  writeFileSync(join(repo, 'slow'), '');
  rmSync(join(repo, 'dist'), { recursive: true });
  const { healing } = await eventually(status, (seen) => seen.healing?.step === 'build');
  expect(healing).toMatchObject({ service: 'node-frail', rule: 'build-gone', cause: expect.stringContaining('dist/') });
  const people = await finish(s.rr('status'));
  expect([people.code, people.out]).toEqual([
    1,
    expect.stringMatching(
      /healing\n {2}node-frail\s+healing at build for .*answers 500\n\s+build-gone: dist\/page\.html/,
    ),
  ]);
  rmSync(join(repo, 'slow'));
  expect(await healed(1)).toMatchObject({ service: 'node-frail', rules: ['build-gone'] });
  expect(told('run.app-unwell')).toMatchObject([{ payload: { reason: expect.stringContaining('answers 500') } }]);
  // Its port may have been lost to another before it was up first.
  const later = told('run.fix-tried').filter(({ payload }) => payload.fix.later);
  expect(later[0].payload.fix).toMatchObject({ step: 'prove', phase: 'prove' });
  expect(await text(await url())).toContain('all is well');

  rmSync(join(repo, 'node_modules'), { recursive: true });
  const second = await healed(2);
  expect(second).toMatchObject({ rules: ['packages-gone'] });
  expect(await text(await url())).toContain('all is well');
  const now = await status();
  expect(now).toMatchObject({ state: 'up', healing: null, services: [{ well: true, up: true, heals: 2 }] });
  expect(now.services[0].downMs).toBe(told('run.app-healed').reduce((sum, one) => sum + one.payload.downMs, 0));
  // From the first of three bad looks on.
  expect(second.downMs).toBeGreaterThan(400);
  const shown = await finish(s.rr('runs', 'show', run));
  expect(shown.out).toMatch(/▼ node-frail fell, was repaired after/);
  expect(shown.out).toMatch(/build-gone for prove, helped/);
  await bye();
}, 180_000);

test('one that nothing helps ends with its cause; what was tried is undone and kept', async () => {
  const { s, repo, rr, run, told } = await up('node-frail');
  rmSync(join(repo, 'make.js'));
  rmSync(join(repo, 'dist'), { recursive: true });
  expect(await rr.exited).toBe(1);
  expect(told('run.app-exited')).toMatchObject([{ payload: { error: { code: expect.any(String) } } }]);
  const fixes = JSON.parse(readFileSync(join(s.state, 'runs', run, 'fixes.json'), 'utf8'));
  expect(fixes[0]).toMatchObject({
    rule: 'build-gone',
    later: true,
    helped: false,
    undone: true,
    at: expect.any(String),
  });
  await expectNothingLeft(s);
}, 180_000);

long(
  'a runtime that is killed in the midst of a repair goes on with it, also when its monitor was begun anew',
  async () => {
    const { s, repo, rr, run, told, healed } = await up('node-frail');
    expect((await finish(s.rr('admin', 'restart', `${run}/monitor/monitor-1`))).code).toBe(0);
    writeFileSync(join(repo, 'slow'), '');
    rmSync(join(repo, 'dist'), { recursive: true });
    await eventually(
      () => told('run.step-began').filter(({ payload }) => payload.step === 'build').length,
      (builds) => builds === 2,
    );
    rr.child.kill('SIGKILL');
    await rr.exited;
    const again = s.rr('up', '--foreground', '--json');
    await again.object(({ type }) => type === 'up');
    const { objects } = await finish(s.rr('status', run, '--json'));
    expect(objects[0]).toMatchObject({ state: 'healing', healing: { rule: 'build-gone', step: 'build' } });
    rmSync(join(repo, 'slow'));
    const { url, downMs } = await healed(1);
    expect(await text(String(url))).toContain('all is well');
    expect(downMs).toBeGreaterThan(400);
    expect(told('run.step-began').filter(({ payload }) => payload.step === 'build')).toHaveLength(2);
    await finish(s.rr('stop', run));
    again.child.kill('SIGINT');
    await again.exited;
    await expectNothingLeft(s);
  },
  180_000,
);

long(
  'a person who stops a run that is being repaired ends it at once, and nothing is left',
  async () => {
    const { s, repo, rr, status, told } = await up('node-frail');
    writeFileSync(join(repo, 'slow'), '');
    rmSync(join(repo, 'dist'), { recursive: true });
    await eventually(status, (seen) => seen.healing?.step === 'build');
    const began = performance.now();
    rr.child.kill('SIGINT');
    expect(await rr.exited).toBe(0);
    expect(performance.now() - began).toBeLessThan(15_000);
    expect(told('run.ended')).toMatchObject([{ payload: { state: 'done', left: [] } }]);
    await expectNothingLeft(s);
    expect(existsSync(join(repo, 'dist'))).toBe(false);
  },
  180_000,
);

long(
  'one whose port was taken while it was down is moved to another',
  async () => {
    const { told, url, post, healed, bye } = await up('node-frail', {}, '--restart', 'on-failure');
    const before = await url();
    await post('/exit/1');
    await hold(Number(new URL(before).port));
    const { rules, url: after } = await healed(1);
    expect(rules).toEqual(['port-lost']);
    expect(after).not.toBe(before);
    expect(await text(String(after))).toContain('all is well');
    expect(await url()).toBe(after);
    // By its policy it was started again first.
    expect(told('run.app-fell')).toHaveLength(1);
    await bye();
  },
  180_000,
);

long(
  'one that takes more memory than it may have is started again, says so, and is not for ever',
  async () => {
    const { rr, told, post, healed, s } = await up('node-frail', { RR_MEMORY_MB: '200' });
    for (let n = 1; n <= 3; n += 1) {
      await post('/eat');
      expect(await healed(n)).toMatchObject({ rules: ['ended-from-outside'] });
    }
    expect(told('run.fix-tried')[0].payload.fix.cause).toMatch(/it took more memory than it may have|no memory left/);
    await post('/eat');
    expect(await rr.exited).toBe(1);
    expect(told('run.app-exited')).toMatchObject([{ payload: { error: { code: 'REPAIRS_SPENT' } } }]);
    await expectNothingLeft(s);
  },
  300_000,
);

long(
  'its server dies: that is brought up again with its data, and with it the application',
  async () => {
    const { s, run, url, told, status, bye } = await up('express-redis', { npm_config_prefer_offline: 'true' });
    const visits = async (at: string) => Number(/visits: (\d+)/.exec(await text(at))?.[1]);
    for (let n = 0; n < 3; n += 1) await text(await url());
    const services = join(s.state, 'runs', run, 'steps/services/1/output.json');
    const { port } = JSON.parse(readFileSync(services, 'utf8')).services[0] as { port: number };
    const server = (await holderOf(port))!;
    process.kill(server.pid, 'SIGKILL');
    await eventually(
      () => told('run.server-restarted').length,
      (times) => times === 1,
    );
    const { services: now } = await eventually(status, (seen) => {
      const [one] = seen.services as { up: boolean; rising: boolean; well: boolean }[];
      return one!.up && one!.well && !one!.rising;
    });
    expect(await visits(now[0].url)).toBeGreaterThan(0);
    expect(told('run.fix-tried')).toEqual([]);
    await bye();
  },
  300_000,
);

/** Takes a port as soon as it is free. */
async function hold(port: number): Promise<void> {
  for (let taken = false; !taken; )
    taken = await new Promise<boolean>((told) => {
      const server: Server = createServer()
        .once('error', () => told(false))
        .listen(port, () => {
          onTestFinished(() => void server.close());
          told(true);
        });
    });
}
