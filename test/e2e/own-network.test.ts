/**
 * An application whose port stands in its source, on a machine where another program has that port: it is started in a
 * network of its own, where the port is free, and brought out at the one it was leased.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createWeb } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ownNetwork } from '../../providers/sandbox/find.js';
import { findTool } from '../../providers/sandbox/index.js';
import { readConfig } from '../../runtime/config.js';
import { hold } from './beside.js';
import { expectNothingLeft } from './left.js';
import { freePort } from './ports.js';
import { commitAll, eventually, finish, type Rr, resultOf, type Scratch, scratch } from './rr.js';

const tool = await findTool(readConfig({}).config.cache, 'auto', () => undefined);
const lacks = typeof tool === 'string' ? tool : await ownNetwork(tool);
const works = lacks === null;
if (!works) console.warn(`there is no network of one's own here, its tests are left out: ${lacks}`);

const cacheHome = { XDG_CACHE_HOME: process.env.XDG_CACHE_HOME || join(homedir(), '.cache') };
const open = (): Scratch => scratch({ ...cacheHome, RR_BROKER_IDLE_MS: '700' });

/** A copy of an application that takes no port but this one, and says which copy it is. */
function copy(s: Scratch, as: string, port: number, host = '0.0.0.0', more = ''): string {
  const folder = s.repo('node-port-fixed', { git: false, as });
  const source = readFileSync(join(folder, 'index.js'), 'utf8')
    .replace('Hello from port 39217', `I am ${as}`)
    .replace('.listen(39217)', `.listen({ port: ${port}, host: '${host}', ipv6Only: ${host === '::1'} })`);
  writeFileSync(join(folder, 'index.js'), `${source}${more}`);
  commitAll(folder, '');
  return folder;
}
const up = async (one: Rr) => {
  await one.object(({ type }) => type === 'result', 90_000);
  return resultOf(one.objects());
};
const page = async (url: string): Promise<string> => (await fetch(url)).text();

const hosts = process.env.RR_LONG ? ['0.0.0.0', '127.0.0.1', '::1'] : ['0.0.0.0'];
test.skipIf(!works).each(hosts)(
  'two copies whose one port is fixed at %s run at once, each answers for itself, and nothing is left of them',
  { timeout: 150_000 },
  async (host) => {
    const s = open();
    const port = freePort();
    const runtime = s.rr('up', '--foreground', '--json');
    await runtime.object(({ type }) => type === 'up');
    const [first, second] = ['first', 'second'].map((as) => s.rr('run', copy(s, as, port, host), '--json'));
    const results = [await up(first!), await up(second!)];
    const urls = results.map((result) => result.services[0].url as string);
    const told = results.map((result) => result.fixes.map(({ rule }: { rule: string }) => rule));
    // Which of them got the port itself is chance.
    const [plain, apart] = told[0]!.includes('port-apart') ? [1, 0] : [0, 1];
    expect(told.flat(), JSON.stringify(results)).toContain('port-apart');
    expect(told[plain], JSON.stringify(told)).not.toContain('port-apart');
    expect(new URL(urls[plain]!).port).toBe(String(port));
    expect(results[apart]!.fixes.at(-1)).toMatchObject({
      rule: 'port-apart',
      cause: expect.stringMatching(new RegExp(`takes no port but ${port}, which node \\(pid \\d+\\) holds`)),
      helped: true,
    });
    const ended = [first!, second!][apart]!.objects().findLast(({ step, note }) => step === 'start' && note);
    expect(ended?.note).toContain(`(${port} in a network of its own)`);
    expect(new URL(urls[apart]!).port).not.toBe(String(port));
    for (const [n, as] of ['first', 'second'].entries()) {
      expect(await page(urls[n]!)).toContain(`I am ${as}`);
      expect(results[n].services[0].proof.excerpt).toContain(`I am ${as}`);
    }
    for (const one of [first!, second!]) {
      one.child.kill('SIGINT');
      await one.exited;
    }
    runtime.child.kill('SIGTERM');
    await runtime.exited;
    await expectNothingLeft(s, [port, Number(new URL(urls[apart]!).port)]);
  },
);

/** What the application tries besides, and says. */
const REACHES = (other: number): string => `
const net = require('node:net');
const heard = (port, ask = '') => new Promise((told) => {
  const socket = net.connect(port, '127.0.0.1', () => socket.write(ask));
  socket.once('data', (data) => told(String(data).split('\\r\\n')[0]) || socket.destroy()).on('error', (error) => told(error.code));
});
(async () => {
  http.createServer((_request, response) => response.end('the other port')).listen(${other}, '127.0.0.1');
  const web = new URL(process.env.WEB);
  console.log('SEEN ' + JSON.stringify({
    'a server that a variable names': await heard(new URL(process.env.QUEUE_URL).port),
    'a page by the proxy': await heard(new URL(process.env.HTTP_PROXY).port, 'GET ' + web + ' HTTP/1.1\\r\\nHost: ' + web.host + '\\r\\n\\r\\n'),
    'the same page straight': await heard(web.port),
  }));
})();
`;
async function listening(server: Server): Promise<number> {
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

test.skipIf(!works)(
  'one that is alone in its network reaches what it must, outlives the runtime, is found again, and is ended',
  { timeout: 150_000 },
  async () => {
    const s = open();
    const [port, other] = [freePort(), freePort()];
    await hold(port, onTestFinished);
    await hold(other, onTestFinished);
    const queue = await listening(
      createServer((socket) => void socket.on('error', () => socket.destroy()).end('a queue')),
    );
    const web = await listening(createWeb((_request, response) => void response.end('a page')));
    const given = [`QUEUE_URL=redis://127.0.0.1:${queue}`, `WEB=http://127.0.0.1:${web}/`];
    const repo = copy(s, 'alone', port, '127.0.0.1', REACHES(other));
    const first = s.rr('run', repo, '--json', ...given.flatMap((each) => ['--env', each]));
    const result = await up(first);
    expect(result, JSON.stringify(result.error)).toMatchObject({ outcome: 'healthy', fixes: [{ rule: 'port-apart' }] });
    const at = result.services[0].url;
    await eventually(
      () => existsSync(join(result.bundle, 'recipe.json')),
      (written) => written,
    );
    const recipe = JSON.parse(readFileSync(join(result.bundle, 'recipe.json'), 'utf8'));
    expect(recipe.port).toBe(port); // whoever follows it has no such network
    const log = (): string => readFileSync(join(result.bundle, 'logs', `${result.services[0].name}.log`), 'utf8');
    await eventually(log, (text) => text.includes('SEEN'));
    expect(JSON.parse(/SEEN (\{.*\})/.exec(log())![1]!)).toEqual({
      'a server that a variable names': 'a queue',
      'a page by the proxy': 'HTTP/1.1 200 OK',
      'the same page straight': 'ECONNREFUSED',
    });
    // Its second port is taken too: it is brought out somewhere, and the log says where.
    const where = await eventually(
      () => new RegExp(`port ${other} is taken on this machine: it is reached at (\\S+)`).exec(log()),
      (found) => found !== null,
    );
    expect(await page(`http://${where![1]}/`)).toBe('the other port');

    first.child.kill('SIGKILL');
    await first.exited;
    expect(await page(at)).toContain('I am alone');
    const second = s.rr('up', '--foreground', '--json');
    await second.object(({ type }) => type === 'up');
    expect(await page(at)).toContain('I am alone');
    const stopped = await finish(s.rr('stop', result.run));
    expect(stopped.code, stopped.err).toBe(0);
    await eventually(
      () => page(at).catch(() => 'gone'),
      (text) => text === 'gone',
    );
    second.child.kill('SIGTERM');
    await second.exited;
    await expectNothingLeft(s, [Number(new URL(at).port), Number(where![1]!.split(':')[1])]);
  },
);
