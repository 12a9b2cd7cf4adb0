/** Documents of MongoDB, as far as we say and hear them: https://bsonspec.org/spec.html. Pure. */
export type Value = string | number | boolean | readonly Value[] | { readonly [name: string]: Value };

const int = (value: number): Buffer => {
  const four = Buffer.alloc(4);
  four.writeInt32LE(value);
  return four;
};
function element(name: string, value: Value): Buffer {
  const [type, bytes] =
    typeof value === 'string'
      ? [0x02, Buffer.concat([int(Buffer.byteLength(value) + 1), Buffer.from(`${value}\0`)])]
      : typeof value === 'number'
        ? [0x10, int(value)]
        : typeof value === 'boolean'
          ? [0x08, Buffer.from([Number(value)])]
          : Array.isArray(value)
            ? [0x04, bson(Object.fromEntries(value.map((one, n) => [String(n), one])))]
            : [0x03, bson(value as Readonly<Record<string, Value>>)];
  return Buffer.concat([Buffer.from([type]), Buffer.from(`${name}\0`), bytes]);
}
/** @param document numbers in it are whole and of 32 bits; its first name is the command. */
export function bson(document: Readonly<Record<string, Value>>): Buffer {
  const parts = Object.entries(document).map(([name, value]) => element(name, value));
  const inner = Buffer.concat([...parts, Buffer.from([0])]);
  return Buffer.concat([int(inner.length + 4), inner]);
}

/** Where a value of this document itself begins, and its type; null: it has none of that name, or is none we can read. */
function find(bytes: Buffer, wanted: string): { type: number; at: number } | null {
  let at = 4;
  while (at < bytes.length && bytes[at] !== 0) {
    const type = bytes[at]!;
    const end = bytes.indexOf(0, at + 1);
    if (end < 0) return null;
    const name = bytes.subarray(at + 1, end).toString('utf8');
    at = end + 1;
    if (name === wanted) return { type, at };
    const length = lengthOf(type, bytes, at);
    if (length === null) return null;
    at += length;
  }
  return null;
}
function lengthOf(type: number, bytes: Buffer, at: number): number | null {
  const sized = (more: number): number | null => (at + 4 <= bytes.length ? bytes.readInt32LE(at) + more : null);
  switch (type) {
    case 0x01:
    case 0x09:
    case 0x11:
    case 0x12:
      return 8;
    case 0x02:
      return sized(4);
    case 0x03:
    case 0x04:
      return sized(0);
    case 0x05:
      return sized(5);
    case 0x07:
      return 12;
    case 0x08:
      return 1;
    case 0x0a:
      return 0;
    case 0x10:
      return 4;
    default:
      return null;
  }
}
export function numberIn(bytes: Buffer, name: string): number | null {
  const hit = find(bytes, name);
  if (hit?.type === 0x01) return bytes.readDoubleLE(hit.at);
  return hit?.type === 0x10 ? bytes.readInt32LE(hit.at) : null;
}
export function textIn(bytes: Buffer, name: string): string | null {
  const hit = find(bytes, name);
  return hit?.type === 0x02
    ? bytes.subarray(hit.at + 4, hit.at + 3 + bytes.readInt32LE(hit.at)).toString('utf8')
    : null;
}
