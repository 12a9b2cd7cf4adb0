import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Hint } from '../../../../agents/detection/contract.js';
import { readHints } from '../../../../agents/detection/hints/index.js';
import { treeOf } from './tree-of.js';

const names = [
  'Procfile',
  'Dockerfile',
  'compose.yaml',
  '.devcontainer/devcontainer.json',
  'Makefile',
  'justfile',
  'Taskfile.yml',
  'app.json',
  'render.yaml',
  'fly.toml',
  'railway.json',
  'railway.toml',
  'vercel.json',
  'netlify.toml',
  '.tool-versions',
  'mise.toml',
  '.nvmrc',
  '.python-version',
  'runtime.txt',
  'go.mod',
  'rust-toolchain',
  'rust-toolchain.toml',
  'global.json',
  'system.properties',
  'package.json',
  '.env.example',
  'prisma/schema.prisma',
  'config/database.yml',
  'application.properties',
  'requirements.txt',
  'pyproject.toml',
  'README.md',
  'a.js',
  'env.ts',
  'a.py',
  'a.rb',
  'a.php',
  'a.go',
  'a.rs',
  'A.java',
  'a.cs',
  'a.exs',
];
/** Words that open the doors of the readers, mixed with what nobody foresaw. */
const word = fc.oneof(
  fc.constantFrom(
    'FROM node:20 AS x\n',
    'CMD ["a", "b"]\n',
    'RUN <<E\n',
    'ENV A=1 \\\n',
    'EXPOSE 80\n',
    'HEALTHCHECK CMD curl http://localhost:1/x\n',
    'services:\n',
    '  web:\n',
    '    build: .\n',
    '    image: redis\n',
    '    ports: [1, "2:3", {target: 4}]\n',
    '    <<: *a\n',
    '&a ',
    '*a ',
    '{"env": ',
    '"__proto__": ',
    '{"a": 1}',
    '[[',
    ']]',
    '[tools]\n',
    'node = "20"\n',
    '"constructor"',
    'web: ',
    '```sh\n',
    '$ npm start\n',
    'process.env.A',
    ' || ',
    "'x'",
    'os.environ["A"]',
    'z.object({\n  A: z.string(),\n})',
    '=',
    '"',
    "'",
    '\\',
    '\n',
    '\r\n',
    '\t',
    '#',
    '{',
    '}',
    '${',
    'A=',
    'postgres://u:p@h/d',
    'http://localhost:99999/',
    '0',
    'null',
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
);
const text = fc.array(word, { maxLength: 30 }).map((words) => words.join(''));

test('no text in any file makes a reader throw, and every hint it gives is one', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), text, { minKeys: 1, maxKeys: 6 }), (files) => {
      const { hints, notes } = readHints(treeOf({ ...files }), ['.', 'config']);
      for (const hint of hints) expect(Hint.safeParse(hint).success, JSON.stringify(hint)).toBe(true);
      expect(notes.every((note) => typeof note === 'string')).toBe(true);
    }),
    { numRuns: 800 },
  );
});

const indented = Array.from({ length: 600 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join('');
const repeated = [
  '[',
  '{',
  '"',
  '/*',
  'a: &a ',
  '- ',
  '${',
  "'",
  '\\\n',
  'A="',
  ' ',
  'process.env.A ',
  'if (!',
  '<<',
  '{"a":',
  'a:\n',
];

test.each([...repeated.map((piece) => [piece, piece.repeat(30_000 / piece.length)]), ['deeper and deeper', indented]])(
  'a file of %j over and over is read in time by every reader',
  (_, long) => {
    const begun = process.cpuUsage();
    readHints(treeOf(Object.fromEntries(names.map((name) => [name, long!]))), ['.']);
    expect(process.cpuUsage(begun).user / 1_000).toBeLessThan(5_000); // of the processor: others may want it too
  },
);

const name = fc.stringMatching(/^Q[A-Z_]{0,8}X$/);
const value = fc.stringMatching(/^[a-z0-9][a-z0-9 .:-]{0,10}$/).map((each) => each.trim());

test('what is written into a Dockerfile is read out of it', () => {
  const facts = fc.record({
    version: fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 0, max: 20 })).map((parts) => parts.join('.')),
    ports: fc.uniqueArray(fc.integer({ min: 1, max: 65_535 }), { maxLength: 3 }),
    env: fc.dictionary(name, value, { maxKeys: 3 }),
    argv: fc.array(fc.stringMatching(/^[a-z][a-z0-9./]{0,6}$/), { minLength: 1, maxLength: 4 }),
    folded: fc.boolean(),
  });
  fc.assert(
    fc.property(facts, ({ version, ports, env, argv, folded }) => {
      const argvText = argv.map((each) => JSON.stringify(each)).join(folded ? ', \\\n# between\n  ' : ', ');
      const Dockerfile = [
        `FROM python:${version}-slim`,
        ...ports.map((port) => `EXPOSE ${port}`),
        ...Object.entries(env).map(([key, each]) => `ENV ${key}=${JSON.stringify(each)}`),
        `CMD [${argvText}]`,
      ].join('\n');
      const { hints } = readHints(treeOf({ Dockerfile }), ['.']);
      const exposed = hints.flatMap((hint) => (hint.about === 'port' && hint.weight === 0.6 ? [hint.number] : []));
      expect(exposed).toEqual(ports);
      expect(hints).toContainEqual(expect.objectContaining({ about: 'version', tool: 'python', want: version }));
      const last = Dockerfile.split('\n').findIndex((line) => line.startsWith('CMD')) + 1;
      expect(hints).toContainEqual(
        expect.objectContaining({ about: 'command', command: argv.join(' '), from: `Dockerfile:${last}` }),
      );
      for (const [key, each] of Object.entries(env))
        expect(hints).toContainEqual(expect.objectContaining({ about: 'env', name: key, default: each }));
    }),
    { numRuns: 200 },
  );
});

test('what is written into a Procfile is read out of it', () => {
  const process = fc.tuple(fc.stringMatching(/^[a-z]{1,8}$/), fc.stringMatching(/^[a-z][a-z ./]{0,12}[a-z]$/));
  fc.assert(
    fc.property(fc.uniqueArray(process, { maxLength: 5, selector: ([key]) => key }), (processes) => {
      const Procfile = processes.map(([key, command]) => `${key}: ${command}`).join('\n');
      const { hints } = readHints(treeOf({ Procfile }), ['.']);
      expect(hints.map((hint) => hint.about === 'command' && [hint.role, hint.command, hint.from])).toEqual(
        processes.map(([key, command], index) => [
          key === 'web' ? 'start' : key === 'release' ? 'release' : 'worker',
          command,
          `Procfile:${index + 1}`,
        ]),
      );
    }),
    { numRuns: 200 },
  );
});
