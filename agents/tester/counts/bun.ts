/** `bun test`: ` 2 pass`, ` 1 skip`, ` 1 todo`, ` 1 fail`, then `Ran 4 tests across 1 file.` */
import { add, type Counts, countsBy, type Format, number } from './counts.js';

export const bun: Format = {
  name: 'bun',
  read(lines) {
    const found: Counts[] = [];
    let now: Counts[] = [];
    for (const line of lines) {
      const [, count, word] = /^ (\d{1,7}) (pass|fail|skip|todo|error)s?$/.exec(line) ?? [];
      const n = number(count);
      if (word === 'pass') now = [countsBy(n, 0, 0)];
      else if (word === 'skip' || word === 'todo') now.push(countsBy(0, 0, n));
      else if (word !== undefined) now.push(countsBy(0, n, 0));
      else if (/^Ran \d{1,7} tests? across \d{1,7} files?\./.test(line)) {
        found.push(...now);
        now = [];
      }
    }
    return add(found);
  },
};
