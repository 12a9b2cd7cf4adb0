/** `deno test`: `FAILED | 2 passed (1 step) | 1 failed | 1 ignored (5ms)`. */
import { before, countsBy, eachLine, type Format } from './counts.js';

export const deno: Format = {
  name: 'deno',
  read: (lines) =>
    eachLine(lines, /^(?:ok|FAILED) \| \d{1,7} passed\b.{0,200}$/, ([text]) =>
      countsBy(before(text, 'passed'), before(text, 'failed'), before(text, 'ignored')),
    ),
};
