/** Reading and rewriting the commands of a service: pure text work shared by the rules. */
import { word } from '../../../runtime/shell.js';
import type { Action } from '../contract.js';
import { type Case, command } from './rule.js';

export interface Manifest {
  scripts: Record<string, string>;
  main: string | null;
  declared: Record<string, string>;
}
export type Manager = 'npm' | 'pnpm' | 'yarn' | 'bun';

const table = (value: unknown): Record<string, string> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).filter((pair): pair is [string, string] => typeof pair[1] === 'string'))
    : {};

/** The service's package.json; one that is absent or broken says nothing. */
export function manifestOf({ look }: Case): Manifest {
  let raw: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(look.texts['package.json'] ?? '{}');
    if (typeof parsed === 'object' && parsed !== null) raw = parsed as Record<string, unknown>;
  } catch {
    // Whoever made the plan has said that it does not parse.
  }
  return {
    scripts: table(raw.scripts),
    main: typeof raw.main === 'string' ? raw.main : null,
    declared: { ...table(raw.optionalDependencies), ...table(raw.devDependencies), ...table(raw.dependencies) },
  };
}

export function managerOf({ heal }: Case): Manager {
  const name = heal.service.packageManager;
  return name === 'pnpm' || name === 'yarn' || name === 'bun' ? name : 'npm';
}
export const installOf = ({ heal }: Case): string[] => heal.overlay.install ?? heal.service.commands.install;
export const buildOf = ({ heal }: Case): string[] => heal.overlay.build ?? heal.service.commands.build;
export const startOf = ({ heal }: Case): string => heal.overlay.start ?? heal.service.commands.start ?? '';

/** The install commands with each line rewritten; nothing when no line changes. */
export function rewriteInstall(found: Case, rewrite: (line: string) => string): Action[] {
  const before = installOf(found);
  const after = before.map(rewrite);
  return after.some((line, n) => line !== before[n]) ? [command('install', ...after)] : [];
}

const NPM_INSTALL = /\bnpm (?:ci|clean-install|ic|install|i|add)\b(?! +[\w@./-]+)/;
/**
 * `npm ci` and `npm install` as an install that reads the lock file as far as it goes and writes neither it nor
 * package.json; other flags stay.
 */
export const npmInstall = (line: string, flags = ''): string =>
  line.replace(NPM_INSTALL, (_whole, offset: number) => {
    const given = line.slice(offset);
    return ['npm install', /--no-save\b/.test(given) ? '' : '--no-save', flags].filter(Boolean).join(' ');
  });
/** Adds a flag to the npm, pnpm or yarn install in a line, once. */
export const withFlag = (line: string, flag: string): string =>
  line.includes(flag)
    ? line
    : line.replace(/\b(npm (?:ci|install|i)|pnpm (?:install|i)|yarn install|bun install)\b/, `$1 ${flag}`);

const RUN = /^(?:npm|pnpm|yarn|bun)(?: run)? ([\w:.-]+)\s*$/;
/** What a start command comes to: the script behind `npm start`, or the command itself. */
export function startBody(found: Case): string {
  const { scripts } = manifestOf(found);
  let body = startOf(found);
  for (let depth = 0; depth < 3; depth++) {
    const script = RUN.exec(body.trim())?.[1];
    const text = script !== undefined && Object.hasOwn(scripts, script) ? scripts[script]! : undefined;
    if (text === undefined || /^(install|ci|exec|test)$/.test(script!)) break;
    body = Object.hasOwn(scripts, `pre${script}`) ? `${runScript(found, `pre${script}`)} && ${text}` : text;
  }
  return body;
}
/** The text of the script that a command runs; null when it runs none. */
export function scriptIn(found: Case, line: string): string | null {
  const { scripts } = manifestOf(found);
  const script = RUN.exec(line.trim())?.[1];
  return script !== undefined && Object.hasOwn(scripts, script) ? scripts[script]! : null;
}
/** A script's body run by us finds the programs it finds under its package manager. */
export function withBins(found: Case, body: string): string {
  const used = body
    .split(/&&|\|\||;/)
    .some((part) => found.look.bins.includes(/^\s*(?:\w+=\S*\s+)*([\w.-]+)/.exec(part)?.[1] ?? ''));
  return used && !body.startsWith('export PATH=') ? `export PATH="$PWD/node_modules/.bin:$PATH"; ${body}` : body;
}
export const runScript = (found: Case, script: string): string => `${managerOf(found)} run ${script}`;
export const escapeRegExp = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
/** For a shell, quoted only where it must be. */
export const quote = word;

/** A path of the failure's text as a path from the service's folder; null when it leads out of it. */
export function within(found: Case, path: string): string | null {
  const { cwd } = found.heal;
  const inside = path.startsWith(`${cwd}/`) ? path.slice(cwd.length + 1) : path;
  const plain = inside.replace(/^\.\//, '');
  return plain === '' || plain.startsWith('/') || plain.startsWith('~') || plain.split('/').includes('..')
    ? null
    : plain;
}

/** A command of ours before those of the step that failed. */
export function before(found: Case, first: string): Action[] {
  switch (found.heal.step) {
    case 'deps':
      return installOf(found).includes(first) ? [] : [command('install', first, ...installOf(found))];
    case 'build':
      return buildOf(found).includes(first) ? [] : [command('build', first, ...buildOf(found))];
    default: {
      const start = startOf(found);
      return start === '' || start.includes(first) ? [] : [command('start', `${first} && ${start}`)];
    }
  }
}
/** The commands of the step that failed, each line rewritten; nothing when no line changes. */
export function rewriteStep(found: Case, rewrite: (line: string) => string): Action[] {
  const { step } = found.heal;
  if (step === 'deps') return rewriteInstall(found, rewrite);
  if (step === 'build') {
    const lines = buildOf(found).map(rewrite);
    return lines.some((line, n) => line !== buildOf(found)[n]) ? [command('build', ...lines)] : [];
  }
  const start = startOf(found);
  return start !== '' && rewrite(start) !== start ? [command('start', rewrite(start))] : [];
}
