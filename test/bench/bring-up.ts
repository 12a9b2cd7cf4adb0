/** A repository brought up once by the built `rr`, with a state of its own and nothing learned, and looked at from outside. */
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus, tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { removeTree } from '../remove.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
export const repos = join(root, 'test/repos');
const IGNORE = 'node_modules/\ndist/\nbuild/\nout/\n.venv/\n__pycache__/\n*.egg-info/\ntarget/\n';

export interface Result {
  outcome: string;
  kind: string | null;
  error: { code: string; message: string } | null;
  fixes: { rule: string; helped: boolean | null }[];
  services: { proof: unknown }[];
  tokens: number;
}
export interface BroughtUp {
  /** Null: it said none within the limit. */
  result: Result | null;
  seconds: number;
  /** A file that git tracks is not as it was, or one is there that git does not ignore. */
  isTouched: boolean;
  /** What the application itself showed, or each of several, as text. */
  shown: string;
  /** Why it could not be tried at all. */
  untried: string | null;
}
export interface Wanted {
  fixture: string;
  args?: readonly string[];
  /** What is done to the copy before it is committed. */
  prepare?(folder: string): void;
  /** Ports that another program has while it runs. */
  holds?: readonly number[];
  limitMs: number;
}

export async function bringUp({ fixture, args = [], prepare, holds = [], limitMs }: Wanted): Promise<BroughtUp> {
  const scratch = mkdtempSync(join(tmpdir(), 'rr-once-'));
  const held: (() => void)[] = [];
  try {
    for (const port of holds) held.push(await hold(port));
    const folder = join(scratch, fixture);
    cpSync(join(repos, fixture), folder, { recursive: true, verbatimSymlinks: true });
    prepare?.(folder);
    const ignore = join(folder, '.gitignore');
    writeFileSync(ignore, `${textOf(ignore)}\n${IGNORE}`);
    const git = (...words: string[]): string => execFileSync('git', words, { cwd: folder, encoding: 'utf8' });
    git('init', '-q');
    git('add', '-A');
    git('-c', 'user.name=Bench', '-c', 'user.email=bench@example.test', 'commit', '-qm', 'one');
    const env = {
      ...process.env,
      RR_HOME: join(scratch, 'state'),
      RR_LEARNED: join(scratch, 'learned.json'),
      RR_BROKER_IDLE_MS: '300',
      NO_COLOR: '1',
    };
    const began = performance.now();
    const out = await rr(['run', folder, '--once', '--json', ...args], env, limitMs);
    const seconds = Math.round((performance.now() - began) / 100) / 10;
    const result = resultIn(out);
    const shown = JSON.stringify((result?.services ?? []).map(({ proof }) => proof));
    return { result, seconds, isTouched: git('status', '--porcelain').trim() !== '', shown, untried: null };
  } catch (error) {
    // One of many: the others are measured all the same.
    return { result: null, seconds: 0, isTouched: false, shown: '', untried: (error as Error).message };
  } finally {
    for (const end of held) end();
    // The broker goes a moment after its last client.
    await removeTree(scratch);
  }
}
/** Whether a text is in what the application showed. */
export const shows = ({ shown }: Pick<BroughtUp, 'shown'>, says: string): boolean =>
  shown.includes(JSON.stringify(says).slice(1, -1));

function rr(args: string[], env: NodeJS.ProcessEnv, limitMs: number): Promise<string> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [join(root, 'dist/rr/bin.js'), ...args], {
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
      // In order, as a person does it: what it began it ends.
      killSignal: 'SIGINT',
      timeout: limitMs,
    });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      out += piece;
    });
    child.on('close', () => done(out));
  });
}
function resultIn(out: string): Result | null {
  for (const line of out.split('\n'))
    try {
      const one = JSON.parse(line) as Result & { type: string };
      if (one.type === 'result') return one;
    } catch {
      // a line cut off, or none of ours
    }
  return null;
}
/** Waits its turn where somebody else has it: what is reached there then is nobody's application. @returns how to let go of it. */
export async function hold(port: number): Promise<() => void> {
  for (const until = performance.now() + HOLD_MS; ; await sleep(200)) {
    const server = createServer((socket) => socket.destroy());
    const held = await new Promise<boolean>((done) => {
      server.once('error', () => done(false));
      server.listen(port, '127.0.0.1', () => done(true));
    });
    if (held) return () => void server.close();
    if (performance.now() > until) throw new Error(`port ${port} is another program's, and stays so`);
  }
}
const HOLD_MS = 120_000;
export function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // a repository without one
  }
}

/** `workers` at a time, told in the order they end. */
export async function each<T>(items: readonly T[], workers: number, work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: workers }, worker));
}

/** What the figures are of, without its name or a date. */
export const machine = (): string =>
  `${cpus().length} × ${cpus()[0]?.model.replace(/\s+/g, ' ').trim() ?? 'a processor'}, ${Math.round(totalmem() / 2 ** 30)} GB, node ${process.version}`;
export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0;

/** Puts a table into a page, between `<!-- NAME -->` and `<!-- /NAME -->`. */
export function intoPage(page: string, name: string, text: string): void {
  const path = join(root, page);
  const before = readFileSync(path, 'utf8');
  const [from, to] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [start, end] = [before.indexOf(from), before.indexOf(to)];
  if (start < 0 || end < start) throw new Error(`${page} has no place ${from} … ${to}`);
  writeFileSync(path, `${before.slice(0, start + from.length)}\n${text}\n${before.slice(end)}`);
}
/** One line of it: ports, folders and times of that one run are nobody's business. */
export const cell = (text: string): string =>
  text
    .split('\n')[0]!
    .replace(/(?:\/[\w.@-]+){2,}/g, '…')
    .replaceAll('|', '\\|')
    .slice(0, 110);

/** The cases that an earlier `--json` told of, the last one of each name; none without a file. */
export function casesIn<T>(path: string | undefined, nameOf: (one: T) => string): T[] {
  if (path === undefined) return [];
  const cases = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{"type":"case"'))
    .map((line) => JSON.parse(line) as T);
  return [...new Map(cases.map((one) => [nameOf(one), one])).values()];
}
