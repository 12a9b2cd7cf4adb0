/** What a repository says of its services: the hosts of its compose file that its own commands wait for; the roles of a dump. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { lookAt } from '../../../agents/database/look.js';
import { rolesIn } from '../../../agents/database/migrate.js';
import type { Known } from '../../../agents/database/wants.js';

const namesOf = (files: Record<string, string>) => known(files).names;
function known(files: Record<string, string>): Known {
  const root = mkdtempSync(join(tmpdir(), 'rr-look-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const compose = 'services:\n  db:\n    image: postgres:16\n  cache:\n    image: redis:7\n';
  for (const [name, text] of Object.entries({ 'compose.yaml': compose, 'env.json': '{}', ...files }))
    writeFileSync(join(root, name), text);
  return lookAt({ root, path: '.', env: [], envFile: join(root, 'env.json'), set: [] }, {});
}

test.each([
  ['package.json', '{"scripts":{"start":"wait-on tcp:db:5432 && node server.js"}}', { db: 'postgres' }],
  ['start.sh', 'until nc -z db 5432; do sleep 1; done\nnode server.js\n', { db: 'postgres' }],
  ['start.sh', './wait-for-it.sh cache:6379 -- node server.js\n', { cache: 'redis' }],
  ['server.js', 'listen(3000); // see port 3000 and http://localhost:8080', {}],
])('%s that says %s knows these hosts', (name, text, names) => {
  expect(namesOf({ [name]: text })).toEqual(names);
});

test.each([
  ["createClient({ url: 'redis://localhost:6380' })", [{ kind: 'redis', port: 6380, from: 'server.js:1' }]],
  ["\nnew Redis('redis://127.0.0.1')", [{ kind: 'redis', port: null, from: 'server.js:2' }]],
  ["connect({ host: 'localhost', port: 5432 })", [{ kind: null, port: 5432, from: 'server.js:1' }]],
  // A variable leads elsewhere, and so does a name that resolves for the application alone.
  ["const url = process.env.REDIS_URL || 'redis://localhost:6379'", []],
  ["const url = process.env.REDIS_URL ??\n  'redis://localhost:6379'", []],
  ["createClient({ url: 'redis://cache:6379' })", []],
  ["createClient({ url: 'rediss://cache.example.com:6379' })", []],
])('code that says %j looks for its servers at %j and nowhere else', (text, fixed) => {
  expect(known({ 'server.js': text }).fixed).toEqual(fixed);
});

test.each([
  ['ALTER TABLE items OWNER TO shop_owner;', ['shop_owner']],
  ['GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO reader WITH GRANT OPTION;', ['reader']],
  ['CREATE SCHEMA sales AUTHORIZATION seller;\nALTER SCHEMA sales OWNER TO "seller";', ['seller']],
  ['CREATE ROLE shop_owner;\nALTER TABLE items OWNER TO shop_owner;', []],
  ['GRANT ALL ON items TO PUBLIC;\nALTER TABLE items OWNER TO postgres;', []],
  ["INSERT INTO words VALUES ('do alter the owner to nobody; and so on');", []],
])('%s asks for the roles %j', (sql, roles) => {
  expect(rolesIn(sql)).toEqual(roles);
});
