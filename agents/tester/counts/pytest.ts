/** pytest: `==== 1 failed, 4 passed, 1 skipped, 1 xfailed, 1 error in 3.24s ====`; with -q without the bars. */
import { before, countsBy, eachLine, type Format } from './counts.js';

const LINE =
  /^(?:=+ )?(?:no tests ran|\d{1,7} (?:failed|passed|skipped|deselected|xfailed|xpassed|warnings?|errors?|rerun)\b[\w, ]{0,200}) in \d[\d.]*s\b/;

export const pytest: Format = {
  name: 'pytest',
  // As its own JUnit report has it: what is expected to fail and does is skipped.
  read: (lines) =>
    eachLine(lines, LINE, ([text]) =>
      countsBy(before(text, 'passed|xpassed'), before(text, 'failed|errors?'), before(text, 'skipped|xfailed')),
    ),
};
