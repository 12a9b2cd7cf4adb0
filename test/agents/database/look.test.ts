/** What a repository says of its services: the hosts of its compose file that its own commands wait for; the roles of a dump. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { lookAt } from '../../../agents/database/look.js';
import { rolesIn } from '../../../agents/database/migrate.js';

function namesOf(files: Record<string, string>): Readonly<Record<string, string>> {
  const root = mkdtempSync(join(tmpdir(), 'rr-look-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const compose = 'services:\n  db:\n    image: postgres:16\n  cache:\n    image: redis:7\n';
  for (const [name, text] of Object.entries({ 'compose.yaml': compose, 'env.json': '{}', ...files }))
    writeFileSync(join(root, name), text);
  return lookAt({ root, path: '.', env: [], envFile: join(root, 'env.json'), set: [] }, {}).names;
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
  ['ALTER TABLE items OWNER TO shop_owner;', ['shop_owner']],
  ['GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO reader WITH GRANT OPTION;', ['reader']],
  ['CREATE SCHEMA sales AUTHORIZATION seller;\nALTER SCHEMA sales OWNER TO "seller";', ['seller']],
  ['CREATE ROLE shop_owner;\nALTER TABLE items OWNER TO shop_owner;', []],
  ['GRANT ALL ON items TO PUBLIC;\nALTER TABLE items OWNER TO postgres;', []],
  ["INSERT INTO words VALUES ('do alter the owner to nobody; and so on');", []],
])('%s asks for the roles %j', (sql, roles) => {
  expect(rolesIn(sql)).toEqual(roles);
});
