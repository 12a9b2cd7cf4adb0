/**
 * What has changed between two JSON values, found by identity: what is the very same object is not looked into. So an
 * actor's state may be written down as what a turn did to it.
 *
 * Contract: values are never changed in place. Whoever does loses the change until the value is written whole again.
 */

/** What to do to an object: remove `d`, set `s`, change `p`; or `v`: take this value instead. */
export type Patch = { v: unknown } | { d?: string[]; s?: Record<string, unknown>; p?: Record<string, Patch> };

const DEEP = 6;
type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields => {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false;
  const proto: unknown = Object.getPrototypeOf(value);
  return proto === Object.prototype || proto === null;
};
const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

/** @returns null when both are the same JSON as far as identity tells. */
export function patchOf(before: unknown, after: unknown, depth = DEEP): Patch | null {
  if (before === after || (isEmpty(before) && isEmpty(after))) return null;
  if (depth === 0 || !isFields(before) || !isFields(after)) return { v: after };
  let set: Fields | undefined;
  let changed: Record<string, Patch> | undefined;
  let dropped: string[] | undefined;
  for (const key in after) {
    const value = after[key];
    const old = before[key];
    if (value === old) continue;
    if (key === '__proto__') return { v: after };
    if (value === undefined) continue; // JSON has none such
    if (old === undefined) {
      set ??= {};
      set[key] = value;
      continue;
    }
    const patch = patchOf(old, value, depth - 1);
    if (patch === null) continue;
    if ('v' in patch) {
      set ??= {};
      set[key] = value;
    } else {
      changed ??= {};
      changed[key] = patch;
    }
  }
  for (const key in before) {
    if (before[key] === undefined || (Object.hasOwn(after, key) && after[key] !== undefined)) continue;
    dropped ??= [];
    dropped.push(key);
  }
  if (!set && !changed && !dropped) return null;
  return { ...(dropped && { d: dropped }), ...(set && { s: set }), ...(changed && { p: changed }) };
}

/** The value after a change; the one before is left as it was. @throws when the change does not fit it. */
export function patched(before: unknown, patch: Patch): unknown {
  if ('v' in patch) return patch.v;
  if (!isFields(before)) throw new Error('a change of something that is no object');
  const after: Fields = { ...before };
  for (const key of patch.d ?? []) delete after[key];
  Object.assign(after, patch.s);
  for (const [key, inner] of Object.entries(patch.p ?? {})) after[key] = patched(after[key], inner);
  return after;
}
