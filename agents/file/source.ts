/** What a path given as a repository must be, told before anything is made for it. */
import { readdirSync, type Stats, statSync } from 'node:fs';
import { fail } from '../../runtime/errors.js';
import { isArchiveName } from './archive/unpack.js';

/**
 * @param path absolute.
 * @returns what is there: a folder that can be listed, or a file that is named like an archive.
 * @throws PATH_MISSING, PATH_NOT_DIRECTORY, PATH_UNREADABLE.
 */
export function lookAtPath(path: string): 'folder' | 'archive' {
  const stat = statOf(path);
  if (stat.isDirectory()) {
    try {
      readdirSync(path);
    } catch (error) {
      throw fail('PATH_UNREADABLE', { path, met: codeOf(error) }, error);
    }
    return 'folder';
  }
  if (stat.isFile() && isArchiveName(path)) return 'archive';
  throw fail('PATH_NOT_DIRECTORY', { path, met: stat.isFile() ? 'file' : 'special file' });
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);
function statOf(path: string): Stats {
  try {
    return statSync(path);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') throw fail('PATH_MISSING', { path }, error);
    if (code === 'ENOTDIR') throw fail('PATH_NOT_DIRECTORY', { path, met: 'path through a file' }, error);
    throw fail('PATH_UNREADABLE', { path, met: code }, error);
  }
}
