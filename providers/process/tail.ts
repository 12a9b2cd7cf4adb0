/** The last lines of a log, fit to be shown. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/**
 * The last lines of a log, without terminal escapes. Reads at most `bytes` (of the rotated predecessor `<path>.1` too,
 * where the log itself holds too little); a line cut by that limit is left out unless it is the only one.
 * A log that does not exist has no lines.
 */
export function tail(path: string, lines: number, bytes: number): string[] {
  let held = readEnd(path, bytes);
  if (!held.cut && countLines(held.data) < lines && held.data.length < bytes) {
    const before = readEnd(`${path}.1`, bytes - held.data.length);
    held = { data: Buffer.concat([before.data, held.data]), cut: before.cut };
  }
  const all = plain(held.data.toString('utf8')).split('\n');
  if (all.at(-1) === '') all.pop();
  if (held.cut && all.length > 1) all.shift();
  return lines > 0 ? all.slice(-lines).map(shorten) : [];
}

/** What package managers say around a script. */
const AROUND = /^npm (?:warn|notice)\b|^yarn run v|^[>$] \S|^\s*$/;
/** The lines of a log that its program wrote itself. */
export const ownWords = (lines: string[]): string[] => lines.filter((line) => !AROUND.test(line));

const LINE_CHARS = 2_000;
const END_CHARS = 500;
/** A line without end is shown by its beginning and its end. */
export const shorten = (line: string): string =>
  line.length <= LINE_CHARS ? line : `${line.slice(0, LINE_CHARS - END_CHARS - 3)} … ${line.slice(-END_CHARS)}`;

/**
 * Text without what a terminal would obey: escape sequences, control characters, marks that reorder text. Of a line
 * that was written over itself (progress bars) the last state stays. Tabs and line ends stay. Takes time in proportion to
 * the text, whatever is in it.
 */
export const plain = (text: string): string =>
  text
    // OSC, DCS, PM, APC, SOS: to their end (BEL or ST), or to the end of the line where that is missing
    .replace(/(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?/g, '')
    // CSI, then all other escapes
    .replace(/(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?/g, '')
    .replace(/\x1b[ -/]*[0-~]?/g, '')
    .split('\n')
    .map(lastState)
    .join('\n')
    .replace(/[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '');

function lastState(line: string): string {
  let end = line.length;
  while (end > 0 && line[end - 1] === '\r') end--;
  return line.slice(line.lastIndexOf('\r', end - 1) + 1, end);
}

function readEnd(path: string, bytes: number): { data: Buffer; cut: boolean } {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { data: Buffer.alloc(0), cut: false };
    throw error;
  }
  try {
    const { size } = fstatSync(fd);
    const data = Buffer.alloc(Math.min(size, Math.max(0, bytes)));
    const from = size - data.length;
    let read = 0;
    while (read < data.length) {
      const got = readSync(fd, data, read, data.length - read, from + read);
      if (got === 0) break;
      read += got;
    }
    return { data: data.subarray(0, read), cut: from > 0 };
  } finally {
    closeSync(fd);
  }
}

function countLines(data: Buffer): number {
  let count = 0;
  for (let at = data.indexOf(10); at >= 0; at = data.indexOf(10, at + 1)) count++;
  return count;
}
