/** A mail server that delivers nothing: every message is a file in the run's own folder. A program of ours. */
import { join } from 'node:path';
import { program } from '../../runtime/program.js';
import { quote } from '../../runtime/shell.js';
import type { ServiceKind } from './kind.js';

export const mail: ServiceKind = {
  name: 'mail',
  title: 'mail catcher',
  port: 1025,
  programs: [],
  folders: [],
  packages: [],
  own: () => ({ server: process.execPath, version: process.versions.node, from: 'machine', env: {}, path: [] }),
  // What an application sends is of the run that made it send, not of the next one.
  ofTheRun: true,
  schemes: ['smtp'],
  login: { user: '', password: '', database: '' },
  serve: (found, { data, host, port }) => ({
    shell: `exec ${[found.server, program('providers/services/mail-catcher'), host, String(port), join(data)].map(quote).join(' ')}`,
    env: {},
  }),
  ask: () => ({ send: Buffer.alloc(0), isReady: (heard) => heard.toString('latin1').startsWith('220 ') }),
  // Its messages, one after the other, as a mail program reads them.
  dump: (_, { data }) => ({
    command: 'sh',
    args: ['-c', 'for one in "$1"/*.eml; do [ ! -e "$one" ] || cat "$one"; done', 'sh', data],
    env: {},
  }),
  without: { shell: 'each message is a file: rr db url --json says in which folder' },
  manual: 'nothing is needed for it',
};
