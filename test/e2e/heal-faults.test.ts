/**
 * The faults of the heal-bench, each in a copy of a healthy repository: with the rule it is proven by its own page, what
 * git tracks is untouched, nothing is left running; and what nobody but a person can mend is never called healthy.
 * A few here, all with `npm run test:long`.
 */
import { expect, test } from 'vitest';
import { hold } from '../bench/bring-up.js';
import { faults, hereOf, inject } from '../bench/heal/faults.js';
import { inTurn } from './beside.js';
import { expectNothingLeft, treeOf } from './left.js';
import { commitAll, finish, resultOf, scratch } from './rr.js';

const always = new Set(['start script with line ends of Windows', 'module of the repository not on the path']);
const mine = hereOf(faults.filter(({ kind }) => process.env.RR_LONG || always.has(kind)));

test.concurrent.for(mine)('$kind ($repo)', { timeout: 300_000 }, (fault, { onTestFinished }) =>
  inTurn(async () => {
    const s = scratch({ RR_BROKER_IDLE_MS: '300' }, onTestFinished);
    const repo = s.repo(fault.repo, { git: false });
    inject(fault, repo);
    for (const port of fault.holds ?? []) onTestFinished(await hold(port));
    commitAll(repo, 'node_modules/\ndist/\n.venv/\n__pycache__/\ntarget/\n');
    const before = treeOf(repo);
    const service = fault.service === undefined ? [] : ['--service', fault.service];
    const { objects, out, err } = await finish(s.rr('run', repo, '--once', '--json', ...service));
    const result = resultOf(objects);
    expect(result, `${out}\n${err}`).toBeDefined();
    const url = result.services[0]?.url;
    await expectNothingLeft(s, url ? [Number(new URL(url).port)] : []);
    expect(treeOf(repo)).toEqual(before);
    if (fault.rules.length === 0) {
      expect([result.outcome, result.error?.code]).toEqual([expect.not.stringMatching('healthy'), expect.any(String)]);
      return;
    }
    expect([result.outcome, result.error]).toEqual(['healthy', null]);
    expect(JSON.stringify(result.services[0].proof)).toContain(JSON.stringify(fault.says).slice(1, -1));
    // Some are seen before they can fail: then there is nothing to repair.
    const helped = result.fixes
      .filter((fix: { helped: boolean }) => fix.helped)
      .map((fix: { rule: string }) => fix.rule);
    if (helped.length > 0 || always.has(fault.kind))
      expect(fault.rules.some((rule) => helped.includes(rule))).toBe(true);
  }),
);
