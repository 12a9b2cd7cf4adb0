/** A run that may fetch nothing, in a sandbox: what the user's own caches hold and what the repository's runs have fetched is there. */
import { mkdirSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { findTool } from '../../providers/sandbox/index.js';
import { readConfig } from '../../runtime/config.js';
import { textsIn } from './left.js';
import { finish, resultOf, type Scratch, scratch } from './rr.js';

const tool = await findTool(readConfig({}).config.cache, 'auto', () => undefined);
const works = typeof tool !== 'string';
if (!works) console.warn(`there is no sandbox here, its tests are left out: ${tool}`);

/** A user with an empty home; tools that were fetched before are found again, packages are not. */
function user(): Scratch {
  const s = scratch({ XDG_CACHE_HOME: process.env.XDG_CACHE_HOME || join(homedir(), '.cache') });
  s.env.HOME = join(s.dir, 'home');
  mkdirSync(s.env.HOME);
  return s;
}
const offline = async (s: Scratch, repo: string) => {
  const told = await finish(s.rr('run', repo, '--once', '--json', '--offline'));
  return resultOf(told.objects);
};

test.runIf(works && process.env.RR_LONG)(
  "offline, an application is brought up with the packages of the user's own warm cache, which stays as it was",
  { timeout: 120_000 },
  async () => {
    const s = user();
    const repo = s.repo('express-hello');
    const warm = s.repo('express-hello', { as: 'before' });
    const cache = join(s.env.HOME!, '.npm');
    await execa('npm', ['ci', '--cache', cache, '--ignore-scripts'], { cwd: warm });
    const held = (): string[] => [...textsIn(join(cache, '_cacache'))].map(({ path, text }) => path + text).sort();
    const before = held();
    expect(before.length).toBeGreaterThan(50);
    expect(await offline(s, repo)).toMatchObject({ outcome: 'healthy', services: [{ proof: { status: 200 } }] });
    expect(held()).toEqual(before);
  },
);

test.runIf(works && process.env.RR_LONG)(
  'offline, a repository finds again what its own runs have fetched',
  { timeout: 180_000 },
  async () => {
    const s = user();
    const [repo, nobody] = [s.repo('express-hello'), s.env.HOME!];
    s.env.HOME = homedir(); // with its registry
    const first = await finish(s.rr('run', repo, '--once', '--json'));
    expect(resultOf(first.objects), first.err).toMatchObject({ outcome: 'healthy' });
    rmSync(join(repo, 'node_modules'), { recursive: true });
    s.env.HOME = nobody;
    expect(await offline(s, repo)).toMatchObject({ outcome: 'healthy' });
  },
);
