import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { expected } from './expected.js';

test('every repository of the tests has something that is expected of it', () => {
  const here = readdirSync(join(import.meta.dirname, '../../repos')).sort();
  expect([...new Set(expected.map(({ repo }) => repo))].sort()).toEqual(here);
});
