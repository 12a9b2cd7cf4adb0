/** Redis and Valkey: the append-only file is on, so what the application stored is there again in the next run. */

import { quote } from '../../runtime/shell.js';
import { companion } from './find.js';
import type { ServiceKind } from './kind.js';

export const redis: ServiceKind = {
  name: 'redis',
  port: 6379,
  programs: ['redis-server', 'valkey-server'],
  folders: ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin', '/usr/local/opt/redis/bin'],
  packages: ['redis-server', 'redis-tools'],
  schemes: ['redis', 'rediss', 'valkey'],
  login: { user: '', password: '', database: '0' },
  serve(found, { data, folder, host, port }, { logins }) {
    const config = `${folder}/redis.conf`;
    const password = logins.find((login) => login.password !== '')?.password;
    const user = logins.find((login) => login.user !== '' && login.user !== 'default');
    const lines = [
      `bind ${host}`,
      `port ${port}`,
      `dir ${JSON.stringify(data)}`,
      'appendonly yes',
      'save ""',
      'daemonize no',
      ...(password === undefined ? [] : [`requirepass ${JSON.stringify(password)}`]),
      ...(user === undefined
        ? []
        : [`user ${user.user} on ${user.password ? `>${user.password}` : 'nopass'} ~* &* +@all`]),
    ];
    return {
      shell: `exec ${quote(found.server)} ${quote(config)}`,
      env: found.env,
      files: [{ path: config, text: `${lines.join('\n')}\n` }],
    };
  },
  ask: () => ({
    send: Buffer.from('PING\r\n'),
    // While it reads its data it answers `-LOADING`; one that wants a password first is ready too.
    isReady: (heard) => /^(?:\+PONG|-NOAUTH)/.test(heard.toString('latin1')),
  }),
  shell(found, { host, port }, { user, password, database }) {
    const command = companion(found, 'redis-cli', 'valkey-cli');
    if (command === null) return null;
    const args = ['-h', host, '-p', String(port), '-n', database || '0', ...(user === '' ? [] : ['--user', user])];
    return { command, args, env: { ...found.env, ...(password === '' ? {} : { REDISCLI_AUTH: password }) } };
  },
  dump(found, lodging, login) {
    const client = redis.shell!(found, lodging, login);
    return client && { ...client, args: [...client.args, '--rdb', '-'] };
  },
  manual: 'install redis-server (Debian: apt-get install redis-server)',
};
