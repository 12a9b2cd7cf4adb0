/** Exports that come back as they were, and those that are not what they say. */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { exportTo, importFrom } from '../../checkpoints/archive.js';
import { canonical } from '../../checkpoints/ledger.js';

function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'rr-archive-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
const files: Record<string, string | Buffer> = {
  'runs/r1/run.json': '{"run":"r1"}\n',
  'runs/r1/logs/app.log': Buffer.from([0xff, 0x00, 0x0a]),
  'runs/r1/steps/deps/1/output.json': '{}\n',
  'runs/r1/checkpoints/run_state.json': '{"naïve":"😀"}\n',
  'runs/r1/inputs/given.json': '{"API_KEY":"hunter2"}\n',
  'runs/r1/work/server.js': 'x',
  'runs/r1/keeper.json': '{}',
  'runs/r1/keeper.lock.1': '{}',
};
function filled(): string {
  const state = scratch();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(state, path)), { recursive: true });
    writeFileSync(join(state, path), text);
  }
  symlinkSync('/etc/hostname', join(state, 'runs/r1/logs/link.log'));
  return state;
}
const below = (dir: string): string[] =>
  readdirSync(dir, { recursive: true, withFileTypes: true, encoding: 'utf8' })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
    .sort();
const sha = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex');

test('a run comes back byte for byte, without what is secret, the work and what belongs to the living', async () => {
  const [from, to] = [filled(), scratch()];
  const file = join(from, 'r1.json');
  const told = await exportTo(from, 'r1', file);
  expect(told.parts).toBe(4);
  expect(readFileSync(file, 'utf8')).not.toContain('hunter2');
  expect(importFrom(to, file)).toEqual(told);
  expect(below(to)).toEqual([
    'runs/r1/checkpoints/run_state.json',
    'runs/r1/logs/app.log',
    'runs/r1/run.json',
    'runs/r1/steps/deps/1/output.json',
  ]);
  for (const path of below(to)) expect(readFileSync(join(to, path))).toEqual(readFileSync(join(from, path)));
});

test('nothing is written over what is there', async () => {
  const from = filled();
  const file = join(from, 'r1.json');
  await exportTo(from, 'r1', file);
  await expect(exportTo(from, 'r1', file)).rejects.toMatchObject({ code: 'USAGE' });
  const before = below(from);
  expect(() => importFrom(from, file)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  expect(below(from)).toEqual(before);
  await expect(exportTo(from, 'r2', join(from, 'r2.json'))).rejects.toMatchObject({ code: 'RUN_UNKNOWN' });
});

type Archive = {
  what: string;
  sha256: string;
  parts: { path: string; sha256: string; encoding: string; text: string }[];
};
/** Hashes that fit whatever was changed: the hand that changes them can do that too. */
const sealed = (archive: Archive): Archive => {
  const parts = archive.parts.map((part) => ({
    ...part,
    sha256: sha(Buffer.from(part.text, part.encoding as 'utf8')),
  }));
  return { ...archive, parts, sha256: sha(canonical(parts.map(({ path, sha256 }) => [path, sha256]))) };
};
const path = (name: string) => (a: Archive) =>
  sealed({ ...a, parts: [{ ...a.parts[0]!, path: name }, ...a.parts.slice(1)] });
test.each<[string, (archive: Archive) => unknown]>([
  ['a part above the state folder', path('runs/r1/../../../escaped')],
  ['a part of another run', path('runs/r2/run.json')],
  ['an absolute part', path('/tmp/rr-escaped')],
  ['a part with a backslash', path('runs/r1/..\\..\\escaped')],
  ['a part among the checkpoints of the system', path('checkpoints/admin_state.json')],
  ['a secret', path('runs/r1/inputs/given.json')],
  ['what a keeper believes', path('runs/r1/keeper.json')],
  ['another name of the run', (a) => sealed({ ...a, what: '..' })],
  ['the name of the system', (a) => sealed({ ...a, what: '../sys' })],
  ['a text that was changed', (a) => ({ ...a, parts: [{ ...a.parts[0]!, text: 'forged' }, ...a.parts.slice(1)] })],
  ['a part that was left out', (a) => ({ ...a, parts: a.parts.slice(1) })],
  ['a part that stands twice', (a) => sealed({ ...a, parts: [...a.parts, a.parts[0]!] })],
  ['a field that nobody knows', (a) => ({ ...a, more: 1 })],
  ['no object', () => []],
])('an export with %s is refused and leaves nothing', async (_, change) => {
  const [from, to] = [filled(), scratch()];
  const file = join(from, 'r1.json');
  await exportTo(from, 'r1', file);
  const other = join(from, 'changed.json');
  writeFileSync(other, JSON.stringify(change(JSON.parse(readFileSync(file, 'utf8')) as Archive)));
  expect(() => importFrom(to, other)).toThrow(expect.objectContaining({ code: 'EXPORT_REFUSED' }));
  expect(below(to)).toEqual([]);
  expect(existsSync('/tmp/rr-escaped')).toBe(false);
});
