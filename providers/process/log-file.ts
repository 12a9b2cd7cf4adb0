/**
 * A log bounded on disk: at most `limitBytes` in the file and as much in its one predecessor, `<path>.1`. Writing is
 * synchronous, so that no output ever waits in memory; what cannot be written (disk full) is dropped and counted, since
 * an application must not stop because its log cannot grow.
 */
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

export class LogFile {
  readonly #path: string;
  readonly #limit: number;
  #fd: number;
  #size: number;
  droppedBytes = 0;

  /** Continues an existing log. @throws what opening a file throws. */
  constructor(path: string, limitBytes: number) {
    this.#path = path;
    this.#limit = limitBytes;
    mkdirSync(dirname(path), { recursive: true });
    this.#fd = openSync(path, 'a', 0o600);
    this.#size = fstatSync(this.#fd).size;
  }

  write(data: Buffer): void {
    for (let at = 0; at < data.length; ) {
      const piece = data.subarray(at, at + this.#limit);
      try {
        if (this.#size > 0 && this.#size + piece.length > this.#limit) this.#rotate();
        const wrote = writeSync(this.#fd, piece);
        this.#size += wrote;
        at += wrote;
      } catch {
        this.droppedBytes += data.length - at; // told by `note` once there is room again, and never fatal
        return;
      }
    }
  }

  /** A line of ours among the application's. */
  note(text: string): void {
    this.write(Buffer.from(`[keeper] ${text}\n`));
  }

  close(): void {
    if (this.droppedBytes > 0) this.note(`${this.droppedBytes} bytes of output could not be written and are missing`);
    closeSync(this.#fd);
  }

  #rotate(): void {
    renameSync(this.#path, `${this.#path}.1`);
    const next = openSync(this.#path, 'a', 0o600);
    closeSync(this.#fd);
    this.#fd = next;
    this.#size = 0;
  }
}
