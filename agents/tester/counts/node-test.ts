/** `node --test`: the summary that its TAP (`# pass 2`) and its spec reporter (`ℹ pass 2`) both end with. */
import { add, type Counts, countsBy, type Format, number } from './counts.js';

const LINE = /^(?:#|ℹ) (tests|pass|fail|cancelled|skipped|todo) (\d{1,7})$/;

export const nodeTest: Format = {
  name: 'node:test',
  read(lines) {
    const found: Counts[] = [];
    let said: Record<string, number> = {};
    for (const line of lines) {
      const [, word, count] = LINE.exec(line) ?? [];
      if (word === undefined) continue;
      if (word === 'tests') said = {};
      said[word] = number(count);
      // Other TAP programs say tests, pass and fail; nobody else says what is to do.
      if (word === 'todo' && 'pass' in said)
        found.push(
          countsBy(said.pass ?? 0, (said.fail ?? 0) + (said.cancelled ?? 0), (said.skipped ?? 0) + (said.todo ?? 0)),
        );
    }
    return add(found);
  },
};
