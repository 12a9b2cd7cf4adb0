/** What actors remember, looked at and mended through the built rr, with a runtime and without one. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { apply } from '../../checkpoints/diff.js';
import { type AuditLine, brokenAt } from '../../checkpoints/ledger.js';
import { mend, verify } from '../../checkpoints/verify.js';
import { expectNothingLeft, processesOf } from './left.js';
import { eventually, finish, rawClient, type Scratch, scratch, settle } from './rr.js';

const quick = { RR_BROKER_IDLE_MS: '700' };
// biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely by tests
type Any = any;

/** One command of rr to its end, as objects. */
async function rr(s: Scratch, ...args: string[]): Promise<{ code: number | null; objects: Any[]; one: Any }> {
  const { code, objects, out, err } = await finish(s.rr(...args, '--json'));
  if (objects.length === 0) throw new Error(`rr ${args.join(' ')} said nothing (exit ${code}): ${out}${err}`);
  return { code, objects, one: objects[0] };
}
async function up(s: Scratch) {
  const runtime = s.rr('up', '--foreground', '--json');
  await runtime.object(({ type }) => type === 'up' || type === 'error');
  const { nats, ask } = await rawClient(s.state);
  return {
    runtime,
    ask: (verb: string, body: object = {}) => ask(`rr.api.local.${verb}`, body) as Promise<Any>,
    async down() {
      await nats.close();
      runtime.child.kill('SIGINT');
      expect(await runtime.exited).toBe(0);
    },
  };
}
/** A run to its end, with a variable whose value is nobody's business. */
async function ranOnce(s: Scratch, repo: string, ...more: string[]): Promise<string> {
  const { code, objects } = await rr(s, 'run', s.repo(repo), '--once', ...more);
  expect(code).toBe(0);
  return String(objects.find(({ type }) => type === 'run')!.run);
}
/** A state folder as a SIGKILL left it, with one run whose application is up. */
async function killedWhileUp(s: Scratch, repo = 'node-plain'): Promise<string> {
  const first = s.rr('run', s.repo(repo), '--json');
  const { run } = (await first.object(({ type }) => type === 'result')) as { run: string };
  first.child.kill('SIGKILL');
  await first.exited;
  return run;
}
const apps = (s: Scratch): number[] =>
  processesOf(s.dir)
    .filter(({ what }) => /^node server\.js/.test(what.trim()))
    .map(({ pid }) => pid);
const auditOf = (path: string): AuditLine[] =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as AuditLine);

test('an ended run is read from its folder: actors, versions, differences, the message that led there; no secret in any of it', async () => {
  const s = scratch(quick);
  const run = await ranOnce(s, 'heal-missing-env', '--env', 'API_KEY=hunter2');
  const address = `${run}/run/run-1`;
  const said: string[] = [];
  const look = async (...args: string[]) => {
    const told = await finish(s.rr(...args));
    said.push(told.out, told.err);
    expect(told.code, told.err).toBe(0);
    const asJson = await rr(s, ...args);
    said.push(JSON.stringify(asJson.objects));
    return { ...asJson, out: told.out };
  };
  const list = await look('checkpoints', 'list');
  expect(list.objects).toContainEqual(expect.objectContaining({ address, state: 'ended', error: null }));
  expect(list.objects.filter(({ run: of }) => of === 'sys').length).toBeGreaterThanOrEqual(6);
  expect((await look('checkpoints', 'list', run)).objects.every((one) => one.run === run)).toBe(true);

  const { objects: versions } = await look('checkpoints', 'history', address);
  expect(versions.at(-1)).toMatchObject({ state: 'ended', error: null });
  const stopped = versions.findIndex(({ took }) => took === 'run.stop');
  expect(versions[stopped].changed).toContain('state');
  const [before, after] = [versions[stopped - 1], versions[stopped]];

  // What led there, with the command itself; of an answer, what was asked and what was heard.
  const shown = await look('checkpoints', 'show', `${address}@${after.version}`);
  expect(shown.one).toMatchObject({
    version: after.version,
    state: 'ending',
    lead: { type: 'run.stop', command: { type: 'run.stop', payload: { reason: 'stop' } } },
  });
  const proved = versions.find(({ took }) => /^answered step prove/.test(took));
  expect((await look('checkpoints', 'show', `${address}@${proved.version}`)).one.lead).toMatchObject({
    type: 'answered',
    command: { type: 'health.check', from: address },
    answer: { type: 'health.passed' },
  });
  const part = await look('checkpoints', 'show', address, '--path', 'steps.prove');
  expect(part.one.context).toMatchObject({ state: 'done' });

  // The changes, made to the one version, give the other.
  const [was, now] = await Promise.all(
    [before, after].map(async ({ version }) => (await rr(s, 'checkpoints', 'show', `${address}@${version}`)).one),
  );
  const { one: told, out } = await look('checkpoints', 'diff', address, before.version, after.version);
  const context = told.changes
    .filter(({ path }: Any) => path[0] === 'context')
    .map((change: Any) => ({ ...change, path: change.path.slice(1) }));
  expect(apply(was.context, context)).toEqual(now.context);
  expect(out).toMatch(/state\n {2}- "up"\n {2}\+ "ending"/);

  // Where the time went.
  const timeline = await look('runs', 'show', run);
  expect(timeline.one).toMatchObject({
    run,
    outcome: 'healthy',
    state: 'done',
    fixes: [{ step: 'start', helped: true }],
  });
  expect(timeline.one.steps.filter(({ step }: Any) => step === 'start').map(({ ok }: Any) => ok)).toEqual([
    false,
    true,
  ]);
  for (const line of timeline.out.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
  expect(timeline.out).not.toContain('\x1b');
  expect(timeline.out).toMatch(/✗ start .*█/);
  expect((await look('runs', 'list')).objects).toMatchObject([{ run, state: 'done' }]);
  expect((await look('checkpoints', 'verify')).one).toMatchObject({ type: 'verified', findings: 0 });
  expect(said.join('\n')).not.toContain('hunter2');

  const wrong: [string[], string][] = [
    [['checkpoints', 'show', `${run}/health/nobody`], 'ACTOR_UNKNOWN'],
    [['checkpoints', 'show', `${address}@7.7`], 'VERSION_UNKNOWN'],
    [['checkpoints', 'show', 'nonsense'], 'USAGE'],
    [['checkpoints', 'diff', address, '0.1', 'x'], 'USAGE'],
    [['checkpoints', 'list', 'nobody'], 'RUN_UNKNOWN'],
    [['runs', 'show', 'nobody'], 'RUN_UNKNOWN'],
  ];
  for (const [args, code] of wrong) {
    const refused = await rr(s, ...args);
    expect(refused.one, args.join(' ')).toMatchObject({ type: 'error', error: { code } });
    expect(refused.code).toBe(2);
  }
}, 90_000);

test('a runtime that is up says the same on the bus, of what its actors are now', async () => {
  const s = scratch(quick);
  const { ask, down } = await up(s);
  const { run } = await ask('jobs.submit', { source: s.repo('node-plain') });
  await eventually(
    () => ask('runs.get', { run }),
    ({ state }) => state === 'up',
  );
  const address = `${run}/run/run-1`;
  const { actors } = await ask('checkpoints.list', { run });
  const living = (await ask('admin.tree')).actors.filter((one: Any) => one.address.startsWith(run));
  expect(actors.map((one: Any) => one.address).sort()).toEqual(living.map((one: Any) => one.address).sort());
  const shown = await ask('checkpoints.show', { address });
  expect(shown).toMatchObject({ state: 'up', context: { mode: 'up', run } });
  const { versions } = await ask('checkpoints.history', { address });
  const [from, to] = versions.slice(-2).map(({ version }: Any) => version);
  expect((await ask('checkpoints.diff', { address, from, to })).changes.length).toBeGreaterThan(0);
  expect((await ask('checkpoints.verify')).findings).toEqual([]);
  expect(await ask('runs.timeline', { run })).toMatchObject({ state: 'up', outcome: 'healthy' });
  expect(await ask('checkpoints.show', { address: 'nonsense' })).toMatchObject({ error: { code: 'MESSAGE_INVALID' } });
  // What no message can hold is refused by name; a part of it is told.
  const large = join(s.state, 'runs', run, 'checkpoints/agent_state_HealthAgent.health-2.json');
  const small = JSON.parse(
    readFileSync(join(s.state, 'runs', run, 'checkpoints/agent_state_HealthAgent.json'), 'utf8'),
  );
  small.id = 'health-2';
  small.state.context = { much: 'x'.repeat(2_000_000), little: [1] };
  writeFileSync(large, JSON.stringify(small));
  const second = `${run}/health/health-2`;
  expect(await ask('checkpoints.show', { address: second })).toMatchObject({ error: { code: 'ANSWER_LARGE' } });
  expect(await ask('checkpoints.show', { address: second, path: 'little' })).toMatchObject({ context: [1] });
  // So is the program, which asks the runtime rather than the folder.
  expect((await rr(s, 'checkpoints', 'show', second)).one).toMatchObject({ error: { code: 'ANSWER_LARGE' } });
  expect((await rr(s, 'checkpoints', 'show', address)).one).toMatchObject({ state: 'up' });
  rmSync(large);
  await ask('runs.stop', { run });
  await eventually(
    () => ask('runs.get', { run }),
    ({ ended }) => ended,
  );
  await down();
  await expectNothingLeft(s);
}, 60_000);

/** The command that an error names as its fix. */
const commandIn = (text: string): string[] => /rr (checkpoints restore [^;\n]+)/.exec(text)![1]!.trim().split(' ');

test('what was corrupted by hand is mended by the very command the error names, and the run goes on', async () => {
  const s = scratch(quick);
  const run = await killedWhileUp(s);
  await settle(s); // else the journal would mend it by itself
  const [pid] = apps(s);
  for (const name of ['checkpoints/orchestrator_state.json', `runs/${run}/checkpoints/run_state.json`]) {
    const file = join(s.state, name);
    writeFileSync(file, readFileSync(file, 'utf8').slice(0, 50));
  }
  const host = s.rr('up', '--foreground', '--json');
  const told = await finish(host);
  expect(told.objects).toMatchObject([{ type: 'error', error: { code: 'CHECKPOINT_BROKEN' } }]);
  const fix = commandIn((told.objects[0] as Any).error.fix);
  expect(fix).toContain('sys/orchestrator/main');
  const mended = await rr(s, ...fix);
  expect(mended.one).toMatchObject({ type: 'restored', address: 'sys/orchestrator/main', from: null });
  expect(mended.one.as).toMatch(/^1\./);

  // The other one is found before a runtime ends its run over it.
  const { code, objects } = await rr(s, 'checkpoints', 'verify');
  expect(code).toBe(1);
  const broken = objects.find(({ code: what }) => what === 'checkpoint-broken');
  expect(broken).toMatchObject({ path: `runs/${run}/checkpoints/run_state.json` });
  expect((await rr(s, ...commandIn(broken.mend))).one).toMatchObject({ address: `${run}/run/run-1` });
  // What is left of it is the version that lay in the same file.
  expect((await rr(s, 'checkpoints', 'verify', '--mend')).objects.at(-1)).toMatchObject({ findings: 0 });

  const { ask, down } = await up(s);
  expect(
    await eventually(
      () => ask('runs.get', { run }),
      ({ state }) => state === 'up',
    ),
  ).toMatchObject({ run });
  expect(apps(s)).toEqual([pid]);
  expect((await ask('checkpoints.show', { address: `${run}/run/run-1` })).version).toMatch(/^1\./);
  await ask('runs.stop', { run });
  expect(
    await eventually(
      () => ask('runs.get', { run }),
      ({ ended }) => ended,
    ),
  ).toMatchObject({ state: 'done' });
  await down();
  for (const audit of ['checkpoints/admin_audit.log', `runs/${run}/audit.log`]) {
    const lines = auditOf(join(s.state, audit));
    expect(brokenAt(lines)).toBe(null);
    expect(lines.filter(({ type }) => type === 'checkpoints.restored')).toMatchObject([
      { from: 'cli', payload: { by: 'cli', from: null, as: expect.stringMatching(/^1\./) } },
    ]);
  }
  expect((await rr(s, 'checkpoints', 'verify')).one).toMatchObject({ findings: 0 });
  await expectNothingLeft(s);
}, 90_000);

test('nothing is restored into a folder while a runtime that cannot be asked lives on it', async () => {
  const s = scratch(quick);
  const { runtime, down } = await up(s);
  runtime.child.kill('SIGSTOP'); // it lives and answers nobody
  const refused = await rr(s, 'checkpoints', 'restore', 'sys/port-manager/main', '0.0');
  expect(refused.one).toMatchObject({
    error: { code: 'HOST_TAKEN', message: expect.stringContaining(`${runtime.child.pid}`) },
  });
  expect((await rr(s, 'checkpoints', 'verify', '--mend')).one).toMatchObject({ error: { code: 'HOST_TAKEN' } });
  expect((await rr(s, 'checkpoints', 'show', 'sys/port-manager/main')).one).toMatchObject({ version: '0.0' });
  runtime.child.kill('SIGCONT');
  await down();
}, 60_000);

test('a living actor is stopped, restored and started again on the bus, and its run goes on', async () => {
  const s = scratch(quick);
  const { ask, down } = await up(s);
  const { run } = await ask('jobs.submit', { source: s.repo('node-plain') });
  const get = () => ask('runs.get', { run });
  await eventually(get, ({ state }) => state === 'up');
  const address = `${run}/run/run-1`;
  const { versions } = await ask('checkpoints.history', { address });
  // From before the proof: the proof is asked for again under the same id, and the health agent answers as it did.
  const proof = versions.findIndex(({ took }: Any) => /^answered step prove/.test(took));
  const to = versions[proof - 1].version;
  const told = await ask('checkpoints.restore', { address, version: to });
  expect(told).toMatchObject({ address, to, as: `1.${to.split('.')[1]}`, lives: true, dropped: [] });
  expect(told.kept.length).toBeGreaterThan(0);
  const shown = await eventually(
    () => ask('checkpoints.show', { address }),
    ({ state }) => state === 'up',
  );
  expect(shown.version).toMatch(/^1\./);
  expect((await ask('admin.tree')).actors).toContainEqual(
    expect.objectContaining({ address, state: 'up', restarts: 0 }),
  );
  expect(apps(s)).toHaveLength(1);
  expect((await get()).state).toBe('up');
  // Facts that it told again stand once.
  const ids = readFileSync(join(s.state, 'runs', run, 'facts.ndjson'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).id);
  expect(new Set(ids).size).toBe(ids.length);
  // Those of the system as well, at the version they are at.
  for (const one of ['sys/orchestrator/main', 'sys/admin/main', 'sys/port-manager/main']) {
    const { version } = await ask('checkpoints.show', { address: one });
    expect(await ask('checkpoints.restore', { address: one, version }), one).toMatchObject({ lives: true });
  }
  await ask('runs.stop', { run });
  expect(await eventually(get, ({ ended }) => ended)).toMatchObject({ state: 'done' });

  // Of a run that has ended the file alone is restored.
  expect(await ask('checkpoints.restore', { address, version: to, dropOwed: true })).toMatchObject({
    lives: false,
    kept: [],
  });
  expect((await ask('checkpoints.verify')).findings).toEqual([]);
  await down();
  await expectNothingLeft(s);
}, 60_000);

test('every damage to a state folder is found, with how it is mended; what harms nobody is removed', async () => {
  const s = scratch(quick);
  const run = await ranOnce(s, 'node-plain');
  await expectNothingLeft(s);
  const whole = join(s.dir, 'whole');
  cpSync(s.state, whole, { recursive: true, preserveTimestamps: true });
  const at = (...path: string[]): string => join(s.state, ...path);
  const bundle = `runs/${run}`;
  const change = (path: string, make: (text: string) => string): void =>
    writeFileSync(at(path), make(readFileSync(at(path), 'utf8')));
  const versions = readdirSync(at(bundle, 'checkpoints/history/run_state.json')).length;
  const newest = `0.${versions - 1}`;
  const sha = 'a'.repeat(64);
  const damages: [what: string, damage: () => void, code: string, path: string, safe: boolean][] = [
    [
      'a line of an audit that was changed',
      () => change(`${bundle}/audit.log`, (t) => t.replace('repo-run', 'repo-ran')),
      'audit-broken',
      `${bundle}/audit.log`,
      false,
    ],
    [
      'a line of an audit that was taken out',
      () => change('checkpoints/admin_audit.log', (t) => t.replace(/\n.*\n/, '\n')),
      'audit-broken',
      'checkpoints/admin_audit.log',
      false,
    ],
    [
      'a fact that is missing',
      () => change(`${bundle}/facts.ndjson`, (t) => t.replace(/\n.*\n/, '\n')),
      'facts-broken',
      `${bundle}/facts.ndjson`,
      false,
    ],
    [
      'a fact that does not parse',
      () => change(`${bundle}/facts.ndjson`, (t) => t.replace('{', '[')),
      'facts-broken',
      `${bundle}/facts.ndjson`,
      false,
    ],
    [
      'a checkpoint that does not parse',
      () => change('checkpoints/admin_state.json', () => 'x'),
      'checkpoint-broken',
      'checkpoints/admin_state.json',
      false,
    ],
    [
      'a checkpoint of another actor',
      () => cpSync(at('checkpoints/admin_state.json'), at('checkpoints/orchestrator_state.json')),
      'checkpoint-misplaced',
      'checkpoints/orchestrator_state.json',
      false,
    ],
    [
      'a checkpoint older than its versions',
      () => {
        const text = readFileSync(at(bundle, 'checkpoints/history/run_state.json/0.1.json'));
        rmSync(at(bundle, 'checkpoints/run_state.json'));
        writeFileSync(at(bundle, 'checkpoints/run_state.json'), text);
      },
      'checkpoint-old',
      `${bundle}/checkpoints/run_state.json`,
      false,
    ],
    [
      'a checkpoint that is gone',
      () => rmSync(at(bundle, 'checkpoints/run_state.json')),
      'checkpoint-missing',
      `${bundle}/checkpoints/run_state.json`,
      false,
    ],
    [
      'a version that does not parse',
      () => {
        rmSync(at(bundle, 'checkpoints/history/run_state.json/0.3.json'));
        writeFileSync(at(bundle, 'checkpoints/history/run_state.json/0.3.json'), '{');
      },
      'history-broken',
      `${bundle}/checkpoints/history/run_state.json/0.3.json`,
      true,
    ],
    [
      'a version under another number',
      () =>
        cpSync(
          at(bundle, 'checkpoints/history/run_state.json/0.3.json'),
          at(bundle, 'checkpoints/history/run_state.json/0.0.json'),
          { force: true },
        ),
      'history-misplaced',
      `${bundle}/checkpoints/history/run_state.json/0.0.json`,
      true,
    ],
    [
      'a stranger among the versions',
      () => writeFileSync(at('checkpoints/history/admin_state.json/old.json'), '{}'),
      'history-unknown',
      'checkpoints/history/admin_state.json/old.json',
      true,
    ],
    [
      'versions of nobody',
      () => mkdirSync(at('checkpoints/history/nobody.json')),
      'history-orphan',
      'checkpoints/history/nobody.json',
      true,
    ],
    [
      'a write that was cut short',
      () => writeFileSync(at('checkpoints/admin_state.json.1.tmp'), '{'),
      'file-cut-short',
      'checkpoints/admin_state.json.1.tmp',
      true,
    ],
    [
      'a copy that was cut short',
      () => mkdirSync(at(bundle, 'work.0a1b2c3d.partial')),
      'file-cut-short',
      `${bundle}/work.0a1b2c3d.partial`,
      true,
    ],
    [
      "a keeper's record that found no room",
      () => writeFileSync(at(bundle, 'keeper.json.new'), ''),
      'file-cut-short',
      `${bundle}/keeper.json.new`,
      true,
    ],
    ['a file of a stranger', () => writeFileSync(at('holiday.jpg'), ''), 'file-unknown', 'holiday.jpg', false],
    [
      'a checkpoint of nobody',
      () => writeFileSync(at('checkpoints/poet_state.json'), '{}'),
      'file-unknown',
      'checkpoints/poet_state.json',
      false,
    ],
    [
      'a run that names another',
      () => change(`${bundle}/run.json`, (t) => t.replace(`"${run}"`, '"other"')),
      'run-misplaced',
      `${bundle}/run.json`,
      false,
    ],
    [
      'a run that does not parse',
      () => change(`${bundle}/run.json`, (t) => t.slice(9)),
      'run-broken',
      `${bundle}/run.json`,
      false,
    ],
    ['a run that nobody knows', () => mkdirSync(at('runs/stray')), 'run-orphan', 'runs/stray', false],
    [
      'an open run without a folder',
      () => {
        change('checkpoints/orchestrator_state.json', (t) => t.replace('"ended": true', '"ended": false'));
        rmSync(at(bundle), { recursive: true });
      },
      'run-missing',
      bundle,
      false,
    ],
    [
      'a large part that was changed',
      () => {
        mkdirSync(at(bundle, 'blobs'));
        writeFileSync(at(bundle, 'blobs', sha), 'x');
      },
      'blob-broken',
      `${bundle}/blobs/${sha}`,
      true,
    ],
    [
      'an actor of an ended run that the admin would start',
      () => {
        change('checkpoints/admin_state.json', (text) => {
          const saved = JSON.parse(text);
          saved.state.context.registry[`${run}/run/run-1`] = {};
          return JSON.stringify(saved);
        });
        // Not one that the orchestrator is still about to dismiss.
        change('checkpoints/orchestrator_state.json', (text) => JSON.stringify({ ...JSON.parse(text), owed: [] }));
      },
      'registry-stale',
      'checkpoints/admin_state.json',
      false,
    ],
    [
      'a keeper that is dead, of a run that has ended',
      () => writeFileSync(at(bundle, 'keeper.json'), JSON.stringify({ pid: 1, startTime: 1, bootId: 'another' })),
      'keeper-dead',
      `${bundle}/keeper.json`,
      true,
    ],
    [
      'a keeper that is dead, of an open run',
      () => {
        writeFileSync(at(bundle, 'keeper.json'), '{}');
        rmSync(at(bundle, 'closed'));
      },
      'keeper-dead',
      `${bundle}/keeper.json`,
      false,
    ],
  ];
  expect(newest).toMatch(/^0\.1\d$/);
  for (const [what, damage, code, path, safe] of damages) {
    rmSync(s.state, { recursive: true });
    cpSync(whole, s.state, { recursive: true, preserveTimestamps: true });
    expect((await verify(s.state, { lives: false })).findings, what).toEqual([]);
    damage();
    const { findings } = await verify(s.state, { lives: false });
    const found = findings.find((one) => one.code === code && one.path === path);
    expect(found, `${what}: ${JSON.stringify(findings)}`).toMatchObject({ safe });
    expect(found!.what.length).toBeGreaterThan(5);
    expect(found!.mend.length).toBeGreaterThan(5);
    const mended = mend(s.state, findings);
    expect(mended.includes(found!), what).toBe(safe);
    if (safe) expect(existsSync(at(path)), what).toBe(false);
    if (mended.length === findings.length) expect((await verify(s.state, { lives: false })).findings, what).toEqual([]);
    // Where the mend is a command, it mends.
    if (!/^rr checkpoints restore \S+ \d/.test(found!.mend)) continue;
    const before = await rr(s, 'checkpoints', 'verify');
    expect(before.code, what).toBe(1);
    expect(before.objects, what).toContainEqual({ type: 'finding', ...found });
    expect((await rr(s, ...commandIn(found!.mend))).one, what).toMatchObject({ type: 'restored' });
    const { findings: left } = await verify(s.state, { lives: false });
    expect(
      left.filter((one) => one.code === code && one.path === path),
      what,
    ).toEqual([]);
  }
}, 60_000);

test('an up run is forked from a step with another variable: nothing before it runs again, both go on, each with its own port and work', async () => {
  const s = scratch(quick);
  const repo = s.repo('prints-env');
  const { ask, down } = await up(s);
  const get = (run: string) => ask('runs.get', { run });
  const { run } = await ask('jobs.submit', { source: repo, env: { COLOUR: 'blue', API_KEY: 'hunter2' } });
  const first = await eventually(
    () => get(run),
    ({ state, ended }) => state === 'up' || ended,
  );
  expect(first).toMatchObject({ state: 'up' });

  const told = await rr(s, 'checkpoints', 'fork', run, '--from', 'build', '--set', 'env.COLOUR=red');
  expect(told.one).toMatchObject({
    type: 'run',
    kept: expect.arrayContaining(['fetch', 'needs', 'deps', 'toolchain']),
  });
  const other = String(told.one.run);
  expect(told.one.again).toEqual([
    'config',
    'services',
    'migrate',
    'build',
    'port',
    'start',
    'prove',
    'propose',
    'test',
  ]);
  const second = await eventually(
    () => get(other),
    ({ state, ended }) => state === 'up' || ended,
  );
  expect(second).toMatchObject({ state: 'up' });
  expect(second.url).not.toBe(first.url);
  const envOf = async (url: string) => (await (await fetch(new URL('/env', url))).json()) as Record<string, string>;
  expect(await envOf(first.url)).toMatchObject({ COLOUR: 'blue', API_KEY: 'hunter2', RR_RUN: run });
  const forked = await envOf(second.url);
  expect(forked).toMatchObject({ COLOUR: 'red', API_KEY: 'hunter2', RR_RUN: other });
  expect(forked.PWD ?? forked.INIT_CWD).toContain(other);
  const facts = readFileSync(join(s.state, 'runs', other, 'facts.ndjson'), 'utf8')
    .trim()
    .split('\n')
    .map((l) => JSON.parse(l));
  const began = facts.filter(({ type }) => type === 'run.step-began').map(({ payload }) => payload.step);
  expect(began).toEqual(expect.arrayContaining(['config', 'build', 'port', 'start', 'prove']));
  expect(began.filter((step) => told.one.kept.includes(step))).toEqual([]);
  expect(facts[0]).toMatchObject({ type: 'run.started', payload: { fork: { run, from: 'build' } } });
  expect((await finish(s.rr('runs', 'show', other))).out).toContain(`forked from ${run} at build`);

  // What a kept step would have given otherwise is not pretended.
  expect(await ask('checkpoints.fork', { run, from: 'build', job: { service: 'web' } })).toMatchObject({
    error: { code: 'USAGE', fix: expect.stringContaining('--from stack') },
  });
  expect(await ask('checkpoints.fork', { run, from: 'cook' })).toMatchObject({ error: { code: 'USAGE' } });
  expect(await ask('checkpoints.fork', { run: 'nobody', from: 'build' })).toMatchObject({
    error: { code: 'RUN_UNKNOWN' },
  });
  expect(await ask('checkpoints.fork', { run, from: 'build', as: other })).toMatchObject({ error: { code: 'USAGE' } });
  expect(readdirSync(join(s.state, 'runs')).sort()).toEqual([run, other].sort());

  await ask('runs.stop', { run });
  await eventually(
    () => get(run),
    ({ ended }) => ended,
  );
  expect((await fetch(second.url)).status).toBe(200);
  await ask('runs.stop', { run: other });
  await eventually(
    () => get(other),
    ({ ended }) => ended,
  );
  expect((await ask('checkpoints.verify')).findings).toEqual([]);
  await down();
  await expectNothingLeft(s);
}, 90_000);

test('a run is exported, imported into another state folder, listed, shown and forked there; a file that was changed is not taken', async () => {
  const from = scratch(quick);
  const run = await ranOnce(from, 'prints-env', '--copy', '--env', 'API_KEY=hunter2');
  const file = join(from.dir, 'run.json');
  const exported = await rr(from, 'checkpoints', 'export', run, file);
  expect(exported.one).toMatchObject({ type: 'exported', what: run, file });
  // The program prints its environment into its own log; nothing of ours tells a value.
  const archive = JSON.parse(readFileSync(file, 'utf8')) as { parts: { path: string; text: string }[] };
  expect(archive.parts.filter(({ path, text }) => text.includes('hunter2') && !path.includes('/logs/'))).toEqual([]);

  const to = scratch(quick);
  writeFileSync(join(to.dir, 'forged.json'), readFileSync(file, 'utf8').replace('prints-env', 'prints-all'));
  expect((await rr(to, 'checkpoints', 'import', 'forged.json')).one).toMatchObject({
    error: { code: 'EXPORT_REFUSED' },
  });
  expect((await rr(to, 'checkpoints', 'import', file)).one).toMatchObject({ type: 'imported', what: run });
  expect((await rr(to, 'checkpoints', 'import', file)).one).toMatchObject({ error: { code: 'USAGE' } });
  expect((await rr(to, 'runs', 'list')).objects).toMatchObject([{ run, state: 'done' }]);
  expect((await rr(to, 'checkpoints', 'show', `${run}/run/run-1`)).one).toMatchObject({ state: 'ended' });
  expect((await rr(to, 'runs', 'show', run)).one).toMatchObject({ outcome: 'healthy' });

  const { ask, down } = await up(to);
  expect((await ask('runs.list', { all: true })).runs).toMatchObject([{ run, state: 'done' }]);
  const { run: other, kept, again } = await ask('checkpoints.fork', { run, from: 'start' });
  // Its work did not come along, so what was done in it is done again.
  expect(kept).toEqual(expect.arrayContaining(['fetch', 'stack', 'needs', 'toolchain']));
  expect(again).toEqual(expect.arrayContaining(['workspace', 'deps', 'start']));
  const get = () => ask('runs.get', { run: other });
  expect(await eventually(get, ({ state, ended }) => state === 'up' || ended)).toMatchObject({ state: 'up' });
  await ask('runs.stop', { run: other });
  await eventually(get, ({ ended }) => ended);
  await down();

  const actor = join(to.dir, 'actor.json');
  await rr(to, 'checkpoints', 'export', `${run}/health/health-1`, actor);
  rmSync(join(to.state, 'runs', run), { recursive: true });
  expect((await rr(to, 'checkpoints', 'import', actor)).one).toMatchObject({ what: `${run}/health/health-1` });
  expect((await rr(to, 'checkpoints', 'history', `${run}/health/health-1`)).objects.length).toBeGreaterThan(2);
}, 90_000);
