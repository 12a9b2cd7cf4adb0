/**
 * A body that comes in signed pieces (`aws-chunked`): each is its length in hex, perhaps a signature, and its bytes; after
 * the last one, lines with checksums. What comes out are the bytes. The signature of the request as a whole is checked
 * elsewhere; here only that the pieces are whole.
 */
import { Transform, type TransformCallback } from 'node:stream';
import { Refused } from './refusal.js';

const LINE_BYTES = 4 * 1024;

export class Unchunked extends Transform {
  private held: Buffer = Buffer.alloc(0);
  /** Bytes of the present piece that are still to come; null: its head is. */
  private left: number | null = null;
  private phase: 'head' | 'bytes' | 'gap' | 'trailer' = 'head';

  override _transform(part: Buffer, _: BufferEncoding, done: TransformCallback): void {
    try {
      this.unchunk(part);
      done();
    } catch (error) {
      done(error as Error);
    }
  }
  override _flush(done: TransformCallback): void {
    done(this.phase === 'trailer' ? null : new Refused('IncompleteBody', 'The body ended before its last piece.'));
  }
  private unchunk(part: Buffer): void {
    this.held = this.held.length === 0 ? part : Buffer.concat([this.held, part]);
    for (;;) {
      if (this.phase === 'trailer') {
        this.held = Buffer.alloc(0);
        return;
      }
      if (this.phase === 'bytes') {
        const some = this.held.subarray(0, this.left!);
        if (some.length > 0) this.push(some);
        this.left! -= some.length;
        this.held = this.held.subarray(some.length);
        if (this.left! > 0) return;
        this.phase = 'gap';
      }
      const end = this.held.indexOf('\r\n');
      if (end < 0) {
        if (this.held.length > LINE_BYTES) throw malformed();
        return;
      }
      const line = this.held.subarray(0, end).toString('latin1');
      this.held = this.held.subarray(end + 2);
      if (this.phase === 'gap') {
        if (line !== '') throw malformed();
        this.phase = 'head';
        continue;
      }
      const length = /^([0-9a-f]{1,12})(?:;|$)/i.exec(line)?.[1];
      if (length === undefined) throw malformed();
      this.left = Number.parseInt(length, 16);
      this.phase = this.left === 0 ? 'trailer' : 'bytes';
    }
  }
}
const malformed = (): Refused => new Refused('IncompleteBody', 'A piece of the body is not as long as it says.');
