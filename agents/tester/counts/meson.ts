/** `meson test`: `Ok:                 2`, `Fail:               1`, `Skipped:            1`. */
import { add, type Counts, countsBy, type Format, number } from './counts.js';

export const meson: Format = {
  name: 'meson',
  read(lines) {
    const found: Counts[] = [];
    for (const line of lines) {
      const [, word, count] =
        /^(Ok|Expected Fail|Fail|Unexpected Pass|Skipped|Ignored|Timeout): {3,25}(\d{1,7}) {0,4}$/.exec(line) ?? [];
      const n = number(count);
      if (word === 'Ok') found.push(countsBy(n, 0, 0));
      else if (word !== undefined && found.length > 0)
        found.push(/^(?:Fail|Unexpected Pass|Timeout)$/.test(word) ? countsBy(0, n, 0) : countsBy(0, 0, n));
    }
    return add(found);
  },
};
