/** Reading what actors have left: names of files, versions, what is newer than the files. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { definitions } from '../../actors/registry.js';
import { byVersion, openReader } from '../../checkpoints/inspect.js';
import { checkpointFile, placeOfFile, readCheckpoint, writeCheckpoints } from '../../checkpoints/json.js';
import type { Checkpoint } from '../../runtime/store.js';
import { addressOf, type Place } from '../../runtime/subjects.js';

function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'rr-inspect-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
const place = { run: 'r1', kind: 'health', id: 'health-1' };
const version = (turn: number, epoch = 0, at: Place = place): Checkpoint => ({
  format: 1,
  ...at,
  version: 1,
  epoch,
  turn,
  state: { value: 'up', context: { turn }, status: 'active' },
  owed: [],
  answers: {},
  open: {},
  dueCausation: null,
  at: '2026-01-01T00:00:00.000Z',
});

test('the file of every kind of actor says whose it is, wherever the state folder lies', () => {
  const kinds = fc.constantFrom(...Object.keys(definitions));
  const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
  fc.assert(
    fc.property(kinds, token, token, fc.boolean(), (kind, run, other, first) => {
      const isSystem = kind === 'admin' || kind === 'orchestrator' || kind === 'host' || kind.endsWith('-manager');
      const only = kind === 'run' ? 'run-1' : kind === 'host' ? other : isSystem ? 'main' : null;
      const at = { run: isSystem ? 'sys' : `x${run}`, kind, id: only ?? (first ? `${kind}-1` : `${kind}-x${other}`) };
      expect(placeOfFile(checkpointFile(at))).toEqual(at);
      expect(placeOfFile(join('/any/runs/folder', checkpointFile(at)))).toEqual(at);
    }),
  );
});

test.each([
  'checkpoints/notes.json',
  'checkpoints/agent_state_Health.json',
  'checkpoints/agent_state_healthAgent.json',
  'checkpoints/agent_state_HealthAgent.main.json.tmp',
  'runs/r1/run_state.json',
  'hosts/host_state.json',
  'run_state.json',
])('%s is no checkpoint', (path) => expect(placeOfFile(path)).toBe(null));

test('versions are ordered by epoch, then turn, as numbers', () => {
  expect(['1.2', '0.10', '0.9', '1.0'].sort(byVersion)).toEqual(['0.9', '0.10', '1.0', '1.2']);
});

test('an actor is read at any version that is kept, broken or not, and what is newer than its file stands before it', async () => {
  const state = scratch();
  writeCheckpoints(
    join(state, checkpointFile(place)),
    [0, 1, 2].map((turn) => version(turn)),
  );
  const address = addressOf(place);
  const reader = openReader(state);
  expect(await reader.versions(address)).toEqual(['0.0', '0.1', '0.2']);
  expect((await reader.at(address)).turn).toBe(2);
  expect((await reader.at(address, '0.1')).state.context).toEqual({ turn: 1 });
  await expect(reader.at(address, '0.7')).rejects.toMatchObject({
    code: 'VERSION_UNKNOWN',
    message: expect.stringContaining('0.0, 0.1, 0.2'),
  });
  await expect(reader.at('r1/health/nobody')).rejects.toMatchObject({ code: 'ACTOR_UNKNOWN' });

  const newer = openReader(state, new Map([[address, version(5, 1)]]));
  expect(await newer.versions(address)).toEqual(['0.0', '0.1', '0.2', '1.5']);
  expect((await newer.at(address)).epoch).toBe(1);
  expect((await newer.actors()).map((one) => one.version)).toEqual(['1.5']);

  writeFileSync(join(state, checkpointFile(place)), '{"half');
  expect(await reader.actors()).toMatchObject([{ address, version: null, error: { code: 'CHECKPOINT_BROKEN' } }]);
  expect((await reader.at(address, '0.1')).turn).toBe(1);
});

test('a broken checkpoint names the command that puts its newest good version back', async () => {
  const state = join(scratch(), 'a state');
  writeCheckpoints(
    join(state, checkpointFile(place)),
    [0, 1, 2].map((turn) => version(turn)),
  );
  const file = join(state, checkpointFile(place));
  writeFileSync(file, '');
  writeFileSync(join(dirname(file), 'history', 'agent_state_HealthAgent.json', '0.2.json'), '{}');
  await expect(readCheckpoint(file)).rejects.toMatchObject({
    fix: expect.stringContaining(`rr checkpoints restore r1/health/health-1 0.1 --state '${state}'`),
  });
  const bare = scratch();
  mkdirSync(join(bare, 'checkpoints'));
  writeFileSync(join(bare, 'checkpoints/admin_state.json'), '');
  await expect(readCheckpoint(join(bare, 'checkpoints/admin_state.json'))).rejects.toMatchObject({
    fix: expect.stringContaining('no version'),
  });
});
