/**
 * What an install needs beside the packages' names, by the built `rr`: tokens of private registries, npm 12's word on
 * install scripts, headers for native builds, a run that may reach nobody, and the version a repository pins.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { commitAll, finish, resultOf, type Scratch, scratch } from './rr.js';
import { cacheHome, text } from './stacks.js';

const TEST_MS = 180_000;
const ignore = 'node_modules/\nbuild/\n.venv/\n';
const page = (body: string): string =>
  `require('http').createServer((_, r) => r.end('<title>Up</title>' + ${body})).listen(process.env.PORT, '127.0.0.1')\n`;

function lay(s: Scratch, name: string, files: Record<string, string>, git = true): string {
  const folder = join(s.dir, name);
  for (const [path, body] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), body);
  }
  if (git) commitAll(folder, ignore);
  return folder;
}
async function bringUp(s: Scratch, folder: string, ...args: string[]) {
  const { code, objects, out, err } = await finish(s.rr('run', folder, '--once', '--json', ...args));
  const result = resultOf(objects);
  if (!result) throw new Error(`no result (exit ${code}): ${err}`);
  return { code, result, said: `${out}\n${err}` };
}
/** npm's own package of a folder, beside it. */
function pack(s: Scratch, folder: string): string {
  const env = { ...process.env, npm_config_cache: join(s.dir, 'pack-cache') };
  execFileSync('npm', ['pack', '--pack-destination', s.dir], { cwd: folder, env, stdio: 'pipe' });
  return join(s.dir, readdirSync(s.dir).find((name) => name.endsWith('.tgz'))!);
}
const filesIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesIn(path) : entry.isFile() ? [path] : [];
  });

test('the token of a private registry is asked for by its name, taken only when it is given, and shown nowhere', {
  timeout: TEST_MS,
}, async () => {
  const token = 'tok3n-that-nobody-may-see-9f31';
  const s = scratch({ ACME_TOKEN: token });
  s.env.npm_config_cache = join(s.dir, 'npm-cache');
  lay(
    s,
    'greeting',
    {
      'package.json': '{"name":"@acme/greeting","version":"1.0.0"}',
      'index.js': "module.exports = 'Hello from a private package'\n",
    },
    false,
  );
  const tarball = readFileSync(pack(s, join(s.dir, 'greeting')));
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(request.headers.authorization);
    if (request.headers.authorization !== `Bearer ${token}`) return response.writeHead(401).end('{}');
    if (request.url!.endsWith('.tgz')) return response.end(tarball);
    const { port } = server.address() as AddressInfo;
    const version = {
      name: '@acme/greeting',
      version: '1.0.0',
      dist: { tarball: `http://127.0.0.1:${port}/greeting-1.0.0.tgz` },
    };
    response.end(
      JSON.stringify({ name: '@acme/greeting', 'dist-tags': { latest: '1.0.0' }, versions: { '1.0.0': version } }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const folder = lay(s, 'shop', {
    '.npmrc': `@acme:registry=http://127.0.0.1:${port}/\n//127.0.0.1:${port}/:_authToken=\${ACME_TOKEN}\n`,
    'package.json':
      '{"name":"shop","version":"1.0.0","scripts":{"start":"node server.js"},"dependencies":{"@acme/greeting":"1.0.0"}}',
    'server.js': page("require('@acme/greeting')"),
  });

  const first = await bringUp(s, folder);
  expect(first.result).toMatchObject({
    outcome: 'needs-input',
    error: {
      code: 'SERVICE_MISSING',
      message: text(`registry token ACME_TOKEN of 127.0.0.1:${port} (.npmrc:2)`),
      fix: text('--env ACME_TOKEN='),
    },
  });
  expect(first.code).toBe(3);
  expect(asked).toEqual([]);

  const second = await bringUp(s, folder, '--env', `ACME_TOKEN=${token}`);
  expect(second.result, JSON.stringify(second.result.error)).toMatchObject({
    outcome: 'healthy',
    services: [{ proof: { excerpt: text('Hello from a private package') } }],
  });
  expect(asked.length).toBeGreaterThan(0);
  expect(first.said + second.said).not.toContain(token);
  // What the user gave waits in the run's folder, for nobody else to read.
  const kept = filesIn(s.state).filter((file) => readFileSync(file).includes(token));
  for (const file of kept) {
    expect(file).toMatch(/\/(?:inputs\/given\.json|env\/[\w.-]+|inputs\/[\w.-]*env[\w.-]*)$/);
    expect(statSync(file).mode & 0o077).toBe(0);
  }
});

/** A PATH whose npm is of that version. */
function withNpm(s: Scratch, version: string): string {
  const folder = join(s.dir, 'newer-npm');
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  execFileSync(
    'npm',
    ['install', `npm@${version}`, '--no-audit', '--no-fund', '--prefer-offline', '--engine-strict=false'],
    {
      cwd: folder,
      stdio: 'pipe',
    },
  );
  const bin = join(s.dir, 'newer-bin');
  mkdirSync(bin);
  symlinkSync(join(folder, 'node_modules/npm/bin/npm-cli.js'), join(bin, 'npm'));
  symlinkSync(join(folder, 'node_modules/npm/bin/npx-cli.js'), join(bin, 'npx'));
  symlinkSync(process.execPath, join(bin, 'node'));
  return `${bin}:${process.env.PATH}`;
}

test('npm 12 asks package.json who may run install scripts: a repository that says nothing was written for all, one that does is obeyed', {
  timeout: TEST_MS,
}, async () => {
  const s = scratch({ npm_config_engine_strict: 'false' });
  s.env.PATH = withNpm(s, '12');
  lay(
    s,
    'stamp',
    {
      'package.json': '{"name":"stamp","version":"1.0.0","scripts":{"postinstall":"node make.js"}}',
      'make.js': "require('fs').writeFileSync('index.js', \"module.exports = 'made at install'\")\n",
    },
    false,
  );
  const tarball = readFileSync(pack(s, join(s.dir, 'stamp')));
  const repo = (name: string, more: object): string => {
    const manifest = {
      name,
      version: '1.0.0',
      scripts: { start: 'node server.js' },
      dependencies: { stamp: 'file:stamp-1.0.0.tgz' },
      ...more,
    };
    const folder = lay(
      s,
      name,
      { 'package.json': JSON.stringify(manifest), 'server.js': page("require('stamp')") },
      false,
    );
    writeFileSync(join(folder, 'stamp-1.0.0.tgz'), tarball);
    commitAll(folder, ignore);
    return folder;
  };
  const silent = await bringUp(s, repo('silent', {}));
  expect(silent.result, JSON.stringify(silent.result.error)).toMatchObject({
    outcome: 'healthy',
    services: [{ proof: { excerpt: text('made at install') } }],
  });
  expect(readFileSync(join(silent.result.bundle, 'facts.ndjson'), 'utf8')).toContain(
    'npm 12 runs the install scripts of all packages here',
  );
  const denies = await bringUp(s, repo('denies', { allowScripts: { stamp: false } }));
  expect(denies.result.outcome).not.toBe('healthy');
});

test('a native package is built by the headers that this Node has, and nothing is downloaded for it', {
  timeout: TEST_MS,
}, async () => {
  const s = scratch({ ...cacheHome });
  // A home without settings: no nodedir, no cache of headers; and the place of headers answers nobody.
  Object.assign(s.env, {
    HOME: join(s.dir, 'home'),
    XDG_CACHE_HOME: join(s.dir, 'cache'),
    npm_config_disturl: 'http://127.0.0.1:1/',
    npm_config_userconfig: join(s.dir, 'home/.npmrc'),
    npm_config_nodedir: '',
  });
  mkdirSync(s.env.HOME!);
  const folder = lay(s, 'native', {
    'package.json': '{"name":"native","version":"1.0.0","scripts":{"start":"node server.js"},"gypfile":true}',
    'binding.gyp': '{"targets":[{"target_name":"sum","sources":["sum.c"]}]}\n',
    'sum.c':
      '#include <node_api.h>\nstatic napi_value init(napi_env env, napi_value exports) {\n  napi_value n;\n  napi_create_int32(env, 42, &n);\n  napi_set_named_property(env, exports, "answer", n);\n  return exports;\n}\nNAPI_MODULE(NODE_GYP_MODULE_NAME, init)\n',
    'server.js': page("'native says ' + require('./build/Release/sum.node').answer"),
  });
  const { result } = await bringUp(s, folder);
  expect(result, JSON.stringify(result.error)).toMatchObject({
    outcome: 'healthy',
    services: [{ proof: { excerpt: text('native says 42') } }],
  });
});

test('offline, a package that no cache holds and a tool that is not here are named at once', {
  timeout: TEST_MS,
}, async () => {
  const s = scratch();
  Object.assign(s.env, {
    // A sandbox has package caches of its own, which other runs have filled.
    RR_SANDBOX: 'off',
    npm_config_cache: join(s.dir, 'empty-cache'),
    PIP_CONFIG_FILE: '/dev/null',
    PIP_FIND_LINKS: '',
    PIP_CACHE_DIR: join(s.dir, 'empty-pip'),
  });
  const from = Date.now();
  const packages = await bringUp(s, s.repo('express-hello', { ignore }), '--offline');
  expect(packages.result).toMatchObject({
    outcome: 'needs-input',
    error: {
      code: 'SERVICE_MISSING',
      message: expect.stringMatching(/the package [\w@/.-]+ \(this run is offline/),
      fix: text('without --offline'),
    },
  });
  expect(Date.now() - from).toBeLessThan(60_000);
  // This machine's own Python may have what is asked for; what nobody has is named.
  const script = { 'main.py': 'import nobody_has_this\n', 'requirements.txt': 'nobody-has-this>=1\n' };
  const python = await bringUp(s, lay(s, 'script', script), '--offline');
  expect(python.result).toMatchObject({
    outcome: 'needs-input',
    error: { code: 'SERVICE_MISSING', message: text('the package nobody-has-this (this run is offline') },
  });
  const tool = await bringUp(
    s,
    lay(s, 'old', {
      '.nvmrc': '19.0.1\n',
      'package.json': '{"name":"old","scripts":{"start":"node server.js"}}',
      'server.js': page("'up'"),
    }),
    '--offline',
    '--env',
    'A=1',
  );
  // Another Node is here: that it is another is said, and why.
  expect(tool.result).toMatchObject({ outcome: 'healthy', degraded: [text('node 19.0.1 is wanted (.nvmrc:1); took')] });
  expect(tool.result.degraded[0]).toContain('this run is offline');
});

const pins = [
  ['.nvmrc', 'v18.20.4\n', '.nvm/versions/node/v18.20.4/bin'],
  ['.tool-versions', 'nodejs 18.20.4\n', '.asdf/installs/nodejs/18.20.4/bin'],
  ['mise.toml', '[tools]\nnode = "18.20.4"\n', '.local/share/mise/installs/node/18.20.4/bin'],
  [
    'package.json',
    '{"name":"pinned","scripts":{"start":"node server.js"},"volta":{"node":"18.20.4"}}',
    '.volta/tools/image/node/18.20.4/bin',
  ],
] as const;
test.each(process.env.RR_LONG ? pins : pins.slice(0, 1))(
  'the Node that %s pins is the one of the version manager',
  { timeout: TEST_MS },
  async (file, body, bin) => {
    const s = scratch({ ...cacheHome });
    s.env.HOME = join(s.dir, 'home');
    const folder = join(s.env.HOME, bin);
    mkdirSync(folder, { recursive: true });
    // It is another program than ours, and says so; what it runs is run by the Node that is here.
    writeFileSync(
      join(folder, 'node'),
      `#!/bin/sh\n[ "$1" = --version ] && echo v18.20.4 && exit\nPINNED=yes exec '${process.execPath}' "$@"\n`,
    );
    chmodSync(join(folder, 'node'), 0o755);
    const repo = lay(s, 'pinned', {
      'package.json': '{"name":"pinned","scripts":{"start":"node server.js"}}',
      'server.js': page("'pinned: ' + process.env.PINNED"),
      [file]: body,
    });
    const { result } = await bringUp(s, repo);
    expect(result, JSON.stringify(result.error)).toMatchObject({
      outcome: 'healthy',
      degraded: [],
      services: [{ proof: { excerpt: text('pinned: yes') } }],
    });
    expect(JSON.parse(readFileSync(join(result.bundle, 'recipe.json'), 'utf8')).tools).toMatchObject({
      node: '18.20.4',
    });
  },
);
