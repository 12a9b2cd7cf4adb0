/**
 * Files that survive a power cut: written beside, flushed, renamed into place, and the folder flushed.
 * A reader sees the old text or the new one, never a part.
 */
import {
  closeSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fail } from '../runtime/errors.js';

/** Writes that are under way in this process, by file. */
const underWay = new Map<string, Promise<void>>();

/**
 * Replaces a file's text. Of several at once each waits for the one before, so that the text that was given last stays.
 * @param durable false: no flush; it survives the process, not the machine.
 * @throws STATE_UNWRITABLE with the system's reason (disk full, read-only…); the old text is still there then.
 */
export async function writeDurably(path: string, text: string, options: { durable?: boolean } = {}): Promise<void> {
  const before = underWay.get(path) ?? Promise.resolve();
  const own = before.catch(() => undefined).then(() => replace(path, text, options));
  underWay.set(path, own);
  try {
    await own;
  } finally {
    if (underWay.get(path) === own) underWay.delete(path);
  }
}
async function replace(path: string, text: string, { durable = true }: { durable?: boolean }): Promise<void> {
  const beside = `${path}.${process.pid}.tmp`;
  try {
    const file = await openMakingFolder(beside);
    try {
      await file.writeFile(text);
      if (durable) await file.datasync();
    } finally {
      await file.close();
    }
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

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Replaces a file's text as a whole, for what a journal holds too: it survives the process, not the machine.
 * @param keep a second name under which this version stays.
 * @throws what the disk says; the old text is still there then.
 */
export function writeWhole(path: string, text: string, keep?: string): void {
  const beside = `${path}.${process.pid}.tmp`;
  try {
    const fd = making(beside, () => openSync(beside, 'w', 0o600));
    try {
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    } finally {
      closeSync(fd);
    }
    if (keep !== undefined) linkAs(beside, keep);
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
}
/** Does what needs a file's folder, and makes that first where it is missing. */
function making<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    mkdirSync(dirname(path), { recursive: true });
    return work();
  }
}
function linkAs(from: string, to: string): void {
  try {
    making(to, () => linkSync(from, to));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A file system without hard links gets a copy.
    if (code === 'EPERM' || code === 'ENOTSUP' || code === 'ENOSYS') return copyFileSync(from, to);
    if (code !== 'EEXIST') throw error;
    unlinkSync(to);
    linkSync(from, to);
  }
}

/** Makes a file that is there, and its name, outlive a loss of power. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await syncFolder(dirname(path));
}
