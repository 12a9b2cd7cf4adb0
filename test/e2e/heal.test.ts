/**
 * The faulty repositories of test/repos/heal-*, each through the built `rr`: the step is seen failing, the rule is tried
 * and judged, the page is the repository's own, what git tracks is untouched, and nothing is left running.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Finished, hold, inTurn } from './beside.js';
import { expectNothingLeft, textsIn, treeOf } from './left.js';
import { freePort } from './ports.js';
import { commitAll, eventually, factsOf, finish, long, resultOf, type Scratch, scratch } from './rr.js';

const open = (finished: Finished, env: Record<string, string> = {}): Scratch =>
  scratch({ RR_BROKER_IDLE_MS: '300', ...env }, finished);

/** A fixture's copy under git; the port it falls back on is one that no neighbour wants. */
async function repoOf(s: Scratch, name: string, edit: (text: string) => string = (text) => text): Promise<string> {
  const repo = s.repo(name, { git: false });
  const files = readdirSync(repo, { recursive: true, encoding: 'utf8' });
  for (const file of files.filter((one) => /(^|\/)(package\.json|server\.js|app\.py)$/.test(one))) {
    const path = join(repo, file);
    writeFileSync(path, edit(readFileSync(path, 'utf8')));
  }
  commitAll(repo, 'node_modules/\n');
  return repo;
}

/** Runs it to its end and looks at what must hold whatever the outcome. */
async function heal(s: Scratch, repo: string, ...options: string[]) {
  const before = treeOf(repo);
  const { code, objects, out, err } = await finish(s.rr('run', repo, '--once', '--json', ...options));
  const result = resultOf(objects);
  expect(result, `${out}\n${err}`).toBeDefined();
  const facts = factsOf(s.state, result.run).filter(({ type }) => type.startsWith('run.'));
  const read = (path: string) => JSON.parse(readFileSync(join(result.bundle, path), 'utf8'));
  const fixes = result.fixes.length > 0 ? read('fixes.json') : [];
  const failed = facts.flatMap(({ type, payload }) => (type === 'run.step-ended' && !payload.ok ? [payload.step] : []));
  const url = result.services[0]?.url;
  await expectNothingLeft(s, url ? [Number(new URL(url).port)] : []);
  expect(treeOf(repo)).toEqual(before);
  if (fixes.length > 0) expectNoSecrets(s, result.bundle, `${out}${err}`);
  expect(new Set(fixes.map(({ signature }: { signature: string }) => signature)).size).toBe(fixes.length);
  return { code, result, facts, fixes, failed, read, told: `${out}${err}` };
}

/** Secrets made up for the application are in the run's inputs, and nowhere else that lasts or is told. */
function expectNoSecrets(s: Scratch, bundle: string, told: string): void {
  expect(told + readFileSync(join(bundle, 'fixes.json'), 'utf8')).not.toMatch(/\b[0-9a-f]{64}\b/);
  const inputs = join(bundle, 'inputs');
  const secrets = new Set(
    readdirSync(inputs)
      .filter((name) => name.startsWith('env.'))
      .flatMap((name) => Object.values(JSON.parse(readFileSync(join(inputs, name), 'utf8')) as Record<string, string>))
      .filter((value) => /^[0-9a-f]{64}$/.test(value)),
  );
  for (const { path, text } of textsIn(bundle))
    if (path.endsWith('/work/.env')) for (const [value] of text.matchAll(/[0-9a-f]{64}/g)) secrets.add(value);
  const kept = [...textsIn(s.state)].filter(
    ({ path }) => !path.startsWith(`${inputs}/`) && !path.startsWith(`${bundle}/work/`),
  );
  for (const secret of secrets)
    expect([told.includes(secret), kept.filter(({ text }) => text.includes(secret)).map(({ path }) => path)]).toEqual([
      false,
      [],
    ]);
  seen += secrets.size;
}
let seen = 0;

const managed = { PATH: `/usr/bin:/bin:${process.env.PATH}` };
const rows = [
  { name: 'heal-lock-drift', step: 'deps', rule: 'npm-lock-drift', says: 'one is a number: true' },
  { name: 'heal-no-lock', step: 'deps', rule: 'npm-no-lock', says: 'one is a number: true' },
  { name: 'heal-eresolve', step: 'deps', rule: 'peer-conflict', says: 'state 7' },
  { name: 'heal-missing-env', step: 'start', rule: 'missing-env', says: 'a secret of 64 characters' },
  { name: 'heal-missing-script', step: 'start', rule: 'missing-script', says: 'ready' },
  { name: 'heal-missing-build', step: 'start', rule: 'missing-build', says: 'made by the build' },
  { name: 'heal-missing-module', step: 'start', rule: 'undeclared-module', says: 'one is a number: true' },
  { name: 'heal-wrong-entry', step: 'start', rule: 'wrong-entry', says: 'ready' },
  // The system's own Python, which pip keeps out of.
  { name: 'heal-externally-managed', step: 'start', rule: 'externally-managed', says: 'good morning', env: managed },
];

test.concurrent.for(rows)(
  '$name fails at $step, and with $rule it is proven by its own page',
  { timeout: 180_000 },
  ({ name, step, rule, says, env }, { onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished, env);
      const { code, result, facts, fixes, failed, read } = await heal(s, await repoOf(s, name));
      expect([code, result.outcome, result.error]).toEqual([0, 'healthy', null]);
      expect(result.services[0].proof.excerpt).toContain(says);

      expect(failed).toEqual([step]);
      const about = facts.flatMap(({ type, payload }) =>
        type === 'run.step-ended' && payload.step === step
          ? [payload.ok]
          : /^run\.fix/.test(type)
            ? [`${payload.fix.rule} ${payload.fix.helped}`]
            : [],
      );
      expect(about).toEqual([false, `${rule} null`, true, `${rule} true`]);

      expect(result.fixes).toMatchObject([{ rule, phase: step === 'deps' ? 'setup' : 'run', helped: true }]);
      const { error, evidence } = read(`steps/${step}/1/error.json`);
      expect(fixes).toMatchObject([
        { rule, step, error, evidence: { exitCode: 1 }, effect: `${step} passed`, undone: false },
      ]);
      expect(evidence.tail).toContain(fixes[0].evidence.tail);
      expect(fixes[0].evidence.tail.length).toBeGreaterThan(20);
      if (name === 'heal-missing-env') expect(read('recipe.json').env).toMatchObject({ SESSION_SECRET: null });
    }),
);

test.concurrent(
  'a .env that is not there is written into a copy, its secret made anew there and in the recipe',
  { timeout: 180_000 },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const repo = await repoOf(s, 'heal-dotenv');
      const { code, result, fixes, failed, read } = await heal(s, repo);
      expect([code, failed]).toEqual([0, ['start']]);
      expect(fixes).toMatchObject([{ rule: 'dotenv-file', helped: true }]);
      expect(result.services[0].proof.excerpt).toContain('good morning, a secret of 64 characters');
      expect(read('recipe.json').files).toMatchObject([
        { path: '.env', text: expect.stringContaining('SESSION_SECRET=$generate\n') },
      ]);
      // The recipe alone, on another clean copy.
      const clean = join(s.dir, 'clean');
      execFileSync('git', ['clone', '-q', repo, clean]);
      const port = freePort();
      const app = spawn('sh', [join(result.bundle, 'recipe.sh'), clean], {
        env: { ...s.env, PORT: String(port) },
        detached: true,
        stdio: 'ignore',
      });
      onTestFinished(() => {
        process.kill(-app.pid!, 'SIGKILL');
      });
      const page = await eventually(
        () =>
          fetch(`http://127.0.0.1:${port}/`).then(
            (answer) => answer.text(),
            () => '',
          ),
        (text) => text !== '',
        20_000,
      );
      expect(page).toContain('good morning, a secret of 64 characters');
    }),
);

long.concurrent(
  'an install that asks for variables gets what the user gave, and a secret of its own',
  { timeout: 180_000 },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const repo = await repoOf(s, 'heal-install-env');
      const { code, result, fixes, failed } = await heal(s, repo, '--env', 'GREETING_WORD=hello there');
      expect([code, failed]).toEqual([0, ['deps']]);
      expect(fixes).toMatchObject([{ rule: 'missing-env', cause: 'SESSION_SECRET is not set', effect: 'deps passed' }]);
      expect(result.services[0].proof.excerpt).toContain('hello there a secret of 64 characters');
    }),
);

long.concurrent(
  'two faults of one repository are both healed, one after the other',
  { timeout: 180_000 },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const { code, result, fixes, failed } = await heal(s, await repoOf(s, 'heal-two-faults'));
      expect([code, result.outcome, failed]).toEqual([0, 'healthy', ['start', 'start']]);
      expect(fixes).toMatchObject([
        { rule: 'missing-env', helped: true, effect: expect.stringMatching(/^start failed: .*Cannot find module/) },
        { rule: 'undeclared-module', helped: true, effect: 'start passed' },
      ]);
      expect(result.services[0].proof.excerpt).toContain('a secret of 64 characters, one is a number: true');
    }),
);

test.concurrent(
  'a repair that does not help is undone and not tried again',
  { timeout: 180_000 },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const { code, result, fixes, failed, facts } = await heal(s, await repoOf(s, 'heal-in-vain'));
      expect([code, result.outcome, failed]).toEqual([1, 'failed', ['start', 'start']]);
      expect(result.error).toMatchObject({
        code: 'COMMAND_FAILED',
        message: expect.stringContaining("Cannot find module 'is-number/no-such-file'"),
      });
      expect(fixes).toMatchObject([
        { rule: 'undeclared-module', helped: false, undone: true, effect: 'start failed as before' },
      ]);
      expect(facts.filter(({ type }) => type === 'run.fix-tried').length).toBe(1);
    }),
);

test.concurrent(
  'what a repair changed is taken back when it breaks an earlier step, and the next one starts from before it',
  { timeout: 180_000 },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const repo = await repoOf(s, 'heal-engines', (text) => text.replace('>=22 <23', '>=98 <99'));
      const { code, result, fixes, failed, read } = await heal(s, repo);
      expect([code, failed]).toEqual([0, ['deps', 'toolchain']]);
      expect(fixes).toMatchObject([
        { rule: 'node-engine', step: 'deps', undone: true, effect: expect.stringMatching(/^toolchain failed: node/) },
        { rule: 'engine-strict', step: 'deps', undone: false, effect: 'deps passed' },
      ]);
      expect(result.services[0].proof.excerpt).toContain(`hello on node ${process.versions.node}`);
      expect(result.degraded).toEqual([
        'needs-newer@1.0.0 wants node >=98 <99, which is not to be had; its claim is not enforced (degraded)',
      ]);
      expect(read('recipe.json')).toMatchObject({
        tools: { node: process.versions.node },
        env: { npm_config_engine_strict: 'false' },
      });
    }),
);

long.concurrent('no more than three repairs are tried in a phase', { timeout: 180_000 }, ({ onTestFinished }) =>
  inTurn(async () => {
    const s = open(onTestFinished);
    const { code, result, fixes } = await heal(s, await repoOf(s, 'heal-no-end'));
    expect([code, result.outcome]).toEqual([1, 'failed']);
    expect(result.error.message).toContain('CSRF_SECRET is not set');
    expect(fixes.map(({ cause }: { cause: string }) => cause)).toEqual([
      'SESSION_SECRET is not set',
      'COOKIE_SECRET is not set',
      'JWT_SECRET is not set',
    ]);
  }),
);

long.concurrent(
  'an application that takes no port but its own is found where it listens, without a repair',
  { timeout: 180_000 },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const port = freePort();
      const repo = await repoOf(s, 'heal-port-ignored', (text) => text.replace('18000 + 563', `${port - 1} + 1`));
      const { code, result, read } = await heal(s, repo);
      expect([code, result.fixes]).toEqual([0, []]);
      expect(read('steps/port/1/output.json').port).not.toBe(port);
      expect(read('steps/start/1/output.json')).toMatchObject({ tookPort: false, sockets: [{ port }] });
      expect(result.services[0]).toMatchObject({
        url: `http://127.0.0.1:${port}/`,
        proof: { title: 'heals a port that is fixed' },
      });
    }),
);

long.concurrent(
  'the port it takes is held and it has no other: a person is told who holds it',
  { timeout: 180_000 },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const port = freePort();
      const repo = await repoOf(s, 'heal-port-ignored', (text) => text.replace('18000 + 563', `${port - 1} + 1`));
      await hold(port, onTestFinished);
      // With a sandbox it is given a network of its own (own-network.test.ts).
      const { code, result } = await heal(s, repo, '--sandbox', 'off');
      expect([code, result.outcome, result.fixes]).toEqual([3, 'needs-input', []]);
      expect(result.error).toMatchObject({
        code: 'PORT_HELD',
        message: expect.stringMatching(new RegExp(`\\b${port}\\b.*\\(pid ${process.pid}\\)`)),
      });
    }),
);

test.concurrent('a held port that stands in the start command is moved', { timeout: 180_000 }, ({ onTestFinished }) =>
  inTurn(async () => {
    const s = open(onTestFinished);
    const port = freePort();
    const repo = await repoOf(s, 'heal-port-held', (text) => text.replace('18564', String(port)));
    await hold(port, onTestFinished);
    const { code, result, fixes, failed } = await heal(s, repo);
    expect([code, failed]).toEqual([0, ['start']]);
    expect(fixes).toMatchObject([{ rule: 'port-held', helped: true }]);
    const url = new URL(result.services[0].url);
    expect(Number(url.port)).not.toBe(port);
    expect(fixes[0].actions).toEqual([
      { do: 'set-command', role: 'start', commands: [`node server.js --port ${url.port}`] },
    ]);
    expect(result.services[0].proof.excerpt).toContain('ready');
  }),
);

test.concurrent(
  'a database that is not there needs a person, who is told what to start',
  { timeout: 180_000 },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const { code, result } = await heal(s, await repoOf(s, 'heal-service-missing'));
      expect([code, result.outcome, result.fixes]).toEqual([3, 'needs-input', []]);
      expect(result.error).toMatchObject({
        code: 'SERVICE_MISSING',
        message: expect.stringContaining('mongodb at 127.0.0.1:27017'),
        fix: expect.stringContaining('--env MONGODB_URI=mongodb://…'),
      });
    }),
);

test.concurrent(
  'a store that only a refused connection shows is brought up, and the application goes on with it',
  { timeout: 240_000 },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const { code, result } = await heal(s, await repoOf(s, 'heal-redis-absent'));
      expect(result, JSON.stringify(result.error)).toMatchObject({
        outcome: 'healthy',
        fixes: [{ rule: 'service-to-start', helped: true, actions: [{ do: 'start-service', service: 'redis' }] }],
      });
      expect(result.services[0].proof.excerpt).toContain('the store says +PONG');
      expect(code).toBe(0);
    }),
);

const cache = mkdtempSync(join(tmpdir(), 'rr-heal-cache-'));
afterAll(() => rmSync(cache, { recursive: true, force: true }));
const major = Number(process.versions.node.split('.')[0]);

long.concurrent(
  'the node that a package wants is fetched once, and found by the next run that needs it',
  { timeout: 240_000 },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished, { XDG_CACHE_HOME: cache });
      const { code, result, fixes, read } = await heal(s, await repoOf(s, 'heal-engines'));
      expect(code, JSON.stringify(result.error)).toBe(0);
      expect(result.services[0].proof.excerpt).toContain('hello on node 22.');
      if (major !== 22) {
        expect(fixes).toMatchObject([{ rule: 'node-engine', helped: true, step: 'deps', effect: 'deps passed' }]);
        expect(read('steps/toolchain/2/output.json').tools).toMatchObject([
          { tool: 'node', version: expect.stringMatching(/^22\./), origin: 'downloaded', degraded: null },
        ]);
      }
      const next = open(onTestFinished, { XDG_CACHE_HOME: cache });
      const second = await heal(next, await repoOf(next, 'heal-node-version'));
      expect(second.code).toBe(0);
      expect(second.result.services[0].proof.excerpt).toMatch(/node (2[2-9]|[3-9]\d)\./);
      if (major < 22) {
        expect(second.fixes).toMatchObject([{ rule: 'node-version-check', helped: true }]);
        expect(second.read('steps/toolchain/2/output.json').tools).toMatchObject([{ origin: 'cache' }]);
      }
    }),
);

long.concurrent(
  'a version that nobody has is told as a degraded choice, and each repair in one line',
  { timeout: 180_000 },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const { code, out, err } = await finish(s.rr('run', await repoOf(s, 'heal-engines-bogus'), '--once'));
      expect(code, err).toBe(0);
      const bundle = /^ {2}bundle (.*)$/m.exec(out)![1]!;
      const { result } = JSON.parse(readFileSync(join(bundle, 'run.json'), 'utf8'));
      expect(result.degraded[0]).toMatch(/^node >=99 is wanted \(package\.json:\d+\); took \d+\.\d+\.\d+, the nearest/);
      expect(out.match(/^! .*/gm)).toEqual(result.degraded.map((line: string) => `! ${line}`));
      const lines = out.match(/^. heal .*/gm)!.map((line) => line.replace(/ +\d+\.\d s/, '').replace(/ {2,}/g, ' '));
      expect(lines).toEqual([
        '↻ heal node >=99 is not to be had; the nearest to it here is taken (degraded) → take the nearest node (nearest-version)',
        '✓ heal nearest-version helped',
        '↻ heal heal-engines-bogus@1.0.0 wants node >=99, which is not to be had; its claim is not enforced (degraded) → npm_config_engine_strict=false (engine-strict)',
        '✓ heal engine-strict helped',
      ]);
    }),
);

long.concurrent('people are told that a secret was made up, not which', { timeout: 180_000 }, ({ onTestFinished }) =>
  inTurn(async () => {
    const s = open(onTestFinished);
    const { code, out, err } = await finish(s.rr('run', await repoOf(s, 'heal-missing-env'), '--once'));
    expect(code, err).toBe(0);
    expect(out).toMatch(/^↻ heal .* SESSION_SECRET is not set → SESSION_SECRET is generated {2}\(missing-env\)$/m);
    const before = seen;
    expectNoSecrets(s, /^ {2}bundle (.*)$/m.exec(out)![1]!, out + err);
    expect(seen).toBeGreaterThan(before);
  }),
);
