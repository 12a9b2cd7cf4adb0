/**
 * The web servers that an install may fetch from, as far as settings and lock files name them: to ask them as the install
 * does, and to call them by the name a person knows. Files are read in bounds and never believed further than that.
 */
import { execFile } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { closeSync, constants, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Address, Site } from './answers.js';

type Env = Readonly<Record<string, string | undefined>>;
export interface Origin {
  name: string;
  port: number;
  tls: boolean;
}

const FILES = [
  '.npmrc',
  '.yarnrc',
  '.yarnrc.yml',
  'bunfig.toml',
  'package-lock.json',
  'npm-shrinkwrap.json',
  'yarn.lock',
  'pnpm-lock.yaml',
  'bun.lock',
  'requirements.txt',
  'Pipfile',
  'Pipfile.lock',
  'pyproject.toml',
  'poetry.lock',
  'uv.lock',
  'pdm.lock',
  'Gemfile',
  'Gemfile.lock',
  'composer.json',
  'composer.lock',
  'Cargo.lock',
  '.cargo/config.toml',
  '.pip/pip.conf',
  '.config/pip/pip.conf',
];
const FILE_BYTES = 4 << 20;
const ORIGINS = 40;
const FOLDERS_UP = 4;
const URL_IN_TEXT = /(https?):\/\/(?:[^\s/@"'<>]*@)?([\w.-]+|\[[\da-f:]+\])(?::(\d{1,5}))?/gi;
/** Lines that say where things come from; other addresses (of sponsors, of home pages) are nobody's to ask. */
const SOURCE = /resol|registry|tarball|index|remote|source|proxy|find-links/i;
const LOOKUP_MS = 2_000;
const NPM_MS = 5_000;

/** Those that the environment, the settings and lock files around a folder and in the user's home name. */
export function originsAround(cwd: string, env: Env): Origin[] {
  const found = new Map<string, Origin>();
  const add = (text: string): void => {
    for (const origin of originsIn(text)) {
      if (found.size >= ORIGINS) return;
      found.set(`${origin.tls} ${origin.name}:${origin.port}`, origin);
    }
  };
  for (const [name, value] of Object.entries(env)) if (/registry|index|proxy|url/i.test(name)) add(value ?? '');
  const folders = [cwd];
  // A workspace's lock file lies above its packages, and nothing of the repository above its root.
  while (folders.length <= FOLDERS_UP && !existsSync(join(folders.at(-1)!, '.git')))
    folders.push(dirname(folders.at(-1)!));
  if (env.HOME) folders.push(env.HOME);
  const files = [...new Set(folders)].flatMap((folder) => FILES.map((name) => join(folder, name)));
  for (const path of [env.npm_config_userconfig, env.NPM_CONFIG_USERCONFIG, env.PIP_CONFIG_FILE])
    if (path?.startsWith('/')) files.push(path);
  for (const path of files)
    for (const line of beginning(path).split('\n')) if (SOURCE.test(line)) add(line.slice(0, 500));
  return [...found.values()];
}

function originsIn(text: string): Origin[] {
  return [...text.matchAll(URL_IN_TEXT)].map(([, scheme, host, port]) => {
    const tls = scheme!.toLowerCase() === 'https';
    return { name: host!.replace(/^\[|\]$/g, ''), port: port ? Number(port) : tls ? 443 : 80, tls };
  });
}

/** The registry of npm itself where no file names one. null: it does not say. */
export function npmRegistry(cwd: string, env: Env): Promise<Origin | null> {
  return new Promise((resolve) => {
    const options = { cwd, env: { ...env, NO_COLOR: '1' }, timeout: NPM_MS, killSignal: 'SIGKILL' } as const;
    execFile('npm', ['config', 'get', 'registry'], options, (_error, stdout) => resolve(originsIn(stdout)[0] ?? null));
  });
}

/** `address:port` → what is there, for those whose names are resolved soon. */
export async function addressesOf(origins: readonly Origin[]): Promise<Map<string, Site>> {
  const sites = new Map<string, Site>();
  await Promise.all(
    origins.map(async ({ name, port, tls }) => {
      const known = isIP(name) > 0 ? [{ address: name }] : await Promise.race([resolved(name), sleep(LOOKUP_MS, [])]);
      for (const { address } of known) sites.set(keyOf({ host: address, port }), { name, tls });
    }),
  );
  return sites;
}
const resolved = (name: string): Promise<{ address: string }[]> => lookup(name, { all: true }).catch(() => []);

export const keyOf = ({ host, port }: Address): string => `${host} ${port}`;

/** The first bytes of a file; empty where it cannot be read, for then it names nothing. */
function beginning(path: string): string {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK); // not waiting on what is a pipe
  } catch {
    return '';
  }
  try {
    if (!fstatSync(fd).isFile()) return '';
    const data = Buffer.alloc(Math.min(fstatSync(fd).size, FILE_BYTES));
    return data.toString('utf8', 0, readSync(fd, data, 0, data.length, 0));
  } catch {
    return '';
  } finally {
    closeSync(fd);
  }
}
