/** The `.git` of the copies we make. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type GitCall, runGit } from './git.js';
import type { Repository } from './repository.js';

/**
 * Gives a copy of a work tree a `.git` of its own, with the commit and tags of the first (tools that ask git for a
 * version find it) and none of its configuration; its objects are read where they are. Without one, git run in the
 * copy would find whatever repository lies above it, and hooks installers would write there.
 * @param repository null: an empty repository.
 */
export async function plantRepository(to: string, repository: Repository | null, signal?: AbortSignal): Promise<void> {
  const about: GitCall = { cwd: to, ...(signal ? { signal } : {}) };
  const must = async (args: string[], input?: Buffer): Promise<string> => {
    const { code, stdout, stderr } = await runGit(args, { ...about, ...(input ? { input } : {}) });
    if (code !== 0) throw new Error(`git ${args[0]} ended with ${code}: ${stderr.trim()}`);
    return stdout.toString('utf8').trim();
  };
  if (repository === null || repository.commit === null || repository.folder !== repository.top) {
    await must(['init', '--quiet', '--template=', '.']);
    return;
  }
  const { ask, commit } = repository;
  const said = async (...args: string[]): Promise<string> => (await ask(args)).stdout.toString('utf8').trim();
  const format = await said('rev-parse', '--show-object-format');
  await must(['init', '--quiet', '--template=', `--object-format=${format === 'sha256' ? 'sha256' : 'sha1'}`, '.']);
  const common = resolve(repository.folder, await said('rev-parse', '--git-common-dir'));
  const info = join(to, '.git', 'objects', 'info');
  await mkdir(info, { recursive: true });
  await writeFile(join(info, 'alternates'), `${join(common, 'objects')}\n`);
  await copyFile(join(common, 'shallow'), join(to, '.git', 'shallow')).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error; // the usual case: its history is whole
  });
  await must(['update-ref', 'HEAD', commit]);
  const tags = await ask(['for-each-ref', '--format=create %(refname) %(objectname)', 'refs/tags']);
  await must(['update-ref', '--stdin'], tags.stdout);
  await must(['read-tree', commit]);
}
