/** Servers that no package source has: how they would be begun, by their documentation; their programs were never run here. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { bson, numberIn, textIn } from '../../../providers/services/bson.js';
import { serviceKinds } from '../../../providers/services/index.js';
import type { FoundService, Wish } from '../../../providers/services/kind.js';

function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'rr-adapters-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
const lodging = { data: '/state/it/data/files', folder: '/state/it', host: '127.0.0.1', port: 24_001, fresh: true };
const found = (server: string): FoundService => ({ server, version: '8', from: 'machine', env: {}, path: [] });
const wish = (user: string, password: string, database: string): Wish => ({ logins: [{ user, password, database }] });
const begun = (kind: string, server: string, by = wish('', '', '')) => {
  const { shell, env } = serviceKinds[kind]!.serve(found(server), lodging, by);
  return { words: shell.split('\n').at(-1)!.replaceAll("'", '').split(' '), env };
};

test('mongod listens on loopback alone, on its port, in its folder; who logs in is made known to it', () => {
  const { words } = begun('mongodb', '/opt/bin/mongod');
  expect(words.join(' ')).toContain(
    '/opt/bin/mongod --dbpath /state/it/data/files --bind_ip 127.0.0.1 --port 24001 --nounixsocket',
  );
  const { provide } = serviceKinds.mongodb!;
  expect(provide!(found('/opt/bin/mongod'), lodging, wish('', '', 'shop'))).toBeNull();
  const job = provide!(found('/opt/bin/mongod'), lodging, wish('me', 'p@ss', 'shop'))!;
  expect(job.shell).not.toContain('p@ss');
  expect(JSON.parse(job.files![0]!.text)).toEqual({
    host: '127.0.0.1',
    port: 24_001,
    logins: [{ user: 'me', password: 'p@ss', database: 'shop' }],
  });
});
test('documents of MongoDB are written and read as its specification has them', () => {
  expect(bson({ hello: 'world' }).toString('latin1')).toBe('\x16\0\0\0\x02hello\0\x06\0\0\0world\0\0');
  const nested = bson({ roles: [{ role: 'root', db: 'admin' }], on: true, code: 51_003, errmsg: 'ü' });
  expect(nested.readInt32LE(0)).toBe(nested.length);
  expect([numberIn(nested, 'code'), textIn(nested, 'errmsg'), numberIn(nested, 'role')]).toEqual([51_003, 'ü', null]);
  // `{ok: 1.0}`, as a server says it.
  const ok = Buffer.from([17, 0, 0, 0, 1, 0x6f, 0x6b, 0, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0]);
  expect(numberIn(ok, 'ok')).toBe(1);
});

test('Elasticsearch is one node on loopback without keys, and takes new indices on a disk that is nearly full', () => {
  const { words, env } = begun('elasticsearch', '/opt/es/bin/elasticsearch');
  expect(words).toEqual(
    expect.arrayContaining([
      '/opt/es/bin/elasticsearch',
      'http.port=24001',
      'http.host=127.0.0.1',
      'path.data=/state/it/data/files',
      'discovery.type=single-node',
      'xpack.security.enabled=false',
      'cluster.routing.allocation.disk.threshold_enabled=false',
    ]),
  );
  expect(env).toEqual({ ES_JAVA_OPTS: '-Xms512m -Xmx512m' });
});
test('OpenSearch has settings of its own, and that of its plugin only where the plugin is', () => {
  const dir = scratch();
  mkdirSync(join(dir, 'bin'));
  writeFileSync(join(dir, 'bin/opensearch'), '');
  const server = join(dir, 'bin/opensearch');
  const bare = begun('elasticsearch', server);
  expect(bare.words.join(' ')).not.toMatch(/security/);
  expect(bare.env).toEqual({ OPENSEARCH_JAVA_OPTS: '-Xms512m -Xmx512m' });
  mkdirSync(join(dir, 'plugins/opensearch-security'), { recursive: true });
  expect(begun('elasticsearch', server).words).toContain('plugins.security.disabled=true');
});

test('MinIO takes its keys from the environment; the buckets of the application are folders of its data', () => {
  const by = wish('shop', 'p@ss-word', 'photos');
  const { words, env } = begun('minio', '/opt/bin/minio', by);
  expect(words.join(' ')).toContain('/opt/bin/minio server /state/it/data/files --address 127.0.0.1:24001');
  expect(env).toMatchObject({ MINIO_ROOT_USER: 'shop', MINIO_ROOT_PASSWORD: 'p@ss-word' });
  expect(serviceKinds.minio!.prepare!(found('/opt/bin/minio'), lodging, by)!.shell).toContain(
    '/state/it/data/files/photos',
  );
});

test.each(['mongodb', 'elasticsearch', 'minio'])('%s is ready when it answers in its protocol, not before', (kind) => {
  const { isReady } = serviceKinds[kind]!.ask(lodging, wish('', '', ''));
  const answers: Record<string, [no: string, yes: string]> = {
    mongodb: ['', '\x26\0\0\0'.padEnd(38, '\0')],
    elasticsearch: ['HTTP/1.1 503 Service Unavailable\r\n', 'HTTP/1.1 200 OK\r\n'],
    minio: ['HTTP/1.1 503 Service Unavailable\r\n', 'HTTP/1.0 200 OK\r\n'],
  };
  const [no, yes] = answers[kind]!;
  expect([isReady(Buffer.from(no)), isReady(Buffer.from(yes))]).toEqual([false, true]);
});
