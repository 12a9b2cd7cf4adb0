/** AVA: `  2 tests passed`, or, where one fails, only `  1 test failed` behind a line `  ✔ adds` for each that passed. */
import { add, countsBy, eachLine, type Format, number } from './counts.js';

export const ava: Format = {
  name: 'ava',
  read(lines) {
    const all = eachLine(
      lines,
      /^ {2}(\d{1,7}) (?:(?:tests?|hooks?) (passed|failed|skipped|todo)|(known failures?|uncaught exceptions?|unhandled rejections?))$/,
      ([, count, word, other]) => {
        const n = number(count);
        if (word === 'passed') return countsBy(n, 0, 0);
        const failed = word === 'failed' || (other !== undefined && !other.startsWith('known'));
        return failed ? countsBy(0, n, 0) : countsBy(0, 0, n);
      },
    );
    if (all === null || all.passed > 0) return all;
    return add([all, countsBy(lines.filter((line) => /^ {2}✔ \S/.test(line)).length, 0, 0)]);
  },
};
