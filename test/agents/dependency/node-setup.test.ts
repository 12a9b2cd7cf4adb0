/** What is asked for before an install, by the repository's own settings; nothing is installed here. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { setUpNode } from '../../../agents/dependency/node-setup.js';

function lay(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'rr-setup-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [path, body] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), body);
  }
  return folder;
}
// A lock file without install scripts: nothing has to be asked of npm itself.
const lock = { 'package-lock.json': '{"lockfileVersion":3,"packages":{}}' };
const uses = (name: string): Record<string, string> => ({
  ...lock,
  'package.json': JSON.stringify({ dependencies: { [name]: '1' } }),
});
const missing = async (
  files: Record<string, string>,
  given: Record<string, string> = {},
  command = 'npm ci',
  cwd = '.',
) => (await setUpNode({ cwd: join(lay(files), cwd), commands: [command], tools: [], given })).missing?.message ?? null;
const scoped = `@acme:registry=https://npm.acme.example/repo/\n//npm.acme.example/repo/:_authToken=\${SETUP_TEST_TOKEN}\n`;

test.each([
  [
    'a package of the scope needs it',
    { ...uses('@acme/ui'), '.npmrc': scoped },
    'SETUP_TEST_TOKEN of npm.acme.example (.npmrc:2)',
  ],
  [
    'the address above it counts',
    { ...uses('@acme/ui'), '.npmrc': scoped.replace('example/repo/:_', 'example/:_') },
    '.npmrc:2',
  ],
  ['nothing of the scope is used', { ...uses('express'), '.npmrc': scoped }, null],
  [
    'the token is for another registry',
    { ...uses('@acme/ui'), '.npmrc': scoped.replace('//npm.acme.example/repo/:', '//other.example/:') },
    null,
  ],
  [
    'every package comes from it',
    {
      ...uses('express'),
      '.npmrc': `registry=https://all.example\n//all.example/:_authToken="\${SETUP_TEST_TOKEN}"\n`,
    },
    'SETUP_TEST_TOKEN of all.example (.npmrc:2)',
  ],
  ['npm does without it', { ...uses('@acme/ui'), '.npmrc': scoped.replace('TOKEN}', 'TOKEN?}') }, null],
  ['it is written there', { ...uses('@acme/ui'), '.npmrc': scoped.replace(`\${SETUP_TEST_TOKEN}`, 'abc') }, null],
  ['the line is a comment', { ...uses('@acme/ui'), '.npmrc': scoped.replace('//npm', '; //npm') }, null],
  [
    'Yarn ends without it',
    {
      ...uses('express'),
      '.yarnrc.yml': `npmRegistryServer: "https://yarn.example"\nnpmAuthToken: "\${SETUP_TEST_TOKEN}"\n`,
    },
    'SETUP_TEST_TOKEN of yarn.example (.yarnrc.yml:2)',
  ],
  [
    'Yarn has another value for it',
    { ...uses('express'), '.yarnrc.yml': `npmAuthToken: "\${SETUP_TEST_TOKEN:-}"\n` },
    null,
  ],
] as const)('a token is asked for by its name: %s', async (_, files, words) => {
  const said = await missing(files as Record<string, string>);
  if (words === null) expect(said).toBeNull();
  else expect(said).toContain(words);
});

test('what was given is not asked for again; what only the shell has is', async () => {
  const files = { ...uses('@acme/ui'), '.npmrc': scoped };
  expect(await missing(files, { SETUP_TEST_TOKEN: 'x' })).toBeNull();
  process.env.SETUP_TEST_TOKEN = 'x';
  onTestFinished(() => void delete process.env.SETUP_TEST_TOKEN);
  expect(await missing(files)).toContain('SETUP_TEST_TOKEN');
});

test('the settings of the folder that a workspace is installed from count, those of other commands do not', async () => {
  const files = { ...uses('@acme/ui'), '.npmrc': scoped, 'apps/web/package.json': '{}' };
  expect(await missing(files, {}, 'cd ../.. && npm ci', 'apps/web')).toContain('(../../.npmrc:2)');
  expect(await missing(files, {}, 'pip install -r requirements.txt')).toBeNull();
});
