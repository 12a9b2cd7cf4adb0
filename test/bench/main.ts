/**
 * `npm run bench`: figures, never judgements. Each line names its settings; ratios are against the raw thing in the same
 * run. `-- --json` prints one object a measure, `-- --only NAME` runs those whose name begins so.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { overhead } from './overhead.js';
import { plan } from './plan.js';
import { startup } from './startup.js';
import { walking } from './walk.js';

export interface Measure {
  measure: string;
  /** Milliseconds. */
  p50Ms: number;
  minMs: number;
  maxMs: number;
  /** Against the raw thing named in the settings. */
  ratio: number | null;
  settings: Record<string, unknown>;
}
export type Bench = (wanted: (name: string) => boolean) => AsyncGenerator<Measure>;

const { values } = parseArgs({ options: { json: { type: 'boolean' }, only: { type: 'string' } } });
const wanted = (name: string): boolean => values.only === undefined || name.startsWith(values.only);
const row = (cells: string[]): string =>
  cells.map((cell, n) => (n === 0 || n === 5 ? cell.padEnd(26) : cell.padStart(10))).join(' ');
if (!values.json)
  console.log(
    `node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}\n${row(['measure', 'p50 ms', 'min ms', 'max ms', 'ratio', 'settings'])}`,
  );
for (const bench of [startup, plan, walking, overhead] as Bench[])
  for await (const one of bench(wanted)) {
    if (values.json) console.log(JSON.stringify(one));
    else
      console.log(
        row([
          one.measure,
          one.p50Ms.toFixed(1),
          one.minMs.toFixed(1),
          one.maxMs.toFixed(1),
          one.ratio?.toFixed(2) ?? '-',
          JSON.stringify(one.settings),
        ]),
      );
  }
