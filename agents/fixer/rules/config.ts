/** The application's environment: variables nobody set, an environment file or a settings file that is not there. */
import { posix } from 'node:path';
import type { Action } from '../contract.js';
import { above } from '../look.js';
import { within } from './commands.js';
import { exampleOf, filledExample, serviceNamed, valueFor } from './env-values.js';
import { type Case, env, type Rule } from './rule.js';
import { needed } from './verdicts.js';

const N = '[A-Z][A-Z0-9_]{2,}';
/** Ways in which programs say that a variable is missing; each finds one name, or a list of them. */
const TEXTS: readonly RegExp[] = [
  new RegExp(
    `[Ee]nvironment variables?(?: not found| missing| required)?:? ["'\`]?(${N}(?:, ?${N})*)["'\`]?(?=\\W|$)`,
    'g',
  ),
  new RegExp(
    `(?:[Mm]issing|MISSING|[Uu]ndefined|[Uu]nset)(?: the)?(?: required| mandatory)?(?: env(?:ironment)?| config(?:uration)?)?(?: var(?:iable)?s?| keys?)?(?:\\(s\\))?:? ["'\`]?(${N}(?:, ?${N})*)`,
    'g',
  ),
  new RegExp(
    `(?<!ReferenceError: )["'\`]?\\b(${N})\\b["'\`]?(?: env(?:ironment)?)?(?: var(?:iable)?)? (?:is|was) (?:a )?(?:required|missing|mandatory|needed|unset|undefined|empty|not (?:set|defined|provided|configured|specified|present|found))`,
    'g',
  ),
  new RegExp(
    `["'\`]?\\b(${N})\\b["'\`]?(?: env(?:ironment)?)?(?: var(?:iable)?)? (?:must|has to|needs to|should) be (?:set|defined|provided|specified|configured|present|given)`,
    'g',
  ),
  new RegExp(
    `(?:[Ss]et|[Dd]efine|[Pp]rovide|[Ss]pecify|[Ee]xport|[Cc]onfigure)(?: the| a| your)? ["'\`]?(${N})["'\`]?(?= (?:env|in |as an?|to ))`,
    'g',
  ),
  new RegExp(`\\b(${N}): (?:unbound variable|parameter (?:null or )?not set)`, 'g'),
  new RegExp(`KeyError: ['"](${N})['"]`, 'g'),
  new RegExp(`key not found: "(${N})"`, 'g'),
  new RegExp(
    `"path": \\[\\s*"(${N})"\\s*\\],\\s*"message": "[^"\\n]*(?:Required|received undefined|received NaN)`,
    'g',
  ),
  new RegExp(`^\\s*(${N}): \\[\\s*['"\`][^\\n]*(?:Required|required|received undefined|received NaN)`, 'gm'),
  new RegExp(`not present in the environment:\\s+(${N}(?:, ?${N})*)`, 'g'),
  new RegExp(`\\b(${N}) not (?:set|found)(?=\\. Declare it| in (?:the )?env|$|\\.\\s)`, 'gm'),
];
const ENVALID = /Missing environment variables:\s*\n((?:\s+[A-Z][A-Z0-9_]*: [^\n]*\n?)+)/;
const PYDANTIC = /validation errors? for \w*(?:Settings|Config|Env)\w*\n((?:.*\n?)*)/;
const WORDS =
  /^(ERROR|WARN|WARNING|INFO|NODE|JSON|HTTP|HTTPS|GET|POST|PUT|NULL|URL|API|ENOENT|EACCES|FATAL|DEBUG|NOT|ENV|MISSING|REQUIRED|THE|FILE|SQL|HTML|CSS|ID|P\d+|[A-Z]+_ERROR|ERR_\w+|COREPACK_\w+)$/;

/** A program that says so and goes on. */
const SOFT =
  /\b(?:warn(?:ing)?|default(?:ing|s) to|(?:using|with) (?:the |a )?default|optional|fall(?:ing|s)? ?back|ignor\w+|disabled|skipp\w+|deprecated)\b(?!.*\bthrow\b)/i;

/** Names of variables that the text says are missing, in its order. */
export function missingNames(found: Pick<Case, 'text' | 'heal' | 'look'>): string[] {
  const { text, heal } = found;
  const names: { name: string; at: number }[] = [];
  for (const pattern of TEXTS)
    for (const hit of text.matchAll(pattern)) {
      const line = text.slice(
        text.lastIndexOf('\n', hit.index) + 1,
        text.indexOf('\n', hit.index + hit[0].length) + 1 || undefined,
      );
      if (SOFT.test(line)) continue;
      for (const name of hit[1]!.split(/, ?/)) names.push({ name, at: hit.index });
    }
  const envalid = ENVALID.exec(text);
  for (const hit of (envalid?.[1] ?? '').matchAll(/^\s+([A-Z][A-Z0-9_]*):/gm))
    names.push({ name: hit[1]!, at: envalid!.index });
  const settings = PYDANTIC.exec(text);
  for (const hit of (settings?.[1] ?? '').matchAll(/^(\w+)\n\s+(?:Field required|field required)/gm))
    names.push({ name: hit[1]!.toUpperCase(), at: settings!.index });
  const example = exampleOf(found as Case)?.text ?? '';
  const sure = (name: string): boolean =>
    name.includes('_') ||
    heal.service.env.some((one) => one.name === name) ||
    new RegExp(`^\\s*${name}\\s*=`, 'm').test(example) ||
    /env/i.test(text);
  return [...new Set(names.sort((a, b) => a.at - b.at).map(({ name }) => name))]
    .filter((name) => !WORDS.test(name) && sure(name))
    .slice(0, 40);
}
/** Those that are not set yet, by us. */
const open = (found: Case): string[] => missingNames(found).filter((name) => !(name in found.heal.overlay.env));

const DOTENV = [
  /ENOENT[^\n]*?(?:open|stat|access|scandir) '([^'\n]*\.env(?:\.\w+)*)'/,
  /node: ([^\s:]*\.env[\w.]*): not found/,
  /No such file or directory: '([^'\n]*\.env(?:\.\w+)*)'/,
  /(?:cat|sh|bash|source|\.)[^\n]{0,40}?:? ([\w./-]*\.env[\w.]*): No such file/,
  /([\w./-]*\.env(?:\.\w+)*)["'`]?(?: file)?(?: (?:is|was|does))?(?: (?:not found|missing|not exist|could not be found|required))/,
  /(?:[Cc]ould not|[Cc]annot|[Uu]nable to|[Ff]ailed to) (?:find|load|read|open)[^\n]{0,30}?["'`]?([\w./-]*\.env(?:\.\w+)*)/,
  /(?:[Mm]issing|[Cc]reate)(?: an?| the| your)? ["'`]?([\w./-]*\.env(?:\.\w+)*)\b/,
];
/** Of a part of a repository, a file further up in it: its path from the part. */
function besideParts({ heal }: Case, path: string): string | null {
  const up = above(heal.service.path).find((one) => posix.join(heal.cwd, one, posix.basename(path)) === path);
  return up === undefined ? null : `${up}${posix.basename(path)}`;
}
const dotenv = (found: Case): string | null => {
  const said = (found.match[1] ?? '').replace(/^\.\//, '');
  const path = within(found, said) ?? besideParts(found, said);
  return path !== null && /(^|\/)\.env[\w.]*$/.test(path) && !/\.(example|sample|template|dist)$/.test(path)
    ? path
    : null;
};

const NO_FILE = [
  /ENOENT[^\n]*?(?:open|stat|access) '([^'\n]+)'/,
  /No such file or directory: '([^'\n]+)'/,
  /Cannot find module '([^'\n]+\.json)'/,
];
/** The example that stands beside a settings file which is not there. */
function sample(found: Case): { path: string; text: string } | null {
  const path = within(found, found.match[1] ?? '');
  if (path === null || /(^|\/)(node_modules|\.git)\//.test(path)) return null;
  const [, stem, end] = /^(.*?)(\.\w+)?$/.exec(path)!;
  const names = ['example', 'sample', 'template', 'dist', 'default'].flatMap((word) => [
    `${path}.${word}`,
    `${stem}.${word}${end ?? ''}`,
    `${stem}-${word}${end ?? ''}`,
    `${stem}_${word}${end ?? ''}`,
  ]);
  const name = names.find((one) => found.look.texts[one] !== undefined);
  return name === undefined ? null : { path, text: found.look.texts[name]! };
}

const setAll = (found: Case): Action[] =>
  open(found).flatMap((name) => {
    const value = valueFor(found, name);
    return value === null ? [] : [env(name, value)];
  });
const list = (names: string[]): string => names.join(', ');

export const config: readonly Rule[] = [
  {
    id: 'missing-env',
    about: 'a variable is not set that the repository or we can fill',
    steps: ['deps', 'build', 'start', 'prove'],
    signature: [/[A-Z][A-Z0-9_]{2,}/, /\n\s+[Ff]ield required/],
    guard: (found) => open(found).length > 0 && open(found).every((name) => valueFor(found, name) !== null),
    cause: (found) => `${list(open(found))} ${open(found).length > 1 ? 'are' : 'is'} not set`,
    does: ['set-env'],
    actions: setAll,
    key: (found) => list(open(found)),
    proves: 'the application starts with these variables',
  },
  {
    id: 'env-of-others',
    about: 'a variable is not set whose value only a person has',
    steps: ['deps', 'build', 'start', 'prove'],
    signature: [/[A-Z][A-Z0-9_]{2,}/, /\n\s+[Ff]ield required/],
    guard: (found) => open(found).some((name) => valueFor(found, name) === null),
    cause: (found) => `${list(open(found).filter((name) => valueFor(found, name) === null))} must come from a person`,
    error: (found) => {
      const names = open(found).filter((name) => valueFor(found, name) === null);
      const service = names.map((name) => serviceNamed(found, name)).find((one) => one !== null) ?? null;
      return needed(
        found,
        service === null ? `a value for ${list(names)}` : `${service} (its variable ${names[0]})`,
        names,
        service,
      );
    },
  },
  {
    id: 'dotenv-file',
    about: 'the program reads a file of variables that is not there',
    after: ['missing-env'],
    steps: ['deps', 'build', 'start', 'prove'],
    signature: DOTENV,
    guard: (found) => dotenv(found) !== null && !found.look.files.includes(dotenv(found)!),
    cause: (found) => `the program reads ${dotenv(found)}, which is not there`,
    does: ['write-overlay-file'],
    actions: (found) => [{ do: 'write-overlay-file', path: dotenv(found)!, text: filledExample(found) }],
    key: (found) => dotenv(found)!,
    proves: 'the application starts with that file',
  },
  {
    id: 'settings-file',
    about: 'the program reads a settings file that is not there, and the repository has an example of it',
    steps: ['deps', 'build', 'start', 'prove'],
    signature: NO_FILE,
    guard: (found) => sample(found) !== null,
    cause: (found) => `${sample(found)!.path} is not there; the repository has an example of it`,
    does: ['write-overlay-file'],
    actions: (found) => [{ do: 'write-overlay-file', ...sample(found)! }],
    key: (found) => sample(found)!.path,
    proves: 'the application starts with that file',
  },
];
