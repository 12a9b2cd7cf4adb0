import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { type FindTool, findTool } from '../../../providers/toolchain/index.js';
import { program } from '../../../runtime/program.js';

function scratch(): string {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'rr-toolchain-')));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
/** A real program that says its version; `tool` may be a path with folders. */
function install(path: string, says: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\necho '${says}'\n`);
  chmodSync(path, 0o755);
}
const find = (o: Partial<FindTool> & Pick<FindTool, 'tool' | 'want'>, said: string[] = []) =>
  findTool({ from: 'package.json:3', cache: join(scratch(), 'cache'), say: (line) => said.push(line), ...o });
const output = (bin: string, command: string, ...args: string[]): string =>
  execFileSync(join(bin, command), args, {
    encoding: 'utf8',
    env: { PATH: [bin, process.env.PATH].join(delimiter), HOME: process.env.HOME },
  }).trim();
/** An environment in which nothing is installed but what the test puts there, and no registry answers. */
const bare = (home: string) => ({ HOME: home, PATH: '/usr/bin:/bin', npm_config_registry: 'http://127.0.0.1:1/' });

test('the Node of this machine is taken when it satisfies, with npm beside it and nothing else', async () => {
  const found = await find({ tool: 'node', want: `>=${process.versions.node.split('.')[0]}` });
  expect(found).toMatchObject({ tool: 'node', degraded: null, env: {} });
  expect(['machine', 'version-manager']).toContain(found.origin);
  expect(output(found.bin, 'node', '--version')).toBe(`v${found.version}`);
  expect(output(found.bin, 'npm', '--version')).toMatch(/^\d+\.\d+\.\d+$/);
  expect(readdirSync(found.bin).sort()).toEqual(['node', 'npm', 'npx']);
});

test.each([
  ['node', '^18.2', '.nvm/versions/node/v18.19.0/bin/node', 'v18.19.0'],
  ['node', '18.19', '.local/share/fnm/node-versions/v18.19.0/installation/bin/node', 'v18.19.0'],
  ['node', '18', '.volta/tools/image/node/18.19.0/bin/node', 'v18.19.0'],
  ['node', '18', '.asdf/installs/nodejs/18.19.0/bin/node', 'v18.19.0'],
  ['node', '18', '.local/share/mise/installs/node/18.19.0/bin/node', 'v18.19.0'],
  ['python', '==3.5.*', '.pyenv/versions/3.5.10/bin/python3', 'Python 3.5.10'],
  ['python', '~=3.5.1', '.local/share/uv/python/cpython-3.5.10-linux-x86_64-gnu/bin/python3', 'Python 3.5.10'],
  ['ruby', '~> 9.4.1', '.rbenv/versions/9.4.2/bin/ruby', 'ruby 9.4.2 (2024-01-01 revision 0) [x86_64-linux]'],
  ['java', '99', '.sdkman/candidates/java/99.0.1-tem/bin/java', 'openjdk version "99.0.1" 2024-01-01'],
  ['rust', '1.999', '.rustup/toolchains/1.999.1-x86_64-unknown-linux-gnu/bin/cargo', 'cargo 1.999.1 (abc 2024-01-01)'],
  ['go', '1.99', 'sdk/go1.99.2/bin/go', 'go version go1.99.2 linux/amd64'],
  [
    'go',
    '1.99',
    'go/pkg/mod/golang.org/toolchain@v0.0.1-go1.99.2.linux-amd64/bin/go',
    'go version go1.99.2 linux/amd64',
  ],
] as const)('%s %s is found where a version manager put it: %s', async (tool, want, path, says) => {
  const home = scratch();
  install(join(home, path), says);
  const found = await find({ tool, want, env: bare(home) });
  expect(found).toMatchObject({ origin: 'version-manager', degraded: null });
  expect(says).toContain(found.version);
  const command = { python: 'python3', rust: 'cargo' }[tool as string] ?? tool;
  expect(output(found.bin, command)).toBe(says);
  if (tool === 'java') expect(found.env.JAVA_HOME).toBe(join(home, '.sdkman/candidates/java/99.0.1-tem'));
});

test.each([
  [
    'elixir',
    'elixir',
    '~> 1.14',
    'Erlang/OTP 25 [erts-13.1.5] [64-bit]\n\nElixir 1.14.5 (compiled with Erlang/OTP 24)',
    '1.14.5',
  ],
  ['erlang', 'erl', '25', 'OTP 25', '25.0.0'],
  ['gleam', 'gleam', '>=1.4.0', 'gleam 1.4.1', '1.4.1'],
  ['swift', 'swift', '>=5.7', 'swift-driver version: 1.87 Apple Swift version 5.9.2 (swiftlang-5.9.2)', '5.9.2'],
  ['zig', 'zig', '>=0.13.0', '0.13.0', '0.13.0'],
  ['crystal', 'crystal', '>=1.6.0', 'Crystal 1.10.1 [c6f3552f5] (2023-10-13)', '1.10.1'],
  ['dart', 'dart', '^3.0.0', 'Dart SDK version: 3.2.3 (stable) on "linux_x64"', '3.2.3'],
  ['ghc', 'ghc', '9.4.7', 'The Glorious Glasgow Haskell Compilation System, version 9.4.7', '9.4.7'],
  ['cabal', 'cabal', null, 'cabal-install version 3.8.1.0', '3.8.1'],
  ['stack', 'stack', null, 'Version 2.13.1, Git revision d4e8eac x86_64', '2.13.1'],
  ['sbt', 'sbt', '1.9.7', '1.9.8', '1.9.8'],
  ['clojure', 'clojure', null, 'Clojure CLI version 1.11.1.1435', '1.11.1'],
  ['leiningen', 'lein', null, 'Leiningen 2.9.1 on Java 17.0.9', '2.9.1'],
  ['cobc', 'cobc', null, 'cobc (GnuCOBOL) 3.1.2.0', '3.1.2'],
  ['cc', 'cc', null, 'cc (Debian 12.2.0-14) 12.2.0', '12.2.0'],
  ['c++', 'c++', null, 'Apple clang version 15.0.0 (clang-1500.1.0.2.5)', '15.0.0'],
  ['cmake', 'cmake', '>=3.10', 'cmake version 3.25.1\n\nCMake suite', '3.25.1'],
  ['make', 'make', null, 'GNU Make 4.3', '4.3.0'],
] as const)('%s tells its version in its own words', async (tool, file, want, says, version) => {
  const home = scratch();
  install(join(home, 'bin', file), says);
  const found = await find({ tool, want, env: { ...bare(home), PATH: `${join(home, 'bin')}:/usr/bin:/bin` } });
  expect(found).toMatchObject({ version, origin: 'machine', degraded: null });
});

test('among installed versions the newest that satisfies is taken', async () => {
  const home = scratch();
  for (const version of ['18.1.0', '18.20.1', '18.9.0', '19.0.0'])
    install(join(home, `.nvm/versions/node/v${version}/bin/node`), `v${version}`);
  expect(await find({ tool: 'node', want: '18', env: bare(home) })).toMatchObject({ version: '18.20.1' });
});

test('a folder whose program does not run, or is another version than it is called, is not believed', async () => {
  const home = scratch();
  install(join(home, '.nvm/versions/node/v18.20.1/bin/node'), 'v16.0.0');
  install(join(home, '.nvm/versions/node/v18.9.0/bin/node'), 'v18.9.0');
  mkdirSync(join(home, '.nvm/versions/node/v18.30.0/bin'), { recursive: true });
  writeFileSync(join(home, '.nvm/versions/node/v18.30.0/bin/node'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  expect(await find({ tool: 'node', want: '18', env: bare(home) })).toMatchObject({ version: '18.9.0' });
});

test('of Java the wanted major is preferred to a newer one, which is taken when there is no other', async () => {
  const home = scratch();
  install(join(home, '.jdks/a-90.0.2/bin/java'), 'openjdk version "90.0.2"');
  install(join(home, '.jdks/b-91.0.1/bin/java'), 'openjdk version "91.0.1"');
  expect(await find({ tool: 'java', want: '90', env: bare(home) })).toMatchObject({ version: '90.0.2' });
  expect(await find({ tool: 'java', want: '80', env: bare(home) })).toMatchObject({ version: '90.0.2' });
  expect(await find({ tool: 'java', want: '91', env: bare(home) })).toMatchObject({ version: '91.0.1' });
});

test('a nightly is taken where nightly is wanted and not else', async () => {
  const home = scratch();
  install(join(home, '.rustup/toolchains/nightly-x86_64-unknown-linux-gnu/bin/cargo'), 'cargo 1.99.0-nightly');
  install(join(home, '.rustup/toolchains/stable-x86_64-unknown-linux-gnu/bin/cargo'), 'cargo 1.98.0');
  const env = { ...bare(home), PATH: scratch() };
  expect(await find({ tool: 'rust', want: '1.70', env })).toMatchObject({ version: '1.98.0' });
  expect(await find({ tool: 'rust', want: 'nightly-2024-01-01', env })).toMatchObject({ version: '1.99.0' });
});

test("shims are passed over for what the user's default behind them is", async () => {
  const home = scratch();
  install(join(home, '.pyenv/shims/python3'), 'Python 3.1.0');
  install(join(home, '.pyenv/versions/3.5.1/bin/python3'), 'Python 3.5.1');
  install(join(home, '.pyenv/versions/3.5.9/bin/python3'), 'Python 3.5.9');
  writeFileSync(join(home, '.pyenv/version'), '3.5.1\n');
  const env = { ...bare(home), PATH: join(home, '.pyenv/shims') };
  expect(await find({ tool: 'python', want: null, env })).toMatchObject({
    version: '3.5.1',
    origin: 'version-manager',
  });
});

test('a cached Node counts only with its program and the npm it borrows', async () => {
  const home = scratch();
  const cache = scratch();
  const bin = join(cache, 'toolchains/node/18.3.0/bin');
  install(join(bin, 'node'), 'v18.3.0');
  install(join(home, 'npm-cli.js'), '');
  writeFileSync(join(bin, 'npm'), `#!/bin/sh\nexec "$(dirname "$0")/node" '${join(home, 'npm-cli.js')}' "$@"\n`);
  mkdirSync(join(cache, 'toolchains/node/18.9.0/bin'), { recursive: true });
  const wanted = { tool: 'node', want: '18', cache, env: bare(home) } as const;
  expect(await find(wanted)).toMatchObject({ origin: 'cache', version: '18.3.0', bin });
  rmSync(join(home, 'npm-cli.js'));
  await expect(find(wanted)).rejects.toMatchObject({ code: 'TOOL_MISSING' });
});

test("Corepack's shims are not pnpm", async () => {
  const home = scratch();
  install(join(home, 'lib/node_modules/corepack/dist/pnpm.js'), '9.0.0');
  mkdirSync(join(home, 'bin'));
  symlinkSync('../lib/node_modules/corepack/dist/pnpm.js', join(home, 'bin/pnpm'));
  await expect(
    find({ tool: 'pnpm', want: '9', env: { ...bare(home), PATH: join(home, 'bin') } }),
  ).rejects.toMatchObject({ code: 'TOOL_MISSING' });
});

test('Python comes with all its names and pip, whatever it is called on the machine', async () => {
  const home = scratch();
  install(join(home, 'bin/python3.5'), 'Python 3.5.7');
  const found = await find({ tool: 'python', want: '3.5', env: { ...bare(home), PATH: join(home, 'bin') } });
  expect(readdirSync(found.bin).sort()).toEqual(['pip', 'pip3', 'python', 'python3', 'python3.5']);
});

test('what cannot be had is said with what there is, the cause and the fix', async () => {
  const home = scratch();
  install(join(home, 'bin/python3'), 'Python 3.5.7');
  await expect(
    find({ tool: 'python', want: '>=4', from: 'pyproject.toml:7', env: { ...bare(home), PATH: join(home, 'bin') } }),
  ).rejects.toMatchObject({
    code: 'TOOL_MISSING',
    message: 'python >=4 is needed (pyproject.toml:7) and this machine has 3.5.7',
    fix: expect.stringMatching(/^install Python >=4 .*then run again$/),
  });
  await expect(
    find({ tool: 'gradle', want: null, from: null, env: { ...bare(home), PATH: join(home, 'bin') } }),
  ).rejects.toMatchObject({
    message: 'gradle of any version is needed (no file names a version) and this machine has no gradle',
  });
  await expect(find({ tool: 'node', want: 'newest please' })).rejects.toMatchObject({
    code: 'TOOL_MISSING',
    fix: expect.stringContaining('package.json:3'),
  });
  await expect(find({ tool: 'erlang' as never, want: '26' })).rejects.toMatchObject({ code: 'TOOL_MISSING' });
});

test('a registry that cannot be reached is named as the cause, soon', async () => {
  const began = Date.now();
  await expect(find({ tool: 'node', want: '18', env: bare(scratch()) })).rejects.toMatchObject({
    code: 'TOOL_MISSING',
    message: expect.stringMatching(/^node 18 is needed \(package\.json:3\) and this machine has .*ECONNREFUSED/),
  });
  expect(Date.now() - began).toBeLessThan(15_000);
});

test('a registry that is silent is named within 60 s and not waited for again, one that is slow is waited for', {
  timeout: 90_000,
}, async () => {
  const silent = createServer(() => {}).listen(0, '127.0.0.1');
  const slow = createHttpServer(async (_, response) => {
    await sleep(20_000);
    const version = '0.0.1-early';
    const about = { name: 'bun', 'dist-tags': { latest: version }, versions: { [version]: { name: 'bun', version } } };
    response.end(JSON.stringify(about));
  }).listen(0, '127.0.0.1');
  const portOf = async (server: Server): Promise<number> => {
    if (!server.listening) await once(server, 'listening');
    onTestFinished(() => void server.close());
    return (server.address() as { port: number }).port;
  };
  const registry = async (server: Server) => ({
    ...bare(scratch()),
    npm_config_registry: `http://127.0.0.1:${await portOf(server)}/`,
  });
  const env = await registry(silent);
  const missing = (cause: string) => ({ code: 'TOOL_MISSING', message: expect.stringContaining(cause) });
  const cause = `${new URL(env.npm_config_registry).host}: connections are taken and nothing is sent, for`;
  const waited = expect(find({ tool: 'bun', want: null, env: await registry(slow) })).rejects.toMatchObject(
    missing("npm's registry has no bun"),
  );
  const began = Date.now();
  await expect(find({ tool: 'bun', want: null, env })).rejects.toMatchObject(missing(cause));
  expect(Date.now() - began).toBeLessThan(45_000);
  const again = Date.now();
  await expect(find({ tool: 'pnpm', want: '9', env })).rejects.toMatchObject(missing(cause));
  expect(Date.now() - again).toBeLessThan(5_000);
  await waited;
});

test('called off, a fetch ends at once and leaves nothing', async () => {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  onTestFinished(() => void silent.close());
  const { port } = silent.address() as { port: number };
  const cache = join(scratch(), 'cache');
  const began = Date.now();
  const env = { ...bare(scratch()), npm_config_registry: `http://127.0.0.1:${port}/` };
  await expect(find({ tool: 'bun', want: null, cache, env, signal: AbortSignal.timeout(500) })).rejects.toMatchObject({
    code: 'TOOL_MISSING',
  });
  expect(Date.now() - began).toBeLessThan(5_000);
});

test('the nearest version is taken only when that is allowed, and it is said', async () => {
  const home = scratch();
  for (const version of ['16.1.0', '19.2.0', '23.0.0'])
    install(join(home, `.nvm/versions/node/v${version}/bin/node`), `v${version}`);
  const said: string[] = [];
  const found = await find({ tool: 'node', want: '18', env: bare(home), allowDegraded: true }, said);
  expect(found.degraded).toMatch(
    /^node 18 is wanted \(package\.json:3\); took 19\.2\.0, the nearest here \(.*ECONNREFUSED/,
  );
  expect(found.version).toBe('19.2.0');
  expect(said.at(-1)).toBe(found.degraded);
});

test('a Node the machine lacks is fetched once, runs with an npm that fits it, and is there without a registry afterwards', {
  timeout: 120_000,
}, async () => {
  const cache = scratch();
  const said: string[] = [];
  const left = join(cache, 'toolchains/node/.aside.999999999.1.dead');
  mkdirSync(left, { recursive: true });
  const [one, two] = await Promise.all([
    find({ tool: 'node', want: '^18.18', cache }, said),
    find({ tool: 'node', want: '18', cache }, said),
  ]);
  expect(one).toMatchObject({ origin: 'downloaded', degraded: null, version: expect.stringMatching(/^18\./) });
  expect(two.bin).toBe(one.bin);
  expect(said.filter((line) => line.startsWith('fetching'))).toHaveLength(1);
  expect(output(one.bin, 'node', '--version')).toBe(`v${one.version}`);
  expect(output(one.bin, 'npm', '--version')).toMatch(/^\d+\./);
  expect(existsSync(left)).toBe(false);
  expect(await find({ tool: 'node', want: '18', cache, env: bare(scratch()) })).toMatchObject({
    origin: 'cache',
    version: one.version,
    bin: one.bin,
  });
});

test('processes that want the same version at the same time fetch it once', { timeout: 60_000 }, async () => {
  const cache = scratch();
  const code = `import { findTool } from ${JSON.stringify(program('providers/toolchain/index'))};
    const found = await findTool({ tool: 'yarn', want: '1.22.19', from: null, cache: process.argv[1], say: (line) => console.error(line) });
    console.log(found.bin);`;
  const runs = await Promise.all(
    [1, 2, 3].map(async () => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', code, cache], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      const texts = [child.stdout, child.stderr].map(async (stream) => {
        let text = '';
        for await (const chunk of stream) text += chunk;
        return text;
      });
      return Promise.all(texts);
    }),
  );
  expect(new Set(runs.map(([bin]) => bin))).toEqual(new Set([`${join(cache, 'toolchains/yarn/1.22.19/bin')}\n`]));
  expect(
    runs
      .map(([, said]) => said)
      .join('')
      .match(/^fetching/gm),
  ).toHaveLength(1);
  expect(output(runs[0]![0]!.trim(), 'yarn', '--version')).toBe('1.22.19');
});

test('package managers and runtimes the machine lacks are fetched and run', { timeout: 60_000 }, async () => {
  const home = scratch();
  // A PATH with npm alone: on a machine that has these tools they must be fetched all the same.
  mkdirSync(join(home, 'bin'));
  const npm = execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim();
  symlinkSync(realpathSync(npm), join(home, 'bin/npm'));
  symlinkSync('/bin/sh', join(home, 'bin/sh'));
  symlinkSync(process.execPath, join(home, 'bin/node'));
  const env = { ...process.env, PATH: join(home, 'bin') };
  const wanted = [
    ['pnpm', null, /^10\./],
    ['yarn', '>=4.1 <5', /^4\./],
    ['bun', '^1', /^1\./],
  ] as const;
  const found = await Promise.all(wanted.map(([tool, want]) => find({ tool, want, env })));
  for (const [n, [tool, , version]] of wanted.entries()) {
    expect(found[n]).toMatchObject({ tool, origin: 'downloaded', version: expect.stringMatching(version) });
    expect(output(found[n]!.bin, tool, '--version')).toBe(found[n]!.version);
  }
});

const kept = (cache: string): string[] =>
  readdirSync(join(cache, 'toolchains/cobc')).filter((name) => !name.startsWith('.'));

test('what Debian has is unpacked into the cache, told where it lies, and found there again', {
  timeout: 240_000,
}, async () => {
  const dir = scratch();
  const cache = join(dir, 'cache');
  const said: string[] = [];
  const want = { tool: 'cobc', want: '>=3', cache, env: bare(dir) } as const;
  // Two at once share one download.
  const [one, two] = await Promise.all([find(want, said), find(want, said)]);
  expect(one).toMatchObject({ origin: 'downloaded', degraded: null });
  expect(two).toMatchObject({ version: one.version, bin: one.bin });
  expect(said.filter((line) => line.startsWith('fetching'))).toHaveLength(1);
  expect(output(one.bin, 'cobc', '--version')).toContain('GnuCOBOL');
  expect(existsSync(one.env.COB_CONFIG_DIR!)).toBe(true);
  expect(kept(cache)).toEqual([one.version]);
  expect(await find(want)).toEqual({ ...one, origin: 'cache' });
  // Somebody who removes its programs has it fetched again.
  rmSync(join(one.bin, 'cobc'));
  expect(await find(want)).toMatchObject({ version: one.version, origin: 'downloaded' });
});

test('a version that Debian has not is named and not downloaded', { timeout: 60_000 }, async () => {
  const dir = scratch();
  const cache = join(dir, 'cache');
  const error = await find({ tool: 'cobc', want: '>=99', cache, env: bare(dir) }).catch((met) => met);
  expect(error).toMatchObject({
    code: 'TOOL_MISSING',
    message: expect.stringMatching(/has no cobc, and Debian's package is \d/),
  });
  expect(kept(cache)).toEqual([]);
  // Where that will do, it is taken, and it is said.
  const near = await find({ tool: 'cobc', want: '>=99', cache, env: bare(dir), allowDegraded: true });
  expect(near).toMatchObject({ degraded: expect.stringMatching(/^cobc >=99 is wanted \(package\.json:3\); took \d/) });
});
