/** Which package manager a Node place uses, where its install belongs, and how it is spoken to. */

import { posix } from 'node:path';
import { word } from '../../../../runtime/shell.js';
import type { Evidence, Service } from '../../contract.js';
import type { Place } from '../../place.js';
import { asText, at } from '../../values.js';
import { findWorkspace, type Workspace } from './workspace.js';

export type ManagerName = 'npm' | 'pnpm' | 'yarn' | 'bun';
export interface Manager {
  name: ManagerName;
  /** Yarn 2 and later. */
  berry: boolean;
  /** The folder where the install belongs: the workspace's root, or the place itself. */
  home: Place;
  workspace: Workspace | null;
  /** Path from `home` of the lock file; null: none. */
  lock: string | null;
  versions: Service['versions'];
  install: string[];
  /** What the install writes, from the place. */
  writes: string[];
  evidence: Evidence[];
  /** The shell command for a package script of the place. */
  run(script: string, args?: string): string;
  /** The shell command for a program of an installed dependency. */
  exec(program: string): string;
  /** The shell command that runs a JavaScript file. */
  node(file: string): string;
  /** A package script of another member of the workspace, run from the place. */
  runMember(member: string, script: string): string;
}

const LOCKS: readonly [file: string, name: ManagerName][] = [
  ['pnpm-lock.yaml', 'pnpm'],
  ['yarn.lock', 'yarn'],
  ['bun.lock', 'bun'],
  ['bun.lockb', 'bun'],
  ['package-lock.json', 'npm'],
  ['npm-shrinkwrap.json', 'npm'],
];

export function findManager(place: Place): Manager {
  const workspace = findWorkspace(place);
  const home = workspace?.home ?? place;
  const up = workspace === null ? '' : `cd ${posix.relative(place.path, home.path) || '.'} && `;
  const upPath = workspace === null ? '' : `${posix.relative(place.path, home.path)}/`;
  const evidence: Evidence[] = [];
  const versions: Service['versions'] = {};
  const locks = LOCKS.filter(([file]) => home.has(file));

  const said = readField(home) ?? (home === place ? null : readField(place));
  const { name, because } = choose(home, said, locks);
  if (because !== null) evidence.push(because);
  if (said !== null && said.name === name && said.version !== null)
    versions[name] = { want: said.version, from: said.from };
  const lock = locks.find(([, of]) => of === name)?.[0] ?? null;
  if (lock !== null && because?.file !== home.full(lock))
    evidence.push(home.evidence(`${lock} locks the dependencies`, lock));
  const others = locks.filter(([, of]) => of !== name).map(([file]) => file);
  if (others.length > 0)
    place.notes.push(`${home.full(others[0]!)} is another package manager's lock file; ${name} is used`);
  if (lock === null && said !== null && others.length > 0) {
    place.notes.push(`${said.from} names ${name}, but there is no lock file of ${name}`);
  }
  const engines = at(home.json('package.json'), 'engines', name);
  if (typeof engines === 'string' && versions[name] === undefined) {
    versions[name] = { want: engines, from: home.from('package.json', `"${name}"`, '"engines"') };
  }

  const berry =
    name === 'yarn' &&
    (home.has('.yarnrc.yml') ||
      /^([2-9]|\d\d)/.test(versions.yarn?.want ?? '') ||
      /^__metadata:/m.test(lock === null ? '' : (home.read(lock, 16 << 20) ?? '')));
  // A Yarn kept in the repository needs nothing on the machine but Node.
  const yarnPath = berry ? asText(home.yaml('.yarnrc.yml')?.yarnPath) : null;
  const ownYarn = yarnPath !== null && home.has(yarnPath) ? yarnPath : null;
  if (ownYarn !== null)
    evidence.push(home.evidence(`Yarn is in the repository: ${ownYarn}`, '.yarnrc.yml', 'yarnPath'));
  const tool = ownYarn === null ? name : `node ${upPath}${ownYarn}`;
  const toolAtHome = ownYarn === null ? name : `node ${ownYarn}`;
  const pnp = berry && asText(home.yaml('.yarnrc.yml')?.nodeLinker) !== 'node-modules';

  const frozen = {
    npm: 'npm ci',
    pnpm: 'pnpm install --frozen-lockfile',
    yarn: 'yarn install --frozen-lockfile',
    bun: 'bun install --frozen-lockfile',
  };
  const install = lock === null ? `${toolAtHome} install` : berry ? `${toolAtHome} install --immutable` : frozen[name];
  const written =
    name === 'yarn' && berry && pnp
      ? ['.pnp.cjs', '.pnp.loader.mjs', '.yarn/cache', '.yarn/install-state.gz']
      : ['node_modules'];
  if (name === 'yarn' && berry && !pnp) written.push('.yarn/install-state.gz');
  const newLock = { npm: 'package-lock.json', pnpm: 'pnpm-lock.yaml', yarn: 'yarn.lock', bun: 'bun.lock' };
  if (lock === null) written.push(newLock[name]);
  const writes = written.map((path) => `${upPath}${path}`);
  if (workspace !== null && !pnp) writes.push('node_modules');
  const needed =
    lock !== null ||
    hasDependencies(home) ||
    hasDependencies(place) ||
    workspace !== null ||
    installs(place) ||
    place.has('binding.gyp');
  if (place.has('binding.gyp'))
    evidence.push(place.evidence('the install compiles native code', 'binding.gyp', /"?targets"?/));

  const dashes = name === 'npm' ? '-- ' : '';
  return {
    name,
    berry,
    home,
    workspace,
    lock,
    versions,
    install: needed ? [`${up}${install}`] : [],
    writes: needed ? [...writes, ...(place.has('binding.gyp') ? ['build'] : [])] : [],
    evidence,
    run: (script, args) => {
      const call =
        script === 'start' && (name === 'npm' || name === 'pnpm') ? `${tool} start` : `${tool} run ${quote(script)}`;
      return args === undefined ? call : `${call} ${dashes}${args}`;
    },
    exec: (program) => {
      if (name === 'yarn') return berry ? `${tool} exec ${program}` : `yarn -s ${program}`;
      return `${{ npm: 'npx', pnpm: 'pnpm exec', bun: 'bunx' }[name]} ${program}`;
    },
    node: (file) => (pnp ? `${tool} node ${quote(file)}` : `node ${quote(file)}`),
    runMember: (member, script) => {
      if (name === 'npm') return `${up}npm run ${quote(script)} --workspace=${quote(member)}`;
      if (name === 'pnpm') return `${up}pnpm --filter ${quote(member)} run ${quote(script)}`;
      if (name === 'bun') return `${up}bun run --filter ${quote(member)} ${quote(script)}`;
      return `${up}${toolAtHome} workspace ${quote(member)} run ${quote(script)}`;
    },
  };
}

type Said = { name: ManagerName; version: string | null; from: string; claim: Evidence };

/** Corepack's `packageManager`, or `devEngines.packageManager`. */
function readField(place: Place): Said | null {
  const manifest = place.json('package.json');
  const field = asText(manifest?.packageManager);
  const match = field === null ? null : /^(npm|pnpm|yarn|bun)(?:@([^+]+))?/.exec(field);
  if (match !== null) {
    return {
      name: match[1] as ManagerName,
      version: match[2] ?? null,
      from: place.from('package.json', '"packageManager"'),
      claim: place.evidence(`packageManager is ${field!.split('+')[0]}`, 'package.json', '"packageManager"'),
    };
  }
  const name = asText(at(manifest, 'devEngines', 'packageManager', 'name'));
  if (name === null || !/^(npm|pnpm|yarn|bun)$/.test(name)) return null;
  return {
    name: name as ManagerName,
    version: asText(at(manifest, 'devEngines', 'packageManager', 'version')),
    from: place.from('package.json', '"packageManager"', '"devEngines"'),
    claim: place.evidence(`devEngines asks for ${name}`, 'package.json', '"packageManager"', '"devEngines"'),
  };
}

function choose(
  home: Place,
  said: Said | null,
  locks: readonly (readonly [string, ManagerName])[],
): { name: ManagerName; because: Evidence | null } {
  if (said !== null) return { name: said.name, because: said.claim };
  if (home.has('pnpm-workspace.yaml')) {
    return { name: 'pnpm', because: home.evidence('pnpm-workspace.yaml belongs to pnpm', 'pnpm-workspace.yaml') };
  }
  const [first] = locks;
  if (first !== undefined)
    return { name: first[1], because: home.evidence(`${first[0]} is the lock file of ${first[1]}`, first[0]) };
  if (home.has('.yarnrc.yml'))
    return { name: 'yarn', because: home.evidence('.yarnrc.yml belongs to Yarn', '.yarnrc.yml') };
  if (home.has('bunfig.toml'))
    return { name: 'bun', because: home.evidence('bunfig.toml belongs to Bun', 'bunfig.toml') };
  const manifest = home.json('package.json');
  for (const name of ['pnpm', 'yarn', 'bun'] as const) {
    if (asText(at(manifest, 'engines', name)) !== null && asText(at(manifest, 'engines', 'npm')) === null) {
      return { name, because: home.evidence(`engines asks for ${name}`, 'package.json', `"${name}"`, '"engines"') };
    }
  }
  return { name: 'npm', because: null };
}

/** The text of a package.json's dependencies that an install would fetch. */
const hasDependencies = (place: Place): boolean => {
  const manifest = place.json('package.json');
  return ['dependencies', 'devDependencies', 'optionalDependencies'].some(
    (key) => Object.keys((at(manifest, key) as object | undefined) ?? {}).length > 0,
  );
};
/** Whether the install itself does something beside fetching. */
const installs = (place: Place): boolean =>
  ['preinstall', 'install', 'postinstall', 'prepare'].some(
    (name) => at(place.json('package.json'), 'scripts', name) !== undefined,
  );

export const quote = word;
