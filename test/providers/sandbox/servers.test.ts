import { expect, test } from 'vitest';
import { serverOf } from '../../../providers/sandbox/servers.js';

const found = (variables: Record<string, string>): string[] => Object.entries(variables).flatMap(serverOf(variables));

test.each([
  [{ DATABASE_URL: 'postgres://me:p%40ss@db.example.invalid:6543/shop' }, ['db.example.invalid:6543']],
  [{ DATABASE_URL: 'postgresql+psycopg2://me@db/shop' }, ['db:5432']],
  [{ MONGO: 'mongodb://a:1,b,c:3/shop' }, ['a:1', 'b:27017', 'c:3']],
  [{ REDIS_URL: 'rediss://cache' }, ['cache:6379']],
  [{ DB_HOST: 'db', DB_PORT: '5433' }, ['db:5433']],
  [{ SMTP_HOSTNAME: 'mail.example.invalid', SMTP_PORT: '2525' }, ['mail.example.invalid:2525']],
])('%j names %j', (variables, servers) => {
  expect(found(variables as Record<string, string>)).toEqual(servers);
});

test.each([
  // The application's own address, or one that a proxy reaches.
  { BASE_URL: 'http://localhost:3000', API: 'https://api.example.invalid:8443/' },
  { HOST: '127.0.0.1', PORT: '3000' },
  { APP_HOST: '0.0.0.0', APP_PORT: '3000' },
  { DB_HOST: 'db' },
  { TEXT: 'see redis://docs', PATH: '/usr/bin:/bin' },
])('%j names no server', (variables) => {
  expect(found(variables as Record<string, string>)).toEqual([]);
});
