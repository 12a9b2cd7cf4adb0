/**
 * Asks an application: the only part of the health agent that touches the world.
 *
 * Guarantees: every request ends within `HEADERS_MS` + `BODY_MS` and reads at most `BODY_BYTES`, whatever the other
 * side does (silent, dripping, endless, not HTTP); a round ends by its deadline; nothing but the given sockets is ever
 * connected to, so a redirect to another host is reported, never followed.
 */
import { type ClientRequest, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { brotliDecompressSync, constants, gunzipSync, inflateSync } from 'node:zlib';
import { startTimeOf } from '../../runtime/identity.js';
import type { Check, Route, Socket } from './contract.js';
import { type Page, readPage } from './page.js';

const HEADERS_MS = 5_000;
const BODY_MS = 2_000;
const BODY_BYTES = 64 * 1024;
const ROUND_MS = 20_000;
const REDIRECTS = 5;
const SCRIPTS = 3;

export interface Answer {
  status: number;
  contentType: string | null;
  /** Where a redirect that was not followed leads. */
  location: string | null;
  page: Page;
  /** A script the empty document lives on and that does not come, in words. */
  deadScript: string | null;
  notes: string[];
}
export type Trouble = 'refused' | 'timeout' | 'reset' | 'not-http' | 'redirect-loop';
/** One path asked on one socket. */
export interface Seen {
  path: string;
  from: string;
  /** Named by the repository, not guessed. */
  given: boolean;
  /** The address that answered last, after redirects. */
  url: string;
  answer: Answer | null;
  trouble: { kind: Trouble; text: string } | null;
}
export interface SocketSeen {
  socket: Socket;
  seen: Seen[];
}

type Scheme = 'http' | 'https';
interface Target {
  scheme: Scheme;
  address: string;
  port: number;
  /** The name in the Host header; null: the address. */
  name: string | null;
}
interface Raw {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}
class ProbeError extends Error {
  constructor(
    readonly kind: Trouble,
    text: string,
  ) {
    super(text);
  }
}

const bracket = (host: string): string => (host.includes(':') ? `[${host}]` : host);
const authority = ({ address, port, name }: Target): string => `${name ?? bracket(address)}:${port}`;
const urlOf = (to: Target, path: string): string => `${to.scheme}://${authority(to)}${path}`;
const isLocal = (name: string): boolean =>
  /^(?:localhost|(?:[\w-]+\.)+localhost|127(?:\.\d+){3}|0\.0\.0\.0|\[?::1?\]?)$/i.test(name);
/** A wildcard is reached on loopback; one that listens on `::` may or may not take IPv4. */
const addressesOf = (host: string): string[] => {
  if (host === '0.0.0.0') return ['127.0.0.1'];
  return host === '::' || host === '*' || host === '' || host === 'localhost'
    ? ['127.0.0.1', '::1']
    : [host.replace(/^::ffff:/, '')];
};

/** One GET. @throws ProbeError; any status is an answer. */
function get(to: Target, path: string, headers: Record<string, string>, signal: AbortSignal): Promise<Raw> {
  return new Promise((resolve, reject) => {
    const send = to.scheme === 'https' ? httpsRequest : httpRequest;
    const request: ClientRequest = send({
      host: to.address,
      port: to.port,
      path,
      agent: false,
      setHost: false,
      ...(to.scheme === 'https' ? { rejectUnauthorized: false, servername: 'localhost' } : {}),
      headers: {
        host: authority(to),
        'user-agent': 'repo-runner',
        accept: 'text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8',
        'accept-encoding': 'identity',
        connection: 'close',
        ...headers,
      },
    });
    let timer = setTimeout(
      () => request.destroy(new ProbeError('timeout', `no answer within ${HEADERS_MS / 1000} s`)),
      HEADERS_MS,
    );
    let stop = (): void => void request.destroy(new ProbeError('timeout', 'no answer until the check was over'));
    const onAbort = (): void => stop();
    signal.addEventListener('abort', onAbort, { once: true });
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    };
    request.on('response', (response: IncomingMessage) => {
      clearTimeout(timer);
      const chunks: Buffer[] = [];
      let bytes = 0;
      const done = (): void => {
        settle();
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: textOf(Buffer.concat(chunks).subarray(0, BODY_BYTES), response.headers),
        });
        request.destroy();
      };
      timer = setTimeout(done, BODY_MS);
      stop = done;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes >= BODY_BYTES) done();
      });
      response.on('end', done);
      // A body cut short still came with a status; what was read of it is judged.
      response.on('error', done);
      response.on('close', done);
    });
    // A server that answers "101 Switching Protocols" to a plain GET speaks something else.
    request.on('upgrade', (response, socket) => {
      socket.destroy();
      settle();
      resolve({ status: response.statusCode ?? 101, headers: response.headers, body: '' });
    });
    request.on('error', (error: Error & { code?: string; rawPacket?: Buffer }) => {
      settle();
      reject(
        error instanceof ProbeError ? error : new ProbeError(troubleOf(error), error.message || String(error.code)),
      );
    });
    request.end();
  });
}

const troubleOf = ({ code, message }: Error & { code?: string }): Trouble => {
  if (code?.startsWith('HPE_') || code === 'EPROTO' || code?.startsWith('ERR_SSL')) return 'not-http';
  return code === 'ECONNRESET' || code === 'EPIPE' || message === 'socket hang up' ? 'reset' : 'refused';
};

/** Text of a body that may be cut short; an encoding we did not ask for is undone as far as it goes. */
function textOf(body: Buffer, headers: IncomingHttpHeaders): string {
  let plain = body;
  const encoding = headers['content-encoding'];
  try {
    const partial = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 4 * BODY_BYTES };
    if (encoding === 'gzip') plain = gunzipSync(body, partial);
    else if (encoding === 'deflate') plain = inflateSync(body, partial);
    else if (encoding === 'br')
      plain = brotliDecompressSync(body, {
        finishFlush: constants.BROTLI_OPERATION_FLUSH,
        maxOutputLength: 4 * BODY_BYTES,
      });
  } catch {
    // Mislabelled or cut in a way that cannot be undone: the raw bytes are all there is, and they hold no known words.
  }
  const label = /charset\s*=\s*"?([\w-]+)/i.exec(headers['content-type'] ?? '')?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(label).decode(plain);
  } catch {
    // A charset nobody knows.
    return new TextDecoder().decode(plain);
  }
}

const first = (value: string | string[] | undefined): string | null =>
  Array.isArray(value) ? (value[0] ?? null) : (value ?? null);

/**
 * Asks one path and follows it where it leads, within the application: at most five redirects with the cookies they
 * set, TLS where the socket speaks it, the name `localhost` where the address is refused as a host.
 */
async function ask(
  start: Target,
  route: Route,
  given: boolean,
  signal: AbortSignal,
): Promise<{ seen: Seen; to: Target }> {
  let to = start;
  let path = route.path;
  const headers: Record<string, string> = {};
  const cookies = new Map<string, string>();
  const notes: string[] = [];
  const report = (answer: Answer | null, trouble: Seen['trouble']): { seen: Seen; to: Target } => ({
    seen: { path: route.path, from: route.from, given, url: urlOf(to, path), answer, trouble },
    to: { ...start, scheme: to.scheme, name: to.name },
  });
  for (let hops = 0; ; ) {
    let raw: Raw;
    try {
      if (cookies.size > 0) headers.cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      raw = await get(to, path, headers, signal);
    } catch (error) {
      if (!(error instanceof ProbeError)) throw error;
      const overTls =
        to.scheme === 'http' && (error.kind === 'not-http' || error.kind === 'reset')
          ? await tryTls(to, path, signal)
          : false;
      if (!overTls) return report(null, { kind: error.kind, text: error.message });
      to = { ...to, scheme: 'https' };
      continue;
    }
    const contentType = first(raw.headers['content-type']);
    const page = readPage(raw.body, contentType, raw.status);
    if (page.wantsTls && to.scheme === 'http') {
      to = { ...to, scheme: 'https' };
      continue;
    }
    if (page.hostRefused && to.name === null && isLocal(to.address)) {
      to = { ...to, name: 'localhost' };
      continue;
    }
    const answer = (location: string | null): Answer => ({
      status: raw.status,
      contentType,
      location,
      page,
      deadScript: null,
      notes: [...notes, ...page.notes],
    });
    const location = raw.status >= 300 && raw.status < 400 ? first(raw.headers.location) : null;
    if (location === null) return report(answer(null), null);
    for (const line of raw.headers['set-cookie'] ?? []) {
      const [, name, value] = /^\s*([^=;\s]+)=([^;]*)/.exec(line) ?? [];
      if (name !== undefined) cookies.set(name, value ?? '');
    }
    const next = safeUrl(location, urlOf(to, path));
    if (next === null) return report(answer(location), null);
    const port = Number(next.port) || (next.protocol === 'https:' ? 443 : 80);
    const toTls = next.protocol === 'https:' && to.scheme === 'http';
    const home = isLocal(next.hostname) || next.hostname === to.address;
    if (toTls && home && (port === to.port || port === 443) && headers['x-forwarded-proto'] === undefined) {
      // It forces TLS and expects a proxy before it to provide that: say what such a proxy says.
      headers['x-forwarded-proto'] = 'https';
      notes.push('it redirects to https and was asked as if by a proxy that speaks it');
      continue;
    }
    if (!home || toTls || port !== to.port || !/^https?:$/.test(next.protocol)) return report(answer(next.href), null);
    hops += 1;
    if (hops > REDIRECTS)
      return report(null, {
        kind: 'redirect-loop',
        text: `more than ${REDIRECTS} redirects, the last to ${next.pathname}`,
      });
    path = next.pathname + next.search;
    if (next.hostname === 'localhost') to = { ...to, name: 'localhost' };
  }
}

const safeUrl = (text: string, base: string): URL | null => (URL.canParse(text, base) ? new URL(text, base) : null);

/** A path as people write it, fit to be sent: `health`, `/a b`, `http://localhost:8080/ready`. */
const sendable = (written: string): string => {
  const url = safeUrl(/^https?:\/\//i.test(written) ? written : `/${written.replace(/^\/+/, '')}`, 'http://localhost');
  return url === null ? '/' : url.pathname + url.search;
};

const tryTls = (to: Target, path: string, signal: AbortSignal): Promise<boolean> =>
  get({ ...to, scheme: 'https' }, path, {}, signal).then(
    () => true,
    () => false, // Neither protocol: the first error tells more than this one.
  );

/** The first script of an empty document that does not come. */
async function findDeadScript(seen: Seen, to: Target, signal: AbortSignal): Promise<string | null> {
  const { page } = seen.answer!;
  const base = safeUrl(page.base ?? '', seen.url) ?? new URL(seen.url);
  for (const src of page.scripts.slice(0, SCRIPTS)) {
    const url = safeUrl(src, base.href);
    if (url === null || url.host !== new URL(seen.url).host) continue;
    const path = url.pathname + url.search;
    try {
      const { status, headers } = await get(to, path, { accept: '*/*' }, signal);
      if (status >= 400) return `its script ${url.pathname} answers ${status}`;
      if (/\bhtml\b/i.test(first(headers['content-type']) ?? ''))
        return `its script ${url.pathname} is a page, not a script`;
    } catch (error) {
      if (!(error instanceof ProbeError)) throw error;
      // A bundler may still be at work on it: slow is not absent.
      if (error.kind !== 'timeout') return `its script ${url.pathname} does not come: ${error.message}`;
    }
  }
  return null;
}

/** Text this short is no page by itself; a script has to fill it. */
export const SHELL_TEXT = 40;

/** What to ask of every application that names no path, after `/`. */
const guesses = [
  '/health',
  '/healthz',
  '/api/health',
  '/up',
  '/actuator/health',
  '/api',
  '/docs',
  '/graphql',
  '/api/docs',
  '/openapi.json',
  '/status',
  '/ping',
];
const guessed = (path: string): Route => ({ path, from: 'guessed' });

/**
 * One round over all sockets: the given paths up to the first good one, then `/`, then, when nothing was good and no
 * page is wanted, the paths most applications have.
 * @param isGood whether an answer settles the question.
 * @param only ask the given paths and nothing else.
 */
export async function probe(
  check: Pick<Check, 'sockets' | 'paths' | 'wantsPage'>,
  {
    isGood,
    only,
    limitMs,
    signal,
  }: { isGood: (seen: Seen) => boolean; only: boolean; limitMs: number; signal: AbortSignal },
): Promise<SocketSeen[]> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(Math.max(1_000, Math.min(limitMs, ROUND_MS)))]);
  const result: SocketSeen[] = [];
  for (const socket of check.sockets) {
    const seen: Seen[] = [];
    result.push({ socket, seen });
    let to: Target | null = null;
    const look = async ({ path, from }: Route, given: boolean): Promise<void> => {
      const route = { path: sendable(path), from };
      if (seen.some((one) => one.path === route.path)) return;
      const addresses: string[] = to === null ? addressesOf(socket.host) : [to.address];
      for (const address of addresses) {
        const asked = await ask(to ?? { scheme: 'http', address, port: socket.port, name: null }, route, given, limit);
        const refused = asked.seen.trouble?.kind === 'refused';
        if (!refused) to = asked.to;
        const { answer } = asked.seen;
        if (answer !== null && answer.status < 300 && answer.page.html && answer.page.textLength < SHELL_TEXT)
          answer.deadScript = await findDeadScript(asked.seen, asked.to, limit);
        if (!refused || address === addresses.at(-1)) seen.push(asked.seen);
        if (!refused) return;
      }
    };
    /** Nobody there, not HTTP, or it let us wait twice: further paths would tell nothing new. */
    const spent = (): boolean =>
      limit.aborted ||
      seen.some(({ trouble }) => trouble?.kind === 'refused' || trouble?.kind === 'not-http') ||
      seen.filter(({ answer }) => answer === null).length > 1;
    for (const route of check.paths.slice(0, 12)) {
      if (spent()) break;
      await look(route, true);
      if (isGood(seen.at(-1)!)) break;
    }
    if (only) continue;
    if (!spent()) await look(guessed('/'), false);
    if (check.wantsPage || seen.some((s) => s.answer !== null && s.answer.status >= 500)) continue;
    for (const path of guesses) {
      if (spent() || seen.some(isGood)) break;
      await look(guessed(path), false);
    }
  }
  return result;
}

/** Whether the process lives, and is the one that was started; null: no pid was given. */
export function isAlive(pid: number | null, { startTime = 0 }: { startTime?: number | undefined }): boolean | null {
  if (pid === null) return null;
  const now = startTimeOf(pid);
  return now !== null && (startTime === 0 || now === startTime);
}
