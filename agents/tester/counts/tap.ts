/** The Test Anything Protocol, versions 12 to 14: a line for each test; node-tap's own totals where it prints them. */
import { countsBy, eachLine, type Format, number } from './counts.js';

export const tap: Format = {
  name: 'tap',
  read(lines) {
    // Files are its top level, and what they hold stands indented.
    const own = eachLine(lines, /^# \{ total: \d{1,7}(?:, \w+: \d{1,7})* \}$/, ([text]) => {
      const of = (word: string): number => number(new RegExp(`${word}: (\\d{1,7})`).exec(text)?.[1]);
      return countsBy(of('pass'), of('fail'), of('skip') + of('todo'));
    });
    if (own !== null) return own;
    if (!lines.some((line) => /^TAP version \d|^1\.\.\d{1,7}(?:\s|$)/.test(line))) return null;
    let [passed, failed, skipped] = [0, 0, 0];
    for (const line of lines) {
      const match = /^(not )?ok\b(.*)$/.exec(line);
      if (match === null) continue;
      if (/(?:^|[^\\])#\s*(?:skip|todo)/i.test(match[2]!)) skipped += 1;
      else if (match[1] === undefined) passed += 1;
      else failed += 1;
    }
    return countsBy(passed, failed, skipped);
  },
};
