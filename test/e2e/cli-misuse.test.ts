import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { expectNothingLeft } from './left.js';
import { bin, finish, scratch } from './rr.js';

test.each<[string, string[], Record<string, string>, string, RegExp]>([
  ['an unknown command', ['explode'], {}, 'USAGE', /unknown command 'explode'/],
  ['an unknown option', ['run', '.', '--fast'], {}, 'USAGE', /unknown option '--fast'/],
  ['a missing argument', ['plan'], {}, 'USAGE', /missing required argument/],
  ['a run of nothing', ['run'], {}, 'USAGE', /no source was given/],
  ['one argument too many', ['plan', '.', '.'], {}, 'USAGE', /too many arguments/],
  ['an option without its value', ['run', '.', '--service'], {}, 'USAGE', /--service/],
  ['a variable without a value', ['run', '.', '--env', 'NAME'], {}, 'USAGE', /--env NAME has no =/],
  ['a variable without a name', ['run', '.', '--env', '=x'], {}, 'USAGE', /--env =x has no/],
  ['lines that are no number', ['logs', 'r', '--lines', 'many'], {}, 'USAGE', /many/],
  ['a setting that is no number', ['ps'], { RR_SLOTS: 'many' }, 'CONFIG_INVALID', /setting slots is "many"/],
  ['a port out of range', ['ps'], { RR_PORT_FROM: '80' }, 'CONFIG_INVALID', /portFrom is "80"/],
  ['ports that run backwards', ['ps'], { RR_PORT_FROM: '3000', RR_PORT_TO: '2000' }, 'CONFIG_INVALID', /portTo/],
  ['a host that is no name', ['ps', '--host', 'A b'], {}, 'CONFIG_INVALID', /host is "A b"/],
  ['a log level nobody knows', ['ps'], { RR_LOG_LEVEL: 'loud' }, 'CONFIG_INVALID', /logLevel is "loud"/],
])(
  '%s is one error with its fix and exit code 2, for people and for programs',
  async (_, args, env, code, message) => {
    const s = scratch(env);
    const people = await finish(s.rr(...args));
    expect(people.err).toMatch(/^rr: [^\n]+\n {4}fix: [^\n]+ \[[A-Z_]+\]\n$/);
    expect(people.err).toContain(`[${code}]`);
    expect(people.err).toMatch(message);
    expect([people.code, people.out]).toEqual([2, '']);
    const programs = await finish(s.rr(...args, '--json'));
    expect(programs.objects).toEqual([
      { type: 'error', error: { code, message: expect.stringMatching(message), fix: expect.stringMatching(/\w{3}/) } },
    ]);
    expect([programs.code, programs.err]).toEqual([2, '']);
    expect(existsSync(s.state)).toBe(false); // nothing was made for a mistake
  },
  30_000,
);

test('who reads only the first lines has seen enough, and a full disk is told in a line', async () => {
  const s = scratch();
  const shell = (line: string) =>
    spawnSync('sh', ['-c', line, process.execPath, bin], { env: s.env, cwd: s.dir, encoding: 'utf8' });
  for (const command of ['config', 'workflows list', 'repl --eval "0; kinds()"']) {
    const enough = shell(`{ "$0" "$1" ${command}; echo "code $?" >&2; } | :`);
    expect([enough.stdout, enough.stderr], command).toEqual(['', expect.stringMatching(/^(· .*\n)*code 0\n$/)]);
    const full = shell(`"$0" "$1" ${command} >/dev/full`);
    expect([full.status, full.stderr], command).toEqual([
      4,
      expect.stringMatching(/^(· .*\n)*rr: .*ENOSPC.*\n {4}fix: .*\n$/),
    ]);
  }
}, 60_000);

test('without a command the help is shown, and nothing that is no terminal ever sees an escape code', async () => {
  const s = scratch({ RR_BROKER_IDLE_MS: '700' });
  delete s.env.NO_COLOR;
  const help = await finish(s.rr());
  expect(help.code).toBe(2);
  expect(help.err + help.out).toContain('Usage: rr');
  const told = [
    help,
    await finish(s.rr('run', s.repo('node-job'), '--once')),
    await finish(s.rr('run', s.repo('nothing-here'), '--once')),
    await finish(s.rr('doctor')),
  ];
  for (const { out, err } of told) expect(out + err).not.toMatch(/\x1b/);
  expect(told[1]!.out).toContain('healthy in');
  await expectNothingLeft(s);
}, 60_000);
