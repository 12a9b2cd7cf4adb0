/** Keeps a log that others append to from growing without end. Node built-ins only: the broker's keeper uses it too. */
import { copyFileSync, statSync, truncateSync } from 'node:fs';

/** Keeps one older part of a log, `<path>.1`. Its writers append, so cutting the file under them is safe. */
export function boundLog(path: string, limitBytes: number): void {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) <= limitBytes) return;
  copyFileSync(path, `${path}.1`);
  truncateSync(path);
}
