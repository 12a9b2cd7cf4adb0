/**
 * What stands open at the end of a text being typed: which call, at which of its arguments, and how deep in a literal.
 * Reads and never evaluates, so it takes half a statement, and one that is wrong.
 */

/** An object or array literal that is not closed yet, from the outermost. */
export interface Level {
  /** Of an object: the key whose value is being typed, null where a key itself is. Of an array: null. */
  key: string | null;
  is: 'object' | 'array';
  /** Keys that are there already. */
  keys: string[];
  /** Those of them whose value is a plain text. */
  texts: Record<string, string>;
}
export interface Open {
  /** The innermost open call: the source of what is called, and of the arguments before this one. */
  call: { callee: string; before: string[] } | null;
  levels: Level[];
  /** Within quotes: which. */
  quote: string | null;
  /** What is within the quotes, or the chain of names and calls being typed: `job.st`, `run('x').`. */
  begun: string;
}

type Frame =
  | { is: 'call'; callee: string; before: string[]; from: number; chain: number }
  | { is: 'group'; chain: number }
  | (Level & { is: 'object'; name: string | null; chain: number })
  | (Level & { is: 'array'; chain: number });

const closes: Record<string, string> = { ')': '(', ']': '[', '}': '{' };
const isName = (char: string): boolean => /[\w$]/.test(char);

/** @returns null within a comment. */
export function openAt(text: string): Open | null {
  const frames: Frame[] = [{ is: 'group', chain: -1 }];
  const top = (): Frame => frames.at(-1)!;
  /** The last character that is no blank; what a name or a parenthesis after it means hangs on it. */
  let last = '';
  /** Begins a chain, unless what comes goes on with one. */
  const chain = (at: number): void => {
    if (last !== '.') top().chain = at;
  };
  const value = (read: string): void => {
    const frame = top();
    if (frame.is !== 'object') return;
    if (frame.key === null) frame.name = read;
    else frame.texts[frame.key] = read;
  };
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at]!;
    if (/\s/.test(char)) continue;
    if (char === '/' && text[at + 1] === '/') {
      const end = text.indexOf('\n', at);
      if (end < 0) return null;
      at = end;
      continue;
    }
    if (`'"\``.includes(char)) {
      const end = endOfQuoted(text, at);
      if (end < 0) return told(frames, char, unescaped(text.slice(at + 1)));
      chain(at);
      value(unescaped(text.slice(at + 1, end)));
      at = end;
      last = char;
      continue;
    }
    if (isName(char)) {
      let end = at;
      while (end < text.length && isName(text[end]!)) end += 1;
      chain(at);
      const frame = top();
      if (frame.is === 'object' && frame.key === null) frame.name = text.slice(at, end);
      at = end - 1;
      last = char;
      continue;
    }
    const frame = top();
    switch (char) {
      case '.':
        break;
      case '?':
        if (text[at + 1] !== '.') frame.chain = -1;
        break;
      case '(':
        if (frame.chain >= 0 && (isName(last) || last === ')' || last === ']')) {
          const callee = text.slice(frame.chain, at).trim();
          frames.push({ is: 'call', callee, before: [], from: at + 1, chain: -1 });
        } else {
          chain(at);
          frames.push({ is: 'group', chain: -1 });
        }
        break;
      case '{':
        chain(at);
        frames.push({ is: 'object', key: null, name: null, keys: [], texts: {}, chain: -1 });
        break;
      case '[':
        if (last === '' || !(isName(last) || last === ')' || last === ']')) chain(at);
        frames.push({ is: 'array', key: null, keys: [], texts: {}, chain: -1 });
        break;
      case ')':
      case ']':
      case '}':
        if (frames.length > 1 && opener(frame) === closes[char]) frames.pop();
        break;
      case ',':
        frame.chain = -1;
        if (frame.is === 'call') {
          frame.before.push(text.slice(frame.from, at).trim());
          frame.from = at + 1;
        } else if (frame.is === 'object') {
          if (frame.key === null && frame.name !== null) frame.keys.push(frame.name); // `{ type, …`
          Object.assign(frame, { key: null, name: null });
        }
        break;
      case ':':
        frame.chain = -1;
        if (frame.is === 'object' && frame.key === null && frame.name !== null) {
          frame.key = frame.name;
          frame.keys.push(frame.name);
        }
        break;
      default:
        frame.chain = -1;
    }
    last = char;
  }
  const { chain: from } = top();
  return told(frames, null, from < 0 || /\s$/.test(text) ? '' : text.slice(from));
}

const opener = ({ is }: Frame): string => (is === 'object' ? '{' : is === 'array' ? '[' : '(');

function told(frames: Frame[], quote: string | null, begun: string): Open {
  let from = frames.length - 1;
  while (from > 0 && (frames[from]!.is === 'object' || frames[from]!.is === 'array')) from -= 1;
  const frame = frames[from]!;
  const levels = frames
    .slice(from + 1)
    .map((one) => one as Level)
    .map(({ is, key, keys, texts }) => ({ is, key, keys, texts }));
  const call = frame.is === 'call' ? { callee: frame.callee, before: frame.before } : null;
  return { call, levels, quote, begun };
}

/** The index of the quote that closes the one at `from`, or -1. */
function endOfQuoted(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at += 1)
    if (text[at] === '\\') at += 1;
    else if (text[at] === text[from]) return at;
  return -1;
}
const unescaped = (text: string): string => text.replace(/\\(.)/g, '$1');
