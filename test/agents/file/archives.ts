/** Archives made byte by byte, since honest tools refuse to make the evil ones. */
import { deflateRawSync } from 'node:zlib';

export interface Made {
  name: string;
  text?: string;
  /** Makes it a link. */
  target?: string;
  hard?: boolean;
  /** Claimed instead of the true size. */
  size?: number;
}

export function makeTar(entries: readonly Made[]): Buffer {
  const blocks: Buffer[] = [];
  for (const { name, text = '', target, hard = false, size } of entries) {
    const body = Buffer.from(target === undefined ? text : '');
    const header = Buffer.alloc(512);
    header.write(name, 0, 100, 'latin1');
    header.write('0000755\0', 100);
    header.write(`${(size ?? body.length).toString(8).padStart(11, '0')}\0`, 124);
    header.write('        ', 148);
    header.write(target === undefined ? (name.endsWith('/') ? '5' : '0') : hard ? '1' : '2', 156);
    header.write(target ?? '', 157, 100, 'latin1');
    header.write('ustar\x0000', 257, 'latin1');
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    blocks.push(header, body, Buffer.alloc((512 - (body.length % 512)) % 512));
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

export function makeZip(entries: readonly Made[], madeBy = 3): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, text = '', target, size } of entries) {
    const raw = Buffer.from(target ?? text);
    const packed = deflateRawSync(raw);
    const label = Buffer.from(name, 'latin1');
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(20, 4);
    local.writeUInt16LE(8, 8);
    local.writeUInt32LE(packed.length, 18);
    local.writeUInt32LE(size ?? raw.length, 22);
    local.writeUInt16LE(label.length, 26);
    const row = Buffer.alloc(46);
    row.writeUInt32LE(0x02014b50, 0);
    row.writeUInt16LE((madeBy << 8) | 20, 4);
    row.writeUInt16LE(20, 6);
    row.writeUInt16LE(8, 10);
    row.writeUInt32LE(packed.length, 20);
    row.writeUInt32LE(size ?? raw.length, 24);
    row.writeUInt16LE(label.length, 28);
    const mode = target !== undefined ? 0o120777 : name.endsWith('/') ? 0o040755 : 0o100755;
    row.writeUInt32LE((mode << 16) >>> 0, 38);
    row.writeUInt32LE(at, 42);
    parts.push(local, label, packed);
    directory.push(row, label);
    at += 30 + label.length + packed.length;
  }
  const rows = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(rows.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, rows, end]);
}
