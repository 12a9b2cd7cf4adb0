/** `rr admin …`, `rr decisions` and `rr decide` against a runtime that is up: actors as people and programs handle them. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createContext } from 'node:vm';
import { expect, test } from 'vitest';
import { reachOrFail } from '../../clients/cli/connect.js';
import { completer } from '../../clients/repl/complete.js';
import { liveNames, openWatcher } from '../../clients/repl/live.js';
import { readConfig } from '../../runtime/config.js';
import { packageRoot } from '../../runtime/program.js';
import { expectNothingLeft } from './left.js';
import { eventually, finish, long, rawClient, scratch } from './rr.js';

async function up() {
  const s = scratch({ RR_BROKER_IDLE_MS: '500' });
  const one = s.rr('up', '--foreground', '--json');
  await one.object(({ type }) => type === 'up');
  return {
    s,
    rr: (...args: string[]) => finish(s.rr(...args)),
    admin: (...args: string[]) => finish(s.rr('admin', ...args)),
    /** The only object that a command told, which ended well. */
    async json(...args: string[]) {
      const { code, objects, err } = await finish(s.rr(...args, '--json'));
      expect([code, err]).toEqual([0, '']);
      expect(objects).toHaveLength(1);
      return objects[0] as Record<string, unknown>;
    },
    async down() {
      one.child.kill('SIGINT');
      expect(await one.exited).toBe(0);
      await expectNothingLeft(s);
    },
  };
}

test('who is alive is drawn with parents before children, and told one object an actor', async () => {
  const { admin, down } = await up();
  const people = await admin('tree');
  expect(people.out).toMatch(
    /^\S+ {2}6 actors\n {2}sys\/host\/\S+ +up +turn +\d+\n( {4}sys\/.*\n){4} {2}sys\/admin\/main +up +turn/,
  );
  // Columns stand below each other.
  const columns = people.out.split('\n').flatMap((line) => (line.includes('  turn ') ? [line.indexOf('  turn ')] : []));
  expect([columns.length, new Set(columns).size]).toEqual([6, 1]);
  const { objects } = await admin('tree', '--json');
  expect(objects).toHaveLength(6);
  expect(objects).toContainEqual(
    expect.objectContaining({
      type: 'actor',
      address: 'sys/port-manager/main',
      kind: 'port-manager',
      state: 'up',
      parent: expect.stringContaining('sys/host/'),
    }),
  );
  await down();
}, 60_000);

test('a kind is told with the fields of its commands, which an actor of it then takes', async () => {
  const { s, admin, json, down } = await up();
  expect((await admin('kinds')).out).toMatch(/^port-manager +port\.lease port\.release$/m);
  const page = (await admin('kinds', 'port-manager')).out;
  expect(page).toMatch(
    /^port\.lease\n( {2}.*\n)* {2}wanted +list of integer\n {2}not +list of integer +may be left out: \[\]$/m,
  );
  const { objects } = await admin('kinds', '--json');
  expect(objects.find(({ kind }) => kind === 'health')).toMatchObject({
    type: 'kind',
    hears: ['health.check'],
    schema: { type: 'object' },
    custom: null,
  });
  const { out: address } = await admin('spawn', 'port-manager', '--id', 'spare', '--restart', 'temporary');
  expect(address).toBe('sys/port-manager/spare\n');
  const lease = { type: 'port.lease', run: 'r1', service: 'web', wanted: [] };
  const { fact } = (await json('admin', 'send', address.trim(), JSON.stringify(lease))) as { fact: { port: number } };
  expect(fact).toMatchObject({ type: 'port.leased', run: 'r1', port: expect.any(Number) });
  expect((await admin('send', address.trim(), JSON.stringify(lease))).out).toMatch(
    new RegExp(`^port\\.leased\\n\\{[^}]*"port": ${fact.port}\\n\\}\\n$`),
  );
  const release = s.pipe('{"type":"port.release","run":"r1"}\n', 'admin', 'send', address.trim(), '-', '--json');
  expect((await finish(release)).objects).toEqual([
    { type: 'fact', fact: { type: 'port.released', run: 'r1', ports: [fact.port] } },
  ]);

  const shown = (await admin('actor', address.trim())).out;
  expect(shown).toMatch(
    /^sys\/port-manager\/spare {2}alive\nstate +up\nversion +0\.\d+ {2}\S+ \S+, contract 1\nowes +nothing\nopen +no command\ncontext\n\{/,
  );
  expect(await json('admin', 'actor', address.trim())).toMatchObject({
    type: 'actor',
    address: 'sys/port-manager/spare',
    alive: true,
    state: { value: 'up', context: { leases: [] } },
  });
  const { turn } = await json('admin', 'restart', address.trim());
  expect(turn).toBeGreaterThan(2);
  expect(await json('admin', 'stop', address.trim())).toEqual({ type: 'stopped', address: 'sys/port-manager/spare' });
  expect((await admin('tree')).out).not.toContain('spare');
  expect((await admin('actor', address.trim())).out).toMatch(/^sys\/port-manager\/spare {2}not alive\n/);
  expect((await admin('stop', address.trim())).code).toBe(0); // stopped is stopped
  await down();
}, 60_000);

test('a command with an id of its own is the same command when it is repeated', async () => {
  const { admin, json, down } = await up();
  await admin('spawn', 'port-manager', '--id', 'spare');
  const lease = (id: string) =>
    json('admin', 'send', 'sys/port-manager/spare', '{"type":"port.release","run":"r1"}', '--id', id);
  const turn = async () => (await json('admin', 'actor', 'sys/port-manager/spare')).turn as number;
  await lease('mine-1');
  const before = await turn();
  await lease('mine-1');
  expect(await turn()).toBe(before);
  await lease('mine-2');
  expect(await turn()).toBe(before + 1);
  await down();
}, 60_000);

test('actors of a group are restarted as the group says', async () => {
  const { admin, json, down } = await up();
  const group = ['--group', 'pair', '--strategy', 'one_for_all', '--intensity', '3', '--period', '9.5'];
  for (const id of ['a', 'b']) expect((await admin('spawn', 'health', '--id', id, ...group)).code).toBe(0);
  const { state } = (await json('admin', 'actor', 'sys/admin/main')) as {
    state: { context: { registry: Record<string, object> } };
  };
  expect(state.context.registry['sys/health/b']).toMatchObject({
    group: { name: 'pair', strategy: 'one_for_all', intensity: 3, periodMs: 9_500 },
  });
  await down();
}, 60_000);

test('what is asked wrongly, or cannot be done, is told with its code, its fix and its exit code', async () => {
  const { admin, down } = await up();
  await admin('spawn', 'port-manager', '--id', 'spare');
  const spare = 'sys/port-manager/spare';
  const cases: [string[], number, string, RegExp][] = [
    [['actor', 'nobody'], 2, 'USAGE', /nobody is no address/],
    [['actor', 'sys/health/nobody'], 2, 'ACTOR_UNKNOWN', /sys\/health\/nobody/],
    [['stop', 'sys/health/nobody'], 2, 'ACTOR_UNKNOWN', /sys\/health\/nobody/],
    [['restart', 'sys/health/nobody'], 1, 'NO_ACTOR', /sys\/health\/nobody/],
    [['send', 'sys/health/nobody', '{"type":"health.check"}'], 1, 'NO_ACTOR', /sys\/health\/nobody/],
    [['send', spare, '{"type":'], 2, 'USAGE', /is no JSON/],
    [['send', spare, '[1]'], 2, 'USAGE', /no object with a type/],
    [['send', spare, '{"type":"port.lease"}'], 2, 'MESSAGE_INVALID', /at run/],
    [['send', spare, '{"type":"port.explode"}'], 2, 'MESSAGE_INVALID', /type/],
    [['send', spare, '{"type":"port.release","run":"r1"}', '--timeout', 'soon'], 2, 'USAGE', /--timeout soon/],
    [['spawn', 'nobody'], 2, 'USAGE', /no kind of actor is called nobody/],
    [['spawn', 'health', '--input', '{'], 2, 'USAGE', /--input \{ is no JSON/],
    [['spawn', 'health', '--restart', 'never'], 2, 'USAGE', /permanent, transient, temporary/],
    [['spawn', 'health', '--strategy', 'one_for_all'], 2, 'USAGE', /no group/],
    [['spawn', 'health', '--group', 'a', '--intensity', 'x'], 2, 'USAGE', /--intensity x/],
    [['kinds', 'nobody'], 2, 'USAGE', /no kind of actor is called nobody/],
    [['enlist', '/nowhere'], 2, 'MANIFEST_INVALID', /ENOENT/],
    [['unlist', 'health'], 2, 'USAGE', /no kind made at run time/],
    [['explode'], 2, 'USAGE', /unknown command/],
  ];
  for (const who of ['sys/admin/main', 'sys/orchestrator/main'])
    cases.push([['stop', who], 2, 'USAGE', /belongs to every system/]);
  for (const [args, code, name, says] of cases) {
    const told = await admin(...args, '--json');
    expect([told.code, told.err], args.join(' ')).toEqual([code, '']);
    expect(told.objects, args.join(' ')).toEqual([
      {
        type: 'error',
        error: { code: name, message: expect.stringMatching(says), fix: expect.stringMatching(/\w{3}/) },
      },
    ]);
  }
  const people = await admin('stop', 'sys/admin/main');
  expect(people).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/^rr: .*\n {4}fix: .* \[USAGE\]\n$/) });
  const none = await admin();
  expect([none.code, none.out]).toEqual([2, '']);
  expect(none.err).toMatch(/^Usage: rr admin /);
  expect((await admin('--json')).objects).toMatchObject([{ error: { message: 'no command was given' } }]);
  // Nothing of it has harmed anybody.
  expect((await admin('tree', '--json')).objects.map(({ address }) => address)).toEqual(
    expect.arrayContaining(['sys/admin/main', 'sys/orchestrator/main', spare]),
  );
  await down();
}, 120_000);

test('the one that leads a run is not stopped under it', async () => {
  const { s, rr, admin, down } = await up();
  mkdirSync(join(s.state, 'workflows'), { recursive: true });
  const ask = { name: 'ask', version: 1, steps: [{ id: 'ok', approval: { question: 'sure?' } }] };
  writeFileSync(join(s.state, 'workflows/ask.json'), JSON.stringify(ask));
  const run = (await rr('submit', '--workflow', 'ask')).out.trim();
  const refused = await admin('stop', `${run}/run/run-1`);
  expect([refused.code, refused.err]).toEqual([2, expect.stringContaining(`rr stop ${run} ends it`)]);
  expect((await rr('stop', run)).out).toBe(`${run} cancelled\n`);
  await down();
}, 60_000);

test('a kind is made of a folder, asked and forgotten; one that lies is held back with what is wrong', async () => {
  const { s, admin, json, down } = await up();
  const page = readFileSync(join(packageRoot(), 'docs/agents.md'), 'utf8');
  const [, manifest, module] = /```json\n([\s\S]*?)```[\s\S]*?```js\n([\s\S]*?)```/.exec(page)!;
  const folder = (name: string, code: string) => {
    mkdirSync(join(s.dir, name));
    writeFileSync(join(s.dir, name, 'agent.json'), manifest!);
    writeFileSync(join(s.dir, name, 'agent.mjs'), code);
    return name;
  };
  // A path as it is meant where the command is given.
  const lies = await admin('enlist', folder('lies', 'export default () => ({ words: 7 });'));
  expect([lies.code, lies.out]).toEqual([
    1,
    expect.stringMatching(/^word-count held back\n {2}✗ .*two words.*\n {4}fix: /),
  ]);
  expect((await admin('kinds')).out).toMatch(/^word-count .*held back: counts the words of a text\n +✗ .*two words/m);
  expect(await json('admin', 'enlist', folder('good', module!))).toEqual({
    type: 'enlisted',
    kind: 'word-count',
    state: 'registered',
    problems: [],
  });
  expect((await admin('kinds', 'word-count')).out).toMatch(/made at run time: counts the words of a text\ntools none/);
  await admin('spawn', 'word-count', '--id', 'one');
  const text = { type: 'word-count.do', input: { text: 'a b c' } };
  expect(await json('admin', 'send', 'sys/word-count/one', JSON.stringify(text))).toMatchObject({
    fact: { type: 'word-count.done', output: { words: 3 } },
  });
  expect((await admin('unlist', 'word-count')).out).toContain('word-count is forgotten');
  expect((await admin('kinds')).out).not.toContain('word-count');
  await down();
}, 60_000);

test('without a runtime every one of them says so', async () => {
  const s = scratch();
  for (const args of [['tree'], ['actor', 'sys/admin/main'], ['spawn', 'health']]) {
    const { code, err } = await finish(s.rr('admin', ...args));
    expect([code, err]).toEqual([4, expect.stringContaining('[RUNTIME_UNREACHABLE]')]);
  }
}, 30_000);

long(
  'what the admin asks is shown and answered: by rr decide, and in the REPL by the id and by the object',
  async () => {
    const { s, rr, admin, json, down } = await up();
    const { ask, nats } = await rawClient(s.state);
    await admin('spawn', 'port-manager', '--id', 'a');
    await admin('spawn', 'port-manager', '--id', 'b');
    // What is larger than 64 KB in a checkpoint goes to a file of its own, which cannot be written here.
    const lease = { type: 'port.lease', run: 'r1', service: 'x'.repeat(70_000), wanted: [] };
    const giveUp = async (address: string): Promise<string> => {
      writeFileSync(join(s.state, 'blobs'), 'in the way');
      const asked = await eventually(
        async () => {
          void ask('rr.api.local.admin.send', { address, command: lease, withinMs: 500 }).catch(() => undefined);
          const { open } = await ask('rr.api.local.admin.decisions');
          return (open as { id: string; address: string }[]).find((one) => one.address === address);
        },
        (found) => found !== undefined,
      );
      rmSync(join(s.state, 'blobs'));
      return asked!.id;
    };
    const first = await giveUp('sys/port-manager/a');
    const people = await rr('decisions');
    expect(people.out).toMatch(
      new RegExp(
        `^(✓ sys/port-manager/a  restart  by rule: .*\\n    .*died.*\\n)+\\? ${first}  what becomes of sys/port-manager/a\\?\\n(    .*\\n)*    rr decide ${first} restart\\|stop\\n$`,
      ),
    );
    const client = await reachOrFail(readConfig({ state: s.state }).config);
    const names = liveNames(client, openWatcher());
    const around = { client, context: createContext({ ...names }), makers: names, before: () => '' };
    const complete = completer({ ...around, commands: { decide: [] } }, (line, done) => done(null, [[], line]));
    const offered = (line: string) =>
      new Promise((resolve, reject) => complete(line, (error, found) => (error ? reject(error) : resolve(found![0]))));
    for (const line of ["decide('", "decision('", '.decide ', '.rr decide d'])
      expect(await offered(line), line).toEqual([first]);
    for (const line of [`decide('${first}', '`, `decision('${first}').decide('`, `.decide ${first} `])
      expect(await offered(line), line).toEqual(['restart', 'stop']);
    await client.close();
    expect((await rr('decide', first, 'dance')).err).toMatch(/dance is no option.*\n.*restart, stop.*\[USAGE\]/);
    expect(await json('decide', first, 'restart', '--reason', 'the disk has room again')).toMatchObject({
      type: 'decided',
      address: 'sys/port-manager/a',
      decision: { option: 'restart', by: 'person' },
    });
    expect((await rr('decisions')).out).toMatch(
      /✓ sys\/port-manager\/a {2}restart {2}by \w+: the disk has room again\n/,
    );
    const over = await rr('decide', first, 'restart');
    expect([over.code, over.err]).toEqual([2, expect.stringContaining('[DECISION_OVER]')]);
    await eventually(
      async () => (await admin('tree')).out,
      (out) => out.includes('sys/port-manager/a'),
    );

    const second = await giveUp('sys/port-manager/b');
    const script = `
decisions()
const { open } = await decisions()
open[0].address
decision('${second}').get()
await open[0].decide('stop', { reason: 'done without' })
decision('${second}').get()
`;
    const { code, out, err } = await finish(s.pipe(script, 'repl'));
    expect(out).toContain(`? ${second}  what becomes of sys/port-manager/b?`);
    expect(out).toContain("'sys/port-manager/b'");
    expect(out).toContain("options: [ 'restart', 'stop' ]");
    expect([code, err]).toEqual([2, expect.stringContaining('[DECISION_OVER]')]);
    expect((await admin('tree')).out).not.toContain('sys/port-manager/b');

    const third = await giveUp('sys/port-manager/a');
    const made = `(await decide('${third}', 'stop', { reason: 'enough' })).decision.option`;
    expect((await rr('repl', '--eval', made)).out).toBe("'stop'\n");
    expect((await rr('decisions')).out).toMatch(/enough\n {4}.*\nnothing is asked\n$/);
    await nats.close();
    await down();
  },
  120_000,
);
