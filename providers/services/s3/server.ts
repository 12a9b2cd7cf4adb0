/**
 * Keeps objects and speaks S3 over HTTP: `node server.js <settings>`, a file with the address, the folder, the keys and the
 * buckets that are to be there. Node built-ins only. Buckets are in the path of the URL, as MinIO has it.
 *
 * Every request is signed by one of the keys (header or presigned URL), unless the policy of its bucket lets everybody do
 * what it asks. What is not known here (versions, locks, events) is refused as that, with the code of the protocol.
 */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Unchunked } from './chunks.js';
import { isOpen } from './policy.js';
import { type RefusalCode, Refused } from './refusal.js';
import { decode, encode, partsOf, signerOf, signerOfForm } from './signature.js';
import { type Blob, type Page, Store, type Stored } from './store.js';
import { document, element, elements, expectRoot, type Tree } from './xml.js';

interface Settings {
  host: string;
  port: number;
  folder: string;
  keys: [id: string, secret: string][];
  buckets: string[];
}
interface Call {
  request: IncomingMessage;
  response: ServerResponse;
  query: ReadonlyMap<string, string>;
  bucket: string;
  key: string;
}
const KEY_BYTES = 1_024;
const DOCUMENT_BYTES = 4 * 1024 * 1024;
const FORM_BYTES = 128 * 1024 * 1024;
const MOST = 1_000;
const IDLE_MS = 5 * 60_000;
const OWNER = { ID: 'rr', DisplayName: 'rr' };
const EVERYBODY = { 'access-control-allow-methods': 'GET, HEAD, PUT, POST, DELETE', 'access-control-max-age': '3600' };
/** What an object is sent with again. */
const KEPT = /^(?:content-(?:type|disposition|encoding|language)|cache-control|expires|x-amz-meta-.+)$/;
/** Documents of a bucket that are kept and told again, and the code for one that is not there. */
const DOCUMENTS: Readonly<Record<string, RefusalCode>> = {
  policy: 'NoSuchBucketPolicy',
  cors: 'NoSuchCORSConfiguration',
  lifecycle: 'NoSuchLifecycleConfiguration',
  tagging: 'NoSuchTagSet',
  website: 'NoSuchWebsiteConfiguration',
  encryption: 'ServerSideEncryptionConfigurationNotFoundError',
};

const settings = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Settings;
const keys = new Map(settings.keys);
const store = new Store(settings.folder);
for (const name of settings.buckets)
  try {
    store.make(name);
  } catch (error) {
    console.error(`${(error as Error).message} It is left out.`); // the rest is served
  }

// Answers.

function send(response: ServerResponse, status: number, body = '', type = 'application/xml'): void {
  response.writeHead(
    status,
    body === '' ? { 'content-length': 0 } : { 'content-type': type, 'content-length': Buffer.byteLength(body) },
  );
  response.end(body);
}
const sendTree = (response: ServerResponse, root: string, tree: Tree): void =>
  send(response, 200, document(root, tree));
const quoted = (etag: string): string => `"${etag}"`;
const day = (time: number): string => new Date(time).toISOString();
const headersOf = (request: IncomingMessage): Record<string, string> => {
  const kept = Object.entries(request.headers).flatMap(([name, value]) =>
    KEPT.test(name) && typeof value === 'string' ? [[name, value] as [string, string]] : [],
  );
  const headers = Object.fromEntries(kept);
  // How the body was sent, not what it is.
  const encoding = (headers['content-encoding'] ?? '').replace(/(?:^|,)\s*aws-chunked\s*/i, '').replace(/^\s*,\s*/, '');
  if (encoding === '') delete headers['content-encoding'];
  else headers['content-encoding'] = encoding;
  return headers;
};

// Bodies.

/** The bytes that are sent, without their pieces, as long as they said. */
function bodyOf(request: IncomingMessage): Readable {
  const isChunked = /^STREAMING-/.test(header(request, 'x-amz-content-sha256'));
  if (!isChunked) {
    if (request.headers['content-length'] === undefined && request.headers['transfer-encoding'] === undefined)
      throw new Refused('MissingContentLength', 'The request does not say how long its body is.');
    return request;
  }
  const unchunked = new Unchunked();
  request.on('close', () => {
    if (!request.complete) unchunked.destroy(new Refused('IncompleteBody', 'The connection ended before the body.'));
  });
  return request.pipe(unchunked);
}
const header = (request: IncomingMessage, name: string): string => {
  const value = request.headers[name];
  return typeof value === 'string' ? value : '';
};
/** What was sent is what was meant. @throws Refused after it has removed it. */
function verify(request: IncomingMessage, blob: Blob): Blob {
  const length = header(request, 'x-amz-decoded-content-length') || header(request, 'content-length');
  const sum = header(request, 'x-amz-content-sha256');
  const md5 = header(request, 'content-md5');
  const fault =
    length !== '' && Number(length) !== blob.size
      ? new Refused('IncompleteBody', `The body has ${blob.size} bytes, and ${length} were announced.`)
      : (/^[0-9a-f]{64}$/.test(sum) && sum !== blob.sha256) ||
          (md5 !== '' && Buffer.from(md5, 'base64').toString('hex') !== blob.md5)
        ? new Refused('BadDigest', 'The body is not the one that the digest is of.')
        : null;
  if (fault === null) return blob;
  store.discard(blob);
  throw fault;
}
async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of bodyOf(request)) {
    bytes += (part as Buffer).length;
    if (bytes > DOCUMENT_BYTES) throw new Refused('EntityTooLarge', 'The document is too large.');
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts).toString('utf8');
}

// Objects.

/** @throws Refused, or answers `304` itself: then true. */
function isSettled({ request, response }: Call, { etag, modified }: Stored): boolean {
  const lists = (name: string): boolean =>
    header(request, name)
      .split(',')
      .some((one) => ['*', etag, quoted(etag)].includes(one.trim().replace(/^W\//, '')));
  const since = (name: string): number => Date.parse(header(request, name));
  const second = Math.floor(modified / 1_000) * 1_000;
  if (header(request, 'if-match') !== '' && !lists('if-match')) throw unmet();
  if (second > since('if-unmodified-since')) throw unmet();
  const isOld = header(request, 'if-none-match') !== '' ? lists('if-none-match') : second <= since('if-modified-since');
  if (!isOld) return false;
  response.writeHead(304, { etag: quoted(etag) });
  response.end();
  return true;
}
const unmet = (): Refused => new Refused('PreconditionFailed', 'A condition of the request does not hold.');

async function getObject(call: Call): Promise<void> {
  const { request, response, query, bucket, key } = call;
  const one = store.object(bucket, key);
  if (isSettled(call, one)) return;
  const range = rangeOf(header(request, 'range'), one.size);
  const headers: Record<string, string | number> = {
    'content-type': 'binary/octet-stream',
    ...one.headers,
    etag: quoted(one.etag),
    'last-modified': new Date(one.modified).toUTCString(),
    'accept-ranges': 'bytes',
    'content-length': range === null ? one.size : range.end - range.start + 1,
  };
  for (const [name, value] of query) if (name.startsWith('response-')) headers[name.slice('response-'.length)] = value;
  if (range !== null) headers['content-range'] = `bytes ${range.start}-${range.end}/${one.size}`;
  response.writeHead(range === null ? 200 : 206, headers);
  if (request.method === 'HEAD' || one.size === 0) response.end();
  else await pipeline(store.open(bucket, one, range ?? undefined), response);
}
function rangeOf(text: string, size: number): { start: number; end: number } | null {
  const [whole, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(text.trim()) ?? [];
  if (whole === undefined || (from === '' && to === '')) return null;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (start > end) throw new Refused('InvalidRange', `The object has ${size} bytes.`);
  return { start, end };
}
async function putObject({ request, response, bucket, key }: Call): Promise<void> {
  const before = store.find(bucket, key);
  const isNew = header(request, 'if-none-match');
  const isSame = header(request, 'if-match').replaceAll('"', '');
  if (isNew === '*' && before !== null) throw unmet();
  if (isSame !== '' && isSame !== before?.etag) throw unmet();
  const blob = verify(request, await store.take(bucket, bodyOf(request)));
  const tags = header(request, 'x-amz-tagging');
  const tagging = tags === '' ? {} : { tagging: taggingOf(partsOf(tags)) };
  const one = store.put(bucket, key, blob, { headers: headersOf(request), ...tagging });
  response.setHeader('etag', quoted(one.etag));
  send(response, 200);
}
const taggingOf = (tags: readonly [string, string][]): string =>
  document('Tagging', { TagSet: { Tag: tags.map(([Key, Value]) => ({ Key, Value })) } });

function sourceOf(request: IncomingMessage): { bucket: string; one: Stored } {
  const [, bucket = '', key = ''] =
    /^\/?([^/]+)\/(.+?)(?:\?versionId=.*)?$/s.exec(header(request, 'x-amz-copy-source')) ?? [];
  if (bucket === '') throw new Refused('InvalidArgument', 'x-amz-copy-source is not BUCKET/KEY.');
  return { bucket, one: store.object(bucket, decode(key)) };
}
function copyObject({ request, response, bucket, key }: Call): void {
  const { bucket: from, one } = sourceOf(request);
  const isNew = /^REPLACE$/i.test(header(request, 'x-amz-metadata-directive'));
  store.bucket(bucket);
  const { tagging } = one;
  const copy = store.put(bucket, key, store.copy(from, one, bucket), {
    headers: isNew ? headersOf(request) : one.headers,
    ...(tagging === undefined ? {} : { tagging }),
  });
  sendTree(response, 'CopyObjectResult', { ETag: quoted(copy.etag), LastModified: day(copy.modified) });
}

// Uploads in parts.

function numberOf(query: ReadonlyMap<string, string>): number {
  const number = Number(query.get('partNumber'));
  if (Number.isInteger(number) && number >= 1 && number <= 10_000) return number;
  throw new Refused('InvalidArgument', 'The number of a part is between 1 and 10000.');
}
async function putPart({ request, response, query, bucket, key }: Call): Promise<void> {
  const upload = store.upload(bucket, key, query.get('uploadId')!);
  const number = numberOf(query);
  if (header(request, 'x-amz-copy-source') === '') {
    const part = store.putPart(upload, number, verify(request, await store.takePart(upload, bodyOf(request))));
    response.setHeader('etag', quoted(part.etag));
    return send(response, 200);
  }
  const { bucket: from, one } = sourceOf(request);
  const range = rangeOf(header(request, 'x-amz-copy-source-range'), one.size);
  const part = store.putPart(upload, number, await store.takePart(upload, store.open(from, one, range ?? undefined)));
  sendTree(response, 'CopyPartResult', { ETag: quoted(part.etag), LastModified: day(part.modified) });
}
async function completeUpload({ request, response, query, bucket, key }: Call): Promise<void> {
  const upload = store.upload(bucket, key, query.get('uploadId')!);
  const xml = await textOf(request);
  expectRoot(xml, 'CompleteMultipartUpload');
  const known = new Map(store.parts(upload).map((part) => [part.number, part]));
  let last = 0;
  const parts = elements(xml, 'Part').map((text) => {
    const number = Number(element(text, 'PartNumber'));
    if (number <= last) throw new Refused('InvalidPartOrder', 'The parts are not in the order of their numbers.');
    last = number;
    const part = known.get(number);
    if (part === undefined || part.etag !== element(text, 'ETag')?.replaceAll('"', ''))
      throw new Refused('InvalidPart', `The part ${number} is not one that was sent.`);
    return part;
  });
  if (parts.length === 0) throw new Refused('MalformedXML', 'The document names no parts.');
  const { etag } = await store.complete(upload, parts);
  sendTree(response, 'CompleteMultipartUploadResult', {
    Location: `http://${header(request, 'host')}/${bucket}/${encode(key, '/')}`,
    Bucket: bucket,
    Key: key,
    ETag: quoted(etag),
  });
}
const listParts = ({ response, query, bucket, key }: Call): void => {
  const upload = store.upload(bucket, key, query.get('uploadId')!);
  const Part = store.parts(upload).map(({ number, size, etag, modified }) => ({
    PartNumber: number,
    LastModified: day(modified),
    ETag: quoted(etag),
    Size: size,
  }));
  const about = {
    Bucket: bucket,
    Key: key,
    UploadId: upload.id,
    Initiator: OWNER,
    Owner: OWNER,
    StorageClass: 'STANDARD',
  };
  sendTree(response, 'ListPartsResult', { ...about, MaxParts: 10_000, IsTruncated: false, Part });
};

// Buckets.

function list({ response, query, bucket }: Call): void {
  const isSecond = query.get('list-type') === '2';
  const isUrl = query.get('encoding-type') === 'url';
  const shown = (text: string): string => (isUrl ? encode(text, '/') : text);
  const asked = Number(query.get('max-keys') ?? MOST);
  if (!(asked >= 0)) throw new Refused('InvalidArgument', 'max-keys is not a number.');
  const most = Math.min(asked, MOST);
  const [prefix, delimiter] = [query.get('prefix') ?? '', query.get('delimiter') ?? ''];
  const token = query.get('continuation-token');
  const after = isSecond
    ? token === undefined
      ? (query.get('start-after') ?? '')
      : Buffer.from(token, 'base64url').toString('utf8')
    : (query.get('marker') ?? '');
  const { objects, prefixes, next }: Page =
    most === 0 ? { objects: [], prefixes: [], next: null } : store.page(bucket, { prefix, delimiter, after, most });
  const isOwned = !isSecond || query.get('fetch-owner') === 'true';
  sendTree(response, 'ListBucketResult', {
    Name: bucket,
    Prefix: shown(prefix),
    Delimiter: delimiter === '' ? undefined : shown(delimiter),
    MaxKeys: most,
    EncodingType: isUrl ? 'url' : undefined,
    IsTruncated: next !== null,
    ...(isSecond
      ? {
          KeyCount: objects.length + prefixes.length,
          ContinuationToken: token,
          StartAfter: query.has('start-after') ? shown(query.get('start-after')!) : undefined,
          NextContinuationToken: next === null ? undefined : Buffer.from(next).toString('base64url'),
        }
      : { Marker: shown(after), NextMarker: next === null ? undefined : shown(next) }),
    Contents: objects.map(({ key, size, etag, modified }) => ({
      Key: shown(key),
      LastModified: day(modified),
      ETag: quoted(etag),
      Size: size,
      StorageClass: 'STANDARD',
      Owner: isOwned ? OWNER : undefined,
    })),
    CommonPrefixes: prefixes.map((one) => ({ Prefix: shown(one) })),
  });
}
async function removeMany({ request, response, bucket }: Call): Promise<void> {
  const xml = await textOf(request);
  expectRoot(xml, 'Delete');
  store.bucket(bucket);
  const names = elements(xml, 'Object').flatMap((one) => element(one, 'Key') ?? []);
  for (const name of names) store.remove(bucket, name);
  const isQuiet = element(xml, 'Quiet') === 'true';
  sendTree(response, 'DeleteResult', { Deleted: isQuiet ? [] : names.map((Key) => ({ Key })) });
}
/** What a browser sends by a form, with a policy that one of the keys has signed. */
async function postForm({ request, response, bucket }: Call): Promise<void> {
  store.bucket(bucket);
  if (!(Number(header(request, 'content-length')) <= FORM_BYTES))
    throw new Refused('EntityTooLarge', `A form may have ${FORM_BYTES} bytes, and says how many it has.`);
  const init = { headers: { 'content-type': header(request, 'content-type') } };
  const form = await new Response(Readable.toWeb(request) as ReadableStream, init).formData();
  const fields = new Map(
    [...form].flatMap(([name, value]) => (typeof value === 'string' ? [[name.toLowerCase(), value]] : [])),
  );
  const file = form.get('file');
  if (file === null || typeof file === 'string') throw new Refused('InvalidArgument', 'The form has no file.');
  const policy = fields.get('policy') ?? '';
  signerOfForm(policy, fields, keys);
  const key = (fields.get('key') ?? '').replace(/\$\{filename\}/g, () => file.name);
  if (key === '') throw new Refused('InvalidArgument', 'The form has no key.');
  allowForm(policy, new Map([...fields, ['bucket', bucket], ['key', key]]), file.size);
  const blob = await store.take(bucket, Readable.fromWeb(file.stream() as Parameters<typeof Readable.fromWeb>[0]));
  const kept = [...fields].filter(([name]) => KEPT.test(name));
  const headers = { ...(file.type === '' ? {} : { 'content-type': file.type }), ...Object.fromEntries(kept) };
  const one = store.put(bucket, key, blob, { headers });
  response.setHeader('etag', quoted(one.etag));
  const to = fields.get('success_action_redirect');
  if (to !== undefined) response.setHeader('location', to);
  const status = to === undefined ? Number(fields.get('success_action_status') ?? 204) : 303;
  const Location = `http://${header(request, 'host')}/${bucket}/${encode(key, '/')}`;
  if (status === 201)
    send(response, 201, document('PostResponse', { Location, Bucket: bucket, Key: key, ETag: quoted(one.etag) }));
  else send(response, status === 200 || status === 303 ? status : 204);
}
/** @throws Refused where the policy has run out or does not hold. */
function allowForm(policy: string, fields: ReadonlyMap<string, string>, size: number): void {
  const { expiration, conditions = [] } = JSON.parse(Buffer.from(policy, 'base64').toString('utf8')) as {
    expiration?: string;
    conditions?: (Record<string, string> | [string, string | number, string | number])[];
  };
  if (!(Date.now() < Date.parse(expiration ?? ''))) throw new Refused('AccessDenied', 'The policy has expired.');
  const value = (name: string): string => fields.get(name.replace(/^\$/, '').toLowerCase()) ?? '';
  for (const one of conditions) {
    const holds = Array.isArray(one)
      ? one[0] === 'content-length-range'
        ? size >= Number(one[1]) && size <= Number(one[2])
        : one[0] === 'starts-with'
          ? value(String(one[1])).startsWith(String(one[2]))
          : value(String(one[1])) === String(one[2])
      : Object.entries(one).every(([name, wanted]) => value(name) === wanted);
    if (!holds) throw new Refused('AccessDenied', `A condition of the policy does not hold: ${JSON.stringify(one)}`);
  }
}

// Routes.

const unknown = (what: string): Refused => new Refused('NotImplemented', `This server does not know ${what}.`);
/** Parts of a query that ask for something else than the thing itself. */
const ASPECTS =
  /^(?:acl|accelerate|analytics|attributes|cors|delete|encryption|intelligent-tiering|inventory|legal-hold|lifecycle|location|logging|metrics|notification|object-lock|ownershipControls|policy|policyStatus|publicAccessBlock|replication|requestPayment|restore|retention|select|tagging|torrent|uploadId|uploads|versioning|versions|versionId|website)$/;

async function onBucket(call: Call, aspect: string | undefined): Promise<void> {
  const { request, response, bucket } = call;
  const { method } = request;
  if (aspect === undefined) {
    if (method === 'PUT') {
      if (!store.make(bucket)) throw new Refused('BucketAlreadyOwnedByYou', `The bucket ${bucket} is yours already.`);
      response.setHeader('location', `/${bucket}`);
      return send(response, 200);
    }
    if (method === 'POST') return postForm(call);
    store.bucket(bucket);
    if (method === 'GET') return list(call);
    if (method === 'HEAD') return send(response, 200);
    if (method === 'DELETE') {
      store.drop(bucket);
      return send(response, 204);
    }
    throw new Refused('MethodNotAllowed', `${method} is not allowed here.`);
  }
  const { documents } = store.bucket(bucket);
  const missing = DOCUMENTS[aspect];
  if (missing !== undefined) {
    if (method === 'PUT') {
      const text = await textOf(request);
      if (aspect === 'policy') parsePolicy(text);
      store.document(bucket, aspect, text);
      return send(response, aspect === 'policy' ? 204 : 200);
    }
    if (method === 'DELETE') {
      store.document(bucket, aspect, null);
      return send(response, 204);
    }
    const text = documents[aspect];
    if (text === undefined) throw new Refused(missing, `The bucket ${bucket} has no ${aspect}.`);
    return send(response, 200, text, aspect === 'policy' ? 'application/json' : 'application/xml');
  }
  const asks = `${method} ${aspect}`;
  if (asks === 'POST delete') return removeMany(call);
  if (asks === 'GET location') return sendTree(response, 'LocationConstraint', {});
  if (asks === 'GET versioning') return sendTree(response, 'VersioningConfiguration', {});
  if (asks === 'GET acl') return sendTree(response, 'AccessControlPolicy', acl());
  // What they would grant is a bucket's policy's to say.
  if (asks === 'PUT acl' || asks === 'PUT publicAccessBlock' || asks === 'PUT ownershipControls') {
    request.resume();
    return send(response, 200);
  }
  if (asks === 'GET uploads') {
    const Upload = store.uploads(bucket).map(({ id, key, begun }) => ({
      Key: key,
      UploadId: id,
      Initiator: OWNER,
      Owner: OWNER,
      StorageClass: 'STANDARD',
      Initiated: day(begun),
    }));
    return sendTree(response, 'ListMultipartUploadsResult', { Bucket: bucket, IsTruncated: false, Upload });
  }
  throw unknown(`${asks} of a bucket`);
}
function parsePolicy(text: string): void {
  try {
    if (!Array.isArray([JSON.parse(text).Statement].flat())) throw new Error();
  } catch {
    throw new Refused('MalformedXML', 'The policy is not JSON.');
  }
}
const acl = (): Tree => ({
  Owner: OWNER,
  AccessControlList: { Grant: { Grantee: { ...OWNER }, Permission: 'FULL_CONTROL' } },
});

async function onObject(call: Call, aspect: string | undefined): Promise<void> {
  const { request, response, query, bucket, key } = call;
  store.bucket(bucket);
  if (Buffer.byteLength(key) > KEY_BYTES) throw new Refused('KeyTooLongError', `A key has at most ${KEY_BYTES} bytes.`);
  const { method } = request;
  const asks = `${method} ${query.get('versionId') === 'null' && aspect === 'versionId' ? '' : (aspect ?? '')}`.trim();
  switch (asks) {
    case 'GET':
    case 'HEAD':
      return getObject(call);
    case 'PUT':
      return header(request, 'x-amz-copy-source') === '' ? putObject(call) : copyObject(call);
    case 'DELETE':
      store.remove(bucket, key);
      return send(response, 204);
    case 'POST uploads': {
      const { id } = store.begin(bucket, key, headersOf(request));
      return sendTree(response, 'InitiateMultipartUploadResult', { Bucket: bucket, Key: key, UploadId: id });
    }
    case 'PUT uploadId':
      return putPart(call);
    case 'POST uploadId':
      return completeUpload(call);
    case 'GET uploadId':
      return listParts(call);
    case 'DELETE uploadId':
      store.abort(store.upload(bucket, key, query.get('uploadId')!).id);
      return send(response, 204);
    case 'GET tagging':
      return send(response, 200, store.object(bucket, key).tagging ?? taggingOf([]));
    case 'PUT tagging': {
      const text = await textOf(request);
      expectRoot(text, 'Tagging');
      store.enter(bucket, { ...store.object(bucket, key), tagging: text });
      return send(response, 200);
    }
    case 'DELETE tagging': {
      const { tagging: _, ...one } = store.object(bucket, key);
      store.enter(bucket, one);
      return send(response, 204);
    }
    case 'GET acl':
      store.object(bucket, key);
      return sendTree(response, 'AccessControlPolicy', acl());
    case 'PUT acl':
      store.object(bucket, key);
      request.resume();
      return send(response, 200);
    default:
      throw unknown(`${asks} of an object`);
  }
}
const ACTIONS: Readonly<Record<string, string>> = {
  GET: 's3:GetObject',
  HEAD: 's3:GetObject',
  PUT: 's3:PutObject',
  DELETE: 's3:DeleteObject',
};
/** @throws Refused where nobody signed it and nothing lets everybody do it. */
function allow(
  { request: { method = '' }, bucket, key }: Call,
  aspect: string | undefined,
  signer: string | null,
): void {
  // A form carries its signature among its fields.
  if (signer !== null || (method === 'POST' && key === '' && aspect === undefined)) return;
  const action = key === '' ? (method === 'GET' ? 's3:ListBucket' : '') : ACTIONS[method];
  const policy = bucket === '' ? undefined : store.bucket(bucket).documents.policy;
  if (aspect === undefined && action && isOpen(policy, action, key === '' ? bucket : `${bucket}/${key}`)) return;
  throw new Refused('AccessDenied', 'Access Denied.');
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path = '/', search = ''] = (request.url ?? '/').split(/\?(.*)/s);
  const { method = 'GET' } = request;
  if (request.headers.origin !== undefined) {
    response.setHeader('access-control-allow-origin', request.headers.origin);
    response.setHeader('access-control-expose-headers', 'ETag, Content-Range, Location, x-amz-request-id');
    response.setHeader('vary', 'Origin');
  }
  if (method === 'OPTIONS') {
    const wanted = request.headers['access-control-request-headers'];
    response.writeHead(204, { ...EVERYBODY, ...(wanted ? { 'access-control-allow-headers': wanted } : {}) });
    return void response.end();
  }
  if (method === 'GET' && /^\/minio\/health\/(?:live|ready|cluster)$/.test(path)) return send(response, 200);
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, value === undefined ? value : String(value)]),
  );
  const signer = signerOf({ method, path, query: search, headers }, keys, Date.now());
  const query = new Map(partsOf(search));
  const [, first = '', rest = ''] = /^\/([^/]*)\/?(.*)$/s.exec(path) ?? [];
  const call: Call = { request, response, query, bucket: decode(first), key: decode(rest) };
  const aspects = [...query.keys()].filter((name) => ASPECTS.test(name));
  const aspect = aspects.find((name) => name !== 'versionId') ?? aspects[0];
  allow(call, aspect, signer);
  if (call.key !== '') return onObject(call, aspect);
  if (call.bucket !== '') return onBucket(call, aspect);
  if (method !== 'GET') throw new Refused('MethodNotAllowed', `${method} is not allowed here.`);
  const Bucket = store.buckets().map(({ name, created }) => ({ Name: name, CreationDate: day(created) }));
  sendTree(response, 'ListAllMyBucketsResult', { Owner: OWNER, Buckets: { Bucket } });
}
function refuse(error: unknown, request: IncomingMessage, response: ServerResponse): void {
  const known = error instanceof Refused ? error : faultOf(error as NodeJS.ErrnoException);
  // Of what was begun the end is missing: so the one who asked sees it.
  if (response.headersSent) return void response.destroy();
  const body = document('Error', {
    Code: known.code,
    Message: known.message,
    Resource: request.url ?? '/',
    RequestId: '1',
  });
  // A body that nobody reads any more would be in the way of the next request.
  if (!request.complete) response.setHeader('connection', 'close');
  if (request.method === 'HEAD') {
    response.writeHead(known.status);
    response.end();
  } else send(response, known.status, body);
}
function faultOf(error: NodeJS.ErrnoException): Refused {
  if (error.code === 'ERR_STREAM_PREMATURE_CLOSE' || error.code === 'ECONNRESET')
    return new Refused('IncompleteBody', 'The connection ended before the body.');
  console.error(error.message);
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT')
    return new Refused('XMinioStorageFull', 'The disk is full: free some of it, then try again.');
  return new Refused('InternalError', error.message);
}

const server = createServer({ requestTimeout: 0 }, (request, response) => {
  response.setHeader('server', 'rr-s3');
  response.on('error', () => undefined); // it went away
  answer(request, response).catch((error: unknown) => refuse(error, request, response));
});
server.setTimeout(IDLE_MS);
server.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
server.listen(settings.port, settings.host, () => console.log(`keeps objects in ${settings.folder}`));
process.on('SIGTERM', () => process.exit(0));
