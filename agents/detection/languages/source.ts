/** Source text with comments and strings blanked out, so that a pattern never matches inside them. Same length, same lines. */
import type { Evidence } from '../contract.js';
import type { Place } from '../place.js';

export interface Syntax {
  /** Openings of comments that end with the line. */
  line: readonly string[];
  block: readonly (readonly [open: string, close: string])[];
  /** Quotes with backslash escapes. */
  quotes: readonly string[];
  /** Quotes without escapes. */
  raw: readonly string[];
  /** `'x'` is a character; a lone `'` means something else (a lifetime). */
  chars: boolean;
}
const BLOCK = [['/*', '*/']] as const;
export const GO: Syntax = { line: ['//'], block: BLOCK, quotes: ['"'], raw: ['`'], chars: true };
export const RUST: Syntax = { line: ['//'], block: BLOCK, quotes: ['"'], raw: [], chars: true };
export const JAVA: Syntax = { line: ['//'], block: BLOCK, quotes: ['"""', '"'], raw: [], chars: true };
export const C: Syntax = { line: ['//'], block: BLOCK, quotes: ['"'], raw: [], chars: true };
export const PHP: Syntax = { line: ['//', '#'], block: BLOCK, quotes: ['"', "'"], raw: [], chars: false };
export const HASH: Syntax = { line: ['#'], block: [], quotes: ['"'], raw: ["'"], chars: false };
/** Double quotes hide nothing in a shell: variables work in them. A comment begins a word. */
export const SHELL: Syntax = { line: ['\n#', ' #', '\t#'], block: [], quotes: [], raw: ["'"], chars: false };
/** Elixir, Crystal, Gleam's and other strings: double quotes, three of them for a text of many lines. */
export const ELIXIR: Syntax = { line: ['#'], block: [], quotes: ['"""', '"'], raw: [], chars: true };
export const GLEAM: Syntax = { line: ['//'], block: [], quotes: ['"'], raw: [], chars: false };
export const SWIFT: Syntax = { line: ['//'], block: BLOCK, quotes: ['"""', '"'], raw: [], chars: false };
export const DART: Syntax = { line: ['//'], block: BLOCK, quotes: ['"""', "'''", '"', "'"], raw: [], chars: false };
export const HASKELL: Syntax = { line: ['--'], block: [['{-', '-}']], quotes: ['"'], raw: [], chars: true };
export const CLOJURE: Syntax = { line: [';'], block: [], quotes: ['"'], raw: [], chars: false };
export const XML: Syntax = { line: [], block: [['<!--', '-->']], quotes: [], raw: [], chars: false };
export const GRADLE: Syntax = { line: ['//'], block: BLOCK, quotes: ['"""', '"', "'"], raw: [], chars: false };

const CHARACTER = /'(?:\\(?:u\{?[0-9a-fA-F]+\}?|x[0-9a-fA-F]+|.)|[^\\'\r\n])'/uy;

/**
 * Passes each character once: linear on any text.
 * @param what `comments` leaves the insides of strings (coordinates of dependencies stand in strings).
 */
export function blank(text: string, syntax: Syntax, what: 'all' | 'comments' = 'all'): string {
  const out: string[] = [];
  let plain = 0;
  let index = 0;
  while (index < text.length) {
    const [from, to, after, isComment] = hiddenAt(text, index, syntax) ?? [index, index, index, false];
    if (after === index) {
      index++;
      continue;
    }
    const inside = text.slice(from, to);
    out.push(text.slice(plain, from), isComment || what === 'all' ? inside.replace(/[^\r\n]/g, ' ') : inside);
    plain = to;
    index = after;
  }
  out.push(text.slice(plain));
  return out.join('');
}

/** What is to be hidden if a comment, string or character begins here: from, to, and where code goes on. */
function hiddenAt(
  text: string,
  index: number,
  syntax: Syntax,
): [from: number, to: number, after: number, isComment: boolean] | null {
  const starts = (opening: string): boolean => text.startsWith(opening, index);
  const find = (closing: string, from: number): number => {
    const at = text.indexOf(closing, from);
    return at < 0 ? text.length : at;
  };
  if (syntax.line.some((open) => starts(open) || (index === 0 && starts(open.trimStart())))) {
    const end = find('\n', index + 1);
    return [index, end, end, true];
  }
  const block = syntax.block.find(([open]) => starts(open));
  if (block !== undefined) {
    const end = Math.min(text.length, find(block[1], index + block[0].length) + block[1].length);
    return [index, end, end, true];
  }
  const quote = syntax.quotes.find(starts) ?? syntax.raw.find(starts);
  if (quote !== undefined) {
    const from = index + quote.length;
    const to = syntax.raw.includes(quote) ? find(quote, from) : endOfQuoted(text, from, quote);
    return [from, to, Math.min(text.length, text.startsWith(quote, to) ? to + quote.length : to), false];
  }
  if (!syntax.chars || text[index] !== "'") return null;
  CHARACTER.lastIndex = index;
  const literal = CHARACTER.exec(text)?.[0];
  return literal === undefined ? null : [index + 1, index + literal.length - 1, index + literal.length, false];
}

function endOfQuoted(text: string, from: number, quote: string): number {
  for (let index = from; index < text.length; index++) {
    if (text[index] === '\\') index++;
    else if (text.startsWith(quote, index)) return index;
  }
  return text.length;
}

export interface Source {
  /** From the place. */
  file: string;
  text: string;
  /** The text with comments and the insides of strings as spaces. */
  code: string;
}
export interface Found {
  file: string;
  line: number;
  match: RegExpExecArray;
  /** The original text from the end of the match, at most 300 characters. */
  rest: string;
}

export function openSource(place: Place, file: string, syntax: Syntax): Source | null {
  const text = place.read(file, 300_000);
  return text === null ? null : { file, text, code: blank(text, syntax) };
}

/**
 * @param pattern with the g flag; matched against the code, so a string in it matches only its quotes.
 * @returns at most 500, each with the line of the first character that is not a space.
 */
export function findAll({ file, text, code }: Source, pattern: RegExp): Found[] {
  const found: Found[] = [];
  let line = 1;
  let seen = 0;
  for (const match of code.matchAll(pattern)) {
    const begin = match.index + (match[0].length - match[0].trimStart().length);
    for (; seen < begin; seen++) if (code[seen] === '\n') line++;
    const end = match.index + match[0].length;
    found.push({ file, line, match, rest: text.slice(end, end + 300) });
    if (found.length >= 500) break;
  }
  return found;
}

export function findFirst(sources: readonly Source[], pattern: RegExp): Found | null {
  for (const source of sources) {
    const [found] = findAll(source, pattern);
    if (found !== undefined) return found;
  }
  return null;
}

export const evidenceAt = (place: Place, claim: string, { file, line }: Pick<Found, 'file' | 'line'>): Evidence => ({
  claim,
  file: place.full(file),
  line,
});
export const citeAt = (place: Place, { file, line }: Pick<Found, 'file' | 'line'>): string =>
  `${place.full(file)}:${line}`;

/** The port at the beginning of text such as `":8080"`, `8080`, `"0.0.0.0:8080"`. */
export function portIn(text: string): number | null {
  const found = Number(/^[\s("'`]*(?:[\w.[\]*-]*:)?(\d{2,5})(?![\d.])/.exec(text)?.[1]);
  return Number.isInteger(found) && found >= 1 && found <= 65535 ? found : null;
}

/** The folders a file lies in, outermost first. */
export const foldersOf = (file: string): string[] => {
  const parts = file.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
};

export const isSecretName = (name: string): boolean =>
  /SECRET|PASSWORD|PASSWD|TOKEN|API_?KEY|PRIVATE|CREDENTIAL|_KEY$|_DSN$/i.test(name);

/** The way up (`..`, `../..`) to the nearest folder above that holds a file whose text is accepted. */
export function findAbove(place: Place, file: string, accepts: (text: string) => boolean): string | null {
  if (place.path === '.') return null;
  for (let up = '..', depth = place.path.split('/').length; depth > 0; depth--, up += '/..') {
    const text = place.read(`${up}/${file}`);
    if (text !== null && accepts(text)) return up;
  }
  return null;
}

export { word } from '../../../runtime/shell.js';
