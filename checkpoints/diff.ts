/** What changed between two JSON values, by path: small enough to read, whole enough that applying it to one gives the other. Pure. */
import { canonical } from './ledger.js';

export type Path = (string | number)[];
/** `splice`: from `index` on, the items `was` of a list made place for `now`. */
export type Change =
  | { do: 'set'; path: Path; was: unknown; now: unknown }
  | { do: 'add'; path: Path; now: unknown }
  | { do: 'remove'; path: Path; was: unknown }
  | { do: 'splice'; path: Path; index: number; was: unknown[]; now: unknown[] };

const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
const same = (a: unknown, b: unknown): boolean => a === b || canonical(a) === canonical(b);

/** The changes that make `b` of `a`, in the order of `a`'s fields. Both as JSON has them. */
export function diff(a: unknown, b: unknown, path: Path = []): Change[] {
  if (same(a, b)) return [];
  if (Array.isArray(a) && Array.isArray(b)) return diffLists(a, b, path);
  if (!isObject(a) || !isObject(b)) return [{ do: 'set', path, was: a, now: b }];
  const gone = Object.keys(a).flatMap((key): Change[] =>
    Object.hasOwn(b, key)
      ? diff(a[key], b[key], [...path, key])
      : [{ do: 'remove', path: [...path, key], was: a[key] }],
  );
  const come = Object.keys(b)
    .filter((key) => !Object.hasOwn(a, key))
    .map((key): Change => ({ do: 'add', path: [...path, key], now: b[key] }));
  return [...gone, ...come];
}

/** What both begin and end with is left alone; of the rest, items are compared one by one where there are as many. */
function diffLists(a: unknown[], b: unknown[], path: Path): Change[] {
  let head = 0;
  while (head < a.length && head < b.length && same(a[head], b[head])) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && same(a.at(-1 - tail), b.at(-1 - tail))) tail += 1;
  const was = a.slice(head, a.length - tail);
  const now = b.slice(head, b.length - tail);
  if (was.length === now.length) return was.flatMap((item, n) => diff(item, now[n], [...path, head + n]));
  return [{ do: 'splice', path, index: head, was, now }];
}

/** `a` with the changes made. `a` stays as it is. */
export const apply = (a: unknown, changes: readonly Change[]): unknown =>
  changes.reduce((value, change) => changed(value, change.path, change), a);

function changed(value: unknown, [key, ...rest]: Path, change: Change): unknown {
  if (key === undefined) {
    if (change.do === 'remove') return undefined;
    if (change.do !== 'splice') return change.now;
    return (value as unknown[]).toSpliced(change.index, change.was.length, ...change.now);
  }
  if (Array.isArray(value)) return value.map((item, n) => (n === key ? changed(item, rest, change) : item));
  const fields = Object.entries(value as Record<string, unknown>);
  if (rest.length === 0 && change.do === 'remove') return Object.fromEntries(fields.filter(([name]) => name !== key));
  if (rest.length === 0 && change.do === 'add') return Object.fromEntries([...fields, [key, change.now]]);
  return Object.fromEntries(fields.map(([name, inner]) => [name, name === key ? changed(inner, rest, change) : inner]));
}

/** `steps.deps.state`, `list[2]`, `answers["a/b"]`. */
export const pathText = (path: Path): string =>
  path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    if (!/^[\w-]+$/.test(key)) return `${text}[${JSON.stringify(key)}]`;
    return text === '' ? key : `${text}.${key}`;
  }, '');
