import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type AnyMachineSnapshot, initialTransition, transition } from 'xstate';
import { Fact, type Heal } from '../../../agents/fixer/contract.js';
import { fixer } from '../../../agents/fixer/index.js';
import type { EffectContext, Message, Perform } from '../../../runtime/actor.js';
import { systemClock } from '../../../runtime/clock.js';
import { readConfig } from '../../../runtime/config.js';
import { openLog } from '../../../runtime/log.js';
import { healOf } from './case.js';

const context: EffectContext = {
  id: 'r1/fixer/fixer-1/0.1.0',
  causation: null,
  signal: new AbortController().signal,
  deadlineAt: null,
  run: 'r1',
  address: 'r1/fixer/fixer-1',
  bundle: tmpdir(),
  config: readConfig({}, {}).config,
  clock: systemClock,
  log: openLog('silent', 2),
};
type Owed = { type: string; params?: unknown };

/** As the runtime does it: every turn from a state that went through JSON. */
async function drive(message: Heal, broken = false): Promise<Fact[]> {
  let [snapshot]: [AnyMachineSnapshot, unknown] = initialTransition(fixer.machine);
  const facts: Fact[] = [];
  for (let next: Message | null = message; next !== null; ) {
    const [after, actions]: [AnyMachineSnapshot, unknown] = transition(fixer.machine, snapshot, next as never);
    const { value, context: kept } = JSON.parse(JSON.stringify({ value: after.value, context: after.context }));
    snapshot = fixer.machine.resolveState({ value, context: kept } as never);
    next = null;
    for (const { type, params } of actions as Owed[]) {
      if (type === 'emit') facts.push(Fact.parse(params));
      if (type !== 'diagnose') continue;
      next = broken
        ? ({ type: 'diagnoseFailed', error: { code: 'EFFECT_FAILED', message: 'it broke', fix: '' } } as Message)
        : await (fixer.effects.diagnose as Perform<unknown>)(params, context);
    }
  }
  expect(snapshot.value).toBe('idle');
  return facts;
}

function service(files: Record<string, string>): string {
  const cwd = mkdtempSync(join(tmpdir(), 'rr-fixer-'));
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) writeFileSync(join(cwd, path), text);
  return cwd;
}

test('the fixer looks into the folder, answers once and is ready for the next', async () => {
  const cwd = service({ 'package.json': '{"scripts":{"serve":"node server.js"}}', 'server.js': '' });
  const facts = await drive({ ...healOf({ tail: 'npm error Missing script: "start"' }), cwd });
  expect(facts).toMatchObject([
    { type: 'fixer.fixed', rule: 'missing-script', overlay: { start: 'npm run serve' }, from: 'start' },
  ]);
});

test('a folder that is gone does not keep it from answering', async () => {
  const facts = await drive({ ...healOf({ step: 'deps', tail: 'npm error code ERESOLVE\n' }), cwd: '/nowhere/at/all' });
  expect(facts).toMatchObject([{ type: 'fixer.fixed', rule: 'peer-conflict' }]);
});

test('what the tail has lost is found in the log', async () => {
  const cwd = service({ 'package-lock.json': '{}' });
  const log = join(cwd, 'install.log');
  writeFileSync(log, `npm error code ERESOLVE\n${'npm error more of it\n'.repeat(100)}`);
  const input = healOf({ step: 'deps', tail: 'npm error more of it' });
  const facts = await drive({ ...input, cwd, evidence: { ...input.evidence!, log } });
  expect(facts).toMatchObject([{ type: 'fixer.fixed', rule: 'peer-conflict' }]);
});

test('a diagnosis that breaks leaves the failure its own error', async () => {
  const facts = await drive(healOf({ message: 'the true error' }), true);
  expect(facts).toMatchObject([{ type: 'fixer.helpless', error: { message: 'the true error' } }]);
});
