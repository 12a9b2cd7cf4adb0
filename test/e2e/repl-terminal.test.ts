/** `rr repl` at a terminal: what a person sees, and what the keys do. Needs `script` of util-linux. */
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { expectNothingLeft } from './left.js';
import { bin, eventually, finish, rawClient, type Scratch, scratch } from './rr.js';
import { hasTerminal, openTerminal } from './terminal.js';

const terminal = test.skipIf(!hasTerminal);
/** What node puts before the further lines of a statement: `... ` until 22, later `| `. */
const more = String.raw`(\.\.\.|\|)`;
const [ctrlC, ctrlD, up, left] = ['\x03', '\x04', '\x1b[A', '\x1b[D'];

/** A runtime that is up, with a workflow that asks; and a REPL at a terminal. */
async function open(columns = 80) {
  const s = scratch({ RR_BROKER_IDLE_MS: '500' });
  s.env.RR_CACHE = join(s.dir, 'cache');
  mkdirSync(join(s.state, 'workflows'), { recursive: true });
  const ask = { name: 'ask', version: 1, steps: [{ id: 'ok', approval: { question: 'sure?' } }] };
  writeFileSync(join(s.state, 'workflows/ask.json'), JSON.stringify(ask));
  const runtime = s.rr('up', '--foreground', '--json');
  await runtime.object(({ type }) => type === 'up');
  const { ask: api, nats } = await rawClient(s.state);
  const repl = () => openTerminal([process.execPath, bin, 'repl'], { env: s.env, cwd: s.dir, columns });
  const t = repl();
  await t.shows(/^rr>/m);
  return {
    s,
    t,
    repl,
    runtime,
    api,
    /** Makes four facts of a run, told by the runtime while somebody types. */
    async facts() {
      const { run } = await api('rr.api.local.jobs.submit', { workflow: 'ask' });
      await t.shows(new RegExp(`${run}/run/run-1 run\\.step-waits`));
      await api('rr.api.local.runs.cancel', { run });
      await t.shows(new RegExp(`${run}/run/run-1 run\\.ended`));
      return run as string;
    },
    async leave() {
      t.type(ctrlD!);
      expect(await t.exited).toBe(0);
      await nats.close();
      runtime.child.kill('SIGINT');
      expect(await runtime.exited).toBe(0);
      await expectNothingLeft(s);
    },
  };
}
/** The processes of REPLs, not of the `script` around them. */
const replsOf = (s: Scratch): number[] =>
  s
    .processes()
    .flatMap(({ pid, what }) => (what.startsWith(process.execPath) && what.includes('bin.js repl') ? [pid] : []));

terminal(
  'facts appear above the line being typed, also where it is wider than the terminal and the cursor in its middle',
  async () => {
    const { t, facts, leave } = await open(60);
    const typed = `'${'abcdefghij'.repeat(14)}'.length`;
    t.type(typed + left!.repeat(40));
    await t.shows('.length');
    await eventually(t.cursor, ({ column }) => column === (4 + typed.length - 40) % 60);
    const before = t.lines().slice(0, -3);
    const whole = t.lines().slice(-3);
    expect(whole.join('')).toBe(`rr> ${typed}`);
    expect(before.join('')).not.toContain('rr>');
    const run = await facts();
    const after = t.lines();
    expect(after.slice(-3)).toEqual(whole);
    expect(t.cursor()).toEqual({ line: after.length - 2, column: (4 + typed.length - 40) % 60 });
    expect(after.slice(0, before.length)).toEqual(before);
    // Each from its first character to its last, none drawn over another.
    const between = after.slice(before.length, -3).join('');
    const told = between
      .split(/(?=\d\d:\d\d:\d\d )/)
      .map((one) => /^\S+ (\S+) (\S+) \{.*(\}|…)$/.exec(one)?.slice(1, 3));
    const types = told.map((one) => one?.[1]);
    expect(told).toEqual(types.map((type) => [`${run}/run/run-1`, type]));
    expect(types).toEqual(expect.arrayContaining(['run.started', 'run.step-began', 'run.step-waits', 'run.ended']));
    t.type('X'); // keys come one by one: what comes at once is a paste, which node 20 puts at the end
    await t.shows(/X/);
    t.type('\r');
    await t.shows(/^141$/m);
    await leave();
  },
  60_000,
);

terminal(
  'characters of two columns and a search in the history do not bring it out of step',
  async () => {
    const { t, facts, leave } = await open(70);
    const typed = `'${'日本語'.repeat(12)}'.length`;
    t.type(typed);
    await t.shows('.length');
    const whole = t.lines().slice(-2);
    expect(whole).toEqual([`rr> '${'日本語'.repeat(10)}日本`, "語日本語'.length"]);
    await facts();
    expect(t.lines().slice(-2)).toEqual(whole);
    t.type('\r');
    await t.shows(/^36$/m);
    t.type('\x12'); // Ctrl-R
    await t.shows(/^bck-i-search: _$/m);
    for (const key of "語'.le") t.type(key);
    await t.shows(/^bck-i-search: 語'\.le_$/m);
    await facts();
    t.type('\r');
    await t.shows(/^36\n[\s\S]*^36\nrr>$/m);
    await leave();
  },
  60_000,
);

terminal(
  'facts appear above the last line of a statement of several; a pasted text is evaluated line by line',
  async () => {
    const { t, facts, leave } = await open();
    t.type('function f() {\r  return 1 +');
    const last = new RegExp(`^${more} {3}return 1 \\+$`);
    await t.shows(new RegExp(last, 'm'));
    await facts();
    expect(t.lines().at(-1)).toMatch(last);
    t.type(' 2\r}\rf()\rconst x = await f()\rx * 10\r');
    await t.shows(/^rr> f\(\)\n3\nrr> const x = await f\(\)\nundefined\nrr> x \* 10\n30\nrr>$/m);
    await leave();
  },
  60_000,
);

terminal(
  'Ctrl-C clears the line, gives up what is waited for and breaks an endless loop; keys pressed meanwhile are kept',
  async () => {
    const { t, api, leave } = await open();
    t.type('half a li');
    await t.shows('half a li');
    t.type(`${ctrlC}1 + 1\r`);
    await t.shows(/^rr> half a li\nrr> 1 \+ 1\n2\nrr>$/m);
    t.type('function f() {\r');
    await t.shows(new RegExp(`^${more}$`, 'm'));
    t.type(`${ctrlC}2 + 2\r`);
    await t.shows(/^rr> 2 \+ 2\n4\nrr>$/m);

    const { run } = await api('rr.api.local.jobs.submit', { workflow: 'ask' });
    await t.shows('run.step-waits');
    t.type('new Promise(() => 0)\r');
    await sleep(300);
    t.type(ctrlC!);
    await t.shows(/^given up; .*\nrr>$/m);
    t.type("new Promise((go) => setTimeout(go, 600, 'late'))\r");
    await sleep(200);
    t.type("'kept'\r");
    await t.shows(/^'late'\nrr> 'kept'\n'kept'\nrr>$/m);
    t.type('for (;;);\r');
    await sleep(300);
    t.type(ctrlC!);
    await t.shows(/for \(;;\);\n(\^C)?given up; .*\nrr>$/m);

    t.type('nobody.there\r');
    await t.shows(/^ReferenceError: nobody is not defined\nrr>$/m);
    t.type("run('nobody').get()\r");
    await t.shows(/^no run is called nobody\n {4}fix: .*\[RUN_UNKNOWN\]\nrr>$/m);
    t.type("setTimeout(() => console.log('ticked'), 700) && 'set'\r");
    await t.shows(/^'set'$/m);
    t.type('1 + 41');
    await t.shows(/^ticked\nrr> 1 \+ 41$/m);
    t.type('\r');
    await t.shows(/^42$/m);
    t.type("setTimeout(() => { throw new Error('later') }, 20) && 'now'\r");
    await t.shows(/^'now'\n(rr>\n)?Error: later\nrr>$/m);
    await api('rr.api.local.runs.cancel', { run });
    await t.shows('run.ended');
    await leave();
  },
  60_000,
);

terminal(
  'the history is its owner’s alone, outlives a kill, and two at once lose nothing of each other',
  async () => {
    const { s, t, repl, leave } = await open();
    const file = join(s.dir, 'cache/repl_history');
    const lines = () => readFileSync(file, 'utf8').split('\n').filter(Boolean);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    t.type("'first'\r");
    await t.shows(/^'first'\nrr>$/m);
    const first = replsOf(s);
    const other = repl();
    await other.shows(/^rr>$/m);
    other.type("'second'\r");
    await other.shows(/^'second'\nrr>$/m);
    t.type("'third'\r");
    await t.shows(/^'third'\nrr>$/m);
    for (const pid of replsOf(s)) if (!first.includes(pid)) process.kill(pid, 'SIGKILL');
    await other.exited;
    expect(lines()).toEqual(["'first'", "'second'", "'third'"]);

    chmodSync(file, 0o644);
    const wide = repl();
    await wide.shows(/^rr>$/m);
    expect([statSync(file).mode & 0o777, lines().length]).toEqual([0o600, 3]);
    wide.type(ctrlD!);
    expect(await wide.exited).toBe(0);
    writeFileSync(file, `${Array.from({ length: 2_001 }, (_, n) => n).join('\n')}\n'last'\n`);
    const again = repl();
    await again.shows(/^rr>$/m);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(lines()).toHaveLength(1_000);
    again.type(up!);
    await again.shows(/^rr> 'last'$/m);
    again.type(up!);
    await again.shows(/^rr> 2000$/m);
    again.type(ctrlC + ctrlD!);
    expect(await again.exited).toBe(0);
    await leave();
  },
  60_000,
);

terminal(
  'a broker that goes and comes back is told in a line each, the typed line stays, and what is asked is answered',
  async () => {
    const { s, t, leave } = await open();
    t.type('(await tree()).actors');
    await t.shows('.actors');
    const { pid } = JSON.parse(readFileSync(join(s.state, 'broker/server.json'), 'utf8'));
    process.kill(pid, 'SIGKILL');
    await t.shows(/^the broker is away; .*\nthe broker is back\nrr> \(await tree\(\)\)\.actors$/m, 20_000);
    t.type('.length > 3\r');
    await t.shows(/^true$/m, 40_000);
    await leave();
  },
  90_000,
);

terminal(
  'a command of rr has the terminal while it runs: Ctrl-C ends the command and not the REPL',
  async () => {
    const { s, t, leave } = await open(160);
    const source = s.repo('node-plain');
    t.type(`.run ${source}\r`);
    await t.shows(/^healthy in .*$/m, 30_000);
    await t.shows('Ctrl-C stops it');
    expect(t.lines().join('\n')).not.toContain('run.step-began');
    t.type(ctrlC!);
    await t.shows(/stopping[\s\S]*^rr>$/m, 30_000);
    t.type('.rr ps --all\r');
    await t.shows(/^\S+ {2}done .*node-plain\nrr>$/m);
    t.type('.rr stop "no body"\r');
    await t.shows(/\[\w+\]\nrr>$/m);
    t.type(".ps 'open\r");
    await t.shows(/is not closed in 'open\n {4}fix: .*\nrr>$/m);
    t.type('.admin ki');
    await t.shows(/^rr> \.admin ki$/m);
    t.type('\t');
    await t.shows(/^rr> \.admin kinds$/m);
    t.type(' port\t');
    await t.shows(/^rr> \.admin kinds port-manager$/m);
    t.type('\r');
    await t.shows(/^port\.lease\n[\s\S]*^port\.release\n.*\nrr>$/m);
    t.type("'still ' + 'here'\r");
    await t.shows(/^'still here'$/m);
    t.type("actor('sys/orchestrator/");
    await t.shows("'sys/orchestrator/");
    t.type('\t');
    await t.shows("actor('sys/orchestrator/main");
    t.type("').state()\r");
    await t.shows('runs: {');
    await leave();
  },
  90_000,
);

terminal(
  'a REPL whose runtime is its own leaves when that is taken down, and leaves the terminal as it was',
  async () => {
    const s = scratch({ RR_BROKER_IDLE_MS: '500' });
    const t = openTerminal([process.execPath, bin, 'repl'], { env: s.env, cwd: s.dir });
    await t.shows(/^rr>$/m);
    const down = await finish(s.rr('down'));
    expect(down.code, down.err).toBe(0);
    expect(await t.exited).toBe(0);
    expect(t.lines().join('\n')).toContain('rr down ended the runtime');
    await expectNothingLeft(s);
  },
  60_000,
);
