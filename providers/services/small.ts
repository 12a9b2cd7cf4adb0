/** Servers that need nothing made before they start: Memcached, NATS, and those that are taken where the machine has them. */
import { join } from 'node:path';
import { quote } from '../../runtime/shell.js';
import { companion } from './find.js';
import type { Job, ServiceKind } from './kind.js';
import { asOtherUser, isRoot } from './other-user.js';

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
  manual: 'install nats-server (Debian: apt-get install nats-server)',
};

export const mongodb: ServiceKind = {
  name: 'mongodb',
  port: 27017,
  programs: ['mongod'],
  folders: ['/usr/local/mongodb*/bin', '/opt/homebrew/bin'],
  packages: [],
  schemes: ['mongodb'],
  // Without logins of its own: it hears on loopback alone. A URL that names one is served all the same.
  login: { user: '', password: '', database: 'app' },
  serve: (found, { data, host, port }) => ({
    shell: begin([
      found.server,
      '--dbpath',
      data,
      '--bind_ip',
      host,
      '--port',
      String(port),
      '--nounixsocket',
      '--quiet',
    ]),
    env: found.env,
  }),
  // OP_MSG with {hello: 1}: whatever comes back came from a server that is up.
  ask: () => ({ send: helloOfMongo, isReady: (heard) => heard.length > 16 }),
  shell: (found, { host, port }, { database }) => {
    const command = companion(found, 'mongosh', 'mongo');
    return command === null ? null : { command, args: [`mongodb://${host}:${port}/${database}`], env: found.env };
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
const helloOfMongo = ((): Buffer => {
  const text = (value: string): Buffer => Buffer.from(`${value}\0`);
  const int = (value: number): Buffer => {
    const four = Buffer.alloc(4);
    four.writeInt32LE(value);
    return four;
  };
  const fields = Buffer.concat([
    Buffer.from([0x10]),
    text('hello'),
    int(1),
    Buffer.from([0x02]),
    text('$db'),
    int(6),
    text('admin'),
    Buffer.from([0]),
  ]);
  const body = Buffer.concat([int(0), Buffer.from([0]), int(fields.length + 4), fields]);
  return Buffer.concat([int(16 + body.length), int(1), int(0), int(2013), body]);
})();

export const elasticsearch: ServiceKind = {
  name: 'elasticsearch',
  port: 9200,
  programs: ['elasticsearch', 'opensearch'],
  folders: ['/usr/share/elasticsearch/bin', '/usr/share/opensearch/bin', '/opt/homebrew/bin'],
  packages: [],
  schemes: ['http'],
  login: { user: '', password: '', database: '' },
  serve(found, { data, folder, host, port }): Job {
    const settings = {
      'http.port': String(port),
      'http.host': host,
      'path.data': data,
      'path.logs': folder,
      'discovery.type': 'single-node',
      ...(found.server.endsWith('opensearch') ? {} : { 'xpack.security.enabled': 'false' }),
    };
    const words = [found.server, ...Object.entries(settings).flatMap(([key, value]) => ['-E', `${key}=${value}`])];
    return { shell: asOtherUser(words), env: { ...found.env, ES_JAVA_OPTS: '-Xms512m -Xmx512m' } };
  },
  ask: hears('GET /_cluster/health HTTP/1.0\r\n\r\n', /^HTTP\/1\.[01] 200/),
  manual: 'install Elasticsearch or OpenSearch (its bin folder on PATH; Debian has no package of it)',
};
