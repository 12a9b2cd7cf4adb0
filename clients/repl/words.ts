import { fail } from '../../runtime/errors.js';

/**
 * Words as a shell divides them: by blanks, but not within quotes, which may begin in the middle of a word
 * (`--env "A=b c"`, `--env A='b c'`). Nothing else of a shell is known: no variable, no pattern.
 * @throws USAGE for a quote that is not closed.
 */
export function words(line: string): string[] {
  const found: string[] = [];
  let word: string | null = null;
  let quote: string | null = null;
  for (let at = 0; at < line.length; at += 1) {
    const char = line[at]!;
    if (char === quote) quote = null;
    else if (char === '\\' && quote !== "'" && at + 1 < line.length) {
      at += 1;
      word = (word ?? '') + line[at]!;
    } else if (quote === null && (char === '"' || char === "'")) {
      quote = char;
      word ??= '';
    } else if (quote === null && /\s/.test(char)) {
      if (word !== null) found.push(word);
      word = null;
    } else word = (word ?? '') + char;
  }
  if (quote !== null) throw fail('USAGE', { met: `${quote} is not closed in ${line}`, fix: 'close it' });
  return word === null ? found : [...found, word];
}
