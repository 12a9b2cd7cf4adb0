/**
 * Outputs of tools, each with the rule that must answer it. They were made by running npm 11, pnpm 9, yarn 1, bun 1.4,
 * node 20, pip 23, flask, uvicorn and gunicorn on small faulty projects (machine paths and hosts replaced), except for those
 * in `written`, which follow what is known of tools that were not at hand.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { find, heal } from '../../../agents/fixer/match.js';
import { rules } from '../../../agents/fixer/rules/index.js';
import { type Given, healOf, lookOf } from './case.js';

const written = [
  'docker-missing',
  'env-decouple',
  'env-prisma',
  'env-pydantic',
  'env-shell',
  'env-third-party',
  'husky-no-git',
  'next-no-build',
  'npm-e401',
  'nothing-known',
  'psycopg-refused',
  'reference-error',
  'tsc-errors',
  'venv-missing',
  'vite-node-version',
  'yarn-berry-drift',
];
const folder = join(import.meta.dirname, 'corpus');
const text = (name: string): string => readFileSync(join(folder, `${name}.txt`), 'utf8');
const pnpm = {
  packageManager: 'pnpm',
  commands: { install: ['pnpm install --frozen-lockfile'], build: [], start: 'pnpm start' },
};
const yarn = {
  packageManager: 'yarn',
  commands: { install: ['yarn install --frozen-lockfile'], build: [], start: 'yarn run start' },
};
const berry = {
  packageManager: 'yarn',
  commands: { install: ['yarn install --immutable'], build: [], start: 'yarn run start' },
};
const bun = {
  packageManager: 'bun',
  commands: { install: ['bun install --frozen-lockfile'], build: [], start: 'bun run start' },
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
const sample = {
  texts: { 'site1.py': 'from flask import Flask\napplication = Flask(__name__)\n' },
  files: ['site1.py'],
};
const server = { files: ['package.json', 'server.js', 'a.ts', 'req.js', 'lib/thing.js'] };
const lock = { files: ['package.json', 'package-lock.json'] };

/** File, failed step, the rule that answers (null: none), and what else is known. */
const cases: [file: string, step: string, rule: string | null, given?: Given][] = [
  ['npm-offline', 'deps', 'offline-missing'],
  ['cargo-offline', 'deps', 'offline-missing'],
  ['npm-lock-drift', 'deps', 'npm-lock-drift', { look: lock }],
  ['npm-ci-usage-only', 'deps', 'npm-lock-drift', { look: lock }],
  ['npm-no-lock', 'deps', 'npm-no-lock'],
  ['pnpm-drift', 'deps', 'pnpm-lock-drift', { service: pnpm }],
  ['pnpm-no-lock', 'deps', 'pnpm-no-lock', { service: pnpm }],
  ['yarn-drift', 'deps', 'yarn-lock-drift', { service: yarn }],
  ['yarn-berry-drift', 'deps', 'yarn-lock-drift', { service: berry }],
  ['bun-drift', 'deps', 'bun-lock-drift', { service: bun }],
  ['npm-eresolve', 'deps', 'peer-conflict'],
  ['npm-engines-dep', 'deps', 'node-engine'],
  ['npm-engines-root', 'deps', 'engine-strict', { overlay: { relaxed: ['node'] } }],
  ['pnpm-engines', 'deps', 'node-engine', { service: pnpm }],
  ['yarn-engines', 'deps', 'node-engine', { service: yarn }],
  ['husky-not-found', 'deps', 'lifecycle-script'],
  ['husky-no-git', 'deps', 'git-hooks'],
  ['npm-enotfound', 'deps', 'host-unreachable'],
  ['npm-econnrefused', 'deps', 'host-unreachable'],
  ['py-nonet', 'deps', 'installed-packages', { service: py('python app.py') }],
  ['py-nonet', 'deps', 'host-unreachable', { service: bare }],
  ['npm-e404', 'deps', 'package-absent'],
  ['npm-etarget', 'deps', 'package-absent'],
  ['npm-e401', 'deps', 'access-refused'],
  [
    'npm-missing-script',
    'start',
    'missing-script',
    { manifest: { scripts: { start: 'npm run serve:web', web: 'node server.js' } } },
  ],
  ['npm-missing-start', 'start', 'missing-script', { look: server }],
  ['pnpm-missing-script', 'start', 'missing-script', { look: server }],
  ['yarn-missing-script', 'start', 'missing-script', { look: server }],
  ['bun-missing-script', 'start', 'missing-script', { look: server }],
  ['env-zod4', 'start', 'missing-env'],
  ['env-zod3', 'start', 'missing-env'],
  ['env-zodflat', 'start', 'missing-env'],
  ['env-envalid', 'start', 'missing-env'],
  ['env-joi', 'start', 'missing-env'],
  ['env-envvar', 'start', 'missing-env'],
  ['env-dotenv-safe', 'start', 'missing-env'],
  ['env-plain', 'start', 'missing-env'],
  ['env-notset', 'start', 'missing-env'],
  ['env-decouple', 'start', 'missing-env', { service: py('python app.py') }],
  ['env-pydantic', 'start', 'missing-env', { service: py('python app.py') }],
  ['env-shell', 'start', 'missing-env'],
  ['py-keyerror', 'start', 'missing-env', { service: py('python app.py') }],
  ['env-prisma', 'start', 'env-of-others'],
  ['env-third-party', 'start', 'env-of-others'],
  ['dotenv-read', 'start', 'dotenv-file'],
  ['dotenv-flag', 'start', 'dotenv-file'],
  ['esm-extension', 'start', 'esm-extension', { service: run('node in.mjs'), look: server }],
  ['module-esm', 'start', 'undeclared-module'],
  ['module-cjs', 'start', 'undeclared-module'],
  ['module-cjs', 'start', 'declared-module', { manifest: { dependencies: { 'left-pad': '1' } } }],
  ['entry-missing', 'start', 'wrong-entry', { service: run('node index.js'), look: server }],
  [
    'build-missing',
    'start',
    'missing-build',
    { service: run('node dist/server.js'), manifest: { scripts: { compile: 'tsc' } } },
  ],
  ['next-no-build', 'start', 'missing-build', { manifest: { scripts: { build: 'next build' } } }],
  ['ts-ext', 'start', 'typescript-entry', { service: run('node a.ts') }],
  ['esm-require', 'start', 'module-kind', { service: run('node req.js') }],
  ['ossl', 'build', 'openssl-legacy'],
  ['heap', 'build', 'heap'],
  ['port-held', 'start', 'port-held', { manifest: { scripts: { start: 'node server.js --port 4571' } } }],
  ['port-held', 'start', 'port-fixed', { manifest: { scripts: { start: 'node server.js' } } }],
  ['py-port', 'start', 'port-held', { service: py('python app.py --port 4572') }],
  ['builtin-sqlite', 'start', 'node-too-old'],
  ['node-version', 'start', 'node-version-check'],
  ['vite-node-version', 'build', 'node-version-check'],
  ['pg', 'start', 'service-missing'],
  ['redis', 'start', 'service-missing'],
  ['dbhost', 'start', 'service-missing'],
  ['psycopg-refused', 'start', 'service-missing', { service: py('python app.py') }],
  ['py-managed', 'start', 'externally-managed', { service: py('./start.sh') }],
  ['py-module', 'start', 'python-module', { service: py('python a.py') }],
  ['py-requires', 'deps', 'python-version', { service: py('python a.py') }],
  ['py-entry', 'start', 'wrong-program', { service: py('python3 main.py'), look: { files: ['app.py'] } }],
  ['py-two', 'start', 'python-2', { service: py('python3 two.py') }],
  ['py-nopin', 'deps', 'package-absent', { service: bare }],
  ['flask-noapp', 'start', 'wrong-app', { service: py('flask run --port $PORT'), look: sample }],
  ['flask-badapp', 'start', 'wrong-app', { service: py('flask --app wrong run'), look: sample }],
  ['uvicorn-nomod', 'start', 'wrong-app', { service: py('uvicorn main:app'), look: sample }],
  ['uvicorn-noattr', 'start', 'wrong-app', { service: py('uvicorn site1:app'), look: sample }],
  ['gunicorn-noattr', 'start', 'wrong-app', { service: py('gunicorn site1:app'), look: sample }],
  ['gunicorn-nomod', 'start', 'wrong-app', { service: py('gunicorn main:app'), look: sample }],
  ['docker-missing', 'start', 'docker-missing'],
  ['venv-missing', 'deps', 'venv-missing'],
  [
    'compose-missing',
    'start',
    'compose-missing',
    { service: { commands: { install: [], build: [], start: 'docker compose -f compose.yaml up' } } },
  ],
  ['reference-error', 'start', null],
  ['tsc-errors', 'build', null],
  ['nothing-known', 'start', null],
];

test.each(cases)('%s at %s is answered by %s', (file, step, wanted, given = {}) => {
  const input = healOf({ ...given, step, tail: text(file) });
  const look = lookOf(given);
  const answer = heal(input, look);
  const errors = rules.filter((rule) => 'error' in rule).map(({ id }) => id);
  // A rule for repairs says its name; a verdict is known by being the first that finds its case.
  const first = rules.find((rule) => {
    const found = find(rule, `${input.evidence!.tail}`.replace(/\u001b\[[\d;]*m/g, ''), input, look);
    return found !== null && ('error' in rule || rule.actions(found).length > 0);
  });
  expect(first?.id ?? null).toBe(wanted);
  if (wanted === null || errors.includes(wanted)) expect(answer.type).toBe('fixer.helpless');
  else expect(answer).toMatchObject({ type: 'fixer.fixed', rule: wanted });
});

test('every piece of the corpus is in the table', () => {
  const known = new Set(cases.map(([file]) => `${file}.txt`));
  expect(readdirSync(folder).filter((file) => !known.has(file))).toEqual([]);
  expect(written.filter((name) => !known.has(`${name}.txt`))).toEqual([]);
});
