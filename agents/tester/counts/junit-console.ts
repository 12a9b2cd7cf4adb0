/** The console launcher of the JUnit platform: `[         3 tests successful      ]`. */
import { add, type Counts, countsBy, type Format, number } from './counts.js';

export const junitConsole: Format = {
  name: 'junit',
  read(lines) {
    const found: Counts[] = [];
    for (const line of lines) {
      const [, count, word] =
        /^\[ {1,20}(\d{1,7}) tests (successful|failed|skipped|aborted) {1,20}\]$/.exec(line) ?? [];
      const n = number(count);
      if (word === 'successful') found.push(countsBy(n, 0, 0));
      else if (word !== undefined) found.push(word === 'failed' ? countsBy(0, n, 0) : countsBy(0, 0, n));
    }
    return add(found);
  },
};
