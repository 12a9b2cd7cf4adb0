/** What a repository says of its services, read once when they are started: variables, compose files, code. Bounded, read-only. */
import { lstatSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { parseEnv } from 'node:util';
import { parse } from 'yaml';
import { isLocal, readAddress } from './address.js';
import type { Start } from './contract.js';
import type { ComposeServer, Known, Variable } from './wants.js';

const TEXT_BYTES = 256 * 1024;
const FILES = 400;
const COMPOSE = /^(?:docker-)?compose(?:[.-][\w.-]+)?\.ya?ml$/;
const CODE = /\.(?:[cm]?[jt]sx?|py|rb|go|php|java|kt|rs|ya?ml|toml|json|ini|cfg|properties|sh)$/;
const SKIPPED = /^(?:node_modules|vendor|dist|build|target|__pycache__|tests?|spec|docs|examples?|\..*)$/;
const LITERAL =
  /\b(?:postgres(?:ql)?(?:\+\w+)?|mysql2?(?:\+\w+)?|mariadb|redis|mongodb|amqp|nats):\/\/[^\s"'`<>(){}\\,;]+/gi;
/** As in `wait-for db:5432`, `nc -z db 5432`; a compose file says which of them is a host. */
const PLACE = /(?<![\w.:/@-])(?:tcp:(?:\/\/)?)?([a-z][\w-]*)[: ]\d{4,5}\b/g;
/** A port beside its name, as in `port: 6379`. */
const PORT = /\bport["']?\s*[:=]\s*["']?(\d{4,5})\b/gi;
/** Whoever asks the environment, on a line or at the end of the one before, may be led elsewhere. */
const ASKS = /process\.env|import\.meta\.env|environ|getenv|Getenv|\bENV\b|\benv\b\s*[[(.]|config\(|\$\{|:-/;
const HOST = /\bhost(?:name)?["']?\s*[:=]\s*["']([a-z][\w-]*)["']/gi;

/** @param given what a person gave with the job. */
export function lookAt(
  { root, path, env, envFile, set }: Pick<Start, 'root' | 'path' | 'env' | 'envFile' | 'set'>,
  given: Readonly<Record<string, string>>,
): Known {
  const folders = [...new Set([path === '.' ? root : join(root, path), root])];
  const own = ownEnv(folders);
  const configured = JSON.parse(readFileSync(envFile, 'utf8')) as Record<string, string>;
  const compose = folders.flatMap((folder) => readCompose(root, folder, own));
  const variables = new Map<string, Variable>();
  const say = (name: string, value: string | null, by: Variable['by']): void => {
    const before = variables.get(name);
    if (before === undefined || (!before.value && value)) variables.set(name, { name, value, by });
  };
  for (const [name, value] of Object.entries(given)) say(name, value, 'given');
  for (const [name, value] of Object.entries(own)) say(name, value, 'own');
  for (const [name, value] of Object.entries(configured)) say(name, value, 'config');
  for (const { name, value } of compose.flatMap((one) => one.variables)) say(name, value, 'compose');
  for (const { name, default: value } of env) say(name, value, 'code');
  for (const { name } of set) say(name, null, 'config');
  const servers = compose.flatMap((one) => one.servers);
  const { literals, hosts, fixed } = codeOf(folders[0]!);
  const kindOf = new Map(servers.map(({ name, kind }) => [name, kind]));
  const named = [
    ...literals.flatMap((text) => readAddress(text) ?? []).map(({ host, kind }) => [host, kind] as const),
    ...hosts.flatMap((host) => (kindOf.has(host) ? [[host, kindOf.get(host)!] as const] : [])),
  ];
  return {
    variables: [...variables.values()],
    servers,
    literals,
    fixed,
    names: Object.fromEntries(named.filter(([host]) => /^[a-z][\w-]*$/i.test(host) && host !== 'localhost')),
  };
}

function ownEnv(folders: readonly string[]): Record<string, string> {
  const values: Record<string, string> = {};
  for (const folder of folders)
    for (const name of ['.env.local', '.env'])
      for (const [key, value] of Object.entries(parseEnv(textOf(join(folder, name)) ?? '')))
        if (value !== undefined) values[key] ??= value;
  return values;
}

/** `${NAME}`, `${NAME:-otherwise}`, `$NAME`, `$$`. */
const interpolate = (text: string, values: Readonly<Record<string, string>>): string =>
  text.replace(
    /\$(?:\$|\{(\w+)(?::?[-?]([^{}]*))?\}|(\w+))/g,
    (whole, braced?: string, otherwise?: string, bare?: string) =>
      whole === '$$' ? '$' : values[braced ?? bare ?? ''] || (otherwise ?? ''),
  );

type Table = Record<string, unknown>;
const table = (raw: unknown): Table =>
  raw !== null && typeof raw === 'object' && !Array.isArray(raw) ? (raw as Table) : {};
function environmentOf(raw: unknown, values: Readonly<Record<string, string>>): Record<string, string> {
  const pairs: [string, unknown][] = Array.isArray(raw)
    ? raw.flatMap((one): [string, unknown][] => {
        const hit = typeof one === 'string' ? /^([^=\s]+)=([\s\S]*)$/.exec(one) : null;
        return hit ? [[hit[1]!, hit[2]!]] : [];
      })
    : Object.entries(table(raw));
  return Object.fromEntries(
    pairs.flatMap(([name, value]) =>
      value === null || typeof value === 'object' ? [] : [[name, interpolate(String(value), values)]],
    ),
  );
}
const SERVERS: readonly [RegExp, string][] = [
  [/^(?:postgres|postgresql|postgis|pgvector|timescaledb(?:-ha)?)$/, 'postgres'],
  [/^(?:mysql|mysql-server|percona|mariadb)$/, 'mysql'],
  [/^(?:redis|redis-stack(?:-server)?|valkey)$/, 'redis'],
  [/^memcached$/, 'memcached'],
  [/^nats$/, 'nats'],
  [/^(?:mailhog|mailpit|mailcatcher|maildev)$/, 'mail'],
  [/^(?:mongo|mongodb)$/, 'mongodb'],
  [/^rabbitmq$/, 'rabbitmq'],
  [/^(?:elasticsearch|opensearch)$/, 'elasticsearch'],
  [/^minio$/, 'minio'],
];

function readCompose(
  root: string,
  folder: string,
  own: Readonly<Record<string, string>>,
): { servers: ComposeServer[]; variables: { name: string; value: string }[] }[] {
  return listing(folder)
    .filter((name) => COMPOSE.test(name) && !/test|ci|e2e|prod/i.test(name))
    .sort()
    .map((name) => {
      const raw = parsed(textOf(join(folder, name)) ?? '');
      const services = Object.entries(table(table(raw).services)).map(([key, one]) => ({ key, one: table(one) }));
      const buckets = services.flatMap(({ one }) => bucketsOf(one, own));
      const servers = services
        .flatMap(({ key, one }) => serverOf(root, folder, key, one, own) ?? [])
        .map((server) => (server.kind === 'minio' && buckets.length > 0 ? { ...server, buckets } : server));
      const hosts = new Set(servers.map((server) => server.name));
      const variables = services
        .filter(({ key }) => !hosts.has(key))
        .flatMap(({ one }) => Object.entries(environmentOf(one.environment, own)))
        .map(([key, value]) => ({ name: key, value }));
      return { servers, variables };
    });
}
/** What a compose file has a client make in MinIO (`mc mb store/photos`), or an image of it by a variable. */
function bucketsOf(one: Table, own: Readonly<Record<string, string>>): string[] {
  const words = interpolate([one.entrypoint, one.command].flat().join(' '), own);
  const made = [...words.matchAll(/\bmc\s+mb\s+(?:-\S+\s+)*[\w-]+\/([a-z0-9][a-z0-9.-]+[a-z0-9])/g)].map(
    ([, name]) => name!,
  );
  const given = environmentOf(one.environment, own).MINIO_DEFAULT_BUCKETS ?? '';
  return [...made, ...given.split(/[,;\s]+/).map((name) => name.replace(/:.*$/, ''))].filter((name) => name !== '');
}
function serverOf(
  root: string,
  folder: string,
  name: string,
  one: Table,
  own: Readonly<Record<string, string>>,
): ComposeServer | null {
  const image = interpolate(String(one.image ?? ''), own);
  const [, last = '', tag = ''] = /(?:^|\/)([\w.-]+)(?::([\w.-]+))?(?:@.*)?$/.exec(image) ?? [];
  const kind = SERVERS.find(([pattern]) => pattern.test(last))?.[1];
  if (kind === undefined) return null;
  const files = (Array.isArray(one.env_file) ? one.env_file : [one.env_file])
    .filter((file) => typeof file === 'string')
    .map((file) => parseEnv(textOf(inside(root, resolve(folder, file as string))) ?? '') as Record<string, string>);
  const env = Object.assign({}, ...files, environmentOf(one.environment, own)) as Record<string, string>;
  const any = (...names: string[]): string => names.map((key) => env[key]).find(Boolean) ?? '';
  const command = [one.command].flat().join(' ');
  const login = {
    postgres: {
      user: any('POSTGRES_USER', 'POSTGRESQL_USERNAME'),
      password: any('POSTGRES_PASSWORD', 'POSTGRESQL_PASSWORD'),
      database: any('POSTGRES_DB', 'POSTGRESQL_DATABASE'),
    },
    mysql: mysqlLogin(any),
    redis: {
      user: '',
      password: any('REDIS_PASSWORD') || (/--requirepass\s+["']?([^\s"']+)/.exec(interpolate(command, own))?.[1] ?? ''),
      database: '',
    },
    mongodb: {
      user: any('MONGO_INITDB_ROOT_USERNAME'),
      password: any('MONGO_INITDB_ROOT_PASSWORD'),
      database: any('MONGO_INITDB_DATABASE'),
    },
    rabbitmq: {
      user: any('RABBITMQ_DEFAULT_USER'),
      password: any('RABBITMQ_DEFAULT_PASS'),
      database: any('RABBITMQ_DEFAULT_VHOST'),
    },
    minio: {
      user: any('MINIO_ROOT_USER', 'MINIO_ACCESS_KEY'),
      password: any('MINIO_ROOT_PASSWORD', 'MINIO_SECRET_KEY'),
      database: '',
    },
  }[kind as string] ?? { user: '', password: '', database: '' };
  const init = (Array.isArray(one.volumes) ? one.volumes : []).flatMap((raw) => {
    const [source, target] =
      typeof raw === 'string' ? raw.split(':') : [String(table(raw).source ?? ''), String(table(raw).target ?? '')];
    if (!source?.startsWith('.') || !target?.startsWith('/docker-entrypoint-initdb.d')) return [];
    const path = inside(root, resolve(folder, source));
    return path === null ? [] : [path];
  });
  return { name, kind, login, image, version: /^v?(\d+(?:\.\d+)*)/.exec(tag)?.[1] ?? null, init };
}
function mysqlLogin(any: (...names: string[]) => string): { user: string; password: string; database: string } {
  const user = any('MYSQL_USER', 'MARIADB_USER');
  const password = user
    ? any('MYSQL_PASSWORD', 'MARIADB_PASSWORD')
    : any('MYSQL_ROOT_PASSWORD', 'MARIADB_ROOT_PASSWORD');
  return { user: user || (password ? 'root' : ''), password, database: any('MYSQL_DATABASE', 'MARIADB_DATABASE') };
}

/** Addresses that stand in the code as they are, which of them no variable can change, and what it calls a host. */
function codeOf(folder: string): { literals: string[]; hosts: string[]; fixed: Known['fixed'][number][] } {
  const found = new Set<string>();
  const fixed: Known['fixed'][number][] = [];
  const hosts = new Set<string>();
  let files = 0;
  const walk = (at: string, depth: number): void => {
    for (const name of listing(at)) {
      if (files >= FILES) return;
      const path = join(at, name);
      const stat = lstatSync(path, { throwIfNoEntry: false });
      if (stat?.isDirectory() && depth < 4 && !SKIPPED.test(name)) walk(path, depth + 1);
      if (!stat?.isFile() || !CODE.test(name) || COMPOSE.test(name) || /lock/.test(name)) continue;
      files += 1;
      const text = textOf(path) ?? '';
      for (const [, host] of [...text.matchAll(HOST), ...text.matchAll(PLACE)]) hosts.add(host!);
      for (const [hit] of text.matchAll(LITERAL)) {
        const address = hit.includes('$') ? null : readAddress(hit);
        if (address !== null && isLocal(address.host)) found.add(hit);
      }
      if (PROGRAM.test(name)) fixed.push(...fixedIn(text, relative(folder, path)));
    }
  };
  walk(folder, 0);
  return { literals: [...found].slice(0, 20), hosts: [...hosts].slice(0, 400), fixed: fixed.slice(0, 20) };
}
function fixedIn(text: string, path: string): Known['fixed'][number][] {
  const lines = text.split('\n').map((line) => (line.length > 500 ? '' : line));
  return lines.flatMap((line, n) => {
    const before = /(?:[|?(,=:]|\bor)\s*$/.test(lines[n - 1] ?? '') ? lines[n - 1]! : '';
    if (ASKS.test(line) || ASKS.test(before)) return [];
    const urls = [...line.matchAll(LITERAL)].flatMap(([hit]) => {
      const address = readAddress(hit);
      return address !== null && HERE.test(address.host) ? [{ kind: address.kind, port: address.port }] : [];
    });
    const ports = [...line.matchAll(PORT)].map(([, port]) => ({ kind: null, port: Number(port) }));
    return [...urls, ...ports].map((one) => ({ ...one, from: `${path}:${n + 1}` }));
  });
}
const PROGRAM = /\.(?:[cm]?[jt]sx?|py|rb|go|php|java|kt|rs)$/;
const HERE = /^(?:localhost|127(?:\.\d+){3}|0\.0\.0\.0|\[?::1\]?)$/i;

/** A path with nothing of it outside the repository; null otherwise. */
function inside(root: string, path: string | null): string | null {
  try {
    const real = realpathSync(path ?? '');
    const home = realpathSync(root);
    return real === home || real.startsWith(home + sep) ? real : null;
  } catch {
    return null; // it is not there
  }
}
function textOf(path: string | null): string | null {
  try {
    const stat = path === null ? null : lstatSync(path);
    return stat?.isFile() && stat.size <= TEXT_BYTES ? readFileSync(path!, 'utf8') : null;
  } catch {
    return null; // none, or not for us to read
  }
}
function parsed(text: string): unknown {
  try {
    return parse(text, { merge: true });
  } catch {
    return null; // detection has noted it
  }
}
function listing(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return []; // not ours to read
  }
}
