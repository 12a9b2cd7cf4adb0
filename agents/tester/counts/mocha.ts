/** Mocha (and Cypress): `  2 passing (5ms)`, `  1 pending`, `  1 failing`. */
import { add, type Counts, countsBy, type Format, number } from './counts.js';

export const mocha: Format = {
  name: 'mocha',
  read(lines) {
    const found: Counts[] = [];
    for (const line of lines) {
      const [, count, word] = /^ {2}(\d{1,7}) (passing(?= \()|pending|failing)/.exec(line) ?? [];
      if (word === 'passing') found.push(countsBy(number(count), 0, 0));
      // What stands before a first summary is not one's own.
      else if (word !== undefined && found.length > 0)
        found.push(word === 'failing' ? countsBy(0, number(count), 0) : countsBy(0, 0, number(count)));
    }
    return add(found);
  },
};
