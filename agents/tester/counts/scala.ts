/** ScalaTest: `[info] Tests: succeeded 2, failed 1, canceled 0, ignored 1, pending 0`; MUnit under sbt: `[error] Failed: Total 3, …`. */
import { countsBy, countsOfTotal, eachLine, type Format, number } from './counts.js';

export const scala: Format = {
  name: 'scala',
  read: (lines) =>
    eachLine(
      lines,
      /^(?:\[\w+\] )?Tests: succeeded (\d{1,7}), failed (\d{1,7}), canceled (\d{1,7}), ignored (\d{1,7}), pending (\d{1,7})$/,
      ([, passed, failed, ...rest]) =>
        countsBy(
          number(passed),
          number(failed),
          rest.reduce((sum, one) => sum + number(one), 0),
        ),
    ) ??
    eachLine(
      lines,
      /^(?:\[\w+\] )?(?:Passed|Failed): Total (\d{1,7}), Failed (\d{1,7}), Errors (\d{1,7}), Passed (\d{1,7})/,
      ([, total, failed, errors]) => countsOfTotal(number(total), number(failed) + number(errors), 0),
    ),
};
