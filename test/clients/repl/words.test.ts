import { expect, test } from 'vitest';
import { words } from '../../../clients/repl/words.js';

test.each([
  ['', []],
  ['  run  ./a ', ['run', './a']],
  [`run "a b" --env A='b "c"' --env "D=e f"`, ['run', 'a b', '--env', 'A=b "c"', '--env', 'D=e f']],
  [String.raw`a\ b "c\"d" 'e\f'`, ['a b', 'c"d', String.raw`e\f`]],
  [`signal r go --payload '{"n":1}' ''`, ['signal', 'r', 'go', '--payload', '{"n":1}', '']],
])('%j is the words %j', (line, wanted) => {
  expect(words(line)).toEqual(wanted);
});
test('a quote that is not closed is refused', () => {
  expect(() => words(`run 'a b`)).toThrow(/is not closed/);
});
