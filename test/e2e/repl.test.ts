/** `rr repl` as people and scripts use it: one expression, a script on stdin, a real terminal. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
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
  expect(people.out).toMatch(/ {4}sys\/port-manager\/main {2}up, turn 0/);
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

const hasScript = existsSync('/usr/bin/script');
test.skipIf(!hasScript)(
  'at a terminal: completion, a history, and facts above the line that is being typed (needs script of util-linux)',
  async () => {
    const s = scratch({ ...quick, RR_CACHE: '' });
    s.env.RR_CACHE = join(s.dir, 'cache');
    const down = await up(s);
    const source = s.repo('node-plain');
    const terminal = spawn('script', ['-qfec', `${process.execPath} ${bin} repl`, '/dev/null'], {
      env: { ...s.env, TERM: 'xterm' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    onTestFinished(() => void terminal.kill('SIGKILL'));
    const exited = new Promise<number | null>((resolve) => terminal.once('exit', resolve));
    let screen = '';
    terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
      screen += text;
    });
    const shows = (text: string | RegExp, from = 0) =>
      eventually(
        () => (typeof text === 'string' ? screen.indexOf(text, from) : screen.slice(from).search(text)),
        (at) => at >= 0,
        15_000,
      );
    await shows('rr> ');
    terminal.stdin.write("actor('sys/orchestrator/");
    await shows("'sys/orchestrator/");
    terminal.stdin.write('\t');
    await shows("actor('sys/orchestrator/main");
    terminal.stdin.write("').state()\r");
    await shows('runs: {');

    // Half a line is typed; a job of somebody else's makes facts; the line is finished as if nothing had happened.
    terminal.stdin.write("['a', 'b'].jo");
    await shows("'b'].jo");
    const before = screen.length;
    const submitted = await finish(s.rr('submit', source, '--json'));
    const { run } = submitted.objects[0] as { run: string };
    await shows(new RegExp(`${run}/run/run-1 run\\.settled`), before);
    const last = screen.lastIndexOf("rr> ['a', 'b'].jo");
    expect(last).toBeGreaterThan(screen.lastIndexOf('run.settled') - 1);
    terminal.stdin.write("in('+')\r");
    await shows("'a+b'", before);
    terminal.stdin.write(`await run('${run}').stop()\r`);
    await shows(/run\.ended/, before);
    terminal.stdin.write('\x04');
    expect(await exited).toBe(0);
    expect(readFileSync(join(s.dir, 'cache/repl_history'), 'utf8')).toContain("['a', 'b'].join('+')");
    await down();
  },
  90_000,
);
