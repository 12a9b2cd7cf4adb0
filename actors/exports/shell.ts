/** What every export that runs a shell needs: quoting, secrets that are made on the spot, files that a repair laid. Pure. */

import { GENERATE } from '../../agents/fixer/contract.js';
import { quote } from '../../runtime/shell.js';
import type { Proven } from './facts.js';

/** Random bytes as text, wherever there is a shell. */
export const SECRET = "$(od -An -N32 -tx1 /dev/urandom | tr -d ' \\n')";

/** Commands that lay a file, in one line each, from the service's folder. */
export const layFiles = ({ files, path }: Pick<Proven, 'files' | 'path'>): string[] =>
  files.map((file) => {
    const to = path === '.' ? file.path : file.path.slice(path.length + 1);
    const folder = to.includes('/') ? `mkdir -p ${quote(to.slice(0, to.lastIndexOf('/')))} && ` : '';
    const words = file.text
      .split(new RegExp(`(?<==)${GENERATE.replace('$', '\\$')}(?=\\r?(?:\\n|$))`))
      .map((part) => quote(part.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r')))
      .join(`"${SECRET}"`);
    return `${folder}printf '%b' ${words} > ${quote(to)}`;
  });

/** The folder that our own static server was given, where that is how it was served. */
export function staticFolder(start: string): { folder: string; isSpa: boolean } | null {
  const [, folder, rest = ''] = /^rr-static\s+(\S+)(.*)$/.exec(start.trim()) ?? [];
  return folder === undefined
    ? null
    : { folder: folder.replace(/^(['"])(.*)\1$/, '$2'), isSpa: rest.includes('--spa') };
}
/** The same command for everybody who can reach the machine: what binds the loopback address is nobody's inside a container. */
export const forAll = (command: string): string =>
  command
    .replace(/(?<![\w.])127\.0\.0\.1(?![\w.])/g, '0.0.0.0')
    .replace(/(--(?:host|hostname|bind|address|addr|listen)[= ])localhost\b/g, '$10.0.0.0');
/** One command that the shell may become, so that signals reach it. */
export const asMain = (command: string): string =>
  /[;&|\n]/.test(command) || /^\w+=/.test(command) ? command : `exec ${command}`;
export const answersIn = ({ proof, port }: Pick<Proven, 'proof' | 'port'>): boolean =>
  proof.how === 'http' && port !== null;
/** What a comment may hold. */
export const comment = (text: string): string => text.replaceAll(/[^\x20-\x7e]+/g, ' ');
/** `20.20.2` → `20`; with two, `20.20`. */
export const part = (version: string, parts: number): string =>
  version
    .replace(/^[^\d]*/, '')
    .split(/[^\d.]/)[0]!
    .split('.')
    .slice(0, parts)
    .join('.');
