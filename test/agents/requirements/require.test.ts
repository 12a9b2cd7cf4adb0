import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Hint, Plan, type Service } from '../../../agents/detection/contract.js';
import { plan } from '../../../agents/requirements/require.js';
import { env, health, need, port, service, version } from './detected.js';

const planned = (hints: Hint[], services: Service[] = [service()], chosen = ['app']) =>
  plan({ repository: '/r', services, chosen, hints, notes: [] });
const only = (hints: Hint[], said: Partial<Service> = {}) => planned(hints, [service(said)]).services[0]!;

test('the commands, kind and names of detection are not touched', () => {
  const given = service();
  const made = planned(
    [{ about: 'command', role: 'start', command: 'other', path: '.', from: 'Procfile:1', weight: 1 }],
    [given],
  );
  expect(made.services[0]).toMatchObject({ commands: given.commands, kind: given.kind, writes: given.writes });
  expect(made).toMatchObject({ repository: '/r', chosen: ['app'] });
});

// Versions.

test.each([
  ['.nvmrc:1', '20', 'package.json:4', '>=18', '20'],
  ['Dockerfile:1', '22', 'package.json:4', '>=18', '>=18'],
  ['.devcontainer/devcontainer.json:2', '18', 'Dockerfile:1', '22', '22'],
  ['render.yaml:2', '21', 'Dockerfile:1', '22', '21'],
  ['README.md:2', '21', 'compose.yml:1', '22', '22'],
])('of %s with %s and %s with %s, %s is taken', (first, one, second, other, taken) => {
  const hints = [version('node', one, first), version('node', other, second)];
  expect(only(hints).versions.node!.want).toBe(taken);
  expect(only(hints.reverse()).versions.node!.want).toBe(taken);
});

test('what detection read from the manifest gives way to a pin, and a pinning field of the manifest is a pin', () => {
  const versions = { node: { want: '>=18', from: 'package.json:4' } };
  expect(only([version('node', '20', '.nvmrc:1')], { versions }).versions.node).toEqual({
    want: '20',
    from: '.nvmrc:1',
  });
  const volta = version('node', '22.1.0', 'package.json:9', { weight: 0.9 });
  expect(only([version('node', '22', 'Dockerfile:1'), volta], { versions }).versions.node!.want).toBe('22.1.0');
});

test.each([
  ['node', '18', '>=20', true],
  ['node', '20', '>=20.19', false],
  ['node', 'lts/*', '>=20', false],
  ['python', '3.9', '>=3.10,<4', true],
  ['python', '3.12', '~=3.10', false],
  ['python', '3.12', '==3.12.*', false],
  ['python', '4.0', '~=3.10', true],
  ['ruby', '3.3.0', '~> 3.2', false],
  ['ruby', '3.3.0', '~> 3.2.1', true],
  ['php', '8.3', '^8.1|^8.2', false],
  ['go', '1.20', '>=1.21', true],
  ['java', '17.0.9+9', '21', true],
])('%s %s against %s is a conflict: %s', (tool, pin, range, conflict) => {
  const versions = { [tool]: { want: range, from: 'go.mod:3' } };
  const { notes, services } = planned(
    [version(tool, pin, '.tool-versions:1')],
    [service({ language: tool, versions })],
  );
  expect(services[0]!.versions[tool]!.want).toBe(pin);
  expect(notes).toEqual(
    conflict ? [`${tool}: .tool-versions:1 wants ${pin}, go.mod:3 wants ${range}; ${pin} is taken`] : [],
  );
});

test("an image's patch release contradicts no pin", () => {
  const hints = [version('python', '3.12.1', '.python-version:1'), version('python', '3.12.7', 'Dockerfile:1')];
  expect(planned(hints, [service({ language: 'python' })]).notes).toEqual([]);
});

test('a pin in the root reaches the services below it, for their own language and package manager only', () => {
  const services = [
    service({ name: 'web', path: 'web', packageManager: 'pnpm' }),
    service({ name: 'api', path: 'api', language: 'python', packageManager: 'uv' }),
  ];
  const hints = [
    version('node', '20', '.tool-versions:1'),
    version('python', '3.12', '.tool-versions:2'),
    version('pnpm', '9', '.tool-versions:3'),
    version('yarn', '1', '.tool-versions:4'),
  ];
  const made = planned(hints, services, ['web', 'api']).services;
  expect(made.map(({ versions }) => Object.keys(versions))).toEqual([['node', 'pnpm'], ['python']]);
});

// Ports.

test('a port is listed once, by its heaviest source, heaviest first', () => {
  const hints = [
    port(3000, { weight: 0.2, from: 'README.md:9' }),
    port(3000, { weight: 0.6, from: 'Dockerfile:4' }),
    port(8080, { weight: 0.7, from: 'Procfile:1' }),
  ];
  const made = only(hints, { ports: [{ number: 5000, from: 'server.js:2' }] });
  expect(made.ports).toEqual([
    { number: 5000, from: 'server.js:2' },
    { number: 8080, from: 'Procfile:1' },
    { number: 3000, from: 'Dockerfile:4' },
  ]);
  expect(made.evidence).toContainEqual({ claim: 'port 3000', file: 'Dockerfile', line: 4 });
});

test('a forwarded port of a database it needs is not its own, nor has a library any', () => {
  const hints = [need('postgres'), port(5432, { weight: 0.35 }), port(3000, { weight: 0.35 })];
  expect(only(hints).ports.map(({ number }) => number)).toEqual([3000]);
  expect(only(hints, { kind: 'library' }).ports).toEqual([]);
});

// Environment.

test('the heaviest source of a variable decides whether it is required, a lighter one may still give its default', () => {
  const hints = [
    env('KEY', { required: true, weight: 0.85, from: 'main.js:1' }),
    env('KEY', { default: 'from-example', secret: true, weight: 0.7, from: '.env.example:1' }),
    env('COLOUR', { default: 'red', weight: 0.8, from: 'main.js:2' }),
    env('COLOUR', { required: true, weight: 0.7, from: '.env.example:2' }),
  ];
  expect(only(hints).env).toEqual([
    { name: 'KEY', required: true, secret: true, default: 'from-example', from: 'main.js:1' },
    { name: 'COLOUR', required: false, secret: false, default: 'red', from: 'main.js:2' },
  ]);
});

test.each(['PORT', 'HOST', 'NODE_ENV', 'HOME', 'PATH', 'CI', 'TZ'])('nobody is asked for %s', (name) => {
  expect(only([env(name, { required: true })]).env).toMatchObject([{ name, required: false }]);
});

test('an env file above several services speaks to those that will run and to those that ask for a variable of it', () => {
  const services = ['web', 'docs', 'api'].map((name) => service({ name, path: name }));
  const hints = [env('A', { required: true }), env('B', { path: 'docs' }), env('B', { default: 'x', weight: 0.9 })];
  const made = planned(hints, services, ['web']).services;
  expect(made.map((each) => each.env.map(({ name }) => name))).toEqual([['B', 'A'], ['B'], []]);
  expect(made[1]!.env[0]!.default).toBe('x');
});

// Needs.

test('a server is needed once, by its heaviest source; one that is only a choice is said and not needed', () => {
  const hints = [
    need('postgres', { weight: 0.4, from: 'package.json:3' }),
    need('postgres', { weight: 0.85, from: 'compose.yml:9' }),
    need('redis', { weight: 0.4, from: 'package.json:4' }),
    need('mysql', { weight: 0.15, from: 'package.json:5' }),
  ];
  const { needs, evidence } = only(hints);
  expect(needs).toEqual(['postgres', 'redis']);
  expect(evidence.slice(1)).toEqual([
    { claim: 'needs postgres', file: 'compose.yml', line: 9 },
    { claim: 'may need redis', file: 'package.json', line: 4 },
    { claim: 'may need mysql', file: 'package.json', line: 5 },
  ]);
});

test('a server above several services is needed by those that bring its client, else by those that run', () => {
  const services = ['web', 'api'].map((name) => service({ name, path: name }));
  const needs = (hints: Hint[]) => planned(hints, services, ['web']).services.map((each) => each.needs);
  expect(needs([need('postgres')])).toEqual([['postgres'], []]);
  expect(needs([need('postgres'), need('postgres', { path: 'api', weight: 0.4 })])).toEqual([[], ['postgres']]);
});

// Proof.

test('it is proven on health paths first, then on what detection found, then on what the README asks, then on /', () => {
  const proof = { how: 'http' as const, command: null, paths: [{ path: '/api', from: 'server.js:3' }] };
  const hints = [health('/items', { weight: 0.25, from: 'README.md:4' }), health('/healthz', { from: 'Dockerfile:8' })];
  expect(only(hints, { proof }).proof.paths.map(({ path }) => path)).toEqual(['/healthz', '/api', '/items', '/']);
  expect(only([], { proof: { ...proof, paths: [{ path: '/', from: 'a:1' }] } }).proof.paths).toEqual([
    { path: '/', from: 'a:1' },
  ]);
});

test('what is not proven by HTTP gets no paths', () => {
  const proof = { how: 'exit' as const, command: 'npm test', paths: [] };
  expect(only([health('/healthz')], { proof }).proof).toEqual(proof);
});

test('files made for running that agree make it surer, never certain', () => {
  const sure = only([port(3000), health('/up'), { ...health('/up'), weight: 0.2 }]).confidence;
  expect(sure).toBeGreaterThan(0.8);
  expect(only([port(3000), health('/up')], { confidence: 0.98 }).confidence).toBeLessThan(1);
});

// For all hints.

const anyFrom = fc.oneof(fc.constantFrom('package.json:3', '.nvmrc:1', 'Dockerfile:2', 'x:0', ':1', 'a'), fc.string());
const anyPath = fc.constantFrom('.', 'apps', 'apps/web', 'apps/web/src', 'api');
const anyName = fc.oneof(fc.constantFrom('node', 'python', 'redis', '__proto__', 'constructor', 'PORT'), fc.string());
const anyWant = fc.oneof(fc.constantFrom('20', '>=18', '~=3.9', '~> 3', '||', '*', '>=1 <0', 'lts/*'), fc.string());
const common = { path: anyPath, from: anyFrom, weight: fc.double({ min: 0, max: 1, noNaN: true }) };
const anyHint: fc.Arbitrary<Hint> = fc.oneof(
  fc.record({
    about: fc.constant('command' as const),
    role: fc.constantFrom('install', 'build', 'start', 'worker', 'release', 'test'),
    command: fc.string(),
    ...common,
  }),
  fc.record({ about: fc.constant('port' as const), number: fc.integer({ min: 1, max: 65_535 }), ...common }),
  fc.record({
    about: fc.constant('env' as const),
    name: anyName,
    required: fc.boolean(),
    secret: fc.boolean(),
    default: fc.option(fc.string()),
    ...common,
  }),
  fc.record({ about: fc.constant('version' as const), tool: anyName, want: anyWant, ...common }),
  fc.record({ about: fc.constant('need' as const), service: anyName, ...common }),
  fc.record({ about: fc.constant('health' as const), route: fc.oneof(fc.constant('/'), fc.string()), ...common }),
);
const anyService = fc
  .record({
    name: anyName,
    path: anyPath,
    language: anyName,
    packageManager: fc.option(anyName),
    kind: fc.constantFrom('web-service' as const, 'library' as const, 'unknown' as const),
    confidence: fc.double({ min: 0, max: 1, noNaN: true }),
    versions: fc.dictionary(fc.constantFrom('node', 'python'), fc.record({ want: anyWant, from: anyFrom })),
  })
  .map((said) => service(said));

test('for all services and hints the plan is made, parses, names each thing once and does not depend on the order', () => {
  fc.assert(
    fc.property(fc.array(anyService, { maxLength: 4 }), fc.array(anyHint, { maxLength: 25 }), (services, hints) => {
      expect(hints.every((hint) => Hint.safeParse(hint).success)).toBe(true);
      const chosen = services.slice(0, 1).map(({ name }) => name);
      const made = planned(hints, services, chosen);
      expect(Plan.parse(made)).toEqual(made);
      for (const each of made.services) {
        for (const list of [
          each.ports.map(({ number }) => number),
          each.env.map(({ name }) => name),
          each.needs,
          each.proof.paths.map(({ path }) => path),
        ])
          expect(new Set<unknown>(list).size).toBe(list.length);
        if (each.proof.how === 'http') expect(each.proof.paths.map(({ path }) => path)).toContain('/');
      }
      const wants = (plan: Plan) =>
        plan.services.map(({ versions, ports }) => [versions, ports.map(({ number }) => number).sort()]);
      expect(wants(planned([...hints].reverse(), services, chosen))).toEqual(wants(made));
    }),
    { numRuns: 400 },
  );
});
