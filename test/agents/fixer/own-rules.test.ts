import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { heal } from '../../../agents/fixer/match.js';
import { readRules, rulesIn } from '../../../agents/fixer/own-rules.js';
import { healOf, lookOf } from './case.js';

const whole = `
- id: our-vault
  about: the vault of the company is sealed
  steps: [start]
  signature:
    - 'vault (\\w+) is sealed'
  cause: the vault $1 is sealed
  actions:
    - { do: set-env, name: VAULT_MODE, value: open }
- id: our-gate
  about: the gate wants a badge
  steps: [start]
  signature: ['badge required']
  cause: the gate wants a badge
  do: ask the gatekeeper
`;

test('a rule of the user repairs, or says what a person must do', () => {
  const { rules, faults } = readRules('a.yaml', whole);
  expect(faults).toEqual([]);
  expect(heal(healOf({ tail: 'Error: vault north is sealed' }), lookOf({}), rules)).toMatchObject({
    rule: 'our-vault',
    cause: 'the vault north is sealed',
    overlay: { env: { VAULT_MODE: 'open' } },
  });
  expect(heal(healOf({ tail: 'badge required' }), lookOf({}), rules)).toMatchObject({
    type: 'fixer.helpless',
    error: { code: 'COMMAND_FAILED', fix: 'ask the gatekeeper' },
  });
});

test.each<[string, string, number, RegExp]>([
  [
    'a bad pattern',
    whole.replace("'badge required'", "'badge (required'"),
    13,
    /signature: Invalid regular expression/,
  ],
  [
    'an unknown step',
    whole.replace('steps: [start]\n  signature:\n', 'steps: [begin]\n  signature:\n'),
    4,
    /^steps\.0: /,
  ],
  ['a repair of no vocabulary', whole.replace('do: set-env', 'do: format-disk'), 9, /actions\.0/],
  ['a name that is taken', whole.replace('id: our-gate', 'id: our-vault'), 10, /there is a rule our-vault/],
  ['a name of ours', whole.replace('id: our-gate', 'id: heap'), 10, /there is a rule heap/],
  ['neither repair nor words', whole.replace('  do: ask the gatekeeper\n', ''), 10, /either actions or do/],
  ['what is no YAML', '- id: [', 1, /./],
])('%s is told with its line', (_, text, line, what) => {
  const { faults } = readRules('a.yaml', text);
  expect(faults[0]).toMatchObject({ file: 'a.yaml', line, what: expect.stringMatching(what) });
});

test('a fault of one rule leaves the others', () => {
  const { rules } = readRules('a.yaml', whole.replace("'badge required'", "'badge (required'"));
  expect(rules.map(({ id }) => id)).toEqual(['our-vault']);
});

test('a pattern that goes back and forth without end is ended, and what it would have met is known to nobody', () => {
  const { rules } = readRules('a.yaml', whole.replace("'badge required'", "'^(a+)+$'"));
  const began = performance.now();
  expect(heal(healOf({ tail: `${'a'.repeat(300)}!` }), lookOf({}), rules).type).toBe('fixer.helpless');
  expect(performance.now() - began).toBeLessThan(2_000);
});

test('the folder is read in the order of its names, and a file that is no rule is told', () => {
  const state = mkdtempSync(join(tmpdir(), 'rr-rules-'));
  onTestFinished(() => rmSync(state, { recursive: true, force: true }));
  expect(rulesIn(state)).toEqual({ rules: [], faults: [] });
  mkdirSync(join(state, 'rules'));
  writeFileSync(join(state, 'rules/b.yaml'), whole);
  writeFileSync(join(state, 'rules/a.json'), '{"id": "one"}');
  writeFileSync(join(state, 'rules/notes.txt'), 'no rule');
  const { rules, faults } = rulesIn(state);
  expect(rules.map(({ id }) => id)).toEqual(['our-vault', 'our-gate']);
  expect(new Set(faults.map(({ file }) => file))).toEqual(new Set(['a.json']));
});
