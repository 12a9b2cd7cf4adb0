/** `go test -v`: `--- PASS: TestOne (0.00s)`. A test that has parts is not counted beside them. */
import { countsBy, type Format } from './counts.js';

const LINE = /^( {0,100})--- (PASS|FAIL|SKIP): \S+ \(\d[\d.]*s\)$/;

export const go: Format = {
  name: 'go',
  read(lines) {
    const ends = lines.flatMap((line) => {
      const match = LINE.exec(line);
      return match === null ? [] : [{ depth: match[1]!.length, word: match[2]! }];
    });
    // Its parts stand indented behind it.
    const leaves = ends.filter(({ depth }, n) => (ends[n + 1]?.depth ?? 0) <= depth);
    const of = (word: string): number => leaves.filter((end) => end.word === word).length;
    if (leaves.length > 0) return countsBy(of('PASS'), of('FAIL'), of('SKIP'));
    return lines.some((line) => /^\?\s+\S+\s+\[no test files\]$|^ok\s+\S+\s.*\[no tests to run\]$/.test(line))
      ? countsBy(0, 0, 0)
      : null;
  },
};
