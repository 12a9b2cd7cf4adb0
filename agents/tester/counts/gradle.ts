/** Gradle, which counts only where something fails: `5 tests completed, 1 failed, 1 skipped`. Its reports say the rest. */
import { before, countsOfTotal, eachLine, type Format } from './counts.js';

export const gradle: Format = {
  name: 'gradle',
  read: (lines) =>
    eachLine(lines, /^\d{1,7} tests? completed(?:, \d{1,7} (?:failed|skipped)){1,2}$/, ([text]) =>
      countsOfTotal(before(text, 'tests? completed'), before(text, 'failed'), before(text, 'skipped')),
    ),
};
