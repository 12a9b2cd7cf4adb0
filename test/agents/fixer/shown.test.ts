/** Every rule says what shows it at work, or why nothing can. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { rules } from '../../../agents/fixer/rules/index.js';
import { faults } from '../../bench/heal/faults.js';
import { shown } from '../../bench/heal/shown.js';

const root = join(import.meta.dirname, '../../..');

test('every rule is told of once, and no other is', () => {
  expect(Object.keys(shown).sort()).toEqual(rules.map(({ id }) => id).sort());
});

test.each(Object.entries(shown))('%s: what it names is there', (rule, by) => {
  if ('fault' in by) {
    const fault = faults.find(({ kind }) => kind === by.fault)!;
    expect(fault, by.fault).toBeDefined();
    const isRepair = !('error' in rules.find(({ id }) => id === rule)!);
    if (isRepair) expect(fault.rules).toContain(rule);
    else expect(fault.rules).toEqual([]);
    for (const other of by.others ?? []) expect(rules.map(({ id }) => id)).toContain(other);
  } else if ('cannot' in by) expect(by.cannot.length).toBeGreaterThan(10);
  else {
    const text = readFileSync(join(root, by.by), 'utf8');
    if ('repo' in by) {
      expect(existsSync(join(root, 'test/repos', by.repo))).toBe(true);
      expect(text).toContain(by.repo);
    }
  }
});
