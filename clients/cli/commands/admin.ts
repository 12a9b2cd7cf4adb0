/** `rr admin …`: the actors of the runtime that is up, one by one. */
import { resolve } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import type { Request, Response, Verb } from '../../../actors/front-door/contract.js';
import type { Config } from '../../../runtime/config.js';
import { fail } from '../../../runtime/errors.js';
import { isAddress, kindLines, kindPage, pretty, stateText, treeLines, when } from '../actor-words.js';
import { reachOrFail } from '../connect.js';
import { codes } from '../exit.js';
import type { Globals } from '../globals.js';
import { columns, cut, harmless, paints } from '../paint.js';

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const object = (type: string, value: object): void => print(JSON.stringify({ type, ...value }));
const LABEL = 9;
/** Beyond the patience that a command is given: until the answer that it is over. */
const ANSWER_MS = 5_000;
/** As the contract has it. */
const PATIENCE_MS = 30_000;

async function ask<V extends Extract<Verb, `admin.${string}`>>(
  config: Config,
  verb: V,
  request: Partial<Request<V>>,
  withinMs?: number,
): Promise<Response<V>> {
  const client = await reachOrFail(config);
  try {
    return await client.call(verb, request, withinMs);
  } finally {
    await client.close();
  }
}
function addressIn(given: string): string {
  if (isAddress(given)) return given;
  throw fail('USAGE', { met: `${given} is no address of an actor`, fix: 'rr admin tree shows who is alive' });
}

export async function tree({ config, json }: Globals): Promise<number> {
  const told = await ask(config, 'admin.tree', {});
  if (json) for (const actor of told.actors) object('actor', { host: told.host, ...actor });
  else for (const line of treeLines(told, paints())) print(line);
  return codes.ok;
}

/** @param name only this kind, with the fields of its commands. @throws USAGE for one that there is not. */
export async function kinds({ config, json }: Globals, name: string | undefined): Promise<number> {
  const { kinds: all } = await ask(config, 'admin.kinds', {});
  const wanted = all.filter(({ kind }) => name === undefined || kind === name);
  if (wanted.length === 0)
    throw fail('USAGE', { met: `no kind of actor is called ${name}`, fix: 'rr admin kinds lists them' });
  if (json) for (const kind of wanted) object('kind', kind);
  else
    for (const line of name === undefined ? kindLines(wanted, paints()) : kindPage(wanted[0]!, paints())) print(line);
  return codes.ok;
}

export async function actor({ config, json }: Globals, given: string): Promise<number> {
  const address = addressIn(given);
  const told = await ask(config, 'admin.actor', { address });
  if (json) {
    object('actor', told);
    return codes.ok;
  }
  const { alive, version, epoch, turn, at, state, owed, open } = told;
  const c = paints();
  const row = (label: string, text: string): void => print(`${label.padEnd(LABEL)} ${text}`);
  print(`${c.bold(address)}  ${alive ? c.green('alive') : c.yellow('not alive')}`);
  row('state', stateText(state.value) + (state.status === 'active' ? '' : `, ${state.status}`));
  row('version', `${epoch}.${turn}  ${c.dim(`${when(at)}, contract ${version}`)}`);
  row('owes', owed.length === 0 ? 'nothing' : '');
  for (const { id, type } of owed) print(`${' '.repeat(LABEL + 1)}${type} ${c.dim(id)}`);
  const commands = Object.entries(open);
  row('open', commands.length === 0 ? 'no command' : '');
  for (const [id, { type }] of commands) print(`${' '.repeat(LABEL + 1)}${type} ${c.dim(harmless(id))}`);
  print(c.bold('context'));
  print(pretty(state.context));
  return codes.ok;
}

/** @param text the command as JSON; `-`: it comes on standard input. */
export async function send(
  { config, json }: Globals,
  given: string,
  text: string,
  { timeout, id }: { timeout?: number; id?: string },
): Promise<number> {
  const address = addressIn(given);
  const command = commandIn(text === '-' ? await textOf(process.stdin) : text);
  const withinMs = timeout === undefined ? PATIENCE_MS : Math.max(1, Math.round(timeout));
  const request = { address, command, withinMs, ...(id === undefined ? {} : { id }) };
  const { fact } = await ask(config, 'admin.send', request, withinMs + ANSWER_MS);
  if (json) object('fact', { fact });
  else {
    const { type, ...payload } = fact;
    print(paints().bold(type));
    print(pretty(payload));
  }
  return codes.ok;
}
function commandIn(text: string): { type: string } {
  const fix = `write for example '{"type":"port.release","run":"r1"}'; rr admin kinds KIND shows what a kind hears`;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw fail('USAGE', { met: `the command is no JSON: ${(error as Error).message}`, fix });
  }
  if (typeof (value as { type?: unknown } | null)?.type === 'string') return value as { type: string };
  throw fail('USAGE', { met: `the command ${cut(text, columns())} is no object with a type`, fix });
}

export interface SpawnOptions {
  id?: string;
  run?: string;
  input?: unknown;
  restart?: 'permanent' | 'transient' | 'temporary';
  group?: string;
  strategy?: 'one_for_one' | 'one_for_all' | 'rest_for_one';
  intensity?: number;
  /** In milliseconds. */
  period?: number;
}
export async function spawn({ config, json }: Globals, kind: string, options: SpawnOptions): Promise<number> {
  const { group, strategy = 'one_for_one', intensity, period, ...given } = options;
  const said = (['strategy', 'intensity', 'period'] as const).find((name) => options[name] !== undefined);
  if (said !== undefined && group === undefined)
    throw fail('USAGE', { met: `--${said} ${options[said]} is said of no group`, fix: 'give --group NAME as well' });
  const about = {
    ...(intensity === undefined ? {} : { intensity }),
    ...(period === undefined ? {} : { periodMs: Math.max(1, Math.round(period)) }),
  };
  const { address } = await ask(config, 'admin.spawn', {
    kind,
    ...given,
    // What the contract has a default for may be left out.
    ...(group === undefined ? {} : { group: { name: group, strategy, ...about } as never }),
  });
  if (json) object('spawned', { address });
  else print(address);
  return codes.ok;
}

export async function restart({ config, json }: Globals, given: string): Promise<number> {
  const told = await ask(config, 'admin.restart', { address: addressIn(given) });
  if (json) object('restarted', told);
  else print(`${told.address} was started anew, at its turn ${told.turn}`);
  return codes.ok;
}

export async function stop({ config, json }: Globals, given: string): Promise<number> {
  const told = await ask(config, 'admin.stop', { address: addressIn(given) });
  if (json) object('stopped', told);
  else print(`${told.address} is stopped; its checkpoint stays`);
  return codes.ok;
}

/** @param folder of an agent.json; where the runtime is elsewhere, an absolute path there. */
export async function enlist({ config, json }: Globals, folder: string): Promise<number> {
  const told = await ask(config, 'admin.enlist', { source: resolve(folder) });
  const { kind, state, problems } = told;
  if (json) object('enlisted', told);
  else {
    const c = paints();
    print(state === 'registered' ? `${c.bold(kind)} ${c.green(state)}` : `${c.bold(kind)} ${c.red('held back')}`);
    for (const problem of problems) print(`  ${c.red('✗')} ${harmless(cut(problem, columns() - 4))}`);
    if (state !== 'registered') print('    fix: mend the agent or its manifest, then enlist it again');
  }
  return state === 'registered' ? codes.ok : codes.failed;
}

export async function unlist({ config, json }: Globals, kind: string): Promise<number> {
  const told = await ask(config, 'admin.unlist', { kind });
  if (json) object('unlisted', told);
  else print(`${kind} is forgotten; what lives of it goes on until it ends`);
  return codes.ok;
}
