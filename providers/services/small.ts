/** Servers that need nothing made before they start: Memcached and NATS. */
import { join } from 'node:path';
import { quote } from '../../runtime/shell.js';
import type { Job, ServiceKind } from './kind.js';
import { isRoot } from './other-user.js';

const begin = (words: readonly string[]): string => `exec ${words.map(quote).join(' ')}`;
const hears = (send: string, answer: RegExp) => () => ({
  send: Buffer.from(send),
  isReady: (heard: Buffer) => answer.test(heard.toString('latin1')),
});

export const memcached: ServiceKind = {
  name: 'memcached',
  port: 11211,
  programs: ['memcached'],
  folders: ['/usr/sbin', '/opt/homebrew/bin'],
  packages: ['memcached'],
  schemes: ['memcached'],
  login: { user: '', password: '', database: '' },
  serve: (found, { host, port }) => ({
    shell: begin([
      found.server,
      '-l',
      host,
      '-p',
      String(port),
      '-U',
      '0',
      '-m',
      '64',
      ...(isRoot() ? ['-u', 'root'] : []),
    ]),
    env: found.env,
  }),
  ask: hears('version\r\n', /^VERSION /),
  without: {
    shell: 'it speaks lines of text, so anything that opens a connection will do: rr db url says where',
    dump: 'it keeps nothing beyond its own life: ask the application for what it has put there',
  },
  manual: 'install memcached (Debian: apt-get install memcached)',
};

export const nats: ServiceKind = {
  name: 'nats',
  port: 4222,
  programs: ['nats-server'],
  folders: ['/usr/sbin', '/opt/homebrew/bin'],
  packages: ['nats-server'],
  cacheFolder: 'nats-server',
  schemes: ['nats'],
  login: { user: '', password: '', database: '' },
  serve(found, { data, folder, host, port }, { logins: [main] }): Job {
    const { user, password } = main!;
    const login =
      password === ''
        ? `token: ${JSON.stringify(user)}`
        : `user: ${JSON.stringify(user)}, password: ${JSON.stringify(password)}`;
    const lines = [
      `listen: "${host}:${port}"`,
      `jetstream { store_dir: ${JSON.stringify(data)}, max_mem: 256MB, max_file: 4GB }`,
      ...(user === '' && password === '' ? [] : [`authorization { ${login} }`]),
    ];
    const path = join(folder, 'nats.conf');
    return {
      shell: begin([found.server, '-c', path]),
      env: found.env,
      files: [{ path, text: `${lines.join('\n')}\n` }],
    };
  },
  ask: hears('', /^INFO \{/),
  without: {
    shell: 'connect a client of NATS of your own to the address of rr db url',
    dump: 'what JetStream keeps is read by a client of NATS: rr db url says where',
  },
  manual: 'install nats-server (Debian: apt-get install nats-server)',
};
