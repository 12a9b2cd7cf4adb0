/** Exports are pure: from the facts of a proven run to text that the tools it is for take. */
import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { NoOperationTraceWriter, parseWorkflow } from '@actions/workflow-parser';
import { validate } from 'dockerfile-utils';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { type Proven, proven } from '../../actors/exports/facts.js';
import { exporters, exportRun } from '../../actors/exports/index.js';

type Around = Parameters<typeof proven>[2];
const recipe = {
  repository: '/home/me/shop',
  commit: '0123456789abcdef0123456789abcdef01234567',
  service: 'shop',
  path: '.',
  kind: 'web-service',
  packages: [] as string[],
  tools: { node: '20.20.2', pnpm: '9.1.0' },
  install: ['pnpm install --frozen-lockfile'],
  build: ['make assets && pnpm run build'],
  start: 'node dist/server.js --host 127.0.0.1',
  files: [{ path: '.env', text: "NAME=it's $HOME\nSESSION_SECRET=$generate\nEND=\\n\n" }],
  env: { GREETING: 'good "morning" $USER', SESSION_SECRET: null } as Record<string, string | null>,
  port: 3000,
  proof: { how: 'http', path: '/health?a=1', status: 200, title: null },
};
const service = {
  name: 'shop',
  language: 'node',
  framework: 'express',
  packageManager: 'pnpm',
  needs: ['postgres', 'redis'],
  writes: ['node_modules', 'dist'],
  env: [],
  tests: { command: 'pnpm test', framework: 'vitest', install: [], from: 'package.json:5' },
} as unknown as Around['service'];
const around: Around = {
  service,
  given: ['DATABASE_URL', 'STRIPE_KEY'],
  generated: ['SESSION_SECRET'],
  missing: ['SENTRY_DSN'],
  servers: [{ kind: 'postgres', program: 'postgres 15.18' }],
  ofServers: ['DATABASE_URL', 'REDIS_HOST'],
  fixes: ['the program reads .env, which is not there'],
};
const facts = (more: Partial<typeof recipe> = {}, of: Partial<Around> = {}): Proven =>
  proven('20261120t220114-k3f9q2', { ...recipe, ...more }, { ...around, ...of });
const shop = facts();

// A Dockerfile, as its grammar has it, and as the parser of Docker's editors has it.
const KEYWORDS = ['FROM', 'RUN', 'COPY', 'WORKDIR', 'ENV', 'EXPOSE', 'HEALTHCHECK', 'CMD'];
function readDockerfile(text: string): [word: string, rest: string][] {
  // It loses its way among quotes within quotes, which builders do not.
  const faults = validate(text).map(({ message, range }) => `${range.start.line + 1}: ${message}`);
  expect(faults.filter((fault) => !/looking for matching (?:single|double)-quote$/.test(fault))).toEqual([]);
  const lines = text.split('\n');
  expect(lines.pop()).toBe('');
  const said = lines
    .filter((line) => !line.startsWith('#'))
    .map((line): [string, string] => {
      const at = line.indexOf(' ');
      return [line.slice(0, at), line.slice(at + 1)];
    });
  for (const [word, rest] of said) {
    expect(KEYWORDS).toContain(word);
    expect(rest.trim()).not.toBe('');
    expect(rest.endsWith('\\')).toBe(false);
  }
  expect(said[0]![0]).toBe('FROM');
  expect(said.filter(([word]) => word === 'CMD').length).toBeLessThanOrEqual(1);
  return said;
}
const argv = (rest: string): string[] => z.array(z.string()).parse(JSON.parse(rest.slice(rest.indexOf('['))));
const checkShell = (text: string): void => void execFileSync('sh', ['-n', '-c', text]);
/** ENV as a builder reads it: quotes and backslashes mean something, an unescaped dollar would too. */
function readEnv(rest: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [, name, quoted, plain] of rest.matchAll(/(\w+)=(?:"((?:[^"\\$]|\\.)*)"|([^\s"$\\]+))(?:\s|$)/g))
    found[name!] = plain ?? quoted!.replace(/\\(.)/g, '$1');
  return found;
}
const commandsOf = (text: string): string[] =>
  readDockerfile(text).flatMap(([word, rest]) =>
    word === 'RUN' ? [rest] : word === 'CMD' || word === 'HEALTHCHECK' ? [argv(rest)[2]!] : [],
  );

test('a Dockerfile has the versions, packages, variables, port and health check that were used', () => {
  const text = exporters.dockerfile.make(shop);
  const said = readDockerfile(text);
  const all = (word: string): string[] => said.flatMap(([one, rest]) => (one === word ? [rest] : []));
  expect(all('FROM')).toEqual(['node:20.20.2-slim']);
  expect(all('RUN').join('\n')).toContain('apt-get install -y --no-install-recommends make ');
  expect(all('RUN').join('\n')).toContain('npm install -g --force pnpm@9.1.0');
  expect(Object.assign({}, ...all('ENV').map(readEnv))).toEqual({
    GREETING: 'good "morning" $USER',
    PORT: '3000',
    HOST: '0.0.0.0',
  });
  expect(all('EXPOSE')).toEqual(['3000']);
  expect(argv(all('HEALTHCHECK')[0]!)[2]).toContain('http://127.0.0.1:3000/health?a=1');
  expect(argv(all('CMD')[0]!)[2]).toMatch(/SESSION_SECRET.*; exec node dist\/server\.js --host 0\.0\.0\.0$/s);
  expect(text).toContain('To be given (docker run -e NAME=');
  for (const command of commandsOf(text)) checkShell(command);
});

test.each<[string, Record<string, string>, string]>([
  ['python', { python: '3.11.7', uv: '0.5.1' }, 'python:3.11.7-slim'],
  ['go', { go: 'go1.22.3' }, 'golang:1.22.3'],
  ['rust', { rust: '1.95.0' }, 'rust:1.95.0-slim'],
  ['java with Maven', { java: '17.0.11', maven: '3.9.6' }, 'maven:3.9.6-eclipse-temurin-17'],
  ['java', { java: '21.0.2' }, 'eclipse-temurin:21-jdk'],
  ['php and node', { php: '8.2.7', composer: '2.7.1', node: '20.1.0' }, 'php:8.2.7-cli'],
  ['bun', { bun: '1.1.0' }, 'oven/bun:1.1.0'],
  ['deno', { deno: '2.0.0' }, 'denoland/deno:2.0.0'],
  ['elixir', { elixir: '1.14.0', erlang: '25.2.3' }, 'elixir:1.14.0'],
  ['haskell', { ghc: '9.0.2' }, 'haskell:9.0.2'],
  ['swift', { swift: '5.9.2' }, 'swift:5.9.2'],
  ['nothing', {}, 'debian:stable-slim'],
])('the image of %s', (_, tools, image) => {
  const text = exporters.dockerfile.make(facts({ tools: tools as never }));
  expect(readDockerfile(text)[0]).toEqual(['FROM', image]);
  for (const command of commandsOf(text)) checkShell(command);
});

test('what make calls by itself is in the image too: the compiler', () => {
  const c = facts({
    tools: { cc: '12.2.0', make: '4.3.0' } as never,
    install: [],
    build: ['make app'],
    start: './app',
  });
  const runs = readDockerfile(exporters.dockerfile.make(c)).flatMap(([word, rest]) => (word === 'RUN' ? [rest] : []));
  expect(runs[0]).toMatch(/install .*\bbuild-essential\b.* make /);
});

test.each([
  [200, true],
  [404, true],
  [500, false],
  [null, false],
])('the health check of an image without a language takes a %s for well: %s', async (status, well) => {
  const app = createServer((_, response) => response.writeHead(status ?? 200).end()).listen(0, '127.0.0.1');
  onTestFinished(() => void app.close());
  await once(app, 'listening');
  const { port } = app.address() as AddressInfo;
  if (status === null) app.close();
  const text = exporters.dockerfile.make(facts({ tools: {} as never, port, proof: { ...recipe.proof, path: '/' } }));
  const check = readDockerfile(text).find(([word]) => word === 'HEALTHCHECK')![1];
  const [program, ...args] = argv(check);
  const code = await new Promise<number>((done) => execFile(program!, args, (e) => done(e ? 1 : 0)));
  expect(code === 0).toBe(well);
});

test('what our own static server served is served by nginx, without the checkout around it', () => {
  const served = { start: 'rr-static dist --spa', tools: { node: '20.20.2' } as never, files: [] };
  const said = readDockerfile(exporters.dockerfile.make(facts(served)));
  expect(said.filter(([word]) => word === 'FROM').map(([, rest]) => rest)).toEqual([
    'node:20.20.2-slim AS build',
    'nginx:stable-alpine',
  ]);
  expect(said.find(([word, rest]) => word === 'COPY' && rest.startsWith('--from'))![1]).toBe(
    '--from=build /app/dist /usr/share/nginx/html',
  );
  expect(said.some(([, rest]) => rest.includes('try_files $uri $uri/ /index.html'))).toBe(true);
});

const environment = z.record(z.string(), z.string());
const Compose = z.strictObject({
  services: z.record(
    z.string().regex(/^[a-zA-Z0-9._-]+$/),
    z.strictObject({
      build: z.strictObject({ context: z.string(), dockerfile_inline: z.string() }).optional(),
      image: z.string().optional(),
      ports: z.array(z.string().regex(/^\d+:\d+$/)).optional(),
      environment: environment.optional(),
      command: z.string().optional(),
      depends_on: z
        .record(z.string(), z.strictObject({ condition: z.enum(['service_started', 'service_healthy']) }))
        .optional(),
      healthcheck: z
        .strictObject({
          test: z.tuple([z.literal('CMD-SHELL'), z.string()]),
          interval: z.string(),
          timeout: z.string(),
          retries: z.int(),
        })
        .optional(),
      restart: z.enum(['no', 'unless-stopped']).optional(),
    }),
  ),
});
/** As compose fills in: `$$` is a dollar, `${NAME:?…}` a variable, and a single dollar before a name would be one too. */
const filled = (text: string): string =>
  text.replace(/\$(\$|\{(\w+):\?[^}]*\}|[\w{])/g, (whole, what: string, name?: string) => {
    if (what === '$') return '$';
    if (name !== undefined) return `<${name}>`;
    throw new Error(`${whole} would be filled in`);
  });

test('a compose file builds that Dockerfile and has the servers with their versions', () => {
  const { services } = Compose.parse(parse(exporters.compose.make(shop)));
  expect(Object.keys(services)).toEqual(['shop', 'postgres', 'redis']);
  const own = services.shop!;
  expect(filled(own.build!.dockerfile_inline)).toBe(exporters.dockerfile.make(shop));
  expect(own.ports).toEqual(['3000:3000']);
  expect(Object.fromEntries(Object.entries(own.environment!).map(([name, value]) => [name, filled(value)]))).toEqual({
    DATABASE_URL: 'postgresql://app:<POSTGRES_PASSWORD>@postgres:5432/app',
    REDIS_HOST: 'redis',
    STRIPE_KEY: '<STRIPE_KEY>',
  });
  expect(own.depends_on).toEqual({
    postgres: { condition: 'service_healthy' },
    redis: { condition: 'service_healthy' },
  });
  expect(services.postgres).toMatchObject({ image: 'postgres:15', environment: { POSTGRES_USER: 'app' } });
  expect(services.redis!.image).toBe('redis');
});

const Devcontainer = z.strictObject({
  name: z.string(),
  image: z.string(),
  features: z.record(z.string(), z.record(z.string(), z.string())).optional(),
  forwardPorts: z.array(z.int()).optional(),
  containerEnv: environment,
  secrets: z.record(z.string(), z.strictObject({ description: z.string() })).optional(),
  onCreateCommand: z.string().optional(),
  postCreateCommand: z.string().optional(),
  customizations: z.record(z.string(), z.unknown()),
});
test('a devcontainer has the image, the ports and the setting up, and secrets by their names', () => {
  const container = Devcontainer.parse(JSON.parse(exporters.devcontainer.make(shop)));
  expect(container).toMatchObject({
    image: 'node:20.20.2',
    forwardPorts: [3000],
    containerEnv: { PORT: '3000', GREETING: 'good "morning" $USER' },
  });
  expect(Object.keys(container.secrets!).sort()).toEqual([
    'DATABASE_URL',
    'REDIS_HOST',
    'SENTRY_DSN',
    'SESSION_SECRET',
    'STRIPE_KEY',
  ]);
  expect(container.postCreateCommand).toContain('pnpm install --frozen-lockfile && make assets && pnpm run build');
  for (const command of [container.onCreateCommand!, container.postCreateCommand!]) checkShell(command);
});

/** As GitHub reads it. @returns the workflow, when GitHub finds no fault in it. */
function readActions(content: string): unknown {
  const { context } = parseWorkflow({ name: 'proof.yml', content }, new NoOperationTraceWriter());
  expect(context.errors.getErrors().map(({ message }) => message)).toEqual([]);
  return parse(content);
}
const Actions = z.strictObject({
  name: z.string(),
  on: z.strictObject({ push: z.object({}), pull_request: z.object({}) }),
  permissions: z.strictObject({ contents: z.literal('read') }),
  jobs: z.record(
    z.string().regex(/^[a-zA-Z_][\w-]*$/),
    z.strictObject({
      'runs-on': z.string(),
      'timeout-minutes': z.int(),
      defaults: z.strictObject({ run: z.strictObject({ 'working-directory': z.string() }) }).optional(),
      services: z
        .record(
          z.string(),
          z.strictObject({
            image: z.string(),
            env: environment.optional(),
            ports: z.array(z.string()),
            options: z.string().optional(),
          }),
        )
        .optional(),
      env: environment.optional(),
      steps: z.array(
        z.union([
          z.strictObject({ uses: z.string().regex(/^[\w.-]+\/[\w.-]+@v\d+$/), with: environment.optional() }),
          z.strictObject({ name: z.string(), run: z.string() }),
        ]),
      ),
    }),
  ),
});
test('a workflow of GitHub Actions sets up, starts and proves the same, then runs the tests', () => {
  const job = Actions.parse(readActions(exporters['github-actions'].make(shop))).jobs.proof!;
  expect(
    job.steps.flatMap((step) => ('uses' in step ? [`${step.uses} ${JSON.stringify(step.with ?? {})}`] : [])),
  ).toEqual(['actions/checkout@v4 {}', 'actions/setup-node@v4 {"node-version":"20.20.2"}']);
  expect(job.env).toMatchObject({
    PORT: '3000',
    STRIPE_KEY: `\${{ secrets.STRIPE_KEY }}`,
    DATABASE_URL: `postgresql://app:\${{ secrets.POSTGRES_PASSWORD }}@127.0.0.1:5432/app`,
    REDIS_HOST: '127.0.0.1',
  });
  expect(job.services!.postgres).toMatchObject({ image: 'postgres:15', ports: ['5432:5432'] });
  const runs = job.steps.flatMap((step) => ('run' in step ? [step] : []));
  expect(runs.at(-1)).toEqual({ name: 'Test', run: 'pnpm test' });
  expect(runs.at(-2)!.run).toContain("'http://127.0.0.1:3000/health?a=1'");
  for (const { run } of runs) checkShell(run);
});

test('the script asks for what was given, and makes its own secrets', () => {
  const text = exporters.script.make(shop);
  checkShell(text);
  expect(text).toContain(`export STRIPE_KEY="\${STRIPE_KEY:?`);
  expect(text).toContain(`export SESSION_SECRET="\${SESSION_SECRET:-$(secret)}"`);
});

test('an expression of Actions in a value is text, and so is a dollar of compose', () => {
  const odd = facts({ env: { ODD: `a \${{ secrets.X }} b $HOME` } });
  const job = Actions.parse(parse(exporters['github-actions'].make(odd))).jobs.proof!;
  expect(job.env!.ODD).toBe(`a \${{ '\${{' }} secrets.X }} b $HOME`);
  const compose = Compose.parse(parse(exporters.compose.make(odd))).services.shop!;
  expect(filled(compose.build!.dockerfile_inline)).toContain(`ENV ODD="a \\\${{ secrets.X }} b \\$HOME"`);
});

test('the facts are those of the bundle: the last attempt of each step counts', async () => {
  const state = mkdtempSync(join(tmpdir(), 'rr-facts-'));
  onTestFinished(() => rmSync(state, { recursive: true, force: true }));
  const bundle = join(state, 'runs', 'r1');
  const lay = (path: string, value: unknown): void => {
    mkdirSync(dirname(join(bundle, path)), { recursive: true });
    writeFileSync(join(bundle, path), JSON.stringify(value));
  };
  lay('run.json', { result: { outcome: 'healthy' }, startedAt: '2026-11-20T22:01:14Z' });
  lay('recipe.json', { ...recipe, format: 1, given: ['STRIPE_KEY'] });
  lay('steps/config/1/output.json', { set: [{ name: 'OLD', origin: 'given', from: 'a' }], missing: [] });
  lay('steps/config/2/output.json', {
    set: [{ name: 'STRIPE_KEY', origin: 'given', from: 'a' }],
    missing: [{ name: 'SENTRY_DSN', from: 'b', required: false }],
  });
  lay('steps/services/1/output.json', {
    services: [{ kind: 'mysql', program: 'mariadb 10.11.6', port: 1 }],
    set: ['DB_HOST', 'DB_PASSWORD'],
  });
  const { text, run } = exportRun(state, null, 'json');
  const told = JSON.parse(text) as Proven;
  expect(run).toBe('r1');
  expect(told.services).toEqual([{ kind: 'mysql', version: '10.11.6', env: ['DB_HOST', 'DB_PASSWORD'] }]);
  expect(told.env.filter(({ how }) => how === 'give').map(({ name }) => name)).toEqual([
    'DB_HOST',
    'DB_PASSWORD',
    'STRIPE_KEY',
  ]);
  expect(told.unset).toEqual(['SENTRY_DSN']);
  const { services } = Compose.parse(parse(exportRun(state, 'r1', 'compose').text));
  expect(services.mysql!.image).toBe('mariadb:10.11');
  expect(filled(services.shop!.environment!.DB_PASSWORD!)).toBe('<MYSQL_PASSWORD>');
});

test('objects: MinIO is begun as a server, and the variables of S3 lead to it; its bucket is left to be given', () => {
  const around = {
    service: { ...service, needs: [] } as unknown as Around['service'],
    given: [],
    missing: [],
    servers: [{ kind: 'minio', program: 'S3 server of rr' }],
    ofServers: ['S3_ENDPOINT', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'S3_BUCKET'],
  };
  const of = facts({}, around);
  expect(of.services).toMatchObject([{ kind: 'minio', version: null }]);
  const { services } = Compose.parse(parse(exporters.compose.make(of)));
  expect(services.minio).toMatchObject({ image: 'minio/minio', command: 'server /data' });
  expect(services.minio!.environment!.MINIO_ROOT_USER).toBe('app');
  const { environment: given } = services.shop!;
  expect([given!.S3_ENDPOINT, given!.AWS_ACCESS_KEY_ID]).toEqual(['http://minio:9000', 'app']);
  expect(given!.AWS_SECRET_ACCESS_KEY).toBe(services.minio!.environment!.MINIO_ROOT_PASSWORD);
  expect(given!.S3_BUCKET).toContain('S3_BUCKET:?');
  const workflow = exporters['github-actions'].make(of);
  readActions(workflow);
  expect(workflow).toContain(
    'docker run -d -p 9000:9000 -e MINIO_ROOT_USER -e MINIO_ROOT_PASSWORD minio/minio server /data',
  );
  expect(parse(workflow).jobs.proof).not.toHaveProperty('services');
});

// Properties.
const word = fc.stringMatching(/^[A-Za-z0-9]{12,20}$/);
const secretName = fc.constantFrom(
  'API_TOKEN',
  'DB_PASSWORD',
  'SECRET_KEY',
  'AWS_ACCESS_KEY_ID',
  'STRIPE_SECRET',
  'PRIVATE_KEY',
  'SESSION_SALT',
);
test('no value of a secret is in any export, whatever it is called by', () => {
  fc.assert(
    fc.property(secretName, word, word, word, (name, one, two, three) => {
      const env = {
        [name]: one,
        SERVICE_ADDRESS: `postgres://me:${two}@host/db`,
        FLAGGED: three,
        PLAIN: 'plain value',
      };
      const flagged = {
        ...service!,
        env: [{ name: 'FLAGGED', required: true, secret: true, default: three, from: 'a' }],
      };
      const told = facts({ env }, { service: flagged });
      for (const [format, { make }] of Object.entries(exporters)) {
        const text = make(told);
        for (const value of [one, two, three]) expect(text, format).not.toContain(value);
        expect(text, format).toContain('plain value');
      }
    }),
    { numRuns: 100 },
  );
});
test('any value of a variable and any command comes through as it is', () => {
  const value = fc.string({
    unit: fc.constantFrom('a', ' ', '"', "'", '\\', '$', '`', '{', '}', '#', ':', '-', '\n', 'é'),
  });
  fc.assert(
    fc.property(value, value, (given, text) => {
      const told = facts({ env: { VALUE: given }, files: [{ path: 'a/b.txt', text }], start: 'node server.js' });
      const docker = exporters.dockerfile.make(told);
      for (const command of commandsOf(docker)) checkShell(command);
      const compose = Compose.parse(parse(exporters.compose.make(told))).services.shop!;
      expect(filled(compose.build!.dockerfile_inline)).toBe(docker);
      if (!given.includes('\n')) {
        const envs = readDockerfile(docker).flatMap(([one, rest]) => (one === 'ENV' ? [readEnv(rest)] : []));
        expect(Object.assign({}, ...envs)).toMatchObject({ VALUE: given });
      }
      expect(Devcontainer.parse(JSON.parse(exporters.devcontainer.make(told))).containerEnv.VALUE).toBe(given);
      const said = Actions.parse(readActions(exporters['github-actions'].make(told))).jobs.proof!.env!.VALUE;
      expect(said).toBe(given.replaceAll(`\${{`, `\${{ '\${{' }}`));
      checkShell(exporters.script.make(told));
    }),
    {
      numRuns: 60,
      examples: [
        [' \n', ' \n\n'],
        ["'a", ''],
      ],
    },
  );
}, 60_000);
