/**
 * `npm run heal-bench`: puts faults into healthy repositories and runs `rr run --once --json` on each, with no model and
 * nothing learned. Figures, never judgements. `-- --only WORDS` takes the kinds that have these words, `-- --repo NAME` those
 * of one repository, `-- --quick` leaves out what takes long, `-- --workers N` goes on with N at once (the seconds are then
 * of a busy machine), `-- --json` prints an object a case and ends with the measure, `-- --from FILE` takes the cases that an
 * earlier `--json` told of and runs the others, `-- --markdown` puts the table into docs/heal-bench.md.
 */
import { parseArgs } from 'node:util';
import { bringUp, casesIn, each, intoPage, machine, median, shows } from '../bring-up.js';
import { type Fault, faults, hereOf, inject } from './faults.js';
import { type Case, tableOf } from './table.js';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean' },
    markdown: { type: 'boolean' },
    from: { type: 'string' },
    only: { type: 'string' },
    repo: { type: 'string' },
    quick: { type: 'boolean' },
    workers: { type: 'string', default: '1' },
  },
});
const LIMIT_MS = 300_000;

async function judge(fault: Fault): Promise<Case> {
  const { result, seconds, isTouched, untried, ...seen } = await bringUp({
    fixture: fault.repo,
    args: fault.service === undefined ? [] : ['--service', fault.service],
    prepare: (folder) => inject(fault, folder),
    holds: fault.holds ?? [],
    limitMs: LIMIT_MS,
  });
  const fixes = result?.fixes ?? [];
  const isHealthy = result?.outcome === 'healthy';
  const says = shows(seen, fault.says);
  const mendable = fault.rules.length > 0;
  const healed = isHealthy && says && mendable && !isTouched;
  return {
    kind: fault.kind,
    repo: fault.repo,
    mendable,
    healed,
    foreseen: healed && fixes.length === 0,
    outcome: `${result?.outcome ?? 'no result'}${isTouched ? ', and wrote where it must not' : ''}`,
    fixes: fixes.map(({ rule, helped }) => ({ rule, helped: helped === true })),
    wasted: fixes.filter(({ helped }) => !helped).length,
    seconds,
    falseSuccess: isHealthy && (!says || !mendable),
    tokens: result?.tokens ?? 0,
    error: untried ?? (result?.error ? `${result.error.code}: ${result.error.message}` : null),
  };
}

const wanted = hereOf(faults).filter(
  ({ kind, repo, slow }) =>
    (values.only === undefined || kind.includes(values.only)) &&
    (values.repo === undefined || repo === values.repo) &&
    !(values.quick && slow),
);
const nameOf = ({ kind, repo }: Pick<Case, 'kind' | 'repo'>): string => `${kind} (${repo})`;
const cases = casesIn<Case>(values.from, nameOf).filter((one) => wanted.some((fault) => nameOf(fault) === nameOf(one)));
const left = wanted.filter((fault) => !cases.some((one) => nameOf(one) === nameOf(fault)));
await each(left, Math.max(1, Number(values.workers) || 1), async (fault) => {
  const one = await judge(fault);
  cases.push(one);
  if (values.json) return console.log(JSON.stringify({ type: 'case', ...one }));
  const fixes = one.fixes.map(({ rule, helped }) => `${rule}${helped ? '' : ' (no)'}`).join(', ');
  const mark = one.falseSuccess ? '!' : one.healed ? '✓' : one.mendable ? '✗' : '-';
  const why = one.healed || one.error === null ? '' : `  ${one.error.slice(0, 160)}`;
  console.log(
    `${mark} ${one.kind.padEnd(58)} ${String(one.seconds).padStart(6)} s  ${one.outcome}${fixes === '' ? '' : `: ${fixes}`}${why}`,
  );
});
const sum = (of: (one: Case) => number): number => cases.reduce((all, one) => all + of(one), 0);
const measure = {
  measure: 'heal',
  kinds: new Set(cases.map(({ kind }) => kind)).size,
  cases: cases.length,
  healed: sum(({ healed }) => Number(healed)),
  attempts: sum(({ fixes }) => fixes.length),
  wasted: sum(({ wasted }) => wasted),
  falseSuccess: sum(({ falseSuccess }) => Number(falseSuccess)),
  mendable: sum(({ mendable }) => Number(mendable)),
  foreseen: sum(({ foreseen }) => Number(foreseen)),
  mostAttempts: Math.max(0, ...cases.map(({ fixes }) => fixes.length)),
  repositories: new Set(cases.map(({ repo }) => repo)).size,
  medianSeconds: median(cases.map(({ seconds }) => seconds)),
  tokens: sum(({ tokens }) => tokens),
};
const told = `${measure.kinds} kinds of faults in ${measure.repositories} repositories: ${measure.healed} healed of ${measure.mendable} that can be mended (${measure.foreseen} before they failed), ${measure.attempts} repairs tried, ${measure.wasted} in vain, at most ${measure.mostAttempts} in a case, ${measure.falseSuccess} false successes; median ${measure.medianSeconds} s`;
if (values.markdown)
  intoPage(
    'docs/heal-bench.md',
    'heal-bench',
    `${told}. On ${machine()}, ${values.workers} at a time.\n\n${tableOf(
      faults.flatMap(({ kind, repo }) => cases.find((one) => nameOf(one) === nameOf({ kind, repo })) ?? []),
    )}`,
  );
console.log(values.json ? JSON.stringify(measure) : `\n${told}`);
