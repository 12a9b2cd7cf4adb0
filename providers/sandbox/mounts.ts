/**
 * What a sandbox shows, as arguments for bubblewrap. The whole machine is laid read-only; what must not be seen is laid
 * over; what is needed of that is laid back, read-only but for what is said to be writable. What lies deeper is laid
 * later, so nothing depends on the order in which it is asked for.
 */
import { existsSync, lstatSync, readdirSync, readlinkSync, realpathSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { type Bwrap, isolation, machine } from './find.js';
import { canBePlaced, type Laid } from './places.js';

export interface Mount {
  /** `hide`: an empty folder nobody can write to, or an empty file. */
  how: 'read' | 'write' | 'hide';
  /** Where it is seen. */
  at: string;
  /** What is laid there; default: what lies there anyway. */
  from?: string;
}
export interface Sight {
  mounts: readonly Mount[];
  /** Places of an image, laid over all that. */
  laid?: readonly Laid[];
  cwd: string;
  /** A network of its own, with nothing in it but itself. */
  ownNetwork: boolean;
  /** Set or, where null, taken away within. */
  env: Readonly<Record<string, string | null>>;
}

const HIDDEN_BYTES = String(4 * 2 ** 20);

/** The words before a command that make it run in the sandbox. */
export function wrap(tool: Bwrap, { mounts, laid = [], cwd, ownNetwork, env }: Sight): string[] {
  const flags: string[] = [];
  const empty: string[] = [];
  const all = layered(mounts);
  for (const { how, at, from = at } of all) {
    if (how === 'write') flags.push('--bind', from, at);
    else if (how === 'read') flags.push('--ro-bind', from, at);
    else if (isFolder(at)) {
      flags.push(...(tool.full ? ['--size', HIDDEN_BYTES] : []), '--perms', '0755', '--tmpfs', at);
      empty.push(at);
    } else flags.push('--ro-bind', '/dev/null', at);
  }
  const { before, after } = laid.length > 0 ? flagsFor(laid, all) : { before: machine, after: [] };
  // Last: until then places for what lies within must be made there.
  const closing = empty.flatMap((at) => ['--remount-ro', at]);
  const variables = Object.entries({ ...(tool.libraries.length > 0 ? { LD_LIBRARY_PATH: null } : {}), ...env });
  return [
    ...(tool.libraries.length > 0 ? ['/usr/bin/env', `LD_LIBRARY_PATH=${tool.libraries.join(':')}`] : []),
    tool.path,
    ...isolation(tool, { network: !ownNetwork }),
    ...before,
    ...flags,
    ...after,
    ...closing,
    ...variables.flatMap(([name, value]) => (value === null ? ['--unsetenv', name] : ['--setenv', name, value])),
    '--chdir',
    cwd,
    '--',
  ];
}

/**
 * A folder that would hold a place of an image is laid anew, with all that is in it and room for the place.
 * @param shown what is laid already. @returns the flags before all that is shown, and those after.
 */
function flagsFor(laid: readonly Laid[], shown: readonly Mount[]): { before: string[]; after: string[] } {
  const after: string[] = [];
  const opened = new Map<string, Set<string>>();
  for (const { at, from, how } of laid) {
    if (!canBePlaced(at)) continue;
    let above = dirname(at);
    while (!isFolder(above)) above = dirname(above);
    const outer = shown.filter((one) => isWithin(above, one.at)).sort((a, b) => b.at.length - a.at.length)[0];
    // A home or the like is the run's own, and what is laid there would stay.
    if (outer?.how === 'write') continue;
    if (outer === undefined || outer.how === 'read') {
      const hidden = opened.get(above) ?? new Set<string>();
      opened.set(above, hidden.add(basename(at)));
    }
    after.push(...(how === 'link' ? ['--symlink', from, at] : ['--bind', from, at]));
  }
  const root = opened.get('/');
  const deeper = [...opened].filter(([above]) => above !== '/').sort(([a], [b]) => a.length - b.length);
  return {
    before: [
      ...(root ? [...inside('/', root), ...machine.slice(3)] : machine),
      ...deeper.flatMap(([above, hidden]) => ['--perms', '0755', '--tmpfs', above, ...inside(above, hidden)]),
    ],
    after: [...after, ...[...opened.keys()].flatMap((above) => ['--remount-ro', above])],
  };
}
function inside(folder: string, hidden: ReadonlySet<string>): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (hidden.has(entry.name) || path === '/proc' || path === '/dev') return [];
    if (entry.isSymbolicLink()) return ['--symlink', readlinkSync(path), path];
    return statOf(path) ? ['--ro-bind', path, path] : [];
  });
}

/** One mount a place, the last said, those above before those within; what does not exist is left out. */
function layered(mounts: readonly Mount[]): Mount[] {
  const places = new Map<string, Mount>();
  for (const mount of mounts) {
    const at = mount.how === 'hide' ? throughLinks(mount.at) : mount.at;
    if (at === sep || !existsSync(mount.from ?? mount.at)) continue;
    // Nothing can be laid over what is not there, unless it lies in something that is laid writable or hidden.
    if (mount.how === 'hide' && !existsSync(at)) continue;
    places.set(at, { ...mount, at, from: mount.from ?? at });
  }
  const depth = (path: string): number => path.split(sep).length;
  const laid: Mount[] = [];
  for (const mount of [...places.values()].sort((a, b) => depth(a.at) - depth(b.at) || a.at.localeCompare(b.at)))
    if (canLie(mount, laid)) laid.push(mount);
  return laid;
}
/** A place is made in what is empty or the run's own; in what is shown as it lies it must be there. */
function canLie({ at }: Mount, laid: readonly Mount[]): boolean {
  const outer = laid.findLast((one) => one.at !== at && isWithin(at, one.at));
  if (outer === undefined) return existsSync(at);
  if (outer.how === 'hide' || (outer.how === 'write' && outer.from !== outer.at)) return true;
  return existsSync(join(outer.from!, at.slice(outer.at.length)));
}

/** A place as it is without links on the way to it: nothing can be laid on a link. */
export function throughLinks(path: string): string {
  const rest: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    try {
      return join(realpathSync(at), ...rest);
    } catch {
      if (at === dirname(at)) return path;
      rest.unshift(at.slice(dirname(at).length).replace(/^\//, ''));
    }
  }
}

export const isWithin = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);

/** null: absent, or not ours to look at. */
export function statOf(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}
export const isFolder = (path: string): boolean => statOf(path)?.isDirectory() === true;

/**
 * Files and folders below these that only their owner may read, and that are ours: as root, within a namespace of our
 * own, we still are their owner, so they must be laid over. @returns the uppermost of each.
 */
export function privateBelow(folders: readonly string[], uid: number, limit = 5_000): string[] {
  const found: string[] = [];
  const open = [...folders];
  let seen = 0;
  for (let at = open.pop(); at !== undefined && seen < limit; at = open.pop()) {
    let names: string[];
    try {
      names = readdirSync(at);
    } catch {
      continue; // absent, or not ours to read: nothing in it can be read within either
    }
    for (const name of names) {
      const path = join(at, name);
      const stat = lstatSync(path, { throwIfNoEntry: false });
      seen += 1;
      if (stat === undefined || stat.isSymbolicLink() || stat.uid !== uid) continue;
      const open_ = stat.isDirectory() ? 0o005 : 0o004;
      if ((stat.mode & open_) === 0) found.push(path);
      else if (stat.isDirectory()) open.push(path);
    }
  }
  return found.sort();
}
