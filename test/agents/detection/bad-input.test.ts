import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { type Detection, detect } from '../../../agents/detection/detect.js';
import { blankComments, readJson } from '../../../agents/detection/json-text.js';
import { toRegExp } from '../../../agents/detection/languages/node/workspace.js';
import { openPlace } from '../../../agents/detection/place.js';
import { openTree, type Tree } from '../../../providers/tree.js';

function write(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'rr-detect-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}
const look = async (root: string): Promise<Detection> => detect(await openTree(root), { repository: root });
/** A tree without a disk, for many small ones. */
const treeOf = (files: Record<string, string>): Tree => ({
  root: '/somewhere/repo',
  files: Object.keys(files).sort(),
  notes: [],
  has: (path) => Object.hasOwn(files, path),
  read: (path) => (Object.hasOwn(files, path) ? files[path]! : null),
});

test.each([
  [
    'package.json',
    '{\n  "name": "x"\n  "main": "y"\n}',
    /^package\.json:3 does not parse as JSON: "\\"" where a comma or } was wanted/,
  ],
  ['package.json', '[]', /^package\.json:1 does not parse as JSON: wanted a table/],
  ['pyproject.toml', '[project]\nname = "x\n', /^pyproject\.toml:2 does not parse as TOML/],
  ['compose.yaml', 'services:\n  a:\n   - b\n  c: [\n', /^compose\.yaml:\d does not parse as YAML/],
  [
    'deno.json',
    '{ // fine\n "tasks": { "start": } }',
    /^deno\.json:2 does not parse as JSON with comments: "}" where a value was wanted/,
  ],
])('a malformed %s is a note with its line', async (file, text, note) => {
  const { notes } = await look(write({ [file]: text, 'other.txt': '' }));
  expect(
    notes.some((one) => note.test(one)),
    notes.join('\n'),
  ).toBe(true);
});

test('a repository with loops, links out and strange names is looked at like any other', async () => {
  const root = write({
    'package.json': '{"scripts":{"start":"node server.js"}}',
    'server.js': "require('http').createServer().listen(process.env.PORT || 3000);\n",
    'with space/new\nline.js': '',
    'it\'s "quoted"/package.json': '{"scripts":{"start":"node index.js"}}',
    'it\'s "quoted"/index.js': "require('http').createServer().listen(3001);\n",
  });
  symlinkSync('..', join(root, 'with space/up'));
  symlinkSync('/etc', join(root, 'etc'));
  const { services, chosen, notes } = await look(root);
  expect(chosen).toEqual([services[0]!.name]);
  expect(services.map(({ path }) => path)).toEqual(['.', 'it\'s "quoted"']);
  expect(notes.join()).toContain('links that leave the repository: etc');
});

test('an alias bomb in YAML and a table that pollutes prototypes do no harm', () => {
  const bomb = [
    'a: &a [x, x]',
    ...'bcdefghi'.split('').map((key, n) => `${key}: &${key} [${`*${'abcdefgh'[n]},`.repeat(9)}]`),
  ].join('\n');
  const place = openPlace(
    treeOf({
      'pnpm-workspace.yaml': bomb,
      'package.json': '{"__proto__": {"polluted": 1}, "scripts": {"constructor": "x"}}',
    }),
  );
  expect(place.yaml('pnpm-workspace.yaml')).toBeNull();
  expect(place.notes.join()).toContain('pnpm-workspace.yaml does not parse as YAML');
  expect(place.json('package.json')).not.toBeNull();
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
});

const manifests = [
  'package.json',
  'deno.jsonc',
  'pnpm-workspace.yaml',
  'tsconfig.json',
  'angular.json',
  'lerna.json',
  'project.json',
  'nx.json',
  '.yarnrc.yml',
  'yarn.lock',
  'vite.config.ts',
  'index.html',
  'hugo.toml',
  'Staticfile',
  'Procfile',
  'Dockerfile',
  'compose.yaml',
  'server.js',
  'src/index.ts',
  'requirements.txt',
  'pyproject.toml',
  'go.mod',
  'composer.json',
  'Gemfile',
  'Cargo.toml',
  'pom.xml',
  'README.md',
  '.env.example',
  'Makefile',
];
const words = fc.constantFrom(
  '{',
  '}',
  '[',
  ']',
  '"scripts"',
  '"start"',
  '"node server.js"',
  ':',
  ',',
  '\n',
  'services:',
  '  - ',
  'web: ',
  'FROM node',
  'CMD ["node"',
  'listen(',
  'process.env.PORT',
  '|| 3000',
  '[project]',
  'name = "x"',
  '*',
  '**/',
  "'",
  '$PORT',
  '\\',
  '\u0000',
  '\ud800',
  '<',
  '=',
  '/',
  '//',
  '/*',
  '"workspaces"',
  '"dependencies"',
  '"next"',
  '"*"',
  '__proto__',
  'null',
  '1e999',
);

test('random text in manifests and sources never throws and never invents a place', () => {
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.constantFrom(...manifests),
        fc.array(fc.oneof(words, fc.string({ maxLength: 8 })), { maxLength: 30 }).map((parts) => parts.join('')),
        { minKeys: 1, maxKeys: 5 },
      ),
      (files) => {
        const { services, chosen } = detect(treeOf(files), { repository: 'repo' });
        for (const { evidence } of services)
          for (const { file } of evidence) expect(Object.hasOwn(files, file)).toBe(true);
        expect(chosen.length).toBe(services.length === 0 ? 0 : 1);
      },
    ),
    { numRuns: 400 },
  );
});

test('random values in a well-formed package.json never throw', () => {
  const names = fc.constantFrom(
    'scripts',
    'dependencies',
    'devDependencies',
    'main',
    'bin',
    'exports',
    'workspaces',
    'packageManager',
    'engines',
    'type',
    'private',
    'volta',
    'devEngines',
    'name',
    'start',
    'build',
    'next',
    'express',
    'vite',
    'node',
    'runtime',
  );
  const { tree: value } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom(
        null,
        true,
        1,
        '',
        'node .',
        'node ./',
        'npm run start',
        'next start',
        'pnpm@9',
        '.',
        '../..',
        '/etc/passwd',
        'dist/index.js',
      ),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(names, tie('tree'), { maxKeys: 5 }),
    ),
  }));
  fc.assert(
    fc.property(fc.dictionary(names, value), (manifest) => {
      detect(treeOf({ 'package.json': JSON.stringify(manifest), 'index.js': 'listen(', 'index.html': '' }), {
        repository: 'repo',
      });
    }),
    { numRuns: 400 },
  );
});

test('the JSON reader agrees with JSON.parse, and gives a line of the text where it refuses', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.json(),
        fc.array(words, { maxLength: 12 }).map((parts) => parts.join('')),
      ),
      (text) => {
        let value: unknown;
        let valid = true;
        try {
          value = JSON.parse(text);
        } catch {
          valid = false;
        }
        const read = readJson(text);
        if (valid) expect(read).toEqual({ value, error: null });
        else {
          expect(read.error).not.toBeNull();
          expect(read.error!.line).toBeGreaterThanOrEqual(1);
          expect(read.error!.line).toBeLessThanOrEqual(text.split('\n').length);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('comments and trailing commas go, what stands in texts stays', () => {
  const text = '{\n // one\n "a": "// not, ]", /* two\n */ "b": [1, 2, ], }';
  expect(JSON.parse(blankComments(text))).toEqual({ a: '// not, ]', b: [1, 2] });
  expect(blankComments(text).split('\n').length).toBe(text.split('\n').length);
});

test.each([
  ['apps/*', 'apps/web', true],
  ['apps/*', 'apps/web/x', false],
  ['packages/**', 'packages/a/b', true],
  ['**/ui', 'a/b/ui', true],
  ['{apps,libs}/*', 'libs/x', true],
  ['./server/', 'server', true],
  ['a.b', 'axb', false],
  ['{unbalanced', 'unbalanced', false],
])('the workspace glob %s on %s: %s', (glob, path, yes) => {
  expect(toRegExp(glob).test(path)).toBe(yes);
});

test('a glob made to be slow is not', () => {
  const began = performance.now();
  toRegExp(`${'**/'.repeat(40)}${'*a'.repeat(40)}`).test(`${'a/'.repeat(60)}b`);
  toRegExp('*a'.repeat(60)).test(`${'a'.repeat(200)}b`);
  expect(performance.now() - began).toBeLessThan(200);
});

test('10 000 files are looked at in one breath (printed, not judged)', async () => {
  const files: Record<string, string> = {
    'package.json': '{"scripts":{"start":"node server.js"},"dependencies":{"express":"4"}}',
    'server.js': "require('express')().listen(process.env.PORT || 3000);\n",
  };
  for (let n = 0; n < 10_000; n++)
    files[`src/m${n % 20}/n${n % 400}/f${n}.ts`] = `export const value${n} = ${n};\n`.repeat(20);
  const root = write(files);
  const began = performance.now();
  const tree = await openTree(root);
  const walked = performance.now();
  const { chosen } = detect(tree, { repository: root });
  console.log(
    `${tree.files.length} files: walk ${Math.round(walked - began)} ms, detect ${Math.round(performance.now() - walked)} ms`,
  );
  expect(chosen).toHaveLength(1);
});

test('YAML that would exhaust the stack of the parser is refused, with a note', async () => {
  const root = write({
    'pnpm-workspace.yaml': '['.repeat(30_000),
    'package.json': '{"scripts":{"start":"node a.js"}}',
    'a.js': '1',
  });
  const { notes } = detect(await openTree(root), { repository: root });
  expect(notes.join('\n')).toMatch(/pnpm-workspace\.yaml.*deeper than 200/);
});
