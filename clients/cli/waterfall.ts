/** A run in the terminal: a bar for each attempt of a step on one scale of time, repairs and decisions where they fell. */
import type { Response } from '../../actors/front-door/contract.js';
import { cut, type Paint, type Paints, seconds, wrapped } from './paint.js';

type Timeline = Response<'runs.timeline'>;
const NAME = 13;
const TIME = 8;
const BEGUN = '░';
const DONE = '█';

/** @param width columns that may be filled, e.g. 80. @returns lines, none wider. */
export function waterfall(t: Timeline, width: number, c: Paints): string[] {
  const room = width - 2 - NAME - 1 - TIME;
  const total = Math.max(1, t.totalMs, ...t.steps.map(({ fromMs, ms }) => fromMs + ms));
  const bar = (fromMs: number, ms: number, fill: string): string => {
    const from = Math.min(room - 1, Math.max(0, Math.floor((fromMs / total) * room)));
    const length = Math.max(1, Math.min(room - from, Math.round((ms / total) * room)));
    return ' '.repeat(from) + fill.repeat(length) + ' '.repeat(room - from - length);
  };
  const row = (mark: string, paint: Paint, name: string, fromMs: number, ms: number, fill: string): string =>
    `${paint(mark)} ${cut(name, NAME).padEnd(NAME)}${paint(bar(fromMs, ms, fill))} ${c.dim(seconds(ms).padStart(TIME))}`;
  const note = (text: string): string => c.dim(`    ${cut(text, width - 4)}`);

  const rows: { atMs: number; lines: string[] }[] = [
    ...t.steps.map((one) => {
      const name = one.attempt > 1 ? `${one.step} ×${one.attempt}` : one.step;
      const [mark, paint] = one.ok === null ? ['·', c.yellow] : one.ok ? ['✓', phasePaint(one.phase, c)] : ['✗', c.red];
      const line = row(mark!, paint as Paint, name, one.fromMs, one.ms, one.ok === null ? BEGUN : DONE);
      return { atMs: one.fromMs, lines: one.ok === false ? [line, note(one.note)] : [line] };
    }),
    ...t.fixes.map((fix) => {
      const became = fix.helped === null ? 'on trial' : fix.helped ? 'helped' : 'did not help: undone';
      return {
        atMs: fix.atMs - fix.ms, // what it sends the run back to comes after it
        lines: [
          row('↻', c.yellow, 'heal', fix.atMs - fix.ms, fix.ms, DONE),
          note(`${fix.rule} for ${fix.step}, ${became}: ${fix.cause}`),
          ...(fix.patch ? [note(`patch ${fix.patch}`)] : []),
        ],
      };
    }),
    ...t.falls.map(({ atMs, service, reason, became, downMs }) => ({
      atMs,
      lines: [
        `${(downMs === null ? c.red : c.yellow)('▼')} ${cut(`${service} fell, ${becameWords[became]}${downMs === null ? '' : ` after ${seconds(downMs)}`}`, width - 2)}`,
        note(reason),
      ],
    })),
    ...t.decisions.map(({ atMs, who, question, option, reason, by }) => ({
      atMs,
      lines: [
        `${c.cyan('◆')} ${cut(`${kindOf(who)} decides by ${by}: ${option}`, width - 2)}`,
        note(`${question} ${reason}`),
      ],
    })),
  ];
  const head = [
    `${c.bold(t.run)}  ${statePaint(t, c)(t.outcome === 'healthy' ? `healthy, ${t.state}` : t.state)}`,
    c.dim(`  ${cut(t.source, width - 2)}`),
  ];
  if (t.fork) {
    const { run, from, kept } = t.fork;
    head.push(
      c.dim(`  ${cut(`forked from ${run} at ${from}; as they were: ${kept.join(', ') || 'none'}`, width - 2)}`),
    );
  }
  const end = seconds(total);
  const scale = c.dim(`${' '.repeat(2 + NAME)}0${' '.repeat(Math.max(1, room - 1 - end.length))}${end}`);
  const body = rows.sort((a, b) => a.atMs - b.atMs).flatMap(({ lines }) => lines);
  return [...head, '', scale, ...body, '', ...spentLines(t, width, c), ...errorLines(t, width, c)];
}

const becameWords: Readonly<Record<Timeline['falls'][number]['became'], string>> = {
  down: 'and is not up yet',
  restarted: 'was started again',
  healed: 'was repaired',
  well: 'was well again by itself',
  unwell: 'no repair is known',
  failed: 'and was lost',
};
const kindOf = (address: string): string => address.split('/')[1] ?? address;
const phasePaint = (phase: string, c: Paints): Paint =>
  ({ detect: c.cyan, setup: c.blue, run: c.yellow, prove: c.green })[phase] ?? c.green;
const statePaint = ({ outcome, state }: Timeline, c: Paints): Paint =>
  outcome === 'healthy' && state !== 'failed' ? c.green : outcome === null ? c.yellow : c.red;

/** Parts of the time, the longest first; what took none is left out. */
function spentLines({ spent, totalMs }: Timeline, width: number, c: Paints): string[] {
  const { waiting = 0, up = 0, ending = 0, ...parts } = spent;
  const shown = Object.entries(parts)
    .filter(([, ms]) => ms >= 50)
    .sort(([, a], [, b]) => b - a)
    .map(([name, ms]) => `${name} ${seconds(ms)} (${Math.round((ms / Math.max(1, totalMs)) * 100)} %)`);
  const after = [up >= 50 && `then up for ${seconds(up)}`, ending >= 50 && `ending ${seconds(ending)}`];
  const before = waiting >= 50 ? [`before that waiting ${seconds(waiting)}`] : [];
  const pieces = [`${seconds(totalMs)} in all`, ...shown, ...before, ...after.filter((one) => one !== false)];
  const lines: string[] = [];
  for (const piece of pieces) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + piece.length + 3 <= width) lines[lines.length - 1] = `${last} · ${piece}`;
    else lines.push(cut(piece, width));
  }
  return lines.map(c.dim);
}
function errorLines({ error }: Timeline, width: number, c: Paints): string[] {
  if (!error) return [];
  return [...wrapped(error.message, width).map(c.red), ...wrapped(`next: ${error.fix} [${error.code}]`, width)];
}
