/** What an event costs the pure walk of a workflow: no disk, no bus, the definition worked out already. */
import { type RunContext, unborn, type Walked } from '../../actors/run/state.js';
import { walk } from '../../actors/run/walk.js';
import type { Message } from '../../runtime/actor.js';
import type { Step, Workflow } from '../../runtime/workflow.js';
import type { Bench } from './main.js';
import { summary } from './times.js';

const RUNS = 2_000;
const ROUNDS = 9;
const ask = (id: string, needs: string[], more: Partial<Step> = {}): Step => ({
  id,
  to: 'worker',
  command: 'worker.work',
  needs,
  ...more,
});
const flow = (name: string, steps: Step[]): Workflow => ({ name, version: 1, steps, record: 'light' });
const ten = Array.from({ length: 10 }, (_, n) => n);
const flows = [
  flow(
    'seq10',
    ten.map((n) => ask(`s${n}`, n === 0 ? [] : [`s${n - 1}`])),
  ),
  flow('1-10-1', [
    ask('first', []),
    ...ten.map((n) => ask(`s${n}`, ['first'])),
    ask(
      'last',
      ten.map((n) => `s${n}`),
    ),
  ]),
  flow('each100', [ask('each', [], { forEach: '$input.list', with: { n: '$item' }, concurrency: 10 })]),
];

/** One run from its start to its end. @returns how many events that took. */
function live(workflow: Workflow): number {
  const job = { workflow: workflow.name, source: '', input: { list: Array.from({ length: 100 }, (_, n) => n) } };
  const asks: string[] = [];
  let c: RunContext = unborn;
  let events = 0;
  const hear = (event: Walked): void => {
    c = walk(workflow, c, event);
    events += 1;
    for (const { tag } of c.out.asks) asks.push(tag);
  };
  hear({ type: 'run.start', run: 'r1', job: job as never, bundle: '/b', at: 1 });
  const fact = { type: 'worker.worked' } as Message;
  for (let tag = asks.shift(); tag !== undefined; tag = asks.shift())
    hear({ type: 'answered', tag, fact, error: null, at: events });
  if (c.mode !== 'ended' || c.result?.outcome !== 'healthy') throw new Error(`${workflow.name} ended ${c.mode}`);
  return events;
}

export const walking: Bench = async function* (wanted) {
  for (const workflow of flows) {
    const measure = `walk ${workflow.name}`;
    if (!wanted(measure)) continue;
    live(workflow);
    const times: number[] = [];
    let perRun = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const began = performance.now();
      let events = 0;
      for (let n = 0; n < RUNS / workflow.steps.length; n += 1) events += live(workflow);
      times.push((performance.now() - began) / events);
      perRun = events / Math.ceil(RUNS / workflow.steps.length);
    }
    const stats = summary(times);
    yield {
      measure,
      ...stats,
      ratio: null,
      settings: { per: 'event', us: (stats.p50Ms * 1000).toFixed(2), events: perRun },
    };
  }
};
