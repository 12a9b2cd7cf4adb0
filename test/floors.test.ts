import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { packageRoot } from '../runtime/program.js';

const script = join(packageRoot(), 'scripts/floors.mjs');

test('all imports of the house go down', () => {
  expect(execFileSync(process.execPath, [script], { encoding: 'utf8' })).toContain('all imports go down');
});

test.each([
  [
    'a lower floor that looks up',
    'runtime/a.ts',
    "import { b } from '../agents/b/index.js';",
    'runtime looks up at agents',
  ],
  [
    'a type import that looks up',
    'providers/a.ts',
    "import type { B } from '../actors/b.js';",
    'providers looks up at actors',
  ],
  [
    'a dynamic import that looks up',
    'agents/a/index.ts',
    "const b = await import('../../actors/b.js');",
    'agents looks up at actors',
  ],
  [
    'an import over several lines',
    'workflows/a.ts',
    "import {\n  b,\n  c,\n} from '../actors/b.js';",
    'workflows looks up at actors',
  ],
  [
    'a re-export that looks up',
    'runtime/a.ts',
    "export { b } from '../checkpoints/b.js';",
    'runtime looks up at checkpoints',
  ],
  [
    'a neighbour behind its contract',
    'agents/a/index.ts',
    "import { b } from '../b/index.js';",
    'neighbours import only',
  ],
  [
    'a manager that enters an agent',
    'managers/a/index.ts',
    "import { b } from '../../agents/b/rules.js';",
    'neighbours import only',
  ],
  [
    'a contract that imports more than zod',
    'agents/a/contract.ts',
    "import { setup } from 'xstate';",
    'a contract imports only zod',
  ],
  [
    'a client that enters the house',
    'clients/cli/a.ts',
    "import { b } from '../../agents/b/index.js';",
    'clients use contracts and the bus',
  ],
])('%s is found', (_, file, text, why) => {
  const root = mkdtempSync(join(tmpdir(), 'rr-floors-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), `${text}\n`);
  const { status, stderr } = spawnSync(process.execPath, [script, root], { encoding: 'utf8' });
  expect(stderr).toContain(`${file}:`);
  expect(stderr).toContain(why);
  expect(status).toBe(1);
});

test('a circle is found, and what is allowed is not', () => {
  const root = mkdtempSync(join(tmpdir(), 'rr-floors-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, 'runtime'));
  mkdirSync(join(root, 'agents/a'), { recursive: true });
  writeFileSync(join(root, 'runtime/a.ts'), "import { b } from './b.js';\n");
  writeFileSync(join(root, 'runtime/b.ts'), "import { a } from './a.js';\n");
  writeFileSync(
    join(root, 'agents/a/index.ts'),
    "import { b } from '../b/contract.js';\nimport { a } from '../../runtime/a.js';\n",
  );
  const { stderr } = spawnSync(process.execPath, [script, root], { encoding: 'utf8' });
  expect(stderr.trim().split('\n')).toEqual([
    expect.stringMatching(/runtime\/a\.ts → runtime\/b\.ts → runtime\/a\.ts: a circle/),
  ]);
});
