/** Reads the names and values of a `.env` file as dotenv does: enough to know which are set, and to what. Never throws. */
export interface EnvLine {
  name: string;
  value: string;
  /** From 1. */
  line: number;
}

const start = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*/;

export function readEnvFile(text: string): EnvLine[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const found: EnvLine[] = [];
  for (let at = 0; at < lines.length; at++) {
    const hit = start.exec(lines[at]!);
    if (hit === null) continue;
    const line = at + 1;
    let rest = lines[at]!.slice(hit[0].length);
    const mark = rest[0];
    let value: string | null = null;
    if (mark === '"' || mark === "'" || mark === '`') {
      let end = closing(rest, mark);
      const first = rest;
      let last = at;
      while (end < 0 && last + 1 < lines.length && last - at < 200) {
        last++;
        rest = `${rest}\n${lines[last]!}`;
        end = closing(rest, mark);
      }
      if (end < 0) rest = first;
      else {
        at = last;
        value = rest.slice(1, end);
        if (mark === '"')
          value = value
            .replace(/\\n/g, '\n')
            .replace(/\\r/g, '\r')
            .replace(/\\(["\\$])/g, '$1');
      }
    }
    value ??= rest.replace(/(^|[ \t])#.*$/, '').trim();
    found.push({ name: hit[1]!, value, line });
  }
  return found;
}

const closing = (text: string, mark: string): number => {
  for (let at = 1; at < text.length; at++) {
    if (text[at] === '\\' && mark === '"') at++;
    else if (text[at] === mark) return at;
  }
  return -1;
};
