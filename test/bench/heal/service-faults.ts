/** Faults between an application and its servers: what is in a compose file, an environment and the code, and does not agree. */
import type { Editor, Fault } from './fault.js';

/** A page from rows of PostgreSQL, with a compose file and its tables. */
const shop = (kind: string, rules: readonly string[], inject: Fault['inject'], more: Partial<Fault> = {}): Fault => ({
  kind,
  repo: 'express-postgres',
  says: 'A LAMP; A CHAIR!, A TABLE!',
  rules,
  slow: true,
  inject,
  ...more,
});
/** A page that counts in Redis, with a compose file. */
const visits = (kind: string, rules: readonly string[], inject: Fault['inject'], more: Partial<Fault> = {}): Fault => ({
  kind,
  repo: 'compose-visits',
  says: 'kept in the cache',
  rules,
  slow: true,
  inject,
  ...more,
});
const server = (repo: Editor, from: string, to: string): void =>
  repo.edit('server.js', (before) => {
    if (!before.includes(from)) throw new Error(`server.js has no ${from}`);
    return before.replace(from, to);
  });
const first = (repo: Editor, line: string): void => repo.edit('server.js', (before) => `${line}\n${before}`);
const start = (repo: Editor, line: string): void =>
  repo.json('package.json', (one) => ({ ...one, scripts: { ...one.scripts, start: line } }));
const scripts = (repo: Editor, more: Record<string, string>): void =>
  repo.json('package.json', (one) => ({ ...one, scripts: { ...one.scripts, ...more } }));

const COMPOSE = 'docker-compose.yml';
/** The compose file with its server alone, as where the application itself is run by hand. */
const DATABASE = `services:
  db:
    image: postgres:16-alpine
    ports: ["5432:5432"]
    environment:
      POSTGRES_USER: shop
      POSTGRES_PASSWORD: p@ss-word
      POSTGRES_DB: shop_development
    volumes:
      - ./db/init:/docker-entrypoint-initdb.d
`;
const NO_TABLES = DATABASE.replace(/ {4}volumes:[\s\S]*/, '');
const ADDRESS = 'postgres://shop:p%40ss-word@localhost:5432/shop_development';
const TABLES = `CREATE TABLE items (id serial PRIMARY KEY, name text NOT NULL);
CREATE FUNCTION shout(words text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN upper(words) || '!';
END;
$$;
INSERT INTO items (name) VALUES ('a lamp; a chair'), ('a table');
`;
const LOADER = `const { readFileSync } = require('node:fs');
const { Client } = require('pg');

const client = new Client({ connectionString: process.env.DATABASE_URL });
client
  .connect()
  .then(() => client.query(readFileSync(\`\${__dirname}/tables.sql\`, 'utf8')))
  .then(() => client.end());
`;
const CACHE = `services:
  cache:
    image: redis:7-alpine
    ports: ["6379:6379"]
`;
const LOCAL = 'redis://localhost:6379';

export const serviceFaults: readonly Fault[] = [
  shop('address of the database not set', ['missing-env'], (repo) => {
    repo.write(COMPOSE, DATABASE);
    first(repo, "if (!process.env.DATABASE_URL) throw new Error('DATABASE_URL must be set');");
  }),
  shop('address of the database in parts, none of them set', ['missing-env'], (repo) => {
    repo.write(COMPOSE, DATABASE);
    server(
      repo,
      'connectionString: process.env.DATABASE_URL',
      'host: process.env.DB_HOST, port: process.env.DB_PORT, user: process.env.DB_USER, password: process.env.DB_PASSWORD, database: process.env.DB_NAME',
    );
    first(
      repo,
      "for (const name of ['DB_HOST', 'DB_PORT', 'DB_USER', 'DB_PASSWORD', 'DB_NAME'])\n  if (!process.env[name]) throw new Error('Missing environment variable ' + name);",
    );
  }),
  shop('host of the database that only compose knows, in the code', ['service-to-start'], (repo) => {
    repo.write(COMPOSE, DATABASE);
    server(
      repo,
      'connectionString: process.env.DATABASE_URL',
      "host: 'db', user: 'shop', password: 'p@ss-word', database: 'shop_development'",
    );
  }),
  shop('host of the database that only compose knows, in .env', ['service-to-start'], (repo) => {
    repo.write(COMPOSE, DATABASE);
    repo.write('.env', `${ADDRESS.replace('localhost', 'db').replace(/^/, 'DATABASE_URL=')}\n`);
    start(repo, 'node --env-file=.env server.js');
  }),
  shop('password of the database differs between .env and compose', ['login-refused'], (repo) => {
    repo.write(COMPOSE, DATABASE);
    repo.write('.env', `DATABASE_URL=${ADDRESS.replace('p%40ss-word', 'another')}\n`);
    start(repo, 'node --env-file=.env server.js');
  }),
  shop(
    'name of the database differs between .env and compose',
    ['database-absent'],
    (repo) => {
      repo.write(COMPOSE, DATABASE);
      repo.write('.env', `DATABASE_URL=${ADDRESS.replace('shop_development', 'shop')}\n`);
      start(repo, 'node --env-file=.env server.js');
    },
    { says: 'shop in shop A LAMP' },
  ),
  shop('.env that compose and the program read not there', ['dotenv-file'], (repo) => {
    repo.write(COMPOSE, DATABASE);
    repo.write('.env.example', `DATABASE_URL=${ADDRESS}\nCURRENCY=EUR\n`);
    start(repo, 'node --env-file=.env server.js');
    first(repo, "if (!process.env.CURRENCY) throw new Error('CURRENCY is not set');");
  }),
  shop('second database that only the code names', ['database-absent'], (repo) =>
    server(
      repo,
      "pool.query('SELECT 1 FROM items')",
      "const reports = new Pool({ connectionString: process.env.DATABASE_URL.replace(/[^/]+$/, 'shop_reports') });\nreports.query('CREATE TABLE IF NOT EXISTS reports (at timestamptz)').then(() => pool.query('SELECT 1 FROM items'))",
    ),
  ),
  shop('tables made by a script of an unusual name', ['migration-pending'], (repo) => {
    repo.remove('db/init');
    repo.write(COMPOSE, NO_TABLES);
    repo.write('db/tables.sql', TABLES);
    repo.write('db/create.js', LOADER);
    scripts(repo, { 'db:init': 'node db/create.js' });
    first(repo, `process.env.DATABASE_URL ||= '${ADDRESS}';`);
  }),
  shop('tables of a migration script not made', ['migration-pending'], (repo) => {
    repo.remove('db/init');
    repo.write(COMPOSE, NO_TABLES);
    repo.write('db/tables.sql', TABLES);
    repo.write('db/create.js', LOADER);
    scripts(repo, { 'db:migrate': 'node db/create.js' });
    first(repo, `process.env.DATABASE_URL ||= '${ADDRESS}';`);
  }),
  shop('tables in a file of SQL that nobody loads', ['migration-pending'], (repo) => {
    repo.remove('db/init');
    repo.write(COMPOSE, NO_TABLES);
    repo.write('db/schema.sql', TABLES);
    repo.write('README.md', '# Shop\n\n```sh\npsql "$DATABASE_URL" -f db/schema.sql\nnpm start\n```\n');
    first(repo, `process.env.DATABASE_URL ||= '${ADDRESS}';`);
  }),
  shop('tables owned by a role that is not there', ['migration-pending'], (repo) =>
    repo.edit('db/init/01-tables.sql', (before) => `${before}ALTER TABLE items OWNER TO shop_owner;\n`),
  ),
  shop(
    'port of the database is another program’s',
    ['service-to-start'],
    (repo) => {
      repo.write(COMPOSE, DATABASE);
      first(repo, `process.env.DATABASE_URL ||= '${ADDRESS}';`);
    },
    { holds: [5432] },
  ),
  shop(
    'address of the database fixed in the code, its port another program’s',
    ['service-apart'],
    (repo) => {
      repo.write(COMPOSE, DATABASE);
      server(repo, 'process.env.DATABASE_URL', `'${ADDRESS}'`);
    },
    { holds: [5432] },
  ),
  shop('TLS asked of a database without it, by the address', ['tls-not-there'], (repo) => {
    repo.write(COMPOSE, DATABASE);
    repo.write('.env', `DATABASE_URL=${ADDRESS}?sslmode=require\n`);
    start(repo, 'node --env-file=.env server.js');
  }),
  shop('TLS asked of a database without it, by a variable', ['tls-not-there'], (repo) =>
    server(
      repo,
      'connectionString: process.env.DATABASE_URL',
      "connectionString: process.env.DATABASE_URL, ssl: process.env.DATABASE_SSL === 'false' ? false : { rejectUnauthorized: false }",
    ),
  ),
  shop('start that brings its database up with docker', ['docker-start'], (repo) =>
    start(repo, 'docker compose up -d db && node server.js'),
  ),
  shop('start that waits for a host that only compose knows', ['service-to-start'], (repo) => {
    repo.json('package.json', (one) => ({ ...one, dependencies: { ...one.dependencies, 'wait-on': '8.0.3' } }));
    repo.remove('package-lock.json');
    start(repo, 'wait-on --timeout 15000 tcp:db:5432 && node server.js');
  }),
  {
    kind: 'second database of MySQL that only the code names',
    repo: 'express-mysql',
    says: 'notes kept in a database',
    rules: ['database-absent'],
    slow: true,
    inject(repo) {
      server(
        repo,
        "pool.query('CREATE",
        "const archive = mysql.createPool({ host: DB_HOST, port: Number(DB_PORT), user: DB_USER, password: DB_PASSWORD, database: 'archive' });\narchive.query('CREATE TABLE IF NOT EXISTS old (id int)').then(() => pool.query('CREATE",
      );
      server(repo, "varchar(200))').then(", "varchar(200))')).then(");
    },
  },
  visits('address of the cache not set', ['missing-env'], (repo) => {
    repo.write('compose.yaml', CACHE);
    first(repo, "if (!process.env.REDIS_URL) throw new Error('REDIS_URL is required');");
  }),
  visits('host and port of the cache not set', ['missing-env'], (repo) => {
    repo.write('compose.yaml', CACHE);
    server(
      repo,
      'url: process.env.REDIS_URL',
      'socket: { host: process.env.REDIS_HOST, port: Number(process.env.REDIS_PORT) }',
    );
    first(
      repo,
      "if (!process.env.REDIS_HOST || !process.env.REDIS_PORT) throw new Error('set REDIS_HOST and REDIS_PORT');",
    );
  }),
  visits('host of the cache that only compose knows, in the code', ['service-to-start'], (repo) => {
    repo.write('compose.yaml', CACHE);
    server(repo, 'process.env.REDIS_URL', "'redis://cache:6379'");
  }),
  visits('host of the cache that only compose knows, with a name of its own', ['service-to-start'], (repo) => {
    repo.remove('compose.yaml');
    server(repo, 'process.env.REDIS_URL', "'redis://sessions:6379'");
  }),
  visits('password of the cache in the compose file alone', ['login-refused'], (repo) => {
    repo.write('compose.yaml', `${CACHE}    command: redis-server --requirepass s3cret\n`);
    repo.write('.env', `REDIS_URL=${LOCAL}\n`);
    start(repo, 'node --env-file=.env server.js');
  }),
  visits('password of the cache in .env alone', ['login-refused'], (repo) => {
    repo.write('compose.yaml', CACHE);
    repo.write('.env', 'REDIS_URL=redis://:other@localhost:6379\n');
    start(repo, 'node --env-file=.env server.js');
  }),
  visits(
    'port of the cache is another program’s',
    ['service-to-start'],
    (repo) => {
      repo.write('compose.yaml', CACHE);
      server(repo, 'process.env.REDIS_URL', `process.env.REDIS_URL || '${LOCAL}'`);
    },
    { holds: [6379] },
  ),
  visits(
    'address of the cache fixed in the code, its port another program’s',
    ['service-apart'],
    (repo) => {
      repo.write('compose.yaml', CACHE);
      server(repo, 'process.env.REDIS_URL', `'${LOCAL}'`);
    },
    { holds: [6379] },
  ),
  visits('TLS asked of a cache without it', ['tls-not-there'], (repo) => {
    repo.write('compose.yaml', CACHE);
    repo.write('.env', `REDIS_URL=${LOCAL.replace('redis:', 'rediss:')}\n`);
    start(repo, 'node --env-file=.env server.js');
  }),
  visits('.env that the program loads not there', ['dotenv-file'], (repo) => {
    repo.write('compose.yaml', CACHE);
    repo.write('.env.example', `REDIS_URL=${LOCAL}\n`);
    first(repo, "process.loadEnvFile('.env');");
  }),
  visits('start that brings its cache up with docker', ['docker-start'], (repo) => {
    repo.write('compose.yaml', CACHE);
    repo.write('.env', `REDIS_URL=${LOCAL}\n`);
    scripts(repo, { prestart: 'docker-compose up -d', start: 'node --env-file=.env server.js' });
  }),
  {
    kind: 'cache that nothing names but the code',
    repo: 'express-hello',
    says: 'Hello from Express',
    rules: ['service-to-start'],
    slow: true,
    inject: (repo) =>
      first(
        repo,
        "import { connect } from 'node:net';\nawait new Promise((done, fail) => connect(6379, '127.0.0.1').on('connect', done).on('error', fail));",
      ),
  },
  // What nobody but a person can mend.
  visits('module of the cache that its server has not', [], (repo) =>
    server(repo, "client.incr('visits')", "client.sendCommand(['JSON.GET', 'visits'])"),
  ),
  shop('database of somebody else that does not answer', [], (repo) => {
    repo.write('.env', 'DATABASE_URL=postgres://shop:shop@db.example.invalid:5432/shop\n');
    start(repo, 'node --env-file=.env server.js');
  }),
];
