/** RSpec, Crystal's spec and hspec: `3 examples, 1 failure, 1 pending`. */
import { before, countsOfTotal, eachLine, type Format } from './counts.js';

export const rspec: Format = {
  name: 'rspec',
  read: (lines) =>
    eachLine(
      lines,
      /^(?:Finished in .{0,80}, )?\d{1,7} examples?, \d{1,7} failures?(?:, \d{1,7} (?:errors?|errors? occurred outside of examples|pending)){0,3}$/,
      ([text]) =>
        countsOfTotal(
          before(text, 'examples?'),
          before(text, 'failures?|errors?(?! occurred)'),
          before(text, 'pending'),
        ),
    ),
};
