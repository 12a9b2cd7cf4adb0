/**
 * Runs a module of somebody else's once, within its limits, in a process of its own.
 *
 * Node's permission model keeps it to the files and programs its manifest asks for; where the system lets us, a network
 * namespace without any network keeps it off the net. Its environment is empty, its own prints are only kept for an error.
 * Time, memory and the size of what it gives are bounded; at the end its whole process group is gone.
 */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type ErrorRecord, fail } from '../../runtime/errors.js';
import { program } from '../../runtime/program.js';
import { type Kind, schemaOf } from './manifest.js';

export type Given = { output: unknown } | { error: ErrorRecord };
const TOLD_CHARS = 2_000;

let offline: string[] | null = null;
/** What keeps a command off the network, where the system allows it to us; else nothing does. */
export function withoutNetwork(): string[] {
  offline ??=
    process.platform === 'linux' && spawnSync('unshare', ['-rn', 'true'], { stdio: 'ignore' }).status === 0
      ? ['unshare', '-rn', '--']
      : [];
  return offline;
}

function argumentsOf({ manifest, dir }: Kind, workspace: string | null): string[] {
  const has = (tool: string): boolean => (manifest.tools as string[]).includes(tool);
  const harness = program('agents/custom/harness');
  const reads = [dir, harness, ...(has('read-workspace') || has('write-workspace') ? [workspace] : [])];
  const flag = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission';
  return [
    `--max-old-space-size=${manifest.limits.memoryMb}`,
    '--no-warnings',
    flag,
    ...reads.flatMap((path) => (path === null ? [] : [`--allow-fs-read=${path === harness ? path : `${path}/*`}`])),
    ...(has('write-workspace') && workspace !== null ? [`--allow-fs-write=${workspace}/*`] : []),
    ...(has('run-commands') ? ['--allow-child-process'] : []),
    harness,
    join(dir, manifest.entry),
  ];
}

/**
 * Asks the module. Never throws for what the module does: that is an AGENT_FAILED.
 * @param workspace absolute folder it may be shown; null: none. @param signal ends it.
 */
export async function confine(
  kind: Kind,
  input: unknown,
  workspace: string | null,
  signal: AbortSignal,
): Promise<Given> {
  const { manifest } = kind;
  const failed = (reason: string): Given => ({
    error: fail('AGENT_FAILED', { kind: manifest.name, reason }).toRecord(),
  });
  const [first, ...rest] = [
    ...((manifest.tools as string[]).includes('network') ? [] : withoutNetwork()),
    process.execPath,
    ...argumentsOf(kind, workspace),
  ];
  const child = spawn(first!, rest, {
    cwd: workspace ?? kind.dir,
    env: { PATH: process.env.PATH ?? '' },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  const end = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // it has ended already
    }
  };
  let why: string | null = null;
  const stop = (reason: string): void => {
    why ??= reason;
    end();
  };
  let given = '';
  let told = '';
  (child.stdio[3] as NodeJS.ReadableStream).setEncoding('utf8').on('data', (text: string) => {
    given += text;
    if (given.length > manifest.limits.outputBytes) stop(`it gave more than ${manifest.limits.outputBytes} bytes`);
  });
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding('utf8').on('data', (text: string) => {
      told = (told + text).slice(-TOLD_CHARS);
    });
  child.stdin!.on('error', () => undefined); // it may end without having listened
  child.stdin!.end(JSON.stringify({ input, workspace }));
  const timer = setTimeout(() => stop(`it took more than ${manifest.limits.wallMs} ms`), manifest.limits.wallMs);
  const interrupted = (): void => stop('it was interrupted');
  signal.addEventListener('abort', interrupted);
  const code = await new Promise<number | string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (exit, by) => resolve(by ?? exit ?? 0));
  });
  clearTimeout(timer);
  signal.removeEventListener('abort', interrupted);
  end(); // what it may have left in its group
  if (why !== null) return failed(why);
  let answer: { output?: unknown; thrown?: string };
  try {
    answer = JSON.parse(given) as typeof answer;
  } catch {
    return failed(`it ended with ${code} and gave no output: ${told.trim().split('\n').slice(-3).join(' ')}`);
  }
  if (answer.thrown !== undefined) return failed(answer.thrown);
  const fits = schemaOf(manifest.entry, 'output', manifest.output).safeParse(answer.output);
  return fits.success ? { output: answer.output } : failed('what it gave is not what its output schema says');
}

/** All checks of a manifest together may take so long. */
const CHECKS_MS = 25_000;

/** Runs all checks of a manifest. @returns what is wrong, in words; empty when it holds what it says. */
export async function tryOut(kind: Kind, stopped: AbortSignal): Promise<string[]> {
  const late = AbortSignal.timeout(CHECKS_MS);
  const signal = AbortSignal.any([stopped, late]);
  const { manifest } = kind;
  const input = schemaOf(manifest.entry, 'input', manifest.input);
  const problems: string[] = [];
  for (const { name, input: given, output, fails } of manifest.checks) {
    if (late.aborted) return [...problems, `its checks take more than ${CHECKS_MS / 1000} s`];
    if (!input.safeParse(given).success && fails !== true) {
      problems.push(`${name}: its input is not what the input schema says`);
      continue;
    }
    const result = await confine(kind, given, null, signal);
    const says = `${name}: `;
    if ('error' in result) {
      if (fails !== true) problems.push(says + result.error.message);
    } else if (fails === true) problems.push(`${says}it was to refuse this input, and gave an output`);
    else if (output !== undefined && !has(result.output, output))
      problems.push(`${says}it gave ${JSON.stringify(result.output).slice(0, 200)}`);
  }
  return problems;
}
/** Whether a value has everything that another has. */
export const has = (value: unknown, wanted: unknown): boolean => {
  if (wanted === null || typeof wanted !== 'object') return Object.is(value, wanted);
  if (value === null || typeof value !== 'object' || Array.isArray(value) !== Array.isArray(wanted)) return false;
  if (Array.isArray(wanted) && (value as unknown[]).length !== wanted.length) return false;
  return Object.entries(wanted).every(([key, part]) => has((value as Record<string, unknown>)[key], part));
};
