/** What a crash, a full disk and a broken file leave behind. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { writeBundle } from '../../checkpoints/bundle.js';
import { writeDurably } from '../../checkpoints/durable.js';
import { checkpointFile, historyFolder, KEPT_VERSIONS, readCheckpoint, versionsIn } from '../../checkpoints/json.js';
import { type AuditLine, brokenAt, readLines } from '../../checkpoints/ledger.js';
import { openStore } from '../../checkpoints/store.js';
import { openLog } from '../../runtime/log.js';
import { packageRoot } from '../../runtime/program.js';
import type { Checkpoint, Turn } from '../../runtime/store.js';

function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'rr-checkpoints-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
const place = { run: 'r1', kind: 'health', id: 'health-1' };
const file = (state: string): string => join(state, checkpointFile(place));
const fixture = (name: string): string => join(packageRoot(), 'test/fixtures/runtime', name);
const dist = join(packageRoot(), 'dist');
const at = (turn: number): Checkpoint => ({
  format: 1,
  ...place,
  version: 1,
  epoch: 0,
  turn,
  state: { value: 'a', context: { turn }, status: 'active' },
  owed: [],
  answers: {},
  open: {},
  dueCausation: null,
  at: '',
});

const storeOf = (state: string, host = 'h1') => openStore(state, host, { flush: 'fsync', log: openLog('silent', 2) });
const turnOf = (turn: number): Turn => ({ checkpoint: at(turn), facts: [], audit: [] });

test('a writer killed at any instant leaves a whole checkpoint, none older than the last that was acknowledged, and every line once', async () => {
  const state = scratch();
  let turn = 0;
  for (let n = 0; n < 12; n += 1) {
    const child = spawn(process.execPath, [fixture('writer.mjs'), dist, state, String(turn)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    await once(child.stdout, 'data');
    await sleep(Math.random() * 60);
    child.kill('SIGKILL');
    await once(child, 'close');
    const acknowledged = Number(out.slice(0, out.lastIndexOf('\n')).split('\n').at(-1));
    const store = storeOf(state, 'writer');
    const left = (await store.load(place))!;
    expect(left.turn).toBeGreaterThanOrEqual(acknowledged);
    expect(left.state.context).toEqual({ text: 'x'.repeat(20_000), turn: left.turn });
    await store.caughtUp();
    expect((await readCheckpoint(file(state)))!.turn).toBe(left.turn);
    const versions = versionsIn(historyFolder(file(state)));
    expect(versions.length).toBeLessThanOrEqual(KEPT_VERSIONS);
    for (const version of versions)
      expect(await readCheckpoint(join(historyFolder(file(state)), version))).not.toBe(null);
    // Every line stands once, in its order, up to the last turn.
    const every = Array.from({ length: left.turn + 1 }, (_, n) => n);
    const facts = readLines<AuditLine>(join(state, 'runs/r1/facts.ndjson'));
    expect(facts.map(({ seq, payload }) => [seq, payload.turn])).toEqual(every.map((n) => [n + 1, n]));
    const audit = readLines<AuditLine>(join(state, 'runs/r1/audit.log'));
    expect(audit.map(({ id }) => id)).toEqual(every.map((n) => `m${n}`));
    expect(brokenAt(audit)).toBe(null);
    await store.close();
    turn = left.turn + 1;
  }
}, 90_000);

test('the newest of an actor is loaded, also before it is in its file and by the next life', async () => {
  const state = scratch();
  const store = storeOf(state);
  expect(await store.load(place)).toBe(null);
  await Promise.all([1, 2, 3, 4, 5].map((turn) => store.commit(turnOf(turn))));
  expect((await store.load(place))!.turn).toBe(5);
  await store.close();
  expect((await readCheckpoint(file(state)))!.turn).toBe(5);
  const next = storeOf(state);
  expect((await next.load(place))!.turn).toBe(5);
  expect(next.recovered).toEqual({ records: 0, bytes: 0, damage: [] });
  await next.close();
});

test('a folder that cannot be written is said with the reason, and the old text stays', async () => {
  const dir = scratch();
  const path = join(dir, 'a/b.json');
  await writeDurably(path, 'old');
  writeFileSync(join(dir, 'plain'), '');
  const inFile = writeDurably(join(dir, 'plain/b.json'), 'new');
  await expect(inFile).rejects.toMatchObject({ code: 'STATE_UNWRITABLE', message: expect.stringContaining('ENOTDIR') });
  mkdirSync(`${path}.${process.pid}.tmp`);
  await expect(writeDurably(path, 'new')).rejects.toMatchObject({ code: 'STATE_UNWRITABLE' });
  expect(readFileSync(path, 'utf8')).toBe('old');
});

test('a fact that found no room is no half line, is not taken for told, and is told when there is room', () => {
  const state = scratch();
  const limited = `trap '' XFSZ; ulimit -f 8; exec "$0" "$@"`;
  const args = ['-c', limited, process.execPath, fixture('scribe.mjs'), dist, state];
  const { stdout } = spawnSync('sh', args, { encoding: 'utf8' });
  const told = JSON.parse(stdout) as { n: number; code: string; again: string };
  expect(told).toMatchObject({ code: 'EFBIG', again: 'EFBIG' });
  const lines = readLines<{ id: string }>(join(state, 'runs/r1/facts.ndjson'));
  expect(lines.map(({ id }) => id)).toEqual(Array.from({ length: told.n }, (_, n) => `f${n}`));
  expect(readFileSync(join(state, 'runs/r1/facts.ndjson'), 'utf8').endsWith('\n')).toBe(true);
});

test.each([
  ['half a file', '{"format": 1, "kind'],
  ['another shape', '{"format": 1, "kind": "health"}'],
  ['a turn before the first', JSON.stringify({ ...at(1), turn: -1 })],
  ['an empty file', ''],
  ['blanks', ' \n'],
])('%s is a broken checkpoint that names its history, and is never overwritten by a guess', async (_, text) => {
  const state = scratch();
  mkdirSync(dirname(file(state)), { recursive: true });
  writeFileSync(file(state), text);
  const store = storeOf(state);
  await expect(store.load(place)).rejects.toMatchObject({
    code: 'CHECKPOINT_BROKEN',
    fix: expect.stringContaining(historyFolder(file(state))),
  });
  await store.close();
  expect(readFileSync(file(state), 'utf8')).toBe(text);
});

test('a file of a bundle never leaves its folder', async () => {
  const dir = scratch();
  for (const path of ['../out.txt', '/tmp/out.txt', 'a/../../out.txt'])
    await expect(writeBundle(join(dir, 'run'), [{ path, text: '' }])).rejects.toMatchObject({ code: 'INTERNAL' });
  expect(existsSync(join(dir, 'out.txt'))).toBe(false);
  await writeBundle(join(dir, 'run'), [{ path: 'steps/a/1/input.json', text: '{}' }]);
  chmodSync(join(dir, 'run/steps/a/1/input.json'), 0o400);
  await writeBundle(join(dir, 'run'), [{ path: 'steps/a/1/input.json', text: '{}' }]);
});

test('of texts that are given at once for one file all are taken, and the last one stays', async () => {
  const dir = scratch();
  const path = join(dir, 'run.json');
  for (let round = 0; round < 20; round += 1) {
    // The longest first: it takes longest to write.
    const texts = Array.from({ length: 8 }, (_, n) => `${n}${'x'.repeat(50_000 * (8 - n))}`);
    await Promise.all(texts.map((text) => writeDurably(path, text, { durable: false })));
    expect(readFileSync(path, 'utf8')).toBe(texts.at(-1));
  }
  expect(readdirSync(dir)).toEqual(['run.json']);
});
