/**
 * What an application wants of its services, and what its variables become once they are up. Pure.
 *
 * Who logs in, and to what, is taken from the application's own address, its variables, the compose file and its code, in
 * this order; only what none of them says is made up. What a person has given (`--env`), or the repository's own `.env`
 * says of a host elsewhere, is theirs: nothing is started for it and nothing of it is touched.
 */
import type { Login, ServiceKind, Wish } from '../../providers/services/kind.js';
import type { Service } from '../detection/contract.js';
import { hostOf, isLocal, moveHttp, moveUrl, type Part, readAddress, roleOf, urlOf } from './address.js';
import { kindOfNeed, portOfKind } from './contract.js';

/** `given`: by a person. `own`: the repository's `.env`. */
export interface Variable {
  name: string;
  value: string | null;
  by: 'given' | 'own' | 'config' | 'compose' | 'code';
}
/** A server of a compose file. */
export interface ComposeServer {
  name: string;
  kind: string;
  login: Login;
  version: string | null;
  /** As it is named there. */
  image: string;
  /** Files and folders that its image runs on the first start, absolute. */
  init: string[];
  /** What it is to hold from the start, where that is a thing to be made; of MinIO. */
  buckets?: string[];
}
export interface Known {
  variables: readonly Variable[];
  servers: readonly ComposeServer[];
  /** URLs that stand in the code as they are. */
  literals: readonly string[];
  /** Where the code looks for a server of this machine whatever its variables say. Kind null: only a port is named; port null: the usual one. */
  fixed: readonly { kind: string | null; port: number | null; from: string }[];
  /** Names in the code that only a compose network knows → the kind of server they mean. */
  names: Readonly<Record<string, string>>;
}

const SQL = ['postgres', 'mysql'];
const EMPTY: Login = { user: '', password: '', database: '' };

/** Whether it leads a client of S3 alone: that of all of AWS may stand for queues and tables too, as LocalStack has them. */
const isOfObjects = (name: string, value: string): boolean =>
  /ENDPOINT/i.test(name) &&
  (/S3|MINIO/i.test(name) || /:9000\b|minio/i.test(value)) &&
  !/localstack|:4566\b/i.test(value);

/** The kinds that a service asks for, without repeats. @param extra what a fix of the run adds. */
export function kindsOf({ needs, env }: Pick<Service, 'needs' | 'env'>, extra: readonly string[] = []): string[] {
  // Both have clients that speak to somebody elsewhere as a rule: it is ours where an address leads to this machine.
  const leads = env.flatMap(({ name, default: value }) => {
    const role = roleOf(name);
    const isHere = value !== null && value !== '' && isLocal(hostOf(value));
    if (role === null || !isHere) return [];
    const isAddress = role.kind === 'mail' ? role.part === 'host' : role.kind === 'minio' && isOfObjects(name, value);
    return isAddress ? [role.kind] : [];
  });
  const named = [...needs, ...extra, ...leads].map((need) => kindOfNeed[need.toLowerCase()]);
  return [...new Set(named.filter((kind) => kind !== undefined))];
}

/** The kind and part of a variable: its value says it, else its name. */
export function meaningOf(
  { name, value }: Pick<Variable, 'name' | 'value'>,
  kinds: readonly string[],
): { kind: string; part: Part } | null {
  const address = value === null ? null : readAddress(value);
  if (address !== null) return kinds.includes(address.kind) ? { kind: address.kind, part: 'url' } : null;
  const role = roleOf(name);
  if (role === null) return null;
  const kind = role.kind === 'sql' ? kinds.find((one) => SQL.includes(one)) : role.kind;
  if (kind === undefined || !kinds.includes(kind)) return null;
  // `file:./dev.db`, `sqlite:///x`: it is another database's.
  if (role.part === 'url' && value && /^(?:file|sqlite\w*|libsql|https?|sqlserver|mssql):/i.test(value))
    return kind === 'elasticsearch' || kind === 'minio' ? { kind, part: 'url' } : null;
  return { kind, part: role.part };
}

/** Whose service it is when it is not ours to start: the variable that points elsewhere; null: ours. */
export function theirs(kind: string, kinds: readonly string[], { variables }: Known): string | null {
  const elsewhere = variables.find((one) => {
    const meaning = meaningOf(one, kinds);
    if (meaning?.kind !== kind || !one.value || !['url', 'host'].includes(meaning.part)) return false;
    if (one.by === 'given') return true;
    return one.by === 'own' && !isLocal(hostOf(one.value));
  });
  return elsewhere?.name ?? null;
}

const isAside = (name: string): boolean => /(?:^|_)(?:TEST|SHADOW|REPLICA|READ)/i.test(name);
const fill = (login: Login, by: Login): Login => ({
  user: login.user || by.user,
  password: login.password || by.password,
  database: login.database || by.database,
});

/** Everybody who is to be able to log in; the main login first. @param made a password for where nobody names one. @param extra further databases. */
export function wishOf(
  { name: kind, login: usual }: Pick<ServiceKind, 'name' | 'login'>,
  kinds: readonly string[],
  { variables, servers, literals }: Known,
  service: string,
  made: string,
  extra: readonly string[] = [],
): Wish {
  const mine = variables.flatMap((one) => {
    const meaning = meaningOf(one, kinds);
    return meaning?.kind === kind && one.value ? [{ ...meaning, name: one.name, value: one.value }] : [];
  });
  const urls = mine
    .filter(({ part }) => part === 'url')
    .sort((a, b) => Number(isAside(a.name)) - Number(isAside(b.name)))
    .flatMap(({ value }) => readAddress(value) ?? []);
  const part = (wanted: Part): string =>
    mine.filter((one) => one.part === wanted).sort((a, b) => Number(isAside(a.name)) - Number(isAside(b.name)))[0]
      ?.value ?? '';
  const apart: Login = { user: part('user'), password: part('password'), database: part('database') };
  const composed = servers.find((one) => one.kind === kind)?.login ?? EMPTY;
  const inCode = literals.flatMap((text) => readAddress(text) ?? []).filter((one) => one.kind === kind);
  const plainName =
    service
      .toLowerCase()
      .replace(/^.*\//, '')
      .replace(/[^a-z0-9_]+/g, '_')
      .slice(0, 40) || 'app';
  const said = [urls[0] ?? EMPTY, apart, composed, inCode[0] ?? EMPTY].reduce(fill, EMPTY);
  const isSql = SQL.includes(kind) || kind === 'mongodb';
  const main = fill(said, {
    user: usual.user,
    password: usual.user === '' ? '' : usual.password || made,
    database: isSql ? (said.user && said.user !== usual.user ? said.user : plainName) : usual.database,
  });
  const others = [...urls, ...inCode].map((one) => fill(one, main));
  const buckets =
    kind === 'minio'
      ? [
          ...mine.flatMap((one) => (one.part === 'database' ? [one.value] : [])),
          ...servers.flatMap((server) => (server.kind === kind ? (server.buckets ?? []) : [])),
        ]
      : [];
  const logins = [main, ...others, ...[...buckets, ...extra].map((database) => ({ ...main, database }))].map(
    ({ user, password, database }) => ({ user, password, database }),
  );
  return { logins: [...new Map(logins.map((one) => [`${one.user}/${one.database}`, one])).values()] };
}

/**
 * The variables that lead the application to a private instance: its own names, with its own user, password and database.
 * Where it names none, those that a client of this kind looks at by itself.
 */
export function variablesFor(
  { name: kind, schemes }: Pick<ServiceKind, 'name' | 'schemes'>,
  kinds: readonly string[],
  { variables }: Known,
  wish: Wish,
  { host, port }: { host: string; port: number },
): Record<string, string> {
  const main = wish.logins[0]!;
  const values: Record<string, string> = {};
  const mine = variables.flatMap((one) => {
    const meaning = meaningOf(one, kinds);
    return meaning?.kind === kind ? [{ one, meaning }] : [];
  });
  const isHttp = schemes[0] === 'http';
  const hasPort = mine.some(({ meaning }) => meaning.part === 'port');
  for (const { one, meaning } of mine) {
    const { part } = meaning;
    const said = one.value ?? '';
    if (isHttp && (part === 'host' || part === 'url')) {
      const moved = httpFor(one.name, said, part, { host, port }, hasPort);
      if (moved !== null) values[one.name] = moved;
    } else if (part === 'host')
      values[one.name] = /^\w+:\/\//.test(said)
        ? `${said.replace(/:\/\/.*$/, '')}://${host}:${port}`
        : /:\d+$/.test(said)
          ? `${host}:${port}`
          : host;
    else if (part === 'port') values[one.name] = String(port);
    else if (part === 'url')
      values[one.name] =
        moveUrl(said, host, port, main) ??
        (/^[\w.-]+:\d+$/.test(said) ? `${host}:${port}` : urlOf(schemes[0]!, host, port, main));
    else values[one.name] = said || main[part];
  }
  const named = Object.keys(values).length > 0;
  if (kind === 'minio') Object.assign(values, ofObjects(mine, values, variables, main, { host, port }));
  else if (!named) values[usualName[kind] ?? `${kind.toUpperCase()}_URL`] = urlOf(schemes[0]!, host, port, main);
  if (kind === 'postgres')
    Object.assign(values, {
      PGHOST: host,
      PGPORT: String(port),
      PGUSER: main.user,
      PGPASSWORD: main.password,
      PGDATABASE: main.database,
    });
  return values;
}
/** @returns null: it is left as it is. */
function httpFor(
  name: string,
  said: string,
  part: 'host' | 'url',
  { host, port }: { host: string; port: number },
  hasPort: boolean,
): string | null {
  if (/^https?:\/\//i.test(said)) return isLocal(hostOf(said)) ? moveHttp(said, host, port) : null;
  if (/:\d+$/.test(said)) return `${host}:${port}`;
  // The address for the public, e.g. of a network that delivers files; not where a client connects.
  if (part === 'url' && said === '' && /(?:S3|AWS)_URL$/i.test(name)) return null;
  if (part === 'host' && (hasPort || said !== '')) return host;
  // The client of MinIO takes a host alone, with its port or without.
  return /MINIO/i.test(name) && part === 'host' ? `${host}:${port}` : moveHttp('', host, port);
}
/** What the clients of S3 look at by themselves, for what the application names no variable of. */
function ofObjects(
  mine: readonly { meaning: { part: Part } }[],
  values: Readonly<Record<string, string>>,
  variables: readonly Variable[],
  main: Login,
  { host, port }: { host: string; port: number },
): Record<string, string> {
  const has = (...parts: Part[]): boolean => mine.some(({ meaning }) => parts.includes(meaning.part));
  const isSet = (name: string): boolean =>
    name in values || variables.some((one) => one.name === name && one.value !== null && one.value !== '');
  return {
    ...(has('host', 'url') ? {} : { AWS_ENDPOINT_URL_S3: moveHttp('', host, port) }),
    ...(has('user', 'password') ? {} : { AWS_ACCESS_KEY_ID: main.user, AWS_SECRET_ACCESS_KEY: main.password }),
    // Any will do, and without one they do nothing.
    ...(isSet('AWS_REGION') || isSet('AWS_DEFAULT_REGION') ? {} : { AWS_REGION: 'us-east-1' }),
  };
}
const usualName: Readonly<Record<string, string>> = {
  postgres: 'DATABASE_URL',
  mysql: 'DATABASE_URL',
  mongodb: 'MONGODB_URI',
  rabbitmq: 'AMQP_URL',
  minio: 'AWS_ENDPOINT_URL_S3',
};
/** The variable to give by hand, where a service is not to be had. */
export function variableOf(kind: string, kinds: readonly string[], { variables }: Known): string {
  const own = variables.find((one) => {
    const meaning = meaningOf(one, kinds);
    return meaning?.kind === kind && ['url', 'host'].includes(meaning.part);
  });
  return own?.name ?? usualName[kind] ?? `${kind.toUpperCase()}_URL`;
}

/** Where the code looks for a server that is up elsewhere, each port once. */
export function fixedFor(
  { kind, host, port }: { kind: string; host: string; port: number },
  { fixed }: Pick<Known, 'fixed'>,
): { kind: string; port: number; from: string }[] {
  const usual = portOfKind[kind];
  const meant = fixed.flatMap((one) => {
    const wanted = one.port ?? usual;
    const isMeant = one.kind === null ? wanted === usual : one.kind === kind;
    return isMeant && wanted !== undefined && !(host === '127.0.0.1' && port === wanted)
      ? [{ kind, port: wanted, from: one.from }]
      : [];
  });
  return [...new Map(meant.reverse().map((one) => [one.port, one])).values()];
}
