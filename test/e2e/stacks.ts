/** The stacks that can run on this machine: what each fixture must show of itself when it is up. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { expect } from 'vitest';
import { phpBin, pythonPath, rubyBin, wheelFolder } from './debian.js';
import type { resultOf, Scratch } from './rr.js';

export type Env = Record<string, string>;
export interface Stack {
  repo: string;
  kind: string;
  /** What the proof holds, beside status 200 of an HTTP one. */
  proof: Record<string, unknown>;
  args?: string[];
  /** What a user of this machine has in the environment. */
  env?: (dir: string) => Promise<Env>;
  /** More words of `rr run`, made with the environment's. */
  ran?: (result: ReturnType<typeof resultOf>, s: Scratch) => void;
  long?: true;
}

export const text = (part: string) => expect.stringContaining(part);
const before = (folder: string): string => [folder, process.env.PATH].join(delimiter);
/** No package index is reached: as on a machine without a network. */
export const noIndex: Env = {
  PIP_CONFIG_FILE: '/dev/null',
  PIP_INDEX_URL: 'https://index.invalid/simple',
  PIP_EXTRA_INDEX_URL: '',
  PIP_FIND_LINKS: '',
};
/** Another home has not got what was fetched for us before. */
export const cacheHome: Env = { XDG_CACHE_HOME: process.env.XDG_CACHE_HOME || join(homedir(), '.cache') };
/** A home in which the user has installed Python packages for himself, as `pip install --user` does. */
async function homeWith(dir: string, ...packages: string[]): Promise<string> {
  const home = join(dir, 'home');
  const site = execFileSync('python3', ['-c', 'import site; print(site.getusersitepackages())'], {
    env: { ...process.env, HOME: home, PYTHONUSERBASE: '' },
    encoding: 'utf8',
  }).trim();
  mkdirSync(join(site, '..'), { recursive: true });
  symlinkSync(await pythonPath(...packages), site);
  return home;
}

export const stacks: Stack[] = [
  { repo: 'express-hello', kind: 'web-service', proof: { title: 'Express', excerpt: text('Hello from Express') } },
  {
    repo: 'express-generator',
    kind: 'web-service',
    proof: { status: 404, notes: [text('404 on every known path')] },
    long: true,
  },
  {
    repo: 'fastify-api',
    kind: 'web-service',
    proof: { path: '/health', excerpt: '{"status":"ok","service":"fastify-api"}' },
    long: true,
  },
  { repo: 'koa-app', kind: 'web-service', proof: { excerpt: 'hello' }, long: true },
  { repo: 'node-plain', kind: 'web-service', proof: { title: 'Plain', excerpt: 'Hello from plain Node' }, long: true },
  { repo: 'node-typescript', kind: 'web-service', proof: { title: 'Hello from TypeScript' }, long: true },
  {
    repo: 'node-port-fixed',
    kind: 'web-service',
    proof: { url: text(':39217/'), excerpt: text('Hello from port 39217') },
    long: true,
  },
  { repo: 'node-ipv6-only', kind: 'web-service', proof: { url: text('http://[::1]:'), title: 'IPv6' } },
  {
    repo: 'node-worker',
    kind: 'worker',
    proof: { url: null, status: null, excerpt: text('worker ready'), stayedMs: expect.any(Number) },
  },
  { repo: 'node-job', kind: 'job', proof: { url: null, status: null, excerpt: 'counted 3 words' }, long: true },
  { repo: 'node-library', kind: 'library', proof: { status: null, excerpt: text('# pass 1 # fail 0') } },
  { repo: 'node-cli', kind: 'cli', proof: { status: null, excerpt: 'Usage: greet NAME' } },
  { repo: 'main-missing', kind: 'web-service', proof: { excerpt: 'hi' }, long: true },
  {
    repo: 'workspace-apps',
    kind: 'web-service',
    proof: { path: '/api/health', excerpt: '{"says":"Hello from the API"}' },
    long: true,
  },
  {
    repo: 'workspace-apps',
    long: true,
    kind: 'web-service',
    args: ['--service', 'apps/admin'],
    proof: { title: 'Admin', excerpt: 'Hello from the admin page' },
  },
  {
    repo: 'front-and-back',
    long: true,
    kind: 'web-service',
    args: ['--service', 'backend'],
    proof: { path: '/api/items', excerpt: '[]' },
  },
  { repo: 'pnpm-hello', kind: 'web-service', proof: { title: 'pnpm', excerpt: 'Hello after 60000 ms' } },
  { repo: 'vite-spa', kind: 'static-site', proof: { title: 'Vite page', contentType: text('text/html') } },
  { repo: 'static-site', kind: 'static-site', proof: { title: 'Static site', excerpt: 'Hello from a page' } },
  {
    repo: 'python-plain-server',
    kind: 'web-service',
    proof: { title: 'Plain', excerpt: 'Hello from plain Python' },
    long: true,
  },
  { repo: 'python-job', kind: 'job', proof: { excerpt: 'counted 45' }, long: true },
  {
    // Flask is at hand, and nothing has to be fetched: handed over as a user does who keeps it in a folder of his own.
    repo: 'flask-hello',
    kind: 'web-service',
    env: async () => ({ ...noIndex, PYTHONPATH: await pythonPath('python3-flask') }),
    proof: { path: '/health', excerpt: '{"status":"ok"}' },
    ran: ({ degraded }) => expect(degraded).toEqual([]),
  },
  {
    // Built from its pyproject.toml, with the tools for that from a folder of wheels.
    repo: 'flask-package',
    long: true,
    kind: 'web-service',
    env: async (dir) => ({
      ...noIndex,
      PIP_NO_INDEX: '1',
      PIP_FIND_LINKS: await wheelFolder(dir),
      PYTHONPATH: await pythonPath('python3-flask'),
    }),
    proof: { title: 'Guestbook', excerpt: 'Hello from a package' },
  },
  {
    // No index answers, and the user has installed what is asked for.
    repo: 'flask-factory',
    long: true,
    kind: 'web-service',
    env: async (dir) => ({ ...noIndex, ...cacheHome, HOME: await homeWith(dir, 'python3-flask', 'python3-gunicorn') }),
    proof: { title: 'Shop', excerpt: 'Hello from the factory' },
    ran: ({ fixes, degraded }) => {
      expect(fixes).toMatchObject([{ rule: 'installed-packages', helped: true }]);
      expect(degraded).toEqual([text('the package index does not answer')]);
    },
  },
  {
    repo: 'php-plain',
    kind: 'web-service',
    env: async (dir) => ({ PATH: before(await phpBin(dir)) }),
    proof: { title: 'PHP', excerpt: 'Hello from PHP' },
  },
  {
    repo: 'ruby-sinatra',
    kind: 'web-service',
    env: async (dir) => {
      const { bin, gemPath } = await rubyBin(dir);
      return { PATH: before(bin), GEM_PATH: gemPath };
    },
    proof: { excerpt: expect.stringMatching(/Hello from Sinatra|pong/) },
  },
  {
    repo: 'rack-app',
    long: true,
    kind: 'web-service',
    env: async (dir) => {
      const { bin, gemPath } = await rubyBin(dir);
      return { PATH: before(bin), GEM_PATH: gemPath };
    },
    proof: { title: 'Rack', excerpt: 'Hello from Rack' },
  },
  { repo: 'java-plain', kind: 'web-service', proof: { title: 'Java', excerpt: 'Hello from Java' } },
  { repo: 'rust-plain', kind: 'web-service', proof: { title: 'Rust', excerpt: 'Hello from Rust' } },
  { repo: 'rust-library', kind: 'library', proof: { excerpt: text('1 passed; 0 failed') }, long: true },
  { repo: 'c-make-http', kind: 'web-service', proof: { title: 'C', excerpt: 'Hello from C and Make' } },
  {
    repo: 'c-cmake-http',
    kind: 'web-service',
    proof: { title: 'CMake', excerpt: 'Hello from C and CMake' },
    long: true,
  },
  { repo: 'cpp-cmake-library', kind: 'library', proof: { excerpt: text('100% tests passed') }, long: true },
  { repo: 'c-plain', kind: 'job', proof: { excerpt: 'counted 55' }, long: true },
  // Out of Debian's packages where the machine has none of their tools: the first run on a machine fetches them.
  { repo: 'go-http', kind: 'web-service', proof: { title: 'Go', excerpt: 'Hello from Go' }, long: true },
  { repo: 'c-meson-tool', kind: 'cli', proof: { excerpt: 'Usage: shout WORD...' }, long: true },
  { repo: 'elixir-job', kind: 'cli', proof: { excerpt: text('ticked 55') }, long: true },
  { repo: 'cobol-job', kind: 'job', proof: { excerpt: 'paid 0055' }, long: true },
  { repo: 'shell-start', kind: 'web-service', proof: { title: 'Shell', excerpt: 'Hello from a shell script' } },
  { repo: 'hono-node', kind: 'web-service', proof: { excerpt: 'hello' }, long: true },
  { repo: 'bun-server', kind: 'web-service', proof: { excerpt: 'hello' }, long: true },
  { repo: 'deno-serve', kind: 'web-service', proof: {}, long: true },
];
