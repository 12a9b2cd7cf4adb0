/** Which package manager installs: the one the repository names, its versions, its protocols and its registries. */
import type { Action } from '../contract.js';
import { installOf, managerOf, npmInstall, rewriteInstall, rewriteStep, startOf, withFlag } from './commands.js';
import { type Case, command, env, overlayFile, type Rule, useCopy } from './rule.js';

const packageJson = ({ look }: Case): Record<string, unknown> => {
  try {
    return (JSON.parse(look.texts['package.json'] ?? '{}') as Record<string, unknown> | null) ?? {};
  } catch {
    return {};
  }
};
/** What `packageManager` names; the text says it where the file does not. */
function named(found: Case): { name: string; version: string | null } | null {
  const said =
    /^(npm|pnpm|yarn|bun)@(\d[\w.-]*)/.exec(String(packageJson(found).packageManager ?? '')) ??
    /"packageManager": "(?:yarn@)?(npm|pnpm|yarn|bun)@v?(\d[\w.-]*)/.exec(found.text) ??
    /configured to use (?:v?(\d[\w.-]*) of )?(npm|pnpm|yarn|bun)\b/.exec(found.text);
  if (said === null) return null;
  const [one, other] = [said[1] ?? '', said[2] ?? ''];
  return /^\d/.test(other) || other === ''
    ? { name: one, version: other || null }
    : { name: other, version: one || null };
}
const wantedByPnpm = ({ text }: Case): string | null =>
  /pnpm version is incompatible with[^\n]*\n\s*Expected version: ([^\n]+)/.exec(text)?.[1] ?? null;

/** The install and the scripts through another manager, which npx fetches. */
function through(found: Case, manager: string, version: string | null): Action[] {
  const program =
    manager === 'npm' ? 'npm' : `npx --yes ${manager}${version === null ? '' : `@${version.split(/[+-]/)[0]}`}`;
  const script = /^(?:npm|pnpm|yarn|bun)(?: run)? ([\w:.-]+)$/.exec(startOf(found))?.[1];
  return [
    command('install', `${program} install`),
    ...(script === undefined ? [] : [command('start', `${program} run ${script}`)]),
    useCopy,
  ];
}
const devEngines = (found: Case): string | null => {
  const wanted = (packageJson(found).devEngines as { packageManager?: { name?: unknown } } | undefined)?.packageManager
    ?.name;
  const said = /Invalid name "(\w+)" does not match/.exec(found.text)?.[1] ?? wanted;
  return typeof said === 'string' && /^(npm|pnpm|yarn|bun)$/.test(said) ? said : null;
};

const DEPENDENCIES = ['dependencies', 'devDependencies', 'optionalDependencies'] as const;
/** package.json with the version of a package it names itself relaxed to its major; null: it does not name it. */
function relaxed(found: Case, spec: string): string | null {
  const [, name = '', version = ''] = /^(@?[^@]+)@(.*)$/.exec(spec) ?? [];
  const json = packageJson(found) as Record<string, Record<string, string>>;
  const table = DEPENDENCIES.find((one) => typeof json[one]?.[name] === 'string');
  const major = /\d+/.exec(version)?.[0];
  const old = table === undefined ? null : json[table]![name]!;
  if (table === undefined || old === '*' || /^(npm|git|file|link|workspace|https?):/.test(old ?? '')) return null;
  const next = major === undefined || old === `^${major}` ? '*' : `^${major}`;
  return `${JSON.stringify({ ...json, [table]: { ...json[table], [name]: next } }, null, 2)}\n`;
}
const ABSENT = [
  /No matching version found for (@?[\w./-]+@[^\s.]*(?:\.[^\s.]+)*)/,
  /Couldn't find any versions for "([^"\n]+)" that matches "([^"\n]+)"/,
];
const specIn = ({ match }: Case): string => (match[2] === undefined ? match[1]! : `${match[1]}@${match[2]}`);

export const nodeManagers: readonly Rule[] = [
  {
    id: 'dev-engines',
    about: 'devEngines of package.json names another package manager than the one that installs',
    steps: ['deps', 'build', 'start'],
    signature: [/code EBADDEVENGINES/],
    guard: (found) => devEngines(found) !== null,
    cause: (found) => `package.json wants ${devEngines(found)} as its package manager`,
    does: ['set-command', 'use-copy'],
    actions: (found) => through(found, devEngines(found)!, null),
    key: (found) => devEngines(found)!,
    proves: 'the install ends with 0 with the manager that is named',
  },
  {
    id: 'manager-mismatch',
    about: 'packageManager of package.json names another package manager, or another version of it',
    steps: ['deps', 'build', 'start'],
    signature: [
      /defines "packageManager": "[^"\n]+/,
      /This project is configured to use (?:v?[\d.]+ of )?(?:npm|pnpm|yarn|bun)/,
      /ERR_PNPM_(?:OTHER_PM_EXPECTED|BAD_PM_VERSION)/,
    ],
    guard: (found) => named(found) !== null,
    cause: (found) =>
      `package.json names ${named(found)!.name}${named(found)!.version === null ? '' : ` ${named(found)!.version}`} as its package manager`,
    does: ['set-command', 'use-copy'],
    // Berry is published under another name than yarn 1.
    actions: (found) => {
      const { name, version } = named(found)!;
      const berry = name === 'yarn' && version !== null && Number(version.split('.')[0]) >= 2;
      return through(found, berry ? '@yarnpkg/cli-dist' : name, version);
    },
    key: (found) => `${named(found)!.name} ${named(found)!.version ?? ''}`,
    proves: 'the install ends with 0 with the manager that is named',
  },
  {
    id: 'pnpm-engine',
    about: 'the repository wants another version of pnpm',
    steps: ['deps', 'build'],
    signature: [/Your pnpm version is incompatible with/],
    guard: (found) => wantedByPnpm(found) !== null,
    cause: (found) => `the repository wants pnpm ${wantedByPnpm(found)}`,
    does: ['choose-version'],
    actions: (found) => [{ do: 'choose-version', tool: 'pnpm', want: wantedByPnpm(found)!.trim() }],
    key: (found) => wantedByPnpm(found)!,
    proves: 'the install ends with 0 on that version',
  },
  {
    id: 'corepack-keys',
    about: 'corepack does not know the keys that its registry signs with now, or the registry passes no signatures on',
    steps: ['deps', 'build', 'start'],
    // A registry that stands for another may pass no signatures on.
    signature: [
      /Cannot find matching keyid/,
      /Cannot read properties of undefined[^\n]*\n[\s\S]{0,400}?at verifySignature \(/,
    ],
    cause: ({ match }) =>
      match[0].endsWith('keyid')
        ? 'this corepack is older than the keys that package managers are signed with now'
        : 'this registry has no signatures of package managers, which corepack looks for',
    does: ['set-env'],
    actions: () => [env('COREPACK_INTEGRITY_KEYS', '0')],
    key: () => 'keys',
    proves: 'the install ends with 0',
  },
  {
    id: 'workspace-protocol',
    about: 'npm is asked to install what only pnpm, yarn or bun can: workspace:, catalog: or link:',
    steps: ['deps'],
    signature: [/Unsupported URL Type "(workspace|catalog|link|portal|patch):/, /EUNSUPPORTEDPROTOCOL/],
    guard: (found) => managerOf(found) === 'npm',
    cause: ({ match }) => `the repository uses ${match[1] ?? 'workspace'}:, which npm does not know`,
    does: ['set-command', 'use-copy'],
    actions: (found) => {
      const isPnpm = found.look.files.includes('pnpm-workspace.yaml');
      const yarn = found.look.files.includes('yarn.lock') && !isPnpm;
      // The packages of a workspace are named in package.json, which pnpm does not read for that and bun does.
      if (found.match[1] === 'workspace' && !yarn && !isPnpm)
        return [command('install', 'npx --yes bun install'), useCopy];
      return through(found, yarn ? '@yarnpkg/cli-dist' : 'pnpm', yarn ? null : '9');
    },
    key: () => 'another manager',
    proves: 'the install ends with 0',
  },
  {
    id: 'dead-registry',
    about: 'the lock file names a registry that is gone or private, for packages that are public',
    steps: ['deps'],
    signature: [
      /(?:registry\.npmmirror\.com|registry\.npm\.taobao\.org|npm\.pkg\.github\.com|[\w.-]*artifactory[\w.-]*|[\w.-]*nexus[\w.-]*)[^\n]{0,200}?(?:ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ECONNRESET|CERT_)/,
      /(?:ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED)[^\n]{0,80}?(?:registry\.npmmirror\.com|registry\.npm\.taobao\.org|npm\.pkg\.github\.com|artifactory|nexus)/,
    ],
    guard: (found) => managerOf(found) === 'npm',
    cause: () =>
      'the lock file names a registry that does not answer; its packages are asked of the one that is set up here, and their checksums still hold',
    does: ['set-command'],
    actions: (found) =>
      rewriteInstall(found, (line) =>
        withFlag(
          /\bnpm (?:install|i)\b/.test(line) ? npmInstall(line) : line,
          '--replace-registry-host=always --registry="$(cd / && npm config get registry)"',
        ),
      ),
    key: () => 'replace-registry-host',
    proves: 'the install ends with 0, each package with the checksum that the lock file has',
  },
  {
    id: 'network-hiccup',
    about: 'a connection was cut, or a server was busy, in the middle of an install',
    steps: ['deps'],
    signature: [
      /\bECONNRESET\b/,
      /socket hang up/,
      /network socket disconnected/,
      /\b50[234] (?:Service Unavailable|Bad Gateway|Gateway Time-?out)/,
      /ERR_SOCKET_TIMEOUT/,
      /IncompleteRead|ProtocolError\('Connection (?:broken|aborted)/,
      /Connection reset by peer/,
    ],
    cause: () => 'a connection was cut in the middle of the install; it is tried once more, with more patience',
    does: ['set-env'],
    actions: (found) =>
      found.heal.service.language === 'python'
        ? [env('PIP_RETRIES', '8')]
        : [env('npm_config_fetch_retries', '5'), env('npm_config_fetch_retry_mintimeout', '2000')],
    key: () => 'once more',
    proves: 'the install ends with 0',
  },
  {
    id: 'version-absent',
    about: 'package.json pins a version that the registry does not have',
    steps: ['deps'],
    signature: ABSENT,
    guard: (found) => relaxed(found, specIn(found)) !== null,
    cause: (found) => `${specIn(found)} is not in the registry; the nearest version of it there is taken (degraded)`,
    does: ['write-overlay-file', 'set-command'],
    actions: (found) => [
      overlayFile('package.json', relaxed(found, specIn(found))!),
      ...rewriteInstall(found, (line) =>
        /\bnpm\b/.test(line)
          ? withFlag(npmInstall(line), '--no-package-lock')
          : line.replace(/ --(?:frozen-lockfile|immutable)\b/, ' --no-frozen-lockfile'),
      ),
    ],
    proves: 'the install ends with 0, and the application is proven with these versions',
  },
  {
    id: 'git-dependency-blocked',
    about: 'this npm takes packages from git or from an address only when it is told to',
    steps: ['deps'],
    signature: [/code E(ALLOWGIT|ALLOWREMOTE|ALLOWFILE|ALLOWDIRECTORY)\b/],
    cause: ({ match }) =>
      `npm takes packages from ${match[1] === 'ALLOWGIT' ? 'git' : 'an address'} only when it is told to, and the repository names one`,
    does: ['set-env'],
    actions: ({ match }) => [env(`npm_config_${match[1]!.toLowerCase().replace('allow', 'allow_')}`, 'all')],
    proves: 'the install ends with 0',
  },
  {
    id: 'scripts-blocked',
    about: 'the package manager does not run the install scripts of packages that need them',
    steps: ['deps'],
    signature: [/code ESTRICTALLOWSCRIPTS/, /ERR_PNPM_IGNORED_BUILDS/],
    cause: () => 'packages of the repository have install scripts that the package manager holds back',
    does: ['set-env'],
    actions: (found) =>
      managerOf(found) === 'pnpm'
        ? [env('npm_config_strict_dep_builds', 'false'), env('npm_config_dangerously_allow_all_builds', 'true')]
        : [env('npm_config_strict_allow_scripts', 'false')],
    key: () => 'scripts',
    proves: 'the install ends with 0',
  },
  {
    id: 'wrong-platform',
    about: 'a package says that it is not for this system or processor',
    steps: ['deps'],
    signature: [/code EBADPLATFORM/, /ERR_PNPM_UNSUPPORTED_PLATFORM/, /The platform "\w+" is incompatible/],
    cause: ({ text }) =>
      `${/for (\S+?):? wanted/i.exec(text)?.[1] ?? 'a package'} is not for this system; it is installed all the same (degraded)`,
    does: ['set-command', 'set-env'],
    actions: (found) =>
      managerOf(found) === 'yarn'
        ? rewriteInstall(found, (line) =>
            withFlag(
              /\byarn install\b/.test(line) ? line : line.replace(/\byarn(?=$|\s)/, 'yarn install'),
              '--ignore-platform',
            ),
          )
        : rewriteStep(found, (line) => withFlag(line, '--force')),
    key: () => 'force',
    proves: 'the install ends with 0, and the application is proven without what is not for this system',
  },
  {
    id: 'cache-not-ours',
    about: 'the cache of the package manager belongs to another user',
    steps: ['deps'],
    signature: [
      /Your cache folder contains root-owned files/,
      /(?:EACCES|EPERM)[^\n]*(?:\/\.npm\/|_cacache|\.cache\/(?:yarn|pnpm|pip)|\.local\/share\/pnpm)/,
    ],
    cause: () => 'the cache of the package manager cannot be written by this user',
    does: ['set-command'],
    // A folder of the temporary ones, since what is written into the repository would stay there.
    actions: (found) => {
      const own = 'export npm_config_cache="$(mktemp -d)" YARN_CACHE_FOLDER="$(mktemp -d)"; ';
      return installOf(found).every((line) => line.startsWith(own))
        ? []
        : [
            command(
              'install',
              ...installOf(found).map((line) => (/^(?:npm|yarn|pnpm|bun)\b/.test(line) ? `${own}${line}` : line)),
            ),
          ];
    },
    key: () => 'own cache',
    proves: 'the install ends with 0',
  },
  {
    id: 'node-headers',
    about: 'node-gyp cannot download the headers of node, and they are on this machine',
    steps: ['deps', 'build'],
    signature: [
      /(?:gyp (?:http|ERR!)|node-gyp|FetchError)[^\n]*(?:nodejs\.org|unofficial-builds)[^\n]*/,
      /gyp ERR! stack[^\n]*(?:ENOTFOUND|EAI_AGAIN|ETIMEDOUT)[^\n]*nodejs\.org/,
    ],
    guard: ({ look, text }) => look.nodeDir !== null && /gyp ERR!|node-gyp/.test(text),
    cause: () =>
      'a package is compiled, and the headers of node that it downloads for that cannot be reached; this machine has them',
    does: ['set-env'],
    actions: ({ look }) => [env('npm_config_nodedir', look.nodeDir!)],
    key: () => 'nodedir',
    proves: 'the package compiles and the install ends with 0',
  },
  {
    id: 'native-not-built',
    about: 'the compiled part of a package is not there: its install script did not run, or its download failed',
    steps: ['build', 'start', 'prove'],
    signature: [
      /Could not locate the bindings file[\s\S]{0,600}?node_modules\/((?:@[\w.-]+\/)?[\w.-]+)\//,
      /Could not load the "(sharp)" module/,
      /Error: Cannot find module '[^'\n]*node_modules\/((?:@[\w.-]+\/)?[\w.-]+)\/[^'\n]*\.node'/,
      /(bcrypt)_lib\.node/,
      /The package "@(esbuild)\/[\w-]+" could not be found/,
    ],
    cause: ({ match }) => `the compiled part of ${match[1]} is not there`,
    does: ['add-install', 'set-command'],
    actions: (found) => {
      const manager = managerOf(found);
      const name = found.match[1]!;
      // Their compiled parts are packages of their own, left out by whoever leaves out what is optional.
      if (name === 'sharp' || name === 'esbuild')
        return rewriteInstall(found, (line) =>
          withFlag(
            line.replace(/ --(?:no-optional|omit[= ]optional)\b/g, ''),
            manager === 'npm' ? '--include=optional' : '',
          ),
        );
      if (manager === 'pnpm') return [{ do: 'add-install', command: `pnpm rebuild ${name}` }];
      return [{ do: 'add-install', command: `npm rebuild --foreground-scripts --ignore-scripts=false ${name}` }];
    },
    key: ({ match }) => match[1]!,
    proves: 'the module loads',
  },
];
