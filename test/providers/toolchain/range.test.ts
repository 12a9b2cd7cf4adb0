import fc from 'fast-check';
import semver from 'semver';
import { expect, test } from 'vitest';
import { parseRange, readVersion, type Scheme } from '../../../providers/toolchain/range.js';

const rows: [Scheme, string | null, string[], string[]][] = [
  ['npm', null, ['0.1.0', '26.0.0'], []],
  ['npm', 'latest', ['20.0.0'], []],
  ['npm', '20', ['20.0.0', '20.20.2'], ['19.9.9', '21.0.0']],
  ['npm', 'v20.1', ['20.1.0', '20.1.9'], ['20.2.0']],
  ['npm', '20.x || >=22', ['20.9.0', '23.0.0'], ['21.0.0']],
  ['npm', '>=18 <21', ['18.0.0', '20.99.0'], ['21.0.0', '17.9.9']],
  ['npm', '>= 18.0.0', ['18.0.0'], ['17.0.0']],
  ['npm', '18.17.0 - 20', ['18.17.0', '20.5.0'], ['18.16.0', '21.0.0']],
  ['npm', 'lts/*', ['18.1.0', '20.0.0', '24.0.0'], ['19.0.0', '16.0.0']],
  ['npm', 'lts/hydrogen', ['18.20.0'], ['20.0.0']],
  ['npm', 'lts/-1', ['22.0.0'], ['24.0.0']],
  ['npm', 'node-v16.3.0', ['16.3.0'], ['16.3.1']],
  ['npm', 'pnpm@9.1.0+sha512.abc123', ['9.1.0'], ['9.1.1']],
  ['python', '>=3.10,<4', ['3.10.0', '3.14.1'], ['3.9.9', '4.0.0']],
  ['python', '>=3.8, !=3.9.7, <3.13', ['3.9.6', '3.12.9'], ['3.9.7', '3.13.0']],
  ['python', '!=3.9.*,>=3.8', ['3.8.1', '3.10.0'], ['3.9.0', '3.9.9']],
  ['python', '~=3.9', ['3.9.0', '3.12.0'], ['4.0.0', '3.8.0']],
  ['python', '~=3.9.2', ['3.9.2', '3.9.9'], ['3.10.0', '3.9.1']],
  ['python', '==3.11.*', ['3.11.0', '3.11.9'], ['3.12.0']],
  ['python', '==3.11.4', ['3.11.4'], ['3.11.5']],
  ['python', '>3.9', ['3.9.1', '3.10.0'], ['3.9.0']],
  ['python', '<=3.11', ['3.11.0'], ['3.11.1']],
  ['python', '^3.10', ['3.10.0', '3.99.0'], ['4.0.0', '3.9.0']],
  ['python', '~3.10', ['3.10.9'], ['3.11.0']],
  ['python', '^3.8 || ^4.0', ['3.8.0', '4.1.0'], ['5.0.0']],
  ['python', '>=3.8 <3.11', ['3.10.1'], ['3.11.0']],
  ['python', '3.11.x', ['3.11.0'], ['3.12.0']],
  ['python', '3.11', ['3.11.7'], ['3.12.0', '3.1.1']],
  ['python', '3', ['3.6.0'], ['2.7.18']],
  ['python', 'python-3.11.4', ['3.11.4'], ['3.11.3']],
  ['python', '*', ['3.8.0'], []],
  ['composer', '^7.4|^8.0', ['7.4.1', '8.3.0'], ['7.3.0', '9.0.0']],
  ['composer', '~8.1', ['8.1.0', '8.4.0'], ['9.0.0']],
  ['composer', '~8.1.2', ['8.1.9'], ['8.2.0']],
  ['composer', '>=8.1 <8.4', ['8.3.9'], ['8.4.0']],
  ['composer', '8.2.*', ['8.2.7'], ['8.3.0']],
  ['ruby', '~> 3.2', ['3.2.0', '3.9.0'], ['4.0.0', '3.1.0']],
  ['ruby', '~> 3.2.1', ['3.2.9'], ['3.3.0']],
  ['ruby', '>= 3.0, < 3.4', ['3.3.9'], ['3.4.0']],
  ['ruby', 'ruby-3.2.2', ['3.2.2'], ['3.2.3']],
  ['ruby', '3.2.2p53', ['3.2.2'], ['3.2.3']],
  ['minimum', '1.21', ['1.21.0', '1.25.0'], ['1.20.9', '2.0.0']],
  ['minimum', 'go1.22.3', ['1.22.3', '1.23.0'], ['1.22.2']],
  ['minimum', 'stable', ['1.9.0'], []],
  ['java', '17', ['17.0.2', '21.0.0'], ['11.0.0']],
  ['java', '1.8', ['1.8.0_392', '17.0.0'], ['7.0.0']],
  ['java', 'temurin-21.0.1+12', ['21.0.9'], ['20.0.0']],
  ['dotnet', 'net8.0', ['8.0.100'], ['9.0.0', '7.0.0']],
];
test.each(rows)('%s %j accepts %j and not %j', (scheme, want, yes, no) => {
  const range = parseRange(scheme, want)!;
  expect(yes.filter((version) => !range.accepts(version))).toEqual([]);
  expect(no.filter((version) => range.accepts(version))).toEqual([]);
});

test.each<[Scheme, string]>([
  ['npm', 'twenty'],
  ['npm', 'lts/unheard-of'],
  ['python', '~=3'],
  ['python', '>=3.8,,<4'],
  ['python', 'three'],
  ['python', 'pypy3.9-7.3.11'],
  ['python', '>=3.8 || '],
  ['ruby', 'jruby-9.4'],
  ['composer', '^8.1; rm -rf'],
  ['java', 'seventeen'],
])('%s %j is no range', (scheme, want) => {
  expect(parseRange(scheme, want)).toBeNull();
});

test.each([
  ['v20.20.2', 'npm', '20.20.2'],
  ['go version go1.21 linux/amd64', 'minimum', '1.21.0'],
  ['openjdk version "1.8.0_392"', 'java', '8.0.392'],
  ['java-17-openjdk-amd64', 'java', '17.0.0'],
  ['3.12.0rc1', 'python', '3.12.0'],
  ['none', 'npm', null],
] as const)('%j as %s is version %s', (text, scheme, version) => {
  expect(readVersion(text, scheme)).toBe(version);
});

const number = fc.integer({ min: 0, max: 40 });
const version = fc.tuple(number, number, number).map((parts) => parts.join('.'));

test('a comparison of Python accepts exactly what the comparison of numbers says', () => {
  const signs = {
    '>=': semver.gte,
    '<=': semver.lte,
    '>': semver.gt,
    '<': semver.lt,
    '==': semver.eq,
    '!=': semver.neq,
  };
  const sign = fc.constantFrom(...(Object.keys(signs) as (keyof typeof signs)[]));
  fc.assert(
    fc.property(sign, version, version, fc.boolean(), (is, limit, met, gap) => {
      expect(parseRange('python', `${is}${gap ? ' ' : ''}${limit}`)!.accepts(met)).toBe(signs[is](met, limit));
    }),
  );
});

test('a comma is "and", two bars are "or"', () => {
  const clause = fc.tuple(fc.constantFrom('>=', '<', '~=', '^', '!='), version).map((parts) => parts.join(''));
  fc.assert(
    fc.property(clause, clause, version, (a, b, met) => {
      const [one, two] = [parseRange('python', a)!.accepts(met), parseRange('python', b)!.accepts(met)];
      expect(parseRange('python', `${a},${b}`)!.accepts(met)).toBe(one && two);
      expect(parseRange('python', `${a} || ${b}`)!.accepts(met)).toBe(one || two);
    }),
  );
});

test('whatever is written, the answer is a range or null, in no time', () => {
  const schemes: Scheme[] = ['npm', 'python', 'composer', 'ruby', 'minimum', 'java', 'dotnet'];
  const piece = fc.constantFrom('>=', '3', '.', '1', ',', ' ', '*', '|', '~', 'x', '-', 'rc');
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 40 }).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(fc.constantFrom(...schemes), text, version, (scheme, want, met) => {
      expect(parseRange(scheme, want)?.accepts(met) ?? true).toBeTypeOf('boolean');
    }),
  );
});
