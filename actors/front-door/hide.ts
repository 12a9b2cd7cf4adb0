/** What is secret in a message, as a client is shown it: by the name it stands under, and passwords in addresses. */
import { isSecret } from '../../agents/detection/hints/secrets.js';
import { fail } from '../../runtime/errors.js';

export const HIDDEN = '***';
const header = /^(?:proxy-)?authorization$|^(?:set-)?cookie$/i;
/** Variables of an application: which of them are secret only their owner knows. */
const variables = /^env$/i;

const isHidden = (name: string, within: boolean): boolean => within || header.test(name) || isSecret(name, null);
const withoutPasswords = (text: string): string => text.replace(/:\/\/[^\s/:@]*:[^\s/@]+@/g, `://${HIDDEN}@`);

/** The same value with `***` for what is secret in it. */
export function hide<T>(value: T): T {
  return hidden(value, '', false) as T;
}
function hidden(value: unknown, name: string, within: boolean): unknown {
  if (value === null || value === undefined) return value;
  if (Array.isArray(value)) return value.map((part) => hidden(part, name, within));
  if (typeof value === 'object')
    return Object.fromEntries(
      Object.entries(value).map(([key, part]) => [
        key,
        hidden(part, key, within || isHidden(name, false) || variables.test(name)),
      ]),
    );
  if (isHidden(name, within)) return HIDDEN;
  return typeof value === 'string' ? withoutPasswords(value) : value;
}

/**
 * An edited value with what was shown hidden, and was left so, as it was.
 * @throws USAGE where `***` stands for nothing that is known.
 */
export function unhide<T>(edited: T, original: unknown): T {
  return shown(edited, original, hide(original), '') as T;
}
function shown(edited: unknown, original: unknown, masked: unknown, path: string): unknown {
  if (edited !== null && typeof edited === 'object') {
    const [was, mask] = [original, masked].map((side) => (side !== null && typeof side === 'object' ? side : {})) as [
      Record<string, unknown>,
      Record<string, unknown>,
    ];
    const parts = Object.entries(edited).map(
      ([key, part]) => [key, shown(part, was[key], mask[key], path === '' ? key : `${path}.${key}`)] as const,
    );
    return Array.isArray(edited) ? parts.map(([, part]) => part) : Object.fromEntries(parts);
  }
  if (edited === masked && masked !== original) return original;
  if (typeof edited === 'string' && edited.includes(HIDDEN) && edited !== original)
    throw fail('USAGE', {
      met: `${path} is ${edited}, and nothing is known that this stands for`,
      fix: 'write the value itself',
    });
  return edited;
}
