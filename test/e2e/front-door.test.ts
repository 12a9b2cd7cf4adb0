import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually, rawClient, scratch } from './rr.js';

async function upWith(extra: Record<string, string> = {}) {
  const s = scratch(extra);
  const up = s.rr('up', '--foreground', '--json');
  await up.object(({ type }) => type === 'up');
  return { s, up, ...(await rawClient(s.state)) };
}

test('service discovery finds the front door, with a JSON Schema of every verb', async () => {
  const { nats, ask } = await upWith();
  const ping = (await nats.request('$SRV.PING', '', { timeout: 5_000 })).json() as Record<string, unknown>;
  expect(ping).toMatchObject({
    type: 'io.nats.micro.v1.ping_response',
    name: 'repo-runner',
    version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
  });
  const info = (await nats.request(`$SRV.INFO.repo-runner.${ping.id}`, '', { timeout: 5_000 })).json() as {
    endpoints: { subject: string; metadata: Record<string, string> }[];
  };
  const verbs = ['jobs.submit', 'runs.list', 'runs.get', 'runs.cancel', 'runs.stop', 'admin.tree'];
  for (const verb of verbs) {
    const endpoint = info.endpoints.find(({ subject }) => subject === `rr.api.local.${verb}`)!;
    expect(JSON.parse(endpoint.metadata.request_schema!)).toMatchObject({ type: 'object' });
    expect(JSON.parse(endpoint.metadata.response_schema!)).toMatchObject({ type: 'object' });
  }
  await ask('rr.api.local.runs.list');
  await ask('rr.api.local.runs.get', { run: 'nobody' });
  const stats = (await nats.request('$SRV.STATS.repo-runner', '', { timeout: 5_000 })).json() as {
    endpoints: { name: string; num_requests: number; num_errors: number; last_error: string }[];
  };
  expect(stats.endpoints.find(({ name }) => name === 'runs-list')).toMatchObject({ num_requests: 1, num_errors: 0 });
  expect(stats.endpoints.find(({ name }) => name === 'runs-get')).toMatchObject({
    num_requests: 1,
    num_errors: 1,
    last_error: expect.stringContaining('RUN_UNKNOWN'),
  });
}, 60_000);

test('a job submitted over the bus is on disk when it is answered, runs, proves itself, and stops', async () => {
  const { s, nats, ask } = await upWith();
  const source = s.repo('node-plain');
  const facts: string[] = [];
  nats.subscribe('rr.view.local.>', {
    callback: (_, message) => void facts.push((message.json() as { type: string }).type),
  });
  const { run } = await ask('rr.api.local.jobs.submit', { source });
  const [host] = readdirSync(join(s.state, 'hosts'));
  const journal = join(s.state, 'hosts', host!, 'journal');
  const kept = readdirSync(journal).filter((name) => name.endsWith('.seg'));
  expect(kept.map((name) => readFileSync(join(journal, name), 'latin1')).join('')).toContain(
    `"runs":{"${run}":{"job":`,
  );

  const get = () => ask('rr.api.local.runs.get', { run });
  const { result } = await eventually(get, (answer) => answer.result !== null);
  expect(result).toMatchObject({ outcome: 'healthy', kind: 'web-service', run, tokens: 0, error: null });
  expect(result.services[0].proof).toMatchObject({ status: 200, title: 'Plain' });
  expect((await ask('rr.api.local.runs.list')).runs).toMatchObject([
    { run, state: 'up', outcome: 'healthy', url: result.services[0].url },
  ]);

  const { actors } = await ask('rr.api.local.admin.tree');
  const kinds = actors.map(({ kind }: { kind: string }) => kind);
  for (const kind of [
    'admin',
    'orchestrator',
    'run',
    'port-manager',
    'service-manager',
    'orchestrator-manager',
    'health',
    'runner',
  ])
    expect(kinds).toContain(kind);
  expect(actors.find(({ kind }: { kind: string }) => kind === 'health')).toMatchObject({
    address: `${run}/health/health-1`,
    restarts: 0,
  });

  expect(await ask('rr.api.local.runs.stop', { run })).toMatchObject({ run });
  expect(await eventually(get, ({ ended }) => ended)).toMatchObject({ state: 'done' });
  expect(facts).toEqual(expect.arrayContaining(['run.started', 'health.passed', 'run.settled', 'run.ended']));

  // The orchestrator told the admin how it went.
  const outcomes = () =>
    JSON.parse(readFileSync(join(s.state, 'checkpoints/admin_state.json'), 'utf8')).state.context.outcomes;
  await expect.poll(outcomes).toContainEqual({ run, outcome: 'healthy', error: null });
  const after = await eventually(
    () => ask('rr.api.local.admin.tree'),
    ({ actors: all }) => all.every(({ address }: { address: string }) => !address.startsWith(run)),
  );
  expect(after.actors.length).toBeGreaterThan(4);
}, 60_000);

test('the same job submitted twice under one id is one run', async () => {
  const { s, ask } = await upWith();
  const source = s.repo('node-job');
  expect(await ask('rr.api.local.jobs.submit', { source, run: 'mine-1' })).toEqual({ run: 'mine-1' });
  expect(await ask('rr.api.local.jobs.submit', { source, run: 'mine-1' })).toEqual({ run: 'mine-1' });
  for (const other of [{ source: s.repo('node-plain', { as: 'other' }) }, { source, input: { n: 1 } }])
    expect(await ask('rr.api.local.jobs.submit', { ...other, run: 'mine-1' })).toMatchObject({
      error: { code: 'USAGE', message: expect.stringContaining('mine-1 already, of another job') },
    });
  expect((await ask('rr.api.local.runs.list', { all: true })).runs).toHaveLength(1);
  const { result } = await eventually(
    () => ask('rr.api.local.runs.get', { run: 'mine-1' }),
    (answer) => answer.result !== null,
  );
  expect(result).toMatchObject({ outcome: 'healthy', kind: 'job' });
}, 60_000);

test('a run cancelled while it installs ends within seconds, with nothing left alive', async () => {
  const { s, ask } = await upWith();
  const { run } = await ask('rr.api.local.jobs.submit', {
    source: s.repo('slow-install', { ignore: 'node_modules/\ninstalls.log\n' }),
  });
  await eventually(s.processes, (all) => all.some(({ what }) => what.includes('slowly.js')));
  await ask('rr.api.local.runs.cancel', { run });
  const ended = await eventually(
    () => ask('rr.api.local.runs.get', { run }),
    (answer) => answer.ended,
    10_000,
  );
  expect(ended).toMatchObject({ state: 'cancelled', outcome: 'cancelled' });
  expect(s.processes().filter(({ what }) => /slowly|npm ci/.test(what))).toEqual([]);
}, 60_000);

test.each([
  ['nonsense', 'rr.api.local.jobs.submit', 'no json', 'MESSAGE_NOT_JSON'],
  ['a megabyte', 'rr.api.local.jobs.submit', JSON.stringify('x'.repeat(1_000_000)), 'MESSAGE_LARGE'],
  [
    'a very deep list',
    'rr.api.local.admin.spawn',
    `{"kind":"health","id":"deep","input":${'['.repeat(9_000)}${']'.repeat(9_000)}}`,
    'MESSAGE_INVALID',
  ],
  ['a field nobody knows', 'rr.api.local.jobs.submit', '{"source":"/","surprise":1}', 'MESSAGE_INVALID'],
  ['a relative path', 'rr.api.local.jobs.submit', '{"source":"here"}', 'USAGE'],
  ['a path that is not there', 'rr.api.local.jobs.submit', '{"source":"/no/such/folder"}', 'PATH_MISSING'],
  ['a verb nobody serves', 'rr.api.local.jobs.explode', '{}', 'USAGE'],
  ['a run nobody knows', 'rr.api.local.runs.stop', '{"run":"nobody"}', 'RUN_UNKNOWN'],
])(
  '%s is refused with its code and its fix, also in the headers',
  async (_, subject, body, code) => {
    const { nats } = await upWith();
    const answer = await nats.request(subject, body, { timeout: 5_000 });
    expect(answer.json()).toEqual({ error: { code, message: expect.any(String), fix: expect.stringMatching(/\w/) } });
    expect(answer.headers?.get('Nats-Service-Error-Code')).toBe(code);
  },
  30_000,
);

test('malformed commands to an actor are refused and harm nobody', async () => {
  const { s, nats, ask } = await upWith();
  const answers = [];
  for (const data of [
    '',
    '[]',
    '{"v":1}',
    '{"v":1,"id":"x","type":"port.lease","run":"sys","from":"t","causation":null,"hop":1,"deadline":null,"traceparent":null,"payload":{"wanted":"?"}}',
    '{"v":1,"id":"y","type":"port.lease","run":"sys","from":"t","causation":null,"hop":33,"deadline":null,"traceparent":null,"payload":{}}',
  ])
    answers.push(
      (await nats.request('rr.sys.port-manager.main.in', data, { timeout: 5_000 })).json() as {
        error: { code: string };
      },
    );
  expect(answers.map(({ error }) => error.code)).toEqual([
    'MESSAGE_NOT_JSON',
    'MESSAGE_INVALID',
    'MESSAGE_INVALID',
    'MESSAGE_INVALID',
    'HOP_LIMIT',
  ]);
  // An answer is given to inboxes alone: it would be a command with our name, or an order to the broker.
  const heard: string[] = [];
  for (const forged of ['rr.sys.orchestrator.main.in', 'rr.api.local.ops.shutdown', '$JS.API.STREAM.DELETE.RR_FACTS'])
    nats.subscribe(forged, { callback: (_, { data }) => void heard.push(`${forged}: ${data.length} bytes`) });
  for (const forged of ['rr.sys.orchestrator.main.in', 'rr.api.local.ops.shutdown', '$JS.API.STREAM.DELETE.RR_FACTS'])
    for (const subject of ['rr.sys.port-manager.main.in', 'rr.api.local.runs.list', '$SRV.PING', '$SRV.INFO'])
      nats.publish(subject, '{}', { reply: forged });
  await nats.flush();
  const tree = await ask('rr.api.local.admin.tree'); // answered after all of them
  expect(heard).toEqual([]);
  const log = readFileSync(join(s.state, 'hosts', readdirSync(join(s.state, 'hosts'))[0]!, 'host.log'), 'utf8');
  expect(log.match(/"code":"REPLY_FORGED"/g)).toHaveLength(12);
  expect(tree.actors.find(({ kind }: { kind: string }) => kind === 'port-manager')).toMatchObject({
    restarts: 0,
    turn: 0,
  });
  expect(existsSync(join(s.state, 'hosts'))).toBe(true);
}, 30_000);

test('a command sent again gets the same answer without a second turn', async () => {
  const { nats, ask } = await upWith();
  const command = JSON.stringify({
    v: 1,
    id: 'lease-1',
    type: 'port.lease',
    run: 'sys',
    from: 'test',
    causation: null,
    hop: 1,
    deadline: Date.now() + 60_000,
    traceparent: null,
    payload: { run: 'r', service: 's', wanted: [] },
  });
  const lease = async () => {
    for (;;) {
      const answer = (await nats.request('rr.sys.port-manager.main.in', command, { timeout: 5_000 })).json() as {
        accepted?: true;
        fact?: { port: number };
      };
      if (answer.fact) return answer.fact;
    }
  };
  const first = await lease();
  const turn = async () =>
    (await ask('rr.api.local.admin.tree')).actors.find(({ kind }: { kind: string }) => kind === 'port-manager').turn;
  const before = await turn();
  expect(await lease()).toEqual(first);
  expect(await turn()).toBe(before);
}, 30_000);

test('a password in a URL and the values of --env are in no message, log or checkpoint', async () => {
  const { s, nats, ask } = await upWith();
  const heard: string[] = [];
  nats.subscribe('rr.>', { callback: (_, message) => void heard.push(message.string()) });
  const { run } = await ask('rr.api.local.jobs.submit', {
    source: 'http://someone:hunter2@127.0.0.1:9/none.git',
    env: { API_KEY: 'hunter3' },
  });
  const get = () => ask('rr.api.local.runs.get', { run });
  const { result } = await eventually(get, ({ ended }) => ended);
  expect(result).toMatchObject({ outcome: 'failed', error: { code: 'GIT_FAILED', fix: expect.stringMatching(/\w/) } });
  // All but the request itself, which the client sent.
  expect(heard.filter((text) => /hunter/.test(text) && !text.includes('"env"'))).toEqual([]);
  // It ends with 2 where a file vanished while it looked: the broker is at work.
  const told = spawnSync('grep', ['-rslE', 'hunter[23]', s.state], { encoding: 'utf8' }).stdout.trim().split('\n');
  expect(told.map((path) => path.replace(`${s.state}/`, '')).sort()).toEqual([
    `runs/${run}/inputs/given.json`,
    `runs/${run}/inputs/source.json`,
  ]);
  for (const path of told) expect(statSync(path).mode & 0o077).toBe(0);
}, 60_000);

test('every message may take the wire instead of the short way', async () => {
  const { s, ask } = await upWith({ RR_FORCE_WIRE: 'true' });
  const { run } = await ask('rr.api.local.jobs.submit', { source: s.repo('node-plain') });
  const { result } = await eventually(
    () => ask('rr.api.local.runs.get', { run }),
    (answer) => answer.result !== null,
  );
  expect(result).toMatchObject({ outcome: 'healthy' });
}, 60_000);
