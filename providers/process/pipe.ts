/**
 * A real pipe for a command's output. What Node makes for `stdio: 'pipe'` is a socket pair: programs that open
 * /dev/stdout or /dev/stderr fail on it (ENXIO), as nginx configurations and shell scripts do. One pipe for both
 * streams also keeps their order.
 */
import { execFile } from 'node:child_process';
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

let count = 0;

/**
 * @param folder private, where the pipe has its name for a moment.
 * @returns the reading end, and the writing end's descriptor, to be closed by the caller once the command has it.
 * @throws where the system has no `mkfifo`.
 */
export async function openPipe(folder: string): Promise<{ reader: Socket; writer: number }> {
  const path = join(folder, `pipe-${process.pid}-${count++}`);
  await promisify(execFile)('mkfifo', ['-m', '600', path]);
  try {
    // The reader first and without waiting: opening a writer waits for a reader. The writer's end must block, as
    // programs expect of their output.
    const read = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    let writer: number;
    try {
      writer = openSync(path, constants.O_WRONLY);
    } catch (error) {
      closeSync(read);
      throw error;
    }
    return { reader: new Socket({ fd: read, readable: true, writable: false }), writer };
  } finally {
    rmSync(path, { force: true });
  }
}
