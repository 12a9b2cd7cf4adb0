import { type DestinationStream, destination, type Logger, pino } from 'pino';
import { boundLog } from './bound-log.js';

export type Log = Logger;

/** The most one log file holds; there is one older part beside it, `<path>.1`. */
const LIMIT_BYTES = 8 * 1024 * 1024;
const LOOK_MS = 2_000;

/**
 * Logs for us (facts are for users): JSON lines to a file, bounded, or to stderr, never stdout.
 * @param to a file path, or 2 for stderr.
 */
export function openLog(level: string, to: string | 2): Log {
  const stream = destination({ dest: to, sync: false, mkdir: true });
  // A line that cannot be written (full disk) is lost; the work, and what users hear of the same cause, is not.
  stream.on('error', () => undefined);
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
  return pino({ level, base: null }, stream as DestinationStream);
}
