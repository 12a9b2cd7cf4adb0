/**
 * Each rule with a fault that shows it: without the rule the run fails, or has no cause to tell; with it the application is
 * healthy by its own page, or a person is told the cause. A few here, all with `npm run test:long`.
 */
import { expect, test } from 'vitest';
import { rules } from '../../agents/fixer/rules/index.js';
import { faults, hereOf, inject } from '../bench/heal/faults.js';
import { shown } from '../bench/heal/shown.js';
import { inTurn } from './beside.js';
import { expectNothingLeft, treeOf } from './left.js';
import { freePort } from './ports.js';
import { commitAll, finish, resultOf, scratch } from './rr.js';

const always = ['own-modules-path', 'program-missing'];
const rows = Object.entries(shown).flatMap(([rule, by]) => {
  if (!('fault' in by) || !(process.env.RR_LONG || always.includes(rule))) return [];
  const [fault] = hereOf(faults.filter(({ kind }) => kind === by.fault));
  return fault === undefined ? [] : [{ rule, kind: by.fault, fault, others: by.others ?? [] }];
});

test.concurrent.for(rows)('$rule: $kind', { timeout: 600_000 }, ({ rule, fault, others }, { onTestFinished }) =>
  inTurn(async () => {
    const isRepair = !('error' in rules.find(({ id }) => id === rule)!);
    const s = scratch({ RR_BROKER_IDLE_MS: '300' }, onTestFinished);
    const repo = s.repo(fault.repo, { git: false });
    inject(fault, repo, freePort());
    commitAll(repo, 'node_modules/\ndist/\n.venv/\n__pycache__/\ntarget/\n');
    const before = treeOf(repo);
    const run = async (...options: string[]) => {
      const service = fault.service === undefined ? [] : ['--service', fault.service];
      // What one run has put beside the sources must not help the other.
      const { objects, out, err } = await finish(
        s.rr('run', repo, '--once', '--json', '--copy', ...service, ...options),
      );
      const result = resultOf(objects);
      expect(result, `${out}\n${err}`).toBeDefined();
      const url = result.services[0]?.url;
      await expectNothingLeft(s, url ? [Number(new URL(url).port)] : []);
      expect(treeOf(repo)).toEqual(before);
      return result;
    };
    const without = await run(...[rule, ...others].flatMap((id) => ['--without-rule', id]));
    expect(without.outcome, 'without the rule').not.toBe('healthy');
    expect(without.fixes.map((fix: { rule: string }) => fix.rule)).not.toContain(rule);

    const result = await run();
    if (!isRepair) {
      expect(result.outcome).not.toBe('healthy');
      expect(result.error).not.toEqual(without.error);
      return;
    }
    expect([result.outcome, result.error]).toEqual(['healthy', null]);
    expect(JSON.stringify(result.services[0].proof)).toContain(JSON.stringify(fault.says).slice(1, -1));
    expect(result.fixes).toContainEqual(expect.objectContaining({ rule, helped: true }));
  }),
);

test('a rule that there is none of cannot be left out', async () => {
  const s = scratch({ RR_BROKER_IDLE_MS: '300' });
  const repo = s.repo('node-plain');
  const { code, err } = await finish(s.rr('run', repo, '--once', '--without-rule', 'no-such-rule'));
  expect([code, err]).toEqual([2, expect.stringContaining('there is no rule no-such-rule')]);
});
