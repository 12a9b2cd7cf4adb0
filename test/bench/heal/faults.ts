/**
 * Kinds of faults, each put into a healthy repository of test/repos: what a user's repository is wrong in, never what the
 * rules look for in words. `says` is in the page only when the application truly does its work again.
 */
import type { Editor, Fault } from './fault.js';
import { ruleFaults } from './faults-rules.js';
import { moreFaults } from './more-faults.js';
import { serviceFaults } from './service-faults.js';

export { editorOf, type Fault, hereOf, inject } from './fault.js';

const EXPRESS = 'Hello from Express';
const express = (kind: string, rules: readonly string[], inject: Fault['inject'], says = EXPRESS): Fault => ({
  kind,
  repo: 'express-hello',
  says,
  rules,
  inject,
});
const scripts = (repo: Editor, next: Record<string, string>): void =>
  repo.json('package.json', (one) => ({ ...one, scripts: next }));
const depends = (repo: Editor, next: Record<string, string>): void =>
  repo.json('package.json', (one) => ({ ...one, dependencies: { ...one.dependencies, ...next } }));
const first = (line: string) => (repo: Editor) => repo.edit('server.js', (before) => `${line}\n${before}`);
const PLAIN = 'Hello from plain Python';
const plain = (kind: string, rules: readonly string[], inject: Fault['inject']): Fault => ({
  kind,
  repo: 'python-plain-server',
  says: PLAIN,
  rules,
  inject,
});
const firstPy = (line: string) => (repo: Editor) => repo.edit('server.py', (before) => `${line}\n${before}`);
const flask = (kind: string, rules: readonly string[], inject: Fault['inject']): Fault => ({
  kind,
  repo: 'flask-hello',
  says: 'Hello from Flask',
  rules,
  slow: true,
  inject(repo) {
    // Only its page, so that it is the page that is looked at.
    repo.edit('app.py', (before) => before.replace(/@application\.route\("\/health"\)[\s\S]*?(?=\nif __name__)/, ''));
    inject(repo);
  },
});

const LAUNCH = '#!/bin/sh\nexec node server.js\n';

export const faults: readonly Fault[] = [
  // Node: installing.
  express('lock file behind package.json', ['npm-lock-drift'], (repo) => depends(repo, { 'is-number': '7.0.0' })),
  express('lock file empty', ['npm-no-lock', 'npm-lock-drift'], (repo) => repo.write('package-lock.json', '')),
  express('peers that exclude one another', ['peer-conflict'], (repo) => {
    depends(repo, { redux: '5.0.1', 'redux-thunk': '2.4.2' });
    repo.remove('package-lock.json');
  }),
  express('pinned version never published', ['version-absent'], (repo) => {
    depends(repo, { 'is-number': '7.99.0' });
    repo.remove('package-lock.json');
  }),
  express('git hooks without git', ['git-hooks'], (repo) => {
    repo.write(
      'hooks.mjs',
      'if (!process.env.SKIP_INSTALL_SIMPLE_GIT_HOOKS) { console.error(".git can\'t be found"); process.exit(1); }\n',
    );
    scripts(repo, { start: 'node server.js', prepare: 'node hooks.mjs' });
  }),
  express('postinstall calls what is not installed', ['lifecycle-script'], (repo) =>
    scripts(repo, { start: 'node server.js', postinstall: 'patch-package' }),
  ),
  express('package for another system', ['wrong-platform'], (repo) => {
    repo.write('native/package.json', '{"name":"native","version":"1.0.0","os":["win32"]}\n');
    depends(repo, { native: 'file:./native' });
    repo.remove('package-lock.json');
    repo.write('.npmrc', 'install-links=true\n');
  }),
  {
    kind: 'pnpm lock file behind package.json',
    repo: 'pnpm-hello',
    says: 'Hello after',
    rules: ['pnpm-lock-drift'],
    inject: (repo) => depends(repo, { 'is-number': '7.0.0' }),
  },
  {
    kind: 'packages of development left out',
    repo: 'vite-spa',
    says: 'Vite page',
    rules: ['declared-program', 'declared-module'],
    slow: true,
    inject: (repo) => repo.write('.npmrc', 'omit=dev\n'),
  },
  express('module of development that the start needs', ['declared-module'], (repo) => {
    repo.json('package.json', ({ dependencies, ...one }) => ({ ...one, devDependencies: dependencies! }));
    repo.remove('package-lock.json');
    repo.write('.npmrc', 'omit=dev\n');
  }),
  // Node: building and starting.
  express(
    'variable of a secret not set',
    ['missing-env'],
    first(
      "for (const name of ['SESSION_SECRET', 'COOKIE_SECRET']) if (!process.env[name]) throw new Error(name + ' is required');",
    ),
  ),
  express(
    'variable with an example not set',
    ['missing-env'],
    (repo) => {
      repo.write('.env.example', 'GREETING_WORD=welcome\n');
      first(
        "for (const name of ['GREETING_WORD']) if (!process.env[name]) throw new Error('Missing required environment variable: ' + name);",
      )(repo);
      repo.edit('server.js', (before) => before.replace("</h1>'", "</h1>' + process.env.GREETING_WORD"));
    },
    'welcome',
  ),
  express('.env not there', ['dotenv-file'], (repo) => {
    repo.write('.env.example', 'COLOUR=green\n');
    first("import { readFileSync as readEnv } from 'node:fs';\nreadEnv('.env', 'utf8');")(repo);
  }),
  express('settings file not there', ['settings-file'], (repo) => {
    repo.write('config.example.json', '{"colour":"green"}\n');
    first(
      "import { readFileSync as readSettings } from 'node:fs';\nJSON.parse(readSettings('./config.json', 'utf8'));",
    )(repo);
  }),
  express(
    'folder for uploads not there',
    ['missing-folder'],
    first("import { readdirSync } from 'node:fs';\nreaddirSync('./uploads');"),
  ),
  express('script of another name', ['missing-script'], (repo) =>
    scripts(repo, { start: 'npm run serve:web', web: 'node server.js' }),
  ),
  express('build not done', ['missing-build'], (repo) => {
    scripts(repo, { start: 'node dist/server.js', compile: 'node make.mjs' });
    repo.write(
      'make.mjs',
      "import { cpSync, mkdirSync } from 'node:fs';\nmkdirSync('dist', { recursive: true });\ncpSync('server.js', 'dist/server.js');\n",
    );
    repo.edit('.gitignore', (before) => `${before}dist/\n`);
  }),
  express('module not declared', ['undeclared-module'], (repo) => {
    repo.json('package.json', ({ dependencies: _, ...one }) => one);
    repo.remove('package-lock.json');
  }),
  express('start names another file', ['wrong-entry'], (repo) => {
    scripts(repo, { start: 'sh run.sh' });
    repo.write('run.sh', 'exec node index.js\n');
  }),
  express('start script may not be run', ['not-executable'], (repo) => {
    scripts(repo, { start: './start.sh' });
    repo.write('start.sh', LAUNCH, 0o644);
  }),
  express('start script with line ends of Windows', ['crlf-script'], (repo) => {
    scripts(repo, { start: './start.sh' });
    repo.write('start.sh', LAUNCH.replaceAll('\n', '\r\n'), 0o755);
  }),
  express(
    'hash of the time of OpenSSL 1',
    ['openssl-legacy'],
    first("import { createHash } from 'node:crypto';\ncreateHash('md4').update('x').digest();"),
  ),
  express('require in a module', ['require-in-module'], (repo) =>
    repo.edit('server.js', (before) =>
      before.replace("import express from 'express';", "const express = require('express');"),
    ),
  ),
  express('TypeScript started by node', ['typescript-entry'], (repo) => {
    repo.write('server.ts', repo.text('server.js').replace('const port =', 'const port: number ='));
    repo.remove('server.js');
    scripts(repo, { start: 'node server.ts' });
  }),
  express('imports without the end of the name', ['esm-extension'], (repo) => {
    repo.write('lib/word.js', "export const word = 'Hello';\n");
    first("import { word } from './lib/word';\nif (!word) throw new Error('no word');")(repo);
  }),
  express(
    'newer node wanted by the program',
    ['node-version-check'],
    first("if (Number(process.versions.node.split('.')[0]) < 22) throw new Error('this program requires Node >=22');"),
  ),
  express('version of node that nobody has', ['nearest-version'], (repo) =>
    repo.json('package.json', (one) => ({ ...one, engines: { node: '>=99' } })),
  ),
  express('start calls a program nobody declared', ['undeclared-program'], (repo) =>
    scripts(repo, { start: 'cross-env MODE=x node server.js' }),
  ),
  {
    kind: 'types stop a build that does not need them',
    repo: 'node-typescript',
    says: 'Hello from TypeScript',
    rules: ['type-errors'],
    slow: true,
    inject(repo) {
      repo.edit('src/page.ts', (before) => `${before}export const broken: number = 'not a number';\n`);
      repo.write(
        'emit.mjs',
        "import { execFileSync } from 'node:child_process';\nexecFileSync('node_modules/.bin/tsc', ['--noCheck'], { stdio: 'inherit' });\n",
      );
      scripts(repo, { build: 'tsc --noEmit && node emit.mjs', start: 'node dist/server.js' });
    },
  },
  {
    kind: 'build not in the plan of a compiled server',
    repo: 'node-typescript',
    says: 'Hello from TypeScript',
    rules: ['missing-build'],
    slow: true,
    inject: (repo) => scripts(repo, { compile: 'tsc', start: 'node dist/server.js' }),
  },
  // A monorepo.
  {
    kind: 'variable of one of several services not set',
    repo: 'workspace-apps',
    service: 'apps/api',
    says: 'the API',
    rules: ['missing-env'],
    inject: (repo) =>
      repo.edit(
        'apps/api/server.js',
        (before) => `if (!process.env.JWT_SECRET) throw new Error('JWT_SECRET must be set');\n${before}`,
      ),
  },
  {
    kind: 'start of one of several services names another file',
    repo: 'workspace-apps',
    service: 'apps/api',
    says: 'the API',
    rules: ['wrong-entry'],
    inject(repo) {
      repo.json('apps/api/package.json', (one) => ({ ...one, scripts: { start: 'sh run.sh' } }));
      repo.write('apps/api/run.sh', 'exec node main.js\n');
    },
  },
  // Python.
  plain('variable of Python not set', ['missing-env'], firstPy('import os\nos.environ["SECRET_KEY"]')),
  plain('start of Python names another file', ['wrong-program'], (repo) =>
    repo.write('Procfile', 'web: python3 main.py\n'),
  ),
  plain('folder for the data of Python not there', ['missing-folder'], firstPy('open("data/visits.txt", "a").close()')),
  plain('start script of Python may not be run', ['not-executable'], (repo) => {
    repo.write('Procfile', 'web: ./start.sh\n');
    repo.write('start.sh', '#!/bin/sh\nexec python3 server.py\n', 0o644);
  }),
  plain('module of the repository not on the path', ['python-path'], (repo) => {
    repo.write('src/shop/__init__.py', '');
    repo.write('src/shop/texts.py', `TITLE = "${PLAIN}"\n`);
    repo.edit(
      'server.py',
      (before) =>
        `from shop.texts import TITLE\n${before.replace(`b"<!doctype html><title>Plain</title><h1>${PLAIN}</h1>"`, 'TITLE.encode()')}`,
    );
  }),
  flask('package of Python not declared', ['python-module'], (repo) =>
    repo.write('requirements.txt', '# none\nclick\n'),
  ),
  flask('pin of Python never published', ['pin-absent'], (repo) => repo.write('requirements.txt', 'flask==3.0.99\n')),
  flask('application of another name', ['wrong-app'], (repo) =>
    repo.write('Procfile', 'web: flask --app wrong run --port $PORT\n'),
  ),
  flask('variable of Flask not set', ['missing-env'], (repo) =>
    repo.edit('app.py', (before) =>
      before.replace('application = Flask', 'import os\nos.environ["SESSION_SECRET"]\napplication = Flask'),
    ),
  ),
  {
    kind: 'tables of Django not made',
    repo: 'django-mini',
    says: 'users: 0',
    rules: ['migration-pending'],
    slow: true,
    inject(repo) {
      repo.write('.gitignore', 'db.sqlite3\n');
      repo.edit(
        'site_one/settings.py',
        (before) =>
          `${before
            .replace('INSTALLED_APPS = []', 'INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes"]')
            .replace(
              'DATABASES = {}',
              'DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}',
            )}\nDEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"\n`,
      );
      repo.write(
        'site_one/urls.py',
        'from django.http import HttpResponse\nfrom django.urls import path\n\n\ndef home(request):\n    from django.contrib.auth.models import User\n\n    return HttpResponse(f"<title>Django</title>users: {User.objects.count()}")\n\n\nurlpatterns = [path("", home)]\n',
      );
    },
  },
  // Rust.
  {
    kind: 'variable of Rust not set',
    repo: 'rust-plain',
    says: 'Hello from Rust',
    rules: ['missing-env'],
    slow: true,
    inject: (repo) =>
      repo.edit('src/main.rs', (before) =>
        before.replace(
          'let listener',
          'std::env::var("SESSION_SECRET").expect("SESSION_SECRET must be set");\n    let listener',
        ),
      ),
  },
  {
    kind: 'lock file of Rust behind Cargo.toml',
    repo: 'rust-plain',
    says: 'Hello from Rust',
    rules: ['cargo-lock-drift'],
    slow: true,
    inject: (repo) => repo.edit('Cargo.toml', (before) => before.replace('version = "0.1.0"', 'version = "0.2.0"')),
  },
  // A page.
  {
    kind: 'page served by a program nobody declared',
    repo: 'static-site',
    says: 'Hello from a page',
    rules: ['undeclared-program'],
    slow: true,
    inject: (repo) =>
      repo.write('package.json', '{"name":"page","private":true,"scripts":{"start":"http-server -p $PORT"}}\n'),
  },
  ...ruleFaults,
  // What nobody but a person can mend.
  express('package that is private', [], (repo) => {
    depends(repo, { '@no-such-company-of-ours/private-thing': '1.0.0' });
    repo.remove('package-lock.json');
  }),
  express('code that does not parse', [], (repo) => repo.edit('server.js', (before) => `${before}\nconst = ;\n`)),
  express(
    'key of a third party not set',
    [],
    first("if (!process.env.STRIPE_SECRET_KEY) throw new Error('STRIPE_SECRET_KEY is required');"),
  ),
  express('every page fails', [], (repo) =>
    repo.edit('server.js', (before) =>
      before.replace("app.get('/'", "app.use(() => { throw new Error('out of order'); });\napp.get('/'"),
    ),
  ),
  express('ends without a word', [], first('process.exit(1);')),
  express('listens to nobody', [], (repo) =>
    repo.edit('server.js', (before) => before.replace(/app\.listen.*\n/, 'setInterval(() => {}, 1000);\n')),
  ),
  plain('code for Python 2', [], (repo) => repo.edit('server.py', (before) => `${before}\nprint "ready"\n`)),
  ...moreFaults,
  ...serviceFaults,
];
