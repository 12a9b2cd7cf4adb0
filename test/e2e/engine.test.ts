/** Servers and applications in containers of a real podman, and what its faults come to. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, type TestContext, test } from 'vitest';
import { unpacked } from './debian.js';
import { rootOf, startEngine, type TestEngine } from './engine.js';
import { expectNothingLeft } from './left.js';
import { commitAll, eventually, factsOf, finish, resultOf, type Scratch, scratch } from './rr.js';

const TEST_MS = 240_000;
const engine = process.env.RR_LONG ? await startEngine() : { why: 'only with RR_LONG' };
const works = 'bin' in engine;
if (!works && process.env.RR_LONG) console.warn(`no containers here: ${engine.why}`);
const real = test.runIf(works);
const on = (): TestEngine => engine as TestEngine;

const made = mkdtempSync(join(tmpdir(), 'rr-engine-images-'));
afterAll(async () => {
  if (works) await on().end();
  rmSync(made, { recursive: true, force: true });
});
beforeAll(async () => {
  if (!works) return;
  const at = await unpacked('redis', ['redis-server', 'redis-tools']);
  const redis = existsSync('/usr/bin/redis-server') ? '/usr/bin/redis-server' : join(at, 'usr', 'bin', 'redis-server');
  const root = await rootOf(
    join(made, 'redis'),
    { [redis]: '/usr/local/bin/redis-server', [redis.replace(/server$/, 'cli')]: '/usr/local/bin/redis-cli' },
    at,
  );
  mkdirSync(join(root, 'data'), { recursive: true });
  await on().image(
    'docker.io/library/redis:8',
    root,
    'ENV PATH=/usr/local/bin:/usr/bin:/bin',
    'WORKDIR /data',
    'CMD ["redis-server"]',
  );
  const tools = ['cat', 'chmod', 'mkdir', 'sleep', 'rm', 'od', 'tr'].map(
    (name) => [whereIs(name), `/bin/${name}`] as const,
  );
  const node = await rootOf(join(made, 'node'), {
    [process.execPath]: '/usr/local/bin/node',
    ...Object.fromEntries(tools),
  });
  const npm = realpathSync(join(dirname(realpathSync(whereIs('npm'))), '..'));
  cpSync(npm, join(node, 'usr/local/lib/node_modules/npm'), { recursive: true });
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(node, 'usr/local/bin/npm'));
  writeFileSync(join(node, 'etc', 'rr-image'), 'box of node');
  await on().image('docker.io/library/node:22-bookworm', node, 'ENV PATH=/usr/local/bin:/usr/bin:/bin');
  // As exports call it.
  for (const kind of ['', '-slim'])
    await on().podman(
      'tag',
      'docker.io/library/node:22-bookworm',
      `docker.io/library/node:${process.versions.node}${kind}`,
    );
}, TEST_MS);
const whereIs = (name: string): string =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path))!;

/** A machine without a package source and without servers: what it has of programs but these, and our cache without servers. */
function bare(finished: TestContext['onTestFinished'], ...more: string[]): Scratch {
  const folder = mkdtempSync(join(tmpdir(), 'rr-bare-'));
  finished(() => rmSync(folder, { recursive: true, force: true }));
  const bin = join(folder, 'bin');
  const cache = join(folder, 'cache');
  mkdirSync(bin);
  mkdirSync(cache);
  for (const from of (process.env.PATH ?? '').split(delimiter).filter((one) => existsSync(one)))
    for (const name of readdirSync(from))
      if (!/^(?:apt|dpkg|redis|valkey|docker|podman)/.test(name) && !existsSync(join(bin, name)))
        try {
          symlinkSync(join(from, name), join(bin, name));
        } catch {
          // the same name, dangling
        }
  const ours = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'repo-runner');
  for (const name of readdirSync(ours)) if (name !== 'services') symlinkSync(join(ours, name), join(cache, name));
  return scratch(
    {
      RR_BROKER_IDLE_MS: '300',
      // Its programs lie in /tmp, which no sandbox shows.
      RR_SANDBOX: 'off',
      RR_CACHE: cache,
      npm_config_prefer_offline: 'true',
      PATH: [...more, bin].join(delimiter),
    },
    finished,
  );
}
async function run(s: Scratch, folder: string, ...options: string[]) {
  const { objects, out, err } = await finish(s.rr('run', folder, '--once', '--json', ...options));
  const result = resultOf(objects);
  expect(result, `${out}\n${err}`).toBeDefined();
  const output = (step: string) => {
    const tries = readdirSync(join(result.bundle, 'steps', step)).map(Number);
    return JSON.parse(
      readFileSync(join(result.bundle, 'steps', step, String(Math.max(...tries)), 'output.json'), 'utf8'),
    );
  };
  return { result, output, told: `${out}${err}`, says: String(result.services[0]?.proof?.excerpt ?? '') };
}
/** Containers of the engine that carry our label. */
const ours = async (): Promise<string[]> =>
  (await on().podman('ps', '--all', '--quiet', '--filter', 'label=rr.run')).split('\n').filter(Boolean);
const program = (folder: string, name: string, text: string): string => {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return folder;
};

real(
  'a server that is to be had nowhere else runs in a container: used, its data kept, gone with the run',
  async ({ onTestFinished }) => {
    const s = bare(onTestFinished, on().bin);
    const folder = s.repo('express-redis');
    const first = await run(s, folder);
    expect(first.result, JSON.stringify(first.result.error)).toMatchObject({ outcome: 'healthy' });
    expect(first.output('services')).toMatchObject({
      services: [{ kind: 'redis', from: 'engine', host: '127.0.0.1', kept: false }],
      lacking: [],
    });
    const visits = (text: string): number => Number(/visits: (\d+)/.exec(text)?.[1]);
    expect(visits(first.says)).toBeGreaterThan(0);
    expect(await ours()).toEqual([]);
    const second = await run(s, folder);
    expect(second.output('services').services[0].kept).toBe(true);
    expect(visits(second.says)).toBeGreaterThan(visits(first.says));
    expect(await ours()).toEqual([]);
    await expectNothingLeft(s);
  },
  TEST_MS,
);

real(
  'a server in a container is looked into, and begun again in one with its data when it is killed',
  async ({ onTestFinished }) => {
    const s = bare(onTestFinished, on().bin);
    const up = s.rr('up', '--foreground', '--json');
    await up.object(({ type }) => type === 'up');
    const begun = await finish(s.rr('run', s.repo('express-redis'), '--json', '--detach', '--wait'));
    const { run: id } = resultOf(begun.objects);
    const look = async (text: string) => (await finish(s.pipe(text, 'db', 'shell', id, '--kind', 'redis'))).out;
    expect(await look('SET kept 4711\n')).toContain('OK');
    const before = await ours();
    expect(before).toHaveLength(1);
    await on().podman('kill', '--signal', 'KILL', before[0]!);
    await eventually(
      () => factsOf(s.state, id).map(({ type }) => type),
      (types) => types.includes('run.server-restarted'),
    );
    expect(await look('GET kept\n')).toContain('4711');
    const after = await ours();
    expect(after).toHaveLength(1);
    expect(after).not.toEqual(before);
    await finish(s.rr('stop', id));
    up.child.kill('SIGINT');
    await up.exited;
    await expectNothingLeft(s);
    expect(await ours()).toEqual([]);
  },
  TEST_MS,
);

real(
  'an image that is not here and cannot be fetched is told once, with what to do, and the run goes on',
  async ({ onTestFinished }) => {
    const s = bare(onTestFinished, on().bin);
    const folder = s.repo('express-redis');
    writeFileSync(join(folder, 'compose.yaml'), 'services:\n  redis:\n    image: localhost:9/nobody/redis:3\n');
    const { output } = await run(s, folder);
    const { lacking } = output('services');
    expect(lacking).toHaveLength(1);
    expect(lacking[0].reason).toContain(
      'the image localhost:9/nobody/redis:3 is not here and podman could not fetch it',
    );
    expect(lacking[0].fix).toContain('--env REDIS_URL=');
    expect(await ours()).toEqual([]);
  },
  TEST_MS,
);

real(
  'with --isolation container install and application run in the image, and nothing of it is left',
  async ({ onTestFinished }) => {
    const s = bare(onTestFinished, on().bin);
    const folder = s.repo('express-redis');
    // Says where it is: the name of its image is in a file that this machine has not.
    writeFileSync(join(folder, 'server.js'), whereAmI);
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({
        name: 'where',
        version: '1.0.0',
        scripts: { start: 'node server.js', postinstall: 'cat /etc/rr-image > installed-in.txt' },
      }),
    );
    rmSync(join(folder, 'package-lock.json'));
    const { result, output, says } = await run(s, folder, '--isolation', 'container');
    expect(result, JSON.stringify(result.error)).toMatchObject({ outcome: 'healthy' });
    expect(output('workspace').sandbox).toMatch(
      /^in containers of podman 4\S* \(docker\.io\/library\/node:22-bookworm\)$/,
    );
    expect(says).toContain('image: box of node');
    expect(says).toContain('installed: box of node');
    expect(says).toContain('state: hidden');
    expect(await ours()).toEqual([]);
    await expectNothingLeft(s);
  },
  TEST_MS,
);
const whereAmI = `
const { readFileSync, existsSync } = require('node:fs');
const at = (path) => { try { return readFileSync(path, 'utf8').trim(); } catch { return 'none'; } };
require('node:http').createServer((_, response) => response.end('<!doctype html><title>where</title><h1>image: ' + at('/etc/rr-image')
  + '</h1><p>installed: ' + at('installed-in.txt') + '</p><p>state: ' + (existsSync(process.env.SECRET_PLACE || '/root/.cache') ? 'seen' : 'hidden') + '</p>'))
  .listen(process.env.PORT, process.env.HOST);
`;

real(
  'the own Dockerfile of a repository is built, and what cannot be built is told and replaced',
  async ({ onTestFinished }) => {
    const s = bare(onTestFinished, on().bin);
    const folder = s.repo('express-redis');
    writeFileSync(join(folder, 'server.js'), whereAmI);
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({ name: 'where', version: '1.0.0', scripts: { start: 'node server.js' } }),
    );
    rmSync(join(folder, 'package-lock.json'));
    writeFileSync(
      join(folder, 'Dockerfile'),
      'FROM docker.io/library/node:22-bookworm\nCOPY package.json /etc/rr-image\nCMD ["node", "server.js"]\n',
    );
    const built = await run(s, folder, '--isolation', 'container');
    expect(built.result, JSON.stringify(built.result.error)).toMatchObject({ outcome: 'healthy' });
    expect(built.output('workspace').sandbox).toContain('its own Dockerfile, built');
    expect(built.says).toContain('where'); // package.json, where the base has its own name
    writeFileSync(join(folder, 'Dockerfile'), 'FROM localhost:9/nobody/nothing:1\n');
    const other = await run(s, folder, '--isolation', 'container');
    expect(other.result, JSON.stringify(other.result.error)).toMatchObject({ outcome: 'healthy' });
    expect(other.output('workspace').sandbox).toContain('its own Dockerfile could not be built: ');
  },
  TEST_MS,
);

test(
  'without an engine, with one that hangs or refuses, --isolation container is one error that says what to do',
  async ({ onTestFinished }) => {
    const folder = mkdtempSync(join(tmpdir(), 'rr-no-engine-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const bin = program(join(folder, 'bin'), 'docker', 'exec sleep 60');
    program(bin, 'podman', 'echo "Error: permission denied" >&2; exit 125');
    const s = scratch({ RR_BROKER_IDLE_MS: '300', PATH: `${bin}${delimiter}${process.env.PATH}` }, onTestFinished);
    const { result } = await run(s, s.repo('express-redis'), '--isolation', 'container');
    expect(result.error).toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
    expect(result.error?.message).toContain('did not answer within 2 s');
    expect(result.error?.message).toContain('permission denied');
    expect(result.error?.fix).toContain('group `docker`');
    await expectNothingLeft(s);
  },
  TEST_MS,
);

real(
  'a killed runtime finds the application and the server in their containers again; both end with the run, and so does a leftover of another',
  async ({ onTestFinished }) => {
    const s = bare(onTestFinished, on().bin);
    const folder = s.repo('express-redis');
    // The image of Node lacks nothing here, and the server comes out of one as well.
    const first = s.rr('run', folder, '--json', '--isolation', 'container');
    const { run: id } = (await first.object(({ type }) => type === 'run')) as { run: string };
    const { services, outcome, error } = (await first.object(({ type }) => type === 'result')) as {
      services: { url: string }[];
      outcome: string;
      error: unknown;
    };
    expect(outcome, JSON.stringify(error)).toBe('healthy');
    const url = services[0]!.url;
    const before = (await ours()).sort();
    expect(before).toHaveLength(2);
    first.child.kill('SIGKILL');
    await first.exited;
    expect(await (await fetch(url)).text()).toMatch(/visits: \d+/);
    const up = s.rr('up', '--foreground', '--json');
    await up.object(({ type }) => type === 'up');
    await eventually(
      () => factsOf(s.state, id).filter(({ type }) => type === 'runner.adopted'),
      (adopted) => adopted.length === 1,
    );
    expect((await ours()).sort()).toEqual(before);
    expect(await (await fetch(url)).text()).toMatch(/visits: \d+/);
    // What a run of this state folder that is over has left behind.
    const label = (await on().podman('inspect', '--format', '{{index .Config.Labels "rr.state"}}', before[0]!)).trim();
    const left = ['--label=rr.run=20200101t000000-gone00', `--label=rr.state=${label}`];
    await on().podman('create', '--pull=never', ...left, 'docker.io/library/box:1', '/bin/sleep', '600');
    expect(await ours()).toHaveLength(3);
    const stop = await finish(s.rr('stop', id));
    expect(stop.code).toBe(0);
    await eventually(ours, (all) => all.length === 1, 30_000);
    await finish(s.rr('run', folder, '--once', '--json', '--isolation', 'container'));
    await eventually(ours, (all) => all.length === 0, 30_000);
    up.child.kill('SIGINT');
    await up.exited;
  },
  TEST_MS,
);

/** Answers by what its redis says, at the address that it is told; it has no packages. */
const asksRedis = (host: string): string => `
const { connect } = require('node:net');
const page = require('node:fs').readFileSync('dist/page', 'utf8');
if (!process.env.STRIPE_KEY) throw new Error('STRIPE_KEY is needed');
require('node:http').createServer((_, response) => {
  const { hostname, port } = new URL(process.env.REDIS_URL);
  const redis = connect(port, hostname, () => redis.write('PING\\r\\n'));
  redis.on('data', (said) => { redis.destroy(); response.setHeader('content-type', 'text/html').end('<title>Ping</title>' + page + said); });
  redis.on('error', (error) => response.writeHead(500).end(error.message));
}).listen(process.env.PORT, ${host});
`;
function pinging(s: Scratch, host: string): string {
  const folder = join(s.dir, 'pinging');
  mkdirSync(folder, { recursive: true });
  const files: Record<string, string> = {
    'package.json': JSON.stringify({
      name: 'pinging',
      version: '1.0.0',
      scripts: { build: 'node build.js', start: 'node server.js' },
    }),
    'build.js':
      "require('node:fs').mkdirSync('dist', { recursive: true });\nrequire('node:fs').writeFileSync('dist/page', 'built');\n",
    'server.js': asksRedis(host),
    '.env.example': 'REDIS_URL=redis://localhost:6379\nSTRIPE_KEY=\n',
    'compose.yaml': 'services:\n  redis:\n    image: redis:8\n',
  };
  for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text);
  commitAll(folder, 'node_modules/\ndist/\n');
  return folder;
}
const images = async (): Promise<string[]> =>
  (await on().podman('images', '--format', '{{.Repository}}:{{.Tag}}')).split('\n').filter(Boolean).sort();

real(
  'what a run exports is built, started and asked by the engine on a clean copy, and nothing of it is left',
  async ({ onTestFinished }) => {
    const s = bare(onTestFinished, on().bin);
    const { result, told } = await run(s, pinging(s, 'process.env.HOST'), '--env', 'STRIPE_KEY=sk-once-given');
    expect(result, told).toMatchObject({ outcome: 'healthy' });
    const before = await images();
    for (const format of ['dockerfile', 'compose']) {
      const file = join(s.dir, `of-${format}`);
      const done = await finish(s.rr('export', format, '--check', '--isolation', 'container', '--out', file, '--json'));
      expect(done.code, done.out + done.err).toBe(0);
      const last = done.objects.at(-1)!;
      expect(last).toMatchObject({
        type: 'export',
        file,
        check: { how: 'engine', engine: expect.stringMatching(/^podman 4/), status: 200 },
      });
      expect((last.check as { ms: { build: number } }).ms.build).toBeGreaterThan(0);
      const lines = done.objects.filter(({ type }) => type === 'export-output').map(({ of }) => of);
      expect(lines).toContain('build');
      expect(lines).toContain('redis');
      expect(done.out).not.toContain('sk-once-given');
    }
    const dev = s.rr('export', 'devcontainer', '--check');
    expect(await dev.exited, dev.out() + dev.err()).toBe(0);
    expect(JSON.parse(dev.out()).image).toBe(`node:${process.versions.node}`);
    expect(dev.err()).toMatch(/devcontainer of \S+ checked by podman 4\S* in \d+\.\d s \(copy .*\): it holds/);
    expect(await images()).toEqual(before);
    expect(await ours()).toEqual([]);
    await expectNothingLeft(s);
  },
  TEST_MS,
);

real(
  'an export that does not do in a container what the run did is found, and so is an image that is nowhere',
  async ({ onTestFinished }) => {
    const s = bare(onTestFinished, on().bin);
    const { result, told } = await run(s, pinging(s, "'127.0.0.1'"), '--env', 'STRIPE_KEY=sk-once-given');
    expect(result, told).toMatchObject({ outcome: 'healthy' });
    const before = await images();
    const file = join(s.dir, 'Dockerfile');
    const check = (...args: string[]) =>
      finish(s.rr('export', 'dockerfile', '--check', '--out', file, '--json', ...args));
    const unreached = await check();
    expect(unreached.code, unreached.out).toBe(1);
    expect(unreached.objects.at(-1)).toMatchObject({
      error: { code: 'EXPORT_BROKEN', fix: expect.stringContaining('$HOST') },
    });
    expect(existsSync(file)).toBe(false);
    const recipe = join(result.bundle, 'recipe.json');
    const proven = JSON.parse(readFileSync(recipe, 'utf8'));
    writeFileSync(recipe, JSON.stringify({ ...proven, build: ['npm run nothing'] }));
    const unbuilt = await check();
    expect(unbuilt.objects.at(-1)).toMatchObject({
      error: { code: 'EXPORT_BROKEN', message: expect.stringContaining('it cannot be built') },
    });
    writeFileSync(recipe, JSON.stringify({ ...proven, tools: { node: '1.2.3' } }));
    const nowhere = await check();
    expect(nowhere.objects.at(-1)).toMatchObject({
      error: { code: 'IMAGE_UNAVAILABLE', fix: expect.stringContaining('podman pull node:1.2.3-slim') },
    });
    expect(await images()).toEqual(before);
    expect(await ours()).toEqual([]);
    await expectNothingLeft(s);
  },
  TEST_MS,
);

/** Answers with a text, on a port of its own choice; ready a while after it listens. */
const answering = (port: number, text: string): string =>
  JSON.stringify([
    'node',
    '-e',
    `setTimeout(() => require('node:fs').writeFileSync('/tmp/ready', ''), 1500);
require('node:http').createServer(async (_, response) => response.end('<!doctype html><h1>' + (${text}) + '</h1>')).listen(${port})`,
  ]);
const PING = `await new Promise((resolve) => { const { hostname, port } = new URL(process.env.REDIS_URL); const redis = require('node:net').connect(port, hostname, () => redis.write('PING\\r\\n')); redis.on('data', (said) => { redis.destroy(); resolve('redis says ' + said); }); })`;
function mixed(s: Scratch): string {
  const folder = join(s.dir, 'mixed');
  const image = `docker.io/library/node:${process.versions.node}`;
  const files: Record<string, string> = {
    'compose.yaml': `services:
  page:
    build: ./page
    expose: [3000]
    environment:
      SEARCH_URL: http://search:7700
    depends_on:
      search: { condition: service_healthy }
  search:
    image: acme/search:1
    command: ${answering(7700, "'found ' + process.env.WHAT")}
    expose: [7700]
    environment:
      WHAT: apples
    healthcheck:
      test: ["CMD-SHELL", "test -f /tmp/ready"]
      interval: 200ms
      retries: 50
  odd:
    build: ./odd
    expose: [9100]
  teller:
    image: acme/search:1
    command: ${answering(39_417, PING)}
    ports: ["39417:39417"]
    environment:
      REDIS_URL: redis://redis:6379
    depends_on: [redis]
  redis:
    image: redis:8
`,
    'page/package.json': JSON.stringify({ name: 'page', version: '1.0.0', scripts: { start: 'node server.js' } }),
    'page/Dockerfile': `FROM ${image}\nCOPY . .\nCMD ["node", "server.js"]\n`,
    'page/server.js': `fetch(process.env.SEARCH_URL).then((answer) => answer.text()).then((heard) =>
  require('node:http').createServer((_, response) => response.end(heard)).listen(process.env.PORT || 3000));
`,
    'odd/Dockerfile': `FROM ${image}\nCOPY . /opt/odd\nRUN chmod 755 /opt/odd/serve\nCMD ["/opt/odd/serve"]\n`,
    'odd/serve': `#!/bin/sh
exec node -e "require('node:http').createServer((_, response) => response.end(require('node:fs').readFileSync('/opt/odd/said.txt'))).listen(9100)"
`,
    'odd/said.txt': '<!doctype html><h1>of the image that was built</h1>',
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  commitAll(folder, 'node_modules/\n');
  return folder;
}
real(
  'of a compose project the engine runs what is nowhere in the repository and what nothing else can run, beside what runs natively',
  async ({ onTestFinished }) => {
    const s = bare(onTestFinished, on().bin);
    const folder = mixed(s);
    const missing = await run(s, folder, '--all');
    expect(missing.result, JSON.stringify(missing.result)).toMatchObject({
      outcome: 'healthy',
      error: { code: 'PARTLY_UP', message: expect.stringContaining('search') },
    });
    expect(await ours()).toEqual([]);
    await on().podman('tag', `docker.io/library/node:${process.versions.node}`, 'docker.io/acme/search:1');
    const { result, told } = await run(s, folder, '--all');
    expect(result, told.slice(-4_000)).toMatchObject({ outcome: 'healthy', error: null });
    const said = Object.fromEntries(
      result.services.map(({ name, proof }: { name: string; proof: { excerpt?: string } | null }) => [
        name,
        String(proof?.excerpt),
      ]),
    );
    expect(said).toMatchObject({
      search: expect.stringContaining('found apples'),
      page: expect.stringContaining('found apples'),
      odd: expect.stringContaining('of the image that was built'),
      teller: expect.stringContaining('redis says +PONG'),
    });
    expect(await ours()).toEqual([]);
    await expectNothingLeft(s);
  },
  TEST_MS,
);

real(
  'a server in a container that dies is begun again from its image; when its engine is gone that is told, and nothing of it is left',
  async ({ onTestFinished }) => {
    // The engine, for as long as the file `gone` is not there.
    const folder = mkdtempSync(join(tmpdir(), 'rr-engine-gone-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const gone = join(folder, 'gone');
    const bin = program(
      join(folder, 'bin'),
      'podman',
      `[ ! -e ${gone} ] || { echo "Cannot connect to the engine" >&2; exit 125; }\nexec ${on().bin}/podman "$@"`,
    );
    const s = bare(onTestFinished, bin);
    const rr = s.rr('run', pinging(s, 'process.env.HOST'), '--json', '--env', 'STRIPE_KEY=sk-once-given');
    const result = await rr.object(({ type }) => type === 'result', 120_000);
    expect(result, JSON.stringify(result.error)).toMatchObject({ outcome: 'healthy' });
    const { run: id, services } = result as unknown as { run: string; services: { url: string }[] };
    const page = async (): Promise<string> => (await fetch(services[0]!.url)).text();
    const facts = (type: string) => factsOf(s.state, id).filter((fact) => fact.type === type);
    expect(await page()).toContain('+PONG');
    await on().podman('kill', ...(await ours()));
    await eventually(
      () => facts('run.server-restarted'),
      (all) => all.length === 1,
      60_000,
    );
    await eventually(page, (text) => text.includes('+PONG'), 20_000);
    expect(await ours()).toHaveLength(1);

    writeFileSync(gone, '');
    await on().podman('kill', ...(await ours()));
    const [lost] = await eventually(
      () => facts('run.server-lost'),
      (all) => all.length === 1,
      90_000,
    );
    expect(lost!.payload).toMatchObject({
      error: { code: 'SERVICE_LOST', message: expect.stringContaining('Cannot connect to the engine') },
    });
    rmSync(gone);
    rr.child.kill('SIGINT');
    await rr.exited;
    expect(await ours()).toEqual([]);
    await expectNothingLeft(s);
  },
  TEST_MS,
);

real(
  'an image without a shell is told as that: of its own Dockerfile it is replaced',
  async ({ onTestFinished }) => {
    const s = bare(onTestFinished, on().bin);
    const folder = s.repo('express-redis');
    writeFileSync(join(folder, 'server.js'), whereAmI);
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({ name: 'where', version: '1.0.0', scripts: { start: 'node server.js' } }),
    );
    rmSync(join(folder, 'package-lock.json'));
    writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\nCOPY package.json /\nCMD ["/nothing"]\n');
    const { result, output, says } = await run(s, folder, '--isolation', 'container');
    expect(result, JSON.stringify(result.error)).toMatchObject({ outcome: 'healthy' });
    expect(output('workspace').sandbox).toContain('its own Dockerfile is not used, since what it builds runs no shell');
    expect(says).toContain('image: box of node');
    expect(await ours()).toEqual([]);
    await expectNothingLeft(s);
  },
  TEST_MS,
);

real(
  'an engine that goes away under an application is one error that says so; once it is back nothing of the run is left',
  async ({ onTestFinished }) => {
    const folder = mkdtempSync(join(tmpdir(), 'rr-engine-dies-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const gone = join(folder, 'gone');
    // As a client does whose daemon ends: it says so and ends, whatever it was to wait for.
    const bin = program(
      join(folder, 'bin'),
      'podman',
      `[ ! -e ${gone} ] || { echo "Cannot connect to the Docker daemon" >&2; exit 125; }
[ "$1" = run ] || exec ${on().bin}/podman "$@"
${on().bin}/podman "$@" &
client=$!
trap 'kill -TERM $client' TERM
while kill -0 $client 2>/dev/null; do
  [ ! -e ${gone} ] || { echo "error waiting for container: unexpected EOF" >&2; exit 125; }
  sleep 0.2
done
wait $client`,
    );
    const s = bare(onTestFinished, bin);
    const repo = pinging(s, 'process.env.HOST');
    rmSync(join(repo, 'compose.yaml'));
    writeFileSync(join(repo, 'server.js'), whereAmI);
    rmSync(join(repo, '.env.example'));
    const rr = s.rr('run', repo, '--json', '--isolation', 'container');
    const result = await rr.object(({ type }) => type === 'result', 120_000);
    expect(result, JSON.stringify(result.error)).toMatchObject({ outcome: 'healthy' });
    expect(await ours()).toHaveLength(1);
    writeFileSync(gone, '');
    const exited = await rr.object(({ type }) => type === 'run.app-exited', 60_000);
    expect(exited).toMatchObject({
      error: { code: 'ENGINE_FAILED', message: expect.stringContaining('it has gone away') },
    });
    expect(await rr.exited).toBe(1);
    await expectNothingLeft(s);
    rmSync(gone);
    await finish(s.rr('run', repo, '--once', '--json', '--isolation', 'container'));
    await eventually(ours, (all) => all.length === 0, 30_000);
  },
  TEST_MS,
);

real(
  'an engine whose disk is full is told as that, and leaves nothing',
  async ({ onTestFinished }) => {
    const small = (await startEngine(16)) as TestEngine;
    onTestFinished(() => small.end());
    const s = bare(onTestFinished, small.bin);
    const folder = join(s.dir, 'heavy');
    mkdirSync(join(folder, 'odd'), { recursive: true });
    writeFileSync(join(folder, 'compose.yaml'), 'services:\n  odd:\n    build: ./odd\n    expose: [9100]\n');
    writeFileSync(join(folder, 'odd', 'Dockerfile'), 'FROM docker.io/library/box:1\nCOPY . /opt\nCMD ["/opt/serve"]\n');
    writeFileSync(join(folder, 'odd', 'weight'), Buffer.alloc(32 << 20, 'w'));
    commitAll(folder, 'node_modules/\n');
    const { result, told } = await run(s, folder, '--all');
    expect(result, told.slice(-3_000)).toMatchObject({ outcome: 'failed', error: { code: 'ENGINE_FAILED' } });
    expect(result.error!.message).toContain('its disk is full');
    expect((await small.podman('ps', '--all', '--quiet')).trim()).toBe('');
    await expectNothingLeft(s);
  },
  TEST_MS,
);
