/**
 * Python text as logical lines of tokens, enough to see what is assigned, imported and called, and where.
 *
 * Not a parser: it knows strings (prefixes, triple quotes, escapes, nested f-strings), comments, brackets, line joining,
 * indentation and `;`. It never throws and never loops on any text: what is not Python becomes odd tokens.
 */
export interface Token {
  readonly kind: 'name' | 'number' | 'string' | 'op';
  /** For a string: what stands between its quotes, escapes as written. */
  readonly text: string;
  /** From 1. */
  readonly line: number;
  /** An f-string's text is not its value. */
  readonly formatted?: boolean;
}
/** A simple statement, or the head of a block (`if x:`); what follows a head on its line is a statement of its own. */
export interface Statement {
  readonly line: number;
  readonly indent: number;
  readonly tokens: readonly Token[];
}

// ASCII first: it is what nearly every name is, and far cheaper to match than all letters.
const NAME = /[A-Za-z_]\w*(?![^\x00-\x7f])|[\p{L}_][\p{L}\p{N}_]*/uy;
const NUMBER = /\d[\w.]*/y;
const STRING_START = /(?:[rbuft]|[rbft]{2})?("""|'''|"|')/iy;
const MAY_OPEN = new Set('"\'rbuftRBUFT');
const OPERATOR = /\*\*=|\/\/=|>>=|<<=|\.\.\.|!=|->|:=|[-+*/%&|^<>=@]=|\*\*|\/\/|<<|>>|./suy;
const BLOCK_WORDS = new Set([
  'if',
  'elif',
  'else',
  'for',
  'while',
  'try',
  'except',
  'finally',
  'with',
  'def',
  'class',
  'async',
  'match',
  'case',
]);
/** At the left margin inside an open bracket these say that the bracket was never closed. */
const RESTARTS = /(?:def|class|import)\s/y;

export function readStatements(text: string): Statement[] {
  return joinTokens(text).flatMap(splitLine);
}

type Logical = { indent: number; tokens: Token[] };

function joinTokens(text: string): Logical[] {
  const lines: Logical[] = [];
  let current: Logical | null = null;
  let depth = 0;
  let line = 1;
  let index = 0;
  let indent = 0;
  let atStart = true;
  const end = (): void => {
    if (current !== null) lines.push(current);
    current = null;
    depth = 0;
  };
  const push = (token: Token): void => {
    current ??= { indent, tokens: [] };
    current.tokens.push(token);
    atStart = false;
  };
  const match = (pattern: RegExp): string | null => {
    pattern.lastIndex = index;
    return pattern.exec(text)?.[0] ?? null;
  };
  while (index < text.length) {
    const char = text[index]!;
    if (char === '\n') {
      line++;
      index++;
      if (depth > 0 && match(RESTARTS) !== null) depth = 0;
      if (depth === 0) {
        end();
        atStart = true;
        indent = 0;
      }
      continue;
    }
    if (char === ' ' || char === '\t' || char === '\f' || char === '\r') {
      if (atStart && depth === 0) indent = char === '\t' ? (Math.floor(indent / 8) + 1) * 8 : indent + 1;
      index++;
      continue;
    }
    if (char === '#') {
      const next = text.indexOf('\n', index);
      index = next < 0 ? text.length : next;
      continue;
    }
    if (char === '\\' && /^\\\r?\n/.test(text.slice(index, index + 3))) {
      index = text.indexOf('\n', index) + 1;
      line++;
      continue;
    }
    const opening = MAY_OPEN.has(char) ? match(STRING_START) : null;
    if (opening !== null) {
      const quote = opening.endsWith('"""') || opening.endsWith("'''") ? opening.slice(-3) : opening.slice(-1);
      const prefix = opening.slice(0, opening.length - quote.length).toLowerCase();
      const formatted = prefix.includes('f') || prefix.includes('t');
      const begin = index + opening.length;
      const close = endOfString(text, begin, quote, formatted);
      push({ kind: 'string', text: text.slice(begin, close.content), line, ...(formatted ? { formatted } : {}) });
      line += countLines(text, index, close.after);
      index = close.after;
      continue;
    }
    const name = match(NAME);
    const number = name === null ? match(NUMBER) : null;
    const word = name ?? number ?? match(OPERATOR) ?? char;
    if (name === null && number === null) {
      if ('([{'.includes(word)) depth++;
      else if (')]}'.includes(word)) depth = Math.max(0, depth - 1);
    }
    push({ kind: name !== null ? 'name' : number !== null ? 'number' : 'op', text: word, line });
    index += word.length;
  }
  end();
  return lines;
}

/** A string in one kind of quotes ends at its line's end at the latest; braces of an f-string may hold further strings. */
function endOfString(
  text: string,
  begin: number,
  quote: string,
  formatted: boolean,
): { content: number; after: number } {
  const long = quote.length === 3;
  // What is still open, innermost last: a string by its quote, a replacement field by its depth of braces.
  const open: { quote: string; formatted: boolean; braces: number }[] = [{ quote, formatted, braces: 0 }];
  let index = begin;
  while (index < text.length) {
    const here = open.at(-1)!;
    const char = text[index]!;
    if (char === '\n' && !long) return { content: index, after: index };
    if (here.braces > 0) {
      STRING_START.lastIndex = index;
      const nested = STRING_START.exec(text);
      if (nested !== null && open.length < 50) {
        const inner = nested[1]!;
        open.push({ quote: inner, formatted: /[ft]/i.test(nested[0].slice(0, -inner.length)), braces: 0 });
        index += nested[0].length;
        continue;
      }
      if (char === '{') here.braces++;
      else if (char === '}') here.braces--;
      index++;
      continue;
    }
    if (char === '\\') {
      // A line joined inside a short string goes on; in `\` + CRLF the pair counts as one.
      index += text.startsWith('\r\n', index + 1) ? 3 : 2;
      continue;
    }
    if (text.startsWith(here.quote, index)) {
      open.pop();
      if (open.length === 0) return { content: index, after: index + quote.length };
      index += here.quote.length;
      continue;
    }
    if (here.formatted && char === '{') {
      if (text[index + 1] === '{') index++;
      else here.braces = 1;
    }
    index++;
  }
  return { content: text.length, after: text.length };
}

function countLines(text: string, from: number, to: number): number {
  let lines = 0;
  for (let at = text.indexOf('\n', from); at >= 0 && at < to; at = text.indexOf('\n', at + 1)) lines++;
  return lines;
}

function splitLine({ indent, tokens }: Logical): Statement[] {
  const parts: Statement[] = [];
  let begin = 0;
  let depth = 0;
  let lambdas = 0;
  let deeper = 0;
  const cut = (end: number): void => {
    const part = tokens.slice(begin, end);
    if (part.length > 0) parts.push({ line: part[0]!.line, indent: indent + deeper, tokens: part });
    begin = end + 1;
  };
  for (const [index, { kind, text }] of tokens.entries()) {
    if (kind === 'name' && text === 'lambda' && depth === 0) lambdas++;
    if (kind !== 'op') continue;
    if ('([{'.includes(text)) depth++;
    else if (')]}'.includes(text)) depth--;
    else if (depth > 0) continue;
    else if (text === ';') cut(index);
    else if (text === ':' && lambdas > 0) lambdas--;
    else if (
      text === ':' &&
      deeper === 0 &&
      BLOCK_WORDS.has(tokens[begin]?.text ?? '') &&
      tokens[begin]?.kind === 'name'
    ) {
      cut(index);
      deeper = 1;
    }
  }
  cut(tokens.length);
  return parts;
}
