/** What processes hold open, as lsof tells it: for systems without /proc. */
import { execFile, spawnSync } from 'node:child_process';
import { delimiter } from 'node:path';
import { promisify } from 'node:util';

export interface OpenFile {
  pid: number;
  /** `IPv4`, `DIR` … */
  type: string;
  /** Of a TCP socket: `LISTEN`, `ESTABLISHED` …; else empty. */
  state: string;
  name: string;
}

const LIMIT_MS = 15_000;
const FIELDS = ['-w', '-n', '-P', '-F', 'pftTn'];
const options = () =>
  ({
    encoding: 'latin1',
    // It lies in a folder of its own on some systems, which is not on every PATH.
    env: { PATH: [process.env.PATH, '/usr/sbin', '/usr/bin'].join(delimiter), LC_ALL: 'C' },
    maxBuffer: 1 << 26,
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  }) as const;

/** What lsof selects by `words`: of this user's processes, of everybody's for root. */
export async function openFiles(words: readonly string[]): Promise<OpenFile[]> {
  const { stdout } = await promisify(execFile)('lsof', [...FIELDS, ...words], options()).catch(
    // It ends with 1 where it finds nothing, or not all it was asked for, and still prints what it found.
    (error: { stdout?: string; code?: unknown }) => {
      if (error.code === 1) return { stdout: error.stdout ?? '' };
      throw error;
    },
  );
  return parse(stdout);
}

/** The same without letting anything else run meanwhile. */
export function openFilesNow(words: readonly string[]): OpenFile[] {
  const { stdout, status, signal, error } = spawnSync('lsof', [...FIELDS, ...words], options());
  if (error !== undefined) throw error;
  if (status !== 0 && status !== 1) throw new Error(`lsof ended with ${status ?? signal}`);
  return parse(stdout);
}

/** Each line is one field, told by its first letter: `p` begins a process, `f` a file of it. */
function parse(text: string): OpenFile[] {
  const files: OpenFile[] = [];
  let pid = 0;
  for (const line of text.split('\n')) {
    const [letter, value] = [line[0], line.slice(1)];
    if (letter === 'p') pid = Number(value);
    if (letter === 'f') files.push({ pid, type: '', state: '', name: '' });
    const file = files.at(-1);
    if (file === undefined) continue;
    if (letter === 't') file.type = value;
    if (letter === 'n') file.name = value;
    if (value.startsWith('ST=')) file.state = value.slice('ST='.length);
  }
  return files;
}
