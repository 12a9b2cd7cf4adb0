/** A strict sandbox has no network but what the keeper lets through: the application's ports in, the hosts that are allowed out. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createDaemon } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { findTool } from '../../providers/sandbox/index.js';
import { readConfig } from '../../runtime/config.js';
import { expectNothingLeft } from './left.js';
import { commitAll, eventually, finish, resultOf, scratch } from './rr.js';

const tool = await findTool(readConfig({}).config.cache, 'auto', () => undefined);
const works = typeof tool !== 'string';
if (!works) console.warn(`there is no sandbox here, its tests are left out: ${tool}`);

/** Where an attacker would like to have things. */
async function sink(): Promise<{ url: string; seen: string[] }> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(request.url!);
    response.end('thanks');
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  // As a desktop's bus would: it belongs to the network, not to the file system.
  const abstract = createDaemon((socket) => void socket.on('error', () => socket.destroy()).end('hello'));
  await new Promise<void>((listening) => abstract.listen(`\0rr-hostile-${port}`, listening));
  onTestFinished(() => {
    server.close();
    abstract.close();
  });
  return { url: `http://127.0.0.1:${port}/`, seen };
}
const cacheHome = { XDG_CACHE_HOME: process.env.XDG_CACHE_HOME || join(homedir(), '.cache') };

async function tried(url: string, ...flags: string[]) {
  const s = scratch(cacheHome);
  const told = await finish(
    s.rr('run', s.repo('hostile-network'), '--once', '--json', '--env', `SINK=${url}`, ...flags),
  );
  const result = resultOf(told.objects);
  expect(result, told.err).toMatchObject({ outcome: 'healthy', services: [{ proof: { title: 'Network' } }] });
  const log = readFileSync(join(result.bundle, 'logs', 'hostile-network.log'), 'utf8');
  await expectNothingLeft(s);
  return { log, said: JSON.parse(/NETWORK (\{.*\})/.exec(log)![1]!) as Record<string, string> };
}

test.skipIf(!works)(
  'what is in a strict sandbox reaches no host, answers through the gate, and what was refused is told',
  { timeout: 90_000 },
  async () => {
    const { url, seen } = await sink();
    const { log, said } = await tried(url, '--sandbox', 'strict');
    expect(said).toEqual({
      straight: 'ECONNREFUSED', // its own network has nobody at that port
      'by the proxy': '403',
      'by a tunnel': 'HTTP/1.1 403 Forbidden',
      'by the gate itself': 'refused', // decided outside, whatever is done within
      'another host': '403',
      'a socket without a path': 'ECONNREFUSED',
    });
    expect(seen).toEqual([]);
    expect(log).toContain(`[keeper] refused: ${new URL(url).host} is no host that may be reached`);
    expect(log).toContain('[keeper] refused: exfiltrate.example.invalid:80 is no host that may be reached');
  },
);

test.skipIf(!works)(
  'a host that is allowed is reached from a strict sandbox by every way, and no other',
  { timeout: 90_000 },
  async () => {
    const { url, seen } = await sink();
    const { said } = await tried(url, '--sandbox', 'strict', '--allow-host', new URL(url).host);
    expect(said).toEqual({
      straight: '200', // as a client of a database would, who knows no proxy
      'by the proxy': '200',
      'by a tunnel': 'HTTP/1.1 200 OK',
      'by the gate itself': 'ok',
      'another host': '403',
      'a socket without a path': 'ECONNREFUSED',
    });
    expect(seen).toEqual(['/straight', '/by-proxy']);
  },
);

test.skipIf(!works)(
  'an application in a strict sandbox outlives the runtime, is found again, answers, and is ended',
  { timeout: 120_000 },
  async () => {
    const { url } = await sink();
    const s = scratch(cacheHome);
    const repo = s.repo('hostile-network');
    const first = s.rr('run', repo, '--json', '--sandbox', 'strict', '--env', `SINK=${url}`);
    const result = (await first.object(({ type }) => type === 'result')) as {
      services: { url: string }[];
      run: string;
    };
    const at = result.services[0]!.url;
    const page = async (): Promise<string> => (await fetch(at)).text();
    expect(await page()).toContain('Network');
    first.child.kill('SIGKILL');
    await first.exited;
    expect(await page()).toContain('Network');
    const second = s.rr('up', '--foreground', '--json');
    await second.object(({ type }) => type === 'up');
    const stopped = await finish(s.rr('stop', result.run));
    expect(stopped.code, stopped.err).toBe(0);
    await eventually(
      () => page().catch(() => 'gone'),
      (text) => text === 'gone',
    );
    second.child.kill('SIGTERM');
    await second.exited;
    await expectNothingLeft(s);
  },
);

test.skipIf(!works)(
  'an install that needs a host which a strict sandbox refuses fails with that, and the fix allows it',
  { timeout: 90_000 },
  async () => {
    const s = scratch({ ...cacheHome, npm_config_fetch_retries: '0' });
    const repo = s.repo('express-hello');
    // A variable of the job names another registry: what may be reached is said by the user's own settings and flags alone.
    const told = await finish(
      s.rr(
        'run',
        repo,
        '--once',
        '--json',
        '--sandbox',
        'strict',
        '--env',
        'npm_config_registry=http://evil.example.invalid/',
      ),
    );
    expect(resultOf(told.objects), told.err).toMatchObject({
      outcome: 'failed',
      error: {
        code: 'HOST_REFUSED',
        message: expect.stringContaining('evil.example.invalid:80'),
        fix: expect.stringContaining('--allow-host evil.example.invalid:80'),
      },
    });
  },
);

test.skipIf(!works)(
  'what somebody else answers on the port of a strict sandbox is no proof: it is brought out at another',
  { timeout: 90_000 },
  async () => {
    const port = 18_737;
    const other = createServer((_, response) => response.end('<!doctype html><title>Other</title><p>somebody else'));
    await new Promise<void>((listening) => other.listen(port, '127.0.0.1', listening));
    onTestFinished(() => void other.close());
    const s = scratch({ ...cacheHome, RR_BROKER_IDLE_MS: '700' });
    const folder = s.repo('node-plain', { git: false });
    const app = `require('node:http').createServer((_, r) => r.end('<title>Ours</title>ours')).listen(${port});\n`;
    writeFileSync(join(folder, 'server.js'), `const port = Number('${port}');\n${app.replace(`(${port})`, '(port)')}`);
    commitAll(folder, '');
    const { code, objects } = await finish(s.rr('run', folder, '--once', '--json', '--sandbox', 'strict'));
    const result = resultOf(objects);
    expect(result).toMatchObject({ outcome: 'healthy', fixes: [] });
    expect(result.services[0].proof.excerpt).toContain('ours');
    const start = objects.findLast(({ step, note }) => step === 'start' && note);
    expect(start?.note).toContain(`(${port} in a network of its own)`);
    expect(new URL(result.services[0].url).port).not.toBe(String(port));
    expect(code).toBe(0);
    await expectNothingLeft(s);
  },
);
