/** Colours for a terminal that wants them: not for a file, a pipe, a program, or who set NO_COLOR. */
export type Paint = (text: string) => string;
export interface Paints {
  bold: Paint;
  dim: Paint;
  green: Paint;
  red: Paint;
  yellow: Paint;
  blue: Paint;
  cyan: Paint;
}
export function paints(wanted: boolean = process.stdout.isTTY === true && !process.env.NO_COLOR): Paints {
  const paint =
    (code: number): Paint =>
    (text) =>
      wanted && text !== '' ? `\x1b[${code}m${text}\x1b[0m` : text;
  return {
    bold: paint(1),
    dim: paint(2),
    green: paint(32),
    red: paint(31),
    yellow: paint(33),
    blue: paint(34),
    cyan: paint(36),
  };
}
/** Columns to fill: those of the terminal, at least 60; 80 where there is none. */
export const columns = (): number => (process.stdout.isTTY ? Math.max(60, process.stdout.columns ?? 80) : 80);
/** What somebody else wrote must not steer the terminal. */
export const harmless = (text: string): string => text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, '·');
/** At most so many characters on one line. */
export function cut(text: string, most: number): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > most ? `${line.slice(0, Math.max(0, most - 1))}…` : line;
}
/** A text on lines of at most so many characters; a longer word is cut. */
export function wrapped(text: string, most: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).map((one) => cut(one, most))) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= most) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
export const seconds = (ms: number): string => {
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const minutes = Math.round(ms / 60_000);
  return minutes < 120 ? `${minutes} min` : `${(ms / 3_600_000).toFixed(1)} h`;
};
