/**
 * Version ranges as each ecosystem writes them, brought to one form. Pure.
 *
 * The same sign means different things: `~8.1` stops before 8.2 for npm and Poetry and before 9 for Composer; `3.11`
 * alone is any 3.11 where people write it, whatever the letter of the specification; in a go.mod it is a minimum.
 */
import semver from 'semver';

export type Scheme = 'npm' | 'python' | 'composer' | 'ruby' | 'minimum' | 'java' | 'dotnet';
export interface Range {
  /** As it was wanted. */
  text: string;
  /** Every version will do. */
  any: boolean;
  /** The smallest version that will do is the best one: a newer major is allowed, not wanted. */
  nearest: boolean;
  /** A release channel that must be met: `nightly`, `beta`. */
  channel: string | null;
  accepts(version: string): boolean;
}

interface Alternative {
  all: string;
  not: string[];
}

const ltsNames: Record<string, number> = {
  argon: 4,
  boron: 6,
  carbon: 8,
  dubnium: 10,
  erbium: 12,
  fermium: 14,
  gallium: 16,
  hydrogen: 18,
  iron: 20,
  jod: 22,
  krypton: 24,
};
const oldestLts = 18;
const newestLts = 24;
const anyWords = /^(?:|\*|x|any|latest|stable|current|node|system|default)$/i;

/**
 * The three numbers of whatever a tool prints or a folder is called: `v20.1`, `go1.21.5`, `3.12.0rc1`, `1.8.0_392`
 * (Java 8), `temurin-17.0.9+9`. null: no number in it.
 */
export function readVersion(text: string, scheme: Scheme = 'npm'): string | null {
  const match = /(?:^|[^\d.])(\d{1,6})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(?:_(\d{1,6}))?/.exec(text);
  if (match === null) return null;
  const [major, minor, patch, update] = match.slice(1).map((part) => (part === undefined ? undefined : Number(part)));
  if (scheme === 'java' && major === 1 && minor !== undefined) return `${minor}.0.${update ?? patch ?? 0}`;
  return `${major}.${minor ?? 0}.${patch ?? 0}`;
}

/**
 * @param want null: any version.
 * @returns null when this is not a range of that ecosystem.
 */
export function parseRange(scheme: Scheme, want: string | null): Range | null {
  const text = (want ?? '').trim();
  const range = (alternatives: Alternative[], more: Partial<Range> = {}): Range | null => {
    const valid = alternatives.flatMap(({ all, not }) => [all, ...not]).every((one) => semver.validRange(one) !== null);
    if (!valid) return null;
    const accepts = (version: string): boolean => {
      const plain = readVersion(version, scheme);
      if (plain === null) return false;
      return alternatives.some(
        ({ all, not }) => semver.satisfies(plain, all) && !not.some((n) => semver.satisfies(plain, n)),
      );
    };
    return { text: text || '*', any: false, nearest: false, channel: null, accepts, ...more };
  };
  const one = (all: string, more?: Partial<Range>): Range | null => range([{ all, not: [] }], more);

  if (anyWords.test(text)) return one('*', { any: true });
  switch (scheme) {
    case 'npm': {
      const plain = text.replace(/^(?:node|nodejs|bun|deno|npm|pnpm|yarn)[-@ ]/i, '').replace(/\+[\w.-]+$/, '');
      const lts = /^-{0,2}lts(?:\/(.+))?$/i.exec(plain);
      if (lts === null) return one(plain);
      const name = (lts[1] ?? '*').toLowerCase();
      if (name === '*')
        return one(
          ltsMajors()
            .map((major) => `${major}.x`)
            .join(' || '),
        );
      const major = /^-\d$/.test(name) ? newestLts + 2 * Number(name) : ltsNames[name];
      return major === undefined ? null : one(`${major}.x`);
    }
    case 'minimum':
    case 'java':
    case 'dotnet': {
      const channel = scheme === 'minimum' ? /^(?:nightly|beta)\b/i.exec(text)?.[0] : undefined;
      if (channel !== undefined) return one('*', { any: true, channel: channel.toLowerCase() });
      if (/[<>=^~|*]/.test(text)) {
        const written = readClauses(text, 'pessimistic');
        return written === null ? null : range(written, { nearest: scheme === 'java' });
      }
      const version = /^[\w.+-]*$/.test(text) ? readVersion(text, scheme) : null;
      if (version === null) return null;
      const major = semver.major(version);
      if (scheme === 'minimum') return one(`>=${version} <${major + 1}.0.0`);
      return scheme === 'java' ? one(`>=${major}.0.0`, { nearest: true }) : one(`^${version}`);
    }
    default: {
      const plain = text
        .replace(/^(?:c?python|ruby|php)[- ]?(?=\d)/i, '')
        .replace(/@(?:stable|dev|beta|alpha|rc)\b/gi, '');
      const written = readClauses(plain, scheme === 'python' ? 'npm' : 'pessimistic');
      return written === null ? null : range(written);
    }
  }
}

const ltsMajors = (): number[] => Array.from({ length: (newestLts - oldestLts) / 2 + 1 }, (_, n) => oldestLts + 2 * n);

const signs = /^(~=|~>|===|==|!=|<=|>=|=|<|>|\^|~)?\s*v?/;
const numbers = /^(\d{1,6}(?:\.\d{1,9}){0,2})(?:\.\d{1,9})?(\.[*x](?:\.[*x])?)?/i;
/** `rc1`, `-preview2`, `p53`, `-dev`: what comes after the numbers and is not weighed. */
const tag = /^[-.]?(?:dev|preview|rc|alpha|beta|a|b|p)\.?\d*/i;
const between = /^(?:\s*,\s*|\s+|$)/;

/** `>=3.8,<4 || ^5` as alternatives of npm ranges; null where anything in it cannot be read. */
function readClauses(text: string, tilde: 'npm' | 'pessimistic'): Alternative[] | null {
  const alternatives: Alternative[] = [];
  for (const part of text.split(/\s*\|\|?\s*/)) {
    const hyphen = /^\s*(\d[\d.]*)\s+-\s+(\d[\d.]*)\s*$/.exec(part);
    if (hyphen !== null) {
      alternatives.push({ all: `${hyphen[1]} - ${hyphen[2]}`, not: [] });
      continue;
    }
    const all: string[] = [];
    const not: string[] = [];
    let rest = part.trim();
    if (rest === '') return null;
    if (rest === '*') rest = '>=0';
    /** Takes what stands at the start; null: it does not stand there. */
    const take = (what: RegExp): RegExpExecArray | null => {
      const match = what.exec(rest);
      if (match !== null) rest = rest.slice(match[0].length);
      return match;
    };
    while (rest !== '') {
      const sign = take(signs)![1] ?? '';
      const match = take(numbers);
      if (match === null) return null;
      take(tag);
      if (take(between) === null) return null;
      const clause = readClause(sign, match[1]!.split('.').map(Number), match[2] !== undefined, tilde);
      if (clause === null) return null;
      (clause.not ? not : all).push(clause.range);
    }
    alternatives.push({ all: all.join(' ') || '*', not });
  }
  return alternatives;
}

function readClause(
  sign: string,
  parts: number[],
  wild: boolean,
  tilde: 'npm' | 'pessimistic',
): { range: string; not?: true } | null {
  const [major, minor] = [parts[0]!, parts[1] ?? 0];
  const whole = `${major}.${minor}.${parts[2] ?? 0}`;
  // `3.11`, `3.11.*` and `3` stand for all that begins so.
  const begins = parts.length === 3 ? whole : `${[...parts, 'x'].join('.')}`;
  const pessimistic = parts.length === 3 ? `>=${whole} <${major}.${minor + 1}.0` : `>=${whole} <${major + 1}.0.0`;
  switch (sign) {
    case '!=':
      return { range: wild ? begins : whole, not: true };
    case '':
    case '=':
    case '==':
    case '===':
      return { range: begins };
    case '^':
      return { range: `^${parts.join('.')}` };
    case '~=':
      return parts.length === 1 ? null : { range: pessimistic };
    case '~>':
      return { range: pessimistic };
    case '~':
      return { range: tilde === 'pessimistic' ? pessimistic : `~${parts.join('.')}` };
    default:
      return { range: `${sign}${whole}` };
  }
}
