import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { initialTransition, transition } from 'xstate';
import { readHints } from '../../../agents/detection/hints/index.js';
import { Command, Fact } from '../../../agents/requirements/contract.js';
import { planSchema, requirements } from '../../../agents/requirements/index.js';
import { openTree } from '../../../providers/tree.js';
import { need, service } from './detected.js';

/** What the agent says to a command, in the one turn it takes. */
function hear(command: object): Fact[] {
  const [idle] = initialTransition(requirements.machine);
  const event = Command.parse({ type: 'requirements.read', repository: '/r', hints: [], notes: [], ...command });
  const [next, actions] = transition(requirements.machine, idle, event);
  expect(next.value).toBe('idle');
  return actions.map((action) => {
    expect(action.type).toBe('emit');
    return Fact.parse(action.params);
  });
}

test('one command is answered with one plan in the same turn', () => {
  expect(hear({ services: [service()], chosen: ['app'], hints: [need('redis')] })).toMatchObject([
    { type: 'requirements.found', plan: { repository: '/r', chosen: ['app'], services: [{ needs: ['redis'] }] } },
  ]);
});

test('a chosen service that is none of the services is refused by name', () => {
  const [fact] = hear({ services: [service({ name: 'web' }), service({ name: 'api' })], chosen: ['wbe'] });
  expect(fact).toMatchObject({
    type: 'requirements.failed',
    error: { code: 'SERVICE_UNKNOWN', message: 'the repository has no service wbe, it has web, api' },
  });
});

test('a repository of two services and a database becomes a plan that says for each what it wants and from where', async () => {
  const tree = await openTree(fileURLToPath(new URL('../../repos/hints-shop', import.meta.url)));
  const { hints, notes } = readHints(tree, ['web', 'api']);
  const services = ['web', 'api'].map((name) =>
    service({
      name,
      path: name,
      evidence: [],
      versions: name === 'web' ? { node: { want: '>=22', from: 'web/package.json:4' } } : {},
    }),
  );
  const [fact] = hear({ services, chosen: ['web', 'api'], hints, notes });
  expect(fact).toMatchObject({ type: 'requirements.found' });
  const [web, api] = (fact as Extract<Fact, { type: 'requirements.found' }>).plan.services;

  expect(web).toMatchObject({
    versions: { node: { want: '20', from: '.nvmrc:1' } },
    ports: [{ number: 3000, from: 'web/server.js:1' }],
    needs: [],
    env: [
      { name: 'PORT', required: false, default: '3000', from: 'web/server.js:1' },
      { name: 'API_URL', required: true, default: null, from: 'compose.yaml:6' },
    ],
  });
  expect(api).toMatchObject({
    versions: { node: { want: '20', from: '.nvmrc:1' } },
    ports: [{ number: 4000, from: 'compose.yaml:16' }],
    needs: ['postgres'],
    env: [
      { name: 'SESSION_SECRET', required: true, secret: true, default: null, from: 'api/main.js:1' },
      { name: 'COLOUR', required: false, default: 'red', from: 'api/main.js:2' },
      { name: 'DATABASE_URL', secret: true, default: 'postgres://shop:shop@localhost:5432/shop' },
    ],
  });
  expect(api!.proof.paths.map(({ path }) => path)).toEqual(['/healthz', '/products', '/']);
  expect(api!.evidence).toContainEqual({ claim: 'needs postgres', file: 'api/prisma/schema.prisma', line: 2 });
  expect(api!.evidence).toContainEqual({ claim: 'may need redis', file: 'api/package.json', line: 5 });
  const { notes: said } = (fact as Extract<Fact, { type: 'requirements.found' }>).plan;
  expect(said).toContain('node: .nvmrc:1 wants 20, web/package.json:4 wants >=22; 20 is taken');
});

test('docs/plan.schema.json is the schema of the plan (after a change: vitest -u)', async () => {
  const text = `${JSON.stringify(planSchema(), null, 2)}\n`;
  await expect(text).toMatchFileSnapshot('../../../docs/plan.schema.json');
});
