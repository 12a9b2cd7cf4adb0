/** `dotnet test`: `Failed!  - Failed:     1, Passed:     2, Skipped:     1, Total:     4, Duration: …`, once an assembly. */
import { add, after, type Counts, countsBy, eachLine, type Format, number } from './counts.js';

export const dotnet: Format = {
  name: 'dotnet',
  read: (lines) =>
    eachLine(
      lines,
      /^ {0,4}(?:Passed|Failed|Skipped)! {1,4}- Failed: {1,20}\d{1,7}, Passed: {1,20}\d{1,7}, Skipped: {1,20}\d{1,7}, Total: .{0,300}$/,
      ([text]) => countsBy(after(text, 'Passed'), after(text, 'Failed'), after(text, 'Skipped')),
    ) ?? add(blocks(lines)),
};
/** Of the newer console: `Total tests: 4`, then `     Passed: 2` and the others. */
function blocks(lines: readonly string[]): Counts[] {
  const found: Counts[] = [];
  for (const [n, line] of lines.entries()) {
    if (!/^Total tests: \d{1,7}$/.test(line)) continue;
    const parts = lines.slice(n + 1, n + 4).filter((one) => /^ {1,10}(?:Passed|Failed|Skipped): \d{1,7}$/.test(one));
    const of = (word: string): number =>
      parts.reduce((sum, one) => sum + number(new RegExp(`${word}: (\\d+)`).exec(one)?.[1]), 0);
    found.push(countsBy(of('Passed'), of('Failed'), of('Skipped')));
  }
  return found;
}
