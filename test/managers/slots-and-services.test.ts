/** Run slots, what happens after a failure, and the list of what is up: as decisions, without a clock or a bus. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { judge, orchestratorManager } from '../../managers/orchestrator/index.js';
import { serviceManager } from '../../managers/service/index.js';
import type { ActorDefinition, Ask, Message } from '../../runtime/actor.js';
import { begin, decide } from '../../runtime/decide.js';
import { fail } from '../../runtime/errors.js';

/** Tells an actor things one after another. @returns the fact each led to. */
function telling(def: ActorDefinition) {
  let { snapshot } = begin(def, undefined);
  return (command: object): Record<string, unknown> => {
    const decision = decide(def, snapshot, def.accepts.parse(command) as Message)!;
    snapshot = decision.snapshot;
    expect(decision.asked.map(({ type }) => type)).toEqual(['emit']);
    return def.emits.parse(decision.asked[0]!.params) as unknown as Record<string, unknown>;
  };
}

test('never more runs are at work than there are slots; a slot given back is there for the next', () => {
  const acts = fc.array(fc.record({ run: fc.nat(6), release: fc.boolean() }), { maxLength: 60 });
  fc.assert(
    fc.property(acts, fc.integer({ min: 1, max: 4 }), (all, slots) => {
      const tell = telling(orchestratorManager);
      const held = new Set<string>();
      for (const { run: n, release } of all) {
        const run = `r${n}`;
        if (release) {
          held.delete(run);
          expect(tell({ type: 'slots.release', run })).toEqual({ type: 'slots.released', run });
          continue;
        }
        const granted = held.has(run) || held.size < slots;
        const fact = tell({ type: 'slots.acquire', run, slots });
        if (granted) held.add(run);
        expect(fact.type).toBe(granted ? 'slots.granted' : 'slots.full');
        if (!granted) expect(new Set(fact.held as string[])).toEqual(held);
      }
    }),
  );
});

test('a semaphore is never held by more than its limit, is granted in the order of asking, and a run that is over holds none', () => {
  const acts = fc.array(fc.record({ run: fc.nat(3), step: fc.nat(2), do: fc.nat(5) }), { maxLength: 80 });
  fc.assert(
    fc.property(acts, fc.tuple(...[1, 2, 3, 4].map(() => fc.integer({ min: 1, max: 3 }))), (all, limits) => {
      // Each run may have another limit in mind; the first of the queue waits for its own.
      const limitOf = (key: string): number => limits[Number(key[1])]!;
      let { snapshot } = begin(orchestratorManager, undefined);
      const held: string[] = [];
      const queue: string[] = [];
      const next = (): string[] => {
        const called: string[] = [];
        while (queue.length > 0 && held.length < limitOf(queue[0]!)) {
          held.push(queue[0]!);
          called.push(queue.shift()!);
        }
        return called;
      };
      for (const { run: r, step: n, do: what } of all) {
        const [run, step] = [`r${r}`, `s${n}`];
        const key = `${run} ${step}`;
        const ticket = { name: 'one', run, step, attempt: 1 };
        const command =
          what < 3
            ? { type: 'semaphore.acquire', ...ticket, limit: limitOf(key) }
            : what < 5
              ? { type: 'semaphore.release', ...ticket }
              : { type: 'slots.release', run };
        let wanted: string[] = [];
        let said = 'semaphore.granted';
        if (what < 3) {
          if (!held.includes(key) && (queue.length > 0 || held.length >= limitOf(key))) {
            said = 'semaphore.queued';
            if (!queue.includes(key)) queue.push(key);
          } else if (!held.includes(key)) held.push(key);
        } else {
          said = what < 5 ? 'semaphore.released' : 'slots.released';
          const fits = (one: string) => (what < 5 ? one === key : one.startsWith(`${run} `));
          for (const list of [held, queue]) list.splice(0, list.length, ...list.filter((one) => !fits(one)));
          wanted = next();
        }
        const decision = decide(orchestratorManager, snapshot, orchestratorManager.accepts.parse(command) as Message)!;
        snapshot = decision.snapshot;
        const asks = decision.asked.flatMap(({ type, params }) => (type === 'ask' ? [params as Ask] : []));
        expect((decision.asked[0]!.params as Message).type).toBe(said);
        expect(asks.map(({ to, command: { type, ...told } }) => [to, type, (told as { step: string }).step])).toEqual(
          wanted.map((one) => [`${one.split(' ')[0]}/run/run-1`, 'run.permit', one.split(' ')[1]]),
        );
        expect(held.length).toBeLessThanOrEqual(3);
      }
    }),
  );
});

test('only what may pass by itself is tried again, and only once', () => {
  const option = (code: Parameters<typeof fail>[0], attempt: number) =>
    judge('deps', attempt, fail(code).toRecord()).option;
  expect([option('ASK_TIMEOUT', 1), option('ASK_TIMEOUT', 2)]).toEqual(['again', 'report']);
  expect(option('COMMAND_FAILED', 1)).toBe('report');
  expect(judge('deps', 1, { code: 'NEVER_HEARD', message: '' }).option).toBe('report');
  const fact = telling(orchestratorManager)({
    type: 'slots.judge',
    run: 'r1',
    step: 'deps',
    attempt: 1,
    error: fail('BROKER_FAILED').toRecord(),
  });
  expect(fact).toMatchObject({
    type: 'slots.judged',
    decision: { option: 'again', by: 'rule', facts: { step: 'deps' } },
  });
});

test('a service is known once by its run and name, with what was told last, until its run forgets it', () => {
  const tell = telling(serviceManager);
  const service = (run: string, name: string, pid: number) => ({ run, name, url: null, pid, sockets: [], since: 1 });
  tell({ type: 'service.record', service: service('r1', 'web', 1) });
  tell({ type: 'service.record', service: service('r1', 'web', 2) });
  tell({ type: 'service.record', service: service('r1', 'api', 3) });
  tell({ type: 'service.record', service: service('r2', 'web', 4) });
  expect(tell({ type: 'service.forget', run: 'r1' })).toEqual({
    type: 'service.forgotten',
    run: 'r1',
    names: ['web', 'api'],
  });
  expect(tell({ type: 'service.forget', run: 'r1' })).toMatchObject({ names: [] });
  expect(tell({ type: 'service.forget', run: 'r2' })).toMatchObject({ names: ['web'] });
});
