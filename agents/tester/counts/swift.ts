/** `swift test`: the last `Executed 3 tests, with 1 test skipped and 1 failure (0 unexpected) in …` is of all of them. */
import { before, countsOfTotal, eachLine, type Format } from './counts.js';

const LINE =
  /^\t? {0,8}Executed \d{1,7} tests?, with (?:\d{1,7} tests? skipped and )?\d{1,7} failures? \(\d{1,7} unexpected\) in /;

export const swift: Format = {
  name: 'swift',
  read: (lines) =>
    eachLine(lines.filter((line) => LINE.test(line)).slice(-1), LINE, ([text]) =>
      countsOfTotal(before(text, 'tests?(?! skipped)'), before(text, 'failures?'), before(text, 'tests? skipped')),
    ),
};
