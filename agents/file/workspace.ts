/**
 * The run's own folder of files, `<bundle>/work`: filled beside its place and renamed into it, so it is there whole or
 * not at all, and an effect that a crash cut short can simply be repeated.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

export const workOf = (bundle: string): string => join(bundle, 'work');

/** @param fill gets a folder that does not exist yet, on the same file system. @returns null when the work is there already. */
export async function fillWork<T>(bundle: string, fill: (to: string) => Promise<T>): Promise<T | null> {
  const work = workOf(bundle);
  if (existsSync(work)) return null;
  await mkdir(bundle, { recursive: true });
  // What an earlier attempt left; a git of its that still runs loses its folder and ends.
  for (const name of await readdir(bundle))
    if (/^work\.[0-9a-f]+\.partial$/.test(name)) await rm(join(bundle, name), { recursive: true, force: true });
  const partial = join(bundle, `work.${randomBytes(4).toString('hex')}.partial`);
  try {
    const result = await fill(partial);
    await rename(partial, work);
    return result;
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}
