import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Fact } from '../../../agents/detection/contract.js';
import { conclude, detection, withoutEngine } from '../../../agents/detection/index.js';
import type { EffectContext, Message } from '../../../runtime/actor.js';

type Looked = Parameters<typeof conclude>[0];
const look = detection.effects.look as unknown as (params: object, ctx: EffectContext) => Promise<Message>;
const lookAt = async (root: string, service: string | null = null): Promise<Looked> =>
  (await look({ root, repository: root, service }, {} as EffectContext)) as Looked;

test('a look at a repository ends in a fact of the contract', async () => {
  const root = mkdtempSync(join(tmpdir(), 'rr-agent-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  writeFileSync(join(root, 'index.html'), '<!doctype html><h1>hello</h1>');
  const fact = Fact.parse(conclude(await lookAt(root)));
  expect(fact).toMatchObject({ type: 'detection.detected', services: [{ kind: 'static-site' }] });
  // The effect may be repeated after a crash: it says the same again.
  expect(conclude(await lookAt(root))).toEqual(fact);
});

test('what is foreseen to go wrong ends in detection.failed with code and fix', async () => {
  const fact = Fact.parse(conclude(await lookAt('/nowhere/at/all')));
  expect(fact).toMatchObject({ type: 'detection.failed', error: { code: 'PATH_MISSING', fix: expect.any(String) } });
});

test('a service that is not there ends in detection.failed', async () => {
  const root = mkdtempSync(join(tmpdir(), 'rr-agent-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  writeFileSync(join(root, 'index.html'), '<!doctype html>');
  expect(conclude(await lookAt(root, 'shop'))).toMatchObject({ error: { code: 'SERVICE_UNKNOWN' } });
});

test('without an engine what only an image has is left out with the reason, and what has a folder keeps its own commands', () => {
  const container = { ...{ image: null, build: null, entrypoint: null, command: null, workdir: null }, ports: [80] };
  const member = { about: 'member' as const, after: [], links: [], worker: false, path: '.', weight: 0.7 };
  const whole = { ...container, needs: [], speaks: false };
  const hints = [
    { ...member, name: 'wiki', from: 'compose.yaml:2', container: { ...whole, image: 'acme/wiki:2' }, alone: true },
    { ...member, name: 'web', from: 'compose.yaml:5', path: 'web', container: whole },
  ];
  const seen = withoutEngine({ services: [], chosen: [], hints, notes: ['before'] }, 'no docker and no podman on PATH');
  expect(seen.hints).toEqual([{ ...member, name: 'web', from: 'compose.yaml:5', path: 'web' }]);
  expect(seen.notes).toEqual([
    'before',
    'compose.yaml:2: wiki (acme/wiki:2) is left out: no docker and no podman on PATH',
  ]);
});
