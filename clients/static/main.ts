#!/usr/bin/env node
/**
 * rr-static: serves a folder over HTTP, for static sites and built single-page applications.
 *
 * `rr-static <dir> [--spa]`, PORT (default 0: any free one) and HOST (default 127.0.0.1) from the environment, as every
 * application gets them. Guarantees: only regular files inside the folder are read, also when `..`, encoded separators
 * or symbolic links say otherwise; nothing named like `.env` or `.git` is given out; nothing is written.
 */
import { createReadStream, realpathSync, statSync } from 'node:fs';
import { readFile, realpath, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, sep } from 'node:path';

const types: Record<string, string> = {
  html: 'text/html; charset=utf-8', htm: 'text/html; charset=utf-8', xhtml: 'application/xhtml+xml',
  css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8', mjs: 'text/javascript; charset=utf-8', cjs: 'text/javascript; charset=utf-8',
  json: 'application/json', map: 'application/json', webmanifest: 'application/manifest+json', wasm: 'application/wasm',
  xml: 'application/xml', rss: 'application/rss+xml', atom: 'application/atom+xml', txt: 'text/plain; charset=utf-8',
  md: 'text/markdown; charset=utf-8', csv: 'text/csv; charset=utf-8', pdf: 'application/pdf', zip: 'application/zip', gz: 'application/gzip',
  svg: 'image/svg+xml', png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', gif: 'image/gif', webp: 'image/webp', avif: 'image/avif',
  ico: 'image/x-icon', bmp: 'image/bmp', woff: 'font/woff', woff2: 'font/woff2', ttf: 'font/ttf', otf: 'font/otf',
  mp4: 'video/mp4', webm: 'video/webm', mp3: 'audio/mpeg', wav: 'audio/wav', ogg: 'audio/ogg',
}; // biome-ignore format: a table
const typeOf = (file: string): string => types[extname(file).slice(1).toLowerCase()] ?? 'application/octet-stream';

type Found = { file: string; size: number; mtime: Date } | { moved: true } | null;

/** The file a path names, an index page for a folder, `.html` left out. null: nothing, or nothing of this folder. */
async function findFile(root: string, path: string): Promise<Found> {
  const inside = async (
    candidate: string,
  ): Promise<{ real: string; info: Awaited<ReturnType<typeof stat>> } | null> => {
    try {
      const real = await realpath(candidate);
      if (real !== root && !real.startsWith(root.endsWith(sep) ? root : root + sep)) return null;
      if (isHidden(real.slice(root.length))) return null; // a link to what is not given out
      return { real, info: await stat(real) };
    } catch {
      return null; // absent, unreadable, or a name no file can have: all the same to the one who asks
    }
  };
  const at = join(root, path);
  const found = await inside(at);
  if (found?.info.isDirectory()) {
    const index = await inside(join(found.real, 'index.html'));
    if (!index?.info.isFile()) return null;
    // Relative links of an index page only work from a path that ends with a slash.
    return path.endsWith('/')
      ? { file: index.real, size: Number(index.info.size), mtime: index.info.mtime }
      : { moved: true };
  }
  const page = found ?? (path.endsWith('/') ? null : await inside(`${at}.html`));
  return page?.info.isFile() ? { file: page.real, size: Number(page.info.size), mtime: page.info.mtime } : null;
}

/** The path of a request, decoded once; null: one that no honest client sends. */
function pathOf(url: string): string | null {
  let path: string;
  try {
    path = decodeURIComponent(url.split(/[?#]/, 1)[0]!);
  } catch {
    return null; // a % that is no escape
  }
  if (!path.startsWith('/') || path.includes('\0') || path.includes('\\')) return null;
  return path.split('/').some((part) => part === '..') ? null : path;
}
const isHidden = (path: string): boolean =>
  path.split('/').some((part) => part.startsWith('.') && part !== '.well-known');

async function answer(root: string, spa: boolean, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const say = (
    status: number,
    body: string,
    headers: Record<string, string> = {},
    type = 'text/plain; charset=utf-8',
  ): void => {
    response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), ...headers });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return say(405, 'only GET and HEAD\n', { allow: 'GET, HEAD' });
  const path = pathOf(request.url ?? '/');
  if (path === null) return say(400, 'no such path\n');
  let found = isHidden(path) ? null : await findFile(root, path);
  if (found !== null && 'moved' in found) {
    const [, query = ''] = /^[^?]*(\?.*)?$/.exec(request.url!) ?? [];
    // Encoded anew, and one slash in front: `//elsewhere` would name another host.
    return say(301, 'moved\n', { location: `${encodeURI(path).replace(/^\/+/, '/')}/${query}` });
  }
  // A path without an ending is a route of the application in the browser; a missing script stays missing.
  if (found === null && spa && !isHidden(path) && /^(?:\.html?)?$/i.test(extname(path)))
    found = await findFile(root, '/');
  if (found === null || 'moved' in found) {
    const own = await findFile(root, '/404.html');
    if (own === null || 'moved' in own) return say(404, `nothing at ${path}\n`);
    return say(404, await readFile(own.file, 'utf8'), {}, types.html);
  }
  const { file, size, mtime } = found;
  const modified = mtime.toUTCString();
  if (request.headers['if-modified-since'] === modified) return void response.writeHead(304).end();
  response.writeHead(200, {
    'content-type': typeOf(file),
    'content-length': size,
    'last-modified': modified,
    'cache-control': 'no-cache',
    'x-content-type-options': 'nosniff',
  });
  if (request.method === 'HEAD' || size === 0) return void response.end();
  // `end` bounds it to the promised length when the file grows meanwhile.
  createReadStream(file, { end: size - 1 })
    .on('error', () => response.destroy())
    .pipe(response);
}

const refuse = (reason: string): never => {
  process.stderr.write(`rr-static: ${reason}\nusage: [PORT=n] [HOST=address] rr-static <dir> [--spa]\n`);
  process.exit(2);
};

function main(args: string[], env: NodeJS.ProcessEnv): void {
  const spa = args.includes('--spa');
  const [dir, ...rest] = args.filter((arg) => arg !== '--spa');
  if (dir === undefined || rest.length > 0 || dir.startsWith('--'))
    refuse(dir === undefined ? 'no folder was given' : 'one folder, and --spa, is all it takes');
  const port = Number(env.PORT || 0);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) refuse(`PORT is ${env.PORT}, wanted 0 to 65535`);
  const host = env.HOST || '127.0.0.1';
  let root = '';
  try {
    root = realpathSync(dir!);
    if (!statSync(root).isDirectory()) refuse(`${dir} is not a folder`);
  } catch (error) {
    refuse(`${dir}: ${(error as Error).message}`);
  }
  const server = createServer((request, response) => {
    answer(root, spa, request, response).catch((error: unknown) => {
      process.stderr.write(`rr-static: ${request.method} ${request.url}: ${String(error)}\n`);
      if (response.headersSent) response.destroy();
      else response.writeHead(500, { 'content-type': 'text/plain' }).end('the file could not be read\n');
    });
  });
  server.on('error', (error: NodeJS.ErrnoException) => {
    process.stderr.write(`rr-static: ${error.message}\n`);
    process.exit(1);
  });
  server.listen(port, host, () => {
    const { address, port: open } = server.address() as AddressInfo;
    process.stdout.write(
      `rr-static: serving ${dir} on http://${address.includes(':') ? `[${address}]` : address}:${open}\n`,
    );
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      server.close(() => process.exit(0));
      server.closeAllConnections();
    });
}

main(process.argv.slice(2), process.env);
