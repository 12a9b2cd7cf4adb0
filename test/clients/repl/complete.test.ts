import { createContext, runInContext } from 'node:vm';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { allowedAt, type Schema } from '../../../clients/repl/fields.js';
import { openAt } from '../../../clients/repl/open-at.js';
import { namesOf, peek } from '../../../clients/repl/peek.js';

const call = (text: string) => {
  const open = openAt(text);
  return open?.call && [open.call.callee, ...open.call.before, open.quote ?? '-', open.begun];
};
test.each([
  ["spawn('he", ['spawn', "'", 'he']],
  ['spawn("', ['spawn', '"', '']],
  ['spawn(`he', ['spawn', '`', 'he']],
  ['run(', ['run', '-', '']],
  ['run(jo', ['run', '-', 'jo']],
  ["const x = await run('a", ['run', "'", 'a']],
  ["decide(job, 'sh", ['decide', 'job', "'", 'sh']],
  ["decide(run('a'), '", ['decide', "run('a')", "'", '']],
  ["actor('a/b/c').send({ type: 'x', n: [1, {", ["actor('a/b/c').send", '-', '']],
  ["one.two?.send({ type: '", ['one.two?.send', "'", '']],
  ["f(g(1, 2), h('a, (b', \"it's\", '", ['h', "'a, (b'", '"it\'s"', "'", '']],
  ["(await run('a').get()).steps.map((one) => run('", ['run', "'", '']],
  ["run('a').logs() // and then run('", undefined],
  ["run('a'); spawn('", ['spawn', "'", '']],
  ["if (x) spawn('", ['spawn', "'", '']],
  ["run('a')", null],
  ["'it\\'s' + spawn('", ['spawn', "'", '']],
])('of %j it is known which call stands open, and what is begun there', (text, wanted) => {
  expect(call(text)).toEqual(wanted);
});

test.each([
  ["run('x').st", "run('x').st"],
  ["await run('x').", "run('x')."],
  ['1 + job.id.', 'job.id.'],
  ['a.b(c).d', 'a.b(c).d'],
  ['x = { y: job.', 'job.'],
  ['[job.', 'job.'],
  ['job', 'job'],
  ['job ', ''],
])('of %j the chain %j is being typed', (text, chain) => {
  expect(openAt(text)).toMatchObject({ quote: null, begun: chain });
});

const schema = z.toJSONSchema(
  z.union([
    z.strictObject({
      type: z.literal('job.take'),
      mode: z.enum(['fast', 'safe']),
      sure: z.boolean(),
      at: z.strictObject({
        host: z.string(),
        ports: z.array(z.strictObject({ from: z.int(), kind: z.enum(['tcp', 'udp']) })),
      }),
    }),
    z.strictObject({ type: z.literal('job.drop'), why: z.string() }),
  ]),
) as Schema;
const allowed = (text: string) => allowedAt(schema, openAt(`send(${text}`)!.levels);
test.each([
  ['{', { fields: ['type', 'mode', 'sure', 'at', 'why'] }],
  ["{ type: '", { values: ['job.take', 'job.drop'] }],
  ["{ type: 'job.take', ", { fields: ['mode', 'sure', 'at'] }],
  ["{ why: 'so', type: 'job.drop', ", { fields: [] }],
  ["{ 'type': 'job.take', \"mode\": '", { values: ['fast', 'safe'] }],
  ["{ type: 'job.take', sure: ", { values: [true, false] }],
  ["{ type: 'job.take', at: { ", { fields: ['host', 'ports'] }],
  ["{ type: 'job.take', at: { host: f(1, {a: 2}), ports: [{ from: 1 }, { from: 2, ", { fields: ['kind'] }],
  ["{ type: 'job.take', at: { ports: [{ kind: '", { values: ['tcp', 'udp'] }],
  ["{ type: 'job.drop', at: { ", { fields: [] }],
  ["{ type: 'never', ", { fields: [] }],
])('at the end of send(%s the schema allows %j', (text, wanted) => {
  expect(allowed(text)).toEqual(wanted);
});
test('a chain of names is looked up without a getter, a proxy or a function being run', () => {
  const context = createContext({ ran: [] as string[], job: { id: 'r1', step: { name: 'deps' } } });
  runInContext(
    `const declared = { one: 1, get two() { ran.push('two'); return { three: 3 } } }
     let proxied = new Proxy({}, { get: () => ran.push('get'), ownKeys: () => ran.push('keys'), getPrototypeOf: () => ran.push('proto'), getOwnPropertyDescriptor: () => ran.push('own') })
     let odd = { valueOf() { ran.push('valueOf') }, toString() { ran.push('toString') } }
     Object.defineProperty(globalThis, 'watched', { get() { ran.push('watched'); return {} }, configurable: true })
     class Thing { get it() { ran.push('it') } plain() {} }
     const thing = new Thing()
     const call = () => ran.push('call')`,
    context,
  );
  expect(peek(context, 'job.step.name')).toBe('deps');
  expect(namesOf(peek(context, 'job'), '')).toEqual(['id', 'step']);
  expect(namesOf(peek(context, 'job.id'), 'toUp')).toEqual(['toUpperCase']);
  expect(namesOf(peek(context, 'declared'), '')).toEqual(['one', 'two']);
  expect(namesOf(peek(context, 'thing'), '')).toEqual(['constructor', 'it', 'plain']);
  for (const chain of [
    'declared.two',
    'declared.two.three',
    'proxied',
    'proxied.a',
    'watched',
    'watched.a',
    'thing.it',
    'call()',
    'nobody',
    'a + b',
    'new',
    'odd.x',
  ])
    expect(namesOf(peek(context, chain), ''), chain).toEqual([]);
  expect(namesOf(peek(context, 'odd'), 'valueO')).toEqual(['valueOf']);
  expect(runInContext('ran', context)).toEqual([]);
});
