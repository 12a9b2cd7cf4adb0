/** What the name of a container image tells: a server the application needs, or a runtime and its version. */

/** @returns the name without registry host, tag and digest (`bitnami/redis`), and the tag, '' when there is none. */
export function splitImage(reference: string): { name: string; tag: string } {
  const plain = reference.trim().replace(/@sha256:.*$/, '');
  const slash = plain.lastIndexOf('/');
  const colon = plain.indexOf(':', slash + 1);
  const name = colon < 0 ? plain : plain.slice(0, colon);
  const parts = name.split('/');
  if (parts.length > 1 && /[.:]|^localhost$/.test(parts[0]!)) parts.shift();
  if (parts[0] === 'library') parts.shift();
  return { name: parts.join('/').toLowerCase(), tag: colon < 0 ? '' : plain.slice(colon + 1) };
}

const servers: readonly [RegExp, string][] = [
  [/^(?:postgres|postgis|pgvector|timescaledb|timescaledb-ha|postgresql|pgvecto-rs)$/, 'postgres'],
  [/^(?:mysql|mysql-server|percona)$/, 'mysql'],
  [/^mariadb$/, 'mariadb'],
  [/^(?:redis|redis-stack|redis-stack-server)$/, 'redis'],
  [/^valkey$/, 'valkey'],
  [/^(?:mongo|mongodb|mongodb-community-server)$/, 'mongodb'],
  [/^rabbitmq$/, 'rabbitmq'],
  [/^nats$/, 'nats'],
  [/^(?:kafka|cp-kafka|redpanda)$/, 'kafka'],
  [/^elasticsearch$/, 'elasticsearch'],
  [/^opensearch$/, 'opensearch'],
  [/^memcached$/, 'memcached'],
  [/^minio$/, 'minio'],
  [/^mailhog$/, 'mailhog'],
  [/^mailpit$/, 'mailpit'],
  [/^(?:mailcatcher|maildev)$/, 'mailpit'],
  [/^meilisearch$/, 'meilisearch'],
  [/^typesense$/, 'typesense'],
  [/^qdrant$/, 'qdrant'],
  [/^(?:clickhouse-server|clickhouse)$/, 'clickhouse'],
  [/^(?:mssql-server|mssql)$/, 'mssql'],
  [/^localstack$/, 'localstack'],
];

/** The server an image is, null for an image that is none we know. */
export function serverOf(reference: string): string | null {
  const last = splitImage(reference).name.split('/').at(-1)!;
  return servers.find(([pattern]) => pattern.test(last))?.[1] ?? null;
}

const runtimes: readonly [RegExp, string][] = [
  [/^(?:node|typescript-node|javascript-node)$/, 'node'],
  [/^(?:python|pypy)$/, 'python'],
  [/^(?:golang|go)$/, 'go'],
  [/^ruby$/, 'ruby'],
  [/^php$/, 'php'],
  [/^rust$/, 'rust'],
  [/^(?:openjdk|eclipse-temurin|amazoncorretto|java|zulu-openjdk)$/, 'java'],
  [/^bun$/, 'bun'],
  [/^deno$/, 'deno'],
  [/^elixir$/, 'elixir'],
];

/** The runtime an image brings, with its version as the tag gives it (`20`, `3.12.1`); null when either is unknown. */
export function runtimeOf(reference: string): { tool: string; want: string } | null {
  const { name, tag } = splitImage(reference);
  const last = name.split('/').at(-1)!;
  if (/(?:^|\/)dotnet\//.test(name)) return versionIn(tag, /^(\d+(?:\.\d+)*)/, 'dotnet');
  // A build tool's image names the JDK behind its own version; an image of an installer names the Python it carries.
  if (/^(?:maven|gradle)$/.test(last)) return versionIn(tag, /(?:jdk-?|temurin-|openjdk-|corretto-)(\d+)/, 'java');
  if (/^uv$|^uvicorn-gunicorn/.test(last)) return versionIn(tag, /python(\d+(?:\.\d+)*)/, 'python');
  const tool = runtimes.find(([pattern]) => pattern.test(last))?.[1];
  if (tool === undefined) return null;
  // Development images carry their own release before the runtime's: `1-20-bookworm`.
  const numbers = /^(?:devcontainers|vscode\/devcontainers)\//.test(name)
    ? /^(?:dev-)?(?:\d+(?:\.\d+){0,2}-)?(\d+(?:\.\d+)*)/
    : /^v?(\d+(?:\.\d+)*)/;
  return versionIn(tag, numbers, tool);
}

function versionIn(tag: string, pattern: RegExp, tool: string): { tool: string; want: string } | null {
  const want = pattern.exec(tag)?.[1];
  return want === undefined ? null : { tool, want };
}
