/** Real git repositories in scratch folders, removed when the test ends. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

export function scratch(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'rr-file-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
export function git(cwd: string, ...args: string[]): string {
  const settings = ['user.name=T', 'user.email=t@example.org', 'init.defaultBranch=main', 'protocol.file.allow=always'];
  return execFileSync('git', [...settings.flatMap((each) => ['-c', each]), ...args], { cwd, stdio: 'pipe' }).toString();
}
export function write(folder: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}
/** A repository with these files committed. */
export function repository(files: Record<string, string>, folder = join(scratch(), 'repo')): string {
  mkdirSync(folder, { recursive: true });
  git(folder, 'init', '-q');
  write(folder, files);
  git(folder, 'add', '-A');
  git(folder, 'commit', '-qm', 'first');
  return folder;
}
