/**
 * Who asks, by the signature of a request: version 4 in a header or in the URL (presigned), and version 2 likewise, which
 * older clients still make for presigned URLs. Pure but for the clock it is given.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { Refused } from './refusal.js';

export interface Asked {
  method: string;
  /** As it was sent: `/bucket/a%20key`, without the query. */
  path: string;
  /** As it was sent, without the question mark. */
  query: string;
  headers: Readonly<Record<string, string | undefined>>;
}
/** Access key → its secret. */
export type Keys = ReadonlyMap<string, string>;

const SKEW_MS = 15 * 60_000;
const WEEK_S = 7 * 24 * 3_600;
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Percent-encoding as signatures have it. @param slash what a `/` becomes. */
export const encode = (text: string, slash = '%2F'): string =>
  encodeURIComponent(text)
    .replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%2F', slash);
export function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Refused('InvalidURI', `${text} is not a well-formed part of a URL`);
  }
}
/** The parts of a query, decoded. A name without a value has an empty one. */
export const partsOf = (query: string): [name: string, value: string][] =>
  query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const at = part.indexOf('=');
      const words = at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)];
      return words.map((word) => decode(word.replaceAll('+', '%20'))) as [string, string];
    });

/**
 * @returns the access key that signed it; null: nobody did.
 * @throws Refused for a signature that is not good, of somebody unknown, or out of its time.
 */
export function signerOf(asked: Asked, keys: Keys, now: number): string | null {
  const parts = partsOf(asked.query);
  const query = new Map(parts);
  const header = asked.headers.authorization;
  if (header !== undefined)
    return header.startsWith('AWS4-HMAC-SHA256')
      ? byHeader(asked, parts, header, keys, now)
      : byVersion2(asked, parts, header, keys);
  if (query.has('X-Amz-Signature')) return byUrl(asked, parts, query, keys, now);
  if (query.has('Signature') && query.has('AWSAccessKeyId')) {
    const expires = Number(query.get('Expires'));
    if (!(now < expires * 1_000)) throw new Refused('AccessDenied', 'Request has expired');
    return byVersion2(asked, parts, `AWS ${query.get('AWSAccessKeyId')}:${query.get('Signature')}`, keys);
  }
  return null;
}

function byHeader(
  asked: Asked,
  parts: readonly [string, string][],
  header: string,
  keys: Keys,
  now: number,
): string | null {
  const said = (name: string): string => new RegExp(`${name}=([^,\\s]+)`).exec(header)?.[1] ?? '';
  const time = asked.headers['x-amz-date'] ?? asked.headers.date ?? '';
  if (Math.abs(timeOf(time) - now) > SKEW_MS)
    throw new Refused('RequestTimeTooSkewed', 'The time of the request and that of the server are too far apart.');
  return check(asked, parts, keys, {
    credential: said('Credential'),
    signed: said('SignedHeaders'),
    signature: said('Signature'),
    time: stampOf(time),
    payload: asked.headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD',
  });
}
function byUrl(
  asked: Asked,
  parts: readonly [string, string][],
  query: ReadonlyMap<string, string>,
  keys: Keys,
  now: number,
): string | null {
  const time = query.get('X-Amz-Date') ?? '';
  const seconds = Number(query.get('X-Amz-Expires'));
  if (!(seconds > 0 && seconds <= WEEK_S))
    throw new Refused('InvalidArgument', 'X-Amz-Expires must be between 1 and 604800 seconds');
  if (now > timeOf(time) + seconds * 1_000) throw new Refused('AccessDenied', 'Request has expired');
  return check(
    asked,
    parts.filter(([name]) => name !== 'X-Amz-Signature'),
    keys,
    {
      credential: query.get('X-Amz-Credential') ?? '',
      signed: query.get('X-Amz-SignedHeaders') ?? '',
      signature: query.get('X-Amz-Signature') ?? '',
      time: stampOf(time),
      payload: query.get('X-Amz-Content-Sha256') ?? asked.headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD',
    },
  );
}

interface Claim {
  credential: string;
  signed: string;
  signature: string;
  /** `20240131T120000Z`. */
  time: string;
  payload: string;
}
function check(asked: Asked, parts: readonly [string, string][], keys: Keys, claim: Claim): string {
  // An access key may hold a slash; what follows it may not.
  const scope = claim.credential.split('/').slice(-4);
  const id = claim.credential.split('/').slice(0, -4).join('/');
  const secret = secretOf(keys, id);
  const query = parts
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([a, x], [b, y]) => (a === b ? compare(x, y) : compare(a, b)))
    .map((pair) => pair.join('='))
    .join('&');
  const headers = claim.signed
    .split(';')
    .map((name) => `${name}:${(asked.headers[name] ?? '').trim().replace(/ +/g, ' ')}\n`)
    .join('');
  const path = asked.path.split('/').map((part) => encode(decode(part)));
  const request = [asked.method, path.join('/'), query, headers, claim.signed, claim.payload].join('\n');
  const text = ['AWS4-HMAC-SHA256', claim.time, scope.join('/'), sha256(request)].join('\n');
  if (!isSame(hmac(signingKey(secret, scope), text).toString('hex'), claim.signature)) throw mismatch();
  return id;
}
/** @param scope date, region, service, `aws4_request`. */
const signingKey = (secret: string, scope: readonly string[]): Buffer =>
  scope.reduce<Buffer>((key, part) => hmac(key, part), Buffer.from(`AWS4${secret}`));

/** The policy of a form that a browser sends, which is what it signs. @returns the access key. @throws Refused */
export function signerOfForm(policy: string, fields: ReadonlyMap<string, string>, keys: Keys): string {
  const credential = fields.get('x-amz-credential') ?? '';
  const scope = credential.split('/').slice(-4);
  const id = credential.split('/').slice(0, -4).join('/');
  const signature = hmac(signingKey(secretOf(keys, id), scope), policy).toString('hex');
  if (!isSame(signature, fields.get('x-amz-signature') ?? '')) throw mismatch();
  return id;
}

/** Parts of a query that version 2 signs; of the others it knows nothing. */
const SIGNED_BY_2 =
  /^(?:acl|cors|delete|lifecycle|location|logging|notification|partNumber|policy|requestPayment|restore|tagging|torrent|uploadId|uploads|versionId|versioning|versions|website|response-[a-z-]+)$/;
function byVersion2(asked: Asked, parts: readonly [string, string][], header: string, keys: Keys): string {
  const [, id = '', signature = ''] = /^AWS (.+):([^:]+)$/.exec(header) ?? [];
  const expires = parts.find(([name]) => name === 'Expires')?.[1];
  const { headers } = asked;
  const own = Object.keys(headers)
    .filter((name) => name.startsWith('x-amz-'))
    .sort()
    .map((name) => `${name}:${(headers[name] ?? '').trim()}\n`);
  const resources = parts
    .filter(([name]) => SIGNED_BY_2.test(name))
    .sort(([a], [b]) => compare(a, b))
    .map(([name, value]) => (value === '' ? name : `${name}=${value}`));
  const text = [
    asked.method,
    headers['content-md5'] ?? '',
    headers['content-type'] ?? '',
    asked.headers.authorization === undefined ? (expires ?? '') : headers['x-amz-date'] ? '' : (headers.date ?? ''),
    `${own.join('')}${asked.path}${resources.length === 0 ? '' : `?${resources.join('&')}`}`,
  ].join('\n');
  if (!isSame(createHmac('sha1', secretOf(keys, id)).update(text).digest('base64'), signature)) throw mismatch();
  return id;
}

function secretOf(keys: Keys, id: string): string {
  const secret = keys.get(id);
  if (secret === undefined)
    throw new Refused('InvalidAccessKeyId', 'The access key you gave is not one of this server.');
  return secret;
}
const mismatch = (): Refused =>
  new Refused('SignatureDoesNotMatch', 'The signature of the request is not the one that its secret key makes.');
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
function isSame(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}
const STAMP = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;
/** Epoch milliseconds; NaN is out of every time. */
function timeOf(text: string): number {
  const time = Date.parse(text.replace(STAMP, '$1-$2-$3T$4:$5:$6Z'));
  if (Number.isNaN(time)) throw new Refused('AccessDenied', `${text || 'no date'} is not the date of a signature`);
  return time;
}
const stampOf = (text: string): string =>
  STAMP.test(text) ? text : `${new Date(timeOf(text)).toISOString().replace(/[-:]|\.\d+/g, '')}`;
