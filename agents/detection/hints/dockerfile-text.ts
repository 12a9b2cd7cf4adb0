/** The text of a Dockerfile as instructions and stages; knows nothing of hints. Never throws on any text. */

export interface Instruction {
  /** Upper case. */
  name: string;
  /** Continuation lines joined by a space; comments between them left out. */
  args: string;
  /** Of its first line, from 1. */
  line: number;
}

export function splitInstructions(text: string): Instruction[] {
  const lines = text.split(/\r?\n/);
  const continues = /^#\s*escape\s*=\s*`\s*$/im.test(lines.slice(0, 3).join('\n')) ? '`' : '\\';
  const found: Instruction[] = [];
  for (let index = 0; index < lines.length; index++) {
    const hit = /^\s*([A-Za-z]+)(?:\s+(.*))?$/.exec(lines[index]!);
    if (hit === null) continue;
    const line = index + 1;
    const parts: string[] = [];
    let part = hit[2] ?? '';
    while (part.trimEnd().endsWith(continues)) {
      parts.push(part.trimEnd().slice(0, -1));
      do index++;
      while (index < lines.length && /^\s*(?:#.*)?$/.test(lines[index]!));
      part = lines[index] ?? '';
    }
    parts.push(part);
    const args = parts
      .map((each) => each.trim())
      .join(' ')
      .trim();
    found.push({ name: hit[1]!.toUpperCase(), args, line });
    // A here-document's lines are its own language; they end at the word that opened it.
    if (/^(?:RUN|COPY|ADD)$/i.test(hit[1]!))
      for (const [, word] of args.matchAll(/<<-?\s*["']?(\w+)["']?/g)) {
        const end = lines.findIndex((each, at) => at > index && each.trim() === word);
        if (end >= 0) index = end;
      }
  }
  return found;
}

/** The strings of an exec form (`["a", "b"]`), null when it is the shell form. */
export function readExecForm(args: string): string[] | null {
  if (!args.startsWith('[')) return null;
  try {
    const list: unknown = JSON.parse(args);
    return Array.isArray(list) && list.every((word) => typeof word === 'string') ? list : null;
  } catch {
    // Docker itself takes a list that is no JSON as the shell form.
    return null;
  }
}

/** `A=1 B="x y"` or the old `A value`; quotes removed. */
export function readPairs(args: string): [string, string][] {
  if (!/^[^\s=]+=/.test(args)) {
    const hit = /^(\S+)\s+(.*)$/s.exec(args);
    return hit === null ? [] : [[hit[1]!, hit[2]!]];
  }
  return [...args.matchAll(/([^\s=]+)=("(?:[^"\\]|\\.)*"|'[^']*'|(?:\\.|[^\s\\])*)/g)].map(([, name, raw]) => [
    name!,
    /^["']/.test(raw!) ? raw!.slice(1, -1).replace(/\\(["\\$])/g, '$1') : raw!.replace(/\\(.)/g, '$1'),
  ]);
}

/** `$X`, `${X}` and `${X:-word}` by what is known; unknown ones stay as they are. */
export const substitute = (text: string, known: ReadonlyMap<string, string>): string =>
  text.replace(/\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))/g, (whole, braced?: string, word?: string, bare?: string) => {
    const value = known.get(braced ?? bare ?? '');
    return value !== undefined && value !== '' ? value : (word ?? whole);
  });
