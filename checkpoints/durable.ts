/**
 * Files that survive a power cut: written beside, flushed, renamed into place, and the folder flushed.
 * A reader sees the old text or the new one, never a part.
 */
import { copyFile, link, mkdir, open, rename, rm, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fail } from '../runtime/errors.js';

/**
 * Replaces a file's text.
 * @param durable false: no flush; it survives the process, not the machine.
 * @param keep a second name under which this version stays.
 * @throws STATE_UNWRITABLE with the system's reason (disk full, read-only…); the old text is still there then.
 */
export async function writeDurably(
  path: string,
  text: string,
  { durable = true, keep }: { durable?: boolean; keep?: string } = {},
): Promise<void> {
  const beside = `${path}.${process.pid}.tmp`;
  try {
    const file = await openMakingFolder(beside);
    try {
      await file.writeFile(text);
      if (durable) await file.datasync();
    } finally {
      await file.close();
    }
    if (keep !== undefined) await linkAs(beside, keep);
    await rename(beside, path);
    if (durable) await syncFolder(dirname(path));
  } catch (error) {
    await rm(beside, { force: true }).catch(() => undefined); // the first error is the one to tell
    throw fail(
      'STATE_UNWRITABLE',
      { path, reason: (error as NodeJS.ErrnoException).code ?? (error as Error).message },
      error,
    );
  }
}

async function openMakingFolder(path: string) {
  try {
    return await open(path, 'w', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await mkdir(dirname(path), { recursive: true });
    return await open(path, 'w', 0o600);
  }
}

async function linkAs(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') {
      await mkdir(dirname(to), { recursive: true });
      return link(from, to);
    }
    // A file system without hard links gets a copy.
    if (code === 'EPERM' || code === 'ENOTSUP' || code === 'ENOSYS') return copyFile(from, to);
    if (code !== 'EEXIST') throw error;
    await unlink(to);
    await link(from, to);
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
