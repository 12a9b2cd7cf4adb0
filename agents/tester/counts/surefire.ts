/** Maven's Surefire and Failsafe: `[ERROR] Tests run: 4, Failures: 1, Errors: 0, Skipped: 1`, once for each module. */
import { after, countsOfTotal, eachLine, type Format } from './counts.js';

export const surefire: Format = {
  name: 'surefire',
  // The lines of the classes go on with the time they took.
  read: (lines) =>
    eachLine(
      lines,
      /^(?:\[\w+\] )?Tests run: \d{1,7}, {1,2}Failures: \d{1,7}(?:, Errors: \d{1,7}, Skipped: \d{1,7})?$/,
      ([text]) => countsOfTotal(after(text, 'Tests run'), after(text, 'Failures|Errors'), after(text, 'Skipped')),
    ),
};
