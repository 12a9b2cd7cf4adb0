/** How a repository's own tests are run, and which line says so. */
import { expect, test } from 'vitest';
import { detect } from '../../../agents/detection/detect.js';
import { treeOf } from './hints/tree-of.js';

const app = { 'server.js': "require('http').createServer().listen(3000)\n" };
const node = (manifest: object): string => JSON.stringify({ name: 'app', ...manifest }, null, 1);
const flask = 'from flask import Flask\n\napp = Flask(__name__)\n';
const pytests = 'def test_one():\n    assert True\n';
const unittests = 'import unittest\n\n\nclass One(unittest.TestCase):\n    def test_one(self):\n        pass\n';
const venv = '.venv/bin/python -m';

type Row = [
  what: string,
  files: Record<string, string>,
  command: string | null,
  framework?: string | null,
  from?: string | undefined,
  install?: string[],
];
const table: Row[] = [
  [
    'a test script',
    { ...app, 'package.json': node({ scripts: { test: 'jest --coverage' } }) },
    'npm test',
    'jest',
    'package.json:4',
  ],
  [
    'a script of the manager in use',
    { ...app, 'package.json': node({ scripts: { test: 'vitest' } }), 'pnpm-lock.yaml': 'lockfileVersion: 9\n' },
    'pnpm test',
    'vitest',
  ],
  [
    'a script whose runner hides',
    { ...app, 'package.json': node({ scripts: { test: 'run-s test:*' } }) },
    'npm test',
    null,
  ],
  [
    "npm's own placeholder",
    { ...app, 'package.json': node({ scripts: { test: 'echo "Error: no test specified" && exit 1' } }) },
    null,
  ],
  [
    'a script of another name',
    { ...app, 'package.json': node({ scripts: { 'test:unit': 'mocha' } }) },
    'npm run test:unit',
    'mocha',
  ],
  [
    'no script, but a runner and a test',
    { ...app, 'package.json': node({ devDependencies: { vitest: '^2' } }), 'src/a.test.ts': '' },
    'npx vitest run',
    'vitest',
  ],
  [
    'no script, but tests for Node itself',
    { ...app, 'package.json': node({}), 'test/a.test.js': "\nconst { test } = require('node:test');\n" },
    'node --test',
    'node:test',
    'test/a.test.js:2',
  ],
  [
    'files that are called tests, and no runner',
    { ...app, 'package.json': node({}), 'test/a.js': 'console.log(1)' },
    null,
  ],
  [
    'Deno with a task',
    {
      'deno.json': '{\n "tasks": {\n  "test": "deno test -A"\n }\n}',
      'main.ts': 'Deno.serve(() => new Response());\n',
    },
    'deno task test',
    'deno',
    'deno.json:3',
  ],
  [
    'Deno without',
    { 'deno.json': '{}', 'main.ts': 'Deno.serve(() => new Response());\n', 'main_test.ts': '' },
    'deno test -A',
    'deno',
  ],
  [
    'pytest that is asked for',
    { 'requirements.txt': 'flask\npytest\n', 'app.py': flask, 'tests/test_app.py': pytests },
    `${venv} pytest -q`,
    'pytest',
    'tests/test_app.py:1',
    [],
  ],
  [
    'pytest that nobody installs',
    { 'requirements.txt': 'flask\n', 'app.py': flask, 'tests/test_app.py': pytests },
    `${venv} pytest -q`,
    'pytest',
    'tests/test_app.py:1',
    [`${venv} pip install pytest`],
  ],
  [
    'a list for tests',
    { 'requirements.txt': 'flask\n', 'requirements-dev.txt': 'pytest\n', 'app.py': flask, 'test_app.py': pytests },
    `${venv} pytest -q`,
    'pytest',
    'test_app.py:1',
    [`${venv} pip install -r requirements-dev.txt`],
  ],
  [
    'unittest',
    { 'requirements.txt': 'flask\n', 'app.py': flask, 'tests/test_app.py': unittests },
    `${venv} unittest discover -s tests`,
    'unittest',
    'tests/test_app.py:4',
    [],
  ],
  [
    'unittest under pytest',
    { 'requirements.txt': 'flask\n', 'pytest.ini': '[pytest]\n', 'app.py': flask, 'tests/test_app.py': unittests },
    `${venv} pytest -q`,
    'pytest',
  ],
  [
    'uv',
    {
      'pyproject.toml':
        '[project]\nname = "a"\nversion = "1"\ndependencies = ["flask"]\n[dependency-groups]\ndev = ["pytest"]\n',
      'uv.lock': 'version = 1\n',
      'app.py': flask,
      'tests/test_app.py': pytests,
    },
    `${venv} pytest -q`,
    'pytest',
    undefined,
    [],
  ],
  [
    'Go',
    {
      'go.mod': 'module example.com/a\n\ngo 1.22\n',
      'main.go': 'package main\n\nfunc main() {}\n',
      'main_test.go': 'package main\n',
    },
    'go test ./...',
    'go',
    'main_test.go',
  ],
  [
    'Go without tests',
    { 'go.mod': 'module example.com/a\n\ngo 1.22\n', 'main.go': 'package main\n\nfunc main() {}\n' },
    null,
  ],
  [
    'Rust',
    {
      'Cargo.toml': '[package]\nname = "a"\nversion = "0.1.0"\n',
      'src/lib.rs': '#[cfg(test)]\nmod t {\n    #[test]\n    fn a() {}\n}\n',
    },
    'cargo test',
    'cargo',
    'src/lib.rs:3',
  ],
  [
    'Maven',
    {
      'pom.xml': '<project><artifactId>a</artifactId></project>',
      'src/main/java/A.java': 'class A {}',
      'src/test/java/ATest.java': 'class ATest {}',
    },
    'mvn --batch-mode test',
    'surefire',
    'src/test/java/ATest.java',
  ],
  [
    'PHPUnit',
    {
      'composer.json': '{\n "name": "a/b",\n "type": "library",\n "require-dev": {\n  "phpunit/phpunit": "^11"\n }\n}',
      'tests/ATest.php': '<?php',
    },
    'vendor/bin/phpunit tests',
    'phpunit',
    'composer.json:5',
  ],
  [
    'a script of Composer',
    {
      'composer.json': '{\n "name": "a/b",\n "scripts": {\n  "test": "pest"\n }\n}',
      'public/index.php': '<?php echo 1;',
    },
    'composer test',
    'pest',
    'composer.json:4',
  ],
  [
    'RSpec',
    {
      Gemfile: "source 'https://example.invalid'\ngem 'sinatra'\n",
      'app.rb': "require 'sinatra'\nget('/') { 'a' }\n",
      'spec/app_spec.rb': "describe 'a' do\nend\n",
    },
    'bundle exec rspec',
    'rspec',
    'spec/app_spec.rb',
  ],
  [
    'only a Makefile',
    { 'start.sh': '#!/bin/sh\npython3 -m http.server $PORT\n', Makefile: 'test:\n\t./check.sh\n' },
    'make test',
    null,
    'Makefile:1',
  ],
];
test.each(table)('%s', (_, files, command, framework, from, install) => {
  const { services, chosen } = detect(treeOf(files), { repository: '/repository' });
  const service = services.find(({ name }) => name === chosen[0])!;
  expect(service, JSON.stringify(services)).toBeDefined();
  expect(service.tests?.command ?? null).toBe(command);
  if (framework !== undefined) expect(service.tests?.framework).toBe(framework);
  if (from !== undefined) expect(service.tests?.from).toBe(from);
  if (install !== undefined) expect(service.tests?.install).toEqual(install);
});
