import { mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Logger, pino } from 'pino';

export type Log = Logger;

/**
 * Logs for us (facts are for users): JSON lines to a file or stderr, never stdout.
 *
 * Not by pino's own destination: on a full disk that holds the process at its end until there is room. A line that cannot
 * be written is lost here; the work, and what users hear of the same cause, is not.
 * @param to a file path, or 2 for stderr.
 */
export function openLog(level: string, to: string | 2): Log {
  let fd: number | null = to === 2 ? 2 : null;
  const write = (line: string): void => {
    try {
      if (fd === null) {
        mkdirSync(dirname(to as string), { recursive: true });
        fd = openSync(to as string, 'a', 0o600);
      }
      writeSync(fd, line);
    } catch {
      // see above
    }
  };
  return pino({ level, base: null }, { write });
}
