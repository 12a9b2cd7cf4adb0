/** What changed between two versions of an actor, for people: by part, a line for what was and one for what is. */
import type { Response } from '../../actors/front-door/contract.js';
import { cut, type Paints } from './paint.js';

type Change = Response<'checkpoints.diff'>['changes'][number];
const AROUND = 24;

/** `steps.deps.state`, `list[2]`, `answers["a/b"]`. */
const pathText = (path: readonly (string | number)[]): string =>
  path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    if (!/^[\w-]+$/.test(key)) return `${text}[${JSON.stringify(key)}]`;
    return text === '' ? key : `${text}.${key}`;
  }, '');
const text = (value: unknown): string => JSON.stringify(value) ?? 'nothing';

/** Of two long texts, the part where they differ with a little around it. */
function differing(was: string, now: string, room: number): [string, string] {
  if (was.length <= room && now.length <= room) return [was, now];
  let head = 0;
  while (head < was.length && was[head] === now[head]) head += 1;
  let tail = 0;
  while (tail < Math.min(was.length, now.length) - head && was.at(-1 - tail) === now.at(-1 - tail)) tail += 1;
  const from = Math.max(0, head - AROUND);
  const part = (whole: string): string => {
    const to = Math.min(whole.length, whole.length - tail + AROUND);
    return `${from > 0 ? '…' : ''}${whole.slice(from, to)}${to < whole.length ? '…' : ''}`;
  };
  return [cut(part(was), room), cut(part(now), room)];
}

/** @param width columns that may be filled. @returns lines, none wider. */
export function diffLines(changes: readonly Change[], width: number, c: Paints): string[] {
  const lines: string[] = [];
  let part = '';
  for (const change of changes) {
    const [first, ...rest] = change.path;
    if (String(first) !== part) {
      part = String(first);
      lines.push(c.bold(part));
    }
    lines.push(...changeLines(change, rest, width - 4, c));
  }
  return lines;
}
function changeLines(change: Change, path: (string | number)[], room: number, c: Paints): string[] {
  const where = (at: readonly (string | number)[]): string => {
    const shown = pathText(at);
    return shown === '' ? '' : `${cut(shown, Math.floor(room / 2))}: `;
  };
  const minus = (at: readonly (string | number)[], value: string): string =>
    c.red(`  - ${where(at)}${cut(value, room - where(at).length)}`);
  const plus = (at: readonly (string | number)[], value: string): string =>
    c.green(`  + ${where(at)}${cut(value, room - where(at).length)}`);
  switch (change.do) {
    case 'set': {
      const [was, now] = differing(text(change.was), text(change.now), room - where(path).length);
      return [minus(path, was), plus(path, now)];
    }
    case 'add':
      return [plus(path, text(change.now))];
    case 'remove':
      return [minus(path, text(change.was))];
    case 'splice':
      return [
        ...change.was.map((item, n) => minus([...path, change.index + n], text(item))),
        ...change.now.map((item, n) => plus([...path, change.index + n], text(item))),
      ];
  }
}
