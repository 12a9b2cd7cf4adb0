import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { unpack } from '../../../agents/file/archive/unpack.js';
import { scratch, write } from '../../providers/git/scratch.js';
import { type Made, makeTar, makeZip } from './archives.js';

const unpacked = async (name: string, bytes: Buffer, limits = {}): Promise<string> => {
  const folder = scratch();
  const to = join(folder, 'to');
  mkdirSync(to);
  writeFileSync(join(folder, name), bytes);
  await unpack(join(folder, name), to, limits);
  return to;
};
const formats: [string, (entries: readonly Made[]) => Buffer][] = [
  ['a.zip', makeZip],
  ['a.tar', makeTar],
  ['a.tgz', (entries) => gzipSync(makeTar(entries))],
];

test.each(formats)(
  '%s: files, folders and links inside come out, without the one folder at the top',
  async (name, make) => {
    const to = await unpacked(
      name,
      make([
        { name: 'top/' },
        { name: 'top/a b.txt', text: 'hello'.repeat(50_000) },
        { name: 'top/deep/er/\xe9.txt', text: 'x' },
        { name: 'top/deep/link', target: '../a b.txt' },
        { name: 'top/empty/' },
      ]),
    );
    expect(readFileSync(join(to, 'a b.txt'), 'utf8')).toBe('hello'.repeat(50_000));
    expect(statSync(join(to, 'a b.txt')).mode & 0o777).toBe(0o755);
    expect(readlinkSync(join(to, 'deep/link'))).toBe('../a b.txt');
    expect(readdirSync(join(to, 'deep/er'), { encoding: 'buffer' })[0]).toEqual(Buffer.from('\xe9.txt', 'latin1'));
    expect(readdirSync(join(to, 'empty'))).toEqual([]);
  },
);

const evil: [string, Made[]][] = [
  ['a name that goes up', [{ name: '../evil', text: 'x' }]],
  ['a name that goes up further in', [{ name: 'a/../../evil', text: 'x' }]],
  ['an absolute name', [{ name: '/tmp/rr-evil', text: 'x' }]],
  [
    'a link to an absolute path',
    [
      { name: 'a', text: 'x' },
      { name: 'l', target: '/etc/passwd' },
    ],
  ],
  [
    'a link that goes up',
    [
      { name: 'a', text: 'x' },
      { name: 'l', target: '../../x' },
    ],
  ],
  [
    'a link out of the one top folder',
    [
      { name: 't/a', text: 'x' },
      { name: 't/l', target: '../x' },
    ],
  ],
  [
    'a file below a link',
    [
      { name: 'a', text: 'x' },
      { name: 'l', target: '.' },
      { name: 'l/x', text: 'x' },
    ],
  ],
  [
    'a link that leads out through another',
    [
      { name: 'd/a', text: 'x' },
      { name: 'b', text: 'x' },
      { name: 'd/up', target: '..' },
      { name: 'l', target: 'd/up/../x' },
    ],
  ],
  [
    'a name that is a link first and a file then',
    [
      { name: 'a', target: 'b' },
      { name: 'b', text: 'x' },
      { name: 'a', text: 'x' },
    ],
  ],
];
test.each(formats.flatMap(([name, make]) => evil.map(([what, entries]) => [name, what, make, entries] as const)))(
  '%s: %s is refused before anything is written',
  async (name, _, make, entries) => {
    const folder = scratch();
    const to = join(folder, 'deep', 'to');
    mkdirSync(to, { recursive: true });
    writeFileSync(join(folder, name), make([{ name: 'first.txt', text: 'x' }, ...entries]));
    // One top folder again, where the case is about it.
    if (entries.every((entry) => entry.name.startsWith('t/'))) writeFileSync(join(folder, name), make(entries));
    await expect(unpack(join(folder, name), to)).rejects.toMatchObject({ code: 'ARCHIVE_UNSAFE' });
    expect(readdirSync(to)).toEqual([]);
    expect(existsSync(join(folder, 'deep', 'evil'))).toBe(false);
  },
);

test('a hard link becomes a file of its own; one to something outside is refused', async () => {
  const to = await unpacked(
    'a.tar',
    makeTar([
      { name: 'a', text: 'x' },
      { name: 'b', target: 'a', hard: true },
    ]),
  );
  expect(readFileSync(join(to, 'b'), 'utf8')).toBe('x');
  const out = makeTar([
    { name: 'a', text: 'x' },
    { name: 'b', target: '../../etc/passwd', hard: true },
  ]);
  await expect(unpacked('a.tar', out)).rejects.toMatchObject({ code: 'ARCHIVE_UNSAFE' });
});

test('more bytes or entries than allowed are refused, also when the archive lies about them', async () => {
  const big = [{ name: 'a', text: 'x'.repeat(100_000) }];
  for (const [name, make] of formats)
    await expect(unpacked(name, make(big), { bytes: 50_000 })).rejects.toMatchObject({ code: 'ARCHIVE_LARGE' });
  const many = Array.from({ length: 11 }, (_, n) => ({ name: `f${n}`, text: 'x' }));
  for (const [name, make] of formats)
    await expect(unpacked(name, make(many), { entries: 10 })).rejects.toMatchObject({ code: 'ARCHIVE_LARGE' });
  const liar = makeZip([{ name: 'a', text: 'x'.repeat(100_000), size: 10 }]);
  await expect(unpacked('a.zip', liar)).rejects.toMatchObject({ code: 'ARCHIVE_BROKEN' });
});

test.each([
  ['a.zip', Buffer.from('PK no zip at all')],
  ['a.tar.gz', gzipSync(makeTar([{ name: 'a', text: 'x'.repeat(9_000) }])).subarray(0, 60)],
  ['a.tar', makeTar([{ name: 'a', text: 'x'.repeat(9_000) }]).subarray(0, 2_000)],
  ['a.tar', Buffer.from('hello '.repeat(200))],
])('a damaged %s is named as such', async (name, bytes) => {
  await expect(unpacked(name, bytes)).rejects.toMatchObject({ code: 'ARCHIVE_BROKEN' });
});

test.each(formats)('an empty %s holds no repository', async (name, make) => {
  await expect(unpacked(name, make([]))).rejects.toMatchObject({ code: 'REPOSITORY_EMPTY' });
});

test.each(['gnu', 'pax', 'ustar'])(
  'what tar writes in its %s format is read: long names, newlines, links',
  async (format) => {
    const folder = scratch();
    const long = `${'d'.repeat(90)}/${'e'.repeat(60)}`;
    write(folder, { [`in/${long}/file.txt`]: 'long', 'in/new\nline': 'n' });
    symlinkSync('d'.repeat(90), join(folder, 'in/l'));
    execFileSync('tar', [`--format=${format}`, '-czf', 'a.tar.gz', 'in'], { cwd: folder });
    const to = await unpacked('a.tar.gz', readFileSync(join(folder, 'a.tar.gz')));
    expect(readFileSync(join(to, 'l', 'e'.repeat(60), 'file.txt'), 'utf8')).toBe('long');
    expect(readFileSync(join(to, 'new\nline'), 'utf8')).toBe('n');
  },
);
