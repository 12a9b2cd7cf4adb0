/**
 * Outputs of tools, each with the rule that must answer it: `corpus/<rule>/<name>.txt`. They were made by running npm 11,
 * pnpm 9 and 10, yarn 1, bun 1.4, node 20, deno 2, pip 23, django 5, flask, streamlit, go 1.19, cargo 1.95, bundler 2.3, php
 * 8.2, javac 17 and others on small faulty projects (machine paths and hosts replaced); those that end in `.written.txt`
 * follow what is known of tools that were not at hand.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rules } from '../../../agents/fixer/rules/index.js';
import { commonCommands, surmise } from '../../../agents/fixer/surmise.js';
import type { Given } from './case.js';

const folder = join(import.meta.dirname, 'corpus');
const yarnBerry = {
  packageManager: 'yarn',
  commands: { install: ['yarn install --immutable'], build: [], start: 'yarn run start' },
};
const run = (start: string, more: Partial<NonNullable<Given['service']>> = {}) => ({
  commands: { install: ['npm ci'], build: [], start },
  ...more,
});
const py = (start: string) => ({
  language: 'python',
  packageManager: 'pip',
  commands: {
    install: ['python3 -m venv .venv', '.venv/bin/python -m pip install -r requirements.txt'],
    build: [],
    start,
  },
});
const bare = {
  language: 'python',
  packageManager: 'pip',
  commands: { install: ['pip install -r requirements.txt'], build: [], start: 'python app.py' },
};
const local = (what = '.') => ({
  language: 'python',
  packageManager: 'pip',
  commands: {
    install: ['python3 -m venv .venv', `.venv/bin/python -m pip install ${what}`],
    build: [],
    start: 'python a.py',
  },
});
const sample = {
  texts: { 'site1.py': 'from flask import Flask\napplication = Flask(__name__)\n' },
  files: ['site1.py'],
};
const settings = (text: string) => ({
  texts: { 'site1/settings.py': text },
  files: ['manage.py', 'site1/settings.py'],
});
const server = { files: ['package.json', 'server.js', 'a.ts', 'req.js', 'lib/thing.js'] };
const lock = { files: ['package.json', 'package-lock.json'] };
const script = { files: ['start.sh', 'run.sh', 'go.sh'] };
const pinned = { dependencies: { 'is-number': '7.99.0' } };
const goMod = { texts: { 'go.mod': 'module x\n\ngo 1.22.3\n' }, files: ['go.mod', 'main.go'] };
/** It had been up. */
const later = { memoryBytes: 64 << 20 };
/** The code looks for a service where another program is. */
const elsewhere = (kind: string, port: number, ownNetwork: boolean): Told => ({
  step: 'start',
  given: {
    running: [kind],
    can: ['serve-at'],
    look: { fixed: [{ kind, port, from: 'server.js:3', holder: 'node (pid 7)' }], ownNetwork },
  },
});
const built = (start: string) => ({ commands: { install: ['npm ci'], build: ['npm run build'], start } });

export interface Told {
  /** The step it failed at, where its text alone does not tell. */
  step?: string;
  given?: Given;
  /** Answered by another rule than its folder says, in this case. */
  rule?: string | null;
}
/** What else is known of a failure than its text. */
const told: Record<string, Told | Told[]> = {
  'npm-lock-drift/npm-lock-drift': { given: { look: lock } },
  'npm-lock-drift/npm-ci-usage-only': { given: { look: lock } },
  'yarn-lock-drift/yarn-berry-drift': { given: { service: yarnBerry } },
  'engine-strict/npm-engines-root': { given: { overlay: { relaxed: ['node'] } } },
  'installed-packages/py-nonet': [
    { step: 'deps', given: { service: py('python app.py') } },
    { step: 'deps', rule: 'host-unreachable', given: { service: bare } },
  ],
  'missing-script/npm-missing-script': {
    given: { manifest: { scripts: { start: 'npm run serve:web', web: 'node server.js' } } },
    step: 'start',
  },
  'missing-script/npm-missing-start': { given: { look: server }, step: 'start' },
  'missing-script/pnpm-missing-script': { given: { look: server }, step: 'start' },
  'missing-script/yarn-missing-script': { given: { look: server }, step: 'start' },
  'missing-script/bun-missing-script': { given: { look: server }, step: 'start' },
  'esm-extension/esm-extension': { given: { service: run('node in.mjs'), look: server } },
  'undeclared-module/module-cjs': [
    {},
    { rule: 'declared-module', given: { manifest: { dependencies: { 'left-pad': '1' } } } },
  ],
  'declared-program/vite': { given: { manifest: { devDependencies: { vite: '5' } } } },
  'wrong-entry/entry-missing': { given: { service: run('node index.js'), look: server } },
  'missing-build/build-missing': {
    given: { service: run('node dist/server.js'), manifest: { scripts: { compile: 'tsc' } } },
  },
  'missing-build/next-no-build': {
    given: { manifest: { scripts: { build: 'next build' } }, service: run('npm start') },
    step: 'start',
  },
  'typescript-entry/ts-ext': { given: { service: run('node a.ts') } },
  'require-in-module/esm-require': [
    { given: { service: run('node req.js'), manifest: { type: 'module' }, look: server } },
    { given: { service: run('node req.js'), look: { texts: { 'a.js': "import a from 'b';" } } } },
  ],
  'module-kind/import-in-script': { given: { service: run('node a.cjs'), look: server } },
  'port-held/port-held': [
    { given: { manifest: { scripts: { start: 'node server.js --port 4571' } } } },
    { rule: 'port-fixed', given: { manifest: { scripts: { start: 'node server.js' } } } },
    {
      rule: 'port-apart',
      given: {
        manifest: { scripts: { start: 'node server.js' } },
        can: ['own-network'],
        look: { holder: 'node (pid 7)', ownNetwork: true },
      },
    },
  ],
  'port-held/py-port': { given: { service: py('python app.py --port 4572') } },
  'port-elsewhere/node': {
    step: 'prove',
    given: { look: { texts: { 'server.js': 'const port = process.env.DASHBOARD_PORT || 4571' } } },
  },
  'python-module/py-module': { given: { service: py('python a.py') } },
  'python-path/src': { given: { service: py('python run.py'), look: { files: ['run.py', 'src/shop/app.py'] } } },
  'externally-managed/py-managed': { given: { service: py('./start.sh') }, step: 'start' },
  'wrong-program/py-entry': { given: { service: py('python3 main.py'), look: { files: ['app.py'] } } },
  'python-2/py-two': { given: { service: py('python3 two.py') } },
  'package-absent/py-nopin': { given: { service: bare } },
  'wrong-app/flask-noapp': { given: { service: py('flask run --port $PORT'), look: sample } },
  'wrong-app/flask-badapp': { given: { service: py('flask --app wrong run'), look: sample } },
  'wrong-app/uvicorn-nomod': { given: { service: py('uvicorn main:app'), look: sample } },
  'wrong-app/uvicorn-noattr': { given: { service: py('uvicorn site1:app'), look: sample } },
  'wrong-app/gunicorn-noattr': { given: { service: py('gunicorn site1:app'), look: sample } },
  'wrong-app/gunicorn-nomod': { given: { service: py('gunicorn main:app'), look: sample } },
  'compose-missing/compose-missing': {
    given: { service: { commands: { install: [], build: [], start: 'docker compose -f compose.yaml up' } } },
  },
  'service-missing/redis': [{}, { rule: 'service-to-start', given: { can: ['start-service', 'map-host'] } }],
  'service-missing/dbhost': [{}, { rule: 'service-to-start', given: { can: ['start-service', 'map-host'] } }],
  'program-missing/ffmpeg': [{}, { rule: 'program-to-install', given: { can: ['install-system-package'] } }],
  'header-missing/canvas': [{}, { rule: 'header-to-install', given: { can: ['install-system-package'] } }],
  'library-missing/magic': [{}, { rule: 'library-to-install', given: { can: ['install-system-package'] } }],
  'dev-engines/npm': { given: { manifest: { devEngines: { packageManager: { name: 'pnpm' } } } } },
  'version-absent/npm': { given: { manifest: pinned } },
  'version-absent/pnpm': { given: { manifest: pinned } },
  'version-absent/yarn': { given: { manifest: pinned } },
  'type-errors/tsc': {
    given: {
      manifest: { scripts: { build: 'tsc && vite build' } },
      service: { commands: { install: [], build: ['npm run build'], start: 'npm start' } },
    },
  },
  'eslint-build/next': {
    given: {
      manifest: { scripts: { build: 'next build' } },
      service: { commands: { install: [], build: ['npm run build'], start: 'npm start' } },
    },
  },
  'fonts-offline/next': {
    given: { service: { commands: { install: [], build: ['npm run build'], start: 'npm start' } } },
  },
  'killed-for-memory/webpack': { step: 'build', given: { exitCode: 137 } },
  'vite-host-check/page': { step: 'prove' },
  'asks-questions/npx': { given: { limit: 'idle' } },
  'asks-questions/angular': { given: { limit: 'idle' } },
  'own-modules-path/src': { given: { look: { files: ['src/index.js', 'src/routes/users.js'] } } },
  'settings-file/json': {
    given: { look: { files: ['server.js', 'config.example.json'], texts: { 'config.example.json': '{}' } } },
  },
  'dotenv-file/dotenv-read': { given: { look: { files: ['package.json', 'server.js'] } } },
  'nearest-version/node': {
    given: { code: 'TOOL_MISSING', message: 'node 99.1.0 is needed (package.json:5) and this machine has 20.20.2' },
  },
  'stale-pid/rails': { given: { look: { files: ['tmp/pids/server.pid'] } } },
  'missing-folder/scandir': { given: { look: server } },
  'missing-folder/open': { given: { look: server } },
  'missing-folder/python': { given: { service: py('python a.py') } },
  'windows-set/sh': {
    step: 'build',
    given: {
      service: { commands: { install: ['npm ci'], build: ['npm run build'], start: 'npm start' } },
      manifest: { scripts: { build: 'SET NODE_ENV=production && vite build' } },
      look: { bins: ['vite'] },
    },
  },
  'crlf-script/env': { given: { look: script, service: run('./run.sh') } },
  'crlf-script/sh': { given: { look: script, service: run('./start.sh') } },
  'crlf-script/bash': { given: { look: script, service: run('./start.sh') } },
  'crlf-script/body': { given: { look: script, service: run('sh start.sh') } },
  'not-executable/sh': { given: { look: script, service: run('./start.sh') } },
  'not-executable/npm': { given: { look: script } },
  'not-executable/spawn': { given: { look: script } },
  'not-executable/python': { given: { look: script, service: py('python a.py') } },
  'migration-pending/django': { given: { service: py('python manage.py runserver'), look: settings('') } },
  'migration-pending/runserver': {
    given: { service: py('python manage.py runserver'), look: settings("ENGINE = 'sqlite3'") },
    step: 'prove',
  },
  'migration-pending/sqlite': { given: { service: py('python a.py'), look: { files: ['alembic.ini'] } } },
  'migration-pending/node': { given: { manifest: { scripts: { 'db:migrate': 'node migrate.js' } } } },
  'migration-pending/rails': {
    step: 'prove',
    given: { look: { files: ['bin/rails'], texts: { 'config/database.yml': 'adapter: sqlite3' } } },
  },
  'migration-pending/prisma': {
    step: 'prove',
    given: { look: { files: ['prisma/schema.prisma'], texts: { 'prisma/schema.prisma': 'provider = "sqlite"' } } },
  },
  'migration-pending/node-init': {
    given: { running: ['postgres'], manifest: { scripts: { 'db:init': 'node db/create.js' } } },
  },
  'docker-start/compose': {
    given: {
      running: ['postgres'],
      manifest: { scripts: { start: 'docker compose up -d db && node server.js' } },
    },
  },
  'docker-start/before': {
    given: {
      running: ['redis'],
      manifest: { scripts: { prestart: 'docker-compose up -d', start: 'node server.js' } },
    },
  },
  'tls-not-there/pg': {
    given: {
      running: ['postgres'],
      look: { files: ['db.js'], texts: { 'db.js': "ssl: process.env.DATABASE_SSL !== 'false' && { ca }" } },
    },
  },
  'database-absent/postgres': {
    given: {
      can: ['create-database'],
      overlay: { services: [{ service: 'postgres', host: null, port: 5432, database: null }] },
    },
  },
  'django-secret/settings': {
    given: {
      service: py('python manage.py runserver'),
      look: settings('SECRET_KEY = os.environ.get("DJANGO_SECRET", "")'),
    },
  },
  'django-hosts/runserver': {
    given: {
      service: py('python manage.py runserver'),
      look: settings('ALLOWED_HOSTS = os.environ.get("HOSTS", "").split(",")'),
    },
  },
  'own-launcher/streamlit': { given: { service: py('python a.py') } },
  'pin-absent/pip': {
    given: {
      service: py('python a.py'),
      look: { texts: { 'requirements.txt': 'greeting==1.1.7\n' }, files: ['requirements.txt'] },
    },
  },
  'ready-made-wheel/psycopg2': {
    given: {
      service: py('python a.py'),
      look: { texts: { 'requirements.txt': 'psycopg2==2.9.9\n' }, files: ['requirements.txt'] },
    },
  },
  'not-a-package/flat': {
    given: { service: local(), look: { texts: { 'pyproject.toml': '[project]\nname="p"\ndependencies=["flask"]\n' } } },
  },
  'not-a-package/none': { given: { service: local() } },
  'old-setup-tools/2to3': { given: { service: local('./p') } },
  'old-setup-tools/pkgres': { given: { service: local('./p') } },
  'build-backend/poetry': { given: { service: local() } },
  'go-version/patch': [
    { given: { look: goMod } },
    { rule: 'go-directive', given: { look: goMod, overlay: { relaxed: ['go'] } } },
  ],
  'go-vendor/off': {
    given: {
      service: {
        language: 'go',
        packageManager: 'go',
        evidence: [{ claim: 'vendored', file: 'vendor/modules.txt', line: null }],
      },
    },
  },
  'go-vendor/proxy': {
    given: {
      service: {
        language: 'go',
        packageManager: 'go',
        evidence: [{ claim: 'vendored', file: 'vendor/modules.txt', line: null }],
      },
    },
  },
  'cargo-workspace/nested': {
    given: { look: { texts: { 'Cargo.toml': '[package]\nname="in"\n' }, files: ['Cargo.toml'] } },
    step: 'build',
  },
  'bash-script/sh-bashism': { step: 'start', given: { service: run('sh s.sh'), look: { files: ['s.sh'] } } },
  'bash-script/sh-pipefail': { step: 'start', given: { service: run('./run.sh'), look: { files: ['run.sh'] } } },
  'bash-script/npm-source': {
    step: 'start',
    given: { manifest: { scripts: { start: 'source ./env.sh && node server.js' } }, service: run('npm start') },
  },
  'python-too-old/py-union38': { given: { service: py('python a.py') } },
  'name-gone/py-wrapsocket': { step: 'start', given: { service: py('python a.py') } },
  'missing-folder/py-sqliteopen': { step: 'start', given: { service: py('python a.py') } },
  'none/mvn-offline': {
    step: 'build',
    given: {
      service: {
        language: 'java',
        packageManager: 'maven',
        commands: { install: [], build: ['mvn -q package'], start: 'java -jar a.jar' },
      },
    },
  },
  'none/node-worker': { step: 'start', given: { service: run('node a.js'), look: { files: ['a.js', 'server.js'] } } },
  'none/node-unknownext': {
    step: 'start',
    given: { service: run('node a.mjs'), look: { files: ['a.mjs', 'page.txt'] } },
  },
  'none/py-bind': { step: 'start', given: { service: py('python a.py') } },
  'none/gcc-own': { step: 'build' },
  'cargo-workspace/broken': {
    given: { look: { texts: { 'Cargo.toml': '[package]\nname="in"\n' }, files: ['Cargo.toml'] } },
    step: 'build',
  },
  'none/cargo-member': {
    given: { look: { texts: { 'Cargo.toml': '[package]\nname="in"\n' }, files: ['Cargo.toml'] } },
    step: 'build',
  },
  'cargo-lock-drift/locked': { step: 'build' },
  'ruby-version/bundle': [
    {},
    { rule: 'ruby-relaxed', given: { overlay: { relaxed: ['ruby'] }, look: { texts: { Gemfile: 'ruby "2.7.1"\n' } } } },
  ],
  'wrapper-missing/gradle': {
    step: 'build',
    given: {
      service: {
        language: 'java',
        packageManager: 'gradle',
        commands: { install: [], build: ['./gradlew build'], start: 'java -jar a.jar' },
      },
    },
  },
  'build-gone/page-read': { step: 'prove', given: { later, service: built('npm start') } },
  'build-gone/shown': { step: 'prove', given: { later, service: built('rr-static --port $PORT dist') } },
  'packages-gone/file-read': { step: 'prove', given: { later } },
  'packages-gone/venv': { step: 'start', given: { later, service: py('.venv/bin/python a.py') } },
  'server-lost/redis': { step: 'start', given: { later, running: ['redis'] } },
  'server-lost/postgres': { step: 'prove', given: { later, running: ['postgres'] } },
  'ended-from-outside/kernel': { step: 'start', given: { later } },
  'ended-from-outside/limit': { step: 'start', given: { later } },
  'service-apart/pg-held': [
    elsewhere('postgres', 5432, true),
    { ...elsewhere('postgres', 80, true), rule: 'service-fixed' },
  ],
  'service-apart/ioredis-http': elsewhere('redis', 6379, true),
  'service-fixed/redis-held': [
    elsewhere('redis', 6379, false),
    { ...elsewhere('redis', 6379, true), rule: 'service-apart' },
  ],
  'service-fixed/amqp-http': elsewhere('rabbitmq', 5672, false),
  'laravel-key/page': { given: { look: { files: ['.env.example', 'artisan'] } }, step: 'prove' },
};

export interface Piece {
  /** `<rule>/<name>` */
  id: string;
  rule: string | null;
  text: string;
  step: string;
  given: Given;
}
/** Every failure of the corpus, with all that is known of it. */
export const corpus: Piece[] = readdirSync(folder).flatMap((rule) =>
  readdirSync(join(folder, rule)).flatMap((file) => {
    const id = `${rule}/${file.replace(/(?:\.written)?\.txt$/, '')}`;
    const text = readFileSync(join(folder, rule, file), 'utf8');
    const seen = surmise(text);
    return [told[id] ?? {}].flat().map((one): Piece => {
      const wanted = one.rule === undefined ? (rule === 'none' ? null : rule) : one.rule;
      const steps = (rules.find(({ id: name }) => name === wanted)?.steps ?? []) as readonly string[];
      return {
        id,
        rule: wanted,
        text,
        step: one.step ?? (steps.length === 0 || steps.includes(seen.step) ? seen.step : steps[0]!),
        given: {
          ...one.given,
          service: {
            language: seen.language,
            packageManager: seen.manager,
            commands: commonCommands(seen),
            ...one.given?.service,
          },
        },
      };
    });
  }),
);
export const unused = (): string[] => Object.keys(told).filter((id) => !corpus.some((piece) => piece.id === id));
