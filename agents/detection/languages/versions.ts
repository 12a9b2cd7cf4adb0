/** Version requirements of many languages, said as ranges that the `semver` package reads. */

/**
 * @param written as in requires-python, a Pipfile, runtime.txt, a Gemfile or composer.json: `>=3.8,<4`, `~=3.11`, `~> 3.2`, `^8.1|^8.2`.
 * @returns a semver range: `>=3.8 <4`, `>=3.11 <4`, `>=3.2 <4`, `^8.1 || ^8.2`; null when nothing of it is understood.
 */
export function toRange(written: string): string | null {
  // A requirement is short; what is not is none.
  const sides = written
    .slice(0, 200)
    .split(/\|\|?/)
    .map((side) => readParts(side).join(' '))
    .filter((side) => side !== '');
  return sides.length === 0 ? null : sides.join(' || ');
}

const PART = /(~=|~>|===?|!=|>=|<=|>|<|\^|~|=)?\s*v?(\d+(?:\.(?:\d+|\*|x))*(?:\.\*)?)[\w.+-]*/g;

function readParts(side: string): string[] {
  return [...side.matchAll(PART)].flatMap(([, sign = '', number = '']) => {
    const numbers = number.split('.');
    const plain = numbers
      .filter((each) => /^\d+$/.test(each))
      .slice(0, 3)
      .map((each) => String(Number(each)));
    const open = numbers.some((each) => each === '*' || each === 'x');
    const version = plain.join('.');
    if (sign === '!=') return [];
    // Compatible release: the last number given may rise.
    if (sign === '~=' || sign === '~>') {
      const upper = plain.slice(0, Math.max(1, plain.length - 1));
      const raised = [...upper.slice(0, -1), String(Number(upper.at(-1)) + 1)].join('.');
      return [`>=${version}`, `<${raised}`];
    }
    if (sign === '==' || sign === '===' || sign === '=' || sign === '')
      return [open || plain.length < 3 ? `${version}.x` : version];
    return [`${sign}${version}`];
  });
}
