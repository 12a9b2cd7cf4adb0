/** Exports of a run that was really proven, by the built `rr`; what can be carried out without an engine is. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { expectNothingLeft } from './left.js';
import { freePort } from './ports.js';
import { commitAll, eventually, finish, rawClient, resultOf, type Scratch, scratch } from './rr.js';

const limits = { timeout: 120_000 };
const formats = ['dockerfile', 'compose', 'devcontainer', 'github-actions', 'script', 'json'];
const key = 'zq8-given-key-7731';
/** Two variables of its own, one that somebody must give, a build, and a test. */
function repo(s: Scratch): string {
  const folder = join(s.dir, 'shop');
  mkdirSync(join(folder, 'test'), { recursive: true });
  const files: Record<string, string> = {
    'package.json': JSON.stringify({
      name: 'shop',
      scripts: { build: 'node build.js', start: 'node server.js', test: 'node --test test/' },
    }),
    'build.js':
      "require('node:fs').mkdirSync('dist', { recursive: true });\nrequire('node:fs').writeFileSync('dist/page', 'built');\n",
    'server.js': `const http = require('node:http');
const { SESSION_SECRET, GREETING, STRIPE_KEY } = process.env;
if (!SESSION_SECRET || !STRIPE_KEY) throw new Error('SESSION_SECRET and STRIPE_KEY are needed');
const page = require('node:fs').readFileSync('dist/page', 'utf8');
http.createServer((_, res) => res.setHeader('content-type', 'text/html').end('<title>Shop</title>' + page + ' ' + GREETING)).listen(process.env.PORT || 3000, process.env.HOST);
`,
    '.env.example': 'SESSION_SECRET=\nGREETING="good morning"\nSTRIPE_KEY=\n',
    'test/a.test.js': "require('node:test').test('one', () => {});\n",
  };
  for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text);
  commitAll(folder, 'node_modules/\ndist/\n');
  return folder;
}
async function prove(s: Scratch, folder: string) {
  const { code, objects, err } = await finish(s.rr('run', folder, '--once', '--json', '--env', `STRIPE_KEY=${key}`));
  expect(code, err).toBe(0);
  return resultOf(objects) as { run: string; bundle: string };
}
async function exported(s: Scratch, format: string, ...args: string[]): Promise<string> {
  const one = s.rr('export', format, ...args);
  expect(await one.exited, one.err()).toBe(0);
  return one.out();
}
const clone = (s: Scratch, folder: string, as: string): string => {
  execFileSync('git', ['clone', '-q', folder, join(s.dir, as)]);
  return join(s.dir, as);
};
/** The environment of a shell, and nothing of this run's. */
const plain = (more: Record<string, string>): Record<string, string> => ({
  PATH: process.env.PATH!,
  HOME: process.env.HOME!,
  ...more,
});
function start(command: string, cwd: string, env: Record<string, string>): void {
  const app = spawn('sh', ['-c', command], { cwd, env, detached: true, stdio: 'ignore' });
  onTestFinished(() => {
    try {
      process.kill(-app.pid!, 'SIGKILL');
    } catch {
      // it has ended
    }
  });
}
const pageAt = (port: number): Promise<string> =>
  eventually(
    () =>
      fetch(`http://127.0.0.1:${port}/`).then(
        (answer) => answer.text(),
        () => '',
      ),
    (text) => text !== '',
    20_000,
  );

test(
  'what a proven run exports has what it used, nothing secret, and does the same on a clean copy',
  limits,
  async () => {
    const s = scratch();
    const folder = repo(s);
    const { run, bundle } = await prove(s, folder);
    const texts = Object.fromEntries(
      await Promise.all(formats.map(async (format) => [format, await exported(s, format, run)])),
    );
    const secret = JSON.parse(readFileSync(join(bundle, 'inputs/env.shop.json'), 'utf8')).SESSION_SECRET as string;
    expect(secret.length).toBeGreaterThan(10);
    for (const format of formats) {
      expect(texts[format], format).not.toContain(key);
      expect(texts[format], format).not.toContain(secret);
      for (const name of ['SESSION_SECRET', 'STRIPE_KEY']) expect(texts[format], format).toContain(name);
      expect(texts[format], format).toContain('good morning');
    }
    const facts = JSON.parse(texts.json!);
    expect(facts).toMatchObject({
      run,
      service: 'shop',
      tools: { node: process.versions.node },
      build: ['npm run build'],
      start: 'npm start',
      tests: { command: 'npm test' },
      proof: { how: 'http', status: 200, title: 'Shop' },
    });

    // The script, as it is.
    const given = { STRIPE_KEY: 'another' };
    const scriptPort = freePort();
    const script = join(s.dir, 'run.sh');
    writeFileSync(script, texts.script!);
    start(`sh ${script} ${clone(s, folder, 'by-script')}`, s.dir, plain({ ...given, PORT: String(scriptPort) }));
    expect(await pageAt(scriptPort)).toContain('built good morning');

    // The steps of the Dockerfile, without an engine: /app is a clean copy.
    const app = clone(s, folder, 'by-docker');
    const dockerPort = freePort();
    const env = plain(given);
    for (const line of texts.dockerfile!.split('\n')) {
      const [, word, rest = ''] = /^(RUN|ENV|CMD) (.*)$/.exec(line) ?? [];
      if (word === 'RUN') execFileSync('sh', ['-c', rest], { cwd: app, env, stdio: 'ignore' });
      else if (word === 'ENV')
        for (const [, name, quoted, bare] of rest.matchAll(/(\w+)=(?:"([^"]*)"|(\S+))/g)) env[name!] = quoted ?? bare!;
      else if (word === 'CMD') start(JSON.parse(rest)[2], app, { ...env, PORT: String(dockerPort) });
    }
    expect(env.HOST).toBe('0.0.0.0');
    expect(await pageAt(dockerPort)).toContain('built good morning');

    // The commands of the job: it goes on until it answers, and its tests pass.
    const { env: variables, steps } = parse(texts['github-actions']!).jobs.proof;
    const actions = clone(s, folder, 'by-actions');
    const jobEnv = plain({
      ...variables,
      ...given,
      PORT: String(freePort()),
      RUNNER_TEMP: s.dir,
      GITHUB_ENV: join(s.dir, 'github-env'),
    });
    expect(variables.STRIPE_KEY).toBe(`\${{ secrets.STRIPE_KEY }}`);
    for (const { name, run: text } of steps as { name?: string; run?: string }[]) {
      if (text === undefined) continue;
      const command = text.replaceAll(`127.0.0.1:${variables.PORT}`, `127.0.0.1:${jobEnv.PORT}`);
      execFileSync('bash', ['-e', '-c', command], { cwd: actions, env: jobEnv, stdio: 'ignore', timeout: 60_000 });
      if (!existsSync(jobEnv.GITHUB_ENV!)) continue;
      for (const line of readFileSync(jobEnv.GITHUB_ENV!, 'utf8').trim().split('\n'))
        jobEnv[line.slice(0, line.indexOf('='))] = line.slice(line.indexOf('=') + 1);
      expect(name).toBeTruthy();
    }
    expect((steps as { name?: string }[]).map(({ name }) => name).filter(Boolean)).toEqual([
      'Secrets of its own, made for this job',
      'Build',
      'Start, until it answers',
      'Test',
    ]);
    execFileSync('sh', [
      '-c',
      `for p in /proc/[0-9]*; do [ "$(readlink $p/cwd)" = "${actions}" ] && kill -9 "\${p#/proc/}"; done; true`,
    ]);
  },
);

/** An engine that refuses everybody, before whichever this machine has. */
function refusing(s: Scratch): Record<string, string> {
  const bin = join(s.dir, 'refusing');
  mkdirSync(bin, { recursive: true });
  for (const name of ['docker', 'podman'])
    writeFileSync(join(bin, name), '#!/bin/sh\necho "Error: permission denied" >&2\nexit 125\n', { mode: 0o755 });
  return { PATH: `${bin}:${process.env.PATH}` };
}

test(
  'a script is carried out on a clean copy before it is given; without an engine of the others the form is, and that is said',
  limits,
  async () => {
    const s = scratch();
    Object.assign(s.env, refusing(s));
    const folder = repo(s);
    const { bundle } = await prove(s, folder);
    // Ignored by git: nobody else has it.
    mkdirSync(join(folder, 'dist'), { recursive: true });
    writeFileSync(join(folder, 'dist', 'page'), 'of the first');
    const script = await finish(s.rr('export', 'script', '--check', '--json'));
    expect(script.code, script.out + script.err).toBe(0);
    expect(script.objects.at(-1)).toMatchObject({ type: 'export', check: { how: 'run', engine: null, status: 200 } });
    expect(script.out).not.toContain(key);

    for (const format of ['compose', 'github-actions']) {
      const one = s.rr('export', format, '--check');
      expect(await one.exited, one.err()).toBe(0);
      expect(one.err(), format).toContain('its form is right; ');
      if (format === 'compose') expect(one.err(), format).toContain('permission denied');
    }
    const wanted = await finish(s.rr('export', 'compose', '--check', '--isolation', 'container', '--json'));
    expect([wanted.code, wanted.objects.at(-1)]).toMatchObject([3, { error: { code: 'ENGINE_UNAVAILABLE' } }]);
    expect((await finish(s.rr('export', 'compose', '--isolation', 'container'))).code).toBe(2);

    const recipe = join(bundle, 'recipe.json');
    writeFileSync(recipe, readFileSync(recipe, 'utf8').replace('"npm run build"', '"npm run buildd"'));
    const file = join(s.dir, 'run.sh');
    const broken = await finish(s.rr('export', 'script', '--check', '--out', file, '--json'));
    expect([broken.code, broken.objects.at(-1)]).toMatchObject([
      1,
      { error: { code: 'EXPORT_BROKEN', message: expect.stringContaining('it ends with 1') } },
    ]);
    expect(existsSync(file)).toBe(false);
    await expectNothingLeft(s);
  },
);

test(
  'the newest proven run is exported where none is named, into a file that is free; others are refused',
  limits,
  async () => {
    const s = scratch();
    const none = await finish(s.rr('export', 'json', '--json'));
    expect([none.code, none.objects[0]]).toMatchObject([2, { error: { code: 'RUN_NOT_PROVEN' } }]);

    const plainRepo = s.repo('node-plain');
    const first = resultOf((await finish(s.rr('run', plainRepo, '--once', '--json'))).objects);
    const broken = s.repo('bad-start-exits-at-once');
    const failed = resultOf((await finish(s.rr('run', broken, '--once', '--json'))).objects);
    expect(failed.outcome).toBe('failed');
    const tested = resultOf((await finish(s.rr('run', s.repo('node-library'), '--goal', 'tests', '--json'))).objects);
    expect(tested.outcome).toBe('healthy');

    const file = join(s.dir, 'out/Dockerfile');
    const { objects } = await finish(s.rr('export', 'dockerfile', '--out', file, '--json'));
    expect(objects[0]).toMatchObject({
      type: 'export',
      run: first.run,
      format: 'dockerfile',
      path: 'Dockerfile',
      file,
    });
    expect(readFileSync(file, 'utf8')).toBe(objects[0]!.text);
    expect((await finish(s.rr('export', 'script', '--out', file))).code).toBe(2);
    expect(readFileSync(file, 'utf8')).toBe(objects[0]!.text);

    for (const run of [failed.run, tested.run]) {
      const { code, objects: said } = await finish(s.rr('export', 'json', run, '--json'));
      expect([code, said[0]]).toMatchObject([2, { error: { code: 'RUN_NOT_PROVEN' } }]);
    }
    const unknown = await finish(s.rr('export', 'json', 'nobody', '--json'));
    expect([unknown.code, unknown.objects[0]]).toMatchObject([2, { error: { code: 'RUN_UNKNOWN' } }]);
    expect((await finish(s.rr('export', 'pancakes'))).code).toBe(2);
  },
);

test(
  'a run that is up is exported by the runtime that holds it, and the front door says the same',
  limits,
  async () => {
    const s = scratch();
    const one = s.rr('run', s.repo('node-plain'), '--json');
    const { run } = (await one.object(({ type }) => type === 'result')) as { run: string };
    const client = await rawClient(s.state);
    const answer = await eventually(
      () => client.ask('rr.api.local.runs.export', { run, format: 'json' }),
      ({ error }) => error === undefined,
      10_000,
    );
    expect(JSON.parse(answer.text)).toMatchObject({ run, kind: 'web-service', tools: { node: process.versions.node } });
    expect(await exported(s, 'json')).toBe(answer.text);
    one.child.kill('SIGINT');
    expect(await one.exited).toBe(0);
  },
);

test.runIf(process.env.RR_LONG)(
  'a check that is interrupted ends all that it began and leaves no copy',
  limits,
  async () => {
    const s = scratch();
    const { bundle } = await prove(s, repo(s));
    const recipe = join(bundle, 'recipe.json');
    writeFileSync(recipe, readFileSync(recipe, 'utf8').replace('"npm start"', '"sleep 600"'));
    const temporary = join(s.dir, 'tmp');
    mkdirSync(temporary);
    s.env.TMPDIR = temporary;
    const check = s.rr('export', 'script', '--check', '--json');
    await eventually(
      () => s.processes().filter(({ what }) => what.startsWith('sleep 600')),
      (all) => all.length === 1,
      30_000,
    );
    expect(readdirSync(temporary).filter((name) => name.startsWith('rr-check-'))).toHaveLength(1);
    check.child.kill('SIGINT');
    expect(await check.exited).toBe(130);
    expect(readdirSync(temporary).filter((name) => name.startsWith('rr-check-'))).toEqual([]);
    await expectNothingLeft(s);
  },
);
