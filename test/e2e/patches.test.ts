/**
 * The lasting mend of a repair is proposed as a patch: the run heals without a change of the repository, `git apply` takes the
 * patch on a clean copy, and that copy is healthy with no repair at all. A few here, the rest with `npm run test:long`.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { editorOf, faults, inject } from '../bench/heal/faults.js';
import { inTurn } from './beside.js';
import { expectNothingLeft, treeOf } from './left.js';
import { freePort } from './ports.js';
import { commitAll, finish, resultOf, type Scratch, scratch } from './rr.js';

const IGNORED = 'node_modules/\ndist/\n.venv/\n__pycache__/\ntarget/\n';
/** Kind of fault → what its patch changes, as git tells it. */
const rows: { kind: string; changes: RegExp; always?: true }[] = [
  { kind: 'start script may not be run', changes: /^old mode 100644\nnew mode 100755$/m },
  { kind: 'start script of Python may not be run', changes: /^old mode 100644\nnew mode 100755$/m, always: true },
  { kind: 'settings file not there', changes: /^new file mode[\s\S]*^\+\{"colour":"green"\}$/m },
  {
    kind: 'start script with line ends of Windows',
    changes: /^-exec node server\.js\r\n\+#!\/bin\/sh\n\+exec node server\.js\n/m,
  },
  { kind: 'folder for uploads not there', changes: /^diff --git a\/uploads\/\.gitkeep/m },
  { kind: 'script of another name', changes: /^-.*"npm run serve:web"[\s\S]*^\+ {4}"start": "npm run web"/m },
  { kind: 'start names another file', changes: /^\+ {4}"start": "node server\.js"/m },
  { kind: 'variable of a secret not set', changes: /^\+SESSION_SECRET=$/m },
  { kind: 'lock file behind package.json', changes: /^\+ {4}"node_modules\/is-number": \{$/m },
  { kind: 'module not declared', changes: /^\+ {4}"express": "\^\d/m },
  { kind: 'pinned version never published', changes: /^-.*7\.99\.0[\s\S]*^\+ {4}"is-number": "/m },
  { kind: 'peers that exclude one another', changes: /^\+legacy-peer-deps=true$/m },
  { kind: 'pnpm lock file behind package.json', changes: /^diff --git a\/pnpm-lock\.yaml/m },
  { kind: 'folder for the data of Python not there', changes: /^diff --git a\/data\/\.gitkeep/m, always: true },
  { kind: 'package of Python not declared', changes: /^\+[Ff]lask$/m },
  { kind: 'pin of Python never published', changes: /^-flask==3\.0\.99\n\+flask==3\./m },
  { kind: 'application of another name', changes: /^\+web: flask .*application/m },
  { kind: 'lock file of Rust behind Cargo.toml', changes: /^diff --git a\/Cargo\.lock/m },
];

function faultyRepo(s: Scratch, kind: string): string {
  const fault = faults.find((one) => one.kind === kind)!;
  const repo = s.repo(fault.repo, { git: false });
  inject(fault, repo, freePort());
  commitAll(repo, IGNORED);
  return repo;
}

test.concurrent.for(rows.filter(({ always }) => always || process.env.RR_LONG))(
  '$kind: the patch makes a clean copy healthy without a repair',
  { timeout: 600_000 },
  ({ kind, changes }, { onTestFinished }) =>
    inTurn(async () => {
      const s = scratch({ RR_BROKER_IDLE_MS: '300' }, onTestFinished);
      const repo = faultyRepo(s, kind);
      const before = treeOf(repo);
      const { code, out, err } = await finish(s.rr('run', repo, '--once'));
      expect(code, `${out}\n${err}`).toBe(0);
      const bundle = /^ {2}bundle (.*)$/m.exec(out)![1]!;
      const { result } = JSON.parse(readFileSync(join(bundle, 'run.json'), 'utf8'));
      expect(treeOf(repo)).toEqual(before);
      await expectNothingLeft(s, []);
      const verified = await finish(s.rr('checkpoints', 'verify'));
      expect(verified.code, verified.out).toBe(0);

      const helped = result.fixes.filter((fix: { helped: boolean }) => fix.helped);
      const paths = new Set<string>(helped.flatMap(({ patch }: { patch?: string }) => patch ?? []));
      expect(helped.length).toBeGreaterThan(0);
      expect([...paths].map((path) => path.replace('patches/', '')).sort()).toEqual(
        readdirSync(join(bundle, 'patches')).sort(),
      );
      const kept = JSON.parse(readFileSync(join(bundle, 'fixes.json'), 'utf8'));
      expect(kept.map(({ patch }: { patch?: string }) => patch)).toEqual(
        result.fixes.map(({ patch }: { patch?: string }) => patch),
      );
      const told = [...out.matchAll(/^ {2}patch git apply (\S+)/gm)].map(([, path]) => path!);
      expect(told.map((path) => path.slice(bundle.length + 1)).sort()).toEqual([...paths].sort());
      expect(told.map((path) => readFileSync(path, 'utf8')).join('\n')).toMatch(changes);

      const clean = join(s.dir, 'clean');
      execFileSync('git', ['clone', '-q', repo, clean]);
      for (const path of told) {
        execFileSync('git', ['apply', '--check', path], { cwd: clean });
        execFileSync('git', ['apply', path], { cwd: clean });
      }
      execFileSync('git', ['add', '-A'], { cwd: clean });
      execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.invalid', 'commit', '-qm', 'mended'], {
        cwd: clean,
      });
      const again = await finish(s.rr('run', clean, '--once', '--json', '--state', join(s.dir, 'other')));
      const second = resultOf(again.objects);
      expect([second?.outcome, second?.fixes], `${again.out}\n${again.err}`).toEqual(['healthy', []]);
    }),
);

test.runIf(process.env.RR_LONG)(
  'what was mended of two services in one file is proposed as one patch, which makes a clean copy healthy',
  { timeout: 300_000 },
  async ({ onTestFinished }) => {
    const s = scratch({ RR_BROKER_IDLE_MS: '300' }, onTestFinished);
    const repo = s.repo('procfile-shop', { git: false });
    // Not by its name: what the code names is seen before it could fail.
    for (const [file, name] of [
      ['web.js', 'SESSION_SECRET'],
      ['queue.js', 'COOKIE_SECRET'],
    ] as const)
      editorOf(repo).edit(file, (before) => {
        const words = name.split('_').map((word) => `'${word}'`);
        return `if (!process.env[[${words.join(', ')}].join('_')]) throw new Error('${name} is required');\n${before}`;
      });
    commitAll(repo, `${IGNORED}released.txt\n`);
    const first = await finish(s.rr('run', repo, '--all', '--once', '--json'));
    const result = resultOf(first.objects);
    expect(result, `${first.out}\n${first.err}`).toMatchObject({ outcome: 'healthy', error: null });
    const told = result.fixes.map(({ of, rule, patch }: Record<string, string>) => [of, rule, patch]);
    expect(told).toEqual([
      ['procfile-shop', 'missing-env', 'patches/001-missing-env.patch'],
      ['procfile-shop-worker', 'missing-env', 'patches/001-missing-env.patch'],
    ]);
    expect(readdirSync(join(result.bundle, 'patches'))).toEqual(['001-missing-env.patch']);

    const clean = join(s.dir, 'clean');
    execFileSync('git', ['clone', '-q', repo, clean]);
    execFileSync('git', ['apply', join(result.bundle, 'patches/001-missing-env.patch')], { cwd: clean });
    commitAll(clean, `${IGNORED}released.txt\n`);
    const again = await finish(s.rr('run', clean, '--all', '--once', '--json', '--state', join(s.dir, 'other')));
    const second = resultOf(again.objects);
    expect([second?.outcome, second?.fixes], `${again.out}\n${again.err}`).toEqual(['healthy', []]);
  },
);
