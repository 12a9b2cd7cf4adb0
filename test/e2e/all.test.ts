/** `rr run --all`: the services of a compose project or a monorepo, side by side, without Docker. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { expectNothingLeft } from './left.js';
import { commitAll, eventually, factsOf, finish, long, resultOf, scratch } from './rr.js';

const apps = (s: ReturnType<typeof scratch>) =>
  s.processes().filter(({ what }) => /^node (server|worker)\.js/.test(what.trim()));

long(
  'a compose project of three services is brought up in the order of its needs, each with the addresses of the others',
  async () => {
    const s = scratch({ RR_BROKER_IDLE_MS: '700' });
    const rr = s.rr('run', s.repo('compose-shop'), '--all', '--json');
    const result = await rr.object(({ type }) => type === 'result', 90_000);
    expect(result).toMatchObject({ outcome: 'healthy', error: null, output: { order: ['api', 'web', 'mailer'] } });
    const services = result.services as { name: string; url: string | null; proof: { excerpt: string } }[];
    expect(services.map(({ name }) => name)).toEqual(['api', 'web', 'mailer']);
    expect(services[1]!.proof).toMatchObject({
      status: 200,
      title: 'Shop',
      excerpt: expect.stringContaining('apples and pears'),
    });
    expect(services[2]!.proof.excerpt).toContain('mailed about 2 goods');
    expect(await (await fetch(services[1]!.url!)).text()).toContain('apples and pears');
    expect(apps(s)).toHaveLength(3);
    // Each step says for which of them it was done.
    const proved = rr
      .objects()
      .filter(({ type, step }) => type === 'run.step-ended' && String(step).endsWith('.prove'));
    expect(proved.map(({ of }) => of)).toEqual(['api', 'web', 'mailer']);

    // One that fails is repaired while the others stay up.
    const run = String(result.run);
    const said = (type: string) =>
      eventually(
        () => factsOf(s.state, run).find((fact) => fact.type === type),
        (fact) => fact !== undefined,
      );
    const mailer = () => apps(s).find(({ what }) => what.includes('worker.js'))!.pid;
    const before = apps(s).map(({ pid }) => pid);
    process.kill(mailer(), 'SIGKILL');
    const { payload: healed } = await said('run.app-healed');
    expect(healed).toMatchObject({ service: 'mailer', rules: ['ended-from-outside'] });
    const status = await finish(s.rr('status', run, '--json'));
    expect(status.objects[0]).toMatchObject({ state: 'up', healing: null });
    const heals = (status.objects[0]!.services as { service: string; heals: number; downMs: number }[]).map(
      (one) => `${one.service} ${one.heals} ${one.downMs}`,
    );
    expect(heals).toEqual(['api 0 0', 'web 0 0', `mailer 1 ${healed.downMs}`]);
    expect(apps(s).filter(({ pid }) => before.includes(pid))).toHaveLength(2);
    // One is started anew, at its address.
    const anew = await finish(s.rr('restart', 'web'));
    expect([anew.code, anew.out.trim().split('\n').at(-1)]).toEqual([0, `${run} web up  ${services[1]!.url}`]);
    expect(await (await fetch(services[1]!.url!)).text()).toContain('apples and pears');
    expect(apps(s).filter(({ pid }) => before.includes(pid))).toHaveLength(1);
    // One that was asked to end leaves the others up, is named, and comes back when it is wanted.
    process.kill(mailer(), 'SIGTERM');
    expect((await said('run.app-exited')).payload).toMatchObject({ service: 'mailer' });
    expect((await fetch(services[1]!.url!)).status).toBe(200);
    if (process.env.RR_LONG) {
      expect((await finish(s.rr('restart', run, 'mailer'))).code).toBe(0);
      expect(apps(s)).toHaveLength(3);
    }
    expect(rr.child.exitCode).toBe(null);
    rr.child.kill('SIGINT');
    expect(await rr.exited).toBe(0);
    await expectNothingLeft(s);
  },
  120_000,
);

test('a runtime that is killed finds all of its services again, and starts one again as the compose file says', async () => {
  const s = scratch();
  const repo = s.repo('compose-shop');
  const compose = join(repo, 'compose.yaml');
  const text = readFileSync(compose, 'utf8');
  writeFileSync(compose, text.replace('build: ./web', 'build: ./web\n    restart: unless-stopped'));
  commitAll(repo, '');
  const rr = s.rr('run', repo, '--all', '--json');
  const { run } = await rr.object(({ type }) => type === 'run');
  const { services } = await rr.object(({ type }) => type === 'result', 90_000);
  const { url } = (services as { name: string; url: string }[]).find(({ name }) => name === 'web')!;
  const before = apps(s)
    .map(({ pid }) => pid)
    .sort();
  rr.child.kill('SIGKILL');
  await rr.exited;
  const up = s.rr('up', '--foreground', '--json');
  await up.object(({ type }) => type === 'up');
  const adopted = () => factsOf(s.state, String(run)).filter(({ type }) => type === 'runner.adopted');
  await eventually(adopted, ({ length }) => length === 3);
  expect(
    apps(s)
      .map(({ pid }) => pid)
      .sort(),
  ).toEqual(before);
  const named = (type: string) => factsOf(s.state, String(run)).filter((fact) => fact.type === type);
  const web = named('runner.started').find(({ payload }) => payload.sockets[0]?.port === Number(new URL(url).port));
  process.kill(web.payload.pid, 'SIGKILL');
  const [again] = await eventually(
    () => named('run.app-restarted'),
    ({ length }) => length === 1,
  );
  expect(again.payload).toMatchObject({ service: 'web', byItself: true, restarts: 1, url });
  expect(await (await fetch(url)).text()).toContain('apples and pears');
  const now = apps(s).map(({ pid }) => pid);
  expect(now).toHaveLength(3);
  expect(now.filter((pid) => before.includes(pid))).toHaveLength(2);
  expect((await finish(s.rr('stop', String(run)))).code).toBe(0);
  await eventually(
    () => apps(s).length,
    (count) => count === 0,
  );
}, 120_000);

test('each service is mended for itself while the others stay up, also by a runtime that comes after one that was killed', async () => {
  const s = scratch();
  const repo = s.repo('compose-shop', { git: false });
  const before = (file: string, line: string) =>
    writeFileSync(join(repo, file), `${line}\n${readFileSync(join(repo, file), 'utf8')}`);
  before(
    'api/server.js',
    "if (!process.env[['SESSION', 'SECRET'].join('_')]) throw new Error('Missing required environment variable: SESSION_SECRET');",
  );
  before('web/server.js', "require('node:fs').readFileSync('.env');");
  writeFileSync(join(repo, 'web/.env.example'), 'GREETING=hello\n');
  commitAll(repo, 'node_modules/\n');
  const rr = s.rr('run', repo, '--all', '--json');
  const { run } = (await rr.object(({ type }) => type === 'run')) as { run: string };
  await rr.object(({ type }) => type === 'run.fix-tried');
  rr.child.kill('SIGKILL');
  await rr.exited;

  const up = s.rr('up', '--foreground', '--json');
  await up.object(({ type }) => type === 'up');
  const said = (type: string) => factsOf(s.state, run).filter((fact) => fact.type === type);
  const [settled] = await eventually(
    () => said('run.settled'),
    ({ length }) => length === 1,
  );
  const { result } = settled.payload;
  expect(result).toMatchObject({ outcome: 'healthy', error: null });
  expect(result.services.map(({ proof }: { proof: { status: number | null } }) => proof.status)).toEqual([
    200,
    200,
    null,
  ]);
  expect(JSON.parse(readFileSync(join(result.bundle, 'fixes.json'), 'utf8'))).toMatchObject([
    { of: 'api', rule: 'missing-env', step: 'start', helped: true, patch: 'patches/001-missing-env.patch' },
    { of: 'web', rule: 'dotenv-file', step: 'start', helped: true },
  ]);
  expect(result.fixes.map(({ patch }: { patch?: string }) => patch)).toEqual([
    'patches/001-missing-env.patch',
    undefined,
  ]);
  expect(readFileSync(join(result.bundle, 'patches/001-missing-env.patch'), 'utf8')).toMatch(
    /^\+\+\+ b\/api\/\.env\.example\n[\s\S]*^\+SESSION_SECRET=$/m,
  );
  // The one went back to its variables, the other to a copy that has the file; the third to nothing, and none of them to another's steps.
  const began = said('run.step-began').map(
    ({ payload: { of, step, attempt } }) => `${of} ${step.split('.')[1]} ${attempt}`,
  );
  expect(began.filter((one) => one.endsWith(' 2')).sort()).toEqual([
    'api config 2',
    'api start 2',
    'web config 2',
    'web start 2',
  ]);
  expect(began.filter((one) => one.includes('workspace'))).toEqual(['web workspace 1']);
  expect(said('runner.started')).toHaveLength(3);
  expect(apps(s)).toHaveLength(3);
  expect(existsSync(join(repo, 'web/.env'))).toBe(false);
  expect((await finish(s.rr('stop', run))).code).toBe(0);
  await eventually(
    () => apps(s).length,
    (count) => count === 0,
  );
}, 120_000);

test('a service that cannot run is named while the rest is up, which is no success', async () => {
  const s = scratch({ RR_BROKER_IDLE_MS: '700' });
  const repo = s.repo('compose-shop');
  appendFileSync(join(repo, 'mailer/worker.js'), 'process.exit(3);\n');
  commitAll(repo, '');
  const { code, objects } = await finish(s.rr('run', repo, '--all', '--once', '--json'));
  const result = resultOf(objects);
  expect(result).toMatchObject({
    outcome: 'healthy',
    error: { code: 'PARTLY_UP', message: expect.stringContaining('2 of 3 services are up') },
    degraded: [expect.stringContaining('mailer is not up')],
  });
  expect(code).toBe(1);
  const shown = await finish(s.rr('run', repo, '--all', '--once'));
  expect(shown.out).toMatch(
    /✓ api prove .*✗ mailer .*partly up in .*\n {2}api +http.*\n {2}web +http.*\n {2}mailer +is not up/s,
  );
  await expectNothingLeft(s);
}, 120_000);

test('services that wait for each other in a circle are refused with the circle and its line', async () => {
  const s = scratch({ RR_BROKER_IDLE_MS: '700' });
  const repo = s.repo('compose-shop');
  const file = join(repo, 'compose.yaml');
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace('  api:\n    build: ./api', '  api:\n    build: ./api\n    depends_on: [web]'),
  );
  commitAll(repo, '');
  const { code, objects } = await finish(s.rr('run', repo, '--all', '--once', '--json'));
  const result = resultOf(objects);
  expect(result).toMatchObject({
    outcome: 'failed',
    error: { code: 'COMPOSE_INVALID', message: expect.stringMatching(/compose\.yaml:\d+ .*web → api → web/) },
  });
  expect(code).toBe(1);
}, 60_000);

test('without a compose file all that stays up is run: a front end is given the address of its interface', async () => {
  const s = scratch({ RR_BROKER_IDLE_MS: '700' });
  const repo = s.repo('compose-shop');
  for (const name of ['compose.yaml', 'web/Dockerfile', 'api/Dockerfile', 'mailer'])
    rmSync(join(repo, name), { recursive: true });
  // The port it names is taken, so that it comes up elsewhere.
  const taken = (await import('node:http')).createServer().listen(4000, '127.0.0.1');
  await new Promise((done) => taken.once('listening', done).once('error', done));
  writeFileSync(join(repo, 'web/.env.example'), 'API_URL=http://localhost:4000\n');
  commitAll(repo, '');
  const { code, objects } = await finish(s.rr('run', repo, '--all', '--once', '--json'));
  const result = resultOf(objects);
  taken.close();
  expect(result).toMatchObject({ outcome: 'healthy', error: null });
  const services = result.services as { name: string; url: string; proof: { excerpt: string } }[];
  expect(services.map(({ name }) => name).sort()).toEqual(['api', 'web']);
  expect(new URL(services.find(({ name }) => name === 'api')!.url).port).not.toBe('4000');
  expect(services.find(({ name }) => name === 'web')!.proof.excerpt).toContain('apples and pears');
  expect(code).toBe(0);
}, 120_000);

test('five services of a compose file, two of them servers, come up natively: the page reads what the database holds', async () => {
  const s = scratch({ RR_BROKER_IDLE_MS: '700', npm_config_prefer_offline: 'true' });
  const repo = s.repo('compose-stack', { ignore: 'node_modules/\npackage-lock.json\n' });
  const { code, objects } = await finish(s.rr('run', repo, '--all', '--once', '--json'));
  const result = resultOf(objects);
  expect(result, JSON.stringify(result?.error)).toMatchObject({ outcome: 'healthy', error: null });
  const services = result.services as { name: string; proof: { title: string; excerpt: string } }[];
  expect(services.map(({ name }) => name)).toEqual(['api', 'web', 'counter']);
  expect(services[1]!.proof.title).toBe('Stack');
  expect(services[1]!.proof.excerpt).toMatch(/apples for 3.*pears for 4/);
  expect(services[2]!.proof.excerpt).toMatch(/counted \d+/);
  const servers = factsOf(s.state, result.run)
    .filter(({ type, from }) => type === 'database.started' && from.includes('/database/'))
    .map(({ payload }) =>
      payload.services.map(({ kind, port }: { kind: string; port: number }) => `${kind} ${port}`).sort(),
    );
  // The worker uses the very server that the interface uses.
  expect(servers[0]).toHaveLength(2);
  expect(servers[1]).toEqual([servers[0]!.find((one: string) => one.startsWith('redis'))]);
  expect(code).toBe(0);
  await expectNothingLeft(s);
}, 300_000);

test.runIf(process.env.RR_LONG)(
  'every process of a Procfile is brought up, after what is to be done before them, which is done once',
  async () => {
    const s = scratch({ RR_BROKER_IDLE_MS: '700' });
    const repo = s.repo('procfile-shop');
    const { code, objects } = await finish(s.rr('run', repo, '--all', '--once', '--json'));
    const result = resultOf(objects);
    expect(result).toMatchObject({ outcome: 'healthy', error: null });
    const services = result.services as { name: string; proof: { title: string; excerpt: string } }[];
    expect(services.map(({ name }) => name)).toEqual(['procfile-shop', 'procfile-shop-worker', 'procfile-shop-clock']);
    expect(services.map(({ proof }) => proof.excerpt)).toEqual(['released in test', 'waits for work', 'ticks']);
    expect(readFileSync(join(repo, 'released.txt'), 'utf8')).toBe('released in test\n');
    expect(code).toBe(0);
    await expectNothingLeft(s);
  },
  120_000,
);

test.runIf(process.env.RR_LONG)(
  'the applications of a workspace come up on one install',
  async () => {
    const s = scratch({ RR_BROKER_IDLE_MS: '700', npm_config_prefer_offline: 'true' });
    const { code, objects } = await finish(s.rr('run', s.repo('workspace-apps'), '--all', '--once', '--json'));
    const result = resultOf(objects);
    expect(result).toMatchObject({ outcome: 'healthy', error: null, output: { order: ['api', 'admin'] } });
    const installed = factsOf(s.state, result.run).filter(({ type }) => type === 'dependency.installed');
    expect(installed).toHaveLength(1);
    expect(code).toBe(0);
  },
  120_000,
);

test.runIf(process.env.RR_LONG)(
  'services of one folder are told apart: by command, variables and profile, and one that is to end is awaited',
  async () => {
    const s = scratch({ RR_BROKER_IDLE_MS: '700' });
    const repo = s.repo('compose-many');
    const { code, objects } = await finish(s.rr('run', repo, '--all', '--profile', 'tools', '--once', '--json'));
    const result = resultOf(objects);
    expect(result, JSON.stringify(result?.error)).toMatchObject({ outcome: 'healthy', error: null });
    const order = result.output.order as string[];
    expect(order.indexOf('app-prepare')).toBeLessThan(order.indexOf('app'));
    const said = Object.fromEntries(
      (result.services as { name: string; proof: { excerpt: string } }[]).map(({ name, proof }) => [
        name,
        proof.excerpt,
      ]),
    );
    expect(said).toEqual({
      app: 'hello from the page, prepared',
      'app-admin': 'hello from the desk, prepared',
      'app-jobs': 'jobs waits for mail with much patience',
      'app-prepare': '',
    });
    expect(readFileSync(join(repo, 'app/prepared.txt'), 'utf8')).toBe('prepared');
    expect(code).toBe(0);
    await expectNothingLeft(s);
  },
  120_000,
);

test.runIf(process.env.RR_LONG)(
  'what a compose file mounts is seen at its place by that service alone, and a volume is kept from run to run',
  async () => {
    const s = scratch({ RR_BROKER_IDLE_MS: '700' });
    const repo = s.repo('compose-mounts');
    const seen = async (...options: string[]) => {
      const { objects } = await finish(s.rr('run', repo, '--all', '--once', '--json', ...options));
      const { services, error } = resultOf(objects);
      expect(error).toBeNull();
      return (services as { proof: { excerpt: string } }[]).map(({ proof }) => proof.excerpt);
    };
    const others = '/etc/shop false, /data false, /etc/hosts true';
    expect(await seen()).toEqual([others, 'hello from the file, start 1']);
    expect(await seen()).toEqual([others, 'hello from the file, start 2']);
    expect(await seen('--fresh')).toEqual([others, 'hello from the file, start 1']);
    // Without a sandbox it cannot be, and is said.
    const { code, out } = await finish(s.rr('run', repo, '--all', '--once', '--sandbox', 'off'));
    expect(out).toMatch(/workspace .*cannot lay \/etc\/shop of app, \/data of app/);
    expect(code).toBe(1);
    await expectNothingLeft(s);
  },
  180_000,
);

test.runIf(process.env.RR_LONG)(
  'a database that is a file is made for each service that has one, and filled once also where two share it',
  async () => {
    const s = scratch({ RR_BROKER_IDLE_MS: '700' });
    const repo = join(s.dir, 'two-files');
    const service = (name: string, files: Record<string, string>): void => {
      for (const folder of ['data', 'config']) mkdirSync(join(repo, name, folder), { recursive: true });
      const scripts = {
        start: 'node server.js',
        'db:migrate': 'node rows.js table',
        'db:seed': `node rows.js ${name}-row`,
      };
      const all = {
        'package.json': JSON.stringify({ name, scripts, dependencies: {} }),
        'config/database.js': "module.exports = { dialect: 'sqlite', storage: './data/own.db' };\n",
        'rows.js': "require('node:fs').appendFileSync('data/own.db', process.argv[2] + '\\n');\n",
        'server.js':
          "const all = require('node:fs').readFileSync('data/own.db', 'utf8').split('\\n').filter((row) => row !== 'table');\n" +
          "require('node:http').createServer((_, answer) => answer.end('has ' + all.join(' '))).listen(process.env.PORT);\n",
        'data/.gitkeep': '',
        ...files,
      };
      for (const [path, text] of Object.entries(all)) writeFileSync(join(repo, name, path), text);
    };
    service('orders', {});
    service('stock', {
      'tally.js':
        "console.log('tallies ' + require('node:fs').readFileSync('data/own.db', 'utf8').match(/row/g).length);\nsetInterval(() => {}, 1000);\n",
    });
    writeFileSync(
      join(repo, 'compose.yaml'),
      'services:\n  orders:\n    build: ./orders\n    ports: ["4100:4100"]\n  stock:\n    build: ./stock\n    ports: ["4200:4200"]\n' +
        '  tally:\n    build: ./stock\n    command: node tally.js\n',
    );
    for (const name of ['orders', 'stock'])
      writeFileSync(join(repo, name, 'Dockerfile'), 'FROM node:20\nCOPY . .\nCMD ["node", "server.js"]\n');
    commitAll(repo, '*.db\n');
    const { objects } = await finish(s.rr('run', repo, '--all', '--once', '--json'));
    const result = resultOf(objects);
    expect(result, JSON.stringify(result?.error)).toMatchObject({ outcome: 'healthy', error: null });
    const said = (result.services as { name: string; proof: { excerpt: string } }[]).map(
      ({ name, proof }) => `${name} ${proof.excerpt.trim()}`,
    );
    expect(said.sort()).toEqual(['orders has orders-row', 'stock has stock-row', 'stock-tally tallies 1']);
    await expectNothingLeft(s);
  },
  120_000,
);

/** A store that answers at once and can be used later, and a page that keeps what it heard of it when it was started. */
function warming(s: ReturnType<typeof scratch>, test: string, more = ''): string {
  const folder = join(s.dir, 'warming');
  const files: Record<string, string> = {
    'compose.yaml': `services:
  page:
    build: ./page
    expose: [3000]
    environment:
      STORE_URL: http://store:4000
    depends_on:
      store: { condition: service_healthy }
  store:
    build: ./store
    expose: [4000]
    environment:
      KIND: slow
    healthcheck:
      test: ${test}
      interval: 100ms
      retries: 2
${more}`,
    'store/server.js': `let warm = false;
setTimeout(() => { warm = true; require('node:fs').writeFileSync('ready', process.env.KIND); }, 7000);
require('node:http').createServer((_, response) => response.end(warm ? 'warm' : 'cold')).listen(process.env.PORT || 4000);
`,
    'page/server.js': `fetch(process.env.STORE_URL).then((answer) => answer.text()).then((heard) =>
  require('node:http').createServer((_, response) => response.end('<!doctype html><h1>it was ' + heard + '</h1>')).listen(process.env.PORT || 3000));
`,
  };
  for (const name of ['store', 'page']) {
    files[`${name}/Dockerfile`] = 'FROM node:22\nCOPY . .\nCMD ["node", "server.js"]\n';
    files[`${name}/package.json`] = JSON.stringify({ name, version: '1.0.0', scripts: { start: 'node server.js' } });
    mkdirSync(join(folder, name), { recursive: true });
  }
  for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text);
  commitAll(folder, 'node_modules/\nready\n');
  return folder;
}

test.runIf(process.env.RR_LONG)(
  'a health check that is a command is waited for, in the folder and with the variables of its service, before the next one starts',
  async () => {
    const s = scratch({ RR_BROKER_IDLE_MS: '300' });
    const grace = '      start_period: 30s\n      start_interval: 200ms\n';
    const folder = warming(s, `["CMD-SHELL", "test $$(cat ready) = $$KIND"]`, grace);
    const { objects } = await finish(s.rr('run', folder, '--all', '--once', '--json'));
    const result = resultOf(objects) as unknown as {
      outcome: string;
      error: unknown;
      services: { proof: { excerpt: string } }[];
    };
    expect(result, JSON.stringify(result.error)).toMatchObject({ outcome: 'healthy', error: null });
    expect(result.services[1]!.proof.excerpt).toContain('it was warm');
    await expectNothingLeft(s);
  },
  120_000,
);

test.runIf(process.env.RR_LONG)(
  'a health check that keeps failing is told with its command, and one that cannot be asked here keeps nobody waiting',
  async () => {
    const s = scratch({ RR_BROKER_IDLE_MS: '300' });
    const folder = warming(s, `["CMD", "sh", "-c", "echo not yet; exit 3"]`);
    const failed = resultOf((await finish(s.rr('run', folder, '--service', 'store', '--once', '--json'))).objects);
    expect(failed).toMatchObject({ outcome: 'failed', error: { code: 'NOT_PROVEN' } });
    expect(failed.error!.message).toMatch(/^its healthcheck `.*` failed 2 times: not yet, wanted it to end with 0$/);
    rmSync(folder, { recursive: true });
    const other = warming(s, `["CMD", "of-the-image-alone"]`);
    const done = resultOf((await finish(s.rr('run', other, '--service', 'store', '--once', '--json'))).objects);
    expect(done, JSON.stringify(done.error)).toMatchObject({ outcome: 'healthy' });
    await expectNothingLeft(s);
  },
  120_000,
);
