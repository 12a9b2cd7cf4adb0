import { join } from 'node:path';
import { expect, type TestContext, test } from 'vitest';
import { atOnce, expectNothingLeft, portsOf, processesOf, textsIn, treeOf } from './left.js';
import { finish, resultOf, scratch, way } from './rr.js';

const quick = { RR_BROKER_IDLE_MS: '700', RR_START_MS: '10000' };

/** `rr run --once` of a fixture; also every port that anything of it listened on. */
const onceOf = async (name: string, { onTestFinished }: TestContext) => {
  const s = scratch(quick, onTestFinished);
  const repo = s.repo(name);
  const before = treeOf(repo);
  const began = performance.now();
  const one = s.rr('run', repo, '--once', '--json');
  const ports = new Set<number>();
  const watching = setInterval(() => {
    for (const port of portsOf(processesOf(s.dir).map(({ pid }) => pid))) ports.add(port);
  }, 300);
  const told = await finish(one).finally(() => clearInterval(watching));
  const result = resultOf(told.objects);
  expect(performance.now() - began).toBeLessThan(120_000);
  expect(
    told.objects.find(({ type }) => type === 'run.ended'),
    told.err,
  ).toMatchObject({ left: [] });
  expect(treeOf(repo)).toEqual(before);
  await expectNothingLeft(s, [...ports]);
  return { result, code: told.code, ports: [...ports] };
};
const turn = atOnce(3);
const once = (name: string, context: TestContext) => turn(() => onceOf(name, context));

/** Sent to a runtime that is up the answer is the same: the rest of them both ways in the long tests alone. */
const also = process.env.RR_LONG || way === 'embedded' ? test.concurrent : test.skip;

also.for<[what: string, name: string, code: string, message: RegExp]>([
  ['ends well at once', 'exits-at-once', 'COMMAND_FAILED', /exit code 0: it ended before it listened: done already/],
  [
    'falls over a second after it came up',
    'crashes-soon',
    'NOT_PROVEN',
    /has ended after it was found well|does not answer/,
  ],
  ['answers nothing but 500', 'only-500', 'NOT_PROVEN', /500 Internal Server Error/],
  ['serves an empty page', 'empty-page', 'NOT_PROVEN', /empty page and .*gone\.js/],
])('an application that %s is not called healthy', { timeout: 120_000 }, async ([, name, code, message], context) => {
  const { result, code: exit } = await once(`bad-start-${name}`, context);
  expect(result).toMatchObject({ outcome: 'failed', error: { code, fix: expect.stringMatching(/\w{3}/) } });
  expect(result.error.message).toMatch(message);
  expect(result.services.every(({ url, proof }: { url: null; proof: null }) => url === null && proof === null)).toBe(
    true,
  );
  expect(exit).toBe(1);
});

test.concurrent('an application that leaves the foreground is found, proven and ended', async (context) => {
  const { result, code } = await once('bad-start-daemonises', context);
  expect(result).toMatchObject({
    outcome: 'healthy',
    services: [{ proof: { status: 200, excerpt: 'answered from behind' } }],
  });
  expect(code).toBe(0);
}, 120_000);

also(
  'of ten ports the one that was handed over is the address, and all ten are free again',
  async (context) => {
    const { result, ports } = await once('bad-start-ten-ports', context);
    expect(result).toMatchObject({ outcome: 'healthy', services: [{ proof: { title: 'front door' } }] });
    expect(ports.length).toBeGreaterThanOrEqual(10);
  },
  120_000,
);

also(
  'an application that is deaf to SIGTERM ends all the same',
  async (context) => {
    const { result, code } = await once('bad-start-ignores-sigterm', context);
    expect(result).toMatchObject({ outcome: 'healthy', services: [{ proof: { excerpt: 'here to stay' } }] });
    expect(code).toBe(0);
  },
  120_000,
);

test.concurrent('an application that prints without end is proven, and its log stays bounded', async (context) => {
  const { result } = await once('bad-start-floods', context);
  expect(result).toMatchObject({ outcome: 'healthy', services: [{ proof: { excerpt: 'talkative' } }] });
  let bytes = 0;
  for (const { text } of textsIn(join(result.bundle, 'logs'))) bytes += text.length;
  expect(bytes).toBeLessThan(20 << 20);
}, 120_000);
