/** Parts of a run that are up: each falls, is started again, repaired and restarted for itself, while the others stay up. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { definitions } from '../../actors/registry.js';
import { healingsOf } from '../../actors/run/recover.js';
import { type RunContext, unborn, type Walked } from '../../actors/run/state.js';
import { nextWake } from '../../actors/run/wake.js';
import { walk } from '../../actors/run/walk.js';
import { emptyOverlay } from '../../agents/fixer/contract.js';
import type { Answered, Message } from '../../runtime/actor.js';
import { fail } from '../../runtime/errors.js';
import type { Step, Workflow } from '../../runtime/workflow.js';

type Policy = 'no' | 'on-failure' | 'always';
const step = (id: string, to: string, needs: string[], given: Record<string, unknown> = {}): Step => ({
  ...{ id, phase: id, to, command: `${to}.do`, needs, heal: true, with: given },
});
/** Each is told the addresses of those before it; what it builds has them too. */
const one: Workflow = {
  ...{ name: 'one', version: 1, mends: true, agents: ['fixer', 'monitor'] },
  steps: [
    step('build', 'setup', [], { others: '$others', env: '$overlay.env' }),
    step('start', 'runner', ['build'], { others: '$others' }),
    step('prove', 'health', ['start']),
  ],
  scope: ({ input, overlay, results }) => ({
    ...{ overlay, service: input.of, cwd: '/w', startCommand: 'node a.js' },
    others: (input.earlier as { url?: string }[]).map(({ url }) => url),
    ...results,
  }),
  output: { app: '$start.app', name: '$service.name', url: '$prove.proof.url', proof: '$prove.proof' },
};
type Item = { app: string; name: string; url: string; proof: Record<string, unknown>; error?: never };
const all: Workflow = {
  ...{ name: 'all', version: 1, agents: ['fixer', 'monitor'], uses: { one } },
  steps: [
    {
      ...{ id: 'parts', workflow: 'one', forEach: '$input.of', concurrency: 1, keepGoing: 'any' },
      with: { of: '$item', earlier: '$earlier' },
    },
  ],
  services: ({ parts, input }) =>
    (parts as { items: Item[] }).items.map((item, n) => {
      const { name, restart } = (input as { of: { name: string; restart?: Policy }[] }).of[n]!;
      const { app = null, url = null, proof = null, error } = item;
      const again = restart ? { restart } : {};
      return {
        ...{ name, kind: null, app, pid: null, sockets: [], url, proof, ...again },
        ...(error ? { error } : {}),
      };
    }),
};
const failure = { error: fail('COMMAND_FAILED', { command: 'x', met: 'exit code 1' }).toRecord(), evidence: null };
const tags = (c: RunContext): string[] => c.out.asks.map(({ tag }) => tag).filter((tag) => tag !== 'note');
const types = (c: RunContext): string[] => c.out.facts.map(({ type }) => type).filter((type) => !/step-/.test(type));
const told = (c: RunContext, type: string) =>
  c.out.facts.find((one) => one.type === type) as unknown as Record<string, unknown>;
const asked = (c: RunContext, tag: string) =>
  c.out.asks.find((one) => one.tag === tag)!.command as unknown as Record<string, unknown>;

/** A run that holds `api` and `web`, and is told one thing a second. */
function live(options: { restart?: Policy; api?: Policy; web?: Policy; without?: 'web' } = {}) {
  let now = 1_000;
  const of = (['api', 'web'] as const).map((name) => ({ name, ...(options[name] ? { restart: options[name] } : {}) }));
  const job = {
    ...{ workflow: 'all', source: '', ref: null, service: null, copy: false, user: 'local', input: { of } },
    ...(options.restart ? { restart: options.restart } : {}),
  };
  let c = walk(all, unborn, { type: 'run.start', run: 'r1', job, bundle: '/b', at: now });
  const starts = { api: 0, web: 0 };
  const key = { api: 'parts[0]', web: 'parts[1]' };
  const life = {
    c: () => c,
    go(event: Walked) {
      c = walk(all, JSON.parse(JSON.stringify(c)), event);
      return c;
    },
    hear(tag: string, fact: object | null = { type: 'x.done' }) {
      now += 1_000;
      return life.go({ type: 'answered', tag, fact: fact as Message | null, error: null, at: now } as Answered);
    },
    due() {
      now = c.dueAt!;
      return life.go({ type: 'due', at: now });
    },
    does(name: 'api' | 'web', id: string, fact: object = { type: 'x.done' }) {
      const tag = tags(c).find((one) => one.startsWith(`step ${key[name]}.${id} `));
      expect(tag, `${id} of ${name} is not asked, but ${tags(c)}`).toBeDefined();
      return life.hear(tag!, fact);
    },
    app: (name: 'api' | 'web') => `${name}-${starts[name]}`,
    comesUp(name: 'api' | 'web', at = `http://${name}`) {
      starts[name] += 1;
      life.does(name, 'start', { type: 'x.done', app: life.app(name) });
      return life.does(name, 'prove', { type: 'x.done', proof: { url: at, status: 200 } });
    },
    exits: (name: 'api' | 'web', exitCode = 1) =>
      life.hear(`watch ${life.app(name)}`, { type: 'runner.exited', exitCode, signal: null, lines: ['its end'] }),
    falls: (name: 'api' | 'web') =>
      life.hear(`look ${life.app(name)}`, { type: 'monitor.fell', service: name, reason: 'answers 500', since: now }),
    examined: (name: 'api' | 'web', more: object = {}) =>
      life.hear(`examine ${key[name]}`, { type: 'monitor.examined', lines: ['what it said'], memoryBytes: 7, ...more }),
    fixed: (name: 'api' | 'web', from: string, tag = 'recover') =>
      life.hear(tag === 'recover' ? `recover ${key[name]}` : tag, {
        ...{ type: 'fixer.fixed', rule: 'a-rule', cause: 'it is gone', signature: `${now}`, from },
        ...{ overlay: emptyOverlay, actions: [{ do: 'do-again', step: from }] },
      }),
    helpless: (name: 'api' | 'web') =>
      life.hear(`recover ${key[name]}`, { type: 'fixer.helpless', error: failure.error, cause: null }),
    halted: (name: 'api' | 'web') => life.hear(`halt ${key[name]}`, { type: 'runner.halted', commands: 1 }),
    restart: (service: string | null) => life.go({ type: 'run.restart', service, at: now }),
    repaired(name: 'api' | 'web') {
      life.exits(name);
      life.examined(name);
      life.fixed(name, 'build');
      life.halted(name);
      life.does(name, 'build');
      return life.comesUp(name);
    },
  };
  life.does('api', 'build');
  life.comesUp('api');
  if (options.without === 'web') {
    life.does('web', 'build', { type: 'x.failed', ...failure });
    life.hear('heal parts[1].build', { type: 'fixer.helpless', error: failure.error, cause: null });
    life.hear('judge parts[1].build', { type: 'slots.judged', decision: { option: 'report' } });
  } else {
    life.does('web', 'build');
    life.comesUp('web');
  }
  expect([c.mode, c.state]).toEqual(['up', 'up']);
  return life;
}

test('one of several that ended is repaired from the step that the repair changes, while the other is held', () => {
  const run = live();
  const fell = run.exits('web');
  expect([fell.mode, fell.state, types(fell), tags(fell)]).toEqual([
    ...['up', 'healing', ['run.app-healing'], ['examine parts[1]']],
  ]);
  expect(told(fell, 'run.app-healing')).toMatchObject({ service: 'web', exitCode: 1 });
  expect(healingsOf(fell)).toMatchObject([{ service: 'web', step: 'start', rule: null, after: null }]);
  const seeking = run.examined('web');
  expect(asked(seeking, 'recover parts[1]')).toMatchObject({
    ...{ step: 'start', service: { name: 'web' }, later: { memoryBytes: 7 }, tried: [] },
    evidence: { tail: 'what it said', exitCode: 1, log: '' },
  });
  expect(tags(run.fixed('web', 'build'))).toEqual(['halt parts[1]']);
  const sent = run.halted('web');
  expect([tags(sent), sent.held]).toEqual([['step parts[1].build 2'], { 'api-1': 'api' }]);
  expect(sent.out.facts[0]).toMatchObject({ type: 'run.fix-tried', fix: { of: 'web', later: true } });
  run.does('web', 'build');
  const up = run.comesUp('web');
  expect(told(up, 'run.app-healed')).toMatchObject({ service: 'web', rules: ['a-rule'], downMs: 6_000 });
  expect([up.state, up.held]).toEqual(['up', { 'api-1': 'api', 'web-2': 'web' }]);
  expect(up.parts['parts[1]']).toMatchObject({ heals: 1, downMs: 6_000, downSince: null, recovery: null });
  expect(up.parts['parts[0]']).toBeUndefined();
  expect(up.result!.fixes).toMatchObject([{ of: 'web', helped: true }]);
  expect(tags(up).sort()).toEqual(['look web-2', 'watch web-2']);
});

test('one that nothing helps is lost with its cause and leaves the other up; the run ends with the last', () => {
  const run = live();
  run.exits('web');
  run.examined('web');
  const lost = run.helpless('web');
  expect(told(lost, 'run.app-exited')).toMatchObject({
    service: 'web',
    exitCode: 1,
    error: { code: 'COMMAND_FAILED' },
  });
  expect([lost.mode, lost.state, lost.held]).toEqual(['up', 'up', { 'api-1': 'api' }]);
  run.exits('api');
  run.examined('api');
  const over = run.helpless('api');
  expect([over.mode, over.state]).toEqual(['ending', 'failed']);
});

test('each of them may be repaired three times a phase, until it has been well for long', () => {
  const run = live();
  for (let n = 0; n < 3; n += 1) run.repaired('web');
  run.repaired('api');
  const over = run.exits('web');
  expect(told(over, 'run.app-exited')).toMatchObject({
    ...{ service: 'web', error: { code: 'REPAIRS_SPENT', message: expect.stringContaining('repaired 3 times') } },
  });
  const well = live();
  for (let n = 0; n < 3; n += 1) well.repaired('web');
  well.hear('look web-4', { type: 'monitor.steady', service: 'web', since: 1 });
  expect(well.repaired('web').parts['parts[1]']!.heals).toBe(4);
});

test('one that is alive and not well is left as it is where nothing helps, and may be well again', () => {
  const run = live();
  expect(types(run.falls('web'))).toEqual(['run.app-unwell', 'run.app-healing']);
  run.examined('web');
  const left = run.helpless('web');
  expect([left.state, types(left), tags(left)]).toEqual(['up', ['run.app-helpless'], ['look web-1']]);
  const well = run.hear('look web-1', { type: 'monitor.recovered', service: 'web', downMs: 5, since: 9 });
  expect([types(well), well.parts['parts[1]']!.downSince]).toEqual([['run.app-well'], null]);
});

test('two that fall together are repaired one after the other: the second is started first, or looked at anew', () => {
  const run = live();
  run.exits('api');
  const both = run.exits('web');
  expect([types(both), tags(both)]).toEqual([['run.app-healing'], []]);
  expect(healingsOf(both)).toMatchObject([
    { service: 'api', after: null },
    { service: 'web', after: 'api' },
  ]);
  expect(nextWake(both)).toContainEqual({ for: 'fix', step: 'parts[1].start', until: null });
  run.examined('api');
  run.fixed('api', 'build');
  run.halted('api');
  run.does('api', 'build');
  const turned = run.comesUp('api');
  expect(types(turned)).toEqual(['run.app-healed', 'run.app-fell']);
  run.due();
  run.halted('web');
  expect(told(run.comesUp('web'), 'run.app-restarted')).toMatchObject({ service: 'web', byItself: true });

  const alive = live();
  alive.exits('api');
  alive.falls('web');
  alive.examined('api');
  alive.fixed('api', 'start');
  alive.halted('api');
  const looks = alive.comesUp('api');
  expect(asked(looks, 'examine parts[1]')).toMatchObject({ url: 'http://web', proven: 200 });
  const well = alive.examined('web', { well: true });
  expect([well.state, types(well), tags(well), well.unwell]).toEqual(['up', ['run.app-well'], ['look web-1'], {}]);
  expect(asked(well, 'look web-1')).toMatchObject({ well: true });
});

test('one that falls with a private server waits until that is up again', () => {
  const run = live();
  run.hear('server watch', { type: 'database.fell', kind: 'postgres', reason: 'it was ended by SIGKILL' });
  expect(tags(run.falls('web'))).toEqual([]);
  expect(healingsOf(run.c())).toMatchObject([{ service: 'web', after: 'postgres' }]);
  const back = run.hear('server revive postgres', { type: 'database.revived', kind: 'postgres', port: 5432 });
  expect(tags(back)).toContain('examine parts[1]');
  expect(types(run.examined('web', { well: true }))).toEqual(['run.app-well']);
});

test('by its own policy one is started again first, with a pause that doubles; beyond that it is repaired, then lost', () => {
  const run = live({ web: 'always' });
  const pauses: number[] = [];
  for (let n = 1; n <= 5; n += 1) {
    const fell = run.exits('web');
    expect(told(fell, 'run.app-fell')).toMatchObject({ service: 'web', restart: n });
    expect(fell.held).toEqual({ 'api-1': 'api' });
    expect(nextWake(fell)).toContainEqual({ for: 'time', step: 'parts[1]', until: fell.dueAt });
    pauses.push(Number(told(fell, 'run.app-fell').inMs));
    expect(asked(run.due(), 'halt parts[1]')).toEqual({ type: 'runner.halt', app: `web-${n}` });
    run.halted('web');
    const up = run.comesUp('web', `http://web-${n}`);
    expect(told(up, 'run.app-restarted')).toMatchObject({ service: 'web', restarts: n, downMs: expect.any(Number) });
    expect(up.result!.services[1]).toMatchObject({ name: 'web', url: `http://web-${n}` });
  }
  expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000]);
  expect(types(run.exits('web'))).toEqual(['run.app-healing']);
  run.examined('web');
  expect(types(run.helpless('web'))).toEqual(['run.app-exited']);
  expect(types(live({ web: 'always', restart: 'no' }).exits('web', 0))).toEqual(['run.app-exited']);
});

test('a start of one of several that fails is repaired at once; the end of the others meanwhile ends nothing of it', () => {
  const run = live({ web: 'always' });
  run.exits('web');
  run.due();
  run.halted('web');
  const failing = run.does('web', 'start', { type: 'x.failed', ...failure });
  expect([types(failing), tags(failing)]).toEqual([['run.app-healing'], ['recover parts[1]']]);
  const gone = run.exits('api', 0);
  expect([gone.mode, types(gone), gone.held]).toEqual(['up', ['run.app-exited'], {}]);
  const again = run.helpless('web');
  expect([again.state, types(again)]).toEqual(['up', ['run.app-fell']]);
  run.due();
  run.halted('web');
  expect(run.comesUp('web').held).toEqual({ 'web-2': 'web' });
  run.exits('web');
  const over = run.go({ type: 'run.stop', reason: 'stop' });
  expect([over.mode, over.state, over.dueAt, healingsOf(over)]).toEqual(['ending', 'done', null, []]);
});

test('one of several is started anew for a person, or all of them one after the other; what it was built with stays', () => {
  const run = live();
  const begun = run.restart('web');
  expect(begun.out.facts).toEqual([{ type: 'run.restarting', services: ['web'] }]);
  expect([asked(begun, 'halt parts[1]'), begun.held]).toEqual([
    { type: 'runner.halt', app: 'web-1' },
    { 'api-1': 'api' },
  ]);
  expect(run.restart('web').out.facts).toMatchObject([{ type: 'run.refused', error: { code: 'RUN_NOT_WAITING' } }]);
  expect(tags(run.halted('web'))).toEqual(['step parts[1].start 2']);
  expect(told(run.comesUp('web'), 'run.app-restarted')).toMatchObject({ service: 'web', byItself: false });

  const all = run.restart(null);
  expect([told(all, 'run.restarting').services, tags(all)]).toEqual([['api', 'web'], ['halt parts[0]']]);
  expect(all.anew).toEqual(['parts[0]', 'parts[1]']);
  run.halted('api');
  expect(tags(run.comesUp('api')).sort()).toEqual(['halt parts[1]', 'look api-2', 'watch api-2']);
  run.halted('web');
  const up = run.comesUp('web');
  expect([up.anew, up.held]).toEqual([[], { 'api-2': 'api', 'web-3': 'web' }]);
  expect(run.restart('wbe').out.facts).toMatchObject([
    { type: 'run.refused', error: { message: expect.stringContaining('no service of that name, it has api, web') } },
  ]);
});

test('the next is started anew also where one does not come up', () => {
  const run = live();
  // Who looks on sees by its name that the second is to be.
  expect(run.restart(null).parts['parts[1]']).toMatchObject({ service: 'web', rising: false });
  run.halted('api');
  run.does('api', 'start', { type: 'x.failed', ...failure });
  const lost = run.helpless('api');
  expect([types(lost), tags(lost)]).toEqual([['run.app-exited'], ['halt parts[1]']]);
  run.halted('web');
  expect(run.comesUp('web').held).toEqual({ 'web-2': 'web' });
});

test('one that was lost, or was never up, is begun again when it is asked for, and lacks no more', () => {
  const run = live();
  run.exits('web', 0);
  run.restart('web');
  run.halted('web');
  expect(run.comesUp('web').held).toEqual({ 'api-1': 'api', 'web-2': 'web' });

  const partly = live({ without: 'web' });
  expect(partly.c().result).toMatchObject({ error: { code: 'PARTLY_UP' }, degraded: [expect.stringContaining('web')] });
  partly.restart('web');
  expect(tags(partly.halted('web'))).toEqual(['step parts[1].build 2']);
  partly.does('web', 'build');
  const up = partly.comesUp('web');
  expect(up.held).toEqual({ 'api-1': 'api', 'web-1': 'web' });
  expect(up.result).toMatchObject({ error: null, degraded: [], services: [{}, { name: 'web', url: 'http://web' }] });
  expect(up.steps['parts[1]']!.state).toBe('done');
});

test('where one comes up at another address, those that were given the old one are built and started anew with the new', () => {
  const run = live();
  run.exits('api');
  run.examined('api');
  run.fixed('api', 'start');
  run.halted('api');
  const moved = run.comesUp('api', 'http://elsewhere');
  expect(tags(moved)).toContain('halt parts[1]');
  const anew = run.halted('web');
  expect(asked(anew, 'step parts[1].build 2')).toMatchObject({ others: ['http://elsewhere'] });
  expect(asked(run.does('web', 'build'), 'step parts[1].start 2')).toMatchObject({ others: ['http://elsewhere'] });
  const up = run.comesUp('web');
  expect([up.held, up.anew]).toEqual([{ 'api-2': 'api', 'web-2': 'web' }, []]);
});

test('a run that was begun before its parts were repaired goes on, and they are', () => {
  const old = live().c();
  const { anew: _, ...before } = { ...old, parts: { 'parts[1]': { rising: false, restarts: [], fell: null } } };
  const { context } = definitions.run!.migrate!({ value: 'up', context: before }, 4);
  const fact = { type: 'runner.exited', exitCode: 1 } as unknown as Message;
  const c = walk(all, context as RunContext, { type: 'answered', tag: 'watch web-1', fact, error: null, at: 9_000 });
  expect([c.state, tags(c)]).toEqual(['healing', ['examine parts[1]']]);
});

interface Choice {
  pick: number;
  isGood: boolean;
  from: number;
  exitCode: number;
  asks: number;
}
const choice: fc.Arbitrary<Choice> = fc.record({
  pick: fc.nat(9),
  isGood: fc.nat(3).map((n) => n > 0),
  from: fc.nat(2),
  exitCode: fc.constantFrom(0, 1, 1, 1, 1, 137),
  asks: fc.nat(60),
});

/** Lives three parts with falls of all kinds in any order, and looks at every turn whether each can go on. */
function fate(policies: (Policy | undefined)[], choices: Choice[]): string[] {
  const of = ['api', 'web', 'jobs'].map((name, n) => ({ name, ...(policies[n] ? { restart: policies[n] } : {}) }));
  const job = { workflow: 'all', source: '', ref: null, service: null, copy: false, user: 'local', input: { of } };
  const open = new Map<string, Message>();
  const facts: string[] = [];
  let c = unborn;
  let [now, apps, rules] = [1_000, 0, 0];
  const hear = (event: Walked): void => {
    c = walk(all, JSON.parse(JSON.stringify(c)), event);
    const parts = Object.values(c.parts);
    if (c.mode === 'up') {
      expect(c.state === 'healing').toBe(parts.some(({ recovery }) => recovery !== null));
      // One at a time, and each of them waits for something.
      expect(parts.filter(({ recovery }) => recovery && recovery.stage !== 'queued').length).toBeLessThanOrEqual(1);
      const wakes = nextWake(c);
      for (const [key, { rising, recovery }] of Object.entries(c.parts)) {
        if (recovery) expect(rising).toBe(true);
        if (rising) expect(wakes.some((wake) => wake.step?.startsWith(key))).toBe(true);
      }
      expect(Object.keys(c.held).length + parts.filter(({ rising }) => rising).length).toBeGreaterThan(0);
    }
    for (const fact of c.out.facts) facts.push(fact.type);
    for (const { tag, command } of c.out.asks) {
      if (tag === 'note' || /^leave/.test(tag)) continue;
      expect(open.has(tag), `${tag} is asked while it is open`).toBe(false);
      open.set(tag, command as Message);
    }
  };
  const answer = (tag: string, { isGood, from, exitCode }: Choice): void => {
    const command = open.get(tag)! as unknown as { well?: boolean; steady?: boolean };
    open.delete(tag);
    now += 500;
    const [what, id = ''] = tag.split(' ');
    const give = (fact: object): void =>
      hear({ type: 'answered', tag, fact: fact as Message, error: null, at: now } as Answered);
    if (what === 'step') {
      if (!isGood) return give({ type: 'x.failed', ...failure });
      if (id.endsWith('start')) apps += 1;
      // Now and then one comes up elsewhere.
      const url = `http://${id.slice(0, 8)}/${apps % 4 === 0 ? apps : ''}`;
      return give({
        type: 'x.done',
        ...(id.endsWith('start') ? { app: `app-${apps}` } : { proof: { status: 200, url } }),
      });
    }
    if (what === 'recover' || what === 'heal') {
      if (!isGood) return give({ type: 'fixer.helpless', ...failure, cause: null });
      rules += 1;
      const rule = `r${rules}`;
      const back = ['build', 'start', 'prove'][from]!;
      const overlay = { ...emptyOverlay, env: { [rule]: 'yes' } };
      return give({ type: 'fixer.fixed', rule, cause: 'c', actions: [], signature: rule, from: back, overlay });
    }
    if (what === 'watch') return give({ type: 'runner.exited', exitCode, signal: null, lines: [] });
    if (what === 'look') {
      if (command.well === false) return give({ type: 'monitor.recovered', downMs: 1, since: now });
      if (isGood || command.steady) return give({ type: 'monitor.fell', reason: 'bad', since: now });
      return give({ type: 'monitor.steady', since: now });
    }
    give({ type: 'x.done', left: [], lines: [], well: isGood, decision: { option: 'report' } });
  };
  hear({ type: 'run.start', run: 'r1', job, bundle: '/b', at: now });
  const rest: Choice = { pick: 0, isGood: true, from: 0, exitCode: 1, asks: 60 };
  for (let n = 0; c.mode !== 'ended'; n += 1) {
    if (n > 3_000) throw new Error('it goes on without end');
    const how = choices[n] ?? rest;
    const ready = [...open.keys()].filter((tag) => n < choices.length || !/^(watch|look) /.test(tag));
    if (how.asks === 0 || (ready.length === 0 && c.dueAt === null)) hear({ type: 'run.stop', reason: 'stop' });
    else if (how.asks < 4) hear({ type: 'run.restart', service: [null, 'api', 'web', 'jobs'][how.asks]!, at: now });
    else if (c.dueAt !== null && (how.pick % 2 === 0 || ready.length === 0)) {
      now = Math.max(now, c.dueAt);
      hear({ type: 'due', at: now });
    } else answer(ready[how.pick % ready.length]!, how);
  }
  return facts;
}

test('whatever falls and whatever is answered, parts that are up are repaired one at a time, none waits for ever, and the run ends', () => {
  const seen = new Map<string, number>();
  const policy = fc.constantFrom<Policy | undefined>(undefined, 'no', 'on-failure', 'always');
  fc.assert(
    fc.property(
      fc.array(policy, { minLength: 3, maxLength: 3 }),
      fc.array(choice, { minLength: 60, maxLength: 160 }),
      (policies, choices) => {
        const facts = fate(policies, choices);
        expect(facts.filter((type) => type === 'run.settled')).toHaveLength(1);
        expect(facts.at(-1)).toBe('run.ended');
        for (const type of facts) seen.set(type, (seen.get(type) ?? 0) + 1);
      },
    ),
    { numRuns: 150 },
  );
  for (const type of ['run.app-healed', 'run.app-restarted', 'run.app-exited', 'run.app-helpless', 'run.app-well'])
    expect(seen.get(type) ?? 0, type).toBeGreaterThan(0);
}, 120_000);
