/**
 * MongoDB, where the machine has it or an image of it. Written by its documentation: no package source we know has it, so it
 * was never run by our tests.
 */
import { join } from 'node:path';
import { program } from '../../runtime/program.js';
import { quote } from '../../runtime/shell.js';
import { bson } from './bson.js';
import { companion } from './find.js';
import type { ServiceKind } from './kind.js';

const OP_MSG = 2_013;
const hello = (() => {
  const body = Buffer.concat([Buffer.from([0, 0, 0, 0, 0]), bson({ hello: 1, $db: 'admin' })]);
  const head = Buffer.alloc(16);
  head.writeInt32LE(16 + body.length, 0);
  head.writeInt32LE(1, 4);
  head.writeInt32LE(OP_MSG, 12);
  return Buffer.concat([head, body]);
})();

export const mongodb: ServiceKind = {
  name: 'mongodb',
  port: 27017,
  programs: ['mongod'],
  folders: ['/usr/local/mongodb*/bin', '/opt/homebrew/bin'],
  packages: [],
  schemes: ['mongodb'],
  // Without rights: it hears on loopback alone. Who names a login must be known to it nevertheless.
  login: { user: '', password: '', database: 'app' },
  serve: (found, { data, host, port }) => ({
    shell: `exec ${[found.server, '--dbpath', data, '--bind_ip', host, '--port', String(port), '--nounixsocket', '--quiet'].map(quote).join(' ')}`,
    env: found.env,
  }),
  provide(_, { folder, host, port }, wish) {
    const logins = wish.logins.filter(({ user }) => user !== '');
    if (logins.length === 0) return null;
    const path = join(folder, 'users.json');
    return {
      shell: `exec ${[process.execPath, program('providers/services/mongo-users'), path].map(quote).join(' ')}`,
      env: {},
      files: [{ path, text: `${JSON.stringify({ host, port, logins })}\n` }],
    };
  },
  // OP_MSG with {hello: 1}: whatever comes back came from a server that is up.
  ask: () => ({ send: hello, isReady: (heard) => heard.length > 16 }),
  shell: (found, { host, port }, { database }) => {
    const command = companion(found, 'mongosh', 'mongo');
    return command === null
      ? null
      : { command, args: ['--quiet', `mongodb://${host}:${port}/${database}`], env: found.env };
  },
  dump: (found, { host, port }, { database }) => {
    const command = companion(found, 'mongodump');
    return command === null
      ? null
      : {
          command,
          args: ['--host', host, '--port', String(port), '--db', database, '--archive'],
          env: found.env,
        };
  },
  manual: 'install MongoDB (mongod on PATH; Debian has no package of it)',
};
