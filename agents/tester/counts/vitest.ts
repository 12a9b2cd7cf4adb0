/** Vitest: `      Tests  1 failed | 2 passed | 1 skipped (4)`. */
import { add, before, countsBy, eachLine, type Format } from './counts.js';

export const vitest: Format = {
  name: 'vitest',
  read: (lines) =>
    eachLine(lines, /^ {0,10}Tests {2}(?:no tests|\d[\w| ]{0,200} \(\d{1,7}\))$/, ([text]) =>
      countsBy(before(text, 'passed'), before(text, 'failed'), before(text, 'skipped|todo')),
    ) ?? add(lines.some((line) => /^No test files found, exiting/.test(line)) ? [countsBy(0, 0, 0)] : []),
};
