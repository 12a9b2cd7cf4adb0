/** From a file to the name Python imports it by, and from an import to the file it means. All within the place. */
import { posix } from 'node:path';
import type { Import, PythonModule } from './module.js';

const IDENTIFIER = /^[\p{L}_][\p{L}\p{N}_]*$/u;

/** The file of a module (or of the module that holds the imported name), or null when it is not of this repository. */
export function resolveImport(module: PythonModule, imported: Import, files: ReadonlySet<string>): string | null {
  for (const root of rootsOf(module.file, imported.level)) {
    const file =
      fileOfModule(root, imported.path, files) ??
      (imported.module === '' ? packageOf(root, files) : fileOfModule(root, imported.module, files));
    if (file !== null) return file;
  }
  return null;
}

/**
 * The dotted name under which a file is imported and the folder that must be on the path for it.
 *
 * Every folder above the file is a candidate. The one from which most of the file's own imports are found wins; else
 * the folder above the outermost package, `src`, or the place. A relative import needs its packages inside the name.
 */
export function importName(module: PythonModule, files: ReadonlySet<string>): { dotted: string; importRoot: string } {
  const { file } = module;
  const base = posix.basename(file);
  const folders = posix.dirname(file) === '.' ? [] : posix.dirname(file).split('/');
  const names = base === '__init__.py' ? folders : [...folders, base.replace(/\.py$/, '')];
  const levels = Math.max(0, ...module.imported.map(({ level }) => level));
  // `from . import x` in a plain module needs one package in its name, in `__init__.py` its own.
  const packages = levels === 0 && base !== '__init__.py' ? 0 : base === '__init__.py' ? Math.max(1, levels) : levels;
  let best = { dotted: names.join('.'), importRoot: '.', score: -1 };
  for (let cut = 0; cut <= folders.length - packages; cut++) {
    const inside = names.slice(cut);
    if (inside.length === 0 || !inside.every((name) => IDENTIFIER.test(name))) continue;
    const root = folders.slice(0, cut).join('/') || '.';
    const found = module.imported.filter(({ level, path, module: name }) => {
      return level === 0 && (fileOfModule(root, path, files) ?? fileOfModule(root, name, files)) !== null;
    }).length;
    const score =
      found * 10 +
      (isOutside(folders, cut, files) ? 3 : 0) +
      (root.split('/').at(-1) === 'src' ? 2 : 0) +
      (cut === 0 ? 1 : 0);
    if (score > best.score) best = { dotted: inside.join('.'), importRoot: root, score };
  }
  return { dotted: best.dotted, importRoot: best.importRoot };
}

/** Whether the folder is the one just above the outermost of the packages that hold the file. */
function isOutside(folders: readonly string[], cut: number, files: ReadonlySet<string>): boolean {
  const at = (count: number): string => [...folders.slice(0, count), '__init__.py'].join('/');
  if (cut >= folders.length) return false;
  return folders.slice(cut).every((_, index) => files.has(at(cut + index + 1))) && (cut === 0 || !files.has(at(cut)));
}

function rootsOf(file: string, level: number): string[] {
  const folder = posix.dirname(file);
  if (level > 0) {
    const up = Array.from({ length: level - 1 }, () => '..').join('/');
    return [posix.normalize(up === '' ? folder : `${folder}/${up}`)];
  }
  const above: string[] = [];
  for (let here = folder; here !== '.' && here !== '/'; here = posix.dirname(here)) above.push(here);
  return ['.', 'src', ...above];
}

export function fileOfModule(root: string, dotted: string, files: ReadonlySet<string>): string | null {
  if (dotted === '') return null;
  const path = `${root === '.' ? '' : `${root}/`}${dotted.replaceAll('.', '/')}`;
  // A package hides a module of the same name beside it.
  return [`${path}/__init__.py`, `${path}.py`].find((file) => files.has(file)) ?? null;
}

function packageOf(root: string, files: ReadonlySet<string>): string | null {
  const file = root === '.' ? '__init__.py' : `${root}/__init__.py`;
  return files.has(file) ? file : null;
}
