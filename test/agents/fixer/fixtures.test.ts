/**
 * The faulty repositories of test/repos/heal-*: each is run as planned and fails; the fixer answers; with its overlay the
 * same repository serves its page, and nothing it tracks has changed.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { emptyOverlay, type Fact, type Overlay } from '../../../agents/fixer/contract.js';
import { gather } from '../../../agents/fixer/look.js';
import { heal } from '../../../agents/fixer/match.js';
import { type Given, healOf } from './case.js';

const repos = join(import.meta.dirname, '../../repos');

/** A copy of a fixture under git, so that a change to a tracked file shows. */
function open(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `rr-${name}-`));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(join(repos, name), folder, { recursive: true });
  git(folder, 'init', '-q');
  git(folder, 'add', '-A');
  return folder;
}
const git = (folder: string, ...words: string[]): string =>
  spawnSync('git', ['-C', folder, ...words], { encoding: 'utf8' }).stdout;
/** Tracked files that changed and new ones that git does not ignore. */
const touched = (folder: string): string =>
  git(folder, 'diff', '--name-only') + git(folder, 'ls-files', '--others', '--exclude-standard');

const environment = (more: Record<string, string>): NodeJS.ProcessEnv => {
  const { NODE_OPTIONS: _options, VITEST: _vitest, NODE_ENV: _env, ...rest } = process.env;
  return {
    ...rest,
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
    npm_config_prefer_offline: 'true',
    ...more,
  };
};
const sh = (cwd: string, command: string, env: Record<string, string>): { code: number | null; output: string } => {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], {
    cwd,
    env: environment(env),
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { code: status, output: `${stdout}${stderr}` };
};
/** Starts it, and waits for its page or its end. */
async function serve(
  cwd: string,
  command: string,
  port: number,
  env: Record<string, string>,
): Promise<{ page: string | null; output: string }> {
  const child: ChildProcess = spawn('sh', ['-c', command], {
    cwd,
    env: environment({ ...env, PORT: String(port) }),
    detached: true,
  });
  let output = '';
  let over = false;
  child.stdout!.on('data', (data) => (output += data));
  child.stderr!.on('data', (data) => (output += data));
  child.on('close', () => (over = true));
  try {
    for (let tries = 0; tries < 300 && !over; tries++) {
      const page = await fetch(`http://127.0.0.1:${port}/`).then(
        (answer) => answer.text(),
        () => null,
      );
      if (page !== null) return { page, output };
      await sleep(50);
    }
    return { page: null, output };
  } finally {
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}
const freePort = (): Promise<number> =>
  new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });

interface Try {
  step: string;
  output: string;
  page: string | null;
}
/** Walks the steps as a run does, up to the first that fails. */
async function walk(
  cwd: string,
  planned: { install: string[]; build: string[]; start: string },
  overlay: Overlay,
  port: number,
  env: Record<string, string>,
): Promise<Try> {
  for (const { path, text } of overlay.files) {
    mkdirSync(dirname(join(cwd, path)), { recursive: true });
    writeFileSync(join(cwd, path), text);
  }
  const all = { ...env, ...overlay.env };
  for (const command of [...(overlay.install ?? planned.install), ...overlay.extraInstall]) {
    const { code, output } = sh(cwd, command, all);
    if (code !== 0) return { step: 'deps', output, page: null };
  }
  for (const command of overlay.build ?? planned.build) {
    const { code, output } = sh(cwd, command, all);
    if (code !== 0) return { step: 'build', output, page: null };
  }
  const { page, output } = await serve(cwd, overlay.start ?? planned.start, port, all);
  return { step: page === null ? 'start' : 'up', output, page };
}

const npm = { install: ['npm install'], build: [], start: 'npm start' };
const none = { ...npm, install: [] };
interface Row {
  name: string;
  planned: { install: string[]; build: string[]; start: string };
  step: string;
  rule: string;
  says: string;
  env?: Record<string, string>;
  given?: Given;
}
// The system's own Python, which pip keeps out of.
const managed = { PATH: `/usr/bin:/bin:${process.env.PATH}` };
const rows: Row[] = [
  {
    name: 'heal-lock-drift',
    planned: { ...npm, install: ['npm ci'] },
    step: 'deps',
    rule: 'npm-lock-drift',
    says: 'one is a number: true',
  },
  {
    name: 'heal-no-lock',
    planned: { ...npm, install: ['npm ci'] },
    step: 'deps',
    rule: 'npm-no-lock',
    says: 'one is a number: true',
  },
  { name: 'heal-eresolve', planned: npm, step: 'deps', rule: 'peer-conflict', says: 'state 7' },
  {
    name: 'heal-engines-bogus',
    planned: npm,
    step: 'deps',
    rule: 'engine-strict',
    says: 'one is a number: true',
    given: { overlay: { relaxed: ['node'] } },
  },
  { name: 'heal-missing-env', planned: none, step: 'start', rule: 'missing-env', says: 'a secret of 64 characters' },
  { name: 'heal-dotenv', planned: none, step: 'start', rule: 'dotenv-file', says: 'good morning' },
  { name: 'heal-missing-script', planned: none, step: 'start', rule: 'missing-script', says: 'heals a missing script' },
  { name: 'heal-missing-build', planned: none, step: 'start', rule: 'missing-build', says: 'made by the build' },
  {
    name: 'heal-missing-module',
    planned: none,
    step: 'start',
    rule: 'undeclared-module',
    says: 'one is a number: true',
  },
  { name: 'heal-wrong-entry', planned: none, step: 'start', rule: 'wrong-entry', says: 'heals a wrong entry' },
  { name: 'heal-port-held', planned: none, step: 'start', rule: 'port-held', says: 'heals a port that is held' },
  {
    name: 'heal-externally-managed',
    planned: { install: [], build: [], start: './start.sh' },
    step: 'start',
    rule: 'externally-managed',
    says: 'good morning',
    env: managed,
    given: { service: { language: 'python', packageManager: 'pip' } },
  },
];

/** Runs it as planned and asks the fixer about the failure. */
async function fail(
  cwd: string,
  row: Pick<Row, 'planned' | 'env' | 'given'>,
  port: number,
): Promise<{ seen: Try; answer: Fact }> {
  const overlay = { ...emptyOverlay, ...row.given?.overlay };
  const seen = await walk(cwd, row.planned, overlay, port, row.env ?? {});
  const input = {
    ...healOf({
      ...row.given,
      step: seen.step,
      tail: seen.output,
      port,
      service: { commands: row.planned, ...row.given?.service },
    }),
    cwd,
  };
  return { seen, answer: heal(input, await gather(input)) };
}

test.each(rows)(
  '$name fails at $step, and with $rule it serves its page and changes no tracked file',
  async (row) => {
    const cwd = open(row.name);
    const port = await freePort();
    if (row.name === 'heal-port-held') {
      const holder = createServer().listen(18_564);
      onTestFinished(() => void holder.close());
    }
    const { seen, answer } = await fail(cwd, row, port);
    expect(seen).toMatchObject({ step: row.step, page: null });
    expect(answer).toMatchObject({ type: 'fixer.fixed', rule: row.rule });
    if (answer.type !== 'fixer.fixed') return;
    const after = await walk(cwd, row.planned, answer.overlay, port, row.env ?? {});
    expect(after.page, after.output).toContain(row.says);
    expect(touched(cwd)).toBe('');
  },
  60_000,
);

test.each([
  ['heal-engines', npm, { do: 'choose-version', tool: 'node', want: '>=22 <23' }],
  ['heal-node-version', none, { do: 'choose-version', tool: 'node', want: '>=22' }],
] as const)(
  '%s asks for the version of node that it wants',
  async (name, planned, action) => {
    const { answer, seen } = await fail(
      open(name),
      { planned: { ...planned, install: [...planned.install], build: [] } },
      await freePort(),
    );
    // On such a node the fault does not show.
    if (Number(process.versions.node.split('.')[0]) === 22) expect(seen.step).toBe('up');
    else expect(answer).toMatchObject({ type: 'fixer.fixed', actions: [action], from: 'toolchain' });
  },
  60_000,
);

test('an application that finds its database absent needs a person, who is told what to start', async () => {
  const { answer } = await fail(open('heal-service-missing'), { planned: none }, await freePort());
  expect(answer).toMatchObject({
    type: 'fixer.helpless',
    error: { code: 'SERVICE_MISSING', fix: 'start one and pass its address: --env MONGODB_URI=mongodb://…' },
  });
  expect(answer).toMatchObject({ error: { message: expect.stringContaining('mongodb at 127.0.0.1:27017') } });
});
