/** Which tool makes a repository's tables, and by which command. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makingsOf, schemaOf } from '../../../agents/database/orm.js';

function folder(files: Record<string, string>): string {
  const at = mkdtempSync(join(tmpdir(), 'rr-orm-'));
  onTestFinished(() => rmSync(at, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(at, name)), { recursive: true });
    writeFileSync(join(at, name), text);
    if (name.includes('/bin/') || name.includes('.bin/')) chmodSync(join(at, name), 0o755);
  }
  return at;
}
const installed = (...programs: string[]) =>
  Object.fromEntries(programs.map((name) => [`node_modules/.bin/${name}`, '']));
const pack = (value: object) => ({ 'package.json': JSON.stringify(value) });
const said = (files: Record<string, string>) => {
  const at = folder(files);
  const { makings, notes } = makingsOf(at, at);
  return {
    makings: makings.map(({ what, once }) => (once ? `${what} (once)` : what)),
    notes,
    shell: makings.map(({ shell }) => shell.replaceAll(at, '')),
  };
};

test.each<[string, Record<string, string>, string[]]>([
  [
    'prisma with migrations',
    {
      ...pack({ dependencies: { '@prisma/client': '5' }, prisma: { seed: 'node seed.js' } }),
      'prisma/schema.prisma': '',
      'prisma/migrations/1_a/migration.sql': '',
      ...installed('prisma'),
    },
    ["prisma migrate deploy --schema 'prisma/schema.prisma'", 'prisma db seed (once)'],
  ],
  [
    'prisma without',
    { ...pack({ devDependencies: { prisma: '5' } }), 'prisma/schema.prisma': '', ...installed('prisma') },
    ["prisma db push --schema 'prisma/schema.prisma'"],
  ],
  [
    'drizzle with migrations',
    {
      ...pack({}),
      'drizzle.config.ts': "export default { out: './db/out' }",
      'db/out/meta/_journal.json': '{}',
      ...installed('drizzle-kit'),
    },
    ['drizzle-kit migrate'],
  ],
  [
    'drizzle without',
    { ...pack({}), 'drizzle.config.ts': '', ...installed('drizzle-kit') },
    ['drizzle-kit push --force'],
  ],
  [
    'sequelize',
    {
      ...pack({ devDependencies: { 'sequelize-cli': '6' } }),
      'migrations/1.js': '',
      'seeders/1.js': '',
      ...installed('sequelize-cli'),
    },
    ['sequelize-cli db:migrate', 'sequelize-cli db:seed:all (once)'],
  ],
  [
    'typeorm by its script',
    { ...pack({ dependencies: { typeorm: '0.3' }, scripts: { 'migration:run': 'typeorm migration:run' } }) },
    ['npm run migration:run'],
  ],
  [
    'typeorm by its data source',
    {
      ...pack({ dependencies: { typeorm: '0.3' } }),
      'src/data-source.ts': '',
      ...installed('typeorm-ts-node-commonjs'),
    },
    ["typeorm-ts-node-commonjs migration:run -d 'src/data-source.ts'"],
  ],
  ['django', { 'manage.py': '' }, ['manage.py migrate']],
  ['alembic', { 'alembic.ini': '' }, ['alembic upgrade head']],
  ['flask-migrate', { 'requirements.txt': 'Flask-Migrate==4', 'migrations/env.py': '' }, ['flask db upgrade']],
  ['rails', { 'bin/rails': '', 'config/database.yml': '' }, ['rails db:prepare']],
  ['laravel', { artisan: '', 'database/seeders/A.php': '' }, ['artisan migrate', 'artisan db:seed (once)']],
  ['ecto', { 'mix.exs': '{:ecto_sql, "~> 3.0"}' }, ['mix ecto.migrate']],
  [
    'a script of its own',
    pack({ scripts: { 'db:migrate': 'node migrate.js', seed: 'node seed.js' } }),
    ['npm run db:migrate', 'npm run seed (once)'],
  ],
  [
    'a script that would ask or undo',
    pack({ scripts: { migrate: 'prisma migrate dev', 'db:setup': 'node reset-and-create.js' } }),
    [],
  ],
  ['nothing of the kind', pack({ scripts: { start: 'node .' } }), []],
])('%s', (_, files, makings) => {
  expect(said(files).makings).toEqual(makings);
});

test('a tool that is not installed is noted, and nothing is fetched for it', () => {
  const { makings, notes } = said({ ...pack({}), 'knexfile.js': '' });
  expect(makings).toEqual([]);
  expect(notes).toEqual(['knex migrate:latest is not run: knex is not installed']);
});

test('the Python of the repository’s own environment is called', () => {
  const { shell } = said({ 'manage.py': '', '.venv/bin/python': '' });
  expect(shell).toEqual(["'/.venv/bin/python' manage.py migrate --no-input"]);
});

test.each<[string, Record<string, string>, string | null]>([
  ['in a folder of the database', { 'db/schema.sql': '', 'README.md': 'psql -f db/schema.sql' }, 'db/schema.sql'],
  ['in the root', { 'init.sql.gz': '', 'server.js': '' }, 'init.sql.gz'],
  ['that the code loads itself', { 'db/schema.sql': '', 'src/db.js': "readFileSync('db/schema.sql')" }, null],
  ['that a script loads', { 'schema.sql': '', ...pack({ scripts: { setup: 'psql -f schema.sql' } }) }, null],
  ['of which there are two', { 'schema.sql': '', 'db/init.sql': '' }, null],
  ['of another name', { 'db/query.sql': '' }, null],
])('the tables in a file of SQL %s', (_, files, expected) => {
  const at = folder(files);
  expect(schemaOf(at)).toBe(expected === null ? null : join(at, expected));
});
