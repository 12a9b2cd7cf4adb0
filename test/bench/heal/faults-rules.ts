/** Faults for rules that no other fault needs: a repository that is wrong in that one way. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Editor, Fault } from './fault.js';

const NODE = 'Hello from plain Node';
/** In an application of one file that needs no package. */
const node = (kind: string, rules: readonly string[], inject: Fault['inject'], more: Partial<Fault> = {}): Fault => ({
  kind,
  repo: 'node-plain',
  says: NODE,
  rules,
  inject,
  ...more,
});
const start = (repo: Editor, line: string): void => repo.edit('server.js', (before) => `${line}\n${before}`);
const scripts = (repo: Editor, next: Record<string, string>): void =>
  repo.json('package.json', (one) => ({ ...one, scripts: next }));
/** The page is what an expression comes to. */
const shows = (repo: Editor, expression: string): void =>
  repo.edit('server.js', (before) =>
    before.replace(`'<!doctype html><title>Plain</title><h1>${NODE}</h1>'`, expression),
  );
/** What a program writes to standard error as it ends. */
const ends = (line: string) => (repo: Editor) =>
  start(repo, `console.error(${JSON.stringify(line)});\nprocess.exit(1);`);
const django = (kind: string, rules: readonly string[], change: (settings: string) => string): Fault => ({
  kind,
  repo: 'django-mini',
  says: 'Django',
  rules,
  slow: true,
  inject: (repo) => repo.edit('site_one/settings.py', change),
});

/** A program built against a library whose parts are not shipped with it. */
function buildAgainst(repo: Editor, soname: string, symbol: string): void {
  const work = mkdtempSync(join(tmpdir(), 'rr-fault-'));
  try {
    const cc = (...args: string[]) => execFileSync('cc', args, { cwd: work, stdio: 'ignore' });
    const lay = (path: string, text: string) =>
      execFileSync('sh', ['-c', 'cat > "$0"', join(work, path)], { input: text });
    lay('stub.c', `const char *${symbol}(void) { return "none"; }\n`);
    lay(
      'main.c',
      `#include <stdio.h>\nconst char *${symbol}(void);\nint main(void) { puts(${symbol}()); return 0; }\n`,
    );
    cc('-shared', '-fPIC', `-Wl,-soname,${soname}`, '-o', 'libstub.so', 'stub.c');
    cc('-o', 'main', 'main.c', '-L.', '-lstub');
    const program = readFileSync(join(work, 'main'));
    repo.write('client.b64', program.toString('base64'));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
const client = (repo: Editor): void => {
  scripts(repo, {
    build: 'mkdir -p dist && base64 -d client.b64 > dist/client && chmod +x dist/client && dist/client > dist/page.txt',
    start: 'node server.js',
  });
  shows(repo, "'client ' + require('node:fs').readFileSync('dist/page.txt')");
};

/** As version managers keep them. */
const PYTHONS = {
  has: 'Python 3.9, 3.11 and 3.12',
  says: 'cd "$(pyenv root)/versions" && ls -d 3.9.* && ls -d 3.11.* && ls -d 3.12.*',
};

export const ruleFaults: readonly Fault[] = [
  // What only the system has.
  node(
    'header of the system not there',
    ['header-to-install'],
    (repo) => {
      repo.write(
        'native.c',
        '#include <ldap.h>\n#include <stdio.h>\nint main(void) { puts(ldap_err2string(0)); return 0; }\n',
      );
      scripts(repo, { build: 'mkdir -p dist && cc -o dist/native native.c -lldap', start: 'node server.js' });
      shows(repo, "require('node:child_process').execFileSync('./dist/native')");
    },
    { says: 'Success', slow: true },
  ),
  node(
    'program of the system not there',
    ['program-to-install'],
    (repo) => {
      repo.write(
        'page.xsl',
        '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:output method="text"/><xsl:template match="/">made by a style sheet</xsl:template></xsl:stylesheet>\n',
      );
      scripts(repo, { build: 'mkdir -p dist && xsltproc page.xsl page.xsl > dist/page.txt', start: 'node server.js' });
      shows(repo, "require('node:fs').readFileSync('dist/page.txt')");
    },
    { says: 'made by a style sheet', slow: true },
  ),
  node(
    'library of the system not there',
    ['library-to-install'],
    (repo) => {
      buildAgainst(repo, 'libmariadb.so.3', 'mysql_get_client_info');
      client(repo);
    },
    { says: 'client 3.', slow: true },
  ),
  // Files, modules, variables.
  node('pid of an earlier server left', ['stale-pid'], (repo) => {
    repo.write('tmp/pids/server.pid', '4711\n');
    start(
      repo,
      "if (require('node:fs').existsSync('tmp/pids/server.pid')) { console.error('A server is already running. Check tmp/pids/server.pid.'); process.exit(1); }",
    );
  }),
  node('module of the repository named from its root', ['own-modules-path'], (repo) => {
    repo.write('lib/word.js', "module.exports = 'word';\n");
    start(repo, "require('lib/word');");
  }),
  node('secret of its own not set', ['missing-env'], (repo) =>
    start(
      repo,
      "for (const name of ['SESSION_SECRET']) if (!process.env[name]) throw new Error(name + ' is required');",
    ),
  ),
  node('secret of a framework not set', ['secret-key-base'], (repo) =>
    start(
      repo,
      "if (!process.env[['SECRET', 'KEY', 'BASE'].join('_')]) throw new Error(\"Missing `secret_key_base` for 'production' environment\");",
    ),
  ),
  // What surrounds the program.
  node('no file watchers left', ['watchers'], (repo) =>
    start(
      repo,
      'if (!process.env.CHOKIDAR_USEPOLLING) throw new Error("ENOSPC: System limit for number of file watchers reached, watch \'/app\'");',
    ),
  ),
  node('question on a keyboard', ['asks-questions'], (repo) =>
    start(repo, "if (!process.env.CI) { console.log('? Would you like to send statistics? (y/N)'); process.exit(0); }"),
  ),
  node('ended by a system without memory', ['killed-for-memory'], (repo) =>
    start(
      repo,
      "if (!/max-old-space-size/.test(process.env.NODE_OPTIONS ?? '')) process.kill(process.pid, 'SIGKILL');",
    ),
  ),
  node('warnings taken for errors', ['ci-warnings'], (repo) => {
    // A tool that takes the lack of a terminal for a service that builds.
    repo.write(
      'make.js',
      "if (process.env.CI !== 'false') { console.error('Treating warnings as errors because process.env.CI = true.'); process.exit(1); }\n",
    );
    scripts(repo, { build: 'node make.js', start: 'node server.js' });
  }),
  node(
    'newer node used by the code',
    ['node-too-old'],
    (repo) => start(repo, "if (!Object.groupBy(['a'], String).a) throw new Error('no group');"),
    { slow: true },
  ),
  node(
    'import in a script that says it is none',
    ['module-kind'],
    (repo) => {
      repo.json('package.json', (one) => ({ ...one, type: 'commonjs' }));
      repo.edit('server.js', (before) =>
        before.replace("const http = require('node:http');", "import http from 'node:http';"),
      );
    },
    { slow: true },
  ),
  node('build that is held to little memory', ['heap'], (repo) => {
    repo.write(
      'make.js',
      "const held = [];\nfor (let n = 0; n < 120; n++) held.push(Array.from({ length: 131_072 }, (_, one) => one + n + 0.5));\nrequire('node:fs').mkdirSync('dist', { recursive: true });\nrequire('node:fs').writeFileSync('dist/page.txt', 'made of ' + held.length);\n",
    );
    scripts(repo, {
      build: 'NODE_OPTIONS="--max-old-space-size=48 $NODE_OPTIONS" node make.js',
      start: 'node server.js',
    });
  }),
  node('start that calls docker where there is none', [], (repo) =>
    scripts(repo, { start: 'PATH=/usr/lib/none docker info && node server.js' }),
  ),
  node(
    'start by a compose that docker came without',
    [],
    (repo) => scripts(repo, { start: 'docker compose up -d && node server.js' }),
    { where: { has: 'a docker without compose', says: 'docker --version && ! docker compose version' } },
  ),
  ...[
    ['class that left collections with Python 3.10', 'python-collections', '3.11', 'from collections import Mapping'],
    ['module that left Python with 3.12', 'module-gone', '3.12', 'import imp'],
    ['name that left Python with 3.11', 'name-gone', '3.11', 'import inspect\ninspect.getargspec'],
    ['module that came with Python 3.11', 'python-too-old', '3.9', 'import tomllib'],
  ].map(
    ([kind, rule, version, line]): Fault => ({
      kind: kind!,
      repo: 'python-plain-server',
      says: 'Hello from plain Python',
      rules: [rule!],
      where: PYTHONS,
      inject(repo) {
        repo.edit('server.py', (before) => `${line}\n${before}`);
        repo.write('.python-version', version!);
      },
    }),
  ),
  {
    kind: 'folder of a database that is a file not there',
    repo: 'python-plain-server',
    says: 'Hello from plain Python',
    rules: ['missing-folder'],
    inject: (repo) =>
      repo.edit('server.py', (before) => `import sqlite3\nsqlite3.connect("instance/shop.db")\n${before}`),
  },
  node('script of bash run by a plain shell', ['bash-script'], (repo) => {
    repo.write('run.sh', '#!/bin/sh\nset -euo pipefail\nsource ./words.sh\nexec node server.js\n', 0o755);
    repo.write('words.sh', 'export WORD=hello\n');
    scripts(repo, { start: './run.sh' });
    start(repo, "if (process.env.WORD !== 'hello') throw new Error('no word');");
  }),
  {
    kind: 'part of the repository that wants an older Python',
    repo: 'python-plain-server',
    says: 'Hello from plain Python',
    rules: ['python-version'],
    slow: true,
    where: PYTHONS,
    inject(repo) {
      repo.write('requirements.txt', './words\n');
      repo.write('words/pyproject.toml', '[project]\nname = "words"\nversion = "1.0"\nrequires-python = "<3.10"\n');
      repo.write('words/words.py', 'TITLE = "Plain"\n');
      repo.edit('server.py', (before) => `import words\n${before}`);
    },
  },
  {
    kind: 'application that cannot be installed as a package',
    repo: 'flask-hello',
    says: 'Hello from Flask',
    rules: ['not-a-package'],
    slow: true,
    inject(repo) {
      repo.edit('app.py', (before) => before.replace(/@application\.route\("\/health"\)[\s\S]*?(?=\nif __name__)/, ''));
      repo.remove('requirements.txt');
      repo.write(
        'pyproject.toml',
        '[project]\nname = "hello"\nversion = "1.0"\ndependencies = ["flask>=2.2"]\n\n[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n',
      );
      for (const name of ['words', 'pictures']) repo.write(`${name}/__init__.py`, '');
    },
  },
  {
    kind: 'page of streamlit started by python itself',
    repo: 'streamlit-page',
    says: 'Streamlit',
    rules: ['own-launcher'],
    slow: true,
    inject: (repo) => repo.write('Procfile', 'web: python Home.py\n'),
  },
  // Package managers.
  node(
    'compiled part of a package left out',
    ['native-not-built'],
    (repo) => {
      repo.json('package.json', (one) => ({ ...one, devDependencies: { esbuild: '0.25.9' } }));
      repo.write('.npmrc', 'omit=optional\nignore-scripts=true\n');
      scripts(repo, {
        build: 'esbuild server.js --platform=node --outfile=dist/server.js',
        start: 'node dist/server.js',
      });
    },
    { slow: true },
  ),
  node(
    'keys of package managers that an old corepack does not know',
    ['corepack-keys'],
    (repo) => {
      repo.json('package.json', (one) => ({ ...one, devDependencies: { corepack: '0.29.4' } }));
      scripts(repo, { build: 'corepack pnpm@9.15.0 --version', start: 'node server.js' });
    },
    { slow: true },
  ),
  {
    kind: 'install scripts that pnpm holds back',
    repo: 'pnpm-hello',
    says: 'Hello after',
    rules: ['scripts-blocked'],
    slow: true,
    inject(repo) {
      repo.json('package.json', (one) => ({
        ...one,
        packageManager: 'pnpm@10.17.0',
        dependencies: { ...one.dependencies, esbuild: '0.25.9' },
      }));
      repo.write('.npmrc', 'strict-dep-builds=true\n');
      repo.remove('pnpm-lock.yaml');
    },
  },
  {
    kind: 'registry of the lock file gone',
    repo: 'express-hello',
    says: 'Hello from Express',
    rules: ['dead-registry'],
    slow: true,
    inject: (repo) =>
      repo.json('package-lock.json', (one) => {
        const packages = one.packages as Record<string, Record<string, unknown>>;
        const name = 'node_modules/accepts';
        // Without its checksum it is not found in a cache either.
        const { integrity: _, ...rest } = packages[name]!;
        packages[name] = {
          ...rest,
          resolved: `https://nexus.example.invalid/accepts/-/accepts-${packages[name]!.version}.tgz`,
        };
        return one;
      }),
  },
  node(
    'lock file of Yarn behind package.json',
    ['yarn-lock-drift'],
    (repo) => {
      repo.json('package.json', (one) => ({ ...one, dependencies: { 'is-number': '7.0.0' } }));
      repo.write('yarn.lock', '# yarn lockfile v1\n\n\n');
    },
    { slow: true },
  ),
  node(
    'lock file of Bun behind package.json',
    ['bun-lock-drift'],
    (repo) => {
      repo.json('package.json', (one) => ({ ...one, dependencies: { 'is-number': '7.0.0' } }));
      repo.write(
        'bun.lock',
        '{\n  "lockfileVersion": 1,\n  "workspaces": {\n    "": {\n      "name": "node-plain",\n    },\n  },\n  "packages": {},\n}\n',
      );
    },
    { slow: true },
  ),
  node(
    'dependency that npm does not know the kind of',
    ['workspace-protocol'],
    (repo) => {
      repo.write('word/package.json', '{"name":"word","version":"1.0.0"}\n');
      repo.json('package.json', (one) => ({ ...one, dependencies: { word: 'link:./word' } }));
    },
    { slow: true },
  ),
  // Django.
  django('hosts of Django not told', ['django-hosts'], (before) =>
    before
      .replace(/^DEBUG = .*$/m, 'DEBUG = False')
      .replace(/^ALLOWED_HOSTS = .*$/m, 'ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "").split()'),
  ),
  // Where a person is told what to do, at once.
  node('header that no package is known for', [], (repo) => {
    repo.write('native.c', '#include <frobnicate/frob.h>\nint main(void) { return 0; }\n');
    scripts(repo, { build: 'mkdir -p dist && cc -o dist/native native.c', start: 'node server.js' });
  }),
  node('library that no package is known for', [], (repo) => {
    buildAgainst(repo, 'libfrobnicate.so.7', 'frobnicate');
    client(repo);
  }),
  node('program that nobody has', [], (repo) => scripts(repo, { start: 'frobnicate --once && node server.js' })),
  node('disk that is full', [], ends('Error: ENOSPC: no space left on device, write')),
  node('login that a database refuses', [], ends('error: password authentication failed for user "shop"')),
  node("tables of somebody else's database", [], ends('error: relation "orders" does not exist')),
  node('database that a server has not', [], ends('error: database "shop" does not exist')),
  node('broker that is not there', [], (repo) =>
    start(repo, "require('node:net').connect(9092, '127.0.0.1').on('error', (error) => { throw error; });"),
  ),
];
