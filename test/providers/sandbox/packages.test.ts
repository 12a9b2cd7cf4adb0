/** Package caches of sandboxes: what one repository keeps no other reads, and what the user's hold is seen offline. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { decide, findTool, keepIn, seedFor } from '../../../providers/sandbox/index.js';

const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'repo-runner');
const met = await findTool(cache, 'auto', () => undefined);
const tool = typeof met === 'string' ? null : met;
if (tool === null) console.warn(`there is no sandbox here, its tests are left out: ${met}`);

/** A machine with a user and, below `runs`, runs of repositories. */
function machine() {
  const root = mkdtempSync(join(tmpdir(), 'rr-test-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const at = (...parts: string[]): string => join(root, ...parts);
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), text);
  };
  const passed: Record<string, string> = { HOME: at('home'), PATH: process.env.PATH! };
  mkdirSync(at('home'));
  mkdirSync(at('cache'));
  /** What a command of a run prints. */
  const run = async (id: string, source: string, shell: string, offline = false): Promise<string> => {
    const bundle = at('state/runs', id);
    put(`state/runs/${id}/run.json`, JSON.stringify({ job: { source } }));
    mkdirSync(join(bundle, 'work'), { recursive: true });
    const place = { bundle, workspace: join(bundle, 'work'), inPlace: false };
    const found = await decide(place, { sandbox: 'auto', cache: at('cache') }, () => undefined);
    const decided = { ...found, tool }; // the one of this machine's own cache
    const inside = {
      ...{ bundle, state: at('state'), cache: at('cache'), cwd: place.workspace, install: true, bins: [], toolEnv: [] },
      passed,
      hosts: {},
    };
    const { words } = keepIn(decided, inside, 'x', { lowers: offline ? await seedFor(decided, inside) : null });
    const done = spawnSync(words[0]!, [...words.slice(1), '/bin/sh', '-c', shell], { env: passed, encoding: 'utf8' });
    expect(done.status, done.stderr).toBe(0);
    return done.stdout.trim();
  };
  return { at, put, run };
}
const places = ['.cache/pip/wheels', '.npm/_cacache/index-v5', '.npm/_npx', '.cargo/registry/src', '.m2/repository'];

test.skipIf(tool === null)(
  'what a repository lays into package caches no other finds, and it finds it again',
  async () => {
    const { at, run } = machine();
    const lay = places.map((path) => `mkdir -p ~/${path} && echo evil >~/${path}/laid`).join(' && ');
    await run('r1', '/one', lay);
    const look = `cd ~ && ls ${places.map((path) => `${path}/laid`).join(' ')} 2>/dev/null; true`;
    expect(await run('r2', '/two', look)).toBe('');
    expect((await run('r3', '/one', look)).split('\n').sort()).toEqual(places.map((path) => `${path}/laid`).sort());
    expect(existsSync(at('home', '.npm'))).toBe(false);
  },
);

test.skipIf(tool === null)('content of npm, which is checked when it is read, is shared by all', async () => {
  const { run } = machine();
  await run(
    'r1',
    '/one',
    'mkdir -p ~/.npm/_cacache/content-v2/sha512/ab && echo x >~/.npm/_cacache/content-v2/sha512/ab/cd',
  );
  expect(await run('r2', '/two', 'cat ~/.npm/_cacache/content-v2/sha512/ab/cd')).toBe('x');
});

test.skipIf(tool === null)('caches that nobody has used for a month are removed', async () => {
  const { at, run } = machine();
  mkdirSync(at('cache/packages/of/old'), { recursive: true });
  utimesSync(at('cache/packages/of/old'), new Date(0), new Date(0));
  await run('r1', '/one', 'true');
  await expect.poll(() => existsSync(at('cache/packages/of/old'))).toBe(false);
});

test.skipIf(tool === null)(
  'offline the caches of the user are seen, can be added to in the run alone, and nothing else of ~/.cache is',
  async () => {
    const { at, put, run } = machine();
    put('home/.m2/repository/a/b.jar', 'jar');
    put('home/.cache/pip/http-v2/a/b', 'wheel');
    put('home/.cache/browser/history', 'private');
    put('home/.npm/_cacache/index-v5/aa/bb', '\nuser');
    await run('r1', '/one', 'mkdir -p ~/.npm/_cacache/index-v5/aa && printf "\\nrun" >~/.npm/_cacache/index-v5/aa/bb');
    expect(await run('r2', '/one', 'cat ~/.m2/repository/a/b.jar 2>&1; true')).toContain('No such file');
    const said = await run(
      'r3',
      '/one',
      `cat ~/.m2/repository/a/b.jar ~/.cache/pip/http-v2/a/b; cat ~/.npm/_cacache/index-v5/aa/bb; ls ~/.cache
       echo more >~/.m2/repository/a/c.jar; cat ~/.m2/repository/a/c.jar
       (echo evil >~/.m2/repository/a/b.jar) 2>&1 | grep -o 'Read-only file system'`,
      true,
    );
    expect(said).toMatch(/^jarwheel\nrun\nuser/);
    expect(said).toMatch(/more\nRead-only file system$/);
    expect(said).not.toContain('browser');
    expect(readFileSync(at('home/.m2/repository/a/b.jar'), 'utf8')).toBe('jar');
    expect(existsSync(at('home/.m2/repository/a/c.jar'))).toBe(false);
  },
);
