/** How programs say that a port is not free for them. */
export const HELD = [
  /EADDRINUSE[^\n]*?:(\d{2,5})\b/,
  /[Pp]ort:? (\d{2,5})[^\n]{0,12}? (?:is |was )?(?:already |currently )?(?:in use|being used|occupied|allocated|taken|used|not available|unavailable)/,
  /(?:\[?[\w.:]*\]?):(\d{2,5})\b[^\n]{0,40}(?:bind: )?[Aa]ddress already in use/,
  /[Aa]ddress already in use[^\n]*?:(\d{2,5})\b/,
  /(?:Connection in use|bind on address)[^\n]*?['"(][\w.:]*['"]?, ?(\d{2,5})\)/,
  /listen EACCES: permission denied [^\n]*?:(\d{1,5})\b/,
];
/** Without its number. */
export const UNNAMED = /[Aa]ddress already in use|Errno 98/;

/** The port that a text says is not free. */
export function heldPort(text: string): number | null {
  const said = HELD.map((held) => held.exec(text)?.[1]).find((number) => number !== undefined);
  return said === undefined ? null : Number(said);
}
