/** Building and starting with Node: scripts, entries, built output, OpenSSL, memory, kinds of modules. */
import type { Action } from '../contract.js';
import {
  buildOf,
  escapeRegExp,
  manifestOf,
  quote,
  runScript,
  startBody,
  startOf,
  withBins,
  within,
} from './commands.js';
import { addInstall, type Case, command, env, type Rule } from './rule.js';

/** NODE_OPTIONS with one option more. */
export function nodeOptions({ heal }: Case, option: string): Action[] {
  const before =
    heal.overlay.env.NODE_OPTIONS ?? heal.service.env.find(({ name }) => name === 'NODE_OPTIONS')?.default ?? '';
  return before.includes(option) ? [] : [env('NODE_OPTIONS', `${before} ${option}`.trim())];
}

const OUTPUT =
  /^(?:(?:packages|apps)\/[^/]+\/)?(?:dist|build|out|lib|output|\.output|\.next|\.svelte-kit|public\/build|bin|target)(?:\/|$)/;
const BUILDS = [
  'build',
  'build:prod',
  'build:server',
  'build:all',
  'compile',
  'bundle',
  'transpile',
  'build:ts',
  'build-ts',
  'tsc',
  'dist',
];
/** What would make the output that is missing: a script, best one first, or the compiler. */
export function buildsFor(found: Case, output: string): string | null {
  const { scripts } = manifestOf(found);
  const folder = output.split('/')[0]!;
  const known = BUILDS.find((name) => Object.hasOwn(scripts, name));
  const makes = Object.entries(scripts).find(
    ([name, text]) =>
      !/^(pre|post)?(start|dev|test|watch|lint|clean)/.test(name) &&
      /\b(tsc|esbuild|webpack|rollup|swc|babel|tsup|vite build|cp|node)\b/.test(text) &&
      new RegExp(`\\b${escapeRegExp(folder)}\\b`).test(text),
  )?.[0];
  const script = known ?? makes;
  if (script !== undefined) return runScript(found, script);
  return found.look.bins.includes('tsc') && found.look.files.includes('tsconfig.json') ? 'npx tsc -p .' : null;
}

const NO_SCRIPT = [
  /[Mm]issing script: ["'`]?([\w:.-]+)/,
  /error Command "([\w:.-]+)" not found/,
  /Script not found "([\w:.-]+)"/,
  /Couldn't find a script named "([\w:.-]+)"/,
];
const ORDER = [
  'start:prod',
  'start:production',
  'start',
  'serve',
  'server',
  'preview',
  'dev',
  'develop',
  'main',
  'web',
  'start:dev',
];
const ENTRIES =
  /^(?:src\/|server\/|app\/|dist\/|build\/|bin\/)?(?:server|app|index|main|www|start)\.(?:[cm]?js|[cm]?ts)$/;
/** Files that look like where it starts, best first: near the root, named as servers are, and listening. */
export function entriesOf({ look }: Case): string[] {
  const rank = (path: string): number => {
    const text = look.texts[path] ?? '';
    const listens = /\.listen\s*\(|createServer|serve\s*\(|Bun\.serve|Deno\.serve/.test(text) ? 0 : 4;
    return listens + path.split('/').length + (path.endsWith('ts') ? 0.5 : 0);
  };
  return look.files.filter((path) => ENTRIES.test(path)).sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}
/** The command that runs a file, by its kind. */
export function runFile(found: Case, path: string): string {
  if (!/\.[cm]?tsx?$/.test(path)) return `node ${quote(path)}`;
  return found.look.bins.includes('ts-node') && !found.look.bins.includes('tsx')
    ? `npx ts-node ${quote(path)}`
    : `npx tsx ${quote(path)}`;
}
/** tsx is what runs TypeScript and any mixture of module kinds; where the repository has none it is added beside. */
const withTsx = (found: Case, actions: Action[]): Action[] =>
  found.look.bins.includes('tsx') ? actions : [addInstall('npm install --no-save --no-package-lock tsx'), ...actions];
const throughTsx = (found: Case): Action[] => {
  const body = startBody(found);
  const next = body.replace(/(^|&&\s*|;\s*)node(?:mon)?(?=\s)(?!\s+node_modules)/, '$1npx tsx');
  return next === body ? [] : withTsx(found, [command('start', withBins(found, next))]);
};

function insteadOfScript(found: Case): Action[] {
  const missing = found.match[1]!;
  const { scripts } = manifestOf(found);
  const usable = (name: string): boolean =>
    Object.hasOwn(scripts, name) &&
    name !== missing &&
    !new RegExp(`\\b(?:npm|yarn|pnpm|bun)(?: run)? ${escapeRegExp(missing)}(?=$|[\\s&;|])`).test(scripts[name]!);
  if (found.heal.step === 'build') {
    const rest = buildOf(found).filter((line) => !new RegExp(`\\b${escapeRegExp(missing)}\\b`).test(line));
    return rest.length === buildOf(found).length ? [] : [command('build', ...rest)];
  }
  const alike = Object.keys(scripts).find(
    (name) => usable(name) && (name.startsWith(missing) || missing.startsWith(name)) && !/build|test|lint/.test(name),
  );
  const script = alike ?? ORDER.find(usable);
  if (script !== undefined) return [command('start', runScript(found, script))];
  const entry = entriesOf(found)[0];
  return entry === undefined ? [] : [command('start', runFile(found, entry))];
}

const NO_FILE = [
  /Cannot find module '((?:\/|[A-Za-z]:)[^'\n]+)'\s*(?:\n|$)(?!Require stack)/,
  /Cannot find module '(\/[^'\n]+)'/,
  /(?:can't open file|cannot find entry) '([^'\n]+)'/,
  /Module not found "([^"\n]+)"/,
];
/** The entry that a failure names, from the service's folder. */
const entryOf = (found: Case): string | null => (found.match[1] === undefined ? null : within(found, found.match[1]));

/** The start runs a file that is there: what is missing is asked for by that. */
function startsAnother(found: Case, missing: string): boolean {
  const file = /^(?:\w+=\S*\s+)*node\s+(?:\.\/)?([\w./-]+\.[cm]?js)$/.exec(startBody(found).trim())?.[1];
  return file !== undefined && file !== missing && found.look.files.includes(file);
}

function realEntry(found: Case): Action[] {
  const missing = entryOf(found)!;
  const base = missing
    .split('/')
    .at(-1)!
    .replace(/\.\w+$/, '');
  const { main } = manifestOf(found);
  const same = found.look.files
    .filter(
      (path) =>
        /\.[cm]?[jt]s$/.test(path) &&
        !/\.d\.ts$|\.(test|spec)\./.test(path) &&
        path
          .split('/')
          .at(-1)!
          .replace(/\.\w+$/, '') === base,
    )
    .sort((a, b) => a.split('/').length - b.split('/').length || (a < b ? -1 : 1));
  const entries = entriesOf(found);
  const named =
    main !== null && found.look.files.includes(main.replace(/^\.\//, '')) ? main.replace(/^\.\//, '') : undefined;
  // Something that serves before something that is only called alike.
  const serves = same.find((path) => entries.includes(path)) ?? same[0];
  const choice = [serves, named, ...entries].find((path) => path !== undefined && path !== missing);
  if (choice === undefined) return [];
  const body = startBody(found);
  const written = new RegExp(
    `(^|\\s)(?:\\./)?${escapeRegExp(missing.replace(/\.[cm]?js$/, ''))}(?:\\.[cm]?js)?(?=$|\\s|;|&)`,
  );
  const next =
    written.test(body) && !/ts$/.test(choice)
      ? body.replace(written, (_, before: string) => `${before}${quote(choice)}`)
      : runFile(found, choice);
  const actions = [command('start', withBins(found, next))];
  return /\.[cm]?ts$/.test(choice) && /npx tsx/.test(next) ? withTsx(found, actions) : actions;
}

const REQUIRE =
  'data:text/javascript,import%7BcreateRequire%7Dfrom%22node:module%22;globalThis.require=createRequire(process.cwd()+%22/%22)';

export const nodeRun: readonly Rule[] = [
  {
    id: 'openssl-legacy',
    about: 'a tool of the time of OpenSSL 1 asks OpenSSL 3 for MD4',
    steps: ['deps', 'build', 'start', 'prove'],
    signature: [/ERR_OSSL_EVP_UNSUPPORTED/, /0308010C:digital envelope/],
    cause: () => 'a tool of the time of OpenSSL 1 asks OpenSSL 3 for MD4',
    does: ['set-env'],
    actions: (found) => nodeOptions(found, '--openssl-legacy-provider'),
    key: () => 'legacy provider',
    proves: 'the step ends without that error',
  },
  {
    id: 'heap',
    about: 'node reached its limit of memory',
    steps: ['deps', 'build', 'start', 'prove'],
    signature: [/JavaScript heap out of memory/, /Reached heap limit/],
    cause: () => 'node reached its limit of memory',
    does: ['set-env'],
    actions: (found) =>
      /--max-old-space-size/.test(startBody(found))
        ? []
        : nodeOptions(found, `--max-old-space-size=${Math.max(512, Math.floor(found.look.memoryMb * 0.7))}`),
    key: () => 'heap',
    proves: 'the step ends without that error',
  },
  {
    id: 'killed-for-memory',
    about: 'a command was ended from outside, as a system without memory does',
    after: ['heap'],
    steps: ['deps', 'build', 'start'],
    signature: [/ended with (?:exit code 13[47]|signal SIGKILL|SIGKILL)/, /^Killed$/m],
    guard: ({ heal }) =>
      heal.service.language === 'node' &&
      (heal.evidence?.exitCode === 137 || heal.evidence?.signal === 'SIGKILL' || heal.evidence?.exitCode === 134),
    cause: () => 'the command was ended from outside, as a system does that has no memory left; it is held to less',
    does: ['set-env'],
    actions: (found) => [
      ...nodeOptions(found, `--max-old-space-size=${Math.max(256, Math.floor(found.look.memoryMb * 0.5))}`),
      env('npm_config_jobs', '1'),
      env('UV_THREADPOOL_SIZE', '2'),
    ],
    key: () => 'memory',
    proves: 'the step ends by itself',
  },
  {
    id: 'ci-warnings',
    about: 'with CI set, the build takes warnings for errors',
    steps: ['build'],
    signature: [/Treating warnings as errors because process\.env\.CI = true/],
    cause: () => 'with CI set the build takes warnings for errors',
    does: ['set-env'],
    actions: () => [env('CI', 'false')],
    proves: 'the build ends with 0',
  },
  {
    id: 'sveltekit-adapter',
    about: 'adapter-auto of SvelteKit does not know where it is to run',
    steps: ['build', 'start'],
    signature: [/Could not detect a supported production environment/],
    cause: () => 'adapter-auto of SvelteKit does not know where it is to run',
    does: ['set-env'],
    actions: () => [env('GCP_BUILDPACKS', 'true')],
    from: 'build',
    proves: 'the build makes a server',
  },
  {
    id: 'missing-script',
    about: 'package.json has no script of the name that is called',
    steps: ['build', 'start'],
    signature: NO_SCRIPT,
    cause: ({ match }) => `package.json has no script ${match[1]}`,
    does: ['set-command'],
    actions: insteadOfScript,
    key: ({ match }) => match[1]!,
    proves: 'the application is up by another way to start it that the repository has',
  },
  {
    id: 'missing-build',
    about: 'what a build makes is not there: the build has not been done',
    steps: ['start', 'prove'],
    signature: [
      ...NO_FILE,
      /Could not find a (production build) in the '\.next'/,
      /ENOENT: no such file or directory, (?:open|stat|scandir|access) '([^'\n]+)'/,
    ],
    guard: (found) => {
      if (/\.next/.test(found.match[0]) && found.match[1] === 'production build') return true;
      const path = entryOf(found);
      return path !== null && OUTPUT.test(path) && !found.look.files.includes(path);
    },
    cause: (found) =>
      `${found.match[1] === 'production build' ? '.next' : entryOf(found)} is made by a build that has not been done`,
    does: ['set-command'],
    actions: (found) => {
      const output = found.match[1] === 'production build' ? '.next' : entryOf(found)!;
      const build =
        output === '.next' && !manifestOf(found).scripts.build ? 'npx next build' : buildsFor(found, output);
      return build === null || buildOf(found).some((line) => line === build || line.endsWith(` ${build}`))
        ? []
        : [command('build', ...buildOf(found), build)];
    },
    proves: 'what was missing is there and the application starts',
  },
  {
    id: 'typescript-entry',
    about: 'node is started on TypeScript, which this version does not run',
    steps: ['start'],
    signature: [/Unknown file extension "\.(?:[cm]?tsx?|jsx)"/],
    cause: () => 'node is started on TypeScript, which this version does not run',
    does: ['set-command', 'add-install'],
    actions: throughTsx,
    key: () => 'tsx',
    proves: 'the application starts',
  },
  {
    id: 'require-in-module',
    about: 'a file is written for the older kind of modules, and package.json says that it is of the newer',
    steps: ['build', 'start', 'prove'],
    signature: [/(?:require|__dirname|__filename|exports|module) is not defined in ES module scope/],
    cause: () => 'a file is of the older kind of modules and package.json says that all are of the newer',
    does: ['write-overlay-file', 'set-env'],
    actions: (found) => {
      const sources = Object.entries(found.look.texts).filter(
        ([path]) => /\.js$/.test(path) && !/(^|\/)(dist|build|test|tests)\//.test(path),
      );
      const manifest = found.look.texts['package.json'] ?? '';
      // Where no file uses the newer kind, that word alone is wrong; else only `require` can be given to all.
      if (!sources.some(([, text]) => /^\s*(?:import\s[^(]|import\s*['"{*]|export\s)/m.test(text)))
        return /"type"\s*:\s*"module"/.test(manifest)
          ? [
              {
                do: 'write-overlay-file',
                path: 'package.json',
                text: manifest.replace(/"type"(\s*:\s*)"module"/, '"type"$1"commonjs"'),
              },
            ]
          : [];
      return /require is not/.test(found.match[0]) ? nodeOptions(found, `--import=${REQUIRE}`) : [];
    },
    key: () => 'kind',
    proves: 'the application starts',
  },
  {
    id: 'module-kind',
    about: 'a file mixes the two kinds of modules of node',
    steps: ['start', 'prove'],
    signature: [/Cannot use import statement outside a module/, /Unexpected token 'export'/, /ERR_REQUIRE_ESM/],
    cause: () => 'a file mixes the two kinds of modules of node',
    does: ['set-command', 'add-install'],
    actions: throughTsx,
    key: () => 'tsx',
    proves: 'the application starts',
  },
  {
    id: 'esm-extension',
    about: 'imports leave out the end of the file name, which node wants for ES modules',
    steps: ['start', 'prove'],
    signature: [/Cannot find module '([^'\n]+)' imported from/, /ERR_UNSUPPORTED_DIR_IMPORT/],
    guard: (found) => {
      const path = entryOf(found);
      return (
        path === null ||
        found.look.files.some(
          (file) => file.startsWith(`${path.replace(/\.js$/, '')}.`) || file.startsWith(`${path}/index.`),
        )
      );
    },
    cause: () => 'imports leave out the end of the file name, which node wants for ES modules',
    does: ['set-command', 'add-install'],
    actions: throughTsx,
    key: () => 'tsx',
    proves: 'the application starts',
  },
  {
    id: 'wrong-entry',
    about: 'the start names a file that is not there',
    steps: ['start'],
    signature: NO_FILE,
    guard: (found) => {
      const path = entryOf(found);
      return (
        found.heal.service.language !== 'python' &&
        path !== null &&
        !path.startsWith('node_modules/') &&
        !/imported from/.test(found.text) &&
        startOf(found) !== '' &&
        !startsAnother(found, path)
      );
    },
    cause: (found) => `the start names ${entryOf(found)}, which is not there`,
    does: ['set-command', 'add-install'],
    actions: realEntry,
    key: (found) => entryOf(found)!,
    proves: 'the application is up from the file that is there',
  },
];
