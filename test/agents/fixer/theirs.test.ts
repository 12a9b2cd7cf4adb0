/** A database that a person has named is theirs: no repair makes anything in it. */
import { expect, test } from 'vitest';
import { heal } from '../../../agents/fixer/match.js';
import { type Given, healOf, lookOf } from './case.js';

test.each<[string, Given]>([
  ['a file', { tail: 'SqliteError: no such table: books', manifest: { scripts: { 'db:migrate': 'node migrate.js' } } }],
  [
    'a server',
    {
      tail: 'error: relation "books" does not exist',
      manifest: { scripts: { 'db:migrate': 'node migrate.js' } },
      overlay: { services: [{ service: 'redis', host: null, port: null, database: null }] },
    },
  ],
])('%s is migrated where it is ours, and not where a person has named it', (_, given) => {
  const [ask, look] = [healOf(given), lookOf(given)];
  expect(heal(ask, look)).toMatchObject({ type: 'fixer.fixed', rule: 'migration-pending' });
  expect(heal({ ...ask, theirs: true }, look)).toMatchObject({
    type: 'fixer.helpless',
    error: { fix: expect.stringContaining('npm run db:migrate') },
  });
});
