import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the package: the one with package.json, above the sources and above dist/. */
export const packageRoot = (): string => {
  let at = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(at, 'package.json'))) at = dirname(at);
  return at;
};

/**
 * The built file of a program of ours that runs as a process of its own.
 * @param name path without ending, e.g. `providers/process/keeper`.
 * Always the one in dist/: Node 20 cannot run TypeScript, so tests over the sources start the built one too.
 */
export const program = (name: string): string => join(packageRoot(), 'dist', `${name}.js`);
