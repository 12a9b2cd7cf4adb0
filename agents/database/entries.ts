/** What is known of a run's services and is nobody else's to know: files of the run's `inputs`, mode 0600. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Client, Wish } from '../../providers/services/kind.js';

export interface ServiceEntry {
  kind: string;
  /** With the password. */
  url: string;
  shell: Client | null;
  dump: Client | null;
  load: Client | null;
  /** Files and folders that its image would run on the first start. */
  init: string[];
  data: string;
  /** Who logs in; absent: it was brought up before this was kept. */
  wish?: Wish;
  /** The image that its server comes out of; absent: none. */
  image?: string;
  serve: { shell: string; env: Record<string, string>; cwd: string; host: string; port: number };
}
const file = (bundle: string): string => join(bundle, 'inputs', 'services.json');

/** @returns none where the run has no services. */
export function readEntries(bundle: string): ServiceEntry[] {
  try {
    return JSON.parse(readFileSync(file(bundle), 'utf8')) as ServiceEntry[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
/** Those of other kinds stay: a run may bring up several applications, each with servers of its own. */
export const writeEntries = (bundle: string, entries: readonly ServiceEntry[]): void => {
  const others = readEntries(bundle).filter((one) => !entries.some(({ kind }) => kind === one.kind));
  writePrivate(file(bundle), [...others, ...entries]);
};

export function writePrivate(path: string, value: unknown): void {
  mkdirSync(dirname(path), { recursive: true });
  const partial = `${path}.${randomBytes(4).toString('hex')}`;
  writeFileSync(partial, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(partial, path);
}
