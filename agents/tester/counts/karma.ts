/** Karma (`ng test`): the last `Executed 3 of 4 (1 FAILED) (skipped 1)` of each browser. */
import { add, type Counts, countsBy, type Format, number } from './counts.js';

const LINE = /^(.{0,200}?)Executed (\d{1,7}) of (\d{1,7})\b(.{0,200})$/;

export const karma: Format = {
  name: 'karma',
  read(lines) {
    const last = new Map<string, Counts>();
    for (const line of lines) {
      const [, browser, executed, , rest = ''] = LINE.exec(line) ?? [];
      if (browser === undefined) continue;
      const failed = Math.min(number(/\((\d{1,7}) FAILED\)/.exec(rest)?.[1]), number(executed));
      const skipped = number(/\(skipped (\d{1,7})\)/.exec(rest)?.[1]);
      last.set(browser, countsBy(number(executed) - failed, failed, skipped));
    }
    return add([...last.values()]);
  },
};
