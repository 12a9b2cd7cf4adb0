import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Plan, type Service } from '../../../agents/detection/contract.js';
import { type Detection, detect } from '../../../agents/detection/detect.js';
import { openTree } from '../../../providers/tree.js';
import { scratch } from './read-service.js';

const repos = join(import.meta.dirname, '../../repos');
const look = async (name: string, service: string | null = null): Promise<Detection> =>
  detect(await openTree(join(repos, name)), { repository: join(repos, name), service });
const chosenOf = ({ services, chosen }: Detection): Service => services.find(({ name }) => name === chosen[0])!;

type Expected = [
  repo: string,
  kind: Service['kind'],
  stack: string,
  install: string,
  build: string,
  start: string | null,
  ports: number[],
];
// stack: language/framework/package manager; several commands joined by ' ; '
const table: Expected[] = [
  ['express-hello', 'web-service', 'node/express/npm', 'npm ci', '', 'npm start', [3000]],
  ['express-generator', 'web-service', 'node/express/npm', 'npm install', '', 'npm start', [3000]],
  ['fastify-api', 'web-service', 'node/fastify/npm', 'npm ci', '', 'npm start', [3000]],
  ['koa-app', 'web-service', 'node/koa/npm', 'npm install', '', 'node app.js', [3300]],
  ['hapi-app', 'web-service', 'node/hapi/npm', 'npm install', '', 'npm start', [3400]],
  ['hono-node', 'web-service', 'node/hono/npm', 'npm install', '', 'npx tsx src/index.ts', [3500]],
  ['nest-api', 'web-service', 'node/nest/npm', 'npm ci', 'npm run build', 'npm run start:prod', [3100]],
  [
    'next-app',
    'web-service',
    'node/next/yarn',
    'yarn install --frozen-lockfile',
    'yarn run build',
    'yarn run start -p $PORT',
    [4100, 3000],
  ],
  ['next-export', 'static-site', 'node/next/npm', 'npm install', 'npm run build', 'rr-static out', []],
  ['next-and-express', 'web-service', 'node/next/npm', 'npm install', 'npm run build', 'npm start', [3200]],
  ['nuxt-app', 'web-service', 'node/nuxt/npm', 'npm install', 'npm run build', 'node .output/server/index.mjs', [3000]],
  ['remix-app', 'web-service', 'node/remix/npm', 'npm ci', 'npm run build', 'npm start', [3000]],
  [
    'react-router-spa',
    'static-site',
    'node/react-router/npm',
    'npm install',
    'npm run build',
    'rr-static build/client --spa',
    [],
  ],
  ['sveltekit-node', 'web-service', 'node/sveltekit/npm', 'npm install', 'npm run build', 'node server', [3000]],
  [
    'sveltekit-auto',
    'web-service',
    'node/sveltekit/pnpm',
    'pnpm install --frozen-lockfile',
    'pnpm run build',
    'pnpm run preview --port $PORT --host 127.0.0.1',
    [4173],
  ],
  [
    'astro-site',
    'static-site',
    'node/astro/npm',
    'npm install',
    'npm run build',
    'npm run preview -- --port $PORT --host 127.0.0.1',
    [4321],
  ],
  [
    'astro-node',
    'web-service',
    'node/astro/npm',
    'npm install',
    'npm run build',
    'node ./dist/server/entry.mjs',
    [4321],
  ],
  [
    'vite-spa',
    'static-site',
    'node/vite/npm',
    'npm ci',
    'npm run build',
    'npm run preview -- --port $PORT --host 127.0.0.1',
    [4173],
  ],
  ['cra-app', 'static-site', 'node/create-react-app/npm', 'npm install', 'npm run build', 'rr-static build --spa', []],
  [
    'angular-app',
    'static-site',
    'node/angular/npm',
    'npm ci',
    'npm run build',
    'rr-static dist/shop/browser --spa',
    [],
  ],
  ['vue-cli-app', 'static-site', 'node/vue-cli/npm', 'npm install', 'npm run build', 'rr-static site --spa', []],
  ['gatsby-site', 'static-site', 'node/gatsby/npm', 'npm install', 'npm run build', 'rr-static public', []],
  ['eleventy-blog', 'static-site', 'node/eleventy/npm', 'npm install', 'npm run build', 'rr-static public_html', []],
  ['tanstack-start', 'web-service', 'node/tanstack-start/npm', 'npm install', 'npm run build', 'npm start', []],
  ['node-plain', 'web-service', 'node/null/npm', '', '', 'node server.js', [8080]],
  ['node-port-fixed', 'web-service', 'node/null/npm', '', '', 'npm start', [39217]],
  ['node-ipv6-only', 'web-service', 'node/null/npm', '', '', 'npm start', [3000]],
  ['node-typescript', 'web-service', 'node/null/npm', 'npm ci', 'npm run build', 'npm start', [3000]],
  ['node-strip-types', 'web-service', 'node/null/npm', '', '', 'node src/main.ts', [3600]],
  ['nodemon-start', 'web-service', 'node/express/npm', 'npm install', '', 'node server.js', [3700]],
  ['main-missing', 'web-service', 'node/express/npm', 'npm install', '', 'node app.js', [3800]],
  ['start-missing-file', 'web-service', 'node/express/npm', 'npm install', '', 'node index.js', [3900]],
  [
    'yarn-berry',
    'web-service',
    'node/express/yarn',
    'node .yarn/releases/yarn-4.5.3.cjs install --immutable',
    '',
    'node .yarn/releases/yarn-4.5.3.cjs run start',
    [4000],
  ],
  ['two-locks', 'web-service', 'node/express/pnpm', 'pnpm install --frozen-lockfile', '', 'pnpm start', [3000]],
  ['deno-serve', 'web-service', 'deno/null/deno', '', '', 'deno task start', [8123]],
  ['deno-plain', 'web-service', 'deno/null/deno', 'deno install', '', 'deno run -A server.ts', [8000]],
  ['bun-server', 'web-service', 'bun/null/bun', 'bun install --frozen-lockfile', '', 'bun run start', [3123]],
  ['static-site', 'static-site', 'static/null/null', '', '', 'rr-static .', []],
  ['node-library', 'library', 'node/null/npm', '', '', null, []],
  ['node-library-watch', 'library', 'node/null/npm', 'npm install', 'npm run build', null, []],
  ['node-cli', 'cli', 'node/null/npm', '', '', 'node bin/greet.js', []],
  ['node-job', 'job', 'node/null/npm', '', '', 'npm start', []],
  ['node-worker', 'worker', 'node/null/npm', '', '', 'npm start', []],
  ['docker-cmd', 'web-service', 'node/express/npm', 'npm install', '', 'node src/boot.js', [8085]],
  [
    'docker-develops',
    'static-site',
    'node/vite/npm',
    'npm install',
    'npm run build',
    'npm run preview -- --port $PORT --host 127.0.0.1',
    [4173],
  ],
  ['c-make-http', 'web-service', 'c/null/make', '', 'make hello-server', './hello-server $PORT', [8090]],
  [
    'c-cmake-http',
    'web-service',
    'c/null/cmake',
    '',
    'cmake -S . -B build -DCMAKE_BUILD_TYPE=Release ; cmake --build build --target greeter',
    './build/bin/greeter',
    [8091],
  ],
  [
    'cpp-cmake-library',
    'library',
    'cpp/null/cmake',
    '',
    'cmake -S . -B build -DCMAKE_BUILD_TYPE=Release ; cmake --build build',
    null,
    [],
  ],
  [
    'cpp-crow-api',
    'web-service',
    'cpp/crow/cmake',
    '',
    'cmake -S . -B build -DCMAKE_BUILD_TYPE=Release ; cmake --build build --target api',
    './build/shop-api',
    [18080],
  ],
  ['c-meson-tool', 'cli', 'c/null/meson', '', 'meson setup build ; meson compile -C build', './build/shout', []],
  ['c-plain', 'job', 'c/null/null', '', 'mkdir -p build && cc -O2 -o build/count count.c -lm', './build/count', []],
  [
    'elixir-phoenix',
    'web-service',
    'elixir/phoenix/mix',
    'mix local.hex --force --if-missing ; mix local.rebar --force --if-missing ; mix deps.get',
    'MIX_ENV=prod mix compile ; MIX_ENV=prod mix assets.deploy',
    'MIX_ENV=prod PHX_SERVER=true mix phx.server',
    [4000],
  ],
  [
    'elixir-plug',
    'web-service',
    'elixir/bandit/mix',
    'mix local.hex --force --if-missing ; mix local.rebar --force --if-missing ; mix deps.get',
    'MIX_ENV=prod mix compile',
    'MIX_ENV=prod mix run --no-halt',
    [4040],
  ],
  ['elixir-job', 'cli', 'elixir/null/mix', '', 'MIX_ENV=prod mix escript.build', './ticker', []],
  ['gleam-wisp', 'web-service', 'gleam/wisp/gleam', 'gleam deps download', 'gleam build', 'gleam run', [8400]],
  [
    'swift-vapor',
    'web-service',
    'swift/vapor/swift',
    'swift package resolve',
    'swift build -c release --product App',
    './.build/release/App serve --env production --hostname 127.0.0.1 --port $PORT',
    [8123],
  ],
  ['swift-library', 'library', 'swift/null/swift', '', 'swift build', null, []],
  ['zig-http', 'web-service', 'zig/null/zig', '', 'zig build -Doptimize=ReleaseSafe', './zig-out/bin/pages', [8320]],
  [
    'crystal-kemal',
    'web-service',
    'crystal/kemal/shards',
    'shards install --production',
    'shards build notes --release --production',
    './bin/notes --bind 127.0.0.1 --port $PORT',
    [3210],
  ],
  ['dart-shelf', 'web-service', 'dart/shelf/pub', 'dart pub get', '', 'dart run bin/server.dart', [8350]],
  [
    'flutter-page',
    'static-site',
    'dart/flutter/flutter',
    'flutter pub get',
    'flutter build web',
    'rr-static build/web --spa',
    [],
  ],
  [
    'haskell-scotty',
    'web-service',
    'haskell/scotty/cabal',
    'cabal update ; cabal build --only-dependencies all',
    'cabal build exe:greet-server',
    'cabal run --verbose=0 exe:greet-server',
    [3456],
  ],
  [
    'haskell-stack',
    'cli',
    'haskell/null/stack',
    'stack build --only-dependencies',
    'stack build tally:exe:tally-exe',
    'stack exec tally-exe',
    [],
  ],
  [
    'haskell-plain',
    'job',
    'haskell/null/null',
    '',
    'mkdir -p build && ghc -O1 -outputdir build -o build/main Main.hs',
    './build/main',
    [],
  ],
  [
    'scala-play',
    'web-service',
    'scala/play/sbt',
    'sbt --batch update',
    'sbt --batch stage',
    './target/universal/stage/bin/book-shop -Dhttp.address=127.0.0.1 -Dhttp.port=$PORT -Dpidfile.path=/dev/null',
    [],
  ],
  [
    'scala-http4s',
    'web-service',
    'scala/http4s/sbt',
    'sbt --batch update',
    'sbt --batch compile',
    'sbt --batch run',
    [8470],
  ],
  ['clojure-lein', 'web-service', 'clojure/ring/leiningen', 'lein deps', '', 'lein run', [3570]],
  ['clojure-deps', 'web-service', 'clojure/http-kit/clojure', 'clojure -P -M:run', '', 'clojure -M:run', [3580]],
  [
    'cobol-job',
    'job',
    'cobol/null/null',
    '',
    'mkdir -p bin && cobc -x -o bin/payroll payroll.cbl addup.cbl',
    './bin/payroll',
    [],
  ],
  ['procfile-wins', 'web-service', 'node/express/npm', 'npm install', '', 'node web.js', []],
  ['compose-only', 'compose', 'compose/null/null', '', '', 'docker compose -f compose.yaml up', [3080]],
  [
    'nx-apps',
    'web-service',
    'node/nx/npm',
    'cd ../.. && npm ci',
    '',
    'cd ../.. && NX_DAEMON=false npx nx run shop:serve',
    [3333],
  ],
];

test.each(table)('%s is a %s (%s)', async (repo, kind, stack, install, build, start, ports) => {
  const service = chosenOf(await look(repo));
  expect({
    kind: service.kind,
    stack: `${service.language}/${service.framework}/${service.packageManager}`,
    install: service.commands.install.join(' ; '),
    build: service.commands.build.join(' ; '),
    start: service.commands.start,
    ports: service.ports.map(({ number }) => number),
  }).toEqual({ kind, stack, install, build, start, ports });
});

describe('every repository of the tests', () => {
  test.each(readdirSync(repos))('%s: what is claimed can be looked up, and the plan fits its schema', async (repo) => {
    const { services, chosen, notes } = await look(repo);
    Plan.parse({ repository: repo, services, chosen, notes });
    for (const service of services) {
      expect(service.evidence.length, service.name).toBeGreaterThan(0);
      for (const { file, line, claim } of service.evidence)
        expect(existing(repo, file, line), `${claim}: ${file}:${line}`).toBe(true);
      const cited = [...Object.values(service.versions), ...service.ports, ...service.env, ...service.proof.paths].map(
        ({ from }) => from,
      );
      for (const from of cited) {
        const [, file, line] = /^(.*?)(?::(\d+))?$/s.exec(from)!;
        expect(existing(repo, file!, line === undefined ? null : Number(line)), from).toBe(true);
      }
    }
    expect(new Set(services.map(({ name }) => name)).size).toBe(services.length);
  });
});
function existing(repo: string, file: string, line: number | null): boolean {
  const text = readFileSync(join(repos, repo, file), 'utf8');
  return line === null || line <= text.split('\n').length;
}

describe('the proof', () => {
  test('of a library is its tests', async () => {
    expect(chosenOf(await look('node-library')).proof).toEqual({ how: 'exit', command: 'npm test', paths: [] });
  });
  test('of a command line program is its help', async () => {
    expect(chosenOf(await look('node-cli')).proof).toMatchObject({ how: 'exit', command: 'node bin/greet.js --help' });
  });
  test('of a job is its end, of a worker its log', async () => {
    expect(chosenOf(await look('node-job')).proof.how).toBe('exit');
    expect(chosenOf(await look('node-worker')).proof.how).toBe('log');
  });
  test('of a server is the page first and the health route next, with their lines', async () => {
    expect(chosenOf(await look('express-hello')).proof.paths).toEqual([
      { path: '/', from: 'server.js:6' },
      { path: '/health', from: 'server.js:9' },
    ]);
  });
  test('of a Nest server carries the global prefix and the controller', async () => {
    const paths = chosenOf(await look('nest-api')).proof.paths.map(({ path }) => path);
    expect(paths).toEqual(['/api/cats/health', '/api/cats']);
  });
  test('of a site below a base path is asked for there', async () => {
    expect(chosenOf(await look('astro-site')).proof.paths.map(({ path }) => path)).toEqual(['/notes']);
  });
});

describe('what a manifest says wrongly', () => {
  test('main that does not exist is noted and not started', async () => {
    expect((await look('main-missing')).notes).toContain('package.json:5: main is index.js, which does not exist');
  });
  test('a start script whose file does not exist is noted and not started', async () => {
    expect((await look('start-missing-file')).notes).toContain(
      'package.json:6: start runs src/server.js, which does not exist',
    );
  });
  test('a malformed package.json is named with its line', async () => {
    const { notes, chosen } = await look('malformed-package');
    expect(notes[0]).toMatch(/^package\.json:5 does not parse as JSON: /);
    expect(chosen).toEqual([]);
  });
  test('a second lock file is noted', async () => {
    expect((await look('two-locks')).notes.join()).toContain('package-lock.json is another package manager');
  });
  test('where nothing runs it is said what was looked for', async () => {
    const { services, chosen, notes } = await look('nothing-here');
    expect([services, chosen]).toEqual([[], []]);
    expect(notes.join()).toContain('nothing that runs was found');
  });
  test('a program that only an image holds is not started outside it', async () => {
    const { chosen, notes } = await look('docker-image-only');
    expect(chosen).toEqual([]);
    expect(notes.join()).toContain('Dockerfile:3: `/usr/local/bin/server` cannot run outside its image');
  });
});

describe('versions', () => {
  test('of Node and of the package manager come from the manifest, with their lines', async () => {
    expect(chosenOf(await look('express-hello')).versions).toEqual({ node: { want: '>=18', from: 'package.json:7' } });
    expect(chosenOf(await look('sveltekit-auto')).versions).toEqual({
      pnpm: { want: '9.15.4', from: 'package.json:6' },
    });
  });
  test('of Node are asked for by an entry that only a new Node runs', async () => {
    expect(chosenOf(await look('node-strip-types')).versions).toEqual({
      node: { want: '>=22.18.0', from: 'src/main.ts' },
    });
  });
});

describe('a repository of several', () => {
  test('members of a pnpm workspace install at its root and build what they need first', async () => {
    const found = await look('turbo-pnpm');
    expect(found.services.map(({ path }) => path)).toEqual([
      'apps/web',
      'apps/api',
      'apps/docs',
      'packages/tokens',
      'packages/ui',
    ]);
    expect(chosenOf(found).commands).toEqual({
      install: ['cd ../.. && pnpm install --frozen-lockfile'],
      build: [
        'cd ../.. && pnpm --filter @acme/tokens run build',
        'cd ../.. && pnpm --filter @acme/ui run build',
        'pnpm run build',
      ],
      start: 'pnpm start',
    });
    expect(found.notes[0]).toMatch(/^chose web with \d+ points: .*after it api \(\d+\)/);
  });
  test('a member of an npm workspace builds the library it uses', async () => {
    const found = await look('npm-workspaces');
    expect(found.services.map(({ path }) => path)).toEqual(['server', 'packages/core']);
    expect(chosenOf(found).commands.build).toEqual(['cd .. && npm run build --workspace=@ws/core']);
  });
  test('the server wins over the page beside it, and either can be asked for by name or path', async () => {
    expect((await look('front-and-back')).chosen).toEqual(['backend']);
    expect((await look('front-and-back', 'frontend')).chosen).toEqual(['frontend']);
    expect((await look('turbo-pnpm', './apps/docs/')).chosen).toEqual(['docs']);
  });
  test('an unknown service is refused with the names there are', async () => {
    await expect(look('front-and-back', 'database')).rejects.toMatchObject({
      code: 'SERVICE_UNKNOWN',
      message: expect.stringContaining('backend, frontend'),
    });
  });
  test('a Procfile alone says what runs, each process of it; what a package.json wants installed is installed', async () => {
    const root = scratch({
      Procfile: 'web: node web.js\nworker: node worker.js\n',
      'package.json': JSON.stringify({ name: 'letters', dependencies: { express: '4' }, engines: { node: '20' } }),
      'web.js': "require('express')().listen(process.env.PORT)",
      'worker.js': 'setInterval(() => {}, 1000)',
    });
    const { services } = detect(await openTree(root), { repository: '/somewhere/letters' });
    expect(services).toMatchObject([
      { name: 'letters', kind: 'web-service', versions: { node: { want: '20' } } },
      { name: 'letters-worker', kind: 'worker', process: 'worker' },
    ]);
    expect(services.map(({ commands }) => commands)).toEqual([
      { install: ['npm install'], build: [], start: 'node web.js' },
      { install: ['npm install'], build: [], start: 'node worker.js' },
    ]);
  });

  test('a worker of the Procfile is a service of its own', async () => {
    const { services, chosen } = await look('procfile-wins');
    expect(chosen).toEqual(['procfile-wins']);
    expect(services.map(({ name, kind, commands }) => [name, kind, commands.start])).toEqual([
      ['procfile-wins', 'web-service', 'node web.js'],
      ['procfile-wins-worker', 'worker', 'node queue.js'],
    ]);
  });
});
