/** ExUnit, gleeunit and bats: `1 doctest, 3 tests, 1 failure, 1 excluded, 1 skipped`. */
import { before, countsOfTotal, eachLine, type Format } from './counts.js';

export const exUnit: Format = {
  name: 'ex-unit',
  read: (lines) =>
    eachLine(
      lines,
      /^(?:\d{1,7} (?:doctests?|properties|property), ){0,2}\d{1,7} tests?, \d{1,7} failures?(?:, \d{1,7} (?:excluded|invalid|skipped)){0,3}$/,
      ([text]) =>
        countsOfTotal(
          before(text, 'doctests?|properties|property|tests?'),
          before(text, 'failures?|invalid'),
          before(text, 'skipped|excluded'),
        ),
    ),
};
