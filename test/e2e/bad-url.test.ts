import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { expectNothingLeft } from './left.js';
import { finish, resultOf, scratch } from './rr.js';

test('a git URL that leads nowhere fails within the minute with its true cause and the next step', async () => {
  const s = scratch({ RR_BROKER_IDLE_MS: '700' });
  // One that takes the connection and never says a word.
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  onTestFinished(() => void silent.close());
  await new Promise((resolve) => silent.once('listening', resolve));
  const { port } = silent.address() as { port: number };
  const cases: [string, RegExp][] = [
    [`file://${s.dir}/no-such.git`, /no-such\.git: there is no such repository/],
    ['https://no-such-host.invalid/a/b.git', /no-such-host\.invalid.*: its host (cannot be found|is out of reach)/],
    [`http://127.0.0.1:${port}/a/b.git`, /gave no answer within 20 s/],
    ['https://127.0.0.1:1/a/b.git', /its host is out of reach/],
  ];
  const told = await Promise.all(
    cases.map(async ([url]) => {
      const began = performance.now();
      return { ...(await finish(s.rr('run', url, '--once', '--json'))), ms: performance.now() - began };
    }),
  );
  for (const [n, [url, cause]] of cases.entries()) {
    const { code, objects, ms, err } = told[n]!;
    const result = resultOf(objects);
    expect(result, `${url}\n${err}`).toMatchObject({
      outcome: 'failed',
      error: { code: 'GIT_FAILED', fix: expect.stringMatching(/\w{3}/) },
    });
    expect(result.error.message).toMatch(cause);
    expect(code).toBe(1);
    expect(ms).toBeLessThan(60_000);
  }
  await expectNothingLeft(s);
}, 90_000);
