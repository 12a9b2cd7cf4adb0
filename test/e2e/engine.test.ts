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
import { eventually, factsOf, finish, resultOf, type Scratch, scratch } from './rr.js';

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
  const programs = ['redis-server', 'redis-cli'].map((name) => {
    const own = join('/usr/bin', name);
    return [existsSync(own) ? own : join(at, 'usr/bin', name), `/usr/local/bin/${name}`];
  });
  const root = await rootOf(join(made, 'redis'), Object.fromEntries(programs), at);
  mkdirSync(join(root, 'data'), { recursive: true });
  await on().image(
    'docker.io/library/redis:8',
    root,
    'ENV PATH=/usr/local/bin:/usr/bin:/bin',
    'WORKDIR /data',
    'CMD ["redis-server"]',
  );
  const node = await rootOf(join(made, 'node'), { [process.execPath]: '/usr/local/bin/node', '/bin/cat': '/bin/cat' });
  const npm = realpathSync(join(dirname(realpathSync(whereIs('npm'))), '..'));
  cpSync(npm, join(node, 'usr/local/lib/node_modules/npm'), { recursive: true });
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(node, 'usr/local/bin/npm'));
  writeFileSync(join(node, 'etc', 'rr-image'), 'box of node');
  await on().image('docker.io/library/node:22-bookworm', node, 'ENV PATH=/usr/local/bin:/usr/bin:/bin');
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
