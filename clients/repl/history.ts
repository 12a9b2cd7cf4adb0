/**
 * The lines typed at the prompt, kept in a file that only its owner may read: one a line, the oldest first. A line is
 * appended when it was entered, so a REPL that is killed loses none, and two at once lose none of each other's. Node's
 * own history rewrites the whole file instead.
 */
import { appendFileSync, chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** So many lines are remembered; the file is cut to them when it holds twice as many. */
const KEPT = 1_000;
const OWNER_ONLY = 0o600;

export interface History {
  /** The newest first, none twice in a row. */
  lines: string[];
  add(line: string): void;
}

/** Where the file cannot be read or written there is a history of this session alone. */
export function openHistory(file: string): History {
  let all: string[] = [];
  try {
    mkdirSync(dirname(file), { recursive: true });
    appendFileSync(file, '', { mode: OWNER_ONLY });
    chmodSync(file, OWNER_ONLY); // it may be there with wider ones
    all = readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line.trim() !== '');
    if (all.length > 2 * KEPT) {
      all = all.slice(-KEPT);
      writeFileSync(`${file}.new`, `${all.join('\n')}\n`, { mode: OWNER_ONLY });
      renameSync(`${file}.new`, file);
    }
  } catch {
    // said above
  }
  return {
    lines: all
      .filter((line, n) => line !== all[n + 1])
      .slice(-KEPT)
      .reverse(),
    add(line) {
      if (line.trim() === '') return;
      try {
        appendFileSync(file, `${line}\n`, { mode: OWNER_ONLY });
      } catch {
        // said above
      }
    },
  };
}
