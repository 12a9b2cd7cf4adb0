/**
 * Names that resolve for one command alone: a hosts file of its own, mounted over the system's in a mount namespace that
 * only the command and its children see. Root needs no other user for that; anybody else does it in a user namespace in
 * which he stays who he is, and gives up there what it gave him before the command begins. Where the system allows neither
 * the command runs as it is: then only variables lead to a service.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { quote } from '../../runtime/shell.js';

const SYSTEM = '/etc/hosts';

/** @param hosts name → address; none: the command as it is. */
export function withHosts(shell: string, hosts: Readonly<Record<string, string>>, bundle: string): string {
  const names = Object.entries(hosts).filter(([name]) => /^[a-z0-9][\w.-]*$/i.test(name));
  if (names.length === 0 || process.platform !== 'linux') return shell;
  mkdirSync(join(bundle, 'inputs'), { recursive: true });
  const file = join(bundle, 'inputs', 'hosts');
  writeFileSync(file, `${read(SYSTEM)}\n${names.map(([name, address]) => `${address} ${name}`).join('\n')}\n`);
  const mount = `mount --bind ${quote(file)} ${SYSTEM}`;
  const drop = 'setpriv --inh-caps=-all --ambient-caps=-all';
  const run = quote(shell);
  return [
    `if unshare --mount true 2>/dev/null; then exec unshare --mount sh -c ${quote(`${mount} && exec sh -c "$1"`)} sh ${run}; fi`,
    `if unshare --user --map-current-user --keep-caps --mount ${mountProbe(mount)} 2>/dev/null; then`,
    `  exec unshare --user --map-current-user --keep-caps --mount sh -c ${quote(`${mount} && exec ${drop} sh -c "$1"`)} sh ${run}`,
    'fi',
    `exec sh -c ${run}`,
  ].join('\n');
}
const mountProbe = (mount: string): string => `sh -c ${quote(mount)}`;
const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8').trimEnd();
  } catch {
    return '127.0.0.1 localhost'; // a system without one
  }
};
