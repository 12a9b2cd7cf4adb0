import { expect, test } from 'vitest';
import type { Hint } from '../../../../agents/detection/contract.js';
import { readHints } from '../../../../agents/detection/hints/index.js';
import { treeOf } from './tree-of.js';

const read = (files: Record<string, string>, places = ['.']) => readHints(treeOf(files), places);
const what = (hint: Hint): string => {
  switch (hint.about) {
    case 'command':
      return `${hint.role} ${hint.command}`;
    case 'port':
      return String(hint.number);
    case 'env':
      return `${hint.name}${hint.required ? '!' : ''}${hint.secret ? '*' : ''}${hint.default === null ? '' : `=${hint.default}`}`;
    case 'version':
      return `${hint.tool} ${hint.want}`;
    case 'need':
      return hint.service;
    case 'health':
      return hint.route;
    case 'member':
      return `${hint.name}${hint.worker ? '*' : ''}${hint.after.map((one) => ` < ${one}`).join('')}${hint.links.map(({ env, to }) => ` ${env}=${to}`).join('')}`;
  }
};
/** Short words for a hint: `about from what`, with the place where it is not the root. `!` required, `*` secret. */
const words = (hints: Hint[]): string[] =>
  hints.map((hint) => `${hint.about} ${hint.from} ${what(hint)}${hint.path === '.' ? '' : ` in ${hint.path}`}`);
const said = (files: Record<string, string>, places?: string[]) => words(read(files, places).hints).sort();

test('a Procfile gives web as start, release as release, every other process as a worker', () => {
  const text = 'web: gunicorn app:app --bind 0.0.0.0:8000\nrelease: ./migrate\n# no\nclock: node clock.js\n';
  expect(said({ Procfile: text })).toEqual([
    'command Procfile:1 start gunicorn app:app --bind 0.0.0.0:8000',
    'command Procfile:2 release ./migrate',
    'command Procfile:4 worker node clock.js',
    'port Procfile:1 8000',
  ]);
});

test('of a Dockerfile with stages the last one speaks, with what it inherits and the values of its arguments', () => {
  const Dockerfile = [
    'ARG NODE=20.11',
    'FROM node:$' + '{NODE}-alpine AS base',
    'WORKDIR /app',
    'ENV PORT=8080 GREETING="hello there"',
    'FROM base AS build',
    'COPY . .',
    'RUN npm ci && \\',
    '    # a comment between',
    '    npm run build',
    'CMD ["never", "this"]',
    'FROM base',
    'EXPOSE $PORT 9000/udp',
    'HEALTHCHECK --interval=5s CMD curl -f http://localhost:$' + '{PORT}/healthz || exit 1',
    'ENTRYPOINT ["/sbin/tini", "--"]',
    'CMD ["node", "/app/dist/main.js", \\',
    '  "a b"]',
  ].join('\n');
  expect(said({ Dockerfile })).toEqual([
    "command Dockerfile:15 start node ./dist/main.js 'a b'",
    'command Dockerfile:7 build npm run build',
    'command Dockerfile:7 install npm ci',
    'env Dockerfile:4 GREETING=hello there',
    'env Dockerfile:4 PORT=8080',
    'health Dockerfile:13 /healthz',
    'port Dockerfile:12 8080',
    'port Dockerfile:13 8080',
    'port Dockerfile:4 8080',
    'version Dockerfile:2 node 20.11',
  ]);
});

test.each([
  ['CMD npm start', 'npm start'],
  ['CMD ["sh", "-c", "npm run migrate && npm start"]', 'npm run migrate && npm start'],
  ['ENTRYPOINT ["python"]\nCMD ["app.py"]', 'python app.py'],
  ['CMD ["first"]\nCMD ["second"]', 'second'],
  ['ENTRYPOINT exec java $OPTS -jar app.jar\nCMD ["ignored"]', 'exec java $OPTS -jar app.jar'],
  ['RUN <<EOF\nCMD echo no\nEOF\nCMD ["yes"]', 'yes'],
  ["CMD ['not json']", "['not json']"],
])('the start of %j is %s', (tail, command) => {
  const { hints } = read({ Dockerfile: `FROM alpine\n${tail}\n` });
  const starts = hints.flatMap((hint) => (hint.about === 'command' && hint.role === 'start' ? [hint.command] : []));
  expect(starts).toEqual([command]);
});

test('a binary that only the image has weighs less than a command of the repository', () => {
  const weigh = (cmd: string) =>
    read({ Dockerfile: `FROM scratch\nCOPY --from=build /out/server /server\nCMD ["${cmd}"]` }).hints[0]!.weight;
  expect(weigh('/server')).toBeLessThan(0.5);
  expect(weigh('./server')).toBeGreaterThan(0.5);
});

test('a compose file gives its own services their folder and names the servers they depend on', () => {
  const files = {
    'compose.yaml': [
      'x-env: &env',
      '  SECRET_KEY: $' + '{SECRET_KEY:-dev}',
      'services:',
      '  web:',
      '    build: {context: ./apps/web, dockerfile: ops/Dockerfile}',
      '    command: ["npm", "run", "serve"]',
      '    ports:',
      '      - "127.0.0.1:8080:3000"',
      '    environment:',
      '      <<: *env',
      '      DATABASE_URL: postgres://me:pw@db:5432/app',
      '      API_TOKEN:',
      '      MODE: $' + '{MODE:-fast}',
      '    depends_on: [db]',
      '    healthcheck:',
      '      test: ["CMD", "curl", "-f", "http://localhost:3000/ready"]',
      '  worker:',
      '    build: ./apps/worker',
      '    command: python worker.py',
      '    environment:',
      '      - REDIS=redis://cache:6379',
      '  db: {image: "docker.io/library/postgres:16-alpine"}',
      '  cache: {image: redis:7}',
      '  admin: {image: dpage/pgadmin4}',
    ].join('\n'),
    'apps/web/ops/Dockerfile': 'FROM node:22\nCMD ["npm", "start"]\n',
    'apps/web/package.json': '{}',
    'apps/worker/main.py': '',
  };
  expect(said(files, ['.', 'apps/web', 'apps/worker'])).toEqual([
    'command apps/web/ops/Dockerfile:2 start npm start in apps/web',
    'command compose.yaml:19 worker python worker.py in apps/worker',
    'command compose.yaml:6 start npm run serve in apps/web',
    'env compose.yaml:11 DATABASE_URL! in apps/web',
    'env compose.yaml:12 API_TOKEN!* in apps/web',
    'env compose.yaml:13 MODE=fast in apps/web',
    'env compose.yaml:21 REDIS! in apps/worker',
    'env compose.yaml:9 SECRET_KEY*=dev in apps/web',
    'health compose.yaml:16 /ready in apps/web',
    'member compose.yaml:17 worker* in apps/worker',
    'member compose.yaml:24 admin*',
    'member compose.yaml:4 web in apps/web',
    'need compose.yaml:22 postgres in apps/web',
    'need compose.yaml:23 redis in apps/worker',
    'port compose.yaml:16 3000 in apps/web',
    'port compose.yaml:8 3000 in apps/web',
    'version apps/web/ops/Dockerfile:1 node 22 in apps/web',
  ]);
});

test('a compose file says which of its services wait for which, and which variables name another', () => {
  const text = `services:
  web:
    build: ./web
    depends_on: { api: { condition: service_healthy }, db: {} }
    environment: { API_URL: "http://api:4000/v1", SELF: web, WHERE: "$\{WHERE:-api}" }
  api:
    build: ./api
    depends_on: [db]
  db: { image: postgres }
`;
  const files = { 'compose.yaml': text, 'web/package.json': '{}', 'api/package.json': '{}' };
  expect(said(files, ['.', 'web', 'api']).filter((one) => one.startsWith('member'))).toEqual([
    'member compose.yaml:2 web < api API_URL=api WHERE=api in web',
    'member compose.yaml:6 api in api',
  ]);
});

test('a compose file of servers alone says what everything beside it needs', () => {
  const images = {
    'mysql:8': 'mysql',
    mariadb: 'mariadb',
    'valkey/valkey:8': 'valkey',
    mongo: 'mongodb',
    'rabbitmq:3-management': 'rabbitmq',
    'bitnami/memcached': 'memcached',
    'axllent/mailpit': 'mailpit',
    'minio/minio': 'minio',
  };
  const services = Object.keys(images).map((name, index) => `  s${index}:\n    image: ${name}`);
  const { hints } = read({ 'docker-compose.yml': `services:\n${services.join('\n')}\n` });
  expect(hints.map((hint) => hint.about === 'need' && hint.service)).toEqual(Object.values(images));
});

test('an env file that compose asks for is read where it exists and noted where it does not', () => {
  const found = read({
    'compose.yml': 'services:\n  web:\n    build: .\n    env_file: [app.env, gone.env]\n',
    'app.env': 'COLOUR=red\n',
  });
  expect(words(found.hints)).toEqual(['member compose.yml:2 web', 'env app.env:1 COLOUR=red']);
  expect(found.notes).toEqual(['compose.yml:4 asks for the file gone.env, which is not in the repository']);
});

test('a devcontainer gives versions past the release of its image, ports, commands and variables', () => {
  const text = `{
  // a comment
  "image": "mcr.microsoft.com/devcontainers/typescript-node:1-20-bookworm",
  "features": { "ghcr.io/devcontainers/features/python:1": { "version": "3.12" } },
  "forwardPorts": [3000, "db:5432"],
  "postCreateCommand": "npm ci",
  "containerEnv": { "COLOUR": "blue", "AT": "\${localEnv:AT}" },
}`;
  expect(said({ '.devcontainer/devcontainer.json': text })).toEqual([
    'command .devcontainer/devcontainer.json:6 install npm ci',
    'env .devcontainer/devcontainer.json:7 AT',
    'env .devcontainer/devcontainer.json:7 COLOUR=blue',
    'port .devcontainer/devcontainer.json:5 3000',
    'version .devcontainer/devcontainer.json:3 node 20',
    'version .devcontainer/devcontainer.json:4 python 3.12',
  ]);
});

test('targets of make, just and task that are named after what they do become weak commands', () => {
  const files = {
    Makefile: 'VERSION := 1\n.PHONY: run\nrun: build\n\t./x\nbuild test:\n\tgo build\nclean:\n',
    justfile: 'set shell := ["bash"]\ndev port="3000":\n  x\nserve host:\n  y\n',
    'Taskfile.yml': 'version: "3"\ntasks:\n  start:\n    cmds: [x]\n',
  };
  expect(said(files)).toEqual([
    'command Makefile:3 start make run',
    'command Makefile:5 build make build',
    'command Makefile:5 test make test',
    'command Taskfile.yml:3 start task start',
    'command justfile:2 start just dev',
  ]);
  expect(read(files).hints.every(({ weight }) => weight <= 0.3)).toBe(true);
});

test('the files of hosts give commands, ports, variables, health paths and databases', () => {
  const files = {
    'app.json': [
      '{"env": {',
      '"SESSION": {"generator": "secret"},',
      '"THEME": "dark",',
      '"EXTRA": {"required": false}},',
      '"addons": ["heroku-postgresql:mini"],',
      '"scripts": {"postdeploy": "rake db:migrate"}}',
    ].join('\n'),
    'render.yaml': [
      'services:',
      '  - type: web',
      '    rootDir: api',
      '    startCommand: gunicorn x:y -b 0.0.0.0:9000',
      '    healthCheckPath: /up',
      '    envVars:',
      '      - key: NODE_VERSION',
      '        value: 20',
      '      - key: KEY_A',
      '        generateValue: true',
      'databases:',
      '  - name: d',
    ].join('\n'),
    'fly.toml': [
      '[env]',
      '  PORT = "8080"',
      '[http_service]',
      '  internal_port = 8080',
      '[[http_service.checks]]',
      '  path = "/live"',
      '[deploy]',
      '  release_command = "bin/migrate"',
    ].join('\n'),
    'railway.json': '{"deploy": {"startCommand": "npm run prod",\n"healthcheckPath": "/ok"}}',
    'netlify.toml': '[build]\n  base = "site"\n  command = "hugo"\n',
    'vercel.json': '{"buildCommand": "npm run pages"}',
    'api/x.py': '',
    'site/index.md': '',
  };
  expect(said(files, ['.', 'api', 'site'])).toEqual([
    'command app.json:6 release rake db:migrate',
    'command fly.toml:8 release bin/migrate',
    'command netlify.toml:3 build hugo in site',
    'command railway.json:1 start npm run prod',
    'command render.yaml:4 start gunicorn x:y -b 0.0.0.0:9000 in api',
    'command vercel.json:1 build npm run pages',
    'env app.json:2 SESSION!*',
    'env app.json:3 THEME=dark',
    'env app.json:4 EXTRA',
    'env fly.toml:2 PORT=8080',
    'env render.yaml:9 KEY_A!* in api',
    'health fly.toml:6 /live',
    'health railway.json:2 /ok',
    'health render.yaml:5 /up in api',
    'need app.json:5 postgres',
    'need render.yaml:12 postgres in api',
    'port fly.toml:2 8080',
    'port fly.toml:4 8080',
    'port render.yaml:4 9000 in api',
    'version render.yaml:7 node 20 in api',
  ]);
});

test('every file that pins a runtime gives its tool by the common name', () => {
  const files = {
    '.nvmrc': 'v20.11.1\n',
    '.node-version': 'lts/iron\n',
    '.python-version': '# main\n3.12\n3.11\n',
    '.ruby-version': 'ruby-3.3.0\n',
    'runtime.txt': 'python-3.11.4',
    '.tool-versions': 'nodejs 22.1.0\njava temurin-17.0.1\nterraform latest\n',
    'mise.toml': '[tools]\ngo = "1.22"\npython = ["3.13", "3.12"]\n"npm:pnpm" = { version = "9" }\n',
    'rust-toolchain.toml': '[toolchain]\nchannel = "1.75"\n',
    'go.mod': 'module x\n\ngo 1.21\n',
    'global.json': '{"sdk": {"version": "8.0.100"}}',
    'system.properties': 'java.runtime.version=21\n',
    'package.json':
      '{\n"packageManager": "pnpm@9.1.0+sha512.abc",\n"engines": {"node": ">=18",\n"yarn": "please-use-pnpm"},\n"volta": {"node": "20.1.0"}}',
  };
  expect(said(files)).toEqual([
    'version .node-version:1 node 20',
    'version .nvmrc:1 node 20.11.1',
    'version .python-version:2 python 3.12',
    'version .ruby-version:1 ruby 3.3.0',
    'version .tool-versions:1 node 22.1.0',
    'version .tool-versions:2 java 17.0.1',
    'version global.json:1 dotnet 8.0.100',
    'version go.mod:3 go >=1.21',
    'version mise.toml:2 go 1.22',
    'version mise.toml:3 python 3.13',
    'version mise.toml:4 pnpm 9',
    'version package.json:2 pnpm 9.1.0',
    'version package.json:3 node >=18',
    'version package.json:5 node 20.1.0',
    'version runtime.txt:1 python 3.11.4',
    'version rust-toolchain.toml:2 rust 1.75',
    'version system.properties:1 java 21',
  ]);
});

test('an example env file: values are defaults, empty and placeholder ones are required, commented ones are not', () => {
  const text = [
    'PORT=4000',
    'NAME="a # b" # said here',
    'API_KEY=',
    'STRIPE_SECRET_KEY=your-key-here',
    '# optional',
    'SENTRY=',
    '# EXTRA=1',
    'DATABASE_URL=postgres://u:p@localhost:5432/x',
    'export JWT_SECRET=changeme',
    'CERT="one',
    'two"',
    'VITE_MAP_KEY=abc',
    'DB_CONNECTION=mysql',
  ].join('\n');
  expect(words(read({ '.env.example': text }).hints)).toEqual([
    'env .env.example:1 PORT=4000',
    'port .env.example:1 4000',
    'env .env.example:2 NAME=a # b',
    'env .env.example:3 API_KEY!*',
    'env .env.example:4 STRIPE_SECRET_KEY!*',
    'env .env.example:6 SENTRY',
    'env .env.example:7 EXTRA',
    'env .env.example:8 DATABASE_URL*=postgres://u:p@localhost:5432/x',
    'need .env.example:8 postgres',
    'env .env.example:9 JWT_SECRET!*',
    'env .env.example:10 CERT=one\ntwo',
    'env .env.example:12 VITE_MAP_KEY=abc',
    'env .env.example:13 DB_CONNECTION=mysql',
    'need .env.example:13 mysql',
  ]);
});

test.each([
  '.env.example',
  '.env.sample',
  '.env.template',
  '.env.dist',
  '.env.local.example',
  'env.example',
  '.env.example.local',
])('%s is an example env file', (file) => expect(said({ [file]: 'A=1' })).toEqual([`env ${file}:1 A=1`]));

test.each([
  ['a.js', "process.env.A || 'x'", 'A=x'],
  ['a.js', 'process.env.A ?? 60_000', 'A=60000'],
  ['a.js', 'process.env.A ?? other()', 'A'],
  ['a.js', "process.env['A']", 'A'],
  ['a.ts', 'connect(process.env.A!)', 'A!'],
  ['a.js', "if (!process.env.A) {\n  throw new Error('A')\n}", 'A!'],
  ['a.js', "const a = process.env.A ?? (() => { throw new Error('A') })()", 'A!'],
  ['a.js', 'if (!process.env.A) console.log(1)', 'A'],
  ['a.js', 'const { A = "x" } = process.env', 'A=x'],
  ['a.js', "process.env.A = 'test'", null],
  ['a.js', '// process.env.A', null],
  ['a.tsx', 'import.meta.env.VITE_A', 'VITE_A'],
  ['a.tsx', 'import.meta.env.DEV', null],
  ['env.ts', 'const env = z.object({\n  A: z.string().min(1),\n}).parse(process.env)', 'A!'],
  ['env.ts', "const env = z.object({\n  A: z.string().default('x'),\n}).parse(process.env)", 'A=x'],
  ['a.py', "os.environ['A']", 'A!'],
  ['a.py', "os.environ['A'] = '1'", null],
  ['a.py', 'os.environ.get("A", "x")', 'A=x'],
  ['a.py', "os.getenv('A') or 'x'", 'A=x'],
  ['a.py', "from decouple import config\na = config('A')\n", 'A!'],
  ['a.py', "from decouple import config\na = config('A', default='x', cast=str)\n", 'A=x'],
  ['a.rb', "ENV['A'] || 'x'", 'A=x'],
  ['a.rb', "ENV.fetch('A')", 'A!'],
  ['a.rb', "ENV.fetch('A') { 'x' }", 'A=x'],
  ['a.php', "getenv('A') ?: 'x'", 'A=x'],
  ['a.go', 'os.Getenv("A")', 'A'],
  ['a.go', 'if os.Getenv("A") == "" {\n\tlog.Fatal("A")\n}', 'A!'],
  ['a.rs', 'std::env::var("A").unwrap_or_else(|_| "x".to_string())', 'A=x'],
  ['a.rs', 'env::var("A").expect("A")', 'A!'],
  ['A.java', 'System.getenv("A")', 'A'],
  ['a.cs', 'Environment.GetEnvironmentVariable("A") ?? "x"', 'A=x'],
  ['a.exs', 'System.fetch_env!("A")', 'A!'],
  ['a.c', 'getenv("A")', 'A'],
  ['a.cpp', 'std::getenv( "A" )', 'A'],
  ['a.clj', '(or (System/getenv "A") "b")', 'A=b'],
  ['a.swift', 'Environment.get("A") ?? "b"', 'A=b'],
  ['a.swift', 'ProcessInfo.processInfo.environment["A"]!', 'A!'],
  ['a.zig', 'std.process.getEnvVarOwned(gpa, "A") catch "b"', 'A=b'],
  ['a.cr', 'ENV["A"]? || "b"', 'A=b'],
  ['a.cr', 'ENV["A"]', 'A!'],
  ['a.cr', 'ENV.fetch("A", "b")', 'A=b'],
  ['a.dart', "Platform.environment['A'] ?? 'b'", 'A=b'],
  ['a.hs', 'a <- getEnv "A"', 'A!'],
  ['a.hs', 'a <- fromMaybe "b" <$> lookupEnv "A"', 'A'],
  ['a.scala', 'sys.env("A")', 'A!'],
  ['a.scala', 'sys.env.getOrElse("A", "b")', 'A=b'],
  ['a.scala', 'sys.env.get("A")', 'A'],
  ['a.gleam', 'envoy.get("A") |> result.unwrap("b")', 'A=b'],
])('in %s %j says %s', (file, text, variable) => {
  const variables = said({ [file]: `\n${text}\n` }).map((word) => word.replace(/^env \S+ /, ''));
  expect(variables).toEqual(variable === null ? [] : [variable]);
});

test('the default of PORT in the source is a port, a default URL a need', () => {
  const text = "listen(process.env.PORT || 5005)\nconst u = process.env.REDIS_URL ?? 'redis://localhost:6379'\n";
  expect(said({ 'src/server.js': text })).toEqual([
    'env src/server.js:1 PORT=5005',
    'env src/server.js:2 REDIS_URL=redis://localhost:6379',
    'need src/server.js:2 redis',
    'port src/server.js:1 5005',
  ]);
});

test('a variable that many files read in one way is said once, in another way again', () => {
  const files = { 'a.js': 'f(process.env.A)', 'b.js': 'f(process.env.A)', 'c.js': "f(process.env.A ?? 'x')" };
  expect(said(files)).toEqual(['env a.js:1 A', 'env c.js:1 A=x']);
});

test('tests, examples and vendored code say nothing about the service above them, but all about one among them', () => {
  const files = {
    'examples/api/.env.example': 'A=\n',
    'examples/api/index.js': 'process.env.B',
    'vendor/x.js': 'process.env.C',
    'src/a.test.js': 'process.env.D',
  };
  expect(said(files)).toEqual([]);
  expect(said(files, ['.', 'examples/api'])).toEqual([
    'env examples/api/.env.example:1 A! in examples/api',
    'env examples/api/index.js:1 B in examples/api',
  ]);
});

test('a README gives commands of its shell blocks and addresses it asks, never above a quarter', () => {
  const text = [
    '# App',
    '```sh',
    '$ git clone x && cd repo',
    '$ npm install',
    '$ cd web && npm run dev',
    'curl -s http://localhost:3000/api/items?x=1 | jq .',
    'curl -X POST http://localhost:3000/api/orders',
    'node <file>',
    '```',
    '```js',
    'npm start',
    '```',
    'Then open http://localhost:3000.',
  ].join('\n');
  expect(said({ 'README.md': text, 'web/x.js': '' }, ['.', 'web'])).toEqual([
    'command README.md:4 install npm install',
    'command README.md:5 start npm run dev in web',
    'health README.md:6 /api/items in web',
    'port README.md:13 3000',
    'port README.md:6 3000 in web',
    'port README.md:7 3000 in web',
  ]);
  expect(read({ 'README.md': text }).hints.every(({ weight }) => weight <= 0.25)).toBe(true);
});

test('clients in manifests ask for their servers, drivers for development or beside SQLite more weakly', () => {
  const { hints } = read({
    'package.json':
      '{"description": "like redis", "dependencies": {"pg": "8",\n"ioredis": "5"},\n"devDependencies": {"mongodb": "6"}}',
    'requirements.txt': 'psycopg2-binary==2.9\n# redis\nflask\n',
    'pyproject.toml': '[project]\nname = "redis"\ndependencies = [\n  "pymysql>=1",\n  "aiosqlite",\n]\n',
    'go.mod': 'module x\nrequire (\n\tgithub.com/jackc/pgx/v5 v5.1\n)\n',
    'pom.xml': '<groupId>org.postgresql</groupId>\n',
    Gemfile: "gem 'dalli'\n",
  });
  expect(hints.map((hint) => [hint.from, hint.about === 'need' && hint.service, hint.weight])).toEqual([
    ['package.json:1', 'postgres', 0.4],
    ['package.json:2', 'redis', 0.4],
    ['package.json:3', 'mongodb', 0.15],
    ['Gemfile:1', 'memcached', 0.4],
    ['go.mod:3', 'postgres', 0.4],
    ['pom.xml:1', 'postgres', 0.4],
    ['pyproject.toml:4', 'mysql', 0.25],
    ['requirements.txt:1', 'postgres', 0.4],
  ]);
});

test('files that name the database decide the need; SQLite needs nobody', () => {
  const files = {
    'prisma/schema.prisma':
      'generator c {\n  provider = "prisma-client-js"\n}\ndatasource db {\n  provider = "postgresql"\n}\n',
    'config/database.yml': 'default:\n  adapter: mysql2\n',
    'site/settings.py': "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3'}}\n",
    'src/main/resources/application.properties':
      'spring.datasource.url=$' + '{DB_URL:jdbc:mariadb://localhost/x}\nserver.port=$' + '{PORT:8090}\n',
  };
  expect(said(files)).toEqual([
    'env src/main/resources/application.properties:1 DB_URL=jdbc:mariadb://localhost/x',
    'env src/main/resources/application.properties:2 PORT=8090',
    'need config/database.yml:2 mysql',
    'need prisma/schema.prisma:5 postgres',
    'need src/main/resources/application.properties:1 mariadb',
    'port src/main/resources/application.properties:2 8090',
  ]);
});

test.each([
  ['package.json', '{\n  "engines": {\n}', /^package\.json:3 does not parse as JSON: /],
  ['compose.yml', 'services:\n  a: [\n', /^compose\.yml:\d does not parse as YAML: /],
  ['fly.toml', 'a = 1\nb = = 2\n', /^fly\.toml:2 does not parse as TOML: /],
  ['devcontainer.json', '{ // fine\n "a" 1 }', /^devcontainer\.json:2 does not parse as JSON with comments: /],
  ['render.yaml', `a: &a [x]\nc: [${'*a, '.repeat(200)}]\n`, /^render\.yaml does not parse as YAML: /],
])('a mistake in %s is a note with its line', (file, text, note) => {
  const { hints, notes } = read({ [file]: text });
  expect(hints).toEqual([]);
  expect(notes).toEqual([expect.stringMatching(note)]);
});

test('a hint belongs to the nearest place above its file', () => {
  const files = {
    '.nvmrc': '20',
    'apps/a/.nvmrc': '22',
    'apps/a/src/x.js': 'process.env.A',
    'apps/b/x.js': 'process.env.B',
  };
  expect(said(files, ['apps/a'])).toEqual([
    'env apps/a/src/x.js:1 A in apps/a',
    'env apps/b/x.js:1 B',
    'version .nvmrc:1 node 20',
    'version apps/a/.nvmrc:1 node 22 in apps/a',
  ]);
});

test('of more source files than the limit the shallow ones are read, and a note says so', () => {
  const deep = Array.from({ length: 500 }, (_, index) => [`deep/er/f${index}.js`, `process.env.V${index}`]);
  const { hints, notes } = read({ ...Object.fromEntries(deep), 'main.js': 'process.env.MAIN' });
  expect(hints).toHaveLength(400);
  expect(words(hints)[0]).toBe('env main.js:1 MAIN');
  expect(notes).toEqual([
    'environment variables were looked for in 400 of 501 source files, those nearest to the root first',
  ]);
});

test('a recipe.json gives its commands and its path as claims, and not what it says was proven', () => {
  const made = {
    format: 1,
    path: 'web',
    kind: 'job',
    tools: { node: '99.0.0' },
    install: ['npm ci', 'npm run more'],
    build: [],
    start: 'node server.js',
    port: 3000,
    proof: { how: 'exit', path: '/health', status: 200 },
  };
  const text = JSON.stringify(made, null, 2);
  expect(said({ 'recipe.json': text }, ['.', 'web'])).toEqual([
    'command recipe.json:13 start node server.js in web',
    'command recipe.json:8 install npm ci && npm run more in web',
    'health recipe.json:17 /health in web',
    'port recipe.json:14 3000 in web',
  ]);
  // Whatever else is called so.
  expect(said({ 'recipe.json': '{"name": "pancakes", "start": "flour", "install": []}' })).toEqual([]);
});
