/**
 * Real repositories of every stack that can run on this machine, brought up by the built `rr` and looked at from outside.
 * Three at a time; what takes long (tools that must be fetched) only with RR_LONG=1.
 */
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, type TestContext, test } from 'vitest';
import { freePort } from './ports.js';
import { commitAll, eventually, finish, gitStatus, long, rawClient, resultOf, type Scratch, scratch } from './rr.js';
import { cacheHome, type Env, noIndex, type Stack, stacks, text } from './stacks.js';

const TEST_MS = 200_000;

// Three runs at a time: each waits for two seconds at least, to see the application stay up.
let free = 3;
async function turn<T>(work: () => Promise<T>): Promise<T> {
  while (free === 0) await sleep(50);
  free -= 1;
  try {
    return await work();
  } finally {
    free += 1;
  }
}

const ignore = 'node_modules/\ndist/\nbuild/\nout/\ntarget/\n.venv/\n__pycache__/\n*.egg-info/\n';

/** `rr run … --once --json` to its end, and what must hold after any run: nothing of the user's changed, nothing left. */
async function bringUp(s: Scratch, folder: string, args: string[] = []) {
  const commit = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: folder, encoding: 'utf8' });
  const { code, objects, err } = await finish(s.rr('run', folder, '--once', '--json', ...args));
  const result = resultOf(objects);
  if (!result) throw new Error(`no result (exit ${code}): ${err}`);
  expect(gitStatus(folder)).toBe('');
  expect(execFileSync('git', ['rev-parse', 'HEAD'], { cwd: folder, encoding: 'utf8' })).toBe(commit);
  return { code, result, state: JSON.parse(readFileSync(join(result.bundle, 'run.json'), 'utf8')).state as string };
}
const nothingLeft = (s: Scratch) => eventually(s.processes, (left) => left.length === 0, 20_000);

async function comesUp(
  { repo, kind, proof, args = [], env, ran }: Stack,
  { onTestFinished }: TestContext,
  runtime: 'embedded' | 'up' = 'embedded',
): Promise<void> {
  const s = scratch({ npm_config_prefer_offline: 'true' }, onTestFinished);
  await turn(async () => {
    Object.assign(s.env, await env?.(s.dir));
    const folder = s.repo(repo, { ignore });
    const up = runtime === 'up' ? s.rr('up', '--foreground', '--json') : null;
    await up?.object(({ type }) => type === 'up');
    const { code, result, state } = await bringUp(s, folder, args);
    expect(result, JSON.stringify(result.error)).toMatchObject({ outcome: 'healthy', kind, error: null });
    const http = kind === 'web-service' || kind === 'static-site';
    expect(result.services).toMatchObject([{ proof: { ...(http ? { status: 200 } : {}), ...proof } }]);
    expect(result.services[0].url === null).toBe(!http);
    if (http) expect(result.services[0].proof.stayedMs).toBeGreaterThanOrEqual(2_000);
    expect({ code, state }).toEqual({ code: 0, state: 'done' });
    ran?.(result, s);
    up?.child.kill('SIGINT');
    if (up) expect(await up.exited).toBe(0);
  });
  await nothingLeft(s);
}
const named = (stack: Stack) => [[stack.repo, ...(stack.args ?? [])].join(' '), stack] as const;
const limits = { timeout: TEST_MS };
test.concurrent.for(stacks.filter(({ long }) => !long).map(named))(
  '%s comes up and is proven',
  limits,
  ([, stack], context) => comesUp(stack, context),
);
long.concurrent.for(stacks.filter(({ long }) => long).map(named))(
  '%s comes up and is proven (RR_LONG=1)',
  limits,
  ([, stack], context) => comesUp(stack, context),
);
// The other way: a runtime is up already, and `rr run` submits its job to it over NATS.
long.concurrent.for(stacks.map(named))(
  '%s comes up in a runtime that is up already (RR_LONG=1)',
  limits,
  ([, stack], context) => comesUp(stack, context, 'up'),
);

// What cannot run here is said with its true cause, the next step, and soon.
interface Refused {
  repo: string;
  env: Env;
  file?: [string, string];
  error: Record<string, unknown>;
  code: number;
  long?: true;
}
const refused: Refused[] = [
  {
    repo: 'go-http',
    env: { PATH: '' },
    file: ['go.mod', 'module example.com/hello\n\ngo 1.99\n'],
    code: 3,
    error: { code: 'TOOL_MISSING', message: text('go >=1.99 is needed (go.mod:3)'), fix: text('install Go') },
  },
  {
    repo: 'dotnet-web',
    env: { PATH: '' },
    code: 3,
    error: { code: 'TOOL_MISSING', message: text('dotnet'), fix: text('.NET SDK') },
  },
  {
    repo: 'c-cmake-http',
    env: { PATH: '' },
    code: 3,
    error: { code: 'TOOL_MISSING', message: text('cc'), fix: text('apt-get install build-essential') },
  },
  {
    repo: 'crystal-kemal',
    env: { PATH: '' },
    long: true,
    code: 3,
    error: {
      code: 'TOOL_MISSING',
      message: text('crystal >=1.6.0 is needed (shard.yml:4)'),
      fix: text('install Crystal'),
    },
  },
  {
    repo: 'flask-hello',
    env: noIndex,
    file: ['requirements.txt', 'flask>=2.2\nnobody-has-this-package\n'],
    code: 1,
    error: { code: 'HOST_UNREACHABLE', message: text('index.invalid') },
  },
  {
    repo: 'express-hello',
    env: { npm_config_registry: 'http://registry.invalid/', npm_config_prefer_offline: 'false' },
    long: true,
    code: 1,
    error: { code: 'HOST_UNREACHABLE', message: text('registry.invalid') },
  },
];
const said = refused.filter(({ long }) => process.env.RR_LONG || !long);
test.concurrent.for(said.map((one) => [one.repo, one.error.code, one] as const))(
  '%s: %s is said within 60 s',
  { timeout: TEST_MS },
  async ([, , { repo, env, file, error, code }], { onTestFinished }) => {
    const s = scratch({}, onTestFinished);
    await turn(async () => {
      // Only what every machine has, and node: a toolchain that happens to be here is not found.
      const PATH = env.PATH === '' ? bareBin(s) : process.env.PATH!;
      Object.assign(
        s.env,
        env,
        { PATH, npm_config_cache: join(s.dir, 'npm-cache') },
        env.PATH === '' ? { ...cacheHome, HOME: s.dir } : {},
      );
      const folder = s.repo(repo, { git: false });
      if (file) writeFileSync(join(folder, file[0]), file[1]);
      commitAll(folder, ignore);
      const from = Date.now();
      const run = await bringUp(s, folder);
      const outcome = code === 3 ? 'needs-input' : 'failed';
      expect(run.result).toMatchObject({ outcome, error });
      expect(run).toMatchObject({ code, state: outcome });
      expect(Date.now() - from).toBeLessThan(60_000);
    });
    await nothingLeft(s);
  },
);
/** A PATH of the system's own programs without any toolchain. */
function bareBin(s: Scratch): string {
  const bin = join(s.dir, 'bin');
  mkdirSync(bin, { recursive: true });
  for (const program of ['sh', 'git', 'uname', 'cat', 'nats-server'])
    for (const folder of ['/bin', '/usr/bin', '/usr/sbin', '/usr/local/bin'])
      if (!readdirSync(bin).includes(program) && readdirSync(folder).includes(program))
        symlinkSync(join(folder, program), join(bin, program));
  symlinkSync(process.execPath, join(bin, 'node'));
  return bin;
}

test.concurrent('a service that is not there is named, with those that are', { timeout: TEST_MS }, async ({
  onTestFinished,
}) => {
  const s = scratch({}, onTestFinished);
  await turn(async () => {
    const { code, result } = await bringUp(s, s.repo('workspace-apps', { ignore }), ['--service', 'shop']);
    expect(result.error).toMatchObject({ code: 'SERVICE_UNKNOWN', message: expect.stringMatching(/shop.*api.*admin/) });
    expect(code).toBe(2);
  });
});

test.concurrent('rr plan tells services, commands and reasons, and runs nothing', { timeout: TEST_MS }, async ({
  onTestFinished,
}) => {
  const s = scratch({}, onTestFinished);
  await turn(async () => {
    for (const [repo, chosen, language, start] of [
      ['turbo-pnpm', 'web', 'node', 'pnpm start'],
      ['go-http', 'go-http', 'go', expect.any(String)],
      ['java-maven-spring', expect.any(String), 'java', expect.stringContaining('java')],
      ['laravel-like', 'laravel-like', 'php', expect.stringContaining('artisan serve')],
    ] as const) {
      const folder = s.repo(repo, { ignore });
      const { code, out } = await finish(s.rr('plan', folder, '--json'));
      const plan = JSON.parse(out);
      expect(plan.chosen).toEqual([chosen]);
      const service = plan.services.find(({ name }: { name: string }) => name === plan.chosen[0]);
      expect(service).toMatchObject({ language, commands: { start } });
      expect(service.evidence.length).toBeGreaterThan(0);
      expect(code).toBe(0);
      expect(gitStatus(folder)).toBe('');
      expect(execFileSync('git', ['status', '--porcelain', '--ignored'], { cwd: folder, encoding: 'utf8' })).toBe('');
    }
    expect(s.processes()).toEqual([]);
  });
});

test.concurrent.for(process.env.RR_LONG ? ['express-hello', 'static-site', 'python-plain-server'] : ['express-hello'])(
  'recipe.sh of a proven %s brings a clean copy up without rr',
  { timeout: TEST_MS },
  async (repo, { onTestFinished }) => {
    const s = scratch({}, onTestFinished);
    await turn(async () => {
      const { result } = await bringUp(s, s.repo(repo, { ignore }));
      const [{ proof }] = result.services;
      cpSync(join(result.bundle, 'recipe.sh'), join(s.dir, 'recipe.sh'));
      const copy = s.repo(repo, { ignore, as: 'clean' });
      const port = freePort();
      const { RR_HOME: _, ...env } = s.env;
      const app = spawn('sh', [join(s.dir, 'recipe.sh'), copy], {
        env: { ...env, PORT: String(port) },
        stdio: 'ignore',
        detached: true,
      });
      onTestFinished(() => void process.kill(-app.pid!, 'SIGKILL'));
      const look = () =>
        fetch(new URL(proof.path, `http://127.0.0.1:${port}`))
          .then((answer) => answer.text())
          .catch(String);
      await eventually(look, (page) => page.includes(proof.excerpt), 60_000);
    });
  },
);

const recipe = (more: object) =>
  JSON.stringify({
    format: 1,
    service: 'app',
    path: '.',
    kind: 'web-service',
    tools: {},
    install: [],
    build: [],
    files: [],
    env: {},
    port: 4321,
    proof: { how: 'http', path: '/', status: 200, title: 'Proven' },
    ...more,
  });

test.concurrent('a recipe.json in a repository is a claim: a true one brings it up, a wrong one does not make it healthy', {
  timeout: TEST_MS,
}, async ({ onTestFinished }) => {
  const s = scratch({}, onTestFinished);
  await turn(async () => {
    const lay = (name: string, files: Record<string, string>): string => {
      const folder = join(s.dir, name);
      mkdirSync(folder);
      for (const [path, body] of Object.entries(files)) writeFileSync(join(folder, path), body);
      commitAll(folder, ignore);
      return folder;
    };
    const page =
      "require('http').createServer((_, r) => r.end('<title>Page</title>It is up')).listen(process.env.PORT)";
    // Nothing else tells how this program without an ending is started.
    const told = await bringUp(s, lay('told', { 'recipe.json': recipe({ start: 'node ./serve' }), serve: page }));
    expect(told.result).toMatchObject({
      outcome: 'healthy',
      services: [{ proof: { status: 200, excerpt: text('It is up') } }],
    });

    const lies = await bringUp(
      s,
      lay('lies', { 'recipe.json': recipe({ start: 'echo healthy, status 200' }), 'notes.txt': 'nothing' }),
    );
    expect(lies.result.outcome).toBe('failed');
    expect(lies.code).toBe(1);

    // What is claimed is tried first, and where it does not hold the code itself is believed.
    const own = await bringUp(
      s,
      lay('own', {
        'recipe.json': recipe({ start: 'echo healthy', kind: 'job', proof: { how: 'exit', path: null } }),
        'server.js': page,
      }),
    );
    expect(own.result).toMatchObject({
      outcome: 'healthy',
      kind: 'web-service',
      services: [{ proof: { excerpt: text('It is up') } }],
    });
    expect(own.result.fixes).toMatchObject([{ rule: 'claim-left', helped: true }]);

    const better = await bringUp(
      s,
      lay('better', {
        'recipe.json': recipe({ start: 'node other.js', build: ['node -e 0'] }),
        'server.js': page.replace('It is up', 'It is the code'),
        'other.js': page.replace('It is up', 'It is the claim'),
      }),
    );
    expect(better.result).toMatchObject({
      outcome: 'healthy',
      fixes: [],
      services: [{ proof: { excerpt: text('It is the claim') } }],
    });
    const kept = JSON.parse(readFileSync(join(better.result.bundle, 'recipe.json'), 'utf8'));
    expect(kept).toMatchObject({ start: 'node other.js', build: ['node -e 0'] });

    // One that only ends well is no proof of a server, nor of a library whose tests fail.
    const idle = await bringUp(
      s,
      lay('idle', {
        'recipe.json': recipe({ start: 'true', proof: { how: 'exit', path: null } }),
        'package.json': '{"name":"idle","main":"index.js","scripts":{"test":"exit 1"}}',
        'index.js': '',
      }),
    );
    expect(idle.result.outcome).toBe('failed');
  });
  await nothingLeft(s);
});

long.concurrent(
  'the same stacks come up for jobs submitted over NATS to a runtime that is up',
  {
    timeout: TEST_MS,
  },
  async ({ onTestFinished }) => {
    const s = scratch({}, onTestFinished);
    await turn(async () => {
      const up = s.rr('up', '--foreground', '--json');
      await up.object(({ type }) => type === 'up');
      const { ask, nats } = await rawClient(s.state, onTestFinished);
      const jobs = ['express-hello', 'node-job', 'static-site', 'python-plain-server'].map(
        (name) => stacks.find(({ repo }) => repo === name)!,
      );
      const folders = new Map<string, string>();
      const runs = await Promise.all(
        jobs.map(async ({ repo }) => {
          folders.set(repo, s.repo(repo, { ignore }));
          return (await ask('rr.api.local.jobs.submit', { source: folders.get(repo) })).run as string;
        }),
      );
      for (const [n, { repo, kind, proof }] of jobs.entries()) {
        const get = () => ask('rr.api.local.runs.get', { run: runs[n] });
        const { result } = await eventually(get, (answer) => answer.result !== null, 90_000);
        expect(result).toMatchObject({ outcome: 'healthy', kind, services: [{ proof }] });
        const { url } = result.services[0];
        if (url) expect(await (await fetch(url)).text()).toContain(result.services[0].proof.title);
        await ask('rr.api.local.runs.stop', { run: runs[n] });
        expect(await eventually(get, ({ ended }) => ended === true)).toMatchObject({ state: 'done' });
        if (url)
          expect(
            await fetch(url).then(
              () => 'answers',
              () => 'gone',
            ),
          ).toBe('gone');
        expect(gitStatus(folders.get(repo)!)).toBe('');
      }
      await nats.close();
      up.child.kill('SIGINT');
      expect(await up.exited).toBe(0);
    });
    await nothingLeft(s);
  },
);
