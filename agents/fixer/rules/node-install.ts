/** Installing with npm, pnpm, yarn and bun: lock files, peers, versions of Node, lifecycle scripts. */
import type { Action } from '../contract.js';
import { installOf, managerOf, npmInstall, rewriteInstall, withFlag } from './commands.js';
import { type Case, command, env, type Rule, useCopy } from './rule.js';

const berry = (found: Case): boolean =>
  installOf(found).some((line) => line.includes('--immutable')) || /YN0028/.test(found.text);
const isNpm = (found: Case): boolean => managerOf(found) === 'npm';
const hasLock = ({ look }: Case): boolean =>
  look.files.some((path) => /^(package-lock|npm-shrinkwrap)\.json$/.test(path));
/** The usage text that `npm ci` ends with is long; often nothing else is left of its output. */
const NO_LOCK = /npm ci. command can only install with an existing package-lock/;
const USAGE = /aliases: clean-install, ic, install-clean/;
const installAnyhow = (found: Case, flags = ''): Action[] => {
  const done = rewriteInstall(found, (line) => npmInstall(line, flags));
  return done.length > 0 || found.heal.step !== 'deps'
    ? done
    : [command('install', ['npm install --no-save', flags].filter(Boolean).join(' '))];
};

/** What the failure says the runtime must be. */
export function wantedNode({ text }: Case): string | null {
  const said =
    /Required:\s+\{[^}]*"node":\s*"([^"]+)"/.exec(text) ??
    /"node" is incompatible with this module\. Expected version "([^"]+)"/.exec(text) ??
    /Your Node version is incompatible with[^\n]*\n\s*\n?Expected version: ([^\n]+)/.exec(text);
  return said?.[1]?.trim() ?? null;
}

/** The package that says so. */
const claimant = ({ text }: Case): string =>
  /with(?: your version of node\/npm:)? "?([@\w./-]+@[\w.-]+)/.exec(text)?.[1] ?? 'a package';

/** Named, since without names npm runs the scripts of the repository itself, too. */
const REBUILD = 'set -- $(cd node_modules && ls -d [!.@]* @*/* 2>/dev/null); [ $# = 0 ] || npm rebuild "$@"';

export const nodeInstall: readonly Rule[] = [
  {
    id: 'npm-lock-drift',
    about: 'the lock file of npm does not match package.json',
    steps: ['deps', 'build', 'start'],
    signature: [/can only install (?:packages )?(?:when|with)[^\n]*in sync/, /cipm can only install packages/, USAGE],
    guard: (found) => isNpm(found) && !NO_LOCK.test(found.text) && (hasLock(found) || !USAGE.test(found.match[0])),
    cause: () => 'the lock file does not match package.json, so `npm ci` refuses',
    // --no-save keeps to what the lock file pins and writes neither file (tried with npm 11); npm 6 needs it named.
    does: ['set-command'],
    actions: (found) => installAnyhow(found, /cipm/.test(found.text) ? '--no-package-lock' : ''),
    key: () => 'npm ci',
    proves: 'the install ends with 0',
  },
  {
    id: 'npm-no-lock',
    about: '`npm ci` is called and there is no lock file it can read',
    after: ['npm-lock-drift'],
    steps: ['deps', 'build', 'start'],
    signature: [NO_LOCK, USAGE],
    guard: isNpm,
    cause: (found) => `\`npm ci\` needs a lock file and ${hasLock(found) ? 'cannot read this one' : 'there is none'}`,
    does: ['set-command'],
    actions: (found) => installAnyhow(found, '--no-package-lock'),
    key: () => 'npm ci',
    proves: 'the install ends with 0',
  },
  {
    id: 'pnpm-no-lock',
    about: 'pnpm is asked for a frozen install and there is no lock file',
    steps: ['deps'],
    signature: [/ERR_PNPM_NO_LOCKFILE/],
    guard: (found) => managerOf(found) === 'pnpm',
    cause: () => 'the install asks for pnpm-lock.yaml and there is none',
    does: ['set-command'],
    actions: (found) => rewriteInstall(found, (line) => line.replace(/ --frozen-lockfile\b/, ' --no-lockfile')),
    proves: 'the install ends with 0',
  },
  {
    id: 'pnpm-lock-drift',
    about: 'pnpm-lock.yaml does not match package.json',
    steps: ['deps'],
    signature: [/ERR_PNPM_(?:OUTDATED_LOCKFILE|LOCKFILE_CONFIG_MISMATCH|LOCKFILE_BREAKING_CHANGE)/],
    guard: (found) => managerOf(found) === 'pnpm',
    cause: () => 'pnpm-lock.yaml does not match package.json',
    // pnpm writes the lock file it has mended: on a copy only.
    does: ['set-command', 'use-copy'],
    actions: (found) => {
      const lines = rewriteInstall(found, (line) =>
        withFlag(line.replace(/ --frozen-lockfile\b/, ''), '--no-frozen-lockfile'),
      );
      return lines.length > 0 ? [...lines, useCopy] : [];
    },
    key: () => 'pnpm-lock.yaml',
    proves: 'the install ends with 0',
  },
  {
    id: 'yarn-lock-drift',
    about: 'yarn.lock does not match package.json',
    steps: ['deps'],
    signature: [
      /lockfile needs to be updated[^\n]*--frozen-lockfile/,
      /YN0028/,
      /lockfile would have been (?:modified|created) by this install/,
    ],
    guard: (found) => managerOf(found) === 'yarn',
    cause: () => 'yarn.lock does not match package.json',
    does: ['set-command', 'set-env', 'use-copy'],
    actions: (found) => {
      if (!berry(found))
        return rewriteInstall(found, (line) =>
          line
            .replace(/ --(?:frozen-lockfile|immutable)\b/, '')
            .replace(/\byarn(?: install)?(?=$|\s)/, 'yarn install --pure-lockfile'),
        );
      const lines = rewriteInstall(found, (line) => line.replace(/ --immutable\b/, ' --no-immutable'));
      return lines.length > 0 ? [...lines, useCopy] : [env('YARN_ENABLE_IMMUTABLE_INSTALLS', 'false'), useCopy];
    },
    key: () => 'yarn.lock',
    proves: 'the install ends with 0',
  },
  {
    id: 'bun-lock-drift',
    about: 'the lock file of bun does not match package.json',
    steps: ['deps'],
    signature: [/lockfile had changes, but lockfile is frozen/],
    guard: (found) => managerOf(found) === 'bun',
    cause: () => 'the lock file of bun does not match package.json',
    does: ['set-command'],
    actions: (found) =>
      rewriteInstall(found, (line) => withFlag(line.replace(/ --frozen-lockfile\b/, ''), '--no-save')),
    proves: 'the install ends with 0',
  },
  {
    id: 'peer-conflict',
    about: 'packages ask for versions of each other that exclude one another',
    steps: ['deps', 'build', 'start'],
    signature: [
      /code ERESOLVE\b/,
      /ERESOLVE (?:unable to resolve|could not resolve)/,
      /retry this command with --force,? or --legacy-peer-deps/,
    ],
    cause: ({ text }) => {
      const peer = /peer (\S+) from (\S+)/.exec(text);
      return peer
        ? `${peer[2]} wants ${peer[1]} beside it and the repository has another version`
        : 'packages ask for versions of each other that exclude one another';
    },
    does: ['set-command', 'set-env'],
    actions: (found) => {
      const lines = rewriteInstall(found, (line) =>
        withFlag(/\bnpm (?:install|i)\b/.test(line) ? npmInstall(line) : line, '--legacy-peer-deps'),
      );
      return lines.length > 0 ? lines : [env('npm_config_legacy_peer_deps', 'true')];
    },
    key: () => 'legacy-peer-deps',
    proves: 'the install ends with 0, and the application is proven with these versions',
  },
  {
    id: 'pnpm-peer-conflict',
    about: 'pnpm stops at packages whose demands exclude one another',
    steps: ['deps'],
    signature: [/ERR_PNPM_PEER_DEP_ISSUES/],
    cause: () => 'packages ask for versions of each other that exclude one another',
    does: ['set-env'],
    actions: () => [env('npm_config_strict_peer_dependencies', 'false')],
    proves: 'the install ends with 0',
  },
  {
    id: 'node-engine',
    about: 'a package wants another version of node',
    steps: ['deps', 'build'],
    signature: [/code EBADENGINE\b/, /ERR_PNPM_UNSUPPORTED_ENGINE/, /The engine "node" is incompatible/],
    guard: (found) => {
      const want = wantedNode(found);
      const { overlay, service } = found.heal;
      return (
        want !== null &&
        want !== (overlay.versions.node ?? service.versions.node?.want) &&
        !overlay.relaxed.includes('node')
      );
    },
    cause: (found) => `${claimant(found)} wants node ${wantedNode(found)}`,
    does: ['choose-version'],
    actions: (found) => [{ do: 'choose-version', tool: 'node', want: wantedNode(found)! }],
    key: (found) => wantedNode(found)!,
    proves: 'the install ends with 0 on that version',
  },
  {
    id: 'engine-strict',
    about: 'the version of a tool that a package wants is not to be had',
    after: ['node-engine', 'pnpm-engine'],
    steps: ['deps', 'build'],
    signature: [/code EBADENGINE\b/, /ERR_PNPM_UNSUPPORTED_ENGINE/, /The engine "\w+" is incompatible/],
    cause: (found) =>
      `${claimant(found)} wants ${wantedNode(found) === null ? 'another version of a tool' : `node ${wantedNode(found)}`}, which is not to be had; its claim is not enforced (degraded)`,
    does: ['set-command', 'set-env'],
    actions: (found) =>
      managerOf(found) === 'yarn'
        ? rewriteInstall(found, (line) =>
            withFlag(
              /\byarn install\b/.test(line) ? line : line.replace(/\byarn(?=$|\s)/, 'yarn install'),
              '--ignore-engines',
            ),
          )
        : [env('npm_config_engine_strict', 'false')],
    key: () => 'engine-strict',
    proves: 'the install ends with 0, and the application is proven on the version there is',
  },
  {
    id: 'git-hooks',
    about: 'a script of the install sets up git hooks where there is no git',
    steps: ['deps'],
    signature: [
      /husky[^\n]*(?:\.git can't be found|git command not found|not a git repository|command failed)/i,
      /\.git can't be found/,
      /(?:husky|simple-git-hooks|lefthook|pre-commit)[\s\S]{0,200}fatal: not a git repository/,
    ],
    cause: () => 'a script of the install sets up git hooks and there is no git here for it',
    does: ['set-env'],
    actions: () => [
      env('HUSKY', '0'),
      env('HUSKY_SKIP_INSTALL', '1'),
      env('SKIP_INSTALL_SIMPLE_GIT_HOOKS', '1'),
      env('LEFTHOOK', '0'),
    ],
    key: () => 'hooks off',
    proves: 'the install ends with 0',
  },
  {
    id: 'lifecycle-script',
    about: 'a script of the install calls a program that is not installed',
    steps: ['deps'],
    signature: [
      /(?:sh|bash|\/bin\/sh)(?:: line \d+|: \d+)?: (husky|patch-package|lefthook|simple-git-hooks|is-ci|pinst|ngcc|only-allow|run-s|npm-run-all|lerna|tsc|rimraf|git): (?:not found|command not found)/,
      /command (?:sh -c )?(husky)(?: install)?$/m,
    ],
    guard: isNpm,
    cause: ({ match }) => `a script of the install calls ${match[1]}, which is not installed`,
    // Scripts of the packages themselves still run; only the repository's own prepare and postinstall do not.
    does: ['set-command'],
    actions: (found) => {
      const lines = rewriteInstall(found, (line) => withFlag(line, '--ignore-scripts'));
      return lines[0]?.do === 'set-command' ? [command('install', ...lines[0].commands, REBUILD)] : [];
    },
    proves: 'the install ends with 0',
  },
  {
    id: 'git-over-ssh',
    about: 'a dependency is fetched by git over ssh, without a key for it',
    steps: ['deps'],
    signature: [
      /Permission denied \(publickey\)/,
      /Host key verification failed/,
      /ssh: command not found|cannot run ssh/,
    ],
    cause: () => 'a dependency is fetched by git over ssh, and this machine has no key for it',
    does: ['set-env'],
    actions: () => [
      env('GIT_CONFIG_COUNT', '2'),
      env('GIT_CONFIG_KEY_0', 'url.https://github.com/.insteadOf'),
      env('GIT_CONFIG_VALUE_0', 'ssh://git@github.com/'),
      env('GIT_CONFIG_KEY_1', 'url.https://github.com/.insteadOf'),
      env('GIT_CONFIG_VALUE_1', 'git@github.com:'),
      env('GIT_TERMINAL_PROMPT', '0'),
    ],
    key: () => 'https',
    proves: 'the install ends with 0',
  },
  {
    id: 'npmrc-variable',
    about: '.npmrc reads a variable that is not set',
    steps: ['deps', 'build'],
    signature: [/Failed to replace env in config: \$\{(\w+)\}/],
    cause: ({ match }) => `.npmrc reads ${match[1]}, which is not set; public packages do without it`,
    does: ['set-env'],
    actions: ({ match }) => [env(match[1]!, '')],
    key: ({ match }) => match[1]!,
    proves: 'the install ends with 0',
  },
];
