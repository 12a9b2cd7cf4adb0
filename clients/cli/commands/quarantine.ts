/** `rr quarantine …`: messages that could not be taken, asked of the runtime that is up. */
import { readFileSync } from 'node:fs';
import { text as textOf } from 'node:stream/consumers';
import type { Request, Response, Verb } from '../../../actors/front-door/contract.js';
import type { Config } from '../../../runtime/config.js';
import { fail } from '../../../runtime/errors.js';
import { reachOrFail } from '../connect.js';
import { codes } from '../exit.js';
import type { Globals } from '../globals.js';
import { columns, cut, harmless, paints } from '../paint.js';

const print = (line: string): void => void process.stdout.write(`${harmless(line)}\n`);
const object = (type: string, value: object): void =>
  void process.stdout.write(`${JSON.stringify({ type, ...value })}\n`);
const clock = (at: string): string => at.slice(0, 19).replace('T', ' ');

async function ask<V extends Extract<Verb, `quarantine.${string}`>>(
  config: Config,
  verb: V,
  request: Partial<Request<V>>,
): Promise<Response<V>> {
  const client = await reachOrFail(config);
  try {
    return await client.call(verb, request);
  } finally {
    await client.close();
  }
}

export async function list({ config, json }: Globals): Promise<number> {
  const { messages, broken, most, dropped } = await ask(config, 'quarantine.list', {});
  const c = paints();
  for (const { type, what, ...one } of messages) {
    if (json) {
      object('message', { ...one, what, message: type });
      continue;
    }
    const marks = [
      one.times > 1 ? `${one.times} times` : '',
      one.edited ? 'edited' : '',
      one.putBack === null ? '' : one.putBack.error ? 'put back in vain' : 'put back, its end is not known',
    ].filter((mark) => mark !== '');
    print(`${c.bold(harmless(one.id))}  ${clock(one.lastAt)}  ${one.address}  ${type}  ${marks.join(', ')}`.trimEnd());
    print(c.dim(`    ${cut(one.why.message, columns() - 4)}  [${one.why.code}]`));
  }
  for (const one of broken) {
    if (json) object('broken', one);
    else print(`${one.id}  ${c.red('broken')}\n    ${one.error.message}\n    fix: ${one.error.fix}`);
  }
  if (json) {
    if (dropped) object('dropped', { ...dropped, most });
  } else if (dropped)
    print(
      `${dropped.count} more were dropped for want of room, the last one at ${clock(dropped.lastAt)}: the newest ${most} are kept`,
    );
  else if (messages.length + broken.length === 0) print('nothing is in quarantine');
  return broken.length > 0 ? codes.failed : codes.ok;
}

export async function show(
  { config, json }: Globals,
  id: string,
  { onlyPayload }: { onlyPayload: boolean },
): Promise<number> {
  const held = await ask(config, 'quarantine.get', { id });
  const { command, report, edited, putBack, why } = held;
  const { type: _, ...reported } = report?.event ?? { type: '' };
  const carried = edited?.payload ?? command?.payload ?? reported;
  if (onlyPayload) {
    process.stdout.write(`${JSON.stringify(carried, null, json ? 0 : 2)}\n`);
    return codes.ok;
  }
  if (json) {
    object('message', held);
    return codes.ok;
  }
  const c = paints();
  const row = (label: string, text: string): void => print(`${label.padEnd(9)} ${text}`);
  print(`${held.id}  for ${held.address}`);
  row('type', command?.type ?? `${report!.event.type}, what an effect reported`);
  if (command) row('from', `${String(command.from)}, as ${command.id}`);
  row('came', `${clock(held.at)}${held.times > 1 ? `, ${held.times} times, last ${clock(held.lastAt)}` : ''}`);
  row('why', `${why.message}  [${why.code}]`);
  if (putBack)
    row('put back', `${clock(putBack.at)}, as ${putBack.id}: ${putBack.error ? 'refused' : 'its end is not known'}`);
  row('file', held.file);
  print(c.dim(edited ? `payload, as edited ${clock(edited.at)}` : 'payload'));
  print(JSON.stringify(carried, null, 2));
  if (edited) {
    print(c.dim('payload, as it came'));
    print(JSON.stringify(command!.payload, null, 2));
  }
  return codes.ok;
}

export async function edit(
  { config, json }: Globals,
  id: string,
  file: string | undefined,
  { payload }: { payload?: unknown },
): Promise<number> {
  if (payload !== undefined && file !== undefined)
    throw fail('USAGE', { met: 'the payload is given twice', fix: 'give a file or --payload' });
  const told = await ask(config, 'quarantine.edit', { id, payload: asObject(payload ?? (await read(file))) });
  if (json) object('edited', told);
  else print(`${id} has another payload now; send it: rr quarantine put-back ${id}`);
  return codes.ok;
}

export async function putBack(
  { config, json }: Globals,
  id: string,
  { timeout }: { timeout?: number },
): Promise<number> {
  const told = await ask(config, 'quarantine.put-back', {
    id,
    ...(timeout === undefined ? {} : { withinMs: Math.max(1, Math.round(timeout)) }),
  });
  const { outcome, address, fact, refusal } = told;
  if (json) object('put-back', told);
  else if (refusal) print(`${address} refused it: ${refusal.message}\n    fix: ${refusal.fix}  [${refusal.code}]`);
  else print(`${address} accepted it${fact ? `: ${fact.type}` : ''}`);
  return outcome === 'accepted' ? codes.ok : codes.failed;
}

export async function drop({ config, json }: Globals, id: string): Promise<number> {
  await ask(config, 'quarantine.drop', { id });
  if (json) object('dropped', { id });
  else print(`${id} is gone`);
  return codes.ok;
}

/** @throws USAGE, PATH_UNREADABLE */
async function read(file: string | undefined): Promise<unknown> {
  const from = file === undefined || file === '-' ? 'standard input' : file;
  if (from !== file && process.stdin.isTTY)
    throw fail('USAGE', { met: 'no payload is given', fix: 'give a file, or --payload JSON, or pipe it in' });
  let text: string;
  try {
    text = from === file ? readFileSync(file, 'utf8') : await textOf(process.stdin);
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw fail('USAGE', { met: `there is no file ${file}`, fix: 'give the path of a payload' });
    throw fail('PATH_UNREADABLE', { path: file, met: code }, error);
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw fail('USAGE', {
      met: `${from} is no JSON: ${(error as Error).message}`,
      fix: 'rr quarantine show ID --only-payload prints one to begin with',
    });
  }
}
function asObject(value: unknown): Record<string, unknown> {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
  throw fail('USAGE', { met: 'the payload is no JSON object', fix: `write for example --payload '{"n": 1}'` });
}
