/**
 * What fails after it had been up is repaired like a first run: it goes back to what the repair changes, is proven in the
 * same way, and is up again with its downtime told. One that nothing helps ends, or is left as it is; none is repaired for
 * ever. Three here, all with `npm run test:long`.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { expectNothingLeft } from './left.js';
import { eventually, factsOf, finish, type Scratch, scratch } from './rr.js';

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
  rmSync(join(repo, 'dist'), { recursive: true });
  expect(await healed(1)).toMatchObject({ service: 'node-frail', rules: ['build-gone'] });
  expect(told('run.app-unwell')).toMatchObject([{ payload: { reason: expect.stringContaining('answers 500') } }]);
  expect(told('run.fix-tried')[0].payload.fix).toMatchObject({ step: 'prove', phase: 'prove', later: true });
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
