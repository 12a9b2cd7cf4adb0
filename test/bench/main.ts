/**
 * `npm run bench`: figures, never judgements. Each line names its settings; ratios are against the raw thing in the same
 * run. `-- --json` prints one object a measure, `-- --only NAME` runs those whose name begins so.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { ask } from './ask.js';
import { durable } from './durable.js';
import { firstStep } from './first-step.js';
import { memory } from './memory.js';
import { overhead } from './overhead.js';
import { plan } from './plan.js';
import { recover } from './recover.js';
import { startup } from './startup.js';
import { walking } from './walk.js';

export interface Measure {
  measure: string;
  /** How many go on at once. */
  concurrency?: number;
  perSecond?: number;
  /** Milliseconds; of what is measured by bytes or by the second there are none. */
  p50Ms?: number;
  p99Ms?: number;
  minMs?: number;
  maxMs?: number;
  bytes?: number;
  /** Against the raw thing named in the settings. */
  ratio: number | null;
  settings: Record<string, unknown>;
}
export type Bench = (wanted: (name: string) => boolean) => AsyncGenerator<Measure>;

const { values } = parseArgs({ options: { json: { type: 'boolean' }, only: { type: 'string' } } });
const wanted = (name: string): boolean => values.only === undefined || name.startsWith(values.only);
const row = (cells: string[]): string =>
  cells.map((cell, n) => (n === 0 || n === 8 ? cell.padEnd(20) : cell.padStart(10))).join(' ');
const figure = (value: number | undefined, digits = 1): string => (value === undefined ? '-' : value.toFixed(digits));
const heads = ['measure', 'at once', 'per second', 'p50 ms', 'p99 ms', 'min ms', 'max ms', 'ratio', 'settings'];
if (!values.json) console.log(`node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}\n${row(heads)}`);
for (const bench of [startup, plan, walking, overhead, ask, durable, firstStep, recover, memory] as Bench[])
  for await (const one of bench(wanted)) {
    if (values.json) console.log(JSON.stringify(one));
    else
      console.log(
        row([
          one.measure,
          figure(one.concurrency, 0),
          figure(one.perSecond, 0),
          figure(one.p50Ms, 3),
          figure(one.p99Ms, 3),
          figure(one.minMs),
          figure(one.maxMs),
          figure(one.ratio ?? undefined, 2),
          JSON.stringify({ ...(one.bytes === undefined ? {} : { bytes: Math.round(one.bytes) }), ...one.settings }),
        ]),
      );
  }
process.exit(); // what measures left behind holds nobody
