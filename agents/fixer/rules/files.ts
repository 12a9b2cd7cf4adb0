/** Files of the repository that cannot be run or written as they are: line ends, rights, folders that are not there. */
import type { Action } from '../contract.js';
import { before, escapeRegExp, quote, rewriteStep, scriptIn as scriptOf, withBins, within } from './commands.js';
import { type Case, type Rule, runCommand, useCopy } from './rule.js';

/** The script that the text names, or the one a command of the service calls. */
function scriptIn(found: Case): string | null {
  const said = found.match.slice(1).find((one) => one !== undefined) ?? null;
  const { install, build, start } = found.heal.service.commands;
  const called =
    /(?:^|\s|\.\/)([\w./-]+\.(?:sh|bash|py|rb|pl)|\.\/[\w./-]+|[\w/-]+\/(?:mvnw|gradlew|manage\.py))(?=\s|$|;|&)/;
  const path =
    said ??
    called.exec([found.heal.evidence?.command ?? '', start ?? '', ...build, ...install].join('\n'))?.[1] ??
    null;
  return path === null ? null : within(found, path.replace(/^\.\//, ''));
}
const onCopy = (found: Case, first: string): Action[] => {
  const actions = before(found, first);
  return actions.length === 0 ? [] : [...actions, useCopy];
};
const folderIn = (found: Case): string | null => {
  const path = within(found, found.match[1] ?? '');
  if (path === null || /(^|\/)(node_modules|\.git|dist|build|\.next)(\/|$)/.test(path)) return null;
  const isFile = /\.\w{1,5}$/.test(path);
  const folder = isFile ? path.split('/').slice(0, -1).join('/') : path;
  return folder === '' || found.look.files.some((file) => file.startsWith(`${folder}/`)) ? null : folder;
};

/** What a plain shell says of the words of bash. */
const BASH = [
  /([\w./-]+): (?:line )?\d+: (?:source|\[\[|pushd|popd|declare|shopt|typeset|mapfile): not found/,
  /([\w./-]+): (?:line )?\d+: (?:Bad substitution|set: Illegal option -o pipefail|Syntax error: (?:"\("|redirection) unexpected)/,
];
const isShell = (name: string): boolean => /^(?:\/bin\/)?(?:sh|dash)$/.test(name);
const plainPath = (path: string): string => path.replace(/^\.\//, '');
/** The same run by bash: the whole line, or the script that it calls. */
function withBash(found: Case, line: string): string {
  const body = scriptOf(found, line) ?? line;
  const name = found.match[1]!;
  if (isShell(name)) return `bash -c ${quote(withBins(found, body))}`;
  const path = escapeRegExp(plainPath(name));
  const next = body.replace(
    new RegExp(`(^|[\\s;&|(])(?:(?:ba|da)?sh\\s+)?((?:\\./)?${path})(?=$|[\\s;&|)])`),
    '$1bash $2',
  );
  return next === body ? line : withBins(found, next);
}

const WINDOWS_SET = /(?<![\w-])SET (\w+)=("[^"]*"|[^\s&"]*)\s*&&\s*/gi;
/** The commands of the step that failed, what scripts set in the words of Windows set in those of this system. */
function setHere(found: Case): Action[] {
  const rewrite = (line: string): string => {
    const body = scriptOf(found, line) ?? line;
    const next = body.replace(WINDOWS_SET, 'export $1=$2 && ');
    return next === body ? line : withBins(found, next);
  };
  return rewriteStep(found, rewrite);
}

export const files: readonly Rule[] = [
  {
    id: 'windows-set',
    about: 'a script sets its variables in the words of Windows',
    steps: ['build', 'start'],
    signature: [/(?:sh|bash|\/bin\/sh)(?:: line \d+|: \d+)?: SET: (?:not found|command not found)/],
    cause: () => 'a script says SET NAME=VALUE, as on Windows',
    does: ['set-command'],
    actions: setHere,
    key: () => 'SET',
    proves: 'the command passes',
  },
  {
    id: 'crlf-script',
    about: 'a script has the line ends of Windows, which a shell takes for part of its words',
    steps: ['deps', 'build', 'start'],
    signature: [
      /([\w./-]+): (?:line \d+|\d+): [^\n]*\\r(?:'|\b)/,
      /env: ['‘]?\w+\\r['’]?: No such file/,
      /bad interpreter: [^\n]*\^M/,
      /([\w./-]+): cannot execute: required file not found/,
      /sh: (?:line )?\d+: ([\w./-]+\.(?:sh|py|rb)): not found/,
      /spawn ([\w./-]+\.(?:sh|py)) ENOENT/,
      /\$'\\r': command not found/,
      /([\w./-]+\.sh): (?:line )?\d+: set: Illegal option -\s*$/m,
    ],
    guard: (found) => scriptIn(found) !== null && found.look.files.includes(scriptIn(found)!),
    cause: (found) => `${scriptIn(found)} has the line ends of Windows`,
    does: ['set-command', 'use-copy'],
    actions: (found) => onCopy(found, `sed -i 's/\\r$//' ${quote(scriptIn(found)!)}`),
    key: (found) => scriptIn(found)!,
    proves: 'the script runs',
  },
  {
    id: 'bash-script',
    about: 'a script in the words of bash is run by a plain shell',
    steps: ['deps', 'build', 'start'],
    signature: BASH,
    guard: (found) => isShell(found.match[1]!) || found.look.files.includes(plainPath(found.match[1]!)),
    cause: ({ match }) =>
      `${isShell(match[1]!) ? 'a command' : plainPath(match[1]!)} is written for bash and run by a plain shell`,
    does: ['set-command'],
    actions: (found) => rewriteStep(found, (line) => withBash(found, line)),
    key: ({ match }) => plainPath(match[1]!),
    proves: 'the command passes',
  },
  {
    id: 'not-executable',
    about: 'a script of the repository is not marked as one that may be run',
    steps: ['deps', 'build', 'start'],
    signature: [
      /(?:sh|bash|\/bin\/sh)(?:: line \d+|: \d+)?: (\.?[\w./-]+): Permission denied/,
      /spawn (\.?[\w./-]+) EACCES/,
      /PermissionError: \[Errno 13\] Permission denied: '(\.?\/?[\w./-]+)'/,
      /exec: "?(\.?[\w./-]+)"?: permission denied/,
    ],
    guard: (found) => scriptIn(found) !== null && found.look.files.includes(scriptIn(found)!),
    cause: (found) => `${scriptIn(found)} may not be run: it lacks the right`,
    does: ['set-command', 'use-copy'],
    actions: (found) => onCopy(found, `chmod +x ${quote(scriptIn(found)!)}`),
    key: (found) => scriptIn(found)!,
    proves: 'the script runs',
  },
  {
    id: 'missing-folder',
    about: 'the application writes into a folder that nobody made',
    steps: ['build', 'start', 'prove'],
    signature: [
      // The line of the code before what SQLite says, which names no file.
      /connect\(["'](?:file:)?([\w./-]+\/[\w-]+\.\w{1,7})["'][^\n]*\n(?:[^\n]*\n){0,3}?[^\n]*unable to open database file/,
      /ENOENT: no such file or directory, (?:scandir|open|mkdir|opendir|watch|copyfile|access|stat) '([^'\n]+)'/,
      /(?:FileNotFoundError|NotADirectoryError): \[Errno 2?0?\d?\] No such file or directory: '([^'\n]+)'/,
      /open ([\w./-]+\/[\w.-]*): no such file or directory/,
    ],
    guard: (found) =>
      folderIn(found) !== null &&
      /(^|\/)(uploads?|tmp|temp|logs?|data|storage|public|media|cache|files|backups?|sessions?|db|database|instance|run|var|static|output|assets)(\/|$)/i.test(
        folderIn(found)!,
      ),
    after: ['missing-build', 'settings-file', 'dotenv-file'],
    cause: (found) => `${folderIn(found)} is not there, and the application wants to use it`,
    does: ['run-command', 'use-copy'],
    actions: (found) => [runCommand(`mkdir -p ${quote(folderIn(found)!)}`), useCopy],
    key: (found) => folderIn(found)!,
    proves: 'the application starts',
  },
  {
    id: 'stale-pid',
    about: 'a file of an earlier server says that one is running',
    steps: ['start', 'prove'],
    signature: [
      /A server is already running[^\n]*?([\w./-]*tmp\/pids\/server\.pid)/,
      /(?:pid ?file|lock ?file)[^\n]{0,40} ([\w./-]+\.pid)[^\n]{0,20}(?:exists|already)/i,
    ],
    guard: (found) => scriptIn(found) !== null,
    cause: (found) => `${scriptIn(found)} is left over from an earlier server`,
    does: ['run-command', 'use-copy'],
    actions: (found) => [runCommand(`rm -f ${quote(scriptIn(found)!)}`), useCopy],
    key: (found) => scriptIn(found)!,
    proves: 'the application starts',
  },
];
