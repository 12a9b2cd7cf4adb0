/** How what the admin asks people, and what was decided, is told to people. */
import type { Response } from '../../actors/front-door/contract.js';
import { columns, cut, harmless, type Paints, wrapped } from './paint.js';

type Decisions = Response<'admin.decisions'>;

/** That a person was asked is seen by the question. */
const ASKS = 'ask-person';
/** What is known about a question: the cause where there is one, else all of it. */
const factsText = (facts: Record<string, unknown>): string => String(facts.error ?? JSON.stringify(facts));
/** What was decided, oldest first; then what is asked, with how it is answered. */
export function decisionLines({ open, made }: Decisions, c: Paints): string[] {
  const short = (text: string, indent: number): string => harmless(cut(text, columns() - indent));
  return [
    ...made
      .filter(({ option }) => option !== ASKS)
      .flatMap(({ address, option, reason, by, facts }) => {
        const who = by === 'person' ? String(facts.who ?? by) : by;
        const why = reason === '' ? '' : `: ${reason}`;
        return [
          `${c.green('✓')} ${address}  ${c.bold(option)}  ${c.dim(short(`by ${who}${why}`, 0))}`,
          c.dim(`    ${short(factsText(facts), 4)}`),
        ];
      }),
    ...open.flatMap(({ id, question, options, facts }) => [
      `${c.yellow('?')} ${c.bold(id)}  ${question}`,
      ...wrapped(harmless(factsText(facts)), columns() - 4).map((line) => `    ${line}`),
      c.dim(`    rr decide ${id} ${options.join('|')}`),
    ]),
    ...(open.length === 0 ? ['nothing is asked'] : []),
  ];
}
