/** What processes weigh. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { onLinux } from '../../runtime/identity.js';

const PAGE = 4096;
/** Resident bytes that each has for itself; what ended meanwhile weighs nothing. Elsewhere than on Linux what they share counts too. */
export function memoryOf(pids: readonly number[]): number {
  if (pids.length === 0) return 0;
  if (!onLinux) return memoryByPs(pids);
  return pids.reduce((sum, pid) => {
    try {
      const [, resident = 0, shared = 0] = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ').map(Number);
      return sum + (resident - shared) * PAGE;
    } catch {
      return sum; // it ended meanwhile
    }
  }, 0);
}
function memoryByPs(pids: readonly number[]): number {
  try {
    const text = execFileSync('ps', ['-o', 'rss=', '-p', pids.join(',')], { encoding: 'utf8', timeout: 5_000 });
    return text.split('\n').reduce((sum, line) => sum + (Number(line.trim()) || 0) * 1024, 0);
  } catch {
    return 0; // none of them is there any more
  }
}
