/** The S3 server of ours: whom it believes, and what it keeps; driven over HTTP as its clients do. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { isOpen } from '../../../providers/services/s3/policy.js';
import { type Asked, signerOf } from '../../../providers/services/s3/signature.js';
import { packageRoot } from '../../../runtime/program.js';

// The examples of the protocol's own documentation.
const ID = 'AKIAIOSFODNN7EXAMPLE';
const documented = new Map([[ID, 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY']]);
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const NOW = Date.UTC(2013, 4, 24);
const signed = (
  method: string,
  path: string,
  query: string,
  signature: string,
  more: Record<string, string>,
): Asked => ({
  method,
  path,
  query,
  headers: {
    host: 'examplebucket.s3.amazonaws.com',
    'x-amz-date': '20130524T000000Z',
    'x-amz-content-sha256': EMPTY,
    ...more,
    authorization: `AWS4-HMAC-SHA256 Credential=${ID}/20130524/us-east-1/s3/aws4_request,SignedHeaders=${[...new Set(['host', 'x-amz-content-sha256', 'x-amz-date', ...Object.keys(more)])].sort().join(';')},Signature=${signature}`,
  },
});
const range = { range: 'bytes=0-9' };
const put = {
  date: 'Fri, 24 May 2013 00:00:00 GMT',
  'x-amz-content-sha256': '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
  'x-amz-storage-class': 'REDUCED_REDUNDANCY',
};
const asked: [string, Asked][] = [
  [
    'a part of an object',
    signed('GET', '/test.txt', '', 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41', range),
  ],
  [
    'a key that wants encoding',
    signed('PUT', '/test%24file.text', '', '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd', put),
  ],
  [
    'a query without a value',
    signed('GET', '/', 'lifecycle', 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543', {}),
  ],
  [
    'a list',
    signed('GET', '/', 'max-keys=2&prefix=J', '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7', {}),
  ],
  [
    'a presigned URL',
    {
      method: 'GET',
      path: '/test.txt',
      query: `X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${ID}%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404`,
      headers: { host: 'examplebucket.s3.amazonaws.com' },
    },
  ],
  [
    'version 2',
    {
      method: 'GET',
      path: '/awsexamplebucket1/photos/puppy.jpg',
      query: '',
      headers: { date: 'Tue, 27 Mar 2007 19:36:42 +0000', authorization: `AWS ${ID}:qgk2+6Sv9/oM7G3qLEjTH1a1l1g=` },
    },
  ],
];
test.each(asked)('the documented signature is believed, and no other: %s', (_, one) => {
  expect(signerOf(one, documented, NOW)).toBe(ID);
  expect(() => signerOf({ ...one, path: `${one.path}x` }, documented, NOW)).toThrow(/signature/);
  expect(() => signerOf(one, new Map([[ID, 'another']]), NOW)).toThrow(/signature/);
  expect(() => signerOf(one, new Map(), NOW)).toThrow(/access key/);
});
test('a signature is good in its time only', () => {
  const [list, url] = [asked[3]![1], asked[4]![1]];
  expect(() => signerOf(list, documented, NOW + 16 * 60_000)).toThrow(/too far apart/);
  expect(() => signerOf(url, documented, NOW + 86_401_000)).toThrow(/expired/);
  expect(signerOf({ method: 'GET', path: '/', query: '', headers: {} }, documented, NOW)).toBeNull();
});
test('a policy opens what it names to everybody, and nothing where it denies or has conditions', () => {
  const policy = (more: object) =>
    JSON.stringify({
      Statement: [
        { Effect: 'Allow', Principal: '*', Action: 's3:Get*', Resource: 'arn:aws:s3:::shop/open/*', ...more },
      ],
    });
  expect(isOpen(policy({}), 's3:GetObject', 'shop/open/a')).toBe(true);
  expect(isOpen(policy({}), 's3:GetObject', 'shop/closed/a')).toBe(false);
  expect(isOpen(policy({}), 's3:PutObject', 'shop/open/a')).toBe(false);
  for (const more of [{ Effect: 'Deny' }, { Condition: {} }, { Principal: { AWS: 'arn:aws:iam::1:user/me' } }])
    expect(isOpen(policy(more), 's3:GetObject', 'shop/open/a')).toBe(false);
});

// The server itself.

const key = { id: 'me/you', secret: 's+e/cret' };
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  return port;
}
async function served() {
  const dir = mkdtempSync(join(tmpdir(), 'rr-s3-'));
  const data = join(dir, 'data');
  const port = await freePort();
  const path = join(dir, 's3.json');
  const text = { host: '127.0.0.1', port, folder: data, keys: [[key.id, key.secret]], buckets: ['photos', 'Not_One'] };
  writeFileSync(path, JSON.stringify(text));
  let child: ChildProcess | null = null;
  const start = async (): Promise<void> => {
    const program = join(packageRoot(), 'dist/providers/services/s3/server.js');
    child = spawn(process.execPath, [program, path], { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(child.stdout!, 'data');
  };
  const kill = async (): Promise<void> => {
    child!.kill('SIGKILL');
    await once(child!, 'exit');
  };
  onTestFinished(() => {
    child?.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  });
  await start();
  const host = `127.0.0.1:${port}`;
  /** Signed as its documentation says, apart from the code that is tested. */
  const headersFor = (method: string, to: string, payload: string): Record<string, string> => {
    const [at = '', query = ''] = to.split('?');
    const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
    const scope = `${time.slice(0, 8)}/here/s3/aws4_request`;
    const names = 'host;x-amz-content-sha256;x-amz-date';
    const all = `host:${host}\nx-amz-content-sha256:${payload}\nx-amz-date:${time}\n`;
    const request = [method, at, query, all, names, payload].join('\n');
    const hash = createHash('sha256').update(request).digest('hex');
    const signing = scope
      .split('/')
      .reduce<string | Buffer>((one, part) => createHmac('sha256', one).update(part).digest(), `AWS4${key.secret}`);
    const signature = createHmac('sha256', signing)
      .update(['AWS4-HMAC-SHA256', time, scope, hash].join('\n'))
      .digest('hex');
    return {
      'x-amz-date': time,
      'x-amz-content-sha256': payload,
      authorization: `AWS4-HMAC-SHA256 Credential=${key.id}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
    };
  };
  const ask = (method: string, to: string, body?: string, payload = 'UNSIGNED-PAYLOAD', more = {}) =>
    fetch(`http://${host}${to}`, {
      method,
      headers: { ...headersFor(method, to, payload), ...more },
      ...(body === undefined ? {} : { body }),
    });
  return { data, port, host, start, kill, ask, headersFor };
}
const codeIn = async (response: Response): Promise<[number, string | undefined]> => [
  response.status,
  /<Code>(\w+)/.exec(await response.text())?.[1],
];

test('what is put is got again: also in pieces with a trailer, by a part of it, and after it was killed', async () => {
  const s = await served();
  const list = await (await s.ask('GET', '/')).text();
  expect(list).toContain('<Name>photos</Name>');
  expect(list).not.toContain('Not_One');
  expect((await s.ask('PUT', '/photos/a%20b/%C3%BC', 'hello', undefined, { 'content-type': 'text/x' })).status).toBe(
    200,
  );
  const pieces = '5\r\nhello\r\n6;chunk-signature=0\r\n again\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n';
  const more = { 'x-amz-decoded-content-length': '11', 'content-encoding': 'aws-chunked' };
  const inPieces = await s.ask('PUT', '/photos/pieces', pieces, 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', more);
  expect(inPieces.status).toBe(200);
  await s.kill();
  await s.start();
  const again = await s.ask('GET', '/photos/a%20b/%C3%BC');
  expect([await again.text(), again.headers.get('content-type')]).toEqual(['hello', 'text/x']);
  const part = await s.ask('GET', '/photos/pieces', undefined, undefined, { range: 'bytes=-5' });
  expect([part.status, await part.text(), part.headers.get('content-encoding')]).toEqual([206, 'again', null]);
});

test('what does not come whole, or is not what it says, replaces nothing and leaves nothing', async () => {
  const s = await served();
  await s.ask('PUT', '/photos/one', 'as it was');
  expect(await codeIn(await s.ask('PUT', '/photos/one', 'other', EMPTY))).toEqual([400, 'BadDigest']);
  const more = { 'x-amz-decoded-content-length': '9' };
  const cut = await s.ask('PUT', '/photos/one', '5\r\nhello\r\n', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', more);
  expect(await codeIn(cut)).toEqual([400, 'IncompleteBody']);
  const socket = connect(s.port, '127.0.0.1');
  const headers = Object.entries(s.headersFor('PUT', '/photos/one', 'UNSIGNED-PAYLOAD'));
  socket.write(
    `PUT /photos/one HTTP/1.1\r\nhost: ${s.host}\r\ncontent-length: 100\r\n${headers.map((one) => one.join(': ')).join('\r\n')}\r\n\r\nhalf of`,
  );
  await once(socket, 'connect');
  await new Promise((resolve) => setTimeout(resolve, 100));
  socket.destroy();
  expect(await (await s.ask('GET', '/photos/one')).text()).toBe('as it was');
  await expect.poll(() => readdirSync(join(s.data, 'photos/blobs'))).toHaveLength(1);
});

test('who is not known, or asks for what is not here, is told so by the code of the protocol', async () => {
  const s = await served();
  await s.ask('PUT', '/photos/one', 'mine');
  expect(await codeIn(await fetch(`http://${s.host}/photos/one`))).toEqual([403, 'AccessDenied']);
  expect(await codeIn(await fetch(`http://${s.host}/photos/one`, { method: 'DELETE' }))).toEqual([403, 'AccessDenied']);
  expect(await codeIn(await s.ask('GET', '/photos/none'))).toEqual([404, 'NoSuchKey']);
  expect(await codeIn(await s.ask('GET', '/nowhere/none'))).toEqual([404, 'NoSuchBucket']);
  expect(await codeIn(await s.ask('DELETE', '/photos'))).toEqual([409, 'BucketNotEmpty']);
  expect(await codeIn(await s.ask('PUT', '/Not_One'))).toEqual([400, 'InvalidBucketName']);
  // A name is no way out of the folder.
  expect(await codeIn(await s.ask('PUT', '/..%2Foutside'))).toEqual([400, 'InvalidBucketName']);
  expect(await codeIn(await s.ask('PUT', '/photos/..%2F..%2Foutside', 'in'))).toEqual([200, undefined]);
  expect(existsSync(join(s.data, '..', 'outside'))).toBe(false);
  expect(await codeIn(await s.ask('GET', '/photos?versions='))).toEqual([501, 'NotImplemented']);
  expect(await codeIn(await s.ask('GET', '/photos/%zz'))).toEqual([400, 'InvalidURI']);
});
