/** `dart test`: the last `00:01 +2 ~1 -1: Some tests failed.` */
import { countsBy, eachLine, type Format, number } from './counts.js';

const LINE =
  /^\d{2,4}:\d{2} \+(\d{1,7})(?: ~(\d{1,7}))?(?: -(\d{1,7}))?: (?:All tests passed!|Some tests failed\.|All tests skipped\.)/;

export const dart: Format = {
  name: 'dart',
  read: (lines) =>
    eachLine(lines, LINE, ([, passed, skipped, failed]) => countsBy(number(passed), number(failed), number(skipped))),
};
