/**
 * What a chain of names stands for, looked up without running anything: a getter is not called, a proxy is not asked.
 * A name that can only be known by either is not known here.
 */
import { builtinModules } from 'node:module';
import { types } from 'node:util';
import { type Context, runInContext } from 'node:vm';

/** Words that are no variable. */
const chainOf = /^[A-Za-z_$][\w$]*(?:\??\.[A-Za-z_$][\w$]*)*$/;
const isHolder = (value: unknown): value is object =>
  (typeof value === 'object' || typeof value === 'function') && value !== null && !types.isProxy(value);

/** A text has methods as well. */
const boxed = (value: unknown): unknown =>
  value === null || value === undefined || types.isProxy(value) ? null : Object(value);

function descriptorOf(value: unknown, name: string): PropertyDescriptor | null {
  for (let one: unknown = boxed(value); isHolder(one); one = Object.getPrototypeOf(one)) {
    const found = Object.getOwnPropertyDescriptor(one, name);
    if (found) return found;
  }
  return null;
}
/** A property that is a plain value; undefined where it is none. */
export const dataOf = (value: unknown, name: string): unknown => descriptorOf(value, name)?.value as unknown;

function variable(context: Context, name: string): unknown {
  const property = descriptorOf(context, name);
  if (property && 'value' in property) return property.value;
  // The REPL has node's own modules under their names, and loads each when it is asked for: that has no effect of ours.
  if (property) return builtinModules.includes(name) ? process.getBuiltinModule(name) : undefined;
  try {
    return runInContext(name, context) as unknown; // declared by let, const or class: reading a name runs nothing
  } catch {
    return undefined; // not declared, or a reserved word
  }
}

/** @param chain `job`, `one.two`. @returns undefined where it is nothing, or not known without running code. */
export function peek(context: Context, chain: string): unknown {
  if (!chainOf.test(chain)) return undefined;
  const [first, ...rest] = chain.split(/\??\./);
  const value = rest.reduce<unknown>((of, name) => dataOf(of, name), variable(context, first!));
  return types.isProxy(value) ? undefined : value;
}

/** Names of what a value has, its own before those it inherits; those of every object only when one is begun. */
export function namesOf(value: unknown, begun: string): string[] {
  const names = new Set<string>();
  for (let one: unknown = boxed(value); isHolder(one); one = Object.getPrototypeOf(one)) {
    const isPlain = Object.getPrototypeOf(one) === null && names.size > 0;
    if (isPlain && begun === '') break;
    for (const name of Object.getOwnPropertyNames(one)) if (/^[A-Za-z_$][\w$]*$/.test(name)) names.add(name);
  }
  return [...names].filter((name) => name.startsWith(begun));
}
