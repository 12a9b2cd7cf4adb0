import { test } from 'vitest';
import { fetchSource } from '../../../agents/file/fetch.js';
import { prepareWorkspace } from '../../../agents/file/prepare.js';
import { repository, scratch, write } from '../../providers/git/scratch.js';
import { execFileSync } from 'node:child_process';
test('x', async () => {
  const files = Object.fromEntries(Array.from({ length: 20000 }, (_, n) => [`d${n % 200}/f${n}.js`, `x${n}`]));
  const r = repository(files);
  const p = scratch(); write(p, files);
  const tar = scratch(); execFileSync('tar', ['czf', `${tar}/a.tgz`, '.'], { cwd: p });
  const t = async (n: string, f: () => Promise<unknown>) => { const b = performance.now(); const x = await f().catch((e) => [e.code, e.message, e.fix]); console.log(n, Math.round(performance.now() - b), JSON.stringify(x).slice(0, 300)); };
  await t('fetch', () => fetchSource({ source: r, ref: null, bundle: scratch() }));
  for (const root of [r, p]) { const bundle = scratch(); await t('prep', () => prepareWorkspace({ root, kind: 'local', writes: ['dist'], forceCopy: false, files: [], bundle, state: bundle })); }
  await t('tgz', () => fetchSource({ source: `${tar}/a.tgz`, ref: null, bundle: scratch() }));
  await t('nohost', () => fetchSource({ source: 'https://no-such-host.invalid/a/b', ref: null, bundle: scratch() }));
  await t('ssh', () => fetchSource({ source: 'git@no-such-host.invalid:a/b', ref: null, bundle: scratch() }));
  await t('github', () => fetchSource({ source: 'https://github.com/octocat/Hello-World', ref: null, bundle: scratch() }));
  await t('github', () => fetchSource({ source: 'https://github.com/octocat/Hello-World-none', ref: null, bundle: scratch() }));
}, 200000);
