/** Client libraries in manifests: who brings a driver probably talks to its server. One table for all languages. */
import type { Hint } from '../contract.js';
import { asTable } from '../values.js';
import { openJson } from './documents.js';
import { type Source, type SourceFile, sayNeed } from './source.js';

/** Full names, lower case, as the manifests write them. */
const drivers: Record<string, string> = {};
const add = (need: string, names: string): void => {
  for (const name of names.split(' ')) drivers[name] = need;
};
add(
  'postgres',
  'pg postgres pg-promise @neondatabase/serverless psycopg psycopg2 psycopg2-binary asyncpg aiopg pg8000 psycopg-binary sequel_pg tokio-postgres github.com/lib/pq github.com/jackc/pgx github.com/go-pg/pg gorm.io/driver/postgres org.postgresql npgsql postgrex',
);
add(
  'mysql',
  'mysql mysql2 mysqlclient pymysql aiomysql asyncmy mysql-connector-python github.com/go-sql-driver/mysql gorm.io/driver/mysql mysql-connector-java mysql-connector-j mysql_async myxql',
);
add('mariadb', 'mariadb mariadb-java-client');
add(
  'redis',
  'redis ioredis bullmq bull bee-queue connect-redis @redis/client aioredis django-redis flask-redis redis-py arq rq sidekiq resque redis-rails hiredis predis/predis github.com/redis/go-redis github.com/go-redis/redis github.com/gomodule/redigo jedis lettuce-core spring-boot-starter-data-redis stackexchange.redis redix',
);
add(
  'mongodb',
  'mongodb mongoose pymongo motor mongoengine beanie odmantic flask-pymongo mongoid mongo mongodb/mongodb jenssegers/mongodb go.mongodb.org/mongo-driver spring-boot-starter-data-mongodb mongodb.driver',
);
add(
  'rabbitmq',
  'amqplib amqp-connection-manager rascal pika aio-pika kombu bunny php-amqplib/php-amqplib github.com/rabbitmq/amqp091-go github.com/streadway/amqp lapin spring-boot-starter-amqp rabbitmq.client',
);
add('nats', 'nats @nats-io/transport-node nats-py github.com/nats-io/nats.go async-nats');
add(
  'kafka',
  'kafkajs node-rdkafka kafka-python confluent-kafka aiokafka github.com/segmentio/kafka-go github.com/ibm/sarama rdkafka spring-kafka',
);
add('elasticsearch', '@elastic/elasticsearch elasticsearch elasticsearch-dsl github.com/elastic/go-elasticsearch');
add('opensearch', '@opensearch-project/opensearch opensearch-py');
add('memcached', 'memcached memjs pymemcache pylibmc python-memcached dalli github.com/bradfitz/gomemcache');
add('minio', 'minio github.com/minio/minio-go');
add('meilisearch', 'meilisearch meilisearch-python-sdk');

/** A file database in the same manifest: the server may be one choice among several. */
const embedded =
  /["'\s](?:sqlite3?|better-sqlite3|libsql|@libsql\/client|aiosqlite|github\.com\/mattn\/go-sqlite3|modernc\.org\/sqlite|gorm\.io\/driver\/sqlite|com\.h2database)\b/;
const databases = new Set(['postgres', 'mysql', 'mariadb', 'mongodb']);

const known = (name: string): string | null => (Object.hasOwn(drivers, name) ? drivers[name]! : null);
const weigh = (file: SourceFile, need: string, optional: boolean): number =>
  optional ? 0.15 : databases.has(need) && embedded.test(file.text) ? 0.25 : 0.4;

export const nodeClients: Source = {
  names: /^package\.json$/,
  depth: 0,
  read(file): Hint[] {
    // The reader of its versions notes what does not parse.
    const doc = openJson({ ...file, note: () => {} });
    if (doc === null) return [];
    return ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'].flatMap((key) =>
      Object.keys(asTable(asTable(doc.value)[key])).flatMap((name) => {
        const need = known(name);
        return need === null
          ? []
          : [sayNeed(file, doc.line(key, name), weigh(file, need, key !== 'dependencies'), need)];
      }),
    );
  },
};

/** All other manifests name one library a line; the name is the first word in quotes, a tag or the line itself. */
export const otherClients: Source = {
  names:
    /^(?:requirements(?:[-_.][\w-]+)?\.(?:txt|in)|pyproject\.toml|Pipfile|setup\.py|Gemfile|composer\.json|go\.mod|Cargo\.toml|pom\.xml|build\.gradle(?:\.kts)?|mix\.exs|[\w.-]+\.csproj|deno\.jsonc?)$/,
  depth: 1,
  read(file): Hint[] {
    const isTest = /(?:dev|test|lint|doc)/i.test(file.path.split('/').at(-1)!);
    let inDev = false;
    return file.text.split('\n').flatMap((raw, index) => {
      const text = raw.slice(0, 400);
      if (/^\s*\[/.test(text)) inDev = /dev|test|optional|extras|group/i.test(text);
      if (/^\s*(?:#|\/\/|<!--)/.test(text) || about.test(text)) return [];
      const words = [...text.replace(/^\s*require\s+/, '').matchAll(/@?[A-Za-z][\w.@/-]*/g)].map(([word]) => word);
      const seen = new Set<string>();
      for (const word of isList.test(file.path) ? words.slice(0, 1) : words) {
        // `redis>=5`, `lib/pq/v2`, `pg@8`: the word up to its version.
        const name = word
          .toLowerCase()
          .replace(/(?<=.)@.*$/, '')
          .replace(/\/v\d+(?:\/.*)?$/, '');
        const need = known(name);
        if (need !== null) seen.add(need);
      }
      return [...seen].map((need) =>
        sayNeed(file, index + 1, weigh(file, need, isTest || inDev || /\btest\b|\/\/ indirect/.test(text)), need),
      );
    });
  },
};

/** One library a line, at its beginning. */
const isList = /requirements[^/]*$|go\.mod$/;
/** Lines about the project itself. */
const about =
  /^\s*["'<]?(?:name|description|summary|title|keywords|classifiers|authors?|url|homepage|repository|artifactId>\s*$)["']?\s*[:=>]/i;
