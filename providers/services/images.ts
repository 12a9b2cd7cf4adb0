/**
 * Servers out of images, where nothing else gives them: the image of the compose file, else the official one. A server
 * in a container is a kind of service like its own, with other commands: so its port, its data folder, its readiness
 * and its end are those of all services.
 */
import { quote } from '../../runtime/shell.js';
import { type Container, containerName, forgetCommand, isUp, runWords, userWithin } from '../engine/containers.js';
import type { Engine } from '../engine/find.js';
import type { FoundService, Lodging, Login, ServiceKind, Wish } from './kind.js';

interface Image {
  /** @param version what the repository asks for; null: whichever. */
  image(version: string | null): string;
  /** That the server listens on within. */
  port: number;
  /** Where it keeps its data within; null: it keeps none. */
  data: string | null;
  env?(wish: Wish): Record<string, string>;
  /** Instead of what the image begins its server with. */
  args?(wish: Wish): string[];
  /** More databases than the image makes by itself, once it is up. @returns words within the container, or none. */
  more?(login: Login, main: Login): string[] | null;
  shell?(login: Login): string[];
  dump?(login: Login): string[];
  load?(login: Login): string[];
}
const tagged = (name: string, usual: string) => (version: string | null) => `docker.io/${name}:${version ?? usual}`;
const given = (variables: Record<string, string | undefined>): Record<string, string> =>
  Object.fromEntries(Object.entries(variables).flatMap(([name, value]) => (value ? [[name, value]] : [])));
const main = (wish: Wish): Login => wish.logins[0]!;
const passwordOf = ({ logins }: Wish): string | undefined => logins.find((login) => login.password !== '')?.password;

const images: Readonly<Record<string, Image>> = {
  mongodb: {
    image: tagged('library/mongo', '8'),
    port: 27017,
    data: '/data/db',
    env: (wish) =>
      given({ MONGO_INITDB_ROOT_USERNAME: main(wish).user, MONGO_INITDB_ROOT_PASSWORD: main(wish).password }),
    shell: ({ database }) => ['mongosh', `mongodb://127.0.0.1:27017/${database}`],
    dump: ({ database }) => ['mongodump', '--db', database, '--archive'],
  },
  rabbitmq: {
    image: tagged('library/rabbitmq', '4'),
    port: 5672,
    data: '/var/lib/rabbitmq',
    env: (wish) => ({
      RABBITMQ_DEFAULT_USER: main(wish).user,
      RABBITMQ_DEFAULT_PASS: main(wish).password,
      ...given({ RABBITMQ_DEFAULT_VHOST: main(wish).database }),
      // Its data is kept by the name of its node, which is by default another one in every container.
      RABBITMQ_NODENAME: 'rr@localhost',
    }),
  },
  elasticsearch: {
    image: tagged('library/elasticsearch', '8.19.0'),
    port: 9200,
    data: '/usr/share/elasticsearch/data',
    env: () => ({
      'discovery.type': 'single-node',
      'xpack.security.enabled': 'false',
      // OpenSearch, where the compose file has that.
      DISABLE_SECURITY_PLUGIN: 'true',
      ES_JAVA_OPTS: '-Xms512m -Xmx512m',
      OPENSEARCH_JAVA_OPTS: '-Xms512m -Xmx512m',
    }),
  },
  minio: {
    image: tagged('minio/minio', 'latest'),
    port: 9000,
    data: '/data',
    env: (wish) => ({ MINIO_ROOT_USER: main(wish).user, MINIO_ROOT_PASSWORD: main(wish).password }),
    args: () => ['server', '/data'],
  },
  postgres: {
    image: tagged('library/postgres', '17'),
    port: 5432,
    data: '/var/lib/postgresql/data',
    env: (wish) => ({
      POSTGRES_USER: main(wish).user,
      POSTGRES_DB: main(wish).database,
      // A folder of its own within: the mount itself may not be empty.
      PGDATA: '/var/lib/postgresql/data/pgdata',
      ...(main(wish).password === ''
        ? { POSTGRES_HOST_AUTH_METHOD: 'trust' }
        : { POSTGRES_PASSWORD: main(wish).password }),
    }),
    more: ({ database }, { user, database: known }) =>
      database === '' || database === known ? null : ['createdb', '-U', user, database],
    shell: ({ user, database }) => ['psql', '-U', user, database],
    dump: ({ user, database }) => ['pg_dump', '--no-owner', '-U', user, database],
    load: ({ user, database }) => ['psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-U', user, database],
  },
  mysql: {
    image: tagged('library/mariadb', '11'),
    port: 3306,
    data: '/var/lib/mysql',
    env: (wish) => {
      const { user, password, database } = main(wish);
      const root = password === '' ? { MARIADB_ALLOW_EMPTY_ROOT_PASSWORD: '1', MYSQL_ALLOW_EMPTY_PASSWORD: '1' } : {};
      return {
        ...root,
        ...given({ MYSQL_DATABASE: database, MYSQL_ROOT_PASSWORD: password }),
        ...(user === 'root' ? {} : given({ MYSQL_USER: user, MYSQL_PASSWORD: password })),
      };
    },
  },
  redis: {
    image: tagged('library/redis', '8'),
    port: 6379,
    data: '/data',
    env: (wish) => given({ REDIS_PASSWORD: passwordOf(wish) }),
    args: (wish) => {
      // Who asks comes from outside the container; the port is on loopback alone.
      const words = ['redis-server', '--appendonly', 'yes', '--protected-mode', 'no'];
      if (passwordOf(wish) === undefined) return words;
      // By its standard input: what stands among its words is in every list of processes.
      return ['sh', '-c', `exec ${words.join(' ')} - <<END\nrequirepass "$REDIS_PASSWORD"\nEND`];
    },
    shell: ({ database }) => ['redis-cli', '-n', database || '0'],
  },
  memcached: { image: tagged('library/memcached', '1'), port: 11211, data: null },
};

const IMAGE = /^[a-z0-9][\w./:@-]{0,250}$/i;
/** The image that gives a service; null: there is none of it. @param composed what the compose file names. */
export function imageFor(kind: string, composed: string | null, version: string | null): string | null {
  const known = images[kind];
  if (known === undefined) return null;
  return composed !== null && IMAGE.test(composed) ? fullName(composed) : known.image(version);
}
/** `redis:7` is Docker Hub's to docker and nobody's to podman: the whole name is the same to both. */
export function fullName(image: string): string {
  const [first = '', ...rest] = image.split('/');
  if (rest.length > 0 && (/[.:]/.test(first) || first === 'localhost')) return image;
  return rest.length === 0 ? `docker.io/library/${image}` : `docker.io/${image}`;
}

/** The same service out of an image. @param kind one that `imageFor` knows. */
export function inContainer(
  kind: ServiceKind,
  engine: Engine,
  image: string,
  { run, state }: { run: string; state: string },
): ServiceKind {
  const known = images[kind.name]!;
  const name = containerName(run, kind.name);
  const client = (words: string[] | undefined, interactive: boolean) =>
    words === undefined
      ? null
      : {
          command: engine.program,
          args: ['exec', interactive && process.stdin.isTTY ? '-it' : '-i', name, ...words],
          env: engine.env,
        };
  const found: FoundService = {
    server: engine.program,
    version: versionOf(image),
    from: 'engine',
    env: engine.env,
    path: [],
    image,
  };
  return {
    ...kind,
    title: `${kind.title ?? kind.name} (image ${image.replace(/^docker\.io\/(?:library\/)?/, '')})`,
    own: () => found,
    // Files of a server of this machine are not those of an image: another version, another owner.
    dataName: () => `image-${image.replace(/[^\w.-]+/g, '-')}`,
    initialise: () => null,
    // One that a killed runtime has left would hold the name.
    prepare: () => ({ shell: forgetCommand(engine, name), env: engine.env }),
    serve(_, { data, host, port }: Lodging, wish: Wish) {
      const env = known.env?.(wish) ?? {};
      const container: Container = {
        name,
        run,
        state,
        part: 'service',
        image,
        publish: [{ host, port, to: known.port }],
        network: 'own',
        mounts: known.data === null ? [] : [{ from: data, to: known.data, writable: true }],
        env: Object.keys(env),
        cwd: null,
        user: userWithin(),
        hosts: {},
        command: null,
      };
      const words = [...runWords(engine, container), ...(known.args?.(wish) ?? [])];
      return { shell: `exec ${words.map(quote).join(' ')}`, env: { ...engine.env, ...env } };
    },
    provide(_, __, wish) {
      const more = wish.logins.flatMap((login) => {
        const words = known.more?.(login, main(wish)) ?? null;
        return words === null ? [] : [`${[engine.program, 'exec', name, ...words].map(quote).join(' ')} 2>/dev/null`];
      });
      // What is there already is an error that is expected.
      return more.length === 0 ? null : { shell: `${more.join('\n')}\ntrue`, env: engine.env };
    },
    listens: () => isUp(engine, name),
    shell: (_, __, login) => client(known.shell?.(login), true),
    dump: (_, __, login) => client(known.dump?.(login), false),
    load: (_, __, login) => client(known.load?.(login), false),
  };
}
const versionOf = (image: string): string => /:v?(\d+(?:\.\d+)*)/.exec(image.split('/').at(-1)!)?.[1] ?? '';
