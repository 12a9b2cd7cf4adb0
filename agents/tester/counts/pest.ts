/** Pest, and Laravel's `php artisan test`: `  Tests:    1 failed, 1 skipped, 2 passed (3 assertions)`. */
import { before, countsBy, eachLine, type Format } from './counts.js';

export const pest: Format = {
  name: 'pest',
  read: (lines) =>
    eachLine(lines, /^ {2}Tests: {1,6}(?=\d)[\w, ]{0,200}(?: \(\d{1,7} assertions?\))?$/, ([text]) =>
      countsBy(
        before(text, 'passed|warnings?|risky|deprecated'),
        before(text, 'failed|errors?'),
        before(text, 'skipped|todos?|incompleted?|pending'),
      ),
    ),
};
