/** `rr repl` as people and scripts use it: one expression, a script on stdin. */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { expectNothingLeft } from './left.js';
import { bin, eventually, finish, type Scratch, scratch } from './rr.js';

const quick = { RR_BROKER_IDLE_MS: '500' };
async function up(s: Scratch): Promise<() => Promise<void>> {
  const one = s.rr('up', '--foreground', '--json');
  await one.object(({ type }) => type === 'up');
  return async () => {
    one.child.kill('SIGINT');
    expect(await one.exited).toBe(0);
    await expectNothingLeft(s);
  };
}
const script = (s: Scratch, text: string, ...options: string[]) => finish(s.pipe(text, 'repl', ...options));

test('an expression is evaluated, what it asks for awaited, and printed for people or as JSON', async () => {
  const s = scratch(quick);
  const people = await finish(s.rr('repl', '--eval', 'tree()'));
  expect([people.code, people.err]).toEqual([0, expect.not.stringContaining('rr:')]);
  expect(people.out).toMatch(/ {4}sys\/port-manager\/main +up +turn +0/);
  const json = await finish(s.rr('repl', '--json', '--eval', '(await tree()).actors.map(({ address }) => address)'));
  expect(JSON.parse(json.out)).toContain('sys/orchestrator/main');
  const wrong = await finish(s.rr('repl', '--eval', 'actor("nobody")'));
  expect([wrong.code, wrong.out]).toEqual([2, '']);
  expect(wrong.err).toMatch(/nobody is no address.*\n.*fix: .*\[USAGE\]/);
  await expectNothingLeft(s);
}, 60_000);

test('a script waits for what it asks, keeps its order, uses the CLI’s commands, and ends at its first error', async () => {
  const s = scratch(quick);
  const down = await up(s);
  const source = s.repo('node-plain');
  const { code, out } = await script(
    s,
    `const job = await submit(${JSON.stringify(source)})
     let seen
     while (!(seen = await job.get()).result) await new Promise((resolve) => setTimeout(resolve, 50))
     function words() {
       return [seen.result.outcome, seen.services]
     }
     words()
     job.steps()
     .ps
     const other = await job.fork('build', { env: { GREETING: 'hi' } })
     while (!(seen = await other.get()).result) await new Promise((resolve) => setTimeout(resolve, 50))
     ;({ outcome: seen.result.outcome, isOther: other.id !== job.id })
     await other.stop()
     await job.stop()
     actor(job.id + '/run/run-1').state()
     nothing.like(this)
     'never said'
`,
  );
  expect(code).toBe(1);
  const at = (text: string | RegExp): number => out.search(text);
  expect(at("'healthy'")).toBeGreaterThan(-1);
  expect(at(/prove +done +try 1/)).toBeGreaterThan(at("'healthy'"));
  expect(at(/up +http:\/\/127\.0\.0\.1:\d+\/? +\//)).toBeGreaterThan(at(/prove +done/));
  expect(out).toContain("{ outcome: 'healthy', isOther: true }");
  expect(at(/value: '(up|ending|ended)'/)).toBeGreaterThan(at(/up +http/));
  expect(out).not.toContain('never said');
  await down();
}, 90_000);

test('actors are started, asked, started anew and ended; what is refused says its code', async () => {
  const s = scratch(quick);
  const down = await up(s);
  const { code, objects, out } = await script(
    s,
    `const one = await spawn('port-manager', { id: 'spare' })
     one.send({ type: 'port.lease', run: 'r1', service: 'web', wanted: [], not: [] })
     one.restart()
     one.state()
     one.stop()
     (await tree()).actors.some(({ address }) => address === 'sys/port-manager/spare')
     actor('sys/port-manager/main').stop()
`,
    '--json',
  );
  expect(objects.slice(0, 4), out).toMatchObject([
    { type: 'port.leased' },
    { address: 'sys/port-manager/spare', turn: 2 },
    { value: 'up', status: 'active' },
    { address: 'sys/port-manager/spare' },
  ]);
  expect(out.split('\n')).toContain('false');
  expect(objects.at(-1)).toMatchObject({ type: 'error', error: { code: 'USAGE' } });
  expect(code).toBe(2);
  const nobody = await finish(s.rr('repl', '--eval', "actor('sys/port-manager/spare').send({ type: 'port.lease' })"));
  expect(nobody.err).toContain('NO_ACTOR');
  await down();
}, 60_000);

test('what is up when a REPL with a runtime of its own ends stays up, is told, and is ended by rr down', async () => {
  const s = scratch(quick);
  // A path as it is meant where the REPL was called.
  s.repo('node-plain', { as: 'app' });
  const { code, out, err } = await script(
    s,
    `const job = await submit('./app')
     while (!(await job.get()).result) await new Promise((resolve) => setTimeout(resolve, 50))
     ;(await job.get()).url
`,
  );
  expect(code).toBe(0);
  const url = /'(http:\S+)'/.exec(out)![1]!;
  expect(err).toMatch(/^· left as they are, for the next runtime: \d{8}t\d{6}-\w{6}; rr down ends them$/m);
  expect((await fetch(url)).status).toBe(200);
  expect((await finish(s.rr('down'))).code).toBe(0);
  await expectNothingLeft(s);
}, 60_000);

/** Asks, waits for a signal, and ends. */
const release = {
  name: 'release',
  version: 1,
  steps: [
    { id: 'ok', approval: { question: 'release it?', options: ['ship', 'hold'] } },
    { id: 'sure', approval: { question: 'sure?' }, needs: ['ok'] },
    { id: 'sent', signal: 'sent', needs: ['sure'] },
  ],
  output: { chosen: '$ok.option', sent: '$sent.payload' },
};
function define(s: Scratch, workflow: { name: string }): void {
  mkdirSync(join(s.state, 'workflows'), { recursive: true });
  writeFileSync(join(s.state, 'workflows', `${workflow.name}.json`), JSON.stringify(workflow));
}
/** Waits in a script until a run waits for something. */
const until = (what: string): string =>
  `while ((await job.get()).waitsFor[0]?.for !== '${what}') await new Promise((go) => setTimeout(go, 50))`;

test('a run is decided, signalled and drawn, and its actors’ versions are told and put back, all by its objects', async () => {
  const s = scratch(quick);
  define(s, release);
  const { code, out, err } = await script(
    s,
    `workflows()
     workflow('release').draw()
     const job = await workflow('release').submit()
     ${until('approval')}
     decide(job, 'ship', { reason: 'tested' })
     while ((await job.get()).waitsFor[0]?.step !== 'sure') await new Promise((go) => setTimeout(go, 50))
     job.approve({ step: 'sure' })
     ${until('signal')}
     job.signal('sent', { n: 3 })
     while (!(await job.get()).ended) await new Promise((go) => setTimeout(go, 50))
     ;(await job.get()).result.output
     job.show()
     const walker = actor(job.id + '/run/run-1')
     walker.history()
     checkpoints(walker, '0.1', '0.2')
     ;(await checkpoints(walker, '0.1')).lead.type
     checkpoints(job)
     const admin = actor('sys/admin/main')
     const newest = (await admin.history()).at(-1).version
     ;(await admin.restore(newest)).to === newest
     decide('20200101t000000-aaaaaa', 'ship')
`,
  );
  expect(out).toMatch(/^release +\S*workflows\/release\.json$/m);
  expect(out).toContain('flowchart TD');
  expect(out).toMatch(/step: 'ok',\n +decision: {[\s\S]*?option: 'ship'/);
  expect(out).toMatch(/step: 'sure',\n +decision: {[\s\S]*?option: 'approve'/);
  expect(out).toMatch(/step: 'sent' }/);
  expect(out).toContain("{ chosen: 'ship', sent: { n: 3 } }");
  expect(out).toMatch(/✓ sent +█/);
  expect(out).toMatch(/◆ .*: ship/);
  expect(out).toMatch(/^0\.1 +\d\d:\d\d:\d\d {2}\S+ +run\.start +.*job/m);
  expect(out).toMatch(/^0\.\d +\d\d:\d\d:\d\d {2}\S+ +run\.decide +.*steps\.ok/m);
  expect(out).toContain("'run.start'");
  expect(out).toMatch(/^\d{8}t\d{6}-\w{6}\/run\/run-1 +0\.\d+ +ended/m);
  expect(out).toMatch(/^true$/m);
  expect(err).toContain('[RUN_UNKNOWN]');
  expect(code).toBe(2);
  await expectNothingLeft(s);
}, 60_000);

test.each([
  ['a statement that cannot be', 'tree(\n', 1, /SyntaxError: .*\n {4}fix: mend the script at its line 1/],
  ['what it throws itself', "1\n\n\nthrow new Error('so')\n", 1, /Error: so\n {4}fix: mend the script at its line 4/],
  ['what nobody waits for', "void run('nobody').get()\n", 2, /\[RUN_UNKNOWN\]/],
  ['a promise that is never looked at', "Promise.reject(new Error('so'))\n", 1, /Error: so/],
  ['a promise refused with nothing', 'Promise.reject()\n', 1, /Error: undefined/],
  ['a command of the CLI', '.stop nobody\n', 2, /\[RUN_UNKNOWN\]/],
  ['a command by .rr', '.rr stop nobody\n', 2, /\[RUN_UNKNOWN\]/],
  ['a command that is none', '.nonsense\n', 2, /no command \.nonsense/],
  ['a quote left open', '.ps "\n', 2, /is not closed/],
])(
  'a script ends with what fails in it: %s',
  async (_, text, code, said) => {
    const s = scratch(quick);
    const ended = await script(s, text);
    expect([ended.code, ended.err]).toEqual([code, expect.stringMatching(said)]);
    expect(ended.err.match(/^rr: /gm)).toHaveLength(1);
  },
  30_000,
);

test('an expression that cannot be is told with what is wrong, and nothing is evaluated', async () => {
  const s = scratch(quick);
  for (const expression of ['tree(', 'let let = 1', "'open"]) {
    const { code, out, err } = await finish(s.rr('repl', '--eval', expression));
    expect([code, out], expression).toEqual([1, '']);
    expect(err, expression).toMatch(/^rr: SyntaxError: .+\n {4}fix: mend the expression/m);
  }
  const { code, out } = await finish(s.rr('repl', '--eval', 'await Promise.resolve(1) + await 2'));
  expect([code, out]).toEqual([0, '3\n']);
}, 30_000);

test('what a script prints is on stdout, and on stderr where stdout is for JSON', async () => {
  const s = scratch(quick);
  const text = "console.log('said', { a: 1 })\nconsole.error('warned')\n[1]\n";
  const people = await script(s, text);
  expect([people.code, people.out, people.err]).toEqual([0, 'said { a: 1 }\n[ 1 ]\n', 'warned\n']);
  const json = await script(s, text, '--json');
  expect([json.code, json.out, json.err]).toEqual([0, '[1]\n', 'said { a: 1 }\nwarned\n']);
}, 30_000);

test('a script is evaluated as it comes, and what no statement waits for is waited for at its end', async () => {
  const s = scratch(quick);
  const down = await up(s);
  const child = spawn(process.execPath, [bin, 'repl'], { cwd: s.dir, env: s.env, stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  const says = (text: string) =>
    eventually(
      () => out,
      (all) => all.includes(text),
      10_000,
    );
  child.stdin.write("'one' +\n'two'\n");
  await says("'onetwo'");
  child.stdin.write('.rr ps\n');
  await says('no open runs');
  child.stdin.end(
    "void spawn('port-manager', { id: 'late' }).then(({ address }) => console.log('at last', address))\n",
  );
  expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0);
  expect(out).toContain('at last sys/port-manager/late\n');
  await down();
}, 60_000);
