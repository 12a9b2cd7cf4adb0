import { type DestinationStream, destination, type Logger, pino } from 'pino';

export type Log = Logger;

/**
 * Logs for us (facts are for users): JSON lines to a file or stderr, never stdout.
 * @param to a file path, or 2 for stderr.
 */
export function openLog(level: string, to: string | 2): Log {
  const stream = destination({ dest: to, sync: false, mkdir: true });
  // A line that cannot be written (full disk) is lost; the work, and what users hear of the same cause, is not.
  stream.on('error', () => undefined);
  return pino({ level, base: null }, stream as DestinationStream);
}
