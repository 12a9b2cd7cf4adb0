/** Installing Python packages: pins that no index has, packages that do not build, tools older than the interpreter. */
import type { Action } from '../contract.js';
import { installOf, rewriteInstall } from './commands.js';
import { addInstall, type Case, command, languageIs, overlayFile, type Rule, useCopy } from './rule.js';

const isPython = languageIs('python');
const REQUIREMENTS = /(^|\/)requirements[\w-]*\.txt$/;
const PIP = /(\S*python[\d.]*|\S*\.venv\/bin\/python) -m pip install|\S*\bpip3? install/;
const ABSENT = /No matching distribution found for ([\w.[\]-]+)==([\w.*+!-]+)/;

const numbers = (version: string): number[] => (version.match(/\d+/g) ?? []).map(Number);
const compare = (a: string, b: string): number => {
  const [one, other] = [numbers(a), numbers(b)];
  for (let n = 0; n < Math.max(one.length, other.length); n++)
    if ((one[n] ?? 0) !== (other[n] ?? 0)) return (one[n] ?? 0) - (other[n] ?? 0);
  return 0;
};
/** Of the versions that the index has, the one nearest to the pin: of its major, the next above it, else the newest. */
export function nearest(pin: string, list: readonly string[]): string | null {
  const plain = list.filter((one) => /^[\d.]+$/.test(one)).sort(compare);
  const same = plain.filter((one) => numbers(one)[0] === numbers(pin)[0]);
  return (
    same.find((one) => compare(one, pin) >= 0) ??
    same.at(-1) ??
    plain.find((one) => compare(one, pin) > 0) ??
    plain.at(-1) ??
    null
  );
}
const offered = ({ text }: Case): string[] => {
  const list = /from versions: ([^)\n]*)\)/.exec(text)?.[1] ?? '';
  return list === 'none' ? [] : list.split(/,\s*/).filter(Boolean);
};
const escaped = (name: string): string => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/[-_.]/g, '[-_.]');
/** Each file of requirements that names the package, with its line changed. */
function changed(found: Case, name: string, change: (line: string) => string): Action[] {
  const line = new RegExp(`^(\\s*)${escaped(name)}(?![\\w.-])[^\\n]*$`, 'gim');
  return Object.entries(found.look.texts)
    .filter(([path]) => REQUIREMENTS.test(path))
    .flatMap(([path, text]) => {
      const next = text.replace(line, (one) => change(one));
      return next === text ? [] : [overlayFile(path, next)];
    });
}
/** Packages whose build from source can be had ready-made under another name. */
const READY: Record<string, string> = {
  psycopg2: 'psycopg2-binary',
  'opencv-python': 'opencv-python-headless',
  mysqlclient: '',
};
const BUILD_FAILED = [
  /Failed building wheel for ([\w.-]+)/,
  /Failed to build ([\w.-]+)/,
  /pg_config executable not found/,
  /Getting requirements to build wheel did not run successfully/,
  /error: (?:metadata-generation-failed|subprocess-exited-with-error)/,
];
const failedBuild = (found: Case): string =>
  found.match[1] ??
  (/pg_config|psycopg2/.test(found.text)
    ? 'psycopg2'
    : (/Failed (?:building wheel for|to build) ([\w.-]+)/.exec(found.text)?.[1] ?? 'a package'));
/** What an old set-up script takes from its tools, and what the tools no longer have. */
const OLD_TOOLS: readonly [RegExp, string][] = [
  [/use_2to3 is invalid/, "'setuptools<58'"],
  [/No module named '?(?:distutils|setuptools\.command\.test)/, "'setuptools<72'"],
  [/AttributeError: module 'pkgutil' has no attribute 'ImpImporter'/, "'setuptools<81'"],
  [/No module named '?pkg_resources/, "'setuptools<81'"],
  [/No module named '?setuptools/, 'setuptools'],
  [/AttributeError: cython_sources/, "'cython<3'"],
];
const oldTool = ({ text }: Case): string | null => OLD_TOOLS.find(([pattern]) => pattern.test(text))?.[1] ?? null;
const BACKEND = [
  /No module named '?(poetry|hatchling|flit_core|pdm|setuptools|maturin|scikit_build_core|mesonpy)\b/,
  /Cannot import '([\w.]+)'/,
  /BackendUnavailable/,
];
const BACKENDS: Record<string, string> = {
  poetry: 'poetry-core',
  hatchling: 'hatchling',
  flit_core: 'flit-core',
  pdm: 'pdm-backend',
  setuptools: 'setuptools wheel',
  maturin: 'maturin',
  scikit_build_core: 'scikit-build-core',
  mesonpy: 'meson-python',
};
const backendOf = (found: Case): string | null => {
  const said =
    found.match.slice(1).find((one) => one !== undefined) ??
    /build-backend\s*=\s*["']([\w.]+)/.exec(found.look.texts['pyproject.toml'] ?? '')?.[1] ??
    '';
  return BACKENDS[said.split('.')[0]!] ?? null;
};
/** What is installed first, and the rest built with it. */
function withTools(found: Case, packages: string): Action[] {
  const lines = installOf(found);
  const at = lines.findIndex((line) => PIP.test(line));
  if (at < 0 || lines.some((line) => line.includes('--no-build-isolation'))) return [];
  const pip = PIP.exec(lines[at]!)![0];
  return [
    command(
      'install',
      ...lines.slice(0, at),
      `${pip} ${packages} wheel`,
      ...lines.slice(at).map((line) => line.replace(PIP, `$& --no-build-isolation`)),
    ),
  ];
}
/** The packages that pyproject.toml names as dependencies. */
export function dependenciesIn(pyproject: string): string[] {
  const list = /^\s*dependencies\s*=\s*\[([\s\S]*?)\]\s*$/m.exec(pyproject)?.[1] ?? '';
  return [...list.matchAll(/"([^"\n]+)"|'([^'\n]+)'/g)]
    .map((hit) => (hit[1] ?? hit[2])!.trim())
    .filter((one) => /^[\w.[\]-]+[\w\s.<>=!~,;'"()*[\]-]*$/.test(one));
}
/** Eras: what a program that names no versions was written against. */
const ERAS: readonly [RegExp, string[]][] = [
  [
    /from ['"]?(?:flask|werkzeug|jinja2|markupsafe|itsdangerous)/,
    ['flask<2.2', 'werkzeug<2.1', 'jinja2<3.1', 'markupsafe<2.1', 'itsdangerous<2.1'],
  ],
  [/from ['"]?sqlalchemy/, ['sqlalchemy<2']],
  [/from ['"]?pydantic/, ['pydantic<2']],
  [/from ['"]?(?:collections)['"]?/, []],
  [/from ['"]?django/, ['django<4']],
  [/from ['"]?numpy/, ['numpy<2']],
];
const eraOf = ({ text, match }: Case): string[] => {
  if (/BaseSettings` has been moved|pydantic\.errors\.PydanticImportError/.test(text)) return ['pydantic<2'];
  if (/module 'numpy' has no attribute|np\.\w+ was removed/.test(text)) return ['numpy<1.24'];
  return ERAS.find(([pattern]) => pattern.test(match[0]))?.[1] ?? [];
};

export const pythonInstall: readonly Rule[] = [
  {
    id: 'pin-absent',
    about: 'a requirement is pinned to a version that the index does not have for this Python',
    steps: ['deps'],
    signature: [ABSENT],
    guard: (found) => isPython(found) && nearest(found.match[2]!, offered(found)) !== null,
    cause: (found) =>
      `${found.match[1]} ${found.match[2]} is not to be had; ${nearest(found.match[2]!, offered(found))} is the nearest that is (degraded)`,
    does: ['write-overlay-file'],
    actions: (found) => {
      const version = nearest(found.match[2]!, offered(found))!;
      return changed(found, found.match[1]!.replace(/\[.*/, ''), (line) =>
        line.replace(/==\s*[\w.*+!-]+/, `==${version}`),
      );
    },
    proves: 'the install ends with 0, and the application is proven with that version',
  },
  {
    id: 'ready-made-wheel',
    about: 'a package does not compile here and is to be had compiled under another name',
    steps: ['deps'],
    signature: BUILD_FAILED,
    guard: (found) => isPython(found) && Boolean(READY[failedBuild(found)]),
    cause: (found) =>
      `${failedBuild(found)} does not compile on this machine; ${READY[failedBuild(found)]} is the same, compiled`,
    does: ['write-overlay-file'],
    actions: (found) =>
      changed(found, failedBuild(found), (line) =>
        line.replace(new RegExp(escaped(failedBuild(found)), 'i'), READY[failedBuild(found)]!),
      ),
    key: failedBuild,
    proves: 'the install ends with 0 and the application starts',
  },
  {
    id: 'old-setup-tools',
    about: 'the set-up script of a package is older than the tools that run it',
    steps: ['deps', 'build'],
    signature: OLD_TOOLS.map(([pattern]) => pattern),
    guard: (found) => isPython(found) && found.heal.step === 'deps' && oldTool(found) !== null,
    cause: (found) => `a package is set up by a script that wants ${oldTool(found)!.replaceAll("'", '')}`,
    does: ['set-command'],
    actions: (found) => withTools(found, oldTool(found)!),
    key: (found) => oldTool(found)!,
    proves: 'the install ends with 0',
  },
  {
    id: 'build-backend',
    about: 'what a package is built with is not installed',
    steps: ['deps'],
    signature: BACKEND,
    after: ['old-setup-tools'],
    guard: (found) => isPython(found) && backendOf(found) !== null,
    cause: (found) => `${backendOf(found)} builds a package and is not installed`,
    does: ['set-command'],
    actions: (found) => withTools(found, backendOf(found)!),
    key: (found) => backendOf(found)!,
    proves: 'the install ends with 0',
  },
  {
    id: 'not-a-package',
    about: 'the repository is an application, not a package, and cannot be installed as one',
    steps: ['deps'],
    signature: [
      /Multiple top-level (?:packages|modules) discovered in a flat-layout/,
      /does not appear to be a Python project/,
      /is not installable\. Neither 'setup\.py'/,
      /Unable to determine which files to ship inside the wheel/,
    ],
    guard: isPython,
    cause: () => 'the repository cannot be installed as a package; what it depends on can',
    does: ['set-command'],
    actions: (found) => {
      const names = dependenciesIn(found.look.texts['pyproject.toml'] ?? '');
      const lines = installOf(found).flatMap((line) => {
        if (!/(?:pip3?|uv pip) install[^\n]* (?:-e )?['"]?\.(?:\[[\w,]+\])?['"]?(?:\s|$)/.test(line)) return [line];
        return names.length === 0
          ? []
          : [
              `${PIP.exec(line)?.[0] ?? 'pip install'} ${names.map((name) => `'${name.replaceAll("'", '"')}'`).join(' ')}`,
            ];
      });
      return lines.join('\n') === installOf(found).join('\n') ? [] : [command('install', ...lines)];
    },
    key: () => 'dependencies only',
    proves: 'the install ends with 0 and the application starts from its folder',
  },
  {
    id: 'pdm-lock-drift',
    about: 'pdm.lock or Pipfile.lock does not match what the repository asks for',
    steps: ['deps'],
    signature: [
      /Lock file (?:hash doesn't match|does not exist|is not compatible)/i,
      /Your Pipfile\.lock \([^)]*\) is out of date/,
    ],
    guard: isPython,
    cause: () => 'the lock file does not match what the repository asks for',
    does: ['set-command', 'use-copy'],
    actions: (found) => {
      const lines = rewriteInstall(found, (line) =>
        line
          .replace(/\bpdm (?:sync|install --frozen-lockfile)\b/, 'pdm install')
          .replace(/ --(?:deploy|check|frozen-lockfile)\b/g, ''),
      );
      return lines.length === 0 ? [] : [...lines, useCopy];
    },
    key: () => 'lock',
    proves: 'the install ends with 0',
  },
  {
    id: 'old-era',
    about: 'the program names no versions and was written against older ones of its libraries',
    steps: ['start', 'prove', 'build'],
    signature: [
      /ImportError: cannot import name '?\w+'? from '?(?:flask|werkzeug|jinja2|markupsafe|itsdangerous|sqlalchemy|pydantic|django|numpy)\b[\w.]*/,
      /`?BaseSettings`? has been moved/,
      /pydantic\.errors\.PydanticImportError/,
      /AttributeError: module 'numpy' has no attribute '(?:float|int|bool|object|str)'/,
    ],
    guard: (found) => isPython(found) && eraOf(found).length > 0,
    cause: (found) =>
      `the program uses what ${eraOf(found)[0]!.replace(/<.*/, '')} had before ${eraOf(found)[0]!.replace(/.*</, '')}`,
    does: ['add-install'],
    actions: (found) => [
      addInstall(
        `.venv/bin/python -m pip install ${eraOf(found)
          .map((one) => `'${one}'`)
          .join(' ')}`,
      ),
    ],
    key: (found) => eraOf(found).join(' '),
    proves: 'the module is imported and the application answers',
  },
  {
    id: 'python-collections',
    about: 'a library uses abstract classes of collections, which left it with Python 3.10',
    steps: ['deps', 'build', 'start', 'prove'],
    signature: [
      /ImportError: cannot import name '?(\w+)'? from '?collections'?\b/,
      /AttributeError: module 'collections' has no attribute '(\w+)'/,
    ],
    guard: (found) => isPython(found) && !found.heal.overlay.relaxed.includes('python'),
    cause: ({ match }) => `${match[1]} left collections with Python 3.10`,
    does: ['choose-version'],
    actions: () => [{ do: 'choose-version', tool: 'python', want: '<3.10' }],
    key: () => 'collections',
    proves: 'the step passes on that version',
  },
];
