import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { asNobody, expectNothingLeft, processesOf, treeOf } from './left.js';
import { eventually, factsOf, finish, rawClient, type Scratch, scratch, settle } from './rr.js';

const quick = { RR_BROKER_IDLE_MS: '700' };
/** Fetching a nats-server, where the machine has none, may be said before. */
const oneLine = /^(?:· [^\n]+\n)?rr: [^\n]+\n {4}fix: [^\n]+ \[[A-Z_]+\]\n$/;

/** A state folder as a SIGKILL left it, with one run whose application is up. */
async function killedWhileUp(s: Scratch): Promise<{ run: string; repo: string }> {
  const repo = s.repo('node-plain');
  const first = s.rr('run', repo, '--json');
  const { run } = (await first.object(({ type }) => type === 'result')) as { run: string };
  first.child.kill('SIGKILL');
  await first.exited;
  return { run, repo };
}
const apps = (s: Scratch) => processesOf(s.dir).filter(({ what }) => /^node server\.js/.test(what.trim()));

test('a state folder that cannot be written is one clear error, also for an ordinary user', async () => {
  const s = scratch({ ...quick, RR_HOME: '/etc/hostname/state' });
  const told = await finish(s.rr('run', s.repo('node-plain'), '--once'));
  expect(told.err).toMatch(oneLine);
  expect(told.err).toMatch(/state folder .* cannot be written.*\n.*--state DIR.*STATE_UNWRITABLE/);
  expect(told.code).toBe(4);
  const closed = join(s.dir, 'closed');
  mkdirSync(closed, { mode: 0o555 });
  s.env.RR_HOME = join(closed, 'state');
  const { code, err } = await asNobody(s, 'run', join(s.dir, 'node-plain'), '--once');
  expect(err).toMatch(oneLine);
  expect(err).toContain('STATE_UNWRITABLE');
  expect(code).toBe(4);
  await expectNothingLeft(s);
}, 60_000);

const mounts = ((): boolean => {
  try {
    execFileSync('unshare', ['--mount', 'true'], { stdio: 'ignore' });
    return process.getuid?.() === 0;
  } catch {
    return false; // not root, or not permitted in this container
  }
})();
test.skipIf(!mounts)(
  'a disk that is full, or fills up in the middle of a run, is said in bounded time (needs root to mount one)',
  async () => {
    const s = scratch(quick);
    const repo = s.repo('bad-install-endless');
    const before = treeOf(repo);
    mkdirSync(s.state);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', s.state]);
    onTestFinished(() => void execFileSync('umount', ['--lazy', s.state]));
    const fill = join(s.state, 'filler');
    const full = (): void => {
      try {
        for (;;) appendFileSync(fill, Buffer.alloc(4096));
      } catch {
        // no page is free any more
      }
    };
    full();
    const told = await finish(s.rr('run', repo, '--once'));
    expect(told.err).toMatch(oneLine);
    expect(told.err).toMatch(/cannot be written \(ENOSPC.*free some space.*STATE_UNWRITABLE/s);
    expect(told.code).toBe(4);
    expect(processesOf(s.dir).filter(({ what }) => what.includes('install.js'))).toEqual([]);

    truncateSync(fill, 0);
    const one = s.rr('run', repo, '--once', '--json');
    await eventually(
      () => processesOf(s.dir),
      (all) => all.some(({ what }) => what.includes('install.js')),
    );
    full();
    one.child.kill('SIGINT');
    const code = await Promise.race([one.exited, new Promise((resolve) => setTimeout(resolve, 45_000, 'late'))]);
    expect(code, one.err()).not.toBe('late');
    expect(code).not.toBe(0);
    expect(treeOf(repo)).toEqual(before);
    truncateSync(fill, 0);
    await expectNothingLeft(s, [], 40_000); // a nats-server whose disk is full hangs, and is ended for it

    // A runtime that is up refuses new work at once, and takes it when there is room.
    const up = s.rr('up', '--foreground', '--json');
    await up.object(({ type }) => type === 'up');
    const { ask, nats } = await rawClient(s.state);
    const submit = () =>
      ask('rr.api.local.jobs.submit', { source: s.repo('nothing-here', { as: `${performance.now()}` }) });
    full();
    expect(await submit()).toMatchObject({
      error: { code: 'STATE_UNWRITABLE', message: expect.stringMatching(/ENOSPC/) },
    });
    truncateSync(fill, 0);
    const { run } = await submit();
    await eventually(
      () => ask('rr.api.local.runs.get', { run }),
      ({ ended }) => ended,
    );
    await nats.close();
    up.child.kill('SIGINT');
    await up.exited;
  },
  150_000,
);

test('a checkpoint that is broken after a kill is whole again from the journal', async () => {
  const s = scratch(quick);
  const { run } = await killedWhileUp(s);
  for (const name of ['checkpoints/orchestrator_state.json', `runs/${run}/checkpoints/run_state.json`]) {
    mkdirSync(dirname(join(s.state, name)), { recursive: true });
    writeFileSync(join(s.state, name), '{"format": 1, "ki');
  }
  const up = s.rr('up', '--foreground', '--json');
  await up.object(({ type }) => type === 'up');
  const { ask, nats } = await rawClient(s.state);
  expect(await ask('rr.api.local.runs.get', { run })).toMatchObject({ state: 'up', outcome: 'healthy' });
  await ask('rr.api.local.runs.stop', { run });
  await eventually(
    () => ask('rr.api.local.runs.get', { run }),
    ({ ended }) => ended,
    15_000,
  );
  await nats.close();
  up.child.kill('SIGINT');
  expect(await up.exited).toBe(0);
  expect(JSON.parse(readFileSync(join(s.state, 'checkpoints/orchestrator_state.json'), 'utf8'))).toMatchObject({
    state: { context: { runs: { [run]: { state: 'done' } } } },
  });
  await expectNothingLeft(s);
}, 60_000);

test('a broken checkpoint is named with the folder of its older versions, and never overwritten', async () => {
  const s = scratch(quick);
  const { run } = await killedWhileUp(s);
  await settle(s);
  const saved = join(s.dir, 'saved');
  await eventually(
    () => processesOf(s.dir),
    (all) => !all.some(({ what }) => what.includes('nats-server')),
    15_000,
  );
  cpSync(s.state, saved, { recursive: true });
  const damage: [string, (text: string) => string, string][] = [
    ['checkpoints/admin_state.json', (text) => text.slice(0, text.length / 2), 'CHECKPOINT_BROKEN'],
    ['checkpoints/orchestrator_state.json', () => '\u0000\u0001 garbage', 'CHECKPOINT_BROKEN'],
    ['checkpoints/manager_state_PortManager.json', () => '{"format":1}', 'CHECKPOINT_BROKEN'],
    ['hosts/HOST/host_state.json', () => '', 'CHECKPOINT_BROKEN'],
    [
      'checkpoints/orchestrator_state.json',
      (text) => text.replace('"version": 1', '"version": 99'),
      'CHECKPOINT_VERSION',
    ],
    ['checkpoints/admin_state.json', (text) => text.replace('"format": 1', '"format": 2'), 'CHECKPOINT_FORMAT'],
    [
      'checkpoints/orchestrator_state.json',
      () => readFileSync(join(s.state, 'checkpoints/admin_state.json'), 'utf8'),
      'CHECKPOINT_FOREIGN',
    ],
    [
      'checkpoints/manager_state_PortManager.json',
      (text) => text.replace(/"value": "[a-z-]+"/, '"value": "asleep"'),
      'CHECKPOINT_ILLEGAL',
    ],
  ];
  const reasons: Record<string, RegExp> = {
    CHECKPOINT_VERSION: /version 99, .*knows 1/,
    CHECKPOINT_FORMAT: /admin_state\.json has the format 2, this program knows 1/,
    CHECKPOINT_FOREIGN: /orchestrator_state\.json is of sys\/admin\/main, wanted one of sys\/orchestrator\/main/,
    CHECKPOINT_ILLEGAL: /sys\/port-manager\/main cannot go on: .*asleep/,
  };
  const host = readFileSync('/etc/hostname', 'utf8').trim().toLowerCase();
  for (const [name, spoil, code] of damage) {
    const file = join(s.state, name.replace('HOST', s.env.RR_HOST ?? host));
    const whole = readFileSync(file, 'utf8');
    const spoiled = spoil(whole);
    writeFileSync(file, spoiled);
    const began = performance.now();
    const told = await finish(s.rr('up', '--foreground', '--json'));
    expect(performance.now() - began).toBeLessThan(15_000);
    expect(told.code, told.out).toBe(4);
    expect(told.objects).toEqual([{ type: 'error', error: expect.objectContaining({ code }) }]);
    const { message, fix } = (told.objects[0] as { error: { message: string; fix: string } }).error;
    if (code === 'CHECKPOINT_BROKEN') {
      expect(message).toContain(file);
      const history = /\S+history\/\S+/.exec(fix)![0];
      expect(existsSync(history) && dirname(history)).toContain('history');
    } else expect(message).toMatch(reasons[code]!);
    expect(readFileSync(file, 'utf8')).toBe(spoiled);
    writeFileSync(file, whole);
  }

  // Of a run's own actors only that run is over: what it held is ended, the runtime serves on.
  expect(apps(s)).toHaveLength(1);
  const file = join(s.state, 'runs', run, 'checkpoints/agent_state_RunnerAgent.json');
  writeFileSync(file, readFileSync(file, 'utf8').slice(0, 100));
  const up = s.rr('up', '--foreground', '--json');
  await up.object(({ type }) => type === 'up');
  expect(up.err()).toMatch(new RegExp(`the run ${run} cannot go on: the checkpoint ${file} does not parse`));
  expect(up.err()).toContain(join(s.state, 'runs', run, 'checkpoints/history/agent_state_RunnerAgent.json'));
  const { ask, nats } = await rawClient(s.state);
  expect(
    await eventually(
      () => ask('rr.api.local.runs.get', { run }),
      ({ ended }) => ended,
      15_000,
    ),
  ).toMatchObject({ state: 'failed' });
  await eventually(
    () => apps(s),
    (left) => left.length === 0,
    10_000,
  );
  expect(readFileSync(file, 'utf8')).toHaveLength(100);
  await nats.close();
  up.child.kill('SIGINT');
  expect(await up.exited).toBe(0);
  await expectNothingLeft(s);
}, 120_000);

test('a journal that the disk spoiled is told with its place, and what stands before that is gone on with', async () => {
  const s = scratch(quick);
  const { run } = await killedWhileUp(s);
  const host = readdirSync(join(s.state, 'hosts'))[0]!;
  const journal = join(s.state, 'hosts', host, 'journal');
  const segment = join(
    journal,
    readdirSync(journal)
      .filter((name) => name.endsWith('.seg'))
      .sort()
      .at(-1)!,
  );
  // As a power cut leaves it the files know none of it; the last record is spoiled, and those before are whole.
  writeFileSync(join(journal, 'mark.json'), '{');
  const bytes = readFileSync(segment);
  let last = bytes.length - 1;
  while (bytes[last] === 0) last -= 1;
  bytes[last - 3]! ^= 0x20;
  writeFileSync(segment, bytes);
  const up = s.rr('up', '--foreground', '--json');
  await up.object(({ type }) => type === 'up');
  expect(up.err()).toMatch(
    /the journal \S+\.seg ends at byte \d+: a record with a wrong CRC, \d+ bytes were cut off\n.*fix: .*\[JOURNAL_DAMAGED\]/,
  );
  expect(readFileSync(join(s.state, 'hosts', host, 'host.log'), 'utf8')).toContain('"code":"JOURNAL_DAMAGED"');
  const { ask, nats } = await rawClient(s.state);
  expect(await ask('rr.api.local.runs.get', { run })).toMatchObject({ state: 'up', outcome: 'healthy' });
  await ask('rr.api.local.runs.stop', { run });
  await eventually(
    () => ask('rr.api.local.runs.get', { run }),
    ({ ended }) => ended,
    15_000,
  );
  await nats.close();
  up.child.kill('SIGINT');
  expect(await up.exited).toBe(0);
  await expectNothingLeft(s);
}, 60_000);

test('a folder of the host or its journal that may not be written is said, with the folder', async () => {
  const s = scratch({ ...quick, RR_HOST: 'here' });
  const repo = s.repo('node-job');
  expect((await asNobody(s, 'run', repo, '--once')).code).toBe(0);
  const host = join(s.state, 'hosts/here');
  for (const folder of [host, join(host, 'journal')]) {
    chmodSync(folder, 0o555);
    const { code, out } = await asNobody(s, 'run', repo, '--once', '--json');
    chmodSync(folder, 0o755);
    expect(JSON.parse(out.trim().split('\n').at(-1)!)).toMatchObject({
      type: 'error',
      error: { code: 'STATE_UNWRITABLE', message: expect.stringContaining(`${folder} cannot be written (EACCES)`) },
    });
    expect(code).toBe(4);
  }
  expect((await asNobody(s, 'run', repo, '--once')).code).toBe(0);
  await expectNothingLeft(s);
}, 90_000);

test('a line of facts.ndjson that a power cut shortened is cut off, and the run goes on', async () => {
  const s = scratch(quick);
  const { run } = await killedWhileUp(s);
  const file = join(s.state, 'runs', run, 'facts.ndjson');
  const before = factsOf(s.state, run).length;
  appendFileSync(file, '{"seq":99,"id":"half a li');
  const up = s.rr('up', '--foreground', '--json');
  await up.object(({ type }) => type === 'up');
  const { ask, nats } = await rawClient(s.state);
  await ask('rr.api.local.runs.stop', { run });
  expect(
    await eventually(
      () => ask('rr.api.local.runs.get', { run }),
      ({ ended }) => ended,
    ),
  ).toMatchObject({ state: 'done' });
  const facts = factsOf(s.state, run); // every line parses
  expect(facts.length).toBeGreaterThan(before);
  expect(facts.map(({ seq }) => seq)).toEqual(facts.map((_, n) => n + 1));
  await nats.close();
  up.child.kill('SIGINT');
  expect(await up.exited).toBe(0);
  await expectNothingLeft(s);
}, 60_000);
