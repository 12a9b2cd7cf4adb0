/** Reports that a test command left: JUnit's XML, where the tools that print no counts put it. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Counts } from './counts/counts.js';
import { readReports } from './counts/junit.js';

/** Gradle, Surefire, and what others are commonly told to write. */
const FOLDERS = ['build/test-results', 'target/surefire-reports', 'test-results', 'reports', '.'];
const FILE = /^(?:TEST-.+|(?:junit|test-?results?|test-?report|results?)[\w.-]*)\.xml$/i;
const MOST_FILES = 2_000;
const MOST_BYTES = 4 << 20;
const DEPTH = 3;
/** Clocks of file systems are coarse. */
const SLACK_MS = 2_000;

/**
 * @param cwd of the command; modules below it are looked at too. @param since epoch ms: older ones are of another run.
 * @returns null when there is none.
 */
export function reportsOf(cwd: string, since: number): Counts | null {
  const roots = [cwd, ...foldersIn(cwd)];
  const files = new Set<string>();
  for (const root of roots) for (const folder of FOLDERS) walk(join(root, folder), folder === '.' ? 0 : DEPTH, files);
  const texts: string[] = [];
  for (const file of files)
    try {
      const { mtimeMs, size } = statSync(file);
      if (mtimeMs >= since - SLACK_MS && size <= MOST_BYTES) texts.push(readFileSync(file, 'utf8'));
    } catch {
      // gone since it was listed
    }
  return readReports(texts);
}

function walk(folder: string, depth: number, files: Set<string>): void {
  if (!existsSync(folder)) return;
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (files.size >= MOST_FILES) return;
      if (entry.isFile() && FILE.test(entry.name)) files.add(join(folder, entry.name));
      else if (entry.isDirectory() && depth > 0) walk(join(folder, entry.name), depth - 1, files);
    }
  } catch {
    // one that cannot be read says nothing
  }
}
const foldersIn = (root: string): string[] => {
  try {
    return readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !/^(?:\.|node_modules$|build$|target$|vendor$)/.test(entry.name))
      .slice(0, 100)
      .map(({ name }) => join(root, name));
  } catch {
    return [];
  }
};
