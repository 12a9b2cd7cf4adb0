/**
 * `npm run repos-bench`: brings up every repository of test/repos once with `rr run --once --json`, with no model, and holds
 * what came of it against test/bench/repos/expected.ts. `-- --only WORDS` takes the repositories that have these words,
 * `-- --workers N` goes on with N at once, `-- --json` prints an object a repository and ends with the measure, `-- --from FILE`
 * takes what an earlier `--json` told of and runs the others, `-- --markdown` puts the table into docs/repos-bench.md.
 */
import { parseArgs } from 'node:util';
import { bringUp, casesIn, cell, each, intoPage, machine, median, shows } from '../bring-up.js';
import { type Expected, expected } from './expected.js';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean' },
    markdown: { type: 'boolean' },
    from: { type: 'string' },
    only: { type: 'string' },
    workers: { type: 'string', default: '1' },
  },
});
const LIMIT_MS = 300_000;
const BAD_LIMIT_MS = 90_000;

interface Case {
  repo: string;
  expected: string;
  met: string;
  asExpected: boolean;
  falseSuccess: boolean;
  fixes: string[];
  seconds: number;
  tokens: number;
  shown: string;
}
type Run = Extract<Expected, { says: string } | { error: RegExp }>;
const isRun = (one: Expected): one is Run => 'says' in one || 'error' in one;

async function judge(one: Run): Promise<Case> {
  const { repo, args = [] } = one;
  const limitMs = 'says' in one ? LIMIT_MS : BAD_LIMIT_MS;
  const { result, seconds, isTouched, shown, untried } = await bringUp({ fixture: repo, args, limitMs });
  const isHealthy = result?.outcome === 'healthy';
  const code = result?.error?.code ?? '';
  const met = `${result?.outcome ?? untried ?? 'no result'}${code === '' ? '' : `, ${code}: ${result!.error!.message}`}`;
  const fits = 'says' in one ? isHealthy && shows({ shown }, one.says) : !isHealthy && one.error.test(code);
  return {
    repo: nameOf(one),
    expected: 'says' in one ? 'healthy' : `not healthy (${one.error.source.replaceAll('|', ' or ')})`,
    met: isTouched ? `${met}, and wrote where it must not` : met,
    asExpected: fits && !isTouched,
    falseSuccess: isHealthy && !fits,
    fixes: (result?.fixes ?? []).map(({ rule, helped }) => `${rule}${helped ? '' : ' (no)'}`),
    seconds,
    tokens: result?.tokens ?? 0,
    shown,
  };
}

const wanted = expected.filter(({ repo }) => values.only === undefined || repo.includes(values.only));
const runs = wanted.filter(isRun);
const nameOf = ({ repo, args = [] }: Run): string => [repo, ...args].join(' ');
const cases = casesIn<Case>(values.from, ({ repo }) => repo).filter(({ repo }) =>
  runs.some((one) => nameOf(one) === repo),
);
const ahead = runs.filter((one) => !cases.some(({ repo }) => repo === nameOf(one)));
await each(ahead, Math.max(1, Number(values.workers) || 1), async (one) => {
  const seen = await judge(one);
  cases.push(seen);
  if (values.json) return console.log(JSON.stringify({ type: 'case', ...seen }));
  const mark = seen.falseSuccess ? '!' : seen.asExpected ? '✓' : '✗';
  const fixes = seen.fixes.length === 0 ? '' : ` (${seen.fixes.join(', ')})`;
  console.log(
    `${mark} ${seen.repo.padEnd(34)} ${String(seen.seconds).padStart(6)} s  ${seen.met.slice(0, 160)}${fixes}`,
  );
});
const healthy = cases.filter((one) => one.expected === 'healthy');
const measure = {
  measure: 'repos',
  repositories: cases.length,
  asExpected: cases.filter(({ asExpected }) => asExpected).length,
  meantHealthy: healthy.length,
  healthy: healthy.filter(({ asExpected }) => asExpected).length,
  falseSuccess: cases.filter(({ falseSuccess }) => falseSuccess).length,
  medianSeconds: median(healthy.map(({ seconds }) => seconds)),
  tokens: cases.reduce((all, { tokens }) => all + tokens, 0),
  left: wanted.length - runs.length,
};
const told = `${measure.healthy} of ${measure.meantHealthy} healthy, ${measure.asExpected} of ${measure.repositories} as expected, ${measure.falseSuccess} false successes, ${measure.tokens} tokens; median of the healthy ${measure.medianSeconds} s; ${measure.left} not brought up here`;
if (values.markdown) intoPage('docs/repos-bench.md', 'repos-bench', page());
console.log(values.json ? JSON.stringify(measure) : `\n${told}`);

function page(): string {
  const order = new Map(runs.map((one, n) => [nameOf(one), n]));
  const rows = [...cases].sort((a, b) => order.get(a.repo)! - order.get(b.repo)!);
  return [
    `${told}. On ${machine()}, ${values.workers} at a time.`,
    '',
    '| repository | expected | as expected | repairs | s | else |',
    '|---|---|---|---|---|---|',
    ...rows.map(
      (one) =>
        `| ${one.repo} | ${one.expected} | ${one.falseSuccess ? '**falsely healthy**' : one.asExpected ? 'yes' : '**no**'} | ${one.fixes.map((fix) => `\`${fix}\``).join(', ')} | ${one.seconds.toFixed(1)} | ${one.asExpected ? '' : cell(one.met)} |`,
    ),
    '',
    '## Not brought up here',
    '',
    '| repository | why |',
    '|---|---|',
    ...wanted.flatMap((one) => (isRun(one) ? [] : [`| ${one.repo} | ${one.why} |`])),
  ].join('\n');
}
