/**
 * What a repair of a run would be as a change of the repository itself, where that is the lasting mend: a script, a
 * dependency, a lock file, a line of an example. Pure, but for what it is given to read with. What belongs to one run alone
 * (a port, a path, a secret) is in no change, and a repair that is of the machine has none.
 */
import type { Service } from '../detection/contract.js';
import { type Action, GENERATE } from './contract.js';

export interface Mended {
  rule: string;
  actions: readonly Action[];
}
/** Paths are POSIX, from the service's folder. */
export interface Files {
  /** As the repository has it, with the changes proposed so far; null: it has none. */
  read(path: string): string | null;
  /** The same without them. */
  original(path: string): string | null;
  /** As the run has it by now. */
  now(path: string): string | null;
  write(path: string, text: string): void;
  allowRun(path: string): void;
}
type Change = (fix: Mended, service: Service, files: Files) => void;

const doing = <D extends Action['do']>({ actions }: Mended, what: D): Extract<Action, { do: D }>[] =>
  actions.filter((action): action is Extract<Action, { do: D }> => action.do === what);

const RUN = /^(?:npm|pnpm|yarn|bun)(?: run)? ([\w:.-]+)\s*$/;
type Json = Record<string, unknown>;
const isTable = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
function parse(text: string | null): Json | null {
  try {
    const value: unknown = JSON.parse(text ?? 'null');
    return isTable(value) ? value : null;
  } catch {
    return null; // broken: nothing can be proposed for it
  }
}
/** With the indent and the last line end of the text before it. */
function stringify(value: unknown, before: string): string {
  const indent = /^\{\r?\n([ \t]+)"/.exec(before)?.[1] ?? '  ';
  return JSON.stringify(value, null, indent) + (before === '' || before.endsWith('\n') ? '\n' : '');
}

/** A command as its author would write it: without what only the run's own place and shell need. */
function asWritten(command: string): string | null {
  const plain = command
    .replace(/^export PATH="\$PWD\/node_modules\/\.bin:\$PATH"; /, '')
    .replaceAll(/(?<![\w/.])(?:\.\/)?\.venv\/bin\//g, '');
  return /\brr-\w|(?<![\w.$}])\/(?:tmp|home|root|var|Users)\//.test(plain) ? null : plain;
}

/** The start or the build of the plan, where the repository says it: a script of package.json, else its Procfile. */
const commands: Change = (fix, service, files) => {
  for (const { role, commands: lines } of doing(fix, 'set-command')) {
    if (role === 'install') continue;
    const text = asWritten(lines.join(' && '));
    if (text === null || text === '') continue;
    const manifest = files.read('package.json');
    const parsed = parse(manifest);
    const planned = role === 'start' ? (service.commands.start ?? '') : (service.commands.build[0] ?? '');
    const procfile = files.read('Procfile');
    if (role === 'start' && procfile !== null && /^web:/m.test(procfile)) {
      files.write(
        'Procfile',
        procfile.replace(/^web:.*$/m, () => `web: ${text}`),
      );
      continue;
    }
    if (manifest === null || parsed === null) {
      if (role === 'start' && service.language === 'python') files.write('Procfile', `web: ${text}\n`);
      continue;
    }
    const scripts = isTable(parsed.scripts) ? parsed.scripts : {};
    const called = RUN.exec(planned.trim())?.[1];
    const name = called !== undefined && Object.hasOwn(scripts, called) ? called : role;
    if (RUN.exec(text)?.[1] === name || scripts[name] === text) continue;
    files.write('package.json', stringify({ ...parsed, scripts: { ...scripts, [name]: text } }, manifest));
  }
};

/** A file that the run works with in place of the repository's, or beside it. */
const laidFiles: Change = (fix, _, files) => {
  for (const { path, text } of doing(fix, 'write-overlay-file'))
    if (!/(^|\/)\.env/.test(path) && !text.includes(GENERATE)) files.write(path, text);
  refreshLock(files);
};

/** Packages that were installed beside the declared ones. */
const declared: Change = (fix, _, files) => {
  const names = doing(fix, 'add-install').flatMap(({ command }) => {
    const words = /\b(?:npm install|bun add)\b(.*)$/.exec(command)?.[1]?.trim().split(/\s+/) ?? [];
    return words.filter((word) => word !== '' && !word.startsWith('-'));
  });
  const manifest = files.read('package.json');
  const parsed = parse(manifest);
  if (manifest === null || parsed === null) return;
  const dependencies = isTable(parsed.dependencies) ? { ...parsed.dependencies } : {};
  for (const name of names) {
    const version = parse(files.now(`node_modules/${name}/package.json`))?.version;
    if (typeof version === 'string') dependencies[name] ??= `^${version}`;
  }
  const sorted = Object.fromEntries(Object.entries(dependencies).sort(([a], [b]) => (a < b ? -1 : 1)));
  files.write('package.json', stringify({ ...parsed, dependencies: sorted }, manifest));
  refreshLock(files);
};

const LOCK = 'package-lock.json';
const ROOT = ['name', 'version', 'license', 'hasInstallScript', 'workspaces'] as const;
const DECLARES = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies', 'bin', 'engines'];

/** Brings the lock file up to package.json, out of what npm itself notes of the packages that are installed. */
function refreshLock(files: Files, isNew = false): void {
  const before = files.read(LOCK);
  if (before === null && !isNew) return;
  const [old, manifest, installed] = [
    parse(before),
    parse(files.read('package.json')),
    parse(files.now('node_modules/.package-lock.json')),
  ];
  if (manifest === null || !isTable(installed?.packages) || manifest.workspaces !== undefined) return;
  const known = isTable(old?.packages) ? old.packages : {};
  const hasPlaces = Object.values(known).some((one) => isTable(one) && one.resolved !== undefined);
  /** An address of a mirror is of this machine alone. */
  const plain = (one: unknown): unknown => {
    if (!isTable(one) || one.link === true) return one;
    const { resolved, extraneous: _, ...rest } = one;
    const isCommon = typeof resolved === 'string' && resolved.startsWith('https://registry.npmjs.org/');
    return isCommon && (hasPlaces || old === null) ? { ...one, extraneous: undefined } : rest;
  };
  const fresh = Object.entries(installed.packages).map(([path, one]) => {
    const same = known[path];
    return [path, isTable(same) && isTable(one) && same.version === one.version ? same : plain(one)] as const;
  });
  // Those for other systems are not installed here, and pinned all the same.
  const others = Object.entries(known).filter(
    ([path, one]) => path !== '' && isTable(one) && one.optional === true && !(path in (installed.packages as Json)),
  );
  const root: Json = {};
  for (const name of [...ROOT, ...DECLARES]) if (manifest[name] !== undefined) root[name] = manifest[name];
  const next = {
    ...(manifest.name === undefined ? {} : { name: manifest.name }),
    ...(manifest.version === undefined ? {} : { version: manifest.version }),
    lockfileVersion: 3,
    requires: true,
    packages: {
      '': root,
      ...Object.fromEntries([...fresh, ...others].sort(([a], [b]) => (a < b ? -1 : 1))),
    },
  };
  files.write(LOCK, stringify(next, before ?? ''));
}
const npmLock: Change = (_, __, files) => refreshLock(files, true);

/** What the package manager has written into the run's copy. */
const LOCKS =
  `package.json pnpm-lock.yaml yarn.lock bun.lock poetry.lock uv.lock pdm.lock Pipfile.lock Cargo.lock go.mod
  go.sum Gemfile.lock composer.lock`.split(/\s+/);
const lockOfCopy: Change = (_, __, files) => {
  for (const path of LOCKS) {
    const now = files.now(path);
    if (now !== null && now !== files.original(path)) files.write(path, now);
  }
};

const EXAMPLES = ['.env.example', '.env.sample', '.env.template', '.env.dist', 'env.example'];
const PRIVATE = /SECRET|TOKEN|PASS|KEY|SALT|PEPPER|CREDENTIAL|PRIVATE|DSN|URI|URL/;
/** The variables stand in the example, from which they are filled: those of secrets without a value. */
const example: Change = (fix, _, files) => {
  const path = EXAMPLES.find((name) => files.read(name) !== null) ?? EXAMPLES[0]!;
  const before = files.read(path) ?? '';
  const lines = doing(fix, 'set-env')
    .filter(({ name }) => !new RegExp(`^\\s*(?:export\\s+)?${name}\\s*=`, 'm').test(before))
    .map(({ name, value }) => `${name}=${value === GENERATE || PRIVATE.test(name) ? '' : value}\n`);
  if (lines.length > 0)
    files.write(path, `${before}${before === '' || before.endsWith('\n') ? '' : '\n'}${lines.join('')}`);
};

/** Packages of Python that were installed beside those of the list. */
const requirements: Change = (fix, _, files) => {
  const path = 'requirements.txt';
  const before = files.read(path);
  if (before === null) return;
  const names = doing(fix, 'add-install').flatMap(({ command }) => {
    const words = /\bpip3? install\b(.*)$/.exec(command)?.[1]?.match(/'[^']*'|\S+/g) ?? [];
    return words.map((word) => word.replaceAll("'", '')).filter((word) => /^[A-Za-z0-9]/.test(word));
  });
  const bare = (name: string): string =>
    /^[\w.-]+/
      .exec(name)![0]
      .toLowerCase()
      .replaceAll(/[-_.]+/g, '-');
  // A bound in the place of a line without it.
  const kept = before
    .split('\n')
    .filter((line) => !names.some((name) => /^[\w.-]/.test(line) && bare(line) === bare(name)))
    .join('\n');
  files.write(
    path,
    `${kept}${kept === '' || kept.endsWith('\n') ? '' : '\n'}${names.map((name) => `${name}\n`).join('')}`,
  );
};

/** The file that the first command of a repair is about. */
const handled = (fix: Mended, program: RegExp): string[] =>
  [
    ...doing(fix, 'set-command').flatMap(({ commands: lines }) => lines),
    ...doing(fix, 'run-command').map(({ command }) => command),
  ]
    .flatMap((line) => line.split(' && '))
    .flatMap((line) => program.exec(line)?.[1] ?? []);
const mayRun: Change = (fix, _, files) => {
  for (const path of handled(fix, /^chmod \+x ([\w./-]+)$/)) if (files.read(path) !== null) files.allowRun(path);
};
const lineEnds: Change = (fix, _, files) => {
  for (const path of handled(fix, /^sed -i 's\/\\r\$\/\/' ([\w./-]+)$/)) {
    const text = files.read(path);
    if (text !== null) files.write(path, text.replaceAll('\r\n', '\n'));
  }
};
const folder: Change = (fix, _, files) => {
  for (const path of handled(fix, /^mkdir -p ([\w./-]+)$/)) files.write(`${path.replace(/\/$/, '')}/.gitkeep`, '');
};
const peers: Change = (_, __, files) => {
  const before = files.read('.npmrc') ?? '';
  if (/^legacy-peer-deps/m.test(before)) return;
  files.write('.npmrc', `${before}${before === '' || before.endsWith('\n') ? '' : '\n'}legacy-peer-deps=true\n`);
  refreshLock(files);
};

/** Rules whose repair stands for a change of the repository. */
export const lasting: Readonly<Record<string, readonly Change[]>> = {
  'missing-script': [commands],
  'wrong-entry': [commands],
  'wrong-program': [commands],
  'wrong-app': [commands],
  'missing-build': [commands],
  'not-executable': [mayRun],
  'crlf-script': [lineEnds],
  'missing-folder': [folder],
  'missing-env': [example],
  'settings-file': [laidFiles],
  'require-in-module': [laidFiles],
  'version-absent': [laidFiles],
  'pin-absent': [laidFiles],
  'ready-made-wheel': [laidFiles],
  'undeclared-module': [declared, lockOfCopy],
  'undeclared-program': [declared, lockOfCopy],
  'npm-lock-drift': [npmLock],
  'npm-no-lock': [npmLock],
  'pnpm-lock-drift': [lockOfCopy],
  'yarn-lock-drift': [lockOfCopy],
  'poetry-lock-drift': [lockOfCopy],
  'uv-lock-drift': [lockOfCopy],
  'pdm-lock-drift': [lockOfCopy],
  'cargo-lock-drift': [lockOfCopy],
  'go-sum': [lockOfCopy],
  'go-no-module': [lockOfCopy],
  'peer-conflict': [peers],
  'python-module': [requirements],
  'old-era': [requirements],
};
