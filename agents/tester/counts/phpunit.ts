/** PHPUnit: `OK (3 tests, 5 assertions)`, or `Tests: 3, Assertions: 5, Failures: 1, Skipped: 1.` */
import { add, after, before, countsBy, countsOfTotal, eachLine, type Format } from './counts.js';

export const phpunit: Format = {
  name: 'phpunit',
  read: (lines) =>
    eachLine(
      lines,
      /^(?:OK \(\d{1,7} tests?, \d{1,7} assertions?\)|Tests: \d{1,7}, Assertions: \d{1,7}(?:, [\w ]{1,40}: \d{1,7}){0,10}\.)$/,
      ([text]) =>
        text.startsWith('OK')
          ? countsBy(before(text, 'tests?'), 0, 0)
          : countsOfTotal(after(text, 'Tests'), after(text, 'Failures|Errors'), after(text, 'Skipped|Incomplete')),
    ) ?? add(lines.some((line) => /^No tests (?:executed|found)!/.test(line)) ? [countsBy(0, 0, 0)] : []),
};
