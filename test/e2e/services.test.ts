/** Databases and other servers that a repository asks for: private ones, real ones, used by real drivers. */
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { expect, type TestContext, test } from 'vitest';
import { expectNothingLeft } from './left.js';
import { finish, resultOf, type Scratch, scratch } from './rr.js';

const TEST_MS = 300_000;
type Finished = TestContext['onTestFinished'];

// One at a time: each brings up an application and a server, and some want the same well-known port.
let last: Promise<unknown> = Promise.resolve();
const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
  const mine = last.then(work, work);
  last = mine.catch(() => undefined);
  return mine;
};

const open = (finished: Finished, env: Record<string, string> = {}): Scratch =>
  scratch({ RR_BROKER_IDLE_MS: '300', npm_config_prefer_offline: 'true', ...env }, finished);

async function run(s: Scratch, folder: string, ...options: string[]) {
  const { code, objects, out, err } = await finish(s.rr('run', folder, '--once', '--json', ...options));
  const result = resultOf(objects);
  expect(result, `${out}\n${err}`).toBeDefined();
  const output = (step: string) => {
    const tries = readdirSync(join(result.bundle, 'steps', step)).map(Number);
    return JSON.parse(
      readFileSync(join(result.bundle, 'steps', step, String(Math.max(...tries)), 'output.json'), 'utf8'),
    );
  };
  await expectNothingLeft(s);
  return { code, result, output, told: `${out}${err}`, says: String(result.services[0]?.proof?.excerpt ?? '') };
}
async function foreign(port: number, finished: Finished): Promise<{ connections: number } | null> {
  const seen = { connections: 0 };
  const server: Server = createServer((socket) => {
    seen.connections += 1;
    socket.destroy();
  });
  const bound = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  finished(() => void server.close());
  return bound ? seen : null;
}

test.concurrent(
  'redis: fetched where the machine has none, its data is there in the next run and gone with --fresh',
  { timeout: TEST_MS },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const folder = s.repo('express-redis');
      const first = await run(s, folder);
      expect(first.result, JSON.stringify(first.result.error)).toMatchObject({ outcome: 'healthy', error: null });
      expect(first.output('services')).toMatchObject({
        services: [{ kind: 'redis', kept: false, note: null }],
        lacking: [],
        set: ['REDIS_URL'],
      });
      // Each visit of a proof counts: the second run goes on where the first ended.
      const visits = (text: string) => Number(/visits: (\d+)/.exec(text)?.[1]);
      expect(visits(first.says)).toBeGreaterThan(0);
      const second = await run(s, folder);
      expect(second.output('services').services[0].kept).toBe(true);
      expect(visits(second.says)).toBeGreaterThan(visits(first.says));
      const third = await run(s, folder, '--fresh');
      expect(third.output('services').services[0].kept).toBe(false);
      expect(visits(third.says)).toBeLessThanOrEqual(visits(first.says));
    }),
);

test.concurrent(
  'a server of somebody else on the well-known port is never spoken to',
  { timeout: TEST_MS },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const seen = await foreign(6379, onTestFinished);
      const { result, output } = await run(s, s.repo('express-redis'));
      expect(result.outcome, JSON.stringify(result.error)).toBe('healthy');
      expect(output('services').services[0].port).not.toBe(6379);
      // Where another program of this machine has the port already, it is the one that is left alone.
      expect(seen?.connections ?? 0).toBe(0);
    }),
);
