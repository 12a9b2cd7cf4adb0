/** Minitest and test-unit: `3 runs, 5 assertions, 1 failures, 0 errors, 1 skips`; `tests` and `pendings` with the latter. */
import { before, countsOfTotal, eachLine, type Format } from './counts.js';

export const minitest: Format = {
  name: 'minitest',
  read: (lines) =>
    eachLine(
      lines,
      /^\d{1,7} (?:runs|tests), \d{1,7} assertions, \d{1,7} failures, \d{1,7} errors, \d{1,7} (?:skips|pendings)\b.{0,100}$/,
      ([text]) =>
        countsOfTotal(
          before(text, 'runs|tests'),
          before(text, 'failures|errors'),
          before(text, 'skips|pendings|omissions'),
        ),
    ),
};
