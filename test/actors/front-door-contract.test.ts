/** What a client may call its run. */
import { expect, test } from 'vitest';
import { z } from 'zod';
import { verbs } from '../../actors/front-door/contract.js';

const submit = verbs['jobs.submit'].request;
const takes = (run: string): boolean => submit.safeParse({ source: '/a', run }).success;

test('no run is called like the system itself, so that stopping it stops nothing else', () => {
  for (const run of ['sys', 'api', 'view', 'queue', '', '-x', 'A', 'a.b', '../a', 'x'.repeat(65)])
    expect(takes(run), run).toBe(false);
  for (const run of ['system', 'r1', '20261120t220114-k3f9q2', 'a-sys']) expect(takes(run), run).toBe(true);
  const { pattern } = (z.toJSONSchema(submit, { io: 'input' }).properties as { run: { pattern: string } }).run;
  expect(new RegExp(pattern).test('sys')).toBe(false);
});
