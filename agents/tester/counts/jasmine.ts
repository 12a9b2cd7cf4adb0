/** Jasmine: `4 specs, 1 failure, 1 pending spec`. */
import { before, countsOfTotal, eachLine, type Format } from './counts.js';

export const jasmine: Format = {
  name: 'jasmine',
  read: (lines) =>
    eachLine(lines, /^\d{1,7} specs?, \d{1,7} failures?(?:, \d{1,7} pending specs?)?$/, ([text]) =>
      countsOfTotal(before(text, 'specs?'), before(text, 'failures?'), before(text, 'pending specs?')),
    ),
};
