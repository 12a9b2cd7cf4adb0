/** Repositories that are not what their files made them look like. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { freePort } from './ports.js';
import { commitAll, finish, resultOf, type Scratch, scratch } from './rr.js';

/** A repository of these files, committed. */
function lay(s: Scratch, files: Record<string, string>): string {
  const repo = join(s.dir, 'repo');
  for (const [path, text] of Object.entries({ '.gitignore': '__pycache__\n', ...files })) {
    mkdirSync(dirname(join(repo, path)), { recursive: true });
    writeFileSync(join(repo, path), text);
  }
  commitAll(repo, '');
  return repo;
}

/** Nothing in it is known to serve. */
const server = (port: number, says: string): string => `
import importlib
def main():
    listener = importlib.import_module('socket').create_server(('127.0.0.1', ${port}))
    while listener:
        client, _ = listener.accept()
        client.recv(65536)
        client.sendall(b'${says}')
        client.close()
if __name__ == '__main__':
    main()
`;

const servers: [what: string, says: string, proof: object][] = [
  [
    'speaks HTTP',
    'HTTP/1.0 200 OK\\r\\nContent-Type: text/plain\\r\\n\\r\\nby hand',
    { status: 200, excerpt: 'by hand' },
  ],
  ['speaks something else', '+PONG\\r\\n', { url: null, notes: [expect.stringContaining('does not speak HTTP')] }],
];
test.concurrent.for(process.env.RR_LONG ? servers : servers.slice(0, 1))(
  'what was taken for a job and %s instead of ending is proven and held as a server',
  { timeout: 90_000 },
  async ([, says, proof], { onTestFinished }) => {
    const s = scratch({ RR_BROKER_IDLE_MS: '700' }, onTestFinished);
    const repo = lay(s, { 'daemon.py': server(freePort(), says) });
    const { objects, err } = await finish(s.rr('run', repo, '--once', '--json'));
    expect(resultOf(objects), err).toMatchObject({ outcome: 'healthy', kind: 'web-service', services: [{ proof }] });
  },
);

test.runIf(process.env.RR_LONG)(
  'a job that listens while it works is waited for',
  async () => {
    const s = scratch({ RR_BROKER_IDLE_MS: '700' });
    const repo = lay(s, {
      'daemon.py': `
import importlib, time
def main():
    listener = importlib.import_module('socket').create_server(('127.0.0.1', ${freePort()}))
    until = time.time() + 14
    while time.time() < until:
        sum(range(10000))
    print('the sum is known')
if __name__ == '__main__':
    main()
`,
    });
    const { objects, err } = await finish(s.rr('run', repo, '--once', '--json'));
    expect(resultOf(objects), err).toMatchObject({
      outcome: 'healthy',
      kind: 'job',
      services: [{ url: null, proof: { excerpt: expect.stringContaining('the sum is known') } }],
    });
  },
  90_000,
);

test.concurrent('a server that lives below a path is proven at the address that it prints', {
  timeout: 90_000,
}, async ({ onTestFinished }) => {
  const s = scratch({ RR_BROKER_IDLE_MS: '700' }, onTestFinished);
  const repo = lay(s, {
    'package.json': JSON.stringify({ name: 'below', scripts: { start: 'node server.js' } }),
    'server.js': `const base = ['', 'tea', 'shop', ''].join('/');
require('http').createServer((request, response) => {
  response.statusCode = request.url.startsWith(base) ? 200 : 404;
  response.end('at ' + request.url);
}).listen(process.env.PORT, () => console.log('Open http://localhost:' + process.env.PORT + base));`,
  });
  const { objects, err } = await finish(s.rr('run', repo, '--once', '--json'));
  expect(resultOf(objects), err).toMatchObject({
    outcome: 'healthy',
    services: [{ url: expect.stringMatching(/\/tea\/shop\/$/), proof: { status: 200, from: 'its log' } }],
  });
});

// The proof gives it 30 s to get well.
test.runIf(process.env.RR_LONG)(
  'an application that answers 500 is told with the error in its log, and explained by it',
  async () => {
    const s = scratch({ RR_BROKER_IDLE_MS: '700' });
    const repo = lay(s, {
      'package.json': JSON.stringify({ name: 'ill', scripts: { start: 'node server.js' } }),
      'server.js': `require('http').createServer((_, response) => {
  console.error(new TypeError('the shop has no shelves'));
  response.writeHead(500).end('sorry');
}).listen(process.env.PORT);`,
    });
    const { objects, err } = await finish(s.rr('run', repo, '--once', '--json'));
    const result = resultOf(objects);
    expect(result.error, err).toMatchObject({
      code: 'NOT_PROVEN',
      message: expect.stringMatching(/answers 500 .*; its log says: TypeError: the shop has no shelves$/),
    });
    const { objects: explained } = await finish(s.rr('explain', result.run, '--json'));
    expect(explained).toMatchObject([{ step: 'prove', line: 'TypeError: the shop has no shelves' }]);
  },
  90_000,
);

test.runIf(process.env.RR_LONG)(
  'a start that takes long is told while it is at work, once within the first minute',
  async () => {
    const s = scratch({ RR_BROKER_IDLE_MS: '700' });
    const repo = lay(s, {
      'package.json': JSON.stringify({ name: 'late', scripts: { start: 'node server.js' } }),
      'server.js':
        "setTimeout(() => require('http').createServer((_, r) => r.end('late')).listen(process.env.PORT), 13_000);",
    });
    const { out, err, code } = await finish(s.rr('run', repo, '--once'));
    const [, run] = /^ {2}run (\S+)$/m.exec(out)!;
    expect(err.match(/^· start is at work .*$/gm)).toEqual([
      `· start is at work for 10 s; rr logs ${run} -f shows what it prints`,
    ]);
    expect(code).toBe(0);
  },
  90_000,
);
