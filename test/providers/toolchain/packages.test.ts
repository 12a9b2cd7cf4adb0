/** Debian's packages out of the cache: what is in them is found, and what cannot be had is named. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { FetchFailure, getPackages } from '../../../providers/toolchain/index.js';

function cacheFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'rr-packages-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
const say = (): void => {};

test('what is no name of a package never reaches apt', async () => {
  const refused = getPackages(['tree', '-oAPT::Update::Pre-Invoke::=touch'], { cache: cacheFolder(), say });
  await expect(refused).rejects.toThrow(/is no name of a package/);
  await expect(refused).rejects.toBeInstanceOf(FetchFailure);
});

test('a run that is offline fetches none, and leaves nothing behind', async () => {
  const cache = cacheFolder();
  await expect(getPackages(['tree'], { cache, offline: true, say })).rejects.toThrow(/offline/);
  expect(readdirSync(cache)).toEqual([]);
});

test.runIf(process.env.RR_LONG)(
  'a package that there is none of is told as apt tells it',
  { timeout: 300_000 },
  async () => {
    const refused = getPackages(['no-such-package-of-ours'], { cache: cacheFolder(), say });
    await expect(refused).rejects.toThrow(/no-such-package-of-ours/);
  },
);

test.runIf(process.env.RR_LONG)(
  'headers, libraries, descriptions and programs are found where they were unpacked, again without asking',
  { timeout: 600_000 },
  async () => {
    const cache = cacheFolder();
    const wanted = ['libpq-dev', 'libpng-dev', 'pkgconf', 'tree', 'poppler-utils', 'libusb-1.0-0-dev'];
    const [one, other] = await Promise.all([getPackages(wanted, { cache, say }), getPackages(wanted, { cache, say })]);
    expect([one.origin, other.origin].sort()).toEqual(['cache', 'downloaded']);
    const offline = await getPackages(wanted, { cache, offline: true, say });
    expect(offline).toEqual({ ...one, origin: 'cache' });
    expect(Object.keys(one.versions)).toEqual([...wanted].sort());
    expect(Object.values(one.versions).every((version) => /^\d/.test(version))).toBe(true);

    const env = { ...process.env, ...one.env, PATH: `${one.bin}${delimiter}${process.env.PATH}` };
    const run = (shell: string): string =>
      execFileSync('sh', ['-c', shell], { cwd: cache, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    expect(
      run('for one in tree pdftotext pkg-config pg_config; do command -v $one; done').split('\n').slice(0, -1),
    ).toEqual(['tree', 'pdftotext', 'pkg-config', 'pg_config'].map((name) => join(one.bin, name)));
    expect(run('tree --version; pdftotext -v 2>&1')).toMatch(/tree v[\s\S]*pdftotext version/);
    for (const asked of [
      'pg_config --includedir',
      'pkg-config --variable=includedir libpng',
      'pkg-config --variable=libdir libusb-1.0',
    ])
      expect(run(asked)).toContain(cache);
    run(
      `printf '#include <libpq-fe.h>\\n#include <png.h>\\n#include <libusb-1.0/libusb.h>\\n#include <stdio.h>\\nint main(void){ libusb_get_version(); printf("%%d %%s", PQlibVersion() > 0, png_get_libpng_ver(0)); return 0; }' > a.c`,
    );
    run(
      'cc -I"$(pg_config --includedir)" -o a a.c $(pkg-config --cflags --libs libpng libusb-1.0) -L"$(pg_config --libdir)" -lpq',
    );
    expect(run('./a')).toMatch(/^1 1\.\d/);
  },
);
