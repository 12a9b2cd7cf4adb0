import { type DestinationStream, destination, type Logger, pino } from 'pino';

export type Log = Logger;

/**
 * Logs for us (facts are for users): JSON lines to a file or stderr, never stdout.
 * @param to a file path, or 2 for stderr.
 */
export const openLog = (level: string, to: string | 2): Log =>
  pino({ level, base: null }, destination({ dest: to, sync: false, mkdir: true }) as DestinationStream);
