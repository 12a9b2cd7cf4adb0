/** The databases and other servers of a proven run as images, and how an application is told of them. Pure. */
import type { Proven } from './facts.js';
import { part } from './shell.js';

export interface Server {
  name: string;
  image: string;
  port: number;
  env: Record<string, string>;
  /** What the image is begun with, where its own would do nothing; null: its own. */
  command: string | null;
  /** A shell command that says whether it is ready; null: nothing in the image can. */
  ready: string | null;
}
interface About {
  image: (version: string | null) => string;
  port: number;
  /** Its password comes out of this variable of the one who starts it. */
  password?: string;
  env?: (password: string) => Record<string, string>;
  command?: string;
  ready?: string;
  url: (host: string, password: string) => string;
  user?: string;
  database?: string;
}
const tag = (image: string, version: string | null, parts: number): string =>
  version === null ? image : `${image}:${part(version, parts)}`;
const abouts: Readonly<Record<string, About>> = {
  postgres: {
    image: (version) => tag('postgres', version, 1),
    port: 5432,
    password: 'POSTGRES_PASSWORD',
    env: (password) => ({ POSTGRES_USER: 'app', POSTGRES_DB: 'app', POSTGRES_PASSWORD: password }),
    ready: 'pg_isready -U app',
    url: (host, password) => `postgresql://app:${password}@${host}:5432/app`,
    user: 'app',
    database: 'app',
  },
  mysql: {
    // What Debian calls MySQL is MariaDB, and counts from 10.
    image: (version) => tag(version !== null && /^\d\d/.test(version) ? 'mariadb' : 'mysql', version, 2),
    port: 3306,
    password: 'MYSQL_PASSWORD',
    env: (password) => ({
      MYSQL_USER: 'app',
      MYSQL_DATABASE: 'app',
      MYSQL_PASSWORD: password,
      MYSQL_ROOT_PASSWORD: password,
    }),
    url: (host, password) => `mysql://app:${password}@${host}:3306/app`,
    user: 'app',
    database: 'app',
  },
  mongodb: {
    image: (version) => tag('mongo', version, 1),
    port: 27017,
    url: (host) => `mongodb://${host}:27017/app`,
    database: 'app',
  },
  redis: {
    image: (version) => tag('redis', version, 2),
    port: 6379,
    ready: 'redis-cli ping',
    url: (host) => `redis://${host}:6379/0`,
  },
  memcached: { image: (version) => tag('memcached', version, 2), port: 11211, url: (host) => `${host}:11211` },
  nats: { image: (version) => tag('nats', version, 2), port: 4222, url: (host) => `nats://${host}:4222` },
  mail: { image: () => 'axllent/mailpit', port: 1025, url: (host) => `smtp://${host}:1025` },
  rabbitmq: {
    image: (version) => tag('rabbitmq', version, 2),
    port: 5672,
    ready: 'rabbitmq-diagnostics -q ping',
    url: (host) => `amqp://guest:guest@${host}:5672`,
  },
  elasticsearch: {
    image: (version) => `elasticsearch:${version ?? '8.17.0'}`,
    port: 9200,
    env: () => ({ 'discovery.type': 'single-node', 'xpack.security.enabled': 'false' }),
    url: (host) => `http://${host}:9200`,
  },
  minio: {
    image: () => 'minio/minio',
    port: 9000,
    command: 'server /data',
    password: 'MINIO_ROOT_PASSWORD',
    env: (password) => ({ MINIO_ROOT_USER: 'app', MINIO_ROOT_PASSWORD: password }),
    url: (host) => `http://${host}:9000`,
    user: 'app',
  },
};

/** @param password what stands for the password of a server, by the name of its variable. */
export const serversOf = ({ services }: Proven, password: (name: string) => string): Server[] =>
  services.flatMap(({ kind, version }) => {
    const about = abouts[kind];
    if (!about) return [];
    return [
      {
        name: kind,
        image: about.image(version),
        port: about.port,
        env: about.env?.(password(about.password ?? '')) ?? {},
        command: about.command ?? null,
        ready: about.ready ?? null,
      },
    ];
  });

/** Values of the variables that speak of a server, where its name says which part of the address it wants. */
export function addressesOf(
  { services }: Proven,
  host: (kind: string) => string,
  password: (name: string) => string,
): Record<string, string> {
  const values: Record<string, string> = {};
  for (const { kind, env } of services) {
    const about = abouts[kind];
    if (!about) continue;
    const secret = password(about.password ?? '');
    for (const name of env) {
      const value =
        kind === 'minio'
          ? ofObjects(name, env, about.url(host(kind), secret), secret)
          : /(?:URL|URI|DSN|ADDR(?:ESS)?|CONNECTION(?:_STRING)?|BROKER|BACKEND)$/i.test(name)
            ? about.url(host(kind), secret)
            : /HOST(?:NAME)?$|_SERVER$/i.test(name)
              ? host(kind)
              : /PORT$/i.test(name)
                ? String(about.port)
                : /USER(?:NAME)?$/i.test(name)
                  ? about.user
                  : /PASS(?:WORD)?$/i.test(name) && about.password
                    ? secret
                    : /(?:DB|DATABASE|NAME)$/i.test(name)
                      ? about.database
                      : undefined;
      if (value !== undefined) values[name] = value;
    }
  }
  return values;
}
/** As the clients of S3 name them; a bucket is not made by a server, so its variable is left to be given. */
function ofObjects(name: string, env: readonly string[], url: string, secret: string): string | undefined {
  const bare = url.replace(/^http:\/\//, '');
  if (/MINIO_ENDPOINT$/i.test(name)) return env.some((one) => /PORT$/i.test(one)) ? bare.replace(/:\d+$/, '') : bare;
  if (/(?:ENDPOINT|URL|URL_S3)$/i.test(name)) return url;
  if (/HOST(?:NAME)?$/i.test(name)) return bare.replace(/:\d+$/, '');
  if (/PORT$/i.test(name)) return bare.replace(/^.*:/, '');
  if (/SECRET(?:_ACCESS)?(?:_KEY)?$|PASSWORD$/i.test(name)) return secret;
  return /(?:ACCESS_KEY(?:_ID)?|KEY_ID|USER)$/i.test(name) ? 'app' : undefined;
}
