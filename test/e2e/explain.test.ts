/** `rr explain` and `rr fixes`: what a failure comes from, and what helped before. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { reachOrFail } from '../../clients/cli/connect.js';
import { readConfig } from '../../runtime/config.js';
import { commitAll, finish, resultOf, scratch } from './rr.js';

const corpus = join(import.meta.dirname, '../agents/fixer/corpus');

test('an output is explained from its text, from a file and from standard input, and nothing is run', async () => {
  const s = scratch();
  const file = join(corpus, 'pnpm-lock-drift/pnpm-drift.txt');
  const text = await finish(s.rr('explain', 'Error: connect ECONNREFUSED 127.0.0.1:6379'));
  expect([text.code, text.out]).toEqual([
    0,
    expect.stringMatching(/^service-missing .*\n(.*\n)* {2}do .*--env REDIS_URL=/),
  ]);
  for (const rr of [s.rr('explain', file, '--json'), s.pipe(readFileSync(file, 'utf8'), 'explain', '-', '--json')]) {
    const { code, objects } = await finish(rr);
    expect([code, objects]).toMatchObject([
      0,
      [{ type: 'explained', rule: 'pnpm-lock-drift', step: 'deps', sure: true }],
    ]);
  }
  const unknown = await finish(s.rr('explain', 'all', 'is', 'well'));
  expect([unknown.code, unknown.out]).toEqual([1, expect.stringContaining('no rule knows this')]);
  expect((await finish(s.pipe('', 'explain', '-'))).code).toBe(2);
});

test('the failures of a run are explained, what helped is tried first the next time, and can be forgotten', {
  timeout: 180_000,
}, async () => {
  const s = scratch();
  const repo = s.repo('heal-engines', { git: false });
  const manifest = join(repo, 'needs-newer/package.json');
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('>=22 <23', '>=98 <99'));
  const top = join(repo, 'package.json');
  writeFileSync(top, readFileSync(top, 'utf8').replaceAll('>=22 <23', '>=98 <99'));
  commitAll(repo, 'node_modules/\n');
  const rules = async () => {
    const { code, objects } = await finish(s.rr('run', repo, '--once', '--json'));
    const result = resultOf(objects);
    expect(code, JSON.stringify(result.error)).toBe(0);
    return {
      run: result.run as string,
      tried: result.fixes.map((fix: { rule: string; helped: boolean }) => `${fix.rule} ${fix.helped}`),
    };
  };
  const first = await rules();
  expect(first.tried).toEqual(['node-engine false', 'engine-strict true']);
  const told = await finish(s.rr('explain', first.run, '--json'));
  expect([told.code, told.objects.map(({ rule, step }) => [step, rule])]).toEqual([
    0,
    [
      ['deps', 'node-engine'],
      ['toolchain', 'nearest-version'],
    ],
  ]);
  const list = await finish(s.rr('fixes', 'list', '--json'));
  expect(list.objects).toMatchObject([
    { rule: 'node-engine', successes: 0, failures: 1 },
    { rule: 'engine-strict', successes: 1, failures: 0 },
  ]);
  expect((await rules()).tried).toEqual(['engine-strict true']);

  const exported = join(s.dir, 'fixes.json');
  expect((await finish(s.rr('fixes', 'export', exported))).code).toBe(0);
  expect(JSON.parse(readFileSync(exported, 'utf8'))).toMatchObject({ format: 1, fixes: [{}, { successes: 2 }] });
  expect((await finish(s.rr('fixes', 'forget', 'no-such-thing'))).code).toBe(2);
  expect((await finish(s.rr('fixes', 'forget', 'all'))).out).toBe('2 forgotten\n');
  expect((await rules()).tried).toEqual(first.tried);
});

test('over the bus the same is told', { timeout: 60_000 }, async () => {
  const s = scratch();
  const up = s.rr('up', '--foreground', '--json');
  await up.object(({ type }) => type === 'up');
  const client = await reachOrFail(readConfig({ state: s.state }).config);
  const { failures } = await client.call('fixes.explain', { text: 'npm error code ERESOLVE' });
  expect(failures).toMatchObject([{ rule: 'peer-conflict', sure: true }]);
  expect(await client.call('fixes.list', {})).toEqual({ fixes: [] });
  expect(await client.call('fixes.forget', { id: 'all' })).toEqual({ forgotten: 0 });
  await expect(client.call('fixes.explain', {})).rejects.toMatchObject({ code: 'USAGE' });
  await expect(client.call('fixes.explain', { run: 'no-such-run' })).rejects.toMatchObject({ code: 'RUN_UNKNOWN' });
  await client.close();
});
