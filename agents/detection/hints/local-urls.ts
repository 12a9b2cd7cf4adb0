/** Addresses inside text: where the application itself answers, and which servers it talks to. */

export interface LocalUrl {
  port: number | null;
  /** Path without query, null when the URL ends at the host. */
  route: string | null;
  /** Offset in the text. */
  at: number;
}

const local =
  /https?:\/\/(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\])(?::(?:(\d{1,5})|\$\{\w+(?::?-(\d{1,5}))?\}|\$\w+))?(\/[^\s"'`)\]|;,\\<>?#]*)?/g;

/** URLs on this machine, in order. A port given as `${PORT:-8080}` is 8080, as `$PORT` null. */
export function findLocalUrls(text: string): LocalUrl[] {
  return [...text.matchAll(local)].map(({ 1: number, 2: fallback, 3: route, index }) => ({
    port: number !== undefined ? Number(number) : fallback !== undefined ? Number(fallback) : null,
    route: route === undefined ? null : route.replace(/[.:!*]+$/, '') || '/',
    at: index,
  }));
}

const schemes: Record<string, string> = {
  postgres: 'postgres',
  postgresql: 'postgres',
  postgis: 'postgres',
  mysql: 'mysql',
  mysql2: 'mysql',
  mariadb: 'mariadb',
  redis: 'redis',
  rediss: 'redis',
  valkey: 'valkey',
  mongodb: 'mongodb',
  amqp: 'rabbitmq',
  amqps: 'rabbitmq',
  nats: 'nats',
  memcached: 'memcached',
  memcache: 'memcached',
  elasticsearch: 'elasticsearch',
  opensearch: 'opensearch',
  sqlserver: 'mssql',
  mssql: 'mssql',
  clickhouse: 'clickhouse',
};
const dsn = new RegExp(`(?<![\\w])(?:jdbc:)?(${Object.keys(schemes).join('|')})(?:\\+\\w+)?:\\/\\/`, 'i');

/** The service a connection URL (`postgres://…`, `jdbc:mysql://…`, `redis+sentinel://…`) asks for. */
export function findDsnNeed(value: string): string | null {
  const scheme = dsn.exec(value)?.[1];
  return scheme === undefined ? null : schemes[scheme.toLowerCase()]!;
}
