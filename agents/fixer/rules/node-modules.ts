/** A module or a program that Node cannot find: not installed, not declared, or part of a newer Node. */
import type { Action } from '../contract.js';
import { installOf, managerOf, manifestOf, rewriteInstall, startOf, withFlag } from './commands.js';
import { addInstall, type Case, command, env, type Rule, useCopy } from './rule.js';

/** Programs whose package has another name. */
const PROGRAMS: Record<string, string> = {
  tsc: 'typescript',
  ng: '@angular/cli',
  nest: '@nestjs/cli',
  'vue-cli-service': '@vue/cli-service',
  webpack: 'webpack-cli',
  nuxi: 'nuxt',
  remix: '@remix-run/dev',
  'remix-serve': '@remix-run/serve',
  'react-router': '@react-router/dev',
  'react-router-serve': '@react-router/serve',
  'run-s': 'npm-run-all',
  'run-p': 'npm-run-all',
  babel: '@babel/cli',
  'babel-node': '@babel/node',
  eleventy: '@11ty/eleventy',
  svelte: '@sveltejs/kit',
  'ts-node-dev': 'ts-node-dev',
  tailwindcss: '@tailwindcss/cli',
};
const SAME_NAME =
  /^(vite|next|nuxt|astro|gatsby|react-scripts|nodemon|ts-node|tsx|cross-env|concurrently|rimraf|serve|http-server|esbuild|rollup|webpack|parcel|turbo|nx|lerna|tsup|swc|pm2|dotenv-cli|env-cmd|npm-run-all|shx|copyfiles|cpx|tsc-alias|prisma|sass|postcss|json-server|live-server|wait-on)$/;
const packageOf = (program: string): string | null => PROGRAMS[program] ?? (SAME_NAME.test(program) ? program : null);

/** `@scope/name/deep` → `@scope/name`; null for paths, aliases and what no registry would have. */
export function packageName(specifier: string): string | null {
  const name = /^(@[a-z0-9][\w.-]*\/[a-z0-9][\w.-]*|[a-z0-9][\w.-]*)(?:\/|$)/.exec(specifier)?.[1] ?? null;
  return name === null ||
    name.length > 100 ||
    /^(node|file|https?|src|app|lib|config|utils|components|server)$/.test(name)
    ? null
    : name;
}
const specifierOf = ({ match }: Case): string | null => (match[1] === undefined ? null : packageName(match[1]));
/** A folder or file of the repository with that name: an alias of its own build, not a package. */
const isOwn = ({ look }: Case, name: string): boolean =>
  look.files.some(
    (path) => path === name || path.startsWith(`${name}/`) || /^(\w+)\.[cm]?[jt]s$/.exec(path)?.[1] === name,
  );

const MISSING = [
  /Cannot find module '([^'./\n][^'\n]*)'/,
  /Cannot find package '([^'./\n][^'\n]*)'/,
  /Cannot find module "([^"./\n][^"\n]*)"/,
  /Module not found: (?:Error: )?Can't resolve '([^'./\n][^'\n]*)'/,
  /Rollup failed to resolve import "([^"./\n][^"\n]*)"/,
  /Could not resolve "([^"./\n][^"\n]*)"/,
  /Failed to resolve import "([^"./\n][^"\n]*)"/,
];
const NOT_FOUND = [
  /(?:sh|bash|\/bin\/sh)(?:: line \d+|: \d+)?: ([\w.-]+): (?:not found|command not found)/,
  /command not found: ([\w.-]+)/,
  /spawn ([\w.-]+) ENOENT/,
];

/** Installs what is declared once more, with the packages for development, into a tree that may lack them. */
export function reinstall(found: Case): Action[] {
  const flags = { npm: '--include=dev', pnpm: '--prod=false', yarn: '--production=false', bun: '' }[managerOf(found)];
  const plain = (line: string): string =>
    line.replace(/ --(?:omit[= ]dev|production(?:=true)?|only=prod\w*|prod|no-dev)\b/g, '');
  if (installOf(found).length === 0)
    return [
      command(
        'install',
        managerOf(found) === 'npm' ? 'npm install --no-save --include=dev' : `${managerOf(found)} install`,
      ),
    ];
  return rewriteInstall(found, (line) => (flags === '' ? plain(line) : withFlag(plain(line), flags)));
}

/** Installs packages nobody declared, beside the rest. */
function addPackages(found: Case, name: string): Action[] {
  const manager = managerOf(found);
  // npm and bun can do so without writing what the repository tracks. Packages added before are named again, since npm
  // takes what no file names for left-overs.
  if (manager === 'npm' || manager === 'bun') {
    // In a package of a workspace npm finds no workspace without the lock file, and installs nothing.
    const isPart = installOf(found).some((line) => line.startsWith('cd ..'));
    const npm = isPart ? 'npm install --no-save' : 'npm install --no-save --no-package-lock';
    const prefix = manager === 'npm' ? npm : 'bun add --no-save';
    const before = found.heal.overlay.extraInstall
      .filter((line) => line.startsWith(prefix))
      .flatMap((line) => line.slice(prefix.length).trim().split(' '));
    const flags =
      found.heal.overlay.env.npm_config_legacy_peer_deps ||
      !installOf(found).some((line) => line.includes('--legacy-peer-deps'))
        ? ''
        : ' --legacy-peer-deps';
    return [
      addInstall(
        `${prefix}${flags} ${[...new Set([...before.filter((word) => !word.startsWith('--')), name])].join(' ')}`,
      ),
    ];
  }
  return [addInstall(`${manager} add ${name}`), useCopy];
}

const BUILT_IN: readonly [RegExp, string, string][] = [
  [/No such built-in module: (node:sqlite)|Cannot find module '(node:sqlite)'/, '>=22.13', 'node:sqlite'],
  [/No such built-in module: (node:(?:sea|test\/reporters))/, '>=20', 'a module of Node'],
  [
    /(Promise\.withResolvers|Array\.fromAsync|Iterator\.from|\.isSubsetOf|\.isDisjointFrom) is not a function/,
    '>=22',
    '',
  ],
  [/(Object\.groupBy|Map\.groupBy) is not a function/, '>=21', ''],
  [/ReferenceError: (WebSocket|CustomEvent|navigator) is not defined/, '>=22', ''],
  [/(\.toSorted|\.toReversed|\.toSpliced|\.findLast) is not a function/, '>=20', ''],
  [
    /ReferenceError: (fetch|Headers|FormData|structuredClone|File|Blob|crypto|ReadableStream) is not defined/,
    '>=20',
    '',
  ],
  [/(RegExp\.escape|Error\.isError|Float16Array|URLPattern) is not (?:a function|defined)/, '>=24', ''],
  [/SyntaxError: Unexpected token '(\?\?=|\|\|=|&&=|\?\.|\?\?)'/, '>=16', ''],
  [
    /SyntaxError: (?:Named export|The requested module)[^\n]*'(?:node:)?(?:fs|util|path|crypto|module|test)'[^\n]*export named '(\w+)'/,
    '>=22.13',
    '',
  ],
];
const newer = (found: Case): (typeof BUILT_IN)[number] | undefined =>
  BUILT_IN.find(([pattern]) => pattern.test(found.text));
const OWN_CHECK = [
  /requires?(?: at least)?(?: a)?(?: minimum)? node(?:\.?js)?(?: runtime)?(?: version)?(?: of)?[ :]*["'`]?((?:>=|\^|~|>)?\s*v?\d+(?:\.\d+){0,2}(?:\.x)?)/i,
  /node(?:\.?js)?(?: version)? ["'`]?((?:>=|\^)?\s*v?\d+(?:\.\d+){0,2}(?:\.x)?)["'`]?\+?(?: or (?:newer|higher|later|above|greater|more recent))?[^\n\d]{0,20} (?:is|are) (?:required|needed)/i,
  /upgrade (?:your )?node(?:\.?js)?[^\n]{0,40}?["'`]?((?:>=|\^)\s*v?\d+(?:\.\d+){0,2})/i,
  /(?:please )?(?:use|upgrade to|install|update to) node(?:\.?js)?(?: version)? ["'`]?((?:>=)?\s*v?\d+(?:\.\d+){0,2})(?:\+| or (?:newer|higher|later|above|greater))/i,
];
const checked = ({ match }: Case): string => {
  const said = (match[1] ?? '').replace(/\s|v/g, '');
  return /^[\d.]+$/.test(said) ? `>=${said}` : said;
};

export const nodeModules: readonly Rule[] = [
  {
    id: 'node-too-old',
    about: 'the code uses what a newer node has',
    steps: ['build', 'start', 'prove'],
    signature: BUILT_IN.map(([pattern]) => pattern),
    guard: (found) => found.heal.service.language === 'node' && newer(found) !== undefined,
    cause: (found) =>
      `the code uses ${found.match[1] ?? newer(found)![2]}, which node has from ${newer(found)![1].slice(2)} on`,
    does: ['choose-version'],
    actions: (found) => [{ do: 'choose-version', tool: 'node', want: newer(found)![1] }],
    key: (found) => newer(found)![1],
    proves: 'the step passes on that version',
  },
  {
    id: 'node-version-check',
    about: 'the program itself checks for a newer node',
    steps: ['deps', 'build', 'start'],
    signature: OWN_CHECK,
    guard: (found) => found.heal.service.language === 'node' && /^\d/.test(checked(found).replace(/^[^\d]+/, '')),
    cause: (found) => `the program itself wants node ${checked(found)}`,
    does: ['choose-version'],
    actions: (found) => [{ do: 'choose-version', tool: 'node', want: checked(found) }],
    key: checked,
    proves: 'the step passes on that version',
  },
  {
    id: 'native-rebuild',
    about: 'a native package was built for another version of node',
    steps: ['build', 'start', 'prove'],
    signature: [/was compiled against a different Node\.js version/, /NODE_MODULE_VERSION \d+/],
    cause: () => 'a native package was built for another version of node',
    does: ['add-install'],
    actions: (found) => [addInstall(managerOf(found) === 'pnpm' ? 'pnpm rebuild' : 'npm rebuild')],
    proves: 'the module loads',
  },
  {
    id: 'prisma-client',
    about: 'the client of prisma has not been generated',
    steps: ['build', 'start', 'prove'],
    signature: [/@prisma\/client did not initialize yet/, /Cannot find module '\.prisma\/client/],
    cause: () => 'the client of prisma has not been generated',
    does: ['add-install'],
    actions: () => [addInstall('npx prisma generate')],
    key: () => 'generate',
    proves: 'the client loads',
  },
  {
    id: 'declared-module',
    about: 'a module is in package.json and not in node_modules',
    steps: ['build', 'start', 'prove'],
    signature: MISSING,
    guard: (found) => {
      const name = specifierOf(found);
      return name !== null && name in manifestOf(found).declared;
    },
    cause: (found) => `${specifierOf(found)} is in package.json and not in node_modules`,
    does: ['set-command'],
    actions: reinstall,
    key: () => 'reinstall',
    proves: 'the module is found',
  },
  {
    id: 'declared-program',
    about: 'a program comes with a package of package.json that is not installed',
    steps: ['deps', 'build', 'start'],
    signature: NOT_FOUND,
    guard: (found) => {
      const program = found.match[1]!;
      const { declared } = manifestOf(found);
      return program in declared || (packageOf(program) ?? '') in declared;
    },
    cause: ({ match }) => `${match[1]} comes with a package of package.json that is not installed`,
    does: ['set-command'],
    actions: reinstall,
    key: () => 'reinstall',
    proves: 'the program is found',
  },
  {
    id: 'undeclared-module',
    about: 'a module is used that package.json does not name',
    after: ['declared-module'],
    steps: ['build', 'start', 'prove'],
    signature: MISSING,
    guard: (found) => {
      const name = specifierOf(found);
      return (
        found.heal.service.language === 'node' &&
        name !== null &&
        !(name in manifestOf(found).declared) &&
        !isOwn(found, name)
      );
    },
    cause: (found) => `${specifierOf(found)} is used and package.json does not name it`,
    does: ['add-install', 'use-copy'],
    actions: (found) => addPackages(found, specifierOf(found)!),
    key: (found) => specifierOf(found)!,
    proves: 'the module is found',
  },
  {
    id: 'undeclared-program',
    about: 'a program is called that no package of package.json has',
    after: ['declared-program'],
    steps: ['build', 'start'],
    signature: NOT_FOUND,
    guard: (found) =>
      found.heal.service.language === 'node' &&
      packageOf(found.match[1]!) !== null &&
      !found.look.bins.includes(found.match[1]!),
    cause: ({ match }) => `${match[1]} is called and package.json names no package that has it`,
    does: ['add-install', 'use-copy'],
    actions: (found) => addPackages(found, packageOf(found.match[1]!)!),
    key: ({ match }) => match[1]!,
    proves: 'the program is found',
  },
  {
    id: 'own-modules-path',
    about: 'a module of the repository is meant from its root, where node does not look',
    steps: ['start', 'prove'],
    signature: [/Cannot find module '((?:src|app|lib|config|utils|server|dist)\/[^'\n]*)'/],
    guard: (found) => isOwn(found, found.match[1]!.split('/')[0]!),
    cause: ({ match }) => `${match[1]} is meant from the folder of the service, where node does not look by itself`,
    does: ['set-env'],
    actions: (found) => (/\bNODE_PATH=/.test(startOf(found)) ? [] : [env('NODE_PATH', '.')]),
    key: () => 'NODE_PATH',
    proves: 'the module is found',
  },
];
