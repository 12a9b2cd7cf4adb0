import type { Tree } from '../../../../providers/tree.js';

/** A repository that is written out in the test itself. */
export function treeOf(files: Record<string, string>): Tree {
  return {
    root: '/repository',
    files: Object.keys(files).sort(),
    notes: [],
    has: (path) => Object.hasOwn(files, path),
    read: (path) => (Object.hasOwn(files, path) ? files[path]! : null),
  };
}
