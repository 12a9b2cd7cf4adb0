/**
 * An application whose code looks for its database or cache at one port of this machine, which another program has: it is
 * started in a network of its own, where the private instance answers at that port. The other program is not spoken to.
 */
import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { ownNetwork } from '../../providers/sandbox/find.js';
import { findTool } from '../../providers/sandbox/index.js';
import { readConfig } from '../../runtime/config.js';
import { editorOf } from '../bench/heal/faults.js';
import { expectNothingLeft } from './left.js';
import { freePort } from './ports.js';
import { commitAll, finish, resultOf, scratch } from './rr.js';

const tool = await findTool(readConfig({}).config.cache, 'auto', () => undefined);
const lacks = typeof tool === 'string' ? tool : await ownNetwork(tool);
if (lacks !== null) console.warn(`there is no network of one's own here, its tests are left out: ${lacks}`);

/** A program that speaks something else. */
async function other(port: number): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined).end('HTTP/1.1 400 Bad Request\r\n\r\n');
  });
  await new Promise<void>((held) => server.listen(port, '127.0.0.1', held));
  onTestFinished(() => void server.close());
}
const ADDRESS = 'postgres://shop:p%40ss-word@localhost:5432/shop_development';
const rows = [
  { kind: 'redis', name: 'compose-visits', address: 'redis://localhost:6379', says: 'kept in the cache' },
  { kind: 'postgres', name: 'express-postgres', address: ADDRESS, says: 'A LAMP; A CHAIR!, A TABLE!' },
];
const fixedAt = async (row: (typeof rows)[number]) => {
  const s = scratch({ RR_BROKER_IDLE_MS: '300', npm_config_prefer_offline: 'true' });
  const repo = s.repo(row.name, { git: false });
  const port = freePort();
  // Where the code alone says it.
  editorOf(repo).edit('server.js', (before) =>
    before.replace(
      `process.env.${row.kind === 'redis' ? 'REDIS_URL' : 'DATABASE_URL'}`,
      `'${row.address.replace(/:\d+(?=\/|$)/, `:${port}`)}'`,
    ),
  );
  commitAll(repo, 'node_modules/\n');
  await other(port);
  return { s, repo, port };
};

test.runIf(process.env.RR_LONG && lacks === null).each(rows)(
  '$kind at a port that stands in the code is found there, in a network of its own',
  { timeout: 300_000 },
  async (row) => {
    const { s, repo, port } = await fixedAt(row);
    const { objects, out, err } = await finish(s.rr('run', repo, '--once', '--json'));
    const result = resultOf(objects);
    expect(result, `${out}\n${err}`).toMatchObject({ outcome: 'healthy', error: null });
    expect(result.fixes).toMatchObject([
      {
        rule: 'service-apart',
        cause: expect.stringMatching(
          new RegExp(`^server\\.js:\\d+ looks for ${row.kind} at port ${port}, which node \\(pid \\d+\\) holds$`),
        ),
        actions: [{ do: 'serve-at', service: row.kind, port }],
        helped: true,
      },
    ]);
    expect(JSON.stringify(result.services[0].proof)).toContain(row.says);
    await expectNothingLeft(s, [Number(new URL(result.services[0].url).port)]);
  },
);

test.runIf(process.env.RR_LONG)(
  'without such a network a person is told who holds the port, and where the code looks there',
  { timeout: 120_000 },
  async () => {
    const { s, repo, port } = await fixedAt(rows[0]!);
    const { objects, out, err } = await finish(s.rr('run', repo, '--once', '--json', '--sandbox', 'off'));
    const result = resultOf(objects);
    expect(result, `${out}\n${err}`).toMatchObject({
      outcome: 'needs-input',
      fixes: [],
      error: {
        code: 'PORT_HELD',
        message: expect.stringMatching(new RegExp(`^port ${port} is held by node \\(pid \\d+\\), wanted free$`)),
        fix: expect.stringMatching(
          /^stop node \(pid \d+\), or have server\.js:\d+ take the address of redis from a variable/,
        ),
      },
    });
    await expectNothingLeft(s);
  },
);
