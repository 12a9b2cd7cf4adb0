import { expect, test } from 'vitest';
import { explainText } from '../../../agents/fixer/explain.js';
import { rules } from '../../../agents/fixer/rules/index.js';
import { corpus } from './corpus.js';

/** Rules that know the same text: which of them it is depends on the repository. */
const kin = (id: string): string[] => [
  id,
  ...(rules.find((rule) => rule.id === id)?.after ?? []),
  ...rules.filter(({ after }) => after?.includes(id)).flatMap((rule) => [rule.id, ...(rule.after ?? [])]),
];

test.each(corpus.filter(({ rule }) => rule !== null))(
  'the text of $id alone names $rule, or one of its kind',
  (piece) => {
    const { rule, sure, about, line } = explainText(piece.text);
    if (sure) expect(kin(piece.rule!)).toContain(rule);
    else expect(about).toBeTypeOf('string');
    expect(line).toBeTypeOf('string');
  },
);

test('of most outputs the text alone tells the rule', () => {
  const known = corpus.filter(({ rule }) => rules.some(({ id, vague }) => id === rule && !vague));
  const exact = known.filter((piece) => explainText(piece.text).rule === piece.rule);
  expect(exact.length / known.length).toBeGreaterThan(0.85);
});

test.each(corpus.filter(({ rule }) => rule === null))('nothing is made up for $id', ({ text }) => {
  expect(explainText(text)).toMatchObject({ actions: [], error: null });
});

test('a repair is told with its cause, and what only a person can do with what to do', () => {
  expect(explainText('npm error code ERESOLVE\nnpm error ERESOLVE unable to resolve dependency tree')).toMatchObject({
    rule: 'peer-conflict',
    step: 'deps',
    actions: [{ do: 'set-command', role: 'install', commands: ['npm ci --legacy-peer-deps'] }],
    error: null,
    sure: true,
  });
  expect(explainText('Error: connect ECONNREFUSED 127.0.0.1:6379')).toMatchObject({
    rule: 'service-missing',
    actions: [],
    error: { code: 'SERVICE_MISSING', fix: expect.stringContaining('--env REDIS_URL=') },
  });
});
