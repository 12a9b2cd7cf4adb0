/** Jest: `Tests:       1 failed, 1 skipped, 2 passed, 4 total`. */
import { add, before, countsBy, eachLine, type Format } from './counts.js';

export const jest: Format = {
  name: 'jest',
  read: (lines) =>
    eachLine(lines, /^Tests: {1,10}(?=\d)[\w, ]{0,200}\b\d{1,7} total$/, ([text]) =>
      countsBy(before(text, 'passed'), before(text, 'failed'), before(text, 'skipped|todo|pending')),
    ) ?? add(lines.some((line) => /^No tests found,/.test(line)) ? [countsBy(0, 0, 0)] : []),
};
