/** Every output of the corpus is answered by its rule, and by no other that is not meant to know it too. */
import { expect, test } from 'vitest';
import { find, heal, possible } from '../../../agents/fixer/match.js';
import { rules } from '../../../agents/fixer/rules/index.js';
import type { Rule } from '../../../agents/fixer/rules/rule.js';
import { healOf, lookOf } from './case.js';
import { corpus, unused } from './corpus.js';

const plain = (text: string): string => text.replace(/\u001b\[[\d;]*m/g, '');
/** Whether a rule would answer, if it were the only one. */
function answers(rule: Rule, { text, step, given }: (typeof corpus)[number]): boolean {
  const input = healOf({ ...given, step, tail: text });
  const found = find(rule, `${plain(text)}\n${input.error.message}`, input, lookOf(given));
  if (found === null) return false;
  if ('error' in rule) return true;
  const actions = rule.actions(found);
  return actions.length > 0 && actions.every((action) => possible(action, input));
}

test.each(corpus)('$id at $step is answered by $rule', (piece) => {
  const { rule: wanted, text, step, given } = piece;
  const fact = heal(healOf({ ...given, step, tail: text }), lookOf(given));
  expect(rules.find((rule) => answers(rule, piece))?.id ?? null).toBe(wanted);
  const verdict = rules.some((rule) => rule.id === wanted && 'error' in rule);
  if (wanted === null || verdict) expect(fact.type).toBe('fixer.helpless');
  else expect(fact).toMatchObject({ type: 'fixer.fixed', rule: wanted });
  if (fact.type === 'fixer.fixed') {
    const rule = rules.find(({ id }) => id === wanted)!;
    for (const action of fact.actions) expect('does' in rule && rule.does).toContain(action.do);
    // What is written where the owner works is ignored by git; all else is on a copy.
    if (fact.actions.some((action) => action.do === 'write-overlay-file')) expect(fact.overlay.copy).toBe(true);
  }
});

/** The rules that are said to know another's text as well, asked after it. */
const followers = (id: string): string[] => rules.filter(({ after }) => after?.includes(id)).map((rule) => rule.id);

test.each(corpus)('nothing but $rule, and what is meant to follow it, fires on $id', (piece) => {
  const firing = rules.filter((rule) => answers(rule, piece)).map(({ id }) => id);
  const meant = piece.rule === null ? [] : [piece.rule, ...followers(piece.rule)];
  expect(firing.filter((id) => !meant.includes(id))).toEqual([]);
});

test('a rule that follows another stands after it', () => {
  const at = new Map(rules.map(({ id }, n) => [id, n]));
  for (const { id, after = [] } of rules)
    for (const other of after) {
      expect(at.has(other), `${id} follows ${other}`).toBe(true);
      expect(at.get(other)!, `${id} follows ${other}`).toBeLessThan(at.get(id)!);
    }
});

test('every rule has an output in the corpus, and every piece that is told of is there', () => {
  const known = new Set(corpus.map(({ rule }) => rule));
  expect(rules.map(({ id }) => id).filter((id) => !known.has(id))).toEqual([]);
  expect(unused()).toEqual([]);
});
