/** MariaDB, or MySQL where it is what the machine has. Users and databases are made by a file that the server reads as it starts. */
import { basename, dirname, join } from 'node:path';
import { quote } from '../../runtime/shell.js';
import { companion } from './find.js';
import type { Client, FoundService, Job, Lodging, Login, ServiceKind } from './kind.js';
import { isRoot } from './other-user.js';

const SOCKET_PATH_BYTES = 95;
const text = (value: string): string =>
  `'${value
    .replaceAll('\\', '\\\\')
    .replaceAll("'", "''")
    .replace(/[\r\n]/g, '')}'`;
const name = (value: string): string => `\`${value.replaceAll('`', '``')}\``;
/** Its parts lie beside the program, also where a package was unpacked. */
const baseOf = ({ server }: FoundService): string => dirname(dirname(server));
const isMaria = ({ server }: FoundService): boolean => /maria/.test(basename(server));
const common = (found: FoundService, data: string): string[] => [
  '--no-defaults',
  `--basedir=${baseOf(found)}`,
  `--datadir=${data}`,
  ...(isRoot() ? ['--user=root'] : []),
];
const parts = (found: FoundService): string[] =>
  found.from === 'machine'
    ? []
    : [
        `--lc-messages-dir=${baseOf(found)}/share/mysql`,
        `--character-sets-dir=${baseOf(found)}/share/mysql/charsets`,
        `--plugin-dir=${baseOf(found)}/lib/mysql/plugin`,
      ];

function client(
  found: FoundService,
  { host, port }: Lodging,
  login: Login,
  programs: string[],
  args: string[],
): Client | null {
  const command = companion(found, ...programs);
  const words = [
    '--no-defaults',
    '--protocol=tcp',
    `--host=${host}`,
    `--port=${port}`,
    `--user=${login.user}`,
    ...args,
  ];
  return command === null ? null : { command, args: words, env: { ...found.env, MYSQL_PWD: login.password } };
}

export const mysql: ServiceKind = {
  name: 'mysql',
  title: 'mariadb',
  port: 3306,
  programs: ['mariadbd', 'mysqld'],
  folders: ['/usr/sbin', '/usr/libexec', '/usr/local/mysql/bin', '/opt/homebrew/bin'],
  packages: ['mariadb-server-core', 'mariadb-client-core', 'mariadb-client'],
  clients: ['mariadb', 'mariadb-dump'],
  schemes: ['mysql', 'mariadb'],
  login: { user: 'root', password: '', database: 'app' },
  dataName: (found) => `${isMaria(found) ? 'mariadb' : 'mysql'}-${found.version.split('.')[0]}`,
  initialise(found, { data }): Job {
    const install = companion(found, 'mariadb-install-db', 'mysql_install_db');
    const words =
      isMaria(found) && install !== null
        ? [
            install,
            ...common(found, data),
            ...parts(found).filter((one) => !one.includes('plugin')),
            '--auth-root-authentication-method=normal',
            '--skip-test-db',
            '--skip-name-resolve',
            '--force',
          ]
        : [found.server, ...common(found, data), '--initialize-insecure'];
    return { shell: words.map(quote).join(' '), env: found.env };
  },
  serve(found, { data, folder, host, port }, { logins }): Job {
    const setUp = join(folder, 'set-up.sql');
    const users = new Map(logins.map((login) => [login.user, login]));
    const sql = [
      ...logins.map(({ database }) => `CREATE DATABASE IF NOT EXISTS ${name(database)} CHARACTER SET utf8mb4;`),
      ...["''@'localhost'", "'root'@'127.0.0.1'", "'root'@'::1'"].map((one) => `DROP USER IF EXISTS ${one};`),
      ...[...users.values()].flatMap(({ user, password }) =>
        ['%', 'localhost'].flatMap((from) => [
          `CREATE USER IF NOT EXISTS ${text(user)}@'${from}';`,
          `ALTER USER ${text(user)}@'${from}' IDENTIFIED BY ${text(password)};`,
          `GRANT ALL PRIVILEGES ON *.* TO ${text(user)}@'${from}' WITH GRANT OPTION;`,
        ]),
      ),
    ];
    const socket = join(folder, 'mysql.sock');
    const words = [
      found.server,
      ...common(found, data),
      ...parts(found),
      `--bind-address=${host}`,
      `--port=${port}`,
      `--socket=${Buffer.byteLength(socket) < SOCKET_PATH_BYTES ? socket : join('/tmp', `rr-mysql-${process.pid}-${port}.sock`)}`,
      `--pid-file=${join(folder, 'mysql.pid')}`,
      `--init-file=${setUp}`,
      '--skip-log-bin',
      '--skip-name-resolve',
      ...(isMaria(found) ? [] : ['--mysqlx=OFF']),
    ];
    return {
      shell: `exec ${words.map(quote).join(' ')}`,
      env: found.env,
      files: [{ path: setUp, text: `${sql.join('\n')}\n` }],
    };
  },
  // It greets whoever connects with its version; an error packet comes instead while it cannot serve.
  ask: () => ({ send: Buffer.alloc(0), isReady: (heard) => heard.length > 5 && heard[4] === 0x0a }),
  shell: (found, lodging, login) =>
    client(found, lodging, login, ['mariadb', 'mysql'], [`--database=${login.database}`]),
  dump: (found, lodging, login) =>
    client(found, lodging, login, ['mariadb-dump', 'mysqldump'], ['--single-transaction', login.database]),
  load: (found, lodging, login) =>
    client(found, lodging, login, ['mariadb', 'mysql'], [`--database=${login.database}`]),
  manual: 'install MariaDB (Debian: apt-get install mariadb-server)',
};
