/**
 * `npm run heal-bench`: puts faults into healthy repositories and runs `rr run --once --json` on each, with no model and
 * nothing learned. Figures, never judgements. `-- --only WORDS` takes the kinds that have these words, `-- --quick` leaves
 * out what takes long, `-- --json` prints an object a case and ends with the measure.
 */
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { removeTree } from '../../remove.js';
import { editorOf, type Fault, faults } from './faults.js';

const { values } = parseArgs({
  options: { json: { type: 'boolean' }, only: { type: 'string' }, quick: { type: 'boolean' } },
});
const root = join(dirname(fileURLToPath(import.meta.url)), '../../../..');
const LIMIT_MS = 300_000;

export interface Case {
  kind: string;
  repo: string;
  /** Whether a repair of ours could help at all. */
  mendable: boolean;
  healed: boolean;
  /** No repair was needed: what was wrong was seen before it could fail. */
  foreseen: boolean;
  outcome: string;
  /** Repairs that were tried, and of these what did not help. */
  fixes: string[];
  wasted: number;
  seconds: number;
  /** It was said to be healthy and is not. */
  falseSuccess: boolean;
  error: string | null;
}

function run(repo: string, service: string | undefined, env: NodeJS.ProcessEnv): Promise<string> {
  const bin = join(root, 'dist/rr/bin.js');
  const args = [bin, 'run', repo, '--once', '--json', ...(service === undefined ? [] : ['--service', service])];
  return new Promise((done) => {
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'ignore'], timeout: LIMIT_MS });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      out += piece;
    });
    child.on('close', () => done(out));
  });
}

async function judge(fault: Fault): Promise<Case> {
  const scratch = mkdtempSync(join(tmpdir(), 'rr-heal-bench-'));
  try {
    const repo = join(scratch, fault.repo);
    cpSync(join(root, 'test/repos', fault.repo), repo, { recursive: true, verbatimSymlinks: true });
    fault.inject(editorOf(repo));
    // The port it falls back on is nobody else's.
    const port = String(20_000 + Math.floor(Math.random() * 10_000));
    for (const name of ['server.js', 'server.ts', 'src/server.ts'].map((path) => join(repo, path)))
      if (read(name) !== '') writeFileSync(name, read(name).replaceAll('3000', port));
    const ignore = join(repo, '.gitignore');
    writeFileSync(ignore, `${read(ignore)}\nnode_modules/\ndist/\n.venv/\n__pycache__/\ntarget/\n`);
    const git = (...args: string[]) => execFileSync('git', args, { cwd: repo, stdio: 'ignore' });
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
    const out = await run(repo, fault.service, env);
    const seconds = Math.round((performance.now() - began) / 100) / 10;
    const result = out
      .split('\n')
      .flatMap((line) => {
        try {
          return [JSON.parse(line) as Record<string, unknown>];
        } catch {
          return [];
        }
      })
      .find(({ type }) => type === 'result') as Result | undefined;
    const fixes = result?.fixes ?? [];
    const healthy = result?.outcome === 'healthy';
    const says = JSON.stringify(result?.services?.[0]?.proof ?? '').includes(JSON.stringify(fault.says).slice(1, -1));
    const isTouched = execFileSync('git', ['status', '--porcelain'], { cwd: repo, encoding: 'utf8' }).trim() !== '';
    return {
      kind: fault.kind,
      repo: fault.repo,
      mendable: fault.rules.length > 0,
      healed: healthy && says && fault.rules.length > 0,
      foreseen: healthy && says && fault.rules.length > 0 && fixes.length === 0,
      outcome:
        result === undefined
          ? 'no result'
          : isTouched
            ? `${result.outcome}, and wrote where it must not`
            : result.outcome,
      fixes: fixes.map(({ rule, helped }) => `${rule}${helped ? '' : ' (no)'}`),
      wasted: fixes.filter(({ helped }) => !helped).length,
      seconds,
      falseSuccess: healthy && (!says || fault.rules.length === 0),
      error: result?.error ? `${result.error.code}: ${result.error.message}` : null,
    };
  } finally {
    // The broker goes a moment after its last client.
    await removeTree(scratch);
  }
}
interface Result {
  outcome: string;
  error: { code: string; message: string } | null;
  fixes: { rule: string; helped: boolean | null }[];
  services: { proof: unknown }[];
}
const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // a repository without one
  }
};

const wanted = faults.filter(
  ({ kind, slow }) => (values.only === undefined || kind.includes(values.only)) && !(values.quick && slow),
);
const cases: Case[] = [];
for (const fault of wanted) {
  const one = await judge(fault);
  cases.push(one);
  if (values.json) console.log(JSON.stringify({ type: 'case', ...one }));
  else
    console.log(
      `${one.falseSuccess ? '!' : one.healed ? '✓' : one.mendable ? '✗' : '-'} ${one.kind.padEnd(52)} ${String(one.seconds).padStart(6)} s  ${one.outcome}${one.fixes.length > 0 ? `: ${one.fixes.join(', ')}` : ''}${one.healed || one.error === null ? '' : `  ${one.error.slice(0, 160)}`}`,
    );
}
const measure = {
  measure: 'heal',
  kinds: new Set(cases.map(({ kind }) => kind)).size,
  cases: cases.length,
  mendable: cases.filter(({ mendable }) => mendable).length,
  healed: cases.filter(({ healed }) => healed).length,
  foreseen: cases.filter(({ foreseen }) => foreseen).length,
  attempts: cases.reduce((sum, { fixes }) => sum + fixes.length, 0),
  wasted: cases.reduce((sum, { wasted }) => sum + wasted, 0),
  falseSuccess: cases.filter(({ falseSuccess }) => falseSuccess).length,
};
if (values.json) console.log(JSON.stringify(measure));
else
  console.log(
    `\n${measure.kinds} kinds of faults in ${new Set(cases.map(({ repo }) => repo)).size} repositories: ${measure.healed} healed of ${measure.mendable} that can be mended (${measure.foreseen} before they failed), ${measure.attempts} repairs tried, ${measure.wasted} in vain, ${measure.falseSuccess} false successes`,
  );
