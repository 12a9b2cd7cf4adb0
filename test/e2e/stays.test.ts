import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { expectNothingLeft, processesOf } from './left.js';
import { eventually, finish, long, type Rr, rawClient, resultOf, type Scratch, scratch } from './rr.js';

const quick = { RR_BROKER_IDLE_MS: '700' };
const ignore = 'node_modules/\ninstalls.log\n';
const runtimes = (s: Scratch) => processesOf(s.dir).filter(({ what }) => what.includes('up --foreground'));
const apps = (s: Scratch) => processesOf(s.dir).filter(({ what }) => /^node server\.js/.test(what.trim()));
const installs = (s: Scratch) => processesOf(s.dir).filter(({ what }) => what.includes('slowly.js'));
const isAlive = (pid: number) => existsSync(`/proc/${pid}`) && !/^\d+ \(.*\) Z/.test(readStat(pid));
const readStat = (pid: number) => readFileSync(`/proc/${pid}/stat`, 'latin1');
const server = (s: Scratch) =>
  JSON.parse(readFileSync(join(s.state, 'broker/server.json'), 'utf8')) as {
    url: string;
    port: number;
    pid: number;
    keeperPid: number;
  };
const offered = (s: Scratch) => {
  try {
    return server(s);
  } catch {
    return null; // it is being started again
  }
};
// biome-ignore lint/suspicious/noExplicitAny: what is told is looked into freely
const json = async (one: Rr): Promise<any> => {
  const { code, objects, err } = await finish(one);
  expect(code, err).toBe(0);
  return objects.at(-1);
};
const up = (s: Scratch) => json(s.rr('up', '--json'));
const down = (s: Scratch, ...options: string[]) => json(s.rr('down', '--json', ...options));
const detached = async (s: Scratch, repo: string): Promise<{ run: string; url: string; service: string }> => {
  const { code, objects, err } = await finish(s.rr('run', '--detach', '--wait', repo, '--json'));
  expect(code, err).toBe(0);
  const { run, services } = resultOf(objects);
  return { run, url: services[0].url, service: services[0].name };
};
const gone = async (s: Scratch) => {
  expect(apps(s)).toEqual([]);
  expect(runtimes(s)).toEqual([]);
  await expectNothingLeft(s);
};
/** Asks within a second: what was asked of a broker that died is answered by nobody. */
const quickly =
  (nats: Awaited<ReturnType<typeof rawClient>>['nats'], run: string) =>
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely
  (): Promise<any> =>
    nats
      .request('rr.api.local.runs.get', JSON.stringify({ run }), { timeout: 1_000 })
      .then((answer) => answer.json())
      .catch(() => ({}));
/** A repository whose application prints numbered lines, so many at a time. */
function counts(s: Scratch, everyMs: number, lines = 1): string {
  const repo = join(s.dir, 'counts');
  mkdirSync(repo);
  writeFileSync(join(repo, 'package.json'), '{"name":"counts","scripts":{"start":"node server.js"}}\n');
  writeFileSync(
    join(repo, 'server.js'),
    `let n = 0;
setInterval(() => { let text = ''; for (let i = 0; i < ${lines}; i++) text += \`tick \${++n} \${'x'.repeat(480)}\\n\`; process.stdout.write(text); }, ${everyMs});
require('node:http').createServer((_, r) => r.end('counted')).listen(process.env.PORT || 3000);
`,
  );
  return repo;
}
const ticks = (one: Rr): number[] => [...one.out().matchAll(/\btick (\d+) /g)].map((match) => Number(match[1]));
/** Each number once, in order, none left out after the first. */
const expectInStep = (seen: number[]) => expect(seen.findIndex((n, at) => n !== seen[0]! + at)).toBe(-1);

// A runtime that stays.

test('rr restart starts an application anew, by its run or its service, and waits until it is proven or the run has failed', async () => {
  const s = scratch(quick);
  const repo = s.repo('node-plain');
  const { run, url, service } = await detached(s, repo);
  const [first] = apps(s);
  const people = await finish(s.rr('restart', run));
  expect([people.code, people.out, people.err]).toEqual([0, `${run} restarting\n${run} up  ${url}\n`, '']);
  expect((await fetch(url)).status).toBe(200);
  const [second, ...others] = apps(s);
  expect([second!.pid === first!.pid, isAlive(first!.pid), others]).toEqual([false, false, []]);

  const byName = await finish(s.rr('restart', service, '--json'));
  expect([byName.code, byName.objects]).toEqual([
    0,
    [
      { type: 'restarting', run, services: [service] },
      { type: 'restarted', run, service, url },
    ],
  ]);
  expect(apps(s).map(({ pid }) => pid)).not.toContain(second!.pid);

  // A name that two hold is not guessed.
  const other = await detached(s, repo);
  const both = await finish(s.rr('restart', service));
  expect([both.code, both.out]).toEqual([2, '']);
  expect(both.err).toMatch(
    new RegExp(`held up by (${run}|${other.run}) and .*\\n    fix: give the run too: rr restart .* \\[USAGE\\]`),
  );
  await finish(s.rr('stop', other.run));
  const ended = await finish(s.rr('restart', other.run));
  expect([ended.code, ended.out]).toEqual([2, '']);
  expect(ended.err).toContain('[RUN_NOT_WAITING]');

  writeFileSync(join(repo, 'server.js'), "console.error('no more'); process.exit(3);\n");
  const broken = await finish(s.rr('restart', run));
  expect([broken.code, broken.out]).toEqual([
    1,
    expect.stringMatching(new RegExp(`^${run} restarting\\n${run} failed\\n    .*\\n    fix: .*\\]\\n$`)),
  ]);
  await down(s);
  await gone(s);
}, 90_000);

test('rr up leaves a runtime in a session of its own that answers; a second up says so; rr down ends it', async () => {
  const s = scratch(quick);
  const { code, out } = await finish(s.rr('up'));
  expect(code).toBe(0);
  expect(out).toMatch(/^up: host \S+, pid \d+; log \S+host\.log; rr down ends it\n$/);
  const pid = Number(/pid (\d+)/.exec(out)![1]);
  const [, , session, tty] = readStat(pid)
    .slice(readStat(pid).lastIndexOf(')') + 4)
    .split(' ')
    .map(Number);
  expect([session, tty]).toEqual([pid, 0]);
  const { nats, ask } = await rawClient(s.state);
  expect(await ask('rr.api.local.ops.status')).toMatchObject({ pid, stays: true, draining: false, open: [] });
  await nats.close();
  expect(await up(s)).toMatchObject({ type: 'up', pid, already: true, stays: true });
  expect((await finish(s.rr('restart', 'nobody', '--json'))).objects).toMatchObject([
    { error: { code: 'RUN_UNKNOWN' } },
  ]);
  expect(await down(s)).toMatchObject({ type: 'down', pid, open: [] });
  expect(isAlive(pid)).toBe(false);
  expect((await finish(s.rr('down'))).out).toBe('nothing is up\n');
  await gone(s);
}, 60_000);

test('many rr up at once leave one runtime, and all of them name it', async () => {
  const s = scratch(quick);
  const told = await Promise.all([up(s), up(s), up(s)]);
  expect(new Set(told.map(({ pid }) => pid)).size).toBe(1);
  expect(told.filter(({ already }) => !already)).toHaveLength(1);
  expect(runtimes(s)).toHaveLength(1);
  await down(s);
  await gone(s);
}, 60_000);

test('a runtime that cannot come up is told with its own error and its last lines, and nothing is left of it', async () => {
  const s = scratch(quick);
  const broken = join(s.dir, 'nats-server');
  writeFileSync(broken, '#!/bin/sh\ncase "$1" in -v|--version) echo "nats-server: v2.10.0";; *) exit 1;; esac\n');
  chmodSync(broken, 0o755);
  s.env.NATS_SERVER_BIN = broken;
  const { code, objects, err } = await finish(s.rr('up', '--json'));
  expect(objects).toMatchObject([{ type: 'error', error: { code: 'BROKER_FAILED' } }]);
  expect(err).toContain('BROKER_FAILED');
  expect(code).toBe(4);
  await gone(s);
}, 60_000);

test('Ctrl-C while rr up waits leaves nothing', async () => {
  const s = scratch(quick);
  const one = s.rr('up', '--json');
  await eventually(
    () => runtimes(s),
    (all) => all.length > 0,
  );
  const began = performance.now();
  one.child.kill('SIGINT');
  expect(await one.exited).toBe(130);
  expect(performance.now() - began).toBeLessThan(5_000);
  await gone(s);
}, 60_000);

test('rr run --detach starts a runtime, says the id and leaves; the run comes up; rr down stops it all', async () => {
  const s = scratch(quick);
  const { code, out } = await finish(s.rr('run', '-d', s.repo('node-plain')));
  expect(code).toBe(0);
  expect(out).toMatch(/^\d{8}t\d{6}-\w{6}\n$/);
  const run = out.trim();
  const { nats, ask } = await rawClient(s.state);
  const { url } = await eventually(
    () => ask('rr.api.local.runs.get', { run }),
    ({ state }) => state === 'up',
  );
  expect((await fetch(url)).status).toBe(200);
  await nats.close();
  const { code: done, objects } = await finish(s.rr('down', '--json'));
  expect(done).toBe(0);
  expect(objects).toMatchObject([
    { type: 'ended', run, state: 'done' },
    { type: 'down', open: [] },
  ]);
  await gone(s);
}, 60_000);

long(
  '--wait leaves once the outcome is known, with its exit code',
  async () => {
    const s = scratch(quick);
    const { url } = await detached(s, s.repo('node-plain'));
    expect((await fetch(url)).status).toBe(200);
    const { code, objects } = await finish(s.rr('run', '--detach', '--wait', s.repo('nothing-here'), '--json'));
    expect(resultOf(objects)).toMatchObject({ outcome: 'not-runnable' });
    expect(code).toBe(1);
    expect(runtimes(s)).toHaveLength(1);
    await down(s);
    await gone(s);
  },
  60_000,
);

long(
  'rr down --keep leaves the application; the next up finds it untouched; without a runtime rr down ends it too',
  async () => {
    const s = scratch(quick);
    const { run, url } = await detached(s, s.repo('node-plain'));
    const before = apps(s);
    expect(before).toHaveLength(1);
    expect(await down(s, '--keep')).toMatchObject({ type: 'down', open: [run] });
    expect(runtimes(s)).toEqual([]);
    expect((await fetch(url)).status).toBe(200);
    expect(await up(s)).toMatchObject({ already: false });
    expect(apps(s)).toEqual(before);
    expect(await down(s, '--keep')).toMatchObject({ open: [run] });
    const { objects } = await finish(s.rr('down', '--json'));
    expect(objects).toMatchObject([
      { type: 'ended', run, state: 'done' },
      { type: 'down', open: [] },
    ]);
    await gone(s);
  },
  60_000,
);

test('rr down --drain takes no new job, lets work end, and then stops what is up', async () => {
  const s = scratch(quick);
  const repo = s.repo('slow-install', { ignore });
  const { out } = await finish(s.rr('run', '-d', repo));
  await eventually(
    () => installs(s),
    (all) => all.length > 0,
  );
  const { nats, ask } = await rawClient(s.state);
  const submit = (run: string) => ask('rr.api.local.jobs.submit', { source: repo, run });
  const one = s.rr('down', '--drain', '--json');
  await eventually(
    () => one.err(),
    (text) => text.includes('waiting for'),
  );
  expect(await submit('late')).toMatchObject({ error: { code: 'DRAINING', fix: expect.stringContaining('rr up') } });
  expect(await submit(out.trim())).toEqual({ run: out.trim() }); // taken before: a repeat hears so
  await nats.close();
  const { code, objects } = await finish(one);
  expect(code).toBe(0);
  expect(objects).toMatchObject([
    { type: 'ended', run: out.trim(), state: 'done' },
    { type: 'down', open: [] },
  ]);
  expect(readFileSync(join(repo, 'installs.log'), 'utf8')).toBe('begun\ndone\n');
  await gone(s);
}, 60_000);

long(
  'a drain that was interrupted is none: jobs are taken again; --timeout ends the wait',
  async () => {
    const s = scratch(quick);
    await finish(s.rr('run', '-d', s.repo('slow-install', { ignore })));
    await eventually(
      () => installs(s),
      (all) => all.length > 0,
    );
    const { nats, ask } = await rawClient(s.state);
    const one = s.rr('down', '--drain', '--json');
    await eventually(
      () => one.err(),
      (text) => text.includes('waiting for'),
    );
    one.child.kill('SIGINT');
    expect(await one.exited).toBe(130);
    expect(await ask('rr.api.local.ops.status')).toMatchObject({ draining: false });
    await nats.close();
    const began = performance.now();
    const { objects } = await finish(s.rr('down', '--drain', '--timeout', '0.2', '--json'));
    expect(objects).toMatchObject([{ type: 'ended', state: 'cancelled' }, { type: 'down' }]);
    expect(performance.now() - began).toBeLessThan(8_000);
    await gone(s);
  },
  60_000,
);

long(
  'rr down ends a rr run in another terminal as its own Ctrl-C would',
  async () => {
    const s = scratch(quick);
    const one = s.rr('run', s.repo('node-plain'), '--json');
    await one.object(({ type }) => type === 'result');
    expect(await up(s)).toMatchObject({ already: true, stays: false });
    await down(s);
    expect(await one.exited).toBe(0);
    await gone(s);
  },
  60_000,
);

long(
  'Ctrl-C ends what a rr run holds also when the rr run it had joined has left',
  async () => {
    const s = scratch(quick);
    const host = s.rr('run', s.repo('node-plain', { as: 'one' }), '--json');
    await host.object(({ type }) => type === 'result');
    const guest = s.rr('run', s.repo('node-plain', { as: 'two' }), '--json');
    await guest.object(({ type }) => type === 'result');
    host.child.kill('SIGINT');
    expect(await host.exited).toBe(0);
    guest.child.kill('SIGINT');
    expect(await guest.exited).toBe(0);
    expect(guest.objects().at(-1)).toEqual({ type: 'ended', state: 'done' });
    await gone(s);
  },
  60_000,
);

long(
  'a runtime whose broker hangs is ended by signal, and then what it held',
  async () => {
    const s = scratch(quick);
    const { run } = await detached(s, s.repo('node-plain'));
    process.kill(server(s).pid, 'SIGSTOP');
    const { code, objects, err } = await finish(s.rr('down', '--json'));
    expect(code, err).toBe(0);
    expect(objects).toMatchObject([
      { type: 'ended', run, state: 'done' },
      { type: 'down', open: [] },
    ]);
    await gone(s);
  },
  90_000,
);

long(
  'after a runtime died by SIGKILL rr down ends what it left',
  async () => {
    const s = scratch(quick);
    await detached(s, s.repo('node-plain'));
    process.kill(runtimes(s)[0]!.pid, 'SIGKILL');
    expect(await down(s)).toMatchObject({ open: [] });
    await gone(s);
  },
  60_000,
);

long(
  'without a runtime, and without a broker, rr ps and rr logs read the folder',
  async () => {
    const s = scratch(quick);
    const { run } = await detached(s, s.repo('node-plain'));
    await down(s);
    await expectNothingLeft(s);
    rmSync(join(s.state, 'broker'), { recursive: true });
    expect((await finish(s.rr('ps'))).out).toBe('no open runs (--all shows ended ones)\n');
    expect((await finish(s.rr('ps', '--all', '--json'))).objects).toMatchObject([
      { type: 'run', run, state: 'done', outcome: 'healthy' },
    ]);
    expect((await finish(s.rr('logs', run))).out).toContain('listening on');
    expect(await finish(s.rr('logs', '-f', run))).toMatchObject({
      code: 0,
      out: expect.stringContaining('listening on'),
    });
    expect(await finish(s.rr('logs', 'nobody'))).toMatchObject({ code: 2 });
    expect(existsSync(join(s.state, 'broker'))).toBe(false);
  },
  60_000,
);

// Logs that are followed.

test('rr logs -f goes on across the death of the runtime, no line twice and none left out, and ends with the run', async () => {
  const s = scratch(quick);
  const { run } = await detached(s, counts(s, 20));
  const one = s.rr('logs', '-f', run);
  await eventually(
    () => ticks(one).length,
    (n) => n > 20,
  );
  process.kill(runtimes(s)[0]!.pid, 'SIGKILL');
  await eventually(
    () => one.err(),
    (text) => text.includes('no runtime is up'),
  );
  const then = ticks(one).length;
  await eventually(
    () => ticks(one).length,
    (n) => n > then + 20,
  );
  await up(s);
  await eventually(
    () => one.err(),
    (text) => text.includes('a runtime is up again'),
  );
  await finish(s.rr('stop', run));
  expect(await one.exited).toBe(0);
  expectInStep(ticks(one));
  expect(one.err().trim().split('\n')).toHaveLength(2);
  const log = readFileSync(
    join(s.state, 'runs', run, 'logs', readdirSync(join(s.state, 'runs', run, 'logs'))[0]!),
    'utf8',
  );
  expect(ticks(one).at(-1)).toBe(Number([...log.matchAll(/tick (\d+) /g)].at(-1)![1]));
  await down(s);
}, 60_000);

long(
  'over the bus alone it goes on across a broker and a runtime that were killed, and across rotations',
  async () => {
    const s = scratch(quick);
    const { run } = await detached(s, counts(s, 10, 20)); // 1 MB a second: its log is rotated every 8 s
    const { user, pass } = JSON.parse(readFileSync(join(s.state, 'broker/credentials.json'), 'utf8'));
    const before = server(s);
    const elsewhere = scratch({ NATS_URL: `nats://${user}:${pass}@127.0.0.1:${before.port}` });
    elsewhere.env.NATS_URL = `nats://${user}:${pass}@127.0.0.1:${before.port}`;
    const one = elsewhere.rr('logs', '-f', '-n', '5', run);
    const more = async (lines: number) => {
      const then = ticks(one).length;
      await eventually(
        () => ticks(one).length,
        (n) => n > then + lines,
      );
    };
    const first = join(s.state, 'runs', run, 'logs');
    await more(100);
    process.kill(before.pid, 'SIGKILL');
    await more(100);
    expect(server(s)).toMatchObject({ port: before.port });
    process.kill(runtimes(s)[0]!.pid, 'SIGKILL');
    await eventually(
      () => one.err(),
      (text) => text.includes('no runtime answers'),
    );
    await up(s);
    await more(100);
    await eventually(
      () => readdirSync(first),
      (names) => names.some((name) => name.endsWith('.1')),
    );
    await more(10_000);
    await finish(s.rr('stop', run));
    expect(await one.exited, one.err()).toBe(0);
    const said = one.err().trim().split('\n');
    expect(said.filter((line) => line.includes('no runtime answers')).length).toBeLessThanOrEqual(2);
    expect(said.filter((line) => line.includes('missing'))).toEqual([]);
    expectInStep(ticks(one));
    await down(s);
  },
  120_000,
);

// The broker's faults.

test('a nats-server killed while a run is up comes back on its port; runtime and raw client go on', async () => {
  const s = scratch(quick);
  const { run, url } = await detached(s, s.repo('node-plain'));
  const { nats, ask } = await rawClient(s.state);
  const before = server(s);
  process.kill(before.pid, 'SIGKILL');
  const after = await eventually(
    () => offered(s),
    (now) => now !== null && now.pid !== before.pid,
  );
  expect(after).toMatchObject({ port: before.port, keeperPid: before.keeperPid });
  await eventually(quickly(nats, run), ({ state }) => state === 'up');
  expect((await fetch(url)).status).toBe(200);
  const heard: string[] = [];
  nats.subscribe(`rr.view.local.${run}.>`, { callback: (_, { subject }) => void heard.push(subject) });
  await ask('rr.api.local.runs.stop', { run });
  await eventually(
    () => heard,
    (all) => all.some((subject) => subject.endsWith('.ended')),
  );
  await nats.close();
  await down(s);
  await gone(s);
}, 60_000);

test('a broker that was killed with its keeper and lost its store is started by the runtime, and no open job is lost', async () => {
  const s = scratch({ ...quick, RR_SLOTS: '1' });
  const [slow, plain] = [s.repo('slow-install', { ignore }), s.repo('node-plain')];
  const first = (await finish(s.rr('run', '-d', slow))).out.trim();
  const { nats, ask } = await rawClient(s.state);
  await eventually(
    () => installs(s),
    (all) => all.length > 0,
  );
  const { run: second } = await ask('rr.api.local.jobs.submit', { source: plain });
  expect(await ask('rr.api.local.runs.get', { run: second })).toMatchObject({ state: 'queued' });
  const before = server(s);
  process.kill(before.keeperPid, 'SIGKILL');
  process.kill(before.pid, 'SIGKILL');
  rmSync(join(s.state, 'broker/jetstream'), { recursive: true, force: true });
  const after = await eventually(
    () => offered(s),
    (now) => now !== null && now.pid !== before.pid,
  );
  expect(after).toMatchObject({ port: before.port });
  for (const run of [first, second]) await eventually(quickly(nats, run), ({ state }) => state === 'up');
  expect(readFileSync(join(slow, 'installs.log'), 'utf8')).toBe('begun\ndone\n');
  // The streams are there again, and take facts and jobs.
  await eventually(
    async () => ((await nats.request('$JS.API.STREAM.NAMES', '')).json() as { streams: string[] }).streams,
    (names) => ['RR_DEAD', 'RR_FACTS', 'RR_JOBS'].every((name) => names?.includes(name)),
  );
  await nats.request('rr.queue.jobs', JSON.stringify({ run: 'after', source: join(s.dir, 'node-plain') }));
  await eventually(quickly(nats, 'after'), ({ state }) => state === 'up', 25_000);
  await nats.close();
  await down(s);
  await gone(s);
}, 90_000);

// The queue of jobs.

test('a job published on the queue is run once, also one published while no runtime was up', async () => {
  const s = scratch({ ...quick, RR_BROKER_IDLE_MS: '20000' });
  await up(s);
  const source = s.repo('node-job');
  const { nats, ask } = await rawClient(s.state);
  const publish = async (job: object) => (await nats.request('rr.queue.jobs', JSON.stringify(job))).json();
  const done = (run: string) =>
    eventually(
      () => ask('rr.api.local.runs.get', { run }).catch(() => ({})),
      ({ ended }) => ended,
    );
  await eventually(
    async () => ((await nats.request('$JS.API.STREAM.NAMES', '')).json() as { streams: string[] }).streams,
    (names) => names?.includes('RR_JOBS'),
  );
  expect(await publish({ run: 'mine', source })).toMatchObject({ stream: 'RR_JOBS' });
  await publish({ run: 'mine', source });
  expect(await done('mine')).toMatchObject({ outcome: 'healthy' });
  await down(s);
  await publish({ run: 'later', source });
  await up(s);
  expect(await done('later')).toMatchObject({ outcome: 'healthy' });
  expect((await ask('rr.api.local.runs.list', { all: true })).runs).toHaveLength(2);
  const { state } = (await nats.request('$JS.API.STREAM.INFO.RR_JOBS', '')).json() as { state: { messages: number } };
  expect(state.messages).toBe(0);
  await down(s);
}, 60_000);

long(
  'a queued job that cannot be taken is put aside after five tries, with the reason and without its secrets',
  async () => {
    const s = scratch(quick);
    await up(s);
    const { nats } = await rawClient(s.state);
    const dead: Record<string, unknown>[] = [];
    nats.subscribe('rr.dead.jobs', { callback: (_, message) => void dead.push(message.json() as never) });
    const streams = async () =>
      ((await nats.request('$JS.API.STREAM.NAMES', '')).json() as { streams: string[] }).streams;
    await eventually(streams, (names) => names?.includes('RR_JOBS'));
    const env = { KEY: 'secret-5c5c' };
    await nats.request('rr.queue.jobs', JSON.stringify({ run: 'nowhere', source: '/no/such/folder', env }));
    await nats.request('rr.queue.jobs', 'no json');
    await eventually(
      () => dead,
      (all) => all.length === 2,
    );
    expect(dead).toContainEqual({
      at: expect.any(String),
      tries: 5,
      error: expect.objectContaining({ code: 'PATH_MISSING' }),
      job: { run: 'nowhere', source: '/no/such/folder' },
    });
    expect(dead).toContainEqual(
      expect.objectContaining({
        tries: 5,
        error: expect.objectContaining({ code: 'MESSAGE_NOT_JSON' }),
        job: 'no json',
      }),
    );
    const { state } = (await nats.request('$JS.API.STREAM.INFO.RR_DEAD', '')).json() as { state: { messages: number } };
    expect(state.messages).toBe(2);
    await nats.close();
    await down(s);
    await gone(s);
  },
  60_000,
);
