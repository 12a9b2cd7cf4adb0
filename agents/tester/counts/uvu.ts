/** uvu: `  Total:     2`, `  Passed:    1`, `  Skipped:   1`; its total leaves out what was skipped. */
import { add, type Counts, countsBy, type Format, number } from './counts.js';

export const uvu: Format = {
  name: 'uvu',
  read(lines) {
    const found: Counts[] = [];
    let said: Record<string, number> = {};
    for (const line of lines) {
      const [, word, count] = /^ {2}(Total|Passed|Skipped): {3,5}(\d{1,7})$/.exec(line) ?? [];
      if (word === undefined) continue;
      if (word === 'Total') said = {};
      said[word] = number(count);
      if (word !== 'Skipped' || said.Total === undefined) continue;
      const passed = Math.min(said.Passed ?? 0, said.Total);
      found.push(countsBy(passed, said.Total - passed, said.Skipped ?? 0));
    }
    return add(found);
  },
};
