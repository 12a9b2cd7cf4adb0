/** What a Python project declares: dependencies, the tool that installs them, the version of Python, its scripts. */
import { quote } from '../../../../runtime/shell.js';
import type { Evidence, Service } from '../../contract.js';
import { cite, type Place } from '../../place.js';
import { asList, asTable, asText, asTexts, at } from '../../values.js';
import { toRange } from '../versions.js';
import { argument, asString, readCalls, readModule } from './module.js';

export interface Declared {
  /** Normalised name → where it stands. */
  dependencies: ReadonlyMap<string, string>;
  /** Those of groups that are for development or extras. */
  development: ReadonlyMap<string, string>;
  /** Null: nothing is declared anywhere. */
  packageManager: string | null;
  install: string[];
  /** What starts Python: `.venv/bin/python`, or `python3` when nothing is to be installed. */
  python: string;
  writes: string[];
  version: Service['versions'][string] | null;
  /** Console scripts: name, `module:function`, where. */
  scripts: { name: string; target: string; from: string }[];
  /** The distribution's own name. */
  name: string | null;
  /** Whether the project itself is installed (it has a build system), and not only its dependencies. */
  isPackage: boolean;
  evidence: Evidence[];
}

const REQUIREMENTS = [
  'requirements.txt',
  'requirements/requirements.txt',
  'requirements/production.txt',
  'requirements/prod.txt',
  'requirements/base.txt',
  'requirements/common.txt',
  'requirements/main.txt',
  'requirements/local.txt',
  'requirements/dev.txt',
  'requirements.in',
];
export const MANIFESTS = [
  'pyproject.toml',
  'setup.py',
  'setup.cfg',
  'Pipfile',
  'environment.yml',
  'environment.yaml',
  'uv.lock',
  'poetry.lock',
  'pdm.lock',
];
export const isManifest = (file: string): boolean => MANIFESTS.includes(file) || REQUIREMENTS.includes(file);

export const normalise = (name: string): string => name.toLowerCase().replace(/[-_.]+/g, '-');
const VENV = 'python3 -m venv .venv';
const PIP = '.venv/bin/python -m pip install';

export function readDeclared(place: Place): Declared {
  const pyproject = place.has('pyproject.toml') ? place.toml('pyproject.toml') : null;
  const requirements = REQUIREMENTS.find((file) => place.has(file)) ?? null;
  const dependencies = new Map<string, string>();
  const development = new Map<string, string>();
  const evidence: Evidence[] = [];
  const add = (into: Map<string, string>, specifier: string, rel: string, line?: number): void => {
    const name = /^\s*([A-Za-z0-9][\w.-]{0,99})/.exec(specifier.slice(0, 300))?.[1];
    // Looking for the line of each in a long file costs the square of its length.
    if (name === undefined || into.has(normalise(name)) || into.size >= 1_000) return;
    const from =
      line !== undefined
        ? cite(place.full(rel), line)
        : place.from(rel, new RegExp(`(^|["'\\s])${literally(name)}(?![\\w-])`, 'i'));
    into.set(normalise(name), from);
    if (/^\s*fastapi\[[^\]]{0,100}(standard|all)/i.test(specifier) && !into.has('uvicorn')) into.set('uvicorn', from);
  };
  if (requirements !== null) readRequirements(place, requirements, add.bind(null, dependencies), new Set());
  const project = asTable(at(pyproject, 'project'));
  const poetry = asTable(at(pyproject, 'tool', 'poetry'));
  for (const each of asTexts(project.dependencies)) add(dependencies, each, 'pyproject.toml');
  for (const name of Object.keys(asTable(poetry.dependencies)))
    if (name !== 'python') add(dependencies, name, 'pyproject.toml');
  const groups = [
    ...Object.values(asTable(project['optional-dependencies'])),
    ...Object.values(asTable(at(pyproject, 'dependency-groups'))),
    at(pyproject, 'tool', 'uv', 'dev-dependencies'),
    ...Object.values(asTable(at(pyproject, 'tool', 'pdm', 'dev-dependencies'))),
  ];
  for (const each of groups.flatMap(asTexts)) add(development, each, 'pyproject.toml');
  const poetryGroups = Object.values(asTable(poetry.group)).map((group) => asTable(asTable(group).dependencies));
  for (const group of [asTable(poetry['dev-dependencies']), ...poetryGroups])
    for (const name of Object.keys(group)) add(development, name, 'pyproject.toml');
  const pipfile = place.has('Pipfile') ? place.toml('Pipfile') : null;
  for (const name of Object.keys(asTable(pipfile?.packages))) add(dependencies, name, 'Pipfile');
  for (const name of Object.keys(asTable(pipfile?.['dev-packages']))) add(development, name, 'Pipfile');
  const legacy = readSetup(place);
  for (const each of legacy.dependencies) add(dependencies, each, legacy.file);
  const conda = ['environment.yml', 'environment.yaml'].find((file) => place.has(file)) ?? null;
  if (conda !== null) {
    for (const each of asList(place.yaml(conda)?.dependencies)) {
      if (typeof each === 'string' && !/^python\b/.test(each)) add(dependencies, each, conda);
      for (const pip of asTexts(asTable(each).pip)) add(dependencies, pip, conda);
    }
  }
  for (const file of [
    'requirements-dev.txt',
    'dev-requirements.txt',
    'requirements-test.txt',
    'test-requirements.txt',
    'requirements/dev.txt',
    'requirements/test.txt',
  ])
    if (file !== requirements) readRequirements(place, file, add.bind(null, development), new Set());

  const scripts = [
    ...Object.entries(asTable(project.scripts)).map(([name, target]) => ({ name, target, file: 'pyproject.toml' })),
    ...Object.entries(asTable(poetry.scripts)).map(([name, target]) => ({ name, target, file: 'pyproject.toml' })),
    ...legacy.scripts.map(({ name, target }) => ({ name, target, file: legacy.file })),
  ].flatMap(({ name, target, file }) => {
    const text = asText(target) ?? asText(asTable(target).reference) ?? asText(asTable(target).callable);
    return text === null
      ? []
      : [{ name, target: text, from: place.from(file, new RegExp(`["']?${literally(name)}["']?\\s*=`)) }];
  });
  const name = asText(project.name) ?? asText(poetry.name) ?? legacy.name;
  const buildable = at(pyproject, 'build-system') !== undefined || (legacy.file !== '' && place.has('setup.py'));
  const isPackage = buildable && poetry['package-mode'] !== false && (name !== null || legacy.file !== '');

  const say = (claim: string, rel: string, pattern?: RegExp | string): void =>
    void evidence.push(place.evidence(claim, rel, pattern));
  const choice = chooseManager();
  return {
    dependencies,
    development,
    ...choice,
    version: readVersion(place, pyproject, pipfile, legacy.python, legacy.file),
    scripts,
    name,
    isPackage,
    evidence,
  };

  function chooseManager(): Pick<Declared, 'packageManager' | 'install' | 'python' | 'writes'> {
    const own = '.venv/bin/python';
    const made = ['.venv', '__pycache__'];
    const built = isPackage && usesSetuptools() ? [eggInfo(), 'build'] : [];
    const venv = (packageManager: string, install: string[], writes: string[] = []) => ({
      packageManager,
      install,
      python: own,
      writes: [...made, ...built, ...writes],
    });
    if (place.has('uv.lock')) {
      say('locked by uv', 'uv.lock', /./);
      return venv('uv', ['uv sync --frozen']);
    }
    if (place.has('poetry.lock') || (Object.keys(poetry).length > 0 && requirements === null)) {
      const locked = place.has('poetry.lock');
      if (locked) say('locked by poetry', 'poetry.lock', /./);
      else say('declared for poetry, without a lock file', 'pyproject.toml', /\[tool\.poetry/);
      const root = poetryInstalls() ? '' : ' --no-root';
      if (root !== '')
        say('poetry finds no package of that name to install, only dependencies', 'pyproject.toml', /^\s*name\s*=/);
      return venv(
        'poetry',
        [`POETRY_VIRTUALENVS_IN_PROJECT=true poetry install --no-interaction${root}`],
        locked ? [] : ['poetry.lock'],
      );
    }
    if (place.has('pdm.lock') || (at(pyproject, 'tool', 'pdm') !== undefined && requirements === null)) {
      const locked = place.has('pdm.lock');
      say(
        locked ? 'locked by pdm' : 'declared for pdm, without a lock file',
        locked ? 'pdm.lock' : 'pyproject.toml',
        locked ? /./ : /\[tool\.pdm/,
      );
      return venv('pdm', [locked ? 'pdm sync' : 'pdm install'], ['.pdm-python', ...(locked ? [] : ['pdm.lock'])]);
    }
    if (pipfile !== null || place.has('Pipfile.lock')) {
      const locked = place.has('Pipfile.lock');
      say(
        locked ? 'locked by pipenv' : 'declared for pipenv, without a lock file',
        locked ? 'Pipfile.lock' : 'Pipfile',
        /./,
      );
      return venv(
        'pipenv',
        [`PIPENV_VENV_IN_PROJECT=1 pipenv ${locked ? 'sync' : 'install'}`],
        locked ? [] : ['Pipfile.lock'],
      );
    }
    if (requirements !== null) {
      say(`dependencies are listed in ${requirements}`, requirements, /^\s*[A-Za-z0-9-]/);
      const self = isPackage ? [`${PIP} -e .`] : [];
      // An empty list asks for nothing, so nothing is installed.
      if (dependencies.size === 0 && self.length === 0 && !hasUnreadLines(place, requirements)) return plain('pip');
      return venv('pip', [VENV, `${PIP} -r ${requirements}`, ...self]);
    }
    if (at(pyproject, 'tool', 'uv') !== undefined) {
      say('configured for uv, without a lock file', 'pyproject.toml', /\[tool\.uv/);
      return venv('uv', ['uv sync'], ['uv.lock']);
    }
    if (isPackage) {
      const file = pyproject !== null ? 'pyproject.toml' : legacy.file;
      say('installable as a package', file, /\[build-system\]|setup\(|\[metadata\]/);
      return venv('pip', [VENV, `${PIP} -e .`]);
    }
    if (conda !== null) {
      say('declared for conda', conda, /dependencies:/);
      return venv('conda', [`conda env create --yes --prefix .venv --file ${conda}`]);
    }
    const listed = asTexts(project.dependencies);
    if (pyproject !== null && Object.keys(project).length > 0) {
      say('declared in pyproject.toml, which names no build system', 'pyproject.toml', /^\[project\]/);
      return listed.length === 0 ? plain('pip') : venv('pip', [VENV, `${PIP} ${listed.map(quote).join(' ')}`]);
    }
    return plain(null);
  }
  function plain(packageManager: string | null): Pick<Declared, 'packageManager' | 'install' | 'python' | 'writes'> {
    return { packageManager, install: [], python: 'python3', writes: ['__pycache__'] };
  }
  function usesSetuptools(): boolean {
    return (asText(at(pyproject, 'build-system', 'build-backend')) ?? 'setuptools').startsWith('setuptools');
  }
  function eggInfo(): string {
    const folder = place.folders.includes('src') && !place.has('src/__init__.py') ? 'src/' : '';
    return `${folder}${(name ?? 'UNKNOWN').replace(/[-.]+/g, '_')}.egg-info`;
  }
  /** Poetry installs the project itself only if it finds its package; without `packages` it looks for one by its name. */
  function poetryInstalls(): boolean {
    if (poetry['package-mode'] === false || poetry.packages !== undefined) return true;
    const module = (name ?? '').toLowerCase().replace(/[-.]+/g, '_');
    return (
      [`${module}/__init__.py`, `src/${module}/__init__.py`, `${module}.py`, `src/${module}.py`].some((file) =>
        place.has(file),
      ) || place.files().some((file) => file.startsWith(`${module}/`) || file.startsWith(`src/${module}/`))
    );
  }
}

const literally = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

function readRequirements(
  place: Place,
  file: string,
  add: (specifier: string, rel: string, line: number) => void,
  seen: Set<string>,
): void {
  if (seen.has(file) || seen.size > 20) return;
  seen.add(file);
  for (const [index, line] of (place.read(file)?.split(/\r?\n/) ?? []).entries()) {
    const text = line.replace(/(^|\s)#.*/, '').trim();
    const included = /^(?:-r|--requirement)[\s=]*(\S+)/.exec(text)?.[1];
    const egg = /[#&]egg=([\w.-]+)/.exec(line)?.[1];
    if (included !== undefined)
      readRequirements(place, [...file.split('/').slice(0, -1), included].join('/'), add, seen);
    else if (egg !== undefined) add(egg, file, index + 1);
    else if (text !== '' && !text.startsWith('-')) add(text, file, index + 1);
  }
}
/** `-e .`, a URL, a constraint: something to install although no name was read. */
const hasUnreadLines = (place: Place, file: string): boolean =>
  (place.read(file) ?? '').split(/\r?\n/).some((line) => /^\s*(-e|-r|--editable|git\+|https?:|\.)/.test(line));

function readSetup(place: Place) {
  const nothing = {
    file: '',
    name: null as string | null,
    dependencies: [] as string[],
    scripts: [] as { name: string; target: string }[],
    python: null as string | null,
  };
  const text = place.read('setup.py');
  const configured = place.read('setup.cfg');
  if (configured !== null && /^\[metadata\]/m.test(configured)) {
    const list = (key: string): string[] => {
      const block = new RegExp(`^${key}\\s*=[ \\t]*(.*(?:\\r?\\n[ \\t]+.*)*)`, 'm').exec(configured)?.[1] ?? '';
      return block
        .split(/\r?\n/)
        .map((line) => line.trim())
        .filter((line) => line !== '' && !line.startsWith('#'));
    };
    const scripts = list('console_scripts').flatMap(readScript);
    return {
      file: 'setup.cfg',
      name: list('name')[0] ?? null,
      dependencies: list('install_requires'),
      scripts,
      python: list('python_requires')[0] ?? null,
    };
  }
  if (text === null || !/\bsetup\s*\(/.test(text)) return nothing;
  const module = readModule('setup.py', text);
  for (const statement of module.statements) {
    const call = readCalls(module, statement).find(({ name }) => name === 'setup' || name.endsWith('.setup'));
    if (call === undefined) continue;
    const texts = (keyword: string): string[] =>
      argument(call, keyword)
        ?.tokens.filter(({ kind }) => kind === 'string')
        .map((token) => token.text) ?? [];
    return {
      file: 'setup.py',
      name: asString(argument(call, 'name')?.tokens),
      dependencies: texts('install_requires'),
      scripts: texts('entry_points')
        .flatMap((value) => value.split(/\r?\n/))
        .flatMap(readScript),
      python: asString(argument(call, 'python_requires')?.tokens),
    };
  }
  return nothing;
}
const readScript = (line: string): { name: string; target: string }[] => {
  const found = /^\s*([\w.-]+)\s*=\s*([\w.]+:[\w.]+)/.exec(line);
  return found === null ? [] : [{ name: found[1]!, target: found[2]! }];
};

function readVersion(
  place: Place,
  pyproject: unknown,
  pipfile: unknown,
  legacy: string | null,
  legacyFile: string,
): Declared['version'] {
  const claims: [string | null | undefined, string][] = [];
  const pinned =
    place
      .read('.python-version')
      ?.split(/\r?\n/)
      .findIndex((line) => /^\s*(?:cpython-|python-)?\d/.test(line)) ?? -1;
  const line = pinned < 0 ? undefined : place.read('.python-version')?.split(/\r?\n/)[pinned];
  if (line !== undefined) claims.push([line, cite(place.full('.python-version'), pinned + 1)]);
  claims.push([/^python-(\S+)/m.exec(place.read('runtime.txt') ?? '')?.[1], place.from('runtime.txt', /^python-/)]);
  const full =
    asText(at(pipfile, 'requires', 'python_full_version')) ?? asText(at(pipfile, 'requires', 'python_version'));
  claims.push([full, place.from('Pipfile', /^\s*python_(full_)?version/)]);
  claims.push([
    asText(at(pyproject, 'project', 'requires-python')),
    place.from('pyproject.toml', /^\s*requires-python/),
  ]);
  claims.push([
    asText(at(pyproject, 'tool', 'poetry', 'dependencies', 'python')),
    place.from('pyproject.toml', /^\s*python\s*=/),
  ]);
  claims.push([legacy, place.from(legacyFile === '' ? 'setup.py' : legacyFile, /python_requires/)]);
  for (const [written, from] of claims) {
    const want = written == null ? null : toRange(written);
    if (want !== null) return { want, from };
  }
  return null;
}
