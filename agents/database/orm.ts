/** How a repository makes its tables and first rows: the tool it uses, and the command for it. Reads only. */
import { accessSync, constants, existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { quote } from '../../runtime/shell.js';

export interface Making {
  /** For people. */
  what: string;
  shell: string;
  /** First rows: made once, while the data is new. */
  once: boolean;
}
export interface Makings {
  makings: Making[];
  notes: string[];
}

/** Scripts of a package.json that bring tables up to date, best first. None that asks questions. */
const MIGRATE = [
  'db:migrate:deploy',
  'migrate:deploy',
  'db:migrate',
  'migrate:latest',
  'migrate:up',
  'db:migrate:latest',
  'migrations:run',
  'migration:run',
  'db:setup',
  'migrate',
  'db:push',
];
const SEED = ['db:seed', 'seed', 'seed:run', 'db:seed:run'];

/** @param root of the repository: tools of a workspace may lie there. */
export function makingsOf(cwd: string, root: string): Makings {
  const notes: string[] = [];
  const has = (...path: string[]): boolean => existsSync(join(cwd, ...path));
  const text = (...path: string[]): string => {
    try {
      return readFileSync(join(cwd, ...path), 'utf8');
    } catch {
      return ''; // it is not there
    }
  };
  const found = (names: readonly string[]): string | undefined => names.find((name) => has(name));
  const names = (...path: string[]): string[] => {
    try {
      return readdirSync(join(cwd, ...path)).filter((name) => !name.startsWith('.'));
    } catch {
      return []; // no such folder
    }
  };
  const pack = parse(text('package.json')) as {
    scripts?: Record<string, string>;
    prisma?: { schema?: string; seed?: string };
    dependencies?: object;
    devDependencies?: object;
  };
  const scripts = pack.scripts ?? {};
  const depends = (name: string): boolean => name in { ...pack.dependencies, ...pack.devDependencies };
  const venv = ['.venv', 'venv', 'env'].find((name) => has(name, 'bin', 'python'));
  const python = venv === undefined ? 'python3' : quote(join(cwd, venv, 'bin', 'python'));
  const makings: Making[] = [];
  /** A command of an npm package that is installed; noted where it is not. */
  const npm = (program: string, args: string, once = false): boolean => {
    const path = [cwd, root].map((at) => join(at, 'node_modules', '.bin', program)).find(isExecutable);
    if (path === undefined) notes.push(`${program} ${args} is not run: ${program} is not installed`);
    else makings.push({ what: `${program} ${args}`, shell: `${quote(path)} ${args}`, once });
    return path !== undefined;
  };
  const run = (what: string, shell: string, once = false): void => void makings.push({ what, shell, once });

  const prisma = found([pack.prisma?.schema ?? 'prisma/schema.prisma', 'prisma/schema.prisma', 'schema.prisma']);
  const knex = found(['knexfile.js', 'knexfile.cjs', 'knexfile.mjs', 'knexfile.ts']);
  const drizzle = found(['drizzle.config.ts', 'drizzle.config.js', 'drizzle.config.mjs', 'drizzle.config.json']);
  const source = found([
    'src/data-source.ts',
    'src/database/data-source.ts',
    'src/db/data-source.ts',
    'data-source.ts',
    'src/data-source.js',
    'data-source.js',
    'ormconfig.js',
    'ormconfig.ts',
  ]);
  const python3 = `${text('requirements.txt')}${text('pyproject.toml')}${text('Pipfile')}`.toLowerCase();
  if (prisma !== undefined && (depends('prisma') || depends('@prisma/client'))) {
    const migrations = names(prisma.includes('/') ? join(prisma, '..') : '.', 'migrations').some(
      (name) => !name.endsWith('.toml'),
    );
    const at = `--schema ${quote(prisma)}`;
    npm('prisma', migrations ? `migrate deploy ${at}` : `db push ${at}`);
    if (pack.prisma?.seed) npm('prisma', 'db seed', true);
  } else if (knex !== undefined) {
    if (npm('knex', 'migrate:latest') && (names('seeds').length > 0 || names('db', 'seeds').length > 0))
      npm('knex', 'seed:run', true);
  } else if (drizzle !== undefined) {
    const out = /\bout["']?\s*:\s*["']([^"']+)/.exec(text(drizzle))?.[1] ?? 'drizzle';
    npm('drizzle-kit', has(out, 'meta', '_journal.json') ? 'migrate' : 'push --force');
  } else if (has('.sequelizerc') || (depends('sequelize-cli') && has('migrations'))) {
    if (npm('sequelize-cli', 'db:migrate') && names('seeders').length > 0) npm('sequelize-cli', 'db:seed:all', true);
  } else if (depends('typeorm') && (source !== undefined || scripts['migration:run'])) {
    if (scripts['migration:run']) run('npm run migration:run', 'npm run --silent migration:run');
    else npm(source!.endsWith('.ts') ? 'typeorm-ts-node-commonjs' : 'typeorm', `migration:run -d ${quote(source!)}`);
  } else if (has('manage.py')) run('manage.py migrate', `${python} manage.py migrate --no-input`);
  else if (has('alembic.ini')) run('alembic upgrade head', `${python} -m alembic upgrade head`);
  else if (has('migrations', 'env.py') && /flask-migrate/.test(python3))
    run('flask db upgrade', `${python} -m flask db upgrade`);
  else if (has('bin', 'rails') && has('config', 'database.yml'))
    run('rails db:prepare', 'bundle exec rails db:prepare');
  else if (has('artisan')) {
    run('artisan migrate', 'php artisan migrate --force');
    if (has('database', 'seeders')) run('artisan db:seed', 'php artisan db:seed --force', true);
  } else if (/:ecto_sql\b|ecto_sql/.test(text('mix.exs')))
    run('mix ecto.migrate', 'mix ecto.create --quiet && mix ecto.migrate');
  else {
    // Of a script that would ask, or that brings everything back to nothing, nobody wants to hear.
    const script = MIGRATE.find(
      (name) => scripts[name] && !/\b(?:dev|reset|create|make|generate)\b/.test(scripts[name]!),
    );
    if (script !== undefined) run(`npm run ${script}`, `npm run --silent ${script}`);
  }
  const seed = SEED.find((name) => scripts[name]);
  if (seed !== undefined && makings.length > 0 && !makings.some(({ once }) => once))
    run(`npm run ${seed}`, `npm run --silent ${seed}`, true);
  return { makings, notes };
}

const SCHEMA = /^(?:schema|structure|tables|init|setup|create[-_]?tables|database|dump)\.sql(?:\.gz)?$/i;
const SCHEMA_FOLDERS = ['.', 'db', 'database', 'sql', 'schema', 'data', 'scripts'];
const READERS = /\.(?:[cm]?[jt]sx?|py|rb|php|go|rs|java|kt|cs|ex|sh|json|toml|ya?ml)$|^(?:Makefile|Procfile)$/;
const OF_OTHERS = /^(?:node_modules|vendor|dist|build|target|__pycache__|tests?|\..*)$/;
const READER_BYTES = 256 * 1024;
const READERS_LOOKED_AT = 300;

/**
 * The file of SQL that a person is told to load by hand before the first start, where it is the only way to the tables.
 * @returns null also where code of the repository names the file: then it loads it itself.
 */
export function schemaOf(cwd: string): string | null {
  const found = SCHEMA_FOLDERS.flatMap((folder) =>
    namesIn(join(cwd, folder))
      .filter((name) => SCHEMA.test(name))
      .map((name) => join(cwd, folder, name)),
  );
  const path = found[0];
  // Of several, nobody says which comes first.
  return path === undefined || found.length > 1 || isNamed(cwd, basename(path)) ? null : path;
}
function isNamed(cwd: string, file: string): boolean {
  let looked = 0;
  const walk = (folder: string, depth: number): boolean =>
    namesIn(folder).some((name) => {
      const path = join(folder, name);
      const stat = lstatSync(path, { throwIfNoEntry: false });
      if (stat?.isDirectory()) return depth < 4 && !OF_OTHERS.test(name) && walk(path, depth + 1);
      if (!stat?.isFile() || stat.size > READER_BYTES || !READERS.test(name) || looked >= READERS_LOOKED_AT)
        return false;
      looked += 1;
      return readFileSync(path, 'utf8').includes(file);
    });
  return walk(cwd, 0);
}
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return []; // no such folder
  }
}

const parse = (text: string): object => {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === 'object' ? value : {};
  } catch {
    return {}; // none, or none that can be read: detection has said so
  }
};
function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
