/** Workspaces of npm, pnpm, Yarn, Bun and Lerna: which folders belong together, and what a member needs built first. */
import type { Tree } from '../../../../providers/tree.js';
import type { Place } from '../../place.js';
import { asTable, asText, asTexts, at } from '../../values.js';

export interface Workspace {
  home: Place;
  /** Package name → path of the member from the repository's root. */
  members: ReadonlyMap<string, string>;
}

const known = new WeakMap<Tree, Map<string, Workspace | null>>();

/** The workspace that a place is a member of; null for a workspace's own root and for a lone package. */
export function findWorkspace(place: Place): Workspace | null {
  for (let path = place.path; path !== '.'; ) {
    const slash = path.lastIndexOf('/');
    path = slash < 0 ? '.' : path.slice(0, slash);
    const workspace = readWorkspace(place.open(path));
    if (workspace !== null && [...workspace.members.values()].includes(place.path)) return workspace;
  }
  return null;
}

/** The workspace whose root a place is, with all its members; null when it declares none. */
export function readWorkspace(home: Place): Workspace | null {
  let ofTree = known.get(home.tree);
  if (ofTree === undefined) {
    ofTree = new Map();
    known.set(home.tree, ofTree);
  }
  const before = ofTree.get(home.path);
  if (before !== undefined) return before;
  const globs = readGlobs(home);
  const workspace = globs.length === 0 ? null : { home, members: listMembers(home, globs) };
  ofTree.set(home.path, workspace);
  return workspace;
}

function readGlobs(home: Place): string[] {
  const declared = at(home.json('package.json'), 'workspaces');
  return [
    ...asTexts(declared),
    ...asTexts(at(declared, 'packages')),
    ...(home.has('pnpm-workspace.yaml') ? asTexts(at(home.yaml('pnpm-workspace.yaml'), 'packages')) : []),
    ...(home.has('lerna.json') ? asTexts(at(home.json('lerna.json'), 'packages')) : []),
  ];
}

function listMembers(home: Place, globs: readonly string[]): ReadonlyMap<string, string> {
  const wanted = globs.filter((glob) => !glob.startsWith('!')).map(toRegExp);
  const unwanted = globs.filter((glob) => glob.startsWith('!')).map((glob) => toRegExp(glob.slice(1)));
  const members = new Map<string, string>();
  for (const file of home.files()) {
    if (!file.endsWith('/package.json')) continue;
    const folder = file.slice(0, -'/package.json'.length);
    if (!wanted.some((glob) => glob.test(folder)) || unwanted.some((glob) => glob.test(folder))) continue;
    const path = home.full(folder);
    members.set(asText(home.json(file)?.name) ?? path, path);
  }
  return members;
}

/** A workspace glob: `*`, `**`, `?`, `{a,b}` and plain names; everything else stands for itself. */
export function toRegExp(glob: string): RegExp {
  const plain = glob
    .replace(/^\.\//, '')
    .replace(/\/+$/, '')
    .replace(/\*{3,}/g, '**')
    .replace(/(?:\*\*\/)+/g, '**/');
  // Many stars in one expression can take for ever on a long path; nobody's workspace has so many.
  if (plain.length > 300 || (plain.match(/\*+/g)?.length ?? 0) > 5) return /^(?!)/;
  let depth = 0;
  const body = plain.replace(/\*\*\/|\*\*|\*|\?|[{},]|[.+^$()|[\]\\]/g, (part) => {
    if (part === '**/') return '(?:.*/)?';
    if (part === '**') return '.*';
    if (part === '*') return '[^/]*';
    if (part === '?') return '[^/]';
    if (part === '{' && plain.includes('}')) {
      depth++;
      return '(?:';
    }
    if (part === '}' && depth > 0) {
      depth--;
      return ')';
    }
    if (part === ',' && depth > 0) return '|';
    return `\\${part}`;
  });
  try {
    return new RegExp(`^${body}$`);
  } catch {
    return /^(?!)/; // A glob nobody can read (unbalanced braces) matches nothing.
  }
}

/**
 * The members that a member depends on and that have a `build` script, those needed first in front.
 * @returns package names with the place of each.
 */
export function listBuiltFirst(workspace: Workspace, place: Place): { name: string; place: Place }[] {
  const order: { name: string; place: Place }[] = [];
  const seen = new Set<string>([place.path]);
  const visit = (here: Place): void => {
    const manifest = here.json('package.json');
    for (const key of ['dependencies', 'devDependencies']) {
      for (const name of Object.keys(asTable(at(manifest, key)))) {
        const path = workspace.members.get(name);
        if (path === undefined || seen.has(path)) continue;
        seen.add(path);
        const member = here.open(path);
        visit(member);
        if (asText(at(member.json('package.json'), 'scripts', 'build')) !== null) order.push({ name, place: member });
      }
    }
  };
  visit(place);
  return order;
}
