/** Which services of a repository run together, in what order, and what one is told of the others. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Hint, Plan, Service } from '../../agents/detection/contract.js';
import { emptyOverlay } from '../../agents/fixer/contract.js';
import { handOver, type Part, type Peer, partsOf, placedCommand } from '../../workflows/parts.js';
import { runService } from '../../workflows/run-all.js';

const service = (name: string, change: Partial<Service> = {}): Service => ({
  ...{ name, path: name, kind: 'web-service', language: 'node', framework: null, packageManager: null, versions: {} },
  ...{ commands: { install: [], build: [], start: 'node .' }, ports: [], env: [], needs: [], writes: [], evidence: [] },
  ...{ proof: { how: 'http', command: null, paths: [] }, confidence: 1 },
  ...change,
});
const plan = (...services: Service[]): Plan => ({ repository: '/r', services, chosen: [], notes: [] });
type Member = Extract<Hint, { about: 'member' }>;
const member = (name: string, change: Partial<Member> = {}): Member => ({
  ...{ about: 'member', name, after: [], links: [], worker: false, path: name, from: 'compose.yaml:1', weight: 0.7 },
  ...change,
});
const names = (parts: Part[]): string[] => parts.map(({ service: { name } }) => name);

test('without a compose file all that stays up runs: interfaces first, pages last, and no example, library or root that only starts them', () => {
  const services = [
    service('web', { framework: 'next' }),
    service('queue', { kind: 'worker' }),
    service('api'),
    service('page', { kind: 'static-site' }),
    service('ui', { kind: 'library' }),
    service('demo', { path: 'examples/demo' }),
    service('root', { path: '.', commands: { install: [], build: [], start: 'npx turbo run start' } }),
  ];
  expect(names(partsOf(plan(...services), []))).toEqual(['api', 'queue', 'web', 'page']);
  expect(names(partsOf(plan(service('only', { path: '.' })), []))).toEqual(['only']);
});

test('who knows the address of another comes behind it, and two that know each other come both', () => {
  const knows = (name: string, port: number, url: string) =>
    service(name, { env: [env('URL', url)], ports: [{ number: port, from: 'x:1' }] });
  const web = knows('web', 3000, 'http://localhost:4000');
  expect(names(partsOf(plan(web, knows('api', 4000, 'https://example.com')), []))).toEqual(['api', 'web']);
  expect(names(partsOf(plan(web, knows('api', 4000, 'http://localhost:3000')), [])).sort()).toEqual(['api', 'web']);
});

test('of a folder that is built twice the worker is the worker', () => {
  const services = [service('app', { path: 'src' }), service('app-worker', { path: 'src', kind: 'worker' })];
  const hints = [member('jobs', { path: 'src', worker: true }), member('site', { path: 'src' })];
  expect(partsOf(plan(...services), hints).map((part) => [part.member, part.service.name])).toEqual([
    ['site', 'app'],
    ['jobs', 'app-worker'],
  ]);
});

test('whatever waits for whatever, each service is there once, and behind all it waits for where that can be', () => {
  const edges = fc.array(fc.tuple(fc.nat(5), fc.nat(5)), { maxLength: 12 });
  fc.assert(
    fc.property(edges, (pairs) => {
      const all = Array.from({ length: 6 }, (_, n) => `s${n}`);
      const later = pairs.filter(([a, b]) => a > b);
      const hints = all.map((name, n) =>
        member(name, { after: later.flatMap(([a, b]) => (a === n ? [`s${b}`] : [])) }),
      );
      const order = names(partsOf(plan(...all.map((name) => service(name))), hints));
      expect([...order].sort()).toEqual(all);
      for (const [a, b] of later) expect(order.indexOf(`s${b}`)).toBeLessThan(order.indexOf(`s${a}`));
      const circling = all.map((name, n) =>
        member(name, { after: pairs.flatMap(([a, b]) => (a === n ? [`s${b}`] : [])) }),
      );
      expect(names(partsOf(plan(...all.map((name) => service(name))), circling)).sort()).toEqual(all);
    }),
  );
});

const peer = (name: string, port: number, declared: number[] = []): Peer => ({
  ...{ name, member: name, declared },
  sockets: [{ host: '127.0.0.1', port }],
});
const env = (name: string, value: string) => ({ name, required: false, secret: false, default: value, from: 'x:1' });
test.each([
  ['http://api:4000/v1', 'http://127.0.0.1:4321/v1'],
  ['http://api', 'http://127.0.0.1:4321'],
  ['api', '127.0.0.1'],
  ['api:4000', '127.0.0.1:4321'],
  ['amqp://me:pw@api:5672/x', 'amqp://me:pw@127.0.0.1:4321/x'],
  ['http://api:1/a,http://api:2/b', 'http://127.0.0.1:4321/a,http://127.0.0.1:4321/b'],
])('a variable that names another service as %s is given %s', (value, wanted) => {
  const part: Part = {
    service: service('web'),
    member: 'web',
    after: [],
    links: [{ env: 'A', value, to: 'api' }],
    knows: [],
    from: null,
  };
  expect(handOver(part, [peer('api', 4321)])).toEqual({ A: wanted });
});
test('an address on this machine is changed only where another service was expected there and is elsewhere', () => {
  const variables = [
    env('API_URL', 'http://localhost:4000/v1'),
    env('SAME', 'http://127.0.0.1:5000'),
    env('OTHER', 'http://localhost:9'),
    env('FAR', 'https://example.com'),
    env('BY_NAME', 'ws://api:1/live'),
    env('WORDS', 'a: b'),
  ];
  const part: Part = {
    service: service('web', { env: variables }),
    member: null,
    after: [],
    links: [],
    knows: [],
    from: null,
  };
  expect(handOver(part, [peer('api', 4321, [4000]), peer('same', 5000, [5000])])).toEqual({
    API_URL: 'http://localhost:4321/v1',
    BY_NAME: 'ws://127.0.0.1:4321/live',
  });
});
test('a host and a port in variables of their own are both given', () => {
  const part: Part = {
    service: service('worker', { env: [env('API_PORT', '4000')] }),
    ...{ member: 'worker', after: [], knows: [], from: null, links: [{ env: 'API_HOST', value: 'api', to: 'api' }] },
  };
  expect(handOver(part, [peer('api', 4321)])).toEqual({ API_HOST: '127.0.0.1', API_PORT: '4321' });
  expect(handOver(part, [])).toEqual({});
});

test('a Procfile at the root says what runs: its processes alone, and what it releases before the first of them', () => {
  const root = service('shop', { path: '.' });
  const worker = service('shop-worker', { path: '.', kind: 'worker' });
  const page = service('page', { path: 'page', kind: 'static-site' });
  const said = (role: 'start' | 'release', command: string, from = 'Procfile:1'): Hint => ({
    ...{ about: 'command', role, command, path: '.', from, weight: 0.9 },
  });
  const parts = partsOf(plan(root, worker, page), [said('start', 'node .'), said('release', 'node migrate.js')]);
  expect(parts.map(({ service: { name }, release }) => [name, release])).toEqual([
    ['shop', ['node migrate.js']],
    ['shop-worker', undefined],
  ]);
  // One for development, or of another file, says nothing of the others.
  const beside = [said('start', 'node .', 'Procfile.dev:1'), said('release', 'x', 'fly.toml:3')];
  expect(partsOf(plan(root, worker, page), beside).map(({ service: { name }, release }) => [name, release])).toEqual([
    ['shop', undefined],
    ['shop-worker', undefined],
    ['page', undefined],
  ]);
});

test('one command is the same from wherever it is called, and another in another folder', () => {
  expect(placedCommand('/r', 'apps/api', 'cd ../.. && npm ci')).toBe(
    placedCommand('/r', 'apps/web', 'cd ../.. && npm ci'),
  );
  expect(placedCommand('/r', '.', 'npm ci')).toBe(placedCommand('/r', 'apps/web', 'cd ../.. && npm ci'));
  expect(placedCommand('/r', 'api', 'npm ci')).not.toBe(placedCommand('/r', 'web', 'npm ci'));
  expect(placedCommand('/copy', 'api', 'npm ci')).not.toBe(placedCommand('/r', 'api', 'npm ci'));
});

test('of a compose file only what is asked for by its profile is up beside what is up in any case', () => {
  const services = [service('api'), service('web'), service('desk')];
  const hints = [member('api'), member('web', { profiles: ['page'] }), member('desk', { profiles: ['tools', 'page'] })];
  const asked = (...profiles: string[]) => names(partsOf(plan(...services), hints, profiles));
  expect([asked(), asked('tools'), asked('page'), asked('*'), asked('other')]).toEqual([
    ['api'],
    ['api', 'desk'],
    ['api', 'web', 'desk'],
    ['api', 'web', 'desk'],
    ['api'],
  ]);
});

test('members of one folder are its processes by name, each with its own variables; one that is awaited is to end', () => {
  const common = { path: 'app', env: [env('GREETING', 'none')] };
  const services = [
    service('app', { ...common, process: 'web' }),
    service('app-load', { ...common, process: 'load', kind: 'worker' }),
  ];
  const own = (name: string, greeting: string, change: Partial<Member> = {}): Hint =>
    member(name, { path: 'app', env: [{ name: 'GREETING', secret: false, default: greeting }], ...change });
  const hints = [
    own('web', 'hello', { after: ['load'] }),
    own('load', 'load', { worker: true, once: true }),
    own('twin', 'hi'),
  ];
  const parts = partsOf(plan(...services), hints);
  const seen = parts.map(({ member: name, service: one }) => [
    ...[name, one.name, one.kind, one.proof.how],
    one.env.find((variable) => variable.name === 'GREETING')!.default,
  ]);
  expect(seen).toContainEqual(['load', 'app-load', 'job', 'exit', 'load']);
  expect(seen).toContainEqual(['web', 'app', 'web-service', 'http', 'hello']);
  expect(seen).toContainEqual(['twin', 'app-twin', 'web-service', 'http', 'hi']);
  expect(seen.findIndex(([name]) => name === 'load')).toBeLessThan(seen.findIndex(([name]) => name === 'web'));
});

test('what an engine alone can run comes beside what the repository has, named in its compose file or not', () => {
  const container = {
    ...{ image: 'acme/search:1', build: null, entrypoint: null, command: null, workdir: null },
    ...{ ports: [7700], needs: ['redis'], speaks: false },
  };
  const search = member('search', { path: '.', container, alone: true });
  const root = service('app', { path: '.' });
  expect(names(partsOf(plan(root), [search])).sort()).toEqual(['app', 'search']);
  const page = member('page', { path: 'page', after: ['search'] });
  const parts = partsOf(plan(root, service('page')), [page, search]);
  expect(names(parts)).toEqual(['search', 'page']);
  expect(parts[0]!.service).toMatchObject({
    needs: ['redis'],
    ports: [{ number: 7700 }],
    proof: { how: 'http' },
    container,
  });
  // A folder of which nothing runs here; with something that does, that runs.
  const odd = member('odd', { container: { ...container, image: null, ports: [] } });
  expect(names(partsOf(plan(), [odd]))).toEqual(['odd']);
  expect(names(partsOf(plan(root), [odd])).sort()).toEqual(['app', 'odd']);
  expect(partsOf(plan(root), [odd, search]).find(({ member: name }) => name === 'odd')!.service).toMatchObject({
    kind: 'worker',
    proof: { how: 'log' },
  });
  expect(partsOf(plan(service('odd')), [odd, search]).map((part) => part.service.container?.image)).toEqual([
    undefined,
    'acme/search:1',
  ]);
});

test('what one before has installed is not installed again, unless it is gone; one that is not up gives no address', () => {
  const commands = { install: ['cd .. && npm ci'], build: ['npm run build'], start: 'node .' };
  const web = service('web', { commands, env: [env('API_URL', 'http://localhost:4000')] });
  const part: Part = { service: web, member: null, after: [], links: [], knows: [], from: null };
  const failed = { error: { code: 'COMMAND_FAILED', message: 'm', fix: 'f' } };
  const api = { ...peer('api', 4321, [4000]), done: ['/r npm ci'] };
  const scoped = (
    peers: unknown[],
    fixes: { n: number; rule: string; actions: { step: string }[]; helped: boolean | null }[] = [],
  ) =>
    runService.scope!({
      ...{ run: 'r', bundle: '/b', job: {}, results: {}, overlay: { ...emptyOverlay }, fixes },
      input: { part, root: '/r', peers },
    });
  expect(scoped([failed, api])).toMatchObject({ install: [], given: { API_URL: 'http://localhost:4321' } });
  expect(scoped([failed])).toMatchObject({ install: ['cd .. && npm ci'], given: {} });
  const again = (helped: boolean | null) => [{ n: 0, rule: 'packages-gone', actions: [{ step: 'deps' }], helped }];
  expect([null, true, false].map((helped) => scoped([api], again(helped)).install)).toEqual([
    ['cd .. && npm ci'],
    ['cd .. && npm ci'],
    [],
  ]);
});
