/** A program at a pseudo-terminal, driven by keys, seen as a person sees it: the screen, not the bytes. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import { eventually } from './rr.js';

/** Whether this machine has what makes a pseudo-terminal here: `script` of util-linux. */
export const hasTerminal = existsSync('/usr/bin/script');

export interface Terminal {
  type(keys: string): void;
  /** The lines on the screen and above it, without blanks at their ends and without empty ones at the end. */
  lines(): string[];
  /** Waits until the lines, as one text, contain it. */
  shows(text: string | RegExp, withinMs?: number): Promise<string[]>;
  /** Where the cursor stands: the line among `lines()`, and the column from 0. */
  cursor(): { line: number; column: number };
  exited: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
}

/** @param command words of it, none with a blank or a quote. */
export function openTerminal(
  command: string[],
  { env, cwd, columns = 80, rows = 24 }: { env: Record<string, string>; cwd: string; columns?: number; rows?: number },
): Terminal {
  const line = `stty cols ${columns} rows ${rows}; exec ${command.join(' ')}`;
  const child = spawn('script', ['-qfec', line, '/dev/null'], {
    cwd,
    env: { ...env, TERM: 'xterm', SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const screen = openScreen(columns);
  child.stdout.setEncoding('utf8').on('data', screen.write);
  const fits = (text: string | RegExp) => (lines: string[]) =>
    typeof text === 'string' ? lines.join('\n').includes(text) : text.test(lines.join('\n'));
  return {
    type: (keys) => void child.stdin.write(keys),
    lines: screen.lines,
    cursor: screen.cursor,
    shows: (text, withinMs = 15_000) => eventually(screen.lines, fits(text), withinMs),
    exited: new Promise((resolve) => child.once('exit', resolve)),
    kill: (signal) => void child.kill(signal),
  };
}

/** Characters that take two columns: of those there are, the ones of East Asia. */
const isWide = (char: string): boolean =>
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60]/.test(char);

/** As xterm does it, of what node writes: a full line wraps only when the next character comes. */
function openScreen(columns: number) {
  const lines: string[][] = [[]];
  let line = 0;
  let column = 0;
  let rest = '';
  const row = (): string[] => {
    while (lines.length <= line) lines.push([]);
    return lines[line]!;
  };
  const put = (char: string): void => {
    const width = isWide(char) ? 2 : 1;
    if (column + width > columns) {
      line += 1;
      column = 0;
    }
    const at = row();
    while (at.length < column) at.push(' ');
    at[column] = char;
    if (width === 2) at[column + 1] = '';
    column += width;
  };
  const control = (letter: string, count: number, given: string): void => {
    switch (letter) {
      case 'A':
        line = Math.max(0, line - count);
        break;
      case 'B':
        line += count;
        break;
      case 'C':
        column = Math.min(columns - 1, column + count);
        break;
      case 'D':
        column = Math.max(0, column - count);
        break;
      case 'G':
        column = Math.min(columns, count) - 1;
        break;
      case 'J':
        row().length = Math.min(row().length, column);
        lines.length = line + 1;
        break;
      case 'K':
        if (given === '' || given === '0') row().length = Math.min(row().length, column);
        else if (given === '2') row().length = 0;
        break;
    }
  };
  return {
    write(text: string): void {
      const all = rest + text;
      rest = '';
      for (let at = 0; at < all.length; at += 1) {
        const char = all[at]!;
        if (char === '\x1b') {
          const match = /^\x1b\[([?\d;]*)([A-Za-z])/.exec(all.slice(at));
          if (!match) {
            rest = all.slice(at);
            return;
          }
          control(match[2]!, Number(match[1] || 1) || 1, match[1]!);
          at += match[0].length - 1;
        } else if (char === '\r') column = 0;
        else if (char === '\n') line += 1;
        else if (char === '\b') column = Math.max(0, column - 1);
        else if (char >= ' ') put(char);
      }
      row();
    },
    lines: () => {
      const seen = lines.map((one) =>
        Array.from(one, (char) => char ?? ' ')
          .join('')
          .trimEnd(),
      );
      while (seen.length > 0 && seen.at(-1) === '') seen.pop();
      return seen;
    },
    cursor: () => ({ line, column: Math.min(column, columns - 1) }),
  };
}
