/** Playwright: `  1 failed`, `  1 skipped`, `  1 flaky`, `  2 passed (3.1s)`. */
import { add, type Counts, countsBy, type Format, number } from './counts.js';

export const playwright: Format = {
  name: 'playwright',
  read(lines) {
    const found: Counts[] = [];
    const now: Counts[] = [];
    let isOver = false;
    for (const line of lines) {
      const [, count, word, time] =
        /^ {2}(\d{1,7}) (failed|interrupted|flaky|skipped|did not run|passed)( \([\d.]+m?s?\))?$/.exec(line) ?? [];
      if (word === undefined) continue;
      const n = number(count);
      if (word === 'failed' || word === 'interrupted') now.push(countsBy(0, n, 0));
      else now.push(word === 'skipped' || word === 'did not run' ? countsBy(0, 0, n) : countsBy(n, 0, 0));
      // The time stands behind those that passed, the last line; where none did there is none.
      isOver = word === 'passed' && time !== undefined;
      if (isOver) found.push(...now.splice(0));
    }
    return add(
      found.length > 0 || now.length === 0
        ? found
        : lines.some((line) => /^Running \d{1,7} tests? using/.test(line))
          ? now
          : [],
    );
  },
};
