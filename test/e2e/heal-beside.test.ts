/** Failures that come of what is beside the repository on this machine: another program that takes its port, a workspace around it. */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { editorOf } from '../bench/heal/faults.js';
import { expectNothingLeft, treeOf } from './left.js';
import { commitAll, finish, resultOf, scratch } from './rr.js';

test.runIf(process.env.RR_LONG).each([
  { without: [], outcome: 'healthy', fixes: [{ rule: 'port-lost', actions: [{ do: 'move-port' }], helped: true }] },
  { without: ['port-lost', 'port-apart'], outcome: 'needs-input', fixes: [] },
])(
  'a port that another program takes between lease and start is left to it: without $without',
  { timeout: 120_000 },
  async ({ without, outcome, fixes }) => {
    const s = scratch({ RR_BROKER_IDLE_MS: '300' });
    const repo = s.repo('node-plain', { git: false });
    // Time for the other program to come.
    editorOf(repo).json('package.json', (one) => ({ ...one, scripts: { build: 'sleep 5', start: 'node server.js' } }));
    commitAll(repo, '');
    const rr = s.rr('run', repo, '--once', '--json', ...without.flatMap((id) => ['--without-rule', id]));
    const leased = await rr.object(({ type, step }) => type === 'run.step-ended' && step === 'port', 60_000);
    const port = Number(/port (\d+)/.exec(String(leased.note))![1]);
    const other = createServer((socket) => socket.destroy());
    await new Promise<void>((held) => other.listen(port, '127.0.0.1', held));
    onTestFinished(() => void other.close());
    const { out, err, objects } = await finish(rr);
    const result = resultOf(objects);
    expect(result, `${out}\n${err}`).toMatchObject({ outcome, fixes });
    const url = result.services[0].url as string | null;
    if (url !== null) expect(new URL(url).port).not.toBe(String(port));
    await expectNothingLeft(s);
  },
);

test.runIf(process.env.RR_LONG).each([
  { without: [], outcome: 'healthy', fixes: [{ rule: 'cargo-workspace', helped: true }] },
  { without: ['cargo-workspace'], outcome: 'failed', fixes: [] },
])(
  'a crate within somebody else’s workspace is built by itself: without $without',
  { timeout: 300_000 },
  async ({ without, outcome, fixes }) => {
    const s = scratch({ RR_BROKER_IDLE_MS: '300' });
    const repo = s.repo('rust-plain');
    writeFileSync(join(s.dir, 'Cargo.toml'), '[workspace]\nmembers = ["another"]\n');
    const before = treeOf(repo);
    // A sandbox shows nothing of the folders above.
    const given = ['--sandbox', 'off', ...without.flatMap((id) => ['--without-rule', id])];
    const { out, err, objects } = await finish(s.rr('run', repo, '--once', '--json', ...given));
    const result = resultOf(objects);
    expect(result, `${out}\n${err}`).toMatchObject({ outcome, fixes });
    if (outcome === 'healthy') expect(JSON.stringify(result.services[0].proof)).toContain('Hello from Rust');
    expect(treeOf(repo)).toEqual(before);
    await expectNothingLeft(s);
  },
);
