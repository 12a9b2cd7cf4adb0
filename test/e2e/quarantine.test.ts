import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createContext } from 'node:vm';
import { expect, onTestFinished, test } from 'vitest';
import { reachOrFail } from '../../clients/cli/connect.js';
import { completer } from '../../clients/repl/complete.js';
import { liveNames, openWatcher } from '../../clients/repl/live.js';
import { readConfig } from '../../runtime/config.js';
import { finish, scratch } from './rr.js';

const host = 'here';
/** A message for the port manager as a former runtime left it aside. */
const lease = (id: string, payload: object, command: object = {}) => ({
  format: 1,
  id,
  address: 'sys/port-manager/main',
  at: '2026-01-02T03:04:05.678Z',
  lastAt: '2026-01-02T03:04:05.678Z',
  times: 1,
  error: { code: 'QUARANTINED', message: 'the message m1 ended its process 3 times', fix: 'look at it' },
  command: {
    ...{ v: 1, id: `m-${id}`, type: 'port.lease', run: 'sys', from: 'q/run/run-1\u001b[2J', causation: null, hop: 1 },
    ...{ deadline: 1, traceparent: null, payload },
    ...command,
  },
  report: null,
  edited: null,
  putBack: null,
});

test('rr quarantine shows what is kept aside, takes an edit from a file, a pipe or the line, puts it back and drops it', async () => {
  const s = scratch({ RR_HOST: host, RR_BROKER_IDLE_MS: '700' });
  const folder = join(s.state, 'hosts', host, 'quarantine');
  mkdirSync(folder, { recursive: true });
  const [one, two] = ['0mk0000aa-00000001', '0mk0000bb-00000002'];
  const good = { run: 'q', service: 'web', wanted: [], not: [] };
  writeFileSync(join(folder, `${one}.json`), JSON.stringify(lease(one, { ...good, service: 7, apiKey: 'hush' })));
  writeFileSync(join(folder, `${two}.json`), JSON.stringify(lease(two, { ...good, service: 'two' })));
  const said: string[] = [];
  const rr = async (...args: string[]) => {
    const told = await finish(s.rr('quarantine', ...args));
    said.push(told.out, told.err);
    return told;
  };
  expect(await rr('list')).toMatchObject({ code: 4, err: expect.stringContaining('RUNTIME_UNREACHABLE') });

  const up = s.rr('up', '--foreground', '--json');
  await up.object(({ type }) => type === 'up');
  const list = await rr('list');
  expect(list.code).toBe(0);
  expect(list.out).toMatch(
    new RegExp(`${one} .* sys/port-manager/main {2}port\\.lease\\n.*\\[QUARANTINED\\]\n${two} `),
  );
  expect((await rr('list', '--json')).objects).toMatchObject([
    { type: 'message', id: one, message: 'port.lease', what: 'command', edited: false },
    { type: 'message', id: two },
  ]);
  const shown = await rr('show', one);
  expect(shown.out).toContain('"apiKey": "***"');
  expect(shown.out).not.toContain('\u001b');
  expect((await rr('show', one, '--json')).objects).toMatchObject([{ id: one, command: { payload: { service: 7 } } }]);

  // As it is its contract does not take it.
  const refused = await rr('put-back', one);
  expect(refused).toMatchObject({ code: 1, out: expect.stringMatching(/refused it: .*\n {4}fix: .*MESSAGE_INVALID/) });

  const file = join(s.dir, 'payload.json');
  const bare = s.rr('quarantine', 'show', one, '--only-payload');
  await bare.exited;
  writeFileSync(file, bare.out());
  expect(await rr('edit', one, file)).toMatchObject({ code: 2, err: expect.stringContaining('MESSAGE_INVALID') });
  writeFileSync(file, JSON.stringify(good));
  expect((await rr('edit', one, file)).code).toBe(0);
  expect((await finish(s.pipe(JSON.stringify({ ...good, service: 'piped' }), 'quarantine', 'edit', one))).code).toBe(0);
  expect((await finish(s.pipe('nonsense', 'quarantine', 'edit', one, '-'))).code).toBe(2);
  expect((await rr('show', one)).out).toMatch(/"piped"[\s\S]*as it came[\s\S]*"service": 7/);
  const last = JSON.stringify({ ...good, service: 'line' });
  expect((await rr('edit', one, '--payload', last)).code).toBe(0);
  expect(JSON.parse(readFileSync(join(folder, `${one}.json`), 'utf8')).command.payload.apiKey).toBe('hush');

  expect(await rr('put-back', one)).toMatchObject({
    code: 0,
    out: 'sys/port-manager/main accepted it\n',
  });
  const [back] = (await rr('put-back', two, '--json', '--timeout', '5')).objects;
  expect(back).toMatchObject({ type: 'put-back', outcome: 'accepted', refusal: null });
  expect((await rr('list')).out).toBe('nothing is in quarantine\n');
  expect(readdirSync(folder)).toEqual([]);
  expect((await rr('show', one)).code).toBe(2);

  // One that a person put there while it was up is not known; verify knows its folder.
  writeFileSync(join(folder, `${two}.json`), '{');
  expect(await rr('drop', two)).toMatchObject({ code: 2, err: expect.stringContaining('QUARANTINE_UNKNOWN') });
  const verified = await finish(s.rr('checkpoints', 'verify', '--json'));
  expect(verified.objects.filter(({ path }) => String(path).includes('quarantine'))).toEqual([]);
  up.child.kill('SIGINT');
  await up.exited;
  const again = s.rr('up', '--foreground', '--json');
  await again.object(({ type }) => type === 'up');
  expect(await rr('list')).toMatchObject({ code: 1, out: expect.stringMatching(/broken\n.*does not parse/) });
  expect((await rr('drop', two)).code).toBe(0);
  expect(existsSync(join(folder, `${two}.json`))).toBe(false);
  expect(said.join('')).not.toContain('hush');
}, 60_000);

test('in the REPL a message that is kept aside is an object: it is listed, edited, put back, dropped, and its id is completed', async () => {
  const s = scratch({ RR_HOST: host, RR_BROKER_IDLE_MS: '700' });
  const folder = join(s.state, 'hosts', host, 'quarantine');
  mkdirSync(folder, { recursive: true });
  const [one, two] = ['0mk0000aa-00000001', '0mk0000bb-00000002'];
  const good = { run: 'q', service: 'web', wanted: [], not: [] };
  writeFileSync(join(folder, `${one}.json`), JSON.stringify(lease(one, { ...good, service: 7 })));
  writeFileSync(join(folder, `${two}.json`), JSON.stringify(lease(two, good)));
  const up = s.rr('up', '--foreground', '--json');
  await up.object(({ type }) => type === 'up');
  const client = await reachOrFail(readConfig({ state: s.state }).config);
  onTestFinished(() => client.close());
  const names = liveNames(client, openWatcher());
  const around = { client, context: createContext({ ...names }), makers: names, before: () => '' };
  const complete = completer({ ...around, commands: { quarantine: ['list', 'drop'] } }, (line, done) =>
    done(null, [[], line]),
  );
  const offered = (line: string) =>
    new Promise((resolve, reject) => complete(line, (error, found) => (error ? reject(error) : resolve(found![0]))));
  expect(await offered("message('")).toEqual([one, two]);
  expect(await offered('.quarantine drop 0mk0000b')).toEqual([two]);
  expect(await offered('.rr quarantine ')).toEqual(['list', 'drop']);
  expect(await offered(`message('${one}').putB`)).toEqual(['putBack']);

  const script = `
quarantine()
const [first, second] = await quarantine()
;(await message('${one}').get()).command.payload.service
;(await first.putBack()).outcome
first.edit(${JSON.stringify(good)})
;(await first.putBack({ withinMs: 5000 })).outcome
second.drop()
quarantine()
message('${two}').get()
`;
  const { code, out, err } = await finish(s.pipe(script, 'repl'));
  expect(out).toMatch(new RegExp(`^${one} +sys/port-manager/main +port\\.lease +1× .*\\[QUARANTINED\\]\\n${two} `));
  expect(out).toMatch(/^7\n'refused'\n/m);
  expect(out).toMatch(/^'accepted'\n.*\nnothing is in quarantine\n$/m);
  expect([code, err]).toEqual([2, expect.stringContaining('[QUARANTINE_UNKNOWN]')]);
  expect(readdirSync(folder)).toEqual([]);
}, 60_000);
