/** A run's folder: everything needed to understand, audit or replay it. Paths from callers never leave it. */
import { chmod } from 'node:fs/promises';
import { isAbsolute, join, normalize } from 'node:path';
import { fail } from '../runtime/errors.js';
import { writeDurably } from './durable.js';

export const bundleOf = (state: string, run: string): string => join(state, 'runs', run);

/** Writes files of a bundle, each whole or not at all. Writing the same again changes nothing. @throws STATE_UNWRITABLE */
export async function writeBundle(
  bundle: string,
  files: { path: string; text: string; executable?: boolean }[],
): Promise<void> {
  for (const { path, text, executable } of files) {
    if (isAbsolute(path) || normalize(path).startsWith('..'))
      throw fail('INTERNAL', { reason: `${path} leaves the run's folder` });
    const file = join(bundle, path);
    await writeDurably(file, text, { durable: false });
    if (executable) await chmod(file, 0o700);
  }
}
