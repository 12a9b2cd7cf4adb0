/**
 * The runtime killed by SIGKILL at random instants, also while it recovers from the kill before, with jobs given through
 * the front door all the while. What an acknowledged run did in the world is counted outside, by a server of this test:
 * each build and each start exactly once. Ten kills; two hundred in the long run.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { expectNothingLeft } from './left.js';
import { bin, commitAll, eventually, rawClient, type Scratch, scratch } from './rr.js';

const KILLS = process.env.RR_LONG ? 200 : 10;
const AT_ONCE = 3;

/** Counts what commands of runs say they did: `<run> <what>`. */
async function counter(): Promise<{ url: string; seen: Map<string, number> }> {
  const seen = new Map<string, number>();
  const server = createServer((request, response) => {
    const what = decodeURIComponent(request.url!.slice(1));
    seen.set(what, (seen.get(what) ?? 0) + 1);
    response.end();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}
/** A repository whose build and whose application say so to the counter when they begin. */
function repository(s: Scratch): string {
  const repo = join(s.dir, 'counts');
  const say = (what: string): string =>
    `await fetch(\`\${process.env.COUNTER}/\${encodeURIComponent(process.env.RR_RUN + ' ${what}')}\`);`;
  mkdirSync(repo);
  writeFileSync(
    join(repo, 'package.json'),
    JSON.stringify({
      name: 'counts',
      type: 'module',
      scripts: { build: 'node build.js', start: 'node server.js' },
    }),
  );
  writeFileSync(join(repo, 'build.js'), `${say('build')}\nawait new Promise((go) => setTimeout(go, 300));\n`);
  writeFileSync(
    join(repo, 'server.js'),
    `import { createServer } from 'node:http';
${say('start')}
createServer((_, response) => response.end('<!doctype html><title>Counts</title><p>counted</p>')).listen(process.env.PORT);
`,
  );
  commitAll(repo, 'node_modules/\n');
  return repo;
}

test(`killed ${KILLS} times at any instant it loses no acknowledged job and does nothing twice`, {
  timeout: KILLS * 6_000 + 120_000,
}, async () => {
  const s = scratch({ RR_BROKER_IDLE_MS: '20000' });
  const source = repository(s);
  const { url, seen } = await counter();
  const acknowledged = new Set<string>();
  const ended = new Set<string>();
  let made = 0;
  /** Given and perhaps not acknowledged: asked again under the same id. */
  let pending: string | null = null;
  let child: ChildProcess | null = null;
  let duringRecovery = 0;
  const start = (): ChildProcess =>
    spawn(process.execPath, [bin, 'up', '--foreground', '--json'], {
      cwd: s.dir,
      env: s.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const isUp = (one: ChildProcess): Promise<boolean> =>
    new Promise((resolve) => {
      let out = '';
      one.stdout!.setEncoding('utf8').on('data', (text: string) => {
        out += text;
        if (out.includes('"type":"up"')) resolve(true);
      });
      one.stderr!.resume();
      one.once('exit', () => resolve(false));
    });
  const kill = async (one: ChildProcess): Promise<void> => {
    const gone = new Promise((resolve) => one.once('exit', resolve));
    if (one.exitCode !== null || one.signalCode !== null) return;
    one.kill('SIGKILL');
    await gone;
  };
  /** Gives jobs and ends what is proven, until the runtime is gone. */
  const use = async (client: Awaited<ReturnType<typeof rawClient>>, forever: () => boolean): Promise<void> => {
    while (forever()) {
      if (acknowledged.size - ended.size < AT_ONCE || pending !== null) {
        if (pending === null) made += 1;
        pending ??= `k${made}`;
        const { run, error } = await client.ask('rr.api.local.jobs.submit', {
          source,
          copy: true,
          env: { COUNTER: url },
          run: pending,
        });
        expect([run, error]).toEqual([pending, undefined]);
        acknowledged.add(pending);
        pending = null;
      }
      for (const run of acknowledged) {
        if (ended.has(run)) continue;
        const { state, result } = await client.ask('rr.api.local.runs.get', { run });
        if (result) expect([run, result.outcome, result.error]).toEqual([run, 'healthy', null]);
        if (state === 'up') await client.ask('rr.api.local.runs.stop', { run });
        if (state === 'done') ended.add(run);
      }
      await sleep(50);
    }
  };

  for (let kills = 0; kills < KILLS; kills += 1) {
    child = start();
    const up = isUp(child);
    if (kills > 0 && randomInt(3) === 0) {
      await sleep(randomInt(700)); // in the middle of its recovery, or of its start
      duringRecovery += 1;
      await kill(child);
      continue;
    }
    expect(await up).toBe(true);
    const client = await rawClient(s.state);
    let alive = true;
    const using = use(client, () => alive).catch((error: unknown) => {
      if (alive) throw error; // else it was asked while it was killed
    });
    await Promise.race([sleep(100 + randomInt(2_500)), using]);
    alive = false;
    await kill(child);
    await Promise.race([using, client.nats.close()]);
    await client.nats.close();
  }

  child = start();
  expect(await isUp(child)).toBe(true);
  const client = await rawClient(s.state);
  // What was given last may have been taken without an answer: it is asked for again.
  if (pending !== null) {
    await client.ask('rr.api.local.jobs.submit', { source, copy: true, env: { COUNTER: url }, run: pending });
    acknowledged.add(pending);
  }
  const left = () => [...acknowledged].filter((run) => !ended.has(run));
  await eventually(
    async () => {
      for (const run of left()) {
        const { state, result } = await client.ask('rr.api.local.runs.get', { run });
        if (result) expect([run, result.outcome, result.error]).toEqual([run, 'healthy', null]);
        if (state === 'up') await client.ask('rr.api.local.runs.stop', { run });
        if (state === 'done') ended.add(run);
      }
      return left();
    },
    (open) => open.length === 0,
  );
  console.log(`${KILLS} kills, ${duringRecovery} of them during a recovery or start; ${acknowledged.size} jobs`);
  const counts = [...acknowledged].flatMap((run) => [seen.get(`${run} build`), seen.get(`${run} start`)]);
  expect(counts).toEqual(counts.map(() => 1));
  await client.nats.close();
  child.kill('SIGINT');
  await expectNothingLeft(s, [], 40_000);
});
