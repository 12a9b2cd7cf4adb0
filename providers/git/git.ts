/**
 * The door to git: one call, bounded in time, that never asks anybody and never runs what a repository brings along.
 *
 * A repository's own configuration is hostile until shown otherwise. Hooks, fsmonitor and pagers are off, no protocol
 * is allowed unless the caller names it (a partial clone would fetch, by a command of its own choosing), and variables
 * that point git somewhere else (GIT_DIR, GIT_INDEX_FILE…) are not passed on. Nothing here takes a lock in the
 * repository: GIT_OPTIONAL_LOCKS=0. git and what it starts form one process group, ended as a whole.
 */
import { spawn } from 'node:child_process';
import { fail } from '../../runtime/errors.js';

export interface GitCall {
  cwd: string;
  /** Default 60 000. */
  limitMs?: number;
  signal?: AbortSignal;
  input?: Buffer;
  /** End git at its first byte of output: for questions where any answer is enough. */
  anyOutput?: boolean;
  /** Protocols git may speak, e.g. `https:ssh`; none by default. */
  protocols?: string;
  /** Settings for this call alone. They go by the environment: on the command line a `=` in a name would cut it. */
  settings?: readonly (readonly [name: string, value: string])[];
  env?: Readonly<Record<string, string>>;
}
export interface GitAnswer {
  /** Null when it was ended by a signal. */
  code: number | null;
  stdout: Buffer;
  stderr: string;
  /** It was ended at `limitMs`. */
  late: boolean;
}

const SETTINGS: readonly (readonly [string, string])[] = [
  // Whose files they are does not matter where nothing of theirs is run.
  ['safe.directory', '*'],
  ['safe.bareRepository', 'explicit'],
  ['core.fsmonitor', 'false'],
  ['core.hooksPath', '/dev/null'],
  ['core.askPass', ''],
  ['submodule.recurse', 'false'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['advice.detachedHead', 'false'],
];
/** What the user may have set about the way to a server; everything else called GIT_ would point git elsewhere. */
const PASSED = /^GIT_(SSL_|SSH$|SSH_COMMAND$|SSH_VARIANT$|PROXY_|HTTP_|CURL_|CONFIG_(GLOBAL|SYSTEM|NOSYSTEM)$)/;
const OUTPUT_LIMIT_BYTES = 512 << 20;
const STDERR_LIMIT = 64_000;

/** @param env what git inherits, this process's own by default: git finds the user's keys, proxies and helpers there. */
export function gitEnvironment(call: GitCall, env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const child: Record<string, string> = {};
  for (const [name, value] of Object.entries(env))
    if (value !== undefined && name !== 'SSH_ASKPASS' && (!name.startsWith('GIT_') || PASSED.test(name)))
      child[name] = value;
  const settings = [...SETTINGS, ...(call.settings ?? [])];
  settings.forEach(([name, value], n) => {
    child[`GIT_CONFIG_KEY_${n}`] = name;
    child[`GIT_CONFIG_VALUE_${n}`] = value;
  });
  return {
    ...child,
    GIT_CONFIG_COUNT: String(settings.length),
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_NO_LAZY_FETCH: '1',
    GIT_ALLOW_PROTOCOL: call.protocols ?? 'none',
    GIT_LFS_SKIP_SMUDGE: '1',
    GIT_LITERAL_PATHSPECS: '1',
    GIT_PAGER: 'cat',
    LC_ALL: 'C',
    ...call.env,
  };
}

/**
 * Runs git to its end. A code other than 0 is an answer, not an error.
 * @throws TOOL_MISSING when there is no git; the signal's reason when it was called off.
 */
export function runGit(args: readonly string[], call: GitCall): Promise<GitAnswer> {
  const { cwd, limitMs = 60_000, signal, input, anyOutput = false } = call;
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = spawn('git', args, { cwd, env: gitEnvironment(call), stdio: 'pipe', detached: true });
    const stdout: Buffer[] = [];
    let size = 0;
    let stderr = '';
    let late = false;
    const end = (): void => {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        child.kill('SIGKILL'); // No group of its own (any more): itself at least.
      }
    };
    const timer = setTimeout(() => {
      late = true;
      end();
    }, limitMs);
    signal?.addEventListener('abort', end, { once: true });
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
    };
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= OUTPUT_LIMIT_BYTES) stdout.push(chunk);
      if (anyOutput || size > OUTPUT_LIMIT_BYTES) end();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString('utf8')).slice(-STDERR_LIMIT);
    });
    // git may end before it has read everything; its exit code tells.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    child.on('error', (error: NodeJS.ErrnoException) => {
      settle();
      reject(error.code === 'ENOENT' ? missingGit(error) : error);
    });
    child.on('close', (code) => {
      settle();
      if (signal?.aborted) return reject(signal.reason as Error);
      if (size > OUTPUT_LIMIT_BYTES)
        return reject(new Error(`git ${args[0]} printed more than ${OUTPUT_LIMIT_BYTES} bytes`));
      resolve({ code, stdout: Buffer.concat(stdout), stderr, late });
    });
  });
}

const missingGit = (cause: Error): Error =>
  fail(
    'TOOL_MISSING',
    {
      tool: 'git',
      wanted: '2.30 or newer',
      from: 'the source is under git',
      met: 'none on PATH',
      fix: 'install git (Debian: apt-get install git; macOS: xcode-select --install)',
    },
    cause,
  );
