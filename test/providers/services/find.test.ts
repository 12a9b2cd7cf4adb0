/** What is said of a server that is not here and is fetched from nowhere, and which of two programs of a name is taken. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { findService } from '../../../providers/services/find.js';
import { serviceKinds } from '../../../providers/services/index.js';

/** A machine that has nothing but these programs, each with the text that it prints. */
function machine(programs: Record<string, string>): string {
  const dir = mkdtempSync(join(tmpdir(), 'rr-find-'));
  const before = process.env.PATH;
  onTestFinished(() => {
    process.env.PATH = before;
    rmSync(dir, { recursive: true, force: true });
  });
  for (const [path, text] of Object.entries(programs)) {
    mkdirSync(join(dir, path, '..'), { recursive: true });
    writeFileSync(join(dir, path), `#!/bin/sh\necho '${text}'\n`, { mode: 0o755 });
  }
  mkdirSync(join(dir, 'bin'), { recursive: true });
  process.env.PATH = join(dir, 'bin');
  return dir;
}
const find = (dir: string, kind: string) =>
  findService(serviceKinds[kind]!, { cache: join(dir, 'cache'), say: () => {} });

test.each([
  ['mongodb', 'no mongod on PATH', 'install MongoDB (mongod on PATH; Debian has no package of it)'],
  [
    'elasticsearch',
    'no elasticsearch or opensearch on PATH',
    'install Elasticsearch or OpenSearch (its bin folder on PATH; ',
  ],
])('needs %s: what was looked for, and what to do', async (kind, lacking, manual) => {
  expect(await find(machine({}), kind)).toEqual({ lacking });
  expect(serviceKinds[kind]!.manual).toContain(manual);
});

test('objects: MinIO where the machine has it, with its own kind of version; else a server of ours', async () => {
  expect(await find(machine({}), 'minio')).toMatchObject({ from: 'ours', server: process.execPath });
  const said = 'minio version RELEASE.2025-04-22T22-12-26Z (commit-id=1)\nLicense: <https://example.com/agpl-3.0.html>';
  const dir = machine({ 'bin/minio': said });
  expect(await find(dir, 'minio')).toMatchObject({
    from: 'machine',
    server: join(dir, 'bin/minio'),
    version: '2025-04-22',
  });
});

test("RabbitMQ's own program is taken, not what a distribution puts on PATH in its place, with its version by its path", async () => {
  const real = 'lib/rabbitmq_server-3.10.8/sbin';
  const dir = machine({
    'bin/rabbitmq-server': 'only root may',
    [`${real}/rabbitmq-server`]: '',
    [`${real}/rabbitmq-env`]: '',
  });
  mkdirSync(join(dir, 'sbin'));
  for (const name of ['rabbitmq-server', 'rabbitmq-env']) symlinkSync(join(dir, real, name), join(dir, 'sbin', name));
  process.env.PATH = [join(dir, 'bin'), join(dir, 'sbin')].join(':');
  expect(await find(dir, 'rabbitmq')).toMatchObject({
    server: join(dir, 'sbin/rabbitmq-server'),
    version: '3.10.8',
    from: 'machine',
  });
});
