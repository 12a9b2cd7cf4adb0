/**
 * What a proven run really used, read from its bundle: the ground of every export. Secrets have no value in it: those of
 * the application's own are made anew wherever it runs, those that were given are names.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { Plan, type Service } from '../../agents/detection/contract.js';
import { bundleOf } from '../../checkpoints/bundle.js';
import { fail } from '../../runtime/errors.js';
import type { Recipe } from '../../workflows/recipe.js';
import { readJson } from '../at-rest.js';

/** `value`: as it was; `generate`: an own secret, random bytes will do; `give`: somebody must say it. */
export type Variable = { name: string } & ({ how: 'value'; value: string } | { how: 'generate' | 'give'; value: null });
export interface Proven {
  format: 1;
  run: string;
  repository: string;
  commit: string | null;
  service: string;
  /** POSIX path from the repository's root. */
  path: string;
  kind: string;
  language: string;
  framework: string | null;
  packageManager: string | null;
  /** Versions really used. */
  tools: Record<string, string>;
  /** Packages of Debian whose programs the run used and the images of languages need not have, or that a repair got. */
  systemPackages: string[];
  install: string[];
  build: string[];
  start: string;
  /** How its own tests are run, with what only they need; null: none are known. */
  tests: { command: string; install: string[] } | null;
  files: { path: string; text: string }[];
  env: Variable[];
  /** Names that the application knows and that were not set. */
  unset: string[];
  /** Databases and other servers it used; `version` null: the user's own. */
  services: { kind: string; version: string | null; env: string[] }[];
  port: number | null;
  proof: { how: string; path: string | null; status: number | null; title: string | null };
  /** Repairs that helped, in words. */
  fixes: string[];
  /** Folders that an install fills anew. */
  fills: string[];
}

const text = z.string();
const Kept = z.looseObject({
  repository: text,
  commit: text.nullable(),
  service: text,
  path: text,
  kind: text,
  tools: z.record(text, text),
  packages: z.array(text).default([]),
  install: z.array(text),
  build: z.array(text),
  start: text,
  files: z.array(z.object({ path: text, text })).default([]),
  env: z.record(text, text.nullable()),
  port: z.int().nullable(),
  proof: z.object({ how: text, path: text.nullable(), status: z.int().nullable(), title: text.nullable() }),
});
const Run = z.looseObject({ result: z.looseObject({ outcome: text }).nullable() });
const Config = z.looseObject({
  set: z.array(z.looseObject({ name: text, origin: text })).default([]),
  missing: z.array(z.looseObject({ name: text })).default([]),
});
const Servers = z.looseObject({
  services: z.array(z.looseObject({ kind: text, program: text })).default([]),
  set: z.array(text).default([]),
});
const Fixes = z.array(z.looseObject({ cause: text, helped: z.boolean().nullable() }));

/** @throws RUN_UNKNOWN; RUN_NOT_PROVEN where it has not brought anything up. */
export function factsOf(state: string, run: string): Proven {
  const bundle = bundleOf(state, run);
  const told = Run.safeParse(readJson(join(bundle, 'run.json')));
  if (!told.success) throw fail('RUN_UNKNOWN', { run });
  const { result } = told.data;
  if (result?.outcome !== 'healthy') {
    const met = `the run ${run} ${result ? `is ${result.outcome}` : 'has no result yet'}`;
    throw fail('RUN_NOT_PROVEN', { met });
  }
  const recipe = Kept.safeParse(readJson(join(bundle, 'recipe.json')));
  if (!recipe.success)
    throw fail('RUN_NOT_PROVEN', { met: `the run ${run} has brought nothing up: it holds no recipe` });
  const plan = Plan.safeParse(readJson(join(bundle, 'plan.json')));
  const service = plan.data?.services.find(({ name }) => name === recipe.data.service);
  const config = Config.safeParse(outputOf(bundle, 'config')).data ?? { set: [], missing: [] };
  const servers = Servers.safeParse(outputOf(bundle, 'services')).data ?? { services: [], set: [] };
  const fixes = Fixes.safeParse(readJson(join(bundle, 'fixes.json'))).data ?? [];
  return proven(run, recipe.data, {
    service,
    given: config.set.filter(({ origin }) => origin === 'given').map(({ name }) => name),
    generated: config.set.filter(({ origin }) => origin === 'generated').map(({ name }) => name),
    missing: config.missing.map(({ name }) => name),
    servers: servers.services,
    ofServers: servers.set,
    fixes: fixes.filter(({ helped }) => helped).map(({ cause }) => cause),
  });
}

/** The result of a step's last attempt. */
function outputOf(bundle: string, step: string): unknown {
  const folder = join(bundle, 'steps', step);
  try {
    const attempts = readdirSync(folder)
      .map(Number)
      .filter((n) => Number.isInteger(n))
      .sort((a, b) => b - a);
    for (const n of attempts) {
      const output = readJson(join(folder, String(n), 'output.json'));
      if (output !== null) return output;
    }
  } catch {
    // the run has no such step
  }
  return null;
}

interface Around {
  service: Service | undefined;
  given: readonly string[];
  generated: readonly string[];
  missing: readonly string[];
  servers: readonly { kind: string; program: string }[];
  ofServers: readonly string[];
  fixes: readonly string[];
}

/** Pure. */
export function proven(run: string, recipe: Omit<Recipe, 'format' | 'given'>, around: Around): Proven {
  const { service } = around;
  const flagged = new Set(service?.env.filter(({ secret }) => secret).map(({ name }) => name));
  const names = new Set([...Object.keys(recipe.env), ...around.given, ...around.ofServers]);
  const env = [...names].sort().map((name): Variable => {
    const value = recipe.env[name];
    if (around.ofServers.includes(name)) return { name, how: 'give', value: null };
    // A repair asked for it, or the configuration made it up.
    if (value === null || around.generated.includes(name)) return { name, how: 'generate', value: null };
    if (value === undefined) return { name, how: 'give', value: null };
    if (flagged.has(name) || looksSecret(name, value))
      return { name, how: isOwn(name) ? 'generate' : 'give', value: null };
    return { name, how: 'value', value };
  });
  const commands = [...recipe.install, ...recipe.build, recipe.start];
  return {
    format: 1,
    run,
    repository: recipe.repository,
    commit: recipe.commit,
    service: recipe.service,
    path: recipe.path,
    kind: recipe.kind,
    language: service?.language ?? 'unknown',
    framework: service?.framework ?? null,
    packageManager: service?.packageManager ?? null,
    tools: { ...recipe.tools },
    systemPackages: [
      // A compiler is called by make and its like, by no command of the run's own.
      ...new Set([...packagesFor(commands), ...packagesOf(Object.keys(recipe.tools)), ...(recipe.packages ?? [])]),
    ].sort(),
    install: [...recipe.install],
    build: [...recipe.build],
    start: recipe.start,
    tests: service?.tests ? { command: service.tests.command, install: [...service.tests.install] } : null,
    files: recipe.files.map((file) => ({ ...file })),
    env,
    unset: [...new Set(around.missing)].sort(),
    services: serversOf(around, service, env),
    port: recipe.port,
    proof: { ...recipe.proof },
    fixes: [...around.fixes],
    fills: (service?.writes ?? []).filter((path) => /(?:^|\/)(?:node_modules|\.venv)$/.test(path)),
  };
}

/** A name of the kinds that hold keys, or an address with a password in it. */
const looksSecret = (name: string, value: string): boolean =>
  /(?:^|_)(?:SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|PASS|CREDENTIALS?|SALT|PEPPER|DSN)S?(?:_|$)|(?:API|ACCESS|PRIVATE|SECRET|ENCRYPTION|SIGNING|APP|MASTER)_?KEY|WEBHOOK/i.test(
    name,
  ) || /[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:[^/\s@]+@/i.test(value);
/** Of the application's own: whatever random bytes will do for. */
const isOwn = (name: string): boolean =>
  /(?:^|_)(?:SECRET(?:_KEY(?:_BASE)?)?|(?:SESSION|COOKIE|JWT|CSRF|NEXTAUTH|AUTH|APP|SIGNING|ENCRYPTION)_(?:SECRET|KEY|SALT)|SALT|PEPPER)$/i.test(
    name,
  ) && !/CLIENT|WEBHOOK|API|AWS|STRIPE|OAUTH/i.test(name);

/** Programs that images and runners need not have, and the Debian package of each. */
const packageOf: Readonly<Record<string, string>> = {
  make: 'make',
  cmake: 'cmake',
  meson: 'meson',
  ninja: 'ninja-build',
  gcc: 'build-essential',
  'g++': 'build-essential',
  cc: 'build-essential',
  'c++': 'build-essential',
  cobc: 'gnucobol',
  git: 'git',
  curl: 'curl',
  wget: 'wget',
  unzip: 'unzip',
  zip: 'zip',
  jq: 'jq',
  rsync: 'rsync',
  xz: 'xz-utils',
  bzip2: 'bzip2',
  ffmpeg: 'ffmpeg',
  convert: 'imagemagick',
  perl: 'perl',
  protoc: 'protobuf-compiler',
  psql: 'postgresql-client',
  'redis-cli': 'redis-tools',
  sqlite3: 'sqlite3',
  'pkg-config': 'pkg-config',
};
function packagesFor(commands: readonly string[]): string[] {
  const called = commands.flatMap((command) =>
    command.split(/&&|\|\||[;|&\n()]/).map((part) => {
      const bare = part
        .trim()
        .replace(/^(?:[A-Za-z_]\w*=\S*\s+)+/, '')
        .replace(/^exec\s+/, '');
      return bare.split(/\s+/)[0] ?? '';
    }),
  );
  return packagesOf(called);
}
const packagesOf = (programs: readonly string[]): string[] =>
  programs.flatMap((name) => (Object.hasOwn(packageOf, name) ? [packageOf[name]!] : []));

const kinds: Readonly<Record<string, string>> = {
  mariadb: 'mysql',
  valkey: 'redis',
  mailhog: 'mail',
  mailpit: 'mail',
  opensearch: 'elasticsearch',
};
/** Which variables speak of which server. */
const speaks: Readonly<Record<string, RegExp>> = {
  postgres: /DATABASE|POSTGRES|(?:^|_)(?:PG|DB|SQL)/i,
  mysql: /DATABASE|MYSQL|MARIADB|(?:^|_)(?:DB|SQL)/i,
  mongodb: /MONGO|DATABASE|(?:^|_)DB/i,
  redis: /REDIS|VALKEY|CACHE|CELERY|QUEUE|BROKER/i,
  memcached: /MEMCACHE/i,
  nats: /NATS/i,
  mail: /MAIL|SMTP/i,
  rabbitmq: /RABBIT|AMQP|BROKER/i,
  elasticsearch: /ELASTIC|OPENSEARCH/i,
  minio: /MINIO|S3|^AWS_/i,
};
function serversOf({ servers, ofServers, given }: Around, service: Service | undefined, env: readonly Variable[]) {
  const byKind = new Map<string, string | null>();
  for (const need of service?.needs ?? []) byKind.set(kinds[need] ?? need, null);
  for (const { kind, program } of servers) byKind.set(kind, /\s(\d+(?:\.\d+)*)/.exec(program)?.[1] ?? null);
  const known = new Set([...ofServers, ...given, ...env.filter(({ how }) => how === 'give').map(({ name }) => name)]);
  const taken = new Set<string>();
  return [...byKind]
    .filter(([kind]) => Object.hasOwn(speaks, kind))
    .map(([kind, version]) => {
      const own = [...known].filter((name) => !taken.has(name) && speaks[kind]!.test(name)).sort();
      for (const name of own) taken.add(name);
      return { kind, version, env: own };
    });
}
