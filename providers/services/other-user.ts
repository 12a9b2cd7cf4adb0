/**
 * Servers that refuse to run as root, started by root: in a user namespace of their own, where they are nobody and the
 * files of ours are theirs; where the system allows none, as nobody itself, who is then given the folder.
 */
import { quote } from '../../runtime/shell.js';

const NOBODY = 65_534;
export const isRoot = (): boolean => process.getuid?.() === 0;

/** @param words the program and its arguments. @returns a shell command that becomes it; its folder is the working directory. */
export function asOtherUser(words: readonly string[]): string {
  const command = words.map(quote).join(' ');
  if (!isRoot()) return `exec ${command}`;
  return [
    'if unshare --user true 2>/dev/null; then',
    // It may have been given away before the system allowed namespaces.
    '[ "$(stat -c %u .)" = 0 ] || chown -R 0:0 .',
    `exec unshare --user ${command}`,
    'fi',
    `chown -R ${NOBODY}:${NOBODY} .`,
    // The way to the folder may be its owner's alone (/root, a state folder): it is let through, and keeps nothing else of root.
    `exec setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups --inh-caps=-all,+dac_override --ambient-caps=-all,+dac_override ${command}`,
  ].join('\n');
}
