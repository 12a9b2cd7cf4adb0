import { appendFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openLog } from '../../runtime/log.js';
import { until } from './broker/help.js';

test('a log is bounded while it is written to, and keeps one older part', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'rr-log-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, 'host.log');
  const flood = 'x'.repeat(9 * 1024 * 1024);
  writeFileSync(path, flood);
  const log = openLog('info', path);
  expect(statSync(`${path}.1`).size).toBe(flood.length);
  appendFileSync(path, flood);
  await until('it is cut', () => statSync(path).size < flood.length);
  log.info('goes on');
  await until('it goes on', () => statSync(path).size > 0);
  expect(statSync(path).size).toBeLessThan(1_000);
}, 10_000);
