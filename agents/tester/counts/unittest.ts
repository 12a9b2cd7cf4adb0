/** Python's unittest, and Django's: `Ran 5 tests in 0.001s`, then `OK` or `FAILED (failures=1, errors=1, skipped=1)`. */
import { add, type Counts, countsOfTotal, type Format, number } from './counts.js';

export const unittest: Format = {
  name: 'unittest',
  read(lines) {
    const found: Counts[] = [];
    let ran: number | null = null;
    for (const line of lines) {
      const count = /^Ran (\d{1,7}) tests? in \d[\d.]*s$/.exec(line)?.[1];
      if (count !== undefined) ran = number(count);
      const end = /^(?:OK|FAILED|NO TESTS RAN)(?: \((.{0,200})\))?$/.exec(line);
      if (ran === null || end === null) continue;
      const of = (word: string): number => number(new RegExp(`(?:^|, )${word}=(\\d{1,7})`).exec(end[1] ?? '')?.[1]);
      found.push(
        countsOfTotal(
          ran,
          of('failures') + of('errors') + of('unexpected successes'),
          of('skipped') + of('expected failures'),
        ),
      );
      ran = null;
    }
    return add(found);
  },
};
