/** CTest: `67% tests passed, 1 tests failed out of 3`; what it skipped it counts among those that passed. */
import { countsOfTotal, eachLine, type Format, number } from './counts.js';

export const ctest: Format = {
  name: 'ctest',
  read(lines) {
    const skipped = lines.filter((line) =>
      /^ {0,10}\d{1,7}\/\d{1,7} Test {1,5}#\d{1,7}: .{0,300}\*\*\*(?:Skipped|Not Run \(Disabled\))/.test(line),
    ).length;
    const all = eachLine(
      lines,
      /^\d{1,3}% tests passed, (\d{1,7}) tests failed out of (\d{1,7})$/,
      ([, failed, total]) => countsOfTotal(number(total), number(failed), 0),
    );
    if (all !== null) return countsOfTotal(all.total, all.failed, Math.min(skipped, all.passed));
    return lines.some((line) => line === 'No tests were found!!!') ? countsOfTotal(0, 0, 0) : null;
  },
};
