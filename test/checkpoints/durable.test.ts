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
import {
  checkpointFile,
  historyFolder,
  jsonStore,
  KEPT_VERSIONS,
  readCheckpoint,
  versionsIn,
} from '../../checkpoints/json.js';
import { readLines } from '../../checkpoints/ledger.js';
import { packageRoot } from '../../runtime/program.js';
import type { Checkpoint } from '../../runtime/store.js';

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

test('a writer killed at any instant leaves a whole checkpoint, none older than the last that was saved', async () => {
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
    const left = await readCheckpoint(file(state));
    expect(left!.turn).toBeGreaterThanOrEqual(acknowledged);
    expect(left!.state.context).toEqual({ text: 'x'.repeat(20_000), turn: left!.turn });
    const history = historyFolder(file(state));
    const versions = await versionsIn(history);
    expect(versions.length).toBeLessThanOrEqual(KEPT_VERSIONS + 1); // a kill between the new one and the oldest
    for (const version of versions) expect(await readCheckpoint(join(history, version))).not.toBe(null);
    turn = left!.turn + 1;
  }
  await jsonStore(state).save(at(turn), true);
  expect(await versionsIn(historyFolder(file(state)))).toHaveLength(KEPT_VERSIONS);
}, 30_000);

test('saves of one actor are applied in the order they were called, and the newest is loaded', async () => {
  const state = scratch();
  const store = jsonStore(state);
  expect(await store.load(place)).toBe(null);
  await Promise.all([1, 2, 3, 4, 5].map((turn) => store.save(at(turn), turn % 2 === 0)));
  expect((await store.load(place))!.turn).toBe(5);
  expect((await jsonStore(state).load(place))!.turn).toBe(5);
  await store.remove(place);
  expect(await store.load(place)).toBe(null);
});

test('a store of many actors still loads what it has saved', async () => {
  const store = jsonStore(scratch());
  const many = Array.from({ length: 300 }, (_, n) => ({ ...at(n), id: `health-${n}` }));
  await Promise.all(many.map((one) => store.save(one, false)));
  for (const { turn, id } of many) expect((await store.load({ ...place, id }))!.turn).toBe(turn);
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

test('a save on a disk without room is refused, keeps the checkpoint before it, and leaves no scrap', () => {
  const state = scratch();
  const script = `
    const { jsonStore } = await import(${JSON.stringify(`${dist}/checkpoints/json.js`)});
    const store = jsonStore(${JSON.stringify(state)});
    const small = ${JSON.stringify(at(1))};
    await store.save(small, true);
    const big = { ...small, turn: 2, state: { ...small.state, context: 'y'.repeat(100_000) } };
    await store.save(big, true).catch((error) => console.log(error.code, error.message.includes('EFBIG')));
    await store.save({ ...small, turn: 3 }, true);`;
  const limited = `trap '' XFSZ; ulimit -f 16; exec "$0" --input-type=module -e "$1"`;
  const { stdout } = spawnSync('sh', ['-c', limited, process.execPath, script], { encoding: 'utf8' });
  expect(stdout.trim()).toBe('STATE_UNWRITABLE true');
  expect(JSON.parse(readFileSync(file(state), 'utf8')).turn).toBe(3);
  expect(readdirSync(dirname(file(state))).sort()).toEqual(['agent_state_HealthAgent.json', 'history']);
});

test('a fact that found no room is no half line, is not taken for told, and is told when there is room', () => {
  const state = scratch();
  const limited = `trap '' XFSZ; ulimit -f 8; exec "$0" "$@"`;
  const args = ['-c', limited, process.execPath, fixture('scribe.mjs'), dist, state];
  const { stdout } = spawnSync('sh', args, { encoding: 'utf8' });
  const told = JSON.parse(stdout) as { n: number; code: string; again: string };
  expect(told).toMatchObject({ code: 'STATE_UNWRITABLE', again: 'STATE_UNWRITABLE' });
  const lines = readLines<{ id: string }>(join(state, 'runs/r1/facts.ndjson'));
  expect(lines.map(({ id }) => id)).toEqual(Array.from({ length: told.n }, (_, n) => `f${n}`));
  expect(readFileSync(join(state, 'runs/r1/facts.ndjson'), 'utf8').endsWith('\n')).toBe(true);
});

test.each([
  ['half a file', '{"format": 1, "kind'],
  ['another shape', '{"format": 1, "kind": "health"}'],
  ['another format', JSON.stringify({ ...at(1), format: 2 })],
  ['an empty file', ''],
])('%s is a broken checkpoint that names its history, and is never overwritten by a guess', async (_, text) => {
  const state = scratch();
  mkdirSync(dirname(file(state)), { recursive: true });
  writeFileSync(file(state), text);
  await expect(jsonStore(state).load(place)).rejects.toMatchObject({
    code: 'CHECKPOINT_BROKEN',
    fix: expect.stringContaining(historyFolder(file(state))),
  });
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
