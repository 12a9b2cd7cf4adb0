/** What the database agent hears and says. It brings up private databases and other servers that a repository asks for. */
import { z } from 'zod';
import { Evidence, Tool } from '../dependency/contract.js';
import { EnvVar } from '../detection/contract.js';

const failure = z.strictObject({ code: z.string(), message: z.string(), fix: z.string() });
/** The kinds there are, by the names a plan's `needs` may have. */
export const kindOfNeed: Readonly<Record<string, string>> = {
  postgres: 'postgres',
  mysql: 'mysql',
  mariadb: 'mysql',
  redis: 'redis',
  valkey: 'redis',
  memcached: 'memcached',
  nats: 'nats',
  mailhog: 'mail',
  mailpit: 'mail',
  mail: 'mail',
  mongodb: 'mongodb',
  rabbitmq: 'rabbitmq',
  elasticsearch: 'elasticsearch',
  opensearch: 'elasticsearch',
  minio: 'minio',
};
/** Names of those that are to be had on any machine with a package source, or come with us; the others only where they are installed. */
export const fetchable: readonly string[] = Object.keys(kindOfNeed).filter((name) =>
  ['postgres', 'mysql', 'redis', 'memcached', 'nats', 'mail', 'rabbitmq', 'minio'].includes(kindOfNeed[name]!),
);
/** Where a client of each looks for it. */
export const portOfKind: Readonly<Record<string, number>> = {
  postgres: 5432,
  mysql: 3306,
  redis: 6379,
  memcached: 11211,
  nats: 4222,
  mail: 1025,
  mongodb: 27017,
  rabbitmq: 5672,
  elasticsearch: 9200,
  minio: 9000,
};

export const Start = z.strictObject({
  type: z.literal('database.start'),
  service: z.string(),
  /** What was given: its data is kept under this name, from run to run. */
  repository: z.string(),
  root: z.string(),
  path: z.string(),
  /** Kinds wanted, each with the port leased for it. */
  wants: z.array(z.strictObject({ kind: z.string(), port: z.int() })),
  env: z.array(EnvVar),
  /** The file of the config agent, and what it says of each variable. */
  envFile: z.string(),
  set: z.array(z.strictObject({ name: z.string(), origin: z.string(), from: z.string() })),
  /** What a fix of the run asks for beside the plan: a database that must be there in a service, names that must resolve. */
  extra: z.array(z.object({ service: z.string(), database: z.string().nullish() })).default([]),
  hosts: z.record(z.string(), z.string()).default({}),
  /** Begin with empty data; what was kept goes. */
  fresh: z.boolean().default(false),
});
/** Tables and first rows, by the repository's own means. Only what `database.start` has brought up is ever touched. */
export const Migrate = z.strictObject({
  type: z.literal('database.migrate'),
  service: z.string(),
  root: z.string(),
  cwd: z.string(),
  /** As `database.started` told them. */
  services: z.array(z.lazy(() => Running)).default([]),
  /** Databases that are files, from `cwd`. */
  files: z.array(z.string()).default([]),
  tools: z.array(Tool),
  envFile: z.string(),
  env: z.record(z.string(), z.string()).default({}),
  hosts: z.record(z.string(), z.string()).default({}),
});
/** Waits until one of the servers that this run has brought up ends. */
export const Watch = z.strictObject({
  type: z.literal('database.watch'),
  /** Kinds that nobody waits for. */
  except: z.array(z.string()),
});
/** Begins a server that has ended again: on its port, with its data. */
export const Revive = z.strictObject({ type: z.literal('database.revive'), kind: z.string(), inMs: z.number() });
export const Running = z.strictObject({
  kind: z.string(),
  /** `postgres 15.18`. */
  program: z.string(),
  /** machine: it was there; cache and fetched: in our cache; engine: an image; ours: a program of ours. */
  from: z.string(),
  host: z.string(),
  port: z.int(),
  /** Its name under the keeper. */
  app: z.string(),
  /** Absolute folder of its data. */
  data: z.string(),
  /** What earlier runs stored is there again. */
  kept: z.boolean(),
  /** Anything a person should know, e.g. that its data is not the usual one. */
  note: z.string().nullable(),
});
export type Running = z.infer<typeof Running>;
export const Lacking = z.strictObject({ kind: z.string(), reason: z.string(), fix: z.string() });
export type Lacking = z.infer<typeof Lacking>;
export const Started = z.strictObject({
  type: z.literal('database.started'),
  services: z.array(Running),
  /** Those of others that the application was pointed at by a person. */
  theirs: z.array(z.strictObject({ kind: z.string(), by: z.string() })),
  /** Names that stand in the code, of servers in a compose network → where they are now. */
  hosts: z.record(z.string(), z.string()),
  /** Not to be had here. The application may do without. */
  lacking: z.array(Lacking),
  /** Ports of loopback at which the code looks for one of these servers, which listens elsewhere; `from`: the place in the code. */
  fixed: z.array(z.strictObject({ kind: z.string(), port: z.int(), from: z.string() })).default([]),
  /** The config agent's variables and those of the services: mode 0600, values never cross the bus. */
  envFile: z.string(),
  set: z.array(z.string()),
});
export const Migrated = z.strictObject({
  type: z.literal('database.migrated'),
  done: z.array(z.strictObject({ what: z.string(), ms: z.number() })),
  /** What was found and left alone, with the reason. */
  notes: z.array(z.string()),
});
export const Failed = z.strictObject({
  type: z.literal('database.failed'),
  error: failure,
  evidence: Evidence.nullable(),
});
export const Fell = z.strictObject({ type: z.literal('database.fell'), kind: z.string(), reason: z.string() });
/** There is none to wait for. */
export const Unwatched = z.strictObject({ type: z.literal('database.unwatched') });
export const Revived = z.strictObject({ type: z.literal('database.revived'), kind: z.string(), port: z.int() });
export const Command = z.discriminatedUnion('type', [Start, Migrate, Watch, Revive]);
export const Fact = z.union([Started, Migrated, Fell, Unwatched, Revived, Failed]);
export const Ends = [
  'database.started',
  'database.migrated',
  'database.fell',
  'database.unwatched',
  'database.revived',
  'database.failed',
] as const;
export type Start = z.infer<typeof Start>;
export type Watch = z.infer<typeof Watch>;
export type Revive = z.infer<typeof Revive>;
export type Migrate = z.infer<typeof Migrate>;
export type Command = z.infer<typeof Command>;
export type Started = z.infer<typeof Started>;
export type Fact = z.infer<typeof Fact>;
