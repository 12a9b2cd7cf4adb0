/** Databases and other servers that a repository asks for: private ones, real ones, used by real drivers. */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, type TestContext, test } from 'vitest';
import { findTool } from '../../providers/sandbox/index.js';
import { findService } from '../../providers/services/find.js';
import { serviceKinds } from '../../providers/services/index.js';
import { readConfig } from '../../runtime/config.js';
import { expectNothingLeft } from './left.js';
import { eventually, factsOf, finish, long, rawClient, resultOf, type Scratch, scratch } from './rr.js';

const works = typeof (await findTool(readConfig({}).config.cache, 'auto', () => undefined)) !== 'string';
const TEST_MS = 300_000;
/** Whether a small disk can be made; what says `skip` says it for `long` too. */
const canMount = Boolean(process.env.RR_LONG) && process.platform === 'linux' && process.getuid?.() === 0;
type Finished = TestContext['onTestFinished'];

// One at a time, also after one that ran into its limit: each brings up an application and a server, and some want the same
// well-known port. The limit of a test is for its own work: tests of this file wait for no others within theirs.
let last: Promise<unknown> = Promise.resolve();
const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
  const mine = last.then(work, work);
  last = mine.catch(() => undefined);
  return mine;
};

const open = (finished: Finished, env: Record<string, string> = {}): Scratch =>
  scratch({ RR_BROKER_IDLE_MS: '300', npm_config_prefer_offline: 'true', ...env }, finished);

async function run(s: Scratch, folder: string, ...options: string[]) {
  const { code, objects, out, err } = await finish(s.rr('run', folder, '--once', '--json', ...options));
  const result = resultOf(objects);
  expect(result, `${out}\n${err}`).toBeDefined();
  const output = (step: string) => {
    const tries = readdirSync(join(result.bundle, 'steps', step)).map(Number);
    return JSON.parse(
      readFileSync(join(result.bundle, 'steps', step, String(Math.max(...tries)), 'output.json'), 'utf8'),
    );
  };
  await expectNothingLeft(s);
  return { code, result, output, told: `${out}${err}`, says: String(result.services[0]?.proof?.excerpt ?? '') };
}
/** The texts that others than their owner could read. */
function openTexts(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => {
      const stat = lstatSync(path);
      return stat.isFile() && (stat.mode & 0o077) !== 0 && !path.includes('/work/');
    })
    .map((path) => readFileSync(path, 'latin1'));
}
/** Where a process listens, by `/proc`. */
function addressesOf(pid: number): string[] {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        return []; // closed meanwhile
      }
    }),
  );
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .split('\n')
      .flatMap((line) => {
        const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
        if (state !== '0A' || !inodes.has(inode ?? '')) return [];
        const bytes = local!
          .split(':')[0]!
          .match(/../g)!
          .map((byte) => Number.parseInt(byte, 16));
        return [bytes.length === 4 ? bytes.reverse().join('.') : local!];
      }),
  );
}
async function foreign(port: number, finished: Finished): Promise<{ connections: number } | null> {
  const seen = { connections: 0 };
  const server: Server = createServer((socket) => {
    seen.connections += 1;
    socket.destroy();
  });
  const bound = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  finished(() => void server.close());
  return bound ? seen : null;
}

long(
  'in a sandbox with a network of its own the application reaches the server of its run',
  { timeout: TEST_MS, skip: !works },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const folder = s.repo('express-redis');
      const { result, says } = await run(s, folder, '--sandbox', 'strict');
      expect(result, JSON.stringify(result.error)).toMatchObject({ outcome: 'healthy', error: null });
      expect(says).toMatch(/visits: \d+/);
    }),
);

test(
  'redis: fetched where the machine has none, its data is there in the next run and gone with --fresh',
  { timeout: TEST_MS },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const folder = s.repo('express-redis');
      const first = await run(s, folder);
      expect(first.result, JSON.stringify(first.result.error)).toMatchObject({ outcome: 'healthy', error: null });
      expect(first.output('services')).toMatchObject({
        services: [{ kind: 'redis', kept: false, note: null }],
        lacking: [],
        set: ['REDIS_URL'],
      });
      // Each visit of a proof counts: the second run goes on where the first ended.
      const visits = (text: string) => Number(/visits: (\d+)/.exec(text)?.[1]);
      expect(visits(first.says)).toBeGreaterThan(0);
      const second = await run(s, folder);
      expect(second.output('services').services[0].kept).toBe(true);
      expect(visits(second.says)).toBeGreaterThan(visits(first.says));
      const third = await run(s, folder, '--fresh');
      expect(third.output('services').services[0].kept).toBe(false);
      expect(visits(third.says)).toBeLessThanOrEqual(visits(first.says));
    }),
);

test(
  'a server of somebody else on the well-known port is never spoken to',
  { timeout: TEST_MS },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const seen = await foreign(6379, onTestFinished);
      const { result, output } = await run(s, s.repo('express-redis'));
      expect(result.outcome, JSON.stringify(result.error)).toBe('healthy');
      expect(output('services').services[0].port).not.toBe(6379);
      // Where another program of this machine has the port already, it is the one that is left alone.
      expect(seen?.connections ?? 0).toBe(0);
    }),
);

test(
  'postgres: the login of the compose file, its SQL files run once, the host of the compose network led to the private one',
  { timeout: TEST_MS },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const folder = s.repo('express-postgres');
      const first = await run(s, folder);
      expect(first.result, JSON.stringify(first.result.error)).toMatchObject({ outcome: 'healthy', error: null });
      expect(first.output('services')).toMatchObject({ services: [{ kind: 'postgres', kept: false }], lacking: [] });
      expect(first.output('migrate').done.map(({ what }: { what: string }) => what)).toEqual([
        '01-tables.sql',
        '02-items.sql',
      ]);
      expect(first.says).toContain('shop in shop_development');
      expect(first.says).toContain('A LAMP; A CHAIR!, A TABLE!');
      // The password is in the inputs of the run and in the data's own set-up, for their owner alone.
      expect(first.told).not.toContain('ss-word');
      expect(openTexts(s.state).filter((text) => /p@ss-word|p%40ss-word/.test(text))).toEqual([]);
      const second = await run(s, folder);
      expect(second.output('migrate').done).toEqual([]);
      expect(second.output('services').services[0].kept).toBe(true);
      expect(second.says).toContain('A LAMP; A CHAIR!, A TABLE!');

      // It has ended, and so has its server: it is begun again for as long as it is looked into.
      const { run: id } = second.result;
      const address = await finish(s.rr('db', 'url', '--kind', 'postgres'));
      expect(address.out).toMatch(/^postgresql:\/\/shop:p%40ss-word@127\.0\.0\.1:\d+\/shop_development\n$/);
      const asked = await finish(s.pipe('SELECT name FROM items ORDER BY id;', 'db', 'shell', id));
      expect(asked.out, asked.err).toContain('a lamp; a chair');
      const dumped = await finish(s.rr('db', 'dump', id));
      expect(dumped.out, dumped.err).toMatch(/COPY public\.items \(id, name\) FROM stdin;\n1\ta lamp; a chair\n/);
      const none = await finish(s.rr('db', 'url', id, '--kind', 'redis'));
      expect([none.code, none.err]).toEqual([2, expect.stringContaining('it has postgres')]);
      await expectNothingLeft(s);
    }),
);

long(
  'knex: its migrations and seeds are run, and one that fails says how and leaves what it had made',
  { timeout: TEST_MS },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const folder = s.repo('express-knex');
      const { result, output, says } = await run(s, folder);
      expect(result, JSON.stringify(result.error)).toMatchObject({ outcome: 'healthy', error: null });
      expect(output('migrate').done.map(({ what }: { what: string }) => what)).toEqual([
        'knex migrate:latest',
        'knex seed:run',
      ]);
      expect(says).toContain('On Tables, On Rows');
      writeFileSync(
        join(folder, 'migrations/20240102000000_prices.js'),
        "exports.up = (knex) => knex.raw('ALTER TABLE books ADD COLUMN price numeric(8, 2) DEFAULT no_such_price');\nexports.down = () => {};\n",
      );
      const failed = await run(s, folder);
      expect(failed.result.error).toMatchObject({
        code: 'MIGRATION_FAILED',
        message: expect.stringMatching(/knex migrate:latest failed .*no_such_price/s),
        fix: expect.stringContaining('rr db shell'),
      });
      expect(failed.code).toBe(1);
      rmSync(join(folder, 'migrations/20240102000000_prices.js'));
      const mended = await run(s, folder);
      // Seeds are first rows: they are not put in twice.
      expect(mended.says).toMatch(/On Tables, On Rows(?!, On)/);
    }),
);

test(
  'mariadb: variables apart, a password that wants quoting, rows that stay',
  { timeout: TEST_MS },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const folder = s.repo('express-mysql');
      const first = await run(s, folder);
      expect(first.result, JSON.stringify(first.result.error)).toMatchObject({ outcome: 'healthy', error: null });
      expect(first.output('services')).toMatchObject({
        services: [{ kind: 'mysql', kept: false }],
        set: expect.arrayContaining(['DB_HOST', 'DB_PORT', 'DB_USER', 'DB_PASSWORD', 'DB_NAME']),
      });
      const notes = (text: string) => Number(/notes: (\d+)/.exec(text)?.[1]);
      const second = await run(s, folder);
      expect(notes(second.says)).toBeGreaterThan(notes(first.says));
    }),
);

long(
  'memcached and nats answer the application, and its mail is kept in the bundle',
  { timeout: TEST_MS },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const { result, output, says } = await run(s, s.repo('express-odds'));
      expect(result, JSON.stringify(result.error)).toMatchObject({ outcome: 'healthy', error: null });
      const kinds = output('services').services.map(({ kind }: { kind: string }) => kind);
      expect(kinds.sort()).toEqual(['mail', 'memcached', 'nats']);
      expect(says).toContain('cached: good day');
      expect(says).toContain('heard: hello over nats');
      const kept = join(result.bundle, 'services/mail/data/files');
      const mails = readdirSync(kept).filter((name) => name.endsWith('.eml'));
      expect(mails).toEqual(['00001.eml']);
      const text = readFileSync(join(kept, mails[0]!), 'utf8');
      expect(text).toMatch(/X-Envelope-To: someone@example\.com\r\n/);
      expect(text).toContain('The mail is here.\r\n.\r\nAlso after a dot.');
    }),
);

long(
  'a host of the compose network that is fixed in the code resolves for the application alone, also when its port is another’s',
  { timeout: TEST_MS },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const seen = await foreign(6379, onTestFinished);
      const { result, output, says } = await run(s, s.repo('express-fixed-host'));
      expect(result, JSON.stringify(result.error)).toMatchObject({ outcome: 'healthy', error: null });
      const { services, hosts } = output('services');
      expect(services).toMatchObject([{ kind: 'redis', port: 6379, host: hosts.cache }]);
      expect(services[0].host).not.toBe('127.0.0.1');
      expect(says).toMatch(/visits: \d+/);
      expect(seen?.connections ?? 0).toBe(0);
      expect(readFileSync('/etc/hosts', 'utf8')).not.toContain(' cache');
    }),
);

test(
  'what a person gives is used as it is, and nothing is started for it',
  { timeout: TEST_MS },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const { result, output } = await run(s, s.repo('express-redis'), '--env', 'REDIS_URL=redis://127.0.0.1:1/0');
      expect(output('services')).toMatchObject({ services: [], theirs: [{ kind: 'redis', by: 'REDIS_URL' }], set: [] });
      expect(result.outcome).not.toBe('healthy');
    }),
);

test(
  'a server that does not start says its last lines, and a data folder that another run holds is left to it',
  { timeout: TEST_MS },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const folder = s.repo('express-redis');
      const first = s.rr('run', folder, '--json');
      const { run: id } = await first.object(({ type }) => type === 'result', TEST_MS);
      const client = await rawClient(s.state, onTestFinished);
      expect(await client.ask('rr.api.local.databases.list', { run: id })).toMatchObject({
        databases: [{ kind: 'redis', up: true, url: expect.stringMatching(/^redis:\/\/127\.0\.0\.1:\d+/) }],
      });
      // The application is started anew; its server stays.
      const { url } = await client.ask('rr.api.local.runs.get', { run: id });
      const server = () => s.processes().filter(({ what }) => /redis-server/.test(what));
      const before = server();
      expect(before).toHaveLength(1);
      await client.ask('rr.api.local.runs.restart', { run: id });
      await eventually(
        () => factsOf(s.state, String(id)).map((fact) => fact.type),
        (types) => types.includes('run.app-restarted'),
      );
      expect(await (await fetch(url)).text()).toMatch(/visits: \d+/);
      expect(server()).toEqual(before);
      await client.nats.close();
      const beside = await finish(s.rr('run', folder, '--once', '--json'));
      const result = resultOf(beside.objects);
      expect(result, JSON.stringify(result?.error)).toMatchObject({ outcome: 'healthy' });
      const { services } = JSON.parse(readFileSync(join(result.bundle, 'steps/services/1/output.json'), 'utf8'));
      expect(services[0]).toMatchObject({ kept: false, note: expect.stringContaining('is held by 2') });
      expect(services[0].data).toContain(result.bundle);
      first.child.kill('SIGINT');
      await first.exited;

      const bin = join(s.dir, 'broken-bin');
      mkdirSync(bin);
      writeFileSync(
        join(bin, 'redis-server'),
        '#!/bin/sh\n[ "$1" = --version ] && echo "Redis server v=7.0.0" && exit 0\necho "# cannot open the frobnicator"\nexit 3\n',
        { mode: 0o755 },
      );
      s.env.PATH = `${bin}:${s.env.PATH}`;
      const broken = await run(s, folder);
      expect(broken.result.error).toMatchObject({
        code: 'SERVICE_NOT_STARTED',
        message: expect.stringContaining('cannot open the frobnicator'),
      });
    }),
);

long(
  'a server that is killed is begun again where it was, with its data, also when that was while no runtime was there',
  { timeout: TEST_MS },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const folder = s.repo('node-plain', { git: false });
      const images = {
        postgres: 'postgres:15',
        mysql: 'mariadb:10',
        redis: 'redis:7',
        memcached: 'memcached',
        nats: 'nats',
        rabbitmq: 'rabbitmq',
        minio: 'minio/minio',
      };
      const kinds = Object.keys(images) as (keyof typeof images)[];
      const kept = ['postgres', 'mysql', 'redis'];
      const composed = kinds.map((kind) => `  ${kind}:\n    image: ${images[kind]}\n`).join('');
      writeFileSync(join(folder, 'compose.yaml'), `services:\n${composed}`);
      const up = s.rr('up', '--foreground', '--json');
      await up.object(({ type }) => type === 'up');
      const begun = await finish(s.rr('run', folder, '--json', '--detach', '--wait'));
      const { run: id } = resultOf(begun.objects);
      const put = { sql: 'CREATE TABLE kept (a int); INSERT INTO kept VALUES (4711);', redis: 'SET kept 4711\n' };
      const get = { sql: 'SELECT a FROM kept;', redis: 'GET kept\n' };
      const tell = async (kind: string, texts: typeof put) =>
        (await finish(s.pipe(kind === 'redis' ? texts.redis : texts.sql, 'db', 'shell', id, '--kind', kind))).out;
      for (const kind of kept) await tell(kind, put);
      const addresses = () =>
        Promise.all(kinds.map(async (kind) => (await finish(s.rr('db', 'url', id, '--kind', kind))).out));
      const before = await addresses();
      const told = (type: string) =>
        factsOf(s.state, id)
          .filter((fact) => fact.type === type)
          .map(({ payload }) => payload);
      // Some write over their own name, so they are known by who holds the data.
      const [home] = readdirSync(join(s.state, 'services'));
      const kill = (kind: string) => {
        const { pid } = JSON.parse(readFileSync(join(s.state, 'services', home!, kind, 'holder.json'), 'utf8'));
        process.kill(pid, 'SIGKILL');
      };
      for (const kind of kinds) kill(kind);
      const isBack = (times: number) => (all: { server: string }[]) =>
        kinds.every((kind) => all.filter(({ server }) => server === kind).length === times);
      await eventually(() => told('run.server-restarted'), isBack(1));
      const { server, reason, restart } = told('run.server-fell')[0];
      expect([kinds.includes(server), reason, restart]).toEqual([true, 'it was ended by SIGKILL', 1]);
      for (const { downMs } of told('run.server-restarted')) expect(downMs).toBeLessThan(30_000);
      const shown = await finish(s.rr('status', id));
      for (const kind of kinds)
        expect(shown.out).toMatch(new RegExp(`${kind} +up +127\\.0\\.0\\.1:\\d+ {2}begun again 1 time`));

      up.child.kill('SIGKILL');
      await up.exited;
      for (const kind of kinds) kill(kind);
      const next = s.rr('up', '--foreground', '--json');
      await next.object(({ type }) => type === 'up');
      await eventually(() => told('run.server-restarted'), isBack(2));
      for (const kind of kept) expect(await tell(kind, get)).toContain('4711');
      expect(await addresses()).toEqual(before);
      await finish(s.rr('stop', id));
      next.child.kill('SIGINT');
      await next.exited;
      await expectNothingLeft(s);
    }),
);

long(
  'a database that is a file of the repository gets its tables and first rows before the start, in a copy where git would see it',
  { timeout: 2 * TEST_MS },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const folder = s.repo('express-drizzle');
      const what = ({ output }: Awaited<ReturnType<typeof run>>) =>
        output('migrate').done.map((one: { what: string }) => one.what);
      const first = await run(s, folder);
      expect(first.result, JSON.stringify(first.result.error)).toMatchObject({ outcome: 'healthy', fixes: [] });
      expect(what(first)).toEqual(['drizzle-kit migrate', 'npm run db:seed']);
      expect(first.says).toMatch(/On Tables, On Rows(?!, On)/);
      expect(first.output('workspace')).toMatchObject({
        kind: 'copy',
        reason: expect.stringContaining('data/shop.db'),
      });
      expect(readdirSync(join(folder, 'data'))).toEqual(['README']);

      // Where git ignores it the work is done in place, and it is there in the next run: its rows are not put in twice.
      writeFileSync(join(folder, '.gitignore'), 'node_modules/\n*.db\n');
      const second = await run(s, folder);
      expect([what(second).length, second.output('workspace').kind]).toEqual([2, 'local']);
      const third = await run(s, folder);
      expect(what(third)).toEqual(['drizzle-kit migrate']);
      expect(third.says).toMatch(/On Tables, On Rows(?!, On)/);

      // What a person names is theirs.
      const theirs = join(s.dir, 'theirs.db');
      const fourth = await run(s, folder, '--env', `DATABASE_URL=file:${theirs}`);
      expect(fourth.output('migrate')).toMatchObject({
        done: [],
        notes: ['its database is left as it is: DATABASE_URL is given by a person'],
      });
      expect(fourth.result.outcome).not.toBe('healthy');
      expect(existsSync(theirs) && readFileSync(theirs, 'latin1').includes('books')).toBe(false);
    }),
);

long(
  'a disk that fills during an import is said as that, harms nothing of the repository, and the next run with room goes on',
  { timeout: TEST_MS, skip: !canMount },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const folder = s.repo('express-postgres');
      writeFileSync(
        join(folder, 'db/init/03-many.sql'),
        'CREATE TABLE many AS SELECT n, md5(n::text) AS text FROM generate_series(1, 2000000) AS n;\n',
      );
      const seen = () => execFileSync('git', ['status', '--porcelain'], { cwd: folder, encoding: 'utf8' });
      const before = seen();
      // The services alone are short of room: what else a run keeps has its own test.
      const small = join(s.state, 'services');
      mkdirSync(small, { recursive: true });
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=96m', 'tmpfs', small]);
      onTestFinished(() => void execFileSync('umount', ['-l', small]));
      const failed = await run(s, folder);
      expect(failed.result.error).toMatchObject({
        code: 'MIGRATION_FAILED',
        message: expect.stringMatching(/03-many\.sql failed .*the disk is full \(.*(?:No space left|less than 25 MB)/s),
      });
      expect(seen()).toBe(before);
      execFileSync('mount', ['-o', 'remount,size=900m', small]);
      const mended = await run(s, folder);
      expect(mended.result, JSON.stringify(mended.result.error)).toMatchObject({ outcome: 'healthy', error: null });
      // What had been put in before is not put in twice.
      expect(mended.output('migrate').done.map(({ what }: { what: string }) => what)).toEqual(['03-many.sql']);
      expect(mended.says).toContain('A LAMP; A CHAIR!, A TABLE!');
    }),
);

long(
  'a disk that fills while the server is up costs none of what was stored before: with room it serves again',
  { timeout: TEST_MS, skip: !canMount },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const folder = s.repo('node-plain', { git: false });
      writeFileSync(join(folder, 'compose.yaml'), 'services:\n  db:\n    image: postgres:15\n');
      const small = join(s.state, 'services');
      mkdirSync(small, { recursive: true });
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=160m', 'tmpfs', small]);
      onTestFinished(() => void execFileSync('umount', ['-l', small]));
      const up = s.rr('up', '--foreground', '--json');
      await up.object(({ type }) => type === 'up');
      const begun = await finish(s.rr('run', folder, '--json', '--detach', '--wait'));
      const { run: id } = resultOf(begun.objects);
      const sql = (text: string) => finish(s.pipe(text, 'db', 'shell', id, '--kind', 'postgres'));
      expect((await sql('CREATE TABLE kept (a int); INSERT INTO kept VALUES (4711); CHECKPOINT;')).code).toBe(0);
      const [home] = readdirSync(small);
      execFileSync('sh', ['-c', 'cat /dev/zero > "$1" 2>/dev/null || true', 'sh', join(small, home!, 'filler')]);
      const refused = await sql('CREATE TABLE many AS SELECT n, md5(n::text) FROM generate_series(1, 2000000) AS n;');
      expect(refused.err).toMatch(/No space left on device|connection|terminat/);
      rmSync(join(small, home!, 'filler'));
      await eventually(
        async () => (await sql('SELECT a FROM kept;')).out,
        (out) => out.includes('4711'),
      );
      await finish(s.rr('stop', id));
      up.child.kill('SIGINT');
      await up.exited;
      await expectNothingLeft(s);
    }),
);

long(
  'rabbitmq: the login and virtual host of the application, messages kept for the next run, and nothing of it shared with the machine',
  { timeout: TEST_MS },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const folder = s.repo('express-rabbitmq');
      const held = s.rr('run', folder, '--json');
      await held.object(({ type }) => type === 'result', TEST_MS);
      const { run: id, services } = resultOf(held.objects());
      const { url } = services[0];
      expect(await (await fetch(url)).text()).toMatch(/heard: hello over amqp<\/p><p>orders: \d+/);
      const address = await finish(s.rr('db', 'url', id, '--kind', 'rabbitmq'));
      expect(address.out).toMatch(/^amqp:\/\/shop:p%40ss-word@127\.0\.0\.1:\d+\/orders%2Feu\n$/);
      // Erlang's daemon for the names of nodes would be everybody's; that of ours has none, and hears on loopback alone.
      expect(s.processes().filter(({ what }) => /epmd/.test(what) && !/beam/.test(what))).toEqual([]);
      const [server] = s.processes().filter(({ what }) => /beam\.smp/.test(what));
      expect(addressesOf(server!.pid).every((one) => one.startsWith('127.'))).toBe(true);
      expect(openTexts(s.state).filter((text) => /p@ss-word|p%40ss-word/.test(text))).toEqual([]);
      const orders = (text: string) => Number(/orders: (\d+)/.exec(text)?.[1]);
      const before = orders(await (await fetch(url)).text());
      held.child.kill('SIGINT');
      await held.exited;
      await expectNothingLeft(s);
      const second = await run(s, folder);
      expect(second.result, JSON.stringify(second.result.error)).toMatchObject({ outcome: 'healthy', error: null });
      expect(second.output('services').services).toMatchObject([{ kind: 'rabbitmq', kept: true }]);
      expect(orders(second.says)).toBeGreaterThan(before);
    }),
);

long(
  'objects: a client of S3 writes, reads and signs; its buckets are there, its keys its own, and what it stored in the next run',
  { timeout: TEST_MS },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const folder = s.repo('express-s3');
      const first = await run(s, folder);
      expect(first.result, JSON.stringify(first.result.error)).toMatchObject({ outcome: 'healthy', error: null });
      expect(first.output('services')).toMatchObject({
        services: [{ kind: 'minio', program: 'S3 server of rr', from: 'ours', kept: false }],
        lacking: [],
        set: expect.arrayContaining(['S3_ENDPOINT', 'S3_ACCESS_KEY', 'S3_SECRET_KEY', 'S3_BUCKET']),
      });
      expect(first.says).toContain('read: hello over s3');
      expect(first.says).toContain('by its URL: hello over s3');
      const { data } = first.output('services').services[0];
      expect(readdirSync(data).sort()).toEqual(['.uploads', 'photos', 'thumbnails']);
      expect(openTexts(s.state).filter((text) => /p@ss-word|p%40ss-word/.test(text))).toEqual([]);
      const kept = (text: string) => Number(/in photos: (\d+)/.exec(text)?.[1]);
      const second = await run(s, folder);
      expect(second.output('services').services[0].kept).toBe(true);
      expect(kept(second.says)).toBeGreaterThan(kept(first.says));
      const address = await finish(s.rr('db', 'url', '--kind', 'minio'));
      expect(address.out).toMatch(/^http:\/\/shop:p%40ss-word@127\.0\.0\.1:\d+\/photos\n$/);
      const out = join(s.dir, 'out');
      mkdirSync(out);
      writeFileSync(join(s.dir, 'all.tar'), (await finish(s.rr('db', 'dump', '--kind', 'minio'))).out);
      execFileSync('tar', ['-xf', join(s.dir, 'all.tar'), '-C', out]);
      const visits = readdirSync(join(out, 'photos/visits'));
      expect(visits.length).toBeGreaterThanOrEqual(kept(second.says));
      expect(readFileSync(join(out, 'photos/visits', visits[0]!), 'utf8')).toBe('hello over s3');
      await expectNothingLeft(s);
    }),
);

long(
  'a server whose port becomes another’s before it listens is begun on one that is free',
  { timeout: TEST_MS },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const cache = readConfig(s.env).config.cache;
      const found = await findService(serviceKinds.redis!, { cache, say: () => undefined });
      if ('lacking' in found) throw new Error(found.lacking);
      // The real server; the first time somebody else takes its port a moment before.
      const bin = join(s.dir, 'bin');
      mkdirSync(bin);
      const variables = Object.entries(found.env).map(([name, value]) => `${name}='${value}'`);
      writeFileSync(
        join(bin, 'hold.mjs'),
        `import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
const [config, ...command] = process.argv.slice(2);
const port = Number(/^port (\\d+)/m.exec(readFileSync(config, 'utf8'))[1]);
createServer().listen(port, '127.0.0.1', () => process.exit(spawnSync(command[0], command.slice(1), { stdio: 'inherit' }).status));
`,
      );
      writeFileSync(
        join(bin, 'redis-server'),
        `#!/bin/sh
export ${variables.length > 0 ? variables.join(' ') : 'NONE='}
[ "$1" = --version ] && exec '${found.server}' --version
mkdir '${bin}/taken' 2>/dev/null && exec node '${bin}/hold.mjs' "$1" '${found.server}' "$@"
exec '${found.server}' "$@"
`,
        { mode: 0o755 },
      );
      s.env.PATH = `${bin}:${s.env.PATH}`;
      const { result, output } = await run(s, s.repo('express-redis'));
      expect(existsSync(join(bin, 'taken'))).toBe(true);
      expect(result, JSON.stringify(result.error)).toMatchObject({ outcome: 'healthy', error: null });
      expect(output('services').services).toMatchObject([{ kind: 'redis', kept: false }]);
    }),
);

long(
  'killed at random instants, a run still has its one database, set up once, and takes it up again',
  { timeout: TEST_MS },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const folder = s.repo('express-postgres');
      const first = s.rr('run', folder, '--json');
      const { run: id } = (await first.object(({ type }) => type === 'run')) as { run: string };
      await sleep(500 + Math.random() * 3_000);
      first.child.kill('SIGKILL');
      await first.exited;
      for (let round = 0; round < 4; round += 1) {
        const up = s.rr('up', '--foreground', '--json');
        await up.object(({ type }) => type === 'up');
        await sleep(Math.random() * 2_500);
        up.child.kill('SIGKILL');
        await up.exited;
      }
      const up = s.rr('up', '--foreground', '--json');
      await up.object(({ type }) => type === 'up');
      const client = await rawClient(s.state, onTestFinished);
      const get = () => client.ask('rr.api.local.runs.get', { run: id });
      const { url } = await eventually(get, ({ state, error }) => state === 'up' || error !== undefined, TEST_MS / 2);
      const text = await (await fetch(url)).text();
      expect(text).toContain('A LAMP; A CHAIR!, A TABLE!</p>');
      const servers = () => s.processes().filter(({ what }) => /postgres -D/.test(what));
      const [server] = servers();
      expect(servers()).toHaveLength(1);

      up.child.kill('SIGKILL');
      await up.exited;
      await client.nats.close();
      expect(await (await fetch(url)).text()).toContain('A LAMP');
      const last = s.rr('up', '--foreground', '--json');
      await last.object(({ type }) => type === 'up');
      const again = await rawClient(s.state, onTestFinished);
      expect(servers()).toEqual([server]);
      await again.ask('rr.api.local.runs.stop', { run: id });
      await eventually(
        () => again.ask('rr.api.local.runs.get', { run: id }),
        ({ ended }) => ended === true,
      );
      expect(servers()).toEqual([]);
      await again.nats.close();
      last.child.kill('SIGINT');
      await last.exited;
    }),
);

long(
  'package sources that are silent are given up within a minute, with their names, and the application goes without',
  { timeout: TEST_MS },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const silent = createServer(() => undefined);
      await new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve));
      onTestFinished(() => void silent.close());
      const { port } = silent.address() as AddressInfo;
      const s = open(onTestFinished, {
        http_proxy: `http://127.0.0.1:${port}`,
        https_proxy: `http://127.0.0.1:${port}`,
      });
      // The broker is had already; of the services nothing is.
      const cache = join(s.dir, 'cache');
      const own = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'repo-runner/nats-server');
      if (existsSync(own)) cpSync(own, join(cache, 'repo-runner/nats-server'), { recursive: true });
      s.env.XDG_CACHE_HOME = cache;
      const folder = s.repo('node-plain', { git: false });
      writeFileSync(join(folder, 'compose.yaml'), 'services:\n  cache:\n    image: redis:7\n');
      const { result, output } = await run(s, folder);
      const [lacking] = output('services').lacking;
      expect(lacking).toMatchObject({
        kind: 'redis',
        reason: expect.stringMatching(/could not be fetched: .*(nothing came from|Could not|Failed to fetch)/s),
        fix: expect.stringContaining('--env REDIS_URL=redis://…'),
      });
      expect(result.outcome).toBe('healthy');
      const facts = factsOf(s.state, result.run);
      const { payload } = facts.find(({ type, payload: one }) => type === 'run.step-ended' && one.step === 'services');
      expect(payload.ms).toBeLessThan(60_000);
    }),
);

long('each kind of server is looked into, or says what to do instead', { timeout: TEST_MS }, ({ onTestFinished }) =>
  inTurn(async () => {
    const s = open(onTestFinished);
    const folder = s.repo('node-plain', { git: false });
    const images = {
      postgres: 'postgres:15',
      mysql: 'mariadb:10',
      redis: 'valkey/valkey:8',
      memcached: 'memcached',
      nats: 'nats:2',
      mail: 'axllent/mailpit',
      rabbitmq: 'rabbitmq:3',
      minio: 'minio/minio',
    };
    const composed = Object.entries(images).map(([kind, image]) => `  ${kind}:\n    image: ${image}\n`);
    writeFileSync(join(folder, 'compose.yaml'), `services:\n${composed.join('')}`);
    const { result, output } = await run(s, folder);
    expect(result, JSON.stringify(result.error)).toMatchObject({ outcome: 'healthy', error: null });
    const { services, lacking } = output('services');
    expect([services.map(({ kind }: { kind: string }) => kind).sort(), lacking]).toEqual([
      Object.keys(images).sort(),
      [],
    ]);
    const db = async (what: string, kind: string, text = '') =>
      finish(s.pipe(text, 'db', what, result.run, '--kind', kind));
    const schemes = {
      postgres: 'postgresql',
      mysql: 'mysql',
      redis: 'redis',
      memcached: 'memcached',
      nats: 'nats',
      mail: 'smtp',
      rabbitmq: 'amqp',
      minio: 'http',
    };
    for (const [kind, scheme] of Object.entries(schemes))
      expect((await db('url', kind)).out).toMatch(new RegExp(`^${scheme}://(\\S+@)?127\\.0\\.0\\.1:\\d+\\S*\\n$`));
    const sql = 'CREATE TABLE kept (a int); INSERT INTO kept VALUES (4711);';
    for (const kind of ['postgres', 'mysql']) {
      expect((await db('shell', kind, sql)).code).toBe(0);
      expect((await db('dump', kind)).out).toContain('4711');
    }
    expect((await db('shell', 'redis', 'SET kept of-old\nGET kept\n')).out).toContain('of-old');
    expect((await db('dump', 'redis')).out).toMatch(/^REDIS\d{4}.*of-old/s);
    expect(await db('dump', 'mail')).toMatchObject({ code: 0, out: '' });
    for (const kind of ['memcached', 'nats', 'mail', 'rabbitmq', 'minio']) {
      const none = await db('shell', kind);
      expect([none.code, none.err]).toEqual([2, expect.stringContaining(`there is no rr db shell for ${kind}`)]);
      expect(none.err).toMatch(/rr db url/);
    }
    for (const kind of ['memcached', 'nats', 'rabbitmq'])
      expect((await db('dump', kind)).err).toContain(`there is no rr db dump for ${kind}`);
    await expectNothingLeft(s);
  }),
);

long(
  'data that a server cannot read, or that another version has written, is named and never touched',
  { timeout: TEST_MS },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const folder = s.repo('node-plain', { git: false });
      const broken = {
        postgres: ['postgres:15', 'global/pg_control'],
        mysql: ['mariadb:10', 'ibdata1'],
        redis: ['redis:7', 'appendonlydir/appendonly.aof.manifest'],
      } as const;
      for (const [kind, [image, file]] of Object.entries(broken)) {
        writeFileSync(join(folder, 'compose.yaml'), `services:\n  store:\n    image: ${image}\n`);
        const first = await run(s, folder);
        expect(first.result, JSON.stringify(first.result.error)).toMatchObject({ outcome: 'healthy', error: null });
        const { data } = first.output('services').services[0];
        const whole = readFileSync(join(data, file));
        writeFileSync(join(data, file), 'nothing of what it was\n');
        const before = readdirSync(data).sort();
        const failed = await run(s, folder);
        const why = `${kind}: ${JSON.stringify(failed.result.error)}`;
        expect(failed.result.error?.code, why).toBe('SERVICE_NOT_STARTED');
        expect(failed.result.error.message, why).toContain(`its data is left as it is in ${data}`);
        expect(failed.result.error.message, why).not.toMatch(/printed nothing/);
        expect(failed.result.error.fix).toContain('--fresh');
        expect(readdirSync(data)).toEqual(expect.arrayContaining(before.filter((name) => !/pid|lock|sock/.test(name))));
        writeFileSync(join(data, file), whole);
        const mended = await run(s, folder);
        expect(mended.result.error, kind).toBeNull();
        expect(mended.output('services').services[0].kept).toBe(true);
        if (kind !== 'postgres') continue;
        // As it is when the system has gone on to another major version.
        renameSync(data, join(data, '../9'));
        const other = await run(s, folder);
        expect(other.output('services').services[0]).toMatchObject({
          kept: false,
          note: expect.stringContaining('begins empty: the data of 9 is left as it is'),
        });
        expect(existsSync(join(data, '../9', file))).toBe(true);
      }
    }),
);

long(
  'what is to be had nowhere is told with what was looked for, what to install and the variable to give, and the run goes on',
  { timeout: TEST_MS },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      const folder = s.repo('node-plain', { git: false });
      const text = 'services:\n  docs:\n    image: mongo:8\n  words:\n    image: opensearchproject/opensearch:3\n';
      writeFileSync(join(folder, 'compose.yaml'), text);
      writeFileSync(join(folder, '.env.example'), 'MONGO_URL=mongodb://me:secret@docs:27017/shop\n');
      // A machine that has them, or an engine, has something better to do.
      const bare = join(s.dir, 'bare');
      mkdirSync(bare);
      for (const at of (s.env.PATH ?? '').split(':').filter((one) => existsSync(one)))
        for (const name of readdirSync(at))
          if (!/^(?:mongod|elasticsearch|opensearch|docker|podman)$/.test(name) && !existsSync(join(bare, name)))
            symlinkSync(join(at, name), join(bare, name));
      s.env.PATH = bare;
      s.env.RR_SANDBOX = 'off';
      const { result, output, told } = await run(s, folder);
      expect(result, JSON.stringify(result.error)).toMatchObject({ outcome: 'healthy' });
      const lacking = output('services').lacking as { kind: string; reason: string; fix: string }[];
      expect(lacking.sort((a, b) => (a.kind < b.kind ? -1 : 1))).toEqual([
        {
          kind: 'elasticsearch',
          reason: expect.stringMatching(
            /no elasticsearch or opensearch on PATH; no container engine for .*opensearch:3/,
          ),
          fix: expect.stringMatching(/^install Elasticsearch or OpenSearch .*--env ELASTICSEARCH_URL=http:\/\/…$/),
        },
        {
          kind: 'mongodb',
          reason: expect.stringMatching(/no mongod on PATH; no container engine for docker\.io\/library\/mongo:8/),
          fix: expect.stringMatching(/^install MongoDB .*--env MONGO_URL=mongodb:\/\/…$/),
        },
      ]);
      expect(told).not.toContain('secret');
    }),
);

const asked = (extra: object[]) => ({
  to: 'database',
  command: 'database.start',
  with: {
    service: 'app',
    repository: '$job.source',
    root: '$workspace.root',
    path: '.',
    wants: [{ kind: 'postgres', port: '$lease.port' }],
    env: '$needs.plan.services.0.env',
    envFile: '$config.envFile',
    set: '$config.set',
    extra,
  },
});
/** What a fix does that asks for a service, and then for a database in it that nobody had named. */
const twice = {
  name: 'twice',
  version: 1,
  steps: [
    { id: 'fetch', to: 'file', command: 'file.fetch', with: { source: '$job.source', ref: null } },
    {
      id: 'stack',
      to: 'detection',
      command: 'detection.detect',
      with: { root: '$fetch.root', repository: '$job.source' },
      needs: ['fetch'],
    },
    {
      id: 'needs',
      to: 'requirements',
      command: 'requirements.read',
      with: {
        repository: '$job.source',
        services: '$stack.services',
        chosen: '$stack.chosen',
        hints: '$stack.hints',
        notes: '$stack.notes',
      },
      needs: ['stack'],
    },
    {
      id: 'workspace',
      to: 'file',
      command: 'file.prepare',
      with: { root: '$fetch.root', kind: '$fetch.kind', writes: [], forceCopy: true, files: [] },
      needs: ['needs'],
    },
    {
      id: 'config',
      to: 'config',
      command: 'config.configure',
      with: { service: 'app', root: '$workspace.root', path: '.', env: '$needs.plan.services.0.env' },
      needs: ['workspace'],
    },
    {
      id: 'lease',
      to: 'port-manager',
      command: 'port.lease',
      with: { run: '$run', service: 'service:postgres', wanted: [] },
    },
    { id: 'first', ...asked([]), needs: ['config', 'lease'] },
    { id: 'again', ...asked([]), needs: ['first'] },
    { id: 'second', ...asked([{ service: 'postgres', database: 'one more' }]), needs: ['again'] },
  ],
};
long(
  'asked again a server is the same; asked for one more database it is begun anew with it, on its data',
  { timeout: TEST_MS },
  ({ onTestFinished }) =>
    inTurn(async () => {
      const s = open(onTestFinished);
      mkdirSync(join(s.state, 'workflows'), { recursive: true });
      writeFileSync(join(s.state, 'workflows/twice.json'), JSON.stringify(twice));
      const { result, output } = await run(s, s.repo('express-postgres'), '--workflow', 'twice');
      expect(result, JSON.stringify(result.error)).toMatchObject({ error: null });
      const [first, again, second] = ['first', 'again', 'second'].map((step) => output(step).services[0]);
      expect(again).toEqual(first);
      expect(second).toMatchObject({ port: first.port, data: first.data, kept: true });
      expect(second.app).not.toBe(first.app);
      const listed = await finish(s.pipe('SELECT datname FROM pg_database;', 'db', 'shell', result.run));
      expect(listed.out, listed.err).toMatch(/ one more\s/);
      expect(listed.out).toMatch(/ shop_development\s/);
    }),
);
