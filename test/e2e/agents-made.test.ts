/** Kinds of agents made at run time from a manifest: what holds, what lies, and what is left after a kill. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../runtime/program.js';
import { expectNothingLeft } from './left.js';
import { rawClient, type Scratch, scratch } from './rr.js';

/** The example of docs/agents.md, as it stands there. */
const page = readFileSync(join(packageRoot(), 'docs/agents.md'), 'utf8');
const [, manifestText, moduleText] = /```json\n([\s\S]*?)```[\s\S]*?```js\n([\s\S]*?)```/.exec(page)!;
const manifest = JSON.parse(manifestText!) as Record<string, unknown>;

function folder(s: Scratch, over: Record<string, unknown> = {}, code = moduleText!): string {
  const path = join(s.dir, `agent-${Math.random().toString(36).slice(2)}`);
  mkdirSync(path);
  writeFileSync(join(path, 'agent.json'), JSON.stringify({ ...manifest, ...over }));
  writeFileSync(join(path, 'agent.mjs'), code);
  return path;
}
async function upWith() {
  const s = scratch({ RR_BROKER_IDLE_MS: '500' });
  const up = s.rr('up', '--foreground', '--json');
  await up.object(({ type }) => type === 'up');
  const { nats, ask } = await rawClient(s.state);
  const admin = (verb: string, body: object = {}) => ask(`rr.api.local.admin.${verb}`, body);
  const enlist = (source: string) => admin('enlist', { source });
  return { s, up, nats, admin, enlist };
}

test('the example of the page is checked, registered, asked, and still known after a kill', async () => {
  const { s, up, nats, admin, enlist } = await upWith();
  expect(await enlist(folder(s))).toEqual({ kind: 'word-count', state: 'registered', problems: [] });
  const { kinds } = await admin('kinds');
  expect(kinds.find(({ kind }: { kind: string }) => kind === 'word-count')).toMatchObject({
    hears: ['word-count.do'],
    custom: { role: 'counts the words of a text', state: 'registered', tools: [] },
  });
  const { address } = await admin('spawn', { kind: 'word-count', id: 'one' });
  const count = (text: unknown) => admin('send', { address, command: { type: 'word-count.do', input: { text } } });
  expect(await count('a b c')).toEqual({ fact: { type: 'word-count.done', output: { words: 3 } } });
  expect(await count(7)).toMatchObject({ error: { code: 'MESSAGE_INVALID' } });
  await nats.close();
  up.child.kill('SIGKILL');
  await up.exited;

  const again = s.rr('up', '--foreground', '--json');
  await again.object(({ type }) => type === 'up');
  const second = await rawClient(s.state);
  const send = (body: object) => second.ask('rr.api.local.admin.send', body);
  expect(await send({ address, command: { type: 'word-count.do', input: { text: 'x y' } } })).toEqual({
    fact: { type: 'word-count.done', output: { words: 2 } },
  });
  expect(await second.ask('rr.api.local.admin.actor', { address })).toMatchObject({
    alive: true,
    state: { context: { done: 2 } },
  });
  expect(await second.ask('rr.api.local.admin.unlist', { kind: 'word-count' })).toEqual({ kind: 'word-count' });
  expect(await second.ask('rr.api.local.admin.spawn', { kind: 'word-count' })).toMatchObject({
    error: { code: 'USAGE' },
  });
  await second.nats.close();
  again.child.kill('SIGINT');
  expect(await again.exited).toBe(0);
  await expectNothingLeft(s);
}, 60_000);

const limits = { wallMs: 1_000, memoryMb: 48, outputBytes: 200 };
const outside = '/etc/hostname';
const lies: [string, Record<string, unknown>, string, RegExp][] = [
  [
    'an output that its check does not want',
    {},
    'export default () => ({ words: 7 });',
    /two words: it gave \{"words":7\}/,
  ],
  [
    'an output that its schema does not say',
    {},
    'export default () => ({ words: "two" });',
    /not what its output schema says/,
  ],
  ['a throw', {}, 'export default () => { throw new RangeError("no"); };', /RangeError: no/],
  ['no function', {}, 'export const a = 1;', /no function as default export/],
  ['a syntax error', {}, 'export default (', /SyntaxError/],
  ['no end', { limits }, 'export default () => { for (;;); };', /more than 1000 ms/],
  [
    'an output without end',
    { limits },
    'export default () => ({ words: 2, more: "x".repeat(5000) });',
    /more than 200 bytes/,
  ],
  [
    'more memory than it said',
    { limits: { ...limits, wallMs: 10_000 } },
    'const all = []; export default () => { for (;;) all.push(new Array(1e5).fill(1.5)); };',
    /ended with/,
  ],
  [
    'a file it did not ask for',
    {},
    `import { readFileSync } from 'node:fs'; export default () => ({ words: readFileSync('${outside}', 'utf8').length });`,
    /ERR_ACCESS_DENIED|restricted/,
  ],
  [
    'a file it writes',
    {},
    `import { writeFileSync } from 'node:fs'; export default () => { writeFileSync('/tmp/rr-lies', ''); return { words: 2 }; };`,
    /ERR_ACCESS_DENIED|restricted/,
  ],
  [
    'a program it did not ask for',
    {},
    `import { execSync } from 'node:child_process'; export default () => ({ words: Number(execSync('echo 2')) });`,
    /ERR_ACCESS_DENIED|restricted/,
  ],
  [
    'our environment',
    {},
    'export default () => { throw new Error(Object.keys(process.env).join()); };',
    /Error: PATH$/,
  ],
  [
    'an input it was to refuse',
    { checks: [{ name: 'refuses', input: { text: 'no' }, fails: true }] },
    moduleText!,
    /refuses: it was to refuse/,
  ],
];
test('what a manifest says wrongly keeps its kind in quarantine, with the reason, and no actor of it starts', async () => {
  const { s, up, nats, admin, enlist } = await upWith();
  for (const [what, over, code, says] of lies) {
    const answer = await enlist(folder(s, over, code));
    expect(answer, what).toMatchObject({ kind: 'word-count', state: 'quarantined' });
    expect(answer.problems.join('\n'), what).toMatch(says);
    const refused = await admin('spawn', { kind: 'word-count' });
    expect(refused, what).toMatchObject({ error: { code: 'KIND_QUARANTINED' } });
  }
  // The same kind, mended.
  expect(await enlist(folder(s))).toMatchObject({ state: 'registered' });
  await nats.close();
  up.child.kill('SIGINT');
  expect(await up.exited).toBe(0);
  await expectNothingLeft(s);
}, 120_000);

test('a manifest that is none is refused with what is wrong with it', async () => {
  const { s, up, nats, enlist } = await upWith();
  const broken = folder(s);
  writeFileSync(join(broken, 'agent.json'), '{"name": ');
  const linked = folder(s);
  symlinkSync(outside, join(linked, 'there'));
  const wrong: [string, RegExp][] = [
    [join(s.dir, 'nowhere'), /ENOENT/],
    [broken, /JSON/],
    [folder(s, { name: 'Word Count' }), /name/],
    [folder(s, { name: 'health' }), /one of our own kinds/],
    [folder(s, { tools: ['fly'] }), /tools/],
    [folder(s, { entry: '../../etc/passwd' }), /no file of its folder/],
    [folder(s, { entry: 'missing.mjs' }), /no file of its folder/],
    [folder(s, { checks: [] }), /checks/],
    [folder(s, { input: { type: 'nothing known' } }), /input is no JSON Schema/],
    [linked, /there is a link/],
  ];
  for (const [source, says] of wrong) {
    const { error } = await enlist(source);
    expect(error, String(says)).toMatchObject({ code: 'MANIFEST_INVALID', message: expect.stringMatching(says) });
  }
  await nats.close();
  up.child.kill('SIGINT');
  expect(await up.exited).toBe(0);
}, 60_000);
