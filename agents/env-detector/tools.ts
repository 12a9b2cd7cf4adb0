/**
 * Which tools are on PATH, in which versions. A tool written in JavaScript is not started: its package.json says its
 * version; nor are those on the JVM, whose jars do. The rest are asked together, each within a limit, from `/`, where no
 * repository's settings change their answer. Nothing is downloaded: shims that would are told not to.
 */
import { spawn } from 'node:child_process';
import {
  accessSync,
  constants,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { readText } from './surroundings.js';

type Env = Readonly<Record<string, string | undefined>>;

const DASHED = ['--version'];
/** How each is asked. */
const questions: Record<string, readonly string[]> = {
  node: DASHED,
  npm: DASHED,
  pnpm: DASHED,
  yarn: DASHED,
  bun: DASHED,
  deno: DASHED,
  python3: DASHED,
  python: DASHED,
  pip: DASHED,
  uv: DASHED,
  poetry: DASHED,
  go: ['version'],
  php: DASHED,
  composer: ['--version', '--no-ansi', '--no-plugins'],
  ruby: DASHED,
  bundle: DASHED,
  cargo: DASHED,
  java: ['-version'],
  mvn: DASHED,
  gradle: DASHED,
  dotnet: DASHED,
  docker: DASHED,
  git: DASHED,
  make: DASHED,
  gcc: ['-dumpfullversion'],
};
export const UNKNOWN = 'unknown';

/** Finds a program as a shell would; null when it is not on PATH. */
export function findProgram(name: string, path: string): string | null {
  for (const folder of path.split(delimiter)) {
    if (!folder.startsWith('/')) continue;
    const place = join(folder, name);
    try {
      accessSync(place, constants.X_OK);
      if (statSync(place).isFile()) return place;
    } catch {
      // not in this folder
    }
  }
  return null;
}

/**
 * @param memory a file that remembers what each program said, by its place, size and time: a tool that has not changed
 * is not asked again.
 * @returns name → version, `unknown` for one that is there and did not say in time.
 */
export async function findTools(
  env: Env,
  limitMs: number,
  { memory, signal }: { memory?: string; signal?: AbortSignal } = {},
): Promise<Record<string, string>> {
  const path = env.PATH ?? '';
  const before = memory === undefined ? {} : recall(memory);
  const known: Record<string, string> = {};
  const found = await Promise.all(
    Object.entries(questions).map(async ([name, args]): Promise<[string, string | null]> => {
      const place = findProgram(name, path);
      if (place === null) return [name, null];
      if (realpathSync(place) === process.execPath) return [name, process.versions.node];
      const read = readVersion(place, name);
      if (read !== null) return [name, read];
      const key = keyOf(place);
      const remembered = before[key];
      const { said, absent } =
        remembered === undefined ? await ask(place, args, env, limitMs, signal) : { said: remembered, absent: false };
      const version = absent ? null : versionIn(said);
      if (version !== null) known[key] = version;
      return [name, absent ? null : (version ?? UNKNOWN)];
    }),
  );
  if (memory !== undefined && JSON.stringify(known) !== JSON.stringify(before)) remember(memory, known);
  return Object.fromEntries(found.filter((each): each is [string, string] => each[1] !== null));
}

/** What a version is remembered by. A shim stays the same file when its answer changes: it is believed for an hour. */
function keyOf(place: string, now = Date.now()): string {
  const real = realpathSync(place);
  const { size, mtimeMs } = statSync(real);
  const shim = /[/\\](shims|\.volta|proxies|\.cargo)[/\\]/.test(place) || /rustup|mise|asdf/.test(real);
  return `${shim ? `${place} until ${Math.floor(now / 3_600_000)}` : real} ${size} ${mtimeMs}`;
}
function recall(memory: string): Record<string, string> {
  try {
    const raw = JSON.parse(readText(memory) || '{}') as Record<string, unknown>;
    return Object.fromEntries(
      Object.entries(raw).filter((each): each is [string, string] => typeof each[1] === 'string'),
    );
  } catch {
    return {}; // cut short: everything is asked anew
  }
}
function remember(memory: string, known: Record<string, string>): void {
  try {
    mkdirSync(dirname(memory), { recursive: true });
    const beside = `${memory}.${process.pid}`;
    writeFileSync(beside, `${JSON.stringify(known, null, 2)}\n`);
    renameSync(beside, memory);
  } catch {
    // A cache that cannot be written only costs the time of asking again.
  }
}

/** The first thing that looks like a version: `go version go1.22.1 linux/amd64`, `git version 2.39.5 (…)`. */
export const versionIn = (text: string): string | null =>
  /\d+\.\d+(?:\.\d+)*(?:[-+][0-9A-Za-z.]*[0-9A-Za-z])?/.exec(text)?.[0] ?? null;

/** Without starting it: from the package or the jars it is made of. */
function readVersion(place: string, name: string): string | null {
  const real = realpathSync(place);
  if (/\.[cm]?js$/.test(real) && !real.includes('/corepack/')) {
    for (let at = dirname(real); at !== dirname(at); at = dirname(at)) {
      const text = readText(join(at, 'package.json'));
      if (text === '') continue;
      const hit = /"version"\s*:\s*"([^"]+)"/.exec(text);
      if (hit !== null && new RegExp(`"name"\\s*:\\s*"(@[^"]*/)?${name}(-cli)?"`).test(text)) return hit[1]!;
    }
  }
  if (name === 'mvn' || name === 'gradle') {
    const lib = join(dirname(real), '..', 'lib');
    try {
      const jar = readdirSync(lib).find((each) => /^(maven-core|gradle-core(-api)?)-\d.*\.jar$/.test(each));
      return jar === undefined ? null : versionIn(jar);
    } catch {
      return null; // a wrapper elsewhere: it is asked
    }
  }
  return null;
}

/** Nothing is downloaded, asked or reported. */
const QUIET = {
  LC_ALL: 'C',
  NO_COLOR: '1',
  COREPACK_ENABLE_NETWORK: '0',
  COREPACK_ENABLE_DOWNLOAD_PROMPT: '0',
  COMPOSER_ALLOW_SUPERUSER: '1',
  COMPOSER_NO_INTERACTION: '1',
  DOTNET_CLI_TELEMETRY_OPTOUT: '1',
  DOTNET_NOLOGO: '1',
  DOTNET_SKIP_FIRST_TIME_EXPERIENCE: '1',
  GOTOOLCHAIN: 'local',
  RUSTUP_AUTO_INSTALL: '0',
  UV_PYTHON_DOWNLOADS: 'never',
};
const SAID_LIMIT = 64_000;

/** What it prints on either stream; `absent`: a shim with nothing behind it. Ended with all it started at its limit. */
function ask(
  place: string,
  args: readonly string[],
  env: Env,
  limitMs: number,
  signal?: AbortSignal,
): Promise<{ said: string; absent: boolean }> {
  return new Promise((resolve) => {
    const child = spawn(place, args, {
      cwd: '/',
      env: { ...env, ...QUIET },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let said = '';
    const done = (absent: boolean): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve({ said: absent ? '' : said, absent });
    };
    const end = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It ended in this very moment: nothing is left to be ended.
      }
      child.stdout.destroy();
      child.stderr.destroy();
      done(false);
    };
    const timer = setTimeout(end, limitMs);
    signal?.addEventListener('abort', end, { once: true });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        if (said.length < SAID_LIMIT) said += chunk.toString('utf8');
      });
    child.on('error', () => done(true)); // not a program after all
    child.on('close', (code) => done(code !== 0));
  });
}

/** What `nvidia-smi -L` prints, null when there is none. */
export async function askNvidia(env: Env, limitMs: number, signal?: AbortSignal): Promise<string | null> {
  const place = findProgram('nvidia-smi', env.PATH ?? '');
  return place === null ? null : (await ask(place, ['-L'], env, limitMs, signal)).said || null;
}
