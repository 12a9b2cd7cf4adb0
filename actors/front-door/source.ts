/** The source of a job as it was given. */
import { realpathSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { lookAtPath } from '../../agents/file/source.js';
import { withoutPassword } from '../../providers/git/clone.js';
import { fail } from '../../runtime/errors.js';

/** Whether a source is fetched rather than found on this machine. */
export const isUrl = (source: string): boolean =>
  /^[a-z][a-z0-9+.-]*:\/\//i.test(source) || /^[\w.-]+@[\w.-]+:/.test(source);

/**
 * One folder has one name, so that two runs in it are known to be; a password in a URL is told apart.
 * @returns `secret`: the URL with its password, or null.
 * @throws PATH_MISSING, PATH_NOT_DIRECTORY, PATH_UNREADABLE, USAGE
 */
export function readSource(given: string): { source: string; secret: string | null } {
  if (isUrl(given)) {
    const source = withoutPassword(given);
    return { source, secret: source === given ? null : given };
  }
  if (!isAbsolute(given))
    throw fail('USAGE', { met: `the source ${given} is relative`, fix: 'give an absolute path or a URL' });
  lookAtPath(given);
  return { source: realpathSync(given), secret: null };
}
