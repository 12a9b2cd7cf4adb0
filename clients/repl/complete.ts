/**
 * Completion from what is there: addresses, runs, kinds, workflows and what a run asks come from the front door; the
 * commands an actor hears and their fields from its schema; what a variable has from the variable. Completing runs no
 * code that was typed and no getter, and asks only verbs that change nothing.
 */
import type { CompleterResult } from 'node:readline';
import type { Context } from 'node:vm';
import { z } from 'zod';
import { type Request, type Response, type Verb, verbs } from '../../actors/front-door/contract.js';
import type { Client } from '../cli/connect.js';
import { allowedAt, type Schema } from './fields.js';
import { type Open, openAt } from './open-at.js';
import { dataOf, namesOf, peek } from './peek.js';

type Complete = (line: string, done: (error: Error | null, result?: CompleterResult) => void) => void;

/** What may be looked at while a line is typed. */
export interface Around {
  client: Pick<Client, 'call'>;
  /** The variables of the session. */
  context: Context;
  /** What makes the objects, by name. Making one asks nothing. */
  makers: Record<'actor' | 'run' | 'workflow' | 'decision' | 'message', (name: string) => object>;
  /** Lines of the statement before this one. */
  before(): string;
  /** The CLI's commands, and the commands below each. */
  commands: Record<string, string[]>;
}
/** A runtime that does not answer by then has nothing to offer: a key was pressed, and somebody waits. */
const PATIENCE_MS = 1_500;

export const completer =
  ({ before, ...around }: Around, names: Complete): Complete =>
  (line, done) => {
    const command = before() === '' ? /^\s*\.(\S+(?:\s+\S+)*?)\s+(\S*)$/.exec(line) : null;
    if (command) {
      const [, given, begun] = command as unknown as [string, string, string];
      return offer(wordsAfter(around, given.split(/\s+/)), begun, done);
    }
    if (before() === '' && /^\s*\.\w*$/.test(line)) return names(line, done);
    const open = openAt(before() + line);
    if (!open) return done(null, [[], '']);
    const { quote, begun, call } = open;
    // Node's own looks for files and modules there, and runs nothing.
    if (quote !== null && call && ['require', 'import'].includes(call.callee)) return names(line, done);
    const dot = begun.lastIndexOf('.');
    if (quote === null && dot >= 0) {
      const word = begun.slice(dot + 1);
      const value = objectOf(around, begun.slice(0, dot).replace(/\?$/, '').trim());
      return done(null, [value === undefined ? [] : namesOf(value, word), word]);
    }
    const plain = (): void => (quote === null && begun !== '' ? names(begun, done) : done(null, [[], begun]));
    candidates(around, open).then(
      (all) => {
        const fit = all.filter((one) => one.startsWith(begun));
        return fit.length > 0 ? done(null, [fit, begun]) : plain();
      },
      plain, // nobody there to ask: nothing to offer
    );
  };
const offer = (words: Promise<string[]>, begun: string, done: Parameters<Complete>[1]): void =>
  void words.then(
    (all) => done(null, [all.filter((one) => one.startsWith(begun)), begun]),
    () => done(null, [[], begun]),
  );

type Looking = Omit<Around, 'before'>;

const ask = <V extends Verb>({ client }: Looking, verb: V, request: Partial<Request<V>>): Promise<Response<V>> =>
  client.call(verb, request, PATIENCE_MS);
const runIds = async (around: Looking, fits: (run: Response<'runs.list'>['runs'][number]) => boolean = () => true) =>
  (await ask(around, 'runs.list', { all: true })).runs.filter(fits).map(({ run }) => run);
const addresses = async (around: Looking) => (await ask(around, 'admin.tree', {})).actors.map((one) => one.address);
const kinds = async (around: Looking) => (await ask(around, 'admin.kinds', {})).kinds;
const waits = async (around: Looking, run: string) => (await ask(around, 'runs.get', { run })).waitsFor;
const versions = async (around: Looking, address: string) =>
  (await ask(around, 'checkpoints.history', { address })).versions.map(({ version }) => version).reverse();
const requestOf = (verb: string): Schema | null =>
  verb in verbs ? (z.toJSONSchema(verbs[verb as Verb].request, { io: 'input' }) as Schema) : null;

const decisions = async (around: Looking) => (await ask(around, 'admin.decisions', {})).open;
const aside = async (around: Looking) => (await ask(around, 'quarantine.list', {})).messages.map(({ id }) => id);
const remembered = async (around: Looking) =>
  (await ask(around, 'checkpoints.list', {})).actors.map(({ address }) => address);
const workflows = async (around: Looking) =>
  (await ask(around, 'workflows.list', {})).workflows.map(({ name }) => name);
const customs = async (around: Looking) => (await kinds(around)).filter(({ custom }) => custom !== null);

/** What may follow the words of a command of the CLI: commands below it, or what is known of its arguments. */
async function wordsAfter(around: Looking, [name = '', ...rest]: string[]): Promise<string[]> {
  if (name === 'rr')
    return rest.length === 0 ? Object.keys(around.commands).filter((one) => one !== 'rr') : wordsAfter(around, rest);
  const below = around.commands[name];
  if (!below) return [];
  if (below.length > 0 && rest.length === 0) return below;
  const [command, given] = below.length > 0 ? [`${name} ${rest[0]}`, rest.slice(1)] : [name, rest];
  switch (`${command}/${given.length}`) {
    case 'logs/0':
    case 'stop/0':
    case 'restart/0':
    case 'signal/0':
    case 'runs show/0':
    case 'checkpoints list/0':
    case 'checkpoints fork/0':
      return runIds(around);
    case 'approve/0':
      return runIds(around, ({ state }) => state === 'waiting');
    case 'decide/0':
      return (await decisions(around)).map(({ id }) => id);
    case 'decide/1':
      return choices(around, given[0]!);
    case 'workflows/0':
      return ['list', 'show', 'check'];
    case 'workflows/1':
      return given[0] === 'show' ? workflows(around) : [];
    case 'admin actor/0':
    case 'admin send/0':
    case 'admin restart/0':
    case 'admin stop/0':
      return addresses(around);
    case 'admin kinds/0':
    case 'admin spawn/0':
      return (await kinds(around)).map(({ kind }) => kind);
    case 'admin unlist/0':
      return (await customs(around)).map(({ kind }) => kind);
    case 'checkpoints show/0':
    case 'checkpoints history/0':
    case 'checkpoints diff/0':
    case 'checkpoints restore/0':
      return remembered(around);
    case 'checkpoints diff/1':
    case 'checkpoints diff/2':
    case 'checkpoints restore/1':
      return versions(around, given[0]!);
    case 'quarantine show/0':
    case 'quarantine edit/0':
    case 'quarantine put-back/0':
    case 'quarantine drop/0':
      return aside(around);
    default:
      return [];
  }
}
/** What may be decided: by a decision of the admin, or by a run. */
async function choices(around: Looking, id: string): Promise<string[]> {
  const asked = (await decisions(around)).find((one) => one.id === id);
  return asked ? asked.options : (await waits(around, id)).flatMap(({ options }) => options ?? []);
}

/** A text as it stands in the source, or null. */
const textOf = (source: string): string | null => /^(['"`])([^'"`\\$]*)\1$/.exec(source)?.[2] ?? null;
/** What an expression gives, where that is known without running it. */
function objectOf(around: Looking, source: string): unknown {
  const made = /^(actor|run|workflow|decision|message)\(\s*(.+?)\s*\)$/.exec(source);
  if (!made) return peek(around.context, source);
  const name = textOf(made[2]!) ?? peek(around.context, made[2]!);
  try {
    return typeof name === 'string' ? around.makers[made[1] as keyof Around['makers']](name) : undefined;
  } catch {
    return undefined; // no address: nothing has one by that name
  }
}
/** A text, or what it is of the object that stands there: a run's `id`, an actor's `address`. */
function named(around: Looking, source: string | undefined, field: 'id' | 'address'): string | null {
  if (source === undefined) return null;
  const text = textOf(source);
  if (text !== null) return text;
  const value = objectOf(around, source);
  const name = typeof value === 'string' ? value : dataOf(value, field);
  return typeof name === 'string' ? name : null;
}

/** As the request, without what is given apart. */
const without = (schema: Schema | null, ...names: string[]): Schema => ({
  ...schema,
  properties: Object.fromEntries(Object.entries(schema?.properties ?? {}).filter(([name]) => !names.includes(name))),
});
const aboutDecision: Schema = { properties: { step: {}, reason: {} } };

/** What fits where the text ends, as it is written there: within quotes bare, elsewhere in quotes. */
async function candidates(around: Looking, open: Open): Promise<string[]> {
  const { call, levels, quote } = open;
  if (!call) return [];
  const written = (text: string): string => (quote === null ? `'${text}'` : text);
  if (levels.length > 0) {
    const schema = await schemaFor(around, call);
    if (!schema) return [];
    const allowed = allowedAt(schema, levels);
    if ('fields' in allowed) {
      const key = (name: string): string => (/^[\w$]+$/.test(name) ? name : `'${name}'`);
      return allowed.fields.map((name) => (quote === null ? `${key(name)}: ` : name));
    }
    return allowed.values.flatMap((value) => {
      if (typeof value === 'string') return [written(value)];
      return quote === null ? [JSON.stringify(value)] : [];
    });
  }
  return (await texts(around, call)).map(written);
}

/** Of the literal that is being typed as an argument. */
async function schemaFor(around: Looking, { callee, before }: NonNullable<Open['call']>): Promise<Schema | null> {
  const [, on, method] = /^(?:(.+?)\??\.)?([\w$]+)$/s.exec(callee) ?? [];
  const at = `${on === undefined ? '' : '.'}${method}/${before.length}`;
  switch (at) {
    case '.send/0': {
      const kind = named(around, on, 'address')?.split('/')[1];
      return ((await kinds(around)).find((one) => one.kind === kind)?.schema as Schema | undefined) ?? null;
    }
    case '.send/1':
      return { properties: { withinMs: {} } };
    case '.restore/1':
      return { properties: { dropOwed: { type: 'boolean' } } };
    case 'ask/1':
      return requestOf(textOf(before[0]!) ?? '');
    case 'submit/0':
    case '.submit/0':
      return requestOf('jobs.submit');
    case 'spawn/1':
      return without(requestOf('admin.spawn'), 'kind');
    case '.fork/1':
      return without(requestOf('checkpoints.fork'), 'run', 'from', 'as');
    case '.putBack/0':
      return without(requestOf('quarantine.put-back'), 'id');
    case 'decide/2':
    case '.decide/1':
    case '.approve/0':
      return aboutDecision;
    default:
      return null;
  }
}

/** The texts that an argument may be. */
async function texts(around: Looking, { callee, before }: NonNullable<Open['call']>): Promise<string[]> {
  const [, on, method] = /^(?:(.+?)\??\.)?([\w$]+)$/s.exec(callee) ?? [];
  const chosen = async (id: string | null): Promise<string[]> => (id === null ? [] : choices(around, id));
  switch (`${on === undefined ? '' : '.'}${method}/${before.length}`) {
    case 'ask/0':
      return Object.keys(verbs);
    case 'run/0':
      return runIds(around);
    case 'actor/0':
    case 'watch/0':
      return addresses(around);
    case 'spawn/0':
      return (await kinds(around)).map(({ kind }) => kind);
    case 'unlist/0':
      return (await customs(around)).map(({ kind }) => kind);
    case 'workflow/0':
      return workflows(around);
    case 'decide/0':
      return [
        ...(await runIds(around, ({ state }) => state === 'waiting')),
        ...(await decisions(around)).map(({ id }) => id),
      ];
    case 'decide/1':
      return chosen(named(around, before[0], 'id'));
    case '.decide/0':
      return chosen(named(around, on, 'id'));
    case 'decision/0':
      return (await decisions(around)).map(({ id }) => id);
    case 'message/0':
      return aside(around);
    case '.fork/0': {
      const run = named(around, on, 'id');
      return run === null ? [] : (await ask(around, 'runs.get', { run })).steps.map(({ step }) => step);
    }
    case '.signal/0': {
      const run = named(around, on, 'id');
      const signals = run === null ? [] : await waits(around, run);
      return signals.flatMap((one) => (one.for === 'signal' && one.what !== undefined ? [one.what] : []));
    }
    case 'checkpoints/0':
      return [...(await remembered(around)), ...(await runIds(around))];
    case 'checkpoints/1':
    case 'checkpoints/2': {
      const address = named(around, before[0], 'address');
      return address === null ? [] : versions(around, address);
    }
    case '.restore/0': {
      const address = named(around, on, 'address');
      return address === null ? [] : versions(around, address);
    }
    default:
      return [];
  }
}
