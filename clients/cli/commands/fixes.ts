/** `rr explain` and `rr fixes`: where a failure comes from, and what helped before. Neither needs a runtime. */
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync, statSync, writeFileSync } from 'node:fs';
import type { Explained } from '../../../actors/front-door/contract-fixes.js';
import { RunId } from '../../../actors/front-door/contract-runs.js';
import { fail } from '../../../runtime/errors.js';
import { checkRules, explainOf, fixesOf, runIsHere } from '../embed.js';
import { codes } from '../exit.js';
import { actionWords } from '../fix-words.js';
import type { Globals } from '../globals.js';

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const END_BYTES = 128 << 10;

/** The end of a file, however long it is. */
function endOf(path: string): string {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const end = Buffer.alloc(Math.min(size, END_BYTES));
    readSync(file, end, 0, end.length, size - end.length);
    return end.toString('utf8');
  } finally {
    closeSync(file);
  }
}

/** @param what an output, the path of a log, the id of a run, or `-` for standard input. */
export async function explain({ config, json }: Globals, what: readonly string[]): Promise<number> {
  const said = what.join(' ');
  const isFile = what.length === 1 && existsSync(said) && statSync(said).isFile();
  const isRun = !isFile && RunId.safeParse(said).success && (await runIsHere(config, said));
  const text = said === '-' || said === '' ? readFileSync(0, 'utf8').slice(-END_BYTES) : isFile ? endOf(said) : said;
  if (text.trim() === '')
    throw fail('USAGE', { met: 'there is nothing to explain', fix: 'give an output, a log or a run' });
  const failures = await explainOf(config, isRun ? { run: said } : { text });
  if (isRun && failures.length === 0 && !json) print(`nothing failed in ${said}`);
  for (const one of failures)
    if (json) print(JSON.stringify({ type: 'explained', ...one }));
    else tell(one);
  return failures.every(({ rule }) => rule !== null) ? codes.ok : codes.failed;
}

function tell({ rule, about, cause, actions, proves, error, line, sure, step }: Explained): void {
  print(rule === null ? 'no rule knows this' : `${rule} (${step})`);
  if (line !== null) print(`  says    ${line}`);
  if (cause ?? about) print(`  cause   ${cause ?? about}`);
  if (actions.length > 0) print(`  repair  ${actions.map(actionWords).join(', ')}`);
  if (proves !== null && actions.length > 0) print(`  proof   ${proves}`);
  if (error !== null) print(`  do      ${error.fix}`);
  if (rule !== null && !sure) print('  repair  depends on the repository; rr run shows it');
  if (rule !== null) print(`  more    docs/healing.md#${rule}`);
}

export async function list({ config, json }: Globals): Promise<number> {
  const fixes = (await fixesOf(config)).read();
  for (const { id, rule, cause, successes, failures, at } of fixes)
    print(
      json
        ? JSON.stringify({ type: 'fix', id, rule, cause, successes, failures, at })
        : `${id}  ${rule}  helped ${successes}, did not ${failures}  ${cause}`,
    );
  if (fixes.length === 0 && !json) print('nothing was learned yet');
  return codes.ok;
}

export async function forget({ config, json }: Globals, id: string): Promise<number> {
  const forgotten = await (await fixesOf(config)).forget(id);
  print(json ? JSON.stringify({ type: 'forgotten', forgotten }) : `${forgotten} forgotten`);
  if (forgotten === 0 && id !== 'all')
    throw fail('USAGE', { met: `nothing was learned under ${id}`, fix: 'rr fixes list names what was' });
  return codes.ok;
}

/** @param file where to; absent: stdout. */
export async function exportTo({ config }: Globals, file: string | undefined): Promise<number> {
  const text = `${JSON.stringify({ format: 1, fixes: (await fixesOf(config)).read() }, null, 2)}\n`;
  if (file === undefined) process.stdout.write(text);
  else writeFileSync(file, text);
  return codes.ok;
}

/** Names the faults of a file of rules, each with its line. */
export async function check({ json }: Globals, file: string): Promise<number> {
  if (!existsSync(file))
    throw fail('USAGE', { met: `there is no file ${file}`, fix: 'give the path of a file of rules' });
  const { rules, faults } = await checkRules(file, readFileSync(file, 'utf8'));
  for (const { line, what } of faults)
    print(json ? JSON.stringify({ type: 'fault', file, line, what }) : `${file}:${line}: ${what}`);
  if (json) print(JSON.stringify({ type: 'checked', file, rules: rules.map(({ id }) => id), faults: faults.length }));
  else if (faults.length === 0) print(`${file}: ${rules.length} rule${rules.length === 1 ? '' : 's'}, whole`);
  return faults.length === 0 ? codes.ok : codes.usage;
}
