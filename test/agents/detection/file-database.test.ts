/** Which files of a repository are its database, by the settings of its ORM. */
import { expect, test } from 'vitest';
import { detect } from '../../../agents/detection/detect.js';
import { openTree } from '../../../providers/tree.js';
import { scratch } from './read-service.js';

const pack = JSON.stringify({ scripts: { start: 'node server.js' }, dependencies: { express: '4' } });
const base = { 'package.json': pack, 'server.js': "require('express')().listen(3000)" };
const schema = (url: string) => `datasource db {\n  provider = "sqlite"\n  url      = ${url}\n}\n`;

test.each<[string, Record<string, string>, string[]]>([
  ['Prisma, from the folder of its schema', { 'prisma/schema.prisma': schema('"file:./dev.db"') }, ['prisma/dev.db']],
  [
    'Prisma, by a variable',
    { 'prisma/schema.prisma': schema('env("DATABASE_URL")'), '.env.example': 'DATABASE_URL="file:./dev.db?x=1"\n' },
    ['prisma/dev.db'],
  ],
  [
    'Knex, and not the one of its tests',
    {
      'knexfile.js':
        "module.exports = { development: { client: 'better-sqlite3', connection: { filename: './data/dev.sqlite3' } }, test: { client: 'sqlite3', connection: { filename: './test.sqlite3' } } };",
    },
    ['data/dev.sqlite3'],
  ],
  [
    'Drizzle',
    { 'drizzle.config.ts': "export default { dialect: 'sqlite', dbCredentials: { url: 'file:local.db' } };" },
    ['local.db'],
  ],
  [
    'Sequelize',
    { 'config/config.json': '{"development": {"dialect": "sqlite", "storage": "./database.sqlite"}}' },
    ['database.sqlite'],
  ],
  [
    'TypeORM',
    { 'src/data-source.ts': "new DataSource({ type: 'better-sqlite3', database: 'app.sqlite' })" },
    ['app.sqlite'],
  ],
  ['Alembic', { 'alembic.ini': '[alembic]\nsqlalchemy.url = sqlite:///./app.db\n' }, ['app.db']],
  [
    'Django',
    {
      'shop/settings.py':
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': BASE_DIR / 'db.sqlite3'}}",
    },
    ['db.sqlite3'],
  ],
  ['a server', { 'prisma/schema.prisma': 'datasource db {\n  provider = "postgresql"\n  url = env("X")\n}\n' }, []],
  ['an environment alone', { '.env.example': 'DATABASE_URL=file:./dev.db\n' }, []],
])('%s', async (_, files, wanted) => {
  const tree = await openTree(scratch({ ...base, ...files }));
  const { fileDatabases = [], writes } = detect(tree, { repository: '/somewhere' }).services[0]!;
  expect(fileDatabases.map(({ path }) => path)).toEqual(wanted);
  expect(wanted.every((path) => writes.includes(path))).toBe(true);
  for (const { from } of fileDatabases) expect(from).toMatch(/:\d+$/);
});
