import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { type CheckInput, drive, listen, serve, serveTcp } from './drive.js';

type Answer = { status?: number; type?: string; headers?: Record<string, string | string[]>; body?: string };
/** A server whose routes are a table; what is not in it gets `other`. */
const routes =
  (
    table: Record<string, Answer>,
    other: Answer = { status: 404, type: 'text/html', body: '<pre>Cannot GET</pre>' },
  ): RequestListener =>
  (request: IncomingMessage, response: ServerResponse) => {
    const { status = 200, type = 'text/html', headers = {}, body = '' } = table[request.url!] ?? other;
    response.writeHead(status, { 'content-type': type, ...headers }).end(body);
  };
const page = (body: string, head = '<title>Shop</title>'): Answer => ({
  body: `<!doctype html><html><head>${head}</head><body>${body}</body></html>`,
});
const json = (value: unknown, status = 200): Answer => ({
  status,
  type: 'application/json',
  body: JSON.stringify(value),
});

const good: [string, Record<string, Answer>, CheckInput, object][] = [
  [
    'a page at / passes with its title and text',
    { '/': page('<h1>Hello &amp; welcome</h1><script>var x="no"</script>') },
    {},
    { status: 200, title: 'Shop', excerpt: 'Hello & welcome', path: '/', from: 'guessed' },
  ],
  [
    'a given path is asked first',
    { '/v2/ready': json({ status: 'ok' }), '/': page('home') },
    { paths: [{ path: '/v2/ready', from: 'Dockerfile:9' }] },
    { path: '/v2/ready', from: 'Dockerfile:9', contentType: 'application/json' },
  ],
  [
    '404 on / of an API is looked into',
    { '/healthz': json({ ok: true }) },
    {},
    { path: '/healthz', excerpt: '{"ok":true}', notes: [] },
  ],
  [
    'an API that only says 404 passes with the note',
    {},
    {},
    { status: 404, notes: ['answers 404 on every known path (13 asked)'] },
  ],
  [
    'a guarded application is healthy',
    { '/': { status: 401, body: 'who are you' } },
    {},
    { status: 401, notes: ['/ answers 401 Unauthorized: it listens and is guarded'] },
  ],
  [
    'a login page behind a redirect is healthy',
    { '/': { status: 302, headers: { location: '/login' } }, '/login': page('<form>Sign in</form>') },
    { wantsPage: true },
    { status: 200, excerpt: 'Sign in' },
  ],
  [
    'a redirect to another host is an answer and is not followed',
    { '/': { status: 302, headers: { location: 'https://accounts.example.com/auth' } } },
    {},
    { status: 302, notes: ['/ redirects to https://accounts.example.com/auth'] },
  ],
  [
    'a directory listing is noted',
    { '/': page('<h1>Index of /</h1><a href="a">a.txt</a>', '<title>Index of /</title>') },
    { wantsPage: true },
    { notes: ['a directory listing'] },
  ],
  [
    'a shell whose script comes is a page',
    {
      '/': page('<div id="root"></div><script src="/app.js"></script>'),
      '/app.js': { type: 'text/javascript', body: 'x' },
    },
    { wantsPage: true },
    { title: 'Shop', notes: ['the page is filled by its scripts, which were not run'] },
  ],
  [
    'a page with links of its own is there without a script that is not',
    { '/': page('<p>Hi <a href="/about.html">About</a></p><script src="/gone.js"></script>') },
    { wantsPage: true },
    { status: 200, excerpt: 'Hi About', notes: ['its script /gone.js answers 404'] },
  ],
  ['a page with a picture only is a page', { '/': page('<img src="/x.png">') }, { wantsPage: true }, { status: 200 }],
  [
    'a tutorial that quotes errors is not an error page',
    {
      '/': page(
        `<h1>Debugging</h1><p>${'How to read it. '.repeat(9)} Traceback (most recent call last): Internal Server Error</p>`,
      ),
    },
    { wantsPage: true },
    { status: 200 },
  ],
  [
    'an API of a page framework passes by the path its repository names',
    { '/api/ping': json({ pong: 1 }) },
    { wantsPage: true, paths: [{ path: '/api/ping', from: 'README.md:3' }] },
    { path: '/api/ping', notes: ['/ answers 404 Not Found'] },
  ],
  [
    'an example path that fails is noted when the front door works',
    { '/users': json({ e: 1 }, 500), '/': json({ ok: 1 }) },
    { paths: [{ path: '/users', from: 'README.md:9' }] },
    { path: '/', notes: [expect.stringContaining('/users answers 500')] },
  ],
];
test.each(good)('%s', async (_, table, input, proof) => {
  expect(await drive({ sockets: [await serve(routes(table))], ...input })).toMatchObject({
    type: 'health.passed',
    service: 'web',
    proof,
  });
});

const bad: [string, Record<string, Answer>, CheckInput, string, RegExp][] = [
  [
    '500 at / is up but broken',
    { '/': { status: 500, type: 'text/plain', body: 'Internal Server Error' }, '/health': json({ ok: true }) },
    {},
    'server-error',
    /answers 500 Internal Server Error/,
  ],
  [
    '500 at / is not hidden by a good health route',
    { '/': { status: 500, body: 'x' }, '/health': json({ ok: true }) },
    { paths: [{ path: '/health', from: 'Dockerfile:3' }] },
    'server-error',
    /answers 500/,
  ],
  [
    'a health check of the repository that fails decides',
    { '/ready': json({ db: false }, 503), '/': page('hi') },
    { paths: [{ path: '/ready', from: 'compose.yml:12' }] },
    'server-error',
    /\/ready answers 503/,
  ],
  [
    'a health answer that says down is not healthy',
    { '/health': json({ status: 'DOWN' }) },
    { paths: [{ path: '/health', from: 'a:1' }] },
    'server-error',
    /status "DOWN"/,
  ],
  [
    'a stack trace with status 200 is an error page',
    {
      '/': {
        type: 'text/plain',
        body: 'TypeError: Cannot read properties of undefined\n    at Object.<anonymous> (/srv/app/server.js:3:9)',
      },
    },
    {},
    'error-page',
    /a stack trace/,
  ],
  [
    'PHP says its fatal errors with status 200',
    {
      '/': {
        body: '<br />\n<b>Fatal error</b>:  Uncaught Error: Class "App" not found in /srv/index.php:3\nStack trace:\n#0 {main}\n  thrown in <b>/srv/index.php</b> on line <b>3</b><br />',
      },
    },
    {},
    'error-page',
    /a PHP fatal error/,
  ],
  [
    'a Python traceback is an error page',
    { '/': { type: 'text/plain', body: 'Traceback (most recent call last):\n  File "a.py"' } },
    {},
    'error-page',
    /a Python traceback/,
  ],
  [
    'a title can tell an error page',
    { '/': page('<p>sorry</p>', '<title>500 Internal Server Error</title>') },
    {},
    'error-page',
    /Internal Server Error/,
  ],
  ['an empty document where a page should be', { '/': page('') }, { wantsPage: true }, 'empty-shell', /shows nothing/],
  [
    'an empty answer where a page should be',
    { '/': { body: '' } },
    { wantsPage: true },
    'empty-shell',
    /shows nothing/,
  ],
  [
    'a shell whose script is missing',
    { '/': page('<div id="root"></div><script src="/app.js"></script>') },
    { wantsPage: true },
    'empty-shell',
    /script \/app\.js answers 404/,
  ],
  [
    'a shell that says it loads, with a link for those without scripts,',
    { '/': page('Loading <noscript><a href="/plain">plain</a></noscript><script src="/app.js"></script>') },
    { wantsPage: true },
    'empty-shell',
    /shows only “Loading” and its script \/app\.js answers 404/,
  ],
  [
    'a shell whose script is the shell again',
    { '/': page('<div id="root"></div><script src="app.js"></script>'), '/app.js': page('') },
    { wantsPage: true },
    'empty-shell',
    /\/app\.js is a page/,
  ],
  ['data where a page should be', { '/': json([1]) }, { wantsPage: true }, 'not-a-page', /application\/json/],
  ['nothing at / where a page should be', {}, { wantsPage: true }, 'not-found', /answers 404 Not Found/],
  [
    'redirects without end',
    { '/': { status: 302, headers: { location: '/' } } },
    { wantsPage: true },
    'redirect-loop',
    /more than 5 redirects/,
  ],
  [
    "a server's default page is somebody else",
    { '/': page('Thank you for using nginx.', '<title>Welcome to nginx!</title>') },
    { wantsPage: true },
    'no-answer',
    /nginx' default page/,
  ],
];
test.each(bad)('%s', async (_, table, input, reason, message) => {
  const fact = await drive({ sockets: [await serve(routes(table))], ...input });
  expect(fact).toMatchObject({
    type: 'health.failed',
    reason,
    error: { code: 'NOT_PROVEN', message: expect.stringMatching(message), fix: expect.any(String) },
  });
  expect(fact).toHaveProperty('evidence.url');
});

test('where nothing known answers well, the address that the application prints of itself is asked', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'rr-health-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const log = join(dir, 'web.log');
  const socket = await serve(
    routes({ '/': { status: 404, body: 'no' }, '/old/': page('old'), '/shop/': page('<h1>Open</h1>') }),
  );
  const earlier = `ready at http://localhost:${socket.port}/old/\n`;
  writeFileSync(
    log,
    `${earlier}Open \x1b[1mhttp://localhost:${socket.port}/shop/?key=secret\x1b[0m, or http://localhost:1/x.\n`,
  );
  const fact = await drive({ sockets: [socket], log, logFrom: earlier.length });
  expect(fact).toMatchObject({
    type: 'health.passed',
    proof: { status: 200, path: '/shop/', from: 'its log', excerpt: 'Open' },
  });
  expect(JSON.stringify(fact)).not.toContain('secret');
});

test('an application that is ready late passes, also when its check is restarted at every step', async () => {
  const began = Date.now();
  const socket = await serve((_, response) => {
    response.writeHead(Date.now() - began < 900 ? 503 : 200).end('here I am');
  });
  expect(await drive({ sockets: [socket], giveUpMs: 8_000 }, { restart: true })).toMatchObject({
    type: 'health.passed',
    proof: { status: 200, excerpt: 'here I am' },
  });
});

test('an application that turns bad while it should stay up fails with what it answered then', async () => {
  let broken = false;
  const socket = await serve((_, response) => {
    response.writeHead(broken ? 500 : 200).end(broken ? 'lost the database' : 'fine');
  });
  const fact = await drive(
    { sockets: [socket] },
    {
      onFound: async () => {
        broken = true;
      },
    },
  );
  expect(fact).toMatchObject({
    type: 'health.failed',
    reason: 'server-error',
    evidence: { status: 500, excerpt: 'lost the database' },
  });
});

test.each([
  ['ready', '/ready'],
  ['http://localhost:9/ready', '/ready'],
  ['//ready', '/ready'],
  ['/a b/ü', '/a%20b/%C3%BC'],
])('a path written %j is asked as %s', async (path, asked) => {
  const socket = await serve((request, response) => void response.end(request.url));
  const fact = await drive({ sockets: [socket], paths: [{ path, from: 'README.md:1' }] });
  expect(fact).toMatchObject({ type: 'health.passed', proof: { path: asked, excerpt: asked } });
});

test('the stay is as long as was asked', async () => {
  const socket = await serve((_, response) => void response.end('ok'));
  const fact = await drive({ sockets: [socket], stayMs: 300 });
  expect(fact).toMatchObject({ type: 'health.passed' });
  if (fact.type === 'health.passed') expect(fact.proof.stayedMs).toBeGreaterThanOrEqual(300);
});

const child = (code: string) => {
  const process = spawn(globalThis.process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void process.kill('SIGKILL'));
  return process;
};
const serverCode = `const s=require('http').createServer((q,r)=>r.end('ok')).listen(0,'127.0.0.1',()=>console.log(s.address().port))`;

test('a process that dies after its first answer has died', async () => {
  const app = child(serverCode);
  const port = Number(String((await once(app.stdout, 'data'))[0]));
  const fact = await drive(
    { sockets: [{ host: '127.0.0.1', port }], pid: app.pid! },
    {
      onFound: async () => {
        app.kill('SIGKILL');
        await once(app, 'exit');
      },
    },
  );
  expect(fact).toMatchObject({
    type: 'health.failed',
    reason: 'died',
    error: { message: expect.stringContaining('after it was found well') },
  });
});

test('what a job printed last is quoted in whole lines, without the frames of a stack', async () => {
  const lines = [
    'x'.repeat(290),
    'not ok 3 - later # TODO',
    '    at Test.run (node:internal/test:5:1)',
    '      async Test.go (node:test:7:2) {',
    '# pass 2',
  ];
  const fact = await drive({ how: 'exit', exitCode: 0, lines });
  expect(fact).toMatchObject({ type: 'health.passed', proof: { excerpt: 'not ok 3 - later # TODO # pass 2' } });
});

test('a worker is proven by staying alive, with the last lines of its log', async () => {
  const app = child('setInterval(() => {}, 1000)');
  const fact = await drive({
    how: 'log',
    pid: app.pid!,
    lines: ['\u001b[32mworker ready\u001b[0m', 'waiting for jobs'],
    stayMs: 100,
  });
  expect(fact).toMatchObject({ type: 'health.passed', proof: { url: null, excerpt: 'worker ready waiting for jobs' } });
});

test('a worker that ends while it should stay has died', async () => {
  const app = child('setInterval(() => {}, 1000)');
  const fact = await drive(
    { how: 'log', pid: app.pid!, stayMs: 200 },
    { onFound: async () => void app.kill('SIGKILL') },
  );
  expect(fact).toMatchObject({ type: 'health.failed', reason: 'died' });
});

test('a later process with the same pid is not the worker', async () => {
  const app = child('setInterval(() => {}, 1000)');
  const stat = readFileSync(`/proc/${app.pid}/stat`, 'utf8');
  const startTime = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  expect(await drive({ how: 'log', pid: app.pid!, started: { startTime } })).toMatchObject({ type: 'health.passed' });
  expect(await drive({ how: 'log', pid: app.pid!, started: { startTime: startTime - 1 } })).toMatchObject({
    reason: 'died',
  });
});

test.each([
  [0, 'health.passed'],
  [3, 'health.failed'],
  [null, 'health.failed'],
] as const)('a job that ended with %s: %s', async (exitCode, type) => {
  expect(await drive({ how: 'exit', exitCode, lines: ['12 passing'] })).toMatchObject({ type });
});

test('a socket that nobody listens on does not answer', async () => {
  const gone = createServer();
  const free = await listen(gone);
  gone.close();
  expect(await drive({ sockets: [{ host: '127.0.0.1', port: free }], giveUpMs: 100 })).toMatchObject({
    reason: 'no-answer',
    error: { message: expect.stringContaining('ECONNREFUSED') },
  });
});

test('without a socket there is nothing to ask', async () => {
  expect(await drive({})).toMatchObject({ type: 'health.failed', reason: 'no-socket', evidence: null });
});

test.each([
  ['::1', '::1', /\[::1\]/],
  ['::', '::1', /\[::1\]/],
  ['0.0.0.0', '127.0.0.1', /127\.0\.0\.1/],
  ['localhost', '::1', /\[::1\]/],
])('a socket told as %s is reached where it listens, on %s', async (told, host, url) => {
  const { port } = await serve((_, response) => void response.end('ok'), host);
  expect(await drive({ sockets: [{ host: told, port }] })).toMatchObject({
    type: 'health.passed',
    proof: { url: expect.stringMatching(url) },
  });
});

test.each([
  [403, 'Blocked request. This host ("127.0.0.1") is not allowed.'],
  [400, '<html><head><title>DisallowedHost at /</title></head><body>Invalid HTTP_HOST header: 127.0.0.1</body></html>'],
])('a host check (%s) is met with the name localhost', async (status, body) => {
  const socket = await serve((request, response) => {
    if (request.headers.host!.startsWith('localhost:')) return void response.end('welcome');
    response.writeHead(status, { 'content-type': 'text/html' }).end(body);
  });
  expect(await drive({ sockets: [socket] })).toMatchObject({
    type: 'health.passed',
    proof: { url: `http://localhost:${socket.port}/`, excerpt: 'welcome' },
  });
  const closed = await serve(
    (_, response) => void response.writeHead(status, { 'content-type': 'text/html' }).end(body),
  );
  expect(await drive({ sockets: [closed] })).toMatchObject({
    type: 'health.failed',
    reason: 'blocked-host',
    error: { fix: expect.stringContaining('hosts') },
  });
});

test('an application that forces https behind a proxy is asked as by that proxy', async () => {
  const socket = await serve((request, response) => {
    if (request.headers['x-forwarded-proto'] === 'https') return void response.end('secure');
    response.writeHead(301, { location: `https://${request.headers.host}/` }).end();
  });
  expect(await drive({ sockets: [socket] })).toMatchObject({
    type: 'health.passed',
    proof: { status: 200, excerpt: 'secure' },
  });
});

test('a login that needs its cookie to stop redirecting is followed with it', async () => {
  const socket = await serve((request, response) => {
    if (request.headers.cookie?.includes('sid=7')) return void response.end('in');
    response.writeHead(302, { location: '/', 'set-cookie': 'sid=7; Path=/' }).end();
  });
  expect(await drive({ sockets: [socket] })).toMatchObject({ type: 'health.passed', proof: { excerpt: 'in' } });
});

test('TLS with a certificate of its own making is spoken where the socket speaks it', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'rr-tls-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const [keyFile, certFile] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=somebody',
      '-keyout',
      keyFile,
      '-out',
      certFile,
    ],
    { stdio: 'ignore' },
  );
  const certificate = { key: readFileSync(keyFile), cert: readFileSync(certFile) };
  const port = await listen(createTlsServer(certificate, (_, response) => void response.end('sealed')));
  expect(await drive({ sockets: [{ host: '127.0.0.1', port }] })).toMatchObject({
    type: 'health.passed',
    proof: { url: `https://127.0.0.1:${port}/`, excerpt: 'sealed' },
  });
});

test.each([
  ['speaks first', (socket: Socket) => void socket.write('+OK ready\r\n')],
  [
    'answers in its own words',
    (socket: Socket) => void socket.on('data', () => socket.write('-ERR unknown command\r\n')),
  ],
])('a listener that %s is not HTTP, and passes only where that is meant', async (_, handler) => {
  const socket = await serveTcp(handler);
  expect(await drive({ sockets: [socket] })).toMatchObject({ type: 'health.failed', reason: 'not-http' });
  expect(await drive({ sockets: [socket], rawTcp: true })).toMatchObject({
    type: 'health.passed',
    proof: { url: null },
  });
});

test('a likelier socket that is broken is not outvoted by a metrics port in good health', async () => {
  const web = await serve((_, response) => void response.writeHead(500).end());
  const metrics = await serve((_, response) => void response.end('up 1'));
  expect(await drive({ sockets: [web, metrics] })).toMatchObject({ reason: 'server-error' });
  expect(await drive({ sockets: [metrics, web] })).toMatchObject({ type: 'health.passed' });
});

test('sockets that do not speak HTTP are passed over for the one that does', async () => {
  const raw = await serveTcp((socket) => void socket.write('hello\n'));
  const debug = await serve((_, response) => void response.writeHead(400).end('WebSockets request was expected\r\n'));
  const web = await serve((_, response) => void response.end('web'));
  expect(await drive({ sockets: [raw, debug, web] })).toMatchObject({
    type: 'health.passed',
    proof: { excerpt: 'web' },
  });
});

test('an endless body is read to 64 KB and judged', async () => {
  let sent = 0;
  const socket = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    const more = (): void => {
      while (!response.destroyed && response.write('word '.repeat(2_000))) sent += 10_000;
      if (!response.destroyed) response.once('drain', more);
    };
    more();
  });
  const began = Date.now();
  expect(await drive({ sockets: [socket] })).toMatchObject({
    type: 'health.passed',
    proof: { excerpt: expect.stringMatching(/^(word ?){60}$/) },
  });
  expect(Date.now() - began).toBeLessThan(3_000);
  expect(sent).toBeLessThan(50_000_000);
});

test('a stream that never ends is judged by what came in bounded time', async () => {
  const socket = await serve(
    (_, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: tick\n\n'),
  );
  expect(await drive({ sockets: [socket] })).toMatchObject({ type: 'health.passed', proof: { excerpt: 'data: tick' } });
});

test('compression nobody asked for is undone', async () => {
  const socket = await serve(
    (_, response) =>
      void response
        .writeHead(200, { 'content-type': 'text/html', 'content-encoding': 'gzip' })
        .end(gzipSync('<title>T</title>packed')),
  );
  expect(await drive({ sockets: [socket], wantsPage: true })).toMatchObject({
    type: 'health.passed',
    proof: { title: 'T', excerpt: 'packed' },
  });
});

test('an application that accepts and says nothing is given up in bounded time', async () => {
  const socket = await serveTcp(() => {});
  const began = Date.now();
  expect(await drive({ sockets: [socket], giveUpMs: 1_000 })).toMatchObject({ reason: 'no-answer' });
  await sleep(0);
  expect(Date.now() - began).toBeLessThan(4_000);
});
