/** Addresses of services as applications write them: one URL, or host, port, user, password and name apart. Pure. */
import type { Login } from '../../providers/services/kind.js';

export interface Address extends Login {
  kind: string;
  host: string;
  port: number | null;
}
interface Dsn extends Address {
  jdbc: string;
  scheme: string;
  driver: string;
  rest: string;
}

const KIND_OF_SCHEME: Readonly<Record<string, string>> = {
  postgres: 'postgres',
  postgresql: 'postgres',
  pgsql: 'postgres',
  psql: 'postgres',
  postgis: 'postgres',
  mysql: 'mysql',
  mysql2: 'mysql',
  mariadb: 'mysql',
  trilogy: 'mysql',
  redis: 'redis',
  rediss: 'redis',
  valkey: 'redis',
  mongodb: 'mongodb',
  amqp: 'rabbitmq',
  amqps: 'rabbitmq',
  nats: 'nats',
  memcached: 'memcached',
  smtp: 'mail',
  smtps: 'mail',
};
const DSN =
  /^(jdbc:)?([a-z][a-z0-9]*)((?:\+[a-z0-9_]+)?):\/\/(?:([^:@/?#]*)(?::([^/]*))?@)?([^:/?#,@]*)(?::(\d{1,5}))?(?:,[^/?#]*)?(?:\/([^?#]*))?([?#].*)?$/i;

const plain = (text: string | undefined): string => {
  try {
    return decodeURIComponent(text ?? '');
  } catch {
    return text ?? ''; // a bare % in a password
  }
};
function parse(text: string): Dsn | null {
  const hit = DSN.exec(text.trim());
  const kind = hit && KIND_OF_SCHEME[hit[2]!.toLowerCase()];
  if (!hit || kind === undefined || kind === null) return null;
  const [, jdbc = '', scheme = '', driver = '', user, password, host = '', port, path, rest = ''] = hit;
  const asked = new URLSearchParams(rest.replace(/^\?/, '').replace(/#.*$/, ''));
  return {
    kind,
    jdbc,
    scheme,
    driver,
    user: plain(user) || (jdbc === '' ? '' : (asked.get('user') ?? '')),
    password: plain(password) || (jdbc === '' ? '' : (asked.get('password') ?? '')),
    host,
    port: port === undefined ? null : Number(port),
    database: plain(path),
    rest,
  };
}
export const readAddress = (text: string): Address | null => parse(text);

/** The host of what a variable of an address or a host holds: `db`, `db:5432`, `https://me:secret@db/path`. */
export const hostOf = (text: string): string =>
  readAddress(text)?.host ??
  text
    .trim()
    .replace(/^\w+:\/\//, '')
    .replace(/[/?#].*$/s, '')
    .replace(/^.*@/s, '')
    .replace(/:\d*$/, '');

/** Whether a host is this machine, or a name that only a compose network knows. */
export const isLocal = (host: string): boolean =>
  /^(?:|localhost|127(?:\.\d+){3}|0\.0\.0\.0|\[?::1\]?|host\.docker\.internal|[\w-]+)$/i.test(host);

/** The same URL for another place; what it leaves open is filled from `login`. TLS is left out: a private server has none. */
export function moveUrl(text: string, host: string, port: number, login: Login): string | null {
  const dsn = parse(text);
  if (dsn === null) return null;
  const scheme = dsn.scheme.replace(/^(redis|amqp|smtp)s$/i, '$1');
  const driver = dsn.driver.replace(/^\+srv$/i, '');
  const user = dsn.user || login.user;
  const password = dsn.password || login.password;
  const isRedis = dsn.kind === 'redis';
  const auth =
    dsn.jdbc !== '' || (user === '' && password === '')
      ? ''
      : `${encodeURIComponent(user)}${password === '' ? '' : `:${encodeURIComponent(password)}`}@`;
  const database = dsn.database || (isRedis ? '' : login.database);
  // A virtual host of RabbitMQ is one part of the path, also when it is called `/`.
  const path = dsn.kind === 'rabbitmq' ? encodeURIComponent(database) : encodeURI(database);
  const rest = dsn.rest
    .replace(/([?&])sslmode=[^&#]*/i, '$1sslmode=disable')
    .replace(/([?&])(?:ssl|tls|useSSL|requireSSL)=(?:true|1|require)/gi, '$1')
    .replace(/[?&]+$/, '')
    .replace(/([?&])&+/g, '$1');
  return `${dsn.jdbc}${scheme}${driver}://${auth}${host}:${port}${path === '' ? '' : `/${path}`}${rest}`;
}

/** An address over HTTP for another place: its path stays, and nobody's name is put into it. @param text empty: there is none yet. */
export const moveHttp = (text: string, host: string, port: number): string =>
  `http://${host}:${port}${/^https?:\/\/[^/?#]*([^\s]*)$/i.exec(text.trim())?.[1]?.replace(/^\/$/, '') ?? ''}`;

export function urlOf(scheme: string, host: string, port: number, { user, password, database }: Login): string {
  const auth =
    user === '' && password === ''
      ? ''
      : `${encodeURIComponent(user)}${password === '' ? '' : `:${encodeURIComponent(password)}`}@`;
  return `${scheme}://${auth}${host}:${port}${database === '' ? '' : `/${encodeURIComponent(database)}`}`;
}

export type Part = 'url' | 'host' | 'port' | 'user' | 'password' | 'database';
const WORDS: readonly [kind: string, words: string][] = [
  ['postgres', 'POSTGRES|POSTGRESQL|PGSQL|PG'],
  ['mysql', 'MYSQL|MARIADB'],
  ['redis', 'REDIS|VALKEY|CELERY_BROKER|CELERY_RESULT_BACKEND'],
  ['memcached', 'MEMCACHED?|MEMCACHIER'],
  ['nats', 'NATS'],
  ['mail', 'SMTP|E?MAIL|MAILER'],
  ['mongodb', 'MONGO|MONGODB'],
  ['rabbitmq', 'RABBIT|RABBITMQ|AMQP|CLOUDAMQP'],
  ['elasticsearch', 'ELASTIC|ELASTICSEARCH|ES|OPENSEARCH'],
  ['minio', 'MINIO|S3'],
  ['sql', 'DB|DATABASE|SQL|DATASOURCE|TYPEORM|RDS|DIRECT|JDBC'],
];
const PARTS: readonly [Part, string][] = [
  [
    'url',
    'URLS?|URI|DSN|CONNECTION|CONNECTION_?STRING|CONNECTION_UR[LI]|CONN_STR|SERVERS?_URL|SERVERS|NODE|PRISMA_URL',
  ],
  ['host', 'HOSTS?|HOSTNAME|SERVER|ADDR|ADDRESS|ENDPOINT'],
  ['port', 'PORT'],
  ['user', 'USER|USERNAME|LOGIN|HOST_USER|ROOT_USER|ACCESS_KEY(?:_ID)?'],
  ['password', 'PASS|PASSWORD|PASSWD|PWD|HOST_PASSWORD|ROOT_PASSWORD|SECRET_KEY|SECRET_ACCESS_KEY'],
  ['database', 'NAME|DATABASE|DATABASE_NAME|DB|DB_NAME|DBNAME|INITDB_DATABASE'],
];
/** As clients of S3 name them. */
const OF_OBJECTS: readonly [Part, string][] = [
  ['url', 'ENDPOINT_URL(?:_S3)?|URL'],
  ['host', 'ENDPOINT'],
  ['user', '(?:ACCESS_)?KEY(?:_ID)?'],
  ['password', 'SECRET(?:_ACCESS)?(?:_KEY)?'],
];
const named = (kind: string, words: string, parts: readonly [Part, string][]) =>
  parts.map(([part, ends]) => ({ kind, part, fits: new RegExp(`^(?:[A-Z0-9]+_)*?(?:${words})_?(?:${ends})$`) }));
const NAMES = [
  ...named('minio', 'MINIO|S3|AWS(?:_S3|_STORAGE)?', OF_OBJECTS),
  // What a database is to others. Only they have it, so no other word is needed.
  { kind: 'minio', part: 'database' as Part, fits: /^(?:[A-Z0-9]+_)*?BUCKET(?:_?NAME)?$/ },
  ...WORDS.flatMap(([kind, words]) => named(kind, words, PARTS)),
];
/** What a variable is by its name; `sql` as kind: of whichever SQL database the application has. */
export function roleOf(name: string): { kind: string; part: Part } | null {
  const upper = name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase();
  // A service over HTTP of somebody else, whatever it stores things in.
  if (/UPSTASH|_REST_|SUPABASE/.test(upper)) return null;
  const hit = NAMES.find(({ fits }) => fits.test(upper));
  return hit ? { kind: hit.kind, part: hit.part } : null;
}
