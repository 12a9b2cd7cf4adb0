import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { fetchBwrap } from '../../../providers/sandbox/fetch.js';
import { bwrapCache, lookForBwrap } from '../../../providers/sandbox/find.js';
import { decide, findTool, wantedPath } from '../../../providers/sandbox/index.js';
import { fetcher } from '../../../runtime/broker/fetch.js';
import { errors } from '../../../runtime/errors.js';

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rr-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
/** A `bwrap` that is no such thing, alone on a search path. */
function pretender(script: string): string {
  const bin = scratch();
  writeFileSync(join(bin, 'bwrap'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, 'bwrap'), 0o755);
  return bin;
}
const says = '[ "$1" = --version ] && echo "bubblewrap 0.8.0" && exit 0';
const nothing = (): void => {};

test.each([
  ['exits with 1', `${says}\necho "bwrap: No permissions to create new namespace" >&2; exit 1`, /No permissions/],
  ['hangs', `${says}\nsleep 60`, /did not end within 2 s/],
  ['hangs when asked who it is', 'sleep 60', /did not end within 2 s/],
  ['is something else', 'echo hello', /is not bubblewrap/],
  ['runs the command and keeps nothing in', `${says}\nwhile [ "$1" != -- ]; do shift; done; shift; exec "$@"`, /./],
  ['says that all went well and runs nothing', `${says}\nexit 0`, /did not keep it in/],
])('a bwrap that %s is not used, which is known within 2 s', async (_, script, why) => {
  const began = performance.now();
  const { found, looked } = await lookForBwrap(scratch(), pretender(script));
  expect(performance.now() - began).toBeLessThan(3_000);
  expect(found).toBe(null);
  expect(looked[0]).toMatch(why);
});

test('with a tool that does not work auto goes on without and says why, strict refuses', async () => {
  const path = process.env.PATH;
  process.env.PATH = pretender(`${says}\necho forbidden here >&2; exit 1`);
  onTestFinished(() => {
    process.env.PATH = path;
  });
  const place = () => {
    const bundle = scratch();
    return { bundle, workspace: bundle, inPlace: false };
  };
  const cache = scratch();
  expect(await decide(place(), { sandbox: 'auto', cache }, nothing)).toMatchObject({
    tool: null,
    said: expect.stringMatching(/^no sandbox: .*forbidden here/),
  });
  await expect(decide(place(), { sandbox: 'strict', cache }, nothing)).rejects.toMatchObject({
    code: 'SANDBOX_UNAVAILABLE',
    message: expect.stringContaining('forbidden here'),
    fix: errors.SANDBOX_UNAVAILABLE.fix,
  });
  // What the job asks for wins over the setting.
  const asked = place();
  mkdirSync(join(asked.bundle, 'inputs'));
  writeFileSync(wantedPath(asked.bundle), '{"mode":"off"}');
  expect(await decide(asked, { sandbox: 'strict', cache }, nothing)).toMatchObject({ mode: 'off', tool: null });
});

test.skipIf(fetcher() === null)('on Debian one is fetched without root, works, and is found again', async () => {
  const cache = scratch();
  const said: string[] = [];
  const got = await fetchBwrap(cache, { say: (line) => said.push(line), patient: true, totalMs: 60_000 });
  expect(got).toMatchObject({ from: 'cache', path: expect.stringContaining(bwrapCache(cache)) });
  expect(said).toHaveLength(1);
  expect((await lookForBwrap(cache, '/nonexistent')).found).toEqual(got);
});

test.skipIf(fetcher() === null)(
  'where nothing can be fetched that is known for an hour, and strict tries again',
  async () => {
    const cache = scratch();
    mkdirSync(bwrapCache(cache), { recursive: true });
    writeFileSync(join(bwrapCache(cache), '.refused'), 'none could be fetched (the cable is out)');
    const o = { say: nothing, totalMs: 60_000 };
    expect(await fetchBwrap(cache, { ...o, patient: false })).toMatch(/the cable is out/);
    expect(await fetchBwrap(cache, { ...o, patient: true })).toMatchObject({ from: 'cache' });
    expect(await findTool(cache, 'auto', nothing)).toMatchObject({ from: expect.any(String) });
  },
);
