/**
 * An application that had been up and proven, and is no more: what the run had made for it is gone, or was lost to it. No
 * other rule is asked first, for to these what was there once needs no other cause; and none of them answers a first start.
 */
import type { Action } from '../contract.js';
import { buildOf, installOf, startOf, within } from './commands.js';
import type { Case, Rule } from './rule.js';

const wasUp = ({ heal }: Case): boolean => heal.later !== null;
const again = (step: Extract<Action, { do: 'do-again' }>['step']): Action => ({ do: 'do-again', step });
const MB = 2 ** 20;
const weightOf = ({ heal: { later } }: Case): string =>
  later?.memoryBytes ? `; it had ${Math.round(later.memoryBytes / MB)} MB when it was looked at last` : '';

const OUTPUTS = String.raw`(?:dist|build|out|lib|output|\.output|\.next|\.svelte-kit|public|bin|target|_site)`;
const INSIDE = new RegExp(`(?:^|/)${OUTPUTS}(?:/|$)`);
/** The path of something built that a failure names, from the service's folder. */
const builtIn = (found: Case): string | null => {
  const path = found.match[1] === undefined ? null : within(found, found.match[1]);
  return path !== null && INSIDE.test(path) && !/(^|\/)node_modules\//.test(path) ? path : null;
};
/** The folder that our own file server shows. */
const shownBy = (found: Case): string | null =>
  new RegExp(`\\brr-static\\b[^&|;\\n]*?\\s['"]?(?:\\./)?(${OUTPUTS}[\\w./-]*)`).exec(startOf(found))?.[1] ?? null;
const isThere = ({ look }: Case, path: string): boolean =>
  look.files.some((file) => file === path || file.startsWith(`${path.replace(/\/$/, '')}/`));

const LOCAL = String.raw`(?:127\.[\d.]+|localhost|::1|\[::1\])`;
const LOST = [
  new RegExp(`ECONNREFUSED ${LOCAL}:\\d+`),
  new RegExp(`${LOCAL}["', )(]*(?::|port )\\d+[^\\n]{0,60}[Cc]onnection refused`),
  new RegExp(`[Cc]onnection refused[^\\n]{0,60}${LOCAL}`),
  /Connection terminated unexpectedly|terminating connection due to administrator command/,
  /server closed the connection unexpectedly|The server closed the connection|Lost connection to MySQL/,
  /SocketClosedUnexpectedlyError|Socket closed unexpectedly|Connection closed by server/,
  /Can't reach database server at|Error \d+ connecting to/,
];
const GONE = [
  /Cannot find (?:module|package) ['"]([^'"./\n][^'"\n]*)['"]/,
  /ENOENT[^\n]*?['"]([^'"\n]*\/node_modules\/[^'"\n]*)['"]/,
  /ModuleNotFoundError: No module named '([\w.]+)'/,
  /((?:\.?\/)?\.?venv\/bin\/[\w.-]+): (?:not found|No such file or directory)/,
  /(vendor\/autoload\.php)/,
  /(?:sh|bash|\/bin\/sh)(?:: line \d+|: \d+)?: ([\w.-]+): (?:not found|command not found)/,
];
const UNBUILT = [
  /Cannot find module '((?:\/|\.|[A-Za-z]:)[^'\n]+)'/,
  /Could not find a (production build) in the '\.next'/,
  /ENOENT: no such file or directory, \w+ '([^'\n]+)'/,
  /No such file or directory: '([^'\n]+)'/,
  /(?:sh|bash|\/bin\/sh)(?:: line \d+|: \d+)?: (\.?[\w./-]*\/[\w./-]+): (?:not found|No such file or directory)/,
];

export const later: readonly Rule[] = [
  {
    id: 'build-gone',
    about: 'what a build of this run had made is not there any more',
    steps: ['start', 'prove'],
    signature: [...UNBUILT, /answers (404|410)\b/],
    guard: (found) => {
      if (!wasUp(found) || buildOf(found).length === 0) return false;
      if (found.match[1] === 'production build') return true;
      const path = /^\d+$/.test(found.match[1]!) ? shownBy(found) : builtIn(found);
      return path !== null && !isThere(found, path);
    },
    cause: (found) =>
      `${(/^\d+$/.test(found.match[1]!) ? shownBy(found) : builtIn(found)) ?? 'what was built'} had been built and is gone`,
    does: ['do-again'],
    actions: () => [again('build')],
    key: () => 'build',
    proves: 'it is built again and the application answers',
  },
  {
    id: 'packages-gone',
    about: 'what the install of this run had put there is not there any more',
    steps: ['build', 'start', 'prove'],
    signature: GONE,
    guard: (found) =>
      wasUp(found) && installOf(found).length > 0 && !found.look.installed.includes(packageOf(found.match[1]!)),
    cause: ({ match }) => `${packageOf(match[1]!)} had been installed and is gone`,
    does: ['do-again'],
    actions: () => [again('deps')],
    key: () => 'install',
    proves: 'it is installed again and the application answers',
  },
  {
    id: 'server-lost',
    about: 'a database or another server that this run had brought up does not answer any more',
    steps: ['build', 'start', 'prove'],
    signature: LOST,
    guard: (found) => wasUp(found) && found.heal.running.length > 0,
    cause: ({ heal: { running } }) => `it lost a server of this run (${running.join(', ')})`,
    does: ['do-again'],
    actions: () => [again('services')],
    key: () => 'services',
    proves: 'the server is up again, with its data, and the application answers',
  },
  {
    id: 'ended-from-outside',
    about: 'an application that was up was ended from outside, or for the memory it took',
    steps: ['start'],
    signature: [/stopped at its (memory) limit/, /ended with (?:signal SIGKILL|exit code 137)/],
    guard: wasUp,
    cause: (found) =>
      found.match[1]
        ? `it took more memory than it may have${weightOf(found)}`
        : `it was ended from outside, as a system does that has no memory left${weightOf(found)}`,
    does: ['do-again'],
    actions: () => [again('start')],
    key: () => 'start',
    proves: 'it is up again',
  },
];

/** `/app/node_modules/@a/b/c.js` and `@a/b/c` → `@a/b`. */
function packageOf(path: string): string {
  const inside = path.split('node_modules/').at(-1)!;
  return inside
    .split('/')
    .slice(0, inside.startsWith('@') ? 2 : 1)
    .join('/');
}
