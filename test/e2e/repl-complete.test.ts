/** Completion at the prompt, asked of a runtime that is up. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { expect, onTestFinished, test } from 'vitest';
import { reachOrFail } from '../../clients/cli/connect.js';
import { completer } from '../../clients/repl/complete.js';
import { liveNames, openWatcher } from '../../clients/repl/live.js';
import { readConfig } from '../../runtime/config.js';
import { eventually, rawClient, scratch } from './rr.js';

test('addresses, ids, kinds, commands, fields and options are offered as they are; completing changes nothing', async () => {
  const s = scratch({ RR_BROKER_IDLE_MS: '500' });
  mkdirSync(join(s.state, 'workflows'), { recursive: true });
  const steps = [
    { id: 'ok', approval: { question: 'release it?', options: ['ship', 'hold'] } },
    { id: 'sent', signal: 'parcel' },
  ];
  writeFileSync(join(s.state, 'workflows/release.json'), JSON.stringify({ name: 'release', version: 1, steps }));
  const up = s.rr('up', '--foreground', '--json');
  await up.object(({ type }) => type === 'up');
  const { ask } = await rawClient(s.state);
  const { run } = await ask('rr.api.local.jobs.submit', { workflow: 'release' });
  await eventually(
    () => ask('rr.api.local.runs.get', { run }),
    ({ waitsFor }) => waitsFor.length === 2,
  );
  const turns = async () =>
    (await ask('rr.api.local.admin.tree')).actors.map(({ address, turn }: { address: string; turn: number }) => [
      address,
      turn,
    ]);
  const before = await turns();

  const client = await reachOrFail(readConfig({ state: s.state }).config);
  onTestFinished(() => client.close());
  const names = liveNames(client, openWatcher());
  const context = createContext({ ...names });
  runInContext(`let job = run('${run}'); const port = actor('sys/port-manager/main'); let id = '${run}'`, context);
  let typed = '';
  const own: string[] = [];
  const admin = ['tree', 'actor', 'send', 'spawn', 'unlist'];
  const commands = { ps: [], stop: [], logs: [], decide: [], admin, checkpoints: ['restore'], rr: [] };
  const complete = completer({ client, context, makers: names, before: () => typed, commands }, (line, done) => {
    own.push(line); // node's own is asked for nothing but what is passed on
    done(null, [[], line]);
  });
  const offered = (line: string): Promise<string[]> =>
    new Promise((resolve, reject) => complete(line, (error, found) => (error ? reject(error) : resolve(found![0]))));

  expect(await offered("actor('sys/port")).toEqual(['sys/port-manager/main']);
  expect(await offered('actor(')).toContain("'sys/port-manager/main'");
  expect(await offered("run('")).toEqual([run]);
  expect(await offered("decide('")).toEqual([run]);
  expect(await offered("spawn('he")).toEqual(['health']);
  expect(await offered("spawn('health', { ")).toEqual(['id: ', 'run: ', 'input: ', 'restart: ', 'group: ']);
  expect(await offered("spawn('health', { restart: 'te")).toEqual(['temporary']);
  expect(await offered("spawn('health', { group: { strategy: 'rest")).toEqual(['rest_for_one']);
  expect(await offered("workflow('rel")).toEqual(['release']);
  expect(await offered("ask('checkpoints.di")).toEqual(['checkpoints.diff']);
  expect(await offered("ask('checkpoints.diff', { address: 'a', ")).toEqual(['from: ', 'to: ']);
  expect(await offered("submit({ restart: '")).toEqual(['no', 'on-failure', 'always']);
  for (const who of ["actor('sys/port-manager/main')", 'port', 'await port']) {
    expect(await offered(`${who}.send({type: '`), who).toEqual(expect.arrayContaining(['port.lease', 'port.release']));
    expect(await offered(`${who}.send({ type: `), who).toContain("'port.lease'");
    expect(await offered(`${who}.send({ type: 'port.lease', run: 'a', `), who).toEqual(
      expect.arrayContaining(['service: ', 'wanted: ', 'not: ']),
    );
    expect(await offered(`${who}.send({ type: 'port.lease', run: 'a', `), who).not.toContain('run: ');
  }
  for (const call of [`decide('${run}', '`, "decide(job, '", "decide(id, '", "job.decide('", `run('${run}').decide('`])
    expect(await offered(call), call).toEqual(['ship', 'hold']);
  expect(await offered("job.signal('")).toEqual(['parcel']);
  expect(await offered("job.decide('ship', { ")).toEqual(['step: ', 'reason: ']);
  expect(await offered(`run('${run}').st`)).toEqual(['steps', 'stop']);
  expect(await offered('await port.re')).toEqual(['restore', 'restart']);
  expect(await offered("checkpoints(port, '0.0', '0")).toContain('0.0');
  expect(await offered('.stop ')).toEqual([run]);
  expect(await offered('.rr lo')).toEqual(['logs']);
  expect(await offered('.rr ')).not.toContain('rr');
  for (const admin of ['.admin', '.rr admin']) {
    expect(await offered(`${admin} s`)).toEqual(['send', 'spawn']);
    expect(await offered(`${admin} send sys/port`)).toEqual(['sys/port-manager/main']);
    expect(await offered(`${admin} spawn he`)).toEqual(['health']);
    expect(await offered(`${admin} unlist `)).toEqual([]);
  }
  expect(await offered('.checkpoints restore sys/port-manager/main 0')).toContain('0.0');
  expect(await offered("job.fork('o")).toEqual(['ok']);
  expect(await offered("job.fork('ok', { ")).toEqual(['job: ', 'env: ']);
  for (const nobody of ["decision('", "message('", '.decide ', '.decide d1 re', "decision('d1').decide('"])
    expect(await offered(nobody), nobody).toEqual([]);
  expect(await offered("decision('d1').")).toEqual(['id', 'get', 'decide']);
  expect(await offered("message('m1').pu")).toEqual(['putBack']);
  expect(await offered("message('m1').putBack({ ")).toEqual(['withinMs: ']);
  typed = "port.send({\n  type: '";
  expect(await offered('port.le')).toEqual(['port.lease']);
  typed = '';
  // What runs code when it is evaluated is not: nothing is offered, and nobody is asked to evaluate it.
  for (const line of [
    "run('nobody').stop().",
    'job.stop().',
    "spawn('health').",
    '(() => job.stop())().',
    '[job.stop()].',
  ])
    expect(await offered(line), line).toEqual([]);
  expect(own).toEqual([]);
  expect(await offered('jo')).toEqual([]);
  expect(own).toEqual(['jo']);

  expect(await turns()).toEqual(before);
  expect((await ask('rr.api.local.runs.get', { run })).waitsFor).toHaveLength(2);
  await ask('rr.api.local.runs.cancel', { run });
  up.child.kill('SIGINT');
  expect(await up.exited).toBe(0);
  const began = performance.now();
  expect(await offered("run('")).toEqual([]);
  expect(performance.now() - began).toBeLessThan(4_000);
}, 60_000);
