/** What a test runner's output says of its tests, and how such words are read. Pure: any text is taken, nothing throws. */
export interface Counts {
  passed: number;
  /** Errors too. */
  failed: number;
  /** Skipped, pending, to do, expected to fail. */
  skipped: number;
  total: number;
}
/** One way to print counts. */
export interface Format {
  name: string;
  /** @param lines plain text, those without a digit left out but for words like `no tests`. @returns null: it is not of this format. */
  read(lines: readonly string[]): Counts | null;
}

/** A number that somebody printed; longer ones are no counts. */
export const number = (text: string | undefined): number =>
  text !== undefined && /^\d{1,7}$/.test(text) ? Number(text) : 0;

export const countsBy = (passed: number, failed: number, skipped: number): Counts => ({
  passed,
  failed,
  skipped,
  total: passed + failed + skipped,
});
/** Where only the total says how many passed. */
export const countsOfTotal = (total: number, failed: number, skipped: number): Counts =>
  countsBy(
    Math.max(0, total - failed - skipped),
    Math.min(failed, total),
    Math.min(skipped, Math.max(0, total - failed)),
  );

/** One run may have several summaries, one a package: they are added up. */
export const add = (all: readonly Counts[]): Counts | null =>
  all.length === 0
    ? null
    : all.reduce((a, b) => countsBy(a.passed + b.passed, a.failed + b.failed, a.skipped + b.skipped));

/** The counts of every line that matches. */
export const eachLine = (
  lines: readonly string[],
  pattern: RegExp,
  counts: (match: RegExpExecArray) => Counts,
): Counts | null =>
  add(
    lines.flatMap((line) => {
      const match = pattern.exec(line);
      return match === null ? [] : [counts(match)];
    }),
  );

/** `1 failed, 2 passed` → the number before a word; several of one word are added. */
export const before = (text: string, words: string): number =>
  [...text.matchAll(new RegExp(`(?<![\\w.])(\\d{1,7}) (?:${words})(?!\\w)`, 'g'))].reduce(
    (sum, match) => sum + number(match[1]),
    0,
  );
/** `Failures: 1, Skipped: 2` → the number after a word. */
export const after = (text: string, words: string): number =>
  [...text.matchAll(new RegExp(`(?<!\\w)(?:${words}): {0,20}(\\d{1,7})(?!\\w)`, 'g'))].reduce(
    (sum, match) => sum + number(match[1]),
    0,
  );
