/**
 * What a command of a repository may see and write in its sandbox:
 *
 * - writable: the workspace (its `.git` only where it is a copy of ours), package caches of the repository's, a home and a /tmp of the run's own;
 * - not seen: homes, /tmp, /run, our state and cache folders, so other runs, keys, sockets of daemons and our broker's
 *   credentials; as root also what only root may read;
 * - seen read-only: the rest of the machine, and out of the homes the tools and the settings of package managers. Those
 *   with secrets in them are seen whole by installs and without the secrets by everything else.
 *
 * Nothing here trusts a value that the repository can set.
 */
import {
  type Dirent,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { packageRoot } from '../../runtime/program.js';
import { UID_FOR_ROOT } from './find.js';
import { GATE_AT } from './gate.js';
import { cacheFolders, settingFiles, toolFolders, withoutSecrets } from './homes.js';
import { isFolder, isWithin, type Mount, privateBelow, type Sight, statOf, throughLinks } from './mounts.js';
import { isNpmCache, type Lower, npmContent } from './packages.js';
import type { Laid } from './places.js';

export interface Inside {
  /** `runs/<run>`. */
  bundle: string;
  state: string;
  cache: string;
  /** Where the repository's files are; its commands work in it. */
  workspace: string;
  cwd: string;
  /** The user's own folder: its history is not for the repository to write. */
  inPlace: boolean;
  install: boolean;
  /** Folders first on PATH, and variables, of the tools chosen. */
  bins: readonly string[];
  toolEnv: readonly (readonly [string, string])[];
  /** The environment of the user that is passed on (not what the repository sets). */
  passed: Readonly<Record<string, string>>;
  /** Package caches of the repository; null: the run has its own. */
  packages: string | null;
  /** What of the user's package caches those of the run lead to. */
  lowers: readonly Lower[];
  /** Nothing of the machine's network is. */
  ownNetwork: boolean;
  /** What of the gate of such a network is seen within. */
  gateFolder: string | null;
  /** Names that lead to an address, for the application alone. */
  hosts: Readonly<Record<string, string>>;
  /** Shown as they are. */
  alsoRead?: readonly string[];
  /** Places of an image. */
  laid?: readonly Laid[];
}

/** Sockets and volatile state of daemons; folders of secrets that need not be in /etc. */
const HIDDEN = `/home /root /tmp /var/tmp /run /var/lib/docker /var/lib/containerd /var/lib/kubelet /var/lib/rancher
  /var/lib/sss /var/lib/NetworkManager /var/spool /var/mail /var/backups /mnt /media`.split(/\s+/);
const SCANNED = ['/etc', '/var/log', '/var/cache'];
/** Of a home these are never shown whole, whatever lies in them. */
const NEVER_WHOLE = new Set([
  '.local',
  '.config',
  '.cache',
  '.cargo',
  '.ssh',
  '.gnupg',
  '.aws',
  '.kube',
  '.docker',
  '.m2',
]);

/** A folder of the run's own for what its sandboxes need. */
export const sandboxFolder = (bundle: string): string => join(bundle, 'sandbox');

/** The home that a command is told is its own. */
export const homeFor = (passed: Readonly<Record<string, string>>): string => passed.HOME || homeOfAccount();

export function sightOf(inside: Inside): Sight {
  const { bundle, state, cache, workspace, cwd, inPlace, install, bins, toolEnv, passed, hosts } = inside;
  const own = sandboxFolder(bundle);
  const folder = (...parts: string[]): string => {
    const path = join(own, ...parts);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  };
  const home = homeFor(passed);
  const homes = [...new Set([home, homeOfAccount()].flatMap((path) => [path, throughLinks(path)]))].filter(
    (path) => path !== '/' && path !== '',
  );
  const hidden = [...HIDDEN, ...homes, state, cache].map(throughLinks);
  const isHidden = (path: string): boolean => hidden.some((one) => isWithin(path, one));

  const mounts: Mount[] = hidden.map((at) => ({ how: 'hide', at }));
  if (process.getuid?.() === 0) for (const at of secretsOfRoot()) mounts.push({ how: 'hide', at });
  for (const at of homes) if (at === home || isHidden(at)) mounts.push({ how: 'write', at, from: folder('home') });
  for (const name of ['tmp', 'var/tmp'])
    mounts.push({ how: 'write', at: throughLinks(`/${name}`), from: folder(basename(name)) });

  /** Shows what lies in something hidden, under its name and under its real one. */
  const shown: string[] = [];
  const show = (path: string, from = path): void => {
    const real = realOf(from);
    if (real === null) return;
    for (const at of new Set([path, from === path ? real : path])) {
      if (!isHidden(at) || shown.some((one) => isWithin(at, one))) continue;
      if (hidden.some((one) => isWithin(one, at))) continue; // a home itself, or a folder above one
      mounts.push({ how: 'read', at, from: real });
      if (isFolder(real)) shown.push(at);
    }
  };

  for (const path of toolFolders(home, passed)) {
    show(path);
    for (const led of linksIn(path)) show(led);
  }
  const settings = settingFiles(home, passed);
  const onPath = (passed.PATH ?? '').split(':').filter((path) => path.startsWith('/') && isHidden(path));
  for (const bin of [...bins, ...onPath]) {
    show(wholeOf(bin, homes));
    for (const path of behind(bin, homes)) show(path);
  }
  for (const [name, value] of [...Object.entries(passed), ...toolEnv])
    if (!placesOfOwn.test(name)) for (const path of pathsIn(value)) if (!settings.includes(path)) show(path);
  show(dirname(dirname(realpathSync(process.execPath))));
  show(join(packageRoot(), 'dist'));
  show(join(packageRoot(), 'package.json'));
  show(join(cache, 'toolchains'));
  show(join(bundle, 'bin'));
  const resolver = realOf('/etc/resolv.conf');
  if (resolver !== null) show(resolver);
  for (const path of inside.alsoRead ?? []) show(path);
  const packages = inside.packages ?? folder('packages');
  const caches = cacheFolders(home, passed);
  for (const path of settings) {
    const text = readOf(path);
    if (text === null) continue;
    for (const line of text.split('\n'))
      for (const named of pathsIn(line.replaceAll('~/', `${home}/`).replaceAll('file://', ' ')))
        if (!/cache|store/i.test(line.split(/[=:]/)[0]!)) show(named);
        else if (isHidden(named)) caches.push({ at: named, to: `set-${basename(named)}` });
    const plain = withoutSecrets(text);
    if (install || plain === text) show(path);
    else {
      const file = join(folder('settings'), encodeURIComponent(path));
      writeFileSync(file, plain, { mode: 0o600 });
      mounts.push({ how: 'read', at: path, from: file });
    }
  }
  for (const { at, to } of caches) {
    const from = join(packages, to);
    mkdirSync(from, { recursive: true, mode: 0o700 });
    mounts.push({ how: 'write', at, from });
    if (inside.packages !== null && isNpmCache(to)) {
      const shared = npmContent(cache);
      const index = join(packages, `${to}-index`);
      for (const path of [shared, index]) mkdirSync(path, { recursive: true, mode: 0o700 });
      mounts.push({ how: 'write', at: join(at, '_cacache'), from: shared });
      mounts.push({ how: 'write', at: join(at, '_cacache', 'index-v5'), from: index });
    }
  }
  for (const { from, at } of inside.lowers) mounts.push({ how: 'read', at, from });
  if (inside.gateFolder !== null) mounts.push({ how: 'read', at: GATE_AT, from: inside.gateFolder });
  mounts.push(...accounts(folder('etc'), home));
  if (Object.keys(hosts).length > 0 || inside.ownNetwork) mounts.push(hostsFile(folder('etc'), hosts));

  const work = throughLinks(workspace);
  mounts.push({ how: 'write', at: work });
  // A link there would lead wherever it likes.
  if (inPlace && isPlain(join(work, '.git'))) mounts.push({ how: 'read', at: join(work, '.git') });
  // The state folder may lie in the repository.
  if (isWithin(throughLinks(state), work)) mounts.push({ how: 'hide', at: throughLinks(state) });
  makePlaces(mounts);
  return {
    mounts,
    laid: inside.laid ?? [],
    cwd: throughLinks(cwd),
    ownNetwork: inside.ownNetwork,
    env: {
      TMPDIR: passed.TMPDIR === undefined ? null : '/tmp',
      XDG_RUNTIME_DIR: null,
      ...(process.getuid?.() === 0 ? { USER: 'runner', LOGNAME: 'runner' } : {}),
    },
  };
}

let ofRoot: string[] | null = null;
/** They change rarely, and looking for them takes some 20 ms. */
const secretsOfRoot = (): string[] => {
  ofRoot ??= privateBelow(SCANNED, 0);
  return ofRoot;
};

/** The folder a `bin` belongs to, where that is a tool's own; else itself. */
function wholeOf(bin: string, homes: readonly string[]): string {
  const above = dirname(bin);
  const isHome = homes.some((home) => isWithin(home, above));
  return basename(bin) === 'bin' && !isHome && !NEVER_WHOLE.has(basename(above)) ? above : bin;
}

/** Where the programs of a folder really lie: what links lead to, and what scripts that stand for a program name. */
function behind(bin: string, homes: readonly string[]): string[] {
  const changedMs = statOf(bin)?.mtimeMs ?? 0;
  const before = looked.get(bin);
  if (before?.changedMs === changedMs) return before.paths;
  const paths = new Set<string>();
  const whole = (path: string): string => (isFolder(path) ? path : wholeOf(dirname(path), homes));
  for (const { name } of readEntries(bin).slice(0, PROGRAMS)) {
    const real = realOf(join(bin, name));
    if (real === null) continue; // a link to nowhere
    if (!isWithin(real, bin)) paths.add(whole(real));
    if ((statOf(real)?.size ?? 0) > SCRIPT_BYTES) continue;
    const text = readOf(real) ?? '';
    if (text.startsWith('#!')) for (const path of pathsIn(text)) paths.add(whole(path));
  }
  looked.set(bin, { changedMs, paths: [...paths] });
  return [...paths];
}
/** Where the links near the top of a folder lead: a version that lies elsewhere, packages that are kept elsewhere. */
function linksIn(top: string): string[] {
  const before = links.get(top);
  if (before !== undefined && performance.now() - before.atMs < LINKS_MS) return before.paths;
  const paths: string[] = [];
  let level = [top];
  for (let depth = 0; depth < 2; depth++) {
    const next: string[] = [];
    for (const folder of level.slice(0, PROGRAMS))
      for (const entry of readEntries(folder).slice(0, PROGRAMS)) {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) next.push(path);
        else if (entry.isSymbolicLink() && isFolder(path)) paths.push(realpathSync(path));
      }
    level = next;
  }
  links.set(top, { atMs: performance.now(), paths });
  return paths;
}
const links = new Map<string, { atMs: number; paths: string[] }>();
const LINKS_MS = 60_000;
function readEntries(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return []; // absent, or not ours to read: nothing to show
  }
}
const looked = new Map<string, { changedMs: number; paths: string[] }>();
const PROGRAMS = 1_000;
const SCRIPT_BYTES = 8_192;

/** Variables that name places we give of our own, or the home itself. */
const placesOfOwn =
  /^(HOME|PATH|PWD|OLDPWD|SHELL|TMPDIR|XDG_.*|CARGO_HOME|GRADLE_USER_HOME|DENO_DIR|GOMODCACHE|COMPOSER_HOME|DOTNET_CLI_HOME|BUN_INSTALL)$|cache/i;
/** The absolute paths in a text that lead somewhere. */
const pathsIn = (text: string): string[] =>
  [...text.matchAll(/(?<![\w.~/-])\/[^\s"'`:;,=<>|&(){}$*?]+/g)]
    .map(([path]) => path)
    .filter((path) => realOf(path) !== null);

/** Some containers give us a number that no account has. */
function me(): { uid: number; gid: number; username: string } {
  try {
    return userInfo();
  } catch {
    return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, username: 'runner' };
  }
}
function homeOfAccount(): string {
  try {
    return userInfo().homedir;
  } catch {
    return '/'; // which is no home of anybody's
  }
}

/** Who we are within: programs ask for the name and home of their user and some fail without. */
function accounts(folder: string, home: string): Mount[] {
  const root = process.getuid?.() === 0;
  const { uid, gid, username } = me();
  const [id, group, name] = root ? [UID_FOR_ROOT, UID_FOR_ROOT, 'runner'] : [uid, gid, username];
  const system = (path: string): string[] =>
    (readOf(path) ?? '').split('\n').filter((line) => {
      const number = Number(line.split(':')[2]);
      return line !== '' && number !== id && line.split(':')[0] !== name && (number < 1000 || number === 65_534);
    });
  const write = (file: string, lines: string[]): Mount => {
    const from = join(folder, file);
    writeFileSync(from, `${lines.join('\n')}\n`, { mode: 0o644 });
    return { how: 'read', at: `/etc/${file}`, from };
  };
  return [
    write('passwd', [...system('/etc/passwd'), `${name}:x:${id}:${group}::${home}:/bin/sh`]),
    write('group', [
      ...system('/etc/group').filter((line) => Number(line.split(':')[2]) !== group),
      `${name}:x:${group}:`,
    ]),
  ];
}

function hostsFile(folder: string, hosts: Readonly<Record<string, string>>): Mount {
  const from = join(folder, 'hosts');
  const lines = Object.entries(hosts).map(([name, address]) => `${address} ${name}`);
  writeFileSync(from, `${(readOf('/etc/hosts') ?? '127.0.0.1 localhost').trimEnd()}\n${lines.join('\n')}\n`);
  return { how: 'read', at: throughLinks('/etc/hosts'), from };
}

/**
 * Makes the places within a writable folder where something will be laid. What the repository's own commands have put
 * there must not lead elsewhere: bubblewrap would follow a link while it still sees the whole machine.
 */
function makePlaces(mounts: readonly Mount[]): void {
  const writable = mounts.filter(({ how, at, from }) => how === 'write' && from !== undefined && from !== at);
  for (const { at, how, from = at } of mounts) {
    const outer = writable
      .filter((one) => one.at !== at && isWithin(at, one.at))
      .sort((a, b) => b.at.length - a.at.length)[0];
    if (outer === undefined || how === 'hide') continue;
    const parts = relative(outer.at, at).split('/');
    const last = parts.pop()!;
    let folder = outer.from!;
    for (const part of parts) folder = plainFolder(join(folder, part));
    if (isFolder(from)) plainFolder(join(folder, last));
    else plainFile(join(folder, last));
  }
}
function plainFolder(path: string): string {
  const met = lstatSync(path, { throwIfNoEntry: false });
  if (met !== undefined && !met.isDirectory()) rmSync(path);
  mkdirSync(path, { recursive: true, mode: 0o755 });
  return path;
}
function plainFile(path: string): void {
  const met = lstatSync(path, { throwIfNoEntry: false });
  if (met?.isFile()) return;
  rmSync(path, { recursive: true, force: true });
  writeFileSync(path, '', { flag: 'wx' });
}

const isPlain = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === false;
function realOf(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null; // absent, or not ours to look at
  }
}
function readOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null; // absent, or not ours to read: within it could not be read either
  }
}
