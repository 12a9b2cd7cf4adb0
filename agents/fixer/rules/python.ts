/** Python: environments the system keeps, modules that are missing, applications called by a wrong name. */
import type { Action } from '../contract.js';
import { buildOf, installOf, startOf, within } from './commands.js';
import { addInstall, type Case, command, env, type Rule, useCopy } from './rule.js';

/** Modules whose package has another name. */
const PACKAGES: Record<string, string> = {
  cv2: 'opencv-python-headless',
  yaml: 'PyYAML',
  PIL: 'Pillow',
  sklearn: 'scikit-learn',
  skimage: 'scikit-image',
  dotenv: 'python-dotenv',
  MySQLdb: 'mysqlclient',
  bs4: 'beautifulsoup4',
  jwt: 'PyJWT',
  psycopg2: 'psycopg2-binary',
  dateutil: 'python-dateutil',
  Crypto: 'pycryptodome',
  OpenSSL: 'pyOpenSSL',
  serial: 'pyserial',
  git: 'GitPython',
  docx: 'python-docx',
  pptx: 'python-pptx',
  fitz: 'PyMuPDF',
  magic: 'python-magic',
  decouple: 'python-decouple',
  environ: 'django-environ',
  rest_framework: 'djangorestframework',
  corsheaders: 'django-cors-headers',
  jose: 'python-jose',
  flask_cors: 'Flask-Cors',
  flask_sqlalchemy: 'Flask-SQLAlchemy',
  flask_login: 'Flask-Login',
  flask_wtf: 'Flask-WTF',
  flask_migrate: 'Flask-Migrate',
  multipart: 'python-multipart',
  slugify: 'python-slugify',
  telegram: 'python-telegram-bot',
  discord: 'discord.py',
  fasthtml: 'python-fasthtml',
  pydantic_settings: 'pydantic-settings',
  attr: 'attrs',
  wx: 'wxPython',
  pkg_resources: 'setuptools<81',
  setuptools: 'setuptools',
  dj_database_url: 'dj-database-url',
  usb: 'pyusb',
  zmq: 'pyzmq',
  google: 'google-api-python-client',
  MySQL: 'mysqlclient',
  mysql: 'mysql-connector-python',
  nacl: 'PyNaCl',
  markdown: 'Markdown',
};
const GONE: Record<string, string> = {
  distutils: '<3.12',
  imp: '<3.12',
  asyncore: '<3.12',
  asynchat: '<3.12',
  smtpd: '<3.12',
  cgi: '<3.13',
  telnetlib: '<3.13',
  pipes: '<3.13',
  imghdr: '<3.13',
  crypt: '<3.13',
  audioop: '<3.13',
};
/** What newer versions of Python have not any more, beside modules, by how it is missed. */
const LEFT: readonly [RegExp, string][] = [
  [/module 'asyncio' has no attribute '(coroutine)'/, '<3.11'],
  [/module 'inspect' has no attribute '(getargspec|formatargspec)'/, '<3.11'],
  [/module 'ssl' has no attribute '(wrap_socket|match_hostname)'/, '<3.12'],
  [/module 'configparser' has no attribute '(SafeConfigParser)'/, '<3.12'],
  [/module 'unittest' has no attribute '(makeSuite|findTestCases)'/, '<3.13'],
];
/** What came with a version of it. */
const CAME: readonly [RegExp, string][] = [
  [/No module named '(tomllib)'/, '>=3.11'],
  [/No module named '(zoneinfo|graphlib)'/, '>=3.9'],
  [/cannot import name '(override|TypeAliasType)' from 'typing'/, '>=3.12'],
  [
    /cannot import name '(Self|Never|LiteralString|NotRequired|Required|Unpack|TypeVarTuple|assert_never|assert_type|reveal_type|dataclass_transform)' from 'typing'/,
    '>=3.11',
  ],
  [/cannot import name '(TypeAlias|ParamSpec|TypeGuard|Concatenate)' from 'typing'/, '>=3.10'],
  [/cannot import name '(StrEnum)' from 'enum'|cannot import name '(UTC)' from 'datetime'/, '>=3.11'],
  [/cannot import name '(batched)' from 'itertools'/, '>=3.12'],
  [/module 'asyncio' has no attribute '(TaskGroup|timeout|Runner)'/, '>=3.11'],
  [/unsupported operand type\(s\) (for \|): '(?:type|NoneType)' and '(?:type|NoneType)'/, '>=3.10'],
  [/'type' object (is not subscriptable)/, '>=3.9'],
];
const versionFor = (table: typeof CAME, { text }: Case): string =>
  table.find(([pattern]) => pattern.test(text))?.[1] ?? '';
const namedIn = ({ match }: Case): string => match.slice(1).find((one) => one !== undefined) ?? match[0];
const CAME_MODULES = ['tomllib', 'zoneinfo', 'graphlib'];
const moduleOf = ({ match }: Case): string => (match[1] ?? '').split('.')[0]!;
const packageOf = (module: string): string => PACKAGES[module] ?? module.replaceAll('_', '-');
const normal = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[-_.]+/g, '-')
    .replace(/[<>=!~ [;].*$/, '');

const declares = ({ look }: Case, name: string): boolean =>
  Object.entries(look.texts).some(
    ([path, text]) =>
      /requirements[\w-]*\.txt$|pyproject\.toml$|Pipfile$/.test(path) &&
      text
        .split(/[\n,]/)
        .some((line) => normal(line.replace(/^[\s"'[]+/, '').replace(/["'\s=].*$/, '')) === normal(name)),
  );
/** Folder from which a module of the repository itself is found; null: it has none of that name. */
function homeOf({ look }: Case, module: string): string | null {
  const file = look.files.find(
    (path) => new RegExp(`(^|/)${module}(\\.py|/(.*/)?\\w+\\.py)$`).test(path) && !/(^|\/)tests?\//.test(path),
  );
  if (file === undefined) return null;
  const parts = file.split('/');
  const index = parts.findIndex((part) => part === module || part === `${module}.py`);
  return index < 0 ? null : parts.slice(0, index).join('/') || '.';
}

const VENV = 'python3 -m venv .venv';
const INTO = 'export PATH="$PWD/.venv/bin:$PATH"';
const inVenv = (line: string): string =>
  line.startsWith(INTO) || line.includes('-m venv') ? line : `${INTO}; ${line}`;
/** Whether a virtual environment in the service's folder is something git does not see. */
const hidden = ({ look, heal }: Case): boolean =>
  heal.service.writes.includes('.venv') || /^\/?\.?\.?venv\/?\s*$|^\*?\.venv/m.test(look.texts['.gitignore'] ?? '');

/** How this service installs a Python package. */
function pipOf(found: Case): string {
  const lines = [...installOf(found), ...found.heal.overlay.extraInstall].join('\n');
  const manager = found.heal.service.packageManager;
  if (manager === 'poetry' || manager === 'pdm' || manager === 'pipenv') return `${manager} run python -m pip install`;
  if (manager === 'uv' || /\buv (?:sync|pip)\b/.test(lines)) return 'uv pip install';
  if (lines.includes(INTO)) return `${INTO}; pip install`;
  return (
    /(\S*(?:python3?|\.venv\/bin\/python) -m pip|\S*pip3?) install/.exec(lines)?.[0] ??
    '.venv/bin/python -m pip install'
  );
}
const addPackage = (found: Case, name: string): Action[] => {
  const spec = /[<>]/.test(name) ? `'${name}'` : name;
  const makes = installOf(found).length > 0 ? [] : [addInstall(VENV)];
  const actions = [...makes, addInstall(`${pipOf(found)} ${spec}`)];
  // Without an environment of its own so far, the start must use the new one.
  return makes.length === 0
    ? actions
    : [...actions, command('start', inVenv(startOf(found))), ...(hidden(found) ? [] : [useCopy])];
};

const APP =
  /^(\w+)\s*(?::[^=\n]+)?=\s*(?:\w+\.)*(Flask|FastAPI|Starlette|Quart|Sanic|FastHTML|Litestar|APIFlask|Bottle|Falcon|App|get_wsgi_application|get_asgi_application|create_app|make_app)\s*\(/m;
/** `module:variable` of the applications that the sources make, the one near the root first. */
export function appsOf({ look }: Case): { module: string; name: string; kind: string }[] {
  return Object.keys(look.texts)
    .filter(
      (path) =>
        path.endsWith('.py') &&
        !/(^|\/)(tests?|migrations|docs|examples?)\//.test(path) &&
        !/(^|\/)(test_\w+|conftest|setup)\.py$/.test(path),
    )
    .sort((a, b) => a.split('/').length - b.split('/').length || (a < b ? -1 : 1))
    .flatMap((path) => {
      const module = path
        .replace(/\.py$/, '')
        .replace(/(^|\/)__init__$/, '')
        .replaceAll('/', '.');
      const made = APP.exec(look.texts[path]!);
      if (made) return [{ module, name: made[1]!, kind: made[2]! }];
      const factory = /^def (create_app|make_app)\(\s*\)/m.exec(look.texts[path]!);
      return factory ? [{ module, name: `${factory[1]}()`, kind: 'factory' }] : [];
    })
    .filter(({ module }) => module !== '');
}
const TARGET = /(^|\s|=)(['"]?)([\w./]+):(\w+)(\(\))?\2(?=\s|$)/;
function renameApp(found: Case): Action[] {
  const app = appsOf(found)[0];
  if (app === undefined) return [];
  const start = startOf(found);
  if (/\bflask\b/.test(start)) {
    const name = app.name.replace('()', '');
    return /--app[= ]|-A /.test(start)
      ? [command('start', start.replace(/(--app[= ]|-A )\S+/, `$1${app.module}:${name}`))]
      : [env('FLASK_APP', `${app.module}:${name}`)];
  }
  const factory = app.name.endsWith('()');
  const uvicorn = /\b(?:uvicorn|hypercorn|fastapi)\b/.test(start);
  const target = `${app.module}:${factory && uvicorn ? app.name.slice(0, -2) : app.name}`;
  const quoted = factory && !uvicorn ? `'${target}'` : target;
  const next = TARGET.test(start) ? start.replace(TARGET, `$1${quoted}`) : start;
  if (next === start) return [];
  return [command('start', factory && uvicorn && !next.includes('--factory') ? `${next} --factory` : next)];
}

const NO_MODULE = [
  /ModuleNotFoundError: No module named ['"]?([\w.]+)/,
  /ImportError: No module named ([\w.]+)/,
  /python[\d.]*: No module named ([\w.]+)/,
];

export const python: readonly Rule[] = [
  {
    id: 'externally-managed',
    about: 'the system keeps its Python for itself',
    steps: ['deps', 'build', 'start'],
    signature: [/externally-managed-environment/, /This environment is externally managed/],
    cause: () => 'the system keeps this Python for itself, and packages are installed into it',
    does: ['set-command', 'use-copy'],
    actions: (found) => {
      const start = startOf(found);
      const build = buildOf(found);
      return [
        command(
          'install',
          VENV,
          ...installOf(found)
            .filter((line) => !line.includes('-m venv'))
            .map(inVenv),
        ),
        ...(build.length > 0 ? [command('build', ...build.map(inVenv))] : []),
        ...(start === '' ? [] : [command('start', inVenv(start))]),
        ...(hidden(found) ? [] : [useCopy]),
      ];
    },
    key: () => 'venv',
    proves: 'the same commands install into an environment of their own, and the application starts from it',
  },
  {
    id: 'python-version',
    about: 'a package wants another version of Python',
    steps: ['deps', 'build'],
    signature: [
      /requires a different Python: \S+ not in ['"]([^'"\n]+)['"]/,
      /requires-python[^\n]*?([<>=~!][^'"\n;]+)/i,
      /Current Python version \([^)]*\) is not allowed by the project \(([^)]+)\)/,
    ],
    guard: ({ match, heal }) =>
      (heal.overlay.versions.python ?? heal.service.versions.python?.want) !== match[1] &&
      !heal.overlay.relaxed.includes('python'),
    cause: ({ match }) => `a package wants python ${match[1]}`,
    does: ['choose-version'],
    actions: ({ match }) => [{ do: 'choose-version', tool: 'python', want: match[1]!.trim() }],
    key: ({ match }) => match[1]!,
    proves: 'the install ends with 0 on that version',
  },
  {
    id: 'uv-lock-drift',
    about: 'uv.lock does not match pyproject.toml',
    steps: ['deps'],
    signature: [/lockfile at `?uv\.lock`? needs to be updated/],
    cause: () => 'uv.lock does not match pyproject.toml',
    does: ['set-command', 'use-copy'],
    actions: (found) => [
      command('install', ...installOf(found).map((line) => line.replace(/ --locked\b/, '').replace(/ --frozen\b/, ''))),
      useCopy,
    ],
    proves: 'the install ends with 0',
  },
  {
    id: 'poetry-lock-drift',
    about: 'poetry.lock does not match pyproject.toml',
    steps: ['deps'],
    signature: [/pyproject\.toml changed significantly since poetry\.lock/, /poetry\.lock is not up to date/],
    cause: () => 'poetry.lock does not match pyproject.toml',
    does: ['set-command', 'use-copy'],
    actions: (found) => [
      command('install', 'poetry lock', ...installOf(found).filter((line) => line !== 'poetry lock')),
      useCopy,
    ],
    key: () => 'poetry.lock',
    proves: 'the install ends with 0',
  },
  {
    id: 'wrong-app',
    about: 'the start names an application object that is not there',
    steps: ['start', 'prove'],
    signature: [
      /Could not locate a Flask application/,
      /Error: Could not import '[\w.]+'/,
      /Failed to find Flask application or factory/,
      /Error loading ASGI app/,
      /Failed to find attribute '\w+' in '[\w.]+'/,
      /Error: Failed to find application object/,
      /No module named '[\w.]+'\n(?:[^\n]*\n){0,8}[^\n]*Worker failed to boot/,
    ],
    cause: (found) => {
      const app = appsOf(found)[0];
      return `the start names an application that is not there${app === undefined ? '' : `; it is ${app.module}:${app.name}`}`;
    },
    does: ['set-command', 'set-env'],
    actions: renameApp,
    key: startOf,
    proves: 'the application is up from the object that is there',
  },
  {
    id: 'python-path',
    about: 'a module of the repository is where Python does not look by itself',
    steps: ['build', 'start', 'prove'],
    signature: NO_MODULE,
    guard: (found) => {
      const home = homeOf(found, moduleOf(found));
      return home !== null && !(found.heal.overlay.env.PYTHONPATH ?? '').split(':').includes(home);
    },
    cause: (found) =>
      `${moduleOf(found)} is in ${homeOf(found, moduleOf(found)) === '.' ? 'the repository' : homeOf(found, moduleOf(found))}, where python does not look by itself`,
    does: ['set-env'],
    actions: (found) => {
      const before = found.heal.overlay.env.PYTHONPATH;
      const home = homeOf(found, moduleOf(found))!;
      return [env('PYTHONPATH', before === undefined ? home : `${before}:${home}`)];
    },
    key: moduleOf,
    proves: 'the module is found',
  },
  {
    id: 'module-gone',
    about: 'a module was taken out of newer versions of Python',
    steps: ['deps', 'build', 'start', 'prove'],
    signature: NO_MODULE,
    guard: (found) => moduleOf(found) in GONE && !found.heal.overlay.relaxed.includes('python'),
    cause: (found) => `${moduleOf(found)} left Python with ${GONE[moduleOf(found)]!.slice(1)}`,
    does: ['choose-version'],
    actions: (found) => [{ do: 'choose-version', tool: 'python', want: GONE[moduleOf(found)]! }],
    key: moduleOf,
    proves: 'the module is found',
  },
  {
    id: 'name-gone',
    about: 'a name was taken out of newer versions of Python',
    steps: ['deps', 'build', 'start', 'prove'],
    signature: LEFT.map(([pattern]) => pattern),
    guard: (found) => found.heal.service.language === 'python' && !found.heal.overlay.relaxed.includes('python'),
    cause: (found) => `${found.match[1]} left Python with ${versionFor(LEFT, found).slice(1)}`,
    does: ['choose-version'],
    actions: (found) => [{ do: 'choose-version', tool: 'python', want: versionFor(LEFT, found) }],
    key: ({ match }) => match[1]!,
    proves: 'the name is found',
  },
  {
    id: 'python-too-old',
    about: 'the code uses what a newer version of Python has',
    steps: ['deps', 'build', 'start', 'prove'],
    signature: CAME.map(([pattern]) => pattern),
    guard: (found) => found.heal.service.language === 'python' && !found.heal.overlay.relaxed.includes('python'),
    cause: (found) => `the code uses what came with Python ${versionFor(CAME, found).slice(2)} (${namedIn(found)})`,
    does: ['choose-version'],
    actions: (found) => [{ do: 'choose-version', tool: 'python', want: versionFor(CAME, found) }],
    key: namedIn,
    proves: 'the code is understood',
  },
  {
    id: 'python-module',
    about: 'a module is not installed',
    after: ['python-path', 'wrong-app'],
    steps: ['build', 'start', 'prove'],
    signature: NO_MODULE,
    guard: (found) =>
      /^[A-Za-z]\w*$/.test(moduleOf(found)) && !(moduleOf(found) in GONE) && !CAME_MODULES.includes(moduleOf(found)),
    cause: (found) =>
      `${moduleOf(found)} is used and ${declares(found, packageOf(moduleOf(found))) ? 'not installed' : 'nothing declares it'}`,
    does: ['add-install', 'set-command', 'use-copy'],
    actions: (found) => addPackage(found, packageOf(moduleOf(found))),
    key: moduleOf,
    proves: 'the module is found',
  },
  {
    id: 'wrong-program',
    about: 'the start names a program that is not there',
    steps: ['start'],
    signature: [/can't open file '([^'\n]+)'/],
    guard: (found) => within(found, found.match[1]!) !== null,
    cause: (found) => `the start names ${within(found, found.match[1]!)}, which is not there`,
    does: ['set-command'],
    actions: (found) => {
      const missing = within(found, found.match[1]!)!;
      const base = missing.split('/').at(-1)!;
      const files = found.look.files.filter((path) => path.endsWith('.py'));
      const choice =
        files.find((path) => path.endsWith(`/${base}`)) ??
        appsOf(found)
          .map(({ module }) => `${module.replaceAll('.', '/')}.py`)
          .find((path) => files.includes(path)) ??
        ['app.py', 'main.py', 'server.py', 'run.py', 'wsgi.py', 'manage.py'].find((path) => files.includes(path));
      const start = startOf(found);
      return choice === undefined || !start.includes(missing) ? [] : [command('start', start.replace(missing, choice))];
    },
    proves: 'the application is up from the file that is there',
  },
];
