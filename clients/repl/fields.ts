/** What a JSON Schema allows at a place within a literal: names of fields there, and the values it names. */
import type { Level } from './open-at.js';

export interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema | boolean;
  prefixItems?: Schema[];
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  required?: string[];
  default?: unknown;
  description?: string;
}

/** How deep schemas may refer to each other before we stop looking. */
const DEEPEST = 12;

/** The schemas that may hold, none of them a choice any more. @param root the schema that this one is a part of. */
export function plain(schema: Schema, root: Schema, depth = 0): Schema[] {
  if (depth > DEEPEST) return [];
  if (schema.$ref !== undefined) {
    const name = /^#\/\$defs\/(.+)$/.exec(schema.$ref)?.[1];
    const to = schema.$ref === '#' ? root : name === undefined ? undefined : root.$defs?.[name];
    return to ? plain(to, root, depth + 1) : [];
  }
  const choices = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  if (choices.length === 0) return [schema];
  const below = choices.flatMap((one) => plain(one, root, depth + 1));
  return schema.properties ? [schema, ...below] : below;
}
/** Those whose named values are the ones that are there: `type: 'port.lease'` leaves one command of many. */
const fitting = (schemas: Schema[], texts: Record<string, string>): Schema[] =>
  schemas.filter(({ properties = {} }) =>
    Object.entries(texts).every(([key, text]) => {
      const wanted = properties[key]?.const;
      return wanted === undefined || wanted === text;
    }),
  );
const isSchema = (one: Schema | boolean | undefined): one is Schema => typeof one === 'object';

/**
 * @param levels from the literal that the schema describes down to the place.
 * @returns names of fields that are not there yet where a key is being typed, else values.
 */
export function allowedAt(schema: Schema, levels: readonly Level[]): { fields: string[] } | { values: unknown[] } {
  let at = plain(schema, schema);
  for (const { is, key, keys, texts } of levels) {
    if (is === 'array') at = at.flatMap(({ items }) => (isSchema(items) ? plain(items, schema) : []));
    else {
      // The value being typed is not settled yet.
      const { [key ?? '']: _, ...settled } = texts;
      at = fitting(at, settled);
      if (key === null) {
        const fields = at.flatMap(({ properties = {} }) => Object.keys(properties));
        return { fields: [...new Set(fields)].filter((name) => !keys.includes(name)) };
      }
      at = at.flatMap(({ properties, additionalProperties: rest }) => {
        const next = properties?.[key] ?? rest;
        return isSchema(next) ? plain(next, schema) : [];
      });
    }
  }
  const values = at.flatMap((one) => {
    if (one.const !== undefined) return [one.const];
    return one.enum ?? (one.type === 'boolean' ? [true, false] : []);
  });
  return { values: [...new Set(values)] };
}
