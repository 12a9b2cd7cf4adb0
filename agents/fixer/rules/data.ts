/** Databases: services that are not there, names that only compose knows, tables that no migration has made. */
import { fail } from '../../../runtime/errors.js';
import type { Action } from '../contract.js';
import { manifestOf, scriptIn, startBody, startOf, withBins } from './commands.js';
import { type Case, command, env, type Repair, type Rule, useCopy } from './rule.js';
import { dockerSignatures, needed, serviceAt, serviceSignatures } from './verdicts.js';

const text = ({ look }: Case, path: string): string => look.texts[path] ?? '';
const declared = (found: Case, name: string): boolean =>
  name in manifestOf(found).declared ||
  new RegExp(`(^|[\\n"'\\s])${name}\\b`, 'i').test(
    text(found, 'requirements.txt') + text(found, 'pyproject.toml') + text(found, 'Gemfile'),
  );
const python = (found: Case): string =>
  found.heal.service.commands.install.some((line) => line.includes('.venv')) ? '.venv/bin/python' : 'python3';

/** The command that brings the tables up to date, by the tool the repository has for it. */
export function migrationOf(found: Case): string | null {
  const { files } = found.look;
  const { scripts } = manifestOf(found);
  const has = (pattern: RegExp): string | undefined => files.find((file) => pattern.test(file));
  const script = [
    'db:migrate',
    'migrate',
    'migrate:deploy',
    'migration:run',
    'migrations:run',
    'db:push',
    'db:setup',
  ].find((name) => Object.hasOwn(scripts, name));
  const manage = has(/(^|\/)manage\.py$/);
  if (manage !== undefined) return `${python(found)} ${manage} migrate --no-input`;
  if (has(/(^|\/)alembic\.ini$/)) return `${python(found)} -m alembic upgrade head`;
  if (has(/(^|\/)migrations\/alembic\.ini$/) || (declared(found, 'flask-migrate') && has(/(^|\/)migrations\//)))
    return `${python(found)} -m flask db upgrade`;
  if (has(/(^|\/)bin\/rails$/)) return 'bin/rails db:prepare';
  if (has(/(^|\/)artisan$/)) return 'php artisan migrate --force';
  if (has(/(^|\/)schema\.prisma$/))
    return has(/prisma\/migrations\//) ? 'npx prisma migrate deploy' : 'npx prisma db push';
  if (script !== undefined) return `npm run ${script}`;
  if (has(/(^|\/)knexfile\.[cm]?[jt]s$/)) return 'npx knex migrate:latest';
  if (has(/(^|\/)drizzle\.config\.[cm]?[jt]s$/))
    return has(/drizzle\/\w+\.sql$/) ? 'npx drizzle-kit migrate' : 'npx drizzle-kit push --force';
  if (has(/(^|\/)(\.sequelizerc|migrations\/.*\.js)$/) && declared(found, 'sequelize'))
    return 'npx sequelize-cli db:migrate';
  const making = Object.keys(scripts).find((name) => MAKES_TABLES.test(name));
  return making === undefined ? null : `npm run ${making}`;
}
/** A script of a person's own that makes the tables, by its name; never one that empties them first. */
const MAKES_TABLES =
  /^(?:(?:db|database|schema|tables?)[:_-]?(?:init|create|setup|load|sync|prepare|build)|(?:init|create|setup|load|sync|prepare)[:_-]?(?:db|database|schema|tables?))$/i;

const DOCKER_UP = /^(?:sudo )?docker(?:-compose| compose)\b[^|]*\b(?:up|start|pull|build)\b[^|]*$/;
/** The start without what brings servers up with docker before it; null: nothing else is in it, or nothing of docker. */
function withoutDocker(found: Case): string | null {
  const parts = startBody(found)
    .split('&&')
    .map((part) => part.trim());
  const rest = parts.filter((part) => !DOCKER_UP.test(scriptIn(found, part) ?? part));
  return rest.length === 0 || rest.length === parts.length ? null : withBins(found, rest.join(' && '));
}
/** The run has a server up, by its plan or by a fix. */
const hasServer = ({ heal }: Pick<Case, 'heal'>): boolean =>
  heal.overlay.services.length > 0 || heal.running.length > 0;
/** A database in a file of the work copy is ours; a server is ours only when this run started it. */
const isFile = ({ text: said, look, heal }: Case): boolean =>
  /sqlite|no such table/i.test(said) ||
  (!hasServer({ heal }) &&
    Object.entries(look.texts).some(
      ([path, one]) => /settings|config|database|schema/.test(path) && /sqlite/i.test(one),
    ));
const isOurs = (found: Case): boolean => !found.heal.theirs && (isFile(found) || hasServer(found));

const PENDING = [
  /You have \d+ unapplied migration/,
  /no such table: ["'`]?(\w+)/,
  /relation "(\w+)" does not exist/,
  /Table '[\w.]*?(\w+)' doesn't exist/,
  /PendingMigrationError|Migrations are pending/,
  /The table `?(?:main\.|public\.)?(\w+)`? does not exist in the current database/,
  /\bP2021\b/,
  /Can't locate revision|Target database is not up to date/,
];
const NO_DATABASE = [
  /database "([\w-]+)" does not exist/,
  /Unknown database '([\w-]+)'/,
  /Database `([\w-]+)` does not exist/,
];

const NO_TLS = [
  /The server does not support SSL connections/,
  /server does not support SSL, but SSL was required/,
  /Server does not support secure conn\w+/,
  /SSL is not enabled on the server/,
];
const NAMED = String.raw`(?:process\.env\.|process\.env\[["']|environ(?:\.get)?[[(]["']|getenv\(["']|ENV(?:\.fetch)?[[(]["'])`;
const TLS_VARIABLE = new RegExp(`${NAMED}(\\w*(?:SSL|TLS)\\w*)["'\\])]*(?:\\s*[!=]==?\\s*["']([\\w-]+)["'])?`);
const TLS_BY_MODE = new RegExp(`\\b(?:ssl|tls)\\b[^\\n]{0,60}${NAMED}((?:NODE|APP|RAILS)_ENV)\\b`, 'i');
/** The variable by which the code decides whether it asks for TLS, and the value with which it does not. */
function tlsSwitch({ look }: Case): { name: string; value: string } | null {
  for (const [path, one] of Object.entries(look.texts)) {
    if (!/\.(?:[cm]?[jt]sx?|py|rb)$/.test(path)) continue;
    const hit = TLS_VARIABLE.exec(one);
    // What it is held against says how it is switched off; else only its absence does.
    if (hit) {
      const off = /^(?:false|0|off|no|disabled?)$/i.test(hit[2] ?? '') ? hit[2]! : 'false';
      return { name: hit[1]!, value: hit[2] === undefined ? '' : off };
    }
    const mode = TLS_BY_MODE.exec(one)?.[1];
    if (mode !== undefined) return { name: mode, value: 'development' };
  }
  return null;
}

/**
 * What clients say of a place where another program is, or another's server, or nobody. Each in many words: that the code
 * looks there and the service is elsewhere is known beside them.
 */
const NOT_THERE = [
  /\bE(?:CONNREFUSED|CONNRESET|PIPE|TIMEDOUT|PROTO)\b/,
  /[Cc]onnection(?: to server)?[^\n]{0,60} (?:was )?(?:terminated|refused|reset|closed|timed ?out|ended|lost|failed|aborted)/,
  /[Ss]ocket ?(?:hang up|(?:is |was )?[Cc]losed|[Cc]losed ?[Uu]nexpectedly)/,
  /(?:[Cc]ould not|[Cc]an(?:no|')t|[Uu]nable to|[Ff]ailed to) (?:connect|reach)/,
  /[Cc]losed the connection|[Ll]ost connection to|premature EOF|end of (?:stream|packet)|[Bb]ad handshake|packets? out of order/i,
  // Where a program answers that speaks something else, mostly HTTP.
  /Unknown RESP type|Protocol error: |invalid response to SSL negotiation|Frame size \d+ exceeds|[Uu]nexpected response message/i,
  /password authentication failed|Access denied for user|\b(?:WRONGPASS|NOAUTH)\b|role "[^"\n]+" does not exist/,
  ...NO_DATABASE,
  ...PENDING,
];
/** Where the code looks for a service that is elsewhere; one whose port another program has before others. */
const fixedIn = ({ look, heal }: Case): Case['look']['fixed'][number] | undefined => {
  const left = look.fixed.filter(({ port }) => !heal.overlay.served.some((one) => one.port === port));
  return left.find(({ holder }) => holder !== null) ?? left[0];
};

const SQL: readonly string[] = ['postgres', 'mysql'];
const LOCAL = /^(localhost|127\.|::1$|\[::1\]|0\.0\.0\.0)/;

export const data: readonly Rule[] = [
  {
    id: 'service-apart',
    about:
      'the code looks for a service at a port of this machine that is not that of the run, and can have a network of its own',
    steps: ['start', 'prove'],
    signature: NOT_THERE,
    vague: true,
    guard: (found) => found.look.ownNetwork && (fixedIn(found)?.port ?? 0) >= 1024,
    cause: (found) => {
      const { kind, port, from, holder } = fixedIn(found)!;
      return `${from} looks for ${kind} at port ${port}, ${holder === null ? 'where nobody is' : `which ${holder} holds`}`;
    },
    does: ['serve-at'],
    actions: ({ look, heal }) =>
      look.fixed
        .filter(({ port }) => port >= 1024 && !heal.overlay.served.some((one) => one.port === port))
        .map(({ kind, port }) => ({ do: 'serve-at', service: kind, port })),
    key: (found) => `${fixedIn(found)!.kind} ${fixedIn(found)!.port}`,
    proves: 'the application reaches the service from a network of its own, and answers',
  },
  {
    id: 'service-to-start',
    about: 'the application needs a database or another service, and nothing answers where it looks for it',
    steps: ['build', 'start', 'prove'],
    signature: serviceSignatures,
    // One that this run has up already, and is not reached, is no matter of starting it.
    guard: (found) => {
      const name = serviceAt(found)?.service[0];
      return name !== undefined && found.heal.startable.includes(name) && !found.heal.running.includes(name);
    },
    cause: (found) => `it needs ${serviceAt(found)!.service[0]} at ${serviceAt(found)!.at}, and nothing answers there`,
    does: ['start-service', 'map-host'],
    actions: (found) => {
      const { service, at } = serviceAt(found)!;
      const [, host = at, port = ''] = /^(.*):(\d+)$/.exec(at) ?? [];
      const start: Action = {
        do: 'start-service',
        service: service[0],
        host: LOCAL.test(host) ? null : host,
        port: port === '' ? null : Number(port),
      };
      return LOCAL.test(host) ? [start] : [start, { do: 'map-host', host, address: '127.0.0.1' }];
    },
    key: (found) => serviceAt(found)!.service[0],
    proves: 'the application reaches the service and answers',
  } satisfies Repair,
  {
    id: 'docker-start',
    about: 'the start brings its servers up with docker first, which is not here, and those of this run are up already',
    steps: ['start'],
    signature: dockerSignatures,
    guard: (found) => found.heal.running.length > 0 && withoutDocker(found) !== null,
    cause: ({ heal }) => `the start asks docker for ${heal.running.join(', ')}, which this run has up already`,
    does: ['set-command'],
    actions: (found) => [command('start', withoutDocker(found)!)],
    key: startOf,
    proves: 'the application starts and reaches its servers',
  },
  {
    id: 'tls-not-there',
    about: 'the application asks its database for TLS, and the one of this run has none',
    steps: ['build', 'start', 'prove'],
    signature: NO_TLS,
    // A server elsewhere ought to have it.
    guard: (found) => hasServer(found) && tlsSwitch(found) !== null,
    cause: () => 'it asks its database for TLS, and the one of this run has none',
    does: ['set-env'],
    actions: (found) => {
      const { name, value } = tlsSwitch(found)!;
      return [env(name, value)];
    },
    key: (found) => tlsSwitch(found)!.name,
    proves: 'the application reaches its database and answers',
  },
  {
    id: 'database-absent',
    about: 'the database server answers, and has no database of that name',
    steps: ['build', 'start', 'prove'],
    signature: NO_DATABASE,
    // One that belongs to somebody else is never written into.
    guard: hasServer,
    cause: ({ match }) => `the database ${match[1]} has not been made`,
    does: ['create-database'],
    actions: ({ match, heal }) => [
      {
        do: 'create-database',
        service: heal.overlay.services.at(-1)?.service ?? heal.running.find((kind) => SQL.includes(kind))!,
        database: match[1]!,
      },
    ],
    key: ({ match }) => match[1]!,
    proves: 'the application reaches its database and answers',
  },
  {
    id: 'migration-pending',
    about: 'a table is not there: the migrations of the repository have not been run',
    steps: ['build', 'start', 'prove'],
    signature: PENDING,
    guard: (found) => isOurs(found) && migrationOf(found) !== null,
    cause: ({ match }) =>
      `${match[1] === undefined ? 'tables are' : `the table ${match[1]} is`} not there: the migrations have not been run`,
    does: ['migrate', 'use-copy'],
    actions: (found) => [{ do: 'migrate', command: migrationOf(found)! }, ...(isFile(found) ? [useCopy] : [])],
    key: () => 'migrate',
    proves: 'the application answers from its tables',
  },
  {
    id: 'secret-key-base',
    about: 'the framework wants a secret of its own for sessions, and nobody set one',
    steps: ['build', 'start', 'prove'],
    signature: [/Missing `?secret_key_base`?/, /(?:Missing|missing)[^\n]{0,30}\bSECRET_KEY_BASE\b/],
    cause: () => 'SECRET_KEY_BASE is not set',
    does: ['set-env'],
    actions: () => [env('SECRET_KEY_BASE', '$generate')],
    key: () => 'SECRET_KEY_BASE',
    proves: 'the application starts',
  },
];

/** Asked when no repair is to be had: somebody else's server is never written into. */
export const dataVerdicts: readonly Rule[] = [
  {
    id: 'service-fixed',
    about: 'the code looks for a service at a port that another program holds, and nowhere else',
    after: ['service-apart'],
    steps: ['start', 'prove'],
    signature: NOT_THERE,
    vague: true,
    // What was tried in a network of its own fails for something else.
    guard: (found) =>
      (fixedIn(found)?.holder ?? null) !== null && !found.heal.tried.some(({ rule }) => rule === 'service-apart'),
    cause: (found) => {
      const { kind, port, from, holder } = fixedIn(found)!;
      return `${from} looks for ${kind} at port ${port} and nowhere else, and ${holder} holds it`;
    },
    error: (found) => {
      const { kind, port, from, holder } = fixedIn(found)!;
      const fix = `stop ${holder}, or have ${from} take the address of ${kind} from a variable, then run again`;
      return { ...fail('PORT_HELD', { port, holder: holder! }).toRecord(), fix };
    },
  },
  {
    id: 'tables-missing',
    about: 'tables are not there, in a database that is not ours',
    after: ['migration-pending'],
    steps: ['build', 'start', 'prove'],
    signature: PENDING,
    // Where a server of ours or a file could have been migrated, the failure keeps its own words.
    guard: (found) => !isOurs(found),
    cause: ({ match }) =>
      `${match[1] === undefined ? 'tables are' : `the table ${match[1]} is`} not in the database that it was given`,
    error: (found) =>
      fail('SERVICE_MISSING', {
        need: 'a database with its tables',
        from: 'its own output',
        fix: `bring that database up to date${migrationOf(found) === null ? '' : ` (${migrationOf(found)})`}, then run again`,
      }).toRecord(),
  },
  {
    id: 'database-missing',
    about: 'the database server that it was given has no database of that name',
    after: ['database-absent'],
    steps: ['build', 'start', 'prove'],
    signature: NO_DATABASE,
    cause: ({ match }) => `the server has no database ${match[1]}`,
    error: (found) =>
      fail('SERVICE_MISSING', {
        need: `the database ${found.match[1]}`,
        from: 'its own output',
        fix: `make it on that server (createdb ${found.match[1]}; CREATE DATABASE ${found.match[1]}), then run again`,
      }).toRecord(),
  },
  {
    id: 'login-refused',
    about: 'a database or service does not take the login that it was given',
    steps: ['build', 'start', 'prove'],
    signature: [
      /password authentication failed for user "([^"\n]+)"/,
      /Access denied for user '([^'\n]+)'/,
      /role "([^"\n]+)" does not exist/,
      /\b(?:WRONGPASS|NOAUTH)\b/,
      /MongoServerError: (?:Authentication failed|command \w+ requires authentication)/,
      /ACCESS_REFUSED - Login was refused/,
    ],
    cause: ({ match }) => `the service does not take the login${match[1] === undefined ? '' : ` of ${match[1]}`}`,
    error: (found) =>
      needed(
        found,
        `a login that the service takes${found.match[1] === undefined ? '' : ` (${found.match[1]} is refused)`}`,
        [found.heal.service.env.find(({ name }) => /UR[LI]$|DSN|PASS/.test(name))?.name ?? 'DATABASE_URL'],
        null,
      ),
  },
];
