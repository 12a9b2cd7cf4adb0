/** How actors are told to people: who is alive and whose child, what one is at, what a kind hears. */
import type { Response } from '../../actors/front-door/contract.js';
import { plain, type Schema } from '../repl/fields.js';
import { cut, harmless, type Paints } from './paint.js';

type Actor = Response<'admin.tree'>['actors'][number];
const LONG = 400;
const STATE = 24;

export const isAddress = (text: unknown): text is string =>
  typeof text === 'string' && /^[a-z0-9-]+\/[a-z0-9-]+\/[a-z0-9-]+$/.test(text);
/** A state is a name, or an object where several are at once. */
export const stateText = (state: unknown): string => (typeof state === 'string' ? state : JSON.stringify(state));
export const when = (at: string | null): string => (at === null ? '-' : at.slice(0, 19).replace('T', ' '));
/** JSON for people: long texts shortened. */
export const pretty = (value: unknown): string =>
  JSON.stringify(
    value,
    (_, inner: unknown) =>
      typeof inner === 'string' && inner.length > LONG
        ? `${inner.slice(0, LONG)}… (${inner.length} characters)`
        : inner,
    2,
  ) ?? 'nothing';

/** Parents before their children; of each its state, its turn, what it owes, and how often it was started anew. */
export function treeLines({ host, actors }: Response<'admin.tree'>, c: Paints): string[] {
  const here = new Set(actors.map(({ address }) => address));
  const below = (parent: string | null, depth: number): { depth: number; actor: Actor }[] =>
    actors
      .filter((one) => (one.parent !== null && here.has(one.parent) ? one.parent : null) === parent)
      .flatMap((actor) => [{ depth, actor }, ...below(actor.address, depth + 1)]);
  const all = below(null, 1);
  const rows = all.map(({ depth, actor: { address, state } }) => ({
    name: `${'  '.repeat(depth)}${address}`,
    state: cut(stateText(state), STATE),
  }));
  const names = Math.max(...rows.map(({ name }) => name.length));
  const states = Math.max(...rows.map(({ state }) => state.length));
  const turns = Math.max(...actors.map(({ turn }) => String(turn).length));
  return [
    `${c.bold(host)}  ${actors.length} actors`,
    ...rows.map(({ name, state }, n) => {
      const { turn, owed, restarts } = all[n]!.actor;
      const more = [
        ...(owed > 0 ? [c.dim(`owes ${owed}`)] : []),
        ...(restarts > 0 ? [c.yellow(`started anew ${restarts}×`)] : []),
      ];
      const about = `${state.padEnd(states)}  turn ${String(turn).padStart(turns)}`;
      return [name.padEnd(names), c.dim(about), ...more].join('  ');
    }),
  ];
}

type Kind = Response<'admin.kinds'>['kinds'][number];
/** One line a kind: what it hears; of one made at run time what it is for, and whether it is held back. */
export function kindLines(kinds: Kind[], c: Paints): string[] {
  const wide = Math.max(...kinds.map(({ kind }) => kind.length));
  return kinds.flatMap(({ kind, hears, custom }) => {
    const line = `${c.bold(kind.padEnd(wide))}  ${hears.join(' ')}`;
    if (!custom) return [line];
    const { state, role, problems } = custom;
    const mark = state === 'registered' ? c.green(state) : c.red('held back');
    return [
      `${line}  ${mark}${c.dim(`: ${harmless(cut(role, LONG))}`)}`,
      ...problems.map((problem) => `${' '.repeat(wide)}  ${c.red('✗')} ${harmless(cut(problem, LONG))}`),
    ];
  });
}

/** What a value must be, in a few words. @param root the schema that this one is a part of. */
function typeText(schema: Schema, root: Schema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' or ');
  if (schema.$ref !== undefined || schema.anyOf || schema.oneOf) {
    const choices = plain(schema, root).filter((one) => one !== root);
    return [...new Set(choices.map((one) => typeText(one, root)))].join(' or ') || 'anything';
  }
  if (schema.type === 'array') return `list of ${typeText(schemaOf(schema.items), root)}`;
  if (schema.properties) return `{${Object.keys(schema.properties).join(', ')}}`;
  if (schema.type === 'object' && typeof schema.additionalProperties === 'object')
    return `object of ${typeText(schema.additionalProperties, root)}`;
  return [schema.type ?? 'anything'].flat().join(' or ');
}
const schemaOf = (one: Schema | boolean | undefined): Schema => (typeof one === 'object' ? one : {});
/** A kind whole: each command it hears with its fields, and what they must be. */
export function kindPage(kind: Kind, c: Paints): string[] {
  const { custom } = kind;
  const lines = [`${c.bold(kind.kind)}  version ${kind.version}`];
  if (custom) {
    lines.push(`made at run time: ${harmless(cut(custom.role, LONG))}`);
    lines.push(`tools ${custom.tools.join(', ') || 'none'}${custom.offline ? ', kept off the network' : ''}`);
    if (custom.state !== 'registered') lines.push(c.red('held back'));
    for (const problem of custom.problems) lines.push(`  ${c.red('✗')} ${harmless(cut(problem, LONG))}`);
  }
  const schema = kind.schema as Schema;
  for (const { properties = {}, required = [] } of plain(schema, schema)) {
    const { type, ...fields } = properties;
    lines.push('', c.cyan(String(type?.const ?? 'a message')));
    const wide = Math.max(0, ...Object.keys(fields).map((name) => name.length));
    for (const [name, field] of Object.entries(fields)) {
      const left = required.includes(name) ? '' : `may be left out${given(field)}`;
      const about = [left, harmless(field.description ?? '')].filter((one) => one !== '').join('; ');
      lines.push(`  ${name.padEnd(wide)}  ${typeText(field, schema)}${about === '' ? '' : c.dim(`  ${about}`)}`);
    }
  }
  return lines;
}
const given = (field: Schema): string => (field.default === undefined ? '' : `: ${JSON.stringify(field.default)}`);
