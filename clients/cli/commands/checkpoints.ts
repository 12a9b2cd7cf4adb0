/** `rr checkpoints …` and `rr runs …`: what actors remember, asked of the runtime that is up, else read from its folder. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Request, Response } from '../../../actors/front-door/contract.js';
import type { ExportFormat } from '../../../actors/front-door/contract-runs.js';
import type { Config } from '../../../runtime/config.js';
import { fail } from '../../../runtime/errors.js';
import { when as clock, isAddress, pretty, stateText } from '../actor-words.js';
import { type Client, reach, reachOrFail } from '../connect.js';
import { diffLines } from '../diff-words.js';
import { checkExport, folderOf } from '../embed.js';
import { codes } from '../exit.js';
import type { Globals } from '../globals.js';
import { harmless } from '../harmless.js';
import { columns, cut, paints } from '../paint.js';
import { waterfall } from '../waterfall.js';

type Folder = Awaited<ReturnType<typeof folderOf>>;
type Asked = keyof Folder['asked'];
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const object = (type: string, value: object): void => print(JSON.stringify({ type, ...value }));

/** A runtime that is up, if one can be reached. */
const reached = (config: Config): Promise<Client | null> =>
  reach(config).catch((error: { code?: string }) => {
    if (error.code === 'BROKER_UNREACHABLE') return null; // what a dead one left: the folder is still there
    throw error;
  });
async function ask<V extends Asked>(config: Config, verb: V, request: Partial<Request<V>>): Promise<Response<V>> {
  const client = await reached(config);
  if (!client) return (await folderOf(config)).ask(verb, request);
  try {
    return await client.call(verb, request);
  } finally {
    await client.close();
  }
}
/** `ADDRESS@VERSION`. */
function readTarget(given: string): { address: string; version?: string } {
  const [address = '', version, ...rest] = given.split('@');
  if (!isAddress(address) || rest.length > 0)
    throw fail('USAGE', { met: `${given} is no address of an actor`, fix: 'rr checkpoints list shows them' });
  return { address, ...(version === undefined ? {} : { version: readVersion(version) }) };
}
function readVersion(given: string): string {
  if (/^\d+\.\d+$/.test(given)) return given;
  throw fail('USAGE', { met: `${given} is no version`, fix: 'write it as EPOCH.TURN, e.g. 0.12' });
}

export async function list({ config, json }: Globals, run: string | undefined): Promise<number> {
  const { actors } = await ask(config, 'checkpoints.list', run === undefined ? {} : { run });
  const c = paints();
  const [wide, versions] = [
    Math.max(0, ...actors.map(({ address }) => address.length)),
    Math.max(6, ...actors.map(({ version }) => version?.length ?? 0)),
  ];
  for (const actor of actors) {
    if (json) object('actor', actor);
    else if (actor.error)
      print(
        `${actor.address.padEnd(wide)}  ${c.red('broken')}\n    ${actor.error.message}\n    fix: ${actor.error.fix}`,
      );
    else {
      const owes = actor.owed === 0 ? '' : `owes ${actor.owed}`;
      const state = cut(stateText(actor.state), 20).padEnd(12);
      print(
        `${actor.address.padEnd(wide)}  ${actor.version!.padStart(versions)}  ${state}  ${owes.padEnd(8)}  ${c.dim(clock(actor.at))}`,
      );
    }
  }
  if (actors.length === 0 && !json) print('no actor has lived here yet');
  return actors.some(({ error }) => error !== null) ? codes.failed : codes.ok;
}

export async function show({ config, json }: Globals, target: string, { path }: { path?: string }): Promise<number> {
  const shown = await ask(config, 'checkpoints.show', {
    ...readTarget(target),
    ...(path === undefined ? {} : { path }),
  });
  if (json) {
    object('checkpoint', shown);
    return codes.ok;
  }
  const c = paints();
  const width = columns();
  const row = (label: string, text: string): void => print(`${label.padEnd(9)} ${text}`);
  print(`${c.bold(`${shown.address}@${shown.version}`)}  ${c.dim(clock(shown.at))}`);
  row('state', stateText(shown.state) + (shown.status === 'active' ? '' : `, ${shown.status}`));
  const { lead } = shown;
  row('took', lead ? `${lead.type}${lead.id === null ? '' : `  ${c.dim(lead.id)}`}` : 'nothing that is written down');
  for (const [word, line] of [
    [lead?.type === lead?.command?.type ? 'with' : 'asked', lead?.command],
    ['heard', lead?.answer],
  ] as const)
    if (line) {
      const { type, payload, from } = line;
      print(`${' '.repeat(10)}${word} ${type} ${c.dim(`from ${from}`)}`);
      print(c.dim(`${' '.repeat(12)}${cut(JSON.stringify(payload), width - 12)}`));
    }
  row('owes', shown.owed.length === 0 ? 'nothing' : '');
  for (const { id, type, params } of shown.owed)
    print(
      `${' '.repeat(10)}${type} ${c.dim(id)}\n${c.dim(`${' '.repeat(12)}${cut(JSON.stringify(params), width - 12)}`)}`,
    );
  const open = Object.entries(shown.open);
  row('open', open.length === 0 ? 'no command' : '');
  for (const [id, { type }] of open) print(`${' '.repeat(10)}${type} ${c.dim(id)}`);
  row('answers', `${shown.answers} remembered`);
  print(c.bold(path === undefined ? 'context' : `context.${path}`));
  print(pretty(shown.context));
  return codes.ok;
}

export async function history({ config, json }: Globals, target: string): Promise<number> {
  const { address, versions } = await ask(config, 'checkpoints.history', { address: readTarget(target).address });
  const c = paints();
  const wide = Math.max(0, ...versions.map(({ version }) => version.length));
  for (const one of versions) {
    if (json) {
      object('version', { address, ...one });
      continue;
    }
    const head = `${one.version.padStart(wide)}  ${clock(one.at).slice(11)}  `;
    if (one.error) {
      print(`${head}${c.red(`broken: ${one.error.message}`)}`);
      continue;
    }
    const text = `${cut(stateText(one.state), 16).padEnd(10)}  ${cut(one.took ?? '', 26).padEnd(26)}  `;
    print(head + text + c.dim(cut(one.changed.join(', '), Math.max(12, columns() - head.length - text.length))));
  }
  return codes.ok;
}

export async function diff({ config, json }: Globals, target: string, from: string, to: string): Promise<number> {
  const { address } = readTarget(target);
  const told = await ask(config, 'checkpoints.diff', { address, from: readVersion(from), to: readVersion(to) });
  if (json) {
    object('diff', told);
    return codes.ok;
  }
  const c = paints();
  print(c.bold(`${address}  ${from} → ${to}`));
  for (const line of diffLines(told.changes, columns(), c)) print(line);
  if (told.changes.length === 0) print('nothing changed');
  return codes.ok;
}

export async function restore(
  { config, json }: Globals,
  target: string,
  version: string,
  { dropOwed }: { dropOwed: boolean },
): Promise<number> {
  const { address } = readTarget(target);
  const told = await ask(config, 'checkpoints.restore', { address, version: readVersion(version), dropOwed });
  if (json) {
    object('restored', told);
    return codes.ok;
  }
  print(`${address} is at ${told.to} again, as ${told.as}${told.from === null ? '' : ` (it was at ${told.from})`}`);
  if (told.kept.length > 0) print(`    it owes again: ${told.kept.join(', ')}`);
  if (told.dropped.length > 0) print(`    dropped: ${told.dropped.join(', ')}`);
  print(told.lives ? '    it is alive' : '    it goes on with the next runtime, unless its run has ended');
  return codes.ok;
}

export interface ForkOptions {
  from: string;
  set: [path: string, value: unknown][];
  input?: Record<string, unknown>;
}
/** `--set ref="v2"`, `--set env.NAME=value`: what is no JSON is a text. */
export function readSet(given: string): ForkOptions['set'][number] {
  const at = given.indexOf('=');
  if (at < 1)
    throw fail('USAGE', { met: `--set ${given} has no =`, fix: 'write --set FIELD=JSON, e.g. --set ref=main' });
  const text = given.slice(at + 1);
  let value: unknown = text;
  try {
    value = JSON.parse(text);
  } catch {
    // a text without quotes
  }
  return [given.slice(0, at), value];
}
export function readInput(given: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(given);
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // said below
  }
  throw fail('USAGE', { met: `--input ${given} is no JSON object`, fix: `write --input '{"ref":"main"}'` });
}

export async function fork(
  { config, json }: Globals,
  run: string,
  { from, set, input = {} }: ForkOptions,
): Promise<number> {
  const { env: given = {}, ...job } = input as { env?: Record<string, string> } & Record<string, unknown>;
  const env = { ...given };
  for (const [path, value] of set)
    if (path.startsWith('env.')) env[path.slice(4)] = typeof value === 'string' ? value : JSON.stringify(value);
    else job[path] = value;
  const client = await reachOrFail(config);
  try {
    const told = await client.call('checkpoints.fork', { run, from, job, env });
    if (json) object('run', told);
    else {
      print(told.run);
      print(`    as they were: ${told.kept.join(', ') || 'none'}; to be done: ${told.again.join(', ')}`);
      print(`    rr runs show ${told.run} tells how it goes`);
    }
    return codes.ok;
  } finally {
    await client.close();
  }
}

export async function verify({ config, json }: Globals, { mend }: { mend: boolean }): Promise<number> {
  const c = paints();
  let mended: Response<'checkpoints.verify'>['findings'] = [];
  if (mend) ({ mended } = await (await folderOf(config)).mend());
  const { checked, findings } = await ask(config, 'checkpoints.verify', {});
  for (const one of mended)
    if (json) object('mended', one);
    else print(`${c.green('✓')} ${one.path}\n    ${one.what}: mended`);
  for (const one of findings)
    if (json) object('finding', one);
    else print(`${c.red('✗')} ${one.path}  ${c.dim(`[${one.code}]`)}\n    ${one.what}\n    mend: ${one.mend}`);
  const looked = Object.entries(checked).map(([what, count]) => `${count} ${what}`);
  if (json) object('verified', { checked, findings: findings.length });
  else {
    const safe = findings.filter((one) => one.safe).length;
    print(
      `${findings.length === 0 ? c.green('all is well') : c.red(`${findings.length} wrong`)}: looked at ${looked.join(', ')}`,
    );
    if (safe > 0) print(`    ${safe} of them ${safe === 1 ? 'is' : 'are'} mended by rr checkpoints verify --mend`);
  }
  return findings.length === 0 ? codes.ok : codes.failed;
}

export async function exportTo({ config, json }: Globals, what: string, file: string): Promise<number> {
  const told = await ask(config, 'checkpoints.export', { what, file: resolve(file) });
  if (json) object('exported', told);
  else
    print(
      `${told.file}: ${told.parts} files of ${told.what}, ${told.bytes} bytes, sha256 ${told.sha256.slice(0, 16)}…`,
    );
  return codes.ok;
}

export async function importFrom({ config, json }: Globals, file: string): Promise<number> {
  const told = (await folderOf(config)).import(resolve(file));
  if (json) object('imported', told);
  else print(`${told.what}: ${told.parts} files, ${told.bytes} bytes, every hash as it should be`);
  return codes.ok;
}

export async function runsList({ config, json }: Globals): Promise<number> {
  const client = await reached(config);
  const { runs } = client
    ? await client.call('runs.list', { all: true }).finally(() => client.close())
    : (await folderOf(config)).runs();
  for (const run of runs)
    if (json) object('run', run);
    else print(`${run.run}  ${run.state.padEnd(12)}  ${run.url ?? '-'}  ${run.source}`);
  if (runs.length === 0 && !json) print('no runs');
  return codes.ok;
}

/** Prints what a proven run is as a file for others, or writes it. */
export interface ExportOptions {
  out?: string;
  check: boolean;
  isolation?: 'none' | 'container';
}
export async function exportRun(
  { config, json }: Globals,
  format: string,
  run: string | undefined,
  { out, check, isolation }: ExportOptions,
): Promise<number> {
  if (isolation !== undefined && !check)
    throw fail('USAGE', {
      met: '--isolation says how an export is checked, and --check is not given',
      fix: 'add --check',
    });
  const told = await ask(config, 'runs.export', { format: format as ExportFormat, ...(run ? { run } : {}) });
  // First: one that does not hold is neither written nor printed.
  const checked = check ? await checkIt(config, json, told, isolation ?? null) : null;
  const file = out === undefined ? null : resolve(out);
  if (file !== null)
    try {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, told.text, { flag: 'wx', mode: format === 'script' ? 0o755 : 0o644 });
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const met = code === 'EEXIST' ? `${file} is there already` : message;
      throw fail('USAGE', { met, fix: 'give a path that is free, or leave --out away: it is printed then' });
    }
  if (json) object('export', { ...told, file, ...(checked === null ? {} : { check: checked }) });
  else if (file !== null) print(`${file}: ${format} of ${told.run}`);
  else process.stdout.write(told.text);
  return codes.ok;
}

/** What it prints goes to standard error, so that the export can be piped on; as JSON each line is an object. */
async function checkIt(
  config: Config,
  json: boolean,
  { run, format, text }: Response<'runs.export'>,
  isolation: 'none' | 'container' | null,
) {
  const ending = new AbortController();
  const abort = (): void => ending.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, abort);
  const tell = (line: string): void => void process.stderr.write(`${harmless(line)}\n`);
  const say = (of: string, line: string): void =>
    json ? object('export-output', { of, line }) : tell(`  ${of.padEnd(8)} ${line}`);
  try {
    const checked = await checkExport(
      config,
      { run, format, text },
      { isolation, env: process.env, say, signal: ending.signal },
    );
    if (json) return checked;
    const { copy, build, start, total } = checked.ms;
    const by = checked.engine === null ? '' : ` by ${checked.engine}`;
    const parts =
      checked.how === 'form' ? '' : ` (copy ${seconds(copy)}, build ${seconds(build)}, start ${seconds(start)})`;
    for (const note of checked.notes) tell(`! ${note}`);
    tell(`${format} of ${run} checked${by} in ${seconds(total)}${parts}: ${checked.said}`);
    return checked;
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, abort);
  }
}
const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

export async function runsShow({ config, json }: Globals, run: string): Promise<number> {
  const timeline = await ask(config, 'runs.timeline', { run });
  if (json) object('timeline', timeline);
  else for (const line of waterfall(timeline, Math.min(columns(), 120), paints())) print(line);
  return codes.ok;
}
