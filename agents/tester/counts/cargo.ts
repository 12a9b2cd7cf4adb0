/** `cargo test`: `test result: FAILED. 1 passed; 1 failed; 1 ignored; …`, one for each target; and cargo-nextest's `Summary`. */
import { before, countsBy, eachLine, type Format } from './counts.js';

export const cargo: Format = {
  name: 'cargo',
  read: (lines) =>
    eachLine(lines, /^test result: (?:ok|FAILED)\. \d{1,7} passed; \d{1,7} failed; \d{1,7} ignored;/, ([text]) =>
      countsBy(before(text, 'passed'), before(text, 'failed'), before(text, 'ignored')),
    ) ??
    eachLine(lines, /^ {0,10}Summary \[ *\d[\d.]*s\] \d{1,7}(?:\/\d{1,7})? tests? run: .{0,200}$/, ([text]) =>
      countsBy(before(text, 'passed'), before(text, 'failed|timed out|exec failed'), before(text, 'skipped')),
    ),
};
