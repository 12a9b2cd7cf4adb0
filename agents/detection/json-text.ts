/** JSON with the line of the first mistake, which JSON.parse does not always tell; also JSON with comments. */
export type JsonRead = { value: unknown; error: { line: number; reason: string } | null };

/**
 * @param comments allow `//`, block comments and trailing commas.
 * @returns the value, or the first mistake with its line (from 1).
 */
export function readJson(text: string, { comments = false } = {}): JsonRead {
  const plain = comments ? blankComments(text) : text;
  try {
    return { value: JSON.parse(plain), error: null };
  } catch {
    // JSON.parse says that it is wrong, not always where: the scan below does.
    const mistake = new Scan(plain).run();
    const line = plain.slice(0, mistake.index).split('\n').length;
    return { value: null, error: { line, reason: mistake.reason } };
  }
}

/** Comments and trailing commas become spaces, so that positions stay true. */
export function blankComments(text: string): string {
  const blank = (part: string): string => part.replace(/[^\n]/g, ' ');
  return text
    .replace(/"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (part) => (part.startsWith('"') ? part : blank(part)))
    .replace(/"(?:[^"\\\n]|\\.)*"|,(?=\s*[}\]])/g, (part) => (part === ',' ? ' ' : part));
}

type Mistake = { index: number; reason: string };

/** Walks text that is known to be wrong and stops at the first mistake; a stack of its own, so depth costs no frames. */
class Scan {
  private index = 0;
  constructor(private readonly text: string) {}

  run(): Mistake {
    const open: ('{' | '[')[] = [];
    let want: 'value' | 'first' | 'key' | 'after' = 'value';
    for (;;) {
      this.space();
      const char = this.text[this.index];
      if (char === undefined) {
        return this.wrong(
          open.length > 0
            ? `the file ends inside a ${open.at(-1) === '{' ? 'table' : 'list'}`
            : 'the file ends too early',
        );
      }
      const inside = open.at(-1);
      if (want === 'after') {
        if (inside === undefined) return this.wrong(`${show(char)} after the end of the value`);
        if (char === ',') {
          this.index++;
          want = inside === '{' ? 'key' : 'value';
        } else if (char === (inside === '{' ? '}' : ']')) {
          this.index++;
          open.pop();
        } else return this.wrong(`${show(char)} where a comma or ${inside === '{' ? '}' : ']'} was wanted`);
        continue;
      }
      if (want === 'first' && char === (inside === '{' ? '}' : ']')) {
        this.index++;
        open.pop();
        want = 'after';
        continue;
      }
      if (inside === '{' && (want === 'first' || want === 'key')) {
        if (char !== '"') return this.wrong(`${show(char)} where a key in double quotes was wanted`);
        if (!this.take(/"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y))
          return this.wrong('a key that does not end or holds a wrong character');
        this.space();
        if (this.text[this.index] !== ':') return this.wrong(`${show(this.text[this.index])} where a colon was wanted`);
        this.index++;
        want = 'value';
        continue;
      }
      if (char === '{' || char === '[') {
        open.push(char);
        this.index++;
        want = 'first';
      } else if (char === '"') {
        if (!this.take(/"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y))
          return this.wrong('a text that does not end or holds a wrong character');
        want = 'after';
      } else if (this.take(/(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.])/y)) want = 'after';
      else return this.wrong(`${show(char)} where a value was wanted`);
    }
  }
  private space(): void {
    this.take(/[ \t\r\n]+/y);
  }
  private take(pattern: RegExp): boolean {
    pattern.lastIndex = this.index;
    if (!pattern.test(this.text)) return false;
    this.index = pattern.lastIndex;
    return true;
  }
  private wrong(reason: string): Mistake {
    return { index: this.index, reason };
  }
}
const show = (char: string | undefined): string => (char === undefined ? 'the end of the file' : JSON.stringify(char));
