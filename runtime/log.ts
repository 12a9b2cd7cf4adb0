import { mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Logger, pino } from 'pino';
import { boundLog } from './bound-log.js';

export type Log = Logger;

/** The most one log file holds; there is one older part beside it, `<path>.1`. */
const LIMIT_BYTES = 8 * 1024 * 1024;
const LOOK_MS = 2_000;

/**
 * Logs for us (facts are for users): JSON lines to a file, bounded, or to stderr, never stdout.
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
  if (to !== 2) {
    const bound = (): void => {
      try {
        boundLog(to, LIMIT_BYTES);
      } catch {
        // The disk is full or the folder was removed: as above.
      }
    };
    bound();
    setInterval(bound, LOOK_MS).unref();
  }
  return pino({ level, base: null }, { write });
}
