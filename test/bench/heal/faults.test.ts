import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { rules } from '../../../agents/fixer/rules/index.js';
import { faults } from './faults.js';

test('each kind of fault is there once, in a repository of the tests, and names rules that are there', () => {
  const ids = new Set(rules.map(({ id }) => id));
  const kinds = faults.map(({ kind }) => kind);
  expect(kinds.filter((kind, n) => kinds.indexOf(kind) !== n)).toEqual([]);
  expect(faults.flatMap((fault) => fault.rules.filter((rule) => !ids.has(rule)))).toEqual([]);
  expect(faults.filter(({ repo }) => !existsSync(join(import.meta.dirname, '../../repos', repo)))).toEqual([]);
});
