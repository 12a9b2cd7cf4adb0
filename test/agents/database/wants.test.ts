/** Whose service it is, who logs in, and what the application's variables become. */
import { expect, test } from 'vitest';
import { isLocal, moveUrl, readAddress, roleOf } from '../../../agents/database/address.js';
import { fixedFor, kindsOf, theirs, type Variable, variablesFor, wishOf } from '../../../agents/database/wants.js';

const postgres = {
  name: 'postgres',
  schemes: ['postgresql'],
  login: { user: 'postgres', password: '', database: 'postgres' },
};
const redis = { name: 'redis', schemes: ['redis'], login: { user: '', password: '', database: '0' } };
const at = { host: '127.0.0.1', port: 24_001 };
const known = (variables: [name: string, value: string | null, by?: Variable['by']][], more: object = {}) => ({
  variables: variables.map(([name, value, by = 'config']) => ({ name, value, by })),
  servers: [],
  literals: [],
  fixed: [],
  names: {},
  ...more,
});
const login = { user: 'me', password: 'made', database: 'shop' };

test.each([
  ['postgres://a:b@db:5432/shop', 'postgres://a:b@127.0.0.1:24001/shop'],
  ['postgresql+asyncpg://a:b%40c@localhost/shop?ssl=true', 'postgresql+asyncpg://a:b%40c@127.0.0.1:24001/shop'],
  [
    'postgres://a:b@host.example:5432/shop?sslmode=require&x=1',
    'postgres://a:b@127.0.0.1:24001/shop?sslmode=disable&x=1',
  ],
  ['postgres://localhost', 'postgres://me:made@127.0.0.1:24001/shop'],
  ['postgres://a:p@ss@localhost:5432/shop', 'postgres://a:p%40ss@127.0.0.1:24001/shop'],
  ['jdbc:postgresql://db:5432/shop?user=a&password=b', 'jdbc:postgresql://127.0.0.1:24001/shop?user=a&password=b'],
  ['mysql2://root@127.0.0.1:3306/shop', 'mysql2://root:made@127.0.0.1:24001/shop'],
  ['rediss://:secret@cache:6379/2', 'redis://me:secret@127.0.0.1:24001/2'],
  ['mongodb+srv://a:b@cluster.example/shop?retryWrites=true', 'mongodb://a:b@127.0.0.1:24001/shop?retryWrites=true'],
  ['amqp://a:b@queue:5672/%2F', 'amqp://a:b@127.0.0.1:24001/%2F'],
  ['amqps://a:b@queue/orders%2Feu?heartbeat=5', 'amqp://a:b@127.0.0.1:24001/orders%2Feu?heartbeat=5'],
  ['file:./dev.db', null],
  ['https://example.com', null],
])('%s is moved to %s', (from, to) => {
  expect(moveUrl(from, at.host, at.port, login)).toBe(to);
});

test.each([
  ['DATABASE_URL', { kind: 'sql', part: 'url' }],
  ['SQLALCHEMY_DATABASE_URI', { kind: 'sql', part: 'url' }],
  ['SPRING_DATASOURCE_URL', { kind: 'sql', part: 'url' }],
  ['PGHOST', { kind: 'postgres', part: 'host' }],
  ['POSTGRES_DB', { kind: 'postgres', part: 'database' }],
  ['DB_USERNAME', { kind: 'sql', part: 'user' }],
  ['SPRING_DATA_REDIS_PORT', { kind: 'redis', part: 'port' }],
  ['MYSQL_PASSWORD', { kind: 'mysql', part: 'password' }],
  ['EMAIL_HOST_PASSWORD', { kind: 'mail', part: 'password' }],
  ['AWS_ENDPOINT_URL_S3', { kind: 'minio', part: 'url' }],
  ['MINIO_ENDPOINT', { kind: 'minio', part: 'host' }],
  ['AWS_SECRET_ACCESS_KEY', { kind: 'minio', part: 'password' }],
  ['AWS_STORAGE_BUCKET_NAME', { kind: 'minio', part: 'database' }],
  ['ELASTICSEARCH_HOSTS', { kind: 'elasticsearch', part: 'host' }],
  ['AWS_REGION', null],
  ['UPSTASH_REDIS_REST_URL', null],
  ['PORT', null],
  ['DB_DIALECT', null],
  ['API_URL', null],
])('the name %s means %o', (name, meaning) => {
  expect(roleOf(name)).toEqual(meaning);
});

test('a host is of this machine or of a compose network, or it is somebody’s', () => {
  for (const host of ['', 'localhost', '127.0.0.1', '::1', 'db', 'my-redis', 'host.docker.internal'])
    expect([host, isLocal(host)]).toEqual([host, true]);
  for (const host of ['db.example.com', '10.0.0.7', 'ep-x.neon.tech'])
    expect([host, isLocal(host)]).toEqual([host, false]);
});

test('what a person gave, and a host elsewhere in the repository’s own .env, is theirs; an example is nobody’s', () => {
  const elsewhere = 'postgres://a:b@db.example.com/shop';
  const whose = (value: string, by: Variable['by']) =>
    theirs('postgres', ['postgres'], known([['DATABASE_URL', value, by]]));
  expect(whose(elsewhere, 'given')).toBe('DATABASE_URL');
  expect(whose('postgres://a:b@localhost/shop', 'given')).toBe('DATABASE_URL');
  expect(whose(elsewhere, 'own')).toBe('DATABASE_URL');
  expect(whose('postgres://a:b@localhost/shop', 'own')).toBeNull();
  expect(whose(elsewhere, 'config')).toBeNull();
});

test('the login is taken from the address, then the variables, the compose file, the code; the rest is made up', () => {
  const server = {
    name: 'db',
    kind: 'postgres',
    login: { user: 'c', password: 'cp', database: 'cd' },
    version: null,
    init: [],
  };
  const main = (variables: [string, string | null][], more: object = {}) =>
    wishOf(postgres, ['postgres'], known(variables, more), 'my shop', 'made').logins[0];
  expect(main([['DATABASE_URL', 'postgres://a:b@db/shop']], { servers: [server] })).toEqual({
    user: 'a',
    password: 'b',
    database: 'shop',
  });
  expect(
    main(
      [
        ['DB_USER', 'u'],
        ['DB_PASSWORD', null],
      ],
      { servers: [server] },
    ),
  ).toEqual({ user: 'u', password: 'cp', database: 'cd' });
  expect(main([], { literals: ['postgres://x:y@localhost/z'] })).toEqual({ user: 'x', password: 'y', database: 'z' });
  expect(main([])).toEqual({ user: 'postgres', password: 'made', database: 'my_shop' });
});

test('every further database that is named is made too, with its own login', () => {
  const { logins } = wishOf(
    postgres,
    ['postgres'],
    known([
      ['TEST_DATABASE_URL', 'postgres://t:t@localhost/shop_test'],
      ['DATABASE_URL', 'postgres://a:b@localhost/shop'],
    ]),
    'shop',
    'made',
  );
  expect(logins).toEqual([
    { user: 'a', password: 'b', database: 'shop' },
    { user: 't', password: 't', database: 'shop_test' },
  ]);
});

test('the application’s own names are kept; where it has none, those its client looks at', () => {
  const wish = { logins: [login] };
  const values = (variables: [string, string | null][], kinds = ['postgres']) =>
    variablesFor(postgres, kinds, known(variables), wish, at);
  expect(
    values([
      ['DB_HOST', 'db'],
      ['DB_PORT', '5432'],
      ['DB_USER', 'me'],
      ['DB_PASSWORD', null],
      ['DEBUG', '1'],
    ]),
  ).toMatchObject({
    DB_HOST: '127.0.0.1',
    DB_PORT: '24001',
    DB_USER: 'me',
    DB_PASSWORD: 'made',
  });
  expect(values([['DEBUG', '1']])).toMatchObject({
    DATABASE_URL: 'postgresql://me:made@127.0.0.1:24001/shop',
    PGPASSWORD: 'made',
  });
  expect(values([['DEBUG', '1']])).not.toHaveProperty('DEBUG');
  // Of two databases the address itself says which it is.
  expect(values([['DATABASE_URL', 'mysql://a:b@db/x']], ['postgres', 'mysql'])).not.toHaveProperty(
    'DATABASE_URL',
    expect.stringContaining('mysql'),
  );
  expect(
    variablesFor(redis, ['redis'], known([['BROKER', 'redis://redis:6379/1']]), { logins: [redis.login] }, at),
  ).toEqual({
    BROKER: 'redis://127.0.0.1:24001/1',
  });
});

test('what a service needs is of the kinds there are, once each', () => {
  const env = (name: string, value: string | null) => ({
    name,
    required: false,
    secret: false,
    default: value,
    from: 'x',
  });
  expect(kindsOf({ needs: ['postgres', 'valkey', 'redis', 'kafka', 'mariadb'], env: [] })).toEqual([
    'postgres',
    'redis',
    'mysql',
  ]);
  expect(kindsOf({ needs: [], env: [env('SMTP_HOST', 'localhost')] })).toEqual(['mail']);
  expect(kindsOf({ needs: [], env: [env('SMTP_HOST', 'smtp.example.com')] })).toEqual([]);
  expect(kindsOf({ needs: ['redis'], env: [] }, ['postgres', 'redis'])).toEqual(['redis', 'postgres']);
});

const minio = { name: 'minio', schemes: ['http'], login: { user: 'minioadmin', password: '', database: '' } };
const search = { name: 'elasticsearch', schemes: ['http'], login: { user: '', password: '', database: '' } };
test('objects are wanted where an address of S3 leads to this machine, and of nobody elsewhere', () => {
  const kinds = (name: string, value: string | null) =>
    kindsOf({ needs: [], env: [{ name, required: false, secret: false, default: value, from: 'x' }] });
  expect(kinds('S3_ENDPOINT', 'http://localhost:9000')).toEqual(['minio']);
  expect(kinds('AWS_ENDPOINT_URL', 'http://minio:9000')).toEqual(['minio']);
  for (const value of [null, '', 'https://s3.eu-west-1.amazonaws.com', 'https://me:x@store.example.com/'])
    expect(kinds('S3_ENDPOINT', value)).toEqual([]);
  expect(kinds('AWS_ACCESS_KEY_ID', 'AKIA')).toEqual([]);
  // A stand-in for all of AWS, and one for its tables.
  expect(kinds('S3_ENDPOINT', 'http://localhost:4566')).toEqual([]);
  expect(kinds('AWS_ENDPOINT_URL', 'http://localhost:8000')).toEqual([]);
});
test('addresses over HTTP are moved with their path and without a name in them; every bucket is to be there', () => {
  const variables: [string, string | null][] = [
    ['S3_ENDPOINT', 'https://store:9000'],
    ['MINIO_ENDPOINT', 'store'],
    ['AWS_URL', 'http://localhost:9000/photos'],
    ['S3_PUBLIC_URL', 'https://cdn.example.com/photos'],
    ['AWS_ACCESS_KEY_ID', 'shop'],
    ['AWS_SECRET_ACCESS_KEY', null],
    ['S3_BUCKET', 'photos'],
    ['S3_THUMBNAILS_BUCKET', 'thumbnails'],
  ];
  const server = {
    name: 'store',
    kind: 'minio',
    login: { user: '', password: '', database: '' },
    image: '',
    version: null,
    init: [],
    buckets: ['of-compose'],
  };
  const wish = wishOf(minio, ['minio'], known(variables, { servers: [server] }), 'shop', 'made');
  expect(wish.logins[0]).toEqual({ user: 'shop', password: 'made', database: 'photos' });
  expect(wish.logins.map(({ database }) => database).sort()).toEqual(['of-compose', 'photos', 'thumbnails']);
  expect(variablesFor(minio, ['minio'], known(variables), wish, at)).toEqual({
    S3_ENDPOINT: 'http://127.0.0.1:24001',
    MINIO_ENDPOINT: '127.0.0.1',
    AWS_URL: 'http://127.0.0.1:24001/photos',
    AWS_ACCESS_KEY_ID: 'shop',
    AWS_SECRET_ACCESS_KEY: 'made',
    S3_BUCKET: 'photos',
    S3_THUMBNAILS_BUCKET: 'thumbnails',
    AWS_REGION: 'us-east-1',
  });
  expect(variablesFor(minio, ['minio'], known([]), wish, at)).toEqual({
    AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:24001',
    AWS_ACCESS_KEY_ID: 'shop',
    AWS_SECRET_ACCESS_KEY: 'made',
    AWS_REGION: 'us-east-1',
  });
  const node = (value: string) =>
    variablesFor(search, ['elasticsearch'], known([['ELASTICSEARCH_NODE', value]]), { logins: [search.login] }, at);
  expect(node('https://elastic:secret@es:9200')).toEqual({ ELASTICSEARCH_NODE: 'http://127.0.0.1:24001' });
  expect(
    theirs(
      'elasticsearch',
      ['elasticsearch'],
      known([['ELASTICSEARCH_NODE', 'https://elastic:x@es.example.com', 'own']]),
    ),
  ).toBe('ELASTICSEARCH_NODE');
});

test('no text makes the reader of addresses stumble', () => {
  for (const text of [
    '',
    '://',
    'redis://',
    'postgres://%@:0/',
    'postgres://a:b@c:99999/d',
    'x'.repeat(10_000),
    'redis://[::1]:6379',
  ])
    expect(() => readAddress(text)).not.toThrow();
});

test.each([
  [
    'is elsewhere',
    { host: '127.0.0.1', port: 24_001 },
    [
      { kind: 'redis', port: 6379, from: 'b.js:2' },
      { kind: 'redis', port: 6380, from: 'a.js:1' },
    ],
  ],
  ['is at one of them', { host: '127.0.0.1', port: 6379 }, [{ kind: 'redis', port: 6380, from: 'a.js:1' }]],
  [
    'is at another address of loopback',
    { host: '127.9.9.9', port: 6380 },
    [
      { kind: 'redis', port: 6379, from: 'b.js:2' },
      { kind: 'redis', port: 6380, from: 'a.js:1' },
    ],
  ],
])('where the code looks for a server that %s is told once for each port', (_, place, told) => {
  const fixed = [
    { kind: 'redis', port: 6380, from: 'a.js:1' },
    { kind: null, port: 6379, from: 'b.js:2' },
    { kind: 'redis', port: null, from: 'c.js:3' },
    { kind: null, port: 3000, from: 'd.js:4' },
    { kind: 'postgres', port: 5432, from: 'e.js:5' },
  ];
  const found = fixedFor({ kind: 'redis', ...place }, { fixed });
  expect(found.sort((a, b) => a.port - b.port)).toEqual(told);
});
