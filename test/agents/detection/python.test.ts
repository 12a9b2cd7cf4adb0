import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Service } from '../../../agents/detection/contract.js';
import { readModule } from '../../../agents/detection/languages/python/module.js';
import { readStatements } from '../../../agents/detection/languages/python/tokens.js';
import { detectPython } from '../../../agents/detection/languages/python.js';
import { toRange } from '../../../agents/detection/languages/versions.js';
import { openPlace } from '../../../agents/detection/place.js';
import { claims, fixture, found, look, scratch } from './read-service.js';

type Said = Partial<Pick<Service, 'kind' | 'framework' | 'packageManager'>> & { start: string | null };
const own = '.venv/bin/python -m';
test.each<[name: string, said: Said]>([
  [
    'flask-hello',
    {
      kind: 'web-service',
      framework: 'flask',
      packageManager: 'pip',
      start: `${own} flask --app app:application run --host 127.0.0.1 --port $PORT`,
    },
  ],
  [
    'flask-factory',
    { kind: 'web-service', framework: 'flask', start: `${own} gunicorn 'shop:create_app()' --bind 127.0.0.1:$PORT` },
  ],
  [
    'flask-package',
    {
      kind: 'web-service',
      framework: 'flask',
      start: `${own} flask --app guestbook:app run --host 127.0.0.1 --port $PORT`,
    },
  ],
  [
    'fastapi-src-layout',
    {
      kind: 'web-service',
      framework: 'fastapi',
      start: `PYTHONPATH=src ${own} uvicorn orders.main:app --host 127.0.0.1 --port $PORT`,
    },
  ],
  [
    'django-mini',
    {
      kind: 'web-service',
      framework: 'django',
      start: '.venv/bin/python manage.py runserver 127.0.0.1:$PORT --noreload',
    },
  ],
  [
    'streamlit-page',
    {
      framework: 'streamlit',
      start: `${own} streamlit run Home.py --server.headless true --server.address 127.0.0.1 --server.port $PORT --browser.gatherUsageStats false`,
    },
  ],
  [
    'gradio-demo',
    { framework: 'gradio', start: 'GRADIO_SERVER_NAME=127.0.0.1 GRADIO_SERVER_PORT=$PORT .venv/bin/python demo.py' },
  ],
  [
    'poetry-web',
    {
      framework: 'flask',
      packageManager: 'poetry',
      start: `${own} flask --app server:app run --host 127.0.0.1 --port $PORT`,
    },
  ],
  [
    'uv-web',
    {
      framework: 'fastapi',
      packageManager: 'uv',
      start: `${own} uvicorn backend.app:api --host 127.0.0.1 --port $PORT`,
    },
  ],
  [
    'pdm-web',
    {
      framework: 'starlette',
      packageManager: 'pdm',
      start: `${own} uvicorn asgi:application --host 127.0.0.1 --port $PORT`,
    },
  ],
  [
    'pipenv-web',
    { framework: 'bottle', packageManager: 'pipenv', start: `${own} bottle --bind 127.0.0.1:$PORT main:app` },
  ],
  ['python-plain-server', { kind: 'web-service', framework: null, packageManager: null, start: 'python3 server.py' }],
  ['python-library', { kind: 'library', start: null }],
  ['python-cli', { kind: 'cli', start: '.venv/bin/count-words' }],
  [
    'python-notebook',
    {
      kind: 'notebook',
      start: '.venv/bin/python -m nbconvert --to notebook --execute --stdout plot.ipynb > /dev/null',
    },
  ],
  ['python-job', { kind: 'job', start: 'python3 main.py' }],
  [
    'python-worker',
    { kind: 'worker', framework: 'celery', start: `${own} celery -A tasks:queue worker --loglevel info` },
  ],
])('%s is started the way its files say', async (name, { start, ...said }) => {
  const service = await found(detectPython, fixture(name));
  expect(service).toMatchObject({ language: 'python', path: '.', ...said });
  expect(service.commands.start).toBe(start);
});

test.each([
  ['flask-hello', ['python3 -m venv .venv', '.venv/bin/python -m pip install -r requirements.txt'], null],
  ['flask-package', ['python3 -m venv .venv', '.venv/bin/python -m pip install -e .'], '>=3.9 <4'],
  [
    'fastapi-src-layout',
    ['python3 -m venv .venv', ".venv/bin/python -m pip install 'fastapi>=0.100' 'uvicorn'"],
    '>=3.10',
  ],
  ['poetry-web', ['POETRY_VIRTUALENVS_IN_PROJECT=true poetry install --no-interaction --no-root'], '^3.10'],
  ['uv-web', ['uv sync --frozen'], '3.12.x'],
  ['pdm-web', ['pdm sync'], '3.11.x'],
  ['pipenv-web', ['PIPENV_VENV_IN_PROJECT=1 pipenv install'], '3.11.x'],
  ['python-plain-server', [], null],
])('%s is installed by its own tool, lock file first', async (name, install, version) => {
  const { commands, versions } = await found(detectPython, fixture(name));
  expect(commands.install).toEqual(install);
  expect(versions.python?.want ?? null).toBe(version);
});

test('ports, variables and routes carry the line they were read from', async () => {
  const flask = await found(detectPython, fixture('flask-hello'));
  expect(flask.ports).toEqual([{ number: 5001, from: 'app.py:23' }]);
  expect(flask.proof.paths).toEqual([
    { path: '/health', from: 'app.py:12' },
    { path: '/', from: 'app.py:7' },
  ]);
  const { env } = await found(detectPython, fixture('flask-factory'));
  expect(env).toEqual([
    { name: 'GREETING', required: false, secret: false, default: 'Hello from the factory', from: 'shop/__init__.py:8' },
    { name: 'SHOP_SECRET_KEY', required: true, secret: true, default: null, from: 'shop/__init__.py:9' },
  ]);
  expect(claims(await found(detectPython, fixture('django-mini')))).toContain(
    'WSGI_APPLICATION is site_one.wsgi.application (site_one/settings.py:7)',
  );
});

const start = async (files: Record<string, string>): Promise<string | null> =>
  (await found(detectPython, scratch(files))).commands.start;

test('a lone app.py that imports Flask is not called main, and says that nothing declares Flask', async () => {
  const service = await found(detectPython, scratch({ 'app.py': 'import flask\nsite = flask.Flask("x")\n' }));
  expect(service.commands).toEqual({
    install: [],
    build: [],
    start: 'python3 -m flask --app app:site run --host 127.0.0.1 --port $PORT',
  });
  expect(claims(service)).toContain('flask is imported but no manifest declares it (app.py:2)');
});

test.each<[sentence: string, files: Record<string, string>, module: string]>([
  [
    'an object made by a factory elsewhere',
    {
      'wsgi.py': 'from shop.factory import make_app\napplication = make_app()\n',
      'shop/__init__.py': '',
      'shop/factory.py': 'from flask import Flask\ndef make_app():\n    return Flask(__name__)\n',
    },
    'wsgi:application',
  ],
  [
    'an object that run.py imports and runs',
    {
      'run.py': 'from site1 import app\nif __name__ == "__main__":\n    app.run()\n',
      'site1/__init__.py': 'from flask import Flask\napp = Flask(__name__)\nfrom . import views\n',
      'site1/views.py': 'from . import app\n',
    },
    'run:app',
  ],
  [
    'a subclass of Flask',
    { 'web.py': 'from flask import Flask\nclass Site(Flask):\n    pass\nsite = Site("s")\n' },
    'web:site',
  ],
  [
    'the one outside of tests and examples',
    {
      'tests/app.py': 'from flask import Flask\napp = Flask("t")\n',
      'examples/app.py': 'from flask import Flask\napp = Flask("e")\n',
      'service.py': 'from flask import Flask\nbackend = Flask("b")\n',
    },
    'service:backend',
  ],
  [
    'the one that mounts, not the mounted one',
    {
      'main.py': 'from flask import Flask\nsub = Flask("a")\nroot = Flask("b")\nroot.mount("/sub", sub)\n',
    },
    'main:root',
  ],
])('the object is found: %s', async (_, files, module) => {
  expect(await start({ 'requirements.txt': 'flask\n', ...files })).toContain(` --app ${module} `);
});

test('a folder without __init__.py whose imports need it on the path is put there', async () => {
  const files = {
    'requirements.txt': 'fastapi\nuvicorn\n',
    'backend/main.py': 'from fastapi import FastAPI\nfrom routes import router\napp = FastAPI()\n',
    'backend/routes.py': 'router = 1\n',
  };
  expect(await start(files)).toBe(
    'PYTHONPATH=backend .venv/bin/python -m uvicorn main:app --host 127.0.0.1 --port $PORT',
  );
});

test('uvicorn that nobody declares is said to be missing, and the standard extra brings it', async () => {
  const app = { 'api.py': 'from fastapi import FastAPI\napp = FastAPI()\n' };
  const bare = await found(detectPython, scratch({ ...app, 'requirements.txt': 'fastapi\n' }));
  expect(claims(bare)).toContain('uvicorn is needed to start it and not declared (api.py:2)');
  const standard = await found(detectPython, scratch({ ...app, 'requirements.txt': 'fastapi[standard]\n' }));
  expect(claims(standard).join()).not.toContain('not declared');
});

test('a script that prepares its tables before app.run is run itself, with the port it takes', async () => {
  const files = {
    'requirements.txt': 'flask\n',
    'app.py':
      'from flask import Flask\napp = Flask("x")\nif __name__ == "__main__":\n    create_tables()\n    app.run(port=5005)\n',
  };
  expect(await start(files)).toBe('.venv/bin/python app.py');
});

test('a Django site below a shared requirements.txt installs from above', async () => {
  const manage = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "one.settings")\n';
  const root = scratch({
    'requirements.txt': 'django\ngunicorn\n',
    'site/manage.py': manage,
    'site/one/settings.py': 'A = 1\n',
  });
  expect(await look(detectPython, root)).toBeNull();
  const { commands } = await found(detectPython, root, 'site');
  expect(commands.install.at(-1)).toBe('.venv/bin/python -m pip install -r ../requirements.txt');
  expect(commands.start).toBe('.venv/bin/python manage.py runserver 127.0.0.1:$PORT --noreload');
});

test('gunicorn serves Django where it is declared, and a database in the settings is a need', async () => {
  const service = await found(
    detectPython,
    scratch({
      'requirements.txt': 'django\ngunicorn\npsycopg2\n',
      'manage.py': 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "one.settings.dev")\n',
      'one/settings/dev.py': 'from .base import *\nDEBUG = True\n',
      'one/settings/base.py':
        'WSGI_APPLICATION = "one.wsgi.application"\nDATABASES = {"default": {"ENGINE": "django.db.backends.postgresql"}}\n',
      'one/wsgi.py': 'application = None\n',
    }),
  );
  expect(service.commands.start).toBe('.venv/bin/python -m gunicorn one.wsgi:application --bind 127.0.0.1:$PORT');
  expect(service.needs).toEqual(['postgres']);
});

test('requirements that include others are followed, and a folder with nothing of Python is not Python', async () => {
  const root = scratch({
    'requirements.txt': '-r base.txt\n',
    'base.txt': 'gunicorn==21\n',
    'app.py': 'from flask import Flask\napp = Flask("x")\n',
  });
  expect((await found(detectPython, root)).commands.start).toContain('-m gunicorn app:app');
  expect(await look(detectPython, fixture('go-http'))).toBeNull();
});

test('a library is proven by the tests it has', async () => {
  const library = await found(detectPython, fixture('python-library'));
  expect(library.proof).toEqual({
    how: 'exit',
    command: '.venv/bin/python -m unittest discover -s tests',
    paths: [],
  });
  const pyproject = '[build-system]\nrequires = ["setuptools"]\n[project]\nname = "a-b"\nversion = "1"\n';
  const bare = await found(detectPython, scratch({ 'pyproject.toml': pyproject, 'a_b/__init__.py': '\n' }));
  expect(bare.proof.command).toBe(".venv/bin/python -c 'import a_b'");
  const tested = scratch({
    'pyproject.toml': pyproject,
    'a_b.py': 'A = 1\n',
    'test_a.py': 'def test_a():\n    pass\n',
  });
  expect((await found(detectPython, tested)).commands.install.at(-1)).toBe('.venv/bin/python -m pip install pytest');
});

test('a server of asyncio alone is a server, with the port it falls back on', async () => {
  const root = scratch({
    'server.py': [
      'import asyncio, os',
      '',
      'async def main():',
      "    srv = await asyncio.start_server(handle, '127.0.0.1', int(os.environ.get('PORT', 8765)))",
      '    async with srv: await srv.serve_forever()',
      '',
      "if __name__ == '__main__':",
      '    asyncio.run(main())',
    ].join('\n'),
  });
  const service = await found(detectPython, root);
  expect(service).toMatchObject({
    kind: 'web-service',
    proof: { how: 'http' },
    ports: [{ number: 8765, from: 'server.py:4' }],
  });
});

test('a function that could serve makes no server of a file that never calls it', async () => {
  const server = 'import uvicorn\ndef go():\n    uvicorn.run("x", port=8123)\n';
  expect(await found(detectPython, scratch({ 'main.py': server }))).toMatchObject({ kind: 'job' });
  const called = await found(detectPython, scratch({ 'main.py': `${server}go()\n` }));
  expect(called).toMatchObject({ kind: 'web-service', ports: [{ number: 8123, from: 'main.py:3' }] });
});

test.each([
  ['>=3.8,<4', '>=3.8 <4'],
  ['~=3.11', '>=3.11 <4'],
  ['~=3.8.1', '>=3.8.1 <3.9'],
  ['==3.11.*', '3.11.x'],
  ['3.12', '3.12.x'],
  ['3.11.4', '3.11.4'],
  ['>=3.9,!=3.9.7', '>=3.9'],
  ['^8.1|^8.2', '^8.1 || ^8.2'],
  ['~> 3.2', '>=3.2 <4'],
  ['pypy', null],
])('the requirement %s is the range %s', (written, range) => {
  expect(toRange(written)).toBe(range);
});

// A fragment of text that holds the constructor, inside something that is not code.
const hidden = fc.oneof(
  fc.constantFrom('"', "'").map((quote) => `text = ${quote}app = Flask(__name__)${quote}`),
  fc.constantFrom('"""', "'''").map((quote) => `text = r${quote}\napp = Flask(__name__)\n${quote}`),
  fc.constant('# app = Flask(__name__)'),
  fc.constant('text = f"{d["app = Flask(1)"]}"'),
  fc.constant('text = "\\"; app = Flask(__name__); \\""'),
  fc.constant('text = "a\\\napp = Flask(__name__)"'),
  fc.constant('call(\n  "x", # app = Flask(__name__)\n)'),
);
const appsIn = (text: string): number[] =>
  readModule('a.py', text).statements.flatMap(({ tokens, line }) =>
    tokens.some(({ kind, text: name }) => kind === 'name' && name === 'Flask') ? [line] : [],
  );

test('what stands in strings and comments is never read as code, and what follows them is', () => {
  fc.assert(
    fc.property(fc.array(hidden, { maxLength: 8 }), (parts) => {
      const before = parts.map((part) => `${part}\n`).join('');
      expect(appsIn(before)).toEqual([]);
      expect(appsIn(`${before}app = Flask(__name__)\n`)).toEqual([before.split('\n').length]);
    }),
  );
});

test('no text makes the reading of Python throw, and tokens keep to their lines', () => {
  const bits = fc.constantFrom(
    '"',
    "'",
    '"""',
    'f"',
    '{',
    '}',
    '(',
    ')',
    '[',
    '\\',
    '\n',
    '\t',
    ' ',
    '#',
    ';',
    ':',
    '=',
    'def f',
    'class A',
    'import a.b as c',
    'from . import x',
    'if',
    '@',
    'é',
    '\u0000',
    '.',
    ',',
    'return ',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.array(bits).map((parts) => parts.join('')),
      ),
      (text) => {
        const lines = text.split('\n').length;
        for (const { tokens } of readStatements(text))
          for (const { line } of tokens) expect(line >= 1 && line <= lines).toBe(true);
        readModule('a.py', text);
      },
    ),
    { numRuns: 500 },
  );
});

test('no content of the files of a place makes detection throw', () => {
  const names = [
    'app.py',
    'manage.py',
    'pyproject.toml',
    'requirements.txt',
    'setup.py',
    'setup.cfg',
    'Pipfile',
    'nb.ipynb',
    '.python-version',
    'pkg/__init__.py',
  ];
  const bits = fc.constantFrom(
    'from flask import Flask\n',
    'app = Flask(',
    ')',
    '\n',
    '[project]\n',
    'name = "a"\n',
    'dependencies = [1]\n',
    'def create_app():\n',
    '  return Flask(1)\n',
    '"',
    '{',
    'setup(',
    'import app\n',
    'from .. import *\n',
    '-r requirements.txt\n',
    'os.environ["A"]',
    'if __name__ == "__main__":\n',
    ' app.run(',
    'x.y',
  );
  const text = fc.array(bits, { maxLength: 12 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), text, { minKeys: 1 }), (files) => detectOnly(files)),
    { numRuns: 300 },
  );
});

function detectOnly(files: Record<string, string>): void {
  const sorted = Object.keys(files).sort();
  const tree = {
    root: '/nowhere',
    files: sorted,
    notes: [],
    has: (file: string) => sorted.includes(file),
    read: (file: string) => files[file] ?? null,
  };
  const service = detectPython(openPlace(tree));
  if (service !== null) Service.parse(service);
}
