import { expect, test } from 'vitest';
import { faults } from '../../runtime/workflow/check.js';
import { tests } from '../../workflows/tests.js';

test('the workflow tests has every step that setting up needs, starts nothing, and is whole', () => {
  const ids = tests.steps.map(({ id }) => id);
  for (const id of ['environment', 'workspace', 'deps', 'build']) expect(ids).toContain(id);
  for (const id of ['port', 'start', 'prove']) expect(ids).not.toContain(id);
  expect(ids.at(-1)).toBe('test');
  expect(new Set(ids).size).toBe(ids.length);
  expect(faults(tests)).toEqual([]);
});
