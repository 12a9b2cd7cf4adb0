/** What a recipe.json of a repository may claim, and what is not taken from it. */
import { expect, test } from 'vitest';
import { detect } from '../../../agents/detection/detect.js';
import { treeOf } from './hints/tree-of.js';

const recipe = (more: object): string =>
  JSON.stringify(
    {
      format: 1,
      path: '.',
      install: [],
      build: [],
      start: 'node other.js',
      port: 4321,
      proof: { how: 'http' },
      ...more,
    },
    null,
    1,
  );
const server = { 'server.js': "require('http').createServer().listen(3000)\n" };
const claimOf = (files: Record<string, string>) => {
  const { services, chosen, notes } = detect(treeOf(files), { repository: '/repository' });
  return { service: services.find(({ name }) => name === chosen[0])!, notes };
};

test('its commands and its port are claimed of the service it names, with their line', () => {
  const { service, notes } = claimOf({ ...server, 'recipe.json': recipe({ build: ['make'] }) });
  expect(service.claim).toEqual({
    install: [],
    build: ['make'],
    start: 'node other.js',
    port: 4321,
    from: 'recipe.json:8',
  });
  // What the code says stands beside it, and is what is done when the claim does not hold.
  expect(service.commands.start).toBe('node server.js');
  expect(service.kind).toBe('web-service');
  expect(notes).toContainEqual(expect.stringContaining('recipe.json:8 claims how repository is brought up'));
});

test.each<[string, string]>([
  ['says the same as the code', recipe({ start: 'node server.js' })],
  ['is about another service', recipe({ path: 'web' })],
  ['is another program’s', '{"name": "pancakes", "start": "flour", "install": []}'],
  ['is of a later format', recipe({ format: 2 })],
  ['has no start', recipe({ start: null })],
  ['has an empty command', recipe({ build: [' '] })],
  ['has too many commands', recipe({ build: Array(30).fill('make') })],
  ['does not parse', '{"format": 1,'],
])('one that %s claims nothing', (_, text) => {
  expect(claimOf({ ...server, 'recipe.json': text }).service.claim).toBeUndefined();
});

test('what proves itself by ending well is not replaced by what only ends well', () => {
  const library = { 'package.json': '{"name":"a","main":"index.js","scripts":{"test":"exit 1"}}', 'index.js': '' };
  const { service } = claimOf({ ...library, 'recipe.json': recipe({ start: 'true', proof: { how: 'exit' } }) });
  expect(service).toMatchObject({ kind: 'library', proof: { how: 'exit', command: 'npm test' } });
  expect(service.claim).toBeUndefined();
});
