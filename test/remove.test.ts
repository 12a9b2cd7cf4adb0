import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { removeTree } from './remove.js';

test('a folder that a dying process goes on to fill is removed all the same', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rr-remove-'));
  mkdirSync(join(folder, 'in'));
  const writes = `const end = Date.now() + 600;
    console.log('on');
    while (Date.now() < end) try { fs.writeFileSync('in/' + Math.random(), ''); } catch {}`;
  const writer = spawn(process.execPath, ['-e', writes], { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
  await once(writer.stdout, 'data');
  await removeTree(folder);
  expect(existsSync(folder)).toBe(false);
  if (writer.exitCode === null) await once(writer, 'exit');
});
