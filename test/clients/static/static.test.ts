import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { program } from '../../../runtime/program.js';

const main = program('clients/static/main');

function scratch(files: Record<string, string>): string {
  const dir = mkdtempSync(join(tmpdir(), 'rr-static-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(dir, name, '..'), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  return dir;
}

/** Starts the built program and waits for the line that names its address. */
async function start(args: string[], env: Record<string, string> = {}): Promise<{ url: string; line: string }> {
  if (!existsSync(main)) throw new Error(`${main} is not built: run npm run build`);
  const app = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env.PATH!, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void app.kill('SIGKILL'));
  for await (const chunk of app.stdout) {
    const line = String(chunk).trim();
    return { line, url: /http:\/\/\S+$/.exec(line)![0] };
  }
  throw new Error('rr-static ended before it listened');
}

/** A GET whose path is sent as it stands: fetch would tidy `..` away. */
const get = (
  url: string,
  path: string,
  method = 'GET',
): Promise<{ status: number; type: string; body: string; location: string | undefined }> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    request({ hostname, port, path, method, agent: false }, async (response) => {
      let body = '';
      for await (const chunk of response) body += chunk;
      resolve({
        status: response.statusCode!,
        type: response.headers['content-type'] ?? '',
        body,
        location: response.headers.location,
      });
    })
      .on('error', reject)
      .end();
  });

const site = {
  'index.html': 'home',
  'style.css': 'a{}',
  'app.js': 'x',
  'docs/index.html': 'docs',
  'about.html': 'about',
  'a b.txt': 'blank',
  '.env': 'SECRET=1',
  '.git/config': 'x',
  'empty.txt': '',
  'pic.svg': '<svg/>',
};

test('it serves files with their types, index pages, and pages without their ending', async () => {
  const dir = scratch(site);
  const { url, line } = await start([dir]);
  expect(line).toBe(`rr-static: serving ${dir} on ${url}`);
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  const rows: [string, number, string, string][] = [
    ['/', 200, 'text/html; charset=utf-8', 'home'],
    ['/?a=1', 200, 'text/html; charset=utf-8', 'home'],
    ['/style.css', 200, 'text/css; charset=utf-8', 'a{}'],
    ['/app.js', 200, 'text/javascript; charset=utf-8', 'x'],
    ['/pic.svg', 200, 'image/svg+xml', '<svg/>'],
    ['/docs/', 200, 'text/html; charset=utf-8', 'docs'],
    ['/about', 200, 'text/html; charset=utf-8', 'about'],
    ['/a%20b.txt', 200, 'text/plain; charset=utf-8', 'blank'],
    ['/empty.txt', 200, 'text/plain; charset=utf-8', ''],
  ];
  for (const [path, status, type, body] of rows)
    expect([path, await get(url, path)]).toMatchObject([path, { status, type, body }]);
  expect(await get(url, '/docs?q=1')).toMatchObject({ status: 301, location: '/docs/?q=1' });
  expect(await get(url, '//docs')).toMatchObject({ status: 301, location: '/docs/' });
  expect(await get(url, '/', 'HEAD')).toMatchObject({ status: 200, body: '' });
  expect(await get(url, '/', 'POST')).toMatchObject({ status: 405 });
});

test('nothing outside the folder and nothing hidden is given out', async () => {
  const dir = scratch({ ...site, '../rr-static-outside.txt': 'outside' });
  onTestFinished(() => rmSync(join(dir, '../rr-static-outside.txt'), { force: true }));
  symlinkSync(join(dir, '..', 'rr-static-outside.txt'), join(dir, 'link.txt'));
  symlinkSync('..', join(dir, 'up'));
  symlinkSync('about.html', join(dir, 'inner.html'));
  symlinkSync('.env', join(dir, 'settings.txt'));
  const { url } = await start([dir]);
  for (const path of [
    '/../rr-static-outside.txt',
    '/%2e%2e/rr-static-outside.txt',
    '/..%2frr-static-outside.txt',
    '/docs/../../rr-static-outside.txt',
    '/link.txt',
    '/settings.txt',
    '/up/rr-static-outside.txt',
    '/..%5crr-static-outside.txt',
    '/%00',
    '/%',
    '/.env',
    '/.git/config',
    '/docs/%2e%2e/.env',
  ])
    expect([path, (await get(url, path)).status]).toEqual([path, expect.toSatisfy((s) => s === 400 || s === 404)]);
  expect(await get(url, '/inner.html')).toMatchObject({ status: 200, body: 'about' });
});

test('a single-page application gets its page for routes, and 404 for missing files', async () => {
  const { url } = await start([scratch(site), '--spa']);
  expect(await get(url, '/users/7')).toMatchObject({ status: 200, body: 'home' });
  expect(await get(url, '/assets/gone.js')).toMatchObject({ status: 404 });
});

test('what is missing is 404, with the page of the site where it has one', async () => {
  const plain = await start([scratch({ 'a.txt': 'a' })]);
  expect(await get(plain.url, '/')).toMatchObject({ status: 404, type: 'text/plain; charset=utf-8' });
  const own = await start([scratch({ '404.html': 'lost?' })]);
  expect(await get(own.url, '/x/y')).toMatchObject({ status: 404, type: 'text/html; charset=utf-8', body: 'lost?' });
});

test('HOST and PORT are obeyed', async () => {
  const { url } = await start([scratch(site)], { HOST: '::1', PORT: '0' });
  expect(url).toMatch(/^http:\/\/\[::1\]:\d+$/);
});

test.each([[[]], [['/nowhere/at/all']], [[import.meta.filename]], [['.', 'extra']]])(
  '%j is refused with exit code 2 and the usage',
  async (args) => {
    const app = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    for await (const chunk of app.stderr) said += chunk;
    expect(app.exitCode ?? (await new Promise((resolve) => app.once('exit', resolve)))).toBe(2);
    expect(said).toContain('usage:');
  },
);

test('a port that is taken ends it with a reason', async () => {
  const dir = scratch(site);
  const { url } = await start([dir]);
  const app = spawn(process.execPath, [main, dir], {
    env: { PATH: process.env.PATH!, PORT: new URL(url).port },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  for await (const chunk of app.stderr) said += chunk;
  expect(said).toContain('EADDRINUSE');
});
