/** Removing a folder that a process which is just ending may still write to. */
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Removes the folder and all in it, beginning anew for up to 5 s when something appeared meanwhile. (The `maxRetries`
 * of rmSync only repeats its last rmdir, so it never removes what came after it had emptied the folder.)
 */
export async function removeTree(folder: string): Promise<void> {
  for (const end = Date.now() + 5_000; ; await sleep(50)) {
    try {
      return rmSync(folder, { recursive: true, force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY' || Date.now() > end) throw error;
    }
  }
}
