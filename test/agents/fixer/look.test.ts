import { appendFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { gather } from '../../../agents/fixer/look.js';
import { healOf } from './case.js';

test('of a log only what this start wrote is looked at, also when that is nothing, and all of one that was rotated since', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'rr-look-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const log = join(dir, 'web.log');
  writeFileSync(log, 'Error: listen EADDRINUSE: address already in use :::8080\n');
  const seen = async (logFrom?: number): Promise<string> => {
    const heal = healOf({ step: 'prove', tail: '500' });
    const evidence = { ...heal.evidence!, log, ...(logFrom === undefined ? {} : { logFrom }) };
    return (await gather({ ...heal, evidence }, null)).log;
  };
  const at = statSync(log).size;
  expect(await seen(at)).toBe('');
  appendFileSync(log, 'TypeError: of now\n');
  expect(await seen(at)).toBe('TypeError: of now');
  expect(await seen()).toContain('EADDRINUSE');
  writeFileSync(log, 'new\n');
  expect(await seen(at)).toBe('new');
});
