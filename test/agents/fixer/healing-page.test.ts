/** docs/healing.md is made from the rules. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { WORLDLY } from '../../../agents/fixer/contract.js';
import { rules } from '../../../agents/fixer/rules/index.js';
import type { Rule } from '../../../agents/fixer/rules/rule.js';
import { vocabulary } from '../../../agents/fixer/vocabulary.js';
import { faults } from '../../bench/heal/faults.js';
import { shown } from '../../bench/heal/shown.js';

const root = join(import.meta.dirname, '../../..');
const page = join(root, 'docs/healing.md');
/** Names of programs and files stay as they are written. */
const sentence = (text: string): string =>
  /^(?:npm|pnpm|yarn|bun|deno|node|opencv|cargo)\b|^\w*[A-Z.]|^`/.test(text.split(' ')[0]!)
    ? text
    : `${text[0]!.toUpperCase()}${text.slice(1)}`;

/** What shows it, and where there is none, why. */
function shownBy({ id }: Rule): string {
  const by = shown[id]!;
  if ('cannot' in by) return `- Not shown in a run of the tests: ${by.cannot}.`;
  if ('fault' in by) {
    const { repo } = faults.find(({ kind }) => kind === by.fault)!;
    return `- Shown in a run, without it and with it: ${by.fault}, in \`${repo}\`.`;
  }
  return `- Shown in a run: ${'repo' in by ? `\`test/repos/${by.repo}\`, by ` : ''}\`${by.by}\`.`;
}

function entry(rule: Rule): string[] {
  const real = readdirSync(join(root, 'test/agents/fixer/corpus'), { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.startsWith(`${rule.id}/`) && !path.endsWith('.written.txt'),
  ).length;
  return [
    `### \`${rule.id}\``,
    '',
    `${sentence(rule.about)}.`,
    '',
    `- At: ${rule.steps.map((step) => `\`${step}\``).join(', ')}${rule.code === undefined ? '' : `, with the error \`${rule.code}\``}.`,
    ...(rule.after === undefined ? [] : [`- Asked after: ${rule.after.map((id) => `\`${id}\``).join(', ')}.`]),
    'error' in rule
      ? '- Repair: none; the run ends with the cause and the one next step for a person.'
      : `- Repair: ${rule.does.map((word) => `\`${word}\``).join(', ')}. It helped when ${rule.proves}.`,
    shownBy(rule),
    ...(real === 0 ? ['- Its text follows what is known of the tool; it was not made here.'] : []),
    '',
    '```text',
    ...rule.signature.slice(0, 4).map(({ source }) => source),
    ...(rule.signature.length > 4 ? [`and ${rule.signature.length - 4} more`] : []),
    '```',
    '',
  ];
}
const made = (): string[] => [
  '## The repairs',
  '',
  'A rule may answer with these and no others. Each lies over the repository and is taken back by going back to what lay over it before.',
  '',
  '| repair | what it does | taken back |',
  '|---|---|---|',
  ...Object.entries(vocabulary).map(
    ([word, { does, undo }]) =>
      `| \`${word}\`${(WORLDLY as readonly string[]).includes(word) ? ' ¹' : ''} | ${does} | ${undo} |`,
  ),
  '',
  '¹ Offered only where the run can carry it out; else the rule after it says what a person must do.',
  '',
  `## The rules`,
  '',
  `${rules.length} rules, in the order in which they are asked: ${rules.filter((rule) => !('error' in rule)).length} repair, ${rules.filter((rule) => 'error' in rule).length} name what only a person or the machine can give.`,
  '',
  ...rules.flatMap(entry),
];

test('docs/healing.md tells every rule as it is (after a change: vitest -u)', async () => {
  const text = readFileSync(page, 'utf8');
  const [start, end] = [text.indexOf('-->', text.indexOf('<!-- rules:')) + 3, text.indexOf('<!-- /rules -->')];
  expect(start).toBeGreaterThan(3);
  await expect(`${text.slice(0, start)}\n\n${made().join('\n')}${text.slice(end)}`).toMatchFileSnapshot(page);
});
